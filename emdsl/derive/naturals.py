"""The natural parameters of a complete conditional, as arrays."""

from __future__ import annotations

from collections.abc import Sequence

from emdsl.algebra.indices import IndexSource
from emdsl.algebra.symbols import Scope
from emdsl.algebra.terms import WHOLE, Term
from emdsl.arrays.algebra import carried_axes, repeated
from emdsl.derive.conditional import conditional
from emdsl.derive.lower import Moments, lower
from emdsl.kernels.gaussian import PAIR
from emdsl.kernels.kernel import Naturals


def lowered_naturals(name: str, terms: Sequence[Term], moments: Moments, scope: Scope, source: IndexSource) -> Naturals:
    """The natural parameters of a variable's conditional as arrays."""
    collected = conditional(scope.symbols[name], terms, source)
    parts, pair_axes, axes = {}, None, None
    for monomial, cofactor in collected.parts:
        array = lower(cofactor, moments)
        if array is None:
            continue
        parts[monomial.kinds] = array
        if monomial.kinds in PAIR:
            pair_axes = (monomial.axes[0], monomial.axes[1])
        if len(monomial.statistics) == 1 and monomial.statistics[0].kind not in WHOLE:
            axes = monomial.axes[0]
    if axes is None:
        axes = pair_axes[0] if pair_axes else collected.parts[0][0].axes[0]
    carried = frozenset(axis for array in parts.values() for axis in carried_axes(array))
    if absent := [axis for axis in axes if axis not in carried]:
        if pair_axes is not None:  # both factors of a product run over it
            absent += [second for first, second in zip(*pair_axes, strict=True) if first in absent and second != first]
        lengths = {axis: moments.length(axis.size) for axis in absent}
        for kinds, array in parts.items():
            own = tuple(axis for axis in absent if axis in array.axes)
            parts[kinds] = repeated(array, own, lengths)
    return Naturals(scope.symbols[name], axes, parts, moments.length, pair_axes)
