"""Ragged plates as one long axis: `time t in T[s]` turns s sequences into concatenated rows and offsets.

    values       concatenation over s of arrays (t, …), so the pair of axes (s, t) becomes one axis of length sum T[s]
    offsets.t    (s + 1,) int64; the rows of sequence s are values[offsets[s] : offsets[s + 1]]

A plate that is ragged over several letters (`plate j in J[d, i]`) has one offset per (d, i), in row-major order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emdsl.algebra.symbols import first_table, parent_table
from emdsl.data.sources import Array, to_array
from emdsl.errors import DataError
from emdsl.model.statements import Plate


def ragged_plates(plates: Sequence[Plate]) -> tuple[Plate, ...]:
    """Those of `plates` whose size depends on other plates."""
    return tuple(plate for plate in plates if plate.parents)


def merged_letters(plates: Sequence[Plate]) -> tuple[str, ...]:
    """Letters of the axes that remain when each ragged plate has swallowed its parents."""
    swallowed = {parent for plate in plates for parent in plate.parents}
    return tuple(plate.letter for plate in plates if plate.letter not in swallowed)


def concatenate(name: str, value: object, plates: Sequence[Plate]) -> tuple[Array, dict[str, list[int]]]:
    """(values, lengths): concatenated values, and the lengths of each ragged plate in row-major order of its parents.

    A plain array (s, t, …) stands for sequences of one length. Raises DataError when the nesting is not that of the
    plates.
    """
    return _concatenate(name, value, tuple(plates), frozenset(plate.letter for plate in ragged_plates(plates)))


def _concatenate(
    name: str, value: object, plates: tuple[Plate, ...], ragged: frozenset[str]
) -> tuple[Array, dict[str, list[int]]]:
    if not ragged_plates(plates):
        array = to_array(name, value)
        return array, {
            plate.letter: [_length(name, array, axis, plate)]
            for axis, plate in enumerate(plates)
            if plate.letter in ragged
        }
    first, below = plates[0], tuple(_without_parent(plate, plates[0].letter) for plate in plates[1:])
    pieces = [_concatenate(name, item, below, ragged) for item in _items(name, value, first)]
    if not pieces:
        raise DataError(f"`{name}` is empty")
    owned = {plate.letter for plate in plates if first.letter in plate.parents}
    lengths: dict[str, list[int]] = {}
    for letter in pieces[0][1]:
        of_pieces = [found[letter] for _, found in pieces]
        if letter not in owned and any(other != of_pieces[0] for other in of_pieces):
            raise DataError(f"the lengths of plate `{letter}` in `{name}` differ along plate `{first.letter}`")
        lengths[letter] = [n for found in of_pieces for n in found] if letter in owned else of_pieces[0]
    if first.letter in ragged:
        lengths[first.letter] = [len(pieces)]
    arrays = [array for array, _ in pieces]
    if not owned:
        return _join(name, arrays, None, first), lengths
    axis = next(axis for axis, letter in reversed(list(enumerate(merged_letters(below)))) if letter in owned)
    return _join(name, arrays, axis, first), lengths


def entry_in_lists(
    name: str, plates: Sequence[Plate], lengths: Mapping[str, list[int]], position: tuple[int, ...]
) -> str:
    """`y[1][0]`: an entry of concatenated values as the user's lists have it.

    By its place in these where a ragged plate has several parents that stand by themselves.
    """
    letters = merged_letters(plates)
    at = dict(zip(letters, position, strict=False))
    for plate in reversed(ragged_plates(plates)):
        outer = merged_letters([other for other in plates if other.letter in plate.parents])
        if len(outer) > 1:
            return f"{name}[{', '.join(map(str, position))}]"
        starts = offsets(lengths[plate.letter])
        group = int(np.searchsorted(starts, at[plate.letter], side="right")) - 1
        at |= {plate.letter: at[plate.letter] - int(starts[group]), outer[0]: group}
    lists = list_depth(plates)
    found = [at[plate.letter] for plate in plates]
    inner = [*found[lists:], *position[len(letters) :]]
    return (
        name + "".join(f"[{index}]" for index in found[:lists]) + (f"[{', '.join(map(str, inner))}]" if inner else "")
    )


def list_depth(plates: Sequence[Plate]) -> int:
    """How many of the plates are lists of lists: those up to the last on whose entries the size of another depends."""
    return max(
        (i + 1 for i, plate in enumerate(plates) if any(plate.letter in one.parents for one in plates)), default=0
    )


def offsets(lengths: Sequence[int]) -> Array:
    """0, T[0], T[0] + T[1], …"""
    return np.concatenate([[0], np.cumsum(np.asarray(lengths, dtype=np.int64))]).astype(np.int64)


def split(array: Array, plates: Sequence[Plate], data: Mapping[str, Any]) -> Any:
    """The inverse of `concatenate`: nested lists of arrays; the array itself where no plate is ragged.

    `array` has the merged axes of the plates first. `data` are bound: its offsets tell the lengths, and its sizes how
    many groups stand in a row where a plate has several parents.
    """
    ragged = ragged_plates(plates)
    lengths = {plate.letter: np.diff(data[f"offsets.{plate.letter}"]).tolist() for plate in ragged}
    counts = {}
    for plate in ragged:
        for place, parent in enumerate(plate.parents):
            if len(plate.parents) > 1 and not lengths.keys() & set(plate.parents):
                counts[parent] = int(data[first_table(plate.letter)].shape[place])
    return _split(array, tuple(plates), lengths, counts)


def _split(array: Array, plates: tuple[Plate, ...], lengths: Mapping[str, list[int]], counts: Mapping[str, int]) -> Any:
    if not ragged_plates(plates):
        return array
    first, below = plates[0], tuple(_without_parent(plate, plates[0].letter) for plate in plates[1:])
    owned = [plate for plate in plates if first.letter in plate.parents]
    if not owned:
        return [_split(piece, below, lengths, counts) for piece in array]
    count = counts.get(first.letter) or _group_total(first, owned, lengths)
    shares = _divided(owned, count, lengths)
    last = next(letter for letter in reversed(merged_letters(below)) if letter in shares)
    axis = merged_letters(below).index(last)
    stops = np.cumsum([sum(groups) for groups in shares[last]])
    pieces = np.split(array, stops[:-1], axis=axis)
    return [
        _split(piece, below, {**lengths, **{letter: found[number] for letter, found in shares.items()}}, counts)
        for number, piece in enumerate(pieces)
    ]


def _group_total(first: Plate, owned: Sequence[Plate], lengths: Mapping[str, list[int]]) -> int:
    """How many entries the first plate has."""
    if first.letter in lengths:
        return lengths[first.letter][0]
    return len(lengths[next(plate.letter for plate in owned if len(plate.parents) == 1)])


def _divided(owned: Sequence[Plate], count: int, lengths: Mapping[str, list[int]]) -> dict[str, list[list[int]]]:
    """The lengths of each owned plate, one list for each entry of the first plate."""
    shares: dict[str, list[list[int]]] = {}
    for plate in sorted(owned, key=lambda plate: len(plate.parents)):
        found = lengths[plate.letter]
        inner = next((parent for parent in plate.parents if parent in shares), None)
        groups = [sum(part) for part in shares[inner]] if inner else [len(found) // count] * count
        stops = np.cumsum(groups)
        shares[plate.letter] = [found[stop - size : stop] for stop, size in zip(stops, groups, strict=True)]
    return shares


def tables(
    plate: Plate, parents: Sequence[str], shape: tuple[int, ...], lengths: Sequence[int], ranged: bool = False
) -> dict[str, Array]:
    """Offsets, for each row its group and its position there, the first row of each group, and the lengths.

    `parents` are the axes of the groups and `shape` their lengths. `ranged`: variables run over the positions within a
    group, so that there are also tables (groups…, position) up to the longest group.
    """
    letter, starts, counts = plate.letter, offsets(lengths), np.asarray(lengths, dtype=np.int64)
    groups = np.repeat(np.arange(len(counts)), counts)
    found = {
        f"offsets.{letter}": starts,
        f"position.{letter}": np.arange(starts[-1]) - starts[groups],
        first_table(letter): starts[:-1].reshape(shape),
    }
    places = np.unravel_index(groups, shape) if len(shape) > 1 else (groups,)
    found |= {parent_table(letter, parent): place for parent, place in zip(parents, places, strict=True)}
    if ranged:
        positions = np.arange(counts.max(initial=1))
        within = positions < counts[:, None]
        last = np.maximum(starts[:-1] + counts - 1, 0)
        places = np.minimum(starts[:-1, None] + positions, last[:, None])
        found[f"place.{letter}"] = places.reshape(*shape, -1)
        found[f"within.{plate.size}"] = within.astype(np.float64).reshape(*shape, -1)
        found[f"beyond.{plate.size}"] = (~within).astype(np.float64).reshape(*shape, -1)
    return found | ({plate.size: counts.reshape(shape)} if isinstance(plate.size, str) else {})


def outer_tables(plate: Plate, outer: Sequence[Plate], data: Mapping[str, Any]) -> dict[str, Array]:
    """For each row of a plate within a ragged plate its entries of the plates further out; `data` have the tables."""
    found = {}
    for parent in ragged_plates(outer):
        nearest = parent_table(plate.letter, parent.letter)
        for other in parent.parents if nearest in data else ():
            found[parent_table(plate.letter, other)] = data[parent_table(parent.letter, other)][data[nearest]]
    return found


def group_lengths(size: Plate, plates: Sequence[Plate], data: Mapping[str, Any]) -> Array:
    """The length of the group of a ragged plate `size` that each entry over `plates` lies in.

    Its axes are the merged ones of `plates`, of length 1 where the group does not depend on one. `data` are bound, and
    `plates` have all the parents of `size`.
    """
    letters = merged_letters(plates)
    ragged = {plate.letter: plate for plate in ragged_plates(plates)}
    outer = [plate for plate in plates if plate.letter in size.parents]
    places: list[Array] = []
    for letter in merged_letters(outer):
        axis = next(own for own in letters if own == letter or letter in ragged_parents(own, ragged))
        index = np.arange(data[first_table(size.letter)].shape[len(places)])
        if axis != letter:
            index = data[parent_table(axis, letter)]
        places.append(index.reshape([-1 if own == axis else 1 for own in letters]))
    counts = data[f"within.{size.size}"].sum(axis=-1).astype(np.int64)
    return np.asarray(counts[tuple(places)])


def ragged_parents(letter: str, ragged: Mapping[str, Plate]) -> tuple[str, ...]:
    """The parents of a letter, where it is that of a ragged plate."""
    return ragged[letter].parents if letter in ragged else ()


def _without_parent(plate: Plate, letter: str) -> Plate:
    parents = tuple(parent for parent in plate.parents if parent != letter)
    return Plate(plate.letter, plate.size, parents, plate.ordered)


def _items(name: str, value: object, plate: Plate) -> list[Any]:
    try:
        return list(value)  # type: ignore[call-overload, no-any-return]
    except TypeError as error:
        raise DataError(f"`{name}` needs a list over plate `{plate.letter}`, one array for each") from error


def _length(name: str, array: Array, axis: int, plate: Plate) -> int:
    if array.ndim <= axis:
        raise DataError(f"plate `{plate.letter}` of `{name}` is ragged: give a list of arrays, one axis each for it")
    return int(array.shape[axis])


def _join(name: str, arrays: list[Array], axis: int | None, plate: Plate) -> Array:
    """Concatenation along `axis`, or a new first axis where it is None."""
    try:
        return np.stack(arrays) if axis is None else np.concatenate(arrays, axis=axis)
    except (ValueError, np.exceptions.AxisError) as error:
        shapes = sorted({array.shape for array in arrays})
        raise DataError(
            f"the arrays of `{name}` along plate `{plate.letter}` do not fit together: "
            f"shapes {shapes[0]} and {shapes[-1]}"
        ) from error
