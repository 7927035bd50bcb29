"""Log potentials of rows that are formed when they are read and stored for no more rows than that.

evidence(state, row) = Σ_j natural_j(state, …) · feature_j(row, …) + Σ_j table_j(state, index_j(row))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from emdsl.runtime.carried.sweeps import as_slice, at_once


class DenseEvidence:
    """Log potentials (batch, row, state) that stand in memory."""

    table, tables = None, ()

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.batch, self.rows, self.states = values.shape

    def beside_one_state(self) -> None:
        """Nothing: the values stand already."""

    def arranged(self, firsts: np.ndarray, counts: Sequence[int]) -> list[None]:
        """Nothing: the values are read where they stand."""
        return [None] * len(counts)

    def read(
        self,
        rows: np.ndarray | slice,
        out: np.ndarray,
        starts: np.ndarray | slice | None = None,
        features: np.ndarray | None = None,
    ) -> None:
        """Those of some rows into `out`, (batch, state, row). What rows begin with a series is in the values."""
        out[...] = self.values[:, rows].swapaxes(1, 2)


class RowEvidence:
    """Log potentials of rows as products of natural parameters and features, and entries of tables.

    constant: (state,). products: (natural (state, …), feature (plates of the row…, …)). tables: (table (state, entry),
    entries (plates of the row…)). first: (state,) or (plates of the series…, state), what is added in the first row of
    each series. labels: states of rows, NaN where unknown.
    """

    batch = 1

    def __init__(
        self,
        states: int,
        rows: int,
        constant: np.ndarray | float = 0.0,
        products: Sequence[tuple[np.ndarray, np.ndarray]] = (),
        tables: Sequence[tuple[np.ndarray, np.ndarray]] = (),
        first: np.ndarray | float = 0.0,
        labels: np.ndarray | None = None,
    ) -> None:
        self.states, self.rows = states, rows
        self.shapes = [np.shape(natural) for natural, _ in products]
        naturals = [np.reshape(natural, (states, -1)) for natural, _ in products]
        self.naturals = np.hstack([*naturals, np.broadcast_to(constant, (states,))[:, None]])
        self.features = [np.reshape(feature, (rows, -1)) for _, feature in products]
        self.edges = np.cumsum([0, *(natural.shape[1] for natural in naturals)])
        self.tables = [(np.ascontiguousarray(table), np.reshape(entries, -1)) for table, entries in tables]
        self.first = np.asarray(first, dtype=float)
        self.first = self.first.reshape(-1, states) if self.first.ndim > 1 else self.first
        self.labels = None if labels is None else np.reshape(labels, -1)
        alone = len(self.tables) == 1 and not self.features and not np.any(constant) and labels is None
        self.table = self.tables[0] if alone else None

    def beside_one_state(self) -> tuple[np.ndarray, int] | None:
        """Natural parameters of log₂ evidence less that of a state which is seldom far from the likeliest one.

        The row of that state itself holds those of its own log evidence. None where more than products tells of states.
        """
        if self.tables or self.labels is not None:
            return None
        sample = self.naturals @ self.features_of(np.linspace(0, self.rows - 1, 64).astype(int))
        state = int(np.argmax(np.min(sample - sample.max(axis=0), axis=1)))
        naturals = (self.naturals - self.naturals[state]) / np.log(2.0)
        naturals[state] = self.naturals[state]
        return naturals, state

    def features_of(self, rows: np.ndarray | slice) -> np.ndarray:
        """(feature, row); the last one is 1, that of the constant."""
        count = rows.size if isinstance(rows, np.ndarray) else len(range(*rows.indices(self.rows)))
        features = np.ones((self.edges[-1] + 1, count))
        for first, last, values in zip(self.edges, self.edges[1:], self.features):
            features[first:last] = values[rows].T
        return features

    def arranged(self, firsts: np.ndarray, counts: Sequence[int]) -> list[np.ndarray]:
        """The features of lanes that start at `firsts`, by step; at each the first `counts[step]` lanes still run.

        Each step has its own (feature, lane) in one piece, so that the sweeps read memory in its order.
        """
        steps, width = len(counts), self.edges[-1] + 1
        if width == 1:
            ones = np.ones((1, len(firsts)))
            return [ones[:, :count] for count in counts]
        places = np.cumsum([0, *counts]) * width
        packed = np.empty(places[-1])
        blocks = [0, *(s for s in range(1, steps) if counts[s] != counts[s - 1] or s % 64 == 0), steps]

        def arrange(block: int) -> None:
            first, last = blocks[block], blocks[block + 1]
            count = counts[first]
            out = packed[places[first] : places[last]].reshape(last - first, width, count)
            if last - first < 8:  # as series end here and there: windows of so few steps save nothing
                for step in range(first, last):
                    out[step - first] = self.features_of(firsts[:count] + step)
                return
            out[:, -1] = 1.0
            for start, stop, values in zip(self.edges, self.edges[1:], self.features):
                windows = np.lib.stride_tricks.sliding_window_view(values, last - first, axis=0)
                for lane in range(0, count, 512):  # a tile of lanes stays in the cache
                    lanes = slice(lane, min(lane + 512, count))
                    rows = as_slice(firsts[lanes] + first)
                    out[:, start:stop, lanes] = windows[rows].transpose(2, 1, 0)

        at_once(arrange, range(len(blocks) - 1))
        return [packed[places[step] : places[step + 1]].reshape(width, count) for step, count in enumerate(counts)]

    def read(
        self,
        rows: np.ndarray | slice,
        out: np.ndarray,
        starts: np.ndarray | slice | None = None,
        features: np.ndarray | None = None,
    ) -> None:
        """Those of some rows into `out`, (1, state, row).

        starts: the series that each row begins, if it begins one. features: those of the rows, if they are at hand.
        """
        (values,) = out
        np.matmul(self.naturals, self.features_of(rows) if features is None else features, out=values)
        for table, entries in self.tables:
            values += np.take(table, entries[rows], axis=1)
        if starts is not None:
            values += self.first[starts].T if self.first.ndim == 2 else self.first.reshape(-1, 1)
        if self.labels is not None:
            label = self.labels[rows]
            values[~np.isnan(label) & (np.arange(self.states)[:, None] != label)] = -1e300


class Marginals:
    """Posterior probabilities of all rows, (batch, row, state)."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.values = np.empty(shape)

    def share(self) -> Marginals:
        """What one thread writes to."""
        return self

    def include(self, share: Any) -> None:
        """Nothing is left to do: rows stand where they belong."""

    def put(
        self,
        rows: np.ndarray | slice,
        weights: np.ndarray | None,
        posterior: np.ndarray,
        before: np.ndarray | None = None,
        features: np.ndarray | None = None,
    ) -> None:
        """The posterior of some rows, (batch, state, row)."""
        self.values[:, rows] = posterior.swapaxes(1, 2)

    def start(self, series: np.ndarray, posterior: np.ndarray) -> None:
        """First rows are rows too."""


class Expectations:
    """What posterior probabilities make of the evidence: the derivatives of the log partition by its parts.

    constant: Σ w p, (state,). products: Σ w p · feature, shaped as their naturals. tables: Σ w p [entry],
    (state, entry). first: p in the first row of each series, (series, state). w: weights of the series of a row.
    """

    def __init__(self, evidence: RowEvidence, first: np.ndarray) -> None:
        self.evidence, self.first = evidence, first
        self.sums = np.zeros(evidence.naturals.shape)
        self.tables: list[np.ndarray] = [np.zeros(table.shape) for table, _ in evidence.tables]

    def share(self) -> Expectations:
        """What one thread adds to."""
        return Expectations(self.evidence, self.first)

    def include(self, share: Any) -> None:
        """What one thread has added."""
        self.sums += share.sums
        for table, added in zip(self.tables, share.tables):
            table += added

    def put(
        self,
        rows: np.ndarray | slice,
        weights: np.ndarray | None,
        posterior: np.ndarray,
        before: np.ndarray | None = None,
        features: np.ndarray | None = None,
    ) -> None:
        """Add the posterior of some rows, (1, state, row), in place of what was added before; weights (1, row).

        features: those of the rows, if they are at hand.
        """
        values = posterior[0] if before is None else posterior[0] - before[0]
        if weights is not None:
            values = values * weights
        self.sums += values @ (self.evidence.features_of(rows) if features is None else features).T
        for total, (_, entries) in zip(self.tables, self.evidence.tables):
            read = entries[rows]
            hot = sparse.csr_array((np.ones(len(read)), read, np.arange(len(read) + 1)), (len(read), total.shape[1]))
            total += (hot.T @ np.ascontiguousarray(values.T)).T

    def start(self, series: np.ndarray, posterior: np.ndarray) -> None:
        """The posterior of the first rows of some series, (1, state, series)."""
        self.first[series] = posterior[0].T

    @property
    def constant(self) -> np.ndarray:
        return self.sums[:, -1]

    @property
    def products(self) -> list[np.ndarray]:
        edges, shapes = self.evidence.edges, self.evidence.shapes
        return [self.sums[:, a:b].reshape(shape) for a, b, shape in zip(edges, edges[1:], shapes)]
