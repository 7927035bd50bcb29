"""Student's t on vectors.

    MvStudentT(x | df, mean, scatter)
        = Γ((df+D)/2) / (Γ(df/2) |π df scatter|^½) (1 + (x - mean)ᵀ scatter⁻¹ (x - mean) / df)^(-(df+D)/2)

Mean `mean` for df > 1, covariance scatter df / (df - 2) for df > 2. [Kotz2000, ch. 45; Kotz2004]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Argument, Augmentation, Family
from emdsl.families.notation import PI, dim, inv, lgamma, log, log1p, logdet


def log_density(x: Expression, df: Expression, mean: Expression, scatter: Expression) -> Expression:
    constant = lgamma((df + dim(x)) / 2) - lgamma(df / 2) - dim(x) * (log(df) + log(PI)) / 2 - logdet(scatter) / 2
    return constant - (df + dim(x)) / 2 * log1p((x - mean) @ inv(scatter) @ (x - mean) / df)


def log_joint(x: Expression, u: Expression, df: Expression, mean: Expression, scatter: Expression) -> Expression:
    """MvNormal(x | mean, cov=scatter/u) Gamma(u | df/2, rate=df/2)."""
    square = (x - mean) @ inv(scatter) @ (x - mean)
    normal = -u * square / 2 + dim(x) * log(u) / 2 - logdet(scatter) / 2 - dim(x) * log(2 * PI) / 2
    return normal + df / 2 * log(df / 2) - lgamma(df / 2) + (df / 2 - 1) * log(u) - df / 2 * u


def sample(rng: np.random.Generator, size: tuple[int, ...], df: Any, mean: Any, scatter: Any) -> np.ndarray[Any, Any]:
    # A normal whose precision is multiplied by a Gamma(df/2, rate=df/2) variable.
    scatter = np.asarray(scatter)
    noise = rng.standard_normal((*size, scatter.shape[-1], 1))
    inflation = np.sqrt(df / rng.chisquare(df, size))
    draws: np.ndarray[Any, Any] = mean + inflation[..., None] * (np.linalg.cholesky(scatter) @ noise)[..., 0]
    return draws


MV_STUDENT_T = Family(
    name="MvStudentT",
    support="real",
    dims=("D",),
    arguments=(Argument("df", "positive"), Argument("mean", "real", ("D",)), Argument("scatter", "cov", ("D",))),
    positional=2,
    log_density=log_density,
    sample=sample,
    augmentations=(Augmentation("Gamma", log_joint, whole=True),),
)
