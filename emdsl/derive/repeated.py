"""Arrays that several places read moved or at whole numbers are read so once, under a name.

f(lagged(x, 1, 0)) + g(lagged(x, 1, 0))      becomes      lagged_x = lagged(x, 1, 0);  f(lagged_x) + g(lagged_x)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from emdsl.arrays.body import Assign, Names
from emdsl.arrays.expressions import Apply, Array, Contraction, Lagged, Named, Taken, Total
from emdsl.arrays.programme import ProgrammeStatement
from emdsl.arrays.reading import ordered_names, times_assigned


def read_once(statements: Sequence[ProgrammeStatement], names: Names) -> list[ProgrammeStatement]:
    """The statements, with a name for each read that stands in them twice; those in loops stay as they are."""
    found = [one for statement in statements for one in _reads_of(statement)]
    often = Counter(one.name for one in found)
    repeated = {one.name: one for one in found if often[one.name] > 1 and _is_constant(one, statements)}
    known: dict[str, str] = {}
    result: list[ProgrammeStatement] = []
    for statement in statements:
        for one in _reads_of(statement):
            if one.name in repeated and one.name not in known:
                moved = "lagged " if isinstance(one, Lagged) else ""
                known[one.name] = names.fresh(moved + " ".join(ordered_names(one)))
                result.append(Assign(known[one.name], one))
        if isinstance(statement, Assign) and not isinstance(statement.value, str):
            statement = replace(statement, value=_renamed(statement.value, known))
        result.append(statement)
    return result


def _reads_of(statement: ProgrammeStatement) -> Iterator[Named]:
    if isinstance(statement, Assign) and not isinstance(statement.value, str):
        yield from _reads(statement.value)


def _reads(value: Array | float | str) -> Iterator[Named]:
    match value:
        case Lagged() | Taken():
            yield value
        case Contraction(_, operands):
            for operand in operands:
                yield from _reads(operand.array)
        case Total(parts):
            for part in parts:
                yield from _reads(part)
        case Apply(_, arguments):
            for argument in arguments:
                yield from _reads(argument)


def _is_constant(read: Named, statements: Sequence[ProgrammeStatement]) -> bool:
    """Whether what is read is not assigned anew."""
    return all(times_assigned(statements, name) <= 1 for name in ordered_names(read))


def _renamed(value: Array, known: Mapping[str, str]) -> Array:
    match value:
        case Lagged() | Taken():
            return Named(known[value.name], value.axes) if value.name in known else value
        case Contraction():
            operands = (replace(one, array=_renamed(one.array, known)) for one in value.operands)
            return replace(value, operands=tuple(operands))
        case Total(parts, axes):
            return Total(tuple(_renamed(part, known) for part in parts), axes)
        case Apply(function, arguments, axes):
            changed = (a if isinstance(a, float | int | str) else _renamed(a, known) for a in arguments)
            return Apply(function, tuple(changed), axes)
    return value
