"""Laws at many entries at once: which definition holds where, and the numbers that its arguments stand for.

Arrays have one axis for each plate, ragged ones too: there, entries beyond the end of a group are never read.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

import numpy as np

from emdsl.algebra.evaluate import evaluate
from emdsl.algebra.expressions import Expression, Name, Number
from emdsl.data.ragged import merged_letters
from emdsl.errors import DataError
from emdsl.families.family import Family
from emdsl.families.registry import family
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Definition, Law, Variable
from emdsl.results.axes import axis_sizes, plate_of
from emdsl.results.rows import Evaluator, Rows, Values, aligned
from emdsl.results.series import by_group, coordinates, plates_of


class LawReader:
    """The laws of a bound model at `values`, by name; `tables` has the offsets of ragged plates and what follows.

    Arrays of the variables in `drawn` have draws first.
    """

    def __init__(
        self,
        bound: BoundModel,
        values: Mapping[str, Any],
        sizes: Mapping[str, int],
        tables: Mapping[str, Any],
        drawn: Set[str] = frozenset(),
    ) -> None:
        self.bound, self.model, self.tables = bound, bound.checked.model, tables
        self.sizes = {**sizes, **{name: int(v) for name, v in bound.constants.items() if float(v).is_integer()}}
        self.values = {name: np.asarray(value) for name, value in values.items() if self.model.variable(name)}
        for plate in self.model.plates:
            if plate.parents and isinstance(plate.size, str) and plate.size in tables:
                self.values[plate.size] = by_group(bound, plate, np.asarray(tables[plate.size]), tables)
        self.evaluator = Evaluator(self.values, {**self.sizes, **bound.constants}, self.length, self._inside, drawn)

    # sizes and rows

    def length(self, letter: str) -> int:
        """The length of a plate's axis: of a ragged one, that of the longest group."""
        plate = plate_of(self.bound, letter)
        if plate.parents:
            if f"offsets.{letter}" not in self.tables:
                raise DataError(f"how many? Give the sizes {plate.size}: sample({plate.size}=[…])")
            return int(np.max(np.diff(self.tables[f"offsets.{letter}"]), initial=0))
        if isinstance(plate.size, int):
            return plate.size
        if plate.size not in self.sizes:
            raise DataError(f"how many? Give the size {plate.size}: sample({plate.size}=…)")
        return self.sizes[plate.size]

    def event_shape(self, name: str) -> tuple[int, ...]:
        """Lengths of the event axes of a variable."""
        variable = self.model.variable(name)
        assert variable is not None
        sizes = axis_sizes(self.bound, name)[len(variable.plates) :]
        return tuple(size if isinstance(size, int) else self.sizes[size] for size in sizes)

    def grid(self, variable: Variable, fixed: Mapping[str, int]) -> Rows:
        """The entries of a variable, or those at the letters in `fixed`: for each of its letters a column."""
        plates = plates_of(self.bound, variable)
        axes: list[dict[str, Values]] = []
        for letter in merged_letters(plates):
            if plate_of(self.bound, letter).parents:
                columns = coordinates(letter, plates, self.tables)
                kept = np.ones(len(columns[letter]), dtype=bool)
                for other, value in fixed.items():
                    kept &= columns[other] == value if other in columns else True
                axes.append({name: column[kept] for name, column in columns.items()})
            else:
                axes.append({letter: np.array([fixed[letter]]) if letter in fixed else np.arange(self.length(letter))})
        if not axes:
            return {}
        places = np.indices([len(next(iter(columns.values()))) for columns in axes]).reshape(len(axes), -1)
        found = {
            name: column[place] for columns, place in zip(axes, places, strict=True) for name, column in columns.items()
        }
        return {letter: found[letter] for letter in variable.plates}

    def _inside(self, letter: str, rows: Rows) -> Values | None:
        """Which rows lie within their group of a ragged plate."""
        plate = plate_of(self.bound, letter)
        if not plate.parents or not isinstance(plate.size, str):
            return None
        return np.asarray(rows[letter] < self.values[plate.size][tuple(rows[parent] for parent in plate.parents)])

    # laws

    def applies(self, definition: Definition, variable: Variable, rows: Rows, count: int) -> Values:
        """At which rows the slots of a definition fit."""
        result = np.ones(count, dtype=bool)
        for slot, letter in zip(definition.slots, variable.plates, strict=True):
            if isinstance(slot, Number):
                result &= rows[letter] == slot.value
        return result

    def definitions(self, variable: Variable, rows: Rows, count: int) -> list[tuple[Law, Values]]:
        """Each law of a variable with the rows at which it holds; fixed slots win."""
        left, found = np.ones(count, dtype=bool), []
        fixed_first = sorted(variable.definitions, key=lambda d: -sum(isinstance(slot, Number) for slot in d.slots))
        for definition in fixed_first:
            chosen = left & self.applies(definition, variable, rows, count)
            if chosen.any():
                found.append((definition.law, chosen))
                left &= ~chosen
        return found

    def arguments(self, law: Law, rows: Rows, event: tuple[int, ...]) -> tuple[Family, dict[str, Values], bool]:
        """The form of a law, its canonical arguments at each row, and whether it holds entry by entry of the event."""
        entry = family(law.family)
        if entry is None:
            raise DataError(f"`{law.family}` is known by its density alone, so it cannot be drawn from")
        given = {name or entry.arguments[position].name: value for position, (name, value) in enumerate(law.arguments)}
        form = entry.form(given)
        assert form is not None
        entrywise = len(event) > form.rank and form.support != "any"
        arguments: dict[str, Values] = {}
        for name, value in given.items():
            argument = entry.argument(name)
            assert argument is not None and isinstance(value, Expression)
            rank = len(event) if entrywise else argument.rank
            arguments[name] = _to_rank(self.evaluator.rows(value, rows), rank, event[-1] if event else 1, entrywise)
        names: dict[str, Expression] = {name: Name(name) for name in arguments}
        canonical = {name: evaluate(value, arguments) for name, value in form.canonical(names).items()}
        return form, canonical, entrywise


def _to_rank(value: Values, rank: int, length: int, entrywise: bool) -> Values:
    """A scalar where a vector is due is that value everywhere, where a matrix is due a multiple of the identity."""
    if value.ndim - 1 >= rank:
        return value
    if entrywise:
        return aligned([value, np.empty((1,) * (rank + 1))])[0]
    if rank == 1:
        return np.repeat(value[:, None], length, axis=1)
    return value[:, None, None] * np.eye(length)
