"""Expressions as written: what stands right of `~`, inside indices and in `let`, before anything is known of names.

    expression = Number | Name | Subscript | Call | Binary | Unary | Array

Both front ends build these, the families state their log densities in them, and the algebra expands them into terms.
Python's operators build expressions, so a family reads like its formula: `-prec * (x - mean)**2 / 2 + log(prec) / 2`.
Spans are for messages only and take no part in equality.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from emdsl.errors import Span

#: Functions of the language, in the order of the contract, then those that only families use.
FUNCTIONS = (
    "exp", "log", "log1p", "expm1", "sqrt", "abs", "min", "max", "sin", "cos", "tanh", "logistic", "logit", "softmax",
    "Phi", "lgamma", "dot", "sum", "outer", "diag", "eye", "ones", "zeros", "stationary",
)  # fmt: skip
FAMILY_FUNCTIONS = ("inv", "logdet", "trace", "gram", "dim", "log_bessel_i0", "log_multigamma")


class Expression:
    """Base of the seven kinds; it carries Python's operators."""

    span: Span | None
    __array_ufunc__ = None  # numpy's scalars and arrays leave `array * expression` to this class

    def __add__(self, other: object) -> Binary:
        return Binary("+", self, expression(other))

    def __radd__(self, other: object) -> Binary:
        return Binary("+", expression(other), self)

    def __sub__(self, other: object) -> Binary:
        return Binary("-", self, expression(other))

    def __rsub__(self, other: object) -> Binary:
        return Binary("-", expression(other), self)

    def __mul__(self, other: object) -> Binary:
        return Binary("*", self, expression(other))

    def __rmul__(self, other: object) -> Binary:
        return Binary("*", expression(other), self)

    def __truediv__(self, other: object) -> Binary:
        return Binary("/", self, expression(other))

    def __rtruediv__(self, other: object) -> Binary:
        return Binary("/", expression(other), self)

    def __pow__(self, other: object) -> Binary:
        return Binary("**", self, expression(other))

    def __rpow__(self, other: object) -> Binary:
        return Binary("**", expression(other), self)

    def __matmul__(self, other: object) -> Binary:
        return Binary("@", self, expression(other))

    def __rmatmul__(self, other: object) -> Binary:
        return Binary("@", expression(other), self)

    def __neg__(self) -> Unary:
        return Unary("-", self)

    def __getitem__(self, indices: object) -> Subscript:
        items = indices if isinstance(indices, tuple) else (indices,)
        return subscript(self, tuple(expression(item) for item in items))

    def __iter__(self) -> Iterator[Expression]:
        raise TypeError("a model expression cannot be iterated over; index it by a plate letter instead")

    def __bool__(self) -> bool:
        raise TypeError("a model expression has no truth value")


@dataclass(frozen=True)
class Number(Expression):
    """A literal; `inf` is Number(inf). Whole numbers stay int."""

    value: int | float
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Name(Expression):
    """A letter, size, constant or variable; the check stage says which."""

    name: str
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Subscript(Expression):
    """`base[indices]`; plates first, then event axes."""

    base: Expression
    indices: tuple[Expression, ...]
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Call(Expression):
    """`function(arguments)`; `sum(expr, k)` has the letter as its second argument."""

    function: str
    arguments: tuple[Expression, ...]
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Binary(Expression):
    """`left operator right`, operator one of + - * / ** @."""

    operator: str
    left: Expression
    right: Expression
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Unary(Expression):
    """`-operand`."""

    operator: str
    operand: Expression
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Array(Expression):
    """`[a, b, c]`, possibly nested."""

    items: tuple[Expression, ...]
    span: Span | None = field(default=None, compare=False, repr=False)


def expression(value: object) -> Expression:
    """A Python number, list, array or expression as an expression. Raises TypeError for anything else."""
    if isinstance(value, Expression):
        return value
    if hasattr(value, "tolist"):  # a numpy scalar or array
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return Array(tuple(expression(item) for item in value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Number(value)
    if isinstance(value, slice):
        raise TypeError("there are no slices: leave the last axes out, and index the others by letters")
    raise TypeError(f"{value!r} cannot stand in a model expression")


def subscript(base: Expression, indices: tuple[Expression, ...], span: Span | None = None) -> Subscript:
    """`base[indices]`; `a[i][j]` is `a[i, j]`."""
    if isinstance(base, Subscript):
        return Subscript(base.base, (*base.indices, *indices), span)
    return Subscript(base, indices, span)


def call(function: str, *arguments: object) -> Call:
    """`function(arguments)` from Python."""
    return Call(function, tuple(expression(argument) for argument in arguments))


def children(node: Expression) -> tuple[Expression, ...]:
    """Direct sub-expressions, left to right."""
    match node:
        case Subscript(base, indices):
            return (base, *indices)
        case Call(_, arguments):
            return arguments
        case Binary(_, left, right):
            return (left, right)
        case Unary(_, operand):
            return (operand,)
        case Array(items):
            return items
    return ()


def walk(node: Expression) -> Iterator[Expression]:
    """Every sub-expression, the node itself first."""
    yield node
    for child in children(node):
        yield from walk(child)


def names(node: Expression) -> frozenset[str]:
    """All names that occur, letters and sizes included."""
    return frozenset(part.name for part in walk(node) if isinstance(part, Name))


def renamed(node: Expression, names_: Mapping[str, str]) -> Expression:
    """The expression with names replaced."""
    match node:
        case Name(name):
            return Name(names_.get(name, name), node.span)
        case Subscript(base, indices):
            return Subscript(renamed(base, names_), tuple(renamed(item, names_) for item in indices), node.span)
        case Call(function, arguments):
            return Call(function, tuple(renamed(item, names_) for item in arguments), node.span)
        case Binary(operator, left, right):
            return Binary(operator, renamed(left, names_), renamed(right, names_), node.span)
        case Unary(operator, operand):
            return Unary(operator, renamed(operand, names_), node.span)
        case Array(items):
            return Array(tuple(renamed(item, names_) for item in items), node.span)
    return node
