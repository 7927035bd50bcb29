"""Simplifications of array expressions that keep the emitted formulas short.

    scaled(−½ N, −2) = N        common_factor(½ S, ½ N) = S, N
"""

from __future__ import annotations

from dataclasses import replace

from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Total, read


def scaled(array: Array, factor: float) -> Array:
    """`factor · array`, multiplied into the coefficients."""
    match array:
        case Contraction(coefficient):
            product = replace(array, coefficient=coefficient * factor)
            return _bare(product)
        case Total(parts, axes):
            return Total(tuple(scaled(part, factor) for part in parts), axes)
    if factor == 1.0:
        return array
    return Contraction(factor, (read(array),), array.axes)


def _bare(product: Contraction) -> Array:
    """A contraction that only repeats an array is that array."""
    if product.coefficient == 1.0 and len(product.operands) == 1 and not product.counted:
        (operand,) = product.operands
        if operand.references == product.axes == operand.array.axes:
            return operand.array
    return product


def coefficients(array: Array) -> list[float]:
    """The coefficients of the parts of a sum."""
    match array:
        case Contraction(coefficient):
            return [coefficient]
        case Total(parts):
            return [value for part in parts for value in coefficients(part)]
    return [1.0]


def apply(function: str, *arguments: Array | float | str, like: Array | None = None) -> Apply:
    """A function whose result has the axes of its first array argument (or of `like`)."""
    arrays = (item for item in arguments if not isinstance(item, float | int | str))
    model = like if like is not None else next(arrays)
    return Apply(function, arguments, model.axes)


def common_factor(one: Array, other: Array) -> tuple[Array, Array]:
    """Both arrays divided by the factor that all parts of the second share, so that it stands without one."""
    values = {abs(value) for value in coefficients(other)}
    if len(values) == 1 and (shared := values.pop()) not in (0.0, 1.0):
        return scaled(one, 1 / shared), scaled(other, 1 / shared)
    return one, other
