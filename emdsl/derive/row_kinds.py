"""Rows that differ by where they stand and by what is missing only are of few kinds: one row of each is formed.

P_t = R + at_least(t, 1) Q⁻¹ + …       becomes       P_t = P[kind_t]
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from emdsl.arrays.algebra import summands
from emdsl.arrays.expressions import Array, Contraction, Lagged, Named, Operand, Unit, total
from emdsl.derive.coupled import Monomial
from emdsl.derive.field import FieldMoments


@dataclass(frozen=True)
class RowKinds:
    """A natural parameter for one row of each kind, (kind, …), and the kinds of all rows as flat code."""

    value: Array
    kinds: str


def row_kinds(value: Array, monomial: Monomial, moments: FieldMoments) -> RowKinds | None:
    """The natural parameter of a matrix by kinds of rows; None where more than masks tells of the rows."""
    parts, rows = summands(value), monomial.rows
    listed = [part for part in parts if isinstance(part, Contraction)]
    own_rows = all(item.references[: len(rows)] == rows for item in monomial.atoms)
    if len(listed) < len(parts) or len(monomial.axes) < 2 or len({*monomial.variables}) > 1 or not own_rows:
        return None
    telling = [one for part in listed for one in part.operands if {*rows} & {*one.references}]
    carried = [row for row in rows if any(row in one.references for one in telling)]
    if len(carried) != 1 or not all(_is_mask(one, moments) for one in telling):
        return None
    (row,) = carried
    columns = list(dict.fromkeys(one.array.name for one in telling if isinstance(one.array, Named)))
    body, (name, _) = moments.body, monomial.variables
    code, comment = f"kinds_of_rows({', '.join(columns)})", f"rows of `{name}` that differ in masks"
    kinds = body.define(f"kinds of rows of {name}", code, (row,), comment)
    firsts = body.define(f"rows of kinds of {name}", f"first_rows({kinds.name})", ())
    kind = moments.source.fresh("kinds", "kind")
    masks = {
        column: body.define(f"mask {place} of kinds of {name}", f"{column}[{firsts.name}]", (kind,))
        for place, column in enumerate(columns)
    }

    def of_kind(one: Operand) -> Operand:
        if one not in telling:
            return one
        assert isinstance(one.array, Named)
        return Operand(masks[one.array.name], (kind,))

    axes = (kind, *monomial.axes)
    formed = tuple(replace(part, operands=tuple(map(of_kind, part.operands)), axes=axes) for part in listed)
    code = kinds.name
    if len(rows) > 1:
        sizes = ", ".join(moments.length(one.size) for one in rows)
        inner = len(rows) - 1 - rows.index(row)
        code = f"{kinds.name}[:{', None' * inner}]" if inner else kinds.name
        code = f"np.broadcast_to({code}, ({sizes})).ravel()"
    return RowKinds(total(formed, axes), code)


def _is_mask(one: Operand, moments: FieldMoments) -> bool:
    """Whether an operand is a vector over rows that positions and missing entries alone determine."""
    derived = (item.name for item in moments.derived.values() if item.function == "at_least")
    masks = [moments.body.known(name) for name in (*derived, *(f"has_{name}" for name in moments.missing))]
    array = one.array
    while isinstance(array, Lagged):
        array = array.array
    known = isinstance(array, Unit) or array in [replace(mask, axes=array.axes) for mask in masks if mask is not None]
    return known and len(one.references) == 1
