"""Forward simulation: every random variable drawn from its law, parents first, times in order.

All entries of a variable are drawn at once (over time, those of one time), and so are many draws; see
`emdsl.results.rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression, Name, Subscript, walk
from emdsl.errors import DataError
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Law, Role, Variable
from emdsl.results.laws import LawReader
from emdsl.results.rows import DRAW, Rows, Values
from emdsl.results.series import expressions_of

#: Rounds of redrawing what fell outside a truncated law before giving up.
REDRAWS = 10_000


def simulate(
    bound: BoundModel,
    known: Mapping[str, Any],
    sizes: Mapping[str, int],
    rng: np.random.Generator,
    tables: Mapping[str, Any] | None = None,
) -> dict[str, Values]:
    """A draw of every latent and observed variable, with an axis for each plate in the declared order.

    `known` has the parameters and the given data by name. `tables` has the offsets of ragged plates and what follows
    from them; entries beyond the end of a group are 0. Raises DataError for a law that nobody knows how to draw from.
    """
    drawn = Simulation(bound, known, sizes, tables or {}).run(rng, {})
    return {name: values[0] for name, values in drawn.items()}


class Simulation(LawReader):
    """A model from which draws are made. Arrays of what is drawn have the draws first, and then an axis for each plate.

    `known`: what is the same in all draws.
    """

    rng: np.random.Generator
    past: Mapping[str, Any]
    draws: int

    def __init__(
        self, bound: BoundModel, known: Mapping[str, Any], sizes: Mapping[str, int], tables: Mapping[str, Any]
    ) -> None:
        own = {v.name for v in bound.checked.model.variables if v.name not in known and v.role is not Role.PARAM}
        super().__init__(bound, known, sizes, tables, own)

    def run(self, rng: np.random.Generator, past: Mapping[str, Any], draws: int = 1) -> dict[str, Values]:
        """Some draws. `past`: what is known of variables that are drawn, NaN where it is not, parents before children.

        Its arrays may have one draw for all; the same entries are known in every draw.
        """
        self.rng, self.past, self.draws = rng, past, draws
        for group, times in self._groups:
            self._allocate(group)
            if times is None:
                for variable in group:
                    self._draw(variable, {})
            else:
                for time in range(self._first_unknown(group, times[0]), self.length(times[0])):
                    for variable in times[1]:
                        self._draw(variable, {times[0]: time})
        wanted = (Role.LATENT, Role.OBSERVED)
        return {
            variable.name: self.values[variable.name] for variable in self.model.variables if variable.role in wanted
        }

    # order

    @cached_property
    def _groups(self) -> list[tuple[list[Variable], tuple[str, list[Variable]] | None]]:
        """Variables to draw, parents first. Those that depend on each other over time stand together, with the time's
        letter and their order within a step.
        """
        import networkx as nx

        drawn = {v.name: v for v in self.model.variables if v.name not in self.values and v.role is not Role.PARAM}
        graph = nx.DiGraph()
        graph.add_nodes_from(drawn)
        for name, variable in drawn.items():
            graph.add_edges_from((part.name, name) for part in _names(variable) if part.name in drawn)
        condensed = nx.condensation(graph)
        groups = [
            [drawn[name] for name in drawn if name in condensed.nodes[n]["members"]]
            for n in nx.topological_sort(condensed)
        ]
        return [(group, self._in_time(group) if self._follows_itself(group) else None) for group in groups]

    def _follows_itself(self, group: list[Variable]) -> bool:
        members = {variable.name for variable in group}
        return any(part.name in members for variable in group for part in _names(variable))

    def _in_time(self, group: list[Variable]) -> tuple[str, list[Variable]]:
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
        return letter, [members[name] for name in nx.topological_sort(within)]

    def _first_unknown(self, group: list[Variable], letter: str) -> int:
        """The first time at which one of these variables is to be drawn."""
        first = []
        for variable in group:
            if variable.name not in self.past:
                return 0
            axis = variable.plates.index(letter)
            unknown = np.isnan(np.moveaxis(self.past[variable.name][0], axis, 0)).reshape(self.length(letter), -1)
            first.append(int(np.argmax(unknown.any(axis=1))) if unknown.any() else self.length(letter))
        return min(first)

    # drawing

    def _allocate(self, group: list[Variable]) -> None:
        for variable in group:
            lengths = (self.length(letter) for letter in variable.plates)
            shape = (self.draws, *lengths, *self.event_shape(variable.name))
            whole = self.bound.checked.types[variable.name].kind in ("count", "index") and variable.role is not Role.LET
            if variable.name in self.past:
                self.values[variable.name] = np.array(np.broadcast_to(self.past[variable.name], shape), np.float64)
            else:
                self.values[variable.name] = np.zeros(shape, dtype=np.int64 if whole else np.float64)

    def _draw(self, variable: Variable, fixed: Mapping[str, int]) -> None:
        """All entries of a variable, or those at the letters in `fixed`."""
        rows, event = self.grid(variable, fixed), self.event_shape(variable.name)
        if variable.name in self.past:
            entries = self.past[variable.name][(0, *rows.values())]
            unknown = np.isnan(entries).reshape(len(next(iter(rows.values()), [0])), -1).any(axis=1)
            if not unknown.any():
                return
            rows = {letter: index[unknown] for letter, index in rows.items()}
        entries_each = len(next(iter(rows.values()), [0]))
        rows = {DRAW: np.repeat(np.arange(self.draws), entries_each)} | {
            letter: np.tile(index, self.draws) for letter, index in rows.items()
        }
        count = len(rows[DRAW])
        if variable.value is not None:
            value = self.evaluator.rows(variable.value, rows)
            self._store(variable, rows, np.broadcast_to(value, (count, *event)))
            return
        for law, chosen in self.definitions(variable, rows, count):
            part = {letter: index[chosen] for letter, index in rows.items()}
            self._store(variable, part, self._sample(law, part, int(chosen.sum()), event, variable))

    def _store(self, variable: Variable, rows: Rows, drawn: Values) -> None:
        self.values[variable.name][(rows[DRAW], *(rows[letter] for letter in variable.plates))] = drawn

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
        form, canonical, entrywise = self.arguments(law, rows, event)
        return np.array(form.sample(self.rng, (count, *event) if entrywise else (count,), **canonical))


def _names(variable: Variable) -> list[Name]:
    return [part for node in _expressions(variable) for part in walk(node) if isinstance(part, Name)]


def _subscripts(variable: Variable) -> list[Subscript]:
    return [part for node in _expressions(variable) for part in walk(node) if isinstance(part, Subscript)]


def _expressions(variable: Variable) -> list[Expression]:
    found: list[Expression] = [variable.value] if variable.value is not None else []
    for definition in variable.definitions:
        found += expressions_of(definition.law)
    return found
