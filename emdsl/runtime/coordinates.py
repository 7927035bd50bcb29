"""Parameters as one vector of unconstrained coordinates, and back.

    real      u = x                     simplex   u_i = log(p_i / p_r), r the largest free entry (additive log-ratio)
    positive  u = log x                 cov       u = lower Cholesky factor, its diagonal as logarithms
    unit      u = log(x / (1 - x))

Entries that are held, and entries on the boundary of their support, are left out and come back as they were; the free
entries of a simplex share what the held ones leave.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit, logit

Array = np.ndarray[Any, Any]
Params = dict[str, Array]


@dataclass(frozen=True)
class Chart:
    """The coordinates of one parameter: `free` marks those coordinates that move, in the shape of the parameter."""

    kind: str
    base: Array
    held: Array
    free: Array

    def coordinates(self, value: Array) -> Array:
        """All coordinates of `value`, in its shape; those that are not free hold no information."""
        match self.kind:
            case "positive":
                return np.log(np.where(self.free, value, 1.0))
            case "unit":
                return np.asarray(logit(np.where(self.free, value, 0.5)))
            case "simplex":
                logs = np.log(np.where(value > 0, value, 1.0))
                return np.asarray(logs - np.take_along_axis(logs, _largest(self.base, self.held), axis=-1))
            case "cov":
                factor = np.linalg.cholesky(value)
                diagonal = np.eye(value.shape[-1], dtype=bool)
                return np.where(diagonal, np.log(np.where(diagonal, factor, 1.0)), factor)
        return value

    def value(self, coordinates: Array) -> Array:
        """The parameter at `coordinates`; held entries exactly as in `base`."""
        return np.where(self.held, self.base, self._value(coordinates))

    def _value(self, coordinates: Array) -> Array:
        match self.kind:
            case "positive":
                return np.exp(coordinates)
            case "unit":
                return np.asarray(expit(coordinates))
            case "simplex":
                share = np.where(self.held, 0.0, np.exp(np.where(self.held, 0.0, coordinates)))
                rest = 1 - np.where(self.held, self.base, 0.0).sum(axis=-1, keepdims=True)
                total = share.sum(axis=-1, keepdims=True)
                return np.asarray(share / np.where(total > 0, total, 1.0) * rest)
            case "cov":
                diagonal = np.eye(coordinates.shape[-1], dtype=bool)
                logs = np.where(diagonal, coordinates, 0.0)
                factor = np.where(diagonal, np.exp(logs), np.tril(coordinates))
                return factor @ np.swapaxes(factor, -2, -1)
        return coordinates


@dataclass(frozen=True)
class Coordinates:
    """A chart for each parameter."""

    charts: Mapping[str, Chart]

    @classmethod
    def of(cls, params: Mapping[str, Array], supports: Mapping[str, str], held: Mapping[str, Array]) -> Coordinates:
        """Charts around `params`; `held` marks entries, by parameter, that keep their value."""
        return cls(
            {
                name: _chart(np.asarray(value, dtype=np.float64), supports.get(name, "real"), held.get(name))
                for name, value in params.items()
            }
        )

    @property
    def size(self) -> int:
        """Number of free coordinates."""
        return sum(int(chart.free.sum()) for chart in self.charts.values())

    @property
    def labels(self) -> list[str]:
        """The entry of a parameter that each free coordinate moves: `rate[1]`."""
        return [
            f"{name}[{', '.join(str(int(i)) for i in place)}]" if len(place) else name
            for name, chart in self.charts.items()
            for place in np.argwhere(chart.free)
        ]

    def alike(self, other: Coordinates) -> bool:
        """Whether the same entries are free, so that vectors of both may be compared."""
        return all(np.array_equal(chart.free, other.charts[name].free) for name, chart in self.charts.items())

    def pack(self, params: Mapping[str, Array]) -> Array:
        """The free coordinates of `params` as one vector."""
        parts = [
            chart.coordinates(np.asarray(params[name], dtype=np.float64))[chart.free]
            for name, chart in self.charts.items()
        ]
        return np.concatenate(parts) if parts else np.empty(0)

    def unpack(self, vector: Array) -> Params:
        """Parameters at a vector of free coordinates."""
        result, start = {}, 0
        for name, chart in self.charts.items():
            count = int(chart.free.sum())
            if not count:
                result[name] = chart.base
                continue
            coordinates = np.array(chart.coordinates(chart.base))
            coordinates[chart.free] = vector[start : start + count]
            start += count
            result[name] = chart.value(coordinates)
        return result


def _chart(base: Array, kind: str, held: Array | None) -> Chart:
    held = np.zeros(base.shape, dtype=bool) if held is None else np.broadcast_to(held, base.shape)
    match kind:
        case "positive":
            held = held | ~(base > 0)
            free = ~held
        case "unit":
            held = held | ~((base > 0) & (base < 1))
            free = ~held
        case "simplex":
            held = held | ~(base > 0)
            free = ~held
            np.put_along_axis(free, _largest(base, held), False, axis=-1)
        case "cov":
            whole = held.all(axis=(-2, -1), keepdims=True)
            free = np.tril(np.ones(base.shape, dtype=bool)) & ~whole
        case _:
            free = ~held
    return Chart(kind, base, held, free)


def _largest(base: Array, held: Array) -> Array:
    """Position of the largest free entry of each simplex."""
    return np.asarray(np.argmax(np.where(held, -1.0, base), axis=-1)[..., None])
