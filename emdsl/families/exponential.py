"""Exponential law on the positive half-line.

    Exponential(x | rate) = rate exp(-rate x)

Mean 1/rate. [Johnson1994, ch. 19]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Argument, Family
from emdsl.families.notation import log


def log_density(x: Expression, rate: Expression) -> Expression:
    return log(rate) - rate * x


def sample(rng: np.random.Generator, size: tuple[int, ...], rate: Any) -> np.ndarray[Any, Any]:
    return rng.exponential(1 / np.asarray(rate), size)


EXPONENTIAL = Family(
    name="Exponential",
    support="positive",
    dims=(),
    arguments=(Argument("rate", "positive"),),
    positional=0,
    log_density=log_density,
    sample=sample,
)
