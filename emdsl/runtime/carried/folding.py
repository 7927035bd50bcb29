"""Sweeps whose latents are Gaussian with one precision for all rows: sums over rows are functions of Σ T Tᵀ.

The mean of a row is C A T, with C the covariance and A T the linear terms of its features T. So
Σ E[f] Tᵀ = C A Σ T Tᵀ, Σ E[f fᵀ] = n C + C A Σ T Tᵀ Aᵀ C, and no iteration needs the rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from emdsl.runtime.carried.matrices import inverse, log_determinant
from emdsl.runtime.carried.sweeps import in_lanes


def sum_products(
    write_features: Callable[[slice, int, np.ndarray], None],
    natural: np.ndarray,
    expect: Callable[[np.ndarray, slice], np.ndarray],
    n_rows: int,
    repeats: int = 1,
    weights: np.ndarray | None = None,
) -> np.ndarray | None:
    """Σ_rows T Tᵀ of the features T of a sweep; None where nothing counts or the data are smaller than that."""
    width = natural.shape[2]
    if width > n_rows * repeats:
        return None

    def lane(first: int, last: int, block: int) -> np.ndarray:
        features, products = np.ones((width, block * repeats)), np.zeros((width, width))
        for start in range(first, last, block):
            rows = slice(start, min(start + block, last))
            f = features[:, : (rows.stop - rows.start) * repeats]
            write_features(rows, 0, f)
            products += f @ f.T if weights is None else (f * weights[rows].reshape(-1)) @ f.T
        return products

    products = np.sum(in_lanes(lane, n_rows, repeats, width), axis=0)
    return products if products[0, 0] > 0 else None


def about_points(
    products: np.ndarray,
    change: np.ndarray,
    write_features: Callable[[slice, int, np.ndarray], None],
    natural: np.ndarray,
    expect: Callable[[np.ndarray, slice], np.ndarray],
    n_rows: int,
    repeats: int = 1,
    weights: np.ndarray | None = None,
) -> np.ndarray | None:
    """Σ_rows T Tᵀ about other reference points, where the features of every row are T + change T.

    Summed anew where the points have moved by more than ten times what the features extend: digits would cancel.
    """
    moved = np.flatnonzero(change.any(axis=0))
    part = change[:, moved]
    step = part @ products[moved]
    result = products + step + step.T + part @ products[np.ix_(moved, moved)] @ part.T
    extent = np.sqrt(np.diagonal(products))
    if np.any((extent + np.abs(part) @ extent[moved]) ** 2 > 100.0 * np.diagonal(result)):
        return sum_products(write_features, natural, expect, n_rows, repeats, weights)
    return result


def shifted(natural: np.ndarray, start: dict[str, np.ndarray] | None, block: str) -> np.ndarray:
    """The natural parameters of a block, moved by its start if it has one."""
    return natural + start[block] if start and block in start else natural


def folded_gaussian(
    products: np.ndarray,
    natural: np.ndarray,
    singles: list[tuple[slice, slice]],
    pairs: list[tuple[slice, slice, slice]],
) -> tuple[np.ndarray, float]:
    """What `sweep` gives with `gaussian_rows`, out of products Σ_rows T Tᵀ; the first feature is 1.

    natural: (1, statistic, feature), with singles and pairs as in `gaussian_rows`; the quadratic terms multiply
    features that are the same in every row, and only there the sums of pairs are filled in.
    """
    size = max(entries.stop for _, entries in singles + [(one, two) for _, one, two in pairs])
    constant = products[0] / products[0, 0]
    linear, quadratic = np.zeros((size, len(products))), np.zeros((size, size))
    for place, entries in singles:
        linear[entries] += natural[0, place]
    for place, one, two in pairs:
        quadratic[one, two] += (natural[0, place] @ constant).reshape(one.stop - one.start, -1)
    precision = -(quadratic + quadratic.T)
    covariance = inverse(precision)
    project = covariance @ linear
    mean = project @ products
    second = products[0, 0] * covariance + mean @ project.T
    sums = np.zeros(natural.shape)
    for place, entries in singles:
        sums[0, place] = mean[entries]
    for place, one, two in pairs:
        sums[0, place] = second[one, two].reshape(-1, 1) * constant
    log_volume = size * np.log(2 * np.pi) - log_determinant(precision)
    return sums, 0.5 * float(np.sum(linear * mean) + products[0, 0] * log_volume)
