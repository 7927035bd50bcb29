"""The emitted module as data: functions made of statements, before any formatting.

Module = title, constants, Function*
Statement = Assign | Remark | When | Lines | Nested
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from emdsl.arrays.body import Assign, Remark, When


@dataclass(frozen=True)
class Lines:
    """Code that is written as it stands."""

    code: tuple[str, ...]


@dataclass(frozen=True)
class Nested:
    """A compound statement: a header that ends in a colon, and what stands under it."""

    header: str
    body: tuple[ProgrammeStatement, ...]


ProgrammeStatement = Assign | Remark | When | Lines | Nested


def dictionary(entries: Sequence[str]) -> str:
    """A dictionary of `"key": value` and `**others`; the others themselves where they are alone."""
    if len(entries) == 1 and entries[0].startswith("**"):
        return entries[0].removeprefix("**")
    return f"{{{', '.join(entries)}}}"


def tuple_of(entries: Iterable[str]) -> str:
    """A tuple of what is given as code: `(S, T)`, `(S,)`."""
    listed = list(entries)
    return f"({', '.join(listed)}{',' if len(listed) == 1 else ''})"


def literal(value: object) -> str:
    """The code of texts, and of tuples and dictionaries of them, in the quotes of all emitted code: `"mu"`."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple):
        return tuple_of(map(literal, value))
    if isinstance(value, Mapping):
        return dictionary([f"{literal(key)}: {literal(one)}" for key, one in value.items()])
    return repr(value)


@dataclass(frozen=True)
class Function:
    """`def name(parameters)` with its docstring, statements and the expression that it returns.

    `sources`: where names come from that the body uses without assigning them; only those in use are written.
    """

    name: str
    parameters: str
    doc: str
    body: tuple[ProgrammeStatement, ...]
    result: str
    sources: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Module:
    """A whole emitted module; the helpers that it needs are found by their names."""

    title: str
    doc: tuple[str, ...]
    constants: tuple[tuple[str, str], ...]
    functions: tuple[Function, ...]
