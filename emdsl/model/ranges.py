"""Ranges of counts: the largest value that a law allows makes a count one of finitely many states.

Binomial(2, p) draws 0, 1 or 2:    `index[3]`
"""

from __future__ import annotations

from dataclasses import replace

from emdsl.algebra.expressions import names
from emdsl.errors import ModelError
from emdsl.model import mistakes
from emdsl.model.declarations import scope_of
from emdsl.model.holes import readers
from emdsl.model.laws import drawn, expressions
from emdsl.model.reading import Reader
from emdsl.model.shapes import UNKNOWN, Dim, Value, widest
from emdsl.model.statements import Definition, Model, Role, Variable

#: Ranges that still grow then, as that of `n[t-1] + d[t]` does by one a round, have more states than are compiled.
ROUNDS = 1000


def find_ranges(model: Model, reader: Reader, events: dict[str, Value]) -> None:
    """Gives counts that may be unknown the range of their laws: of a law that reads the count itself, the others'."""
    unknown = [variable for variable in model.variables if may_be_unknown(variable, model)]
    values = {variable.name: events.get(variable.name, UNKNOWN) for variable in unknown}
    counts = [
        variable for variable in unknown if values[variable.name].kind == "count" and values[variable.name].scalar
    ]
    growing = counts
    for _ in range(ROUNDS):
        growing = [variable for variable in counts if _widened(variable, reader, events)]
        if not growing:
            return
    for variable in growing:
        events[variable.name] = replace(events[variable.name], size=None)


def _widened(variable: Variable, reader: Reader, events: dict[str, Value]) -> bool:
    """Gives a count the range of its laws, by what is known of the others; whether that is another one than it had."""
    size = _range(variable, reader)
    if size == events[variable.name].size:
        return False
    events[variable.name] = replace(events[variable.name], size=size)
    return True


def may_be_unknown(variable: Variable, model: Model) -> bool:
    """A latent, or an observed variable of which missing entries are read."""
    missing = variable.role is Role.OBSERVED and variable.missing and bool(readers(variable.name, model))
    return variable.role is Role.LATENT or missing


def _range(variable: Variable, reader: Reader) -> Dim:
    """The range of all laws of a variable that have one by now; a latent without one is refused where it is checked.

    An observed count of which a law has no range may be any.
    """
    result = reader.events[variable.name].size
    for definition in variable.definitions:
        try:
            value = drawn(definition.law, scope_of(variable, definition), None, reader)
        except ModelError:
            continue  # reported where the definition is checked
        if variable.role is Role.OBSERVED and value.size is None:
            return None
        result = widest(result, value.size) or result or value.size
    return result


def check_range(variable: Variable, definition: Definition, event: Value, value: Value, reader: Reader) -> None:
    """A law of counts on finitely many states draws none beyond them (E047, E052)."""
    law, span = definition.law, definition.law.span or definition.span
    if law.family == "PointMass":
        value = drawn(law, scope_of(variable, definition), None, reader)
    states, drawn_states = reader.sizes.resolved(event.size), reader.sizes.resolved(value.size)
    unbound = reader.names.constants.keys() - reader.sizes.numbers.keys()
    if drawn_states is None:
        if not any(names(one) & unbound for one in expressions(law)):
            raise mistakes.supports.count_without_range(variable.name, law.family, span)
    elif not _within(drawn_states, states) and not {drawn_states, states} & unbound:
        raise mistakes.supports.count_beyond_range(variable.name, states, law.family, drawn_states, span)


def _within(drawn_states: Dim, states: Dim) -> bool:
    """Whether the states of a law are surely among those of a variable."""
    numbers = isinstance(drawn_states, int) and isinstance(states, int)
    return drawn_states <= states if numbers else drawn_states == states  # type: ignore[operator]
