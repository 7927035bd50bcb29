"""Beta prime kernel: support positive, statistics log v and log(1 + v / c), and v where a Gamma prior stands.

    exponent = a log v − Σ_i b_i log(1 + v / c_i) − r v        mode: a / v = Σ_i b_i / (v + c_i) + r

With one sum and no prior v = a c / (b − a). The mean of negative binomial counts of size c: v / (v + c) is Beta
distributed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from emdsl.algebra.symbols import Symbol
from emdsl.arrays.algebra import scaled
from emdsl.arrays.expressions import Apply, Array
from emdsl.errors import CompilerBug
from emdsl.kernels.kernel import Kernel, Kinds, Naturals, Posterior

LOG: Kinds = (("log", 1.0),)
LINEAR: Kinds = (("power", 1.0),)


@dataclass(frozen=True)
class BetaPrimeKernel(Kernel):
    name: str = "beta prime"

    def refusal(self, symbol: Symbol, signature: frozenset[Kinds]) -> str | None:
        if symbol.kind != "positive":
            return "its support is not the positive numbers"
        sums = sums_in(signature)
        fits = sums and LOG in signature and signature <= {LOG, LINEAR, *sums}
        return None if fits else "its support has other laws"

    def open_reason(self, symbol: Symbol, signature: frozenset[Kinds]) -> str:
        return "" if len(sums_in(signature)) == 1 else "the one root of its score, found between bounds"

    def mode(self, naturals: Naturals) -> Array:
        sums, rate = sums_in(naturals.parts), naturals.parts.get(LINEAR)
        scales = ", ".join(f"{kinds[0][1]!r}" for kinds in sums)
        falls = 0.0 if rate is None else scaled(rate, -1.0)
        tails = (scaled(naturals.parts[kinds], -1.0) for kinds in sums)
        arguments = (f'"{naturals.symbol.name}"', f"[{scales}]", naturals.parts[LOG], falls, *tails)
        return Apply("beta_prime_mode", arguments, naturals.axes)

    def posterior(self, naturals: Naturals) -> Posterior:
        raise CompilerBug("no prior of the language is conjugate to a beta prime law")


def sums_in(signature: Iterable[Kinds]) -> list[Kinds]:
    """The statistics log(1 + v / c), the smallest c first."""
    return sorted(kinds for kinds in signature if len(kinds) == 1 and kinds[0][0] == "log1p")
