"""Array expressions as numpy text.

A product without sums is written with broadcasting, everything else as an einsum in the model's own letters.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

from emdsl.algebra.indices import Fixed, Index, Shift
from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Operand, Total
from emdsl.errors import CompilerBug

#: Binding strength of an operator; function calls and names bind tightest.
STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2, "@": 1.9, "negative": 3, "**": 4}
TIGHTEST = 9
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
                two = _within(right, strength + (function in ("-", "/", "@")), size_text)
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
    scalars = [operand for operand in array.operands if not operand.references]
    arrays = [operand for operand in array.operands if operand.references]
    factors = [_within(operand.array, STRENGTH["*"], size_text) for operand in scalars]
    factors += [size_text(size) for size in array.counted]
    body = _product(arrays, array.axes, size_text) if arrays else ""
    coefficient = array.coefficient
    sign = "-" if coefficient < 0 else ""
    magnitude = abs(coefficient)
    if magnitude != 1.0 or not (factors or body):
        factors = [*_factors(magnitude), *factors]
    if body:
        factors.append(body)
    written = sign + " * ".join(factors)
    if len(factors) == 1 and not sign:
        return written, TIGHTEST if body.startswith(("np.einsum", "np.vdot")) or " " not in written else STRENGTH["*"]
    return written, STRENGTH["negative"] if sign and len(factors) == 1 else STRENGTH["*"]


def _product(operands: list[Operand], axes: tuple[Index, ...], size_text: SizeText) -> str:
    prepared = [_at_numbers(operand, size_text) for operand in operands]
    carried = {index for _, indices in prepared for index in indices}
    output = tuple(axis for axis in axes if axis in carried)
    summed = carried - set(output)
    distinct = all(len(set(indices)) == len(indices) for _, indices in prepared)
    in_order = all(_subsequence(indices, axes) for _, indices in prepared)
    if not summed and distinct and in_order:
        return " * ".join(_broadcast(code, indices, axes) for code, indices in prepared)
    if len(prepared) == 1 and not summed and distinct and len(output) == 2 and output == axes:
        return f"{_enclosed(prepared[0][0])}.T"
    if len(prepared) == 1 and distinct and _subsequence(output, prepared[0][1]):
        code, indices = prepared[0]
        root = _root(operands[0].array)
        if root is not None and summed:
            return _broadcast(_sum_of_squares(root, indices, output), output, axes)
        places = [str(place) for place, index in enumerate(indices) if index in summed]
        axis = "" if len(places) == len(indices) else places[0] if len(places) == 1 else f"({', '.join(places)})"
        return _broadcast(f"{_enclosed(code)}.sum({f'axis={axis}' if axis else ''})", output, axes)
    letters = _letters([index for _, indices in prepared for index in indices])
    inputs = ",".join("".join(letters[index] for index in indices) for _, indices in prepared)
    result = "".join(letters[index] for index in output)
    arguments = ", ".join(code for code, _ in prepared)
    written = f'np.einsum("{inputs}->{result}", {arguments})'
    return _broadcast(written, output, axes)


def _root(array: Array) -> str | None:
    """The name of what is squared; None for other arrays."""
    match array:
        case Apply("**", (Named(name), 2.0)) if name.isidentifier():
            return name
    return None


def _sum_of_squares(name: str, indices: tuple[Index, ...], output: tuple[Index, ...]) -> str:
    """Without an array of the squares."""
    if not output:
        return f"np.vdot({name}, {name})"
    letters = _letters(list(indices))
    read = "".join(letters[index] for index in indices)
    return f'np.einsum("{read},{read}->{"".join(letters[index] for index in output)}", {name}, {name})'


def _at_numbers(operand: Operand, size_text: SizeText) -> tuple[str, tuple[Index, ...]]:
    """The operand's text with fixed positions taken, and the indices that are left."""
    code, strength = _written(operand.array, size_text)
    if any(isinstance(reference, Shift) for reference in operand.references):
        raise CompilerBug("a lagged index reached the array programme")
    if any(isinstance(reference, Fixed) for reference in operand.references):
        code = f"({code})" if strength < TIGHTEST else code
        places = [str(item.position) if isinstance(item, Fixed) else ":" for item in operand.references]
        while places[-1] == ":":
            places.pop()
        return f"{code}[{', '.join(places)}]", tuple(i for i in operand.references if isinstance(i, Index))
    indices = tuple(reference for reference in operand.references if isinstance(reference, Index))
    return (f"({code})" if strength < STRENGTH["negative"] else code), indices


def _subsequence(indices: tuple[Index, ...], axes: tuple[Index, ...]) -> bool:
    remaining = iter(axes)
    return all(index in remaining for index in indices)


def _broadcast(code: str, indices: tuple[Index, ...], axes: tuple[Index, ...]) -> str:
    """`N[:, None]`: new axes where the array lacks one, from its first own axis on."""
    if not indices or indices == axes[len(axes) - len(indices) :]:
        return code
    first = axes.index(indices[0])
    places = [":" if axis in indices else "None" for axis in axes[first:]]
    return f"{_enclosed(code)}[{', '.join(places)}]"


def _enclosed(code: str) -> str:
    """A power in brackets, before something that binds tighter stands after it."""
    depth = 0
    for place, sign in enumerate(code):
        depth += (sign in "([") - (sign in ")]")
        if depth == 0 and code.startswith("**", place):
            return f"({code})"
    return code


def _letters(indices: list[Index]) -> dict[Index, str]:
    """A letter of its own for each index, its own where that is free."""
    chosen: dict[Index, str] = {}
    for index in indices:
        if index in chosen:
            continue
        letter = index.letter[:1] if index.letter[:1].isascii() and index.letter[:1].isalpha() else "i"
        while letter in chosen.values():
            letter = chr((ord(letter) - ord("a") + 1) % 26 + ord("a")) if letter.islower() else "a"
        chosen[index] = letter
    return chosen
