"""Several steps ahead of series that read their own past, against sums over classes, states and joint normal laws."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import stats

import emdsl as em

Array = np.ndarray[Any, Any]

RNG = np.random.default_rng(0)
WALKS = RNG.normal(size=(3, 6)).cumsum(axis=1)


def classes_given(weight: Array, logs: Array) -> Array:
    odds = weight * np.exp(logs - logs.max())
    return np.asarray(odds / odds.sum())


def test_observed_chains_under_classes_of_series() -> None:
    """Classes keep their posterior; within one, states follow from powers of its matrix. Also along a second output."""
    text = """model M(K = 3, C = 2) plate s in S, k in K, j in C time t in T[s] param w : simplex[C]
    param p[j] : simplex[K] param A[j, k] : simplex[K] param m[k] : real latent c[s] ~ Categorical(w)
    observed y[s, 0] ~ Categorical(p[c[s]]) observed y[s, t] ~ Categorical(A[c[s], y[s, t-1]])
    observed x[s, t] ~ Normal(m[y[s, t]], var=2)"""
    y = [RNG.integers(0, 3, n) for n in (6, 1, 4)]
    x = [rows + RNG.normal(size=len(rows)) for rows in y]
    fit = em.parse(text)().fit(y=y, x=x, n_init=1, max_iter=3)
    p, ahead, before = fit.params, fit.forecast(3), fit.predictive()
    for s, rows in enumerate(y):
        paths = [np.log(p["A"][:, i, j]) for i, j in itertools.pairwise(rows)]
        logs = np.log(p["p"][:, rows[0]]) + np.sum(paths, axis=0)
        share = classes_given(p["w"], logs)
        for step in range(3):
            states = share @ [np.linalg.matrix_power(a, step + 1)[rows[-1]] for a in p["A"]]
            assert_allclose(ahead["y"].probabilities[s, step], states, atol=1e-12)
            assert_allclose(ahead["x"].mean[s, step], states @ p["m"])
            assert_allclose(ahead["x"].var[s, step], states @ (p["m"] ** 2 + 2) - (states @ p["m"]) ** 2)
        if len(rows) > 1:
            share = classes_given(p["w"], np.log(p["p"][:, rows[0]]))
            assert_allclose(before["y"].probabilities[s][1], share @ p["A"][:, rows[0]], atol=1e-12)
            assert_allclose(before["x"].mean[s][1], share @ p["A"][:, rows[0]] @ p["m"])


def test_autoregressions_under_classes_of_series() -> None:
    text = """model M(C = 2) plate s in S, j in C time t in T param w : simplex[C] param a[j] : real param b[j] : real
    param v[j] : positive latent c[s] ~ Categorical(w) observed y[s, 0] ~ Normal(0, var=4)
    observed y[s, t] ~ Normal(a[c[s]] * y[s, t-1] + b[c[s]], var=v[c[s]])"""
    init = {"w": [0.3, 0.7], "a": [0.9, -0.4], "b": [0.1, 0.5], "v": [0.8, 1.1]}
    ahead = em.parse(text)().fit(y=WALKS, init=init, max_iter=0).forecast(3)["y"]
    w, a, b, v = (np.array(init[name]) for name in "wabv")
    for s, y in enumerate(WALKS):
        share = classes_given(w, stats.norm.logpdf(y[1:, None], a * y[:-1, None] + b, np.sqrt(v)).sum(axis=0))
        mean, var = np.full(2, y[-1]), np.zeros(2)
        for step in range(3):
            mean, var = a * mean + b, a**2 * var + v
            assert_allclose(ahead.mean[s, step], share @ mean)
            assert_allclose(ahead.var[s, step], share @ (mean**2 + var) - (share @ mean) ** 2)


def dense(y: Array, step: Array, spread: Array, seen: int) -> tuple[Array, Array]:
    """Mean and covariance of what is not seen, given the first ones: step @ values is normal, independent."""
    whole = np.linalg.inv(step) @ spread @ np.linalg.inv(step).T
    gain = whole[seen:, :seen] @ np.linalg.inv(whole[:seen, :seen])
    return gain @ y, whole[seen:, seen:] - gain @ whole[:seen, seen:]


def test_effects_of_series_beside_their_past() -> None:
    """A random intercept is known in part only, and as well at every step to come: the joint normal law tells."""
    text = """model M plate s in S time t in T param a : real param v : positive param q : positive
    latent b[s] ~ Normal(0, var=q) observed y[s, 0] ~ Normal(b[s], var=1)
    observed y[s, t] ~ Normal(b[s] + a * y[s, t-1], var=v)"""
    ahead = em.parse(text)().fit(y=WALKS, init={"a": 0.6, "v": 0.5, "q": 2.0}, max_iter=0).forecast(3)["y"]
    step = np.eye(10)  # y at nine steps, and b
    step[:9, 9] = -1.0
    step[range(1, 9), range(8)] = -0.6
    spread = np.diag([1.0, *[0.5] * 8, 2.0])
    for s, y in enumerate(WALKS):
        mean, cov = dense(y, step, spread, 6)
        assert_allclose(ahead.mean[s], mean[:3])
        assert_allclose(ahead.var[s], np.diag(cov)[:3])


#: Models of which several steps ahead are exact, fitted from these: draws have the same means and spreads.
DRAWN: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "level, slope and effects, of the past too": (
        """model M plate s in S time t in T param a : real latent m ~ Normal(0, var=1) latent u[s] ~ Normal(m, var=1)
        latent b[s, 0] ~ Normal(u[s], var=1) latent b[s, t] ~ Normal(b[s, t-1], var=0.1)
        latent x[s, 0] ~ Normal(0, var=4) latent x[s, t] ~ Normal(x[s, t-1] + b[s, t-1] - 0.2 * u[s], var=0.5)
        observed y[s, 0] ~ Normal(x[s, 0], var=1) observed y[s, t] ~ Normal(x[s, t] + a * y[s, t-1], var=1)""",
        {"y": WALKS}, {"a": -0.5},
    ),
    "vectors of states and of data": (
        """model M plate s in S time t in T[s] param A : real[2, 2]
        latent x[s, 0] : real[2] ~ MvNormal(0, cov=2 * eye(2)) latent x[s, t] ~ MvNormal(0.8 * x[s, t-1], cov=eye(2))
        observed y[s, 0] : real[2] ~ MvNormal(x[s, 0], cov=eye(2))
        observed y[s, t] ~ MvNormal(x[s, t] + x[s, t-1] + A @ y[s, t-1], cov=[[1, 0.5], [0.5, 1]])""",
        {"y": [WALKS[:2].T, WALKS[1:].T[:2], WALKS[:2].T[:1]]}, {"A": [[0.5, 0.2], [-0.2, 0.3]]},
    ),
    "classes, states of two steps and categories": (
        """model M(K = 2) plate s in S, k in K, l in K, m in K, o in 3 time t in T[s] param A[m, k] : simplex[K]
        param B[k, l, o] : simplex[3] latent g ~ Categorical([0.5, 0.5]) latent c[s] ~ Categorical(A[g, 0])
        latent z[s, 0] ~ Categorical([0.4, 0.6]) latent z[s, t] ~ Categorical(A[c[s], z[s, t-1]])
        observed y[s, 0] ~ Categorical([0.2, 0.3, 0.5]) observed y[s, 1] ~ Categorical(B[z[s, 0], 0, y[s, 0]])
        observed y[s, t] ~ Categorical(B[z[s, t-1], z[s, t-2], y[s, t-1]])""",
        {"y": [RNG.integers(0, 3, 6), RNG.integers(0, 3, 4), RNG.integers(0, 3, 5)]}, {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWN)
def test_draws_and_exact_laws_agree(name: str) -> None:
    text, data, init = DRAWN[name]
    fit = em.parse(text)().fit(data, **({"init": init, "max_iter": 0} if init else {"n_init": 1, "max_iter": 1}))
    exact, count = fit.forecast(3), 20000
    over_time = replace(fit._over_time(fit._data), ahead=lambda: None)
    found = over_time.forecast(fit._data, 3, {}, count, np.random.default_rng(0))
    assert exact.keys() == found.keys()
    for key, own in found.items():
        assert own.statistics.keys() == exact[key].statistics.keys()
        if own.discrete:
            p = exact[key].probabilities
            assert np.all(np.abs(own.probabilities - p) < 5 * np.sqrt(p * (1 - p) / count) + 1e-9), key
            continue
        spread = np.asarray(exact[key].var)
        assert np.all(np.abs(own.mean - exact[key].mean) < 5 * np.sqrt(spread / count)), key
        whole = exact[key].statistics.get("cov", spread)
        error = np.sqrt(spread[..., None] * spread[..., None, :]) if "cov" in own.statistics else spread
        assert np.all(np.abs(own.statistics.get("cov", own.var) - whole) < 8 * error / np.sqrt(count)), key


def test_classes_of_crossed_plates_are_drawn_jointly() -> None:
    """Against the sum over all classes; counts that read their past are drawn."""
    text = """model M(K = 2) plate s in 2, j in 2, k in K, l in K time t in T param r[k, l] : positive
    param b : positive latent g[j] ~ Categorical([0.3, 0.7]) latent c[s] ~ Categorical([0.5, 0.5])
    observed y[s, j, 0] ~ Poisson(2) observed y[s, j, t] ~ Poisson(r[g[j], c[s]] + b * y[s, j, t-1])"""
    rate, y, count = np.array([[1.0, 3.0], [2.0, 4.0]]), RNG.poisson(4, (2, 2, 3)), 20000
    fit = em.parse(text)().fit(y=y, init={"r": rate, "b": 0.5}, max_iter=0)
    found, mean, square, total = fit.forecast(2, draws=count)["y"], np.zeros((2, 2)), np.zeros((2, 2)), 0.0
    for g in itertools.product(range(2), repeat=2):
        for c in itertools.product(range(2), repeat=2):
            own = rate[np.array(g)[None, :], np.array(c)[:, None]]
            weight = np.prod(np.array([0.3, 0.7])[[*g]])
            weight *= np.prod(stats.poisson.pmf(y[..., 1:], own[..., None] + 0.5 * y[..., :-1]))
            first = own + 0.5 * y[..., -1]
            second = own + 0.5 * first
            total, mean = total + weight, mean + weight * second
            square += weight * (second + 0.25 * first + second**2)
    mean, square = mean / total, square / total
    assert np.all(np.abs(found.mean[..., 1] - mean) < 5 * np.sqrt((square - mean**2) / count))
    assert_allclose(found.var[..., 1], square - mean**2, rtol=0.08)


def test_what_is_read_within_a_step_beside_effects_of_classes() -> None:
    """Against one joint normal law for each class; `b` and the missing `y` have rows of different plates."""
    text = """model M plate s in S, k in 2 time t in T param m[k] : real param n[k] : real param o : real
    latent c[s] ~ Categorical([0.4, 0.6]) latent b[s] ~ Normal(0, var=0.7)
    observed y[s, t] ~ Normal(m[c[s]] + b[s], var=0.5)
    observed w[s, t] ~ Normal(n[c[s]] + b[s] + o * y[s, t], var=0.4)"""
    y, w = RNG.normal(size=(2, 4, 3))
    init = {"m": np.array([-1.0, 1.0]), "n": np.array([0.5, -0.3]), "o": 0.8}
    fit = em.parse(text)().fit(y=y, w=w, init=init, max_iter=0)
    effect, own = np.full((4, 4), 0.7) + 0.5 * np.eye(4), np.eye(4)  # of y at three steps and the next one
    cov = np.block(
        [[effect, 0.8 * effect + 0.7], [0.8 * effect + 0.7, 0.64 * effect + 2 * 0.8 * 0.7 + 0.7 + 0.4 * own]]
    )
    seen, ahead = [0, 1, 2, 4, 5, 6], [3, 7]
    gain = np.linalg.solve(cov[np.ix_(seen, seen)], cov[np.ix_(seen, ahead)])
    spread = np.diag(cov[np.ix_(ahead, ahead)] - cov[np.ix_(ahead, seen)] @ gain)
    found, mean = fit.forecast(1), np.stack([init["m"], init["n"] + 0.8 * init["m"]])
    for s in range(4):
        values = np.concatenate([y[s], w[s]])
        centres = np.repeat(mean.T, 3, axis=1)
        logs = np.array([stats.multivariate_normal(one, cov[np.ix_(seen, seen)]).logpdf(values) for one in centres])
        odds = classes_given(np.array([0.4, 0.6]), logs)
        nexts = mean.T + (values - centres) @ gain
        expected = odds @ nexts
        assert_allclose([found["y"].mean[s, 0], found["w"].mean[s, 0]], expected)
        assert_allclose([found["y"].var[s, 0], found["w"].var[s, 0]], spread + odds @ nexts**2 - expected**2)


@pytest.mark.parametrize("law", ["Normal(x[s, t] + d * x[s, t-1], var=0.5)", "LogNormal(x[s, t], sd=0.5)"])
def test_real_states_under_classes_are_normal_only_given_these(law: str) -> None:
    """Against one joint normal law for each class. Points stood for the mixture of both: means were off by 0.08."""
    bent = law.startswith("Log")
    first = "LogNormal(x[s, 0], sd=0.5)" if bent else "Normal(x[s, 0], var=0.5)"
    text = f"""model M plate s in S, k in 2 time t in T param a[k] : real param d : real
    latent c[s] ~ Categorical([0.4, 0.6]) latent x[s, 0] ~ Normal(0, var=1)
    latent x[s, t] ~ Normal(a[c[s]] * x[s, t-1] + d, var=1)
    observed y[s, 0] ~ {first} observed y[s, t] ~ {law}"""
    z, a, d = WALKS[:, :4], [0.9, -0.6], 0.7
    fit = em.parse(text)().fit(y=np.exp(z) if bent else z, init={"a": a, "d": d}, max_iter=0)
    ahead, predictive = fit.forecast(1)["y"], fit.predictive()["y"]
    read = np.eye(5) + (0 if bent else d) * np.eye(5, k=-1)
    noise = 0.25 if bent else 0.5
    for s, t in itertools.product(range(3), (1, 2, 3, 4)):
        logs, means, spreads = [], [], []
        for slope in a:
            whole = np.linalg.inv(np.eye(5) - slope * np.eye(5, k=-1))
            centre = read @ whole @ (d * (np.arange(5) > 0))
            cov = read @ whole @ whole.T @ read.T + noise * np.eye(5)
            gain = np.linalg.solve(cov[:t, :t], cov[:t, t])
            logs.append(stats.multivariate_normal(centre[:t], cov[:t, :t]).logpdf(z[s, :t]))
            means.append(centre[t] + gain @ (z[s, :t] - centre[:t]))
            spreads.append(cov[t, t] - gain @ cov[:t, t])
        odds, mean, var = classes_given(np.array([0.4, 0.6]), np.array(logs)), np.array(means), np.array(spreads)
        first_moment = np.exp(mean + var / 2) if bent else mean
        second = np.exp(2 * mean + 2 * var) if bent else mean**2 + var
        found = (ahead.mean[s, 0], ahead.var[s, 0]) if t == 4 else (predictive.mean[s, t], predictive.var[s, t])
        assert_allclose(found, (odds @ first_moment, odds @ second - (odds @ first_moment) ** 2), rtol=1e-6)
