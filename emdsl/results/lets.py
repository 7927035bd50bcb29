"""Laws with `let` variables replaced by what they stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from emdsl.algebra.expressions import Array, Binary, Call, Expression, Name, Subscript, Unary
from emdsl.model.statements import Law, Model, Role, Variable


def without_lets(law: Law, model: Model) -> Law:
    """The law with every `let` variable spelled out, at the indices where it stands."""
    lets = {variable.name: variable for variable in model.variables if variable.role is Role.LET}
    return _law(law, lets) if lets else law


def _law(law: Law, lets: Mapping[str, Variable]) -> Law:
    arguments = tuple((n, _law(v, lets) if isinstance(v, Law) else _spelled(v, lets, {})) for n, v in law.arguments)
    limits = law.limits
    if limits is not None:
        limits = replace(limits, low=_spelled(limits.low, lets, {}), high=_spelled(limits.high, lets, {}))
    return replace(law, arguments=arguments, limits=limits)


def _spelled(node: Expression, lets: Mapping[str, Variable], letters: Mapping[str, Expression]) -> Expression:
    """`node` with letters replaced, and each `let` by its value at its indices."""

    def inner(part: Expression) -> Expression:
        return _spelled(part, lets, letters)

    match node:
        case Name(name) if name in letters:
            return letters[name]
        case Name(name) if name in lets and not lets[name].plates:
            value = lets[name].value
            assert value is not None
            return _spelled(value, lets, {})
        case Subscript(Name(name), indices) if name in lets:
            variable, places = lets[name], tuple(inner(index) for index in indices)
            assert variable.value is not None
            count = len(variable.plates)
            value = _spelled(variable.value, lets, dict(zip(variable.plates, places, strict=False)))
            return Subscript(value, places[count:]) if len(places) > count else value
        case Subscript(base, indices):
            return Subscript(inner(base), tuple(inner(index) for index in indices), node.span)
        case Call(function, arguments):
            return Call(function, tuple(inner(argument) for argument in arguments), node.span)
        case Binary(operator, left, right):
            return Binary(operator, inner(left), inner(right), node.span)
        case Unary(operator, operand):
            return Unary(operator, inner(operand), node.span)
        case Array(items):
            return Array(tuple(inner(item) for item in items), node.span)
    return node
