"""Where statistics are centred: one point for all states, or one for each where a common one would cancel.

(x − c)² summed over the rows of state k, less N_k (μ_k − c)²: digits are lost where (μ_k − c)² / σ_k² is large
"""

from __future__ import annotations

from collections.abc import Sequence

from emdsl.algebra.indices import Index
from emdsl.algebra.terms import MASK, OFFSET, Polynomial, Term
from emdsl.arrays.body import Assign, Body
from emdsl.arrays.expressions import Array
from emdsl.arrays.programme import Function, Lines, Nested, ProgrammeStatement
from emdsl.derive.e_step import SweepCode, is_membership
from emdsl.derive.expectation import has_own_points
from emdsl.derive.lower import lower
from emdsl.derive.setting import Setting
from emdsl.derive.statistics import SufficientStatistic

#: Above this many squared standard deviations between a state and the common reference point, each state has its own.
SPREAD_LIMIT = "1e4"


def reference_points_function(setting: Setting, codes: Sequence[SweepCode]) -> Function | None:
    """`reference_points(params)`: where statistics are centred; None where every reference is its own parameter."""
    if not setting.gated_axes:
        return None
    body = Body(setting.names)
    statements: list[ProgrammeStatement] = []
    for name, axes in setting.gated_axes.items():
        own = setting.names.of(setting.whole(name))
        places = str(axes[0]) if len(axes) == 1 else str(axes)
        common = f"np.broadcast_to({own}.mean(axis={places}, keepdims=True), {own}.shape)"
        statements.append(Assign(setting.names.of(f"reference {name}"), common))
    groupable = _is_groupable(setting, codes)
    entries = ", ".join(f'"{name}": {setting.names.of(f"reference {name}")}' for name in setting.gated_axes)
    own_entries = ", ".join(f'"{name}": {setting.names.of(setting.whole(name))}' for name in setting.gated_axes)
    sources = tuple((name, text) for name, text in setting.sources(params=True) if "reference_points" not in text)
    if any(has_own_points(code.sweep, setting) for code in codes):
        doc = "Points about which the statistics are taken: each state's own."
        return Function("reference_points", "params", doc, (), f"{{{own_entries}}}", sources)
    if groupable and _offsets_meet_data(setting):
        doc = "Points about which the statistics are taken: each state's own, since its predictor varies with the data."
        return Function("reference_points", "params", doc, (), f"{{{own_entries}}}", sources)
    spreads = _spreads(setting, body) if groupable else []
    if spreads:
        statements += body.statements
        names = []
        for number, spread in enumerate(spreads):
            name = setting.names.of(f"spread {number or ''}".strip())
            comment = "squared standard deviations between each state and the common point"
            statements.append(Assign(name, spread, comment))
            names.append(f"np.max({name}) > {SPREAD_LIMIT}")
        statements.append(Nested(f"if {' or '.join(names)}:", (Lines((f"return {{{own_entries}}}",)),)))
    return Function(
        "reference_points",
        "params",
        "Points about which the statistics are taken: one for all states, or one for each where that would cancel.",
        tuple(statements),
        f"{{{entries}}}",
        sources,
    )


def _is_groupable(setting: Setting, codes: Sequence[SweepCode]) -> bool:
    """Whether the rows of each state may have reference points of their own."""
    gaussian = any(code.sweep.block is not None and code.sweep.block.gaussian for code in codes)
    several = any(code.sweep.block is not None and len(code.sweep.block.discrete) > 1 for code in codes)
    gathered = any(
        is_membership(item, statistic.feature)
        for sweep in setting.collapsed.sweeps
        for statistic in sweep.statistics
        for item in statistic.feature.atoms
    )
    return setting.points_by_state and not (gaussian or several or gathered or setting.networks)


def have_one_point(setting: Setting, codes: Sequence[SweepCode]) -> bool:
    """Whether all states share their reference points, however far apart they lie."""
    own = any(has_own_points(code.sweep, setting) for code in codes)
    return bool(setting.gated_axes) and not own and not _is_groupable(setting, codes)


def _offset_pairs(setting: Setting) -> list[tuple[Term, SufficientStatistic]]:
    """Terms in two offsets of gated locations, with the statistic that they multiply."""
    found = []
    for _, term in setting.collapsed.terms:
        offsets = [item for item in term.atoms if item.statistic == OFFSET and item.variable in setting.gated_axes]
        statistic = next((s for item in term.atoms if (s := setting.collapsed.statistic(item.variable))), None)
        if len(offsets) == 2 and statistic is not None and statistic.local.atoms:
            found.append((term, statistic))
    return found


def _offsets_meet_data(setting: Setting) -> bool:
    """Whether the predictor of some state depends on data, so that parameters alone do not bound its spread."""
    return any(
        any(item.statistic != MASK for item in statistic.feature.atoms) for _, statistic in _offset_pairs(setting)
    )


def _spreads(setting: Setting, body: Body) -> list[Array]:
    """−2 Σ of the terms μ̃ᵀ Λ μ̃ that multiply a count, for each count an array over its axes."""
    by_name: dict[str, tuple[SufficientStatistic, list[Term]]] = {}
    for term, statistic in _offset_pairs(setting):
        count = next(item for item in term.atoms if item.variable == statistic.name)
        rest = tuple(item for item in term.atoms if item is not count)
        named = {i: a for i, a in zip(count.references, statistic.axes, strict=True) if isinstance(i, Index)}
        bound = tuple(index for index in term.bound if index not in named)
        moved = Term(-2.0 * term.coefficient, rest, bound).substitute(dict(named))
        by_name.setdefault(statistic.name, (statistic, []))[1].append(moved)
    moments = setting.moments(body)
    spreads = [
        lower(setting.merged(Polynomial(tuple(terms), statistic.axes)), moments)
        for statistic, terms in by_name.values()
    ]
    return [spread for spread in spreads if spread is not None]
