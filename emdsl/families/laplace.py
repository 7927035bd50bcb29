"""Laplace law on the real line.

    Laplace(x | mean, scale) = exp(-|x - mean| / scale) / (2 scale)

Mean `mean`, variance 2 scale². [Johnson1995, ch. 24]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Argument, Family
from emdsl.families.notation import absolute, log


def log_density(x: Expression, mean: Expression, scale: Expression) -> Expression:
    return -absolute(x - mean) / scale - log(scale) - log(2)


def sample(rng: np.random.Generator, size: tuple[int, ...], mean: Any, scale: Any) -> np.ndarray[Any, Any]:
    return rng.laplace(mean, scale, size)


LAPLACE = Family(
    name="Laplace",
    support="real",
    dims=(),
    arguments=(Argument("mean", "real"), Argument("scale", "positive")),
    positional=1,
    log_density=log_density,
    sample=sample,
)
