"""Shares of states whose log weights are a sum over two sets of rows, never formed for all rows of both.

p(k | i, j) = A_ik B_jk / S_ij,   S = A Bᵀ:      Σ_j w_ij p(k | i, j) = A_ik Σ_j (w_ij / S_ij) B_jk
"""

from __future__ import annotations

import numpy as np

from emdsl.runtime.carried.networks import log_shares


class ProductShares:
    """Shares under log weights first (row…, state) + second (other row…, state); sums of them under weights.

    `log_sum`: the log of each sum over states, (row…, other row…).
    """

    def __init__(self, first: np.ndarray, second: np.ndarray) -> None:
        self.shapes, states = (first.shape, second.shape), first.shape[-1]
        one, two = first.reshape(-1, states), second.reshape(-1, states)
        tops = [np.where(np.isfinite(top), top, 0.0) for top in (one.max(axis=1), two.max(axis=1))]
        self.one, self.two = np.exp(one - tops[0][:, None]), np.exp(two - tops[1][:, None])
        total = self.one @ self.two.T
        log_sum = np.log(np.maximum(total, 1e-300)) + tops[0][:, None] + tops[1]
        # where the products vanish, the shares are formed from logarithms, entry by entry
        self.lost = np.nonzero(total < 1e-200)
        log_sum[self.lost], self.shares = log_shares(one[self.lost[0]] + two[self.lost[1]])
        total[self.lost] = np.inf
        self.inverse = np.reciprocal(total, out=total)
        self.weights, self.scaled = np.empty(0), np.empty(0)
        self.log_sum = log_sum.reshape(*first.shape[:-1], *second.shape[:-1])

    def first(self, weights: np.ndarray) -> np.ndarray:
        """Σ over the other rows of weights (row…, other row…) times shares: (row…, state)."""
        scaled, lost = self._under(weights)
        summed = self.one * (scaled @ self.two)
        np.add.at(summed, self.lost[0], lost)
        return summed.reshape(self.shapes[0])

    def second(self, weights: np.ndarray) -> np.ndarray:
        """Σ over the rows of weights (row…, other row…) times shares: (other row…, state)."""
        scaled, lost = self._under(weights)
        summed = self.two * (scaled.T @ self.one)
        np.add.at(summed, self.lost[1], lost)
        return summed.reshape(self.shapes[1])

    def _under(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Weights over sums, (row, other row), and the weighted shares that are formed from logarithms."""
        if weights is not self.weights:
            self.weights, self.scaled = weights, weights.reshape(self.inverse.shape) * self.inverse
        return self.scaled, weights.reshape(self.inverse.shape)[self.lost][:, None] * self.shares


class GivenShares:
    """Shares (row…, other row…, state) that are given; the first `n_first` axes are rows."""

    def __init__(self, shares: np.ndarray, n_first: int) -> None:
        self.shares, self.n_first = shares, n_first

    def first(self, weights: np.ndarray) -> np.ndarray:
        """As `ProductShares.first`."""
        return self._weighted(weights).sum(axis=tuple(range(self.n_first, self.shares.ndim - 1)))

    def second(self, weights: np.ndarray) -> np.ndarray:
        """As `ProductShares.second`."""
        return self._weighted(weights).sum(axis=tuple(range(self.n_first)))

    def _weighted(self, weights: np.ndarray) -> np.ndarray:
        return weights.reshape(self.shares.shape[:-1])[..., None] * self.shares
