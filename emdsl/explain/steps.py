"""The derivation as a document, step by step, written from the objects that the code is lowered from.

model → log joint → sufficient statistics → E-step → M-step → objective → guarantee and plan
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emdsl.algebra.symbols import is_padded, padded_size, place_table
from emdsl.algebra.terms import IDENTITY, OFFSET, Atom, Polynomial, Term
from emdsl.derive.centre import Centred
from emdsl.derive.derivation import METHODS, Derivation
from emdsl.derive.functions import prior_terms
from emdsl.derive.likelihood import data_only_terms
from emdsl.derive.log_joint import Factor
from emdsl.derive.m_step import Update
from emdsl.derive.statistics import Sweep
from emdsl.explain.document import Block, Display, Document, Prose, Step, Table
from emdsl.explain.expressions import expression_text, law_text, support_text
from emdsl.explain.formulas import Notation, aligned, reference_name
from emdsl.explain.latents import exponent, exponent_lines, posterior_lines
from emdsl.explain.networks import (
    auxiliary_sentences,
    choice_blocks,
    coupled_heads,
    network_steps,
    objective_terms,
    statistics_blocks,
)
from emdsl.explain.plan import COLUMNS, Plan, PlanRow, cells, objective, plan, reason, unknown_name
from emdsl.explain.statistics import definition, responsibility, statistic_heads
from emdsl.explain.symbols import in_words, name_text, with_indices
from emdsl.explain.updates import natural_lines, parameters_of, update_lines
from emdsl.model.statements import Model, Plate, Role, Variable
from emdsl.structure.locals import LocalBlock


def document(derivation: Derivation, model: Model) -> Document:
    """The mathematics of one model under one method; `model` is the model that it was derived from."""
    steps = (
        Step("The model", _model(derivation, model)),
        Step("The log joint density", _log_joint(derivation)),
        Step("Sufficient statistics", _statistics(derivation)),
        Step("E-step", _e_step(derivation)),
        Step("Posteriors of the parameters" if derivation.method == "vb" else "M-step", _m_step(derivation, model)),
        Step("The objective", _objective(derivation)),
        Step("Guarantee and plan", _guarantee(plan(derivation, model))),
    )
    return Document(f"{model.name} by {METHODS[derivation.method]}", steps)


def notation_of(derivation: Derivation) -> Notation:
    """The notation of all formulas of a derivation."""
    setting = derivation.setting
    heads = coupled_heads(derivation, statistic_heads(derivation.collapsed, setting.scope.symbols))
    heads |= {name: rf"\tilde{{{name_text(name)}}}" for name in setting.origins}
    splits = derivation.joint.splits
    notation = Notation(setting.scope, setting.derived, setting.centred, heads, splits=splits)
    return notation.with_reference_points(derivation.centred.locations)


# ---------------------------------------------------------------- the model


def _model(derivation: Derivation, model: Model) -> tuple[Block, ...]:
    names = derivation.setting.scope.symbols
    listed = {letter: size for symbol in names.values() for size, letter in (*symbol.plates, *symbol.event)}
    ragged = {plate.letter: plate for plate in model.plates if plate.parents}
    ranges = ", ".join(f"${letter} = {_range(size)}$" for letter, size in listed.items() if letter not in ragged)
    lines = [line for variable in model.variables for line in _variable_lines(variable)]
    for fix in model.fixes:
        held = with_indices(name_text(fix.name), [expression_text(index) for index in fix.indices])
        lines.append(rf"{held} &= {expression_text(fix.value)} && \text{{held}}")
    indices = (Prose(f"Indices: {ranges}."),) if ranges else ()
    return (
        *indices,
        *(Prose(_ragged(plate, place_table(letter) in names)) for letter, plate in ragged.items()),
        Display(tuple(lines)),
    )


def _ragged(plate: Plate, ranged: bool) -> str:
    """How the rows of a ragged plate are counted, and what says where they lie; the k-th row where it is used."""
    letter, parents = plate.letter, ", ".join(plate.parents)
    size = with_indices(name_text(plate.size), plate.parents) if isinstance(plate.size, str) else str(plate.size)
    groups = " and ".join(f"${parent}({letter})$" for parent in plate.parents)
    chosen = f", and ${letter}_{{k}}({parents})$ its row $k$" if ranged else ""
    return (
        f"The plate ${letter} = 0, \\dots, {size} - 1$ is ragged. Below, ${letter}$ runs through rows of all groups,"
        f" one after the other: {groups} is the group of a row, $\\mathrm{{place}}({letter})$ its place there, and"
        f" ${letter}_{{0}}({parents})$ the first row of a group{chosen}."
    )


def _range(size: str | int) -> str:
    """The values of an index: a few one by one, else the first and the last."""
    if isinstance(size, int):
        return ", ".join(map(str, range(size))) if size <= 3 else rf"0, \dots, {size - 1}"
    whole = rf"\max {name_text(size.removeprefix(padded_size('')))}" if is_padded(size) else name_text(size)
    return rf"0, \dots, {whole} - 1"


def _variable_lines(variable: Variable) -> list[str]:
    head = with_indices(name_text(variable.name), variable.plates)
    if variable.role is Role.LET and variable.value is not None:
        return [rf"{head} &= {expression_text(variable.value)}"]
    support = rf" \in {support_text(variable.type)}" if variable.type is not None else ""
    note = rf" && \text{{{ROLES[variable.role]}{', entries may be missing' if variable.missing else ''}}}"
    if not variable.definitions:
        return [f"{head} &{support}{note}"]
    lines = []
    for definition_ in variable.definitions:
        slots = with_indices(name_text(variable.name), [expression_text(slot) for slot in definition_.slots])
        lines.append(rf"{slots} &\sim {law_text(definition_.law)}{note}")
    return lines


ROLES = {
    Role.GIVEN: "given", Role.PARAM: "parameter", Role.LATENT: "latent", Role.OBSERVED: "observed", Role.LET: "let",
}  # fmt: skip


# ---------------------------------------------------------------- the log joint


def _log_joint(derivation: Derivation) -> tuple[Block, ...]:
    notation = notation_of(derivation)
    whole = notation.without(derivation.setting.origins)
    lines = []
    for factor in derivation.joint.factors:
        signed = whole.terms(_merged(derivation, factor.terms))
        signed += [whole.quadratic(item, whole.letters) for item in factor.quadratics]
        lines += aligned(rf"\log p({_subject(factor, derivation)})", signed)
    blocks: list[Block] = [
        Prose("The log joint density is the sum over all laws of the model, and each law is a sum of products:"),
        Display(tuple(lines)),
    ]
    blocks += [Prose(text) for text in auxiliary_sentences(derivation)]
    return tuple(blocks + choice_blocks(derivation, notation) + _reference_points(derivation, notation))


def _subject(factor: Factor, derivation: Derivation) -> str:
    """The variable, and an auxiliary one that its law is written with."""
    beside = [name for name, own in derivation.joint.auxiliaries.items() if own == factor.variable]
    return rf"{', '.join(name_text(name) for name in (factor.variable, *beside))} \mid \cdot"


def _reference_points(derivation: Derivation, notation: Notation) -> list[Block]:
    """What tildes and rings stand for."""
    centred, origins = derivation.centred, derivation.setting.origins
    if not centred.locations and not origins:
        return []
    lines = []
    for name in centred.locations:
        symbol = derivation.setting.scope.symbols[name]
        letters = [letter for _, letter in symbol.axes]
        head = name_text(name)
        own, point = with_indices(head, letters), with_indices(notation.statistics[reference_name(name)], letters)
        offset = with_indices(rf"\tilde{{{head}}}", letters)
        lines.append(f"{offset} &= {own} - {point}")
    whole = notation.without(origins)
    for name, origin in origins.items():
        axes = tuple(derivation.setting.source.fresh(*axis) for axis in derivation.setting.scope.symbols[name].axes)
        negative = tuple(replace(term, coefficient=-term.coefficient) for term in origin.at(axes))
        moved = Centred(name, axes, (Term(1.0, (Atom(name, IDENTITY, axes),)),), negative, (), None)
        own_letters = notation.letters.knowing(axes)
        left = notation.term(Term(1.0, (Atom(name, IDENTITY, axes),)), own_letters)[1]
        lines.append(f"{left} &= {whole.at_reference_points(moved, {}, own_letters)}")
    for item in centred.centred:
        if not notation.is_datum(item):
            continue
        own_letters = notation.letters.knowing((*item.indices, *item.gates))
        left = notation.centred_quantity(item, item.indices, own_letters)
        lines.append(f"{left} &= {notation.at_reference_points(item, {}, own_letters)}")
    if not centred.locations:
        prose = "What is taken about the mean of its law bears a tilde, so that no large numbers cancel:"
        return [Prose(prose), Display(tuple(lines))]
    gated = [name for name in centred.locations if name in centred.gated_axes]
    text = (
        "Squares are taken about reference points $\\mathring{\\cdot}$, so that no large numbers cancel; the result "
        "does not depend on them. They are the current values of the parameters"
    )
    if derivation.setting.forms:
        text += " (means where there is a posterior)"
    if gated:
        text += (
            f", but for {_names(gated)} the mean of these over the states while the states lie near each other; a "
            "datum is taken anew about the point of each state"
        )
    text += ". What is taken about them bears a tilde"
    levels = derivation.setting.levels.values()
    if levels:
        over_time = {level.over is None: None for level in levels}
        nearby = " or ".join("the value before" if one else "the mean of what is seen" for one in over_time)
        text += f"; a bar is on what is seen of a variable with missing entries, and on {nearby} where nothing is"
    return [Prose(f"{text}:"), Display(tuple(lines))]


def _names(names: Sequence[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)


# ---------------------------------------------------------------- statistics


def _statistics(derivation: Derivation) -> tuple[Block, ...]:
    notation = notation_of(derivation)
    taken = derivation.setting.scope.symbols
    blocks: list[Block] = []
    for sweep in derivation.collapsed.sweeps:
        lines = []
        probability = "" if sweep.block is None else responsibility(sweep.block, derivation.collapsed, taken)
        for item in sweep.statistics:
            lines.append(definition(item, notation.statistics[item.name], probability, notation))
        letters = ", ".join(f"${letter}$" for letter in sweep.plates)
        rows = f"over the rows of {letters}" if letters else "over all rows"
        owner = f"under the posterior of {_latents(sweep.block)}" if sweep.block else "of data alone"
        blocks += [Prose(f"Sums {rows}, {owner}:"), Display(tuple(lines))]
    blocks += statistics_blocks(derivation, notation)
    signed = notation.terms(_merged(derivation, [term for _, term in derivation.collapsed.terms]))
    known = ", but for terms that hold latents and no parameter," if derivation.setting.networks else ""
    blocks += [
        Prose(f"With them the expected log joint density{known} is"),
        Display(tuple(aligned("Q", signed))),
    ]
    return tuple(blocks)


def _latents(block: LocalBlock) -> str:
    return _names([unknown_name(name) for name in block.variables])


def _merged(derivation: Derivation, terms: Sequence[Term]) -> tuple[Term, ...]:
    return derivation.setting.merged(Polynomial(tuple(terms))).terms


# ---------------------------------------------------------------- E-step


def _e_step(derivation: Derivation) -> tuple[Block, ...]:
    notation = notation_of(derivation).expecting(derivation.setting.forms)
    blocks: list[Block] = []
    for sweep in derivation.collapsed.sweeps:
        if sweep.block is not None:
            blocks += _block_step(sweep, derivation, notation)
    for network in derivation.setting.networks:
        blocks += network_steps(network, derivation, notation)
    return tuple(blocks) or (Prose("There are no latents: the statistics are those of the data."),)


def _block_step(sweep: Sweep, derivation: Derivation, notation: Notation) -> list[Block]:
    block = sweep.block
    assert block is not None
    found = exponent(sweep, derivation.setting)
    probability = responsibility(block, derivation.collapsed, derivation.setting.scope.symbols)
    chosen = derivation.setting.chooses_states(block.discrete)
    posterior = posterior_lines(found, sweep, probability, notation, chosen)
    text = (
        f"What multiplies the statistics of {_latents(block)} in $Q$, times the features of one row, is the exponent "
        "of their posterior:"
    )
    result: list[Block] = [Prose(text), Display(exponent_lines(found, notation))]
    missing = [unknown_name(name) for name in block.gaussian if "~" in name]
    missing += [name for name in block.variables if name in derivation.setting.holed]
    kept = "The most probable state counts alone" if chosen else "So the posterior is"
    if missing:
        listed = _names(missing)
        kept += f" (observed entries of {listed} keep their values; the Gaussian is that of the others given them)"
    return [*result, Prose(f"{kept}:"), Display(posterior)]


# ---------------------------------------------------------------- M-step


def _m_step(derivation: Derivation, model: Model) -> tuple[Block, ...]:
    blocks: list[Block] = []
    for place, update in enumerate(derivation.updates, 1):
        blocks += _update(place, update, derivation, model)
    return tuple(blocks)


def _update(place: int, update: Update, derivation: Derivation, model: Model) -> list[Block]:
    forms = derivation.setting.forms
    integrated = [form.variable for form in forms.values() if form.scale in update.variables]
    notation = notation_of(derivation).expecting(set(forms) - {*update.variables, *integrated})
    clause = reason(update, derivation) + (", so taken at the mean" if integrated else "")
    blocks: list[Block] = [
        Prose(f"**{place}. {_names(update.variables)}** ({update.kernel}; {clause}). The terms of its conditional:"),
        Display(tuple(aligned("Q", notation.terms(_merged(derivation, update.terms)), r"\ni"))),
    ]
    parameters = parameters_of(update, derivation.setting, notation)
    natural = tuple(line for parameter in parameters for line in natural_lines(parameter))
    result = tuple(line for parameter in parameters for line in update_lines(parameter))
    hence = "Solved together" if len(parameters) > 1 else "Hence"
    if any(fix.name in update.variables for fix in model.fixes):
        hence += ", while the entries that are held keep their values"
    return [
        *blocks,
        Prose("Its statistics, each with its natural parameter:"),
        Display(natural),
        Prose(f"{hence}:"),
        Display(result),
    ]


# ---------------------------------------------------------------- objective and guarantee


def _objective(derivation: Derivation) -> tuple[Block, ...]:
    """At the returned parameters, which are then their own reference points."""
    setting, name = derivation.setting, objective(derivation)
    own = {reference_name(location): name_text(location) for location in derivation.centred.locations}
    notation = notation_of(derivation)
    notation = replace(notation, statistics={**notation.statistics, **own})
    rows = [("+", _evidence(s, derivation, notation)) for s in derivation.collapsed.sweeps if s.block is not None]
    rows += objective_terms(derivation, notation)
    if derivation.method == "vb":
        data = notation_of(derivation).expecting(setting.forms).terms(_merged(derivation, data_only_terms(setting)))
        heads = [name_text(variable) for variable in setting.forms]
        own_terms = [("+", rf"\left\langle \log p({head}) \right\rangle + \mathrm{{H}}[q({head})]") for head in heads]
        return Prose(f"The {name}, with H the entropy:"), Display(tuple(aligned(r"\ell", rows + data + own_terms)))
    data = notation.terms(_merged(derivation, data_only_terms(setting)))
    at_reference = [term for term in prior_terms(setting) if all(item.statistic != OFFSET for item in term.atoms)]
    prior = notation.terms(_merged(derivation, at_reference))
    likelihood = Display(tuple(aligned(r"\ell", rows + data)))
    known = "classification log likelihood" if derivation.method == "hard" else "log likelihood"
    known = f"lower bound on the {known}" if name.startswith("lower bound") else known
    blocks: list[Block] = [Prose(f"The {known}, with all constants:"), likelihood]
    if prior:
        total = aligned(r"\ell_{\mathrm{prior}}", prior)
        blocks += [Prose(f"The {name} is $\\ell + \\ell_{{\\mathrm{{prior}}}}$, with"), Display(tuple(total))]
    return tuple(blocks)


def _evidence(sweep: Sweep, derivation: Derivation, notation: Notation) -> str:
    found = exponent(sweep, derivation.setting)
    letters = notation.letters.knowing(found.row.rows)
    rows = [letters.of(index) for index in found.row.rows]
    total = rf"\sum_{{{', '.join(rows)}}} " if rows else ""
    return f"{total}{with_indices(found.symbol('A'), rows)}"


def _guarantee(decided: Plan) -> tuple[Block, ...]:
    if decided.method == "vb":
        text = "Each factor of $q$ is set to its optimum given the others"
    elif decided.joint:
        text = "The M-step finds the maximum of $Q$ over all parameters at once"
    else:
        text = "Each step finds the maximum of $Q$ over its block given the others (conditional maximisation)"
    if decided.ascended:
        text += f"; for {in_words(decided.ascended)} it takes steps, which never lower $Q$ (generalised EM)"
    rows = tuple((_backticked(row), *cells(row)[1:]) for row in decided.rows)
    return (Prose(f"{text}, so that the {decided.objective} never decreases."), Table(COLUMNS, rows))


def _backticked(row: PlanRow) -> str:
    return ", ".join(f"`{name}`" for name in row.variables)
