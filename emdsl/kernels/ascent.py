"""Gradient steps for transition probabilities that enter by their logarithms and by that of their stationary law.

exponent = Σ_kl η_kl log A_kl + Σ_k μ_k log π(A)_k        no counts give its mode, as π moves with all rows of A

In place of its law stand the Dirichlet rows that are nearest by a bound on E log π(A).
"""

from __future__ import annotations

from dataclasses import dataclass

from emdsl.algebra.symbols import Symbol
from emdsl.arrays.algebra import apply, coefficients
from emdsl.arrays.expressions import Apply, Array
from emdsl.kernels.dirichlet import LOG, DirichletKernel
from emdsl.kernels.kernel import Kernel, Kinds, Naturals, Posterior

LOG_LAW: Kinds = (("log_stationary", 1.0),)


@dataclass(frozen=True)
class TransitionAscent(Kernel):
    name: str = "gradient"

    def refusal(self, symbol: Symbol, signature: frozenset[Kinds]) -> str | None:
        if symbol.kind != "simplex":
            return "its support is no simplex"
        fits = LOG_LAW in signature and signature <= {LOG, LOG_LAW}
        return None if fits else "the probabilities enter otherwise than by their logarithms"

    def open_reason(self, symbol: Symbol, signature: frozenset[Kinds]) -> str:
        name = symbol.name
        return f"`stationary({name})` moves with all of `{name}`, so a gradient step (L-BFGS) that never falls"

    @property
    def law(self) -> str:
        return DirichletKernel().law

    def open_law_reason(self, symbol: Symbol) -> str:
        name = symbol.name
        return (
            f"`stationary({name})` moves with all of `{name}`, so Dirichlet rows, by a gradient step (L-BFGS) on a "
            "bound that never falls"
        )

    @property
    def steps(self) -> bool:
        return True

    @property
    def beside_held(self) -> bool:
        return True

    def mode(self, naturals: Naturals) -> Array:
        assert naturals.current is not None
        counts: Array | float = naturals.parts.get(LOG, 0.0)
        if not isinstance(counts, float) and min(coefficients(counts)) < 0:  # a prior that favours the boundary
            counts = apply("interior_counts", counts, f'"{naturals.symbol.name}"')
        return Apply("ascended_transitions", (naturals.current, counts, naturals.parts[LOG_LAW]), naturals.axes)

    def posterior(self, naturals: Naturals) -> Posterior:
        assert naturals.current is not None
        arguments = (naturals.current, naturals.parts.get(LOG, 0.0), naturals.parts[LOG_LAW])
        return {"concentration": Apply("ascended_concentration", arguments, naturals.axes)}
