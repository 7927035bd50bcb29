"""Beta kernel: support unit, statistics log p and log(1 − p).

exponent = a log p + b log(1 − p)        mode p = a / (a + b)        posterior Beta(a + 1, b + 1)
"""

from __future__ import annotations

from dataclasses import dataclass

from emdsl.algebra.symbols import Symbol
from emdsl.arrays.algebra import apply, shifted
from emdsl.arrays.expressions import Array, Contraction, Total
from emdsl.kernels.kernel import Kernel, Kinds, Naturals, Posterior

LOG: Kinds = (("log", 1.0),)
LOG1M: Kinds = (("log1m", 1.0),)


@dataclass(frozen=True)
class BetaKernel(Kernel):
    name: str = "Beta"

    def refusal(self, symbol: Symbol, signature: frozenset[Kinds]) -> str | None:
        if symbol.kind != "unit":
            return "its support is not the unit interval"
        return None if signature <= {LOG, LOG1M} else "the probability enters otherwise than by log p and log(1 − p)"

    def mode(self, naturals: Naturals) -> Array:
        successes, failures, array = self._counts(naturals)
        one = 0.0 if successes is None else successes
        other = 0.0 if failures is None else failures
        if _takes_counts(successes, failures):
            return apply("interior_proportion", one, other, f'"{naturals.symbol.name}"', like=array)
        return apply("proportion", one, other, like=array)

    def _counts(self, naturals: Naturals) -> tuple[Array | None, Array | None, Array]:
        successes, failures = naturals.parts.get(LOG), naturals.parts.get(LOG1M)
        return successes, failures, next(item for item in (successes, failures) if item is not None)

    def posterior(self, naturals: Naturals) -> Posterior:
        successes, failures, array = self._counts(naturals)
        ones = apply("np.ones_like", array)
        return {
            "a": ones if successes is None else shifted(successes, 1.0),
            "b": ones if failures is None else shifted(failures, 1.0),
        }


def _takes_counts(successes: Array | None, failures: Array | None) -> bool:
    """Whether a constant part is negative: a prior that favours the boundary."""
    return any(
        part.coefficient < 0
        for array in (successes, failures)
        for part in (array.parts if isinstance(array, Total) else (array,))
        if isinstance(part, Contraction) and not part.operands
    )
