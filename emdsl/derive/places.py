"""Discrete latents that are read at several places of a plate of known size: the places of a row are a chain.

    [d_p0 = k] [d_p2 = l] r_kl      →      Σ_i [i = 2] [d_(p, i - 2) = k] [d_pi = l] r_kl

Read from the last of the places, the others are values at earlier rows, which the state of a chain holds. Sums over the
places of such a plate are written out first, so that all that meet in a term are fixed. What has few joint states is
not among these: its entries are variables of their own (`emdsl.derive.entries`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from emdsl.algebra.deltas import one_state, resolve_deltas
from emdsl.algebra.indices import Fixed, Gather, Index, IndexSource, Reference, Shift
from emdsl.algebra.symbols import RAGGED_TABLES, WEIGHTS, Scope
from emdsl.algebra.terms import DELTA, HOT, STRUCTURE, Atom, Polynomial, Term
from emdsl.derive.refusal import not_compiled
from emdsl.errors import Span
from emdsl.structure.elimination import CHAIN_BUDGET


class Places:
    """Rewrites terms of `latents` that are read at fixed places."""

    def __init__(
        self, latents: frozenset[str], scope: Scope, source: IndexSource, spans: Mapping[str, Span | None]
    ) -> None:
        self.scope, self.source, self.spans = scope, source, spans
        symbols = scope.symbols
        self.real = {name for name in latents if name in symbols and symbols[name].kind == "real"}
        self.latents = {name for name in latents if name in symbols and symbols[name].categories is not None}
        self.sizes: dict[str, int] = {}
        for name in sorted(self.latents):
            for size, letter in symbols[name].plates:
                length = scope.length(size)
                if length is not None and letter not in scope.ragged:
                    self.sizes[letter] = length

    def in_rows(self, term: Term) -> list[Term]:
        """The term with the places at which its latents are read as rows of their plates."""
        terms = [term]
        for letter in self.sizes:
            terms = [one for found in terms for one in self._written_out(found, letter)]
        terms = [one for many in terms for one in self._read_once(many)]
        for letter in self.sizes:
            terms = [self._in_rows(one, letter) for one in terms]
        return terms

    def _places(self, term: Term, letter: str) -> Iterator[tuple[Atom, int]]:
        """The latents of a term that have a plate, and where its reference stands in theirs."""
        for item in term.atoms:
            if item.variable in self.latents:
                plates = self.scope.symbols[item.variable].plates
                yield from ((item, place) for place, (_, own) in enumerate(plates) if own == letter)

    def _written_out(self, term: Term, letter: str) -> list[Term]:
        """Sums over the places of a plate, where they meet others and few enough states hold all places of a row."""
        found = list(self._places(term, letter))
        references = list(dict.fromkeys(item.references[place] for item, place in found))
        free = any(not self._is_open(one, term) for one in references)
        closed = free or term.variables() & self.real or not all(self._fits(item.variable, letter) for item, _ in found)
        if len(references) < 2 or closed:
            return [term]
        terms = [term]
        for reference in sorted(references, key=lambda one: not isinstance(one, Gather)):  # these may read the others
            if not isinstance(reference, Fixed):
                positions = range(self.sizes[letter])
                terms = [self._at(one, reference, position, letter) for one in terms for position in positions]
        written = Polynomial(tuple(_unweighted(one) for one in terms))
        return list(resolve_deltas(written).terms) if len(terms) > 1 else terms

    def _read_once(self, term: Term) -> Sequence[Term]:
        """The term with each of its latents once at each row."""
        atoms = tuple(one_state(term.atoms, self.latents))
        return [term] if atoms == term.atoms else resolve_deltas(Polynomial((replace(term, atoms=atoms),))).terms

    def _is_open(self, reference: Reference, term: Term) -> bool:
        """Whether a reference is one of some places: fixed, summed over, or told by an index array."""
        if isinstance(reference, Gather):
            table = self.scope.symbols.get(reference.table)
            return table is not None and table.known and not reference.table.startswith(RAGGED_TABLES)
        return isinstance(reference, Fixed) or (isinstance(reference, Index) and reference in term.bound)

    def _at(self, term: Term, reference: Reference, position: int, letter: str) -> Term:
        """The summand of one place: of a sum over it, or of an index array that tells it, [a_n = j]."""
        if isinstance(reference, Index):
            bound = tuple(other for other in term.bound if other != reference)
            return replace(term, bound=bound).substitute({reference: Fixed(position)})
        assert isinstance(reference, Gather)
        moved = {item: place for item, place in self._places(term, letter) if item.references[place] == reference}
        atoms = tuple(_with(item, moved[item], Fixed(position)) if item in moved else item for item in term.atoms)
        there = Atom(reference.table, HOT, (*reference.references, Fixed(position)))
        return replace(term, atoms=(*atoms, there))

    def _fits(self, name: str, letter: str) -> bool:
        """Whether the state of a chain may hold all places of a row."""
        states = self.scope.length(self.scope.symbols[name].categories)
        count = self.sizes[letter]
        last = self.scope.symbols[name].plates[-1][1] == letter
        return states is not None and last and states * (states + 1) ** max(count - 2, 0) <= CHAIN_BUDGET

    def _in_rows(self, term: Term, letter: str) -> Term:
        """Fixed places of latents that meet, as rows of the plate."""
        found = list(self._places(term, letter))
        fixed = [item.references[place] for item, place in found]
        positions = [one.position for one in fixed if isinstance(one, Fixed)]
        if not positions or len(positions) < len(fixed) or len(self._own(term)) < 2:
            return term
        real = sorted(term.variables() & self.real)
        if real and len(set(positions)) > 1:
            name = found[0][0].variable
            raise not_compiled(f"`{name}` at several places beside the real latent `{real[0]}`", self.spans.get(name))
        last, row = max(positions), self.source.fresh(self._size(found[0][0], letter), letter)
        moved = {item: place for item, place in found}
        atoms = tuple(self._at_row(item, moved[item], row, last) if item in moved else item for item in term.atoms)
        here = Atom(STRUCTURE, DELTA, (row, Fixed(last)))
        return Term(term.coefficient, (*atoms, here), (*term.bound, row))

    def _own(self, term: Term) -> set[tuple[str, tuple[Reference, ...]]]:
        return {(item.variable, item.references[:-1]) for item in term.atoms if item.variable in self.latents}

    def _size(self, item: Atom, letter: str) -> str | int:
        return next(size for size, own in self.scope.symbols[item.variable].plates if own == letter)

    def _at_row(self, item: Atom, place: int, row: Index, last: int) -> Atom:
        position = item.references[place]
        assert isinstance(position, Fixed)
        reference = Shift(row, last - position.position) if position.position < last else row
        return _with(item, place, reference)


def _with(item: Atom, place: int, reference: Reference) -> Atom:
    """An atom with another reference at one place."""
    return replace(item, references=(*item.references[:place], reference, *item.references[place + 1 :]))


def _unweighted(term: Term) -> Term:
    """The term without weights at fixed places: plates of which places are read have none."""
    atoms = (
        item for item in term.atoms if not (item.variable.startswith(WEIGHTS) and isinstance(item.references[0], Fixed))
    )
    return replace(term, atoms=tuple(atoms))
