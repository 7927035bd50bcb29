"""Normal law on vectors.

    MvNormal(x | mean, prec) = |prec / 2π|^½ exp(-½ (x - mean)ᵀ prec (x - mean)),   cov = prec⁻¹,  chol cholᵀ = cov

Mean `mean`, covariance prec⁻¹. [Kotz2000, ch. 45]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Alternative, Argument, Family
from emdsl.families.notation import PI, dim, gram, inv, log, logdet


def log_density(x: Expression, mean: Expression, prec: Expression) -> Expression:
    return -((x - mean) @ prec @ (x - mean)) / 2 + logdet(prec) / 2 - dim(x) * log(2 * PI) / 2


def sample(rng: np.random.Generator, size: tuple[int, ...], mean: Any, prec: Any) -> np.ndarray[Any, Any]:
    # With prec = L Lᵀ, the solution of Lᵀ y = z has covariance prec⁻¹.
    prec = np.asarray(prec)
    upper = np.swapaxes(np.linalg.cholesky(prec), -1, -2)
    noise = rng.standard_normal((*size, prec.shape[-1], 1))
    draws: np.ndarray[Any, Any] = mean + np.linalg.solve(upper, noise)[..., 0]
    return draws


MV_NORMAL = Family(
    name="MvNormal",
    support="real",
    dims=("D",),
    arguments=(Argument("mean", "real", ("D",)), Argument("prec", "cov", ("D",))),
    positional=1,
    log_density=log_density,
    sample=sample,
    alternatives=(
        Alternative(Argument("cov", "cov", ("D",)), "prec", lambda cov: inv(cov)),
        Alternative(Argument("chol", "real", ("D", "D")), "prec", lambda chol: inv(gram(chol))),
    ),
)
