"""Starting values by name, sorted into parameters and latents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from emdsl.data.ragged import concatenate, group_lengths, merged_letters, ragged_plates
from emdsl.data.sizes import ranged_plate, size_name
from emdsl.data.sources import Subject, to_array
from emdsl.data.support import ROUNDING, check_support
from emdsl.errors import DataError
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Role, Variable
from emdsl.results.axes import plate_of, sizes_of
from emdsl.runtime.starts import LatentStart


def split_init(
    bound: BoundModel, init: Mapping[str, Any], data: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, LatentStart]]:
    """(parameters, latents). A discrete latent takes probabilities (category last) or states, a real one values.

    Over ragged plates they come nested as the data do; `data` are bound already.

    Raises DataError where `init` is no mapping or does not fit the data, for probabilities that do not sum to one and
    for values that are not finite.
    """
    if not isinstance(init, Mapping):
        example = next((v.name for v in bound.checked.model.variables if v.role in (Role.PARAM, Role.LATENT)), "z")
        raise DataError(f"init is a {type(init).__name__}; give starting values by name: init={{'{example}': …}}")
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
                check_support(Subject(f"init of {name}"), array, bound.checked.types[name], frozenset())
            params[name] = array
            continue
        if not np.isfinite(array).all():
            raise DataError(f"init of `{name}` is not finite")
        kind = bound.checked.types[name].kind
        discrete = kind == "index" and array.ndim == len(letters) + 1
        if discrete and (np.any(array < 0) or np.any(np.abs(array.sum(axis=-1) - 1) > ROUNDING)):
            raise DataError(f"init of `{name}` has rows that are no probabilities: each must sum to 1")
        _check_latent(bound, variable, array, letters, discrete, data)
        plate = letters[0] if len(letters) == 1 else None
        latents[name] = LatentStart(array, discrete, plate)
    return params, latents


def _latent(
    bound: BoundModel, variable: Variable, value: Any, data: Mapping[str, Any]
) -> tuple[np.ndarray[Any, Any], tuple[str, ...]]:
    """Starting values of a latent in the layout of the bound data, and the letters of their axes."""
    plates = tuple(plate for letter in variable.plates if (plate := bound.checked.model.plate(letter)) is not None)
    size = ranged_plate(bound, variable)
    longest = data[f"within.{size.size}"].shape[-1] if size is not None else 0
    array, lengths = concatenate(variable.name, _filled_up(variable.name, value, len(plates), longest), plates)
    for plate in ragged_plates(plates):
        known = np.diff(data[f"offsets.{plate.letter}"]).tolist()
        if lengths[plate.letter] != known:
            raise DataError(f"init of `{variable.name}` has other lengths along plate `{plate.letter}` than the data")
    letters = merged_letters(plates)
    if size is not None and array.ndim == len(letters) + 1:
        beyond = np.arange(array.shape[-1]) >= group_lengths(size, plates, data)[..., None]
        if np.any(array[np.broadcast_to(beyond, array.shape)]):
            raise DataError(f"init of `{variable.name}` has probabilities of more states than its group has")
    return array, letters


def _check_latent(
    bound: BoundModel,
    variable: Variable,
    array: np.ndarray[Any, Any],
    letters: tuple[str, ...],
    discrete: bool,
    data: Mapping[str, Any],
) -> None:
    """Raises DataError for starting values of other rows or states than those of the latent."""
    name, kind = variable.name, bound.checked.types[variable.name]
    arrays = {key: value for key, value in data.items() if bound.checked.model.variable(key) is not None}
    told = {key: value for key, value in data.items() if isinstance(value, int)}
    sizes: dict[str, Any] = {**sizes_of(bound, arrays), **told, **bound.constants}
    plates = [plate_of(bound, letter) for letter in letters]
    dims: list[Any] = [None if plate.parents else plate.size for plate in plates]
    own = kind.kind == "index" and ranged_plate(bound, variable) is None
    states = size_name(kind.dims[0]) if own else None
    states = states if isinstance(states, int) else sizes.get(states or "")
    known = [dim if isinstance(dim, int) else sizes.get(dim, length) for dim, length in zip(dims, array.shape)]
    expected = (*known, *((states,) if discrete and states else array.shape[len(known) :]))
    if len(known) < len(letters) or array.shape != expected:
        what = "probabilities" if discrete else "values"
        raise DataError(f"init of `{name}` has shape {array.shape}, but its {what} have {expected}")
    if own and not discrete and states and np.any((array != np.round(array)) | (array < 0) | (array >= states)):
        raise DataError(f"init of `{name}` has states other than 0 to {states - 1}")


def _filled_up(name: str, value: Any, plates: int, longest: int) -> Any:
    """Probabilities of up to `longest` states, where groups have fewer, with zeros for the others."""
    if plates and isinstance(value, list | tuple):
        return [_filled_up(name, one, plates - 1, longest) for one in value]
    array = to_array(name, value)
    if array.ndim == plates + 1 and array.shape[-1] < longest:
        array = np.pad(array, [*[(0, 0)] * plates, (0, longest - array.shape[-1])])
    return array
