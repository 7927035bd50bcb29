"""Evidence that is formed by row, against the same evidence as an array."""

import numpy as np
import pytest

from emdsl.runtime.carried.finite_chains import chain_backward, chain_expectations, chain_forward, given_expectations
from emdsl.runtime.carried.row_evidence import RowEvidence


def example(lengths, states, kind, seed=0):
    """Evidence by row, the same as an array, transitions, offsets and weights of series."""
    rng = np.random.default_rng(seed)
    rows, offsets = sum(lengths), np.cumsum([0, *lengths])
    parts, dense = {}, np.zeros((rows, states))
    if kind != "table":
        constant, natural, feature = rng.normal(size=states), rng.normal(size=(states, 2)), rng.normal(size=(rows, 2))
        single, by_row = rng.normal(size=states), rng.normal(size=rows)
        if kind == "far":  # a few rows favour one state by e^500
            feature[:: max(rows // 50, 1)] *= 300.0
        parts |= {"constant": constant, "products": [(natural, feature), (single, by_row)]}
        dense += constant + feature @ natural.T + np.outer(by_row, single)
    if kind in ("table", "both", "labels"):
        table, entries = np.log(rng.dirichlet(np.full(5, 0.3), size=states)), rng.integers(5, size=rows)
        parts["tables"] = [(table, entries)]
        dense += table[:, entries].T
    first = rng.normal(size=(len(lengths), states) if kind == "labels" else states)
    starts = offsets[:-1][np.diff(offsets) > 0]
    dense[starts] += first[np.diff(offsets) > 0] if kind == "labels" else first
    if kind == "labels":
        labels = np.where(rng.random(rows) < 0.2, rng.integers(states, size=rows), np.nan)
        parts["labels"] = labels
        dense[~np.isnan(labels)[:, None] & (np.arange(states) != labels[:, None])] = -1e300
    evidence = RowEvidence(states, rows, first=first, **parts)
    transition = np.log(0.7 * np.eye(states) + 0.3 * rng.dirichlet(np.ones(states), size=states))
    return evidence, dense, transition, offsets, rng.uniform(0.5, 2.0, size=len(lengths))


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("kind", ["features", "far", "table", "both", "labels"])
@pytest.mark.parametrize("lengths", [[1], [3, 1, 0, 4], [40_000], [900] * 30 + [1, 2000]])
def test_as_an_array(lengths, kind, hard):
    evidence, dense, transition, offsets, weights = example(lengths, 3, kind)
    messages, likelihood = chain_forward(evidence, transition, offsets, hard=hard, by_row=False)
    other, expected = chain_forward(dense, transition, offsets, hard=hard, by_row=False)
    np.testing.assert_allclose(likelihood, expected, rtol=1e-12, atol=1e-12)
    marginals, moves = chain_backward(other, weights)
    np.testing.assert_allclose(chain_backward(messages, weights)[0], marginals, atol=1e-11)
    found, found_moves = chain_expectations(messages, weights)
    np.testing.assert_allclose(found_moves, moves, rtol=1e-10, atol=1e-10)
    given = given_expectations(evidence, marginals, offsets, weights)
    scaled = marginals * np.repeat(weights, np.diff(offsets))[:, None]
    for one in (found, given):
        np.testing.assert_allclose(one.constant, scaled.sum(axis=0), rtol=1e-10)
        for product, features in zip(one.products, evidence.features, strict=True):
            np.testing.assert_allclose(product, np.reshape(scaled.T @ features, product.shape), rtol=1e-9, atol=1e-9)
        for table, (_, entries) in zip(one.tables, evidence.tables, strict=True):
            np.testing.assert_allclose(table, scaled.T @ np.eye(5)[entries], rtol=1e-10, atol=1e-10)
        occupied = np.flatnonzero(np.diff(offsets) > 0)
        np.testing.assert_allclose(one.first[occupied], marginals[offsets[occupied]], atol=1e-11)
        assert not one.first[np.diff(offsets) == 0].any()


def test_without_weights_every_series_counts_once():
    evidence, dense, transition, offsets, _ = example([50, 7], 3, "both")
    messages, _ = chain_forward(evidence, transition, offsets, by_row=False)
    found, _ = chain_expectations(messages)
    assert found.constant.sum() == pytest.approx(len(dense))
    shares = np.full((len(dense), 3), 1 / 3)
    np.testing.assert_allclose(given_expectations(evidence, shares, offsets).constant, np.full(3, len(dense) / 3))
