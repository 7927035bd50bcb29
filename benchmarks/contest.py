"""One comparison: an iteration of the emitted module beside an iteration of a peer."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np

import emdsl

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Contest:
    """`ours` and `theirs` each do one iteration from the same start and return the parameters that it gives."""

    name: str
    peer: str  # the distribution's name on the package index
    ours: Callable[[], Arrays]
    theirs: Callable[[], Arrays]
    tolerance: float = 1e-6  # of the parameters, relative to their largest entry


@dataclass(frozen=True)
class Result:
    """Best times of one iteration, in seconds, and the largest difference between the two answers."""

    ours: float
    theirs: float
    difference: float

    @property
    def ratio(self) -> float:
        """How many iterations of ours fit into one of theirs."""
        return self.theirs / self.ours


def emitted(text: str, method: str = "em", **constants: float) -> SimpleNamespace:
    """The functions of the module that is emitted for the model."""
    source = emdsl.parse(text)(**constants).source(method)
    names: dict[str, object] = {"__name__": "emitted"}
    exec(compile(source, "<emitted>", "exec"), names)
    return SimpleNamespace(**names)


def hold(contest: Contest, rounds: int) -> Result:
    """Runs both sides in turn, so that a disturbance of the machine meets both, and keeps each side's best time."""
    answers = contest.ours(), contest.theirs()  # also warms up
    times = [[seconds(contest.ours), seconds(contest.theirs)] for _ in range(rounds)]
    ours, theirs = np.min(times, axis=0)
    return Result(float(ours), float(theirs), difference(*answers))


def seconds(iteration: Callable[[], object]) -> float:
    """The wall-clock time of one call, once the threads of the call before have stopped spinning for more work."""
    time.sleep(0.1)
    start = time.perf_counter()
    iteration()
    return time.perf_counter() - start


def difference(one: Arrays, other: Arrays) -> float:
    """The largest difference of a parameter, relative to the largest entry of that parameter."""
    return max(float(np.max(np.abs(one[name] - value)) / np.max(np.abs(value))) for name, value in other.items())
