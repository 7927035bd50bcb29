"""Joint Gaussians whose rows stand there several times, against the same systems with every copy written out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from emdsl.runtime.carried.gaussian_blocks import Coupling
from emdsl.runtime.carried.gaussian_systems import gaussian_system
from tests.numerics.test_gaussian_systems import System, reference, side_by_side

Weights = dict[str, np.ndarray]
#: For each variable the row of every plate with weights that its rows lie in.
Places = list[dict[str, np.ndarray]]

NINE, SIXTY = np.arange(9), np.arange(60)


def cases() -> dict[str, tuple[System, Places, dict[str, int]]]:
    """A system, the plates of its variables, and how many rows those plates have."""
    nested = System([(60, 1), (12, 2), (3, 1)]).couple(0, 1, SIXTY, SIXTY // 5)
    nested.couple(1, 2, np.arange(12), np.arange(12) // 4)
    crossed = System([(9, 2), (5, 1)]).couple(0, 1, np.repeat(NINE, 5), np.tile(np.arange(5), 9))
    chains = System([(30, 2), (3, 1), (2, 2)]).chain(0, [8, 8, 14])
    owner = np.repeat(np.arange(3), [8, 8, 14])
    chains.couple(0, 1, np.arange(30), owner).couple(2, 0, np.arange(30) % 2, np.arange(30))
    chains.couple(1, 2, np.repeat(np.arange(3), 2), np.tile(np.arange(2), 3))
    tangled = System([(12, 2), (12, 1), (4, 1)])
    tangled.couple(0, 0, np.array([0, 0, 1, 3, 4, 9]), np.array([1, 2, 2, 5, 5, 11]))
    tangled.couple(0, 1, np.arange(12), np.arange(12) // 3 * 3).couple(0, 2, np.arange(12), np.arange(12) % 4)
    tangled.couple(2, 2, np.array([0, 1]), np.array([2, 3]))
    alone = System([(30, 2), (30, 1)]).chain(0, [10, 10, 10]).couple(0, 1, np.arange(30), np.arange(30))
    dense = System([(24, 3)]).couple(0, 0, np.repeat(6 * np.arange(4), 5), np.delete(np.arange(24), 6 * np.arange(4)))
    sides = side_by_side(2, [10, 10, 10], np.random.default_rng(3))
    by_vector = np.empty(30, int)
    by_vector[sides.couplings[1][3]] = np.arange(30) // 10
    by_ten, by_six = np.arange(30) // 10, np.arange(24) // 6
    return {
        "one level": (alone, [{"g": by_ten}, {"g": by_ten}], {"g": 3}),
        "one level, side by side": (sides, [{"g": np.tile(by_ten, 2)}, {"g": by_vector}], {"g": 3}),
        "one level, dense": (dense, [{"g": by_six}], {"g": 4}),
        "leaves": (nested, [{"n": SIXTY}, {}, {}], {"n": 60}),
        "groups": (nested, [{"g": SIXTY // 5}, {"g": np.arange(12)}, {}], {"g": 12}),
        "groups and leaves": (nested, [{"g": SIXTY // 5, "n": SIXTY}, {"g": np.arange(12)}, {}], {"g": 12, "n": 60}),
        "crossed": (crossed, [{"u": NINE}, {}], {"u": 9}),
        "crossed, the other": (crossed, [{}, {"u": np.arange(5)}], {"u": 5}),
        "series": (chains, [{"s": owner}, {"s": np.arange(3)}, {}], {"s": 3}),
        "in parts": (tangled, [{"g": np.arange(12) // 3}, {"g": np.arange(12) // 3}, {}], {"g": 4}),
    }  # fmt: skip


def arrays_of(system: System) -> tuple[list[np.ndarray], list[np.ndarray], list[Coupling]]:
    """Arrays of the system, the same at every call; its diagonal outweighs the couplings of all copies."""
    system.draw = np.random.default_rng(7)
    linear, diagonal, links = system.arrays()
    return linear, [4.0 * block for block in diagonal], links


def written_out(system: System, places: Places, weights: Weights) -> tuple[list, list, list, list[np.ndarray]]:
    """The system with all copies, and the first copy of each row, -1 where there is none."""
    linear, diagonal, links = arrays_of(system)
    copies: list[list[tuple[int, dict[str, int]]]] = []
    for h, own in zip(linear, places, strict=True):
        rows = []
        for row in range(len(h)):
            counts = [range(int(weights[letter][at[row]])) for letter, at in own.items()]
            rows += [(row, dict(zip(own, numbers, strict=True))) for numbers in itertools.product(*counts)]
        copies.append(rows)
    at = [np.array([row for row, _ in rows], int) for rows in copies]
    parts = []
    for v, w, one, two, blocks in links:
        found = [
            (i, j, pair)
            for pair, (a, b) in enumerate(zip(one, two, strict=True))
            for i, (row, mine) in enumerate(copies[v])
            if row == a
            for j, (other, theirs) in enumerate(copies[w])
            if other == b and all(mine[letter] == theirs[letter] for letter in mine.keys() & theirs)
        ]
        i, j, pairs = np.array(found, int).reshape(-1, 3).T
        parts.append((v, w, i, j, blocks[pairs]))
    first = [
        np.array([next((i for i, (row, _) in enumerate(rows) if row == r), -1) for r in range(len(h))])
        for h, rows in zip(linear, copies, strict=True)
    ]
    return (
        [h[a] for h, a in zip(linear, at, strict=True)],
        [d[a] for d, a in zip(diagonal, at, strict=True)],
        parts,
        first,
    )


def counts_of(system: System, places: Places, weights: Weights) -> list[tuple[int, np.ndarray]]:
    found = []
    for (n, _), own in zip(system.sizes, places, strict=True):
        often = np.ones(n)
        for letter, at in own.items():
            often = often * np.where(weights[letter][at] > 0, weights[letter][at], 1e-100)
        found.append((len(own), often))
    return found


@pytest.mark.parametrize("known", [False, True], ids=["", "known"])
@pytest.mark.parametrize("least", [1, 0])
@pytest.mark.parametrize("name", cases())
def test_copies_that_are_written_out(name: str, least: int, known: bool) -> None:
    draw = np.random.default_rng(3)
    system, places, sizes = cases()[name]
    weights = {letter: draw.integers(least, 4, size).astype(float) for letter, size in sizes.items()}
    linear, diagonal, links = arrays_of(system)
    values = [np.where(draw.random(h.shape) < 0.2, draw.normal(size=h.shape), np.nan) for h in linear]
    many_linear, many_diagonal, many_links, first = written_out(system, places, weights)
    many_values = None
    if known:
        many_values = [value[row] for value, row in zip(values, _rows(system, places, weights), strict=True)]
    expected = reference(many_linear, many_diagonal, many_links, many_values)
    counts = counts_of(system, places, weights)
    means, spreads, _, log_partition = gaussian_system(linear, diagonal, links, values if known else None, counts)
    assert log_partition == pytest.approx(expected[3], rel=1e-10)
    for v, rows in enumerate(first):
        there = rows >= 0
        np.testing.assert_allclose(means[v][there], expected[0][v][rows[there]], rtol=1e-9, atol=1e-10)
        np.testing.assert_allclose(spreads[v][there], expected[1][v][rows[there]], rtol=1e-9, atol=1e-10)
        assert np.isfinite(means[v]).all() and np.isfinite(spreads[v]).all()


def _rows(system: System, places: Places, weights: Weights) -> list[np.ndarray]:
    """The row of every copy."""
    found = []
    for (n, _), own in zip(system.sizes, places, strict=True):
        often = np.ones(n, int)
        for letter, at in own.items():
            often = often * weights[letter][at].astype(int)
        found.append(np.repeat(np.arange(n), often))
    return found


@pytest.mark.parametrize("name", cases())
def test_crosses_of_a_pair_are_those_of_one_copy(name: str) -> None:
    """Shared blocks, and covariances of the pairs, under weights that are all one and all two."""
    system, places, sizes = cases()[name]
    arrays = arrays_of(system)
    ones = counts_of(system, places, {letter: np.ones(size) for letter, size in sizes.items()})
    found, plain = gaussian_system(*arrays, None, ones), gaussian_system(*arrays)
    for one, two in zip(found[:3], plain[:3], strict=True):
        for a, b in zip(one, two, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)
    assert found[3] == pytest.approx(plain[3], rel=1e-12)


@pytest.mark.parametrize("name", cases())
def test_a_fraction_lies_between(name: str) -> None:
    """The log partition is smooth in a weight: its differences over halves are those over ones."""
    system, places, sizes = cases()[name]
    arrays = arrays_of(system)

    def at(weight: float) -> float:
        weights = {letter: np.full(size, weight) for letter, size in sizes.items()}
        return float(gaussian_system(*arrays, None, counts_of(system, places, weights))[3])

    points = np.arange(1, 4, 0.25)
    values = np.array([at(weight) for weight in points])
    smooth = np.polynomial.Polynomial.fit(points, values, 7)
    np.testing.assert_allclose(values, smooth(points), rtol=1e-5)
