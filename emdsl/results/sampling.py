"""Draws from a fitted model: how many rows, how long each series, and which given data they are drawn under."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from numbers import Integral
from typing import Any

import numpy as np

from emdsl.algebra.symbols import first_table
from emdsl.data.ragged import concatenate, merged_letters, ragged_plates, split, tables
from emdsl.data.sources import Array, to_array
from emdsl.errors import DataError
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Plate, Role
from emdsl.results.axes import plate_of, sizes_of
from emdsl.results.series import group_sizes, merged, padded, plates_of
from emdsl.results.simulate import simulate


def draw(
    bound: BoundModel, params: Mapping[str, Array], own: Mapping[str, Any], n: int | None, named: Mapping[str, Any],
    rng: np.random.Generator,
) -> dict[str, Any]:  # fmt: skip
    """A draw of all latent and observed variables, laid out as the user's data.

    `n` is the size of the outermost plate of the data; `named` has other sizes (of ragged plates, one for each group)
    and given variables. What is left out is as it is in `own`, the data of the fit.
    """
    request = _Request(bound, params, own, n, named)
    ragged = request.tables()
    sizes = request.sizes | group_sizes(bound, ragged)
    known = {**params, **{name: _laid_out(bound, name, array, ragged) for name, array in request.arrays.items()}}
    drawn = simulate(bound, known, sizes, rng, ragged)
    result: dict[str, Any] = {}
    for name, array in drawn.items():
        variable = bound.checked.model.variable(name)
        assert variable is not None
        plates = plates_of(bound, variable)
        result[name] = split(merged(array, plates, ragged), plates, ragged)
    return result


def _laid_out(bound: BoundModel, name: str, array: Array, ragged: Mapping[str, Any]) -> Array:
    variable = bound.checked.model.variable(name)
    assert variable is not None
    return padded(array, plates_of(bound, variable), ragged)


class _Request:
    """What the user asks for, completed by what the fit knows."""

    def __init__(
        self, bound: BoundModel, params: Mapping[str, Array], own: Mapping[str, Any], n: int | None,
        named: Mapping[str, Any],
    ) -> None:  # fmt: skip
        self.bound, self.model, self.own = bound, bound.checked.model, own
        self.lengths: dict[str, list[int]] = {}
        self.common: dict[str, int] = {}
        """Lengths of ragged plates: one for each group, or one for all."""
        roles = {variable.name: variable.role for variable in self.model.variables}
        self.arrays = {k: self._given(k, value) for k, value in named.items() if roles.get(k) is Role.GIVEN}
        asked = {} if n is None else {"n": _size("n", n)}
        given_sizes = {name: value for name, value in named.items() if name not in roles}
        fixed = sizes_of(bound, params)
        self.ragged_sizes = self._ragged_sizes(given_sizes)
        asked_sizes = {k: _size(k, value) for k, value in given_sizes.items() if k not in self.ragged_sizes}
        for name, size in asked_sizes.items():
            if name in fixed and size != fixed[name]:
                raise DataError(
                    f"sample: {name} = {size}, but the parameters were estimated with {name} = {fixed[name]}"
                )
        if n is None:
            self.arrays = {k: value for k, value in own.items() if roles.get(k) is Role.GIVEN} | self.arrays
        self.sizes = sizes_of(bound, {k: v for k, v in own.items() if k in roles}) | group_sizes(bound, own)
        self.sizes |= {name: value for name, value in own.items() if isinstance(value, int)}
        self.sizes |= fixed | sizes_of(bound, self.arrays) | asked_sizes
        if n is not None:
            self.sizes[self._outermost_size()] = asked_sizes[self._outermost_size()] = asked["n"]
        self.asked = asked_sizes
        for variable in self.model.variables:
            if variable.role is Role.GIVEN and variable.name not in self.arrays:
                raise DataError(f"`{variable.name}` is given data; sampling needs it: sample({variable.name}=…)")

    def _given(self, name: str, value: Any) -> Array:
        variable = self.model.variable(name)
        assert variable is not None
        plates = plates_of(self.bound, variable)
        if not ragged_plates(plates):
            return np.asarray(value)
        array, lengths = concatenate(name, value, plates)
        self.lengths |= {plate.letter: lengths[plate.letter] for plate in ragged_plates(plates)}
        return array

    def _ragged_sizes(self, given: Mapping[str, Any]) -> dict[str, Plate]:
        """The ragged sizes that were given, each a number for every group or one for all."""
        found = {}
        for plate in ragged_plates(self.model.plates):
            if isinstance(plate.size, str) and plate.size in given:
                found[plate.size] = plate
                lengths = to_array(plate.size, given[plate.size])
                if not np.all(np.isfinite(lengths) & (lengths >= 0) & (lengths == np.round(lengths))):
                    raise DataError(f"sample: {plate.size} has lengths that are no whole numbers from 0 on")
                if lengths.ndim:
                    self.lengths[plate.letter] = np.ravel(lengths).astype(int).tolist()
                else:
                    self.common[plate.letter] = int(lengths)
        return found

    def tables(self) -> dict[str, Any]:
        """The offsets of ragged plates and what follows from them."""
        result: dict[str, Any] = {}
        for plate in ragged_plates(self.model.plates):
            outer = [plate_of(self.bound, parent) for parent in plate.parents]
            if plate.letter not in self.lengths and plate.letter not in self.common:
                result |= self._own_tables(plate, outer)
                continue
            if any(parent.parents for parent in outer):
                raise DataError(f"sample: new lengths of plate `{plate.letter}`, which is ragged over a ragged plate")
            if len(outer) == 1 and isinstance(size := outer[0].size, str) and plate.letter in self.lengths:
                self.sizes[size] = self.asked.get(size, len(self.lengths[plate.letter]))
            shape = tuple(self._group_count(parent) for parent in outer)
            lengths = self.lengths.get(plate.letter, [self.common.get(plate.letter, 0)] * prod(shape))
            if len(lengths) != prod(shape):
                raise DataError(f"sample: {len(lengths)} lengths of plate `{plate.letter}` for {prod(shape)} groups")
            result |= tables(plate, plate.parents, shape, lengths)
        return result

    def _own_tables(self, plate: Plate, outer: list[Plate]) -> dict[str, Any]:
        """Those of the data of the fit, as long as there are as many groups."""
        if f"offsets.{plate.letter}" not in self.own:
            raise DataError(f"how long? Give the sizes {plate.size}: sample({plate.size}=[…])")
        shape = self.own[first_table(plate.letter)].shape
        for letter, length in zip(merged_letters(outer), shape, strict=True):
            parent = plate_of(self.bound, letter)
            if not parent.parents and isinstance(parent.size, str) and self.sizes.get(parent.size, length) != length:
                raise DataError(f"how long? Give the sizes {plate.size}: sample({plate.size}=[…])")
        names = [key for key in self.own if key.split(".")[0] in ("offsets", "position", "first", "parent")]
        keys = [key for key in names if key.split(".")[1] == plate.letter]
        sizes = {plate.size: self.own[plate.size]} if isinstance(plate.size, str) and plate.size in self.own else {}
        return {key: self.own[key] for key in keys} | sizes

    def _group_count(self, plate: Plate) -> int:
        if isinstance(plate.size, int):
            return plate.size
        size = self.sizes.get(plate.size, self.bound.constants.get(plate.size))
        if size is None:
            raise DataError(f"how many? Give the size {plate.size}: sample({plate.size}=…)")
        return int(size)

    def _outermost_size(self) -> str:
        first = next(v for v in self.model.variables if v.role is Role.OBSERVED and v.plates)
        size = plate_of(self.bound, first.plates[0]).size
        if isinstance(size, int) or size in self.bound.constants:
            raise DataError(
                f"the size {size} of plate `{first.plates[0]}` is part of the model; it cannot be given here"
            )
        return size


def _size(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 0:
        raise DataError(f"sample: {name} is {value!r}; a size is a whole number from 0 on")
    return int(value)
