"""What a careful writer leaves out: second names of one quantity, and what nothing reads.

    sum_z, shares = f(x);  message = sum_z;  g(message)     becomes     message, shares = f(x);  g(message)
    x_centred = x;         g(x_centred) + x                 becomes     g(x) + x

The value of a name must be the same wherever it is read; a name that is assigned anew keeps its statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from emdsl.arrays.body import Assign, Remark, When
from emdsl.arrays.programme import Function, Lines, Nested, ProgrammeStatement
from emdsl.arrays.reading import ordered_names, renamed

#: A statement among lines of code that assigns.
ASSIGNED = re.compile(r"^([\w, ]+?) [-+*/]?= ")


@dataclass(frozen=True)
class _Leaf:
    """One statement without those under it: what it reads and binds, and the list that it stands in."""

    statement: ProgrammeStatement
    reads: tuple[str, ...]
    binds: tuple[str, ...]
    block: int
    loops: tuple[int, ...]


def tidied(function: Function) -> Function:
    """The function, of which every value is text, with one name for each quantity and without what nothing reads."""
    again = {name: source for name, source in function.sources if source.isidentifier()}
    changed: Function | None = _with_names(function, again)
    while changed is not None:
        function, changed = changed, _without_unread(changed)
    changed = function
    while changed is not None:
        function, changed = changed, _without_one(changed)
    return function


def _without_unread(function: Function) -> Function | None:
    """The function without the assignments that nothing but themselves reads; None where it has none.

    Random numbers are drawn all the same: what is drawn after them must not change.
    """
    leaves = list(_leaves(function.body, ()))
    read = set(ordered_names(function.result))
    for leaf in leaves:
        read.update(name for name in leaf.reads if name not in leaf.binds)
    unread = {
        id(leaf.statement): None
        for leaf in leaves
        if isinstance(leaf.statement, Assign | When)
        and leaf.binds
        and "rng" not in leaf.reads
        and not read & {*leaf.binds}
    }
    return _with_names(function, {}, unread) if unread else None


def _without_one(function: Function) -> Function | None:
    """The function without one alias; None where it has none."""
    leaves = list(_leaves(function.body, ()))
    given = {*ordered_names(re.sub(r"=[^,]*", "", function.parameters)), *(name for name, _ in function.sources)}
    for place, leaf in enumerate(leaves):
        own = leaf.statement
        if not isinstance(own, Assign) or leaf.reads != (own.value,) or leaf.binds != (own.target,):
            continue
        target, other = own.target, leaf.reads[0]
        first = (
            None if other in given else _first_of(other, target, leaves, place, other in ordered_names(function.result))
        )
        if first is not None and not re.fullmatch(rf"{other}_\d*", target):
            changes = {id(own): None, id(first): replace(first, comment=own.comment or first.comment)}
            return _with_names(function, {other: target}, changes)
        if target not in given and _stays(other, target, leaves, place, other in given):
            return _with_names(function, {target: other}, {id(own): None})
    return None


def _first_of(other: str, target: str, leaves: Sequence[_Leaf], place: int, returned: bool) -> Assign | None:
    """The statement that forms what a name stands for, if it leads to the alias and both mean the same after it."""
    touched = [at for at, one in enumerate(leaves) if other in (*one.reads, *one.binds)]
    first = leaves[touched[0]]
    if first.block != leaves[place].block or other not in first.binds or other in first.reads:
        return None
    between, after = leaves[touched[0] + 1 : place], leaves[place + 1 :]
    if target in first.binds or any(target in (*one.reads, *one.binds) for one in between):
        return None
    if returned or touched[-1] > place:  # the new name stays what it is, and was one already
        bound = [at for at, one in enumerate(leaves) if target in one.binds and at != place]
        if not bound or bound[-1] > place or any(other in one.binds for one in after):
            return None
    return first.statement if isinstance(first.statement, Assign) else None


def _stays(other: str, target: str, leaves: Sequence[_Leaf], place: int, given: bool) -> bool:
    """Whether both names mean the same from the alias on, and the new one nothing before."""
    rest = (*leaves[:place], *leaves[place + 1 :])
    if any(target in one.binds for one in rest) or any(target in one.reads for one in leaves[:place]):
        return False
    bound = [at for at, one in enumerate(leaves) if other in one.binds]
    if not bound:
        return given
    loops = set(leaves[place].loops)
    return max(bound) < place and (len(bound) + given == 1 or not any(loops & set(leaves[at].loops) for at in bound))


def _leaves(statements: Sequence[ProgrammeStatement], loops: tuple[int, ...]) -> Iterator[_Leaf]:
    block = id(statements)
    for one in statements:
        match one:
            case Assign(target, value, _, added):
                names = re.findall(r"\w+", target) if re.fullmatch(r"[\w, ]+", target) else []
                reads = ordered_names(str(value)) + (ordered_names(target) if added or not names else [])
                yield _Leaf(one, tuple(reads), tuple(names), block, loops)
            case When(condition, assign):
                reads = ordered_names(condition) + ordered_names(str(assign.value))
                yield _Leaf(one, tuple(reads), (assign.target,), block, loops)
            case Lines(code):
                names = [
                    word
                    for line in code
                    for found in [ASSIGNED.match(line)]
                    if found
                    for word in ordered_names(found[1])
                ]
                yield _Leaf(
                    one, tuple(word for line in code for word in ordered_names(line)), tuple(names), block, loops
                )
            case Nested(header, body):
                words = tuple(ordered_names(header))
                inside = (*loops, id(one)) if header.startswith("for ") else loops
                yield _Leaf(one, words, words if header.startswith(("for ", "def ")) else (), block, inside)
                yield from _leaves(body, inside)
            case Remark():
                pass


def _with_names(
    function: Function, names: dict[str, str], changes: Mapping[int, Assign | None] | None = None
) -> Function:
    """The function with other names for some, and with statements replaced or left out."""

    def named(statement: ProgrammeStatement) -> ProgrammeStatement:
        match statement:
            case Assign(target, value):
                return replace(statement, target=renamed(target, names), value=renamed(str(value), names))
            case When(condition, assign):
                return When(renamed(condition, names), cast(Assign, named(assign)))
            case Lines(code):
                return Lines(tuple(renamed(line, names) for line in code))
            case Nested(header, body):
                return Nested(renamed(header, names), block(body))
        return statement

    def block(statements: Sequence[ProgrammeStatement]) -> tuple[ProgrammeStatement, ...]:
        kept = ((changes or {}).get(id(one), one) for one in statements)
        return tuple(named(one) for one in kept if one is not None)

    sources = tuple((name, renamed(source, names)) for name, source in function.sources if name not in names)
    return replace(function, body=block(function.body), result=renamed(function.result, names), sources=sources)
