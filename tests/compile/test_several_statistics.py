"""Positive parameters that enter by several statistics or meet in products: fits against maxima by scipy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import optimize, stats

import emdsl as em

RNG = np.random.default_rng(3)
LEVELS = RNG.uniform(0.5, 3.0, 4)
SOURCE, TARGET = RNG.integers(0, 4, (2, 30))
DATA = {
    "square": RNG.poisson(np.outer(LEVELS, LEVELS)),
    "w": RNG.uniform(0.5, 2.0, (4, 4)),
    "edges": RNG.poisson(LEVELS[SOURCE] * LEVELS[TARGET]),
    "x": RNG.gamma(3.0, 0.5, 40),
}


def outer(v: Any) -> Any:
    return np.outer(np.exp(v), np.exp(v))


MODELS: dict[str, tuple[str, dict[str, Any], Callable[[Any], float]]] = {
    "entries that meet": (
        "plate i in I, j in I  param a[i] : positive  observed y[i, j] ~ Poisson(a[i] * a[j])",
        {"y": DATA["square"]},
        lambda v: stats.poisson.logpmf(DATA["square"], outer(v)).sum(),
    ),
    "entries that meet under a prior": (
        """plate i in I, j in I  given w[i, j] : real  param a[i] : positive ~ Gamma(2, rate=1)
        observed y[i, j] ~ Poisson(w[i, j] * a[i] * a[j])""",
        {"y": DATA["square"], "w": DATA["w"]},
        lambda v: (
            stats.poisson.logpmf(DATA["square"], DATA["w"] * outer(v)).sum() + stats.gamma.logpdf(np.exp(v), 2).sum()
        ),
    ),
    "ends of edges": (
        """plate i in 4, e in E  given s[e] : index[4]  given t[e] : index[4]  param a[i] : positive
        observed y[e] ~ Poisson(a[s[e]] * a[t[e]])""",
        {"y": DATA["edges"], "s": SOURCE, "t": TARGET},
        lambda v: stats.poisson.logpmf(DATA["edges"], outer(v)[SOURCE, TARGET]).sum(),
    ),
    "a shape and a rate": (
        "plate n in N  param a : positive  param b : positive  observed x[n] ~ Gamma(a, rate=b)",
        {"x": DATA["x"]},
        lambda v: stats.gamma.logpdf(DATA["x"], np.exp(v[0]), scale=np.exp(-v[1])).sum(),
    ),
    "a variance with a gamma prior": (
        "plate n in N  param v : positive ~ Gamma(2, rate=1)  observed x[n] ~ Normal(1, var=v)",
        {"x": DATA["x"]},
        lambda v: (
            stats.norm.logpdf(DATA["x"], 1, np.exp(v[0] / 2)).sum() + stats.gamma.logpdf(np.exp(v[0]), 2)
        ),
    ),
    "a diagonal matrix written out": (
        """plate n in N  param a : positive  param b : positive
        observed x[n] : real[2] ~ MvNormal(0, cov=[[a, 0], [0, b]])""",
        {"x": DATA["x"].reshape(20, 2)},
        lambda v: stats.norm.logpdf(DATA["x"].reshape(20, 2), 0, np.exp(v / 2)).sum(),
    ),
    "a mean in units of its spread": (
        "plate n in N  param s : positive  observed x[n] ~ Normal(2 * s, sd=s)",
        {"x": DATA["x"]},
        lambda v: stats.norm.logpdf(DATA["x"], 2 * np.exp(v[0]), np.exp(v[0])).sum(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
def test_the_fit_is_the_maximum(name: str) -> None:
    text, data, objective = MODELS[name]
    fit = em.parse(f"model M()  {text}")().fit(**data, tol=1e-13, max_iter=5000, random_state=0)
    found = np.concatenate([np.log(np.atleast_1d(value)) for value in fit.params.values()])
    best = optimize.minimize(lambda v: -objective(v), np.zeros(len(found)), options={"gtol": 1e-7})
    np.testing.assert_allclose(fit.objective, objective(found), rtol=1e-9)
    np.testing.assert_allclose(found, best.x, atol=1e-4)
