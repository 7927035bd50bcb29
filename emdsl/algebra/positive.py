"""Polynomials in probabilities as sums of positive products of p and 1 − p.

    p q − p q r                       =  p q (1 − r)
    1 − (1 − a)(1 − b)  =  a + b − ab  =  a (1 − b) + (1 − a) b + a b

In general the Bernstein form: of degree d in p, the coefficients of C(d, i) pⁱ (1 − p)^(d−i) follow from those of the
powers, Σ_{j ≤ i} C(i, j) / C(d, j) a_j. Where they are not negative, each product is one alternative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import product
from math import comb, prod

from emdsl.algebra.symbols import Scope
from emdsl.algebra.terms import IDENTITY, LOG1M, Atom, Statistic, Term

#: Alternatives of one sum at the most.
MOST = 64


def positive_form(terms: tuple[Term, ...], scope: Scope) -> tuple[Term, ...]:
    """The terms with 1 − p as the statistic log(1 − p) of p; as they are where no form is found without minus signs."""
    paired = _paired(terms, scope)
    if all(term.coefficient > 0 for term in paired):
        return paired
    return _bernstein(terms, scope) or paired


def _is_probability(item: Atom, scope: Scope) -> bool:
    symbol = scope.symbols.get(item.variable)
    return symbol is not None and symbol.kind in ("unit", "simplex") and item.statistic == IDENTITY


def _paired(terms: tuple[Term, ...], scope: Scope) -> tuple[Term, ...]:
    """Pairs c·m − c·m·p become c·m·(1 − p)."""
    left = list(terms)
    for negative in [term for term in terms if term.coefficient < 0]:
        for single in negative.atoms:
            rest = tuple(item for item in negative.atoms if item is not single)
            wanted = sorted(rest, key=repr)
            partner = next(
                (t for t in left if t.coefficient == -negative.coefficient and sorted(t.atoms, key=repr) == wanted),
                None,
            )
            if partner is None or not _is_probability(single, scope):
                continue
            left.remove(partner)
            left.remove(negative)
            complement = Atom(single.variable, LOG1M, single.references)
            left.append(Term(partner.coefficient, (*rest, complement), partner.bound))
            break
    return tuple(left)


def _bernstein(terms: tuple[Term, ...], scope: Scope) -> tuple[Term, ...] | None:
    """The Bernstein form in all probabilities; None where a coefficient is negative, or there are too many."""
    if any(term.bound for term in terms):
        return None
    degrees: Counter[Atom] = Counter()
    by_rest: dict[tuple[Atom, ...], dict[tuple[tuple[Atom, int], ...], float]] = {}
    for term in terms:
        powers = Counter(base for item in term.atoms for base in _factors(item, scope))
        rest = tuple(sorted((i for i in term.atoms if not list(_factors(i, scope))), key=repr))
        degrees |= powers
        monomials = by_rest.setdefault(rest, {})
        key = tuple(sorted(powers.items(), key=repr))
        monomials[key] = monomials.get(key, 0.0) + term.coefficient
    if len(by_rest) * prod(degree + 1 for degree in degrees.values()) > MOST:
        return None
    found: list[Term] = []
    for rest, monomials in by_rest.items():
        for places in product(*(range(degree + 1) for degree in degrees.values())):
            place = dict(zip(degrees, places, strict=True))
            coefficient = sum(value * _share(dict(powers), place, degrees) for powers, value in monomials.items())
            if coefficient < -1e-12:
                return None
            if coefficient > 1e-12:
                coefficient *= prod(comb(degree, place[base]) for base, degree in degrees.items())
                found.append(Term(coefficient, (*rest, *_product(place, degrees))))
    return tuple(found)


def _factors(item: Atom, scope: Scope) -> Iterator[Atom]:
    """The probability of which an atom is a power, as often as it is a factor."""
    base = Atom(item.variable, IDENTITY, item.references)
    exponent = item.statistic.exponent
    if item.statistic.kind == "power" and exponent == int(exponent) > 0 and _is_probability(base, scope):
        yield from [base] * int(exponent)


def _share(powers: Mapping[Atom, int], place: Mapping[Atom, int], degrees: Mapping[Atom, int]) -> float:
    """Π C(i, j) / C(d, j): what a power of degree j gives to the place i."""
    return prod(comb(place[base], powers.get(base, 0)) / comb(d, powers.get(base, 0)) for base, d in degrees.items())


def _product(place: Mapping[Atom, int], degrees: Mapping[Atom, int]) -> Iterator[Atom]:
    """pⁱ (1 − p)^(d−i) of every probability."""
    for base, degree in degrees.items():
        if place[base]:
            yield Atom(base.variable, Statistic("power", float(place[base])), base.references)
        for _ in range(degree - place[base]):
            yield Atom(base.variable, LOG1M, base.references)
