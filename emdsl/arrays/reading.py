"""Which names a piece of emitted code reads, be it an array expression or text already."""

from __future__ import annotations

import re
from collections.abc import Sequence
from keyword import iskeyword

from emdsl.arrays.body import Assign, Remark, When
from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Total
from emdsl.arrays.programme import Lines, Nested, ProgrammeStatement

#: A string, or an identifier: no attribute, no function that is called, no keyword of a call.
TOKEN = re.compile(r""""[^"]*"|'[^']*'|(?<![\w.])([^\W\d]\w*)(?!\w*(?:\(|=(?!=)))""")


def ordered_names(value: Array | float | str) -> list[str]:
    """The names that a value reads, in the order in which it does."""
    match value:
        case str():
            return [word for word in TOKEN.findall(value) if word and not iskeyword(word)]
        case Named(name):
            return ordered_names(name)
        case Contraction(_, operands, _, counted):
            found = [word for operand in operands for word in ordered_names(operand.array)]
            return found + [str(size) for size in counted if isinstance(size, str)]
        case Total(parts):
            return [word for part in parts for word in ordered_names(part)]
        case Apply(function, arguments):
            found = ordered_names(function.rpartition(".")[0])  # what a method is called of
            return found + [word for argument in arguments for word in ordered_names(argument)]
    return []


def names_read(value: Array | float | str) -> set[str]:
    """The names that a value reads; functions that it calls are none."""
    return set(ordered_names(value))


def names_used(statements: Sequence[ProgrammeStatement], result: str = "") -> set[str]:
    """The names that statements and a result read."""
    found = names_read(result)
    for statement in statements:
        match statement:
            case Assign(target, value, _, added):
                found |= names_read(value) | ({target} if added else set())
            case When(condition, assign):
                found |= names_read(condition) | names_read(assign.value)
            case Nested(header, body):
                found |= names_read(header) | names_used(body)
            case Lines(code):
                found |= {word for line in code for word in names_read(line)}
            case Remark():
                pass
    return found


def times_assigned(statements: Sequence[ProgrammeStatement], target: str) -> int:
    """How often a name is assigned, at least: once in a loop is more than once."""
    count = 0
    for statement in statements:
        match statement:
            case Assign(name):
                count += target in re.split(r", ", name)
            case When(_, assign):
                count += assign.target == target
            case Nested(_, body):
                count += 2 * times_assigned(body, target)
    return count


def renamed(code: str, names: dict[str, str]) -> str:
    """The code with other names for those that it reads."""
    return TOKEN.sub(lambda found: names.get(found[1], found[0]) if found[1] else found[0], code)
