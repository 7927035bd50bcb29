"""Series: chains over time in a model, and bound data cut, lengthened and laid out series by series.

The emitted module sees ragged series one after the other; here each axis of the user's plates may also stand by itself,
shorter series filled up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from emdsl.algebra.expressions import Call, Expression, Name, Subscript, names, walk
from emdsl.algebra.symbols import first_table, parent_table
from emdsl.data.ragged import group_lengths, merged_letters, outer_tables, split, tables
from emdsl.data.sizes import ranged_plate
from emdsl.errors import DataError
from emdsl.model.bound import BoundModel
from emdsl.model.holes import may_end
from emdsl.model.statements import Law, Model, Plate, Role, Variable
from emdsl.results.axes import plate_of
from emdsl.results.lets import without_lets
from emdsl.results.posterior import Posterior, flat
from emdsl.runtime.settling import start_key

Array = np.ndarray[Any, Any]


def nesting(bound: BoundModel, name: str, data: Mapping[str, Any]) -> Callable[[Array], Any]:
    """Brings an array of the emitted module into the layout of the user's data: nested lists over ragged plates."""
    variable = bound.checked.model.variable(name)
    plates = plates_of(bound, variable) if variable is not None else ()
    if not any(plate.parents for plate in plates):
        return flat
    return partial(split, plates=plates, data=data)


def state_nesting(bound: BoundModel, name: str, data: Mapping[str, Any]) -> Callable[[Array], Any]:
    """As `nesting`, for arrays with the states last: each group with the states that it has."""
    variable, nest = bound.checked.model.variable(name), nesting(bound, name, data)
    size = ranged_plate(bound, variable) if variable is not None else None
    if variable is None or size is None:
        return nest
    plates = plates_of(bound, variable)
    lengths = group_lengths(size, plates, data)

    def nested(array: Array) -> Any:
        whole = np.broadcast_to(lengths, array.shape[:-1])
        return _with_own_states(nest(array), nest(whole), [plate.letter in size.parents for plate in plates])

    return nested


def _with_own_states(value: Any, lengths: Any, decisive: Sequence[bool]) -> Any:
    """Arrays up to the number of their states, as a list over all axes that it depends on."""
    if not any(decisive):
        return value[..., : int(np.max(lengths, initial=0))]
    return [_with_own_states(one, length, decisive[1:]) for one, length in zip(value, lengths, strict=True)]


def in_layout(bound: BoundModel, name: str, statistics: Mapping[str, Array], data: Mapping[str, Any]) -> Posterior:
    """What is known of a variable, in the layout of the user's data."""
    return Posterior(name, statistics, nesting(bound, name, data), state_nesting(bound, name, data))


def of_steps(steps: Steps, name: str, statistics: Mapping[str, Array]) -> Posterior:
    """What is known of a variable at some steps of each series: nested lists where these lie in ragged plates.

    `statistics` have an axis for each plate, the steps in place of the time.
    """
    plates = steps.plates(name)
    if not any(plate.parents for plate in plates):
        return Posterior(name, statistics)
    rows = {key: merged(value, plates, steps.data) for key, value in statistics.items()}
    nest = partial(split, plates=plates, data=steps.data)
    return Posterior(name, rows, nest, nest)


def plates_of(bound: BoundModel, variable: Variable) -> tuple[Plate, ...]:
    """The plates of a variable, in declared order."""
    return tuple(plate_of(bound, letter) for letter in variable.plates)


def chained_states(bound: BoundModel, discrete: Sequence[str]) -> tuple[str, ...]:
    """Those of the discrete latents of networks that are inferred together with a chain over time; () without one."""
    chain = [v for v in bound.checked.model.variables if v.name in discrete and _reads_itself(v)]
    return tuple(discrete) if chain else ()


def _reads_itself(variable: Variable) -> bool:
    return any(
        isinstance(node, Subscript) and node.base == Name(variable.name)
        for definition in variable.definitions
        for value in expressions_of(definition.law)
        for node in walk(value)
    )


def expressions_of(law: Law) -> list[Expression]:
    """All expressions of a law: arguments, limits, and those of the laws that it chooses among."""
    found = [law.limits.low, law.limits.high] if law.limits else []
    for _, value in law.arguments:
        found += expressions_of(value) if isinstance(value, Law) else [value]
    return found


@dataclass(frozen=True)
class Read:
    """`name`, whose law holds at `slot` of a plate (None: it does not lie on it), reads `other` at `index` there.

    The index is None in a sum over the plate.
    """

    name: str
    slot: Expression | None
    other: str
    index: Expression | None


def reads_along(model: Model, letter: str) -> Iterator[Read]:
    """What laws read of data and latents along a plate."""
    along = {v.name: v.plates.index(letter) for v in model.variables if letter in v.plates and v.role is not Role.PARAM}
    for variable in model.variables:
        for definition in variable.definitions:
            slot = definition.slots[along[variable.name]] if variable.name in along else None
            for value in expressions_of(without_lets(definition.law, model)):
                for node in walk(value):
                    match node:
                        case Subscript(Name(name), indices) if name in along:
                            yield Read(variable.name, slot, name, indices[along[name]])
                        case Call("sum", (summand, Name(summed))) if summed == letter:
                            yield from (Read(variable.name, slot, name, None) for name in names(summand) & {*along})


def coordinates(letter: str, plates: Sequence[Plate], tables: Mapping[str, Any]) -> dict[str, Array]:
    """For each row of a ragged plate its place there, and its places in the plates that the rows are joined over."""
    found = {}
    own = next(plate for plate in plates if plate.letter == letter)
    for plate in plates:
        if plate.letter in own.parents:
            column = tables[parent_table(letter, plate.letter)]
            found[plate.letter] = tables[f"position.{plate.letter}"][column] if plate.parents else column
    return found | {letter: tables[f"position.{letter}"]}


def by_group(bound: BoundModel, plate: Plate, array: Array, tables: Mapping[str, Any]) -> Array:
    """An array over the groups of a ragged plate with an axis for each plate that these lie in."""
    return padded(array, [plate_of(bound, parent) for parent in plate.parents], tables)


def group_sizes(bound: BoundModel, tables: Mapping[str, Any]) -> dict[str, int]:
    """Sizes of the plates that ragged ones are nested in, by name."""
    found: dict[str, int] = {}
    for plate in bound.checked.model.plates:
        if not plate.parents or first_table(plate.letter) not in tables:
            continue
        outer = [plate_of(bound, parent) for parent in plate.parents]
        for letter, length in zip(merged_letters(outer), tables[first_table(plate.letter)].shape, strict=True):
            size = plate_of(bound, letter).size
            if isinstance(size, str) and not plate_of(bound, letter).parents:
                found[size] = length
    return found


def padded(array: Array, plates: Sequence[Plate], tables: Mapping[str, Any]) -> Array:
    """An array of the emitted module with an axis for each plate, as declared; 0 or NaN beyond the end of a group."""
    letter = _ragged_letter(plates)
    if letter is None:
        return array
    columns, order, axis = _order(letter, plates, tables)
    rows = np.moveaxis(array, axis, 0)
    shape = [_longest(name, letter, plates, tables) for name in columns]
    whole = np.full((*shape, *rows.shape[1:]), np.nan if array.dtype.kind == "f" else 0, dtype=array.dtype)
    whole[tuple(columns.values())] = rows
    return np.moveaxis(whole, range(len(order)), order)


def merged(array: Array, plates: Sequence[Plate], tables: Mapping[str, Any]) -> Array:
    """The inverse of `padded`: the groups of ragged plates one after the other."""
    letter = _ragged_letter(plates)
    if letter is None:
        return array
    columns, order, axis = _order(letter, plates, tables)
    rows = np.moveaxis(array, order, range(len(order)))[tuple(columns.values())]
    return np.moveaxis(rows, 0, axis)


def _ragged_letter(plates: Sequence[Plate]) -> str | None:
    """The letter whose rows are concatenated."""
    found = [letter for letter in merged_letters(plates) if any(p.letter == letter and p.parents for p in plates)]
    if len(found) > 1:
        raise DataError(f"a variable over the ragged plates `{'` and `'.join(found)}` cannot be laid out")
    return found[0] if found else None


def _order(letter: str, plates: Sequence[Plate], tables: Mapping[str, Any]) -> tuple[dict[str, Array], list[int], int]:
    """The columns of the joined rows, the declared places of these letters and then the others, and their axis."""
    columns, letters = coordinates(letter, plates, tables), merged_letters(plates)
    declared = [plate.letter for plate in plates]
    order = [declared.index(name) for name in (*columns, *(other for other in letters if other != letter))]
    return columns, order, letters.index(letter)


def _longest(name: str, letter: str, plates: Sequence[Plate], tables: Mapping[str, Any]) -> int:
    """The length of the axis of a ragged plate, or of a plate that rows are concatenated over."""
    plate = next(plate for plate in plates if plate.letter == name)
    if plate.parents:
        return int(np.max(np.diff(tables[f"offsets.{name}"]), initial=0))
    child = next(p for p in plates if name in p.parents)
    outer = [p for p in plates if p.letter in child.parents]
    place = merged_letters(outer).index(name)
    return int(tables[first_table(child.letter)].shape[place])


def row_count(bound: BoundModel, data: Mapping[str, Any]) -> float:
    """Rows of the data, weights counted: entries of the outermost plate, or over time all steps of all series."""
    variable = next((v for v in bound.checked.model.variables if v.role is Role.OBSERVED and v.plates), None)
    if variable is None:
        return 1.0
    plates = plates_of(bound, variable)
    letters = merged_letters(plates)
    shape = dict(zip(letters, np.shape(data[variable.name]), strict=False))
    outermost = plates[0]
    weights = data.get(f"weights.{outermost.letter}")
    time = next((plate for plate in plates if plate.ordered), None)
    below = next((plate for plate in plates if outermost.letter in plate.parents), None)
    if below is None:
        count = float(shape[outermost.letter] if weights is None else weights.sum())
        return count * (shape[time.letter] if time is not None and time != outermost and not time.parents else 1)
    sizes = np.diff(data[f"offsets.{below.letter}"])
    own = np.ones(len(sizes)) if weights is None or below.parents != (outermost.letter,) else weights
    return float(own @ sizes if time is not None and time.letter == below.letter else own.sum())


# over time


def time_plate(bound: BoundModel) -> Plate:
    """The one ordered plate of what is observed. Raises DataError where there is none, or more than one."""
    variables = bound.checked.model.variables
    observed = [v for v in variables if v.role is Role.OBSERVED] or [v for v in variables if v.role is Role.LATENT]
    letters = dict.fromkeys(plate.letter for v in observed for plate in plates_of(bound, v) if plate.ordered)
    if not letters:
        raise DataError("the model observes nothing over time")
    if len(letters) > 1:
        raise DataError(
            f"the model observes along several times, `{'` and `'.join(letters)}`: results over time are those of a "
            "model of one of them, at the same estimates (init=…, max_iter=0)"
        )
    return plate_of(bound, next(iter(letters)))


def time_length(bound: BoundModel, data: Mapping[str, Any]) -> int:
    """The steps of the longest series."""
    plate = time_plate(bound)
    if plate.parents:
        return int(np.max(np.diff(data[f"offsets.{plate.letter}"]), initial=0))
    variable = next(v for v in bound.checked.model.variables if v.name in data and plate.letter in v.plates)
    return int(np.shape(data[variable.name])[merged_letters(plates_of(bound, variable)).index(plate.letter)])


def opened(bound: BoundModel) -> BoundModel:
    """The model with all that is observed over time allowed to be missing."""
    model, letter = bound.checked.model, time_plate(bound).letter
    anew = {v.name for v in model.variables if v.role is Role.OBSERVED and letter in v.plates and not v.missing}
    variables = tuple(replace(v, missing=v.missing or v.name in anew) for v in model.variables)
    checked = replace(bound.checked, model=replace(model, variables=variables))
    return replace(bound, checked=checked, settled=bound.settled | {name for name in anew if may_end(name, bound)})


@dataclass(frozen=True)
class Steps:
    """Bound data and some steps of each of their series.

    `places` (groups…, steps) along the time plate, with an axis for each plate that series lie in.
    """

    bound: BoundModel
    data: Mapping[str, Any]
    plate: Plate
    places: Array

    @property
    def count(self) -> int:
        """How many steps of each series."""
        return int(self.places.shape[-1])

    def plates(self, name: str) -> tuple[Plate, ...]:
        """The plates of a variable, with these steps in place of the time."""
        variable = self.bound.checked.model.variable(name)
        own = plates_of(self.bound, variable) if variable is not None else ()
        here = Plate(self.plate.letter, self.count, (), ordered=True)
        return tuple(here if plate == self.plate else plate for plate in own)

    def of(self, array: Array, plates: Sequence[Plate]) -> Array:
        """These steps of an array with an axis for each plate, in place of its time axis."""
        axis, index = self._index(array, plates)
        return np.take_along_axis(array, index, axis=axis)

    def put(self, array: Array, plates: Sequence[Plate], values: Array) -> Array:
        """The array with `values` at these steps."""
        result = np.array(array, dtype=np.result_type(array, values))
        axis, index = self._index(array, plates)
        shape = (*index.shape[: len(plates)], *array.shape[len(plates) :])
        np.put_along_axis(result, np.broadcast_to(index, shape), np.broadcast_to(values, shape), axis=axis)
        return result

    def _index(self, array: Array, plates: Sequence[Plate]) -> tuple[int, Array]:
        letters = [plate.letter for plate in plates]
        axis = letters.index(self.plate.letter)
        shape = [self.count if place == axis else 1 for place in range(len(letters))]
        for parent, length in zip(self.plate.parents, self.places.shape, strict=False):
            shape[letters.index(parent)] = length
        index = self.places.reshape(*shape, *(1,) * (array.ndim - len(letters)))
        whole = [self.count if place == axis else length for place, length in enumerate(array.shape[: len(letters)])]
        return axis, np.broadcast_to(index, (*whole, *(1,) * (array.ndim - len(letters))))


def all_steps(bound: BoundModel, data: Mapping[str, Any]) -> Steps:
    """Every step of every series; shorter series have their last one over again."""
    plate, longest = time_plate(bound), time_length(bound, data)
    if not plate.parents:
        return Steps(bound, data, plate, np.arange(longest))
    last = np.reshape(np.diff(data[f"offsets.{plate.letter}"]), data[first_table(plate.letter)].shape) - 1
    return Steps(bound, data, plate, by_group(bound, plate, np.minimum(np.arange(longest), last[..., None]), data))


def lengthened(bound: BoundModel, data: Mapping[str, Any], plate: Plate, extra: int) -> Steps:
    """Every series longer by `extra` steps, of which nothing is known: NaN, and 0 in given data."""
    return _cut(bound, data, plate, lambda length: [*range(length), *[-1] * extra], extra)


def shortened(bound: BoundModel, data: Mapping[str, Any], plate: Plate, most: int) -> Steps:
    """Every series to its first `most` steps, of which the last one is looked at."""
    return _cut(bound, data, plate, lambda length: [*range(min(length, most))], 1)


def without_last(bound: BoundModel, data: Mapping[str, Any], plate: Plate) -> Mapping[str, Any]:
    """Every series without its last step, but for the one of those that have no other."""
    return _cut(bound, data, plate, lambda length: [*range(max(length - 1, 1))], 0).data


def ended(bound: BoundModel, data: Mapping[str, Any], plate: Plate, last: Array) -> Mapping[str, Any]:
    """Every series up to a `last` step, but for the first one: of its own in ragged times, (groups…), else of all."""
    ends = iter(np.ravel(last).tolist())
    return _cut(bound, data, plate, lambda length: [*range(max(min(length, next(ends) + 1), 1))], 0).data


def why_whole(bound: BoundModel, plate: Plate) -> str | None:
    """Why series can be neither cut nor lengthened, if they cannot."""
    letter = plate.letter
    if isinstance(plate.size, int) or (not plate.parents and plate.size in bound.constants):
        return f"the number of steps, {plate.size}, is part of the model"
    for variable in bound.checked.model.variables:
        if variable.role is Role.PARAM and letter in variable.plates:
            return f"`{variable.name}` has a value for each step"
    if any(letter in other.parents for other in bound.checked.model.plates):
        return f"a plate is ragged over the time `{letter}`"
    return None


def _cut(
    bound: BoundModel, data: Mapping[str, Any], plate: Plate, kept: Callable[[int], list[int]], looked_at: int
) -> Steps:
    """The data with the `kept` steps of each series, -1 for a new one; the last ones of each are looked at."""
    letter, result = plate.letter, dict(data)
    if (why := why_whole(bound, plate)) is not None:
        raise DataError(f"{why}: series cannot be cut or lengthened")
    if plate.parents:
        starts = data[f"offsets.{letter}"]
        pieces = [np.array(kept(int(length)), dtype=np.int64) for length in np.diff(starts)]
        index = np.concatenate([np.where(p < 0, -1, p + start) for p, start in zip(pieces, starts, strict=False)])
        outside = [plate_of(bound, parent) for parent in plate.parents]
        outer = merged_letters(outside)
        shape = data[first_table(letter)].shape
        lengths = [len(piece) for piece in pieces]
        result |= tables(plate, outer, shape, lengths, plate.size in bound.checked.ragged_ranges)
        result |= outer_tables(plate, outside, result)
        ends = np.reshape(lengths, shape)
    else:
        index = np.array(kept(time_length(bound, data)), dtype=np.int64)
        ends = np.array(len(index))
        if isinstance(plate.size, str) and plate.size in data:
            result[plate.size] = len(index)
    for variable in bound.checked.model.variables:
        for name in (variable.name, start_key(variable.name)):
            if name in data and letter in variable.plates:
                axis = merged_letters(plates_of(bound, variable)).index(letter)
                result[name] = _gathered(data[name], index, axis, variable.role is Role.GIVEN)
    places = ends[..., None] + np.arange(-looked_at, 0)
    return Steps(bound, result, plate, by_group(bound, plate, places, result))


def _gathered(array: Array, index: Array, axis: int, given: bool) -> Array:
    found = np.take(array, np.maximum(index, 0), axis=axis)
    if np.any(index < 0):
        new = (index < 0).reshape(-1, *(1,) * (array.ndim - axis - 1))
        found = np.where(new, 0 if given else np.nan, found)
    return found
