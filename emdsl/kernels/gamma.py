"""Gamma kernel and its powers: support positive, statistics log v and one power v**p.

    exponent = a log v + b v**p        mode v**p = −a / (p b)

p = 1 is the Gamma law (a rate), −1 the inverse Gamma (a variance), −2 a standard deviation. v**p is Gamma distributed
with shape (a + 1)/p and rate −b.
"""

from __future__ import annotations

from dataclasses import dataclass

from emdsl.algebra.symbols import Symbol
from emdsl.arrays.algebra import common_factor, scaled, shifted
from emdsl.arrays.expressions import Apply, Array, Contraction
from emdsl.kernels.kernel import Kernel, Kinds, Naturals, Posterior

LOG: Kinds = (("log", 1.0),)


@dataclass(frozen=True)
class GammaKernel(Kernel):
    name: str = "Gamma"

    def refusal(self, symbol: Symbol, signature: frozenset[Kinds]) -> str | None:
        if symbol.kind != "positive":
            return "its support is not the positive numbers"
        powers = [kinds for kinds in signature if kinds != LOG]
        if any(len(kinds) != 1 or kinds[0][0] != "power" for kinds in powers):
            return "it enters otherwise than by its logarithm and a power"
        if len(powers) > 1:
            return "it enters by two different powers"
        if len(powers) == 0:
            return "only its logarithm enters, so that the likelihood has no maximum in it"
        return None if LOG in signature else "its logarithm does not enter, so that the likelihood has no maximum in it"

    def law_refusal(self, symbol: Symbol, signature: frozenset[Kinds]) -> str | None:
        """Where the logarithms cancel, exp(−b xᵖ) is a law all the same for p > 0, an exponential one for p = 1."""
        proper = any(kinds[0][0] == "power" and kinds[0][1] > 0 for kinds in signature)
        return self.refusal(symbol, signature | {LOG} if proper else signature)

    def mode(self, naturals: Naturals) -> Array:
        power = naturals.exponent()
        log_part, power_part = naturals.parts[LOG], naturals.parts[(("power", power),)]
        if power > 0:
            numerator, denominator = log_part, scaled(power_part, -power)
        else:
            numerator, denominator = scaled(power_part, power), scaled(log_part, -1.0)
        numerator, denominator = common_factor(numerator, denominator)
        name = f'"{naturals.symbol.name}"'
        function = "positive_root" if power > 0 else "spread_root"
        return Apply(function, (numerator, denominator, abs(1.0 / power), name), naturals.axes)

    def squares(self, naturals: Naturals) -> int | None:
        """What stands beside the power: of a spread the numerator, of a precision the denominator."""
        return 1 if naturals.exponent() > 0 else 0

    def posterior(self, naturals: Naturals) -> Posterior:
        power = naturals.exponent()
        log_part = naturals.parts.get(LOG, Contraction(0.0, (), naturals.axes))
        power_part = naturals.parts[(("power", power),)]
        return {"shape": scaled(shifted(log_part, 1.0), 1 / power), "rate": scaled(power_part, -1.0)}
