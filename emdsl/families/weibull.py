"""Weibull law on the positive half-line.

    Weibull(x | shape, scale) = (shape/scale) (x/scale)^(shape-1) exp(-(x/scale)^shape)

Mean scale Γ(1 + 1/shape). [Johnson1994, ch. 21]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Argument, Family
from emdsl.families.notation import log


def log_density(x: Expression, shape: Expression, scale: Expression) -> Expression:
    return log(shape) - shape * log(scale) + (shape - 1) * log(x) - (x / scale) ** shape


def sample(rng: np.random.Generator, size: tuple[int, ...], shape: Any, scale: Any) -> np.ndarray[Any, Any]:
    draws: np.ndarray[Any, Any] = scale * rng.weibull(shape, size)
    return draws


WEIBULL = Family(
    name="Weibull",
    support="positive",
    dims=(),
    arguments=(Argument("shape", "positive"), Argument("scale", "positive")),
    positional=1,
    log_density=log_density,
    sample=sample,
)
