"""Probabilities that are exactly 0 or 1 in some states: what is impossible leaves the rest as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

import emdsl as em
from tests.oracles.networks import check_network

A = "model M() plate n in N param p : unit latent a[n] ~ Bernoulli(p) "
NOISY = " observed w[n] ~ Bernoulli(0.1 + 0.8 * a[n])"
EPIDEMIC = """model M() plate s in S time t in T param p : unit param q : unit param d : unit
    latent z[s, 0] ~ Bernoulli(p) latent z[s, t] ~ Bernoulli({}) observed y[s, t] ~ Bernoulli(d * z[s, t])"""
INFECTED = {"y": np.array([[0, 0, 1], [0, 1, 0], [0, 0, 0]])}
W = np.array([1, 0, 1])
TABLE = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.0, 0.25, 0.75]])

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "seen": (f"{A} observed y[n] ~ Bernoulli(a[n]) {NOISY}", {"y": np.array([1, 0, 0]), "w": W}),
    "seen three times": (f"{A} observed y[n] ~ Binomial(3, a[n]) {NOISY}", {"y": np.array([3, 0, 0]), "w": W}),
    "negated": (f"{A} latent x[n] ~ Bernoulli(1 - a[n]) observed w[n] ~ Bernoulli(0.1 + 0.8 * x[n])", {"w": W}),
    "either": (
        f"""{A} latent b[n] ~ Bernoulli(0.4) latent x[n] ~ Bernoulli(1 - (1 - a[n]) * (1 - b[n]))
        observed w[n] ~ Poisson(1 + x[n])""",
        {"w": W},
    ),
    "one of two": (
        f"""{A} latent b[n] ~ Bernoulli(0.4) observed w[n] ~ Bernoulli(a[n] + b[n] - 2 * a[n] * b[n])
        observed u[n] ~ Bernoulli(0.2 + 0.6 * b[n])""",
        {"w": W, "u": np.array([1, 0, 0])},
    ),
    "half certain": (
        f"{A} latent x[n] ~ Bernoulli(0.5 + 0.5 * a[n]) observed w[n] ~ Poisson(1 + x[n])", {"w": W},
    ),
    "no recovery": (EPIDEMIC.format("1 - (1 - z[s, t-1]) * (1 - q)"), INFECTED),
    "no recovery, as a sum": (EPIDEMIC.format("z[s, t-1] + (1 - z[s, t-1]) * q"), INFECTED),
    "a given table with zeros": (
        """model M() plate n in N, g in 3 given tab[g] : simplex[3] param pi : simplex[3] latent m[n] ~ Categorical(pi)
        observed y[n] ~ Categorical(tab[m[n]])""",
        {"tab": TABLE, "y": np.array([0, 1, 2, 1])},
    ),
    "given probabilities of 0 and 1": (
        """model M() plate n in N given q[n] : unit param p : unit latent a[n] ~ Bernoulli(q[n])
        latent b[n] ~ Bernoulli(p) observed w[n] ~ Poisson(1 + a[n] + 2 * b[n])""",
        {"q": np.array([0.0, 1.0, 0.3]), "w": W},
    ),
    "given laws with zeros": (
        """model M() plate n in N given q[n] : simplex[3] param r : positive latent x[n] ~ Categorical(q[n])
        observed w[n] ~ Poisson(r * (1 + x[n]))""",
        {"q": TABLE, "w": W},
    ),
    "the larger of two": (
        f"""{A} latent b[n] ~ Bernoulli(0.4) observed y[n] ~ Bernoulli(max(a[n], b[n])) {NOISY}
        observed u[n] ~ Bernoulli(0.2 + 0.6 * b[n])""",
        {"y": np.array([1, 0, 1]), "w": W, "u": np.array([1, 0, 0])},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_against_brute_force(name: str) -> None:
    text, data = CASES[name]
    check_network(text, {}, data, fit=False)


def test_efforts_of_nothing_and_of_certainty() -> None:
    text = "model M() plate n in N given e[n] : unit param d : unit observed y[n] ~ Bernoulli(d * e[n])"
    fit = em.parse(text)().fit(e=np.array([0.0, 1.0, 0.5]), y=np.array([0, 1, 0]), init={"d": 0.4}, max_iter=0)
    assert fit.log_likelihood == pytest.approx(np.log(0.4 * 0.8), rel=1e-12)


@pytest.mark.parametrize("trials", ["m[n]", "tr[m[n]]"])
def test_trials_that_a_latent_chooses(trials: str) -> None:
    text = f"""model M() plate n in N, k in 4 given tr[k] : count param p : unit param w : simplex[4]
        latent m[n] ~ Categorical(w) observed y[n] ~ Binomial({trials}, p)"""
    y, table, w, p = np.array([0, 2, 1, 3]), np.arange(4), np.array([0.1, 0.2, 0.3, 0.4]), 0.6
    data = {"y": y} | ({"tr": table} if "tr" in trials else {})
    fit = em.parse(text if "tr" in trials else text.replace("given tr[k] : count", ""))().fit(
        data, init={"p": p, "w": w}, max_iter=0
    )
    joint = w * stats.binom.pmf(y[:, None], table, p)
    assert fit.log_likelihood == pytest.approx(np.log(joint.sum(axis=1)).sum(), rel=1e-12)
    np.testing.assert_allclose(fit.posterior["m"].probabilities, joint / joint.sum(axis=1, keepdims=True), atol=1e-14)
    assert np.isfinite(em.parse(text)().fit(y=y, tr=table, n_init=2).log_likelihood)
