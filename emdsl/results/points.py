"""Points that stand for the law of one latent: weights and values at which what depends on it is averaged.

    E f(x) ≈ Σ_i w_i f(x_i)

Discrete latents have their states. Real ones have their mean + the root of their covariance times the nodes of a
standard normal law (`emdsl.results.normal_nodes`). Positive ones with a Gamma law have the nodes of its Gauss
quadrature in f(x) x², exact from x⁻² to x²; so have their inverses. Two rules (`finer`) that differ tell that f is none
of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from emdsl.errors import DataError
from emdsl.results.normal_nodes import normal_nodes

Array = np.ndarray[Any, Any]

#: Families whose latents have Gamma laws after the data too, and those whose inverses have.
GAMMA, INVERSE = ("Gamma", "Exponential"), ("InvGamma",)


def points(
    statistics: Mapping[str, Array], entries: tuple[Array, ...], family: str | None, finer: bool, bent: int = 0
) -> Iterator[tuple[Array | float, Array | float]]:
    """Shares and values of one latent at each row. `family`: of a latent that is positive or in the unit interval.

    `bent`: as of `normal_nodes`.
    """
    if "probabilities" in statistics:
        probabilities = statistics["probabilities"][entries]
        for state in range(probabilities.shape[-1]):
            if np.any(probabilities[..., state] > 0):
                yield probabilities[..., state], float(state)
        return
    mean = statistics["mean"][entries]
    if "cov" in statistics:
        values, vectors = np.linalg.eigh(statistics["cov"][entries])
        root = vectors * np.sqrt(np.maximum(values, 0.0))[..., None, :]
        for weight, node in normal_nodes(mean.shape[-1], bent):
            yield weight, mean + root @ node
    elif "var" in statistics:
        var = np.maximum(statistics["var"][entries], 0.0)
        if family in GAMMA:
            yield from _gamma(mean**2 / np.maximum(var, 1e-12 * mean**2), mean, 3 + finer)
            return
        if family in INVERSE:
            shape = 2 + mean**2 / np.maximum(var, 1e-12 * mean**2)
            for share, value in _gamma(shape, shape / (mean * (shape - 1)), 3 + finer):
                yield share, 1 / value
            return
        if finer and family is not None:  # a skewed rule has the same mean and variance
            nodes = iter([(0.4, np.array([np.sqrt(1.5)])), (0.6, np.array([-np.sqrt(2 / 3)]))])
        else:
            nodes = normal_nodes(1, bent)
        for weight, node in nodes:
            yield weight, mean + np.sqrt(var) * node[0]
    else:
        raise DataError("a latent without a variance cannot be pushed through the law of what is observed")


def _gamma(shape: Array, mean: Array, count: int) -> Iterator[tuple[Array, Array]]:
    """Nodes of the Gauss quadrature of f(x) xʳ under Gamma(shape − r): r is 2, or as much as leaves it a law."""
    lower = np.where(shape > 2, 2.0, np.where(shape > 1, 1.0, 0.0))
    rest, order = shape - lower, np.arange(count)
    matrix = np.zeros((*shape.shape, count, count))
    matrix[..., order, order] = 2 * order + rest[..., None]
    beside = np.sqrt(order[1:] * (order[1:] + rest[..., None] - 1))
    matrix[..., order[1:], order[:-1]] = matrix[..., order[:-1], order[1:]] = beside
    nodes, vectors = np.linalg.eigh(matrix)
    norm = np.where(lower > 1, rest * (rest + 1), np.where(lower > 0, rest, 1.0))
    for place in order:
        node = nodes[..., place]
        yield vectors[..., 0, place] ** 2 * node**lower / norm, node * mean / shape
