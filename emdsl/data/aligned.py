"""Weights in a pandas Series go by its index, wherever the data say what their rows are called.

pandas data over `n`, two of them    refused in different orders
a long table with the column `s`     weights={"s": Series}: its index has the names of the series
pandas data over `n`                 weights={"n": Series}: its index is that of the data, in any order
arrays and lists on either side      by position
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from emdsl.data.long import groups_of
from emdsl.data.sources import columns, is_frame
from emdsl.errors import DataError
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Role


def aligned(bound: BoundModel, data: object, arrays: Mapping[str, Any], weights: Any) -> Any:
    """The weights with every Series in the order of the rows of the data, which come as `data` and as keywords.

    Raises DataError where the index of a Series does not name the rows of its plate, each once.
    """
    if not isinstance(weights, Mapping):
        return weights
    result = dict(weights)
    for letter, values in weights.items():
        labels = _labels(bound, letter, data, arrays) if _has_index(values) else None
        if labels is not None:
            result[letter] = np.asarray(values.to_numpy())[_places(letter, list(values.index), labels)]
    return result


def check_order(bound: BoundModel, given: Mapping[str, Any]) -> None:
    """Raises DataError where two pandas data over a plate have the same index in different orders."""
    first: dict[str, tuple[str, list[Any]]] = {}
    for variable in bound.checked.model.variables:
        values = given.get(variable.name)
        if not variable.plates or not _has_index(values):
            continue
        labels = list(values.index)  # type: ignore[union-attr]
        other, known = first.setdefault(variable.plates[0], (variable.name, labels))
        if known != labels and len(known) == len(labels) and {*known} == {*labels}:
            raise DataError(
                f"`{variable.name}` and `{other}` have the same index in different orders, and data go by position; "
                f"order one like the other: {variable.name}.loc[{other}.index]"
            )


def _labels(bound: BoundModel, letter: str, data: object, arrays: Mapping[str, Any]) -> list[Any] | None:
    """What the rows of a plate are called; None where nothing says so."""
    table = columns(data) if is_frame(data) or isinstance(data, Mapping) else {}
    groups = groups_of(bound, table) if is_frame(data) else None
    if groups is not None and groups.outer.letter == letter:
        names = list(table[letter])
        return [names[rows[0]] for rows in groups.rows]
    model = bound.checked.model
    plate = model.plate(letter)
    if plate is None or plate.parents or groups is not None:
        return None
    over = [v.name for v in model.variables if v.role in (Role.GIVEN, Role.OBSERVED) and v.plates[:1] == (letter,)]
    found = {**table, **arrays}
    indexed: Any = next((found[name] for name in over if _has_index(found.get(name))), None)
    if indexed is None and is_frame(data) and _has_index(data) and not {*over} <= arrays.keys():
        indexed = data  # whose columns hold entries of vectors
    return None if indexed is None else list(indexed.index)


def _has_index(values: object) -> bool:
    """Whether `values` is of pandas; a list has a method of that name."""
    return hasattr(values, "index") and hasattr(values, "to_numpy")


def _places(letter: str, index: list[Any], labels: list[Any]) -> list[int]:
    """Where in the index each label stands."""
    if index == labels:
        return list(range(len(labels)))
    place = {label: position for position, label in enumerate(index)}
    cure = "give them as an array (`.to_numpy()`) to go by position"
    if len(place) < len(index):
        twice = next(label for position, label in enumerate(index) if place[label] != position)
        raise DataError(f"the index of the weights of `{letter}` has {twice!r} twice; {cure}")
    for label in labels:
        if label not in place:
            raise DataError(f"weights of `{letter}` go by their index, which lacks {label!r} of the data; {cure}")
    strange = next((label for label in index if label not in {*labels}), None)
    if strange is not None:
        raise DataError(f"weights of `{letter}` go by their index, and {strange!r} is not in the data; {cure}")
    return [place[label] for label in labels]
