"""Expressions, types and laws on one line, with the fewest parentheses that keep their meaning.

    sums < products < signs < powers < subscripts, calls and literals

The order is Python's, so the same text is read alike by the grammar and by Python. Numbers are exact (`repr`).
"""

from __future__ import annotations

from collections.abc import Iterable

from emdsl.algebra.expressions import Array, Binary, Call, Expression, Name, Number, Subscript, Unary
from emdsl.model.statements import Law, Type

SUM, PRODUCT, SIGN, POWER, ATOM = range(5)
STRENGTH = {"+": SUM, "-": SUM, "*": PRODUCT, "/": PRODUCT, "@": PRODUCT, "**": POWER}


def write(node: Expression, tight: bool = False) -> str:
    """The expression as text; `tight` leaves away the spaces about `+` and `-`, as in an index: `z[s, t-1]`."""
    return _write(node, SUM, tight)


def write_type(declared: Type) -> str:
    """`real[D, H]`."""
    return declared.kind + subscripts(write(dim, tight=True) for dim in declared.dims)


def write_law(law: Law, method: str = " ") -> str:
    """`Normal(mu[k], sd=1) truncated(0, inf)`; `method` stands before the limits."""
    arguments = (write_argument(name, value, method) for name, value in law.arguments)
    text = f"{law.family}({', '.join(arguments)})"
    if law.limits:
        text += f"{method}{law.limits.kind}({write(law.limits.low)}, {write(law.limits.high)})"
    return text


def write_argument(name: str | None, value: Expression | Law, method: str) -> str:
    """`sd=1`, or `1` for a positional argument."""
    text = write_law(value, method) if isinstance(value, Law) else write(value)
    return text if name is None else f"{name}={text}"


def subscripts(items: Iterable[str]) -> str:
    """`[s, t]`, or nothing for no items."""
    inside = ", ".join(items)
    return f"[{inside}]" if inside else ""


def write_number(value: int | float) -> str:
    """The shortest text that reads back as the same number."""
    return repr(value)


def _write(node: Expression, floor: int, tight: bool) -> str:
    """The text of `node` where an operator of strength `floor` or more binds without parentheses."""
    match node:
        case Number(value):
            text = write_number(value)
            return _bracketed(text, SIGN if text.startswith("-") else ATOM, floor)
        case Name(name):
            return name
        case Subscript(base, indices):
            return _write(base, ATOM, tight) + subscripts(write(index, tight=True) for index in indices)
        case Call(function, arguments):
            return f"{function}({', '.join(write(argument) for argument in arguments)})"
        case Array(items):
            return f"[{', '.join(write(item, tight=True) for item in items)}]"
        case Unary(operator, operand):
            return _bracketed(operator + _write(operand, SIGN, True), SIGN, floor)
        case Binary(operator, left, right):
            return _bracketed(*_binary(operator, left, right, tight or floor > SUM), floor)
    raise TypeError(f"{node!r} is not an expression")


def _binary(operator: str, left: Expression, right: Expression, tight: bool) -> tuple[str, int]:
    """The text of a binary node and its strength; `**` groups to the right, and its right side may bear a sign."""
    strength = STRENGTH[operator]
    if operator == "**":
        return f"{_write(left, ATOM, True)}**{_write(right, SIGN, True)}", strength
    gap = "" if operator in "*/" or (tight and operator in "+-") else " "
    return f"{_write(left, strength, tight)}{gap}{operator}{gap}{_write(right, strength + 1, tight)}", strength


def _bracketed(text: str, strength: int, floor: int) -> str:
    return f"({text})" if strength < floor else text
