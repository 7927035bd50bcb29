"""Expected statistics of one row's latents: `expect(natural, rows)` of a sweep.

discrete            softmax of the logits over joint states
Gaussian            mean P⁻¹h and second moment P⁻¹ + mean meanᵀ
Gaussian | state    both: each state's log partition is added to its logit
"""

from __future__ import annotations

from emdsl.algebra.indices import Index
from emdsl.algebra.terms import HOT
from emdsl.arrays.body import Assign, Body
from emdsl.arrays.expressions import Apply, Array
from emdsl.arrays.programme import Lines, Nested, ProgrammeStatement
from emdsl.derive.layout import Layout
from emdsl.derive.row_origins import origin_statements
from emdsl.derive.rows import RowMoments
from emdsl.derive.setting import Setting
from emdsl.derive.statistics import LocalStatistic, Sweep


def variables_of(local: LocalStatistic) -> tuple[str, ...]:
    """The Gaussian variables of a local statistic, one for each factor."""
    return tuple(item.variable for item in local.atoms if item.statistic != HOT)


def expectation(sweep: Sweep, plan: Layout, setting: Setting) -> list[ProgrammeStatement]:
    """The definition of `expect` for the block of a sweep."""
    block = sweep.block
    assert block is not None
    states = [setting.size_text(setting.scope.symbols[name].categories or 1) for name in block.discrete]
    logits = next((slot for local, slot in plan.locals if not variables_of(local)), None)
    body: list[ProgrammeStatement] = []
    for place, name in enumerate(block.discrete):
        before, after = " * ".join(states[:place]) or "1", " * ".join(states[place + 1 :]) or "1"
        table = "logits" if not block.gaussian else f"natural[:{logits.stop}]" if logits else "natural"
        shape = f"({before}, {states[place]}, {after}, -1)"
        call = f"labelled({table}.reshape({shape}), {_of_rows(name, sweep)}.reshape(-1))"
        body.append(Nested(f'if "{name}" in data:', (Lines((call,)),)))
    if not block.gaussian:
        body.append(Lines((f"return {'hardmax' if setting.chooses_states(block.discrete) else 'softmax'}(logits)",)))
        return [Nested("def expect(logits, rows):", tuple(body))]
    header = f"def expect(natural, rows, hard={setting.chooses_states(block.discrete)}):"
    return [Nested(header, (*body, *_gaussian(sweep, plan, states, setting)))]


def _gaussian(sweep: Sweep, plan: Layout, states: list[str], setting: Setting) -> list[ProgrammeStatement]:
    block = sweep.block
    assert block is not None
    spans, singles, pairs = gaussian_places(block.gaussian, plan, setting)
    size = spans[block.gaussian[-1]][1]
    own = has_own_points(sweep, setting)
    shape = f"({states[0]}, natural.shape[1], {size})" if own else f"(1, natural.shape[1], {size})"
    statements: list[ProgrammeStatement] = [Assign("values", f"np.full({shape}, np.nan)", "entries that are known")]
    for name in block.gaussian:
        entries = ":".join(spans[name])
        if name in setting.centred:
            statements += _centred_values(name, entries, states[0] if own else None, sweep, setting)
        else:
            own_statements, origin = origin_statements(name, sweep.plates, setting, of_block=True)
            values = _of_rows(name, sweep)
            given = f"({values} - {origin})" if origin else values
            fill = Assign(f"values[:, :, {entries}]", f"{given}.reshape(natural.shape[1], -1)")
            statements.append(Nested(f'if "{name}" in data:', (*own_statements, fill)))
    count = " * ".join(states) or "1"
    has_logits = bool(block.discrete)
    arguments = f"natural, {count}, {has_logits}, {singles}, {pairs}, values, {one_precision(sweep)}, hard"
    statements.append(Lines((f"return gaussian_rows({arguments})",)))
    return statements


def _of_rows(name: str, sweep: Sweep) -> str:
    """The given values of a latent at the rows of a block; without plates there is one row, which is not an axis."""
    return f'data["{name}"][rows]' if sweep.plates else f'np.asarray(data["{name}"])'


def one_precision(sweep: Sweep) -> bool:
    """Whether the quadratic terms of Gaussian latents are the same in every row."""
    return not any(s.feature.atoms for s in sweep.statistics if len(variables_of(s.local)) == 2)


def gaussian_places(
    names: tuple[str, ...], plan: Layout, setting: Setting
) -> tuple[dict[str, tuple[str, str]], str, str]:
    """The entries of each Gaussian latent; then, as code, (rows, entries) of singles and (rows, one, two) of pairs."""
    spans: dict[str, tuple[str, str]] = {}
    position = "0"
    for name in names:
        event = setting.scope.symbols[name].event
        size = setting.size_text(event[0][0]) if event else "1"
        stop = size if position == "0" else f"{position} + {size}"
        spans[name] = (position, stop)
        position = stop
    singles, pairs = [], []
    for local, slot in plan.locals:
        variables = variables_of(local)
        rows_text = f"slice({slot.start}, {slot.stop})"
        if len(variables) == 1:
            singles.append(f"({rows_text}, slice({', '.join(spans[variables[0]])}))")
        elif len(variables) == 2:
            one, two = (f"slice({', '.join(spans[name])})" for name in variables)
            pairs.append(f"({rows_text}, {one}, {two})")
    return spans, f"[{', '.join(singles)}]", f"[{', '.join(pairs)}]"


def has_own_points(sweep: Sweep, setting: Setting) -> bool:
    """Whether a vector with missing entries is taken about each state's own reference point: no feature shares it."""
    block = sweep.block
    if block is None or len(block.discrete) != 1 or not any(name in setting.centred for name in block.gaussian):
        return False
    shared = {item.variable for s in sweep.statistics for item in s.feature.atoms if item.variable in setting.centred}
    alone = len([other for other in setting.collapsed.sweeps if other.block is not None]) == 1
    first = bool(setting.gated_axes) and setting.points_by_state
    return alone and first and not any(setting.centred[name].gates for name in shared)


def _centred_values(
    name: str, entries: str, states: str | None, sweep: Sweep, setting: Setting
) -> list[ProgrammeStatement]:
    """The observed entries about the reference point, or about that of each state; NaN where missing."""
    inner = Body(setting.names)
    lead = sweep.plates[0]
    moments = RowMoments(
        inner, setting.scope, setting.derived, setting.centred, setting.gated_axes, setting.missing, lead
    )
    item = setting.centred[name]
    axes: tuple[Index, ...] = item.indices
    value: Array = moments.centred_value(item, axes)
    if len(sweep.plates) > 1:  # rows are on one axis there
        value = Apply("np.reshape", (value, "(natural.shape[1], -1)"), axes)
    if states is not None:
        filled = (*inner.statements, Assign(f"values[group, :, {entries}]", value))
        return [Nested(f"for group in range({states}):", filled)]
    group = [Assign("group", "0")] if setting.gated_axes else []
    return [*group, *inner.statements, Assign(f"values[:, :, {entries}]", value)]
