"""Negative binomial law on 0, 1, …: a Poisson whose rate is Gamma(size, rate=size/mean).

    NegBinomial(x | mean, size) = Γ(x+size) / (Γ(size) x!) (size/(size+mean))^size (mean/(size+mean))^x

Mean `mean`, variance mean + mean²/size. [Johnson2005, ch. 5]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Argument, Augmentation, Family
from emdsl.families.notation import lgamma, log, log1p, log_polya_gamma


def log_density(x: Expression, mean: Expression, size: Expression) -> Expression:
    coefficient = lgamma(x + size) - lgamma(size) - lgamma(x + 1)
    # log(size/(size+mean)) as -log1p(mean/size): a large size is nearly Poisson.
    return coefficient + x * log(mean) - x * log(size + mean) - size * log1p(mean / size)


def log_joint(x: Expression, u: Expression, mean: Expression, size: Expression) -> Expression:
    """Poisson(x | mean u) Gamma(u | size, rate=size)."""
    counts = x * log(mean) + x * log(u) - mean * u - lgamma(x + 1)
    return counts + size * log(size) - lgamma(size) + (size - 1) * log(u) - size * u


def log_joint_by_logit(x: Expression, u: Expression, mean: Expression, size: Expression) -> Expression:
    """As of x among x + size trials with the logit log(mean / size). [Polson2013]"""
    logit = log(mean) - log(size)
    tilted = (x - size) / 2 * logit - u * logit**2 / 2 + (x + size) * log_polya_gamma(u)
    return lgamma(x + size) - lgamma(size) - lgamma(x + 1) + tilted - (x + size) * log(2)


def sample(rng: np.random.Generator, shape: tuple[int, ...], mean: Any, size: Any) -> np.ndarray[Any, Any]:
    return np.asarray(rng.poisson(rng.gamma(size, mean / np.asarray(size), shape)))


NEG_BINOMIAL = Family(
    name="NegBinomial",
    support="count",
    dims=(),
    arguments=(Argument("mean", "positive"), Argument("size", "positive")),
    positional=1,
    log_density=log_density,
    sample=sample,
    augmentations=(Augmentation("Gamma", log_joint), Augmentation("Pólya-Gamma", log_joint_by_logit)),
)
