"""Symmetric positive definite matrices by Cholesky factors, and linear systems with held entries."""

from __future__ import annotations

import numpy as np

from emdsl.runtime.carried.degeneracy import DegenerateError
from emdsl.runtime.carried.probabilities import collapse_message


def inverse(matrix: np.ndarray) -> np.ndarray:
    """Inverse of symmetric positive definite matrices, (…, d, d), by Cholesky factors."""
    half = np.linalg.inv(np.linalg.cholesky(matrix))
    return np.swapaxes(half, -1, -2) @ half


def log_determinant(matrix: np.ndarray) -> np.ndarray:
    """log |matrix| of symmetric positive definite matrices, (…, d, d)."""
    return 2.0 * np.log(np.diagonal(np.linalg.cholesky(matrix), axis1=-2, axis2=-1)).sum(axis=-1)


def inverse_over(precision: np.ndarray, joint: int) -> np.ndarray:
    """Inverse of symmetric matrices whose rows and columns are the last `joint` axes each."""
    inner = precision.shape[precision.ndim - joint :]
    batch, width = precision.shape[: precision.ndim - 2 * joint], int(np.prod(inner))
    return inverse(precision.reshape((*batch, width, width))).reshape(precision.shape)


def symmetric(matrix: np.ndarray) -> np.ndarray:
    """The symmetric part of (…, d, d)."""
    return (matrix + np.swapaxes(matrix, -1, -2)) / 2


def solve(precision: np.ndarray, linear: np.ndarray, held: np.ndarray | None = None) -> np.ndarray:
    """precision⁻¹ linear for (…, j, j) or (j, j), and (…, j); least norm where the precision is singular.

    held: (…, j) values of entries that are not free, NaN for those that are.
    """
    if held is not None:
        held = np.broadcast_to(held, np.broadcast_shapes(linear.shape, held.shape))
        kept = ~np.isnan(held)
        linear = linear - (precision @ np.where(kept, held, 0.0)[..., None])[..., 0]
        linear = np.where(kept, held, linear)
        free = ~kept[..., :, None] & ~kept[..., None, :]
        precision = np.where(free, precision, np.where(kept[..., :, None], np.eye(linear.shape[-1]), 0.0))
    diagonal = np.diagonal(precision, axis1=-2, axis2=-1)
    scale = np.sqrt(np.where(diagonal > 1e-300, diagonal, 1.0))
    scaled = precision / (scale[..., :, None] * scale[..., None, :])
    target = linear / scale
    try:
        pivots = np.diagonal(np.linalg.cholesky(scaled), axis1=-2, axis2=-1) ** 2
        if np.min(pivots, initial=1.0) < 1e-13:  # singular but for rounding
            raise np.linalg.LinAlgError
        if scaled.ndim == 2:  # one system for all linear terms
            return np.linalg.solve(scaled, target.reshape(-1, len(scaled)).T).T.reshape(target.shape) / scale
        return np.linalg.solve(scaled, target[..., None])[..., 0] / scale
    except np.linalg.LinAlgError:
        solution = (np.linalg.pinv(scaled, 1e-12, hermitian=True) @ target[..., None])[..., 0]
        told = np.abs(solution) > 1e-15 * np.max(np.abs(solution), axis=-1, keepdims=True, initial=0.0)
        return np.where(told, solution, 0.0) / scale  # rounding over a scale of almost nothing is no solution


def solve_over(
    precision: np.ndarray, linear: np.ndarray, shape: tuple[int, ...], joint: int, held: np.ndarray | None = None
) -> np.ndarray:
    """precision⁻¹ linear where the last `joint` axes of `shape` are solved for together."""
    batch, inner = shape[: len(shape) - joint], shape[len(shape) - joint :]
    size = int(np.prod(inner))
    whole = np.broadcast_to(precision, (*batch, *inner, *inner)).reshape((*batch, size, size))
    kept = None if held is None else held.reshape((*batch, size))
    return solve(whole, np.broadcast_to(linear, shape).reshape((*batch, size)), kept).reshape(shape)


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
    varying = any(
        np.ndim(block) > len(one) + len(two)
        for one, row in zip(shapes, precision, strict=True)
        for two, block in zip(shapes, row, strict=True)
    )
    systems = batch if varying else ()
    rows = [
        [
            np.broadcast_to(block, systems + one + two).reshape((*systems, v, w))
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


def covariance(scatter: np.ndarray, count: np.ndarray, name: str) -> np.ndarray:
    """scatter / count, (…, d, d), symmetric and positive definite; an empty component gets the pooled one.

    A component is empty where nothing counts and its scatter is singular; one that a prior adds to the scatter of has
    a precision that goes to 0. The identity where nothing was counted at all: any value would be as likely.
    """
    if not (np.any(count) or np.any(scatter)):
        return np.broadcast_to(np.eye(scatter.shape[-1]), scatter.shape)
    count = np.asarray(count, dtype=float)[..., None, None]
    scatter, count = (scatter + np.swapaxes(scatter, -1, -2)) / 2, np.broadcast_to(count, scatter.shape)
    if np.any(negative := count[..., 0, 0] < -1e-12 * np.max(np.abs(count))):
        raise DegenerateError(collapse_message(name, negative))
    axes = tuple(range(scatter.ndim - 2))
    pooled = scatter.sum(axis=axes) / max(float(count[..., 0, 0].sum()), 1e-300)
    empty = count <= 1e-12 * float(np.max(count))
    if np.any(empty):
        diagonal = np.diagonal(scatter, axis1=-2, axis2=-1)
        told = np.all(diagonal > 1e-12 * np.max(diagonal), axis=-1) & (smallest_correlation(scatter) > 1e-13)
        empty = empty & ~told[..., None, None]
    value = np.where(empty, pooled, scatter / np.where(empty, 1.0, np.maximum(count, 1e-200)))
    small = np.diagonal(value, axis1=-2, axis2=-1) <= 1e-14 * np.maximum(np.diagonal(pooled), 0.0)
    bad = (smallest_correlation(value) <= 1e-13) | small.any(axis=-1)
    if np.any(bad):
        where = tuple(int(index) for index in np.argwhere(bad)[0])
        raise DegenerateError(
            f"`{name}` is singular at {where}: too few rows, or columns that depend on each other; "
            "use fewer components, tie it over the plate, or give it a prior"
        )
    return value


def smallest_correlation(matrix: np.ndarray) -> np.ndarray:
    """The smallest eigenvalue of a symmetric matrix (…, d, d) scaled to a unit diagonal; −1 where it is not finite."""
    scale = np.sqrt(np.maximum(np.diagonal(matrix, axis1=-2, axis2=-1), 1e-300))
    unit = matrix / (scale[..., :, None] * scale[..., None, :])
    if not np.all(np.isfinite(unit)):
        return np.full(matrix.shape[:-2], -1.0)
    return np.asarray(np.linalg.eigvalsh(unit)[..., 0])


def unit_vector(size: int, place: int) -> np.ndarray:
    """1 at one place, zeros elsewhere."""
    result = np.zeros(size)
    result[place] = 1.0
    return result
