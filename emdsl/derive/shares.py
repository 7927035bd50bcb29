"""Shares of the states of one variable, formed from the parts of the sum that weighs these.

    gathered     log w[i, k] = f[doc_i, k] + g[k, word_i]     p(k | i) = exp f[doc_i, k] exp g[k, word_i] / Σ_k
    separable    log w[i, j, k] = f[i, k] + g[j, k]           Σ_j y_ij p(k | i, j) = exp f_ik Σ_j (y_ij / S_ij) exp g_jk

Far fewer exponentials than rows times states; of separable shares no array over all rows and states is formed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from emdsl.algebra.indices import Index
from emdsl.arrays.algebra import carried_axes, sole_operand
from emdsl.arrays.expressions import Apply, Array, Gathered, Named, Operand, total
from emdsl.derive.coupled import Monomial, Occurrence
from emdsl.derive.field import FieldMoments, with_axes
from emdsl.derive.reads import subscript


def gathered_shares(
    summands: Sequence[Array], axes: tuple[Index, ...], labels: str, moments: FieldMoments
) -> str | None:
    """The code of shares under a sum of matrices read at the entry of each row; None where a part is anything else.

    axes: (row…, state). labels: the code of the states that are given, if any can be.
    """
    parts = [part for one in summands if (part := sole_operand(one)) is not None]
    tables = [table for part in parts if (table := _table(part, axes, moments)) is not None]
    gathers = any(isinstance(part.array, Gathered) for part in parts)
    if not gathers or len(tables) < len(summands) or {r for part in parts for r in part.references} != {*axes}:
        return None
    return f"gathered_shares([{', '.join(tables)}]{f', {labels}' if labels else ''})"


def _table(part: Operand, axes: tuple[Index, ...], moments: FieldMoments) -> str | None:
    """`(matrix, index)`: a matrix (entry, state) and the entry of each row, which broadcasts; None if it is none."""
    *rows, state = axes
    own = [row for row in rows if row in part.references]
    if part.references != (*own, state):
        return None
    if isinstance(part.array, Gathered):
        return f"({part.array.by_entry}, {part.array.index}{subscript(':' if r in own else 'None' for r in rows)})"
    if isinstance(part.array, Named) and len(own) == 1 and len(rows) > 1:
        return f"({part.array.name}, {moments.index_code(own[0], tuple(rows))})"
    return None


@dataclass(frozen=True)
class SeparableShares:
    """Shares (row…, other row…, state), of which the first `n_first` are rows, by the object `array` that sums them."""

    array: Named
    monomial: Monomial
    n_first: int

    def given(self, shares: str) -> Named:
        """The object that stands for shares that are given."""
        return Named(f"GivenShares({shares}, {self.n_first})", self.array.axes)

    def summed(self, occurrence: Occurrence, axes: Mapping[Index, Index], moments: FieldMoments) -> Array:
        """Σ of the shares times the rest of a statistic. axes: the names of those that are left."""
        rows = self.monomial.rows
        rest = occurrence.rest.substitute(dict(zip(_indices(occurrence), rows, strict=False)))
        weights = moments.covered(moments.contraction(replace(rest, bound=()), rows), rows)
        left = _left(occurrence, axes, self.n_first)
        assert left is not None
        method = "first" if left == _sides(_indices(occurrence), self.n_first)[0] else "second"
        return Apply(f"{self.array.name}.{method}", (weights,), tuple(axes[index] for index in left))


def separable_shares(
    summands: Sequence[Array],
    monomial: Monomial,
    asked: Sequence[tuple[Occurrence, tuple[Index, ...]]],
    moments: FieldMoments,
    comment: str,
) -> SeparableShares | None:
    """The shares of a variable of which sums over rows are all that is `asked`; None where they do not separate.

    asked: where the variable stands in each statistic, and the axes that are left of that.
    """
    body, name = moments.body, monomial.variables[0]
    for n_first in range(1, len(monomial.rows)):
        if any(_left(occurrence, axes, n_first) is None for occurrence, axes in asked):
            continue
        one, two = _sides(monomial.all_axes, n_first)
        before = [part for part in summands if carried_axes(part) <= {*one}]
        behind = [part for part in summands if part not in before]
        f, g = (total(tuple(with_axes(one, own) for one in part), own) for part, own in ((before, one), (behind, two)))
        if carried_axes(f) != {*one} or carried_axes(g) != {*two} or any(carried_axes(p) - {*two} for p in behind):
            continue
        first = body.define(body.unused(f"separable {name} first"), f, one, comment)
        second = body.define(body.unused(f"separable {name} second"), g, two)
        call = f"ProductShares({first.name}, {second.name})"
        array = body.define(body.unused(f"separable {name}"), call, monomial.all_axes)
        return SeparableShares(array, monomial, n_first)
    return None


def _sides(axes: tuple[Index, ...], n_first: int) -> tuple[tuple[Index, ...], tuple[Index, ...]]:
    """Either set of rows with the state, which is last."""
    *rows, state = axes
    return (*rows[:n_first], state), (*rows[n_first:], state)


def _indices(occurrence: Occurrence) -> tuple[Index, ...]:
    """What stands for the rows and the state, so far as these are plain indices."""
    return tuple(reference for reference in occurrence.references if isinstance(reference, Index))


def _left(occurrence: Occurrence, axes: Collection[Index], n_first: int) -> tuple[Index, ...] | None:
    """The side that is left where the shares times the rest of a statistic are summed over the other rows."""
    own, rest = _indices(occurrence), occurrence.rest
    if len({*own}) < len(occurrence.references) or not {*rest.indices, *rest.bound} <= {*own[:-1]}:
        return None
    return next((side for side in _sides(own, n_first) if {*side} == {*axes}), None)
