"""Array expressions as numpy text, with as few brackets as their operators need.

−½ Σ_k a_k b_k + c        -0.5 * (a @ b) + c
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from emdsl.algebra.indices import Fixed, Index, Shift
from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Operand, Total
from emdsl.emit.products import STRENGTH, TIGHTEST, Factor, multiplied, product
from emdsl.errors import CompilerBug

#: log 2π by name, and its definition.
LOG_2PI, LOG_2PI_VALUE = "LOG_2PI", "np.log(2 * np.pi)"

SizeText = Callable[[str | int], str]


def text(array: Array | float | str, size_text: SizeText) -> str:
    """The array as a Python expression."""
    return _written(array, size_text)[0]


def _written(array: Array | float | str, size_text: SizeText) -> tuple[str, float]:
    match array:
        case float() | int():
            return number_text(array), TIGHTEST if array >= 0 else STRENGTH["negative"]
        case str():
            return array, TIGHTEST
        case Named(name):
            return name, TIGHTEST
        case Contraction():
            return _contraction(array, size_text)
        case Total(parts):
            return _sum(parts, size_text)
        case Apply(function, arguments):
            if function in ("+", "-", "*", "/", "@", "**"):
                left, right = arguments
                strength = STRENGTH[function]
                one = _within(left, strength, size_text)
                two = _within(right, strength + 0.5 * (function in ("-", "/", "@")), size_text)
                return f"{one} {function} {two}" if function != "**" else f"{one}**{two}", strength
            if function == "negative":
                return f"-{_within(arguments[0], STRENGTH['negative'], size_text)}", STRENGTH["negative"]
            return f"{function}({', '.join(text(argument, size_text) for argument in arguments)})", TIGHTEST
    raise CompilerBug(f"{array!r} is not an array expression")


def _within(array: Array | float | str, strength: float, size_text: SizeText) -> str:
    written, own = _written(array, size_text)
    return f"({written})" if own < strength else written


def _sum(parts: Iterable[Array], size_text: SizeText) -> tuple[str, float]:
    result = ""
    texts = [_within(part, STRENGTH["+"], size_text) for part in parts]
    if len(texts) == 2 and texts[0].startswith("-") and not texts[1].startswith("-"):
        texts.reverse()  # y − x, which is −x + y to the last digit
    for written in texts:
        if not result:
            result = written
        elif written.startswith("-"):
            result += f" - {written[1:]}"
        else:
            result += f" + {written}"
    return result, STRENGTH["+"]


def number_text(value: float) -> str:
    """A number as short as it can be without loss."""
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else repr(float(value))


def _factors(value: float) -> list[str]:
    """A number above zero as factors: halves of log 2π by that name."""
    halves = round(2 * value / math.log(2 * math.pi))
    if halves == 0 or value != 0.5 * halves * math.log(2 * math.pi):
        return [number_text(value)]
    return [LOG_2PI] if halves == 2 else [number_text(0.5 * halves), LOG_2PI]


def _contraction(array: Contraction, size_text: SizeText) -> tuple[str, float]:
    factors = [Factor(size_text(size), TIGHTEST, ()) for size in array.counted]
    factors += [_at_numbers(one, size_text) for one in array.operands]
    parts = [product(factors, array.axes)] if factors else []
    if abs(array.coefficient) != 1.0 or not parts:
        parts = [*(Factor(one, TIGHTEST, ()) for one in _factors(abs(array.coefficient))), *parts]
    whole = multiplied(parts)
    if array.coefficient < 0:
        return f"-{whole.within(STRENGTH['@'])}", min(whole.strength, STRENGTH["negative"])
    return whole.code, whole.strength


def _at_numbers(operand: Operand, size_text: SizeText) -> Factor:
    """The operand with fixed positions taken, and the indices that are left."""
    code, strength = _written(operand.array, size_text)
    indices = tuple(reference for reference in operand.references if isinstance(reference, Index))
    if any(isinstance(reference, Shift) for reference in operand.references):
        raise CompilerBug("a lagged index reached the array programme")
    if any(isinstance(reference, Fixed) for reference in operand.references):
        places = [str(item.position) if isinstance(item, Fixed) else ":" for item in operand.references]
        while places[-1] == ":":
            places.pop()
        whole = Factor(code, strength, indices).within(TIGHTEST)
        return Factor(f"{whole}[{', '.join(places)}]", TIGHTEST, indices)
    return Factor(code, strength, indices, _root(operand.array))


def _root(array: Array) -> str:
    """The name of what is squared; nothing for other arrays."""
    match array:
        case Apply("**", (Named(name), 2.0)) if name.isidentifier():
            return name
    return ""
