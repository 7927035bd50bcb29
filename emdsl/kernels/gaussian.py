"""Gaussian kernel: real numbers, statistics v and v vᵀ.

    exponent = hᵀ v − ½ vᵀ P v        mode, mean P⁻¹ h        covariance P⁻¹

Which axes of v are plates (independent) and which are joint is read off the coupling: an axis on which both factors of
every product agree is a plate.
"""

from __future__ import annotations

from dataclasses import dataclass

from emdsl.algebra.indices import Index
from emdsl.algebra.symbols import Symbol
from emdsl.arrays.algebra import reordered, repeated, scaled
from emdsl.arrays.expressions import Apply, Array
from emdsl.arrays.programme import tuple_of
from emdsl.kernels.kernel import Kernel, Kinds, Naturals, Posterior

#: Statistics of a real variable: itself, or its offset from the reference point.
SINGLE: tuple[Kinds, ...] = ((("power", 1.0),), (("offset", 1.0),))
PAIR: tuple[Kinds, ...] = tuple(kinds * 2 for kinds in SINGLE)


@dataclass(frozen=True)
class GaussianKernel(Kernel):
    name: str = "Gaussian"

    def refusal(self, symbol: Symbol, signature: frozenset[Kinds]) -> str | None:
        if symbol.kind != "real":
            return "its support is not the real numbers"
        if not signature <= {*SINGLE, *PAIR}:
            return "it enters otherwise than by itself and products with itself"
        if not signature & set(PAIR):
            return "it enters only linearly, so that the likelihood has no maximum in it"
        return None

    @property
    def beside_held(self) -> bool:
        return True

    def mode(self, naturals: Naturals) -> Array:
        """P⁻¹ h; for an offset, the step from the reference point."""
        return self.posterior(naturals)["mean"]

    def posterior(self, naturals: Naturals) -> Posterior:
        """Mean, in the variable's own axes, and precision: the plates, then the joint axes twice."""
        assert naturals.pair_axes is not None
        first, second = naturals.pair_axes
        plates = tuple(axis for axis, other in zip(first, second, strict=True) if axis == other)
        joint = tuple(axis for axis in first if axis not in plates)
        others = tuple(axis for axis in second if axis not in plates)
        pair = next(naturals.parts[kinds] for kinds in PAIR if kinds in naturals.parts)
        precision = reordered(scaled(pair, -2.0), plates + joint + others)
        sizes = {axis: naturals.size_text(axis.size) for axis in joint + others}
        precision = repeated(precision, joint + others, sizes)  # a sum of all entries has the same for every pair
        linear = next((naturals.parts[kinds] for kinds in SINGLE if kinds in naturals.parts), None)
        if linear is None:
            linear = Apply("np.zeros", (_shape(plates + joint, naturals),), plates + joint)
        linear = reordered(linear, plates + joint)
        return {"mean": self._solved(naturals, linear, precision, plates, joint), "precision": precision}

    def _solved(
        self,
        naturals: Naturals,
        linear: Array,
        precision: Array,
        plates: tuple[Index, ...],
        joint: tuple[Index, ...],
    ) -> Array:
        axes = plates + joint
        if not joint:
            return Apply("quotient", (linear, precision), axes)
        if len(joint) == 1:
            solved: Array = Apply("solve", (precision, linear), axes)
        else:
            solved = Apply("solve_over", (precision, linear, _shape(axes, naturals), str(len(joint))), axes)
        return solved if axes == naturals.axes else reordered(solved, naturals.axes)


def _shape(axes: tuple[Index, ...], naturals: Naturals) -> str:
    return tuple_of(naturals.size_text(axis.size) for axis in axes)
