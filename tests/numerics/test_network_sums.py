"""Sums through index arrays and shares of states, against dense arithmetic."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from emdsl.api import parse
from emdsl.data.binding import bind_data
from emdsl.runtime.carried.networks import (
    added_at,
    first_rows,
    gathered_shares,
    incidence,
    kinds_of_rows,
    log_shares,
    marginal,
    matrix_times,
    over_joint_states,
    ruled_out,
    scatter_add,
)
from emdsl.runtime.carried.seeding import scattered_features, seeded_shares


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("targets", "sources"), [((4,), (3, 5)), ((3, 5), (4,)), ((40,), (2,))])
def test_a_sparse_product_is_the_sum_over_entries(
    targets: tuple[int, ...], sources: tuple[int, ...], weighted: bool
) -> None:
    rng = np.random.default_rng(0)
    one, two = (tuple(rng.integers(size, size=30) for size in sizes) for sizes in (targets, sources))
    weights, table = rng.random(30), rng.normal(size=(*sources, 6))
    matrix = incidence(one, targets, two, sources, weights if weighted else None)
    expected = np.zeros((*targets, 6))
    np.add.at(expected, one, table[two] * (weights[:, None] if weighted else 1.0))
    np.testing.assert_allclose(matrix_times(matrix, table, targets, len(sources)), expected, rtol=1e-13)
    back = rng.normal(size=(*targets, 2))
    expected = np.zeros((*sources, 2))
    np.add.at(expected, two, back[one] * (weights[:, None] if weighted else 1.0))
    np.testing.assert_allclose(matrix_times(matrix.T, back, sources, len(targets)), expected, rtol=1e-13)


@pytest.mark.parametrize("states", [1, 2, 15, 16, 40])
def test_shares_of_logarithms_far_apart(states: int) -> None:
    logits = np.random.default_rng(1).normal(scale=400.0, size=(3, 7, states)) - 5000.0
    total, shares = log_shares(logits)
    np.testing.assert_allclose(total, np.logaddexp.reduce(logits, axis=-1), rtol=1e-14)
    np.testing.assert_allclose(shares, np.exp(logits - total[..., None]), rtol=1e-9, atol=1e-300)


@pytest.mark.parametrize("scale", [1.0, 300.0, 3000.0])
def test_gathered_shares_are_those_of_the_sum(scale: float) -> None:
    """Also where the tables contradict each other, so that every product of exponentials vanishes."""
    rng = np.random.default_rng(2)
    tables = [(scale * rng.normal(size=(size, 4)) - 50.0, rng.integers(size, size=5000)) for size in (6, 30, 9)]
    tables[0] = (np.asfortranarray(tables[0][0]), tables[0][1])
    logits = sum(table[index] for table, index in tables)
    total, shares = gathered_shares(tables)
    expected, wanted = log_shares(logits)
    np.testing.assert_allclose(total, expected, rtol=1e-12)
    np.testing.assert_allclose(shares, wanted, rtol=1e-9, atol=1e-100)
    labels = np.where(rng.random(5000) < 0.5, np.nan, rng.integers(4, size=5000))
    for one, other in zip(gathered_shares(tables, labels), log_shares(ruled_out(logits, labels)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 3000.0])
def test_gathered_shares_of_rows_in_a_table(scale: float) -> None:
    """Documents by words: one matrix is read at the word of each place, the other at each document."""
    rng = np.random.default_rng(3)
    word = rng.integers(9, size=(6, 40))
    tables = [(scale * rng.normal(size=(6, 4)), np.arange(6)[:, None]), (scale * rng.normal(size=(9, 4)), word)]
    logits = tables[0][0][:, None] + tables[1][0][word]
    labels = np.where(rng.random((6, 40)) < 0.5, np.nan, rng.integers(4, size=(6, 40)))
    for given, whole in ((None, logits), (labels, ruled_out(logits, labels))):
        for one, other in zip(gathered_shares(tables, given), log_shares(whole), strict=True):
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-100)


def test_shares_have_every_row_that_their_weights_lack() -> None:
    """Nothing tells the places of a document apart: what weighs their topics is read at the document alone."""
    text = """
        model Apart(K = 2, N = 5)  plate d in D, n in N, k in K, c in C  given kind[d] : index[C]  param m[k] : real
        latent theta[c] : simplex[K] ~ Dirichlet(2)  latent z[d, n] ~ Categorical(theta[kind[d]])
        latent u[d] ~ Categorical(theta[kind[d]])  observed x[d] ~ Normal(m[u[d]], sd=1)
    """
    model = parse(text)()
    data = bind_data(model.bound_model, {"kind": np.array([0, 1, 1]), "x": np.array([-1.0, 0.5, 2.0])})
    module = model.program("em").module
    found = module.posterior(data, module.initialise(data, np.random.default_rng(0)))["z"]["probabilities"]
    assert found.shape == (3, 5, 2)
    np.testing.assert_allclose(found, np.broadcast_to(found[:, :1], (3, 5, 2)), rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=-1), 1.0)


def test_adding_at_a_place_leaves_whole_numbers_alone() -> None:
    counts = np.ones((3, 4), dtype=int)
    result = added_at(counts, np.array([0.5, 0.25, 0.0]), 1, 2)
    assert counts.sum() == 12
    np.testing.assert_array_equal(result[:, 2], [1.5, 1.25, 1.0])


# Features of starts


def test_few_features_are_the_sums_themselves() -> None:
    rng = np.random.default_rng(0)
    index, values = (rng.integers(20, size=90), rng.integers(50, size=90)), rng.random(90)
    found = scattered_features(values, index, (20, 50), 1, rng)
    np.testing.assert_array_equal(found, scatter_add(values, index, (20, 50)))


def test_projections_of_many_features_lie_as_far_apart() -> None:
    """Two groups of rows, each with words of its own: the projections keep them apart."""
    rng = np.random.default_rng(0)
    group = np.arange(400) % 2
    rows = np.repeat(np.arange(400), 30)
    columns = 10_000 * group[rows] + rng.integers(20, size=rows.size)
    found = scattered_features(np.ones(rows.size), (rows, columns), (400, 20_000), 1, rng)
    assert found is not None and found.shape == (400, 16)
    shares = seeded_shares([found], (400, 2), rng)
    assert len(set(zip(group, shares.argmax(axis=1), strict=True))) == 2


def test_one_of_many_categories_says_nothing() -> None:
    rng = np.random.default_rng(0)
    words = rng.integers(500, size=300)
    assert scattered_features(np.ones(300), (np.arange(300), words), (300, 500), 1, rng) is None
    shares = seeded_shares([None], (300, 3), rng)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    assert np.ptp(shares) > 0.1


def test_topics_start_in_little_memory() -> None:
    """Words of a large vocabulary, whose one-hots would take 3.2 GB."""
    text = """
        model Topics(K = 10)  plate d in D, i in I, k in K  given doc[i] : index[D]  param phi[k] : simplex[V]
        latent theta[d] : simplex[K] ~ Dirichlet(1/K)  latent z[i] ~ Categorical(theta[doc[i]])
        observed word[i] ~ Categorical(phi[z[i]])
    """
    rng = np.random.default_rng(0)
    data = {"doc": np.sort(rng.integers(100, size=40_000)), "word": rng.integers(10_000, size=40_000)}
    model = parse(text)(V=10_000)
    module, bound = model.program("em").module, bind_data(model.bound_model, data)
    tracemalloc.start()
    try:
        params = module.initialise(bound, rng)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.isfinite(params["phi"]).all() and peak < 2e8


def test_kinds_of_rows_are_numbered_as_they_appear() -> None:
    one, two = np.array([0.0, 1.0, 1.0, 0.0, 1.0, 0.0]), np.array([2.0, 2.0, 2.0, 2.0, 0.5, 0.5])
    kinds = kinds_of_rows(one, two)
    np.testing.assert_array_equal(kinds, [0, 1, 1, 0, 2, 3])
    np.testing.assert_array_equal(first_rows(kinds), [0, 1, 4, 5])
    np.testing.assert_array_equal(kinds_of_rows(np.zeros(0)), np.zeros(0))


STATES = """
model States(K = 2)
plate s in S
time t in T
param A : real[K, K]
param v : positive
latent x[s, 0] ~ MvNormal(0, cov=eye(K))
latent x[s, t] ~ MvNormal(A @ x[s, t-1], cov=eye(K))
observed y[s, t] ~ Normal(x[s, t] @ [1.0, 2.0], var=v)
"""


def test_rows_that_differ_in_masks_only_are_formed_by_kind() -> None:
    source = parse(STATES)().source("em")
    assert "precision_of(np.reshape(natural_x, (-1, K, K)))[" in source
    rng = np.random.default_rng(0)
    turn, v, y = np.array([[0.8, 0.3], [-0.2, 0.9]]), 0.3, rng.normal(size=(3, 6))
    covariance = np.zeros((6, 2, 6, 2))
    for t in range(6):
        covariance[t, :, t] = np.eye(2) if not t else np.eye(2) + turn @ covariance[t - 1, :, t - 1] @ turn.T
        for later in range(t + 1, 6):
            covariance[later, :, t] = turn @ covariance[later - 1, :, t]
            covariance[t, :, later] = covariance[later, :, t].T
    marginal = np.einsum("i,sitj,j->st", [1.0, 2.0], covariance, [1.0, 2.0]) + v * np.eye(6)
    expected = multivariate_normal(cov=marginal).logpdf(y).sum()
    names: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(source, "<emitted>", "exec"), names)
    params = {"A": turn, "v": np.array(v)}
    _, likelihood = names["e_step"](names["prepare"]({"y": y}, params), params)
    np.testing.assert_allclose(likelihood, expected, rtol=1e-12)


@pytest.mark.parametrize("first", ["x", "u"])
def test_latents_whose_rows_are_of_other_kinds_do_not_share_them(first: str) -> None:
    """The rows of `u` differ at the start only, those of the chain `x` at the end, too; the first kinds served both."""
    laws = {
        "x": "latent x[0] ~ MvNormal(0, cov=eye(K)) latent x[t] ~ MvNormal(A @ x[t-1], cov=eye(K))",
        "u": "latent u[0] : real[K] ~ MvNormal(0, cov=3*eye(K)) latent u[t] : real[K] ~ MvNormal(0, cov=eye(K))",
    }
    listed = " ".join(laws[name] for name in sorted(laws, key=lambda name: name != first))
    source = parse(f"""model Two(K = 2) time t in T param A : real[K, K] param v : positive {listed}
        observed y[t] ~ Normal(x[t] @ [1.0, 2.0] + u[t] @ [0.3, -1.0], var=v)""")().source("em")
    turn, v, y = np.array([[0.8, 0.3], [-0.2, 0.9]]), 0.3, np.random.default_rng(0).normal(size=6)
    inverse = np.linalg.inv(np.eye(12) - np.kron(np.eye(6, k=-1), turn))  # x = A x before + noise
    reads = np.kron(np.eye(6), [1.0, 2.0])
    covariance = reads @ inverse @ inverse.T @ reads.T + 1.09 * np.diag([3.0, 1, 1, 1, 1, 1]) + v * np.eye(6)
    names: dict[str, Any] = {"__name__": "emitted"}
    exec(compile(source, "<emitted>", "exec"), names)
    params = {"A": turn, "v": np.array(v)}
    _, likelihood = names["e_step"](names["prepare"]({"y": y}, params), params)
    np.testing.assert_allclose(likelihood, multivariate_normal(cov=covariance).logpdf(y), rtol=1e-12)


@pytest.mark.parametrize("kept", [[0], [2], [0, 1], [1, 3], [0, 2, 3], [0, 1, 2, 3]])
def test_joint_states_summed_to_some(kept: list[int]) -> None:
    values = np.random.default_rng(0).uniform(size=(3, 5, 2, 4, 3, 2))
    others = tuple(2 + place for place in range(4) if place not in kept)
    np.testing.assert_allclose(marginal(values, 4, kept), values.sum(axis=others), rtol=1e-13)


@pytest.mark.parametrize("sizes", [(2,), (3, 2), (2, 4, 3), (2, 3, 2, 3, 2)])
@pytest.mark.parametrize("rows", [(3, 5), (0,), ()])
def test_log_weights_over_joint_states(sizes: tuple[int, ...], rows: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    parts = [rng.normal(size=(*rows, size)) for size in sizes]
    found = over_joint_states(*parts)
    assert found.shape == (*rows, *sizes)
    for states in np.ndindex(*sizes):
        want = sum(part[..., state] for part, state in zip(parts, states, strict=True))
        np.testing.assert_allclose(found[(..., *states)], want, rtol=1e-13, atol=1e-13)
