"""Data of the user, checked against a bound model and laid out for the emitted module.

    (bound model, arrays by name) -> {variable: array, "weights.n": array, "offsets.t": array, size: int}

Arrays have their plates first, in the declared order, then the event axes. Real data are float64, counts and indices
int64; data with missing entries, and latents given in part, are float64 with NaN. A ragged plate and its parents are
one concatenated axis beside the array "offsets.<letter>" (see `emdsl.data.ragged`). Sizes that are bound, given by
name, or told only by the largest index stand under their names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from emdsl.data.aligned import check_order
from emdsl.data.columns import variables_from_columns
from emdsl.data.laws import check_laws, families, limit_names
from emdsl.data.long import groups_of
from emdsl.data.ragged import (
    concatenate,
    entry_in_lists,
    group_lengths,
    list_depth,
    merged_letters,
    outer_tables,
    ragged_plates,
    tables,
)
from emdsl.data.sizes import Sizes, ragged_sizes, ranged_plate, signature, size_name, size_names, unknown_sizes
from emdsl.data.sources import Array, Subject, columns, is_frame, to_array
from emdsl.data.support import check_finite, check_group_range, check_range, check_support
from emdsl.data.weights import bind_weights
from emdsl.data.words import did_you_mean
from emdsl.errors import DataError
from emdsl.families.registry import family
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Plate, Role, Type, Variable

_DATA_ROLES = (Role.GIVEN, Role.OBSERVED, Role.LATENT)


def merged(bound: BoundModel, data: object, arrays: Mapping[str, Any]) -> object:
    """Data and keywords as one, keywords first; a variable that is itself called `data` may come as its keyword."""
    if data is not None and bound.checked.model.variable("data") and not isinstance(data, Mapping):
        return {"data": data, **arrays}
    if not arrays:
        return data
    if data is None:
        return dict(arrays)
    named = {name: column for name, column in columns(data).items() if name not in arrays}
    return {**(variables_of_table(bound, named, {}) if is_frame(data) else named), **arrays}


def bind_data(
    bound: BoundModel, data: object = None, weights: object = None, *, optional: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """The data dict of the emitted module; raises DataError, which names the variable and the cure.

    `data` is a mapping of name to array, series or list, or a pandas or polars frame whose columns are scalar
    variables. `optional` names observed variables that may be absent.
    """
    return _Binding(bound, optional).bind(data, weights)


def variables_of_table(
    bound: BoundModel, table: Mapping[str, Any], named: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Data by variable out of the columns of a table; `named` says which columns make a variable.

    A column named after the plate of series makes it a long table: see `emdsl.data.long`.
    """
    types = bound.checked.types
    readable = [v for v in bound.checked.model.variables if v.role in _DATA_ROLES]
    for name in named:
        if all(name != variable.name for variable in readable):
            raise DataError(f"the model has no variable `{name}`{did_you_mean(name, [v.name for v in readable])}")
    groups = groups_of(bound, table)
    # A second plate that is not the first axis of the table is spread over columns like an event axis.
    axes = {v.name: len(v.plates) + len(types[v.name].event_shape) for v in readable}
    if groups is not None:
        axes = {v.name: 1 + len(types[v.name].event_shape) for v in readable}
    scalars = frozenset(name for name, count in axes.items() if count == 1)
    vectors = frozenset(name for name, count in axes.items() if count == 2)
    found = variables_from_columns(table, vectors, scalars, named)
    if groups is None:
        for variable in readable:
            if variable.name in table and variable.name not in found and len(variable.plates) == 2:
                raise DataError(
                    f"`{variable.name}` runs over {' and '.join(variable.plates)}: the table needs a column "
                    f"`{variable.plates[0]}` that says which series each row belongs to "
                    "(pandas makes columns of an index by `.reset_index()`)"
                )
        return found
    plates = {variable.name: variable.plates for variable in readable}
    return {name: groups.arranged(name, plates[name], to_array(name, column)) for name, column in found.items()}


def are_same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether bound data are the same; one may have sizes that are constants of the other."""
    apart = {name: one.get(name, other.get(name)) for name in one.keys() ^ other.keys()}
    return all(isinstance(value, int) for value in apart.values()) and all(
        np.array_equal(one[name], other[name], equal_nan=np.asarray(one[name]).dtype.kind == "f")
        for name in one.keys() & other.keys()
    )


class _Binding:
    """The sizes and arrays found so far, while one data set is read."""

    def __init__(self, bound: BoundModel, optional: frozenset[str]) -> None:
        self.bound, self.model, self.types = bound, bound.checked.model, bound.checked.types
        self.optional = optional
        self.sizes = Sizes.of(bound)
        self.lengths: dict[str, tuple[list[int], str]] = {}
        self.arrays: dict[str, Array] = {}
        self.columns: tuple[str, ...] = ()

    def bind(self, data: object, weights: object) -> dict[str, Any]:
        given = self._by_name(data)
        self._check_names(given)
        check_order(self.bound, given)
        self._read_sizes(given)
        limits = limit_names(self.bound)
        for variable in self._variables(given):
            array = self._read(variable, given[variable.name])
            self._check_values(variable, array, infinite=variable.name in limits)
            if not (variable.role is Role.LATENT and np.isnan(array).all()):
                self.arrays[variable.name] = array
        self._check_indices()
        self._require_sizes()
        result: dict[str, Any] = {name: self._dtyped(name, array) for name, array in self.arrays.items()}
        for letter, (lengths, _) in self.lengths.items():
            result |= self._tables_of_ragged(letter, lengths)
        self._check_group_indices(result)
        result |= {name: value for name, (value, _) in self.sizes.known.items() if name not in self._sizes_of_axes()}
        for variable in self.model.variables:
            if variable.role is Role.OBSERVED and variable.name in self.arrays:
                check_laws(self.bound, variable, self._subject(variable), result)
        if weights is not None:
            totals = {letter: sum(lengths) for letter, (lengths, _) in self.lengths.items()}
            result |= bind_weights(self.bound, weights, self.sizes, totals)
        return result

    # names

    def _by_name(self, data: object) -> dict[str, Any]:
        if data is None:
            return {}
        if isinstance(data, Mapping):
            return {str(name): value for name, value in data.items() if value is not None}
        if is_frame(data):
            table = columns(data)
            self.columns = tuple(table)
            return variables_of_table(self.bound, table, {})
        names = ", ".join(f"{v.name}=…" for v in self.model.variables if v.role in (Role.GIVEN, Role.OBSERVED))
        raise DataError(f"data is a {type(data).__name__} without names; give it by name: fit({names})")

    def _check_names(self, given: Mapping[str, Any]) -> None:
        readable = [v.name for v in self.model.variables if v.role in _DATA_ROLES]
        constants = {constant.name for constant in self.model.constants}
        for name in given:
            variable = self.model.variable(name)
            if variable is not None and variable.role is Role.PARAM:
                raise DataError(f"`{name}` is a parameter, not data; starting values go in init={{'{name}': …}}")
            if variable is not None and variable.role is Role.LET:
                raise DataError(f"`{name}` is defined by `let`; it cannot be given")
            if name in constants and name not in size_names(self.bound):
                raise DataError(f"`{name}` is a constant; give it when the model is bound: {self.model.name}({name}=…)")
            if variable is None and name not in size_names(self.bound):
                raise DataError(f"the model has no variable `{name}`{did_you_mean(name, readable)}")
        for variable in self.model.variables:
            if variable.role not in (Role.GIVEN, Role.OBSERVED) or variable.name in (given.keys() | self.optional):
                continue
            subject = signature(variable.name, self._plates(variable), self.types[variable.name])
            verb = "is given" if variable.role is Role.GIVEN else "observes"
            cure = f"give it by name: {variable.name}=…"
            if self.columns:
                cure = f"the frame has the columns {', '.join(f'`{column}`' for column in self.columns)}"
            raise DataError(f"`{variable.name}` is absent: the model {verb} {subject}; {cure}")

    def _variables(self, given: Mapping[str, Any]) -> list[Variable]:
        """Given data first, then observed, then latents: sizes are quoted from the steadiest source."""
        return [v for role in _DATA_ROLES for v in self.model.variables if v.role is role and v.name in given]

    # shapes

    def _plates(self, variable: Variable) -> tuple[Plate, ...]:
        return tuple(plate for letter in variable.plates if (plate := self.model.plate(letter)) is not None)

    def _read_sizes(self, given: Mapping[str, Any]) -> None:
        for name in size_names(self.bound):
            if name not in given or self.model.variable(name) is not None:
                continue
            value = to_array(name, given[name])
            if name in ragged_sizes(self.bound) and value.ndim == 1:
                letter = next(plate.letter for plate in self.model.plates if plate.size == name)
                check_support(Subject(name), value, Type("count"), frozenset())
                self.lengths[letter] = ([int(length) for length in value], f"`{name}`")
                continue
            if value.ndim or not np.isfinite(value) or value != int(value) or value < 1:
                raise DataError(f"`{name}` is a size: a whole number from 1 up")
            self.sizes.tell(name, int(value), "is given")

    def _wrong_axes(self, variable: Variable, array: Array, expected: int) -> str:
        """That a variable has another number of axes than its declaration; of ragged ones, each array in the lists."""
        name, kind, plates = variable.name, self.types[variable.name], self._plates(variable)
        letters = [plate.letter for plate in plates[list_depth(plates) :]]
        axes = ", ".join([*letters, *(str(size_name(dim)) for dim in kind.event_shape)])
        own = len(letters) + len(kind.event_shape)
        wanted = f"{signature(name, plates, kind)} needs {_axes_words(own)}{f' ({axes})' if axes else ''}"
        if ragged_plates(plates):
            return f"each array of `{name}` has {_axes_words(array.ndim - expected + own)}, but {wanted} in each"
        return f"`{name}` has shape {array.shape}, but {wanted}{_reshape_hint(name, array, expected)}"

    def _read(self, variable: Variable, value: object) -> Array:
        name, kind, plates = variable.name, self.types[variable.name], self._plates(variable)
        if isinstance(value, (Iterator, Mapping)):
            raise DataError(f"`{name}` is a {type(value).__name__}; give an array or a list")
        array, lengths = concatenate(name, value, plates)
        if array.size == 0:
            raise DataError(f"`{name}` is empty: its shape is {array.shape}")
        letters = merged_letters(plates)
        expected = len(letters) + len(kind.event_shape)
        if array.ndim != expected:
            raise DataError(self._wrong_axes(variable, array, expected))
        for letter, found in lengths.items():
            known, origin = self.lengths.setdefault(letter, (found, f"`{name}`"))
            if known != found:
                raise DataError(
                    f"the lengths of plate `{letter}` differ between `{name}` and {origin}{_first_apart(found, known)}"
                )
        if plates and plates[0].letter not in letters and not plates[0].parents:
            self.sizes.learn(plates[0].size, len(value), name, 0, 1)  # type: ignore[arg-type]
        self._learn(name, array, plates, kind)
        return array

    def _learn(self, name: str, array: Array, plates: tuple[Plate, ...], kind: Type) -> None:
        letters = merged_letters(plates)
        ragged = {plate.letter for plate in ragged_plates(plates)}
        regular = {plate.letter: plate.size for plate in plates}
        dims = [*(None if letter in ragged else regular[letter] for letter in letters), *kind.event_shape]
        for axis, dim in enumerate(dims):
            if dim is not None:
                self.sizes.learn(size_name(dim), array.shape[axis], name, axis, array.ndim)
        for plate in plates:
            if plate.letter not in letters and not plate.parents:
                child = next(p for p in plates if plate.letter in p.parents)
                if child.parents == (plate.letter,):
                    self.sizes.learn(plate.size, len(self.lengths[child.letter][0]), name, 0, 1)
                elif child.parents[0] != plate.letter:  # the first parent is as long as the list that was given
                    first = self.sizes.value(next(p.size for p in plates if p.letter == child.parents[0]))
                    if len(child.parents) == 2 and first:
                        self.sizes.learn(plate.size, len(self.lengths[child.letter][0]) // first, name, 0, 1)

    def _sizes_of_axes(self) -> set[str]:
        """Sizes that an array of the result shows as an axis, unless the user bound them."""
        return {name for name, (_, origin) in self.sizes.known.items() if origin.startswith("comes from")}

    def _tables_of_ragged(self, letter: str, lengths: Sequence[int]) -> dict[str, Array]:
        """Offsets, and for each row its group and its position there; the first row of each group, and the lengths."""
        plate = self.model.plate(letter)
        assert plate is not None
        if plate.ordered and 0 in lengths:
            raise DataError(f"series {list(lengths).index(0)} over `{letter}` is empty; leave it out")
        outer = tuple(p for letter in plate.parents if (p := self.model.plate(letter)) is not None)
        parents = merged_letters(outer)  # a ragged parent has swallowed its own
        shape = tuple(self._group_count(parent, len(lengths), len(parents)) for parent in parents)
        found = tables(plate, parents, shape, lengths, plate.size in self.bound.checked.ragged_ranges)
        for parent in ragged_plates(outer):
            if parent.letter in parents:
                above = self._tables_of_ragged(parent.letter, self.lengths[parent.letter][0])
                found |= outer_tables(plate, (parent,), {**above, **found})
        return found

    def _group_count(self, parent: str, total: int, parents: int) -> int:
        """The number of entries of a parent plate."""
        if parents == 1:
            return total
        other = self.model.plate(parent)
        assert other is not None
        size = self.sizes.value(other.size)
        return size if size is not None else len(self.lengths[parent][0])

    # values

    def _subject(self, variable: Variable) -> Subject:
        """A variable with the names of its entries as the user has them."""
        plates = self._plates(variable)
        if not ragged_plates(plates):
            return Subject(variable.name)
        lengths = {letter: found for letter, (found, _) in self.lengths.items()}
        return Subject(variable.name, partial(entry_in_lists, variable.name, plates, lengths))

    def _check_values(self, variable: Variable, array: Array, *, infinite: bool) -> None:
        name, kind, subject = variable.name, self.types[variable.name], self._subject(variable)
        slots = f"[{', '.join(variable.plates)}]" if variable.plates else ""
        cures = {
            Role.OBSERVED: f"write `observed {name}{slots} missing ~ …` to integrate missing entries out",
            Role.GIVEN: "given data must be complete: fill it in, or leave those rows out",
        }
        if variable.role is Role.LATENT and kind.kind not in ("real", "index") and not np.isnan(array).all():
            raise DataError(
                f"`{name}` is of type `{kind.kind}`: only entries of real and discrete latents can be given"
            )
        may_miss = variable.missing or variable.role is Role.LATENT
        check_finite(subject, array, missing=may_miss, infinite=infinite, cure=cures.get(variable.role, ""))
        laws = families(variable)
        check_support(subject, array, kind, laws)
        if variable.role is Role.OBSERVED and not kind.event_shape:
            # Data may be declared wider than their law.
            for support in {
                law.support for law in map(family, laws) if law and law.support in ("positive", "unit", "count")
            }:
                check_support(subject, array, Type(support), laws)

    def _check_indices(self) -> None:
        ragged = ragged_sizes(self.bound)
        indices = [
            n for n in self.arrays if self.types[n].kind == "index" and size_name(self.types[n].dims[0]) not in ragged
        ]
        largest: dict[str, tuple[int, str]] = {}
        for name in indices:
            size = size_name(self.types[name].dims[0])
            if isinstance(size, str) and self.sizes.value(size) is None and np.isfinite(self.arrays[name]).any():
                top = int(np.nanmax(self.arrays[name])) + 1
                largest[size] = max(largest.get(size, (0, "")), (top, name))
        for size, (top, name) in largest.items():
            self.sizes.known[size] = (top, f"is the largest `{name}` + 1")
        for variable in self.model.variables:
            name = variable.name
            if name in indices:
                check_range(self._subject(variable), self.arrays[name], self.types[name], self.sizes)

    def _check_group_indices(self, result: Mapping[str, Any]) -> None:
        """Indices over a ragged size against the length of their own group."""
        for variable in self.model.variables:
            plate = ranged_plate(self.bound, variable)
            if plate is not None and variable.name in self.arrays:
                lengths = group_lengths(plate, self._plates(variable), result)
                check_group_range(variable.name, self.arrays[variable.name], lengths, str(plate.size))

    def _require_sizes(self) -> None:
        for name in unknown_sizes(self.bound, self.sizes.known):
            raise DataError(f"no array tells the size {name}; bind it: {self.model.name}({name}=…)")

    def _dtyped(self, name: str, array: Array) -> Array:
        variable = self.model.variable(name)
        whole = self.types[name].kind in ("count", "index") and not np.isnan(array).any()
        if whole and variable is not None and variable.role is not Role.LATENT:
            return array.astype(np.int64)
        return array


def _axes_words(count: int) -> str:
    return "a single number" if count == 0 else "one axis" if count == 1 else f"{count} axes"


def _first_apart(found: Sequence[int], known: Sequence[int]) -> str:
    """Where two lists of lengths differ first."""
    if len(found) != len(known):
        return f": {len(found)} and {len(known)} lists"
    number = next(number for number, (ours, theirs) in enumerate(zip(found, known, strict=True)) if ours != theirs)
    return f": {found[number]} and {known[number]} in list {number}"


def _reshape_hint(name: str, array: Array, expected: int) -> str:
    if array.ndim == expected + 1 and array.shape[-1] == 1:
        return f"; give {name}[..., 0]"
    if array.ndim == expected - 1:
        return f"; for a last axis of length 1, give {name}[..., None]"
    return ""
