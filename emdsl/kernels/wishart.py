"""Wishart kernel: positive definite matrices, statistics log|Λ| and Λ, or log|Σ| and Σ⁻¹.

exponent = a log|Σ| + tr(B Σ⁻¹)        mode Σ = B / a            (inverse Wishart)
exponent = a log|Λ| + tr(B Λ)          mode Λ = −a B⁻¹           (Wishart)
"""

from __future__ import annotations

from dataclasses import dataclass

from emdsl.algebra.symbols import Symbol
from emdsl.arrays.algebra import common_factor, scaled, shifted
from emdsl.arrays.expressions import Apply, Array, Named
from emdsl.kernels.kernel import Kernel, Kinds, Naturals, Posterior

LOGDET: Kinds = (("logdet", 1.0),)
MATRIX: Kinds = (("power", 1.0),)
INVERSE: Kinds = (("inverse", 1.0),)


@dataclass(frozen=True)
class WishartKernel(Kernel):
    name: str = "Wishart"

    def refusal(self, symbol: Symbol, signature: frozenset[Kinds]) -> str | None:
        if symbol.kind != "cov":
            return "its support is not the positive definite matrices"
        if signature in ({LOGDET, MATRIX}, {LOGDET, INVERSE}):
            return None
        return "it enters otherwise than by its log determinant and itself or its inverse"

    def mode(self, naturals: Naturals) -> Array:
        inverted = INVERSE in naturals.parts
        scatter = naturals.parts[INVERSE if inverted else MATRIX]
        factor = -1.0 if inverted else 1.0
        scatter, count = common_factor(scaled(scatter, -1.0), scaled(naturals.parts[LOGDET], factor))
        fitted = Apply("covariance", (scatter, count, f'"{naturals.symbol.name}"'), naturals.axes)
        return fitted if inverted else Apply("inverse", (fitted,), naturals.axes)

    def posterior(self, naturals: Naturals) -> Posterior:
        """Wishart(df, scale) with mean df · scale, or inverse Wishart(df, scale) with mean scale / (df − D − 1)."""
        dimension = Named(f"{naturals.size_text(naturals.axes[-1].size)}")
        if INVERSE in naturals.parts:
            df = scaled(naturals.parts[LOGDET], -2.0)
            df = Apply("-", (shifted(df, -1.0), dimension), df.axes)
            return {"df": df, "scale": Apply("symmetric", (scaled(naturals.parts[INVERSE], -2.0),), naturals.axes)}
        df = scaled(naturals.parts[LOGDET], 2.0)
        df = Apply("+", (shifted(df, 1.0), dimension), df.axes)
        scale = Apply(
            "inverse", (Apply("symmetric", (scaled(naturals.parts[MATRIX], -2.0),), naturals.axes),), naturals.axes
        )
        return {"df": df, "scale": scale}
