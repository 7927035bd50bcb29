"""Gamma law on the positive half-line.

    Gamma(x | shape, rate) = rate^shape x^(shape-1) exp(-rate x) / Γ(shape),   scale = 1/rate

Mean shape/rate, variance shape/rate². [Johnson1994, ch. 17]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Alternative, Argument, Family
from emdsl.families.notation import lgamma, log


def log_density(x: Expression, shape: Expression, rate: Expression) -> Expression:
    return shape * log(rate) - lgamma(shape) + (shape - 1) * log(x) - rate * x


def sample(rng: np.random.Generator, size: tuple[int, ...], shape: Any, rate: Any) -> np.ndarray[Any, Any]:
    return rng.gamma(shape, 1 / np.asarray(rate), size)


GAMMA = Family(
    name="Gamma",
    support="positive",
    dims=(),
    arguments=(Argument("shape", "positive"), Argument("rate", "positive")),
    positional=1,
    log_density=log_density,
    sample=sample,
    alternatives=(Alternative(Argument("scale", "positive"), "rate", lambda scale: 1 / scale),),
)
