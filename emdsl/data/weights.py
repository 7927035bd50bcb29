"""Weights of rows: `weights={"n": w}` counts everything inside plate `n` as if row n stood there w[n] times."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from emdsl.data.ragged import concatenate
from emdsl.data.sizes import Sizes, size_name
from emdsl.data.sources import Array, place, to_array
from emdsl.data.words import did_you_mean
from emdsl.errors import DataError
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Role


def bind_weights(bound: BoundModel, weights: Any, sizes: Sizes, lengths: Mapping[str, int]) -> dict[str, Array]:
    """{"weights.n": (n,)}; raises DataError for anything but finite, non-negative numbers, one for each row of a plate.

    `lengths` has the total length of each ragged plate.
    """
    model = bound.checked.model
    data_plates = {
        letter
        for variable in model.variables
        if variable.role in (Role.OBSERVED, Role.GIVEN)
        for letter in variable.plates
    }
    data_plates |= _led_to(bound)
    if not isinstance(weights, Mapping):
        times = {plate.letter for plate in model.plates if plate.ordered}
        example = next((plate.letter for plate in model.plates if plate.letter in data_plates - times), "n")
        raise DataError(f'weights need the letter of their plate: weights={{"{example}": w}}')
    result = {}
    for letter, values in weights.items():
        plate = model.plate(letter)
        if plate is None:
            raise DataError(f"weights for `{letter}`, which is no plate{did_you_mean(letter, sorted(data_plates))}")
        if letter not in data_plates:
            raise DataError(f"weights for `{letter}`, which is no plate of the data")
        if plate.ordered:
            raise DataError(f"weights for `{letter}`, which is a time: a step of a sequence cannot stand there twice")
        if plate.parents:
            parents = tuple(p for p in model.plates if p.letter in plate.parents)
            array, _ = concatenate(f"weights.{letter}", values, (*parents, plate))
            rows, origin = lengths.get(letter), f"plate `{letter}` has {lengths.get(letter)} rows"
        else:
            array = to_array(f"weights.{letter}", values)
            rows, origin = sizes.value(plate.size), sizes.origin(plate.size)
        if array.ndim != 1:
            raise DataError(f"weights of `{letter}` have shape {array.shape}; one number for each row is needed")
        if len(array) != rows:
            raise DataError(f"weights of `{letter}` have {len(array)} entries, but {origin}")
        wrong = ~(np.isfinite(array) & (array >= 0))
        if wrong.any():
            first = int(np.argmax(wrong))
            name = place(f"weights.{letter}", (first,))
            raise DataError(f"`{name}` is {array[first]:g}; a weight must be finite and not negative")
        if not array.any():
            raise DataError(f"all weights of `{letter}` are zero")
        result[f"weights.{letter}"] = array
    return result


def _led_to(bound: BoundModel) -> set[str]:
    """Plates of latents to which index arrays of the data may lead."""
    model, types = bound.checked.model, bound.checked.types
    kinds = [types[v.name] for v in model.variables if v.role in (Role.OBSERVED, Role.GIVEN)]
    sizes = {size_name(kind.dims[0]) for kind in kinds if kind.kind == "index"}
    letters = {letter for variable in model.variables if variable.role is Role.LATENT for letter in variable.plates}
    return {plate.letter for plate in model.plates if plate.letter in letters and plate.size in sizes}


def check_weights(module: Any, weights: Any) -> None:
    """Raises DataError for weights on plates that a module cannot honour."""
    for plates, reason in getattr(module, "REFUSED_WEIGHTS", {}).items():
        if set(plates) <= set(weights or {}):
            named = " and ".join(f"`{plate}`" for plate in plates)
            raise DataError(f"weights on {named} are not compiled: {reason}; repeat the entries instead")
