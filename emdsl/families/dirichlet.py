"""Dirichlet law on the simplex; the density is with respect to the first K-1 coordinates.

    Dirichlet(x | concentration) = Γ(Σ_k concentration_k) Π_k x_k^(concentration_k - 1) / Γ(concentration_k)

Mean concentration / Σ_k concentration_k. [Kotz2000, ch. 49]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Argument, Family
from emdsl.families.notation import lgamma, log, total


def log_density(x: Expression, concentration: Expression) -> Expression:
    return lgamma(total(concentration)) - total(lgamma(concentration)) + (concentration - 1) @ log(x)


def sample(rng: np.random.Generator, size: tuple[int, ...], concentration: Any) -> np.ndarray[Any, Any]:
    # Normalised Gamma(a) variables as Gamma(a + 1) u^(1/a), in logs: they underflow when a is small. [Marsaglia2000]
    concentration = np.asarray(concentration, dtype=float)
    shape = (*size, concentration.shape[-1])
    logs = np.log(rng.standard_gamma(concentration + 1, shape)) + np.log1p(-rng.random(shape)) / concentration
    weights = np.exp(logs - logs.max(axis=-1, keepdims=True))
    draws: np.ndarray[Any, Any] = weights / weights.sum(axis=-1, keepdims=True)
    return draws


DIRICHLET = Family(
    name="Dirichlet",
    support="simplex",
    dims=("K",),
    arguments=(Argument("concentration", "positive", ("K",)),),
    positional=1,
    log_density=log_density,
    sample=sample,
)
