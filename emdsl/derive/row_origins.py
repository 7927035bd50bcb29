"""The origins of real latents of rows: taken from values that are given, added to means that are found."""

from __future__ import annotations

from collections.abc import Sequence

from emdsl.arrays.algebra import repeated
from emdsl.arrays.body import Assign, Body
from emdsl.arrays.programme import ProgrammeStatement
from emdsl.derive.centre import Centred
from emdsl.derive.levels import quantity_name
from emdsl.derive.rows import RowMoments
from emdsl.derive.setting import Setting


def origin_statements(
    name: str, plates: Sequence[str], setting: Setting, *, of_block: bool = False
) -> tuple[list[ProgrammeStatement], str]:
    """The origin of a latent, and its code, "" where it is zero; the levels are those of all rows, or of a block.

    What is no level is the same along the plate that leads, and has no axis for it.
    """
    if name not in setting.origins:
        return [], ""
    if name in setting.levels:
        level = setting.names.of(quantity_name(name))
        return [], f"{level}[rows]" if plates and of_block else level
    lead = plates[0] if plates else None
    symbol = setting.scope.symbols[name]
    axes = tuple(setting.source.fresh(size, letter) for size, letter in symbol.axes)
    others = tuple(axis for axis in axes if axis.letter != lead)
    terms = setting.origins[name].at(axes)
    body = Body(setting.names)
    moments = RowMoments(
        body, setting.scope, setting.derived, setting.centred, setting.gated_axes, setting.missing, lead
    )
    value = moments.centred_value(Centred(name, others, (), terms, (), None), others)
    whole = repeated(value, others, {axis: setting.size_text(axis.size) for axis in others})
    target = setting.names.of(f"origin of {name}")
    return [*body.statements, Assign(target, whole, "what the latent is about")], target
