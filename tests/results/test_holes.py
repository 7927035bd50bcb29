"""Fits of models in which missing entries are read: estimates, forecasts, and complete data as without `missing`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize

import emdsl as em
from tests.oracles import charts
from tests.oracles.marginal import log_likelihood
from tests.oracles.networks import instance

Array = np.ndarray[Any, Any]

AUTOREGRESSION = """model M() time t in T param a : real param c : real param s : positive
observed y[0] ~ Normal(0, sd=1) observed y[t] missing ~ Normal(a * y[t-1] + c, sd=s)"""
CHAIN = """model M(K = 2) time t in T plate k in K param p : simplex[K] param A[k] : simplex[K]
observed z[0] ~ Categorical(p) observed z[t] missing ~ Categorical(A[z[t-1]])"""
LABELS = """model M(K = 2) plate n in N, k in K param w : simplex[K] param m[k] : real param s : positive
observed z[n] missing ~ Categorical(w) observed x[n] ~ Normal(m[z[n]], sd=s)"""
COVARIATES = """model M() plate n in N param m : real param a : positive param b : real param c : real
param s : positive observed u[n] missing ~ Normal(m, sd=a) observed v[n] ~ Normal(b * u[n] + c, sd=s)"""
VECTORS = """model M(D = 2) time t in T param B : real[D, D] param Q : cov[D]
observed y[0] ~ MvNormal(0, cov=eye(D)) observed y[t] missing ~ MvNormal(B @ y[t-1], cov=Q)"""
SWITCHING = """model M(K = 2) time t in T plate k in K param A[k] : simplex[K] param a[k] : real param s : positive
latent z[0] ~ Categorical([0.5, 0.5]) latent z[t] ~ Categorical(A[z[t-1]])
observed y[0] ~ Normal(0, sd=s) observed y[t] missing ~ Normal(a[z[t]] * y[t-1], sd=s)"""
PRODUCTS = """model M() plate n in N param m : real param b : real latent x[n] ~ Normal(0, sd=1)
observed u[n] missing ~ Normal(m, sd=1) observed v[n] ~ Normal(b * x[n] * u[n], sd=1)"""
COUNTS = """model M() time t in T param a : positive param b : positive
observed y[0] ~ Poisson(a) observed y[t] missing ~ Poisson(a + b * y[t-1])"""
SUCCESSES = """model M() plate n in N param p : unit param b : real param v : positive
observed x[n] missing ~ Binomial(4, p) observed y[n] ~ Normal(b * x[n], var=v)"""
CHANCES = """model M() plate n in N param b : positive
observed u[n] missing ~ Beta(2, 2) observed y[n] ~ Bernoulli(u[n]) observed x[n] ~ Poisson(b)"""
EXPOSED = """model M() plate n in N param r : positive param b : positive
observed u[n] missing ~ Gamma(2, rate=r) observed y[n] ~ Poisson(b * u[n])"""


def walk(steps: int = 40, seed: int = 3) -> Array:
    rng, y = np.random.default_rng(seed), np.zeros(steps)
    for t in range(1, steps):
        y[t] = 0.7 * y[t - 1] + 0.5 + 0.6 * rng.normal()
    return y


def holed(values: Array, *places: int) -> Array:
    result = np.array(values, dtype=float)
    result[list(places)] = np.nan
    return result


def filtered(y: Array, a: float, c: float, s: float) -> tuple[float, list[tuple[float, float]], tuple[float, float]]:
    """The log likelihood, mean and variance of each step given those before it, and of the last given all."""
    value, ahead, mean, var = 0.0, [], 0.0, 1.0
    for t, datum in enumerate(y):
        if t:
            mean, var = a * mean + c, a**2 * var + s**2
        ahead.append((mean, var))
        if not np.isnan(datum):
            value -= 0.5 * (np.log(2 * np.pi * var) + (datum - mean) ** 2 / var)
            mean, var = float(datum), 0.0
    return value, ahead, (mean, var)


Y = holed(walk(), 3, 7, 8, 9, 20, 21, 30)


def test_autoregression_with_gaps() -> None:
    """Estimates are the maximum of the likelihood by Kalman's recursion; so are predictions and forecasts."""
    fit = em.parse(AUTOREGRESSION)().fit(y=Y, tol=1e-13)
    best = minimize(lambda p: -filtered(Y, p[0], p[1], np.exp(p[2]))[0], [0.5, 0.0, 0.0], options={"gtol": 1e-8})
    assert_allclose([fit.params["a"], fit.params["c"], np.log(fit.params["s"])], best.x, atol=1e-5)
    assert_allclose(fit.log_likelihood, -best.fun, rtol=1e-9)
    a, c, s = (float(fit.params[name]) for name in "acs")
    _, ahead, (mean, var) = filtered(np.append(Y, [np.nan, np.nan]), a, c, s)
    found = fit.predictive()["y"]
    assert_allclose(found.mean, [m for m, _ in ahead[:-2]], rtol=1e-8, atol=1e-10)
    assert_allclose(found.var, [v for _, v in ahead[:-2]], rtol=1e-8)
    found = fit.forecast(2)["y"]
    assert_allclose(np.c_[found.mean, found.var], ahead[-2:], rtol=1e-8)
    assert_allclose([found.mean[-1], found.var[-1]], [mean, var], rtol=1e-8)
    filled = fit.impute()["y"]
    assert_allclose(filled, fit.posterior["y"].mean)
    assert_allclose(filled[~np.isnan(Y)], Y[~np.isnan(Y)])
    assert_allclose(filled[3], (a * (Y[4] - c) + a * Y[2] + c) / (1 + a**2), rtol=1e-8)
    assert fit.predict() == {}
    assert set(fit.sample()) == {"y"}


def test_gaps_far_from_zero() -> None:
    """Squares of values about zero lost so many digits that steps seemed to lower the likelihood."""
    text = AUTOREGRESSION.replace("param a", "given y0 : real param a").replace("Normal(0, sd=1)", "Normal(y0, sd=1)")
    shift = 1e5
    near, far = (em.parse(text)().fit(y=Y + by, y0=by, tol=1e-12, n_init=2) for by in (0.0, shift))
    a, c, s = (float(far.params[name]) for name in "acs")
    assert_allclose([a, c - (1 - a) * shift, s], [near.params[name] for name in "acs"], rtol=1e-4)
    assert_allclose(far.log_likelihood, near.log_likelihood, rtol=1e-9)
    assert_allclose(far.impute()["y"] - shift, near.impute()["y"], atol=1e-4)


COMPLETE = {
    "autoregression": (AUTOREGRESSION, {"y": walk()}),
    "chain": (CHAIN, {"z": (walk() > 1.6).astype(int)}),
    "labels": (LABELS, {"z": (walk() > 1.6).astype(int), "x": walk(seed=4)}),
    "covariates": (COVARIATES, {"u": walk(), "v": 0.5 * walk() + walk(seed=4)}),
    "vectors": (VECTORS, {"y": np.stack([walk(), walk(seed=4)], axis=-1)}),
    "switching": (SWITCHING, {"y": walk()}),
    "products": (PRODUCTS, {"u": walk(), "v": walk(seed=4)}),
    "counts": (COUNTS, {"y": np.arange(40) % 3}),
    "successes": (SUCCESSES, {"x": np.arange(40) % 4, "y": walk() + np.arange(40) % 4}),
    "chances": (CHANCES, {"u": 1 / (1 + np.exp(walk())), "y": np.arange(40) % 2, "x": np.arange(40) % 3}),
    "exposed": (EXPOSED, {"u": np.abs(walk()) + 0.1, "y": np.arange(40) % 3}),
}


@pytest.mark.parametrize("name", COMPLETE)
def test_complete_data_are_as_without_missing(name: str) -> None:
    text, data = COMPLETE[name]
    fit = em.parse(text)().fit(data, n_init=1, max_iter=30)
    plain = em.parse(text.replace(" missing", ""))().fit(data, n_init=1, max_iter=30)
    assert_allclose(fit.history, plain.history, rtol=1e-12)
    for key, value in plain.params.items():
        assert_allclose(fit.params[key], value, rtol=1e-9, err_msg=key)
    assert set(fit.posterior) == set(plain.posterior)


@pytest.mark.parametrize(
    ("name", "hole"), [("autoregression", "y"), ("chain", "z"), ("labels", "z"), ("vectors", "y"), ("exposed", "u")]
)
def test_new_data_may_have_holes_where_those_of_the_fit_had_none(name: str, hole: str) -> None:
    text, data = COMPLETE[name]
    fit = em.parse(text)().fit(data, n_init=2)
    new = {key: value[4:10] for key, value in data.items()} | {hole: holed(data[hole][4:10], 1, 2)}
    case = instance(text, {}, new)
    expected = log_likelihood(case.model, case.constants, case.data, fit.params)
    assert_allclose(fit.score(new), expected, rtol=1e-9)
    filled = fit.impute(new)[hole]
    assert np.isfinite(filled).all()
    assert_allclose(filled[3:], data[hole][7:10])


@pytest.mark.parametrize(
    ("name", "hole", "message"),
    [
        ("products", "u", "missing entries of `u`: they have no exact posterior beside `x`"),
        ("counts", "y", "only the ends of series may be missing"),
        ("chances", "u", "missing entries of `u`: they are read, and are of type `unit`"),
    ],
)
def test_holes_that_cannot_be_integrated_out_are_refused(name: str, hole: str, message: str) -> None:
    text, data = COMPLETE[name]
    with pytest.raises(em.ModelError, match=message):
        em.parse(text)().fit(data | {hole: holed(data[hole], 4)})


def test_holes_under_states_have_a_bound() -> None:
    """The likelihood lies above it, and `strict` forbids it; complete data are fitted exactly."""
    text, data = COMPLETE["switching"]
    holes = {"y": holed(data["y"], 2, 4)[:6]}
    model = em.parse(text)()
    fit = model.fit(holes, init={"A": [[0.8, 0.2], [0.3, 0.7]], "a": [0.9, -0.5], "s": 0.6}, max_iter=3)
    case = instance(text, {}, holes)
    exact = log_likelihood(case.model, case.constants, case.data, fit.params)
    assert exact - 1 < fit.log_likelihood < exact - 1e-6
    assert "bound" in str(fit.summary())
    assert np.isfinite(fit.impute()["y"]).all() and np.isfinite(fit.forecast(2)["y"].var).all()
    with pytest.raises(em.ModelError, match=r"is not exact: .*`y` and `z` meet"):
        model.fit(holes, strict=True)
    assert model.fit(data, n_init=1, max_iter=2, strict=True)


@pytest.mark.parametrize("name", ["switching", "counts"])
def test_ends_of_series_are_left_out(name: str) -> None:
    text, data = COMPLETE[name]
    ended = em.parse(text)().fit(y=holed(data["y"], 38, 39), n_init=1, max_iter=20)
    assert_allclose(ended.score(y=data["y"][:38]), ended.log_likelihood, rtol=1e-9)


@pytest.mark.parametrize("name", ["counts", "switching"])
def test_what_follows_missing_ends_is_drawn(name: str) -> None:
    """As what follows a series cut there; states are those after the last value that is seen."""
    text, data = COMPLETE[name]
    fit = em.parse(text)().fit(data | {"y": holed(data["y"], 38, 39)}, n_init=1, max_iter=20)
    found, expected = fit.forecast(1), fit.forecast(3, {"y": data["y"][:38]})
    assert_allclose(found["y"].mean, expected["y"].mean[2:])
    assert_allclose(fit.predictive()["y"].var[39], expected["y"].var[1], rtol=0.2)
    if name == "counts":
        assert fit.filtered() == {}
    else:
        assert_allclose(found["z"].probabilities, expected["z"].probabilities[2:])


@pytest.mark.parametrize("name", ["autoregression", "chain", "counts"])
def test_missing_ends_are_filled(name: str) -> None:
    """By what is expected given the last value that is seen: exactly, or for counts by draws."""
    text, data = COMPLETE[name]
    ((variable, values),) = data.items()
    fit = em.parse(text)().fit({variable: holed(values, 37, 38, 39)}, n_init=2, max_iter=20)
    p, last, found = fit.params, values[36], fit.impute()[variable][37:]
    if name == "chain":
        expected = [np.argmax(np.linalg.matrix_power(p["A"], power)[int(last)]) for power in (1, 2, 3)]
    else:
        slope, constant = (p["a"], p["c"]) if name == "autoregression" else (p["b"], p["a"])
        expected = [slope**n * last + constant * sum(slope**i for i in range(n)) for n in (1, 2, 3)]
    assert_allclose(found, expected, rtol=1e-8, atol=0.15 * (name == "counts"))


@pytest.mark.parametrize("ragged", [False, True])
def test_missing_ends_are_filled_where_effects_and_states_are_apart(ragged: bool) -> None:
    """By the laws from q of the last step seen, that of the series cut there. Those of one length had no result."""
    text = """model M() plate s in S, k in 2 time t in T[s] param A[k] : simplex[2] param m[k] : real param o : real
    latent b[s] ~ Normal(0, var=0.5) latent z[s, 0] ~ Categorical([0.5, 0.5])
    latent z[s, t] ~ Categorical(A[z[s, t-1]]) observed y[s, 0] missing ~ Normal(m[z[s, 0]] + b[s], var=0.4)
    observed y[s, t] missing ~ Normal(m[z[s, t]] + b[s] + o * y[s, t-1], var=0.4)"""
    y = np.random.default_rng(0).normal(size=(2, 6)) * 1.5
    y[0, 4:] = np.nan
    init = {"A": np.array([[0.8, 0.2], [0.3, 0.7]]), "m": np.array([-1.0, 1.5]), "o": 0.5}
    ends = em.parse(text)().fit(y=[y[0, :4], y[1]], init=init, max_iter=0)
    fit = em.parse(text if ragged else text.replace("T[s]", "T"))().fit(y=y, init=init, max_iter=0)
    states, level, value = ends.posterior["z"].probabilities[0][-1], ends.posterior["b"].mean[0], y[0, 3]
    for found, tolerance in zip(fit.impute()["y"][0][4:], (1e-6, 0.3), strict=True):
        states = states @ init["A"]
        value = states @ init["m"] + level + 0.5 * value
        assert abs(found - value) < tolerance
    assert_allclose(fit.impute()["y"][1], y[1])


def test_a_datum_on_no_plate_may_be_missing() -> None:
    fit = em.parse("model M() param a : positive observed x missing ~ Poisson(a) observed y ~ Poisson(a)")().fit(
        x=np.nan, y=3
    )
    assert_allclose(fit.params["a"], 3)
    assert_allclose(fit.log_likelihood, 3 * np.log(3) - 3 - np.log(6))


def test_saved_fits_take_data_with_and_without_holes(tmp_path: Any) -> None:
    fit = em.parse(AUTOREGRESSION)().fit(y=walk())
    fit.save(tmp_path / "fit.json")
    again = em.load(tmp_path / "fit.json")
    assert_allclose(again.score(y=walk()), fit.log_likelihood, rtol=1e-9)
    assert_allclose(again.score(y=Y), fit.score(y=Y), rtol=1e-9)


def test_forecasts_of_chains_with_gaps() -> None:
    """The states after a gap at the end follow from the powers of the transition matrix."""
    z = holed((walk() > 1.6).astype(int), 5, 6, 38, 39)
    fit = em.parse(CHAIN)().fit(z=z)
    a = fit.params["A"]
    expected = [np.linalg.matrix_power(a, power)[int(z[37])] for power in (3, 4)]
    assert_allclose(fit.forecast(2)["z"].probabilities, expected, rtol=1e-8)


def test_states_are_chosen_beside_no_missing_ones() -> None:
    text = LABELS.replace("observed x", "param q[k] : simplex[2] latent h[n] ~ Categorical(q[z[n]]) observed x")
    text = text.replace("m[z[n]]", "m[h[n]]")
    data = {"x": walk(), "z": holed((walk() > 1.6).astype(int), 3, 4)}
    assert em.parse(text)().fit(data, n_init=2).converged
    with pytest.raises(em.ModelError, match="hard EM would sum them out and choose the states of `h`"):
        em.parse(text)().fit(data, method="hard")
    case = instance(LABELS, {}, data)
    fit = em.parse(LABELS)().fit(data, method="hard", n_init=2)
    params = charts.random_params(case.model, case.constants, case.data, np.random.default_rng(0)) | fit.params
    assert_allclose(fit.objective, log_likelihood(case.model, case.constants, case.data, params), rtol=1e-9)


def test_best_paths_are_those_of_complete_data() -> None:
    text = CHAIN.replace("observed z[0]", "latent z[0]").replace("observed z[t] missing", "latent z[t]")
    text += " param q[k] : simplex[2] observed w[t] missing ~ Categorical(q[z[t]]) param m[k] : real"
    text += " observed y[t] ~ Normal(m[w[t]], var=1)"
    data = {"w": (walk() > 1.6).astype(int), "y": walk(seed=4)}
    fit = em.parse(text)().fit(data | {"w": holed(data["w"], 3, 4)}, n_init=2)
    with pytest.raises(em.DataError, match="the most probable path of `z` beside missing entries of `w`"):
        fit.predict()
    assert fit.predict_proba()["z"].shape == (40, 2)
    assert fit.predict(data)["z"].shape == (40,)


@pytest.mark.parametrize("classes", [1, 2])
def test_latents_without_a_linear_term_beside_holes_have_posteriors(classes: int) -> None:
    """y = W f + e with no mean and no intercept: f has no statistic of its own, only products with itself and y."""
    text = """model M(Q = 2, K = 2) plate n in N, d in D, k in K param W[k] : real[D, Q] param v : positive
    param w : simplex[K] latent z[n] ~ Categorical(w) latent f[n] ~ MvNormal(0, cov=eye(Q))
    observed y[n] missing ~ MvNormal(W[z[n]] @ f[n], cov=v * eye(D))"""
    if classes == 1:
        text = text.replace("param w : simplex[K] latent z[n] ~ Categorical(w)", "").replace("W[z[n]]", "W")
        text = text.replace("W[k]", "W").replace(", k in K", "").replace(", K = 2", "")
    y = np.random.default_rng(2).normal(size=(30, 3)) @ [[1.0, 0.8, 0.1], [0.0, 0.5, -0.4], [0.2, 0.0, 0.3]]
    y[1, 0] = y[4, 1] = y[4, 2] = np.nan
    y[7] = np.nan
    fit = em.parse(text)().fit(y=y, n_init=1, max_iter=5, tol=0)
    loadings, noise = fit.params["W"].reshape(classes, 3, 2), fit.params["v"] * np.eye(3)
    shares = fit.params["w"] if classes == 2 else np.ones(1)
    found = fit.posterior["f"]
    for row in range(len(y)):
        seen = ~np.isnan(y[row])
        logs, firsts, seconds = np.log(shares), [], []
        for k, whole in enumerate(loadings):
            W = whole[seen]
            marginal = W @ W.T + noise[np.ix_(seen, seen)]
            gain = W.T @ np.linalg.inv(marginal)
            logs[k] -= 0.5 * (np.linalg.slogdet(marginal)[1] + y[row, seen] @ np.linalg.solve(marginal, y[row, seen]))
            firsts.append(gain @ y[row, seen])
            seconds.append(np.eye(2) - gain @ W + np.outer(firsts[-1], firsts[-1]))
        weights = np.exp(logs - np.logaddexp.reduce(logs))
        mean = weights @ np.array(firsts)
        assert_allclose(found.mean[row], mean, atol=1e-9)
        filled = np.einsum("k,kdq,kq->d", weights, loadings, np.array(firsts))
        assert_allclose(fit.posterior["y"].mean[row], np.where(seen, y[row], filled), atol=1e-9)
        assert_allclose(found.cov[row], np.einsum("k,kij->ij", weights, seconds) - np.outer(mean, mean), atol=1e-9)
