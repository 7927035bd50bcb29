"""The `~` lines of one variable, whichever front end they come from.

z[s, 0] ~ ...        a fixed slot: wins at time 0
z[s, t] ~ ...        the general line: its letters are the variable's plates
"""

from __future__ import annotations

from collections.abc import Sequence

from emdsl.algebra.expressions import Expression, Name, Number
from emdsl.errors import ModelError
from emdsl.language.notation import subscripts, write
from emdsl.model.statements import Definition


def letters(slots: Sequence[Expression]) -> tuple[str, ...] | None:
    """The letters of a general line; None when a slot is a fixed time."""
    found = tuple(slot.name for slot in slots if isinstance(slot, Name))
    return found if len(found) == len(slots) else None


def spelled(name: str, slots: Sequence[Expression]) -> str:
    """`z[s, 0]`, for messages."""
    return name + subscripts(map(write, slots))


def check_slot(name: str, slot: Expression) -> None:
    """Raises ModelError (E008) unless the slot is a letter or a time 0, 1, ..."""
    if not _is_slot(slot):
        raise ModelError(
            "E008",
            f"`{name}` is defined at a slot that is neither a letter nor a fixed time",
            cure="define it at a letter, `z[s, t]`, or at the start, `z[s, 0]`; a lag stands right of `~`",
            span=slot.span,
        )


def check_definitions(name: str, role: str, plates: tuple[str, ...] | None, definitions: Sequence[Definition]) -> None:
    """Raises ModelError (E008) for a slot defined twice and for fixed times without a general line."""
    seen: set[tuple[Expression, ...]] = set()
    for definition in definitions:
        for slot in definition.slots:
            check_slot(name, slot)
        if definition.slots in seen:
            raise ModelError(
                "E008",
                f"`{spelled(name, definition.slots)}` is defined twice",
                cure="keep one of the two lines",
                span=definition.span,
            )
        seen.add(definition.slots)
    general = [definition for definition in definitions if letters(definition.slots) is not None]
    for other in general[1:]:
        first, second = spelled(name, general[0].slots), spelled(name, other.slots)
        raise ModelError(
            "E008",
            f"`{name}` has two general definitions, `{first}` and `{second}`",
            cure="keep one line with a letter in every slot; the others stand at fixed times",
            span=other.span,
        )
    if plates is not None and general and letters(general[0].slots) != plates:
        raise ModelError(
            "E008",
            f"`{name}` is declared over [{', '.join(plates)}] and defined as `{spelled(name, general[0].slots)}`",
            cure="give the letters in the same order",
            span=general[0].span,
        )
    if definitions and not general:
        raise ModelError(
            "E008",
            f"`{name}` is defined at fixed times only",
            cure=f"add its general line, such as `{role} {name}[s, t] ~ ...`",
            span=definitions[0].span,
        )


def _is_slot(slot: Expression) -> bool:
    return isinstance(slot, Name) or (isinstance(slot, Number) and isinstance(slot.value, int) and slot.value >= 0)
