"""Continuous variables that are inferred given the discrete ones which they meet: children of these.

    b[g] under c[g];   y[i] reads b[student_i] and c[school[student_i]]  →  b[g] under c[school[g]]

A child depends on the states at places that its own row fixes, and rows of a child are independent given these. Facts
only: no formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emdsl.algebra.indices import Gather, Index, IndexSource, Reference
from emdsl.algebra.symbols import Symbol
from emdsl.algebra.terms import Atom

#: A variable at references to its plates.
Place = tuple[str, tuple[Reference, ...]]


@dataclass(frozen=True)
class Children:
    """Continuous variables of one row, with one law given the states of their parents.

    `places`: where the parents stand, by the `rows` of the children.
    """

    kind: str
    variables: tuple[str, ...]
    rows: tuple[Index, ...]
    places: tuple[Place, ...]

    @property
    def parents(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.places)


def kind_of(symbol: Symbol) -> str:
    """The kind of block that a latent belongs to."""
    return "finite" if symbol.categories is not None else "gaussian" if symbol.kind == "real" else "conjugate"


def plate_references(item: Atom, symbols: Mapping[str, Symbol]) -> tuple[Reference, ...]:
    """The references of an atom to the plates of its variable."""
    return item.references[: len(symbols[item.variable].plates)]


def children_of(
    variables: Sequence[str], own: Sequence[Sequence[Atom]], symbols: Mapping[str, Symbol], source: IndexSource
) -> Children | None:
    """Continuous variables of one row as children of what they meet; `own`: the latents' atoms of every term.

    None where no discrete variable meets them, or one at a place that their row does not fix, where two rows meet, and
    for matrices of real numbers.
    """
    kind = kind_of(symbols[variables[0]])
    if kind == "gaussian" and any(len(symbols[name].event) > 1 for name in variables):
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
    if not places or len({name for name, _ in places}) < len(places):
        return None
    return Children(kind, tuple(variables), rows, tuple(places))


def by_row(
    references: Sequence[Reference], row: Sequence[Reference], names: Sequence[Index]
) -> tuple[Reference, ...] | None:
    """References with `names` in place of what leads to a row; None where the row does not fix them.

    Of c[school[student_i]] at the row b[student_i], `student_i` is the row's name g: c[school[g]].
    """
    if any(not isinstance(reference, Index | Gather) for reference in row) or len(set(row)) < len(row):
        return None
    images = dict(zip(row, names, strict=True))

    def named(reference: Reference) -> Reference | None:
        if reference in images:
            return images[reference]
        if not isinstance(reference, Gather):
            return None
        inner = [named(one) for one in reference.references]
        known = [one for one in inner if one is not None]
        return Gather(reference.table, tuple(known)) if len(known) == len(inner) else None

    found = [named(reference) for reference in references]
    known = [one for one in found if one is not None]
    return tuple(known) if len(known) == len(found) else None
