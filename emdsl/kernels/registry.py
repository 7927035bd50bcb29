"""All kernels of global variables, in the order in which they are tried."""

from __future__ import annotations

from emdsl.algebra.symbols import Symbol
from emdsl.kernels.ascent import TransitionAscent
from emdsl.kernels.beta import BetaKernel
from emdsl.kernels.beta_prime import BetaPrimeKernel
from emdsl.kernels.dirichlet import DirichletKernel
from emdsl.kernels.gamma import LOG, GammaKernel
from emdsl.kernels.gaussian import GaussianKernel
from emdsl.kernels.kernel import Kernel, Kinds
from emdsl.kernels.polya_gamma import PolyaGammaKernel
from emdsl.kernels.positive import PositiveNewton, ProductAscent
from emdsl.kernels.wishart import WishartKernel

KERNELS: tuple[Kernel, ...] = (
    DirichletKernel(),
    TransitionAscent(),
    BetaKernel(),
    BetaPrimeKernel(),
    GammaKernel(),
    PolyaGammaKernel(),
    GaussianKernel(),
    WishartKernel(),
    PositiveNewton(),
    ProductAscent(),
)


def match(symbol: Symbol, signature: frozenset[Kinds]) -> tuple[Kernel | None, str]:
    """The kernel that fits a variable with this signature; else None and the reason of the nearest one."""
    reasons = []
    for kernel in KERNELS:
        refusal = kernel.refusal(symbol, signature)
        if refusal is None:
            return kernel, ""
        reasons.append(refusal)
    nearest = max(reasons, key=lambda reason: not reason.startswith("its support"))
    return None, nearest


def match_law(symbol: Symbol, signature: frozenset[Kinds]) -> tuple[Kernel | None, str]:
    """The same for a law in place of a mode: where the logarithms of a positive variable cancel, it is exponential."""
    kernel, reason = match(symbol, signature)
    if kernel is None and symbol.kind == "positive":
        kernel, _ = match(symbol, signature | {LOG})
    return kernel, reason
