"""Evidence that is formed by row, against the same evidence as an array."""

import numpy as np
import pytest
from scipy.special import logsumexp

from emdsl.runtime.carried.finite_chains import chain_backward, chain_expectations, chain_forward, given_expectations
from emdsl.runtime.carried.memory import Memory
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
    if kind == "pairs":  # x_d x_e, x_d y, y y, and x_d beside them
        full, beside, square = rng.normal(size=(states, 2, 2)), rng.normal(size=(states, 2)), -rng.random(states)
        parts["products"] += [(full, feature, feature), (beside, feature, by_row), (square, by_row, by_row)]
        dense += np.einsum("kde,td,te->tk", full, feature, feature) + np.outer(by_row**2, square)
        dense += (feature * by_row[:, None]) @ beside.T
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
@pytest.mark.parametrize("kind", ["features", "far", "pairs", "table", "both", "labels"])
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
        x, y = (np.reshape(column, (len(dense), -1)) for column in evidence.columns or (dense, dense))
        pairs = np.einsum("tk,td,te->kde", scaled, x, x), scaled.T @ (x * y), scaled.T @ y[:, 0] ** 2
        for product, sums in zip(one.products, (scaled.T @ x, scaled.T @ y[:, 0], *pairs), strict=False):
            np.testing.assert_allclose(product, sums, rtol=1e-9, atol=1e-9)
        for table, (_, entries) in zip(one.tables, evidence.tables, strict=True):
            np.testing.assert_allclose(table, scaled.T @ np.eye(5)[entries], rtol=1e-10, atol=1e-10)
        occupied = np.flatnonzero(np.diff(offsets) > 0)
        np.testing.assert_allclose(one.first[occupied], marginals[offsets[occupied]], atol=1e-11)
        assert not one.first[np.diff(offsets) == 0].any()


@pytest.mark.parametrize("smallest", [-2.0, -15.0, -60.0])
@pytest.mark.parametrize("height", [2.0, 20.0, 75.0])
def test_mass_is_taken_out_before_it_is_lost(height, smallest):
    """Each row favours one state by e^height, the next row another, over transitions down to e^smallest."""
    rng = np.random.default_rng(0)
    rows, states = 300, 4
    feature = np.eye(states)[np.arange(rows) % states] * rng.uniform(0.8, 1.0, size=(rows, 1))
    transition = np.where(np.eye(states) > 0, 0.0, smallest)
    evidence = RowEvidence(states, rows, products=[(height * np.eye(states), feature)])
    messages, likelihood = chain_forward(evidence, transition, np.array([0, rows]), by_row=False)
    forward, backward = np.zeros((rows, states)), np.zeros((rows, states))
    forward[0] = height * feature[0]
    for t in range(1, rows):
        forward[t] = logsumexp(forward[t - 1][:, None] + transition, axis=0) + height * feature[t]
        backward[-1 - t] = logsumexp(transition + backward[-t] + height * feature[-t], axis=1)
    np.testing.assert_allclose(likelihood, logsumexp(forward[-1]), rtol=1e-13)
    expected = np.exp(forward + backward - logsumexp(forward[-1]))
    np.testing.assert_allclose(chain_backward(messages)[0], expected, atol=1e-11)


def test_messages_stand_in_one_memory_but_never_in_each_others():
    evidence, _, transition, offsets, _ = example([400] * 50, 3, "features")
    other, *_ = example([400] * 50, 3, "features", seed=1)
    expected = [chain_backward(chain_forward(one, transition, offsets)[0])[0] for one in (evidence, other)]
    memory = Memory(evidence.rows * evidence.states)
    room = memory.rooms[0]
    for one in (evidence, other):
        one.memory = memory
    first, _ = chain_forward(evidence, transition, offsets)
    (_, part), *_ = first["parts"]
    assert np.shares_memory(part.packed, room)
    second, _ = chain_forward(other, transition, offsets)  # while the first is not yet read
    for messages, marginals in zip((first, second), expected, strict=True):
        np.testing.assert_array_equal(chain_backward(messages)[0], marginals)
    del first, second, messages, part
    assert len(memory.rooms) == 1
    again, _ = chain_forward(evidence, transition, offsets)
    assert not memory.rooms
    np.testing.assert_array_equal(chain_backward(again)[0], expected[0])


def test_memory_that_is_too_short_is_left():
    memory = Memory(3)
    assert memory.take(5).shape == (5,)
    memory.give(np.zeros(8))
    assert memory.take(5).shape == (5,)
    assert not memory.rooms


def test_a_batch_of_transitions_by_row_beside_evidence_by_row():
    evidence, dense, transition, offsets, _ = example([300, 7, 300], 3, "features")
    by_row = transition + 0.1 * np.random.default_rng(2).normal(size=(2, len(dense), 3, 3))
    _, likelihood = chain_forward(evidence, by_row, offsets, by_row=True)
    _, expected = chain_forward(np.stack([dense, dense]), by_row, offsets, by_row=True)
    np.testing.assert_allclose(likelihood, expected, rtol=1e-12)


def test_without_weights_every_series_counts_once():
    evidence, dense, transition, offsets, _ = example([50, 7], 3, "both")
    messages, _ = chain_forward(evidence, transition, offsets, by_row=False)
    found, _ = chain_expectations(messages)
    assert found.constant.sum() == pytest.approx(len(dense))
    shares = np.full((len(dense), 3), 1 / 3)
    np.testing.assert_allclose(given_expectations(evidence, shares, offsets).constant, np.full(3, len(dense) / 3))
