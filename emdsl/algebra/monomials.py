"""Products of statistics: their powers and logarithms, and polynomials that are a product times what is known.

(a·b)ᵖ = aᵖ·bᵖ        q·(1 − e^(−δ)) and q·Q₀: the power, logarithm, inverse and determinant are those of both factors
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from emdsl.algebra.indices import Fixed
from emdsl.algebra.terms import (
    DELTA,
    HOT,
    LOG,
    LOG_STATIONARY,
    STATIONARY,
    Atom,
    Polynomial,
    Statistic,
    Term,
    like_terms,
)


def monomial_power(term: Term, exponent: float) -> Term | None:
    """A product raised to a power; what stands in it twice becomes one power. None where a statistic has none."""
    raised: dict[tuple[str, tuple[object, ...]], Atom] = {}
    kept = []
    for item in term.atoms:
        key = (item.variable, item.references)
        if item.statistic.kind == "power":
            before = raised[key].statistic.exponent if key in raised else 0.0
            power = Statistic("power", before + item.statistic.exponent * exponent)
            raised[key] = Atom(item.variable, power, item.references)
        elif item.statistic in (DELTA, HOT) and exponent > 0:
            kept.append(item)
        else:
            return None
    powers = tuple(item for item in raised.values() if item.statistic.exponent)
    return Term(term.coefficient**exponent, (*powers, *kept))


def log_of_atom(item: Atom) -> Term | None:
    """The logarithm of a statistic, where it is one."""
    if item.statistic == STATIONARY:
        return Term(1.0, (Atom(item.variable, LOG_STATIONARY, item.references),))
    if item.statistic.kind != "power":
        return None
    return Term(item.statistic.exponent, (Atom(item.variable, LOG, item.references),))


def along_diagonal(matrix: Polynomial) -> Polynomial:
    """Terms that stand on the diagonal only, [i = j], have the row's index in place of the column's elsewhere."""
    row, column = matrix.axes[-2:]

    def moved(item: Atom) -> Atom:
        return item if item.statistic == DELTA else item.substitute({column: row})

    def diagonal(term: Term) -> bool:
        return any(item.statistic == DELTA and set(item.references) == {row, column} for item in term.atoms)

    terms = (replace(t, atoms=tuple(map(moved, t.atoms))) if diagonal(t) else t for t in matrix.terms)
    return Polynomial(tuple(terms), matrix.axes)


def factored(value: Polynomial, known: Callable[[Atom], bool]) -> tuple[Term, Polynomial] | None:
    """The product of unknowns that all terms share, and the known polynomial that it multiplies.

    None where nothing is unknown or nothing is known, and where the terms differ in what is unknown or sum over it.
    """
    shared: tuple[Atom, ...] | None = None
    rest: list[Term] = []
    for term in like_terms(value.terms):
        unknown = tuple(sorted((item for item in term.atoms if not known(item)), key=repr))
        if shared not in (None, unknown) or {index for item in unknown for index in item.indices} & set(term.bound):
            return None
        shared = unknown
        rest.append(replace(term, atoms=tuple(item for item in term.atoms if known(item))))
    if not shared or not any(term.atoms for term in rest):
        return None
    return Term(1.0, shared), Polynomial(tuple(rest), value.axes)


def has_zero_row(matrix: Polynomial) -> bool:
    """Whether a matrix that is written out entry by entry has a row without any."""
    row = matrix.axes[-2]
    placed = [
        {
            reference.position
            for item in term.atoms
            if item.statistic == DELTA and row in item.indices
            for reference in item.references
            if isinstance(reference, Fixed)
        }
        for term in matrix.terms
    ]
    return isinstance(row.size, int) and all(placed) and len(set().union(*placed)) < row.size
