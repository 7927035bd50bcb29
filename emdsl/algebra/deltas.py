"""Kronecker deltas: [i = j] removed where one of its indices is summed over, or where both are numbers.

An index as a number is that number where it is fixed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set

from emdsl.algebra.indices import Fixed, Index, Reference
from emdsl.algebra.terms import DELTA, HOT, NUMBER, STRUCTURE, Atom, Polynomial, Term


def one_state(atoms: Iterable[Atom], variables: Set[str]) -> Iterator[Atom]:
    """[z = k] [z = l] = [z = k] [k = l]: the state of each entry of some discrete variables once in a product."""
    states: dict[tuple[str, tuple[Reference, ...]], Reference] = {}
    for item in atoms:
        entry = (item.variable, item.references[:-1])
        is_state = item.statistic == HOT and item.variable in variables
        if is_state and entry in states:
            yield Atom(STRUCTURE, DELTA, (states[entry], item.references[-1]))
        else:
            states |= {entry: item.references[-1]} if is_state else {}
            yield item


def resolve_deltas(value: Polynomial, kept: Set[Index] = frozenset(), rows: Set[Index] = frozenset()) -> Polynomial:
    """Delta atoms removed where an index of theirs is bound, or both sides are numbers; numbers multiplied in.

    `kept`: indices that stand elsewhere too, and so stay. `rows`: indices that no number is put in place of.
    """
    terms = []
    for term in value.terms:
        resolved: Term | None = term
        while resolved is not None and (reduced := _resolve_one(resolved, kept, rows)) is not resolved:
            resolved = reduced
        if resolved is not None:
            terms.append(resolved)
    return Polynomial(tuple(terms), value.axes)


def _resolve_one(term: Term, kept: Set[Index], rows: Set[Index]) -> Term | None:
    for item in term.atoms:
        rest = Term(term.coefficient, tuple(other for other in term.atoms if other is not item), term.bound)
        if item.statistic == NUMBER and isinstance(item.references[0], Fixed):
            coefficient = term.coefficient * item.references[0].position
            return Term(coefficient, rest.atoms, term.bound) if coefficient else None
        if item.statistic != DELTA:
            continue
        left, right = item.references
        if left == right:
            return rest
        if isinstance(left, Fixed) and isinstance(right, Fixed):
            return None
        for index, image in ((left, right), (right, left)):
            stays = index in kept or (isinstance(image, Fixed) and index in rows)
            if isinstance(index, Index) and index in term.bound and not stays:
                bound = tuple(other for other in term.bound if other != index)
                return Term(term.coefficient, rest.atoms, bound).substitute({index: image})
    return term
