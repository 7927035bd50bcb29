"""Bernoulli law on {0, 1}.

    Bernoulli(x | p) = p^x (1-p)^(1-x),   logit = log p - log(1-p)

Mean p. By the logit, log(1-p) = -log(1 + exp(logit)). [Johnson2005, ch. 3]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Array, Expression, Subscript
from emdsl.families.family import Argument, Augmentation, Family
from emdsl.families.notation import exp, log, log1p, log_polya_gamma, logit


def log_density(x: Expression, p: Expression) -> Expression:
    return x * log(p) + (1 - x) * log1p(-p)


def outcomes_apart(x: Expression, p: Expression) -> Expression:
    return log(Subscript(Array((1 - p, p)), (x,)))


def log_density_by_logit(x: Expression, logit: Expression) -> Expression:
    return x * logit - log1p(exp(logit))


def log_joint_by_logit(x: Expression, u: Expression, logit: Expression) -> Expression:
    """e^(x a) / (1 + e^a) = ½ e^((x − ½) a) ∫ e^(−u a² / 2) PG(u | 1, 0) du. [Polson2013]"""
    return (x - 0.5) * logit - u * logit**2 / 2 + log_polya_gamma(u) - log(2)


def log_joint(x: Expression, u: Expression, p: Expression) -> Expression:
    return log_joint_by_logit(x, u, logit(p))


def sample(rng: np.random.Generator, size: tuple[int, ...], p: Any) -> np.ndarray[Any, Any]:
    return np.asarray(rng.random(size) < p, dtype=np.int64)


def sample_by_logit(rng: np.random.Generator, size: tuple[int, ...], logit: Any) -> np.ndarray[Any, Any]:
    # A logistic variable lies below `logit` with probability p.
    return np.asarray(rng.logistic(size=size) < logit, dtype=np.int64)


BERNOULLI = Family(
    name="Bernoulli",
    support="index",
    dims=(2,),
    arguments=(Argument("p", "unit"),),
    positional=1,
    log_density=log_density,
    sample=sample,
    outcomes_apart=outcomes_apart,
    augmentations=(Augmentation("Pólya-Gamma", log_joint),),
    variants=(
        Family(
            name="Bernoulli",
            support="index",
            dims=(2,),
            arguments=(Argument("logit", "real"),),
            positional=0,
            log_density=log_density_by_logit,
            sample=sample_by_logit,
            augmentations=(Augmentation("Pólya-Gamma", log_joint_by_logit),),
        ),
    ),
)
