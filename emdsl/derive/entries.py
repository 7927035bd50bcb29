"""Chains of a plate that meet each other: each entry of the plate is a variable of its own when they are inferred.

    z[c, t] meets z[c, t-1], and z[d, t] in a sum        →  z₀[t] meets z₀[t-1] and z₁[t]

The blocks of a network see the terms of the entries. Its statistics are those of the whole variable, put together of
the entries', so that the M-step knows nothing of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from emdsl.algebra.deltas import resolve_deltas
from emdsl.algebra.indices import Fixed, Index, Reference, Shift
from emdsl.algebra.symbols import Entry, Scope, Symbol
from emdsl.algebra.terms import DELTA, STRUCTURE, Atom, Polynomial, Term

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Entries:
    """The variables that the entries of one variable are: `names` by their position along the plate at `place`."""

    variable: str
    place: int
    names: tuple[str, ...]

    def variable_at(self, item: Atom) -> Atom:
        """The atom of an entry, of which the reference to the plate is a number."""
        reference = item.references[self.place]
        assert isinstance(reference, Fixed)
        rest = (*item.references[: self.place], *item.references[self.place + 1 :])
        return replace(item, variable=self.names[reference.position], references=rest)


def entries_of(
    terms: Iterable[Term], latents: frozenset[str], declared: frozenset[str], scope: Scope
) -> dict[str, Entries]:
    """The discrete variables that meet themselves at an earlier row and at another entry of a plate of known size.

    Others that stand at that plate beside them are written out with them: `latents` that are `declared` and discrete.
    None are written out where one of these is not, or is read at an entry that an index array tells.
    """
    listed, symbols = list(terms), scope.symbols
    found: dict[str, Entries] = {}
    for name in sorted(declared):
        letters = {symbols[name].plates[place][1] for place in _apart(name, listed, symbols)}
        for letter in letters:
            beside = _beside(name, letter, listed, latents, symbols)
            written = [_entries(one, letter, listed, scope) if one in declared else None for one in beside]
            if None in written or len(letters) > 1:
                return {}
            found |= {one.variable: one for one in written if one is not None}
    return found


def entry_symbols(entries: Iterable[Entries], scope: Scope) -> dict[str, Symbol]:
    """The entries as variables without that plate."""
    found = {}
    for one in entries:
        whole = scope.symbols[one.variable]
        letter = whole.plates[one.place][1]
        plates = tuple(plate for plate in whole.plates if plate[1] != letter)
        letters = tuple(other for other in whole.letters if other != letter)
        axis = whole.declared_plates.index(whole.plates[one.place])
        for position, name in enumerate(one.names):
            entry = Entry(one.variable, axis, position)
            found[name] = replace(whole, name=name, plates=plates, letters=letters, entry=entry)
    return found


def with_entries(term: Term, entries: Mapping[str, Entries]) -> Iterator[tuple[Term, dict[Index, Fixed]]]:
    """The term for each choice of the entries that it holds, and that choice."""
    own = [item for item in term.atoms if item.variable in entries]
    chosen = {item.references[entries[item.variable].place]: len(entries[item.variable].names) for item in own}
    indices = [reference for reference in chosen if isinstance(reference, Index)]
    for positions in product(*(range(chosen[index]) for index in indices)):
        choice = {index: Fixed(position) for index, position in zip(indices, positions, strict=True)}
        bound = tuple(index for index in term.bound if index not in choice)
        moved = replace(term, bound=bound).substitute(dict[Index, Reference](choice))
        atoms = tuple(
            entries[item.variable].variable_at(item) if item.variable in entries else item for item in moved.atoms
        )
        for one in resolve_deltas(Polynomial((_once(replace(moved, atoms=atoms), entries),))).terms:
            yield one, choice


def _once(term: Term, entries: Mapping[str, Entries]) -> Term:
    """[z = k] [z = l] = [k = l] [z = k], where two entries are one."""
    names = {name for one in entries.values() for name in one.names}
    known: dict[tuple[str, tuple[Reference, ...]], Atom] = {}
    atoms: list[Atom] = []
    for item in term.atoms:
        first = known.setdefault((item.variable, item.references[:-1]), item) if item.variable in names else item
        if first is item:
            atoms.append(item)
        else:
            atoms.append(Atom(STRUCTURE, DELTA, (first.references[-1], item.references[-1])))
    return replace(term, atoms=tuple(atoms))


def _apart(name: str, terms: Sequence[Term], symbols: Mapping[str, Symbol]) -> set[int]:
    """The plates at which a variable that meets itself at an earlier row meets itself at another entry."""
    count = len(symbols[name].plates)
    rows = [{item.references[:count] for item in term.atoms if item.variable == name} for term in terms]
    times = {place for own in rows for row in own for place, one in enumerate(row) if isinstance(one, Shift)}
    apart = {place for own in rows for place, read in enumerate(zip(*own, strict=True)) if len(set(read)) > 1}
    return apart - times if times else set()


def _beside(
    name: str, letter: str, terms: Sequence[Term], latents: frozenset[str], symbols: Mapping[str, Symbol]
) -> list[str]:
    """A variable and those that stand beside it at the plate of a letter, or beside these."""
    found = [name]
    for one in found:
        for term in terms:
            if one in term.variables():
                others = (item.variable for item in term.atoms if item.variable in latents)
                found += [
                    other
                    for other in dict.fromkeys(others)
                    if other not in found and letter in (own for _, own in symbols[other].plates)
                ]
    return found


def _entries(name: str, letter: str, terms: Sequence[Term], scope: Scope) -> Entries | None:
    """The entries of a variable at a plate; None where it is not discrete, or their number or places are not known."""
    symbol = scope.symbols[name]
    place = next(place for place, (_, own) in enumerate(symbol.plates) if own == letter)
    size = symbol.plates[place][0]
    number = scope.numbers.get(size) if isinstance(size, str) else size
    read = {item.references[place] for term in terms for item in term.atoms if item.variable == name}
    plain = all(isinstance(reference, Index | Fixed) for reference in read)
    if symbol.categories is None or letter in scope.ragged or not isinstance(number, int) or not plain:
        return None
    names = [f"{name}{str(position).translate(SUBSCRIPTS)}" for position in range(number)]
    while any(one in scope.symbols for one in names):
        names = [f"{one}′" for one in names]
    return Entries(name, place, tuple(names))
