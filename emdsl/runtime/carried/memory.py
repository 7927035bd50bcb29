"""Where the numbers of sweeps over time stand: in the order in which they are read, from the start of a cache line."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def aligned(numbers: int) -> np.ndarray:
    """As `np.empty`, but the first number begins a cache line: what lies across two takes twice as long to read."""
    room = np.empty(numbers + 8)
    first = -room.ctypes.data % 64 // 8
    return room[first : first + numbers]


class Memory:
    """A long array for whoever needs one next: the system takes about as long to hand out another as it takes to fill.

    What is taken may be given back once nothing reads it; it is never in two hands.
    """

    def __init__(self, numbers: int) -> None:
        self.rooms = [aligned(numbers)]

    def take(self, numbers: int) -> np.ndarray:
        """As `aligned`."""
        room = self.rooms.pop() if self.rooms else None
        return aligned(numbers) if room is None or len(room) < numbers else room[:numbers]

    def give(self, room: np.ndarray) -> None:
        """One is kept."""
        self.rooms[:] = [room]


class StepColumns:
    """Columns of lanes, step after step, so that sweeps read memory in its order: each (column, lane) in one piece.

    counts: the lanes at each step, never more than at the step before. width: how many columns.
    """

    def __init__(self, counts: Sequence[int], width: int) -> None:
        self.counts, self.width = counts, width
        self.places: list[int] = np.cumsum([0, *counts]).tolist()
        self.packed = aligned(self.places[-1] * width)

    def during(self, first: int, last: int) -> np.ndarray:
        """Those of steps with equally many lanes: (step, column, lane)."""
        flat = self.packed[self.places[first] * self.width : self.places[last] * self.width]
        return flat.reshape(last - first, self.width, self.counts[first])

    def __getitem__(self, step: int) -> np.ndarray:
        return self.during(step, step + 1)[0]
