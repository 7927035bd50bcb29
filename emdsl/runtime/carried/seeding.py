"""Starts that break symmetry: seeds that lie far apart, and rows that belong to the nearest one.

k-means++ seeding [Arthur2007] and a few of Lloyd's steps on standardised features, generic over families.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse

from emdsl.runtime.carried.networks import scatter_add


def sampled(arguments: tuple[Any, ...], rng: np.random.Generator) -> np.ndarray:
    """Features (feature, row) of at most 4096 rows of a sweep, drawn in proportion to their weights."""
    write, natural, _, n_rows, repeats, weights = arguments
    share = np.ones(n_rows) if weights is None else np.reshape(weights, (n_rows, -1)).sum(axis=1)
    wanted = min(int(np.count_nonzero(share)), max(1, 4096 // repeats))
    sample = np.ones((natural.shape[2], wanted * repeats))
    if wanted == n_rows:
        write(slice(0, n_rows), 0, sample)
    else:
        rows = np.sort(rng.choice(n_rows, wanted, replace=False, p=share / share.sum()))
        for place, row in enumerate(rows):
            write(slice(int(row), int(row) + 1), 0, sample[:, place * repeats : (place + 1) * repeats])
    return sample


def standardised(sample: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and scale (feature, 1) of a sample (feature, row); a constant feature has an infinite scale."""
    centre, scale = sample.mean(axis=1, keepdims=True), sample.std(axis=1, keepdims=True)
    return centre, np.where(scale > 1e-12 * np.abs(centre), scale, np.inf)


def standardised_sums(products: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and scale (feature, 1) from products Σ_rows T Tᵀ of features of which the first is 1."""
    centre = products[0] / products[0, 0]
    scale = np.sqrt(np.maximum(np.diagonal(products) / products[0, 0] - centre**2, 0.0))
    return centre[:, None], np.where(scale > 1e-7 * np.abs(centre), scale, np.inf)[:, None]


def mean_seen(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """The mean along axes of the entries that are not NaN, and 0 where none is left."""
    seen = ~np.isnan(values)
    return np.where(seen, values, 0.0).sum(axis=axis) / np.maximum(seen.sum(axis=axis), 1)


def spread_of(values: np.ndarray) -> float:
    """The standard deviation of all entries, 1 where they do not vary."""
    seen = values[~np.isnan(values)]
    return float(np.std(seen)) or 1.0 if seen.size else 1.0


def nearest(points: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """The seed nearest to each point; both (feature, …). In blocks of points, so that the differences fit a cache."""
    block = max(2**20 // max(seeds.size, 1), 1)
    parts = [
        np.argmin(((points[:, None, first : first + block] - seeds[:, :, None]) ** 2).sum(axis=0), axis=0)
        for first in range(0, points.shape[1], block)
    ]
    return np.concatenate(parts)


def seeds_among(points: np.ndarray, states: int, rng: np.random.Generator) -> np.ndarray:
    """Seeds (feature, state) that lie far apart among points (feature, row)."""
    seeds = points[:, rng.integers(points.shape[1], size=1)]
    distance = np.full(points.shape[1], np.inf)
    for _ in range(states - 1):
        distance = np.minimum(distance, ((points - seeds[:, -1:]) ** 2).sum(axis=0))
        share = distance / distance.sum() if distance.sum() > 0 else np.full(distance.size, 1 / distance.size)
        seeds = np.concatenate([seeds, points[:, rng.choice(distance.size, size=1, p=share)]], axis=1)
    for _ in range(rng.integers(11)):  # Lloyd's steps, more or fewer: each seed to the mean of its points
        members = np.equal(nearest(points, seeds), np.arange(states)[:, None]).astype(float)
        counts = members.sum(axis=1)
        seeds = np.where(counts > 0, points @ members.T / np.maximum(counts, 1.0), seeds)
    return seeds


def seeded(
    arguments: tuple[Any, ...], rng: np.random.Generator, use: list[int], labels: np.ndarray | None = None
) -> Callable[..., np.ndarray]:
    """An `expect` for `sweep`: each row mostly in the state of its nearest seed.

    arguments: those of the sweep. use: the features by which distance is measured.
    """
    write, natural = arguments[:2]
    width, states = natural.shape[2], natural.shape[0] * natural.shape[1]
    sample = sampled(arguments, rng)[use]
    centre, scale = standardised(sample)
    seeds = seeds_among((sample - centre) / scale, states, rng)

    def expect(expected: np.ndarray, rows: slice) -> np.ndarray:
        n = expected.shape[1]
        features = np.ones((width, n))
        write(rows, 0, features)
        chosen = nearest((features[use] - centre) / scale, seeds)
        if labels is not None:
            given = np.reshape(labels[rows], -1)
            chosen = np.where(np.isnan(given), chosen, np.nan_to_num(given)).astype(int)
        expected[:] = 0.1 / states
        np.put_along_axis(expected, chosen[None], 0.9 + 0.1 / states, axis=0)
        return np.zeros(n)

    return expect


def projected(
    arguments: tuple[Any, ...], rng: np.random.Generator, linear: list[slice], products: np.ndarray | None = None
) -> Callable[..., np.ndarray] | np.ndarray:
    """An `expect` for `sweep` over real latents: each starts as a random direction of the standardised features.

    The natural parameters in the rows `linear` are random linear functions of the features; the sweep's own `expect`
    turns them into expected statistics, so that those are consistent. With products Σ_rows T Tᵀ of the features, whose
    first is 1, what is added to the natural parameters: (1, statistic, feature).
    """
    write, natural, expect = arguments[:3]
    width = natural.shape[2]
    centre, scale = standardised(sampled(arguments, rng)) if products is None else standardised_sums(products)
    directions = np.zeros((natural.shape[1], width))
    for rows in linear:
        directions[rows] = 3.0 * rng.standard_normal(directions[rows].shape) / np.sqrt(max(width - 1, 1))

    if products is not None:
        shift = directions / scale[:, 0]
        shift[:, 0] = -(shift @ centre[:, 0])
        return shift[None]

    def start(expected: np.ndarray, rows: slice) -> np.ndarray:
        features = np.ones((width, expected.shape[1]))
        write(rows, 0, features)
        expected += directions @ ((features - centre) / scale)
        return np.asarray(expect(expected, rows, False))

    return start


def separated(
    arguments: tuple[Any, ...], rng: np.random.Generator, states: int, values: np.ndarray
) -> Callable[..., np.ndarray]:
    """An `expect` for `sweep` over vectors with missing entries: rows lean to the state of their nearest seed.

    values: (row…, entry), NaN where missing; a missing entry lies at the mean of its column.
    """
    expect, shape, weights = arguments[2], arguments[3:5], arguments[5]
    points = np.reshape(values, (shape[0] * shape[1], -1)).T
    kept = np.flatnonzero(np.ones(points.shape[1]) if weights is None else weights)
    centre, scale = np.nanmean(points[:, kept], axis=1), np.nanstd(points[:, kept], axis=1)
    points = np.nan_to_num((points - centre[:, None]) / np.where(scale > 0, scale, np.inf)[:, None])
    sample = kept if len(kept) <= 4096 else rng.choice(kept, 4096, replace=False)
    chosen = nearest(points, seeds_among(points[:, sample], states, rng)).reshape(shape)

    def start(expected: np.ndarray, rows: slice) -> np.ndarray:
        expected[:states] += 3.0 * np.equal(chosen[rows].reshape(-1), np.arange(states)[:, None])
        return np.asarray(expect(expected, rows, False))

    return start


def seeded_shares(features: list[np.ndarray | None], shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Probabilities (row…, state): each row mostly in the state of its nearest seed; unequal without features.

    features: arrays (row…, feature…), None where they say nothing.
    """
    rows, states = int(np.prod(shape[:-1])), shape[-1]
    told = [feature for feature in features if feature is not None]
    if not told or rows < 2:
        values = rng.uniform(0.5, 1.5, shape)
        return values / values.sum(axis=-1, keepdims=True)
    points = np.concatenate([np.reshape(feature, (rows, -1)) for feature in told], axis=1).T
    centre, scale = standardised(points)
    points = (points - centre) / scale
    sample = points if rows <= 4096 else points[:, rng.choice(rows, 4096, replace=False)]
    chosen = nearest(points, seeds_among(sample, states, rng))
    return (0.1 / states + 0.9 * np.equal(chosen[:, None], np.arange(states))).reshape(shape)


def lasting_shares(shape: tuple[int, ...], positions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Probabilities (row…, time, state) of states that last: series are cut at random, each piece mostly in one state.

    Shares that differ from step to step are all alike in the mean of a chain, which is a fixed point of EM.
    positions: (time,) of rows in their series.
    """
    states, longest = shape[-1], int(np.max(positions, initial=0)) + 1
    length = np.exp(rng.uniform(np.log(4.0), np.log(max(longest / (2 * states), 8.0))))
    begins = (rng.random(shape[:-1]) < 1 / length) | (positions == 0)
    begun = np.maximum.accumulate(np.where(begins, np.arange(shape[-2]), 0), axis=-1)
    chosen = np.take_along_axis(rng.integers(states, size=shape[:-1]), begun, axis=-1)
    return 0.1 / states + 0.9 * np.equal(chosen[..., None], np.arange(states))


def scattered_features(
    values: np.ndarray, index: tuple[np.ndarray, ...], sizes: tuple[int, ...], rows: int, rng: np.random.Generator
) -> np.ndarray | None:
    """Features (row…, feature…) as `scatter_add` sums them; 16 random projections of them where there are too many.

    rows: how many axes of the target are rows. Projections of vectors lie about as far apart as the vectors do. None
    where every row has but one of many categories: all that differ are equally far apart, which says nothing.
    """
    count, width = int(np.prod(sizes[:rows])), int(np.prod(sizes[rows:]))
    targets = np.broadcast_arrays(*index)
    if width <= 64 or values.ndim > targets[0].ndim:
        return scatter_add(values, index, sizes)
    at = np.ravel_multi_index(targets, sizes).ravel()
    if np.bincount(at // width).max() <= 1:
        return None
    if count * width <= 2**22:
        return scatter_add(values, index, sizes)
    numbers = np.broadcast_to(values, targets[0].shape).ravel()
    matrix = sparse.csr_matrix((numbers, (at // width, at % width)), shape=(count, width))
    return (matrix @ rng.standard_normal((width, 16))).reshape(*sizes[:rows], 16)
