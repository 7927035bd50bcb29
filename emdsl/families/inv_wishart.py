"""Inverse Wishart law: that of y⁻¹ with y ~ Wishart(df, scale=scale⁻¹), df > D - 1.

    InvWishart(x | df, scale) = |scale|^(df/2) |x|^(-(df+D+1)/2) exp(-½ tr(scale x⁻¹)) / (2^(df D/2) Γ_D(df/2))

Mean scale/(df - D - 1) for df > D + 1. [Gupta2000, ch. 3]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families import wishart
from emdsl.families.family import Argument, Family
from emdsl.families.notation import dim, inv, log, log_multigamma, logdet, trace


def log_density(x: Expression, df: Expression, scale: Expression) -> Expression:
    constant = df * dim(x) * log(2) / 2 - df * logdet(scale) / 2 + log_multigamma(df / 2, dim(x))
    return -(df + dim(x) + 1) * logdet(x) / 2 - trace(scale @ inv(x)) / 2 - constant


def sample(rng: np.random.Generator, size: tuple[int, ...], df: Any, scale: Any) -> np.ndarray[Any, Any]:
    return np.linalg.inv(wishart.sample(rng, size, df, np.linalg.inv(scale)))


INV_WISHART = Family(
    name="InvWishart",
    support="cov",
    dims=("D",),
    arguments=(Argument("df", "positive"), Argument("scale", "cov", ("D",))),
    positional=1,
    log_density=log_density,
    sample=sample,
)
