"""Starting values by name, sorted into parameters and latents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from emdsl.data.ragged import concatenate, merged_letters, ragged_plates
from emdsl.data.sources import to_array
from emdsl.data.support import ROUNDING, check_support
from emdsl.errors import DataError
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Role, Variable
from emdsl.runtime.starts import LatentStart


def split_init(
    bound: BoundModel, init: Mapping[str, Any], data: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, LatentStart]]:
    """(parameters, latents). A discrete latent takes probabilities (category last) or states, a real one values.

    Over ragged plates they come nested as the data do; `data` are bound already.

    Raises DataError for probabilities that do not sum to one and for values that are not finite.
    """
    params: dict[str, Any] = {}
    latents: dict[str, LatentStart] = {}
    for name, value in init.items():
        variable = bound.checked.model.variable(name)
        letters: tuple[str, ...] = ()
        if variable is not None and variable.role is Role.LATENT:
            array, letters = _latent(bound, variable, value, data)
        else:
            array = to_array(name, value)
        if variable is None or variable.role is not Role.LATENT:
            if variable is not None and np.isfinite(array).all():
                check_support(f"init of {name}", array, bound.checked.types[name], frozenset())
            params[name] = array
            continue
        if not np.isfinite(array).all():
            raise DataError(f"init of `{name}` is not finite")
        kind = bound.checked.types[name].kind
        discrete = kind == "index" and array.ndim == len(letters) + 1
        if discrete and (np.any(array < 0) or np.any(np.abs(array.sum(axis=-1) - 1) > ROUNDING)):
            raise DataError(f"init of `{name}` has rows that are no probabilities: each must sum to 1")
        plate = letters[0] if len(letters) == 1 else None
        latents[name] = LatentStart(array, discrete, plate)
    return params, latents


def _latent(
    bound: BoundModel, variable: Variable, value: Any, data: Mapping[str, Any]
) -> tuple[np.ndarray[Any, Any], tuple[str, ...]]:
    """Starting values of a latent in the layout of the bound data, and the letters of their axes."""
    plates = tuple(plate for letter in variable.plates if (plate := bound.checked.model.plate(letter)) is not None)
    array, lengths = concatenate(variable.name, value, plates)
    for plate in ragged_plates(plates):
        known = np.diff(data[f"offsets.{plate.letter}"]).tolist()
        if lengths[plate.letter] != known:
            raise DataError(f"init of `{variable.name}` has other lengths along plate `{plate.letter}` than the data")
    return array, merged_letters(plates)
