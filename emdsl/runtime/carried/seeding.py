"""Starts that break symmetry: seeds that lie far apart, and rows that belong to the nearest one.

k-means++ seeding [Arthur2007] and a few of Lloyd's steps on standardised features, generic over families.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def seeded(
    arguments: tuple[Any, ...], rng: np.random.Generator, use: list[int], labels: np.ndarray | None = None
) -> Callable[..., np.ndarray]:
    """An `expect` for `sweep`: each row mostly in the state of its nearest seed.

    arguments: those of the sweep; a sample of at most 4096 rows of its features is held. use: the features by which
    distance is measured.
    """
    write, natural, _, n_rows, repeats, _ = arguments
    width, states = natural.shape[2], natural.shape[0] * natural.shape[1]
    wanted = min(n_rows, max(1, 4096 // repeats))
    sample = np.ones((width, wanted * repeats))
    if wanted == n_rows:
        write(slice(0, n_rows), 0, sample)
    else:
        for place, row in enumerate(np.sort(rng.choice(n_rows, wanted, replace=False))):
            write(slice(int(row), int(row) + 1), 0, sample[:, place * repeats : (place + 1) * repeats])
    centre, scale = sample[use].mean(axis=1, keepdims=True), sample[use].std(axis=1, keepdims=True)
    scale = np.where(scale > 1e-12 * (1 + np.abs(centre)), scale, np.inf)
    points = (sample[use] - centre) / scale
    seeds = points[:, rng.integers(points.shape[1], size=1)]
    for _ in range(states - 1):
        distance = np.min(((points[:, None, :] - seeds[:, :, None]) ** 2).sum(axis=0), axis=0)
        share = distance / distance.sum() if distance.sum() > 0 else np.full(distance.size, 1 / distance.size)
        seeds = np.concatenate([seeds, points[:, rng.choice(distance.size, size=1, p=share)]], axis=1)

    for _ in range(rng.integers(11)):  # Lloyd's steps, more or fewer: each seed to the mean of its points
        nearest = np.argmin(((points[:, None, :] - seeds[:, :, None]) ** 2).sum(axis=0), axis=0)
        members = np.equal(nearest, np.arange(states)[:, None]).astype(float)
        counts = members.sum(axis=1)
        seeds = np.where(counts > 0, points @ members.T / np.maximum(counts, 1.0), seeds)

    def expect(expected: np.ndarray, rows: slice) -> np.ndarray:
        n = expected.shape[1]
        features = np.ones((width, n))
        write(rows, 0, features)
        scaled = (features[use] - centre) / scale
        nearest = np.argmin(((scaled[:, None, :] - seeds[:, :, None]) ** 2).sum(axis=0), axis=0)
        if labels is not None:
            given = np.reshape(labels[rows], -1)
            nearest = np.where(np.isnan(given), nearest, np.nan_to_num(given)).astype(int)
        expected[:] = 0.1 / states
        np.put_along_axis(expected, nearest[None], 0.9 + 0.1 / states, axis=0)
        return np.zeros(n)

    return expect


def projected(arguments: tuple[Any, ...], rng: np.random.Generator, linear: list[slice]) -> Callable[..., np.ndarray]:
    """An `expect` for `sweep` over real latents: each starts as a random direction of the standardised features.

    The natural parameters in the rows `linear` are random linear functions of the features; the sweep's own `expect`
    turns them into expected statistics, so that those are consistent.
    """
    write, natural, expect, n_rows, repeats, _ = arguments
    width = natural.shape[2]
    wanted = min(n_rows, max(1, 4096 // repeats))
    sample = np.ones((width, wanted * repeats))
    write(slice(0, wanted), 0, sample)
    centre, scale = sample.mean(axis=1, keepdims=True), sample.std(axis=1, keepdims=True)
    scale = np.where(scale > 1e-12 * (1 + np.abs(centre)), scale, np.inf)
    directions = np.zeros((natural.shape[1], width))
    for rows in linear:
        directions[rows] = 3.0 * rng.standard_normal(directions[rows].shape) / np.sqrt(max(width - 1, 1))

    def start(expected: np.ndarray, rows: slice) -> np.ndarray:
        features = np.ones((width, expected.shape[1]))
        write(rows, 0, features)
        expected += directions @ ((features - centre) / scale)
        return expect(expected, rows)

    return start
