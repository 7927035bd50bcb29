"""Numerics that emitted modules carry along: each function here is copied, as it stands, into the modules that use it.

They know numpy and scipy only. Arrays of rows are feature-major, (feature, row): rows lie next to each other in memory.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np
from scipy.special import digamma, gammaln


class DegenerateError(ValueError):
    """A component has collapsed; the message names it and the remedy."""


# ---------------------------------------------------------------- probabilities and positive numbers


def log_probability(p: np.ndarray) -> np.ndarray:
    """log p, finite at zero so that 0 · log 0 = 0 in matrix products."""
    return np.log(np.maximum(p, 1e-300))


def normalised(counts: np.ndarray) -> np.ndarray:
    """Counts over their sum along the last axis; uniform where nothing was counted."""
    counts = np.maximum(counts, 0.0)
    total = counts.sum(axis=-1, keepdims=True)
    return np.where(total > 0, counts / np.where(total > 0, total, 1.0), 1.0 / counts.shape[-1])


def proportion(successes: np.ndarray, failures: np.ndarray) -> np.ndarray:
    """successes / (successes + failures); a half where nothing was counted."""
    successes, failures = np.maximum(successes, 0.0), np.maximum(failures, 0.0)
    total = successes + failures
    return np.where(total > 0, successes / np.where(total > 0, total, 1.0), 0.5)


def quotient(numerator: np.ndarray, count: np.ndarray) -> np.ndarray:
    """numerator / count, and 0 where the count is 0: an empty component stays at its reference point."""
    return np.where(count != 0, numerator / np.where(count != 0, count, 1.0), 0.0)


def positive_root(numerator: np.ndarray, denominator: np.ndarray, root: float, name: str) -> np.ndarray:
    """(numerator / denominator)^root for a positive parameter; an empty component keeps the pooled value."""
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    empty = denominator <= 1e-12 * max(1.0, float(np.max(denominator)))
    pooled = numerator.sum() / max(float(denominator.sum()), 1e-300)
    value = np.where(empty, pooled, numerator / np.where(empty, 1.0, denominator))
    if not np.all(np.isfinite(value)) or (root != 1.0 and np.any(value <= 1e-14 * max(pooled, 0.0))):
        where = np.unravel_index(int(np.argmin(np.where(np.isfinite(value), value, -np.inf))), value.shape)
        raise DegenerateError(
            f"`{name}` collapsed at {tuple(map(int, where))}: the likelihood is unbounded there; "
            "tie it over the plate, give it a prior, or start elsewhere"
        )
    return np.maximum(value, 1e-300) ** root


# ---------------------------------------------------------------- matrices


def inverse(matrix: np.ndarray) -> np.ndarray:
    """Inverse of symmetric positive definite matrices, (…, d, d), by Cholesky factors."""
    half = np.linalg.inv(np.linalg.cholesky(matrix))
    return np.swapaxes(half, -1, -2) @ half


def log_determinant(matrix: np.ndarray) -> np.ndarray:
    """log |matrix| of symmetric positive definite matrices, (…, d, d)."""
    return 2.0 * np.log(np.diagonal(np.linalg.cholesky(matrix), axis1=-2, axis2=-1)).sum(axis=-1)


def solve(precision: np.ndarray, linear: np.ndarray, held: np.ndarray | None = None) -> np.ndarray:
    """precision⁻¹ linear for (…, j, j) and (…, j); least norm where the precision is singular.

    held: (…, j) values of entries that are not free, NaN for those that are.
    """
    if held is not None:
        held = np.broadcast_to(held, np.broadcast_shapes(linear.shape, held.shape))
        kept = ~np.isnan(held)
        linear = linear - (precision @ np.where(kept, held, 0.0)[..., None])[..., 0]
        linear = np.where(kept, held, linear)
        free = ~kept[..., :, None] & ~kept[..., None, :]
        precision = np.where(free, precision, np.where(kept[..., :, None], np.eye(linear.shape[-1]), 0.0))
    scale = np.sqrt(np.maximum(np.diagonal(precision, axis1=-2, axis2=-1), 1e-300))
    scaled = precision / (scale[..., :, None] * scale[..., None, :])
    target = linear / scale
    try:
        np.linalg.cholesky(scaled)
        return np.linalg.solve(scaled, target[..., None])[..., 0] / scale
    except np.linalg.LinAlgError:
        return (np.linalg.pinv(scaled, hermitian=True) @ target[..., None])[..., 0] / scale


def held_at(value: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The held entries, exactly, and the free ones of `value`; held is NaN where free."""
    return np.where(np.isnan(held), value, held)


def held_share(probabilities: np.ndarray, held: np.ndarray) -> np.ndarray:
    """The held entries of a simplex, exactly; the free ones share the rest in their proportions."""
    free = np.isnan(held)
    rest = 1.0 - np.where(free, 0.0, held).sum(axis=-1, keepdims=True)
    return np.where(free, rest * normalised(np.where(free, probabilities, 0.0)), held)


def covariance(scatter: np.ndarray, count: np.ndarray, name: str) -> np.ndarray:
    """scatter / count, (…, d, d), symmetric and positive definite; an empty component gets the pooled one."""
    count = np.asarray(count, dtype=float)[..., None, None]
    scatter, count = (scatter + np.swapaxes(scatter, -1, -2)) / 2, np.broadcast_to(count, scatter.shape)
    axes = tuple(range(scatter.ndim - 2))
    pooled = scatter.sum(axis=axes) / max(float(count[..., 0, 0].sum()), 1e-300)
    empty = count <= 1e-12 * max(1.0, float(np.max(count)))
    value = np.where(empty, pooled, scatter / np.where(empty, 1.0, count))
    scale = np.sqrt(np.maximum(np.diagonal(value, axis1=-2, axis2=-1), 1e-300))
    unit = value / (scale[..., :, None] * scale[..., None, :])
    smallest = np.linalg.eigvalsh(unit)[..., 0] if np.all(np.isfinite(unit)) else np.full(value.shape[:-2], -1.0)
    small = np.diagonal(value, axis1=-2, axis2=-1) <= 1e-14 * np.maximum(np.diagonal(pooled), 0.0)
    bad = (smallest <= 1e-13) | small.any(axis=-1)
    if np.any(bad):
        where = tuple(int(index) for index in np.argwhere(bad)[0])
        raise DegenerateError(
            f"`{name}` is singular at {where}: too few rows, or columns that depend on each other; "
            "use fewer components, tie it over the plate, or give it a prior"
        )
    return value


def pairs(matrix: np.ndarray) -> np.ndarray:
    """Coefficients of x_d x_e, d ≤ e, in Σ_de matrix_de x_d x_e: (…, d, d) to (…, d(d+1)/2)."""
    rows, columns = np.triu_indices(matrix.shape[-1])
    return np.where(rows == columns, 1.0, 2.0) * (matrix + np.swapaxes(matrix, -1, -2))[..., rows, columns] / 2


def unpairs(sums: np.ndarray, size: int) -> np.ndarray:
    """The symmetric matrix whose upper triangle is given row by row: (…, d(d+1)/2) to (…, d, d)."""
    place = np.empty((size, size), dtype=int)
    rows, columns = np.triu_indices(size)
    place[rows, columns] = place[columns, rows] = np.arange(rows.size)
    return sums[..., place]


# ---------------------------------------------------------------- expected statistics of one row's latents


def softmax(logits: np.ndarray) -> np.ndarray:
    """Logits (states, rows) become probabilities in place; the log partition of each row comes back."""
    top = logits.max(axis=0)
    logits -= top
    np.exp(logits, out=logits)
    total = logits.sum(axis=0)
    logits /= total
    return top + np.log(total)


def hardmax(logits: np.ndarray) -> np.ndarray:
    """Logits (states, rows) become the one-hot of the largest, in place; the largest of each row comes back."""
    best = logits.argmax(axis=0)
    top = np.take_along_axis(logits, best[None], axis=0)[0]
    logits[:] = 0.0
    np.put_along_axis(logits, best[None], 1.0, axis=0)
    return top


def labelled(logits: np.ndarray, labels: np.ndarray) -> None:
    """Rule out, in place, what a given label excludes; logits (…, state, …, row), labels (row,), NaN where unknown."""
    known = ~np.isnan(labels)
    states = np.arange(logits.shape[1])[:, None, None]
    logits[..., known] = np.where(states == labels[known], logits[..., known], -1e300)


# ---------------------------------------------------------------- passes over the rows


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
    blocks, blocks in lanes, lanes on threads; sums are taken in the order of the lanes, so they do not depend on timing.
    """
    groups, states, width = natural.shape
    total = width + groups * states
    n_lanes = int(min(16, 1 + n_rows * repeats * total // 2**18, max(n_rows, 1)))
    edges = [n_rows * lane // n_lanes for lane in range(n_lanes + 1)]
    longest = max(last - first for first, last in zip(edges, edges[1:], strict=False))
    block = max(min(longest, max(min(2**15, 2**19 // total), 256) // repeats), 1)

    def lane(first: int, last: int) -> tuple[np.ndarray, float]:
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

    if n_lanes == 1:
        return lane(0, n_rows)
    with single_threaded_blas() as held, ThreadPoolExecutor(len(os.sched_getaffinity(0)) if held else 1) as pool:
        results = list(pool.map(lane, edges[:-1], edges[1:]))
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


def solve_blocks(
    precision: list[list[np.ndarray]],
    linear: list[np.ndarray],
    batch: tuple[int, ...],
    shapes: list[tuple[int, ...]],
    held: list[np.ndarray | None] | None = None,
) -> list[np.ndarray]:
    """The solution of one linear system given by blocks: block (i, j) has the axes batch + shapes[i] + shapes[j].

    held: for each block values of entries that are not free (NaN for those that are), or None.
    """
    widths = [int(np.prod(shape)) for shape in shapes]
    rows = [
        [
            np.broadcast_to(block, batch + one + two).reshape((*batch, v, w))
            for block, two, w in zip(row, shapes, widths, strict=True)
        ]
        for row, one, v in zip(precision, shapes, widths, strict=True)
    ]
    whole = np.concatenate([np.concatenate(row, axis=-1) for row in rows], axis=-2)
    sides = [
        np.broadcast_to(side, batch + one).reshape((*batch, v))
        for side, one, v in zip(linear, shapes, widths, strict=True)
    ]
    kept = None
    if held is not None:
        free = [np.full((*batch, width), np.nan) for width in widths]
        listed = zip(held, free, widths, strict=True)
        kept = np.concatenate([none if h is None else h.reshape((*batch, w)) for h, none, w in listed], axis=-1)
    solution = solve(whole, np.concatenate(sides, axis=-1), kept)
    ends = np.cumsum(widths)[:-1]
    parts = np.split(solution, ends, axis=-1)
    return [part.reshape((*batch, *shape)) for part, shape in zip(parts, shapes, strict=True)]


def by_group(natural: np.ndarray, *references: np.ndarray) -> np.ndarray:
    """(1, state, feature) where all states share their reference points, else (state, 1, feature)."""
    shared = all(np.array_equal(points, np.broadcast_to(points[:1], points.shape)) for points in references)
    return natural[None] if shared else natural[:, None]


def write_pairs(values: np.ndarray, out: np.ndarray) -> None:
    """The products x_d x_e, d ≤ e, of (d, row) into (d(d+1)/2, row)."""
    start = 0
    for d in range(len(values)):
        stop = start + len(values) - d
        np.multiply(values[d], values[d:], out=out[start:stop])
        start = stop


def write_one_hot(values: np.ndarray, categories: int, out: np.ndarray) -> None:
    """The one-hot of (row, item…) into (item · category, row); NaN is no category."""
    items = np.reshape(values, (len(values), -1)).T[:, None, :]
    target = out.reshape(items.shape[0], categories, -1)
    np.equal(items, np.arange(categories)[:, None], out=target, casting="unsafe")


def one_hot(values: np.ndarray, categories: int) -> np.ndarray:
    """The one-hot of values, with the category as a last axis; NaN is no category."""
    return np.equal(np.asarray(values)[..., None], np.arange(categories)).astype(float)


def observed(values: np.ndarray) -> np.ndarray:
    """1 where a value is there, 0 where it is missing."""
    return 1.0 - np.isnan(values)


def row_weights(data: dict[str, np.ndarray], plates: tuple[str, ...], shape: tuple[int, ...]) -> np.ndarray | None:
    """The product of the weights of several plates, with one axis for each; None where there are none."""
    found = [(place, data[f"weights.{plate}"]) for place, plate in enumerate(plates) if f"weights.{plate}" in data]
    if not found:
        return None
    result = np.ones(shape)
    for place, weights in found:
        result *= np.reshape(weights, [-1 if axis == place else 1 for axis in range(len(shape))])
    return result


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


def iterate(data, params, max_iter, tol, e_step, m_step, objective):
    """E-steps and M-steps until the objective and the parameters have settled: (params, history)."""
    statistics, log_likelihood = e_step(data, params)
    current, history = objective(log_likelihood, params), []
    for _ in range(max_iter):
        previous, params = params, m_step(statistics, params)
        statistics, log_likelihood = e_step(data, params)
        step, current = objective(log_likelihood, params) - current, objective(log_likelihood, params)
        history.append(current)
        moved = max(float(np.max(np.abs(params[p] - previous[p]) / (1 + np.abs(params[p])))) for p in params)
        if tol > 0 and abs(step) <= tol * (1 + abs(current)) and moved <= np.sqrt(tol):
            break
    return params, history


def gaussian_rows(
    natural: np.ndarray,
    states: int,
    has_logits: bool,
    singles: list[tuple[slice, slice]],
    pairs: list[tuple[slice, slice, slice]],
    values: np.ndarray,
    shared: bool,
    hard: bool = False,
) -> np.ndarray:
    """Natural parameters of a Gaussian vector under discrete states become expected statistics, in place.

    natural: (statistic, row): the logits of the states, then for each single (its rows, its entries) the linear terms
    and for each pair the quadratic ones, state by state. values: (row, entry), NaN where not known; rows that know the
    same entries go together. `shared`: the quadratic terms are the same in every row. `hard`: all weight on the most
    probable state. Returns the log partitions.
    """
    n, size = values.shape
    linear, quadratic = np.zeros((states, size, n)), np.zeros((states, size, size, 1 if shared else n))
    for place, entries in singles:
        linear[:, entries] += natural[place].reshape(states, -1, n)
    for place, one, two in pairs:
        extent = (states, one.stop - one.start, two.stop - two.start, n)
        quadratic[:, one, two] += natural[place].reshape(extent)[..., : quadratic.shape[-1]]
    precision = -np.moveaxis(quadratic + np.swapaxes(quadratic, 1, 2), 3, 1)
    mean, covariance = np.zeros((states, n, size)), np.zeros((states, n, size, size))
    partition = np.zeros((states, n))
    known = ~np.isnan(values)
    patterns, which = np.unique(known, axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        rows, k, u = np.flatnonzero(np.ravel(which) == number), np.flatnonzero(pattern), np.flatnonzero(~pattern)
        p = precision if shared else precision[:, rows]
        v, h = values[np.ix_(rows, k)], np.moveaxis(linear[:, :, rows], 1, 2)
        if k.size:
            pk = p[..., k[:, None], k]
            partition[:, rows] += (h[..., k] * v).sum(axis=-1) - 0.5 * np.einsum("skij,ki,kj->sk", pk + 0 * h[..., :1, None], v, v)
            mean[np.ix_(range(states), rows, k)] = v
        if u.size:
            pu = p[..., u[:, None], u]
            hu = h[..., u] - np.einsum("skij,kj->ski", p[..., u[:, None], k] + 0 * h[..., :1, None], v)
            cu = inverse(pu)
            mu = np.einsum("skij,skj->ski", np.broadcast_to(cu, (*hu.shape, u.size)), hu)
            partition[:, rows] += 0.5 * ((hu * mu).sum(axis=-1) + u.size * np.log(2 * np.pi) - log_determinant(pu))
            mean[np.ix_(range(states), rows, u)] = mu
            covariance[np.ix_(range(states), rows, u, u)] = cu
    if has_logits:
        natural[:states] += partition
        partition = hardmax(natural[:states]) if hard else softmax(natural[:states])
        share = natural[:states, :, None]
    else:
        partition, share = partition[0], np.ones((1, n, 1))
    for place, entries in singles:
        natural[place] = np.moveaxis(share * mean[:, :, entries], 1, 2).reshape(-1, n)
    for place, one, two in pairs:
        second = covariance[:, :, one, two] + mean[:, :, one, None] * mean[:, :, None, two]
        natural[place] = np.moveaxis(share[..., None] * second, 1, 3).reshape(-1, n)
    return partition


def covariances(mean: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Second moments (i, j, row) about the means (row, i): covariances (row, i, j)."""
    return np.moveaxis(second, 2, 0) - mean[:, :, None] * mean[:, None, :]


def differs(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """1 where two values differ, 0 where they agree."""
    return np.not_equal(one, other).astype(float)


def solve_over(
    precision: np.ndarray, linear: np.ndarray, shape: tuple[int, ...], joint: int, held: np.ndarray | None = None
) -> np.ndarray:
    """precision⁻¹ linear where the last `joint` axes of `shape` are solved for together."""
    batch, inner = shape[: len(shape) - joint], shape[len(shape) - joint :]
    size = int(np.prod(inner))
    whole = np.broadcast_to(precision, (*batch, *inner, *inner)).reshape((*batch, size, size))
    kept = None if held is None else held.reshape((*batch, size))
    return solve(whole, np.broadcast_to(linear, shape).reshape((*batch, size)), kept).reshape(shape)


# ---------------------------------------------------------------- posteriors of parameters


def symmetric(matrix: np.ndarray) -> np.ndarray:
    """The symmetric part of (…, d, d)."""
    return (matrix + np.swapaxes(matrix, -1, -2)) / 2


def expected_log(concentration: np.ndarray) -> np.ndarray:
    """E log π under Dirichlet(concentration), the categories last."""
    return digamma(concentration) - digamma(concentration.sum(axis=-1, keepdims=True))


def dirichlet_entropy(concentration: np.ndarray) -> float:
    """Entropies of Dirichlet laws, summed."""
    total = concentration.sum(axis=-1)
    normaliser = gammaln(concentration).sum(axis=-1) - gammaln(total)
    return float(np.sum(normaliser - ((concentration - 1) * expected_log(concentration)).sum(axis=-1)))


def beta_entropy(a: np.ndarray, b: np.ndarray) -> float:
    """Entropies of Beta laws, summed."""
    value = betaln(a, b) - (a - 1) * digamma(a) - (b - 1) * digamma(b) + (a + b - 2) * digamma(a + b)
    return float(np.sum(value))


def power_moment(shape: np.ndarray, rate: np.ndarray, order: float) -> np.ndarray:
    """E u**order for u ~ Gamma(shape, rate); infinite where it does not exist."""
    exists = shape + order > 0
    safe = np.where(exists, shape, 1.0 - order)
    return np.where(exists, np.exp(gammaln(safe + order) - gammaln(safe) - order * np.log(rate)), np.inf)


def gamma_entropy(shape: np.ndarray, rate: np.ndarray, power: float) -> float:
    """Entropies, summed, of v where v**power ~ Gamma(shape, rate)."""
    log_u = digamma(shape) - np.log(rate)
    of_u = shape - np.log(rate) + gammaln(shape) + (1 - shape) * digamma(shape)
    return float(np.sum(of_u - np.log(abs(power)) + (1 / power - 1) * log_u))


def expected_logdet(df: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """E log|Λ| under Wishart(df, scale): (…) from df (…) and scale (…, d, d)."""
    d = scale.shape[-1]
    return multidigamma(df, d) + d * np.log(2) + log_determinant(scale)


def multidigamma(df: np.ndarray, d: int) -> np.ndarray:
    """Σ_i digamma((df − i) / 2), i < d."""
    return digamma((np.asarray(df)[..., None] - np.arange(d)) / 2).sum(axis=-1)


def wishart_entropy(df: np.ndarray, scale: np.ndarray) -> float:
    """Entropies of Wishart(df, scale), summed."""
    d = scale.shape[-1]
    logs = log_determinant(scale)
    value = (d + 1) / 2 * logs + d * (d + 1) / 2 * np.log(2) + multigammaln_array(df / 2, d)
    return float(np.sum(value - (df - d - 1) / 2 * multidigamma(df, d) + df * d / 2))


def inverse_wishart_entropy(df: np.ndarray, scale: np.ndarray) -> float:
    """Entropies of inverse Wishart(df, scale), summed."""
    d = scale.shape[-1]
    logs = log_determinant(scale)
    value = (d + 1) / 2 * logs + multigammaln_array(df / 2, d) + df * d / 2 - d * (d + 1) / 2 * np.log(2)
    return float(np.sum(value - (df + d + 1) / 2 * multidigamma(df, d)))


def multigammaln_array(a: np.ndarray, d: int) -> np.ndarray:
    """log Γ_d(a) for arrays."""
    return d * (d - 1) / 4 * np.log(np.pi) + gammaln(np.asarray(a)[..., None] - np.arange(d) / 2).sum(axis=-1)


def gaussian_entropy(mean: np.ndarray, precision: np.ndarray, joint: int) -> float:
    """Entropies, summed, of Gaussians whose precision has the last `joint` axes of the mean twice, in units of a spread.

    An axis of the mean that the precision lacks repeats it.
    """
    if joint == 0:
        logs = np.log(precision)
        size = precision.size
    else:
        inner = precision.shape[precision.ndim - joint :]
        size = precision.size // int(np.prod(inner))
        batch = precision.shape[: precision.ndim - 2 * joint]
        width = int(np.prod(inner))
        logs = log_determinant(precision.reshape((*batch, width, width)))
    return float(mean.size / 2 * (1 + np.log(2 * np.pi)) - 0.5 * (mean.size // size) * np.sum(logs))


def inverse_over(precision: np.ndarray, joint: int) -> np.ndarray:
    """Inverse of symmetric matrices whose rows and columns are the last `joint` axes each."""
    inner = precision.shape[precision.ndim - joint :]
    batch, width = precision.shape[: precision.ndim - 2 * joint], int(np.prod(inner))
    return inverse(precision.reshape((*batch, width, width))).reshape(precision.shape)


def wishart_mean(df: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """df · scale."""
    return np.asarray(df)[..., None, None] * scale


def wishart_scale(df: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The scale of a Wishart law with this mean."""
    return mean / np.asarray(df)[..., None, None]


def inverse_wishart_mean(df: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """scale / (df − d − 1)."""
    return scale / (np.asarray(df) - scale.shape[-1] - 1)[..., None, None]


def inverse_wishart_scale(df: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """The scale of an inverse Wishart law with this mean."""
    return mean * (np.asarray(df) - mean.shape[-1] - 1)[..., None, None]
