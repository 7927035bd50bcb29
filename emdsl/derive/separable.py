"""Shares of states whose log weights separate over two sets of rows: no array over all rows and states is formed.

log w[i, j, k] = f[i, k] + g[j, k]:      Σ_j y_ij p(k | i, j) = exp f_ik Σ_j (y_ij / S_ij) exp g_jk
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from emdsl.arrays.algebra import carried_axes
from emdsl.arrays.body import Assign, When
from emdsl.arrays.expressions import Apply, Array, Named, Total, total
from emdsl.arrays.programme import ProgrammeStatement
from emdsl.arrays.reading import names_used
from emdsl.derive.field import with_axes
from emdsl.derive.products import unrenamed


@dataclass(frozen=True)
class _Separated:
    """What is emitted in place of shares over all rows: an object under `name` that sums them as they are wanted."""

    name: str
    shares: str
    log_sum: str
    first: Array
    second: Array
    n_first: int

    def statements(self, comment: str | None) -> list[ProgrammeStatement]:
        parts = [f"{self.name}_{place}" for place in ("first", "second")]
        return [
            Assign(parts[0], self.first, comment),
            Assign(parts[1], self.second),
            Assign(self.name, f"ProductShares({', '.join(parts)})"),
            Assign(self.log_sum, f"{self.name}.log_sum"),
        ]

    def summed(self, value: Array) -> Array | None:
        """`np.einsum("ijk,ij->ik", shares, weights)` as the sum that the object gives; None for anything else."""
        if not isinstance(value, Apply) or value.function != "np.einsum":
            return None
        pattern, *operands = value.arguments
        found = re.fullmatch(r'"(\w+)(\w),(\w+)->(\w+)(\w)"', str(pattern))
        names = [one.name for one in operands if isinstance(one, Named)]
        if found is None or found[1] != found[3] or found[2] != found[5]:
            return None
        if names[:1] != [self.shares] or len(names) < 2:
            return None
        sides = {found[1][: self.n_first]: "first", found[1][self.n_first :]: "second"}
        side = sides.get(found[4])
        return None if side is None else Named(f"{self.name}.{side}({names[1]})", value.axes)


def with_separable_shares(statements: Sequence[ProgrammeStatement], result: str) -> list[ProgrammeStatement]:
    """The statements with `ProductShares` in place of `log_shares` where all that is wanted are sums over rows."""
    changed = list(statements)
    for place, statement in enumerate(changed):
        found = _call(statement)
        chain = _chain(changed[:place], found[3]) if found else None
        if found is None or chain is None:
            continue
        separated = _separated(chain[-1].value, found)
        own = {id(statement), *map(id, chain)}
        others = [one for one in changed if id(one) not in own]
        if separated is None or {one.target for one in chain} & names_used(others, result):
            continue
        rewritten = [_rewritten(one, separated) for one in others]
        kept = [one for one in rewritten if one is not None]
        if len(kept) == len(others) and separated.shares not in names_used(kept, result):
            before = sum(id(one) not in own for one in changed[:place])
            return with_separable_shares(
                [*kept[:before], *separated.statements(chain[-1].comment), *kept[before:]], result
            )
    return changed


def _call(statement: ProgrammeStatement) -> re.Match[str] | None:
    if not isinstance(statement, Assign) or not isinstance(statement.value, str):
        return None
    return re.fullmatch(r"(\w+), (\w+) = log_shares\((\w+)\)", f"{statement.target} = {statement.value}")


def _chain(before: Sequence[ProgrammeStatement], name: str) -> list[Assign] | None:
    """The statements by which a name is a sum, the sum last."""
    found = [one for one in before if isinstance(one, Assign) and one.target == name]
    if len(found) != 1:
        return None
    value = found[0].value
    if isinstance(value, Total):
        return found
    inner = _named(value) if not isinstance(value, str) else None
    rest = _chain(before, inner) if inner is not None else None
    return None if rest is None else [*found, *rest]


def _named(value: Array) -> str | None:
    """The identifier of an array that is only repeated."""
    whole = unrenamed(value)
    return whole.name if isinstance(whole, Named) else None


def _separated(value: Array | str, call: re.Match[str]) -> _Separated | None:
    if not isinstance(value, Total):
        return None
    *rows, state = value.axes
    parts = [(carried_axes(part) - {state}, part) for part in value.parts]
    for n_first in range(1, len(rows)):
        sides = [set(rows[:n_first]), set(rows[n_first:])]
        if not all(any(own <= side for side in sides) for own, _ in parts):
            continue
        axes = [(*rows[:n_first], state), (*rows[n_first:], state)]
        first = [part for own, part in parts if own <= sides[0]]
        second = [part for own, part in parts if not own <= sides[0]]
        found = [total(tuple(with_axes(one, own) for one in side), own) for side, own in zip((first, second), axes)]
        if all(carried_axes(one) == set(own) for one, own in zip(found, axes)):
            return _Separated(
                f"separable_{call[2].removeprefix('probabilities_')}", call[2], call[1], found[0], found[1], n_first
            )
    return None


def _rewritten(statement: ProgrammeStatement, separated: _Separated) -> ProgrammeStatement | None:
    """A statement that reads sums of the shares in their place; None where it cannot."""
    if isinstance(statement, When) and statement.assign.target == separated.shares:
        given = _named(statement.assign.value) if not isinstance(statement.assign.value, str) else None
        call = f"GivenShares({given}, {separated.n_first})"
        return None if given is None else replace(statement, assign=Assign(separated.name, call))
    if separated.shares not in names_used([statement]):
        return statement
    if not isinstance(statement, Assign) or isinstance(statement.value, str):
        return None
    value = separated.summed(statement.value)
    return None if value is None else replace(statement, value=value)
