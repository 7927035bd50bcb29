"""The time along which unknowns of a model are chains: they are read there at earlier steps, or start at fixed ones.

    b[t, j] ~ Normal(b[t-1, j], var=q[j])        b is a chain along t, for each j
    let eta[t, j] = b[t, j];  … eta[t-1, j]      so it is where an earlier step is read through a let
    u[t, j] ~ Normal(b[t, j], var=a)             u runs beside it

Facts only: no formulas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set

from emdsl.algebra.expressions import Binary, Expression, Name, Number, Subscript, names, walk
from emdsl.model.laws import expressions
from emdsl.model.statements import Model


def chain_times(model: Model, unknown: Set[str]) -> Mapping[str, str]:
    """The letter of time for those of the `unknown` variables that are chains along it, and for what runs beside them.

    What is read at fixed places of another plate is no such neighbour: its places may be a chain themselves.
    """
    chains = {name: letter for name, letter in _chains(model).items() if name in unknown}
    beside: dict[str, str] = {}
    for name in unknown - chains.keys() - _read_at_places(model):
        variable = model.variable(name)
        assert variable is not None
        letters = [letter for letter in variable.plates if letter in chains.values()]
        beside |= {name: letters[-1]} if letters else {}
    return chains | beside


def _chains(model: Model) -> dict[str, str]:
    variables = {variable.name: variable for variable in model.variables}
    ordered = {plate.letter for plate in model.plates if plate.ordered}
    found = dict(_starts(model))
    waiting = [pair for value in _expressions(model) for pair in _places_of(value, Binary)]
    while waiting:
        name, place = waiting.pop()
        variable = variables.get(name)
        if variable is None or place >= len(variable.plates) or variable.plates[place] not in ordered:
            continue
        letter = variable.plates[place]
        if variable.value is None:
            found[name] = letter
            continue
        read = (variables[other] for other in names(variable.value) if other in variables)
        waiting += [(other.name, other.plates.index(letter)) for other in read if letter in other.plates]
    return found


def _starts(model: Model) -> Iterator[tuple[str, str]]:
    for variable in model.variables:
        for definition in variable.definitions:
            for letter, slot in zip(variable.plates, definition.slots, strict=False):
                if isinstance(slot, Number):
                    yield variable.name, letter


def _read_at_places(model: Model) -> set[str]:
    """Variables that are read at numbers in place of the letters of plates without an order."""
    ordered = {plate.letter for plate in model.plates if plate.ordered}
    plates = {variable.name: variable.plates for variable in model.variables}
    read = (pair for value in _expressions(model) for pair in _places_of(value, Number))
    return {name for name, place in read if not ordered.issuperset(plates.get(name, ())[place : place + 1])}


def _expressions(model: Model) -> Iterator[Expression]:
    for variable in model.variables:
        for definition in variable.definitions:
            yield from expressions(definition.law)
        if variable.value is not None:
            yield variable.value


def _places_of(value: Expression, kind: type[Expression]) -> Iterator[tuple[str, int]]:
    """The variables in an expression of which an index is of this kind, and the places of these indices."""
    for node in walk(value):
        if isinstance(node, Subscript) and isinstance(node.base, Name):
            yield from ((node.base.name, place) for place, index in enumerate(node.indices) if isinstance(index, kind))
