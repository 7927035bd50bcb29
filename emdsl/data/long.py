"""Long tables: one row for each step of each series, with a column that says which series it belongs to.

    s,t,y              y[s, t] over `plate s in S`, `time t in T[s]` or `time t in T`
    a,0,1.5            series are told apart by the column `s`, named after the plate's letter;
    a,1,2.5            steps are ordered by the column `t` where there is one, else they stay as they are
    b,0,0.5            and may be numbers or dates; no step of a series stands there twice

A variable over `s` alone has the same value in all rows of a series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from emdsl.data.sources import Array, place, to_array
from emdsl.errors import DataError
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Plate


@dataclass(frozen=True)
class Groups:
    """Which rows of a table make each series, in order, and the plates of the series and of their steps."""

    outer: Plate
    inner: Plate
    rows: tuple[Array, ...]

    def arranged(self, name: str, plates: Sequence[str], column: Array) -> Any:
        """A column (row, …) as the data of a variable over these plates."""
        if list(plates) == [self.outer.letter, self.inner.letter]:
            series = [column[rows] for rows in self.rows]
            if self.inner.parents:
                return series
            if len({len(rows) for rows in self.rows}) > 1:
                raise DataError(
                    f"the series of `{name}` differ in length; write `{self.inner.letter} in "
                    f"{self.inner.size}[{self.outer.letter}]` in the model"
                )
            return np.stack(series)
        if list(plates) == [self.outer.letter]:
            firsts = np.stack([column[rows[0]] for rows in self.rows])
            for number, rows in enumerate(self.rows):
                own = column[rows]
                if not np.array_equal(own, np.broadcast_to(firsts[number], own.shape), equal_nan=True):
                    raise DataError(f"`{place(name, (number,))}` differs between the rows of its series")
            return firsts
        raise DataError(f"`{name}` runs over {', '.join(plates) or 'no plate'}; give it by name, not in the long table")


def groups_of(bound: BoundModel, table: Mapping[str, Any]) -> Groups | None:
    """The series of a long table; None where no column is named after the plate of series."""
    model = bound.checked.model
    for outer in model.plates:
        if outer.letter not in table or model.variable(outer.letter) is not None or outer.parents:
            continue
        inner = [p for p in model.plates if p.parents == (outer.letter,)] or [p for p in model.plates if p.ordered]
        if len(inner) == 1:
            return _groups(table, outer, inner[0])
    return None


def _groups(table: Mapping[str, Any], outer: Plate, inner: Plate) -> Groups:
    if inner.letter not in table:
        return Groups(outer, inner, _rows(table[outer.letter], np.arange(len(table[outer.letter]))))
    steps = _steps(inner.letter, table[inner.letter])
    order = np.argsort(steps, kind="stable")
    if outer == inner:  # one series: its rows are its steps
        _check_distinct(inner, table, steps, (order,))
        return Groups(outer, inner, tuple(order[:, None]))
    rows = _rows(table[outer.letter], order)
    if inner.ordered:
        _check_distinct(inner, table, steps, rows)
    return Groups(outer, inner, rows)


def _steps(letter: str, column: Any) -> Array:
    """What orders the rows, numbers or dates, as numbers (row,)."""
    plain = np.asarray(column)
    if plain.dtype.kind in "UT" or any(isinstance(item, str) for item in plain[:1]):
        try:
            plain = np.array([str(item or "") for item in plain], dtype="datetime64[us]")
        except ValueError as error:
            cure = "give numbers, or dates as 2024-12-31"
            raise DataError(f"the column `{letter}` orders the steps, and holds text; {cure}") from error
    if plain.dtype.kind == "M":
        missing, steps = np.isnat(plain), plain.astype(np.int64)
    elif _are_dates(plain):
        missing = np.array([item is None or item != item for item in plain])
        try:
            steps = np.unique(plain[~missing], return_inverse=True)[1]
        except TypeError as error:
            raise DataError(f"the column `{letter}` orders the steps, and some are no dates") from error
    else:
        steps = to_array(letter, column)
        missing = ~np.isfinite(steps)
    if missing.any():
        raise DataError(f"the column `{letter}` orders the steps, and some are missing")
    return steps


def _are_dates(plain: Array) -> bool:
    return plain.dtype.kind == "O" and any(isinstance(item, date) for item in plain)


def _check_distinct(inner: Plate, table: Mapping[str, Any], steps: Array, series: tuple[Array, ...]) -> None:
    """Raises DataError where a series has two rows for one step."""
    for rows in series:
        again = np.flatnonzero(np.diff(steps[rows]) == 0)
        if again.size:
            first, second = (int(rows[again[0] + ahead]) for ahead in (0, 1))
            step = np.asarray(table[inner.letter])[first]
            raise DataError(
                f"rows {first} and {second} of the long table are both step {step} over `{inner.letter}` of one series"
            )


def _rows(labels: Any, order: Array) -> tuple[Array, ...]:
    """Rows by series: in the order of their numbers, or where they have names, in that of their first rows."""
    listed = [label.item() if isinstance(label, np.generic) else label for label in labels]
    if any(label is None or label != label for label in listed):
        raise DataError("some rows of the long table belong to no series")
    numeric = all(isinstance(label, (int, float)) for label in listed)
    names = sorted(set(listed)) if numeric else list(dict.fromkeys(listed))
    number = {name: place for place, name in enumerate(names)}
    codes = np.array([number[label] for label in listed], dtype=np.intp)[order]
    ends = np.cumsum(np.bincount(codes, minlength=len(names)))
    return tuple(np.split(order[np.argsort(codes, kind="stable")], ends[:-1])) if names else ()
