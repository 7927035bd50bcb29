"""Long tables: one row for each step of each series, with a column that says which series it belongs to.

    s,t,y              y[s, t] over `plate s in S`, `time t in T[s]` or `time t in T`
    a,0,1.5            series are told apart by the column `s`, named after the plate's letter;
    a,1,2.5            steps are ordered by the column `t` where there is one, else they stay as they are
    b,0,0.5

A variable over `s` alone has the same value in all rows of a series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
            return Groups(outer, inner[0], _rows(table[outer.letter], _order(table, inner[0].letter)))
    return None


def _order(table: Mapping[str, Any], letter: str) -> Array:
    """The rows in the order of their steps."""
    count = len(next(iter(table.values())))
    if letter not in table:
        return np.arange(count)
    steps = to_array(letter, table[letter])
    if not np.isfinite(steps).all():
        raise DataError(f"the column `{letter}` orders the steps, and some are missing")
    return np.argsort(steps, kind="stable")


def _rows(labels: Any, order: Array) -> tuple[Array, ...]:
    """Rows by series: in the order of their numbers, or where they have names, in that of their first rows."""
    listed = [label.item() if isinstance(label, np.generic) else label for label in labels]
    if any(label is None or label != label for label in listed):
        raise DataError("some rows of the long table belong to no series")
    numeric = all(isinstance(label, (int, float)) for label in listed)
    names = sorted(set(listed)) if numeric else list(dict.fromkeys(listed))
    number = {name: place for place, name in enumerate(names)}
    codes = np.array([number[label] for label in listed])[order]
    return tuple(order[codes == code] for code in range(len(names)))
