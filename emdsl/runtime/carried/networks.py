"""Sums onto targets, tables of discrete states and index arithmetic for networks of latents."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from emdsl.runtime.carried.latents import conditioned_rows
from emdsl.runtime.carried.sweeps import as_slice


def scatter_add(values: np.ndarray, index: tuple[np.ndarray, ...], sizes: tuple[int, ...]) -> np.ndarray:
    """Sums of values (entry…, rest…) over the entries that belong to each target: (target…, rest…).

    index: for each axis of the target whole numbers over the entries, which broadcast.
    """
    flat = np.ravel_multi_index(np.broadcast_arrays(*index), sizes)
    entries, count = flat.ravel(), int(np.prod(sizes))
    rest = values.shape[flat.ndim :]
    columns = np.ascontiguousarray(values).reshape(entries.size, -1)
    if columns.shape[1] == 1:
        return np.bincount(entries, weights=columns[:, 0], minlength=count).reshape(*sizes, *rest)
    ones, starts = np.ones(entries.size), np.arange(entries.size + 1)
    return (sparse.csc_matrix((ones, entries, starts), shape=(count, entries.size)) @ columns).reshape(*sizes, *rest)


def incidence(
    targets: tuple[np.ndarray, ...],
    sizes: tuple[int, ...],
    sources: tuple[np.ndarray, ...],
    extents: tuple[int, ...],
    values: np.ndarray | None = None,
) -> sparse.csr_matrix | sparse.csc_matrix:
    """The sparse matrix (target, source) of values (entry…), ones if None, summed over entries that agree in both.

    targets, sources: for each axis of either side whole numbers over the entries, which broadcast.
    """
    sides = ((targets, sizes), (sources, extents))
    flat = (np.ravel_multi_index(np.broadcast_arrays(*index), count) for index, count in sides)
    rows, columns, numbers = np.broadcast_arrays(*flat, 1.0 if values is None else values)
    shape = (int(np.prod(sizes)), int(np.prod(extents)))
    form = sparse.csr_matrix if shape[0] >= shape[1] else sparse.csc_matrix
    return form((numbers.ravel(), (rows.ravel(), columns.ravel())), shape=shape)


def matrix_times(
    matrix: sparse.csr_matrix | sparse.csc_matrix, values: np.ndarray, sizes: tuple[int, ...], axes: int = 1
) -> np.ndarray:
    """A matrix (target, source) times values (source…, rest…), whose first axes are the sources: (target…, rest…)."""
    return (matrix @ values.reshape(matrix.shape[1], -1)).reshape(*sizes, *values.shape[axes:])


def log_shares(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log Σ exp along the last axis, and exp of the values over that sum."""
    states = values.shape[-1]
    turned = np.ascontiguousarray(values.reshape(-1, states).T) if states < 16 else values.reshape(-1, states)
    axis = 0 if states < 16 else 1
    top = turned.max(axis=axis, keepdims=True)
    shares = np.exp(turned - top)
    total = shares.sum(axis=axis, keepdims=True)
    shares /= total
    top += np.log(total)
    return top.reshape(values.shape[:-1]), (shares.T if states < 16 else shares).reshape(values.shape)


def gathered_shares(
    tables: list[tuple[np.ndarray, np.ndarray]], labels: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """As `log_shares`, of Σ table[index] over tables (row, state) read at whole numbers (entry…), which broadcast.

    Products of exponentials, in blocks of entries that fit a cache; with logarithms where those vanish.
    """
    if labels is not None:
        return log_shares(ruled_out(sum(table[index] for table, index in tables), labels))
    tops = [table.max(axis=1) for table, _ in tables]
    weights = [np.exp(np.ascontiguousarray(table) - top[:, None]) for (table, _), top in zip(tables, tops)]
    whole = np.broadcast_shapes(*(np.shape(index) for _, index in tables))
    tables = [(table, np.broadcast_to(index, whole).reshape(-1)) for table, index in tables]
    count, states = len(tables[0][1]), weights[0].shape[1]
    shares, total, ones = np.empty((count, states)), np.empty(count), np.ones(states)
    block = max(2**18 // states, 1)
    for first in range(0, count, block):
        rows = slice(first, first + block)
        part = np.take(weights[0], tables[0][1][rows], axis=0, out=shares[rows], mode="clip")
        for weight, (_, index) in zip(weights[1:], tables[1:]):
            part *= weight.take(index[rows], axis=0)
        total[rows] = part @ ones
        part *= (1.0 / np.maximum(total[rows], 1e-300))[:, None]
    log_sum = np.log(np.maximum(total, 1e-300))
    for top, (_, index) in zip(tops, tables):
        log_sum += top[index]
    lost = np.flatnonzero(total < 1e-200)
    if lost.size:
        log_sum[lost], shares[lost] = log_shares(sum(table[index[lost]] for table, index in tables))
    return log_sum.reshape(whole), shares.reshape(*whole, states)


def added_at(values: np.ndarray, added: np.ndarray, axis: int, place: int) -> np.ndarray:
    """The values, with something added in place at one position of an axis."""
    values = np.asarray(values, dtype=float)
    np.moveaxis(values, axis, 0)[place] += added
    return values


def over_joint_states(*parts: np.ndarray) -> np.ndarray:
    """Sums of log weights (row…, state), one for each of several variables, at their joint states, (row…, state…).

    Neighbours first: few sums are long, and none goes along a short axis alone, which is slow.
    """
    sizes, left = [part.shape[-1] for part in parts], list(parts)
    while len(left) > 1:
        pairs = [one[..., :, None] + two[..., None, :] for one, two in zip(left[::2], left[1::2])]
        joint = [pair.reshape(*pair.shape[:-2], pair.shape[-2] * pair.shape[-1]) for pair in pairs]
        left = joint + left[2 * len(joint) :]
    return left[0].reshape(*left[0].shape[:-1], *sizes)


def marginal(values: np.ndarray, axes: int, kept: list[int]) -> np.ndarray:
    """Probabilities (row…, state…) of joint states, as many axes as said, summed to those of the states kept.

    One product with zeros and ones, as sums along many short axes are slow.
    """
    rows, sizes = values.shape[:-axes], values.shape[-axes:]
    left = tuple(sizes[place] for place in kept)
    shape = tuple(size if place in kept else 1 for place, size in enumerate(sizes))
    ones = np.eye(int(np.prod(left))).reshape(*shape, -1)
    ones = np.broadcast_to(ones, (*sizes, ones.shape[-1])).reshape(-1, ones.shape[-1])
    return (values.reshape(-1, len(ones)) @ ones).reshape(*rows, *left)


def lagged(values: np.ndarray, lag: int, axis: int) -> np.ndarray:
    """The values `lag` steps earlier along an axis; those before the first step are never read."""
    return np.roll(values, lag, axis=axis)


def started(values: np.ndarray, position: np.ndarray, lag: float) -> np.ndarray:
    """Values that read data `lag` steps earlier; 1 at positions that have none so early, which no law reads."""
    return np.where(np.less(position, lag), 1.0, values)


def at_least(values: np.ndarray, least: float) -> np.ndarray:
    """1 where a value is at least `least`, 0 elsewhere."""
    return np.greater_equal(values, least).astype(float)


def at_step(values: np.ndarray, step: float) -> np.ndarray:
    """1 where a value is `step`, 0 elsewhere."""
    return np.equal(values, step).astype(float)


def index_of(values: np.ndarray) -> np.ndarray:
    """Whole numbers of categories; 0 where they are missing, which a mask takes out again."""
    return np.nan_to_num(values).astype(int)


def plate_weights(data: dict[str, np.ndarray], letter: str, size: int) -> np.ndarray:
    """The weights of the rows of a plate; ones where there are none."""
    return data[f"weights.{letter}"] if f"weights.{letter}" in data else np.ones(size)


def best(values: np.ndarray) -> np.ndarray:
    """The one-hot of the first largest value along the last axis."""
    return np.equal(np.arange(values.shape[-1]), values.argmax(axis=-1)[..., None]).astype(float)


def ruled_out(logits: np.ndarray, labels: np.ndarray | None, place: int = 0) -> np.ndarray:
    """Logits (…, state, …) without what a given label (…) excludes; labels are NaN where unknown.

    `place`: that of the state among the axes behind those of the rows.
    """
    if labels is None:
        return logits
    rows = np.ndim(labels)
    labels = np.reshape(labels, (*np.shape(labels), *[1] * (logits.ndim - rows)))
    states = np.arange(logits.shape[rows + place]).reshape(-1, *[1] * (logits.ndim - rows - place - 1))
    return np.where(~np.isnan(labels) & (states != labels), -1e300, logits)


def precision_of(quadratic: np.ndarray) -> np.ndarray:
    """P in xᵀ Q x = −½ xᵀ P x, symmetric: (row, d, d)."""
    result = quadratic + np.swapaxes(quadratic, -1, -2)
    return np.negative(result, out=result)


def kinds_of_rows(*columns: np.ndarray) -> np.ndarray:
    """Which of the distinct rows of some columns each row is, (row,), numbered in the order in which they appear."""
    kinds = np.zeros(len(columns[0]), dtype=int)
    for column in columns:
        _, codes = np.unique(column, return_inverse=True)
        kinds = np.unique(kinds * (codes.max(initial=0) + 1) + codes, return_inverse=True)[1]
    firsts = first_rows(kinds)
    return np.argsort(np.argsort(firsts))[kinds]


def first_rows(kinds: np.ndarray) -> np.ndarray:
    """The first row of each kind, (kind,)."""
    return np.unique(kinds, return_index=True)[1]


def later_rows(offsets: np.ndarray, steps: int = 1) -> np.ndarray:
    """Rows that have a row so many steps before them in their series."""
    rows = np.arange(int(offsets[-1]))
    return rows[rows - np.repeat(offsets[:-1], np.diff(offsets)) >= steps]


def repeated_rows(rows: np.ndarray, copies: int, count: int) -> np.ndarray:
    """The same rows in each of several copies of `count` rows that lie end to end."""
    return (np.arange(copies)[:, None] * count + rows).ravel()


def repeated_offsets(offsets: np.ndarray, copies: int) -> np.ndarray:
    """Where series begin, and the end, of several copies of the rows of these series that lie end to end."""
    return np.append(repeated_rows(offsets[:-1], copies, int(offsets[-1])), copies * offsets[-1])


def entry_of(values: np.ndarray | None, *places: int | slice) -> np.ndarray | None:
    """The values at some places of their first axes, or None."""
    return None if values is None else np.asarray(values)[places]


def of_entries(shape: tuple[int, ...], *parts: np.ndarray | float) -> np.ndarray:
    """An array with these leading axes, from what stands at each of their entries in turn."""
    stacked = np.stack(np.broadcast_arrays(*parts))
    return stacked.reshape(shape + stacked.shape[1:])


def with_plate_moved(values: np.ndarray | None, place: int, target: int) -> np.ndarray | None:
    """The values with one of their axes at another place, or None."""
    return None if values is None else np.moveaxis(np.asarray(values), place, target)


def in_declared_order(
    posterior: dict[str, dict[str, np.ndarray]], moved: dict[str, tuple[int, int]]
) -> dict[str, dict[str, np.ndarray]]:
    """The posterior with an axis of some latents' arrays moved, from one place to another."""
    turned = {
        name: {key: np.moveaxis(value, *places) for key, value in posterior[name].items()}
        for name, places in moved.items()
    }
    return posterior | turned


def flat_rows(
    index: tuple[np.ndarray, ...], sizes: tuple[int, ...], shape: tuple[int, ...] | None = None
) -> np.ndarray:
    """Positions (entry,) in an array of these sizes, from whole numbers for each axis; `shape` of the entries."""
    flat = np.ravel_multi_index(np.broadcast_arrays(*index), sizes)
    return (flat if shape is None else np.broadcast_to(flat, shape)).ravel()


def second_moment(mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """E[x xᵀ] of every row, (row, d, d)."""
    return cross_moment(mean, mean, covariance)


def cross_moment(one: np.ndarray, two: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """E[x yᵀ] of every pair, (pair, d, e)."""
    result = one[:, :, None] * two[:, None, :]
    result += covariance
    return result


def at_rows(values: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """Values put at their rows among `count`, zeros elsewhere."""
    result = np.zeros((count, *values.shape[1:]))
    result[as_slice(rows)] = values
    return result


def random_shares(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Probabilities along the last axis, unequal on purpose."""
    values = rng.uniform(0.5, 1.5, shape)
    return values / values.sum(axis=-1, keepdims=True)


def gaussian_given_states(
    linear: np.ndarray, precision: np.ndarray, given: list[tuple[np.ndarray | None, int]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, second moments and log partitions of a vector in every (state, row).

    linear: (state, row, d). precision: (state, row, d, d). given: for each part of the vector its known values, NaN
    where unknown, or None, and its width.
    """
    _, count, size = linear.shape
    values = np.full((count, size), np.nan)
    stop = 0
    for known, width in given:
        stop += width
        if known is not None:
            values[:, stop - width : stop] = np.reshape(known, (count, width))
    mean, spread, partition = conditioned_rows(linear, precision, values[None])
    return mean, spread + mean[..., :, None] * mean[..., None, :], partition


def met_rows(blocks: np.ndarray, one: np.ndarray, two: np.ndarray, count: int) -> np.ndarray:
    """Blocks (pair, d, d) summed onto rows (count, d, d) where both rows of a pair are the same."""
    result = np.zeros((count, *blocks.shape[1:]))
    same = np.flatnonzero(one == two)
    np.add.at(result, one[same], np.broadcast_to(blocks, (len(one), *blocks.shape[1:]))[same])
    return result


def pair_covariances(own: np.ndarray, crosses: np.ndarray, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Covariances (pair, d, d): crosses (pair of different rows, d, d), and the rows' own where both are the same."""
    result = own[one]
    result[one != two] = crosses
    return result


def known_from_start(
    given: np.ndarray | None, start: np.ndarray, first: np.ndarray, count: int, width: int
) -> np.ndarray:
    """Known values (row, d), NaN where unknown: those given, and the start of every series in its first row."""
    known = np.full((count, width), np.nan) if given is None else np.array(given, dtype=float).reshape(count, width)
    known[np.ravel(first)] = np.reshape(start, (-1, width))
    return known


def about(values: np.ndarray | None, origin: np.ndarray) -> np.ndarray | None:
    """Given values about an origin, or None."""
    return None if values is None else values - origin


def level_of(values: np.ndarray, axis: int, starts: np.ndarray | None = None) -> np.ndarray:
    """Values with the last one seen before where one is missing, else with the next one, and 0 where none is seen.

    axis: along which values follow each other; series that lie end to end there begin at `starts`.
    """
    moved = np.moveaxis(values, axis, 0)
    count, shape = len(moved), (-1,) + (1,) * (moved.ndim - 1)
    edges = np.array([0, count]) if starts is None else starts
    first, end = (np.repeat(ends, np.diff(edges)).reshape(shape) for ends in (edges[:-1], edges[1:]))
    rows, seen = np.arange(count).reshape(shape), ~np.isnan(moved)
    before = np.maximum.accumulate(np.where(seen, rows, -1), axis=0)
    after = np.minimum.accumulate(np.where(seen, rows, count)[::-1], axis=0)[::-1]
    chosen = np.where(before >= first, before, np.where(after < end, after, -1))
    known = np.take_along_axis(np.nan_to_num(moved), np.maximum(chosen, 0), axis=0)
    return np.moveaxis(np.where(chosen < 0, 0.0, known), 0, axis)


def level_among(values: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Values with the mean of those seen along `axes` where one is missing, and 0 where none is seen there."""
    seen = ~np.isnan(values)
    total = np.where(seen, values, 0.0).sum(axis=axes, keepdims=True)
    return np.where(seen, values, total / np.maximum(seen.sum(axis=axes, keepdims=True), 1))


def known_rows(given: np.ndarray | None, width: int) -> np.ndarray | None:
    """Given values as (row, d), or None."""
    return None if given is None else np.reshape(given, (-1, width))


def summed_parts(shape: tuple[int, ...], parts: list[tuple[tuple[slice, ...], np.ndarray]]) -> np.ndarray:
    """An array of zeros with every part added at its place along the last axes."""
    result = np.zeros(shape)
    for place, values in parts:
        result[(..., *place)] += values  # type: ignore[arg-type]
    return result


def colour_classes(pairs: list[tuple[np.ndarray, np.ndarray]], count: int) -> list[np.ndarray]:
    """Rows in classes within which no two meet in a pair; each row in the first class that is free for it."""
    neighbours: list[set[int]] = [set() for _ in range(count)]
    for one, two in pairs:
        for a, b in {*zip(*(np.ravel(side).tolist() for side in np.broadcast_arrays(one, two)), strict=True)}:
            if a != b:
                neighbours[a].add(b)
                neighbours[b].add(a)
    colour = np.full(count, -1)
    for row in range(count):
        taken = {colour[other] for other in neighbours[row]}
        colour[row] = next(one for one in range(count) if one not in taken)
    return [np.flatnonzero(colour == one) for one in range(colour.max() + 1)]


def categorical_entropy(probabilities: np.ndarray, counts: np.ndarray | None = None) -> float:
    """− Σ p log p, each row (row…, state) as often as it counts."""
    values = probabilities * np.log(np.maximum(probabilities, 1e-300))
    return -float(np.sum(values if counts is None else values * counts[..., None]))
