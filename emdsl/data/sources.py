"""Any container that a user may hold numbers in, as a numpy array of float64.

    frame           ->  columns by name
    array, series, scalar, (nested) list  ->  array; a missing value of any library -> NaN

Ragged data (lists of arrays of different lengths) are left to `emdsl.data.ragged`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emdsl.errors import DataError

Array = np.ndarray[Any, Any]


def is_frame(value: object) -> bool:
    """Whether `value` is a pandas or polars data frame."""
    return hasattr(value, "columns") and hasattr(value, "__getitem__") and not isinstance(value, (np.ndarray, Mapping))


def columns(frame: Any) -> dict[str, Any]:
    """The columns of a pandas or polars frame, or of a mapping, by name."""
    if isinstance(frame, Mapping):
        return {str(name): column for name, column in frame.items()}
    import narwhals as nw

    try:
        wrapped = nw.from_native(frame, eager_only=True)
    except TypeError as error:
        raise DataError(
            f"data is a {type(frame).__name__}; give a dict of name to array, a pandas or polars data frame, "
            "or the arrays as keywords"
        ) from error
    return {str(column.name): column.to_native() for column in wrapped.iter_columns()}


def to_array(name: str, value: object) -> Array:
    """`value` as float64, C-contiguous, its own shape; raises DataError for strings, objects and complex numbers."""
    array = _plain(value)
    if array.dtype.kind == "c":
        raise DataError(f"`{name}` holds complex numbers; emdsl works on real numbers")
    if array.dtype.kind in "USMmV":
        kind = "dates" if array.dtype.kind in "Mm" else "text"
        raise DataError(f"`{name}` holds {kind}, not numbers{_encode_hint(array) if kind == 'text' else ''}")
    if array.dtype.kind == "O":
        array = _from_objects(name, array)
    return np.ascontiguousarray(array, dtype=np.float64).reshape(np.shape(array))


def _plain(value: object) -> Array:
    """`value` as a numpy array of whatever dtype it has; ragged lists and odd items give dtype object."""
    if isinstance(value, np.ma.MaskedArray):
        return np.asarray(np.ma.filled(value.astype(np.float64), np.nan))
    if isinstance(value, np.ndarray):
        return value
    if is_frame(value):
        table = [_plain(column) for column in columns(value).values()]
        return np.stack(table, axis=1) if table else np.empty((0, 0))
    if hasattr(value, "to_numpy"):
        return np.asarray(value.to_numpy())
    if hasattr(value, "toarray"):
        return np.asarray(value.toarray())
    try:
        return np.asarray(value)
    except ValueError:  # rows of different lengths
        rows: Any = value
        ragged = np.empty(len(rows), dtype=object)
        ragged[:] = [_plain(row) for row in rows]
        return ragged


def _from_objects(name: str, array: Array) -> Array:
    """Numbers, None and the missing values of pandas out of an array of objects."""
    result = np.empty(array.shape)
    for position, item in np.ndenumerate(array):
        if item is None or type(item).__name__ in ("NAType", "NaTType"):
            result[position] = np.nan
            continue
        if isinstance(item, (list, tuple, np.ndarray)):
            raise DataError(
                f"the rows of `{name}` differ in length; only a variable on a ragged plate (`plate i in Words[d]`, "
                "`time t in T[s]`) takes a list of arrays of different lengths"
            )
        if isinstance(item, complex):
            raise DataError(f"`{name}` holds complex numbers; emdsl works on real numbers")
        if isinstance(item, str):
            raise DataError(
                f"`{name}` holds text ({item!r} at {place(name, position)}), not numbers{_encode_hint(array)}"
            )
        try:
            result[position] = float(item)
        except (TypeError, ValueError) as error:
            kind = type(item).__name__
            raise DataError(
                f"`{name}` holds objects of type {kind} (first at {place(name, position)}), not numbers"
            ) from error
    return result


def _encode_hint(array: Array) -> str:
    """The cure for text: numbers that are written as text are read, categories are numbered."""
    items = array.ravel().tolist()
    strange = next((item for item in items if isinstance(item, str) and not _says_a_number(item)), None)
    if strange is None:
        return "; read the numbers out of the text (numpy.asarray(…).astype(float) does)"
    if any(_says_a_number(item) for item in items):
        return f"; {strange!r} is no number"
    return "; number the categories 0, 1, … (numpy.unique(…, return_inverse=True) does)"


def _says_a_number(item: object) -> bool:
    try:
        float(item)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
    return True


@dataclass(frozen=True)
class Subject:
    """A variable that messages speak of; `in_lists` names an entry by its place where its entries stand in lists."""

    name: str
    in_lists: Callable[[tuple[int, ...]], str] | None = None

    def entry(self, position: tuple[int, ...]) -> str:
        """`x[3, 0]`, or in lists `x[3][0]`: an entry as the user would index it."""
        return place(self.name, position) if self.in_lists is None else self.in_lists(position)


def place(name: str, position: tuple[int, ...]) -> str:
    """`x[3, 0]`: an entry of an array."""
    return f"{name}[{', '.join(map(str, position))}]" if position else name
