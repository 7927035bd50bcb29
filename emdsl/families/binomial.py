"""Binomial law on 0, …, n: successes in n independent trials.

    Binomial(x | n, p) = n! / (x! (n-x)!) p^x (1-p)^(n-x),   logit = log p - log(1-p)

Mean n p. [Johnson2005, ch. 3]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Argument, Augmentation, Family
from emdsl.families.notation import absolute, exp, lgamma, log, log1p, log_polya_gamma, logit


def log_binomial(n: Expression, x: Expression) -> Expression:
    """The log of the binomial coefficient of n over x."""
    return lgamma(n + 1) - lgamma(x + 1) - lgamma(n - x + 1)


def log_density(x: Expression, n: Expression, p: Expression) -> Expression:
    return log_binomial(n, x) + x * log(p) + (n - x) * log1p(-p)


def outcomes_apart(x: Expression, n: Expression, p: Expression) -> Expression:
    return log_binomial(n, x) + x * log(p) + absolute(n - x) * log1p(-p)


def log_density_by_logit(x: Expression, n: Expression, logit: Expression) -> Expression:
    return log_binomial(n, x) + x * logit - n * log1p(exp(logit))


def log_joint_by_logit(x: Expression, u: Expression, n: Expression, logit: Expression) -> Expression:
    """e^(x a) / (1 + e^a)^n = 2^(−n) e^((x − n/2) a) ∫ e^(−u a² / 2) PG(u | n, 0) du. [Polson2013]"""
    tilted = (x - n / 2) * logit - u * logit**2 / 2 + n * log_polya_gamma(u)
    return log_binomial(n, x) + tilted - n * log(2)


def log_joint(x: Expression, u: Expression, n: Expression, p: Expression) -> Expression:
    return log_joint_by_logit(x, u, n, logit(p))


def sample(rng: np.random.Generator, size: tuple[int, ...], n: Any, p: Any) -> np.ndarray[Any, Any]:
    return np.asarray(rng.binomial(np.asarray(n, dtype=np.int64), p, size))


def sample_by_logit(rng: np.random.Generator, size: tuple[int, ...], n: Any, logit: Any) -> np.ndarray[Any, Any]:
    return sample(rng, size, n, np.exp(-np.logaddexp(0, -np.asarray(logit))))


BINOMIAL = Family(
    name="Binomial",
    support="count",
    dims=(),
    arguments=(Argument("n", "count"), Argument("p", "unit")),
    positional=2,
    log_density=log_density,
    sample=sample,
    outcomes_apart=outcomes_apart,
    augmentations=(Augmentation("Pólya-Gamma", log_joint),),
    variants=(
        Family(
            name="Binomial",
            support="count",
            dims=(),
            arguments=(Argument("n", "count"), Argument("logit", "real")),
            positional=1,
            log_density=log_density_by_logit,
            sample=sample_by_logit,
            augmentations=(Augmentation("Pólya-Gamma", log_joint_by_logit),),
        ),
    ),
)
