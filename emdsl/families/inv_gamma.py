"""Inverse Gamma law: that of 1/y with y ~ Gamma(shape, rate=scale).

    InvGamma(x | shape, scale) = scale^shape x^(-shape-1) exp(-scale / x) / Γ(shape)

Mean scale/(shape - 1) for shape > 1. [Gelman2013, app. A]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Argument, Family
from emdsl.families.notation import lgamma, log


def log_density(x: Expression, shape: Expression, scale: Expression) -> Expression:
    return shape * log(scale) - lgamma(shape) - (shape + 1) * log(x) - scale / x


def sample(rng: np.random.Generator, size: tuple[int, ...], shape: Any, scale: Any) -> np.ndarray[Any, Any]:
    draws: np.ndarray[Any, Any] = scale / rng.gamma(shape, 1.0, size)
    return draws


INV_GAMMA = Family(
    name="InvGamma",
    support="positive",
    dims=(),
    arguments=(Argument("shape", "positive"), Argument("scale", "positive")),
    positional=1,
    log_density=log_density,
    sample=sample,
)
