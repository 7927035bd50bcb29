"""`order mu by k`: the components in increasing order of `mu`.

The likelihood of a model whose components are exchangeable does not change when they change places; every axis that
runs over the components, of parameters and of posteriors, is permuted by the same order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emdsl.algebra.evaluate import evaluate
from emdsl.algebra.expressions import Array as ArrayLiteral
from emdsl.algebra.expressions import Call, Expression, Name, Number, Subscript, children, names, walk
from emdsl.data.ragged import merged_letters
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Order, Role, Variable
from emdsl.results.axes import axis_sizes, plate_of
from emdsl.results.series import expressions_of

Array = np.ndarray[Any, Any]
Params = dict[str, Array]


@dataclass(frozen=True)
class Relabelling:
    """For each `order` statement its letter, the size of its plate, and the components in their new order."""

    bound: BoundModel
    steps: tuple[tuple[str, str | int, Array], ...]

    def params(self, params: Mapping[str, Array]) -> Params:
        """Parameters of the emitted module, or estimates, with the components sorted."""
        result = dict(params)
        for letter, size, order in self.steps:
            result = {key: _permuted(self.bound, key, value, letter, size, order) for key, value in result.items()}
        return result

    def posterior(self, name: str, statistics: Mapping[str, Array]) -> Params:
        """What is known of a latent, with the components sorted: its states, and the plates that run over them."""
        result = dict(statistics)
        variable = self.bound.checked.model.variable(name)
        assert variable is not None
        plates = tuple(plate_of(self.bound, letter) for letter in variable.plates)
        letters = merged_letters(plates)
        kind = self.bound.checked.types[name]
        for letter, size, order in self.steps:
            axes = [axis for axis, own in enumerate(letters) if plate_of(self.bound, own).size == size]
            axes = axes if isinstance(size, str) else [axis for axis in axes if letters[axis] == letter]
            for key, value in result.items():
                states = key == "probabilities" and kind.kind == "index" and _same(kind.dims[0], size)
                for axis in (*axes, *((value.ndim - 1,) if states else ())):
                    result[key] = np.take(result[key], order, axis=axis)
        return result


def relabelling(bound: BoundModel, estimates: Mapping[str, Array], data: Mapping[str, Any]) -> Relabelling:
    """The order that the model asks for.

    Nothing is moved where the data, a `fix` or a law tell the components apart: there they are not exchangeable.
    """
    found = Relabelling(bound, ())
    for order in bound.checked.model.orders:
        size = plate_of(bound, order.letter).size
        if _exchangeable(bound, size, data) and not told_by_laws(bound, order.letter, size):
            moved = _order(bound, order, found.params(estimates)[order.name])
            found = Relabelling(bound, (*found.steps, (order.letter, size, moved)))
    return found


def relabelled(
    bound: BoundModel, params: Mapping[str, Array], estimates: Mapping[str, Array], data: Mapping[str, Any]
) -> Params:
    """`params`, of the emitted module, with the components of each `order` statement sorted."""
    return relabelling(bound, estimates, data).params(params)


def _order(bound: BoundModel, order: Order, value: Array) -> Array:
    """Positions of the components, smallest first; of vectors, the first entry decides, then the second, …"""
    variable = bound.checked.model.variable(order.name)
    assert variable is not None
    rows = np.moveaxis(value, variable.plates.index(order.letter), 0).reshape(
        np.shape(value)[variable.plates.index(order.letter)], -1
    )
    return np.lexsort(rows.T[::-1])


def _exchangeable(bound: BoundModel, size: str | int, data: Mapping[str, Any]) -> bool:
    model, types = bound.checked.model, bound.checked.types
    fixed = {fix.name for fix in model.fixes}
    for variable in model.variables:
        kind = types[variable.name]
        own = _component_axes(bound, variable.name, None, size)
        told = variable.name in data and (bool(own) or (kind.kind == "index" and _same(kind.dims[0], size)))
        if told or (variable.name in fixed and own):
            return False
    return True


def told_by_laws(bound: BoundModel, letter: str, size: str | int) -> bool:
    """Whether a law treats some component unlike the others: by its number, or by probabilities of its own.

    `z[s, 0] ~ Categorical([1, 0])` starts in the first state; where `Bernoulli(p)` draws the component, p is that of
    the second one.
    """
    model = bound.checked.model
    letters = {p.letter for p in model.plates if p.size == size} if isinstance(size, str) else {letter}
    expressions = {v.name: _expressions(v) for v in model.variables}
    choosing = {
        name
        for listed in expressions.values()
        for expression in listed
        for name in _indexing(bound, expression, letters)
    }
    for variable in model.variables:
        own = variable.name in choosing
        for definition in variable.definitions:
            shares = own or bool(_component_axes(bound, variable.name, letter, size)[len(variable.plates) :])
            if own and (definition.law.family != "Categorical" or not definition.law.arguments):
                return True
            if shares and any(_unequal(bound, value) for _, value in definition.law.arguments):
                return True
        for expression in expressions[variable.name]:
            if _counted(expression, choosing | letters) or _singled_out(bound, expression, choosing, letter, size):
                return True
    return False


def _singled_out(bound: BoundModel, expression: Expression, choosing: set[str], letter: str, size: str | int) -> bool:
    """Whether a component has an entry that does not move with it, as of `[1, s, 4][z[n]]`, or is read as `m[0]`."""
    for node in walk(expression):
        if not isinstance(node, Subscript):
            continue
        variable = bound.checked.model.variable(node.base.name) if isinstance(node.base, Name) else None
        moved = _component_axes(bound, variable.name, letter, size) if variable else []
        for place, index in enumerate(node.indices):
            if isinstance(index, Number) and place in moved:
                return True
            if _base(index) in choosing and place not in moved:
                return True
    return False


def _indexing(bound: BoundModel, expression: Expression, letters: set[str]) -> Iterator[str]:
    """Latents that choose an entry of a plate with one of the letters."""
    for node in walk(expression):
        if not isinstance(node, Subscript) or not isinstance(node.base, Name):
            continue
        variable = bound.checked.model.variable(node.base.name)
        for letter, index in zip(variable.plates if variable else (), node.indices, strict=False):
            name = _base(index)
            chosen = bound.checked.model.variable(name) if name else None
            if letter in letters and chosen is not None and chosen.role is Role.LATENT:
                yield chosen.name


def _counted(expression: Expression, names_: set[str]) -> bool:
    """Whether one of the names stands for a number, outside of an index."""
    if _base(expression) in names_:
        return True
    match expression:
        case Subscript(base, indices):
            inner = [part for index in indices if _base(index) not in names_ for part in (index,)]
            return _counted(base, names_) or any(_counted(index, names_) for index in inner)
        case Call("sum", (summand, Name(_))):
            return _counted(summand, names_)
    return any(_counted(part, names_) for part in children(expression))


def _base(expression: Expression) -> str | None:
    match expression:
        case Name(name) | Subscript(Name(name), _):
            return name
    return None


def _unequal(bound: BoundModel, value: Any) -> bool:
    """Whether an argument is an array of numbers that are not all the same."""
    if not isinstance(value, Expression) or isinstance(value, (Name, Subscript)):
        return False
    if {name for name in names(value) if bound.checked.model.variable(name) is not None}:
        return isinstance(value, ArrayLiteral)
    try:
        return bool(np.ptp(evaluate(value, bound.constants)))
    except (KeyError, TypeError, ValueError):  # a size that only the data tell: ones(K) / K
        return isinstance(value, ArrayLiteral)


def _expressions(variable: Variable) -> list[Expression]:
    found = [variable.value] if variable.value is not None else []
    return found + [value for definition in variable.definitions for value in expressions_of(definition.law)]


def _permuted(bound: BoundModel, key: str, value: Array, letter: str, size: str | int, permutation: Array) -> Array:
    """A parameter, or a part of its posterior (`mu.mean`), with its component axes permuted."""
    name = key.partition(".")[0]
    if bound.checked.model.variable(name) is None:
        return value
    for axis in _component_axes(bound, name, letter, size):
        if axis < value.ndim and value.shape[axis] == len(permutation):
            value = np.take(value, permutation, axis=axis)
    return value


def _component_axes(bound: BoundModel, name: str, letter: str | None, size: str | int) -> list[int]:
    """Axes of a variable that run over the components.

    A named size says so by itself; where the size is a mere number, the plate's letter does, and the simplex that a
    latent is drawn from which chooses along that plate.
    """
    model = bound.checked.model
    variable = model.variable(name)
    assert variable is not None
    sizes = axis_sizes(bound, name)
    if isinstance(size, str):
        return [axis for axis, other in enumerate(sizes) if other == size]
    plates = [axis for axis, own in enumerate(variable.plates) if own == letter or (letter is None)]
    letters = {plate.letter for plate in model.plates} if letter is None else {letter}
    choosing = {n for v in model.variables for value in _expressions(v) for n in _indexing(bound, value, letters)}
    weights = any(
        latent.name in choosing
        and bound.checked.types[latent.name].kind == "index"
        and _same(bound.checked.types[latent.name].dims[0], size)
        and any(name in _mentioned(definition.law) for definition in latent.definitions)
        for latent in model.variables
    )
    event = [axis for axis in range(len(variable.plates), len(sizes)) if weights and sizes[axis] == size]
    return [axis for axis in plates if sizes[axis] == size] + event


def _mentioned(law: Any) -> frozenset[str]:
    parts = [names(value) if isinstance(value, Expression) else _mentioned(value) for _, value in law.arguments]
    return frozenset().union(*parts)


def _same(dim: Any, size: str | int) -> bool:
    return size in (getattr(dim, "name", None), getattr(dim, "value", None))
