"""Wishart law on symmetric positive definite matrices of order D, df > D - 1.

    Wishart(x | df, scale) = |x|^((df-D-1)/2) exp(-½ tr(scale⁻¹ x)) / (2^(df D/2) |scale|^(df/2) Γ_D(df/2))

Mean df · scale. [Gupta2000, ch. 3]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Argument, Family
from emdsl.families.notation import dim, inv, log, log_multigamma, logdet, trace


def log_density(x: Expression, df: Expression, scale: Expression) -> Expression:
    constant = df * dim(x) * log(2) / 2 + df * logdet(scale) / 2 + log_multigamma(df / 2, dim(x))
    return (df - dim(x) - 1) * logdet(x) / 2 - trace(inv(scale) @ x) / 2 - constant


def sample(rng: np.random.Generator, size: tuple[int, ...], df: Any, scale: Any) -> np.ndarray[Any, Any]:
    # Bartlett's decomposition: x = F Fᵀ with F = cholesky(scale) A, A lower triangular, A_dd² ~ χ²(df - d),
    # A_de ~ Normal(0, 1). [Bartlett1933]
    scale = np.asarray(scale)
    dimension = scale.shape[-1]
    triangle = np.tril(rng.standard_normal((*size, dimension, dimension)), -1)
    degrees = np.asarray(df)[..., None] - np.arange(dimension)
    diagonal = np.sqrt(rng.chisquare(degrees, (*size, dimension)))
    factor = np.linalg.cholesky(scale) @ (triangle + diagonal[..., None] * np.eye(dimension))
    draws: np.ndarray[Any, Any] = factor @ np.swapaxes(factor, -1, -2)
    return draws


WISHART = Family(
    name="Wishart",
    support="cov",
    dims=("D",),
    arguments=(Argument("df", "positive"), Argument("scale", "cov", ("D",))),
    positional=1,
    log_density=log_density,
    sample=sample,
)
