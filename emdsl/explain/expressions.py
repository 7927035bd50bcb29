r"""Expressions, laws and supports of the model as LaTeX.

MvNormal(mu[z[n]], cov=Sigma)  →  \mathrm{MvNormal}\left(\mu_{z_{n}},\, \mathrm{cov} = \Sigma\right)
"""

from __future__ import annotations

from emdsl.algebra.expressions import Array, Binary, Call, Expression, Name, Number, Subscript, Unary
from emdsl.explain.symbols import name_text, with_indices
from emdsl.model.statements import Law, Type

SUM, PRODUCT, SIGN, POWER, ATOM = range(5)
STRENGTH = {"+": SUM, "-": SUM, "*": PRODUCT, "@": PRODUCT, "/": ATOM, "**": POWER}
OPERATORS = {"+": " + ", "-": " - ", "*": r" \cdot ", "@": r"^{\top} "}
FUNCTIONS = ("exp", "log", "sin", "cos", "tanh", "min", "max")


def expression_text(node: Expression, floor: int = SUM) -> str:
    """The expression where an operator of strength `floor` or more binds without parentheses."""
    match node:
        case Number(value):
            return r"\infty" if value == float("inf") else f"{value:g}" if isinstance(value, float) else str(value)
        case Name(name):
            return name_text(name)
        case Subscript(Subscript(base, first), indices):
            return expression_text(Subscript(base, (*first, *indices)), floor)
        case Subscript(base, indices):
            return with_indices(expression_text(base, ATOM), [expression_text(index) for index in indices])
        case Array(items):
            return rf"\left[{', '.join(expression_text(item) for item in items)}\right]"
        case Unary(_, operand):
            return _bracketed(f"-{expression_text(operand, SIGN)}", SIGN, floor)
        case Binary(operator, left, right):
            return _bracketed(_binary(operator, left, right), STRENGTH[operator], floor)
        case Call(function, arguments):
            return _call(function, [expression_text(argument) for argument in arguments])
    raise TypeError(f"{node!r} is not an expression")


def _binary(operator: str, left: Expression, right: Expression) -> str:
    if operator == "/":
        return rf"\frac{{{expression_text(left)}}}{{{expression_text(right)}}}"
    if operator == "**":
        return f"{{{expression_text(left, ATOM)}}}^{{{expression_text(right)}}}"
    if operator == "@":
        return rf"{expression_text(left, PRODUCT)} \, {expression_text(right, PRODUCT + 1)}"
    strength = STRENGTH[operator]
    return f"{expression_text(left, strength)}{OPERATORS[operator]}{expression_text(right, strength + 1)}"


def _call(function: str, arguments: list[str]) -> str:
    if function == "sqrt":
        return rf"\sqrt{{{arguments[0]}}}"
    if function == "abs":
        return rf"\left|{arguments[0]}\right|"
    if function == "sum" and len(arguments) == 2:
        return rf"\sum_{{{arguments[1]}}} {arguments[0]}"
    if function == "eye":
        return f"I_{{{arguments[0]}}}"
    name = rf"\{function}" if function in FUNCTIONS else rf"\operatorname{{{function}}}"
    return rf"{name}\left({', '.join(arguments)}\right)"


def _bracketed(text: str, strength: int, floor: int) -> str:
    return rf"\left({text}\right)" if strength < floor else text


def law_text(law: Law) -> str:
    """`\\mathrm{Normal}(\\mu, \\mathrm{var} = v)`, with its limits."""
    arguments = []
    for name, value in law.arguments:
        text = law_text(value) if isinstance(value, Law) else expression_text(value)
        arguments.append(text if name is None else rf"\mathrm{{{name}}} = {text}")
    listed = r",\, ".join(arguments)
    text = rf"\mathrm{{{law.family}}}\left({listed}\right)"
    if law.limits is not None:
        low, high = expression_text(law.limits.low), expression_text(law.limits.high)
        text += rf"\text{{ {law.limits.kind} to }} [{low}, {high}]"
    return text


def support_text(declared: Type) -> str:
    """The set that a type stands for."""
    dims = [expression_text(dim) for dim in declared.dims]
    product = r" \times ".join(dims)
    shape = f"^{{{product}}}" if dims else ""
    match declared.kind:
        case "real":
            return rf"\mathbb{{R}}{shape}"
        case "positive":
            return rf"\mathbb{{R}}_{{>0}}{shape}"
        case "unit":
            return f"[0, 1]{shape}"
        case "simplex":
            return rf"\Delta_{{{dims[0]}}}"
        case "cov":
            return rf"\mathbb{{S}}_{{>0}}{shape}"
        case "count":
            return rf"\mathbb{{N}}_{{0}}{shape}"
    return rf"\{{0, \dots, {dims[0]} - 1\}}"
