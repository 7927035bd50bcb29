"""Joint Gaussians over plated variables: every structure against one dense matrix, written entry by entry."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

from emdsl.runtime.carried.gaussian_eliminations import Coupling, Moments
from emdsl.runtime.carried.gaussian_states import places_in_states
from emdsl.runtime.carried.gaussian_systems import gaussian_system


def reference(
    linear: list[np.ndarray],
    diagonal: list[np.ndarray],
    couplings: list[Coupling],
    known: list[np.ndarray | None] | None = None,
) -> Moments:
    """The moments from numpy.linalg.inv of the whole precision."""
    starts = np.cumsum([0, *(h.size for h in linear)])
    size = starts[-1]
    precision = np.zeros((size, size))

    def entries(v: int, row: int) -> slice:
        d = linear[v].shape[1]
        return slice(starts[v] + row * d, starts[v] + (row + 1) * d)

    for v, h in enumerate(linear):
        for row in range(len(h)):
            precision[entries(v, row), entries(v, row)] += diagonal[v][row if len(diagonal[v]) > 1 else 0]
    for v, w, one, two, blocks in couplings:
        for m, (a, b) in enumerate(zip(one, two, strict=True)):
            block = blocks[m if len(blocks) > 1 else 0]
            precision[entries(v, a), entries(w, b)] += block
            precision[entries(w, b), entries(v, a)] += block.T
    h = np.concatenate([part.ravel() for part in linear])
    values = np.full(size, np.nan)
    for v, given in enumerate(known or []):
        if given is not None:
            values[starts[v] : starts[v + 1]] = given.ravel()
    free = np.isnan(values)
    x = np.where(free, 0.0, values)
    spread = np.zeros((size, size))
    spread[np.ix_(free, free)] = np.linalg.inv(precision[np.ix_(free, free)])
    pulled = (h - precision @ x)[free]
    mean = x.copy()
    mean[free] = np.linalg.solve(precision[np.ix_(free, free)], pulled)
    log_partition = h @ x - 0.5 * x @ precision @ x + 0.5 * pulled @ mean[free]
    log_partition += 0.5 * free.sum() * np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(precision[np.ix_(free, free)])[1]
    means = [mean[starts[v] : starts[v + 1]].reshape(part.shape) for v, part in enumerate(linear)]
    spreads = [np.array([spread[entries(v, i), entries(v, i)] for i in range(len(p))]) for v, p in enumerate(linear)]
    crosses = [
        np.array([spread[entries(v, a), entries(w, b)] for a, b in zip(one, two, strict=True)]).reshape(
            len(one), linear[v].shape[1], linear[w].shape[1]
        )
        for v, w, one, two, _ in couplings
    ]
    return means, spreads, crosses, float(log_partition)


class System:
    """A random system: variables of given rows and widths, coupled at random, with dominant diagonal blocks."""

    def __init__(self, sizes: list[tuple[int, int]], seed: int = 0) -> None:
        self.draw = np.random.default_rng(seed)
        self.sizes = sizes
        self.couplings: list[Coupling] = []

    def couple(self, v: int, w: int, one: np.ndarray, two: np.ndarray, shared: bool = False) -> System:
        blocks = self.draw.normal(size=(1 if shared else len(one), self.sizes[v][1], self.sizes[w][1]))
        self.couplings.append((v, w, np.asarray(one), np.asarray(two), blocks))
        return self

    def chain(self, v: int, lengths: list[int], shared: bool = False) -> System:
        starts = np.cumsum([0, *lengths])[:-1]
        later = np.setdiff1d(np.arange(sum(lengths)), starts)
        return self.couple(v, v, later - 1, later, shared)

    def arrays(self, shared: bool = False) -> tuple[list[np.ndarray], list[np.ndarray], list[Coupling]]:
        weight = [np.ones(n) for n, _ in self.sizes]
        for v, w, one, two, blocks in self.couplings:
            norm = np.broadcast_to(np.linalg.norm(blocks, axis=(1, 2)), len(one))
            np.add.at(weight[v], one, norm)
            np.add.at(weight[w], two, norm)
        diagonal = []
        for (n, d), by_row in zip(self.sizes, weight, strict=True):
            noise = self.draw.normal(size=(1 if shared else n, d, d)) / (2 * d)
            scale = by_row.max(keepdims=True, initial=1.0) if shared else by_row
            diagonal.append(noise @ np.swapaxes(noise, 1, 2) + scale[:, None, None] * np.eye(d))
        return [self.draw.normal(size=size) for size in self.sizes], diagonal, self.couplings


def systems() -> dict[str, System]:
    draw = np.random.default_rng(1)
    found = {
        "independent": System([(7, 1), (5, 3)]),
        "nothing": System([]),
        "one row": System([(1, 2)]),
        "nested": System([(40, 2), (6, 1)]).couple(0, 1, np.arange(40), draw.integers(0, 6, 40)),
        "nested, shared blocks": System([(40, 2), (6, 2)]).couple(0, 1, np.arange(40), draw.integers(0, 6, 40), True),
        "three levels": System([(60, 1), (12, 2), (3, 1)])
        .couple(0, 1, np.arange(60), np.arange(60) // 5)
        .couple(1, 2, np.arange(12), np.arange(12) // 4),
        "three levels, all coupled": System([(60, 1), (12, 2), (3, 1)])
        .couple(0, 1, np.arange(60), np.arange(60) // 5)
        .couple(2, 0, np.arange(60) // 20, np.arange(60))
        .couple(1, 2, np.arange(12), np.arange(12) // 4),
        "crossed": System([(50, 1), (9, 1)]).couple(0, 1, draw.integers(0, 50, 200), draw.integers(0, 9, 200)),
        "crossed, wide": System([(9, 2), (50, 3)]).couple(0, 1, draw.integers(0, 9, 200), draw.integers(0, 50, 200)),
        "crossed three ways": System([(30, 1), (9, 2), (5, 1)])
        .couple(0, 1, draw.integers(0, 30, 99), draw.integers(0, 9, 99))
        .couple(0, 2, draw.integers(0, 30, 99), draw.integers(0, 5, 99))
        .couple(1, 2, draw.integers(0, 9, 99), draw.integers(0, 5, 99)),
        "chain": System([(33, 2)]).chain(0, [33]),
        "chain, shared": System([(64, 2)]).chain(0, [64], True),
        "chain, backwards": System([(20, 2)]).couple(0, 0, np.arange(1, 20), np.arange(19)),
        "ragged chains": System([(32, 2)]).chain(0, [7, 1, 13, 1, 2, 8]),
        "chains of length one": System([(5, 2)]).chain(0, [1] * 5),
        "two chains": System([(24, 2), (24, 1)])
        .chain(0, [10, 14])
        .chain(1, [10, 14])
        .couple(0, 1, np.arange(24), np.arange(24))
        .couple(1, 0, np.arange(23), np.arange(1, 24)),
        "chain and weights": System([(30, 2), (3, 1), (1, 2)])
        .chain(0, [30])
        .couple(0, 1, np.tile(np.arange(30), 3), np.repeat(np.arange(3), 30))
        .couple(2, 0, np.zeros(30, int), np.arange(30))
        .couple(1, 2, np.arange(3), np.zeros(3, int)),
        "chains and intercepts": System([(30, 2), (4, 1), (1, 2)])
        .chain(0, [8, 8, 13, 1])
        .couple(0, 1, np.arange(30), np.repeat(np.arange(4), [8, 8, 13, 1]))
        .couple(1, 2, np.arange(4), np.zeros(4, int)),
        "chain with leaves": System([(30, 2), (45, 1)]).chain(0, [30]).couple(0, 1, np.arange(45) % 30, np.arange(45)),
        "leaves over two times": System([(30, 2), (29, 1)])
        .couple(0, 1, np.arange(29), np.arange(29))
        .couple(0, 1, np.arange(1, 30), np.arange(29)),
        "lag two": System([(40, 1)]).chain(0, [40]).couple(0, 0, np.arange(38), np.arange(2, 40)),
        "tree": System([(63, 2)]).couple(0, 0, np.arange(1, 63), (np.arange(1, 63) - 1) // 2),
        "any graph": System([(40, 2)]).couple(0, 0, draw.integers(0, 20, 70), draw.integers(20, 40, 70)),
        "repeated pairs": System([(6, 2), (4, 1)])
        .couple(0, 1, np.array([0, 0, 0, 3, 3]), np.array([1, 1, 2, 3, 3]))
        .couple(1, 0, np.array([1, 1]), np.array([0, 0]))
        .couple(0, 0, np.array([0, 1, 1, 0]), np.array([1, 0, 0, 1])),
        "no pairs": System([(4, 1), (3, 2)]).couple(0, 1, np.zeros(0, int), np.zeros(0, int)),
    }
    return found


def close(found: Moments, expected: Moments, tolerance: float = 1e-10) -> None:
    assert found[3] == pytest.approx(expected[3], rel=tolerance, abs=tolerance)
    for one, two in zip(found[:3], expected[:3], strict=True):
        assert len(one) == len(two)
        for a, b in zip(one, two, strict=True):
            assert a.shape == b.shape
            np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance * np.abs(b).max(initial=1e-3))


@pytest.mark.parametrize("name", systems())
def test_moments_agree_with_one_dense_matrix(name: str) -> None:
    arrays = systems()[name].arrays()
    close(gaussian_system(*arrays), reference(*arrays) if arrays[0] else ([], [], [], 0.0))


@pytest.mark.parametrize("name", systems())
def test_known_entries_are_conditioned_on(name: str) -> None:
    system = systems()[name]
    arrays = system.arrays()
    if not arrays[0]:
        return
    known: list[np.ndarray | None] = [
        np.where(system.draw.random(h.shape) < 0.3, system.draw.normal(size=h.shape), np.nan) for h in arrays[0]
    ]
    close(gaussian_system(*arrays, known), reference(*arrays, known))
    known[0] = system.draw.normal(size=arrays[0][0].shape)
    known[1:] = [None] * (len(known) - 1)
    close(gaussian_system(*arrays, known), reference(*arrays, known))


def test_an_improper_system_is_refused() -> None:
    rows = np.arange(4)
    with pytest.raises((np.linalg.LinAlgError, ValueError)):
        gaussian_system([np.zeros((4, 1))] * 2, [np.ones((1, 1, 1))] * 2, [(0, 1, rows, rows, np.full((1, 1, 1), 2.0))])


def side_by_side(count: int, lengths: list[int], draw: np.random.Generator, roots: int = 0) -> System:
    """Chains side by side, and a vector for each step, in any order; all meet at each step, and some rows of a root."""
    steps = sum(lengths)
    place = np.arange(count * steps).reshape(count, steps)
    system = System([(count * steps, 1), (steps, 2), *([(roots, 2)] if roots else [])])
    later = np.setdiff1d(np.arange(steps), np.cumsum([0, *lengths])[:-1])
    moved = draw.permutation(steps)
    for j in range(count):
        system.couple(0, 0, place[j, later], place[j, later - 1]).couple(0, 1, place[j], moved)
        for k in range(j):
            system.couple(0, 0, place[j], place[k])
        if roots:
            system.couple(2, 0, np.arange(steps) % roots, place[j])
    return system.couple(1, 1, moved[later], moved[later - 1])


def larger_systems() -> dict[str, System]:
    draw = np.random.default_rng(2)
    tree = np.arange(1, 1023)
    series = np.repeat(np.arange(20), draw.integers(1, 40, 20))
    lengths = list(np.bincount(series))
    return {
        "nested": System([(900, 1), (60, 2)]).couple(0, 1, np.arange(900), draw.integers(0, 60, 900)),
        "three levels": System([(900, 1), (60, 2), (7, 1)])
        .couple(0, 1, np.arange(900), np.arange(900) // 15)
        .couple(0, 2, np.arange(900), np.arange(900) // 135)
        .couple(1, 2, np.arange(60), np.arange(60) // 9),
        "crossed": System([(400, 1), (90, 1)]).couple(0, 1, draw.integers(0, 400, 3000), draw.integers(0, 90, 3000)),
        "crossed, dense": System([(300, 2), (40, 1)]).couple(
            0, 1, np.repeat(np.arange(300), 40), np.arange(12000) % 40
        ),
        "chain": System([(400, 3)]).chain(0, [400]),
        "ragged chains with roots": System([(len(series), 2), (20, 1), (3, 1)])
        .chain(0, lengths)
        .couple(0, 1, np.arange(len(series)), series)
        .couple(0, 2, np.repeat(np.arange(len(series)), 3), np.arange(3 * len(series)) % 3),
        "tree": System([(1023, 1)]).couple(0, 0, tree, (tree - 1) // 2),
        "lag two": System([(700, 1)]).chain(0, [700]).couple(0, 0, np.arange(698), np.arange(2, 700)),
        "entries side by side": side_by_side(3, [90, 1, 40], draw),
        "entries side by side, with roots": side_by_side(4, [120], draw, roots=3),
        "lag three": System([(300, 1)])
        .chain(0, [300])
        .couple(0, 0, np.arange(297), np.arange(3, 300))
        .couple(0, 0, np.arange(298), np.arange(2, 300)),
        "wide rows": System([(60, 10), (30, 2)]).chain(0, [60]).couple(0, 1, np.arange(60), np.arange(60) // 2),
    }


@pytest.mark.parametrize("name", larger_systems())
def test_larger_systems_agree_with_one_dense_matrix(name: str) -> None:
    arrays = larger_systems()[name].arrays()
    close(gaussian_system(*arrays), reference(*arrays))


def random_walk(steps: np.ndarray, noise: np.ndarray, prior: float, values: np.ndarray) -> list[np.ndarray]:
    """Diagonal, sub-diagonal and linear term of a random walk with step variances, seen in noise."""
    diagonal, lower = 1 / noise, -1 / steps
    diagonal[0] += 1 / prior
    diagonal[1:] -= lower
    diagonal[:-1] -= lower
    return [diagonal, lower, values / noise]


def smoothed(diagonal: np.ndarray, lower: np.ndarray, linear: np.ndarray) -> tuple[np.ndarray, ...]:
    """Mean, variances, lag-one covariances and log partition of a scalar chain, row by row in extended precision."""
    n = len(diagonal)
    d, a, f = (np.array(part, dtype=np.longdouble) for part in (diagonal, lower, linear))
    for t in range(1, n):
        d[t] -= a[t - 1] ** 2 / d[t - 1]
        f[t] -= a[t - 1] * f[t - 1] / d[t - 1]
    log_partition = 0.5 * ((f**2 / d).sum() + n * np.log(2 * np.longdouble(np.pi)) - np.log(d).sum())
    mean, variance, lag = f / d, 1 / d, np.zeros(n - 1, np.longdouble)
    for t in range(n - 2, -1, -1):
        gain = a[t] / d[t]
        mean[t] -= gain * mean[t + 1]
        lag[t] = -gain * variance[t + 1]
        variance[t] += gain**2 * variance[t + 1]
    return mean, variance, lag, log_partition


@pytest.mark.parametrize("step", [1.0, 1e-2, 1e-5])
@pytest.mark.parametrize("vary", ["constant", "one break", "every row"])
def test_random_walks_with_a_diffuse_start(step: float, vary: str) -> None:
    n, draw = 3000, np.random.default_rng(3)
    noise = np.ones(n)
    noise[1000:1100] = {"constant": 1.0, "one break": 1e9, "every row": 1.0}[vary]
    noise *= draw.uniform(0.5, 2, n) if vary == "every row" else 1.0
    values = 100 + np.cumsum(draw.normal(size=n) * np.sqrt(step)) + draw.normal(size=n)
    diagonal, lower, linear = random_walk(np.full(n - 1, step), noise, 1e7, values)
    rows = np.arange(n)
    coupling = (0, 0, rows[:-1], rows[1:], np.full((1, 1, 1), lower[0]))
    means, spreads, crosses, log_partition = gaussian_system([linear[:, None]], [diagonal[:, None, None]], [coupling])
    mean, variance, lag, expected = smoothed(diagonal, lower, linear)
    np.testing.assert_allclose(means[0][:, 0], mean, rtol=1e-10)
    np.testing.assert_allclose(spreads[0][:, 0, 0], variance, rtol=1e-10)
    np.testing.assert_allclose(crosses[0][:, 0, 0], lag, rtol=1e-10)
    assert log_partition == pytest.approx(float(expected), rel=1e-10)


@pytest.mark.parametrize("lengths", [[1500], [120] * 5, [700, 500]])
@pytest.mark.parametrize("width", [0, 2])
def test_stretches_of_constant_blocks_agree_with_the_general_chain(lengths: list[int], width: int) -> None:
    system = System([(sum(lengths), 3), (width, 1)]).chain(0, lengths, True)
    n = sum(lengths)
    if width:
        system.couple(0, 1, np.repeat(np.arange(n), width), np.tile(np.arange(width), n))
        system.couplings[1][4][:] /= np.sqrt(n)
    linear, diagonal, couplings = system.arrays(shared=True)
    steady = gaussian_system(linear, diagonal, couplings)
    # Blocks that differ in the last digits leave no constant stretch.
    noise = 1 + 1e-15 * system.draw.integers(-2, 3, size=(n, 1, 1))
    general = gaussian_system(linear, [diagonal[0] * noise, diagonal[1]], couplings)
    close(steady, general, 1e-11)


def test_a_wide_band_is_a_chain_of_states() -> None:
    n, reach = 4100, 6
    system = System([(n, 1)])
    for lag in range(1, reach + 1):
        system.couple(0, 0, np.arange(n - lag), np.arange(lag, n))
    linear, diagonal, couplings = system.arrays()
    band = np.zeros((reach + 1, n))
    band[0] = diagonal[0][:, 0, 0]
    for lag, coupling in enumerate(couplings, 1):
        band[lag, :-lag] = coupling[4][:, 0, 0]
    means, spreads, crosses, log_partition = gaussian_system(linear, diagonal, couplings)
    mean = scipy.linalg.solveh_banded(band, linear[0][:, 0], lower=True)
    np.testing.assert_allclose(means[0][:, 0], mean, rtol=1e-10, atol=1e-12)
    log_half = np.log(scipy.linalg.cholesky_banded(band, lower=True)[0]).sum()
    expected = 0.5 * (linear[0][:, 0] @ mean + n * np.log(2 * np.pi)) - log_half
    assert log_partition == pytest.approx(expected, rel=1e-10)
    places = np.array([0, 1777, 4000])
    columns = scipy.linalg.solveh_banded(band, np.eye(n)[:, places], lower=True)
    np.testing.assert_allclose(spreads[0][places, 0, 0], columns[places, range(3)], rtol=1e-10)
    np.testing.assert_allclose(crosses[2][places, 0, 0], columns[places + 3, range(3)], rtol=1e-10, atol=1e-14)


def test_states_are_what_one_step_holds() -> None:
    system = side_by_side(3, [90, 1, 40], np.random.default_rng(2))
    linear, _, links = system.arrays()
    found = places_in_states([0, 1], linear, links, None)
    assert found is not None
    state, entry, length, width = found
    assert width == 5 and length <= 131 + 2 * 3
    places = np.concatenate([state[v][:, None] * width + entry[v] for v in (0, 1)], axis=None)
    assert len(np.unique(places)) == len(places)


def test_a_wide_network_takes_a_sparse_factor() -> None:
    n = 4100
    draw = np.random.default_rng(5)
    system = System([(n, 1)])
    for lag in range(1, 7):
        system.couple(0, 0, np.arange(n - lag), np.arange(lag, n))
    far = np.sort(draw.permutation(n).reshape(-1, 2)[:300], axis=1)
    far = far[far[:, 1] - far[:, 0] > 6]
    linear, diagonal, couplings = system.couple(0, 0, far[:, 0], far[:, 1]).arrays()
    assert places_in_states([0], linear, couplings, None) is None
    precision = np.diag(diagonal[0][:, 0, 0])
    for _, _, one, two, blocks in couplings:
        precision[one, two] = precision[two, one] = blocks[:, 0, 0]
    lower = scipy.linalg.cholesky(precision, lower=True, overwrite_a=True, check_finite=False)
    means, spreads, crosses, log_partition = gaussian_system(linear, diagonal, couplings)
    mean = scipy.linalg.cho_solve((lower, True), linear[0][:, 0])
    np.testing.assert_allclose(means[0][:, 0], mean, rtol=1e-10, atol=1e-12)
    expected = 0.5 * (linear[0][:, 0] @ mean + n * np.log(2 * np.pi)) - np.log(np.diagonal(lower)).sum()
    assert log_partition == pytest.approx(expected, rel=1e-10)
    places = np.array([0, 17, 200])
    columns = scipy.linalg.cho_solve((lower, True), np.eye(n)[:, far[places, 0]])
    np.testing.assert_allclose(spreads[0][far[places, 0], 0, 0], columns[far[places, 0], range(3)], rtol=1e-10)
    cross = columns[far[places, 1], range(3)]
    np.testing.assert_allclose(crosses[-1][places, 0, 0], cross, rtol=1e-10, atol=1e-14)
