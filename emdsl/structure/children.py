"""Continuous variables that are inferred given the discrete ones which they meet: children of these.

    b[g] under c[g];   y[i] reads b[student_i] and c[school[student_i]]  →  b[g] under c[school[g]]
    x[s, t] under c[s], which meets x[s, t-1]                            →  for each s one joint law under c[s]
    x[t] under z[t] and z[t-1]                                           →  one law for each pair of states

A child depends on the states at places that its own row fixes. Rows of a child are independent given these, or real
rows that meet are one joint law for each row of the parents. Facts only: no formulas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from emdsl.algebra.indices import Fixed, Gather, Index, IndexSource, Reference, Shift, substitute
from emdsl.algebra.symbols import Symbol, is_parent_table
from emdsl.algebra.terms import Atom

#: A variable at references to its plates.
Place = tuple[str, tuple[Reference, ...]]


@dataclass(frozen=True)
class Member:
    """A variable of a joint law: names for its own `rows`, and by these the row of the law that they belong to."""

    variable: str
    rows: tuple[Index, ...]
    law: tuple[Reference, ...]

    def at(self, row: Sequence[Reference]) -> tuple[Reference, ...]:
        """The row of the law to which a row of the variable belongs."""
        images = dict(zip(self.rows, row, strict=True))
        return tuple(_of_series(substitute(reference, images)) for reference in self.law)


@dataclass(frozen=True)
class Children:
    """Continuous variables with one law for each of its `rows`, given the states of their parents.

    `kind`: gaussian or conjugate, where the rows are those of the variables; joint, where several rows of the `members`
    have one normal law. `places`: where the parents stand, by the rows of the law.
    """

    kind: str
    variables: tuple[str, ...]
    rows: tuple[Index, ...]
    places: tuple[Place, ...]
    members: tuple[Member, ...] = ()

    @property
    def parents(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for name, _ in self.places))


def kind_of(symbol: Symbol) -> str:
    """The kind of block that a latent belongs to."""
    return "finite" if symbol.categories is not None else "gaussian" if symbol.kind == "real" else "conjugate"


def plate_references(item: Atom, symbols: Mapping[str, Symbol]) -> tuple[Reference, ...]:
    """The references of an atom to the plates of its variable."""
    return item.references[: len(symbols[item.variable].plates)]


def children_of(
    variables: Sequence[str], own: Sequence[Sequence[Atom]], symbols: Mapping[str, Symbol], source: IndexSource
) -> Children | None:
    """Continuous variables as children of what they meet; `own`: the latents' atoms of every term.

    None where no discrete variable meets them, or one at a place that their row does not fix, and for matrices of real
    numbers.
    """
    real = kind_of(symbols[variables[0]]) == "gaussian"
    if real and any(len(symbols[name].event) > 1 for name in variables):
        return None
    if not any(symbols[gate.variable].categories is not None for gate in _beside(variables, own)):
        return None
    found = _row_by_row(variables, own, symbols, source)
    return _joint(variables, own, symbols, source) if found is None and real else found


def _beside(variables: Sequence[str], own: Sequence[Sequence[Atom]]) -> list[Atom]:
    """Atoms of the terms that hold the variables."""
    return [item for atoms in own if any(one.variable in variables for one in atoms) for item in atoms]


def _row_by_row(
    variables: Sequence[str], own: Sequence[Sequence[Atom]], symbols: Mapping[str, Symbol], source: IndexSource
) -> Children | None:
    """A law for each row of the variables; None where two rows meet, or variables have rows of different plates."""
    kind = kind_of(symbols[variables[0]])
    if len({tuple(size for size, _ in symbols[name].plates) for name in variables}) > 1:
        return None
    rows = tuple(source.fresh(size, letter) for size, letter in symbols[variables[0]].plates)
    places: dict[Place, None] = {}
    for atoms in own:
        mine = [item for item in atoms if item.variable in variables]
        if not mine:
            continue
        found = {plate_references(item, symbols) for item in mine}
        if len(found) > 1 or (kind == "conjugate" and len(mine) > 1):
            return None
        (row,) = found
        for gate in atoms:
            if symbols[gate.variable].categories is not None:
                place = by_row(plate_references(gate, symbols), row, rows)
                if place is None:
                    return None
                places[gate.variable, place] = None
    if not differ_in_lags(places):
        return None
    return Children(kind, tuple(variables), rows, tuple(places))


def differ_in_lags(places: Iterable[Place]) -> bool:
    """Whether the places of each variable are the same but for lags."""
    bases = {(name, tuple(_base(one) for one in references)) for name, references in places}
    return len(bases) == len({name for name, _ in bases})


def _base(reference: Reference) -> Reference:
    """A reference without its lag."""
    return reference.index if isinstance(reference, Shift) else reference


def _joint(
    variables: Sequence[str], own: Sequence[Sequence[Atom]], symbols: Mapping[str, Symbol], source: IndexSource
) -> Children | None:
    """A joint law for each row of the parents; None where rows meet that belong to different ones.

    None too where entries that terms name meet, as x[0, t] and x[1, t] do: their rows are none of the law's.
    """
    parents = dict.fromkeys(i.variable for i in _beside(variables, own) if symbols[i.variable].categories is not None)
    plates = {symbols[name].plates for name in parents}
    rows = {name: tuple(source.fresh(*axis) for axis in symbols[name].plates) for name in variables}
    terms = [
        [(item.variable, plate_references(item, symbols)) for item in atoms if item.variable in (*parents, *variables)]
        for atoms in own
        if any(item.variable in variables for item in atoms)
    ]
    if any(_names_entries(name, terms) for name in variables):
        return None
    members: dict[str, Member] = {}

    def laws(places: Sequence[Place]) -> list[tuple[Reference, ...]]:
        """The rows of the law that are known to meet in a term."""
        known = [row for name, row in places if name in parents]
        return known + [members[name].at(row) for name, row in places if name in members]

    before = -1
    while before < len(members):
        before = len(members)
        for places in terms:
            for name, row in places:
                known = laws(places)
                law = by_row(known[0], row, rows[name]) if known and name in rows else None
                if law is not None and not any(isinstance(one, Shift) for one in law):
                    members.setdefault(name, Member(name, rows[name], law))
    apart = any(len(set(laws(places))) != 1 for places in terms)
    if len(plates) > 1 or len(members) < len(variables) or apart:
        return None
    (axes,) = plates
    law_rows = tuple(source.fresh(*axis) for axis in axes)
    found = tuple((name, law_rows) for name in parents)
    return Children("joint", tuple(variables), law_rows, found, tuple(members[name] for name in variables))


def _names_entries(name: str, terms: Sequence[Sequence[Place]]) -> bool:
    """Whether terms read a variable at numbers along a plate that is not its time."""
    rows = [row for places in terms for own, row in places if own == name]
    times = {place for row in rows for place, one in enumerate(row) if isinstance(one, Shift)}
    return any(isinstance(one, Fixed) and place not in times for row in rows for place, one in enumerate(row))


def _of_series(reference: Reference) -> Reference:
    """The group of a row of a ragged plate, which is that of the row before: rows without one have no part in it."""
    if not isinstance(reference, Gather):
        return reference
    inner = tuple(_of_series(one) for one in reference.references)
    if is_parent_table(reference.table):
        inner = tuple(_base(one) for one in inner)
    return Gather(reference.table, inner)


def by_row(
    references: Sequence[Reference], row: Sequence[Reference], names: Sequence[Index]
) -> tuple[Reference, ...] | None:
    """References with `names` in place of what leads to a row; None where the row does not fix them.

    Of c[school[student_i]] at the row b[student_i], `student_i` is the row's name g: c[school[g]]. Of z[t-1] at the row
    x[t], and of z[t-2] at x[t-1], it is the row before.
    """
    running = [one for one in row if not isinstance(one, Fixed)]
    if len(set(running)) < len(running):
        return None
    images = {one: name for one, name in zip(row, names, strict=True) if one in running}
    series = {one.index: name for one, name in images.items() if isinstance(one, Shift)}

    def named(reference: Reference) -> Reference | None:
        if reference in images:
            return images[reference]
        if not isinstance(reference, Gather):
            return None
        own = _of_series(reference)
        assert isinstance(own, Gather)
        if is_parent_table(own.table) and own.references[0] in series:
            return Gather(own.table, (series[own.references[0]],))
        inner = [named(one) for one in own.references]
        known = [one for one in inner if one is not None]
        return Gather(own.table, tuple(known)) if len(known) == len(inner) else None

    def earlier(reference: Reference) -> Reference | None:
        for one, name in images.items():
            lag = one.lag if isinstance(one, Shift) else 0
            if isinstance(reference, Shift) and reference.index == _base(one) and reference.lag > lag:
                return Shift(name, reference.lag - lag)
        return None

    found = [named(reference) or earlier(reference) for reference in references]
    known = [one for one in found if one is not None]
    return tuple(known) if len(known) == len(found) else None
