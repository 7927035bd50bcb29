"""Long and extreme series, from the model's text to its fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import logsumexp

import emdsl as em

STATES = """
    model States(K = 2)  plate k in K  time t in T
    param start : simplex[K]  param A[k] : simplex[K]  param m[k] : real  param v[k] : positive
    latent z[0] ~ Categorical(start)  latent z[t] ~ Categorical(A[z[t-1]])
    observed y[t] ~ Normal(m[z[t]], var=v[z[t]])
"""
WALK = """
    model Walk()  time t in T  param q : positive  param r : positive
    latent x[0] ~ Normal(0, var=1)  latent x[t] ~ Normal(x[t-1], var=q)
    observed y[t] missing ~ Normal(x[t], var=r)
"""
TREND = """
    model Trend()  time t in T  param q : positive  param s : positive  param r : positive
    latent level[0] ~ Normal(0, var=1)  latent slope[0] ~ Normal(0, var=1)
    latent level[t] ~ Normal(level[t-1] + slope[t-1], var=q)  latent slope[t] ~ Normal(slope[t-1], var=s)
    observed y[t] ~ Normal(level[t], var=r)
"""


def recursion(y: np.ndarray, params: dict[str, Any]) -> tuple[float, np.ndarray]:
    """Log likelihood and posteriors of a finite chain, by sums of exponentials step by step."""
    with np.errstate(divide="ignore"):
        transition, start = np.log(params["A"]), np.log(params["start"])
    emission = -0.5 * (y[:, None] - params["m"]) ** 2 / params["v"] - 0.5 * np.log(2 * np.pi * params["v"])
    ahead, back, total = [start + emission[0]], [np.zeros(len(start))], 0.0
    for row in emission[1:]:
        total += (mass := float(np.logaddexp.reduce(ahead[-1])))
        ahead.append(np.logaddexp.reduce(ahead[-1][:, None] - mass + transition, axis=0) + row)
    for row in emission[:0:-1]:
        message = np.logaddexp.reduce(transition + row + back[-1], axis=1)
        back.append(message - np.logaddexp.reduce(message))
    joint = np.array(ahead) + np.array(back[::-1])
    return total + float(logsumexp(ahead[-1])), np.exp(joint - logsumexp(joint, axis=1, keepdims=True))


def filtered(y: np.ndarray, step: np.ndarray, noise: np.ndarray, var: float) -> float:
    """The log likelihood of a Gaussian chain seen in its first entry, by prediction and correction; NaN is missing."""
    mean, cov, total = np.zeros(len(step)), np.eye(len(step)), 0.0
    for place, value in enumerate(y):
        if place:
            mean, cov = step @ mean, step @ cov @ step.T + noise
        if np.isnan(value):
            continue
        spread, gap = cov[0, 0] + var, value - mean[0]
        total -= 0.5 * (np.log(2 * np.pi * spread) + gap**2 / spread)
        gain = cov[:, 0] / spread
        mean, cov = mean + gain * gap, cov - np.outer(gain, cov[0])
    return total


def at(text: str, y: np.ndarray, params: dict[str, Any]) -> Any:
    return em.parse(text)(**({"K": len(params["start"])} if "start" in params else {})).fit(
        y=y, init=params, max_iter=0
    )


EXTREME = {
    "near-deterministic": (1 - 1e-9, 1.0),
    "nearly cyclic": (1e-12, 1.0),
    "impossible moves": (1.0, 1.0),
    "far outliers": (0.9, 1e4),
    "minute noise": (0.9, 1e-8),
}


@pytest.mark.parametrize("name", EXTREME)
def test_extreme_chains(name: str) -> None:
    stay, scale = EXTREME[name]
    rng = np.random.default_rng(0)
    params = {
        "start": np.array([1.0, 0.0]) if name == "impossible moves" else np.array([0.5, 0.5]),
        "A": np.array([[stay, 1 - stay], [0.0, 1.0]] if stay == 1.0 else [[stay, 1 - stay], [1 - stay, stay]]),
        "m": np.array([0.0, 1.0]),
        "v": np.array([1.0, 2.0]) * min(scale, 1.0),
    }
    y = max(scale, 1.0) * rng.normal(size=3000)
    fit = at(STATES, y, params)
    likelihood, posterior = recursion(y, params)
    assert fit.log_likelihood == pytest.approx(likelihood, rel=1e-11)
    np.testing.assert_allclose(fit.posterior["z"], posterior, atol=1e-7)


def test_a_million_rows() -> None:
    rng = np.random.default_rng(0)
    states = (rng.random(1_000_000) < 0.05).cumsum() % 2
    y = np.array([-2.0, 1.0])[states] + rng.normal(size=len(states))
    fit = em.parse(STATES)().fit(y=y, n_init=1, random_state=0, max_iter=30)
    order = np.argsort(fit.params["m"])
    np.testing.assert_allclose(fit.params["m"][order], [-2.0, 1.0], atol=0.02)
    np.testing.assert_allclose(fit.params["v"], 1.0, atol=0.02)
    np.testing.assert_allclose(np.diag(fit.params["A"]), 0.95, atol=0.005)


def test_states_that_are_never_visited() -> None:
    rng = np.random.default_rng(1)
    params = {
        "start": np.array([0.4, 0.4, 0.2]),
        "A": np.array([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]]),
        "m": np.array([-1.0, 1.0, 1e4]),
        "v": np.ones(3),
    }
    y = rng.normal(size=500)
    fit = em.parse(STATES)(K=3).fit(y=y, init=params, max_iter=20, tol=0)
    assert all(np.isfinite(value).all() for value in fit.params.values())
    assert np.all(np.diff(fit.history) >= -1e-9 * abs(fit.objective))
    assert fit.posterior["z"].probabilities[:, 2].max() < 1e-100
    np.testing.assert_allclose(fit.params["A"].sum(axis=1), 1.0)


def lost(y: np.ndarray, var: float) -> float:
    """What squares about zero lose: the rounding of Σ y²/var, whose terms cancel in the likelihood."""
    return 4 * float(np.finfo(float).eps * np.nansum(y**2) / var)


@pytest.mark.parametrize("scale", [1.0, 1e-6, 1e6])
def test_unit_roots(scale: float) -> None:
    rng = np.random.default_rng(2)
    y = np.cumsum(rng.normal(size=20_000)) * np.sqrt(scale) + rng.normal(size=20_000)
    y[rng.random(len(y)) < 0.1] = np.nan
    y[5000:9000] = np.nan
    expected = filtered(y, np.eye(1), np.array([[scale]]), 1.0)
    found = at(WALK, y, {"q": scale, "r": 1.0}).log_likelihood
    assert found == pytest.approx(expected, rel=1e-10, abs=lost(y, 1.0))


def test_two_unit_roots() -> None:
    rng = np.random.default_rng(3)
    y = np.cumsum(np.cumsum(0.01 * rng.normal(size=20_000)) + 0.1 * rng.normal(size=20_000)) + rng.normal(size=20_000)
    expected = filtered(y, np.array([[1.0, 1.0], [0.0, 1.0]]), np.diag([0.01, 1e-4]), 1.0)
    found = at(TREND, y, {"q": 0.01, "s": 1e-4, "r": 1.0}).log_likelihood
    assert found == pytest.approx(expected, rel=1e-10, abs=lost(y, 0.01))
