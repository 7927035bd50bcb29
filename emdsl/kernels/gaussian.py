"""Gaussian kernel: real numbers, statistics v and v vᵀ.

    exponent = hᵀ v − ½ vᵀ P v        mode, mean P⁻¹ h        covariance P⁻¹

Which axes of v are plates (independent) and which are joint is read off the coupling: an axis on which both factors of
every product agree is a plate.
"""

from __future__ import annotations

from dataclasses import dataclass

from emdsl.algebra.symbols import Symbol
from emdsl.arrays.algebra import scaled
from emdsl.arrays.expressions import Apply, Array
from emdsl.kernels.kernel import Kinds, Naturals

#: Statistics of a real variable: itself, or its offset from the reference point.
SINGLE: tuple[Kinds, ...] = ((("power", 1.0),), (("offset", 1.0),))
PAIR: tuple[Kinds, ...] = tuple(kinds * 2 for kinds in SINGLE)


@dataclass(frozen=True)
class GaussianKernel:
    name: str = "Gaussian"

    def refusal(self, symbol: Symbol, signature: frozenset[Kinds]) -> str | None:
        if symbol.kind != "real":
            return "its support is not the real numbers"
        if not signature <= {*SINGLE, *PAIR}:
            return "it enters otherwise than by itself and products with itself"
        if not signature & set(PAIR):
            return "it enters only linearly, so that the likelihood has no maximum in it"
        return None

    def mode(self, naturals: Naturals) -> Array:
        """P⁻¹ h; for an offset, the step from the reference point."""
        assert naturals.pair_axes is not None
        first, second = naturals.pair_axes
        linear = next((naturals.parts[kinds] for kinds in SINGLE if kinds in naturals.parts), None)
        pair = next(naturals.parts[kinds] for kinds in PAIR if kinds in naturals.parts)
        joint = tuple(axis for axis, other in zip(first, second, strict=True) if axis != other)
        if linear is None:
            linear = Apply("np.zeros_like", (naturals.symbol.name,), naturals.axes)
        precision = scaled(pair, -2.0)
        if not joint:
            return Apply("quotient", (linear, precision), naturals.axes)
        if len(joint) == 1 and joint[0] == naturals.axes[-1]:
            return Apply("solve", (precision, linear), naturals.axes)
        return Apply("solve_over", (precision, linear, str(len(joint))), naturals.axes)


KERNEL_OFFSET = SINGLE[1]
