"""Shapes and kinds of values: the rules by which `+`, `@`, `exp`, `outer`, … combine them.

    value = (sizes of its axes, kind, range of an index)

A size is a name, a number, or None when nothing tells it; None agrees with everything, a name with itself and, until
it is bound, with any number. Kinds order the supports by inclusion: unit ⊂ positive ⊂ real, index ⊂ count ⊂ real.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from emdsl.algebra.expressions import Expression, Name, Number
from emdsl.errors import Span
from emdsl.model import mistakes
from emdsl.model.spelling import spelled_type
from emdsl.model.statements import Type

Dim = str | int | None
Shape = tuple[Dim, ...]

#: Functions of one argument that act entry by entry, with the kind of what they give.
ELEMENTWISE = {
    "exp": "positive", "log": "real", "log1p": "real", "expm1": "real", "sqrt": "positive", "abs": "positive",
    "sin": "real", "cos": "real", "tanh": "real", "logistic": "unit", "logit": "real", "Phi": "unit", "lgamma": "real",
}  # fmt: skip

#: Kinds of which no value is negative.
NONNEGATIVE = frozenset({"positive", "unit", "simplex", "count", "index"})


@dataclass(frozen=True)
class Value:
    """What is known of an expression before any number is.

    `shape` is None when not known. `size` is the range of an index, or of a count that has one. `sure` says that the
    value may be anything in its kind, as for a variable used bare; a computed value may happen to lie in a smaller set.
    `number` is the value of a constant scalar. `stacked` counts the leading axes that are plates left without a letter.
    """

    shape: Shape | None
    kind: str = "real"
    size: Dim = None
    sure: bool = False
    number: float | None = None
    stacked: int = 0

    @property
    def rank(self) -> int | None:
        """Number of axes, None when not known."""
        return None if self.shape is None else len(self.shape)

    @property
    def scalar(self) -> bool:
        return self.shape == ()


UNKNOWN = Value(None)
SCALAR = Value(())


@dataclass(frozen=True)
class Sizes:
    """Agreement of sizes, given the numbers that are bound."""

    numbers: Mapping[str, float | int]

    def resolved(self, dim: Dim) -> Dim:
        """The number of a bound size, otherwise the size itself."""
        return int(self.numbers[dim]) if isinstance(dim, str) and dim in self.numbers else dim

    def agree(self, first: Dim, second: Dim) -> bool:
        """Whether two sizes may be equal."""
        if first is None or second is None or first == second:
            return True
        if isinstance(first, str) and isinstance(second, str):
            return False
        a, b = self.resolved(first), self.resolved(second)
        return a == b or isinstance(a, str) or isinstance(b, str)

    def same_shape(self, first: Shape, second: Shape) -> bool:
        """Whether two shapes may be equal."""
        return len(first) == len(second) and all(map(self.agree, first, second))


def dim_of(node: Expression) -> Dim:
    """The size that an expression in a type, or in `eye(…)`, stands for."""
    match node:
        case Name(name):
            return name
        case Number(value) if float(value).is_integer():
            return int(value)
    return None


def value_of(declared: Type, sure: bool) -> Value:
    """A value of a declared type."""
    size = dim_of(declared.dims[0]) if declared.kind == "index" else None
    return Value(tuple(dim_of(dim) for dim in declared.event_shape), declared.kind, size, sure)


def type_of(value: Value) -> Type | None:
    """The type of a value, or None when a size is missing."""
    if value.shape is None or None in value.shape:
        return None
    if value.kind == "index":
        return None if value.size is None or value.shape else Type("index", (_dim(value.size),))
    dims = value.shape[:1] if value.kind == "cov" else value.shape
    if value.kind == "simplex" and len(dims) != 1:
        return Type("unit", tuple(map(_dim, dims)))
    return Type(value.kind, tuple(map(_dim, dims)))


def _dim(dim: Dim) -> Expression:
    return Number(dim) if isinstance(dim, int) else Name(str(dim))


def known(first: Dim, second: Dim) -> Dim:
    """Of two sizes that agree, the one that says more: a name before a number before nothing."""
    if isinstance(first, str) or second is None:
        return first
    return second


def merged(first: Shape, second: Shape) -> Shape:
    """Of two shapes that agree, the sizes that say more."""
    return tuple(map(known, first, second))


def widest(first: Dim, second: Dim) -> Dim:
    """The smaller range that surely holds two; None where nothing tells it."""
    if isinstance(first, int) and isinstance(second, int):
        return max(first, second)
    return first if first == second else None


def range_of(value: Value) -> Dim:
    """The range of a discrete value, or of a whole number from 0; None for other values."""
    if value.number is not None:
        return int(value.number) + 1 if value.number >= 0 and float(value.number).is_integer() else None
    return value.size if value.kind in ("index", "count") else None


def _is_whole(value: Value) -> bool:
    """Whether a value is a whole number from 0."""
    return value.kind in ("index", "count") or range_of(value) is not None


def combined_range(operator: str, left: Value, right: Value, sizes: Sizes) -> Dim:
    """The range of a sum, product, maximum or minimum of two discrete values, and of a number less one of them."""
    first, second = sizes.resolved(range_of(left)), sizes.resolved(range_of(right))
    known = [dim for dim in (first, second) if isinstance(dim, int)]
    if operator == "min" and known and _is_whole(left) and _is_whole(right):
        return min(known)  # whatever the range of the other
    if operator in ("max", "min"):
        return widest(first, second)
    if len(known) == 2:
        return {
            "+": sum(known) - 1,
            "*": (known[0] - 1) * (known[1] - 1) + 1,
            "-": known[0] if left.number is not None and known[1] <= known[0] else None,
        }.get(operator)
    return None


def shape_text(shape: Shape | None) -> str:
    """`a number`, `a vector of D`, `a D × H matrix`."""
    if shape is None:
        return "of unknown shape"
    sizes = ["?" if dim is None else str(dim) for dim in shape]
    if not sizes:
        return "a number"
    if len(sizes) == 1:
        return f"a vector of length {sizes[0]}"
    return f"a {' × '.join(sizes)} {'matrix' if len(sizes) == 2 else 'array'}"


def elementwise(operator: str, left: Value, right: Value, sizes: Sizes, span: Span | None) -> Value:
    """`+ - * / **`: two equal shapes, or a number and anything."""
    kind = _combined_kind(operator, left, right)
    stacked = max(left.stacked, right.stacked)
    if left.shape is None or right.shape is None:
        return Value(None, kind)
    if left.scalar or right.scalar:
        shape = right.shape if left.scalar else left.shape
    elif sizes.same_shape(left.shape, right.shape):
        shape = merged(left.shape, right.shape)
    else:
        raise mistakes.shapes.shapes_differ(operator, shape_text(left.shape), shape_text(right.shape), span)
    square = len(shape) == 2
    return Value(shape, kind if kind != "cov" or square else "real", stacked=stacked)


def _combined_kind(operator: str, left: Value, right: Value) -> str:
    """The smallest kind that surely holds the result."""
    a, b = left.kind, right.kind
    if "cov" in (a, b):
        scaled = operator == "*" and "positive" in (a, b) and (left.scalar or right.scalar)
        return "cov" if (operator == "+" and a == b) or scaled or (operator == "/" and b == "positive") else "real"
    whole = {"count", "index"}
    probabilities = {"unit", "simplex"}
    if operator in ("+", "*") and a in whole and b in whole:
        return "count"
    if operator == "*" and a in probabilities and b in probabilities:
        return "unit"
    if operator == "-" and left.number == 1 and b in probabilities:
        return "unit"
    if operator == "**":
        return "positive" if a in NONNEGATIVE else "real"
    nonnegative = a in NONNEGATIVE and b in NONNEGATIVE
    return "positive" if operator in ("+", "*", "/") and nonnegative else "real"


def product(left: Value, right: Value, sizes: Sizes, texts: tuple[str, str], span: Span | None) -> Value:
    """`@`: inner product of two vectors, matrix times vector, vector times matrix, matrix times matrix.

    `texts` are the operands as written, for the message.
    """
    kind = "positive" if left.kind in NONNEGATIVE and right.kind in NONNEGATIVE else "real"
    if left.shape is None or right.shape is None:
        return Value(None, kind)
    if left.scalar or right.scalar:
        raise mistakes.shapes.inner_product_of_number(span)
    if len(left.shape) > 2 or len(right.shape) > 2 or not sizes.agree(left.shape[-1], right.shape[0]):
        swapped = f"{texts[1]} @ {texts[0]}" if sizes.agree(right.shape[-1], left.shape[0]) else None
        raise mistakes.shapes.inner_sizes(shape_text(left.shape), shape_text(right.shape), swapped, span)
    return Value((*left.shape[:-1], *right.shape[1:]), kind)


def axis_taken(value: Value, axes_left: int) -> Value:
    """Kind of `value` once event axes were indexed and `axes_left` are left: an entry of a simplex is a unit number."""
    if value.kind == "simplex" and axes_left == 0:
        return replace(value, kind="unit")
    return replace(value, kind="real") if value.kind == "cov" and axes_left < 2 else value


def spelled_value(value: Value) -> str:
    """The type of a value as the user would write it: `real[D]`, `index[K]`."""
    dims: Shape = value.shape or ()
    if value.kind == "index":
        dims = (value.size,)
    elif value.kind == "cov":
        dims = dims[:1]
    return spelled_type(value.kind, dims)
