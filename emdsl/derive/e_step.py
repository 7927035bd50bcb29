"""The E-step: for each sweep its features, its natural parameters, and the statistics that come back.

    natural parameters of a row = (∂Q/∂S) · T(row)        S = Σ_rows E[local statistics | row] T(row)ᵀ

Q is the collapsed log joint: linear in every statistic, so its derivative is the coefficient.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from emdsl.algebra.indices import Index
from emdsl.algebra.plain import as_written
from emdsl.algebra.symbols import WEIGHTS
from emdsl.algebra.terms import DELTA, HOT, STRUCTURE, Atom, Polynomial, Term
from emdsl.arrays.algebra import carried_axes, repeated
from emdsl.arrays.body import Assign, Body
from emdsl.arrays.expressions import Apply, Array, Contraction, Named
from emdsl.arrays.programme import Function, Nested, ProgrammeStatement, tuple_of
from emdsl.derive.expectation import expectation
from emdsl.derive.folding import Folding, folding
from emdsl.derive.layout import Layout, Slot, is_constant, layout
from emdsl.derive.log_joint import not_compiled
from emdsl.derive.lower import lower, lower_term
from emdsl.derive.rows import RowMoments
from emdsl.derive.setting import Setting
from emdsl.derive.statistics import Collapsed, Feature, SufficientStatistic, Sweep, vanishes


@dataclass(frozen=True)
class SweepCode:
    """The function that prepares one sweep, how its results are unpacked, and how it goes without rows, if it does."""

    sweep: Sweep
    function: Function
    layout: Layout
    name: str
    folding: Folding | None = None


def sweep_code(sweep: Sweep, setting: Setting) -> SweepCode:
    """`sweep_z(data, params)`: all arguments of the pass over the rows of one block."""
    body = Body(setting.names)
    plan = layout(sweep, setting.size_text)
    rows = sweep.block.name if sweep.block else "_".join(sweep.plates) or "data"
    name = setting.names.of(f"sweep {rows}{' about references' if sweep.moving else ''}")
    writer = _writer(sweep, setting, plan)
    arguments = ["write" if writer else "write_nothing"]
    statements: list[ProgrammeStatement] = []
    if sweep.block is not None:
        natural = _natural(sweep, setting, body, plan)
        references = [setting.names.of(f"reference {location}") for location in setting.gated_axes]
        arguments += [
            f"{natural}[None]" if sweep.block.gaussian else f"by_group({', '.join((natural, *references))})",
            f'start.get("{sweep.block.name}", expect) if start else expect',
        ]
        statements += body.statements
        statements += expectation(sweep, plan, setting)
    else:
        arguments.append(plan.width)
    place = len(body.statements)
    statements[place:place] = writer
    arguments += [setting.row_count(sweep.plates), setting.repeats(sweep.plates), setting.weights(sweep.plates)]
    contents = "Features and natural parameters" if sweep.block else "Features"
    function = Function(
        name,
        "data, params, start=None" if sweep.block else "data, params",
        f"{contents} of the rows of {_plates_text(sweep)}: {_features_doc(plan)}.",
        tuple(statements),
        f"({', '.join(arguments)})",
        setting.sources(params=True, data=True),
    )
    return SweepCode(sweep, function, plan, name, folding(sweep, plan, name, setting))


def _plates_text(sweep: Sweep) -> str:
    return f"`{as_written(sweep.block.name)}`" if sweep.block else "the data"


def _features_doc(plan: Layout) -> str:
    return f"T = ({', '.join(feature_text(feature) for feature, _ in plan.features)})"


def feature_text(feature: Feature) -> str:
    """A feature as a formula: `x̃_d x̃_e`."""
    parts = []
    for item in feature.atoms:
        if item.variable == STRUCTURE:
            parts.append(f"[{item.references[0].letter} = {item.references[1].letter}']")  # type: ignore[union-attr]
            continue
        letters = "".join(getattr(r, "letter", "") for r in item.references if r not in feature.rows)
        stem = as_written(item.variable)
        index = f"_{letters}" if letters else ""
        match item.statistic.kind, item.statistic.exponent:
            case "hot", _:
                parts.append(f"[{stem}{'_' + letters[:-1] if letters[:-1] else ''} = {letters[-1:]}]")
            case "mask", _:
                parts.append(f"[{stem}{index} seen]")
            case "power", 1.0:
                parts.append(f"{stem}{index}")
            case "power", exponent:
                parts.append(f"{stem}{index}^{exponent:g}")
            case kind, _:
                parts.append(f"{kind} {stem}{index}")
    return " ".join(parts) or "".join(str(index.size) for index in feature.inner) or "1"


# ---------------------------------------------------------------- natural parameters


def natural_parameter(
    statistic: SufficientStatistic, collapsed: Collapsed, ungated: frozenset[str], posterior: frozenset[str]
) -> Polynomial:
    """∂Q/∂S: the cofactor of a statistic. At the reference point the offset of an ungated location is zero."""
    terms = []
    for _, term in collapsed.terms:
        for item in term.atoms:
            if item.variable != statistic.name:
                continue
            rest = tuple(other for other in term.atoms if other is not item)
            if vanishes(rest, ungated, posterior):
                continue
            replacement: dict[Index, Index] = {}
            deltas = []
            for axis, reference in zip(statistic.axes, item.references, strict=True):
                if isinstance(reference, Index) and reference not in replacement:
                    replacement[reference] = axis
                elif isinstance(reference, Index):
                    deltas.append(Atom(STRUCTURE, DELTA, (replacement[reference], axis)))
                else:
                    deltas.append(Atom(STRUCTURE, DELTA, (axis, reference)))
            bound = tuple(index for index in term.bound if index not in replacement)
            moved = Term(term.coefficient, rest, bound).substitute(dict(replacement))
            terms.append(replace(moved, atoms=(*moved.atoms, *deltas)))
    return Polynomial(tuple(terms), statistic.axes)


def _natural(sweep: Sweep, setting: Setting, body: Body, plan: Layout) -> str:
    """Statements that fill the matrix (local statistic, feature); its name comes back."""
    moments = setting.moments(body)
    blocks: dict[tuple[str, str], str] = {}
    for statistic in sorted(sweep.statistics, key=lambda item: len(item.feature.atoms)):
        polynomial = setting.merged(
            natural_parameter(statistic, setting.collapsed, setting.ungated, frozenset(setting.forms))
        )
        array = lower(polynomial, moments)
        if array is None:
            continue
        local, feature = plan.local_slot(statistic.local), plan.feature_slot(statistic.feature)
        comment = f"coefficient of {statistic_text(statistic)}"
        array = _repeated_along(array, _axes_in_full(statistic, local, feature), setting)
        named = body.define(f"natural {statistic.name}", array, statistic.axes, comment)
        blocks[local.text, feature.text] = _flattened(named, local, feature)
    name = setting.names.of(f"naturals of {sweep.block.name if sweep.block else ''}")
    body.statements.append(Assign(name, f"np.zeros(({plan.height}, {plan.width}))"))
    for (local_text, feature_text_), code in blocks.items():
        whole = len(plan.locals) == 1 and plan.locals[0][1].shape
        body.statements.append(Assign(f"{name}[{':' if whole else local_text}, {feature_text_}]", code))
    return name


def _axes_in_full(statistic: SufficientStatistic, local: Slot, feature: Slot) -> tuple[Index, ...]:
    """The axes that a natural parameter must carry: several that become one cannot be left to numpy's broadcasting."""
    if len(local.shape) > 1:
        return statistic.axes
    if len(feature.shape) <= 1:
        return ()
    return statistic.feature.links if feature.packed else statistic.axes


def _flattened(named: Named, local: Slot, feature: Slot) -> str:
    if feature.packed:
        packed = f"pairs({named.name})"
        return packed if len(local.shape) <= 1 else f"{packed}.reshape({' * '.join(local.shape)}, -1)"
    if len(feature.shape) <= 1 and len(local.shape) <= 1:
        return named.name
    rows = " * ".join(local.shape)
    columns = " * ".join(feature.shape)
    return f"np.reshape({named.name}, {tuple_of(part for part in (rows, columns) if part)})"


def statistic_text(statistic: SufficientStatistic) -> str:
    parts = []
    for item in statistic.local.atoms:
        letters = "".join(getattr(r, "letter", "") for r in item.references if r not in statistic.feature.rows)
        parts.append(f"[{item.variable} = {letters}]" if item.statistic == HOT else f"{item.variable}_{letters}")
    text = " ".join(part.rstrip("_") for part in parts)
    feature = feature_text(statistic.feature)
    return f"{text} {feature}".strip() if feature != "1" else (text or "1")


# ---------------------------------------------------------------- features


def _writer(sweep: Sweep, setting: Setting, plan: Layout) -> list[ProgrammeStatement]:
    """`write(rows, group, out)`: the features of a block of rows; row 0 of `out` stays 1. None where it is all of them.

    What belongs to a row through an index array is gathered beforehand, for all rows.
    """
    lead = sweep.plates[0] if sweep.plates else None
    before, body = Body(setting.names), Body(setting.names)
    moments, whole = _row_moments(body, setting, lead), _row_moments(before, setting, None)
    for feature, slot in plan.features:
        if is_constant(feature):
            continue
        table = next((item for item in feature.atoms if is_membership(item, feature)), None)
        if table is not None:
            body.statements.append(_scattered(feature, slot, table, before, whole, setting))
        else:
            body.statements.append(_written(feature, slot, moments, lead, setting))
    if before.statements and setting.gated_axes:
        before.statements.insert(0, Assign("group", "0"))
    return (
        [*before.statements, Nested("def write(rows, group, out):", tuple(body.statements))] if body.statements else []
    )


def _row_moments(body: Body, setting: Setting, lead: str | None) -> RowMoments:
    return RowMoments(body, setting.scope, setting.derived, setting.centred, setting.gated_axes, setting.missing, lead)


def is_membership(item: Atom, feature: Feature) -> bool:
    """Whether an atom says which row an entry belongs to."""
    return item.statistic == HOT and item.references[-1] in feature.rows


def _scattered(
    feature: Feature, slot: Slot, table: Atom, before: Body, moments: RowMoments, setting: Setting
) -> Assign:
    """A feature of rows that entries belong to through an index array: summed over each row's entries once."""
    entries = table.references[:-1]
    if len(entries) != 1 or len(feature.rows) != 1 or not isinstance(entries[0], Index):
        raise not_compiled(
            f"a latent that is reached through `{table.variable}`, an index array over two plates",
            setting.spans.get(table.variable),
            "write the observations over one plate, with one index array over it",
        )
    rest = tuple(item for item in feature.atoms if item is not table)
    inner = tuple(index for index in feature.inner if index != entries[0])
    axes = (*feature.links, entries[0])
    value = lower_term(Term(1.0, rest, inner), axes, moments)
    index, _ = moments.read(table.variable, entries)
    letter = entries[0].letter
    value = repeated(value, (entries[0],), {entries[0]: f"len({index.name})"})
    size = setting.size_text(feature.rows[0].size)
    sums = Apply("scatter", (value, index, size, f'data.get("{WEIGHTS}{letter}")'), axes)
    label = f"{feature_text(feature)} of each row"
    name = before.define(label, sums, (*feature.links, *feature.rows), f"Σ_{letter} {feature_text(feature)}")
    read = f"{name.name}[..., rows]"
    return Assign(f"out[{slot.text}]", f"{read}.reshape(-1, out.shape[1])" if len(feature.links) > 1 else read)


def _written(feature: Feature, slot: Slot, moments: RowMoments, lead: str | None, setting: Setting) -> Assign:
    """The statement that fills one feature of a block of rows."""
    if slot.packed:
        operand = moments.operand(feature.atoms[0])
        own = tuple(index for index in feature.links if index in feature.atoms[0].indices)
        values = _covering(Contraction(1.0, (operand,), own + feature.rows), own + feature.rows, lead, setting)
        return _call("write_pairs", values, f"out[{slot.text}]")
    fast = _one_hot_call(feature, slot, moments, lead)
    if fast is not None:
        return fast
    axes = feature.links + feature.rows
    value = lower_term(Term(1.0, feature.atoms, feature.inner), axes, moments)
    covered = _covering(value, axes, lead, setting)
    if len(feature.links) <= 1 and len(feature.rows) == 1:
        return Assign(f"out[{slot.text}]", covered)
    shaped = Apply("np.reshape", (covered, "(-1, out.shape[1])" if slot.shape else "-1"), axes)
    return Assign(f"out[{slot.text}]", shaped)


def _covering(value: Array, axes: tuple[Index, ...], lead: str | None, setting: Setting) -> Array:
    """A feature that lacks a row axis is repeated along it: in a block of rows of the plate that leads, or wholly."""
    if len(axes) == 1 and not carried_axes(value):
        return value
    block = "rows.stop - rows.start"
    sizes = {axis: block if axis.letter == lead else setting.size_text(axis.size) for axis in axes}
    return repeated(value, axes, sizes)


def _repeated_along(value: Array, axes: tuple[Index, ...], setting: Setting) -> Array:
    """A natural parameter that lacks one of the axes is repeated along it."""
    return repeated(value, axes, {axis: setting.size_text(axis.size) for axis in axes})


def _call(function: str, value: Array, target: str) -> Assign:
    return Assign("", Apply(function, (value, target), ()))


def _one_hot_call(feature: Feature, slot: Slot, moments: RowMoments, lead: str | None) -> Assign | None:
    """The one-hot of one observed variable, written without an intermediate array."""
    if len(feature.atoms) != 1 or feature.atoms[0].statistic != HOT or feature.inner or len(feature.rows) != 1:
        return None
    (item,) = feature.atoms
    if item.references != (*feature.rows, *feature.links) or feature.rows[0].letter != lead:
        return None
    array, _ = moments.read(item.variable, item.references[:-1])
    return Assign("", Apply("write_one_hot", (array, slot.shape[-1], f"out[{slot.text}]"), ()))


# ---------------------------------------------------------------- statistics


def unpacking(code: SweepCode, total_name: str, setting: Setting) -> list[ProgrammeStatement]:
    """Assignments of the named statistics from the matrix that a sweep returns."""
    statements: list[ProgrammeStatement] = []
    for statistic in code.sweep.statistics:
        feature = code.layout.feature_slot(statistic.feature)
        target = setting.names.of(f"statistic {statistic.name}")
        comment = f"{statistic.name} = Σ {statistic_text(statistic)}"
        if code.sweep.block is None:
            text = f"{total_name}[{feature.text}]"
            shape = feature.shape
        else:
            local = code.layout.local_slot(statistic.local)
            whole = len(code.layout.locals) == 1 and local.shape
            text = f"{total_name}[{':' if whole else local.text}, {feature.text}]"
            shape = local.shape + feature.shape
        if feature.packed:
            text = f"unpairs({text}, {feature.shape[0]})"
            local_shape = shape[:-2]
            if len(local_shape) > 1:
                text = f"{text}.reshape({', '.join(shape)})"
        elif len(shape) > 1 and (len(feature.shape) > 1 or len(shape) - len(feature.shape) > 1):
            text = f"{text}.reshape({', '.join(shape)})"
        statements.append(Assign(target, text, comment))
    return statements


def e_step_codes(setting: Setting) -> list[SweepCode]:
    """The sweeps with latents first, then those of data without."""
    ordered = sorted(setting.collapsed.sweeps, key=lambda sweep: sweep.block is None)
    return [sweep_code(one, setting) for sweep in ordered for one in _parted(sweep, setting)]


def is_moving(feature: Feature, setting: Setting) -> bool:
    """Whether a feature is about a reference point, which moves from iteration to iteration."""
    return any(setting.centred[i.variable].references for i in feature.atoms if i.variable in setting.centred)


def _parted(sweep: Sweep, setting: Setting) -> list[Sweep]:
    """A sweep without latents in two, where some features of the data stay what they are: they are summed once."""
    moving = tuple(one for one in sweep.statistics if is_moving(one.feature, setting))
    fixed = tuple(one for one in sweep.statistics if one not in moving)
    if sweep.block is not None or not moving or all(is_constant(one.feature) for one in fixed):
        return [sweep]
    return [replace(sweep, statistics=fixed), replace(sweep, statistics=moving, moving=True)]
