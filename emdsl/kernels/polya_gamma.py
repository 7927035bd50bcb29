"""Pólya-Gamma kernel: support positive, statistics the log density of PG(1, 0) and v.

    exponent = b log PG(v | 1, 0) − c² v / 2        v ~ PG(b, c)

b log PG(v | 1, 0) stands for the log density of PG(b, 0), the law of a sum of b such variables: what the law of v is
tilted from. A variable of it is summed out and has no mode of its own. [Polson2013]
"""

from __future__ import annotations

from dataclasses import dataclass

from emdsl.algebra.symbols import Symbol
from emdsl.arrays.algebra import scaled
from emdsl.arrays.expressions import Array
from emdsl.errors import CompilerBug
from emdsl.kernels.kernel import Kernel, Kinds, Naturals, Posterior

TILTED: Kinds = (("polya_gamma", 1.0),)
VALUE: Kinds = (("power", 1.0),)


@dataclass(frozen=True)
class PolyaGammaKernel(Kernel):
    name: str = "Pólya-Gamma"

    def refusal(self, symbol: Symbol, signature: frozenset[Kinds]) -> str | None:
        if symbol.kind != "positive":
            return "its support is not the positive numbers"
        fits = signature == {TILTED, VALUE}
        return None if fits else "its support is not that of an auxiliary variable"

    def mode(self, naturals: Naturals) -> Array:
        raise CompilerBug("the mode of an auxiliary variable")

    def posterior(self, naturals: Naturals) -> Posterior:
        return {"trials": naturals.parts[TILTED], "tilt": scaled(naturals.parts[VALUE], -2.0)}
