"""Gaussian kernel: real numbers, statistics v and v vᵀ.

    exponent = hᵀ v − ½ vᵀ P v        mode, mean P⁻¹ h        covariance P⁻¹

Which axes of v are plates (independent) and which are joint is read off the coupling: an axis on which both factors of
every product agree is a plate.
"""

from __future__ import annotations

from dataclasses import dataclass

from emdsl.algebra.indices import Index
from emdsl.algebra.symbols import Symbol
from emdsl.arrays.algebra import scaled
from emdsl.arrays.expressions import Apply, Array
from emdsl.errors import CompilerBug
from emdsl.kernels.kernel import Kinds, Naturals, Posterior

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
        linear, precision, joint = self._parts(naturals)
        return self._solved(naturals, linear, precision, joint)

    def posterior(self, naturals: Naturals) -> Posterior:
        """Mean and precision; the precision has the plates, then the joint axes twice."""
        linear, precision, joint = self._parts(naturals)
        return {"mean": self._solved(naturals, linear, precision, joint), "precision": precision}

    def _parts(self, naturals: Naturals) -> tuple[Array, Array, tuple[Index, ...]]:
        assert naturals.pair_axes is not None
        first, second = naturals.pair_axes
        linear = next((naturals.parts[kinds] for kinds in SINGLE if kinds in naturals.parts), None)
        pair = next(naturals.parts[kinds] for kinds in PAIR if kinds in naturals.parts)
        joint = tuple(axis for axis, other in zip(first, second, strict=True) if axis != other)
        if linear is None:
            sizes = [naturals.size_text(axis.size) for axis in naturals.axes]
            shape = f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
            linear = Apply("np.zeros", (shape,), naturals.axes)
        return linear, scaled(pair, -2.0), joint

    def _solved(self, naturals: Naturals, linear: Array, precision: Array, joint: tuple[Index, ...]) -> Array:
        if not joint:
            return Apply("quotient", (linear, precision), naturals.axes)
        if len(joint) == 1 and joint[0] == naturals.axes[-1]:
            return Apply("solve", (precision, linear), naturals.axes)
        batch = naturals.axes[: len(naturals.axes) - len(joint)]
        sizes = [naturals.size_text(axis.size) for axis in (*batch, *joint)]
        if naturals.axes[len(batch) :] != joint:
            raise CompilerBug(f"the joint axes of `{naturals.symbol.name}` are not its last ones")
        shape = f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
        return Apply("solve_over", (precision, linear, shape, str(len(joint))), naturals.axes)
