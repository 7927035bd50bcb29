"""Law of the exponential of a normal variable; its arguments belong to the logarithm.

    LogNormal(x | mean, prec) = Normal(log x | mean, prec) / x

Mean exp(mean + 1/(2 prec)). [Johnson1994, ch. 14]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families import normal
from emdsl.families.family import Argument, Family
from emdsl.families.notation import log


def log_density(x: Expression, mean: Expression, prec: Expression) -> Expression:
    return normal.log_density(log(x), mean, prec) - log(x)


def sample(rng: np.random.Generator, size: tuple[int, ...], mean: Any, prec: Any) -> np.ndarray[Any, Any]:
    return np.asarray(np.exp(normal.sample(rng, size, mean, prec)))


LOG_NORMAL = Family(
    name="LogNormal",
    support="positive",
    dims=(),
    arguments=(Argument("mean", "real"), Argument("prec", "positive")),
    positional=1,
    log_density=log_density,
    sample=sample,
    alternatives=normal.SPREADS,
)
