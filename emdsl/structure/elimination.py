"""The order in which the discrete variables of a network are summed out.

    table of v and its neighbours → Σ over the states of v → a message to the neighbours

Continuous children come first, then the finest plates. A variable that meets itself at t and t − 1 is summed out along
its chain, together with those that run beside it; one that reaches back to t − L is a chain of the values at
t, …, t − L + 1. Facts only: scopes and orders, no formulas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf, prod

from emdsl.algebra.indices import (
    Gather,
    Index,
    IndexSource,
    Reference,
    Shift,
    indices_in,
    renamed_bases,
    shared_bases,
    substitute,
)
from emdsl.algebra.symbols import Scope, parent_table
from emdsl.structure.children import Children, Place, differ_in_lags

#: Entries of one table over joint states, and joint states of one chain, at the most.
TABLE_BUDGET, CHAIN_BUDGET = 20_000, 300
#: What a size counts for that only the data tell.
UNKNOWN_SIZE = 4


@dataclass(frozen=True)
class Table:
    """A function of the states of some variables, for each of its rows. `source`: which monomial or message it is.

    `everywhere`: it counts in the first rows of series too, and says there the same of all states at earlier rows.
    """

    source: object
    rows: tuple[Index, ...]
    places: tuple[Place, ...]
    everywhere: bool = False

    @property
    def variables(self) -> frozenset[str]:
        return frozenset(name for name, _ in self.places)


@dataclass(frozen=True)
class Step:
    """Variables summed out together: one, a chain of those that run beside each other, or children, integrated.

    `tables` are written in the rows of the step, `neighbours` are what is left. `sent_rows`: the rows at which that is
    known (of a chain: its series), and `outer` the neighbours at these. `message`: as its receivers see it, in the rows
    that they depend on; `targets` are these in the rows of the step. `time`: the index that a chain runs along. `kept`:
    what its state holds, the variables at their rows and, where tables reach back further than to the row before, at
    earlier ones. `children`: those integrated.
    """

    variables: tuple[str, ...]
    rows: tuple[Index, ...]
    tables: tuple[Table, ...]
    neighbours: tuple[Place, ...]
    sent_rows: tuple[Index, ...]
    outer: tuple[Place, ...]
    message: Table
    targets: tuple[Reference, ...]
    time: Index | None = None
    kept: tuple[Place, ...] = ()
    children: Children | None = None

    @property
    def before(self) -> tuple[Place, ...]:
        """What the state of the row before holds, as seen from the row."""
        assert self.time is not None
        return tuple((name, _back(self.rows, self.time, lag_of(references) + 1)) for name, references in self.kept)

    def series(self, scope: Scope) -> dict[Index, Reference]:
        """Of a chain: what each of the rows that it is sent at is in its own rows; the groups of time come last."""
        assert self.time is not None
        plain = [row for row in self.rows if row != self.time]
        return dict(zip(self.sent_rows, (*plain, *_groups(self.time, scope).values()), strict=True))

    def is_pair(self, table: Table) -> bool:
        """Whether a table of a chain needs the state of the row before."""
        own = (place for place in table.places if place[0] in self.variables)
        return self.time is not None and any(place not in self.kept for place in own)


@dataclass(frozen=True)
class Elimination:
    """The steps in their order; `refusal` says why there are none."""

    steps: tuple[Step, ...]
    refusal: str | None = None


def eliminate(
    variables: Sequence[str], children: Sequence[Children], tables: Sequence[Table], scope: Scope, source: IndexSource
) -> Elimination:
    """An order that sums all `variables` and `children` out of `tables`; a refusal where none is within the budget."""
    steps = [_integrated(one, scope, source) for one in children]
    left, waiting = list(variables), [*(step.message for step in steps), *tables]
    for step in steps:
        if _states(step.neighbours, scope) > TABLE_BUDGET:
            return Elimination((), f"the table of `{step.variables[0]}` and its parents exceeds {TABLE_BUDGET}")
        if step.message.everywhere and not set(step.message.rows) <= set(step.rows):
            return Elimination((), f"`{step.variables[0]}` and its parents meet across rows and steps")
    while left:
        found = None
        for chain in (False, True):
            candidates = [one for name in left if (one := _step(name, left, waiting, scope, source, chain))]
            if candidates:
                found = min(candidates, key=lambda step: (-len(step.rows), _states(step.neighbours, scope)))
                break
        if found is None:
            if any(_step(name, left, waiting, scope, source, True, inf) for name in left):
                return Elimination((), f"a chain of `{left[0]}` with more than {CHAIN_BUDGET} joint states")
            return Elimination((), f"{' and '.join(f'`{name}`' for name in left)} cannot be summed out one by one")
        own = _kept_states(found.kept or tuple((name, ()) for name in found.variables), scope)
        if _states(found.neighbours, scope) * own > TABLE_BUDGET:
            return Elimination((), f"the table of `{found.variables[0]}` and its neighbours exceeds {TABLE_BUDGET}")
        steps.append(found)
        used = {table.source for table in found.tables}
        waiting = [table for table in waiting if table.source not in used]
        if found.neighbours:
            waiting.append(found.message)
        left = [name for name in left if name not in found.variables]
    return Elimination(tuple(steps))


def _kept_states(kept: Sequence[Place], scope: Scope) -> int:
    """Joint states of a chain: values at earlier rows have one more, for rows that have none so early."""
    return prod(_size(name, scope) + (lag_of(references) > 0) for name, references in kept)


def _states(places: Sequence[Place], scope: Scope) -> int:
    return prod(_size(name, scope) for name, _ in places)


def _size(name: str, scope: Scope) -> int:
    size = scope.symbols[name].categories
    known = scope.length(size)
    return 1 if size is None else UNKNOWN_SIZE if known is None else known


def _step(
    name: str,
    left: Sequence[str],
    waiting: Sequence[Table],
    scope: Scope,
    source: IndexSource,
    chain: bool,
    budget: float = CHAIN_BUDGET,
) -> Step | None:
    """The step that sums `name` out, if it can be done now."""
    group = _beside(name, left, waiting) if chain else (name,)
    if chain and name != group[0]:
        return None
    rows = tuple(source.fresh(size, letter) for size, letter in scope.symbols[name].plates)
    tables: list[Table] = []
    neighbours: dict[Place, None] = {}
    time: Index | None = None
    longest = dict.fromkeys(group, 1)
    for table in waiting:
        if not table.variables & set(group):
            continue
        moved = _in_rows(table, group, rows)
        if moved is None:
            return None
        for place in moved.places:
            if place[0] not in group:
                neighbours[place] = None
            elif place[1] != rows:
                lagged = _lagged(place[1], rows)
                if lagged is None or not chain or time not in (None, lagged):
                    return None
                time = lagged
                longest[place[0]] = max(longest[place[0]], lag_of(place[1]))
        tables.append(moved)
    if chain != (time is not None):
        return None
    kept: tuple[Place, ...] = ()
    if time is None:
        sent_rows, outer_places = rows, tuple(neighbours)
    else:
        outer = _outside_time(tuple(neighbours), rows, time, scope, source)
        if outer is None or rows[-1] != time:
            return None
        sent_rows, outer_places = outer
        kept = tuple((one, _back(rows, time, lag)) for one in group for lag in range(longest[one]))
        if _kept_states(kept, scope) > budget:
            return None
    if not differ_in_lags(outer_places):
        return None
    message, targets = _message(("message", group, rows), sent_rows, outer_places, scope, source)
    return Step(group, rows, tuple(tables), tuple(neighbours), sent_rows, outer_places, message, targets, time, kept)


def _integrated(one: Children, scope: Scope, source: IndexSource) -> Step:
    message, targets = _message(("message", one.variables, one.rows), one.rows, one.places, scope, source)
    return Step(one.variables, one.rows, (), one.places, one.rows, one.places, message, targets, children=one)


def _message(
    label: object, rows: tuple[Index, ...], outer: tuple[Place, ...], scope: Scope, source: IndexSource
) -> tuple[Table, tuple[Reference, ...]]:
    """What is left to the neighbours, in rows of its own where it reaches them through index arrays."""
    lagged = any(lag_of(references) for _, references in outer)
    if len(outer) == 1 and not lagged:
        ((name, references),) = outer
        own = tuple(source.fresh(size, letter) for size, letter in scope.symbols[name].plates)
        return Table(label, own, ((name, own),)), references
    axes = {r: axis for name, places in outer for r, axis in zip(places, scope.symbols[name].plates, strict=True)}
    bases = shared_bases([references for _, references in outer], axes)
    plain = tuple(row for row in rows if row in bases)
    if len(plain) == len(bases):
        return Table(label, plain, outer, lagged), plain
    names = {base: source.fresh(*axes[base]) if base in axes else source.copy_of(base) for base in bases}  # type: ignore[arg-type]
    moved = tuple((name, tuple(renamed_bases(one, names, {}) for one in references)) for name, references in outer)
    return Table(label, tuple(names.values()), moved, lagged), tuple(bases)


def _beside(name: str, left: Sequence[str], waiting: Sequence[Table]) -> tuple[str, ...]:
    """Variables that have the rows of `name` and meet it there: chains that run beside each other."""
    group = {name}
    while True:
        more = {
            other
            for table in waiting
            if table.variables & group
            for other, references in table.places
            if other in left and other not in group and _runs_beside(references, table)
        }
        if not more:
            return tuple(one for one in left if one in group)
        group |= more


def _runs_beside(references: tuple[Reference, ...], table: Table) -> bool:
    bases = tuple(reference.index if isinstance(reference, Shift) else reference for reference in references)
    return set(bases) == set(table.rows) and all(isinstance(base, Index) for base in bases)


def _in_rows(table: Table, group: Sequence[str], rows: tuple[Index, ...]) -> Table | None:
    """The table with its rows named as those of the group's variables; None where it has others."""
    own = [references for name, references in table.places if name in group]
    own += [tuple(one.index if isinstance(one, Shift) else one for one in references) for references in own]
    plain = next((one for one in own if all(isinstance(reference, Index) for reference in one)), None)
    if plain is None or len(set(plain)) < len(plain) or set(plain) != set(table.rows) or len(plain) != len(rows):
        return None
    renaming: dict[Index, Reference] = dict(zip(plain, rows, strict=True))  # type: ignore[arg-type]
    places = tuple(
        (name, tuple(substitute(reference, renaming) for reference in references)) for name, references in table.places
    )
    names = {index: image for index, image in renaming.items() if isinstance(image, Index)}
    return replace(table, rows=tuple(names[index] for index in table.rows), places=places)


def _lagged(references: tuple[Reference, ...], rows: tuple[Index, ...]) -> Index | None:
    """The index along which references are those of the rows some steps earlier."""
    shifts = [reference for reference in references if isinstance(reference, Shift)]
    if len(shifts) != 1 or len(references) != len(rows):
        return None
    return shifts[0].index if references == _back(rows, shifts[0].index, shifts[0].lag) else None


def lag_of(references: tuple[Reference, ...]) -> int:
    """How many steps back references reach."""
    return max((reference.lag for reference in references if isinstance(reference, Shift)), default=0)


def _back(rows: tuple[Reference, ...], time: Index, lag: int) -> tuple[Reference, ...]:
    """The rows some steps earlier."""
    return tuple(Shift(time, lag) if row == time and lag else row for row in rows)


def _outside_time(
    neighbours: tuple[Place, ...], rows: tuple[Index, ...], time: Index, scope: Scope, source: IndexSource
) -> tuple[tuple[Index, ...], tuple[Place, ...]] | None:
    """Neighbours of a whole chain, which do not change along it, in the rows of the series."""
    groups = {table: source.fresh(*_axis_of(parent, scope)) for parent, table in _groups(time, scope).items()}
    series = (*(row for row in rows if row != time), *groups.values())
    moved: list[Place] = []
    for name, references in neighbours:
        changed = tuple(_grouped(reference, groups) for reference in references)
        if any(time in set(indices_in(reference)) for reference in changed):
            return None
        moved.append((name, changed))
    return series, tuple(moved)


def _groups(time: Index, scope: Scope) -> dict[str, Gather]:
    """The plates that a ragged time lies in: by the letter of each, the entry that a row lies in."""
    letter = time.letter
    return {parent: Gather(parent_table(letter, parent), (time,)) for parent in scope.ragged.get(letter, ())}


def _grouped(reference: Reference, groups: Mapping[Gather, Index]) -> Reference:
    if isinstance(reference, Gather):
        if reference in groups:
            return groups[reference]
        return replace(reference, references=tuple(_grouped(inner, groups) for inner in reference.references))
    return reference


def in_series(reference: Reference, step: Step, scope: Scope) -> Reference | None:
    """A reference in the rows of a step at the rows at which its message is known; None where it changes in time."""
    if step.time is None:
        return reference
    own = {place: index for index, place in step.series(scope).items() if isinstance(place, Gather)}
    moved = _grouped(reference, own)
    return None if step.time in set(indices_in(moved)) else moved


def _axis_of(letter: str, scope: Scope) -> tuple[str | int, str]:
    return next(axis for symbol in scope.symbols.values() for axis in symbol.plates if axis[1] == letter)
