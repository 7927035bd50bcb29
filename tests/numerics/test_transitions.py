"""Stationary laws, and rows of transition matrices that they enter: against powers, quadrature-free maxima, ties."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

from emdsl.runtime.carried.transitions import ascended_transitions, stationary


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
