"""The likelihood of each entry of a plate by itself: of each series, say.

log p(y_i)        the E-step of the data of entry i alone; where entries share parts, that of weights e_i.
                  A bound is that at which coordinate ascent has settled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from emdsl.algebra.expressions import Name, Subscript, names
from emdsl.algebra.symbols import parent_table
from emdsl.data.ragged import merged_letters, outer_tables, split, tables
from emdsl.errors import DataError
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Model, Plate, Role
from emdsl.results.axes import plate_of
from emdsl.results.lets import without_lets
from emdsl.results.series import expressions_of, plates_of, reads_along
from emdsl.runtime import settling

Array = np.ndarray[Any, Any]


def log_likelihoods(
    bound: BoundModel, module: Any, raw: Mapping[str, Any], data: Mapping[str, Any], letter: str
) -> Any:
    """The log likelihood of each entry of a plate by itself, a list for each group of a ragged one.

    Weights of the plate, and of those that it lies in, do not count. Rows that index arrays lead to an entry belong to
    it. Raises DataError where entries of the plate share a latent, so that they do not stand alone.
    """
    model = bound.checked.model
    plate = model.plate(letter)
    if plate is None or plate.ordered:
        known = [p.letter for p in model.plates if not p.ordered]
        raise DataError(f"`{letter}` is no plate whose entries stand alone; there is {', '.join(known) or 'none'}")
    parts = _parts_of_entries(model, letter)
    for variable in model.variables:
        if variable.role in (Role.LATENT, Role.OBSERVED) and variable.name not in parts:
            raise DataError(f"`{variable.name}` is no part of a single entry of plate `{letter}`")
    for read in reads_along(model, letter):
        led = read.slot is None and isinstance(read.index, Subscript)
        if read.index != Name(letter) and not led:
            raise DataError(f"`{read.name}` depends on other entries of `{read.other}` along `{letter}` than its own")
    count = _plate_length(bound, data, letter)
    if any(letter not in plates for plates in parts.values()):
        found = _by_weights(module, raw, data, letter, count)
    else:
        found = np.array([_alone(bound, module, raw, data, _rows(plate, data, place)) for place in range(count)])
    return split(found, (*(plate_of(bound, parent) for parent in plate.parents), plate), data)


def _parts_of_entries(model: Model, letter: str) -> dict[str, tuple[str, ...]]:
    """The plates of the data and latents that lie on a plate, or that read latents which are parts of its entries."""
    random = [v for v in model.variables if v.role in (Role.LATENT, Role.OBSERVED)]
    latents = {v.name for v in random if v.role is Role.LATENT}
    read = {
        v.name: {n for d in v.definitions for value in expressions_of(without_lets(d.law, model)) for n in names(value)}
        for v in random
    }
    found = {v.name: v.plates for v in random if letter in v.plates}
    while more := {v.name: v.plates for v in random if v.name not in found and read[v.name] & latents & {*found}}:
        found |= more
    return found


def _by_weights(module: Any, raw: Mapping[str, Any], data: Mapping[str, Any], letter: str, count: int) -> Array:
    """The log likelihood of each entry of a plate: that of the data in which no other entry counts."""
    for plates, reason in getattr(module, "REFUSED_WEIGHTS", {}).items():
        if {*plates} <= {letter, *(name.removeprefix("weights.") for name in data)}:
            raise DataError(f"the entries of plate `{letter}` are not told apart: {reason}")
    key = f"weights.{letter}"
    whole = {name: value for name, value in data.items() if name != key}
    found = np.array(
        [settling.log_likelihood(module, {**whole, key: np.eye(1, count, place)[0]}, raw) for place in range(count)]
    )
    if not hasattr(module, "RESUMED") and not np.isclose(found.sum(), module.e_step(whole, raw)[1], rtol=1e-6):
        raise DataError(f"the entries of plate `{letter}` do not stand alone")
    return found


def _plate_length(bound: BoundModel, data: Mapping[str, Any], letter: str) -> int:
    if f"offsets.{letter}" in data:
        return int(data[f"offsets.{letter}"][-1])
    size = plate_of(bound, letter).size
    known = size if isinstance(size, int) else data.get(size)
    if isinstance(known, int):
        return known
    for plate in bound.checked.model.plates:
        if plate.parents == (letter,):
            return len(data[f"offsets.{plate.letter}"]) - 1
    variable = next(v for v in bound.checked.model.variables if v.name in data and letter in v.plates)
    return int(np.shape(data[variable.name])[merged_letters(plates_of(bound, variable)).index(letter)])


def _rows(plate: Plate, data: Mapping[str, Any], place: int) -> dict[str, slice]:
    """The one row of a plate at a place, and those of the plates that it lies in."""
    found = {plate.letter: place} | {
        parent: int(data[parent_table(plate.letter, parent)][place]) for parent in plate.parents
    }
    return {letter: slice(row, row + 1) for letter, row in found.items()}


def _alone(
    bound: BoundModel, module: Any, raw: Mapping[str, Any], data: Mapping[str, Any], rows: Mapping[str, slice]
) -> float:
    """The log likelihood of the entry of a plate that lies at these rows."""
    own = _own_parameters(bound.checked.model, raw, rows)
    return settling.log_likelihood(module, _entry(bound, data, rows), own)


def _own_parameters(model: Model, raw: Mapping[str, Any], rows: Mapping[str, slice]) -> dict[str, Any]:
    """The parameters of an emitted module (`m`, or `m.mean` and `m.precision`), of one entry of a plate."""
    plates = {v.name: v.plates for v in model.variables if v.role is Role.PARAM}
    own = {name: plates.get(name.partition(".")[0], ()) for name in raw}
    return {name: value[tuple(rows.get(one, slice(None)) for one in own[name])] for name, value in raw.items()}


def _entry(bound: BoundModel, data: Mapping[str, Any], alone: Mapping[str, slice]) -> dict[str, Any]:
    """The data of one entry of a plate, at its row and those of the plates around it, without weights of these."""
    result = {name: value for name, value in data.items() if name.removeprefix("weights.") not in alone}
    rows = dict(alone)
    for plate in sorted(bound.checked.model.plates, key=lambda plate: len(plate.parents)):
        if not rows.keys() & set(plate.parents):
            continue
        outside = [plate_of(bound, parent) for parent in plate.parents]
        outer, starts = merged_letters(outside), data[f"offsets.{plate.letter}"]
        lengths = np.ones(1, dtype=np.int64)
        if plate.letter not in alone:
            if len(outer) > 1 or outer[0] not in rows:
                letter = next(iter(alone))
                raise DataError(
                    f"plate `{plate.letter}` has several parents: its entries are not told apart by `{letter}`"
                )
            groups = rows[outer[0]]
            rows[plate.letter] = slice(int(starts[groups.start]), int(starts[groups.stop]))
            lengths = np.diff(starts)[groups]
        shape = (1,) * (len(outer) - 1) + lengths.shape
        result |= tables(plate, outer, shape, lengths.tolist(), plate.size in bound.checked.ragged_ranges)
        result |= outer_tables(plate, outside, result)
        if f"weights.{plate.letter}" in result:
            result[f"weights.{plate.letter}"] = result[f"weights.{plate.letter}"][rows[plate.letter]]
    for letter in alone:
        size = plate_of(bound, letter).size
        if isinstance(size, str) and isinstance(result.get(size), int):
            result[size] = 1
    for variable in bound.checked.model.variables:
        if variable.name not in data:
            continue
        letters = merged_letters(plates_of(bound, variable))
        chosen = tuple(rows.get(own, slice(None)) for own in letters)
        result[variable.name] = np.ascontiguousarray(data[variable.name][chosen])
    return result
