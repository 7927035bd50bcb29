"""Expressions and types as the user would write them, for messages: `mu[z[n]]`, `a + b*x[n]`, `real[D, H]`."""

from __future__ import annotations

from emdsl.algebra.expressions import Array, Binary, Call, Expression, Name, Number, Subscript, Unary
from emdsl.model.statements import Type

_STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2, "@": 2, "**": 4}
_UNARY, _ATOM = 3, 5


def spelled(node: Expression) -> str:
    """The expression on one line, with the parentheses that it needs."""
    return _spelled(node, 0)


def spelled_type(kind: str, dims: tuple[object, ...]) -> str:
    """`real[D, H]` from its kind and sizes; a size that is not known prints as `?`."""
    return kind + (f"[{', '.join('?' if dim is None else str(dim) for dim in dims)}]" if dims else "")


def type_text(declared: Type) -> str:
    """A type as written."""
    return spelled_type(declared.kind, tuple(spelled(dim) for dim in declared.dims))


def reference(name: str, plates: tuple[str, ...]) -> str:
    """A variable with all its letters: `mu[k]`, or `pi` when it has none."""
    return f"{name}[{', '.join(plates)}]" if plates else name


def _spelled(node: Expression, surrounding: int) -> str:
    match node:
        case Number(value):
            text, strength = f"{value:g}" if isinstance(value, float) else str(value), _ATOM
        case Name(name):
            text, strength = name, _ATOM
        case Subscript(base, indices):
            text, strength = f"{_spelled(base, _ATOM)}[{_listed(indices)}]", _ATOM
        case Call(function, arguments):
            text, strength = f"{function}({_listed(arguments)})", _ATOM
        case Array(items):
            text, strength = f"[{_listed(items)}]", _ATOM
        case Unary(operator, operand):
            text, strength = operator + _spelled(operand, _UNARY), _UNARY
        case Binary(operator, left, right):
            strength = _STRENGTH[operator]
            lift = 1 if operator == "**" else 0
            gap = " " if strength == 1 or operator == "@" else ""
            first, second = _spelled(left, strength + lift), _spelled(right, strength + 1 - lift)
            text = f"{first}{gap}{operator}{gap}{second}"
        case _:
            raise TypeError(f"{node!r} is not an expression")
    return f"({text})" if strength < surrounding else text


def _listed(items: tuple[Expression, ...]) -> str:
    return ", ".join(_spelled(item, 0) for item in items)
