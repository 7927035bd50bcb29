"""Beta law on the unit interval.

    Beta(x | a, b) = Γ(a+b) / (Γ(a) Γ(b)) x^(a-1) (1-x)^(b-1)

Mean a/(a + b). [Johnson1995, ch. 25]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Argument, Family
from emdsl.families.notation import lgamma, log, log1p


def log_density(x: Expression, a: Expression, b: Expression) -> Expression:
    return lgamma(a + b) - lgamma(a) - lgamma(b) + (a - 1) * log(x) + (b - 1) * log1p(-x)


def sample(rng: np.random.Generator, size: tuple[int, ...], a: Any, b: Any) -> np.ndarray[Any, Any]:
    return rng.beta(a, b, size)


BETA = Family(
    name="Beta",
    support="unit",
    dims=(),
    arguments=(Argument("a", "positive"), Argument("b", "positive")),
    positional=2,
    log_density=log_density,
    sample=sample,
)
