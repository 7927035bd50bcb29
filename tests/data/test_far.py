"""A covariate whose spread is small beside its distance from zero is warned of, where that costs digits."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import emdsl as em

RNG = np.random.default_rng(2)
X = RNG.normal(size=40)
Y = 1 + 2 * X + RNG.normal(size=40)
LINE = """model M plate n in N given x[n] : real param a : real param b : real param v : positive
observed y[n] ~ Normal(a + b * x[n], var=v)"""
DESIGN = "model M plate n in N given X[n] : real[P] param b : real[P] observed y[n] ~ Normal(X[n] @ b, sd=1)"
PAST = """model M time t in T param a : real param b : real param v : positive
observed y[0] ~ Normal(0, sd=1e9) observed y[t] ~ Normal(a + b * y[t-1], var=v)"""


@pytest.mark.parametrize(
    "text, data, column",
    [
        (LINE, {"x": X + 1e7, "y": Y}, "x"),
        (DESIGN, {"X": np.stack([np.ones(40), X, X + 1e7], axis=1), "y": Y}, r"X\[..., 2\]"),
        (PAST, {"y": Y + 1e7}, "y"),
    ],
    ids=["line", "design", "past"],
)
def test_a_covariate_far_from_zero(text: str, data: dict[str, Any], column: str) -> None:
    with pytest.warns(UserWarning, match=rf"`{column}` lies around 1e\+07 with a spread of .*; subtract its mean"):
        em.parse(text)().fit(data, n_init=1)


@pytest.mark.parametrize(
    "text, data",
    [
        (LINE, {"x": X + 1e4, "y": Y}),
        (LINE, {"x": np.full(40, 1e7), "y": Y}),
        (LINE.replace("a + b * x[n]", "a + x[n]").replace("param b : real", ""), {"x": X + 1e7, "y": Y + 1e7}),
        (LINE.replace("a + b * x[n]", "b * x[n]").replace("param a : real", ""), {"x": X + 1e7, "y": Y}),
    ],
    ids=["near", "constant", "offset", "alone"],
)
def test_no_warning_where_no_digits_are_lost(text: str, data: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        em.parse(text)().fit(data, n_init=1)
