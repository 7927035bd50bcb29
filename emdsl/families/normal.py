"""Normal law on the real line.

    Normal(x | mean, prec) = (prec / 2π)^½ exp(-½ prec (x - mean)²),   sd = prec^-½,  var = 1/prec

Mean `mean`, variance 1/prec. [Johnson1994, ch. 13]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Alternative, Argument, Family
from emdsl.families.notation import PI, log


def log_density(x: Expression, mean: Expression, prec: Expression) -> Expression:
    return -prec * (x - mean) ** 2 / 2 + log(prec) / 2 - log(2 * PI) / 2


def sample(rng: np.random.Generator, size: tuple[int, ...], mean: Any, prec: Any) -> np.ndarray[Any, Any]:
    return rng.normal(mean, np.asarray(prec) ** -0.5, size)


#: Spellings of a precision, shared with the law of the exponential of a normal.
SPREADS = (
    Alternative(Argument("sd", "positive"), "prec", lambda sd: sd**-2),
    Alternative(Argument("var", "positive"), "prec", lambda var: 1 / var),
)

NORMAL = Family(
    name="Normal",
    support="real",
    dims=(),
    arguments=(Argument("mean", "real"), Argument("prec", "positive")),
    positional=1,
    log_density=log_density,
    sample=sample,
    alternatives=SPREADS,
)
