"""Dirichlet kernel: support simplex, statistics log π.

exponent = Σ_k η_k log π_k        mode π_k = η_k / Σ η        posterior Dirichlet(η + 1)
"""

from __future__ import annotations

from dataclasses import dataclass

from emdsl.algebra.symbols import Symbol
from emdsl.arrays.algebra import apply, coefficients, shifted
from emdsl.arrays.expressions import Array
from emdsl.kernels.kernel import Kernel, Kinds, Naturals, Posterior

LOG: Kinds = (("log", 1.0),)


@dataclass(frozen=True)
class DirichletKernel(Kernel):
    name: str = "Dirichlet"

    def refusal(self, symbol: Symbol, signature: frozenset[Kinds]) -> str | None:
        if symbol.kind != "simplex":
            return "its support is no simplex"
        return None if signature == {LOG} else "the probabilities enter otherwise than by their logarithms"

    def mode(self, naturals: Naturals) -> Array:
        counts = naturals.parts[LOG]
        if min(coefficients(counts)) < 0:  # a prior that favours the boundary
            return apply("interior_share", counts, f'"{naturals.symbol.name}"')
        return apply("normalised", counts)

    def posterior(self, naturals: Naturals) -> Posterior:
        return {"concentration": shifted(naturals.parts[LOG], 1.0)}
