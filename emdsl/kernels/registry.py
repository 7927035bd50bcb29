"""All kernels of global variables, in the order in which they are tried."""

from __future__ import annotations

from collections.abc import Iterable

from emdsl.algebra.symbols import Symbol
from emdsl.kernels.ascent import TransitionAscent
from emdsl.kernels.beta import BetaKernel
from emdsl.kernels.beta_prime import BetaPrimeKernel
from emdsl.kernels.dirichlet import DirichletKernel
from emdsl.kernels.gamma import GammaKernel
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
    """The kernel that finds the mode of a variable with this signature; else None and the reason of the nearest one."""
    return _nearest((kernel, kernel.refusal(symbol, signature)) for kernel in KERNELS)


def match_law(symbol: Symbol, signature: frozenset[Kinds]) -> tuple[Kernel | None, str]:
    """The kernel that has the law of a variable with this signature; else None and the reason of the nearest one."""
    return _nearest((kernel, kernel.law_refusal(symbol, signature)) for kernel in KERNELS)


def _nearest(refusals: Iterable[tuple[Kernel, str | None]]) -> tuple[Kernel | None, str]:
    reasons = []
    for kernel, refusal in refusals:
        if refusal is None:
            return kernel, ""
        reasons.append(refusal)
    return None, max(reasons, key=lambda reason: not reason.startswith("its support"))
