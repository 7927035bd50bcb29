"""References and vectors over ragged plates.

    x[s, i]             x at the row i of the concatenated groups
    e[s, a[s, j]]       e at the row `place.i[s, a_sj]`, the a_sj-th of group s
    ones(I[s])          the indicator of the positions within group s, on an axis as long as the longest group

Every term of a vector over a ragged size carries that indicator, so that sums and products are right of themselves.
A function of one is taken of the values within, and its logarithm is minus infinity beyond.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from emdsl.algebra.expressions import Expression
from emdsl.algebra.indices import Fixed, Gather, Index, Reference, Shift
from emdsl.algebra.operations import IMPOSSIBLE, NotPolynomial, Operations
from emdsl.algebra.symbols import (
    Scope,
    Symbol,
    beyond_table,
    first_table,
    is_padded,
    padded_size,
    parent_table,
    place_table,
    position_table,
    within_table,
)
from emdsl.algebra.terms import IDENTITY, NUMBER, STRUCTURE, Atom, Polynomial, Term, add, atom, number


@dataclass
class Groups(Operations):
    """The algebra of one law over ragged plates; `gates` are the latents that it is indexed by.

    `times`: of a letter at a number p, the index that runs in its place: q is t - (p - q), but in `timeless`.
    """

    letters: Mapping[str, Reference]
    gates: dict[Atom, Index] = field(default_factory=dict)
    times: Mapping[str, tuple[Index, int]] = field(default_factory=dict)
    timeless: frozenset[str] = frozenset()

    # ---------------------------------------------------------------- references

    def letter_number(self, letter: str) -> Polynomial:
        """A plate letter as a number: within its group, where the plate is ragged."""
        reference = self.letters[letter]
        if letter in self.scope.ragged:
            return atom(position_table(letter), IDENTITY, (reference,))
        if isinstance(reference, Fixed):
            return number(reference.position)
        if isinstance(reference, Gather):
            return atom(reference.table, IDENTITY, reference.references)
        return atom(STRUCTURE, NUMBER, (reference,))

    def flat(self, symbol: Symbol, references: tuple[Reference, ...], node: Expression) -> tuple[Reference, ...]:
        """References as the user writes them, `[s, t]`, into those of the symbol's own plates, in the order of these.

        A ragged plate has swallowed its parents: its rows are concatenated.
        """
        if self.times and symbol.name not in self.timeless:
            own = tuple(self._in_time(*pair, node) for pair in zip(symbol.letters, references, strict=False))
            references = own + references[len(own) :]
        ragged = [letter for letter in symbol.letters if letter in self.scope.ragged]
        if not ragged and symbol.declared_plates == symbol.plates:
            return references
        if len(references) < len(symbol.letters):
            what = "a ragged plate" if ragged else "a time that is not its last plate"
            raise NotPolynomial(f"`{symbol.name}` runs over {what} and needs all its indices", node.span)
        places = dict(zip(symbol.letters, references, strict=False))
        event = references[len(symbol.letters) :]
        return tuple(self._flat_one(letter, places, node) for _, letter in symbol.plates) + event

    def _in_time(self, letter: str, reference: Reference, node: Expression) -> Reference:
        if letter not in self.times or not isinstance(reference, Fixed):
            return reference
        index, position = self.times[letter]
        if reference.position > position:
            raise NotPolynomial("a law that reads a later time", node.span)
        return Shift(index, position - reference.position) if reference.position < position else index

    def _flat_one(self, letter: str, places: Mapping[str, Reference], node: Expression) -> Reference:
        reference = places[letter]
        if letter not in self.scope.ragged:
            return reference
        parents = self.scope.ragged[letter]
        own = tuple(self._flat_one(parent, places, node) for parent in parents)
        base = reference.index if isinstance(reference, Shift) else reference
        if own == tuple(Gather(parent_table(letter, parent), (base,)) for parent in parents):
            return reference
        if isinstance(base, Gather) and base.table == place_table(letter) and self._is_row_of(base, letter, own):
            return reference
        if reference == Fixed(0):
            return Gather(first_table(letter), rows_of(self.scope.symbols[first_table(letter)], own))
        if self._is_position(reference, letter, own):
            return Gather(place_table(letter), (*rows_of(self.scope.symbols[place_table(letter)], own), reference))
        raise NotPolynomial(f"`{letter}` runs over a ragged plate: it is indexed with its own group only", node.span)

    def _is_row_of(self, row: Gather, letter: str, own: tuple[Reference, ...]) -> bool:
        """Whether a row is that at some position of the group `own`."""
        return row.references[:-1] == rows_of(self.scope.symbols[place_table(letter)], own)

    def _is_position(self, reference: Reference, letter: str, own: tuple[Reference, ...]) -> bool:
        """Whether a reference runs over the positions of the group `own` of a ragged plate."""
        place = self.scope.symbols.get(place_table(letter))
        if place is None or not isinstance(reference, Index | Gather):
            return False
        ((size, _),) = place.event
        if isinstance(reference, Gather):
            table = self.scope.symbols[reference.table]
            return (
                table.categories == size
                and group_of(self.scope, table, reference.references, self.scope.ragged[letter]) == own
            )
        gate = next((key for key, index in self.gates.items() if index == reference), None)
        if gate is None:
            return reference.size == size
        symbol = self.scope.symbols[gate.variable]
        return (
            symbol.categories == size
            and group_of(self.scope, symbol, gate.references, self.scope.ragged[letter]) == own
        )

    def runs_over_own_group(self, log_density: Polynomial, symbol: Symbol, references: tuple[Reference, ...]) -> bool:
        """Whether a variable over a ragged size, as its law says, has the states of the group that it stands in."""
        if not is_padded(symbol.categories):
            return True
        state = self.source.fresh(symbol.categories or 0, "k")
        own = within_own_group(self.scope, symbol, (*references, state))
        atoms = [item for term in log_density.terms for item in term.atoms]
        tables = [item for item in atoms if item.variable.startswith(beyond_table(""))]
        return own is not None and bool(tables) and all(t.references[:-1] == own.references[:-1] for t in tables)

    # ---------------------------------------------------------------- vectors

    def ones_within(self, size: str, groups: tuple[Reference, ...], node: Expression) -> Polynomial:
        """`ones(I[s])`."""
        table = self.scope.symbols.get(within_table(size))
        if table is None:
            raise NotPolynomial(f"a vector over the ragged size `{size}` that is the law of no variable", node.span)
        ((padded, letter),) = table.event
        axis = self.source.fresh(padded, letter)
        inside = Atom(table.name, IDENTITY, (*self.flat(self.scope.symbols[size], groups, node), axis))
        return Polynomial((Term(1.0, (inside,)),), (axis,))

    def group_vector(self, symbol: Symbol, references: tuple[Reference, ...], node: Expression) -> Polynomial | None:
        """`x[s]` of an x[s, i]: the values of a group; None where the variable is indexed otherwise."""
        letter = symbol.letters[-1] if symbol.letters else ""
        size = next((size for size, own in symbol.plates if own == letter), None)
        place = self.scope.symbols.get(place_table(letter))
        if place is None or len(references) != len(symbol.letters) - 1 or size != place.categories:
            return None
        lengths = next(name for name in self.scope.symbols if padded_size(name) == place.event[0][0])
        given = dict(zip(symbol.letters, references, strict=False))
        ones = self.ones_within(lengths, tuple(given[one] for one in self.scope.symbols[lengths].letters), node)
        whole = self.flat(symbol, (*references, *ones.axes), node)
        events = tuple(self.source.fresh(size, name) for size, name in symbol.event)
        inside = ones.terms[0].atoms
        return Polynomial((Term(1.0, (Atom(symbol.name, IDENTITY, whole + events), *inside)),), ones.axes + events)

    def within_groups(self, value: Polynomial, node: Expression) -> Polynomial:
        """The vector with the indicator of its group on each term."""
        for axis in value.axes:
            if not is_padded(axis.size) or not value.terms:
                continue
            inside = {item for term in value.terms for item in _bounds(term, axis)}
            groups = {item.references[:-1] for item in inside}
            if len(groups) != 1:
                raise NotPolynomial("a vector over the sizes of several groups at once", node.span)
            bound = next((item for item in inside if item.variable.startswith("within.")), None)
            terms = []
            for term in value.terms:
                if bound is not None and not _bounds(term, axis):
                    term = replace(term, atoms=(*term.atoms, bound))
                atoms = [item for item in dict.fromkeys(term.atoms) if item in _bounds(term, axis)]
                rest = [item for item in term.atoms if item not in atoms]
                terms.append(replace(term, atoms=(*rest, *atoms)))
            value = Polynomial(tuple(terms), value.axes)
        return value

    def log(self, value: Polynomial, node: Expression) -> Polynomial:
        """log ([k < I_s] x_k) = log x_k within the group, and impossible beyond."""
        within, bare = _without_indicators(value)
        return (
            add(_times(super().log(bare, node), within), _beyond(within, value.axes))
            if within
            else super().log(value, node)
        )

    def power(self, value: Polynomial, exponent: float, node: Expression) -> Polynomial:
        """([k < I_s] x_k)**p = [k < I_s] x_k**p."""
        within, bare = _without_indicators(value)
        return _times(super().power(bare, exponent, node), within)

    def derive(self, function: str, arguments: tuple[Polynomial, ...], node: Expression) -> Polynomial:
        """A function of known values within the group, and zero beyond."""
        vectors = [value for value in arguments if any(is_padded(axis.size) for axis in value.axes)]
        if not vectors:
            return super().derive(function, arguments, node)
        if len(vectors) > 1 or function in ("stationary", "inv", "logdet"):
            raise NotPolynomial(f"`{function}` over a ragged size", node.span)
        within, bare = _without_indicators(vectors[0])
        if function == "softmax":
            bare = add(bare, _beyond(within, bare.axes))
        found = super().derive(function, tuple(bare if value is vectors[0] else value for value in arguments), node)
        return _times(found, within)


def group_of(
    scope: Scope, symbol: Symbol, references: Sequence[Reference], parents: tuple[str, ...]
) -> tuple[Reference, ...] | None:
    """The entries of the plates `parents` at which a variable stands; None where it has not all of them."""
    places: dict[str, Reference] = {}
    for (_, own), reference in zip(symbol.plates, references, strict=False):
        base = reference.index if isinstance(reference, Shift) else reference
        places[own] = base
        if isinstance(base, Gather) and base.table == first_table(own):
            for parent, group in zip(scope.ragged[own], base.references, strict=True):
                places |= {parent: group, **scope.outer(parent, group)}
        else:
            places |= scope.outer(own, base)
    return tuple(places[parent] for parent in parents) if set(parents) <= set(places) else None


def rows_of(table: Symbol, group: tuple[Reference, ...]) -> tuple[Reference, ...]:
    """A group as a reference to the plates of a table of groups."""
    places = dict(zip(table.letters, group, strict=True))
    return tuple(places[letter] for _, letter in table.plates)


def within_own_group(scope: Scope, symbol: Symbol, references: tuple[Reference, ...]) -> Atom | None:
    """The indicator of the states that a variable over a ragged size has, at its references and its state."""
    if not is_padded(symbol.categories):
        return None
    table = next(
        s for s in scope.symbols.values() if s.name.startswith(within_table("")) and s.event[0][0] == symbol.categories
    )
    group = group_of(scope, symbol, references[:-1], table.letters)
    return None if group is None else Atom(table.name, IDENTITY, (*rows_of(table, group), references[-1]))


def _bounds(term: Term, axis: Index) -> list[Atom]:
    """The atoms of a term that say which positions on an axis lie within the group, or beyond it."""
    tables = (within_table(""), beyond_table(""))
    return [item for item in term.atoms if item.variable.startswith(tables) and item.references[-1] == axis]


def _without_indicators(value: Polynomial) -> tuple[tuple[Atom, ...], Polynomial]:
    """The indicators that all terms of a vector carry outside their sums, and the vector without them."""
    bound = {index for term in value.terms for index in term.bound}
    first = value.terms[0].atoms if value.terms else ()
    within = tuple(
        item
        for item in dict.fromkeys(first)
        if item.variable.startswith(within_table(""))
        and not item.indices & bound
        and all(item in term.atoms for term in value.terms)
    )
    terms = tuple(replace(term, atoms=tuple(item for item in term.atoms if item not in within)) for term in value.terms)
    return within, Polynomial(terms, value.axes)


def _times(value: Polynomial, within: tuple[Atom, ...]) -> Polynomial:
    return Polynomial(tuple(replace(term, atoms=(*term.atoms, *within)) for term in value.terms), value.axes)


def _beyond(within: tuple[Atom, ...], axes: tuple[Index, ...]) -> Polynomial:
    """The logarithm of indicators."""
    tables = (replace(item, variable=beyond_table(item.variable.removeprefix(within_table("")))) for item in within)
    return Polynomial(tuple(Term(-IMPOSSIBLE, (item,)) for item in tables), axes)
