"""Long lines of code broken as a careful writer would: sums term by term, calls and dicts argument by argument.

Products are broken factor by factor where they end in a subscript, or nothing else makes them short enough.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

INDENT = "    "
#: What may stand before the expression of a line or of an argument.
PREFIX = re.compile(r'^(?:return |"[^"]*": |[\w\[\]:, ()"\'*+/.-]+? (?:=|\+=) )')


def fitted(line: str, width: int) -> list[str]:
    """The line, in as many lines as it takes to stay within `width`."""
    if len(line) <= width:
        return [line]
    match = PREFIX.match(line)
    prefix = match.group(0) if match else ""
    code = line[len(prefix) :]
    lines = _expression(prefix, code, width)
    targets = [target.strip() for target in _split(prefix.removesuffix(" = "), ",")]
    if len(lines[0]) > width and prefix.endswith(" = ") and len(targets) > 1:
        return ["(", *(f"{INDENT}{target}," for target in targets), *_expression(") = ", code, width)]
    return lines


def _expression(prefix: str, code: str, width: int) -> list[str]:
    if len(prefix) + len(code) <= width:
        return [prefix + code]
    bounds = _split(code, ":")
    if len(bounds) == 2 and not prefix:  # a slice, which stands between brackets
        start, stop = fitted(bounds[0], width), fitted(bounds[1], width - 1)
        return [*start[:-1], f"{start[-1]}:", *stop] if len(start) > 1 else [*start, f":{stop[0]}", *stop[1:]]
    values = [value.strip() for value in _split(code, ",")]
    if prefix.strip() == "return" and len(values) > 1:
        return [f"{prefix}(", *(INDENT + part for value in values for part in _piece(value, width - 4)), ")"]
    choices = list(_choices(code))
    if len(choices) > 1:
        return [f"{prefix}(", *(INDENT + part for choice in choices for part in fitted(choice, width - 4)), ")"]
    terms = list(_terms(code))
    if len(terms) > 1:
        return [f"{prefix}(", *(INDENT + part for term in terms for part in fitted(term, width - 4)), ")"]
    lines = _at_brackets(prefix, code, width)
    factors = list(_factors(code))
    if len(factors) > 1 and (max(map(len, lines)) > width or code.endswith("]")):
        sign = factors[0][:2] if factors[0].startswith(("+ ", "- ", "* ")) else ""  # of the term or factor itself
        parts = (part for one in (factors[0].removeprefix(sign), *factors[1:]) for part in fitted(one, width - 4))
        return [f"{prefix}{sign}(", *(INDENT + part for part in parts), ")"]
    return lines


def _at_brackets(prefix: str, code: str, width: int) -> list[str]:
    brackets = _brackets(code)
    if not brackets:
        return [prefix + code]
    opening, closing = brackets[-1]
    longest = max([one for one in brackets if code[one[0]] == "("] or brackets, key=lambda one: one[1] - one[0])
    is_short = code[opening] == "[" and closing - opening < longest[1] - longest[0]  # as a subscript after a call
    if closing < len(code) - 1 or len(prefix) + opening >= width or is_short:
        opening, closing = longest
    end = code[closing:]
    pieces = [piece.strip() for piece in _split(code[opening + 1 : closing], ",")]
    called = opening > 0 and (code[opening - 1].isalnum() or code[opening - 1] in "_)]")
    made_tuple = code[opening] == "[" if called else code[opening] == "("  # by a comma in a subscript, or in a group
    if made_tuple and len(pieces) == 1 and code[closing - 1] != ",":
        return [prefix + code[: opening + 1], *(INDENT + part for part in fitted(pieces[0], width - 4)), end]
    inner = [INDENT + part for piece in pieces for part in _piece(piece, width - 4)]
    return [prefix + code[: opening + 1], *inner, end]


def _piece(piece: str, width: int) -> list[str]:
    lines = fitted(piece, width - 1)
    return [*lines[:-1], f"{lines[-1]},"]


def _terms(code: str) -> Iterator[str]:
    """The terms of a sum, each later one with its sign."""
    return _parts(code, " + ", " - ")


def _factors(code: str) -> Iterator[str]:
    """The factors of a product, each later one with its sign."""
    return _parts(code, " * ")


def _choices(code: str) -> Iterator[str]:
    """The alternatives of a conditional expression, each with its condition."""
    return _parts(code, " else ")


def _parts(code: str, *signs: str) -> Iterator[str]:
    """What stands between some signs outside brackets, each later part with the sign before it."""
    start = 0
    for place, depth in _depths(code):
        if depth == 0 and place > start and code.startswith(signs, place):
            yield code[start:place]
            start = place + 1
    yield code[start:]


def _brackets(code: str) -> list[tuple[int, int]]:
    """The places of the brackets that stand in no other ones, opened and closed."""
    found: list[tuple[int, int]] = []
    stack: list[int] = []
    for place, character in _code_characters(code):
        if character in "([{":
            stack.append(place)
        elif character in ")]}" and stack:
            opened = stack.pop()
            if not stack:
                found.append((opened, place))
    return found


def _split(code: str, separator: str) -> list[str]:
    pieces, start = [], 0
    for place, depth in _depths(code):
        if depth == 0 and code[place] == separator:
            pieces.append(code[start:place])
            start = place + 1
    return [piece for piece in (*pieces, code[start:]) if piece.strip()]


def _depths(code: str) -> Iterator[tuple[int, int]]:
    """Every character outside strings with the depth of brackets at which it stands."""
    depth = 0
    for place, character in _code_characters(code):
        if character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        yield place, depth


def _code_characters(code: str) -> Iterator[tuple[int, str]]:
    quote = ""
    for place, character in enumerate(code):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        else:
            yield place, character
