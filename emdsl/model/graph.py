"""The dependence graph: variables as nodes, an edge from what is used to what is defined by it.

observed x[n] ~ Normal(mu[z[n]], sd=s):   mu → x,  z → x,  s → x
latent z[t] ~ Categorical(A[z[t-1]]):     A → z,   z → z with lag 1
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from emdsl.algebra.expressions import Binary, Expression, Name, Number, Subscript, children, walk
from emdsl.model.indexing import lag_of
from emdsl.model.laws import expressions
from emdsl.model.names import Names, collect
from emdsl.model.statements import Model, Variable

if TYPE_CHECKING:
    import networkx


def graph(model: Model) -> networkx.DiGraph[str]:
    """Variables with their `role` and `plates`; an edge that only looks back in time has the smallest step as `lag`.

    `lags` of an edge holds every step at which the one uses the other, 0 for the same time.
    """
    import networkx

    names = collect(model, ())
    result: networkx.DiGraph[str] = networkx.DiGraph(name=model.name)
    for variable in model.variables:
        result.add_node(variable.name, role=variable.role, plates=variable.plates)
    lags: dict[tuple[str, str], set[int]] = {}
    for variable in model.variables:
        for slot, source in _sources(variable):
            for name, lag in _uses(source, slot, names):
                lags.setdefault((name, variable.name), set()).add(lag)
    for (parent, child), steps in lags.items():
        attributes: dict[str, Any] = {"lags": tuple(sorted(steps))}
        if min(steps) > 0:
            attributes["lag"] = min(steps)
        result.add_edge(parent, child, **attributes)
    return result


def find_cycle(model: Model, names: Names) -> tuple[str, ...] | None:
    """Variables of which each needs the next at the same time, the one declared first at both ends; None without any.

    Slots are looked at one at a time: at a start, a variable may depend on another that depends on it later.
    """
    slots = {slot for variable in model.variables for slot, _ in _sources(variable) if slot is not None}
    for slot in (None, *sorted(slots)):
        layer: TopologicalSorter[str] = TopologicalSorter()
        for variable in model.variables:
            own = {at for at, _ in _sources(variable)}
            for at, source in _sources(variable):
                if at == (slot if slot in own else None):
                    layer.add(variable.name, *(name for name, lag in _uses(source, slot, names) if lag == 0))
        try:
            layer.prepare()
        except CycleError as error:
            path: list[str] = error.args[1][:0:-1]  # Each was used by the next; reversed, each needs the next.
        else:
            continue
        first = path.index(min(path, key=list(names.variables).index))
        return (*path[first:], *path[:first], path[first])
    return None


def undeclared(variables: Collection[str], names: Names) -> Name | None:
    """The first name in what defines these variables that stands for nothing: a lag misread, say, as in `z[t-l]`."""
    found = (node for name in variables for _, source in _sources(names.variables[name]) for node in walk(source))
    return next((node for node in found if isinstance(node, Name) and names.meaning(node.name) is None), None)


def lag_by_name(variables: Collection[str], names: Names) -> tuple[str, Expression] | None:
    """The letter and the lag of the first `z[t-K]` in what defines these variables; `lag_of` knows numbers only."""
    for name in variables:
        for _, source in _sources(names.variables[name]):
            for node in walk(source):
                for index in node.indices if isinstance(node, Subscript) else ():
                    match index:
                        case Binary("-", Name(letter), lag) if letter in names.plates and not isinstance(lag, Number):
                            return letter, lag
    return None


def _sources(variable: Variable) -> Iterator[tuple[int | None, Expression]]:
    """The expressions that define a variable, with the number of the slot that each is for (None: the general one)."""
    if variable.value is not None:
        yield None, variable.value
    for definition in variable.definitions:
        numbers = [int(slot.value) for slot in definition.slots if isinstance(slot, Number)]
        for source in expressions(definition.law):
            yield (numbers[0] if numbers else None), source


def _uses(node: Expression, slot: int | None, names: Names) -> Iterator[tuple[str, int]]:
    """The variables that an expression uses, each with the number of steps that it looks back."""
    if isinstance(node, Subscript) and isinstance(node.base, Name) and node.base.name in names.variables:
        yield node.base.name, _steps(node, slot, names)
        for index in node.indices:
            yield from _uses(index, slot, names)
        return
    if isinstance(node, Name) and node.name in names.variables:
        yield node.name, 0
    for child in children(node):
        yield from _uses(child, slot, names)


def _steps(node: Subscript, slot: int | None, names: Names) -> int:
    """Steps back in time of `x[s, t-1]` (1), or of `x[s, 0]`: to a start from the general definition counts 1."""
    assert isinstance(node.base, Name)
    plates = names.variables[node.base.name].plates
    for letter, index in zip(plates, node.indices, strict=False):
        lag = lag_of(index, names)
        if lag is not None:
            return lag[1]
        if names.plates[letter].ordered and isinstance(index, Number):
            return 1 if slot is None else slot - int(index.value)
    return 0
