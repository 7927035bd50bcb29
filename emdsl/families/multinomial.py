"""Multinomial law on vectors of counts that sum to n.

    Multinomial(x | n, p) = n! Π_k p_k^x_k / x_k!

Mean n p. [Johnson1997, ch. 35]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Argument, Family
from emdsl.families.notation import lgamma, log, total


def log_density(x: Expression, n: Expression, p: Expression) -> Expression:
    return lgamma(n + 1) - total(lgamma(x + 1)) + x @ log(p)


def sample(rng: np.random.Generator, size: tuple[int, ...], n: Any, p: Any) -> np.ndarray[Any, Any]:
    p = np.asarray(p, dtype=float)
    return rng.multinomial(np.asarray(n, dtype=np.int64), p / p.sum(axis=-1, keepdims=True), size)


MULTINOMIAL = Family(
    name="Multinomial",
    support="count",
    dims=("K",),
    arguments=(Argument("n", "count"), Argument("p", "simplex", ("K",))),
    positional=2,
    log_density=log_density,
    sample=sample,
)
