"""Passes over the rows, in blocks, on threads: what an E-step does with its features and natural parameters."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np


@contextmanager
def single_threaded_blas() -> Iterator[bool]:
    """Hold numpy's OpenBLAS to one thread, so that threads over blocks do not fight it; False where there is none."""
    library = ctypes.CDLL(np.linalg._umath_linalg.__file__)
    names = [(p, s) for p in ("scipy_openblas", "openblas") for s in ("64_", "")]
    found = next((n for n in names if hasattr(library, f"{n[0]}_set_num_threads{n[1]}")), None)
    if found is None:
        yield False
        return
    get = getattr(library, f"{found[0]}_get_num_threads{found[1]}")
    put = getattr(library, f"{found[0]}_set_num_threads{found[1]}")
    before = get()
    put(1)
    try:
        yield True
    finally:
        put(before)


def as_slice(places: np.ndarray) -> np.ndarray | slice:
    """Evenly spaced places as a slice, which numpy copies faster or not at all."""
    gap = int(places[1] - places[0]) if len(places) > 1 else 1
    if len(places) and gap > 0 and np.all(np.diff(places) == gap):
        return slice(int(places[0]), int(places[-1]) + 1, gap)
    return places


def at_once(task: Callable[[int], Any], shares: Sequence[int], numbers: float = np.inf) -> list[Any]:
    """The task for each share, on threads, BLAS held to one each.

    numbers: how many all of them work on; threads would take longer to start than to do few.
    """
    count = min(len(os.sched_getaffinity(0)), len(shares)) if numbers >= 2**18 else 1
    if count < 2:
        return [task(share) for share in shares]
    with single_threaded_blas() as held, ThreadPoolExecutor(count if held else 1) as pool:
        return list(pool.map(task, shares))


def in_lanes(lane: Callable[[int, int, int], Any], n_rows: int, repeats: int, height: int) -> list[Any]:
    """`lane(first, last, block)` for lanes of rows, on threads: what each gives, in order.

    height: numbers that a lane works on for each row; a block of rows holds no more of them than the cache does.
    """
    n_lanes = int(min(16, 1 + n_rows * repeats * height // 2**18, max(n_rows, 1)))
    edges = [n_rows * place // n_lanes for place in range(n_lanes + 1)]
    longest = -(-n_rows // n_lanes)
    block = max(min(longest, max(min(2**15, 2**19 // height), 256) // repeats), 1)
    return at_once(lambda place: lane(edges[place], edges[place + 1], block), range(n_lanes))


def sweep(
    write_features: Callable[[slice, int, np.ndarray], None],
    natural: np.ndarray,
    expect: Callable[[np.ndarray, slice], np.ndarray],
    n_rows: int,
    repeats: int = 1,
    weights: np.ndarray | None = None,
) -> tuple[np.ndarray, float]:
    """One E-step over rows: Σ_rows E[statistics] featuresᵀ and Σ_rows log partition.

    natural: (group, statistic, feature). Each group has features about a reference point of its own; there is one group
    unless numerical care asks for more. `expect` turns natural parameters (statistic, row) into expected statistics in
    place and returns the log partitions. A row of the outermost plate holds `repeats` rows of the sweep. Rows go in
    blocks, blocks in lanes, lanes on threads; sums are taken in the order of the lanes, whatever the timing.
    """
    groups, states, width = natural.shape

    def lane(first: int, last: int, block: int) -> tuple[np.ndarray, float]:
        features = np.ones((width, block * repeats))
        expected = np.empty((groups, states, block * repeats))
        statistics, log_partition = np.zeros(natural.shape), 0.0
        for start in range(first, last, block):
            rows = slice(start, min(start + block, last))
            n = (rows.stop - rows.start) * repeats
            f, e = features[:, :n], expected[:, :, :n]
            for group in range(groups):
                write_features(rows, group, f)
                np.matmul(natural[group], f, out=e[group])
            flat = e.reshape(groups * states, n)
            partition = expect(flat, rows)
            e = flat.reshape(groups, states, n)
            if weights is None:
                log_partition += float(partition.sum())
            else:
                w = weights[rows].reshape(-1)
                log_partition += float(w @ partition)
                e *= w
            for group in range(groups):
                if groups > 1:
                    write_features(rows, group, f)
                statistics[group] += e[group] @ f.T
        return statistics, log_partition

    results = in_lanes(lane, n_rows, repeats, width + groups * states)
    return np.sum([s for s, _ in results], axis=0), float(sum(value for _, value in results))


def sum_features(
    write_features: Callable[[slice, int, np.ndarray], None],
    width: int,
    n_rows: int,
    repeats: int = 1,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Σ_rows features, (feature,), in blocks."""
    block = max(min(max(n_rows, 1), max(min(2**15, 2**19 // width), 256) // repeats), 1)
    features, result = np.ones((width, block * repeats)), np.zeros(width)
    for start in range(0, n_rows, block):
        rows = slice(start, min(start + block, n_rows))
        f = features[:, : (rows.stop - rows.start) * repeats]
        write_features(rows, 0, f)
        result += f.sum(axis=1) if weights is None else f @ weights[rows].reshape(-1)
    return result


def by_group(natural: np.ndarray, *references: np.ndarray) -> np.ndarray:
    """(1, state, feature) where all states share their reference points, else (state, 1, feature)."""
    shared = all(np.array_equal(points, np.broadcast_to(points[:1], points.shape)) for points in references)
    return natural[None] if shared else natural[:, None]


def expected_rows(
    write_features: Callable[[slice, int, np.ndarray], None],
    natural: np.ndarray,
    expect: Callable[[np.ndarray, slice], np.ndarray],
    n_rows: int,
    repeats: int = 1,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """The expected statistics of every row, (statistic, row): what `sweep` only sums."""
    result = np.empty((natural.shape[0] * natural.shape[1], n_rows * repeats))

    def keep(expected: np.ndarray, rows: slice) -> np.ndarray:
        partition = expect(expected, rows)
        result[:, rows.start * repeats : rows.stop * repeats] = expected
        return partition

    sweep(write_features, natural, keep, n_rows, repeats, weights)
    return result
