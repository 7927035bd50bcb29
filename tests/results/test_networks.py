"""What a user holds after fitting latents over time, ragged plates and networks, against brute force."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import emdsl as em
from emdsl.errors import DataError
from tests.oracles import checks
from tests.oracles.marginal import Exact
from tests.zoo_networks import BY_NAME

Array = np.ndarray[Any, Any]

CHAIN = """
model Chain(K = 2)
plate s in S, k in K
time t in T[s]
param start : simplex[K]
param A[k] : simplex[K]
param m[k] : real
param v : positive
latent z[s, 0] ~ Categorical(start)
latent z[s, t] ~ Categorical(A[z[s, t-1]])
observed y[s, t] ~ Normal(m[z[s, t]], var=v)
"""
START = {"start": [0.6, 0.4], "A": [[0.8, 0.2], [0.3, 0.7]], "m": [-1.0, 1.0], "v": 1.5}


def series(lengths: tuple[int, ...] = (5, 1, 3), seed: int = 0) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.choice([-1.0, 1.0]) + rng.normal(0, 1.2, length) for length in lengths]


def fitted(text: str = CHAIN, data: Any = None, **options: Any) -> Any:
    options = {"init": START, "max_iter": 2, "tol": 0.0} | options
    return em.parse(text)().fit({"y": series()} if data is None else data, **options)


def exact(fit: Any, data: dict[str, Any]) -> Exact:
    bound = fit.source.bound
    return Exact(checks.typed(bound.checked), bound.constants, data, fit.params)


# ragged plates


def test_posteriors_over_ragged_plates_are_nested_as_the_data() -> None:
    y = series()
    fit = fitted(data={"y": y})
    expected = exact(fit, {"y": y}).posterior()["z"]["probabilities"]
    found = fit.posterior["z"]
    assert [len(rows) for rows in found.probabilities] == [5, 1, 3]
    for ours, theirs, mode, mean in zip(found.probabilities, expected, found.mode, found.mean, strict=True):
        assert_allclose(ours, theirs, atol=1e-10)
        assert np.array_equal(mode, np.argmax(theirs, axis=-1))
        assert_allclose(mean, np.asarray(theirs)[:, 1], atol=1e-10)
    assert np.asarray(found).shape == found.shape == (9, 2)
    assert_allclose(found[2], expected[2], atol=1e-10)
    assert len(found) == 3 and len(list(found)) == 3
    again = fit.predict_proba(y=y[::-1])["z"]
    assert_allclose(again[0], expected[2], atol=1e-10)


def test_imputation_over_ragged_plates() -> None:
    text = """model Gaps() plate s in S time t in T[s] param a : real param q : positive
    latent x[s, 0] ~ Normal(0, var=4) latent x[s, t] ~ Normal(a * x[s, t-1], var=q)
    observed y[s, t] missing ~ Normal(x[s, t], var=0.5)"""
    y = series()
    y[0][2] = np.nan
    fit = fitted(text, {"y": y}, init={"a": 0.8, "q": 1.0})
    assert [len(rows) for rows in fit.posterior["x"].var] == [5, 1, 3]
    filled = fit.impute()["y"]
    assert filled[0][2] == pytest.approx(fit.posterior["x"].mean[0][2])
    assert np.array_equal(filled[2], y[2]) and np.array_equal(filled[0][3:], y[0][3:])


def test_imputation_over_states_taken_jointly_and_of_categories() -> None:
    example = BY_NAME["two_chains"]
    y = np.round(example.draw()["y"] / 3 - 1, 2)
    y[0, 1:3] = np.nan
    init = {"A": [[0.7, 0.3], [0.4, 0.6]], "B": [[0.5, 0.5], [0.2, 0.8]], "m": [-1.0, 1.0], "h": [0.0, 1.5], "v": 0.7}
    fit = fitted(example.text.replace("observed y[s, t] ~", "observed y[s, t] missing ~"), {"y": y}, init=init)
    p, found = fit.params, exact(fit, {"y": y}).posterior()
    expected = found["a"]["probabilities"] @ p["m"] + found["b"]["probabilities"] @ p["h"]
    assert_allclose(fit.impute()["y"][0, 1:3], expected[0, 1:3])
    text = """model Mixture(K = 2) plate n in N, k in K plate j in J param pi : simplex[K] param p[k, j] : simplex[3]
    latent z[n] ~ Categorical(pi) observed y[n, j] missing ~ Categorical(p[z[n], j])"""
    y = np.array([[0.0, 1.0], [np.nan, 1.0], [2.0, 0.0], [2.0, np.nan]])
    fit = em.parse(text)().fit(y=y, n_init=2, max_iter=3)
    shares = np.einsum("nk,kjc->njc", fit.posterior["z"].probabilities, fit.params["p"])
    assert np.array_equal(fit.impute()["y"], np.where(np.isnan(y), shares.argmax(axis=-1), y))


def test_nested_groups() -> None:
    text = """model Nested(K = 2) plate d in D, k in K plate i in I[d] plate j in J[d, i] param pi : simplex[K]
    param r[k] : positive latent z[d, i, j] ~ Categorical(pi) observed y[d, i, j] ~ Poisson(r[z[d, i, j]])"""
    y = [[np.arange(3), np.arange(2)], [np.array([7])]]
    fit = em.parse(text)().fit(y=y, init={"pi": [0.5, 0.5], "r": [1.0, 4.0]}, max_iter=1)
    found = fit.posterior["z"].probabilities
    assert [[len(rows) for rows in group] for group in found] == [[3, 2], [1]]
    odds = np.array(fit.params["pi"]) * np.exp(-fit.params["r"]) * fit.params["r"] ** 7
    assert_allclose(found[1][0][0], odds / odds.sum())


# best paths


def best_path(fit: Any, y: Array) -> Array:
    p = fit.params
    found = []
    for path in itertools.product(range(2), repeat=len(y)):
        z = list(path)
        steps = sum(np.log(p["A"][i, j]) for i, j in itertools.pairwise(z))
        found.append((np.log(p["start"][z[0]]) + steps - np.sum((y - p["m"][z]) ** 2) / p["v"] / 2, z))
    return np.array(max(found)[1])


def test_predict_gives_the_most_probable_path() -> None:
    fit, differ = fitted(init=START | {"A": [[0.55, 0.45], [0.5, 0.5]]}, max_iter=0), 0
    for seed in range(20):
        y = series((4, 5), seed)
        found = fit.predict(y=y)["z"]
        marginal = fit.predict_proba(y=y)["z"]
        for path, rows, probabilities in zip(found, y, marginal, strict=True):
            assert np.array_equal(path, best_path(fit, rows))
            differ += not np.array_equal(path, np.argmax(probabilities, axis=-1))
    assert differ, "no seed tells the path from the marginal modes"


def test_predict_of_a_chain_under_vb_and_of_a_loaded_fit(tmp_path: Any) -> None:
    text = CHAIN.replace("param A[k] : simplex[K]", "param A[k] : simplex[K] ~ Dirichlet(2)")
    fit = fitted(text, method="vb", init=None, max_iter=5)
    assert [len(path) for path in fit.predict()["z"]] == [5, 1, 3]
    fit = fitted()
    fit.save(tmp_path / "fit.json")
    for ours, theirs in zip(em.load(tmp_path / "fit.json").predict(y=series())["z"], fit.predict()["z"], strict=True):
        assert np.array_equal(ours, theirs)


# starting values of latents


@pytest.mark.parametrize("layout", ["ragged", "flat"])
def test_probabilities_of_a_chain_as_starting_values(layout: str) -> None:
    """As if successive states were independent under them."""
    rng, y = np.random.default_rng(1), series((4, 4))
    r = rng.dirichlet([1, 1], size=(2, 4))
    text = CHAIN if layout == "ragged" else CHAIN.replace("T[s]", "T")
    data = {"y": y if layout == "ragged" else np.array(y)}
    fit = em.parse(text)().fit(data, init={"z": list(r) if layout == "ragged" else r}, max_iter=0)
    assert_allclose(fit.params["start"], r[:, 0].mean(axis=0))
    pairs = np.einsum("stk,stl->kl", r[:, :-1], r[:, 1:])
    assert_allclose(fit.params["A"], pairs / pairs.sum(axis=1, keepdims=True))
    assert_allclose(fit.params["m"], np.einsum("stk,st->k", r, y) / r.sum(axis=(0, 1)))


def test_starting_values_of_one_of_two_latents() -> None:
    example = BY_NAME["chain_of_mixtures"]
    data, z = example.draw(), np.zeros((2, 4, 2))
    z[..., 0] = 1
    z[1] = z[1, :, ::-1]
    fit = em.parse(example.text)().fit(data, init={"z": z}, max_iter=0)
    assert_allclose(fit.params["start"], [0.5, 0.5])
    assert_allclose(fit.params["A"], np.eye(2))
    with pytest.raises(DataError, match=r"init of `z` has shape \(2, 3, 2\), but its probabilities have \(2, 4, 2\)"):
        em.parse(example.text)().fit(data, init={"z": np.full((2, 3, 2), 0.5)})


def test_starting_values_of_other_lengths() -> None:
    with pytest.raises(DataError, match="init of `z` has other lengths along plate `t` than the data"):
        em.parse(CHAIN)().fit(y=series(), init={"z": [np.full((4, 2), 0.5)] * 3})


# coordinate ascent


@pytest.mark.parametrize("accelerate", [None, "squarem", "anderson"])
@pytest.mark.parametrize("name", ["topics", "topics_by_index", "poisson_factors", "switching_dynamics"])
def test_coordinate_ascent_goes_on_from_where_it_was(name: str, accelerate: str | None) -> None:
    example = BY_NAME[name]
    model = em.parse(example.text)()
    fit = model.fit(example.draw(), n_init=2, max_iter=30, tol=0, accelerate=accelerate)
    assert np.diff(fit.history).min() >= -1e-9
    again = model.fit(example.draw(), n_init=2, max_iter=30, tol=0, accelerate=accelerate)
    assert np.array_equal(again.history, fit.history)
    assert fit.score() == pytest.approx(fit.log_likelihood, abs=1e-3) and fit.score() >= fit.log_likelihood - 1e-9
    for latent, found in fit.posterior.items():
        assert np.array_equal(np.asarray(found), np.asarray(again.posterior[latent]))
    assert "bound on the log " in fit.summary()
    assert "a bound has no curvature of the likelihood" in fit.summary()


def test_components_are_sorted_in_the_posterior_of_coordinate_ascent() -> None:
    example = BY_NAME["switching_dynamics"]
    data = example.draw()
    plain = em.parse(example.text)().fit(data, n_init=1, max_iter=5)
    ordered = [em.parse(example.text + f" order {name} by k")().fit(data, n_init=1, max_iter=5) for name in "aq"]
    for fit, name in zip(ordered, "aq", strict=True):
        order = np.argsort(plain.params[name])
        assert_allclose(fit.posterior["z"].probabilities, plain.posterior["z"].probabilities[..., order])
        assert_allclose(fit.posterior["x"].mean, plain.posterior["x"].mean)
        assert_allclose(fit.params["A"], plain.params["A"][np.ix_(order, order)])


# draws


def test_draws_of_ragged_series() -> None:
    fit = fitted()
    own = fit.sample(random_state=1)
    assert [rows.shape for rows in own["y"]] == [rows.shape for rows in own["z"]] == [(5,), (1,), (3,)]
    assert own["z"][0].dtype == np.int64
    assert [len(rows) for rows in fit.sample(T=[2, 7])["y"]] == [2, 7]
    assert [len(rows) for rows in fit.sample(4, T=3)["y"]] == [3] * 4
    assert np.array_equal(fit.sample(2, T=3, random_state=5)["y"], fit.sample(2, T=3, random_state=5)["y"])
    with pytest.raises(DataError, match=r"how long\? Give the sizes T: sample\(T=\[…\]\)"):
        fit.sample(4)
    with pytest.raises(DataError, match="sample: 2 lengths of plate `t` for 4 groups"):
        fit.sample(4, T=[1, 2])


def test_draws_have_the_law_of_the_chain() -> None:
    fit = fitted(max_iter=0)
    drawn = fit.sample(4000, T=4, random_state=0)
    z, y = np.array(drawn["z"]), np.array(drawn["y"])
    marginal = np.array(START["start"]) @ np.linalg.matrix_power(np.array(START["A"]), 3)
    assert np.mean(z[:, 3] == 1) == pytest.approx(marginal[1], abs=0.04)
    assert y[z == 1].mean() == pytest.approx(1.0, abs=0.05)
    assert y.var() == pytest.approx(1.5 + np.array(START["m"])[z].var(), rel=0.05)


@pytest.mark.parametrize("name", ["documents_ragged", "normal_chain_missing", "known_start"])
def test_draws_can_be_fitted_again(name: str) -> None:
    example = BY_NAME[name]
    model = em.parse(example.text)(**example.constants)
    fit = model.fit(example.draw(), n_init=1, max_iter=2)
    drawn = fit.sample(random_state=3)
    observed = [v.name for v in model.bound_model.checked.model.variables if v.role.value in ("observed", "given")]
    data = {name: drawn.get(name, example.draw().get(name)) for name in observed}
    assert np.isfinite(model.fit(data, init=fit.params, max_iter=1).objective)


# summaries


def test_summary_of_series_counts_steps_and_leaves_out_errors_at_the_edge() -> None:
    text = CHAIN.replace("[s, ", "[").replace("plate s in S, k", "plate k").replace("T[s]", "T")
    y = np.concatenate([np.random.default_rng(seed).normal(4 * (seed % 2), 1, 8) for seed in range(6)])
    fit = em.parse(text)().fit(y=y, n_init=2)
    assert "(n = 48)" in fit.summary() and "no standard errors" not in fit.summary()
    errors = fit.standard_errors.errors
    assert np.isnan(errors["start"]).all() and np.all(errors["m"] > 0)
    assert errors["A"][0, 0] == pytest.approx(errors["A"][0, 1])
    nested = fitted(tol=1e-10, max_iter=500)
    assert "(n = 9)" in nested.summary()
    flat = fitted(CHAIN.replace("T[s]", "T"), {"y": np.array(series((4, 4)))}, weights={"s": [2.0, 1.0]})
    assert "(n = 12)" in flat.summary()


def test_standard_errors_of_a_chain_are_those_of_its_information() -> None:
    """Of a mean that all states share, sd = √(v / n)."""
    text = """model Shared(K = 2) plate s in S, k in K time t in T[s] param A[k] : simplex[K] param m : real
    latent z[s, 0] ~ Categorical([0.5, 0.5]) latent z[s, t] ~ Categorical(A[z[s, t-1]])
    observed y[s, t] ~ Normal(m, var=4) fix A = [[0.5, 0.5], [0.2, 0.8]]"""
    fit = em.parse(text)().fit(y=series())
    assert fit.params["m"] == pytest.approx(np.mean(np.concatenate(series())))
    assert fit.standard_errors.errors["m"] == pytest.approx(np.sqrt(4 / 9), rel=1e-4)


def test_missing_entries_that_read_a_latent_at_two_places() -> None:
    """The mean over both states; where both places are one (the last entry), over its state alone."""
    text = """model M(K=2) plate e in E, i in N, k in K, l in K given src[e] : index[N] given dst[e] : index[N]
    param pi : simplex[K] param B[k, l] : real latent z[i] ~ Categorical(pi)
    observed y[e] missing ~ Normal(B[z[src[e]], z[dst[e]]], var=1)"""
    src, dst, y = [0, 1, 2, 0, 1, 2], [1, 2, 3, 3, 1, 1], [1.0, 0.3, np.nan, 1.2, np.nan, np.nan]
    b = np.array([[0.1, 0.8], [0.3, -0.6]])
    fit = em.parse(text)().fit(src=src, dst=dst, y=y, init={"pi": [0.4, 0.6], "B": b}, max_iter=0)
    q, found = fit.posterior["z"].probabilities, fit.impute()["y"]
    assert_allclose(found[[2, 5]], [q[2] @ b @ q[3], q[2] @ b @ q[1]], rtol=0.01)
    assert_allclose(found[4], q[1] @ np.diag(b), rtol=0.01)


@pytest.mark.parametrize("max_iter", [0, 3, 1000])
def test_all_results_rest_on_one_q_where_latents_are_inferred_in_turn(max_iter: int) -> None:
    """E[y] = E[x] E[w] under q at a gap, and a random walk is ahead where it was last."""
    model = em.parse("""
        model Product
        time t in T
        param q : positive   param r : positive
        latent x[0] ~ Normal(0, var=1)
        latent x[t] ~ Normal(x[t-1], var=q)
        latent w[t] ~ Normal(1, var=1)
        observed y[t] missing ~ Normal(x[t] * w[t], var=r)
    """)()
    y = np.random.default_rng(0).normal(size=20)
    y[5] = np.nan
    fit = model.fit(y=y, n_init=1, max_iter=max_iter)
    mean = fit.posterior["x"].mean
    assert fit.impute()["y"][5] == pytest.approx(mean[5] * fit.posterior["w"].mean[5], rel=1e-9)
    # for data that are not those of the fit q is found anew
    anew = fit.predict(y=y)
    assert fit.impute(y=y)["y"][5] == pytest.approx(anew["x"][5] * anew["w"][5], rel=1e-9)
    assert fit.forecast(1)["x"].mean == pytest.approx(mean[-1:], rel=1e-3)


def test_free_parameters_are_those_of_the_model_wherever_the_estimates_lie() -> None:
    """A symbol that never occurs has probability 0 in all states: it was not counted."""
    text = """model M(K = 3) plate s in S, k in K time t in T[s] param start : simplex[K] param A[k] : simplex[K]
    param B[k] : simplex[4] latent z[s, 0] ~ Categorical(start) latent z[s, t] ~ Categorical(A[z[s, t-1]])
    observed y[s, t] ~ Categorical(B[z[s, t]]) fix A[2, 0] = 0 fix start[0] = 1 fix start[1] = 0 fix start[2] = 0"""
    fit = em.parse(text)().fit(y=[[0, 1, 1, 2], [2, 1, 0], [1]], n_init=1, max_iter=5)
    assert (fit.params["B"][:, 3] == 0).all()
    assert fit.n_free == (2 + 2 + 1) + 3 * 3
    text = text.replace("B[k] : simplex[4]", "B[k] : simplex[4] ~ Dirichlet([1, 1, 1, 1])")
    assert em.parse(text)().fit(y=[[0, 1, 1, 2], [1]], n_init=1, max_iter=2, method="vb").n_free == fit.n_free
