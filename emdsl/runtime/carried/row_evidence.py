"""Log potentials of rows that are formed when they are read and stored for no more rows than that.

evidence(state, row) = Σ_j natural_j(state, …) · feature_j(row, …) + Σ_j table_j(state, index_j(row))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from emdsl.runtime.carried.memory import Memory, StepColumns
from emdsl.runtime.carried.sweeps import as_slice, at_once


class DenseEvidence:
    """Log potentials (batch, row, state) that stand in memory."""

    table, tables, width = None, (), 0

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.batch, self.rows, self.states = values.shape
        self.memory = Memory(0)

    def beside_one(self) -> None:
        """Nothing: the values stand already."""

    def arranged(self, firsts: np.ndarray, counts: Sequence[int]) -> StepColumns:
        """None: the values are read where they stand."""
        return StepColumns(counts, 0)

    def read(
        self,
        rows: np.ndarray | slice,
        out: np.ndarray,
        starts: np.ndarray | slice | None = None,
        columns: np.ndarray | None = None,
    ) -> None:
        """Those of some rows into `out`, (batch, state, row). What rows begin with a series is in the values."""
        out[...] = self.values[:, rows].swapaxes(1, 2)


class RowEvidence:
    """Log potentials of rows as products of natural parameters and features, and entries of tables.

    constant: (state,). products: (natural (state, …), feature (plates of the row…, …)), or with two factors in place of
    the feature, each (plates of the row…, …) with one more axis at most: their product, entry by entry for a natural
    parameter (state, d), for all pairs of entries for one (state, d, e). tables: (table (state, entry), entries
    (plates of the row…)). first: (state,) or (plates of the series…, state), what is added in the first row of each
    series. labels: states of rows, NaN where unknown. memory: where the messages of all rows may stand.

    Factors are columns that stand in memory; features, the columns that are wanted alone and the products of two, are
    formed for a few rows at a time: each once, however many naturals multiply it. width: how many features there are.
    """

    batch = 1

    def __init__(
        self,
        states: int,
        rows: int,
        constant: np.ndarray | float = 0.0,
        products: Sequence[tuple[np.ndarray, ...]] = (),
        tables: Sequence[tuple[np.ndarray, np.ndarray]] = (),
        first: np.ndarray | float = 0.0,
        labels: np.ndarray | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.states, self.rows, self.memory = states, rows, memory or Memory(0)
        factors = {id(factor): np.reshape(factor, (rows, -1)) for _, *own in products for factor in own}
        self.columns = list(factors.values())
        self.edges = np.cumsum([0, *(values.shape[1] for values in self.columns)])
        found = {key: np.arange(*self.edges[place : place + 2]) for place, key in enumerate(factors)}
        pairs = [paired([found[id(factor)] for factor in own], np.ndim(natural)) for natural, *own in products]
        codes = np.concatenate([one.reshape(2, -1) for one in pairs], axis=1) if pairs else np.empty((2, 0), dtype=int)
        features, places = np.unique(codes, axis=1, return_inverse=True)
        self.alone = int(np.searchsorted(features[0], 0))
        self.left, self.right = as_slice(features[1, self.alone :]), as_slice(features[0, self.alone :])
        self.single = as_slice(features[1, : self.alone])
        ends = np.cumsum([one[0].size for one in pairs])
        self.places = [
            np.reshape(own, np.shape(natural)[1:]) for own, (natural, *_) in zip(np.split(places, ends), products)
        ]
        self.width = features.shape[1] + 1
        self.naturals = np.zeros((states, self.width))
        self.naturals[:, -1] = constant
        for own, (natural, *_) in zip(self.places, products):
            np.add.at(self.naturals.T, own.reshape(-1), np.reshape(natural, (states, -1)).T)
        self.tables = [(np.ascontiguousarray(table), np.reshape(entries, -1)) for table, entries in tables]
        self.first = np.asarray(first, dtype=float)
        self.first = self.first.reshape(-1, states) if self.first.ndim > 1 else self.first
        self.labels = None if labels is None else np.reshape(labels, -1)
        alone = len(self.tables) == 1 and not self.columns and not np.any(constant) and labels is None
        self.table = self.tables[0] if alone else None

    def beside_one(self) -> BesideOne | None:
        """The evidence beside that of one state; None where more than products tells of the states."""
        return None if self.tables or self.labels is not None else BesideOne(self)

    def columns_of(self, rows: np.ndarray | slice) -> np.ndarray:
        """The columns of some rows, (column, row)."""
        count = rows.size if isinstance(rows, np.ndarray) else len(range(*rows.indices(self.rows)))
        columns = np.empty((self.edges[-1], count))
        for first, last, values in zip(self.edges, self.edges[1:], self.columns):
            columns[first:last] = values[rows].T
        return columns

    def features_of(self, columns: np.ndarray) -> np.ndarray:
        """What columns (…, column, row) make: (…, feature, row); the last feature is 1, that of the constant."""
        features = np.empty((*columns.shape[:-2], self.width, columns.shape[-1]))
        features[..., : self.alone, :] = columns[..., self.single, :]
        pairs = features[..., self.alone : -1, :]
        np.multiply(columns[..., self.left, :], columns[..., self.right, :], out=pairs)
        features[..., -1, :] = 1.0
        return features

    def arranged(self, firsts: np.ndarray, counts: Sequence[int]) -> StepColumns:
        """The columns of lanes that start at `firsts`; at each step the first `counts[step]` of them still run."""
        steps, arranged = len(counts), StepColumns(counts, self.edges[-1])
        blocks = [0, *(s for s in range(1, steps) if counts[s] != counts[s - 1] or s % 256 == 0), steps]

        def arrange(block: int) -> None:
            first, last = blocks[block], blocks[block + 1]
            count = counts[first]
            out = arranged.during(first, last)
            if last - first < 8:  # as series end here and there: windows of so few steps save nothing
                for step in range(first, last):
                    out[step - first] = self.columns_of(firsts[:count] + step)
                return
            for start, stop, values in zip(self.edges, self.edges[1:], self.columns):
                windows = np.lib.stride_tricks.sliding_window_view(values, last - first, axis=0)
                for lane in range(0, count, 512):  # a tile of lanes stays in the cache
                    lanes = slice(lane, min(lane + 512, count))
                    rows = as_slice(firsts[lanes] + first)
                    out[:, start:stop, lanes] = windows[rows].transpose(2, 1, 0)

        if arranged.width:
            at_once(arrange, range(len(blocks) - 1), arranged.packed.size)
        return arranged

    def read(
        self,
        rows: np.ndarray | slice,
        out: np.ndarray,
        starts: np.ndarray | slice | None = None,
        columns: np.ndarray | None = None,
    ) -> None:
        """Those of some rows into `out`, (1, state, row).

        starts: the series that each row begins, if it begins one. columns: those of the rows, if they are at hand.
        """
        (values,) = out
        np.matmul(self.naturals, self.features_of(self.columns_of(rows) if columns is None else columns), out=values)
        for table, entries in self.tables:
            values += np.take(table, entries[rows], axis=1)
        if starts is not None:
            values += self.first[starts].T if self.first.ndim == 2 else self.first.reshape(-1, 1)
        if self.labels is not None:
            label = self.labels[rows]
            values[~np.isnan(label) & (np.arange(self.states)[:, None] != label)] = -1e300


class BesideOne:
    """Evidence divided by that of one state, one that is seldom far from the likeliest: no look for the largest.

    naturals: those of log₂ evidence less the state's; its own row holds those of its log evidence. tops: the largest
    log₂ of a ratio in each block of rows.
    """

    def __init__(self, evidence: RowEvidence) -> None:
        self.evidence = evidence
        some = evidence.columns_of(np.linspace(0, evidence.rows - 1, 64).astype(int))
        sample = evidence.naturals @ evidence.features_of(some)
        self.state = int(np.argmax(np.min(sample - sample.max(axis=0), axis=1)))
        self.naturals = (evidence.naturals - evidence.naturals[self.state]) / np.log(2.0)
        self.naturals[self.state] = evidence.naturals[self.state]
        self.tops: list[float] = []

    def ratios(self, columns: np.ndarray, values: np.ndarray) -> np.ndarray | None:
        """The ratios into `values` (…, state, row), and the logarithm of what divided them; columns (…, column, row).

        None if a ratio is too large: only four steps of ratios up to e^80 < 2^116 keep messages within range.
        """
        np.matmul(self.naturals, self.evidence.features_of(columns), out=values)
        own = values[..., self.state, :]
        divisor = own.copy()
        own[...] = 0.0
        top = float(np.maximum.reduce(values, axis=None))
        if not top < 115.0:
            return None
        self.tops.append(top)
        for others in (values[..., : self.state, :], values[..., self.state + 1 :, :]):
            np.exp2(others, out=others)
        own[...] = 1.0
        return divisor


def paired(factors: list[np.ndarray], axes: int) -> np.ndarray:
    """The two columns of each entry of a feature, (2, …), the smaller first; -1 stands for none.

    axes: those of the natural parameter, one of which is the state: three if each column is to meet each of the other.
    """
    if len(factors) == 1:
        return np.stack([np.full_like(factors[0], -1), factors[0]])
    left, right = factors
    both = np.broadcast_arrays(left[:, None], right) if axes == 3 else np.broadcast_arrays(left, right)
    return np.sort(np.stack(both), axis=0)


class Marginals:
    """Posterior probabilities of all rows, (batch, row, state)."""

    reads_rows = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.values = np.empty(shape)

    def share(self) -> Marginals:
        """What one thread writes to."""
        return self

    def include(self, share: Any) -> None:
        """Nothing is left to do: rows stand where they belong."""

    def features_of(self, columns: np.ndarray) -> np.ndarray:
        """None are asked for."""
        return columns[..., :0, :]

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
        self.reads_rows = bool(self.tables)

    def share(self) -> Expectations:
        """What one thread adds to."""
        return Expectations(self.evidence, self.first)

    def features_of(self, columns: np.ndarray) -> np.ndarray:
        """What posteriors are summed with, (…, feature, row)."""
        return self.evidence.features_of(columns)

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

        features: those of the rows, (feature, row), if they are at hand.
        """
        values = posterior[0] if before is None else posterior[0] - before[0]
        if weights is not None:
            values = values * weights
        if features is None:
            features = self.features_of(self.evidence.columns_of(rows))
        self.sums += values @ features.T
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
        return [self.sums[:, places] for places in self.evidence.places]
