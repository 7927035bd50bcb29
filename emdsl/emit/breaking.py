"""Long lines of code broken as a careful writer would: sums term by term, calls and dicts argument by argument."""

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
    return _expression(prefix, line[len(prefix) :], width)


def _expression(prefix: str, code: str, width: int) -> list[str]:
    if len(prefix) + len(code) <= width:
        return [prefix + code]
    terms = list(_terms(code))
    if len(terms) > 1:
        return [f"{prefix}(", *(INDENT + part for term in terms for part in fitted(term, width - 4)), ")"]
    values = [value.strip() for value in _split(code, ",")]
    if prefix.strip() == "return" and len(values) > 1:
        return [f"{prefix}(", *(INDENT + part for value in values for part in _piece(value, width - 4)), ")"]
    opening = _opening_of_last_bracket(code)
    if opening is None:
        return [prefix + code]
    pieces = [piece.strip() for piece in _split(code[opening + 1 : -1], ",")]
    called = opening > 0 and (code[opening - 1].isalnum() or code[opening - 1] in "_)]")
    if code[opening] == "(" and not called and len(pieces) == 1:  # a group: a comma would make it a tuple
        return [prefix + code[: opening + 1], *(INDENT + part for part in fitted(pieces[0], width - 4)), code[-1]]
    inner = [INDENT + part for piece in pieces for part in _piece(piece, width - 4)]
    return [prefix + code[: opening + 1], *inner, code[-1]]


def _piece(piece: str, width: int) -> list[str]:
    lines = fitted(piece, width - 1)
    return [*lines[:-1], f"{lines[-1]},"]


def _terms(code: str) -> Iterator[str]:
    """The terms of a sum, each later one with its sign."""
    start = 0
    for place, depth in _depths(code):
        if depth == 0 and place > start and code[place : place + 3] in (" + ", " - "):
            yield code[start:place]
            start = place + 1
    yield code[start:]


def _opening_of_last_bracket(code: str) -> int | None:
    """The place of the bracket that the last character closes."""
    if not code or code[-1] not in ")]}":
        return None
    stack: list[int] = []
    for place, character in _code_characters(code):
        if character in "([{":
            stack.append(place)
        elif character in ")]}":
            opened = stack.pop() if stack else None
            if place == len(code) - 1:
                return opened
    return None


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
