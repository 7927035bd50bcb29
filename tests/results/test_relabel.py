"""`order`: every axis over the components moves together, and nothing moves that the data or a `fix` tell apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import emdsl as em
from emdsl.results.relabel import relabelled

CHAIN = """
model Chain(K = 3)
plate s in S, k in K
time t in T
param start : simplex[K]
param A[k] : simplex[K]
param mu[k] : real[D]
param W : real[D, K]
latent z[s, 0] ~ Categorical(start)
latent z[s, t] ~ Categorical(A[z[s, t-1]])
observed x[s, t] ~ MvNormal(mu[z[s, t]], cov=eye(D))
order mu by k
"""
PARAMS = {
    "start": np.array([0.1, 0.2, 0.7]),
    "A": np.arange(9.0).reshape(3, 3),
    "mu": np.array([[2.0, 0.0], [1.0, 5.0], [1.0, 4.0]]),
    "W": np.arange(6.0).reshape(2, 3),
}


def test_all_axes_over_the_components_move_together() -> None:
    moved = relabelled(em.parse(CHAIN)().bound_model, PARAMS, PARAMS, {})
    order = [2, 1, 0]
    assert moved["mu"].tolist() == [[1, 4], [1, 5], [2, 0]]
    assert moved["start"].tolist() == [0.7, 0.2, 0.1]
    assert np.array_equal(moved["A"], PARAMS["A"][np.ix_(order, order)])
    assert np.array_equal(moved["W"], PARAMS["W"][:, order])


def test_parts_of_posteriors_move_too() -> None:
    raw = {"mu.mean": PARAMS["mu"], "mu.cov": np.arange(12.0).reshape(3, 2, 2), "A.concentration": PARAMS["A"]}
    moved = relabelled(em.parse(CHAIN)().bound_model, raw, PARAMS, {})
    assert np.array_equal(moved["mu.cov"], raw["mu.cov"][::-1])
    assert np.array_equal(moved["A.concentration"], PARAMS["A"][::-1, ::-1])


def test_a_literal_size_moves_the_law_of_the_latent_and_no_other_simplex() -> None:
    text = """model M plate n in N, k in 2 param pi : simplex[2] param other : simplex[2] param mu[k] : real
    latent z[n] ~ Categorical(pi) observed x[n] ~ Normal(mu[z[n]], sd=1)
    observed w[n] ~ Categorical(other) order mu by k"""
    params = {"pi": np.array([0.3, 0.7]), "other": np.array([0.1, 0.9]), "mu": np.array([5.0, 1.0])}
    moved = relabelled(em.parse(text)().bound_model, params, params, {})
    assert moved["mu"].tolist() == [1, 5]
    assert moved["pi"].tolist() == [0.7, 0.3]
    assert moved["other"].tolist() == [0.1, 0.9]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        (CHAIN + "\nfix A[0, 2] = 0", {}),
        (CHAIN + "\nfix mu[0] = 0", {}),
        (CHAIN, {"z": np.array([[0.0, np.nan]])}),
    ],
)
def test_components_that_are_told_apart_stay(text: str, data: Any) -> None:
    moved = relabelled(em.parse(text)().bound_model, PARAMS, PARAMS, data)
    assert np.array_equal(moved["mu"], PARAMS["mu"])


def test_laws_that_tell_components_apart() -> None:
    start = CHAIN.replace("param start : simplex[K]\n", "")
    for law in ("[1, 0, 0]", "[0.2, 0.3, 0.5]"):
        bound = em.parse(start.replace("Categorical(start)", f"Categorical({law})"))().bound_model
        assert np.array_equal(relabelled(bound, PARAMS, PARAMS, {})["mu"], PARAMS["mu"])
    for law in ("ones(3) / 3", "[1/3, 1/3, 1/3]", "stationary(A)"):
        bound = em.parse(start.replace("Categorical(start)", f"Categorical({law})"))().bound_model
        assert relabelled(bound, PARAMS, PARAMS, {})["mu"].tolist() == [[1, 4], [1, 5], [2, 0]]
    prior = CHAIN.replace("param A[k] : simplex[K]", "param A[k] : simplex[K] ~ Dirichlet([3, 1, 1])")
    assert np.array_equal(relabelled(em.parse(prior)().bound_model, PARAMS, PARAMS, {})["mu"], PARAMS["mu"])


def test_a_component_that_is_a_number_or_a_bernoulli_stays() -> None:
    params = {"p": np.array(0.3), "mu": np.array([5.0, 1.0]), "b": np.array(1.0)}
    coin = """model M plate n in N, k in 2 param p : unit param mu[k] : real param b : real
    latent z[n] ~ Bernoulli(p) observed x[n] ~ Normal(mu[z[n]], sd=1) order mu by k"""
    assert relabelled(em.parse(coin)().bound_model, params, params, {})["mu"].tolist() == [5, 1]
    number = """model M plate n in N, k in 2 param p : simplex[2] param mu[k] : real param b : real
    latent z[n] ~ Categorical(p) observed x[n] ~ Normal(mu[z[n]] + b * z[n], sd=1) order mu by k"""
    params["p"] = np.array([0.3, 0.7])
    assert relabelled(em.parse(number)().bound_model, params, params, {})["mu"].tolist() == [5, 1]


@pytest.mark.parametrize(
    ("law", "stays"),
    [
        ("Normal(mu[z[n]], var=[1, b][z[n]])", True),
        ("Normal(mu[z[n]], var=spreads[z[n]])", True),
        ("switch(z[n], Normal(mu[0], sd=1), Normal(mu[1], sd=2))", True),
        ("Normal(mu[z[n]] - mu[0], sd=b)", True),
        ("Normal(shifted[z[n]], sd=b)", False),
    ],
)
def test_components_with_entries_that_do_not_move_stay(law: str, stays: bool) -> None:
    params = {"p": np.array([0.3, 0.7]), "mu": np.array([5.0, 1.0]), "b": np.array(1.0)}
    text = f"""model M plate n in N, k in 2 param p : simplex[2] param mu[k] : real param b : positive
    let spreads = [1, b] let shifted[k] = mu[k] + spreads[0]
    latent z[n] ~ Categorical(p) observed x[n] ~ {law} order mu by k"""
    moved = relabelled(em.parse(text)().bound_model, params, params, {})
    assert moved["mu"].tolist() == ([5, 1] if stays else [1, 5])


def test_two_chains_of_as_many_states_are_sorted_apart() -> None:
    from tests.zoo_networks import BY_NAME

    bound = em.parse(BY_NAME["two_chains"].text.replace("fix h[0] = 0", "order m by k"))().bound_model
    params = {
        "A": np.array([[0.9, 0.1], [0.4, 0.6]]), "B": np.array([[0.8, 0.2], [0.3, 0.7]]),
        "m": np.array([2.0, 1.0]), "h": np.array([3.0, 0.0]), "v": np.array(1.0),
    }  # fmt: skip
    moved = relabelled(bound, params, params, {})
    assert moved["m"].tolist() == [1, 2] and moved["h"].tolist() == [3, 0]
    assert np.array_equal(moved["A"], params["A"][::-1, ::-1]) and np.array_equal(moved["B"], params["B"])
