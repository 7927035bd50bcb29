"""Forward simulation: moments of models whose moments are known, and what cannot be drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import emdsl as em
from emdsl.errors import DataError
from emdsl.results.simulate import simulate


def draw(text: str, known: dict[str, Any], seed: int = 0, **sizes: int) -> dict[str, Any]:
    model = em.parse(text)()
    return simulate(model.bound_model, known, sizes, np.random.default_rng(seed))


def near(sample: Any, mean: float) -> bool:
    sample = np.asarray(sample, dtype=float)
    return bool(abs(sample.mean() - mean) < 5 * sample.std() / sample.size**0.5)


def test_mixture_of_multivariate_normals() -> None:
    text = """model M plate n in N, k in K param pi : simplex[K] param mu[k] : real[D] param S[k] : cov[D]
    latent z[n] ~ Categorical(pi) observed x[n] ~ MvNormal(mu[z[n]], cov=S[z[n]])"""
    cov = np.array([[[2.0, 0.5], [0.5, 1.0]], [[1.0, -0.3], [-0.3, 0.5]]])
    known = {"pi": np.array([0.3, 0.7]), "mu": np.array([[0.0, 5.0], [9.0, -1.0]]), "S": cov}
    drawn = draw(text, known, N=20000, K=2, D=2)
    x, z = drawn["x"], drawn["z"]
    assert x.shape == (20000, 2)
    assert near(z, 0.7)
    for k in range(2):
        np.testing.assert_allclose(x[z == k].mean(axis=0), known["mu"][k], atol=0.1)
        np.testing.assert_allclose(np.cov(x[z == k].T), cov[k], atol=0.1)


def test_chain_follows_its_transitions() -> None:
    text = """model M time t in T param start : simplex[2] param A[k] : simplex[2] plate k in 2
    param r[k] : positive latent z[0] ~ Categorical(start) latent z[t] ~ Categorical(A[z[t-1]])
    observed y[t] ~ Poisson(r[z[t]])"""
    A = np.array([[0.9, 0.1], [0.4, 0.6]])
    drawn = draw(text, {"start": np.array([0.0, 1.0]), "A": A, "r": np.array([1.0, 30.0])}, T=4000)
    z, y = drawn["z"], drawn["y"]
    assert z[0] == 1
    counts = np.zeros((2, 2))
    np.add.at(counts, (z[:-1], z[1:]), 1)
    np.testing.assert_allclose(counts / counts.sum(axis=1, keepdims=True), A, atol=0.05)
    assert near(y[z == 1], 30)


def test_autoregression_through_a_let_and_given_data() -> None:
    text = """model M time t in T given u[t] : real param a : real
    let m[t] = a*u[t] + 1 observed y[0] ~ Normal(0, sd=1) observed y[t] ~ Normal(m[t] + y[t-1]/2, sd=0.1)"""
    drawn = draw(text, {"u": np.ones(2000), "a": np.array(2.0)}, T=2000)
    assert drawn["y"][50:].mean() == pytest.approx(6, abs=0.05)


def test_regression_with_array_literals_and_sums() -> None:
    text = """model M plate n in N, k in K given X[n] : real[P] param b : real[P] param w[k] : real
    observed y[n] ~ Normal(X[n] @ b + sum(w[k], k), sd=0.01) observed g[n] ~ Categorical([1/2, 1/4, 1/4])
    observed s[n] ~ Normal(sum(X[n]*b), sd=0.01)"""
    X = np.random.default_rng(0).normal(size=(500, 3))
    b, w = np.array([1.0, -2.0, 0.5]), np.array([10.0, 20.0])
    drawn = draw(text, {"X": X, "b": b, "w": w}, N=500, K=2, P=3)
    np.testing.assert_allclose(drawn["y"], X @ b + 30, atol=0.06)
    np.testing.assert_allclose(drawn["s"], X @ b, atol=0.06)
    assert near(drawn["g"] == 0, 0.5)


def test_limits() -> None:
    text = """model M plate n in N observed a[n] ~ Normal(0, sd=1) truncated(0, inf)
    observed b[n] ~ Normal(0, sd=1) censored(-1, 1)"""
    drawn = draw(text, {}, N=20000)
    assert drawn["a"].min() >= 0
    assert near(drawn["a"], np.sqrt(2 / np.pi))
    assert near(drawn["b"] == 1, 0.158655)


def test_switch_and_scalars_for_vectors() -> None:
    text = """model M plate n in N latent s[n] ~ Bernoulli(0.25) observed y[n] ~ switch(s[n], Poisson(2), PointMass(0))
    latent p[n] : simplex[V] ~ Dirichlet(0.5) latent v[n] : real[V] ~ MvNormal(3, cov=0.01)
    latent e[n] : real[V] ~ Normal(p[n], sd=0.001)"""
    drawn = draw(text, {}, N=4000, V=3)
    assert np.all(drawn["y"][drawn["s"] == 1] == 0)
    assert near(drawn["y"][drawn["s"] == 0], 2)
    assert drawn["p"].shape == (4000, 3)
    assert near(drawn["v"], 3)
    np.testing.assert_allclose(drawn["e"], drawn["p"], atol=0.006)


def test_refusals() -> None:
    ragged = "model M plate s in S time t in T[s] observed y[s, t] ~ Poisson(1)"
    with pytest.raises(DataError, match=r"how many\? Give the sizes T: sample\(T=\[…\]\)"):
        draw(ragged, {}, S=2)
    with pytest.raises(DataError, match="known by its density alone"):
        draw("model M plate n in N dist G(y : real | m : real) = -(y-m)**2 observed y[n] ~ G(0)", {}, N=2)
    with pytest.raises(DataError, match=r"how many\? Give the size N: sample\(N=…\)"):
        draw("model M plate n in N observed y[n] ~ Poisson(1)", {})


def test_a_regular_plate_inside_a_ragged_one() -> None:
    text = """
        model M() plate g in G plate s in S[g] plate t in T param m : real param q : positive
        latent x[g] ~ Normal(m, var=q) observed y[g, s, t] missing ~ Normal(x[g], var=1)
    """
    y = [np.array([[1, 2, 0.3], [0.2, np.nan, 1]]), np.array([[0.3, 0.1, -1]])]
    fit = em.parse(text)().fit(y=y)
    assert fit.impute()["y"][0][1, 1] == pytest.approx(fit.posterior["x"].mean[0])
    assert [rows.shape for rows in fit.sample()["y"]] == [(2, 3), (1, 3)]
    assert [rows.shape for rows in fit.sample(S=[1, 2], T=2)["y"]] == [(1, 2), (2, 2)]
