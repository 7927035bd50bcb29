"""Forecasts, filtered states, one-step predictions and likelihoods of series, against recursions written by hand."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special, stats

import emdsl as em
from emdsl.errors import DataError
from emdsl.results.over_time import OverTime
from tests.results.test_networks import CHAIN, START, fitted, series
from tests.zoo_networks import BY_NAME

Array = np.ndarray[Any, Any]


def forward(start: Array, matrix: Array, density: Array) -> tuple[Array, Array, float]:
    """States before and after each row is seen, (t, k), and the log likelihood; `density` (t, k)."""
    before, after, total, ahead = [], [], 0.0, np.asarray(start)
    for row in density:
        before.append(ahead)
        total += np.log(ahead @ row)
        after.append(ahead * row / (ahead @ row))
        ahead = after[-1] @ matrix
    return np.array(before), np.array(after), float(total)


def chain(fit: Any, y: Array) -> tuple[Array, Array, float]:
    p = fit.params
    return forward(p["start"], p["A"], stats.norm.pdf(np.asarray(y)[:, None], p["m"], np.sqrt(p["v"])))


def mixed(states: Array, mean: Array, var: Array | float) -> tuple[Array, Array]:
    """Mean and variance of a mixture over the last axis."""
    centre = states @ mean
    return centre, states @ (mean**2 + var) - centre**2


def test_a_discrete_chain_over_ragged_series() -> None:
    y = series()
    fit = fitted(data={"y": y})
    filtered, predictive, ahead = fit.filtered(), fit.predictive(), fit.forecast(3)
    p = fit.params
    for s, rows in enumerate(y):
        before, after, _ = chain(fit, rows)
        assert_allclose(filtered["z"].probabilities[s], after, atol=1e-10)
        assert_allclose(predictive["z"].probabilities[s], before, atol=1e-10)
        mean, var = mixed(before, p["m"], p["v"])
        assert_allclose(predictive["y"].mean[s], mean)
        assert_allclose(predictive["y"].var[s], var)
        states = np.array([after[-1] @ np.linalg.matrix_power(p["A"], step) for step in (1, 2, 3)])
        assert_allclose(ahead["z"].probabilities[s], states, atol=1e-10)
        assert_allclose(ahead["y"].mean[s], mixed(states, p["m"], p["v"])[0])
        assert_allclose(ahead["y"].var[s], mixed(states, p["m"], p["v"])[1])
    assert ahead["y"].mean.shape == (3, 3)


def test_other_series_than_those_of_the_fit() -> None:
    fit, y = fitted(), series((2, 4), 7)
    ahead = fit.forecast(1, {"y": y})["z"].probabilities
    for s, rows in enumerate(y):
        assert_allclose(ahead[s, 0], chain(fit, rows)[1][-1] @ fit.params["A"])
        assert_allclose(fit.filtered(y=y)["z"].probabilities[s], chain(fit, rows)[1], atol=1e-10)


def test_a_single_series_and_series_of_one_step() -> None:
    text = CHAIN.replace("[s, ", "[").replace("plate s in S, k", "plate k").replace("T[s]", "T")
    y = series((6,))[0]
    fit = em.parse(text)().fit(y=y, init=START, max_iter=1)
    assert_allclose(fit.filtered()["z"].probabilities, chain(fit, y)[1], atol=1e-10)
    assert fit.forecast(2)["y"].mean.shape == (2,)
    short = fitted(data={"y": [np.array([0.5]), np.array([-1.0])]}, max_iter=0)
    assert_allclose(short.forecast(1)["z"].probabilities[0, 0], chain(short, [0.5])[1][0] @ short.params["A"])
    flat = em.parse(CHAIN.replace("T[s]", "T"))().fit(y=np.array([[0.5], [-1.0]]), init=START, max_iter=0)
    assert_allclose(flat.forecast(1)["z"].probabilities, short.forecast(1)["z"].probabilities)


def test_a_loaded_fit(tmp_path: Any) -> None:
    fit = fitted()
    fit.save(tmp_path / "fit.json")
    again = em.load(tmp_path / "fit.json")
    assert_allclose(again.forecast(2, {"y": series()})["y"].var, fit.forecast(2)["y"].var)
    with pytest.raises(DataError, match="a loaded fit has no data"):
        again.forecast(2)


def test_categories_and_counts() -> None:
    for name in ("categorical_chain", "poisson_ragged"):
        example = BY_NAME[name]
        data = example.draw()
        fit = em.parse(example.text)().fit(data, n_init=1, max_iter=3)
        p = fit.params
        for s, rows in enumerate(data["y"]):
            density = p["theta"].T[rows] if name[0] == "c" else stats.poisson.pmf(rows[:, None], p["rate"])
            states = forward(p["start"], p["A"], density)[1][-1] @ p["A"]
            ahead = fit.forecast(1)["y"]
            if name[0] == "c":
                assert_allclose(ahead.probabilities[s, 0], states @ p["theta"], atol=1e-10)
            else:
                assert_allclose((ahead.mean[s, 0], ahead.var[s, 0]), mixed(states, p["rate"], p["rate"]))


def test_vectors_of_counts() -> None:
    """Mean and covariance of a mixture of multinomial laws, weighted by the states ahead."""
    head, laws = CHAIN.split("param m[k] : real")
    states = laws[laws.index("latent") : laws.index("observed")]
    text = f"{head} param m[k] : simplex[3] {states} observed y[s, t] ~ Multinomial(5, m[z[s, t]])"
    y = [np.random.default_rng(0).multinomial(5, [0.2, 0.3, 0.5], size=n) for n in (4, 1, 3)]
    fit = em.parse(text)().fit(y=y, n_init=1, max_iter=3)
    p, ahead, predictive = fit.params, fit.forecast(1), fit.predictive()
    for s, rows in enumerate(y):
        density = np.array([[stats.multinomial.pmf(row, 5, m) for m in p["m"]] for row in rows])
        before, after, _ = forward(p["start"], p["A"], density)
        assert_allclose(predictive["z"].probabilities[s], before, atol=1e-10)
        assert_allclose(predictive["y"].mean[s], 5 * before @ p["m"])
        states = after[-1] @ p["A"]
        mean = 5 * states @ p["m"]
        products = np.einsum("k,kc,kd->cd", states, p["m"], p["m"])
        second = 5 * np.diag(states @ p["m"]) + 20 * products
        assert_allclose(ahead["y"].mean[s, 0], mean)
        assert_allclose(ahead["y"].cov[s, 0], second - np.outer(mean, mean), atol=1e-10)


def test_laws_without_moments_leave_those_of_the_states() -> None:
    head, laws = CHAIN.split("param v : positive")
    states = laws[laws.index("latent") : laws.index("observed")]
    text = f"{head} given at[k] : real {states} observed y[s, t] ~ VonMises(at[z[s, t]], concentration=2)"
    text = text.replace("param m[k] : real", "")
    y, at = series(), np.array([0.0, 2.0])
    fit = em.parse(text)().fit(y=y, at=at, init={name: START[name] for name in ("start", "A")}, max_iter=0)
    ahead, predictive = fit.forecast(1), fit.predictive()
    for s, rows in enumerate(y):
        before, after, _ = forward(START["start"], START["A"], stats.vonmises.pdf(rows[:, None], 2, loc=at))
        assert_allclose(predictive["z"].probabilities[s], before, atol=1e-10)
        assert_allclose(ahead["z"].probabilities[s, 0], after[-1] @ START["A"], atol=1e-10)
    for found in (ahead, predictive):
        with pytest.raises(DataError, match="the mean and variance of `y` are not known: its law is VonMises"):
            found["y"]
    text = "model M() time t in T param q : unit observed a ~ Bernoulli(q) observed y[t] ~ VonMises(0, concentration=2)"
    alone = em.parse(text)().fit(a=1, y=y[0])
    for ask in (alone.predictive, partial(alone.forecast, 1)):
        with pytest.raises(DataError, match="not known: its law is VonMises"):
            ask()


def test_predictions_of_an_observed_chain_are_told_elsewhere() -> None:
    text = """model M(K = 2) plate k in K time t in T param A[k] : simplex[K]
    observed y[0] ~ Bernoulli(0.5) observed y[t] missing ~ Categorical(A[y[t-1]])"""
    fit = em.parse(text)().fit(y=[0, 1, np.nan, 0, 0, 1], n_init=1)
    for found in (fit.predict(), fit.predict_proba()):
        with pytest.raises(DataError, match=r"`y` is observed; `fit\.posterior` and `fit\.impute`"):
            found["y"]


def test_vb_forecasts_at_the_means() -> None:
    text = CHAIN.replace("param A[k] : simplex[K]", "param A[k] : simplex[K] ~ Dirichlet(2)")
    fit = fitted(text, method="vb", init=None, max_iter=3)
    states, y = fit.forecast(2), series()
    for s, rows in enumerate(y):
        last = chain(fit, rows)[1][-1]
        assert_allclose(fit.filtered()["z"].probabilities[s][-1], last, atol=1e-10)
        expected = [last @ fit.params["A"], last @ fit.params["A"] @ fit.params["A"]]
        assert_allclose(states["z"].probabilities[s], expected, atol=1e-10)
    assert_allclose(states["y"].mean, states["z"].probabilities @ fit.params["m"])


def by_prefixes(fit: Any) -> OverTime:
    """Results over time from the data cut after each step, whatever the model."""
    return replace(fit._over_time(fit._data), sweeps=False)


def one_step(over_time: OverTime, fit: Any) -> dict[str, Any]:
    return over_time.predictive(fit._data, 1000, np.random.default_rng(0))


def test_copies_of_series_and_cuts_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ragged series are copied, some at a time; those of one length are cut step by step."""
    monkeypatch.setattr("emdsl.results.prefixes.ROWS_AT_ONCE", 7)
    example = BY_NAME["chain_of_regressions"]
    data = example.draw()
    cut = em.parse(example.text)().fit(data, n_init=1, max_iter=2)
    ragged = {name: list(value) for name, value in data.items()}
    copied = em.parse(example.text.replace("in T ", "in T[s] "))().fit(ragged, init=cut.params, max_iter=0)
    copies, cuts = by_prefixes(copied), by_prefixes(cut)
    for ours, theirs in (
        (copies.filtered(copied._data), cuts.filtered(cut._data)),
        (one_step(copies, copied), one_step(cuts, cut)),
    ):
        assert_allclose(np.array(ours["z"].probabilities), theirs["z"].probabilities, atol=1e-10)
    assert_allclose(np.array(one_step(copies, copied)["y"].var), one_step(cuts, cut)["y"].var)


# several latents


def test_two_chains_are_mixed_jointly() -> None:
    example = BY_NAME["two_chains"]
    data = example.draw()
    data["y"] = np.round(data["y"] / 3 - 1, 2)  # nearer to each other, so that the chains are dependent
    init = {"A": [[0.7, 0.3], [0.4, 0.6]], "B": [[0.5, 0.5], [0.2, 0.8]], "m": [-1.0, 1.0], "h": [0.0, 1.5], "v": 0.7}
    fit = em.parse(example.text)().fit(data, init=init, max_iter=0)
    p, ahead, predictive = fit.params, fit.forecast(2), fit.predictive()
    matrix, level = np.kron(p["A"], p["B"]), (p["m"][:, None] + p["h"]).ravel()
    for s, y in enumerate(data["y"]):
        before, after, _ = forward(np.full(4, 0.25), matrix, stats.norm.pdf(y[:, None], level, np.sqrt(p["v"])))
        states = np.array([after[-1] @ matrix, after[-1] @ matrix @ matrix])
        assert_allclose(ahead["y"].mean[s], mixed(states, level, p["v"])[0])
        assert_allclose(ahead["y"].var[s], mixed(states, level, p["v"])[1])
        assert_allclose(ahead["a"].probabilities[s], states.reshape(2, 2, 2).sum(axis=2), atol=1e-10)
        assert_allclose(predictive["y"].var[s], mixed(before, level, p["v"])[1])


def test_components_within_a_state_and_classes_of_series() -> None:
    example = BY_NAME["chain_of_mixtures"]
    data = example.draw()
    fit = em.parse(example.text)().fit(data, n_init=1, max_iter=2)
    p, ahead = fit.params, fit.forecast(1)
    states = ahead["z"].probabilities[:, 0]
    joint = (states[:, :, None] * p["mix"]).reshape(len(states), -1)
    assert_allclose(ahead["y"].mean[:, 0], mixed(joint, p["mu"].ravel(), p["v"])[0])
    assert_allclose(ahead["y"].var[:, 0], mixed(joint, p["mu"].ravel(), p["v"])[1])
    example = BY_NAME["chain_classes"]
    data = example.draw()
    fit = em.parse(example.text)().fit(data, n_init=1, max_iter=2)
    p, ahead = fit.params, fit.forecast(1)
    for s, y in enumerate(data["y"]):
        runs = [forward(p["start"], matrix, stats.poisson.pmf(y[:, None], p["rate"])) for matrix in p["A"]]
        odds = p["rho"] * np.exp([total for _, _, total in runs])
        states = sum(o * after[-1] @ a for o, (_, after, _), a in zip(odds, runs, p["A"], strict=True)) / odds.sum()
        assert_allclose(ahead["z"].probabilities[s, 0], states, atol=1e-10)
        assert_allclose(ahead["y"].var[s, 0], mixed(states, p["rate"], p["rate"])[1])


# Gaussian chains


def kalman(y: Array, h: Array, f: Array, q: Array, r: Array, mean: Array, cov: Array) -> list[tuple[Array, ...]]:
    """(mean, cov) of the state before and after each row is seen; NaN is not."""
    found = []
    for row in y:
        seen = ~np.isnan(row)
        gain = cov @ h[seen].T @ np.linalg.inv(h[seen] @ cov @ h[seen].T + r[np.ix_(seen, seen)])
        after, spread = mean + gain @ (row[seen] - h[seen] @ mean), cov - gain @ h[seen] @ cov
        found.append((mean, cov, after, spread))
        mean, cov = f @ after, f @ spread @ f.T + q
    return found


def test_vectors_of_states() -> None:
    example = BY_NAME["vector_state"]
    data = example.draw()
    fit = em.parse(example.text)().fit(data, n_init=1, max_iter=3)
    p, h = fit.params, data["H"]
    filtered, predictive, ahead = fit.filtered(), fit.predictive(), fit.forecast(2)
    for s, y in enumerate(data["y"]):
        rows = kalman(y, h, p["F"], p["Q"], np.diag(p["r"]), np.zeros(2), np.eye(2))
        for t, (mean, cov, after, spread) in enumerate(rows):
            assert_allclose(filtered["x"].mean[s, t], after, atol=1e-9)
            assert_allclose(filtered["x"].cov[s, t], spread, atol=1e-9)
            assert_allclose(predictive["x"].cov[s, t], cov, atol=1e-9)
            assert_allclose(predictive["y"].mean[s, t], h @ mean, atol=1e-9)
            assert_allclose(predictive["y"].cov[s, t], h @ cov @ h.T + np.diag(p["r"]), atol=1e-9)
        for step in range(2):
            after, spread = p["F"] @ after, p["F"] @ spread @ p["F"].T + p["Q"]
            assert_allclose(ahead["x"].cov[s, step], spread, atol=1e-9)
            assert_allclose(ahead["y"].mean[s, step], h @ after, atol=1e-9)
            assert_allclose(ahead["y"].cov[s, step], h @ spread @ h.T + np.diag(p["r"]), atol=1e-9)


DYNAMIC = """model Dynamic plate s in S, j in J time t in T[s] param q : positive param w : positive param r : positive
    given x[s, t, j] : real
    latent level[s, 0] ~ Normal(0, sd=2)  latent level[s, t] ~ Normal(level[s, t-1], var=w)
    latent b[s, 0, j] ~ Normal(0, sd=1)  latent b[s, t, j] ~ Normal(b[s, t-1, j], var=q)
    observed y[s, t] missing ~ Normal(level[s, t] + sum(b[s, t, j] * x[s, t, j], j), var=r)"""


def test_regressions_whose_coefficients_move() -> None:
    draw = np.random.default_rng(4)
    lengths, init = (20, 1, 12), {"q": 0.04, "w": 0.1, "r": 0.3}
    x = [draw.normal(size=(n, 3)) for n in lengths]
    y = [draw.normal(size=n) + 2.0 for n in lengths]
    y[0][[3, 19]] = np.nan
    fit = em.parse(DYNAMIC)().fit(x=x, y=y, init=init, max_iter=0)
    coming = [draw.normal(size=(2, 3)) for _ in lengths]
    filtered, predictive, ahead, imputed = (
        fit.filtered(),
        fit.predictive(),
        fit.forecast(2, x=coming),
        fit.impute()["y"],
    )
    motion, total = np.diag([0.1, 0.04, 0.04, 0.04]), 0.0
    for s, (rows, values) in enumerate(zip(x, y, strict=True)):
        mean, cov = np.zeros(4), np.diag([4.0, 1.0, 1.0, 1.0])
        for t, (row, value) in enumerate(
            zip(np.concatenate([rows, coming[s]]), [*values, np.nan, np.nan], strict=True)
        ):
            if t:
                cov = cov + motion
            read = np.append(1.0, row)
            var = read @ cov @ read + 0.3
            found, at = (predictive, t) if t < len(rows) else (ahead, t - len(rows))
            assert_allclose(found["y"].mean[s][at], read @ mean, atol=1e-10)
            assert_allclose(found["y"].var[s][at], var, rtol=1e-9)
            assert_allclose(found["b"].var[s][at], np.diag(cov)[1:], rtol=1e-9)
            if not np.isnan(value):
                total += stats.norm.logpdf(value, read @ mean, np.sqrt(var))
                gain = cov @ read / var
                mean, cov = mean + gain * (value - read @ mean), cov - np.outer(gain, gain) * var
            elif t < len(rows):
                filled = filtered["level"].mean[s][t] + row @ filtered["b"].mean[s][t]
                assert t < len(rows) - 1 or imputed[s][t] == pytest.approx(filled)
            if t < len(rows):
                assert_allclose(filtered["b"].mean[s][t], mean[1:], atol=1e-10)
                assert_allclose(filtered["level"].var[s][t], cov[0, 0], rtol=1e-9)
    assert fit.log_likelihood == pytest.approx(total, rel=1e-11)


def test_level_and_slope_are_mixed_jointly() -> None:
    text = """model Trend() plate s in S time t in T param q : positive param r : positive
    param w : positive given u[s, t] : real
    latent b[s, 0] ~ Normal(0, var=1) latent b[s, t] ~ Normal(b[s, t-1], var=w)
    latent a[s, 0] ~ Normal(0, var=4) latent a[s, t] ~ Normal(a[s, t-1] + b[s, t-1], var=q)
    let eta[s, t] = a[s, t] + u[s, t] * b[s, t]  observed y[s, t] ~ Normal(eta[s, t], var=r)"""
    rng = np.random.default_rng(0)
    u, y = rng.normal(size=(2, 5)), rng.normal(size=(2, 5)).cumsum(axis=1)
    fit = em.parse(text)().fit(u=u[:, :4], y=y[:, :4], init={"q": 0.5, "r": 0.8, "w": 0.1}, max_iter=0)
    with pytest.raises(
        DataError, match=r"`u` is given data over time: forecast\(…, u=…\) needs that of the new steps; \(2, 1\) is"
    ):
        fit.forecast(1)
    with pytest.raises(
        DataError, match=r"`u` of the new steps has shape \(2,\); \(2, 1\) is needed, with the axes s, t"
    ):
        fit.forecast(1, u=u[:, 4])
    with pytest.raises(DataError, match=r"`u` of the new steps is no regular array of numbers; \(2, 2\) is needed"):
        fit.forecast(2, u=[[1.0, 2.0], [1.0]])
    ahead, predictive = fit.forecast(1, u=u[:, 4:]), fit.predictive()
    f, q = np.array([[1.0, 1.0], [0.0, 1.0]]), np.diag([0.5, 0.1])
    for s in range(2):
        mean, cov = np.zeros(2), np.diag([4.0, 1.0])
        for t in range(5):
            h = np.array([[1.0, u[s, t]]])
            found = (ahead["y"].mean[s, 0], ahead["y"].var[s, 0])
            if t < 4:
                found = (predictive["y"].mean[s, t], predictive["y"].var[s, t])
            assert_allclose(found, ((h @ mean)[0], (h @ cov @ h.T)[0, 0] + 0.8), atol=1e-9)
            _, _, after, spread = kalman(y[s, t : t + 1, None], h, f, q, np.array([[0.8]]), mean, cov)[0]
            mean, cov = f @ after, f @ spread @ f.T + q


# series that depend on their own past


def test_autoregression_is_drawn_beyond_the_next_step() -> None:
    example = BY_NAME["autoregressive_chain"]
    data = example.draw()
    fit = em.parse(example.text)().fit(data, n_init=1, max_iter=3)
    p, y = fit.params, data["y"]
    one, drawn = fit.forecast(1), fit.forecast(2, draws=3000, random_state=1)
    for s in range(3):
        mean = np.vstack([p["m"] + 0 * p["a"], p["m"] + p["a"] * y[s, :-1, None]])
        states = forward(p["start"], p["A"], stats.norm.pdf(y[s][:, None], mean, np.sqrt(p["v"])))[1][-1] @ p["A"]
        level, var = mixed(states, p["m"] + p["a"] * y[s, -1], p["v"])
        assert_allclose((one["y"].mean[s, 0], one["y"].var[s, 0]), (level, var))
        assert drawn["y"].mean[s, 0] == pytest.approx(level, abs=5 * np.sqrt(var / 3000))
        assert_allclose(drawn["z"].probabilities[s, 1], states @ p["A"], atol=0.05)
        pairs = states[:, None] * p["A"]
        expected = np.sum(pairs * (p["m"] + p["a"] * (p["m"] + p["a"] * y[s, -1])[:, None]))
        assert drawn["y"].mean[s, 1] == pytest.approx(expected, abs=5 * np.sqrt(drawn["y"].var[s, 1] / 3000))


@pytest.mark.parametrize("of_series", [False, True])
def test_vectors_that_depend_on_their_past(of_series: bool) -> None:
    letters, shape = ("s, ", (3, 6, 2)) if of_series else ("", (6, 2))
    text = f"""model M {"plate s in S" if of_series else ""} time t in T param A : real[2, 2] param Q : cov[2]
    observed y[{letters}0] : real[2] ~ MvNormal(0, cov=4 * eye(2))
    observed y[{letters}t] ~ MvNormal(A @ y[{letters}t-1], cov=Q)"""
    y = np.random.default_rng(0).normal(size=shape)
    fit = em.parse(text)().fit(y=y)
    a, q = fit.params["A"], fit.params["Q"]
    predictive, one = fit.predictive()["y"], fit.forecast(1)["y"]
    assert_allclose(predictive.mean[..., 1:, :], y[..., :-1, :] @ a.T, atol=1e-12)
    assert_allclose(predictive.mean[..., 0, :], np.zeros((*shape[:-2], 2)))
    assert_allclose(predictive.cov[..., 1:, :, :], np.broadcast_to(q, (*shape[:-2], 5, 2, 2)), atol=1e-12)
    assert_allclose(predictive.cov[..., 0, :, :], np.broadcast_to(4 * np.eye(2), (*shape[:-2], 2, 2)))
    assert_allclose(one.mean[..., 0, :], y[..., -1, :] @ a.T, atol=1e-12)
    two = fit.forecast(2, draws=3000)["y"]
    spread = np.sqrt(np.max(np.linalg.eigvalsh(q + a @ q @ a.T)) / 3000)
    assert_allclose(two.mean[..., 1, :], y[..., -1, :] @ (a @ a).T, atol=5 * spread)


def test_vectors_that_depend_on_their_past_and_on_states() -> None:
    text = """model M(K=2) plate s in S, k in K time t in T param P[k] : simplex[K] param A[k] : real[2, 2]
    latent z[s, 0] ~ Categorical([0.5, 0.5]) latent z[s, t] ~ Categorical(P[z[s, t-1]])
    observed y[s, 0] : real[2] ~ MvNormal(0, cov=4 * eye(2))
    observed y[s, t] ~ MvNormal(A[z[s, t]] @ y[s, t-1], cov=eye(2))"""
    fit = em.parse(text)().fit(y=np.random.default_rng(0).normal(size=(3, 4, 2)), max_iter=2)
    assert fit.filtered()["z"].probabilities.shape == (3, 4, 2)
    with pytest.raises(DataError, match="`y` is a vector whose past is read, beside latents"):
        fit.predictive()


# likelihoods of series


def test_likelihoods_of_series() -> None:
    y = series()
    fit = fitted(data={"y": y})
    assert_allclose(fit.log_likelihood_by("s"), [chain(fit, rows)[2] for rows in y])
    assert_allclose(fit.log_likelihood_by("s", y=y[::-1]), fit.log_likelihood_by("s")[::-1])
    weights = np.array([2.0, 0.5, 1.0])
    flat = {"y": np.array(series((4, 4, 4)))}
    weighted = fitted(CHAIN.replace("T[s]", "T"), flat, weights={"s": weights})
    assert weighted.log_likelihood_by("s") @ weights == pytest.approx(weighted.log_likelihood)
    with pytest.raises(DataError, match="`t` is no plate whose entries stand alone; there is s, k"):
        fit.log_likelihood_by("t")


@pytest.mark.parametrize("method", ["em", "vb"])
def test_likelihoods_of_series_with_parameters_of_their_own(method: Any) -> None:
    text = """model M plate s in S time t in T[s] param m[s] : real ~ Normal(0, var=4)
    param q : positive ~ InvGamma(2, scale=1) param r[s] : positive ~ InvGamma(2, scale=1)
    latent x[s, 0] ~ Normal(m[s], var=1) latent x[s, t] ~ Normal(x[s, t-1], var=q)
    observed y[s, t] ~ Normal(x[s, t], var=r[s])"""
    y = [np.random.default_rng(n).normal(size=n) for n in (4, 1, 6)]
    fit = em.parse(text)().fit(y=y, n_init=1, max_iter=4, method=method)
    assert fit.log_likelihood_by("s").sum() == pytest.approx(fit.score(), rel=1e-12)
    if method == "em":
        assert_allclose(fit.log_likelihood_by("s"), [own_level(rows, s, fit.params) for s, rows in enumerate(y)])


def own_level(y: Array, s: int, params: Any) -> float:
    """The log density of a random walk with noise, from its joint normal law."""
    steps = np.arange(len(y))
    cov = 1 + params["q"] * np.minimum.outer(steps, steps) + params["r"][s] * np.eye(len(y))
    return float(stats.multivariate_normal(np.full(len(y), params["m"][s]), cov).logpdf(y))


def test_bounds_of_entries_are_those_where_coordinate_ascent_has_settled() -> None:
    """One E-step was made for each, and nothing was said: the bounds were too low by 0.3."""
    text = """model M plate s in S, i in I, j in J param m : real latent a[s, i] ~ Normal(0, var=1)
    latent b[s, j] ~ Normal(m, var=1) observed y[s, i, j] ~ Normal(a[s, i] * b[s, j], var=0.001)"""
    rng = np.random.default_rng(0)
    y = rng.normal(size=(2, 3, 1)) * rng.normal(size=(2, 1, 4))
    fit = em.parse(text)().fit(y=y, init={"m": 1.0}, max_iter=0)
    with pytest.warns(UserWarning, match="has not settled after 100 E-steps"):
        found = fit.log_likelihood_by("s")
    with pytest.warns(UserWarning, match="has not settled after 100 E-steps"):
        assert_allclose(found, [fit.score(y=[entry]) for entry in y], rtol=1e-10)


def test_weights_of_a_score_need_data() -> None:
    fit, weights = fitted(), {"s": np.array([2.0, 0.5, 1.0])}
    assert fit.score(y=series(), weights=weights) == pytest.approx(fit.log_likelihood_by("s") @ weights["s"])
    with pytest.raises(DataError, match="weights go with data: give those of the fit again beside them"):
        fit.score(weights=weights)


def test_likelihoods_of_groups_that_an_index_array_leads_to() -> None:
    text = """model M(K = 2) plate g in G, i in I, k in K given grp[i] : index[G] param w : simplex[K] param m[k] : real
    param v : positive latent c[g] ~ Categorical(w) latent b[g] ~ Normal(m[c[g]], var=1)
    observed y[i] ~ Normal(b[grp[i]], var=v)"""
    grp, y = np.array([0, 3, 1, 1, 0, 3, 3]), np.random.default_rng(3).normal(size=7) * 3
    fit = em.parse(text)().fit(grp=grp, y=y, n_init=1, max_iter=3)
    own = [fit.score(grp=0 * grp[grp == g], y=y[grp == g]) for g in (0, 1, 3)]
    assert_allclose(fit.log_likelihood_by("g"), [own[0], own[1], 0.0, own[2]], atol=1e-12)
    fit = em.parse(text + " observed z[i] ~ Normal(0, var=1)")().fit(grp=grp, y=y, z=y, n_init=1, max_iter=3)
    with pytest.raises(DataError, match="`z` is no part of a single entry of plate `g`"):
        fit.log_likelihood_by("g")


def test_likelihoods_of_rows_that_share_a_latent() -> None:
    example = BY_NAME["intercepts"]
    fit = em.parse(example.text)().fit(example.draw(), n_init=1, max_iter=2)
    assert fit.log_likelihood_by("g").sum() == pytest.approx(fit.log_likelihood)
    with pytest.raises(DataError, match="`b` is no part of a single entry of plate `i`"):
        fit.log_likelihood_by("i")


def test_likelihoods_of_rows_that_read_each_other() -> None:
    text = """model M plate n in N given par[n] : index[N] param s : positive
    latent x[n] ~ Normal(0, var=s) observed y[n] ~ Normal(x[par[n]], var=1)"""
    fit = em.parse(text)().fit(par=[0, 0, 1, 1], y=[1, 0.2, -1, 2], max_iter=2)
    with pytest.raises(DataError, match="`y` depends on other entries of `x` along `n` than its own"):
        fit.log_likelihood_by("n")


# what cannot be done


@pytest.mark.parametrize("read", ["z[s, 2]", "z[s, at[s]]"])
def test_what_reads_a_later_step_has_no_law_before_it(read: str) -> None:
    text = f"""model M(K=2) plate s in S, k in K time t in T given at[s] : index[T]
    param A[k] : simplex[K] param m[k] : real param r[k] : real
    latent z[s, 0] ~ Categorical([0.5, 0.5]) latent z[s, t] ~ Categorical(A[z[s, t-1]])
    observed y[s, t] ~ Normal(m[z[s, t]], var=1) observed o[s] ~ Normal(r[{read}], var=1)"""
    fit = em.parse(text)().fit(y=[[0, 1, 1], [1, 1, 0.3]], o=[1, 0.5], at=[1, 2], max_iter=2)
    for result in (fit.filtered, fit.predictive):
        with pytest.raises(DataError, match="`o` depends on `z` at steps that the data up to a step may lack"):
            result()


def test_a_sum_over_all_steps_has_no_forecast() -> None:
    text = """model M plate s in S time t in T param q : positive
    latent z[s, 0] ~ Normal(0, var=1) latent z[s, t] ~ Normal(z[s, t-1], var=q)
    observed y[s, t] ~ Normal(z[s, t], var=1) observed o[s] ~ Normal(sum(z[s, t], t), var=1)"""
    fit = em.parse(text)().fit(y=[[0, 1, 1], [1, 1, 0.3]], o=[1, 0.5], max_iter=2)
    with pytest.raises(DataError, match="`o` depends on a sum of `z` over all steps"):
        fit.forecast(1)


def test_refusals() -> None:
    fit = fitted()
    with pytest.raises(DataError, match="forecast: 0 steps; a whole number from 1 on is needed"):
        fit.forecast(0)
    for draws in (0, -1, 2.5, True, "many"):
        with pytest.raises(DataError, match=f"forecast: {draws!r} draws; a whole number from 1 on is needed"):
            fit.forecast(1, draws=draws)
        with pytest.raises(DataError, match=f"predictive: {draws!r} draws; a whole number from 1 on is needed"):
            fit.predictive(draws=draws)
    with pytest.raises(DataError, match="forecast: `w` is no given variable over time"):
        fit.forecast(1, w=1)
    mixture = em.parse("model M plate n in N param m : real observed y[n] ~ Normal(m, sd=1)")().fit(y=[1.0, 2.0])
    with pytest.raises(DataError, match="the model observes nothing over time"):
        mixture.forecast(1)
    times = em.parse("""model M time t in T, r in R param m : real observed y[t] ~ Normal(m, sd=1)
        observed v[r] ~ Normal(m, sd=1)""")().fit(y=[1.0, 2.0], v=[3.0])
    with pytest.raises(
        DataError, match="along several times, `t` and `r`: results over time are those of a model of one"
    ):
        times.forecast(1)
    bound = em.parse(CHAIN.replace("T[s]", "T"))(T=3).fit(y=np.array(series((3, 3))), init=START, max_iter=0)
    with pytest.raises(DataError, match="the number of steps, T, is part of the model"):
        bound.forecast(1)


SWITCHES = """model M(K = 2) time t in T plate k in K param A[k] : simplex[K] param r[k] : positive
latent z[0] ~ Categorical([0.4, 0.6]) latent z[t] ~ Categorical(A[z[t-1]])"""

#: A law that reads a positive latent, and mean and second moment of it given the rate r of this latent's state.
POSITIVE: dict[str, tuple[str, Callable[[Array], tuple[Array, Array]]]] = {
    "beside its state": (
        "latent g[t] ~ Gamma(3, rate=r[z[t]]) observed y[t] ~ Poisson(g[t] * r[z[t]])",
        lambda r: (3 + 0 * r, 15 + 0 * r),
    ),
    "of an unread state, as a precision": (
        "latent g[t] ~ Gamma(3, rate=r[z[t]]) observed y[t] ~ Normal(0, prec=g[t])",
        lambda r: (0 * r, r / 2),
    ),
    "as a rate": (
        "latent g[t] ~ Gamma(4, rate=2) observed y[t] ~ Exponential(rate=g[t] * r[z[t]])",
        lambda r: (2 / 3 / r, 2 * 2 / 3 / r**2),
    ),
    "as an inverse": (
        "latent g[t] ~ InvGamma(5, scale=2) observed y[t] ~ Normal(0, prec=r[z[t]] / g[t])",
        lambda r: (0 * r, 0.5 / r),
    ),
}


@pytest.mark.parametrize("name", POSITIVE)
def test_forecasts_through_positive_latents(name: str) -> None:
    """As sums over the states: these come first, since others are no more than their means and variances by then."""
    law, moments = POSITIVE[name]
    y = 1 + np.random.default_rng(0).poisson(3, 30)
    start = {"A": np.array([[0.3, 0.7], [0.8, 0.2]]), "r": np.array([1.0, 4.0])}
    fit = em.parse(f"{SWITCHES} {law}")().fit(y=y, init=start, max_iter=1)
    mean, square = moments(fit.params["r"])
    shares, found = fit.forecast(3)["z"].probabilities, fit.forecast(3)["y"]
    assert_allclose(found.mean, shares @ mean, rtol=1e-8, atol=1e-12)
    assert_allclose(found.var, shares @ square - (shares @ mean) ** 2, rtol=1e-8)


def test_forecasts_of_what_states_choose_among_positive_latents() -> None:
    """The latent that leads to an entry comes before it; the entry came first, which crashed."""
    text = """model M(K = 2) plate s in S, k in K time t in T[s] param A[k] : simplex[K]
    latent r[s, k] ~ Gamma(2, rate=0.5) latent z[s, 0] ~ Categorical([0.3, 0.7])
    latent z[s, t] ~ Categorical(A[z[s, t-1]]) observed y[s, t] ~ Poisson(r[s, z[s, t]])"""
    fit = em.parse(text)().fit(y=[[1, 0, 6, 7], [5], [0, 7]], n_init=1, max_iter=5, random_state=0)
    ahead, rates, states = fit.forecast(2), fit.posterior["r"], fit.posterior["z"].probabilities
    for s in range(3):
        for step in range(2):
            share = states[s][-1] @ np.linalg.matrix_power(fit.params["A"], step + 1)
            mean, var = mixed(share, rates.mean[s], rates.mean[s] + rates.var[s])
            assert_allclose((ahead["y"].mean[s, step], ahead["y"].var[s, step]), (mean, var), rtol=1e-6)
    first = mixed(np.array([0.3, 0.7]), np.array([4.0, 4.0]), np.array([12.0, 12.0]))
    assert_allclose([fit.predictive()["y"].mean[s][0] for s in range(3)], first[0], rtol=1e-6)


def test_forecasts_that_no_points_stand_for_are_refused() -> None:
    """The mean of 1/p under a Beta law does not follow from the mean and variance of p."""
    text = "model M() time t in T param q : unit latent p[t] ~ Beta(3, 4) observed y[t] ~ Geometric(p[t])"
    fit = em.parse(f"{text} observed x[t] ~ Bernoulli(q)")().fit(y=[1, 0, 3], x=[0, 1, 1])
    with pytest.raises(em.DataError, match="they do not follow from those of `p`; draw them with `sample`"):
        fit.forecast(1)


def test_time_may_stand_before_other_plates() -> None:
    text = """model A() plate s in S  time t in T  param a : real  param m[s] : real  param q : positive
        latent x[s, 0] ~ Normal(0, var=2)  latent x[s, t] ~ Normal(a * x[s, t-1], var=q)
        observed y[s, t] missing ~ Normal(m[s] + x[s, t], var=0.5)"""
    turned = text.replace("[s, 0]", "[0, s]").replace("[s, t", "[t, s").replace("t, s-1]", "t-1, s]")
    y = np.random.default_rng(0).normal(size=(3, 5)).cumsum(axis=1)
    y[0, 2], y[1, 0] = np.nan, np.nan
    init = {"a": 0.6, "m": [0.0, 0.3, 0.1], "q": 0.7}
    rows, columns = (
        em.parse(one)().fit(y=data, init=init, max_iter=3, tol=0) for one, data in ((text, y), (turned, y.T))
    )
    assert_allclose(columns.log_likelihood, rows.log_likelihood, rtol=1e-10)
    assert_allclose(columns.params["m"], rows.params["m"], rtol=1e-8)
    for asked in ("filtered", "predictive"):
        for name, found in getattr(columns, asked)().items():
            assert_allclose(np.transpose(found.mean), getattr(rows, asked)()[name].mean, rtol=1e-8)
    assert_allclose(np.transpose(columns.forecast(2)["y"].mean), rows.forecast(2)["y"].mean, rtol=1e-8)


def over_normal(mean: float, var: float, function: Callable[[Array], Array]) -> float:
    """E f(e), e ~ N(mean, var)."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(100)
    return float(weights @ function(mean + np.sqrt(var) * nodes) / weights.sum())


BENT = {
    "Bernoulli(logit=m + x[t])": (lambda e: special.expit(e), lambda e: special.expit(e) * special.expit(-e)),
    "Binomial(7, logit=m + x[t])": (lambda e: 7 * special.expit(e), lambda e: 7 * special.expit(e) * special.expit(-e)),
    "NegBinomial(exp(m + x[t]), size=3)": (lambda e: np.exp(e), lambda e: np.exp(e) + np.exp(2 * e) / 3),
    "LogNormal(m + x[t], sd=0.5)": (lambda e: np.exp(e + 0.125), lambda e: np.exp(2 * e + 0.25) * np.expm1(0.25)),
}


@pytest.mark.parametrize("law", BENT)
def test_what_a_law_bends_is_averaged_over_the_real_states_not_put_at_two_points(law: str) -> None:
    model = em.parse(f"""
        model Bent(m = 0.4)
        time t in T
        param q : positive
        latent x[0] ~ Normal(0, var=1)
        latent x[t] ~ Normal(0.9 * x[t-1], var=q)
        observed y[t] ~ {law}""")()
    y = [0.4, 1.3, 2.5, 0.9, 1.7] if law.startswith("Log") else [0, 1, 1, 0, 1]
    fit = model.fit(y=y, init={"q": 0.8}, max_iter=0, tol=0)
    expectation, spread = BENT[law]
    found = fit.forecast(3)
    for x_mean, x_var, mean, var in zip(found["x"].mean, found["x"].var, found["y"].mean, found["y"].var, strict=True):
        first = over_normal(0.4 + x_mean, x_var, expectation)
        second = over_normal(0.4 + x_mean, x_var, lambda e: spread(e) + expectation(e) ** 2)
        assert_allclose([mean, var], [first, second - first**2], rtol=1e-6)


@pytest.mark.parametrize(
    ("latents", "read", "var", "rtol"),
    [
        ("latent x[t] ~ Normal(0, var=1) latent w[t] ~ Normal(0, var=0.3)", "x[t] + w[t]", 1.3, 1e-8),
        ("latent w[t] : real[2] ~ MvNormal(0, cov=[[1, 0.2], [0.2, 0.5]])", "w[t, 0] + 2 * w[t, 1]", 3.8, 1e-8),
        ("latent w[t] : real[3] ~ MvNormal(0, cov=eye(3))", "w[t, 0] + w[t, 1] - w[t, 2]", 3.0, 1e-6),
        ("latent w[t] : real[5] ~ MvNormal(0, cov=4 * eye(5))", "w[t, 0] + 0.5 * w[t, 4]", 5.0, 1e-4),
    ],
)
def test_several_coordinates_under_a_law_that_bends_them(latents: str, read: str, var: float, rtol: float) -> None:
    model = em.parse(f"model M() time t in T param b : real {latents} observed y[t] ~ Bernoulli(logit=b + {read})")()
    ahead = model.fit(y=[1, 0, 1], init={"b": 0.4}, max_iter=0, tol=0).forecast(1)["y"]
    assert_allclose(ahead.probabilities[0, 1], over_normal(0.4, var, special.expit), rtol=rtol)


def test_entries_of_a_plate_under_a_law_that_bends_their_sum() -> None:
    model = em.parse("""model M() time t in T plate j in 2 param b : real latent w[t, j] ~ Normal(0, var=0.2)
        observed y[t] ~ LogNormal(b + sum(w[t, j], j), sd=0.5)""")()
    ahead = model.fit(y=[1.0, 0.5, 2.0], init={"b": 0.4}, max_iter=0, tol=0).forecast(1)["y"]
    assert_allclose(ahead.mean, [np.exp(0.4 + (0.4 + 0.25) / 2)], rtol=1e-8)
    assert_allclose(ahead.var, ahead.mean**2 * np.expm1(0.65), rtol=1e-8)


def test_bent_laws_of_two_vectors_say_that_their_moments_are_not_known() -> None:
    model = em.parse("""model M() time t in T param b : real
        latent x[t] : real[2] ~ MvNormal(0, cov=eye(2)) latent w[t] : real[2] ~ MvNormal(0, cov=eye(2))
        observed y[t] ~ Bernoulli(logit=b + x[t, 0] + w[t, 0])""")()
    fit = model.fit(y=[1, 0, 1], init={"b": 0.4}, max_iter=0, tol=0)
    with pytest.raises(DataError, match="no linear function of `x` and `w`, which have 4 coordinates; draw them"):
        fit.forecast(1)


MIXED = """model Mixed(K = 2) plate s in S, k in K time t in T[s] param A[k] : simplex[K] param m[k] : real
    param tau : positive param v : positive latent b[s] ~ Normal(0, var=tau)
    latent z[s, 0] ~ Categorical([0.5, 0.5]) latent z[s, t] ~ Categorical(A[z[s, t-1]])
    observed y[s, t] ~ Normal(m[z[s, t]] + b[s], var=v)"""


def by_coordinates(y: Array, p: Any) -> tuple[Array, float, float]:
    """States at the last step, and mean and variance of the level, by coordinate ascent until nothing moves."""
    last, mean, var = np.inf, 0.0, float(p["tau"])
    while abs(mean - last) > 1e-10:
        density = stats.norm.pdf(y[:, None], p["m"] + mean, np.sqrt(p["v"])) * np.exp(-0.5 * var / p["v"])
        after = forward(np.array([0.5, 0.5]), p["A"], density)[1]
        states = [after[-1]]
        for row in after[-2::-1]:
            states.insert(0, row * (p["A"] @ (states[0] / (row @ p["A"]))))
        var = 1 / (1 / p["tau"] + len(y) / p["v"])
        last, mean = mean, var * (y - np.array(states) @ p["m"]).sum() / p["v"]
    return states[-1], mean, var


def test_levels_of_series_beside_states_are_inferred_until_they_settle() -> None:
    """Three sweeps were made, as where a fit goes on from its last ones: probabilities were off by up to 0.6."""
    rng = np.random.default_rng(4)
    y = [2.0 * (np.cumsum(rng.random(n) < 0.2) % 2) + rng.normal(size=n) + level for n, level in ((30, 0.5), (9, -1))]
    init = {"A": [[0.9, 0.1], [0.2, 0.8]], "m": [0.0, 2.0], "tau": 0.4, "v": 1.0}
    fit = em.parse(MIXED)().fit(y=y, init=init, max_iter=0)
    p, filtered, predictive, ahead = fit.params, fit.filtered(), fit.predictive(), fit.forecast(2)
    for s, rows in enumerate(y):
        for t in range(len(rows)):
            states, mean, var = by_coordinates(rows[: t + 1], p)
            assert_allclose(filtered["z"].probabilities[s][t], states, atol=1e-5)
            if t + 1 < len(rows):
                assert_allclose(predictive["y"].mean[s][t + 1], states @ p["A"] @ p["m"] + mean, atol=1e-5)
        assert_allclose(fit.posterior["b"].mean[s], mean, atol=1e-5)
        assert_allclose(fit.posterior["z"].probabilities[s][-1], states, atol=1e-5)
        for step in range(2):
            states = states @ p["A"]
            centre, spread = mixed(states, p["m"], p["v"])
            assert_allclose(ahead["y"].mean[s, step], centre + mean, atol=1e-5)
            assert_allclose(ahead["y"].var[s, step], spread + var, atol=1e-5)


SWITCHING = """
    model Switching(K = 2)
    plate s in S, k in K
    time t in T[s]
    param start : simplex[K]    param A[k] : simplex[K]
    param a[k] : real           param q[k] : positive
    latent z[s, 0]   ~ Categorical(start)
    latent z[s, t]   ~ Categorical(A[z[s, t-1]])
    latent x[s, 0]   ~ Normal(0, var=1)
    latent x[s, t]   ~ Normal(a[z[s, t]] * x[s, t-1], var=q[z[s, t]])
    observed y[s, t] ~ Normal(x[s, t], var=0.1)
"""


def test_forecasts_of_switching_dynamics_follow_the_laws_not_an_independent_guess() -> None:
    # From q of the last step: p = P A; E x = p·a m; E x² = p·(a² (m² + v) + q).
    a, q, matrix = np.array([0.9, -0.5]), np.array([0.2, 2.0]), np.array([[0.8, 0.2], [0.3, 0.7]])
    fit = em.parse(SWITCHING)().fit(
        y=[[0.3, 0.9, 1.4, -0.6, 2.1, 1.9, 1.5], [0.2, -0.4, 1.8]],
        init={"start": [0.6, 0.4], "A": matrix, "a": a, "q": q},
        max_iter=0,
        tol=0,
    )
    ahead = fit.forecast(1, draws=100_000)
    for row in range(2):
        states = fit.posterior["z"].probabilities[row][-1] @ matrix
        mean, var = fit.posterior["x"].mean[row][-1], fit.posterior["x"].var[row][-1]
        first, second = states @ a * mean, states @ (a**2 * (mean**2 + var) + q)
        assert_allclose(ahead["z"].probabilities[row, 0], states, atol=0.01)
        assert_allclose(ahead["x"].mean[row, 0], first, atol=0.02)
        assert_allclose(ahead["x"].var[row, 0], second - first**2, rtol=0.03)
        assert_allclose(ahead["y"].var[row, 0], second - first**2 + 0.1, rtol=0.03)
    assert fit.forecast(1, data={"y": [[0.3, 0.9]]})["x"].mean.shape == (1, 1)


def test_what_states_read_of_latents_outside_of_time_is_drawn_from_its_law() -> None:
    """Where nothing is seen, the best independent q of the states took exp(E log A) for A: 0.81 where E A says 0.75."""
    text = """model M plate s in S, k in 2 time t in T[s] latent A[s, k] ~ Dirichlet([2, 1]) latent p[s] ~ Beta(1, 2)
        latent z[s, 0] ~ Categorical([0.5, 0.5]) latent z[s, t] ~ Categorical(A[s, z[s, t-1]])
        latent w[s, t] ~ Bernoulli(p[s]) observed y[s, t] ~ Normal(3*z[s, t] + w[s, t], var=1)"""
    draws, y = 20000, [np.array([0.2, 3.0, 2.5, 4.0]), np.array([1.5])]
    fit = em.parse(text)().fit(y=y, max_iter=0)
    ahead, margin = fit.forecast(2, draws=draws), 2.5 / np.sqrt(draws)
    counts, chances = fit.posterior["A"].statistics["concentration"], fit.posterior["p"].mean
    for s in range(2):
        rows, last = counts[s] / counts[s].sum(axis=-1, keepdims=True), fit.filtered()["z"].probabilities[s][-1]
        twice = rows @ rows
        for k, own in enumerate(counts[s]):  # the same row twice: E A_kk A_kl
            twice[k] += own[k] * (own + np.eye(2)[k]) / (own.sum() * (own.sum() + 1)) - rows[k, k] * rows[k]
        assert_allclose(ahead["z"].probabilities[s], [last @ rows, last @ twice], atol=margin)
        assert_allclose(ahead["w"].probabilities[s][:, 1], chances[s], atol=margin)
    one_step = fit.predictive()
    assert_allclose(one_step["z"].probabilities[1], [[0.5, 0.5]], atol=0.05)
    assert_allclose(one_step["w"].probabilities[1][:, 1], 1 / 3, atol=0.05)
    cut = em.parse(text)().fit(y=[y[0][:3], y[1]], max_iter=0).forecast(1, draws=draws)
    assert_allclose(one_step["z"].probabilities[0][3], cut["z"].probabilities[0, 0], atol=0.05)
    assert_allclose(one_step["y"].mean[0][3], cut["y"].mean[0, 0], atol=0.2)


def test_the_noise_of_states_that_a_latent_outside_of_time_holds_is_drawn_from_its_law() -> None:
    text = """model M plate s in S time t in T[s] latent w[s] ~ Gamma(3, rate=2) latent x[s, 0] ~ Normal(0, prec=w[s])
        latent x[s, t] ~ Normal(x[s, t-1], prec=w[s]) observed y[s, t] ~ Normal(x[s, t], var=0.5)"""
    fit = em.parse(text)().fit(y=[np.array([0.3, 1.0, -0.5, 0.2, 0.4]), np.array([2.0, 1.0])], max_iter=0)
    ahead, law = fit.forecast(1, draws=50000), fit.posterior["w"].statistics
    for s, last in enumerate(fit.filtered()["x"].var):
        assert_allclose(ahead["x"].var[s, 0], last[-1] + law["rate"][s] / (law["shape"][s] - 1), rtol=0.05)


def over_paths(y: Sequence[float]) -> tuple[float, float, float]:
    """E z, E x and var x one step after `y` under `SWITCHING`: a Kalman filter for each path of states."""
    a, q, matrix = np.array([0.9, -0.5]), np.array([0.2, 2.0]), np.array([[0.8, 0.2], [0.3, 0.7]])
    rows = []
    for path in itertools.product(range(2), repeat=len(y) + 1):
        weight, mean, var = (0.6, 0.4)[path[0]], 0.0, 1.0
        for step, state in enumerate(path):
            if step:
                seen, total = y[step - 1], var + 0.1
                weight *= matrix[path[step - 1], state] * stats.norm.pdf(seen, mean, np.sqrt(total))
                mean, var = mean + var / total * (seen - mean), 0.1 * var / total
                mean, var = a[state] * mean, a[state] ** 2 * var + q[state]
        rows.append((weight, path[-1], mean, mean**2 + var))
    weights, *known = np.array(rows).T
    states, first, second = (float(weights @ one / weights.sum()) for one in known)
    return states, first, second - first**2


@pytest.mark.parametrize("ragged", [True, False])
def test_one_step_laws_of_switching_dynamics_are_those_of_the_data_before_each(ragged: bool) -> None:
    series = [[0.3, 0.9, 1.4, -0.6, 2.1, 1.9], [0.2, -0.4, 1.8]] if ragged else [[0.3, 0.9, 1.4, -0.6]] * 2
    text = SWITCHING if ragged else SWITCHING.replace("T[s]", "T")
    a, q, matrix = np.array([0.9, -0.5]), np.array([0.2, 2.0]), np.array([[0.8, 0.2], [0.3, 0.7]])
    fit = em.parse(text)().fit(y=series, init={"start": [0.6, 0.4], "A": matrix, "a": a, "q": q}, max_iter=0, tol=0)
    known, found = fit.filtered(), fit.predictive(draws=100_000)
    for row, y in enumerate(series):
        assert_allclose(found["z"].probabilities[row][0], [0.6, 0.4], atol=0.01)
        assert_allclose(found["x"].var[row][0], 1.0, rtol=0.03)
        for step in range(1, len(y)):
            states = known["z"].probabilities[row][step - 1] @ matrix
            mean, var = known["x"].mean[row][step - 1], known["x"].var[row][step - 1]
            first, second = states @ a * mean, states @ (a**2 * (mean**2 + var) + q)
            assert_allclose(found["z"].probabilities[row][step], states, atol=0.01)
            assert_allclose(found["x"].mean[row][step], first, atol=0.02)
            assert_allclose(found["x"].var[row][step], second - first**2, rtol=0.03)
            assert_allclose(found["y"].mean[row][step], first, atol=0.02)
            assert_allclose(found["y"].var[row][step], second - first**2 + 0.1, rtol=0.03)
            exact = over_paths(y[:step])  # what q leaves out of it: at most a tenth here
            assert abs(found["z"].probabilities[row][step][1] - exact[0]) < 0.1
            assert abs(found["x"].mean[row][step] - exact[1]) < 0.1 * np.sqrt(exact[2])
            assert_allclose(found["x"].var[row][step], exact[2], rtol=0.1)


def test_one_step_laws_of_switching_dynamics_with_their_own_past_and_gaps() -> None:
    text = SWITCHING.replace(
        "observed y[s, t] ~ Normal(x[s, t],", "observed y[s, t] missing ~ Normal(x[s, t] + u[s, t],"
    )
    text = text.replace("    latent z[s, 0]", "    given u[s, t] : real\n    latent z[s, 0]", 1)
    fit = em.parse(text)().fit(
        y=[[0.3, np.nan, 1.4, -0.6]],
        u=[[0.0, 1.0, 2.0, 30.0]],
        init={"start": [0.6, 0.4], "A": [[0.8, 0.2], [0.3, 0.7]], "a": [0.9, -0.5], "q": [0.2, 2.0]},
        max_iter=0,
        tol=0,
    )
    found = fit.predictive(draws=50_000)
    for step in range(1, 4):
        before = {"y": [[0.3, np.nan, 1.4][:step]], "u": [[0.0, 1.0, 2.0][:step]]}
        ahead = fit.forecast(1, before, draws=50_000, random_state=step, u=[[[0.0, 1.0, 2.0, 30.0][step]]])
        assert_allclose(found["y"].mean[0][step], ahead["y"].mean[0, 0], atol=0.04)
        assert_allclose(found["y"].var[0][step], ahead["y"].var[0, 0], rtol=0.04)


ENDING = SWITCHING.replace("observed y[s, t] ~", "observed y[s, t] missing ~")
SWITCHING_START = {"start": [0.6, 0.4], "A": [[0.8, 0.2], [0.3, 0.7]], "a": [0.9, -0.5], "q": [0.2, 2.0]}


@pytest.mark.parametrize("ragged", [True, False])
def test_what_follows_missing_ends_is_pushed_by_the_laws_from_q_of_the_last_step_seen(ragged: bool) -> None:
    """The same draws as from the series that end there; steps of which nothing is known took part in q."""
    model = em.parse(ENDING if ragged else ENDING.replace("T[s]", "T"))()
    seen = [0.3, 0.9, np.nan, 1.4, -0.6]
    fit = model.fit(y=[[*seen, np.nan, np.nan]], init=SWITCHING_START, max_iter=0, tol=0)
    short = model.fit(y=[seen], init=SWITCHING_START, max_iter=0, tol=0)
    ahead, pushed = fit.forecast(2, draws=2000), short.forecast(4, draws=2000)
    for name in ("x", "y"):
        assert_allclose(ahead[name].mean, pushed[name].mean[:, 2:], rtol=1e-7)
        assert_allclose(ahead[name].var, pushed[name].var[:, 2:], rtol=1e-7)
    assert_allclose(ahead["z"].probabilities, pushed["z"].probabilities[:, 2:], rtol=1e-7)
    one_step = fit.predictive(draws=50_000)
    assert_allclose(
        one_step["z"].probabilities[0][5:], short.forecast(2, draws=50_000)["z"].probabilities[0], atol=0.01
    )


def test_parted_states_of_series_with_their_own_past_are_drawn_at_every_step() -> None:
    """Two steps ahead took their law from the best independent q of what is not seen: 0.94 for 0.30."""
    text = SWITCHING.replace("Normal(x[s, t], var=0.1)", "Normal(x[s, t] + 0.3 * y[s, t-1], var=0.1)")
    text += "    observed y[s, 0] ~ Normal(x[s, 0], var=0.1)\n"
    fit = em.parse(text)().fit(y=[[0.3, 0.9, 1.4, -0.6, 2.0]], init=SWITCHING_START, max_iter=0, tol=0)
    matrix, start = np.array(SWITCHING_START["A"]), fit.posterior["z"].probabilities[0][-1]
    ahead = fit.forecast(2, draws=50_000)
    assert_allclose(ahead["z"].probabilities[0], [start @ matrix, start @ matrix @ matrix], atol=0.01)
    assert_allclose(ahead["x"].var[0, 0], fit.forecast(1, draws=50_000)["x"].var[0, 0], rtol=0.03)


@pytest.mark.parametrize("ragged", [True, False])
def test_series_end_each_at_a_step_of_its_own(ragged: bool) -> None:
    """Against each by itself, cut after its last step seen."""
    model = em.parse(ENDING if ragged else ENDING.replace("T[s]", "T"))()
    series = [[0.2, np.nan, 0.5, -0.4, 1.2], [0.3, 0.9], [0.1, 0.4, -0.3, 0.8, 0.2, 0.6, -1.0]]
    whole = [[*one, *[np.nan] * (7 - len(one))] for one in series]
    fit = model.fit(y=whole, init=SWITCHING_START, max_iter=0, tol=0)
    ahead, before = fit.forecast(1, draws=50_000), fit.predictive(draws=50_000)
    for row, one in enumerate(series):
        gap = 7 - len(one)
        alone = fit.forecast(gap + 1, {"y": [one]}, draws=50_000, random_state=1)
        for name in ("x", "y"):
            spread = np.sqrt(alone[name].var[0])
            assert np.all(abs(ahead[name].mean[row, 0] - alone[name].mean[0, gap]) < 0.03 * spread[gap])
            assert np.all(abs(before[name].mean[row][len(one) :] - alone[name].mean[0, :gap]) < 0.03 * spread[:gap])
        assert_allclose(ahead["z"].probabilities[row, 0], alone["z"].probabilities[0, gap], atol=0.01)
        assert_allclose(before["z"].probabilities[row][len(one) :], alone["z"].probabilities[0, :gap], atol=0.01)


def test_one_step_laws_of_counts_after_missing_ends() -> None:
    # E y' = c + b E y; var y' = E y' + b² var y.
    text = """model M() time t in T param b : positive param c : positive
        observed y[0] missing ~ Poisson(c) observed y[t] missing ~ Poisson(c + b * y[t-1])"""
    fit = em.parse(text)().fit(y=[1, 0, 3, np.nan, np.nan, np.nan], init={"b": 0.6, "c": 1.0}, max_iter=0, tol=0)
    found = fit.predictive(draws=100_000)["y"]
    mean, var = 3.0, 0.0
    for step in (3, 4, 5):
        mean = 1.0 + 0.6 * mean
        var = mean + 0.36 * var
        assert_allclose(found.mean[step], mean, atol=0.03)
        assert_allclose(found.var[step], var, rtol=0.03)


def test_what_a_class_ties_together_is_drawn() -> None:
    """Zero inflation at each step of chains with a class each, against sums over the classes."""
    text = """model M plate s in S, k in 2, c in 2 time t in T[s] param A[c, k] : simplex[2] param w : simplex[2]
        param p[k] : unit param a[k] : positive latent g[s] ~ Categorical(w) latent z[s, 0] ~ Categorical([0.5, 0.5])
        latent z[s, t] ~ Categorical(A[g[s], z[s, t-1]]) latent d[s, t] ~ Bernoulli(p[z[s, t]])
        observed y[s, t] ~ switch(d[s, t], Poisson(a[z[s, t]]), PointMass(0))"""
    matrices = [[[0.9, 0.1], [0.2, 0.8]], [[0.3, 0.7], [0.6, 0.4]]]
    w, p, a = (np.array(pair) for pair in ([0.6, 0.4], [0.4, 0.1], [2.0, 8.0]))
    y, draws = [np.array([0, 3, 0, 8, 9, 0, 7]), np.array([1])], 20000
    fit = em.parse(text)().fit(y=y, init={"A": matrices, "w": w, "p": p, "a": a}, max_iter=0)
    ahead, given_past = fit.forecast(2, draws=draws)["y"], fit.predictive(draws=draws)
    for s, rows in enumerate(y):
        density = (1 - p) * stats.poisson.pmf(rows[:, None], a) + p * (rows[:, None] == 0)
        classes = [forward(np.array([0.5, 0.5]), np.array(matrix), density) for matrix in matrices]
        odds = w * np.exp([total for *_, total in classes])
        for step in (1, 2):
            ends = [after[-1] @ np.linalg.matrix_power(m, step) for (_, after, _), m in zip(classes, matrices)]
            states = odds / odds.sum() @ np.array(ends)
            mean, second = states @ ((1 - p) * a), states @ ((1 - p) * (a + a**2))
            assert_allclose(ahead.mean[s, step - 1], mean, atol=4 * np.sqrt((second - mean**2) / draws))
            assert_allclose(ahead.var[s, step - 1], second - mean**2, rtol=0.05)
        for step in range(len(rows)):
            past = [forward(np.array([0.5, 0.5]), np.array(matrix), density[:step]) for matrix in matrices]
            odds = w * np.exp([total for *_, total in past])
            states = odds / odds.sum() @ np.array([before[step] for before, *_ in classes])
            mean, second = states @ ((1 - p) * a), states @ ((1 - p) * (a + a**2))
            assert_allclose(given_past["z"].probabilities[s][step], states, atol=0.02)
            assert_allclose(given_past["y"].mean[s][step], mean, atol=4 * np.sqrt((second - mean**2) / draws))
            assert_allclose(given_past["y"].var[s][step], second - mean**2, rtol=0.05)
