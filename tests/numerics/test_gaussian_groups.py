"""Many joint Gaussians at once: as each by itself, whether solved densely, in parts, or one after the other."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from emdsl.runtime.carried.gaussian_groups import chain_systems, gaussian_systems
from emdsl.runtime.carried.gaussian_systems import gaussian_system

LENGTHS = {"short": np.array([3, 1, 4, 0, 2]), "long": np.array([60, 2, 31]), "many": np.full(8000, 8)}


def chains(lengths: np.ndarray, rng: np.random.Generator) -> tuple[list, list, list, list, list]:
    """Chains of vectors, shuffled, each beside a scalar of its own that all of its rows meet."""
    laws = np.repeat(np.arange(len(lengths)), lengths)
    order = rng.permutation(len(laws))
    row = np.empty(len(laws), int)
    row[order] = np.arange(len(laws))
    within = np.flatnonzero(np.diff(laws, prepend=-1) == 0)
    couplings = [
        (0, 0, row[within], row[within - 1], rng.normal(0, 0.2, (len(within), 2, 2))),
        (0, 1, np.arange(len(laws)), laws[order], rng.normal(0, 0.2, (len(laws), 2, 1))),
    ]
    linear = [rng.normal(size=(len(laws), 2)), rng.normal(size=(len(lengths), 1))]
    diagonal = [3.0 * np.eye(2)[None] * np.ones((len(laws), 1, 1)), np.full((1, 1, 1), 30.0)]
    return linear, diagonal, couplings, [None, None], [laws[order], np.arange(len(lengths))]


@pytest.mark.parametrize("size", LENGTHS)
@pytest.mark.parametrize("given", [False, True])
def test_they_are_as_each_by_itself(size: str, given: bool) -> None:
    rng, lengths = np.random.default_rng(0), LENGTHS[size]
    linear, diagonal, couplings, known, laws = chains(lengths, rng)
    if given:
        known[0] = np.where(rng.random(linear[0].shape) < 0.3, rng.normal(size=linear[0].shape), np.nan)
    found = gaussian_systems(linear, diagonal, couplings, known, laws, len(lengths))
    whole = gaussian_system(linear, diagonal, couplings, known)
    for one, two in zip(found[:3], whole[:3], strict=True):
        for mine, theirs in zip(one, two, strict=True):
            np.testing.assert_allclose(mine, np.broadcast_to(theirs, np.shape(mine)), atol=1e-10)
    np.testing.assert_allclose(found[3].sum(), whole[3])


def test_each_law_has_its_own_log_partition() -> None:
    rng, lengths = np.random.default_rng(1), LENGTHS["short"]
    linear, diagonal, couplings, known, laws = chains(lengths, rng)
    partitions = gaussian_systems(linear, diagonal, couplings, known, laws, len(lengths))[3]
    for law in range(len(lengths)):
        rows = [np.flatnonzero(own == law) for own in laws]
        left = []
        for v, w, one, two, blocks in couplings:
            where = np.flatnonzero(laws[v][one] == law)
            places = (np.searchsorted(rows[v], one[where]), np.searchsorted(rows[w], two[where]))
            left.append((v, w, *places, blocks[where]))
        own = gaussian_system([h[r] for h, r in zip(linear, rows)], [diagonal[0][rows[0]], diagonal[1]], left)
        np.testing.assert_allclose(partitions[law], own[3])


@pytest.mark.parametrize("lengths", [[60, 2, 0, 91, 0], [50] * 40])
def test_laws_that_are_chains_are_solved_together(lengths: list[int]) -> None:
    rng, lengths = np.random.default_rng(3), np.array(lengths)
    starts = np.cumsum([0, *lengths])
    laws = np.repeat(np.arange(len(lengths)), lengths)
    late = np.flatnonzero(np.diff(laws, prepend=-1) == 0)
    couplings = [
        (0, 0, late, late - 1, rng.normal(0, 0.2, (len(late), 2, 2))),
        (1, 0, np.arange(len(laws)), np.arange(len(laws)), rng.normal(0, 0.2, (len(laws), 1, 2))),
        (1, 1, late - 1, late, rng.normal(0, 0.2, (len(late), 1, 1))),
    ]
    linear = [rng.normal(size=(len(laws), 2)), rng.normal(size=(len(laws), 1))]
    diagonal = [3.0 * np.eye(2)[None] * np.ones((len(laws), 1, 1)), np.full((len(laws), 1, 1), 3.0)]
    assert chain_systems(linear, diagonal, couplings, [laws, laws], len(lengths)) is not None
    found = gaussian_systems(linear, diagonal, couplings, [None, None], [laws, laws], len(lengths))
    for law, (first, last) in enumerate(pairwise(starts)):
        rows, left, kept = slice(first, last), [], []
        for v, w, one, two, blocks in couplings:
            where = np.flatnonzero(laws[one] == law)
            kept.append(where)
            left.append((v, w, one[where] - first, two[where] - first, blocks[where]))
        own = gaussian_system([h[rows] for h in linear], [block[rows] for block in diagonal], left)
        for v in range(2):
            np.testing.assert_allclose(found[0][v][rows], own[0][v], atol=1e-11)
            np.testing.assert_allclose(found[1][v][rows], own[1][v], atol=1e-11)
        for number, where in enumerate(kept):
            np.testing.assert_allclose(found[2][number][where], own[2][number], atol=1e-11)
        np.testing.assert_allclose(found[3][law], own[3], atol=1e-9)


def test_rows_repeat_those_that_are_known() -> None:
    rng = np.random.default_rng(2)
    linear, diagonal, known = [rng.normal(size=(6, 1))], [np.ones((1, 1, 1))], [np.array([[1.0], [np.nan], [2.0]])]
    means, _, _, _ = gaussian_systems(linear, diagonal, [], known, [np.arange(6)], 6)
    np.testing.assert_allclose(means[0][[0, 2, 3, 5], 0], [1.0, 2.0, 1.0, 2.0])
