"""The functions of an emitted module, each from the same derivation: E-step, M-step, objective, posterior, start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emdsl.algebra.indices import Index
from emdsl.algebra.terms import MASK, OFFSET, Polynomial, Term
from emdsl.arrays.body import Assign, Body
from emdsl.arrays.expressions import Array, Contraction, Named, Operand, Total, total
from emdsl.arrays.programme import Function, Lines, Nested, ProgrammeStatement
from emdsl.derive.cavi import entropies
from emdsl.derive.constant import prepared_key as constants_key
from emdsl.derive.e_step import SweepCode, is_membership, unpacking
from emdsl.derive.estimates import posterior_entries
from emdsl.derive.expectation import has_own_points, variables_of
from emdsl.derive.folding import out_of_products
from emdsl.derive.inference import InferenceCode
from emdsl.derive.levels import level_code, levels_of
from emdsl.derive.levels import prepared_key as levels_key
from emdsl.derive.likelihood import LAWS, constant_part
from emdsl.derive.lower import lower
from emdsl.derive.m_step import Update, write_update
from emdsl.derive.row_origins import origin_statements
from emdsl.derive.rows import RowMoments
from emdsl.derive.setting import Setting
from emdsl.derive.statistics import SufficientStatistic, vanishes
from emdsl.derive.variational import VariationalMoments
from emdsl.structure.locals import LocalBlock

#: Above this many squared standard deviations between a state and the common reference point, each state has its own.
SPREAD_LIMIT = "1e4"


def e_step_function(
    codes: Sequence[SweepCode], inferences: Sequence[InferenceCode], setting: Setting
) -> tuple[Function, Function | None]:
    """`e_step(data, params)`: the statistics and the log likelihood of a block of rows; and what is fixed in it."""
    body: list[ProgrammeStatement] = []
    likelihood = setting.names.of("log likelihood")
    started = False
    for code in codes:
        sums = setting.names.of(f"sums {code.name}")
        if code.sweep.block is None:
            body += _sums_of_data(code, sums, codes, setting)
            continue
        evidence = setting.names.of(f"evidence {code.name}") if started else likelihood
        body += _sums_of_latents(code, f"{sums}, {evidence}", setting)
        if started:
            body.append(Lines((f"{likelihood} += {evidence}",)))
        started = True
        body.append(Lines((f"{sums} = {sums}.reshape(-1, {sums}.shape[-1])",)))
        body += unpacking(code, sums, setting)
    found = []
    for one in inferences:
        expected = setting.names.of(f"expected {one.name}")
        evidence = setting.names.of(f"evidence {one.name}") if started else likelihood
        call = Assign(f"{expected}, _, {evidence}", f"{one.name}(data, params, start)")
        body.append(Nested("with single_threaded_blas():", (call,)))  # its products are many and narrow
        if started:
            body.append(Lines((f"{likelihood} += {evidence}",)))
        started = True
        found.append(f"**{expected}")
    constants = constant_part(setting.names.of("constant part") if started else likelihood, setting)
    if constants is not None:
        body += [*constants.statements, Lines((f"{likelihood} {'+=' if started else '='} float({constants.target})",))]
    elif not started:
        body.append(Assign(likelihood, "0.0"))
    names = [item.name for code in codes for item in code.sweep.statistics]
    entries = ", ".join([*(f'"{name}": {setting.names.of(f"statistic {name}")}' for name in names), *found])
    function = Function(
        "e_step",
        "data, params, start=None",
        "Expected sufficient statistics and log likelihood of any block of rows; those of blocks add up.\n"
        "`start`: expectations to use in place of the posterior, for starting values.",
        tuple(body),
        f"{{{entries}}}, {likelihood}",
        (*(constants.sources if constants else ()), *setting.sources(params=True, data=True)),
    )
    return function, constants.constants if constants else None


def is_fixed(code: SweepCode, setting: Setting) -> bool:
    """Whether a sweep without latents sums the same features in every iteration: none is about a reference point."""
    names = {item.variable for feature, _ in code.layout.features for item in feature.atoms}
    return code.sweep.block is None and not any(
        setting.centred[name].references for name in names & set(setting.centred)
    )


def _sums_of_latents(code: SweepCode, targets: str, setting: Setting) -> list[ProgrammeStatement]:
    """A sweep over the rows, or what it would give out of the products of their features."""
    rows = Assign(targets, f"sweep(*{code.name}(data, params, start))")
    if code.folding is None:
        return [rows]
    products = setting.names.of(code.folding.key)
    assert code.sweep.block is not None
    by_rows = f'start and callable(start.get("{code.sweep.block.name}"))'
    why = "the precision is that of every row, the means are linear in T: sums over rows follow from Σ T Tᵀ"
    folded = Assign(targets, f"folded_gaussian({products}, {code.folding.arguments})", why)
    return [
        Assign(products, f"None if {by_rows} else {code.folding.function.name}(data, params)"),
        Nested(f"if {products} is None:", (rows,)),
        Nested("else:", (folded,)),
    ]


def _sums_of_data(
    code: SweepCode, target: str, codes: Sequence[SweepCode], setting: Setting
) -> list[ProgrammeStatement]:
    """Sums over rows without latents; those that no parameter enters are taken once, by `prepare`."""
    sums = f"sum_features(*{code.name}(data, params))"
    if is_fixed(code, setting):
        key = prepared_key(code)
        return [Assign(target, f'data["{key}"] if "{key}" in data else {sums}'), *unpacking(code, target, setting)]
    plain = [Assign(target, sums), *unpacking(code, target, setting)]
    blocks = [(other.layout, other.folding) for other in codes if other.sweep.plates == code.sweep.plates]
    used: list[str] = []
    folded: list[Assign] = []
    for item in code.sweep.statistics:
        for layout, folding in blocks:
            products = setting.names.of(folding.key) if folding else ""
            value = out_of_products(item, layout, products) if folding else None
            if value is not None:
                break
        else:
            return plain
        used += [products] if products not in used else []
        folded.append(Assign(setting.names.of(f"statistic {item.name}"), value))
    missing = " or ".join(f"{products} is None" for products in used)
    return [Nested(f"if {missing}:", tuple(plain)), Nested("else:", tuple(folded))]


def prepared_key(code: SweepCode) -> str:
    return f"sums.{'.'.join(code.sweep.plates) or 'data'}"


def prepare_function(
    codes: Sequence[SweepCode], inferences: Sequence[InferenceCode], laws: Function | None, setting: Setting
) -> Function:
    """`prepare(data, params)`: the data with everything that no iteration changes."""
    entries = [f'"{levels_key(name)}": {level_code(name, setting.scope)}' for name in levels_of(setting.derived)]
    entries += [
        f'"{prepared_key(code)}": sum_features(*{code.name}(data, params))' for code in codes if is_fixed(code, setting)
    ]
    constants = [(one.terms.network.name, one.constants) for one in inferences if one.constants is not None]
    constants += [(LAWS, laws)] if laws is not None else []
    entries += [f'"{constants_key(name)}": {function.name}(data, params)' for name, function in constants]
    for code in codes:
        if code.folding is not None:
            known = " or ".join(f'"{name}" in data' for name in code.folding.latents)
            entries.append(f'"{code.folding.key}": None if {known} else sum_products(*{code.name}(data, params))')
            entries += [f'"{code.folding.key}.{name}": params["{setting.whole(name)}"]' for name in code.folding.about]
    return Function(
        "prepare",
        "data, params",
        "The data, and sums over its rows that stay the same in every iteration.",
        (),
        f"{{{', '.join(('**data', *entries))}}}",
    )


def prior_terms(setting: Setting) -> list[Term]:
    """Terms of the priors: those that no statistic multiplies."""
    names = setting.statistic_names()
    return [term for _, term in setting.collapsed.terms if not term.variables() & names]


def m_step_function(updates: Sequence[Update], setting: Setting, codes: Sequence[SweepCode]) -> Function:
    """`m_step(statistics, params)`: every block to its maximum."""
    body = Body(setting.names)
    moments = setting.moments(body)
    for name in setting.parameters:
        if name not in setting.forms:
            moments.value(name)
    for name in setting.locations:
        axes = moments.value(name).axes
        if name in setting.gated_axes:
            body.assume(f"reference {name}", axes)
        else:
            body.define(f"reference {name}", setting.names.of(setting.whole(name)), axes)
    cancels = _have_one_point(setting, codes)
    for update in updates:
        write_update(update, body, moments, setting.scope, setting.source, setting.symmetric, setting.held, cancels)
    kept = [f'"{key}": {setting.names.of(key)}' for name in setting.parameters for key in setting.keys(name)]
    kept += [f'"given.{name}": {setting.names.of(name)}' for name in setting.carried]
    doc = "Parameters that maximise the expected log joint, given its sufficient statistics."
    if setting.forms:
        doc = "Posteriors of the parameters, and estimates of those without a prior, given the sufficient statistics."
    return Function(
        "m_step",
        "statistics, params",
        doc,
        tuple(body.statements),
        f"{{{', '.join(kept)}}}",
        setting.sources(params=True, statistics=True),
    )


def objective_function(setting: Setting) -> Function:
    """`objective(log_likelihood, params)`: plus the log prior densities, and under vb the entropies."""
    body = Body(setting.names)
    everywhere, posterior = frozenset(setting.locations), frozenset(setting.forms)
    terms = [term for term in prior_terms(setting) if not vanishes(term.atoms, everywhere, posterior)]
    moments = setting.moments(body)
    parts: list[tuple[str, Array]] = []
    value = lower(setting.merged(Polynomial(tuple(terms))), moments)
    if value is not None:
        parts.append(("expected log prior" if posterior else "log prior", value))
    if isinstance(moments, VariationalMoments):
        parts.append(("entropy", total(tuple(entropies(moments, setting.scope)), ())))
    statements: list[ProgrammeStatement] = list(body.statements)
    result = "log_likelihood"
    for label, part in parts:
        name = setting.names.of(label)
        statements.append(Assign(name, part))
        result += f" + float({name})"
    own = {setting.names.of(f"reference {name}"): setting.whole(name) for name in setting.locations}
    sources = [(name, f'params["{own[name]}"]' if name in own else text) for name, text in setting.sources(params=True)]
    doc = "What the iteration maximises: the log likelihood."
    if posterior:
        doc = "The evidence lower bound: the expected log joint plus the entropies of the posteriors."
    elif parts:
        doc = "What the iteration maximises: the log likelihood plus the log prior densities."
    return Function("objective", "log_likelihood, params", doc, tuple(statements), result, tuple(sources))


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
    spreads = _spreads(setting, codes, body) if groupable else []
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


def _have_one_point(setting: Setting, codes: Sequence[SweepCode]) -> bool:
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


def _spreads(setting: Setting, codes: Sequence[SweepCode], body: Body) -> list[Array]:
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


def posterior_function(codes: Sequence[SweepCode], inferences: Sequence[InferenceCode], setting: Setting) -> Function:
    """`posterior(data, params)`: what is expected of each latent, row by row."""
    body: list[ProgrammeStatement] = []
    entries: list[str] = []
    for code in codes:
        block = code.sweep.block
        if block is None:
            continue
        table = setting.names.of(f"expected {block.name}")
        body.append(Assign(table, f"expected_rows(*{code.name}(data, params))"))
        for name in block.gaussian:
            if name in setting.centred:
                body += _origin(name, code, table, setting)
        entries += _posterior_entries(code, table, body, setting)
    for one in inferences:
        known = setting.names.of(f"known {one.name}")
        asked = ", known=True" if one.on_request else ""
        body.append(Assign(f"_, {known}, _", f"{one.name}(data, params{asked})"))
        entries.append(f"**{known}")
    entries += posterior_entries(setting)
    return Function(
        "posterior",
        "data, params",
        f"What the data say of each latent variable{' and parameter' if setting.forms else ', given the parameters'}.",
        tuple(body),
        f"{{{', '.join(entries)}}}",
        setting.sources(params=True, data=True),
    )


def _posterior_entries(code: SweepCode, table: str, body: list[ProgrammeStatement], setting: Setting) -> list[str]:
    """One entry for each variable of a block: probabilities, or mean and covariance, assigned in `body`."""
    block = code.sweep.block
    assert block is not None
    states = _states(block, setting)
    plates = ", ".join(setting.size_text(setting.plate_size(letter)) for letter in block.plates)
    entries = []
    for position, name in enumerate(block.discrete):
        others = tuple(place for place in range(len(states)) if place != position)
        tabled = f"{table}[:{' * '.join(states)}].reshape({', '.join(states)}, -1)"
        marginal = f"{tabled}.sum(axis={others})" if others else f"{table}[:{states[0]}]"
        target = setting.names.of(f"probabilities {name}")
        shape = ", ".join((*filter(None, [plates]), states[position]))
        body.append(Assign(target, f"{marginal}.T.reshape({shape})"))
        entries.append(f'"{name}": {{"probabilities": {target}}}')
    for name in block.gaussian:
        entries.append(_gaussian_entry(code, name, table, states, plates, body, setting))
    return [entry for entry in entries if entry]


def _gaussian_entry(
    code: SweepCode,
    name: str,
    table: str,
    states: list[str],
    plates: str,
    body: list[ProgrammeStatement],
    setting: Setting,
) -> str:
    event = [setting.size_text(size) for size, _ in setting.scope.symbols[name].event]
    size = event[0] if event else "1"
    count = " * ".join(states) or "1"
    single = next((slot for local, slot in code.layout.locals if variables_of(local) == (name,)), None)
    if single is None:
        return ""
    pair = next((slot for local, slot in code.layout.locals if variables_of(local) == (name, name)), None)
    mean = setting.names.of(f"mean {name}")
    body.append(Assign(mean, f"{table}[{single.start}:{single.stop}].reshape({count}, {size}, -1).sum(axis=0).T"))
    base = setting.centred[name].base if name in setting.centred else None
    if base is not None:
        return f'"{base}": {{"mean": {mean} + {setting.names.of(f"origin {name}")}}}'
    shape = ", ".join((*filter(None, [plates]), *event)) or "()"
    statements, origin = origin_statements(name, code.sweep.plates, setting)
    body += statements
    whole = f"{mean}.reshape({shape})" + (f" + {origin}" if origin else "")
    if pair is None:
        return f'"{name}": {{"mean": {whole}}}'
    second = setting.names.of(f"second {name}")
    body.append(Assign(second, f"{table}[{pair.start}:{pair.stop}].reshape({count}, {size}, {size}, -1).sum(axis=0)"))
    spread = setting.names.of(f"{'covariance' if event else 'variance'} {name}")
    body.append(
        Assign(
            spread,
            f"covariances({mean}, {second}).reshape({', '.join((*filter(None, [plates]), *event, *event)) or '()'})",
        )
    )
    return f'"{name}": {{"mean": {whole}, "{"cov" if event else "var"}": {spread}}}'


def _origin(name: str, code: SweepCode, table: str, setting: Setting) -> list[ProgrammeStatement]:
    """What is added to a vector with missing entries to undo the centring: minus its location terms."""
    item = setting.centred[name]
    body = Body(setting.names)
    moments = RowMoments(
        body, setting.scope, setting.derived, setting.centred, setting.gated_axes, setting.missing, code.sweep.plates[0]
    )
    negative = tuple(replace(term, coefficient=-term.coefficient) for term in item.references)
    target = setting.names.of(f"origin {name}")
    if not negative:
        return [Assign(target, "0.0")]
    value = moments.centred_value(replace(item, known=(), references=negative), item.indices)
    statements: list[ProgrammeStatement] = []
    if any(part.variable not in setting.locations for term in negative for part in term.atoms):
        statements.append(Assign("rows", "slice(None)"))
    if has_own_points(code.sweep, setting):
        share = Operand(Named(f"{table}[group]", item.indices[:1]), item.indices[:1])
        added = Contraction(1.0, (share, Operand(value, item.indices)), item.indices)
        assert code.sweep.block is not None
        count = _states(code.sweep.block, setting)[0]
        summed = Total((Named(target, item.indices), added), item.indices)
        loop = Nested(f"for group in range({count}):", (*body.statements, Assign(target, summed)))
        return [*statements, Assign(target, "0.0"), loop]
    if any(part.variable in setting.gated_axes for term in negative for part in term.atoms):
        statements.append(Assign("group", "0"))
    return [*statements, *body.statements, Assign(target, value)]


def _states(block: LocalBlock, setting: Setting) -> list[str]:
    result = []
    for name in block.discrete:
        categories = setting.scope.symbols[name].categories
        assert categories is not None
        result.append(setting.size_text(categories))
    return result
