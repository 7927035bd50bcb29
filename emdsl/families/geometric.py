"""Geometric law on 0, 1, …: failures before the first success.

    Geometric(x | p) = p (1-p)^x

Mean (1 - p)/p. [Johnson2005, ch. 5]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Argument, Family
from emdsl.families.notation import log, log1p


def log_density(x: Expression, p: Expression) -> Expression:
    return log(p) + x * log1p(-p)


def sample(rng: np.random.Generator, size: tuple[int, ...], p: Any) -> np.ndarray[Any, Any]:
    # numpy counts the trials, the success included.
    return np.asarray(rng.geometric(p, size)) - 1


GEOMETRIC = Family(
    name="Geometric",
    support="count",
    dims=(),
    arguments=(Argument("p", "unit"),),
    positional=1,
    log_density=log_density,
    sample=sample,
)
