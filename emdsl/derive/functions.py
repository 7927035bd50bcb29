"""The functions of an emitted module, each from the same derivation: preparation, E-step, M-step, objective."""

from __future__ import annotations

from collections.abc import Sequence

from emdsl.algebra.terms import Polynomial, Term
from emdsl.arrays.body import Assign, Body
from emdsl.arrays.expressions import Array, total
from emdsl.arrays.programme import Function, Lines, Nested, ProgrammeStatement, dictionary
from emdsl.derive.cavi import entropies
from emdsl.derive.constant import prepared_key as constants_key
from emdsl.derive.e_step import SweepCode, is_moving, unpacking
from emdsl.derive.folding import out_of_products
from emdsl.derive.inference import InferenceCode
from emdsl.derive.levels import level_code
from emdsl.derive.levels import prepared_key as levels_key
from emdsl.derive.likelihood import LAWS, constant_part
from emdsl.derive.lower import lower
from emdsl.derive.m_step import Update, write_update
from emdsl.derive.reference_points import have_one_point
from emdsl.derive.setting import Setting
from emdsl.derive.statistics import vanishes
from emdsl.derive.variational import VariationalMoments


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
    entries = [*(f'"{name}": {setting.names.of(f"statistic {name}")}' for name in names), *found]
    function = Function(
        "e_step",
        "data, params, start=None",
        f"Expected sufficient statistics and {log_likelihood(setting)} of any block of rows; those of blocks add up.\n"
        "`start`: expectations to use in place of the posterior, for starting values.",
        tuple(body),
        f"{dictionary(entries)}, {likelihood}",
        (*(constants.sources if constants else ()), *setting.sources(params=True, data=True)),
    )
    return function, constants.constants if constants else None


def log_likelihood(setting: Setting) -> str:
    """What an E-step gives beside the statistics: a bound where it factorises the posterior."""
    exact = all(one.network.exact for one in setting.networks)
    return "log likelihood" if exact else "bound on the log likelihood"


def is_fixed(code: SweepCode, setting: Setting) -> bool:
    """Whether a sweep without latents sums the same features in every iteration: none is about a reference point."""
    return code.sweep.block is None and not any(is_moving(feature, setting) for feature, _ in code.layout.features)


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
    entries = [
        f'"{levels_key(name)}": {level_code(name, level, setting.scope)}' for name, level in setting.levels.items()
    ]
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
        f"{{{', '.join(('**data', *entries))}}}" if entries else "dict(data)",
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
    cancels = have_one_point(setting, codes)
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
    goal = log_likelihood(setting)
    doc = f"What the iteration maximises: the {goal}."
    if posterior:
        doc = "The evidence lower bound: the expected log joint plus the entropies of the posteriors."
    elif parts:
        doc = f"What the iteration maximises: the {goal} plus the log prior densities."
    return Function("objective", "log_likelihood, params", doc, tuple(statements), result, tuple(sources))
