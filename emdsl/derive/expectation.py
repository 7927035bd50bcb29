"""Expected statistics of one row's latents: `expect(natural, rows)` of a sweep.

discrete            softmax of the logits over joint states
Gaussian            mean P⁻¹h and second moment P⁻¹ + mean meanᵀ
Gaussian | state    both: each state's log partition is added to its logit
"""

from __future__ import annotations

from emdsl.algebra.indices import Index
from emdsl.algebra.terms import HOT
from emdsl.arrays.body import Assign, Body
from emdsl.arrays.programme import Lines, Nested, ProgrammeStatement
from emdsl.derive.layout import Layout, is_constant
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
        call = f'labelled({table}.reshape({shape}), data["{name}"][rows].reshape(-1))'
        body.append(Nested(f'if "{name}" in data:', (Lines((call,)),)))
    if not block.gaussian:
        body.append(Lines((f"return {'hardmax' if setting.hard else 'softmax'}(logits)",)))
        return [Nested("def expect(logits, rows):", tuple(body))]
    return [Nested("def expect(natural, rows):", (*body, *_gaussian(sweep, plan, states, setting)))]


def _gaussian(sweep: Sweep, plan: Layout, states: list[str], setting: Setting) -> list[ProgrammeStatement]:
    block = sweep.block
    assert block is not None
    spans, position = {}, "0"
    for name in block.gaussian:
        event = setting.scope.symbols[name].event
        size = setting.size_text(event[0][0]) if event else "1"
        stop = size if position == "0" else f"{position} + {size}"
        spans[name] = (position, stop)
        position = stop
    singles, pairs = [], []
    for local, slot in plan.locals:
        names = variables_of(local)
        rows_text = f"slice({slot.start}, {slot.stop})"
        if len(names) == 1:
            singles.append(f"({rows_text}, slice({', '.join(spans[names[0]])}))")
        elif len(names) == 2:
            one, two = (f"slice({', '.join(spans[name])})" for name in names)
            pairs.append(f"({rows_text}, {one}, {two})")
    shared = all(is_constant(s.feature) for s in sweep.statistics if len(variables_of(s.local)) == 2)
    statements: list[ProgrammeStatement] = [
        Assign("values", f"np.full((natural.shape[1], {position}), np.nan)", "entries that are known")
    ]
    for name in block.gaussian:
        target = f"values[:, {':'.join(spans[name])}]"
        if name in setting.centred:
            statements += _centred_values(name, target, sweep, setting)
        else:
            fill = Assign(target, f'data["{name}"][rows].reshape(len(values), -1)')
            statements.append(Nested(f'if "{name}" in data:', (fill,)))
    count = " * ".join(states) or "1"
    listed = f"[{', '.join(singles)}], [{', '.join(pairs)}]"
    has_logits = bool(block.discrete)
    arguments = f"natural, {count}, {has_logits}, {listed}, values, {shared}{', hard=True' if setting.hard else ''}"
    statements.append(Lines((f"return gaussian_rows({arguments})",)))
    return statements


def _centred_values(name: str, target: str, sweep: Sweep, setting: Setting) -> list[ProgrammeStatement]:
    """The observed entries about the reference point; NaN where missing."""
    inner = Body(setting.names)
    lead = sweep.plates[0]
    moments = RowMoments(
        inner, setting.scope, setting.derived, setting.centred, setting.gated_axes, setting.missing, lead
    )
    item = setting.centred[name]
    axes: tuple[Index, ...] = item.indices
    value = moments.centred_value(item, axes)
    group = [Assign("group", "0")] if setting.gated_axes else []
    return [*group, *inner.statements, Assign(target, value)]
