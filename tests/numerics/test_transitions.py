"""Stationary laws, and rows of transition matrices that they enter: against powers, sums over trees, maxima."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import minimize
from scipy.special import digamma

from emdsl.runtime.carried.degeneracy import DegenerateError
from emdsl.runtime.carried.posteriors import dirichlet_entropy, expected_log
from emdsl.runtime.carried.probabilities import held_share
from emdsl.runtime.carried.stationary_posteriors import (
    ascended_concentration,
    expected_log_stationary,
    log_trees,
    tree_edges,
)
from emdsl.runtime.carried.transitions import ascended_transitions, states_taken_out, stationary


def value(matrix: np.ndarray, counts: np.ndarray, starts: np.ndarray) -> float:
    return float((counts * np.log(matrix)).sum() + (starts * np.log(stationary(matrix))).sum())


def test_stationary_laws_are_limits_of_powers() -> None:
    matrix = np.random.default_rng(0).dirichlet(np.ones(4), (3, 4))
    assert_allclose(stationary(matrix), np.linalg.matrix_power(matrix, 200)[:, 0], rtol=1e-10)


def test_a_step_reaches_the_maximum() -> None:
    rng = np.random.default_rng(1)
    counts, starts = rng.gamma(2, 5, (2, 3, 3)), rng.gamma(2, 5, (2, 3))
    found = ascended_transitions(rng.dirichlet(np.ones(3), (2, 3)), counts, starts)
    assert_allclose(found.sum(axis=-1), 1)
    best = value(found, counts, starts)
    for _ in range(200):  # no neighbour is better
        near = found * np.exp(rng.normal(0, 10.0 ** rng.uniform(-6, 0), found.shape))
        assert value(near / near.sum(axis=-1, keepdims=True), counts, starts) <= best + 1e-8 * abs(best)


def test_without_starts_the_step_is_the_closed_form() -> None:
    counts = np.array([[3.0, 1.0], [2.0, 6.0]])
    found = ascended_transitions(np.full((2, 2), 0.5), counts, np.zeros(2))
    assert_allclose(found, counts / counts.sum(axis=1, keepdims=True), rtol=1e-6)


def test_a_step_never_falls() -> None:
    """Beside rows that were never left, empty counts, and rows on the boundary."""
    rng = np.random.default_rng(2)
    for case in range(30):
        matrix = rng.dirichlet(np.full(3, 0.3), 3) * 0.999 + 0.001 / 3
        counts, starts = rng.poisson(1.0, (3, 3)) * 1.0, rng.poisson(0.7, 3) * 1.0
        if case % 3 == 0:
            counts[1] = 0.0
        found = ascended_transitions(matrix, counts, starts)
        assert value(np.maximum(found, 1e-300), counts, starts) >= value(matrix, counts, starts) - 1e-9


def trees(matrix: np.ndarray, dtype: type = float) -> list[Any]:
    """Σ over trees into each state of the product of their entries, every tree listed."""
    states = len(matrix)
    totals = [dtype(0)] * states
    for root in range(states):
        others = [state for state in range(states) if state != root]
        for heads in product(range(states), repeat=states - 1):
            heading, weight = dict(zip(others, heads, strict=True)), dtype(1)
            for tail, head in heading.items():
                weight *= dtype(matrix[tail, head])
            if all(_arrives(state, root, heading) for state in others):
                totals[root] += weight
    return totals


def _arrives(state: int, root: int, heading: dict[int, int]) -> bool:
    for _ in range(len(heading)):
        state = heading.get(state, root)
    return state == root


def test_rare_states_keep_all_their_digits() -> None:
    """Where states hardly ever follow each other: against sums over trees in exact arithmetic."""
    rng = np.random.default_rng(3)
    for _ in range(10):
        matrix = 10.0 ** rng.uniform(-20, 0, (4, 4))
        np.fill_diagonal(matrix, 0)
        matrix /= 2 * matrix.sum(axis=1, keepdims=True).max()
        np.fill_diagonal(matrix, 1 - matrix.sum(axis=1))
        exact = trees(matrix, Fraction)
        law, log_total = states_taken_out(matrix)
        assert_allclose(law, [float(one / sum(exact)) for one in exact], rtol=1e-13)
        assert_allclose(log_total, np.log(float(sum(exact))), rtol=1e-13)
        assert_allclose(stationary(matrix), law, rtol=1e-15)


def test_states_that_are_left_for_ever() -> None:
    """Zero, exactly, whichever they are; the others have the law of their own block."""
    inner = np.array([[0.2, 0.8], [0.5, 0.5]])
    both = np.zeros((2, 4, 4))
    both[0, 2:, 2:], both[0, :2] = inner, 0.25
    both[1, :2, :2], both[1, 2:] = inner, 0.25
    inside = np.array([5, 8]) / 13
    assert_allclose(stationary(both), [[0, 0, *inside], [*inside, 0, 0]], rtol=1e-14, atol=0)


def test_states_that_do_not_reach_each_other() -> None:
    with pytest.raises(DegenerateError, match="more than one stationary law"):
        stationary(np.array([[1.0, 0, 0], [0.2, 0.5, 0.3], [0, 0, 1]]))


def test_a_step_beside_held_entries_reaches_the_maximum() -> None:
    rng = np.random.default_rng(4)
    held = np.full((3, 3), np.nan)
    held[0, 2], held[1, 0], held[2] = 0, 0.3, (0.1, 0.4, 0.5)
    counts, starts = rng.gamma(2, 5, (3, 3)), rng.gamma(2, 5, 3)
    start = held_share(np.full((3, 3), 1 / 3), held)
    found = ascended_transitions(start, counts, starts, held)
    assert_allclose(found[~np.isnan(held)], held[~np.isnan(held)], atol=1e-15)
    assert_allclose(found.sum(axis=-1), 1)

    def objective(free: np.ndarray) -> float:
        rows = np.array([[1 - free[0], free[0], 0], [0.3, free[1], 0.7 - free[1]], [0.1, 0.4, 0.5]])
        law = np.linalg.matrix_power(rows, 4000)[0]
        logs = np.where(rows > 0, np.log(np.maximum(rows, 1e-300)), 0)
        return -float((counts * logs).sum() + (starts * np.log(law)).sum())

    bounds, options = [(0.01, 0.99), (0.01, 0.69)], {"xatol": 1e-9, "fatol": 1e-13}
    best = minimize(objective, [0.5, 0.4], method="Nelder-Mead", bounds=bounds, options=options)
    assert_allclose([found[0, 1], found[1, 1]], best.x, atol=1e-6)


def test_the_expectation_of_a_log_stationary_law_is_bounded_by_trees() -> None:
    """Against trees listed one by one, and below draws; small concentrations have hardly any weight on some entries."""
    rng = np.random.default_rng(5)
    for concentration in (rng.gamma(2, 2, (3, 3)), rng.gamma(0.05, 1, (3, 3)) + 1e-3, np.full((1, 1), 2.0)):
        totals = concentration.sum(axis=1, keepdims=True)
        logs = digamma(concentration) - digamma(totals)
        unit = logs.max(axis=1)  # trees into k have no entry of row k
        own = np.log(np.array(trees(np.exp(logs - unit[:, None])))) + unit.sum() - unit
        expected = own - np.log(sum(trees(concentration / totals)))
        bound = expected_log_stationary(concentration)
        assert_allclose(bound, expected, rtol=1e-10, atol=1e-12)
        draws = np.stack([rng.dirichlet(row, 4000) for row in concentration], axis=1)
        assert np.all(bound <= np.log(np.maximum(stationary(np.maximum(draws, 1e-300)), 1e-300)).mean(axis=0) + 0.05)


def test_edges_of_trees_are_the_slopes_of_their_sums() -> None:
    rng = np.random.default_rng(6)
    logs, weights = rng.normal(size=(2, 4, 4)), rng.gamma(1, 1, (2, 4))
    slopes = np.zeros_like(logs)
    for place in np.ndindex(*logs.shape):
        step = np.zeros_like(logs)
        step[place] = 1e-6
        rise = weights * (log_trees(logs + step) - log_trees(logs - step))
        slopes[place] = rise.sum() / 2e-6
    assert_allclose(tree_edges(logs, weights), slopes, atol=1e-7)


def test_a_step_of_concentrations_never_falls() -> None:
    rng = np.random.default_rng(7)
    for _ in range(10):
        old = rng.gamma(1, 2, (2, 3, 3)) + 1e-3
        counts, starts = rng.poisson(2.0, (2, 3, 3)) - 0.9, rng.poisson(2.0, (2, 3)) * 1.0
        values = []
        for concentration in (old, ascended_concentration(old, counts, starts)):
            value = (counts * expected_log(concentration)).sum() + dirichlet_entropy(concentration)
            values.append(value + (starts * expected_log_stationary(concentration)).sum())
        assert values[1] >= values[0] - 1e-10 * abs(values[0])


def test_concentrations_without_starts_are_counts_and_one() -> None:
    counts = np.array([[3.0, 1.0, 0.5], [2.0, 6.0, -0.5], [0.1, 0.2, 0.3]])
    assert_allclose(ascended_concentration(np.ones((3, 3)), counts, np.zeros(3)), counts + 1, rtol=1e-5)
