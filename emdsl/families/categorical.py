"""Categorical law on 0, …, K-1.

    Categorical(x | p) = p_x,   p = softmax(logits)

[Johnson1997, ch. 35]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Argument, Family
from emdsl.families.notation import exp, log, total


def log_density(x: Expression, p: Expression) -> Expression:
    return log(p[x])


def log_density_by_logits(x: Expression, logits: Expression) -> Expression:
    return logits[x] - log(total(exp(logits)))


def sample(rng: np.random.Generator, size: tuple[int, ...], p: Any) -> np.ndarray[Any, Any]:
    # The number of cumulated probabilities that a uniform variable has passed.
    cumulated = np.cumsum(p, axis=-1)
    uniform = rng.random(size)[..., None] * cumulated[..., -1:]
    return np.asarray(np.sum(cumulated[..., :-1] <= uniform, axis=-1, dtype=np.int64))


def sample_by_logits(rng: np.random.Generator, size: tuple[int, ...], logits: Any) -> np.ndarray[Any, Any]:
    # The largest of logits + Gumbel noise is at k with probability softmax(logits)_k.
    logits = np.asarray(logits)
    return np.asarray(np.argmax(logits + rng.gumbel(size=(*size, logits.shape[-1])), axis=-1))


CATEGORICAL = Family(
    name="Categorical",
    support="index",
    dims=("K",),
    arguments=(Argument("p", "simplex", ("K",)),),
    positional=1,
    log_density=log_density,
    sample=sample,
    variants=(
        Family(
            name="Categorical",
            support="index",
            dims=("K",),
            arguments=(Argument("logits", "real", ("K",)),),
            positional=0,
            log_density=log_density_by_logits,
            sample=sample_by_logits,
        ),
    ),
)
