"""Filtered and one-step laws by one pass over the data, against those from the data cut after each step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import emdsl as em
from emdsl.errors import DataError
from tests.results.test_networks import CHAIN, START
from tests.zoo_networks import BY_NAME

Array = np.ndarray[Any, Any]

RNG = np.random.default_rng(0)
WALKS, U, COUNTS = RNG.normal(size=(3, 5)).cumsum(axis=1), RNG.normal(size=(3, 5)), RNG.poisson(4, size=(3, 5))
RAGGED = {"y": [WALKS[0], WALKS[1, :1], WALKS[2, :3]]}
RAGGED_COUNTS = {"y": [COUNTS[0], COUNTS[1, :1], COUNTS[2, :3]]}
HOLED = np.where(RNG.random((3, 5)) < 0.3, np.nan, WALKS)

LEVEL = "latent x[s, 0] ~ Normal(0, var=4) latent x[s, t] ~ Normal(a * x[s, t-1], var=0.5)"
STATES = "latent z[s, 0] ~ Categorical(start) latent z[s, t] ~ Categorical(A[z[s, t-1]])"
LAWS = {"start": [0.6, 0.4], "A": [[0.8, 0.2], [0.3, 0.7]]}

#: Models with what they are fitted from; of those of the zoo the parameters are estimated.
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    # an observation that reads the state before is evidence there, but not yet when that is the last one
    "late readings": (
        f"""model M plate s in S time t in T[s] param a : real {LEVEL}
        latent b[s, 0] ~ Normal(0, var=1) latent b[s, t] ~ Normal(b[s, t-1], var=1)
        observed y[s, 0] ~ Normal(0, var=1) observed y[s, 1] ~ Normal(2 * x[s, 0], var=1)
        observed y[s, t] ~ Normal(x[s, t-1] + b[s, t-2], var=1)""", RAGGED, {"a": 0.8},
    ),
    "late counts": (
        f"""model M(K = 2) plate s in S, k in K, l in K time t in T[s] param start : simplex[K] param A[k] : simplex[K]
        param rate[k, l] : positive {STATES} observed y[s, 0] ~ Poisson(3) observed y[s, 1] ~ Poisson(rate[z[s, 0], 0])
        observed y[s, t] ~ Poisson(rate[z[s, t-1], z[s, t-2]])""",
        RAGGED_COUNTS, LAWS | {"rate": [[2.0, 5.0], [4.0, 7.0]]},
    ),
    # w is summed out given two states in succession
    "mixtures of moves": (
        f"""model M(K = 2) plate s in S, k in K, l in K, m in 2 time t in T[s] param start : simplex[K]
        param A[k] : simplex[K] param p : simplex[2] param rate[k, l, m] : positive {STATES}
        latent w[s, t] ~ Categorical(p) observed y[s, 0] ~ Poisson(3)
        observed y[s, t] ~ Poisson(rate[z[s, t], z[s, t-1], w[s, t]])""",
        RAGGED_COUNTS, LAWS | {"p": [0.3, 0.7], "rate": [[[1.0, 4.0], [2.0, 6.0]], [[5.0, 3.0], [7.0, 2.0]]]},
    ),
    "moving average": (
        """model M plate s in S time t in T param h : real latent e[s, t] ~ Normal(0, var=1)
        observed y[s, 0] ~ Normal(e[s, 0], var=0.5) observed y[s, t] ~ Normal(e[s, t] + h * e[s, t-1], var=0.5)""",
        {"y": WALKS}, {"h": 0.6},
    ),
    "coefficients over time, labels": (
        f"""model M plate s in S time t in T given u[s, t] : real param a : real param b : real {LEVEL}
        observed y[s, t] missing ~ Normal(u[s, t] * x[s, t] + b * u[s, t], var=1)""",
        {"y": HOLED, "u": U, "x": np.where(RNG.random((3, 5)) < 0.2, 1.5, np.nan)}, {"a": 0.8, "b": 0.3},
    ),
    "own past beside a level": (
        f"""model M plate s in S time t in T param a : real param b : real {LEVEL}
        observed y[s, 0] ~ Normal(x[s, 0], var=1) observed y[s, t] ~ Normal(x[s, t] + b * y[s, t-1], var=1)""",
        {"y": WALKS}, {"a": 0.8, "b": 0.4},
    ),
    "two networks": (
        f"""model M(K = 2) plate s in S, k in K, j in 2 time t in T param start : simplex[K] param A[k] : simplex[K]
        param p[k] : simplex[2] param rate[j] : positive {STATES} latent v[s, t, j] ~ Categorical(p[z[s, t]])
        latent w[s, 0] ~ Categorical(start) latent w[s, t] ~ Categorical(A[w[s, t-1]])
        observed y[s, t, j] ~ Poisson(rate[v[s, t, j]]) observed o[s] ~ Poisson(rate[z[s, 0]])
        observed n[s, t] ~ Poisson(rate[w[s, t]])""",
        {"y": np.stack([COUNTS, COUNTS[::-1]], axis=2), "o": COUNTS[:, 0], "n": COUNTS},
        LAWS | {"p": [[0.9, 0.1], [0.2, 0.8]], "rate": [2.0, 6.0]},
    ),
    "no latents": (
        """model M plate s in S time t in T param a : real observed y[s, 0] ~ Normal(0, var=1)
        observed y[s, t] ~ Normal(a * y[s, t-1], var=1)""", {"y": WALKS}, {"a": 0.8},
    ),
}  # fmt: skip
ZOO = (
    "seasonal", "normal_chain_missing", "left_right", "chain_of_regressions", "chain_of_mixtures", "chain_map",
    "autoregressive_chain", "chain_labels", "two_chains", "vector_state", "level_and_slope", "known_start",
    "two_steps_back", "echo_weighted", "emission_of_three", "delayed_emission", "lags_one_and_three", "first_two_laws",
    "states_two_steps_back", "states_under_two_chains",
)  # fmt: skip


def agree(fit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Laws by one pass are those from the data cut after each step, of which the pass makes no use."""
    cut = replace(fit._over_time(fit._data), sweeps=False)
    expected = cut.filtered(fit._data), cut.predictive(fit._data, 1000, np.random.default_rng(0))
    with monkeypatch.context() as patch:
        patch.delattr("emdsl.results.over_time.after_each_step")
        found = fit.filtered(), fit.predictive()
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.keys() == theirs.keys()
        for name in ours:
            assert ours[name].statistics.keys() == theirs[name].statistics.keys()
            for key, value in ours[name].statistics.items():
                assert_allclose(value, theirs[name].statistics[key], rtol=1e-9, atol=1e-9, err_msg=f"{name} {key}")


@pytest.mark.parametrize("name", CASES)
def test_one_pass_at_given_parameters(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, data, init = CASES[name]
    agree(em.parse(text)().fit(data, init=init, max_iter=0), monkeypatch)


@pytest.mark.parametrize("name", ZOO)
def test_one_pass_over_models_of_the_zoo(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = BY_NAME[name].draw()
    weights = {key.removeprefix("weights."): data.pop(key) for key in [*data] if key.startswith("weights.")}
    agree(em.parse(BY_NAME[name].text)().fit(data, weights=weights or None, n_init=1, max_iter=3), monkeypatch)


def test_one_pass_under_vb(monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"""model M plate s in S time t in T param a : real ~ Normal(0, var=1)
    param r : positive ~ InvGamma(2, scale=1) {LEVEL} observed y[s, t] ~ Normal(x[s, t], var=r)"""
    agree(em.parse(text)().fit(y=WALKS, method="vb", max_iter=3), monkeypatch)


def test_parameters_and_numbers_of_steps_that_cannot_be_cut() -> None:
    """One pass needs no shorter series: a parameter for each step is as good as data."""
    text = "model M plate s in S time t in 5 ROLE c[t] : real latent x[s, 0] ~ Normal(0, var=4) \
    latent x[s, t] ~ Normal(x[s, t-1], var=1) observed y[s, t] ~ Normal(x[s, t] + c[t], var=0.5)"
    c = np.arange(5.0)
    ours = em.parse(text.replace("ROLE", "param"))().fit(y=WALKS, init={"c": c}, max_iter=0)
    theirs = em.parse(text.replace("ROLE", "given").replace("in 5", "in T"))().fit(y=WALKS, c=c)
    for found, expected in ((ours.filtered(), theirs.filtered()), (ours.predictive(), theirs.predictive())):
        for name in found:
            assert_allclose(found[name].mean, expected[name].mean, atol=1e-10)
            assert_allclose(found[name].var, expected[name].var, atol=1e-10)
    steps = em.parse(text.replace("ROLE", "param").replace("in 5", "in T"))().fit(y=WALKS, max_iter=0)
    with pytest.raises(DataError, match="`c` has a value for each step: series cannot be cut or lengthened"):
        steps.forecast(1)


def test_series_of_many_steps() -> None:
    """Against recursions of a chain of two states and of a local level."""
    y = np.repeat(np.random.default_rng(1).choice([-1.0, 1.0], 400), 50)
    y += np.random.default_rng(2).normal(size=len(y))
    text = CHAIN.replace("[s, ", "[").replace("plate s in S, k", "plate k").replace("T[s]", "T")
    fit = em.parse(text)().fit(y=y, init=START, max_iter=0)
    states, ahead = [], np.array(START["start"])
    density = np.exp(-0.5 * (y[:, None] - START["m"]) ** 2 / START["v"])
    filtered, predictive = fit.filtered()["z"].probabilities, fit.predictive()
    for t, row in enumerate(density):
        if t % 997 == 0:
            assert_allclose(predictive["y"].mean[t], ahead @ START["m"], atol=1e-12)
        states.append(ahead * row / (ahead @ row))
        ahead = states[-1] @ START["A"]
    assert_allclose(filtered, states, atol=1e-10)

    y[::7] = np.nan
    text = """model Level() time t in T param q : positive latent x[0] ~ Normal(0, var=9)
    latent x[t] ~ Normal(x[t-1], var=q) observed y[t] missing ~ Normal(x[t], var=1)"""
    fit = em.parse(text)().fit(y=y, init={"q": 0.01}, max_iter=0)
    laws, mean, var = [], 0.0, 9.0
    for value in y:
        gain = 0.0 if np.isnan(value) else var / (var + 1.0)
        after = mean if np.isnan(value) else mean + gain * (value - mean)
        laws.append((mean, var + 1.0, after, (1.0 - gain) * var))
        mean, var = after, (1.0 - gain) * var + 0.01
    filtered, predictive = fit.filtered()["x"], fit.predictive()["y"]
    found = np.stack([predictive.mean, predictive.var, filtered.mean, filtered.var], axis=1)
    assert_allclose(found, laws, rtol=1e-9, atol=1e-9)
