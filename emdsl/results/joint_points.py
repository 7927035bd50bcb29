"""Points that stand for the joint normal law of several entries of real latents, at each row.

E[x | u = a] = E[x] + cov(x, u) var(u)⁻¹ (a − E[u])        moving the entries u one by one tells cov(x, u)
Σ_i w_i f(m + R u_i),  R Rᵀ = V        u_i: nodes of a standard normal law of all coordinates
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from emdsl.results.normal_nodes import normal_nodes

Array = np.ndarray[Any, Any]
Statistics = dict[str, Array]
#: A latent, and its entry at each row.
Place = tuple[str, tuple[Array, ...]]


def joint_points(
    places: Sequence[Place],
    settled: Mapping[str, Array],
    posterior: Mapping[str, Statistics],
    infer: Callable[[Mapping[str, Array]], Mapping[str, Statistics]],
    bent: int = 0,
) -> Iterator[tuple[float, dict[str, Array]]]:
    """Shares, and the latents with the values of the places there and those of `settled` elsewhere.

    `infer`: the posteriors where the values of such arrays are known that are not NaN. `bent`: as of `normal_nodes`.
    """
    centre = _means(places, posterior)
    count, ends = len(centre), np.cumsum([0, *(_width(place, posterior) for place in places)])

    def labels(values: Array, moved: Sequence[int]) -> dict[str, Array]:
        arrays = {name: np.array(settled[name]) for name, _ in places}
        for number in moved:
            name, entries = places[number]
            own = values[:, ends[number] : ends[number + 1]]
            arrays[name][entries] = own.reshape(arrays[name][entries].shape)
        return arrays

    spread = np.zeros((count, ends[-1], ends[-1]))
    for number, (name, entries) in enumerate(places):
        statistics, own = posterior[name], np.arange(ends[number], ends[number + 1])
        square = (count, len(own), len(own))
        variance = np.reshape(statistics["cov" if "cov" in statistics else "var"][entries], square)
        step = np.sqrt(np.maximum(np.diagonal(variance, axis1=1, axis2=2), 0.0))
        step = np.where(step > 0, step, 1.0)
        slopes = np.zeros((count, ends[-1], len(own)))
        for coordinate, at in enumerate(own):
            moved = centre + step[:, coordinate, None] * (np.arange(ends[-1]) == at)
            shift = _means(places, infer(labels(moved, [number]))) - centre
            slopes[:, :, coordinate] = shift / step[:, coordinate, None]
        spread[:, :, own] = slopes @ variance
    values, vectors = np.linalg.eigh((spread + np.swapaxes(spread, 1, 2)) / 2)
    root = vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :]
    for share, node in normal_nodes(int(ends[-1]), bent):
        yield share, labels(centre + root @ node, range(len(places)))


def _means(places: Sequence[Place], found: Mapping[str, Statistics]) -> Array:
    count = len(places[0][1][0])
    return np.concatenate([found[name]["mean"][entries].reshape(count, -1) for name, entries in places], axis=1)


def _width(place: Place, found: Mapping[str, Statistics]) -> int:
    name, entries = place
    return int(np.prod(np.shape(found[name]["mean"])[len(entries) :]))
