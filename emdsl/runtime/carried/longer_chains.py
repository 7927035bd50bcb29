"""States of chains that reach back several steps: values at earlier rows have a last state for rows without one."""

from __future__ import annotations

import numpy as np


def with_none(table: np.ndarray, *axes: int) -> np.ndarray:
    """A table of log weights with a last entry along each of these axes, where it is zero."""
    return np.pad(table, [(0, int(axis in axes)) for axis in range(table.ndim)])


def with_first_for_none(table: np.ndarray, *axes: int) -> np.ndarray:
    """A table with a last entry along each of these axes, where it says what it says of the first state."""
    for axis in axes:
        table = np.concatenate([table, table.take([0], axis)], axis)
    return table


def none_as_first(shares: np.ndarray, *axes: int) -> np.ndarray:
    """Probabilities with the last state along each of these axes counted as the first."""
    for axis in axes:
        first, rest, last = np.split(shares, [1, -1], axis)
        shares = np.concatenate([first + last, rest], axis)
    return shares


def none_only(states: int) -> np.ndarray:
    """Log weights (state,) that leave the last state only."""
    return np.where(np.arange(states) == states - 1, 0.0, -1e300)


def unequal(rows: int, columns: int) -> np.ndarray:
    """Log weights (state, state) that leave equal states only."""
    return np.where(np.eye(rows, columns) > 0, 0.0, -1e300)


def shares_or_none(shares: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Probabilities (…, row, state) of earlier rows with a last state, which is sure where there (row,) is 0."""
    there = np.broadcast_to(there[:, None], (*shares.shape[:-1], 1))
    return np.concatenate([shares * there, 1.0 - there], axis=-1)
