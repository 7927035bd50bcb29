"""Anderson's extrapolation of a fixed-point iteration: a secant step for f(u) = M(u) - u = 0.

    u' = M(u) - ΔM γ,   γ = arg min ‖f - ΔF γ‖

ΔM and ΔF hold the last differences of M(u) and of f as columns: what M makes of each direction that was taken is
learnt, so that the slow directions of EM are left behind. u are unconstrained coordinates, so that u' is always a valid
parameter; f is measured on the parameters themselves, each relative to the scale of its array, where an entry that
nears the edge of its support ceases to count. Directions that the columns share but for rounding are left out.
[HendersonVaradhan2019]
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from emdsl.runtime.coordinates import Array, Coordinates, Params

#: Differences that are kept, and the share of the largest singular value below which a direction is left out.
MOST, SHARED = 10, 1e-8
#: Entries on their way to the edge of their support, by their share of the largest: EM alone moves them.
EDGE = 1e-8


@dataclass(frozen=True)
class _Point:
    """M(u), and how far the parameters went."""

    there: Array
    way: Array


@dataclass
class Secants:
    """The last points of one run, as long as they tell of the next step."""

    coordinates: Coordinates | None = None
    points: list[_Point] = field(default_factory=list)

    def forget(self) -> None:
        """Begin again, as after a step that failed."""
        self.points = []

    def extrapolate(self, params: Params, updated: Params, supports: Mapping[str, str]) -> Params | None:
        """The point ahead of `params`, of which EM makes `updated`; None while there are no differences."""
        held = {name: (params[name] == value) | _at_edge(value, supports.get(name)) for name, value in updated.items()}
        coordinates = Coordinates.of(updated, supports, held)
        if self.coordinates is None or not self.coordinates.alike(coordinates):
            self.forget()
        self.coordinates = coordinates
        try:
            with np.errstate(all="ignore"):
                there = coordinates.pack(updated)
        except np.linalg.LinAlgError:
            there = np.array([np.nan])
        if not np.isfinite(there).all():
            self.forget()
            return None
        way = np.concatenate([np.ravel(updated[name] - old) for name, old in params.items()])
        self.points = [*self.points[-MOST:], _Point(there, way)]
        if len(self.points) < 2:
            return None
        changes = np.diff(np.stack([point.way for point in self.points], axis=1), axis=1)
        moves = np.diff(np.stack([point.there for point in self.points], axis=1), axis=1)
        scale = np.concatenate([np.full(old.size, 1 + np.max(np.abs(old), initial=0.0)) for old in params.values()])
        shares = np.linalg.lstsq(changes / scale[:, None], way / scale, rcond=SHARED)[0]
        with np.errstate(all="ignore"):
            return coordinates.unpack(there - moves @ shares)


def _at_edge(value: Array, support: str | None) -> Array:
    low = value <= EDGE * np.max(value, initial=0.0)
    match support:
        case "positive" | "simplex":
            return np.asarray(low)
        case "unit":
            return np.asarray(low | (1 - value <= EDGE))
    return np.zeros(np.shape(value), dtype=bool)
