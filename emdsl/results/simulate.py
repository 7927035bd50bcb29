"""Forward simulation: every random variable drawn from its law, parents first, times in order.

All entries of a variable are drawn at once (over time, those of one time); see `emdsl.results.rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from emdsl.algebra.evaluate import evaluate
from emdsl.algebra.expressions import Expression, Name, Number, Subscript, walk
from emdsl.errors import DataError
from emdsl.families.registry import family
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Definition, Law, Role, Variable
from emdsl.results.axes import axis_sizes, plate_of
from emdsl.results.rows import Evaluator, Rows, Values, aligned

#: Rounds of redrawing what fell outside a truncated law before giving up.
REDRAWS = 10_000


def simulate(
    bound: BoundModel, known: Mapping[str, Any], sizes: Mapping[str, int], rng: np.random.Generator
) -> dict[str, Values]:
    """A draw of every latent and observed variable, axes in the declared order.

    `known` has the parameters and the given data by name. Raises DataError for a ragged model and for a law that
    nobody knows how to draw from.
    """
    return _Simulation(bound, known, sizes, rng).run()


class _Simulation:
    def __init__(
        self, bound: BoundModel, known: Mapping[str, Any], sizes: Mapping[str, int], rng: np.random.Generator
    ) -> None:
        self.bound, self.model, self.rng = bound, bound.checked.model, rng
        self.sizes = {**sizes, **{name: int(v) for name, v in bound.constants.items() if float(v).is_integer()}}
        self.values = {name: np.asarray(value) for name, value in known.items() if self.model.variable(name)}
        self.evaluator = Evaluator(self.values, {**self.sizes, **bound.constants}, self._length)
        if any(plate.parents for plate in self.model.plates):
            raise DataError("a model with a ragged plate cannot be simulated")

    def run(self) -> dict[str, Values]:
        for group in self._groups():
            self._allocate(group)
            if self._follows_itself(group):
                self._draw_in_time(group)
            else:
                for variable in group:
                    self._draw(variable, {})
        wanted = (Role.LATENT, Role.OBSERVED)
        return {
            variable.name: self.values[variable.name] for variable in self.model.variables if variable.role in wanted
        }

    # order

    def _groups(self) -> list[list[Variable]]:
        """Variables to draw, parents first; those that depend on each other over time stand together."""
        import networkx as nx

        drawn = {v.name: v for v in self.model.variables if v.name not in self.values and v.role is not Role.PARAM}
        graph = nx.DiGraph()
        graph.add_nodes_from(drawn)
        for name, variable in drawn.items():
            graph.add_edges_from((part.name, name) for part in _names(variable) if part.name in drawn)
        condensed = nx.condensation(graph)
        return [
            [drawn[name] for name in drawn if name in condensed.nodes[n]["members"]]
            for n in nx.topological_sort(condensed)
        ]

    def _follows_itself(self, group: list[Variable]) -> bool:
        members = {variable.name for variable in group}
        return any(part.name in members for variable in group for part in _names(variable))

    def _draw_in_time(self, group: list[Variable]) -> None:
        import networkx as nx

        times = [plate.letter for plate in self.model.plates if plate.ordered]
        letter = next((t for t in times if all(t in variable.plates for variable in group)), None)
        members = {variable.name: variable for variable in group}
        within = nx.DiGraph()
        within.add_nodes_from(members)
        if letter is not None:
            for variable in group:
                position = {name: v.plates.index(letter) for name, v in members.items()}
                for part in _subscripts(variable):
                    name = part.base.name if isinstance(part.base, Name) else ""
                    if name in members and part.indices[position[name]] == Name(letter):
                        within.add_edge(name, variable.name)
        if letter is None or not nx.is_directed_acyclic_graph(within):
            names = ", ".join(f"`{name}`" for name in members)
            raise DataError(f"{names} depend on each other within one time, so no order of drawing them exists")
        for time in range(self._length(letter)):
            for name in nx.topological_sort(within):
                self._draw(members[name], {letter: time})

    # drawing

    def _length(self, letter: str) -> int:
        size = plate_of(self.bound, letter).size
        if isinstance(size, int):
            return size
        if size not in self.sizes:
            raise DataError(f"how many? Give the size {size}: sample({size}=…)")
        return self.sizes[size]

    def _event_shape(self, name: str) -> tuple[int, ...]:
        variable = self.model.variable(name)
        assert variable is not None
        sizes = axis_sizes(self.bound, name)[len(variable.plates) :]
        return tuple(size if isinstance(size, int) else self.sizes[size] for size in sizes)

    def _allocate(self, group: list[Variable]) -> None:
        for variable in group:
            shape = (*(self._length(letter) for letter in variable.plates), *self._event_shape(variable.name))
            whole = self.bound.checked.types[variable.name].kind in ("count", "index") and variable.role is not Role.LET
            self.values[variable.name] = np.zeros(shape, dtype=np.int64 if whole else np.float64)

    def _draw(self, variable: Variable, fixed: Mapping[str, int]) -> None:
        """All entries of a variable, or those at the letters in `fixed`."""
        lengths = [[fixed[letter]] if letter in fixed else range(self._length(letter)) for letter in variable.plates]
        grid = [axis.ravel() for axis in np.meshgrid(*lengths, indexing="ij")] if lengths else []
        rows = dict(zip(variable.plates, grid, strict=True))
        count = len(grid[0]) if grid else 1
        if variable.value is not None:
            value = self.evaluator.rows(variable.value, rows)
            self._store(variable, rows, np.broadcast_to(value, (count, *self._event_shape(variable.name))))
            return
        left = np.ones(count, dtype=bool)
        fixed_first = sorted(variable.definitions, key=lambda d: -sum(isinstance(slot, Number) for slot in d.slots))
        for definition in fixed_first:
            chosen = left & self._applies(definition, variable, rows, count)
            if chosen.any():
                part = {letter: index[chosen] for letter, index in rows.items()}
                drawn = self._sample(
                    definition.law, part, int(chosen.sum()), self._event_shape(variable.name), variable
                )
                self._store(variable, part, drawn)
                left &= ~chosen

    def _applies(self, definition: Definition, variable: Variable, rows: Rows, count: int) -> Values:
        result = np.ones(count, dtype=bool)
        for slot, letter in zip(definition.slots, variable.plates, strict=True):
            if isinstance(slot, Number):
                result &= rows[letter] == slot.value
        return result

    def _store(self, variable: Variable, rows: Rows, drawn: Values) -> None:
        self.values[variable.name][tuple(rows[letter] for letter in variable.plates)] = (
            drawn if variable.plates else drawn[0]
        )

    def _sample(self, law: Law, rows: Rows, count: int, event: tuple[int, ...], variable: Variable) -> Values:
        if law.family == "switch":
            return self._sample_switch(law, rows, count, event, variable)
        if law.limits is None:
            return self._sample_family(law, rows, count, event)
        low, high = (
            np.broadcast_to(self.evaluator.rows(limit, rows), (count,)) for limit in (law.limits.low, law.limits.high)
        )
        drawn = self._sample_family(law, rows, count, event)
        if law.limits.kind == "censored" and variable.role is Role.OBSERVED:
            return np.clip(drawn, low, high)
        for _ in range(REDRAWS):
            outside = (drawn < low) | (drawn > high)
            if not outside.any():
                return drawn
            part = {letter: index[outside] for letter, index in rows.items()}
            drawn[outside] = self._sample_family(law, part, int(outside.sum()), event)
        raise DataError(f"the limits of `{variable.name}` have almost no probability under its law")

    def _sample_switch(self, law: Law, rows: Rows, count: int, event: tuple[int, ...], variable: Variable) -> Values:
        selector = law.arguments[0][1]
        assert isinstance(selector, Expression)
        choice = np.broadcast_to(self.evaluator.rows(selector, rows), (count,)).astype(np.int64)
        drawn = np.zeros((count, *event))
        for number, (_, branch) in enumerate(law.arguments[1:]):
            chosen = choice == number
            if chosen.any() and isinstance(branch, Law):
                part = {letter: index[chosen] for letter, index in rows.items()}
                drawn[chosen] = self._sample(branch, part, int(chosen.sum()), event, variable)
        return drawn

    def _sample_family(self, law: Law, rows: Rows, count: int, event: tuple[int, ...]) -> Values:
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
        return np.array(form.sample(self.rng, (count, *event) if entrywise else (count,), **canonical))


def _to_rank(value: Values, rank: int, length: int, entrywise: bool) -> Values:
    """A scalar where a vector is due is that value everywhere, where a matrix is due a multiple of the identity."""
    if value.ndim - 1 >= rank:
        return value
    if entrywise:
        return aligned([value, np.empty((1,) * (rank + 1))])[0]
    if rank == 1:
        return np.repeat(value[:, None], length, axis=1)
    return value[:, None, None] * np.eye(length)


def _names(variable: Variable) -> list[Name]:
    return [part for node in _expressions(variable) for part in walk(node) if isinstance(part, Name)]


def _subscripts(variable: Variable) -> list[Subscript]:
    return [part for node in _expressions(variable) for part in walk(node) if isinstance(part, Subscript)]


def _expressions(variable: Variable) -> list[Expression]:
    found: list[Expression] = [variable.value] if variable.value is not None else []
    laws = [definition.law for definition in variable.definitions]
    while laws:
        law = laws.pop()
        if law.limits:
            found += [law.limits.low, law.limits.high]
        for _, value in law.arguments:
            laws.append(value) if isinstance(value, Law) else found.append(value)
    return found
