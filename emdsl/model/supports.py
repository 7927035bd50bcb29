"""Where a value must lie: `positive`, `unit`, `simplex`, … and what is surely outside.

    sd > 0,   0 <= p <= 1,   Σ_k p_k = 1

Only what cannot be right is refused: a number outside, or a variable used bare whose type allows values outside.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from emdsl.algebra.expressions import Array, Binary, Expression, Name, Number, Unary
from emdsl.model.shapes import Value

Literal = float | list["Literal"]

#: Kinds that a bare variable may not have where a support is required.
_REFUSED = {
    "real": frozenset[str](),
    "positive": frozenset({"real"}),
    "unit": frozenset({"real", "positive", "count"}),
    "simplex": frozenset({"real", "positive", "unit", "count", "index"}),
    "cov": frozenset({"real", "simplex", "count", "index"}),
    "count": frozenset({"real", "positive", "unit", "simplex", "cov"}),
    "index": frozenset({"real", "positive", "unit", "simplex", "cov", "count"}),
}

#: What each support asks of a number, in words.
WORDS = {
    "real": "a real number",
    "positive": "positive",
    "unit": "between 0 and 1",
    "simplex": "probabilities that sum to 1",
    "cov": "a symmetric positive definite matrix",
    "count": "a whole number, 0 or more",
    "index": "a whole number, 0 or more",
}

#: Numbers that sum to 1 do so within this: six digits of 1/3 pass, three are a mistake.
TOLERANCE = 1e-6


def surely_outside(value: Value, required: str) -> bool:
    """Whether a bare variable may take values that `required` forbids."""
    if not value.sure or value.number is not None:
        return False
    if required in ("simplex", "cov") and value.scalar:
        return value.kind == "real"
    return value.kind in _REFUSED[required]


def literal(node: Expression, numbers: Mapping[str, float | int]) -> Literal | None:
    """The value of an expression of numbers and bound constants alone, nested lists for arrays; None otherwise."""
    match node:
        case Number(value):
            return float(value)
        case Name(name):
            return float(numbers[name]) if name in numbers else None
        case Unary("-", operand):
            inner = literal(operand, numbers)
            return -inner if isinstance(inner, float) else None
        case Array(items):
            entries = [literal(item, numbers) for item in items]
            known = [entry for entry in entries if entry is not None]
            return known if len(known) == len(entries) else None
        case Binary(operator, left, right):
            first, second = literal(left, numbers), literal(right, numbers)
            if isinstance(first, float) and isinstance(second, float):
                return computed(operator, first, second)
    return None


def computed(operator: str, first: float, second: float) -> float | None:
    """`first operator second` for numbers; None where it is not a real number."""
    try:
        match operator:
            case "+":
                return first + second
            case "-":
                return first - second
            case "*":
                return first * second
            case "/":
                return first / second
            case "**":
                power = first**second
                return power if isinstance(power, int | float) else None
    except (ZeroDivisionError, OverflowError):
        pass
    return None


def outside(value: Literal, required: str, zero: bool = False) -> str | None:
    """The number or sum that does not lie in `required`, in words; None when all is well.

    `zero` lets 0 pass as positive, as the rate of a count may be.
    """
    if isinstance(value, list):
        if required == "simplex" and all(isinstance(entry, float) for entry in value):
            return _off_simplex([entry for entry in value if isinstance(entry, float)])
        if required == "cov":
            return _off_cov(value)
        found = (outside(entry, required, zero) for entry in value)
        return next((fault for fault in found if fault), None)
    fine = {
        "real": True,
        "positive": value > 0 or (zero and value == 0),
        "unit": 0 <= value <= 1,
        "simplex": 0 <= value <= 1,
        "cov": value > 0,
        "count": value >= 0 and value.is_integer(),
        "index": value >= 0 and value.is_integer(),
    }[required]
    return None if fine and math.isfinite(value) else f"{value:g}"


def _off_simplex(entries: list[float]) -> str | None:
    wrong = next((entry for entry in entries if not 0 <= entry <= 1), None)
    if wrong is not None:
        return f"{wrong:g}"
    total = math.fsum(entries)
    return None if abs(total - 1) <= TOLERANCE else f"{total:.12g} in sum"


def _off_cov(rows: list[Literal]) -> str | None:
    """Symmetry and a positive diagonal, which every positive definite matrix has."""
    matrix = [[entry for entry in row if isinstance(entry, float)] for row in rows if isinstance(row, list)]
    if len(matrix) != len(rows) or any(len(row) != len(matrix) for row in matrix):
        return None
    for i, row in enumerate(matrix):
        if row[i] <= 0:
            return f"{row[i]:g} on the diagonal"
        if any(row[j] != matrix[j][i] for j in range(i)):
            return "an array that is not symmetric"
    return None
