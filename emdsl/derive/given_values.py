"""Positive variables of which some entries are given and others missing: a value in place of a conjugate law.

given u        E T(u) = T(value)        no entropy        log partition = Σ natural · T(value)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from emdsl.algebra.terms import Statistic
from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Operand, total
from emdsl.derive.declared_order import inwards
from emdsl.kernels.kernel import Kinds

if TYPE_CHECKING:
    from emdsl.derive.field import FieldMoments


def expected_or_given(expected: Array, name: str, statistic: Statistic, moments: FieldMoments) -> Array:
    """An expectation whose last axes are the variable's, with the statistic itself at given entries."""
    if name not in moments.holed:
        return expected
    return Apply("or_given", (expected, statistic_of_given(name, statistic, moments)), expected.axes)


def statistic_of_given(name: str, statistic: Statistic, moments: FieldMoments) -> Named:
    """A statistic of given entries with the axes of the variable; NaN where they are missing."""
    axes = tuple(moments.source.fresh(size, letter) for size, letter in moments.scope.symbols[name].axes)
    data = Named(inwards(f'data["{name}"]', moments.scope.symbols[name]), axes)
    if statistic.kind == "log":
        return moments.body.define(f"log of given {name}", Apply("np.log", (data,), axes), axes)
    if statistic.exponent == 1.0:
        return data
    label = f"power {statistic.exponent:g} of given {name}"
    return moments.body.define(label, Apply("**", (data, statistic.exponent), axes), axes)


def log_partition_or_given(
    partition: Array, name: str, naturals: Mapping[Kinds, Named], moments: FieldMoments
) -> Array:
    """The log partition of each entry, with the exponent at the value of given entries."""
    if name not in moments.holed:
        return partition
    parts = []
    for kinds, natural in naturals.items():
        known = statistic_of_given(name, Statistic(*kinds[0]), moments)
        own = natural.axes[len(natural.axes) - len(known.axes) :]
        parts.append(Contraction(1.0, (Operand(natural, natural.axes), Operand(known, own)), partition.axes))
    return Apply("or_given", (partition, total(tuple(parts), partition.axes)), partition.axes)


def posterior_or_given(name: str, mean: str, variance: str, moments: FieldMoments) -> str:
    """The entry of a latent in the posterior: mean and variance, or the value."""
    body, given = moments.body, inwards(f'data["{name}"]', moments.scope.symbols[name])
    means = body.define(f"mean of {name} or given", f"or_given({mean}, {given})", ())
    spreads = body.define(f"variance of {name} or none", f"np.where(np.isnan({given}), {variance}, 0.0)", ())
    return f'"{name}": {{"mean": {means.name}, "var": {spreads.name}}}'


def counts_of_missing(name: str, standing: str | None, moments: FieldMoments) -> str:
    """How often each entry counts in an entropy, which given ones do not have."""
    given = inwards(f'data["{name}"]', moments.scope.symbols[name])
    missing = f"np.isnan({given})"
    return missing if standing is None else f"times_standing({missing}, {standing})"
