"""Poisson law on 0, 1, ….

    Poisson(x | rate) = rate^x exp(-rate) / x!

Mean and variance `rate`. [Johnson2005, ch. 4]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Argument, Family
from emdsl.families.notation import lgamma, log


def log_density(x: Expression, rate: Expression) -> Expression:
    return x * log(rate) - rate - lgamma(x + 1)


def sample(rng: np.random.Generator, size: tuple[int, ...], rate: Any) -> np.ndarray[Any, Any]:
    return np.asarray(rng.poisson(rate, size))


POISSON = Family(
    name="Poisson",
    support="count",
    dims=(),
    arguments=(Argument("rate", "positive"),),
    positional=1,
    log_density=log_density,
    sample=sample,
)
