"""Finite chains: against enumeration of all paths, and against a plain log-space recursion."""

from itertools import pairwise, product
from math import fsum

import numpy as np
import pytest
from scipy.special import logsumexp

from emdsl.runtime.carried.finite_chains import chain_backward, chain_forward
from emdsl.runtime.forward_finite import log_filtered


def enumerate_paths(evidence, transition, hard=False):
    """One series (row, state), transition (row, i, j): log partition, marginals, pairs by row."""
    rows, states = evidence.shape
    paths = np.array(list(product(range(states), repeat=rows)))
    value = evidence[np.arange(rows), paths].sum(axis=1)
    for r in range(1, rows):
        value = value + transition[r, paths[:, r - 1], paths[:, r]]
    if hard:  # the best path whose last state is smallest, then the one before it, …
        best = np.flatnonzero(value >= value.max() - 1e-9)
        chosen = min(best, key=lambda p: tuple(paths[p][::-1]))
        log_partition, weight = value.max(), np.eye(len(paths))[chosen]
    else:
        log_partition = logsumexp(value)
        weight = np.exp(value - log_partition)
    marginals, pairs = np.zeros((rows, states)), np.zeros((rows, states, states))
    for r in range(rows):
        np.add.at(marginals[r], paths[:, r], weight)
        if r:
            np.add.at(pairs[r], (paths[:, r - 1], paths[:, r]), weight)
    return log_partition, marginals, pairs


def recursion(evidence, transition, offsets):
    """Log space, row by row, for a transition (i, j) that all rows share: partitions, filtered, marginals, pairs."""
    alpha, beta = np.zeros(evidence.shape), np.zeros(evidence.shape)
    top = evidence.max(axis=1)
    evidence, partition, pairs = evidence - top[:, None], [], np.zeros(transition.shape)
    for first, last in pairwise(offsets):
        alpha[first], total = evidence[first], []
        for r in range(first, last):
            if r > first:
                alpha[r] = evidence[r] + np.logaddexp.reduce(alpha[r - 1, :, None] + transition, axis=0)
            total.append(np.logaddexp.reduce(alpha[r]))
            alpha[r] = np.maximum(alpha[r] - total[-1], -1e300)
        partition.append(fsum(total) + fsum(top[first:last]))
        for r in range(last - 2, first - 1, -1):
            beta[r] = np.logaddexp.reduce(transition + evidence[r + 1] + beta[r + 1], axis=1)
            beta[r] = np.maximum(beta[r] - beta[r].max(), -1e300)
        for r in range(first + 1, last):
            joint = alpha[r - 1, :, None] + transition + evidence[r] + beta[r]
            pairs += np.exp(joint - np.logaddexp.reduce(joint, axis=None))
    return np.array(partition), posterior(alpha), posterior(alpha + beta), pairs


def posterior(joint):
    return np.exp(joint - logsumexp(joint, axis=1, keepdims=True))


def agree(evidence, transition, offsets, tolerance=1e-10):
    messages, partition = chain_forward(evidence, transition, offsets)
    marginals, pairs = chain_backward(messages)
    want, shares, smoothed, transitions = recursion(evidence, transition, offsets)
    np.testing.assert_allclose(partition, want, rtol=1e-12, atol=1e-10)
    np.testing.assert_allclose(marginals, smoothed, rtol=0, atol=tolerance)
    np.testing.assert_allclose(np.exp(log_filtered(messages)[0]), shares, rtol=0, atol=tolerance)
    np.testing.assert_allclose(pairs, transitions, rtol=tolerance, atol=tolerance)
    return messages


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("by_row", [False, True])
@pytest.mark.parametrize("evidence_axis", [False, True])
@pytest.mark.parametrize("transition_axis", [False, True])
@pytest.mark.parametrize("kind", ["plain", "zeros", "impossible", "far"])
def test_all_paths(hard, by_row, evidence_axis, transition_axis, kind):
    rng = np.random.default_rng(3)
    lengths, states, batch = np.array([3, 1, 5, 0, 2, 1, 5]), 3, 2
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    rows = offsets[-1]
    evidence = rng.normal(size=(*((batch,) if evidence_axis else ()), rows, states)) * 3
    shape = (*((batch,) if transition_axis else ()), *((rows,) if by_row else ()), states, states)
    transition = rng.normal(size=shape) * 2
    if kind == "zeros":
        transition[rng.random(transition.shape) < 0.3] = -690.8
    if kind == "impossible":
        transition[..., 2, 0] = -1e300
        transition[..., 1, :] += 3.0
        evidence[rng.random(evidence.shape) < 0.2] = -1e300
        evidence[..., 1] = np.maximum(evidence[..., 1], -5.0)
    if kind == "far":
        evidence *= 400.0
        transition *= 100.0
        transition[..., 0, 1] = -1e300
    weights = rng.random(len(lengths)) * 2
    messages, partition = chain_forward(evidence, transition, offsets, hard)
    marginals, pairs = chain_backward(messages, weights)
    batched = evidence_axis or transition_axis
    for c in range(batch if batched else 1):
        e = evidence[c] if evidence_axis else evidence
        a = transition[c] if transition_axis else transition
        a = a if by_row else np.broadcast_to(a, (rows, states, states))
        total = np.zeros((states, states))
        for s, (first, last) in enumerate(pairwise(offsets)):
            mine = slice(first, last)
            got = partition[c, s] if batched else partition[s]
            if first == last:
                assert got == 0.0
                continue
            want, shares, steps = enumerate_paths(e[mine], a[mine], hard)
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-12)
            np.testing.assert_allclose((marginals[c] if batched else marginals)[mine], shares, atol=1e-11)
            total += weights[s] * steps.sum(axis=0)
            if by_row:
                np.testing.assert_allclose((pairs[c] if batched else pairs)[mine], steps, atol=1e-11)
        if not by_row:
            np.testing.assert_allclose(pairs[c] if batched else pairs, total, atol=1e-10)


def sticky(states, change):
    return np.log(np.where(np.eye(states), 1.0 - change, change / (states - 1)))


def onward(states, change, zero):
    """Only to the same or the next state."""
    step = np.eye(states, k=1)
    return np.where(np.eye(states), np.log1p(-change), np.where(step, np.log(change), zero))


def regimes(rows, states=4, gap=2.0, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, states)) + gap * np.eye(states)[np.arange(rows) // 700 % states]


def rising(evidence):
    """Evidence for one state after another, the first row only in the first."""
    evidence = evidence + 2.0 * np.eye(4)[np.arange(len(evidence)) * 4 // len(evidence)]
    evidence[0, 1:] = -1e300
    return evidence


def without(evidence, rows, state, value=-1e300):
    evidence = evidence.copy()
    evidence[rows, state] = value
    return evidence


def narrow(evidence):
    """All paths go through one improbable state."""
    evidence = without(evidence, slice(None, None, 7), 0)
    evidence[len(evidence) // 2] = -1e300
    evidence[len(evidence) // 2, 2] = -50.0
    return evidence


def turning(rows):
    """Staying in one state is best at first, in another in the end: what seemed negligible decides."""
    evidence = np.zeros((rows, 4))
    evidence[: rows // 2, 1] = -100.0
    evidence[rows // 2 :, 0] = -101.0
    evidence[:, 2:] = -300.0
    return evidence


LONG = 6000
CASES = {
    "unlikely rows": (regimes(LONG) - 1000.0, sticky(4, 0.1)),
    "near-deterministic": (regimes(LONG) * 3.0, sticky(4, 1e-12)),
    "forgets nothing": (regimes(LONG, gap=0.0) * 0.01, sticky(4, 1e-12)),
    "forgets nothing, many states": (regimes(3000, 33, 0.0) * 0.01, sticky(33, 1e-7)),
    "far apart": (regimes(LONG) * 3000.0, sticky(4, 1e-12)),
    "never visited": (without(regimes(LONG), slice(None), 3), sticky(4, 0.1)),
    "structural zeros": (rising(regimes(LONG)), onward(4, 1e-3, np.log(1e-300))),
    "impossible steps": (rising(regimes(LONG)), onward(4, 1e-3, -1e300)),
    "one way through": (narrow(regimes(LONG)), sticky(4, 1e-6)),
    "turning": (turning(LONG), np.where(np.eye(4), 0.0, -1e300)),
    "turning, nearly impossible": (turning(LONG), np.where(np.eye(4), 0.0, -690.8)),
    "less than a number holds": (regimes(LONG), np.where(np.eye(4), 0.0, -1200.0)),
    "cycle": (regimes(LONG), np.where(np.eye(4, k=1) + np.eye(4, k=-3), 0.0, -1e300)),
    "two states apart": (regimes(LONG), np.where(np.kron(np.eye(2), np.ones((2, 2))), -0.7, -690.8)),
}


@pytest.mark.parametrize("name", CASES)
def test_one_long_series(name):
    evidence, transition = CASES[name]
    agree(evidence, transition, np.array([0, len(evidence)]))


@pytest.mark.parametrize("name", CASES)
def test_best_path_of_a_long_series(name):
    evidence, transition = CASES[name]
    messages, value = chain_forward(evidence, transition, np.array([0, len(evidence)]), hard=True)
    marginals, pairs = chain_backward(messages)
    best = evidence[0]
    for row in evidence[1:]:
        best = row + (best[:, None] + transition).max(axis=0)
    np.testing.assert_allclose(value, best.max(), rtol=1e-10)
    assert np.array_equal(np.unique(marginals), [0.0, 1.0])
    assert np.all(marginals.sum(axis=1) == 1.0)
    path = marginals.argmax(axis=1)
    along = evidence[np.arange(len(path)), path].sum() + transition[path[:-1], path[1:]].sum()
    np.testing.assert_allclose(along, best.max(), rtol=1e-10)
    counts = np.zeros(transition.shape)
    np.add.at(counts, (path[:-1], path[1:]), 1.0)
    np.testing.assert_array_equal(pairs, counts)


@pytest.mark.parametrize("factor", [1.0, 100.0])
@pytest.mark.parametrize("transition", [sticky(4, 0.2), onward(4, 0.1, -690.8), onward(4, 0.1, -1e300)])
@pytest.mark.parametrize("lengths", [[1, 3000, 2, 5, 4000, 7, 1], [200] * 20, [1] * 9, range(1, 60)])
def test_ragged_series(lengths, transition, factor):
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    agree(regimes(offsets[-1], seed=5) * factor, transition, offsets)


def test_layout_of_memory_does_not_matter():
    evidence, offsets = regimes(9000), np.array([0, 5000, 9000])
    one, two = (chain_forward(e, sticky(4, 0.1), offsets) for e in (evidence, np.asfortranarray(evidence)))
    np.testing.assert_array_equal(one[1], two[1])
    np.testing.assert_array_equal(chain_backward(one[0])[0], chain_backward(two[0])[0])


@pytest.mark.parametrize("hard", [False, True])
def test_long_batches_with_transitions_by_row(hard):
    rng = np.random.default_rng(7)
    evidence, transition = rng.normal(size=(2, 6000, 3)), rng.normal(size=(2, 6000, 3, 3))
    transition[1] = transition[1, 0]
    offsets, weights = np.array([0, 5000, 5000, 6000]), np.array([[1.0, 1.0, 2.0]])
    messages, partition = chain_forward(evidence, transition, offsets, hard)
    marginals, pairs = chain_backward(messages)
    inner = np.delete(np.arange(6000), [0, 5000])
    np.testing.assert_allclose(pairs[:, inner].sum(axis=2), marginals[:, inner], atol=1e-12)
    np.testing.assert_allclose(pairs[:, inner].sum(axis=3), marginals[:, inner - 1], atol=1e-12)
    assert np.all(pairs[:, [0, 5000]] == 0.0)
    shared, expected = chain_forward(evidence[1], transition[1, 0], offsets, hard)
    np.testing.assert_allclose(partition[1], expected, rtol=1e-12)
    marginal, total = chain_backward(shared, weights[0])
    np.testing.assert_allclose(marginals[1], marginal, atol=1e-12)
    each = np.where(np.arange(6000) < 5000, 1.0, 2.0)
    np.testing.assert_allclose(np.einsum("r,rij->ij", each, pairs[1]), total, rtol=1e-10)
    for c in range(2):  # by itself
        apart, value = chain_forward(evidence[c], transition[c], offsets, hard)
        np.testing.assert_allclose(partition[c], value, rtol=1e-12)
        np.testing.assert_allclose(marginals[c], chain_backward(apart)[0], atol=1e-12)


@pytest.mark.parametrize("hard", [False, True])
def test_impossible_series(hard):
    """They are told by their partition alone, and leave the others as they were."""
    stay = np.where(np.eye(3), 0.0, -1e300)
    evidence, offsets = regimes(1200, 3), np.arange(0, 1201, 200)
    evidence[405] = evidence[406] = -1e300
    evidence[405, 0] = evidence[406, 1] = 0.0
    evidence[800:1000] = -1e300
    messages, partition = chain_forward(evidence, stay, offsets, hard)
    marginals, pairs = chain_backward(messages)
    assert np.all(partition[[2, 4]] < -1e290)
    assert np.all(np.isfinite(partition))
    assert np.all(np.isfinite(marginals))
    assert np.all(np.isfinite(pairs))
    for s in (0, 1, 3, 5):
        alone, value = chain_forward(evidence[200 * s : 200 * s + 200], stay, np.array([0, 200]), hard)
        np.testing.assert_allclose(partition[s], value[0], rtol=1e-12)
        np.testing.assert_allclose(marginals[200 * s : 200 * s + 200], chain_backward(alone)[0], atol=1e-12)


def test_a_million_rows_do_not_underflow():
    evidence = np.tile(regimes(1000), (1000, 1)) - 1000.0
    messages, partition = chain_forward(evidence, sticky(4, 1e-12), np.array([0, 10**6]))
    marginals, pairs = chain_backward(messages)
    assert -1.002e9 < partition[0] < -0.99e9
    np.testing.assert_allclose(marginals.sum(axis=1), 1.0, atol=1e-12)
    np.testing.assert_allclose(pairs.sum(axis=0), marginals[1:].sum(axis=0), rtol=1e-10)
    np.testing.assert_allclose(pairs.sum(axis=1), marginals[:-1].sum(axis=0), rtol=1e-10)


def test_no_rows_at_all():
    messages, partition = chain_forward(np.empty((0, 3)), sticky(3, 0.1), np.array([0, 0, 0]))
    assert partition.tolist() == [0.0, 0.0]
    marginals, pairs = chain_backward(messages)
    assert marginals.shape == (0, 3)
    assert np.all(pairs == 0.0)


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("kind", ["plain", "zeros", "far", "beyond"])
@pytest.mark.parametrize("sizes", [(2, 3), (5, 4, 3), (2, 2, 2, 2, 2, 2)])
@pytest.mark.parametrize("batched", [False, True])
def test_independent_chains_are_one_of_their_joint_states(hard, kind, sizes, batched):
    """Chains that move one after the other: the same messages, partitions, posteriors and pairs as one dense chain."""
    rng = np.random.default_rng(8)
    states, count = int(np.prod(sizes)), len(sizes)
    lengths = np.array([60, 1, 0, 7, 230])
    offsets, weights = np.concatenate([[0], np.cumsum(lengths)]), rng.uniform(0.5, 2.0, len(lengths))
    evidence = rng.normal(scale=2.0, size=(offsets[-1], states))
    transitions = [np.log(rng.dirichlet(np.ones(size), ((2,) if batched else ()) + (size,))) for size in sizes]
    if kind == "zeros":
        transitions[0][..., 0, 1] = -1e300
    if kind in ("far", "beyond"):
        transitions[-1][..., 0, 1] -= 100.0 if kind == "far" else 900.0
    dense = transitions[0]
    for one in transitions[1:]:
        joint = dense[..., :, None, :, None] + one[..., None, :, None, :]
        dense = joint.reshape(*joint.shape[:-4], dense.shape[-1] * one.shape[-1], -1)
    whole, partition = chain_forward(evidence, dense, offsets, hard=hard)
    want, pairs = chain_backward(whole, weights)
    messages, found = chain_forward(evidence, transitions, offsets, hard=hard)
    marginals, moves = chain_backward(messages, weights)
    np.testing.assert_allclose(found, partition, rtol=1e-12)
    np.testing.assert_allclose(marginals, want, rtol=0, atol=1e-11)
    np.testing.assert_allclose(log_filtered(messages), log_filtered(whole), rtol=1e-9, atol=1e-9)
    pairs = pairs.reshape(*pairs.shape[:-2], *sizes, *sizes)
    for place, own in enumerate(moves):
        others = tuple(-axis for axis in range(1, 2 * count + 1) if (axis - count + place) % count)
        np.testing.assert_allclose(own, pairs.sum(axis=others), rtol=1e-10, atol=1e-10)
