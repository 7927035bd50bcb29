"""A positive parameter at its best for each value of another one, so that both are at their joint maximum.

    Q(v, b) = C v log b + R bᵖ + …        b(v)ᵖ = −C v / (p R) = b(v°)ᵖ v / v°
    Q(v, b(v)) = C v log b(v°) + (C / p) (v log v − v log v° − v) + …

A shape v beside its rate or scale b: taken in turns, v and b creep along the ridge on which the mean v / b stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emdsl.algebra.indices import IndexSource
from emdsl.algebra.symbols import Scope
from emdsl.algebra.terms import Statistic, Term
from emdsl.arrays.algebra import scaled
from emdsl.arrays.expressions import Apply, Array, Contraction, Operand, total
from emdsl.derive.lower import Moments
from emdsl.derive.naturals import lowered_naturals
from emdsl.kernels.kernel import Kinds, Naturals
from emdsl.kernels.positive import ENTROPIC

LOG, PLAIN = Statistic("log", 1.0), Statistic("power", 1.0)
LINEAR: Kinds = (("power", 1.0),)


def best_terms(name: str, other: str, terms: Sequence[Term], scope: Scope) -> tuple[Term, ...] | None:
    """The terms R bᵖ of `other`, all whose terms are `terms`, if for each value of `name` it has the best one above."""
    if scope.symbols[name].axes != scope.symbols[other].axes:
        return None
    logs, powers = list[Term](), list[Term]()
    for term in terms:
        own = [item for item in term.atoms if item.variable == other]
        beside = [item for item in term.atoms if item.variable == name]
        if len(own) != 1:
            return None
        if own[0].statistic == LOG and beside == [replace(own[0], variable=name, statistic=PLAIN)]:
            logs.append(term)
        elif own[0].statistic.kind == "power" and not beside:
            powers.append(term)
        else:
            return None
    exponents = {item.statistic.exponent for term in powers for item in term.atoms if item.variable == other}
    return tuple(powers) if logs and len(exponents) == 1 else None


def with_best(
    naturals: Naturals,
    other: str,
    terms: Sequence[Term],
    current: Array,
    moments: Moments,
    scope: Scope,
    source: IndexSource,
) -> Naturals:
    """The natural parameters of v where `other`, now at its best for the `current` v, follows it."""
    name, axes = naturals.symbol.name, naturals.axes
    own = [(term, item) for term in terms for item in term.atoms if item.variable == other]
    power = next(item.statistic.exponent for _, item in own if item.statistic.kind == "power")
    shares = [
        replace(term, coefficient=term.coefficient / power, atoms=tuple(one for one in term.atoms if one != item))
        for term, item in own
        if item.statistic == LOG
    ]
    found = lowered_naturals(name, shares, moments, scope, source)
    share = Operand(found.parts[LINEAR], axes)
    step = Apply("+", (1.0, Apply("np.log", (current,), axes)), axes)
    down: Array = Contraction(-1.0, (share, Operand(step, axes)), axes)
    up = scaled(Contraction(1.0, (share,), axes), 1.0)
    entropic = [naturals.parts[kinds] for kinds in ENTROPIC if kinds in naturals.parts]
    linear = [naturals.parts[LINEAR]] if LINEAR in naturals.parts else []
    parts = {kinds: part for kinds, part in naturals.parts.items() if kinds not in ENTROPIC}
    parts |= {LINEAR: total((*linear, down), axes), ENTROPIC[0]: total((*entropic, up), axes)}
    return replace(naturals, parts=parts)
