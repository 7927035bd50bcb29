"""Results of chains that reach back two steps, against all paths and against the joint normal law."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.testing import assert_allclose
from scipy import stats

import emdsl as em
from tests.zoo_networks import BY_NAME

Array = np.ndarray[Any, Any]
INIT = {
    "start": [0.6, 0.4],
    "next": [[0.7, 0.3], [0.2, 0.8]],
    "A": [[[0.9, 0.1], [0.4, 0.6]], [[0.3, 0.7], [0.2, 0.8]]],
    "rate": [3.0, 6.0],
}


def paths(y: Array, length: int) -> tuple[Array, Array]:
    """All paths of `two_lags` over a number of steps, and their weights given the steps that are seen."""
    p = {name: np.array(value) for name, value in INIT.items()}
    states = np.array(list(itertools.product(range(2), repeat=length)))
    weight = p["start"][states[:, 0]]
    if length > 1:
        weight = weight * p["next"][states[:, 0], states[:, 1]]
    for t in range(2, length):
        weight = weight * p["A"][states[:, t - 1], states[:, t - 2], states[:, t]]
    for t, count in enumerate(y):
        weight = weight * stats.poisson.pmf(count, p["rate"][states[:, t]])
    return states, weight


def law(y: Array, length: int, step: int) -> Array:
    states, weight = paths(y, length)
    return np.bincount(states[:, step], weight, 2) / weight.sum()


def test_paths_forecasts_and_filtered_states() -> None:
    y = [np.array([2, 9, 4, 5, 3]), np.array([6]), np.array([4, 5])]
    fit = em.parse(BY_NAME["two_lags_ragged"].text)().fit(y=y, init=INIT, max_iter=0)
    best, filtered, predictive, ahead = fit.predict()["z"], fit.filtered()["z"], fit.predictive()["z"], fit.forecast(2)
    rate = np.array(INIT["rate"])
    for s, rows in enumerate(y):
        states, weight = paths(rows, len(rows))
        assert np.array_equal(best[s], states[weight.argmax()])
        for t in range(len(rows)):
            assert_allclose(filtered.probabilities[s][t], law(rows[: t + 1], t + 1, t), atol=1e-10)
            assert_allclose(predictive.probabilities[s][t], law(rows[:t], t + 1, t), atol=1e-10)
        for step in range(2):
            state = law(rows, len(rows) + 2, len(rows) + step)
            assert_allclose(ahead["z"].probabilities[s][step], state, atol=1e-10)
            assert_allclose(ahead["y"].mean[s][step], state @ rate)
            assert_allclose(ahead["y"].var[s][step], state @ (rate + rate**2) - (state @ rate) ** 2)


def test_forecasts_of_an_observation_of_three_states() -> None:
    """What is observed reads three states at once, the two before the forecast among them."""
    example, rate = BY_NAME["emission_of_three"], np.arange(1.0, 9.0).reshape(2, 2, 2)
    init = {"start": [0.6, 0.4], "A": [[0.7, 0.3], [0.2, 0.8]], "rate": rate, "r": [[2.0, 5.0], [3.0, 4.0]]}
    start, a, r = (np.array(init[name]) for name in ("start", "A", "r"))
    y = np.array([4, 3, 6, 2])
    ahead = em.parse(example.text)().fit(y=[y], init=init, max_iter=0).forecast(2)["y"]
    mean, total = np.zeros(2), 0.0
    for z in itertools.product(range(2), repeat=6):
        weight = start[z[0]] * np.prod([a[i, j] for i, j in itertools.pairwise(z)])
        weight *= stats.poisson.pmf(y[1], r[z[1], z[0]])
        weight *= np.prod([stats.poisson.pmf(y[t], rate[z[t], z[t - 1], z[t - 2]]) for t in (2, 3)])
        mean += weight * np.array([rate[z[t], z[t - 1], z[t - 2]] for t in (4, 5)])
        total += weight
    assert_allclose(ahead.mean[0], mean / total)


def test_a_second_order_state_of_many_steps() -> None:
    """Filtered and forecast states are those of the joint normal law."""
    a, b, r, n = 1.2, -0.5, 0.7, 60
    y = np.random.default_rng(3).normal(size=(1, n)).cumsum(axis=1)
    fit = em.parse(BY_NAME["two_steps_back"].text)().fit(y=y, init={"a": a, "b": b, "r": r}, max_iter=0)
    step = np.eye(n + 2) - a * np.eye(n + 2, k=-1) - b * np.eye(n + 2, k=-2)
    step[1, 0] = -1.0
    whole = np.linalg.inv(step) @ np.diag([4.0, *np.ones(n + 1)]) @ np.linalg.inv(step).T
    seen = whole[:, :n] @ np.linalg.inv(whole[:n, :n] + r * np.eye(n))
    mean, cov = seen @ y[0], whole - seen @ whole[:n]
    assert_allclose(fit.posterior["x"].mean[0], mean[:n])
    assert_allclose(fit.posterior["x"].var[0], np.diag(cov)[:n])
    ahead = fit.forecast(2)
    assert_allclose(ahead["x"].mean[0], mean[n:])
    assert_allclose(ahead["y"].var[0], np.diag(cov)[n:] + r)
    assert_allclose(fit.filtered()["x"].mean[0, -1], mean[n - 1])
