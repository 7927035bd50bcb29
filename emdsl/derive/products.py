"""Shares of a sum of gathered tables, as products of exponentials: far fewer exponentials than entries times states.

natural[i, k] = f[doc_i, k] + g[k, word_i]          shares = exp f[doc_i, k] exp g[k, word_i] / Σ_k
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from emdsl.arrays.body import Assign
from emdsl.arrays.expressions import Array, Contraction, Named, Total
from emdsl.arrays.programme import Nested, ProgrammeStatement
from emdsl.arrays.reading import names_read, names_used

GATHERED = re.compile(r"(\w+)\[(\w+)\]|np\.take\((\w+\.T), (\w+), axis=0\)")


def with_products(statements: Sequence[ProgrammeStatement], result: str) -> list[ProgrammeStatement]:
    """The statements with `gathered_shares` in place of `log_shares` where its argument is a sum of gathered tables."""
    whole = list(statements)
    return _inside(whole, whole, result)


def _inside(
    statements: Sequence[ProgrammeStatement], whole: Sequence[ProgrammeStatement], result: str
) -> list[ProgrammeStatement]:
    changed: list[ProgrammeStatement] = []
    for statement in statements:
        if isinstance(statement, Nested):
            statement = Nested(statement.header, tuple(_inside(statement.body, whole, result)))
        changed.append(statement)
    for place, statement in enumerate(changed):
        if isinstance(statement, Assign) and isinstance(statement.value, str):
            found = re.fullmatch(r"log_shares\((\w+)\)", statement.value)
            chain = _chain(changed[:place], found[1]) if found else None
            if chain is not None and not _used_elsewhere(chain, statement, whole, result):
                tables, labels = _tables(chain)
                call = f"gathered_shares([{tables}]{labels})"
                kept = [one for one in changed if one not in chain]
                comment = next((one.comment for one in chain if "ruled_out" not in str(one.value)), None)
                return [Assign(one.target, call, comment) if one is statement else one for one in kept]
    return changed


def _chain(before: Sequence[ProgrammeStatement], name: str) -> list[Assign] | None:
    """The statements by which a name is a sum of gathered tables, the sum last; None where it is anything else."""
    found = [one for one in before if isinstance(one, Assign) and one.target == name]
    if len(found) != 1:
        return None
    (own,) = found
    value = own.value
    if isinstance(value, Total) and all(_gathered(part) for part in value.parts):
        return [own]
    ruled = re.fullmatch(r'ruled_out\((\w+), data\.get\("\w+"\)\)', value) if isinstance(value, str) else None
    again = unrenamed(value) if not isinstance(value, str) else value
    inner = ruled[1] if ruled else again.name if isinstance(again, Named) else None
    rest = _chain(before, inner) if inner is not None and re.fullmatch(r"\w+", inner) else None
    return None if rest is None else [own, *rest]


def _gathered(part: Array) -> re.Match[str] | None:
    """A table (row, state) read at whole numbers (entry,)."""
    part = unrenamed(part)
    return GATHERED.fullmatch(part.name) if isinstance(part, Named) and len(part.axes) == 2 else None


def unrenamed(value: Array) -> Array:
    """The array that a contraction only repeats, its axes under other names."""
    if isinstance(value, Contraction) and value.coefficient == 1.0 and len(value.operands) == 1 and not value.counted:
        (operand,) = value.operands
        return operand.array if operand.references == value.axes else value
    return value


def _tables(chain: Sequence[Assign]) -> tuple[str, str]:
    value = chain[-1].value
    assert isinstance(value, Total)
    matches = [found for part in value.parts if (found := _gathered(part))]
    listed = ", ".join(f"({found[1] or found[3]}, {found[2] or found[4]})" for found in matches)
    ruled = [one.value for one in chain if isinstance(one.value, str)]
    return listed, "".join(f", {value[value.index('data.get') : -1]}" for value in ruled)


def _used_elsewhere(chain: Sequence[Assign], last: Assign, whole: Sequence[ProgrammeStatement], result: str) -> bool:
    """Whether anything but the chain reads one of its names."""
    names = {one.target for one in chain}
    own = [*chain, last]

    def reads(statements: Sequence[ProgrammeStatement]) -> bool:
        for one in statements:
            if isinstance(one, Nested):
                if names_read(one.header) & names or reads(one.body):
                    return True
            elif one not in own and names_used([one]) & names:
                return True
        return False

    return bool(names_read(result) & names) or reads(whole)
