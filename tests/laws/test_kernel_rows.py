"""Local kernels: the expected statistics of the rows' latents, and their log partitions.

    softmax         exponent = Σ_s [z = s] η_s
    gaussian_rows   exponent = Σ_s [z = s] (η_s + h_sᵀ v + vᵀ Q_s v),   unknown entries of v integrated out

The gradient of each row's log partition with respect to a natural parameter is the expected statistic. Rows are last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from tests.laws.kernel_cases import numerics, spread

Array = np.ndarray[Any, Any]


# ---------------------------------------------------------------- finite states


def test_softmax_gives_probabilities_and_the_log_partition() -> None:
    logits = np.random.default_rng(0).normal(0, 5, (4, 7))
    expected, partition = special.softmax(logits, axis=0), special.logsumexp(logits, axis=0)
    found = numerics().softmax(logits)
    np.testing.assert_allclose(found, partition, rtol=1e-13)
    np.testing.assert_allclose(logits, expected, rtol=1e-12)


@pytest.mark.parametrize("shift", [-1e6, -800.0, 800.0, 1e6])
def test_softmax_neither_overflows_nor_underflows(shift: float) -> None:
    logits = np.array([[0.0], [-1.0], [-1e4]]) + shift
    partition = numerics().softmax(logits)
    np.testing.assert_allclose(partition, shift + np.log1p(np.exp(-1)), rtol=1e-12)
    np.testing.assert_allclose(logits[:, 0], [special.expit(1), special.expit(-1), 0], rtol=1e-9)


def test_hardmax_takes_the_first_of_the_largest() -> None:
    logits = np.array([[1.0, 2.0, 3.0], [4.0, 2.0, -1.0]])
    np.testing.assert_array_equal(numerics().hardmax(logits), [4.0, 2.0, 3.0])
    np.testing.assert_array_equal(logits, [[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]])


def test_a_label_rules_out_the_other_states() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(3, 5)), np.array([np.nan, 0, 2, np.nan, 1])
    before = logits.copy()
    numerics().labelled(logits.reshape(1, 3, 1, 5), labels)
    partition = numerics().softmax(logits)
    free = np.isnan(labels)
    np.testing.assert_allclose(partition[free], special.logsumexp(before[:, free], axis=0))
    for row in np.flatnonzero(~free):
        assert partition[row] == before[int(labels[row]), row]
        np.testing.assert_array_equal(logits[:, row], np.arange(3) == labels[row])


# ---------------------------------------------------------------- Gaussian vectors under finite states


@dataclass(frozen=True)
class Rows:
    """Natural parameters of n rows of a vector of 3 entries under `states` states; v = (a, b) with 2 + 1 entries."""

    name: str
    states: int
    has_logits: bool
    shared: bool
    known: Callable[[Array], None]

    def __str__(self) -> str:
        return self.name

    n, size = 6, 3

    def arrays(self) -> tuple[Array, list[Any], list[Any], Array]:
        """(natural, singles, pairs, values): the quadratic form stands in three pieces, aa, ab and bb."""
        rng = np.random.default_rng(7)
        first, second = slice(0, 2), slice(2, 3)
        precision = spread(rng, (self.states, self.n), self.size)
        if self.shared:
            precision[:] = precision[:, :1]
        quadratic = -0.5 * precision
        pieces, singles, pairs = [], [], []

        def place(array: Array) -> slice:
            """The rows at which a piece (state, row, entries…) lies, states outermost."""
            start = sum(len(piece) for piece in pieces)
            pieces.append(np.moveaxis(array, 1, -1).reshape(-1, self.n))
            return slice(start, start + len(pieces[-1]))

        if self.has_logits:
            place(rng.normal(size=(self.states, self.n)))
        for entries in (first, second):
            singles.append((place(rng.normal(size=(self.states, self.n, entries.stop - entries.start))), entries))
        for one, two, factor in ((first, first, 1.0), (first, second, 2.0), (second, second, 1.0)):
            pairs.append((place(factor * quadratic[:, :, one, two]), one, two))
        values = rng.normal(size=(self.n, self.size))
        mask = np.ones((self.n, self.size), dtype=bool)
        self.known(mask)
        values[~mask] = np.nan
        return np.concatenate(pieces), singles, pairs, values

    def parts(self, natural: Array, singles: list[Any], pairs: list[Any]) -> tuple[Array, Array, Array]:
        """η (state, row), h (state, row, entry), Q (state, row, entry, entry), read off the naturals."""
        n, size, states = self.n, self.size, self.states
        logits = natural[:states] if self.has_logits else np.zeros((states, n))
        linear, quadratic = np.zeros((states, n, size)), np.zeros((states, n, size, size))
        for rows, entries in singles:
            linear[:, :, entries] += np.moveaxis(natural[rows].reshape(states, -1, n), 2, 1)
        for rows, one, two in pairs:
            extent = (states, one.stop - one.start, two.stop - two.start, n)
            quadratic[:, :, one, two] += np.moveaxis(natural[rows].reshape(extent), 3, 1)
        return logits, linear, quadratic


def _all_unknown(mask: Array) -> None:
    mask[:] = False


def _some_known(mask: Array) -> None:
    mask[0] = False
    mask[1, 0] = mask[2, 1:] = False
    mask[4, 1] = mask[5, 0] = False


ROWS = tuple(
    Rows(
        f"{states} states, {'shared' if shared else 'own'} precision, {known.__name__[1:]}",
        states,
        logits,
        shared,
        known,
    )
    for (states, logits), shared, known in product(((1, False), (2, True)), (True, False), (_all_unknown, _some_known))
)
EVERY = pytest.mark.parametrize("rows", ROWS, ids=str)


def _run(rows: Rows, natural: Array, singles: list[Any], pairs: list[Any], values: Array, **named: Any) -> Any:
    """(expected statistics, log partitions)"""
    expected = natural.copy()
    partition = numerics().gaussian_rows(
        expected, rows.states, rows.has_logits, singles, pairs, values[None], rows.shared, **named
    )
    return expected, partition


def _conditional(h: Array, q: Array, value: Array) -> tuple[float, Array, Array]:
    """(log ∫ exp(hᵀ v + vᵀ Q v) over the unknown entries, the mean of v, its covariance) by scipy's normal density."""
    precision, unknown = -(q + q.T), np.isnan(value)
    v = np.where(unknown, 0.0, value)
    mean, covariance = v.copy(), np.zeros((len(v), len(v)))
    if not unknown.any():
        return float(h @ v + v @ q @ v), mean, covariance
    inner = np.linalg.inv(precision[np.ix_(unknown, unknown)])
    slope = h[unknown] - precision[np.ix_(unknown, ~unknown)] @ v[~unknown]
    mean[unknown], covariance[np.ix_(unknown, unknown)] = inner @ slope, inner
    density = stats.multivariate_normal.logpdf(mean[unknown], mean[unknown], inner)
    return float(h @ mean + mean @ q @ mean - density), mean, covariance


@EVERY
def test_log_partitions_and_moments_are_those_of_the_normal_law(rows: Rows) -> None:
    natural, singles, pairs, values = rows.arrays()
    logits, linear, quadratic = rows.parts(natural, singles, pairs)
    found, partition = _run(rows, natural, singles, pairs, values)
    probabilities, first, second = rows.parts(found, singles, pairs)
    for row in range(rows.n):
        each = [_conditional(linear[s, row], quadratic[s, row], values[row]) for s in range(rows.states)]
        scores = logits[:, row] + [item[0] for item in each]
        np.testing.assert_allclose(partition[row], special.logsumexp(scores), rtol=1e-11)
        share = special.softmax(scores)
        if rows.has_logits:
            np.testing.assert_allclose(probabilities[:, row], share, rtol=1e-10)
        for s, (_, mean, covariance) in enumerate(each):
            moment = share[s] * (covariance + np.outer(mean, mean))
            moment[2, :2] = 0.0  # the piece ba does not stand by itself
            np.testing.assert_allclose(first[s, row], share[s] * mean, rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(second[s, row], moment, rtol=1e-10, atol=1e-12)


@EVERY
def test_the_gradient_of_the_log_partition_is_the_expected_statistic(rows: Rows) -> None:
    """One natural parameter at a time, moved in all rows; a shared quadratic term moves in all rows anyway."""
    natural, singles, pairs, values = rows.arrays()
    expected, _ = _run(rows, natural, singles, pairs, values)
    for statistic in range(len(natural)):

        def slope(size: float, statistic: int = statistic) -> Array:
            ends = []
            for sign in (1, -1):
                moved = natural.copy()
                moved[statistic] += sign * size
                ends.append(_run(rows, moved, singles, pairs, values)[1])
            return (ends[0] - ends[1]) / (2 * size)

        extrapolated = (4 * slope(1e-4) - slope(2e-4)) / 3
        np.testing.assert_allclose(expected[statistic], extrapolated, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("rows", [rows for rows in ROWS if rows.has_logits], ids=str)
def test_hard_puts_all_weight_on_the_best_state(rows: Rows) -> None:
    natural, singles, pairs, values = rows.arrays()
    logits, linear, quadratic = rows.parts(natural, singles, pairs)
    found, partition = _run(rows, natural, singles, pairs, values, hard=True)
    probabilities, first, _ = rows.parts(found, singles, pairs)
    for row in range(rows.n):
        each = [_conditional(linear[s, row], quadratic[s, row], values[row]) for s in range(rows.states)]
        scores = logits[:, row] + [item[0] for item in each]
        best = int(np.argmax(scores))
        np.testing.assert_allclose(partition[row], scores[best], rtol=1e-11)
        np.testing.assert_array_equal(probabilities[:, row], np.arange(rows.states) == best)
        np.testing.assert_allclose(first[best, row], each[best][1], rtol=1e-10)
