"""Gradient steps for transition probabilities that enter by their logarithms and by that of their stationary law.

exponent = Σ_kl η_kl log A_kl + Σ_k μ_k log π(A)_k        no counts give its mode, as π moves with all rows of A
"""

from __future__ import annotations

from dataclasses import dataclass

from emdsl.algebra.symbols import Symbol
from emdsl.arrays.algebra import apply, coefficients
from emdsl.arrays.expressions import Apply, Array
from emdsl.errors import CompilerBug
from emdsl.kernels.dirichlet import LOG
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
    def steps(self) -> bool:
        return True

    @property
    def beside_held(self) -> bool:
        return True

    def mode(self, naturals: Naturals) -> Array:
        assert naturals.current is not None
        counts = naturals.parts.get(LOG, 0.0)
        if not isinstance(counts, float) and min(coefficients(counts)) < 0:  # a prior that favours the boundary
            counts = apply("interior_counts", counts, f'"{naturals.symbol.name}"')
        return Apply("ascended_transitions", (naturals.current, counts, naturals.parts[LOG_LAW]), naturals.axes)

    def posterior(self, naturals: Naturals) -> Posterior:
        raise CompilerBug("no conjugate posterior beside a stationary law")
