"""Blocks of a joint Gaussian: products, sums onto rows, and the systems that are small or sparse enough at once."""

from __future__ import annotations

import numpy as np
from scipy import sparse

#: (variable, variable, rows of the one, rows of the other, blocks (pair or 1, entry, entry)).
Coupling = tuple[int, int, np.ndarray, np.ndarray, np.ndarray]
#: For each variable in how many plates with weights its rows lie, and how often each row stands there (row,).
Counts = list[tuple[int, np.ndarray]]


def dense_moments(precision: np.ndarray, pull: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """precision⁻¹ pull, precision⁻¹, and what each entry adds to −½ log |precision|, of one positive definite matrix.

    Entries that are not connected add to the determinant of their own part, in whatever order they stand.
    """
    if len(precision) < 400:
        half = np.linalg.inv(np.linalg.cholesky(precision))
        return half.T @ (half @ pull), half.T @ half, np.log(np.diagonal(half))
    # A quarter of the arithmetic, and worth the import only for large ones.
    from scipy.linalg import lapack

    lower, failed = lapack.dpotrf(precision.T, lower=True, clean=False)
    if failed:
        raise np.linalg.LinAlgError("the precision of the joint Gaussian is not positive definite")
    mean = lapack.dpotrs(lower, pull, lower=True)[0]
    log_halves = -np.log(np.diagonal(lower))
    whole = np.tril(lapack.dpotri(lower, lower=True, overwrite_c=True)[0])
    inverse_diagonal = np.diagonal(whole).copy()
    whole += whole.T.copy()
    np.fill_diagonal(whole, inverse_diagonal)
    return mean, whole, log_halves


def sparse_matrix(
    data: list[np.ndarray], at: list[np.ndarray], to: list[np.ndarray], shape: tuple[int, int]
) -> sparse.csr_matrix:
    """The sparse matrix (CSR) of blocks `data` at rows `at` and columns `to`, which broadcast to each other."""

    sizes = [np.broadcast_shapes(rows.shape, columns.shape) for rows, columns in zip(at, to, strict=True)]
    flat = [
        np.concatenate([np.zeros(0, kind), *(np.broadcast_to(p, s).ravel() for p, s in zip(part, sizes, strict=True))])
        for part, kind in ((data, float), (at, int), (to, int))
    ]
    return sparse.csr_matrix((flat[0], (flat[1], flat[2])), shape=shape)


def take_columns(
    block: np.ndarray, rows: np.ndarray, columns: np.ndarray, first: int, last: int, result: np.ndarray
) -> None:
    """Copy to `result` (pair, entry, entry) what lies in columns first to last, which `block` holds."""
    for entry in range(columns.shape[1]):
        here = columns[:, entry]
        where = np.flatnonzero((here >= first) & (here < last))
        result[where, :, entry] = block[rows[where], here[where, None] - first]


def incident_links(v: int, links: list[Coupling]) -> list[tuple[int, np.ndarray, int, np.ndarray, np.ndarray]]:
    """The links of a variable with others, it first: (number, its rows, other variable, other rows, blocks)."""
    found = []
    for number, (a, b, one, two, blocks) in enumerate(links):
        if a == v != b:
            found.append((number, one, b, two, blocks))
        elif b == v != a:
            found.append((number, two, a, one, turned_blocks(blocks)))
    return found


def few_new_links(v: int, linear: list[np.ndarray], links: list[Coupling], chain: list[int]) -> bool:
    """Whether eliminating a variable's rows couples few rows that were not coupled, and leaves the chain a chain."""
    around = incident_links(v, links)
    n, pairs = len(linear[v]), sum(len(link[1]) for link in around)
    degree = np.sum([np.bincount(rows, minlength=n) for _, rows, _, _, _ in around], axis=0) if around else np.zeros(n)
    if float((degree * (degree - 1.0)).sum()) > 4.0 * pairs:
        return False
    ends = [(rows, others) for _, rows, w, others, _ in around if w in chain]
    for number, (rows, others) in enumerate(ends):
        for more, those in ends[number:]:
            i, j = joined_rows(rows, more, n)
            if np.any(np.abs(others[i] - those[j]) > 1):
                return False
    return True


def chain_group(linear: list[np.ndarray], links: list[Coupling]) -> list[int]:
    """Variables that make up chains: row r is coupled, among them, with rows r − 1, r and r + 1 only."""
    near = {(v, w): bool(np.all(np.abs(one - two) <= 1)) for v, w, one, two, _ in links}
    for v, w in near:
        if v != w or not near[v, w]:
            continue
        group, n = [v], len(linear[v])
        while True:
            linked = {z for pair in near for z in pair if set(pair) & set(group)} - set(group)
            more = [
                z
                for z in sorted(linked)
                if len(linear[z]) == n
                and all(good for pair, good in near.items() if z in pair and (set(pair) <= {*group, z}))
            ]
            if not more:
                return sorted(group)
            group.append(more[0])
    return []


def rows_log_partition(half: np.ndarray, white: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """Σ_rows ½|u|², and Σ_rows ½ d log 2π + log |W|, for whitened linear terms u (row, entry) and inverse factors W."""
    if counts is not None:
        logs = np.log(np.diagonal(half, axis1=1, axis2=2)).sum(axis=1)
        peaks, volumes = 0.5 * (white * white).sum(axis=1), 0.5 * np.log(2 * np.pi) * white.shape[1] + logs
        return np.array([counts @ peaks, counts @ np.broadcast_to(volumes, counts.shape)])
    log_halves = np.log(np.diagonal(half, axis1=1, axis2=2)).sum() * (len(white) if len(half) == 1 else 1)
    return np.array([0.5 * (white * white).sum(), 0.5 * np.log(2 * np.pi) * white.size + log_halves])


def entries_log_partition(
    pull: np.ndarray, mean: np.ndarray, log_halves: np.ndarray, counts: np.ndarray | None = None
) -> np.ndarray:
    """½ hᵀx and ½ log |2πP⁻¹| of x = P⁻¹h, from what each entry (entry,) adds to log |W|, as often as it counts."""
    parts = np.array([0.5 * pull * mean, 0.5 * np.log(2 * np.pi) + log_halves])
    return parts.sum(axis=1) if counts is None else parts @ counts


def entry_counts(linear: list[np.ndarray], counts: Counts) -> np.ndarray:
    """How often each entry of all variables, one after the other, stands there."""
    return np.concatenate([np.repeat(often, h.shape[1]) for h, (_, often) in zip(linear, counts)])


def pair_counts(counts: Counts, v: int, one: np.ndarray, w: int, two: np.ndarray) -> np.ndarray:
    """How often pairs of rows stand there, as often as the row in more plates: (pair,)."""
    return counts[v][1][one] if counts[v][0] >= counts[w][0] else counts[w][1][two]


def scattered_blocks(values: np.ndarray, rows: np.ndarray, n: int) -> np.ndarray:
    """Sums over the values (pair, …) that go to the same row: (row, …)."""
    if len(rows) == n and np.array_equal(rows, np.arange(n)):
        return values
    shape = (len(rows), *values.shape[1:])
    columns = np.broadcast_to(values, shape).reshape(len(rows), int(np.prod(shape[1:])))
    result = np.empty((n, columns.shape[1]))
    for column in range(columns.shape[1]):
        result[:, column] = np.bincount(rows, columns[:, column], n)
    return result.reshape((n, *shape[1:]))


def joined_rows(one: np.ndarray, two: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """All positions (i, j) with one[i] == two[j], where both hold numbers below n."""
    if len(one) == len(two) == n and np.array_equal(one, np.arange(n)) and np.array_equal(two, one):
        return one, two
    counts = np.bincount(two, minlength=n)
    repeats = counts[one]
    left = np.repeat(np.arange(len(one)), repeats)
    inside = np.arange(len(left)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    begin = np.cumsum(counts) - counts
    return left, np.argsort(two, kind="stable")[begin[one][left] + inside]


def chosen_blocks(values: np.ndarray, rows: np.ndarray | slice) -> np.ndarray:
    """values[rows], where one value may stand for all rows."""
    return values if len(values) == 1 else values[rows]


def block_products(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Products of matrices (row, entry, entry); where they are many and small, by arithmetic on whole rows."""
    n, i, j, k = max(len(one), len(two)), *one.shape[1:], two.shape[2]
    if j == 1:
        return one * two
    if n < 32 or max(i, j, k) > 5:
        return one @ two
    result = np.empty((i, k, n))
    np.einsum("ijn,jkn->ikn", np.moveaxis(one, 0, 2), np.moveaxis(two, 0, 2), out=result)
    return np.moveaxis(result, 2, 0)


def turned_blocks(blocks: np.ndarray) -> np.ndarray:
    """The transposes of (row, entry, entry)."""
    return np.swapaxes(blocks, 1, 2)
