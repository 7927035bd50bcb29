"""A positive factor that all terms of a Gaussian conditional share cancels from its mode.

    N_k Λ_k μ_k = Λ_k S_k   ⇒   μ_k = S_k / N_k

It also proves that the mode does not depend on that factor, so that "mean, then covariance" is the joint maximiser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emdsl.algebra.indices import Reference
from emdsl.algebra.symbols import Scope
from emdsl.algebra.terms import DELTA, STRUCTURE, Atom, Statistic, Term


def cancel(terms: Sequence[Term], variables: frozenset[str], scope: Scope) -> tuple[tuple[Term, ...], tuple[str, ...]]:
    """The terms without the factors that they all share, and the names of those factors."""
    result, cancelled = tuple(terms), []
    candidates = {
        (item.variable, item.statistic)
        for item in terms[0].atoms
        if item.variable not in variables
        and (symbol := scope.symbols.get(item.variable)) is not None
        and not symbol.known
        and symbol.kind in ("positive", "cov")
    }
    for name, statistic in sorted(candidates, key=repr):
        reduced = [_without(term, name, statistic, variables, scope) for term in result]
        if all(term is not None for term in reduced) and _same_places(result, name, variables, scope):
            result = tuple(term for term in reduced if term is not None)
            cancelled.append(name)
    return result, tuple(cancelled)


def _without(term: Term, name: str, statistic: Statistic, variables: frozenset[str], scope: Scope) -> Term | None:
    """The term without its one factor `statistic(name)`; a matrix leaves a delta behind."""
    factors = [item for item in term.atoms if item.variable == name]
    if len(factors) != 1 or factors[0].statistic != statistic:
        return None
    (factor,) = factors
    own = [item for item in term.atoms if item.variable in variables]
    rest = tuple(item for item in term.atoms if item is not factor)
    if scope.symbols[name].kind == "positive":
        shared = all(reference in item.references for item in own for reference in factor.references)
        return replace(term, atoms=rest) if shared else None
    plates, (row, column) = factor.references[:-2], factor.references[-2:]
    if not all(reference in item.references for item in own for reference in plates):
        return None
    outside = [item for item in rest if item not in own]
    if len(own) == 2:
        crossing = {row, column} == {_only(own[0], row, column), _only(own[1], row, column)}
        clean = not any(item.indices & {row, column} for item in outside)
        if not crossing or not clean:
            return None
    elif _only(own[0], row, column) is None:
        return None
    return replace(term, atoms=(*rest, Atom(STRUCTURE, DELTA, (row, column))))


def _only(item: Atom, row: Reference, column: Reference) -> Reference | None:
    """The one of two references that stands among those of an atom."""
    found = [reference for reference in (row, column) if reference in item.references]
    return found[0] if len(found) == 1 else None


def _same_places(terms: Sequence[Term], name: str, variables: frozenset[str], scope: Scope) -> bool:
    """Whether the factor is tied to the same axes of each variable in every term."""
    places: dict[str, set[tuple[int, ...]]] = {}
    for term in terms:
        (factor,) = (item for item in term.atoms if item.variable == name)
        matrix = scope.symbols[name].kind == "cov"
        plates = factor.references[:-2] if matrix else factor.references
        ends = factor.references[-2:] if matrix else ()
        for item in term.atoms:
            if item.variable in variables:
                spots = [item.references.index(reference) for reference in plates]
                spots += [item.references.index(end) for end in ends if end in item.references]
                places.setdefault(item.variable, set()).add(tuple(spots))
    return all(len(found) == 1 for found in places.values())
