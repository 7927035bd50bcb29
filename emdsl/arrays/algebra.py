"""Simplifications of array expressions that keep the emitted formulas short.

scaled(−½ N, −2) = N        common_factor(½ S, ½ N) = S, N
"""

from __future__ import annotations

from dataclasses import replace

from emdsl.algebra.indices import Index
from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Operand, Total, read


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


def bare(value: Array | str) -> Array | str:
    """An expression that only repeats an array is that array."""
    return _bare(value) if isinstance(value, Contraction) else value


def sole_operand(value: Array) -> Operand | None:
    """The array that a value is, or only repeats along more axes or gives in another order; None for other values."""
    if not isinstance(value, Contraction):
        return read(value)
    alone = value.coefficient == 1.0 and len(value.operands) == 1 and not value.counted
    return value.operands[0] if alone else None


def _bare(product: Contraction) -> Array:
    """A contraction that only repeats an array is that array."""
    own = sole_operand(product)
    return own.array if own is not None and own.references == product.axes == own.array.axes else product


def turned_only(value: Array) -> Named | None:
    """What only gives the axes of an array another order, as the array itself with the axes in its own order."""
    own = sole_operand(value) if isinstance(value, Contraction) else None
    if own is None or not isinstance(own.array, Named):
        return None
    axes = tuple(reference for reference in own.references if isinstance(reference, Index))
    whole = len(axes) == len(own.references) == len(value.axes) and {*axes} == {*value.axes}
    return replace(own.array, axes=axes) if whole else None


def summands(value: Array) -> list[Array]:
    """The parts of a sum, and those of sums among them; anything else alone."""
    if isinstance(value, Total):
        return [one for part in value.parts for one in summands(part)]
    return [value]


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


def shifted(array: Array, amount: float) -> Array:
    """`amount + array`, merged into a constant part where there is one."""
    parts = list(array.parts) if isinstance(array, Total) else [array]
    for place, part in enumerate(parts):
        if isinstance(part, Contraction) and not part.operands and not part.counted:
            constant = float(f"{part.coefficient + amount:.15g}")  # 0.01 − 1 + 1 is 0.01
            parts[place] = replace(part, coefficient=constant)
            kept = [item for item in parts if item is not parts[place] or constant != 0]
            return Total(tuple(kept), array.axes) if len(kept) > 1 else kept[0]
    return Total((Contraction(amount, (), array.axes), *parts), array.axes)


def repeated(value: Array, axes: tuple[Index, ...], lengths: dict[Index, str]) -> Array:
    """The array times ones along those of `axes` that none of its parts carries."""
    carried = carried_axes(value)
    absent = [axis for axis in axes if axis not in carried]
    if not absent:
        return value
    ones = tuple(Operand(Named(f"np.ones({lengths[axis]})", (axis,)), (axis,)) for axis in absent)
    if isinstance(value, Contraction):
        return Contraction(value.coefficient, value.operands + ones, value.axes, value.counted)
    return Contraction(1.0, (Operand(value, value.axes), *ones), value.axes)


def carried_axes(value: Array) -> frozenset[Index]:
    """The axes that at least one part of an array really has."""
    match value:
        case Contraction(_, operands, axes):
            return frozenset(r for o in operands for r in o.references if isinstance(r, Index)) & frozenset(axes)
        case Total(parts):
            return frozenset(axis for part in parts for axis in carried_axes(part))
    return frozenset(value.axes)


def without_axis(value: Array, axis: Index) -> Array:
    """The array without an axis along which none of its parts varies."""
    axes = tuple(other for other in value.axes if other != axis)
    match value:
        case Contraction():
            return replace(value, axes=axes)
        case Total(parts):
            return Total(tuple(without_axis(part, axis) for part in parts), axes)
    return value


def reordered(value: Array, axes: tuple[Index, ...]) -> Array:
    """The array with its axes in this order."""
    match value:
        case Contraction():
            return _bare(replace(value, axes=axes))
        case Total(parts):
            return Total(tuple(reordered(part, axes) for part in parts), axes)
    return value if value.axes == axes else Contraction(1.0, (Operand(value, value.axes),), axes)
