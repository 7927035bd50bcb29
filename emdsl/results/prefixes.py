"""The data as they were after each step: every series cut after its first step, its second, …

This serves every model; what one pass over the data serves goes by `emdsl/results/forward.py`. Ragged series that stand
alone are laid out side by side, one copy for each step, and looked at together; others are cut step by step. Either way
the work grows with the square of the length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from emdsl.algebra.symbols import parent_table
from emdsl.data.ragged import merged_letters, tables
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Plate, Role
from emdsl.results.axes import plate_of
from emdsl.results.series import Steps, merged, plates_of, shortened, time_length, time_plate
from emdsl.runtime.settling import start_key

Array = np.ndarray[Any, Any]
Statistics = dict[str, Array]

#: Rows of the series that are laid out side by side at once.
ROWS_AT_ONCE = 200_000


def after_each_step(
    bound: BoundModel, data: Mapping[str, Any], at: Callable[[Steps], dict[str, Statistics]]
) -> dict[str, Statistics]:
    """What `at` tells of the last step of the data cut after each step in turn, in the layout of the emitted module."""
    plate = time_plate(bound)
    apart = _stands_alone(bound, plate)
    collected: dict[str, dict[str, list[Array]]] = {}
    for steps in _copies(bound, data, plate) if apart else _cuts(bound, data, plate):
        for name, statistics in at(steps).items():
            for key, value in statistics.items():
                collected.setdefault(name, {}).setdefault(key, []).append(value)
    result = {}
    for name, lists in collected.items():
        variable = bound.checked.model.variable(name)
        assert variable is not None
        plates = plates_of(bound, variable)
        time = variable.plates.index(plate.letter)
        if apart:
            series = variable.plates.index(plate.parents[0])
            target = merged_letters(plates).index(plate.letter)
            whole = {key: np.concatenate(values, axis=series) for key, values in lists.items()}
            moved = {key: np.moveaxis(value, (series, time), (0, 1))[:, 0] for key, value in whole.items()}
            result[name] = {key: np.moveaxis(value, 0, target) for key, value in moved.items()}
        else:
            whole = {key: np.concatenate(values, axis=time) for key, values in lists.items()}
            result[name] = {key: merged(value, plates, data) for key, value in whole.items()}
    return result


def _cuts(bound: BoundModel, data: Mapping[str, Any], plate: Plate) -> Iterator[Steps]:
    """The data cut after the first step, the second, …; shorter series stay whole."""
    for step in range(time_length(bound, data)):
        yield shortened(bound, data, plate, step + 1)


def _stands_alone(bound: BoundModel, plate: Plate) -> bool:
    """Whether series can be copied: nothing random is outside of them, and no parameter belongs to one."""
    model = bound.checked.model
    if len(plate.parents) != 1 or plate_of(bound, plate.parents[0]).parents:
        return False
    (series,) = plate.parents
    size = plate_of(bound, series).size
    return (
        isinstance(size, str)
        and size not in bound.constants
        and all(series in v.plates for v in model.variables if v.role in (Role.LATENT, Role.OBSERVED))
        and not any(series in v.plates for v in model.variables if v.role is Role.PARAM)
        and not any(series in p.parents or plate.letter in p.parents for p in model.plates if p != plate)
    )


def _copies(bound: BoundModel, data: Mapping[str, Any], plate: Plate) -> Iterator[Steps]:
    """One copy of each series for each of its steps, cut after it; some at a time."""
    starts = data[f"offsets.{plate.letter}"]
    owners = data[parent_table(plate.letter, plate.parents[0])]
    lengths = data[f"position.{plate.letter}"] + 1
    part = (np.cumsum(lengths) - 1) // ROWS_AT_ONCE
    for number in np.unique(part):
        chosen = np.flatnonzero(part == number)
        yield _copied(bound, data, plate, owners[chosen], starts[owners[chosen]], lengths[chosen])


def _copied(
    bound: BoundModel, data: Mapping[str, Any], plate: Plate, owners: Array, starts: Array, lengths: Array
) -> Steps:
    letter, (series,) = plate.letter, plate.parents
    ends = np.cumsum(lengths)
    rows = np.arange(ends[-1]) - np.repeat(ends - lengths - starts, lengths)
    result = {name: value for name, value in data.items() if name != f"weights.{series}"}
    result |= tables(plate, plate.parents, (len(lengths),), lengths.tolist())
    size = plate_of(bound, series).size
    if isinstance(size, str) and size in result:
        result[size] = len(lengths)
    for variable in bound.checked.model.variables:
        letters, index = merged_letters(plates_of(bound, variable)), {letter: rows, series: owners}
        for name in (variable.name, start_key(variable.name)):
            for axis, own in enumerate(letters if name in data else ()):
                if own in index:
                    result[name] = np.take(result[name], index[own], axis=axis)
    return Steps(bound, result, plate, lengths[:, None] - 1)
