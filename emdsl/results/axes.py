"""Which size each axis of a variable runs over, and which of its entries `fix` holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from emdsl.algebra.evaluate import evaluate
from emdsl.algebra.expressions import Expression, Name, Number, names
from emdsl.data.ragged import merged_letters
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Plate

Array = np.ndarray[Any, Any]


def plate_of(bound: BoundModel, letter: str) -> Plate:
    """The plate of a letter of a checked model."""
    return next(plate for plate in bound.checked.model.plates if plate.letter == letter)


def axis_sizes(bound: BoundModel, name: str) -> tuple[str | int, ...]:
    """The size of each axis of a variable, by name or as a number: plates first, then event axes."""
    variable = bound.checked.model.variable(name)
    assert variable is not None
    dims: list[str | int] = [plate_of(bound, letter).size for letter in variable.plates]
    for dim in bound.checked.types[name].event_shape:
        match dim:
            case Name(size):
                dims.append(size)
            case Number(value):
                dims.append(int(value))
    return tuple(dims)


def sizes_of(bound: BoundModel, arrays: Mapping[str, Array]) -> dict[str, int]:
    """The sizes that the axes of some variables tell, by name; rows of ragged plates are concatenated and tell none."""
    sizes: dict[str, int] = {}
    for name, array in arrays.items():
        variable = bound.checked.model.variable(name)
        if variable is None:
            continue
        letters = merged_letters(tuple(plate_of(bound, letter) for letter in variable.plates))
        plates = [plate_of(bound, letter) for letter in letters]
        axes = [None if p.parents else p.size for p in plates] + [*axis_sizes(bound, name)[len(variable.plates) :]]
        for size, length in zip(axes, np.shape(array), strict=True):
            if isinstance(size, str):
                sizes[size] = length
    return sizes


def held_entries(bound: BoundModel, name: str, shape: tuple[int, ...]) -> Array:
    """Marks the entries of a parameter that `fix` holds; a letter or an index left off means all of that axis."""
    held = np.zeros(shape, dtype=bool)
    for fix in bound.checked.model.fixes:
        if fix.name == name:
            held[tuple(_position(bound, index) for index in fix.indices)] = True
    return held


def _position(bound: BoundModel, index: Expression) -> Any:
    letters = {plate.letter for plate in bound.checked.model.plates}
    if names(index) & letters:
        return slice(None)
    return int(evaluate(index, bound.constants))
