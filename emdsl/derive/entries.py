"""Discrete latents that meet at entries of a plate of known size: each is a variable of its own when they are inferred.

    y[t] reads sum(h[c] * z[c, t], c), or z[0, t] and z[1, t]        z₀[t] and z₁[t] meet

So are chains that meet each other, and entries that have few joint states. The blocks of a network see the terms of the
entries; its statistics are those of the whole variable, put together of the entries', so that the M-step knows nothing
of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from emdsl.algebra.deltas import one_state, resolve_deltas
from emdsl.algebra.indices import Fixed, Index, Reference, Shift, indices_in
from emdsl.algebra.symbols import Entry, Scope, Symbol
from emdsl.algebra.terms import DELTA, HOT, STRUCTURE, Atom, Polynomial, Term
from emdsl.structure.elimination import CHAIN_BUDGET

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Entries:
    """The variables that the entries of one variable are: `names` by their positions along the plates at `places`."""

    variable: str
    places: tuple[int, ...]
    names: Mapping[tuple[int, ...], str]

    def at(self, item: Atom) -> Atom:
        """The atom of an entry, of which the references to these plates are numbers."""
        fixed = [item.references[place] for place in self.places]
        position = tuple(reference.position for reference in fixed if isinstance(reference, Fixed))
        rest = tuple(reference for place, reference in enumerate(item.references) if place not in self.places)
        return replace(item, variable=self.names[position], references=rest)


def entries_of(terms: Iterable[Term], discrete: frozenset[str], scope: Scope) -> dict[str, Entries]:
    """The discrete variables that meet themselves at another entry of plates of known sizes.

    These are chains, or have few joint states. Others that stand at such a plate beside them go with them.
    """
    listed = list(terms)
    letters: dict[str, frozenset[str]] = {}
    for name in sorted(discrete):
        found = _entries(name, letters_apart(name, listed, scope.symbols), scope)
        if found is not None and (is_lagged(name, listed) or _are_few(found, scope)):
            letters[name] = frozenset(scope.symbols[name].plates[place][1] for place in found.places)
    waiting = list(letters)
    for name in waiting:
        for other in dict.fromkeys(item.variable for term in listed if name in term.variables() for item in term.atoms):
            if other in discrete:
                shared = letters[name] & {letter for _, letter in scope.symbols[other].plates}
                if not shared <= letters.get(other, frozenset()):
                    letters[other] = letters.get(other, frozenset()) | shared
                    waiting.append(other)
    entries = {name: _entries(name, own, scope) for name, own in letters.items()}
    return {name: one for name, one in entries.items() if one is not None}


def entry_symbols(entries: Iterable[Entries], scope: Scope) -> dict[str, Symbol]:
    """The entries as variables without these plates."""
    found = {}
    for one in entries:
        whole = scope.symbols[one.variable]
        gone = [whole.plates[place] for place in one.places]
        plates = tuple(plate for plate in whole.plates if plate not in gone)
        letters = tuple(letter for letter in whole.letters if letter not in {letter for _, letter in gone})
        axes = [whole.declared_plates.index(plate) for plate in gone]
        for positions, name in one.names.items():
            entry = Entry(one.variable, dict(zip(axes, positions, strict=True)))
            found[name] = replace(whole, name=name, plates=plates, letters=letters, entry=entry)
    return found


def with_entries(term: Term, entries: Mapping[str, Entries]) -> Iterator[tuple[Term, dict[Index, Fixed]]]:
    """The term for each choice of the entries that it holds, and that choice."""
    if not term.variables() & entries.keys():
        yield term, {}
        return
    names = frozenset(name for one in entries.values() for name in one.names.values())
    rows = {
        index
        for item in term.atoms
        if item.statistic == HOT
        for one in item.references[:-1]
        for index in indices_in(one)
    }
    sizes: dict[Reference, int] = {}
    for item in term.atoms:
        for number, place in enumerate(entries[item.variable].places if item.variable in entries else ()):
            positions = [one[number] for one in entries[item.variable].names]
            sizes[item.references[place]] = max(positions) + 1
    read = [reference for reference in sizes if not isinstance(reference, Fixed)]
    for chosen in product(*(range(sizes[reference]) for reference in read)):
        places: dict[Reference, Fixed] = {one: Fixed(position) for one, position in zip(read, chosen, strict=True)}
        choice = {reference: place for reference, place in places.items() if isinstance(reference, Index)}
        told = [Atom(STRUCTURE, DELTA, (one, at)) for one, at in places.items() if not isinstance(one, Index)]
        moved = tuple(_at_places(item, entries, places) for item in term.atoms)
        bound = tuple(index for index in term.bound if index not in choice)
        whole = Term(term.coefficient, (*one_state(moved, names), *told), bound).substitute(dict(choice))
        for one in resolve_deltas(Polynomial((whole,)), rows=rows).terms:
            yield one, choice


def _at_places(item: Atom, entries: Mapping[str, Entries], places: Mapping[Reference, Fixed]) -> Atom:
    """An atom at these places: that of an entry, where it has some."""
    if item.variable not in entries:
        return item
    own = entries[item.variable]
    references = [places.get(one, one) if n in own.places else one for n, one in enumerate(item.references)]
    return own.at(replace(item, references=tuple(references)))


def letters_apart(name: str, terms: Sequence[Term], symbols: Mapping[str, Symbol]) -> frozenset[str]:
    """The plates at which a variable meets itself at another entry that is no earlier row."""
    plates = symbols[name].plates
    rows = [{item.references[: len(plates)] for item in term.atoms if item.variable == name} for term in terms]
    times = {place for own in rows for row in own for place, one in enumerate(row) if isinstance(one, Shift)}
    apart = {place for own in rows for place, read in enumerate(zip(*own, strict=True)) if len(set(read)) > 1}
    return frozenset(plates[place][1] for place in apart - times)


def is_lagged(name: str, terms: Iterable[Term]) -> bool:
    """Whether a variable meets itself at an earlier row."""
    return any(
        isinstance(reference, Shift)
        for term in terms
        for item in term.atoms
        if item.variable == name
        for reference in item.references
    )


def _are_few(entries: Entries, scope: Scope) -> bool:
    """Whether the entries of a row have few joint states."""
    states = scope.length(scope.symbols[entries.variable].categories)
    return states is not None and float(states) ** len(entries.names) <= CHAIN_BUDGET


def _entries(name: str, letters: frozenset[str], scope: Scope) -> Entries | None:
    """The entries of a variable along some plates; None where there are none, or a size is not known."""
    plates = scope.symbols[name].plates
    places = tuple(place for place, (_, letter) in enumerate(plates) if letter in letters)
    told = [length for place in places if (length := scope.length(plates[place][0])) is not None]
    if not letters or letters & scope.ragged.keys() or len(told) < len(places):
        return None
    mark = ""
    while True:
        names = {
            positions: name + mark + "".join(str(position).translate(SUBSCRIPTS) for position in positions)
            for positions in product(*map(range, told))
        }
        if len({*names.values()} - scope.symbols.keys()) == len(names):
            return Entries(name, places, names)
        mark += "′"
