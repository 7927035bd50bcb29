"""Student's t on the real line, located and scaled.

    StudentT(x | df, mean, scale) = Γ((df+1)/2) / (Γ(df/2) (π df)^½ scale) (1 + ((x - mean)/scale)² / df)^(-(df+1)/2)

Mean `mean` for df > 1, variance scale² df / (df - 2) for df > 2. [Johnson1995, ch. 28]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Argument, Augmentation, Family
from emdsl.families.notation import PI, lgamma, log, log1p


def log_density(x: Expression, df: Expression, mean: Expression, scale: Expression) -> Expression:
    constant = lgamma((df + 1) / 2) - lgamma(df / 2) - log(df) / 2 - log(PI) / 2 - log(scale)
    return constant - (df + 1) / 2 * log1p(((x - mean) / scale) ** 2 / df)


def log_joint(x: Expression, u: Expression, df: Expression, mean: Expression, scale: Expression) -> Expression:
    """Normal(x | mean, prec=u/scale²) Gamma(u | df/2, rate=df/2)."""
    normal = -u * scale**-2 * (x - mean) ** 2 / 2 + log(u) / 2 - log(scale) - log(2 * PI) / 2
    return normal + df / 2 * log(df / 2) - lgamma(df / 2) + (df / 2 - 1) * log(u) - df / 2 * u


def sample(rng: np.random.Generator, size: tuple[int, ...], df: Any, mean: Any, scale: Any) -> np.ndarray[Any, Any]:
    draws: np.ndarray[Any, Any] = mean + scale * rng.standard_t(df, size)
    return draws


STUDENT_T = Family(
    name="StudentT",
    support="real",
    dims=(),
    arguments=(Argument("df", "positive"), Argument("mean", "real"), Argument("scale", "positive")),
    positional=2,
    log_density=log_density,
    sample=sample,
    augmentations=(Augmentation("Gamma", log_joint),),
)
