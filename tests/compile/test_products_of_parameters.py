"""Parameters that multiply each other: each is maximised given the others, and starts where it can move."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import emdsl as em
from tests.oracles.networks import check_network

SERIES = np.array([0.3, -0.5, 0.1, 2.6, 3.1, 2.2])
X = np.array([0.5, -1.0, 0.2, 1.5, -0.3, 0.8])
AUTOREGRESSION = """model M() time t in T param mu : real {} param phi : real {} param v : positive
    observed y[0] ~ Normal(mu, var=4) observed y[t] ~ Normal(mu + phi * (y[t-1] - mu), var=v)"""
SWITCHING = """model M(K = 2) time t in T plate k in K given x[t] : real param A[k] : simplex[K]
    param start : simplex[K] param m[k] : real param b : real param phi : real param v : positive
    latent z[0] ~ Categorical(start) latent z[t] ~ Categorical(A[z[t-1]]) observed y[0] ~ Normal(m[z[0]], var=v)
    observed y[t] ~ Normal(m[z[t]] + b * x[t] + phi * (y[t-1] - m[z[t-1]] - b * x[t-1]), var=v)"""

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "about a mean": (AUTOREGRESSION.format("", ""), {"y": SERIES}),
    "about a mean with a prior": (AUTOREGRESSION.format("~ Normal(0, sd=9)", "~ Normal(0, sd=1)"), {"y": SERIES}),
    "about the mean of a state": (SWITCHING, {"y": SERIES, "x": X}),
}


@pytest.mark.parametrize("name", CASES)
def test_products_of_parameters(name: str) -> None:
    text, data = CASES[name]
    check_network(text, {}, data, fit=name != "about the mean of a state")


def test_products_of_parameters_with_posteriors() -> None:
    check_network(CASES["about a mean with a prior"][0], {}, {"y": SERIES}, "vb")


def test_a_product_of_two_factors_is_the_best_one() -> None:
    y = np.random.default_rng(3).normal(size=(8, 6)) + 2 * np.outer(np.arange(-3, 5), np.arange(-2, 4))
    fit = em.parse("""model M() plate i in I, j in J param a[i] : real param b[j] : real param v : positive
        observed y[i, j] ~ Normal(a[i] * b[j], var=v)""")().fit(y=y, tol=1e-12)
    u, s, v = np.linalg.svd(y)
    np.testing.assert_allclose(np.outer(fit.params["a"], fit.params["b"]), s[0] * np.outer(u[:, 0], v[0]), atol=1e-5)


def test_a_chain_of_means_starts_from_the_values_of_all_rows() -> None:
    """What the law of the first row says is no feature of the others."""
    rng, y = np.random.default_rng(0), [0.0]
    means = np.repeat([0.0, 4.0, 0.0, 4.0], 20)
    for before, mean in pairwise(means):
        y.append(mean + 0.5 * (y[-1] - before) + rng.normal(0, 0.5))
    fit = em.parse(SWITCHING.replace("+ b * x[t]", "").replace("- b * x[t-1]", "").replace("given x[t] : real", "")
        .replace("param b : real", "") + " order m by k")().fit(y=y, n_init=2)  # fmt: skip
    np.testing.assert_allclose(fit.params["m"], [0, 4], atol=0.4)
