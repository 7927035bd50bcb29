"""Expected statistics of one row's latents, from its natural parameters, in place.

discrete: softmax        Gaussian: mean P⁻¹h, covariance P⁻¹        Gaussian under discrete: both
"""

from __future__ import annotations

import numpy as np

from emdsl.runtime.carried.matrices import inverse, log_determinant


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
    and for each pair the quadratic ones, state by state. values: (state or 1, row, entry), NaN where not known; rows
    that know the same entries go together. `shared`: the quadratic terms are the same in every row. `hard`: all weight
    on the most probable state. Returns the log partitions.
    """
    _, n, size = values.shape
    linear, quadratic = np.zeros((states, size, n)), np.zeros((states, size, size, 1 if shared else n))
    for place, entries in singles:
        linear[:, entries] += natural[place].reshape(states, -1, n)
    for place, one, two in pairs:
        extent = (states, one.stop - one.start, two.stop - two.start, n)
        quadratic[:, one, two] += natural[place].reshape(extent)[..., : quadratic.shape[-1]]
    if shared and states == 1 and not has_logits and np.all(np.isnan(values)):
        return shared_gaussian_rows(
            natural, singles, pairs, linear[0], -(quadratic + np.swapaxes(quadratic, 1, 2))[0, ..., 0]
        )
    linear, precision = np.moveaxis(linear, 1, 2), -np.moveaxis(quadratic + np.swapaxes(quadratic, 1, 2), 3, 1)
    mean, covariance, partition = conditioned_rows(linear, precision, values)
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


def shared_gaussian_rows(
    natural: np.ndarray,
    singles: list[tuple[slice, slice]],
    pairs: list[tuple[slice, slice, slice]],
    linear: np.ndarray,
    precision: np.ndarray,
) -> np.ndarray:
    """As `gaussian_rows`, where nothing is known and all rows have one precision: linear (entry, row)."""
    spread = inverse(precision)
    mean = spread @ linear
    for place, entries in singles:
        natural[place] = mean[entries]
    for place, one, two in pairs:
        second = mean[one, None, :] * mean[None, two, :]
        second += spread[one, two, None]
        natural[place] = second.reshape(-1, mean.shape[1])
    log_volume = len(precision) * np.log(2 * np.pi) - log_determinant(precision)
    return 0.5 * (np.einsum("ln,ln->n", linear, mean) + log_volume)


def covariances(mean: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Second moments (i, j, row) about the means (row, i): covariances (row, i, j)."""
    return np.moveaxis(second, 2, 0) - mean[:, :, None] * mean[:, None, :]


def conditioned_rows(
    linear: np.ndarray, precision: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Means, covariances and log partitions of a vector in every (state, row), given what is known of it.

    linear: (state, row, d). precision: (state, row or 1, d, d). values: (state or 1, row, d), NaN where not known; rows
    that know the same entries go together.
    """
    states, n, size = linear.shape
    mean, covariance = np.zeros(linear.shape), np.zeros((states, n, size, size))
    partition = np.zeros((states, n))
    patterns, which = np.unique(~np.isnan(values[0]), axis=0, return_inverse=True)
    for number, pattern in enumerate(patterns):
        rows, known, free = np.flatnonzero(np.ravel(which) == number), np.flatnonzero(pattern), np.flatnonzero(~pattern)
        p, h = precision if precision.shape[1] == 1 else precision[:, rows], linear[:, rows]
        if known.size:
            v = np.broadcast_to(values[:, rows[:, None], known], (states, rows.size, known.size))
            pull = (p[..., known] @ v[..., None])[..., 0]
            partition[:, rows] += ((h[..., known] - 0.5 * pull[..., known]) * v).sum(axis=-1)
            mean[:, rows[:, None], known] = v
            h = h - pull
        if free.size:
            p, h = p[..., free[:, None], free], h[..., free]
            spread = inverse(p)
            centre = (spread @ h[..., None])[..., 0]
            log_volume = free.size * np.log(2 * np.pi) - log_determinant(p)
            partition[:, rows] += 0.5 * ((h * centre).sum(axis=-1) + log_volume)
            mean[:, rows[:, None], free] = centre
            covariance[:, rows[:, None, None], free[:, None], free] = spread
    return mean, covariance, partition
