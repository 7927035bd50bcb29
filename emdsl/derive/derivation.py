"""From a bound model to the emitted module as data: the stages of the derivation in their order.

log joint → about reference points → rows summed out → updates → functions
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from emdsl.algebra.symbols import Scope, Symbol
from emdsl.algebra.terms import Term
from emdsl.arrays.body import Names
from emdsl.arrays.programme import Function, Module, literal
from emdsl.derive.augmented import augmentable
from emdsl.derive.centre import CentredJoint, centre
from emdsl.derive.collapse import Collapser
from emdsl.derive.copies import Copies, copies
from emdsl.derive.coupled import choice_symbols, with_choices
from emdsl.derive.e_step import SweepCode, e_step_codes
from emdsl.derive.entries import Entries, entries_of, entry_symbols
from emdsl.derive.estimates import estimates_function, from_estimates_function
from emdsl.derive.functions import (
    e_step_function,
    m_step_function,
    objective_function,
    prepare_function,
)
from emdsl.derive.held import held_entries
from emdsl.derive.holes import check_inferred, check_kinds, check_states
from emdsl.derive.inference import RESUMED, inference_code
from emdsl.derive.loadings import loadings
from emdsl.derive.log_joint import Factor, LogJoint, is_partly_missing, log_joint, not_compiled
from emdsl.derive.m_step import Update, updates
from emdsl.derive.network_start import shares_function
from emdsl.derive.network_terms import NetworkCollector, NetworkTerms, is_row_local
from emdsl.derive.observation_noise import closer_starts
from emdsl.derive.posterior_function import posterior_function
from emdsl.derive.posteriors import PosteriorForm, posterior_forms
from emdsl.derive.reference_points import reference_points_function
from emdsl.derive.residuals import squares_at_means
from emdsl.derive.setting import Setting
from emdsl.derive.start import initialise_function
from emdsl.derive.statistics import Collapsed
from emdsl.derive.weights import checking_weights, data_plates, refused_weights
from emdsl.errors import ModelError, Span
from emdsl.model.bound import BoundModel
from emdsl.model.holes import inferred, with_latents
from emdsl.model.statements import Factorise, Role
from emdsl.structure.blocks import latents, parameters
from emdsl.structure.locals import LocalBlock, local_blocks
from emdsl.structure.networks import components

Factors = tuple[tuple[Factor, tuple[Term, ...]], ...]


@dataclass(frozen=True)
class _Latents:
    """Latents whose rows stand alone, in blocks; latents that meet beyond a row, in networks; and the terms of each."""

    blocks: tuple[LocalBlock, ...]
    rows: Factors
    networks: tuple[NetworkTerms, ...]
    copies: Copies


def _unknown_rows(bound: BoundModel, centred: CentredJoint) -> list[str]:
    """Latents, vectors with missing entries, auxiliary variables and choices among sums."""
    partly = [item.name for item in centred.centred if item.base is not None]
    declared = (variable.name for variable in latents(bound))
    return [*declared, *partly, *centred.joint.auxiliaries, *centred.joint.splits]


def _entries(bound: BoundModel, centred: CentredJoint) -> dict[str, Entries]:
    """The latents that are inferred entry by entry."""
    terms, scope = [term for _, terms in centred.factors for term in terms], centred.joint.scope
    names = (variable.name for variable in latents(bound))
    return entries_of(terms, frozenset(name for name in names if scope.symbols[name].is_gate), scope)


def _latents(bound: BoundModel, centred: CentredJoint, entries: Mapping[str, Entries]) -> _Latents:
    """The unknowns of rows, grouped by the terms in which they meet."""
    joint, model = centred.joint, bound.checked.model
    spans, names = spans_of(bound, joint), _unknown_rows(bound, centred)
    ordered = frozenset(plate.letter for plate in model.plates if plate.ordered)
    written_out = {
        joint.scope.symbols[one.variable].plates[place][1] for one in entries.values() for place in one.places
    }
    weighted = frozenset(plate.letter for plate in model.plates) - ordered - written_out
    expanded = [
        (factor, tuple(one for term in terms for one in with_choices(term, joint.splits, joint.source)))
        for factor, terms in centred.factors
    ]
    read = frozenset(names) - frozenset(joint.splits)
    rows_within = copies(expanded, read, weighted, joint.scope, joint.source)
    collector = NetworkCollector(joint, frozenset(names), rows_within, spans, entries, ordered)
    prepared: list[tuple[Factor, Term]] = []
    for factor, terms in centred.factors:
        for term in terms:
            collector.collect_cofactors(factor, term)
    for factor, terms in centred.factors:
        prepared += [(factor, one) for term in terms for one in collector.prepared(factor, term)]
    groups = components(names, [one.variables() for _, term in prepared for one in collector.divided(term)])
    local, networks = [], []
    for group in groups:
        own = [term for _, term in prepared if term.variables() & set(group)]
        if is_row_local(group, own, joint.scope, ordered):
            local.append(group)
            continue
        networks.append(group)
    inside = {name for group in local for name in group}
    coupled = frozenset(name for group in networks for name in group)
    plates = {name: tuple(letter for _, letter in joint.scope.symbols[name].plates) for name in names if name in inside}
    discrete = frozenset(name for name in plates if joint.scope.symbols[name].categories is not None)
    rows = tuple(
        (factor, tuple(term for term in terms if not term.variables() & coupled)) for factor, terms in centred.factors
    )
    blocks = local_blocks(plates, discrete, (term.variables() for _, terms in rows for term in terms))
    apart = _apart(model.factorisations, joint.scope.symbols)
    inferred = tuple(_with_forms(collector.network(group, prepared, apart), bound, joint) for group in networks)
    return _Latents(blocks, rows, inferred, rows_within)


def _apart(requests: Sequence[Factorise], symbols: Mapping[str, Symbol]) -> Callable[[str, str], bool]:
    """Whether a request puts two variables, or entries of these, into different factors of q."""
    groups = [frozenset(group) for request in requests for group in request.groups]

    def apart(one: str, other: str) -> bool:
        mine, theirs = symbols[one].whole, symbols[other].whole
        return any(mine in group and theirs not in group and any(theirs in own for own in groups) for group in groups)

    return apart


def _with_forms(terms: NetworkTerms, bound: BoundModel, joint: LogJoint) -> NetworkTerms:
    """The forms of the posteriors of conjugate latents."""
    names = [name for one in terms.blocks for name in one.conjugate]
    if not names:
        return terms
    spans = spans_of(bound, joint)
    forms = posterior_forms(terms.local_terms, names, joint.scope, joint.source, frozenset(), spans, latent=True)
    return replace(terms, forms=forms)


def spans_of(bound: BoundModel, joint: LogJoint) -> dict[str, Span | None]:
    """Where each variable is defined; an auxiliary one where the variable is whose law is written with it.

    An entry that is inferred by itself is defined where the whole is.
    """
    spans = {variable.name: variable.span for variable in bound.checked.model.variables}
    spans |= {name: spans[own] for name, own in joint.auxiliaries.items()}
    entries = {name: symbol.entry for name, symbol in joint.scope.symbols.items()}
    return {**spans, **{name: spans[entry.variable] for name, entry in entries.items() if entry is not None}}


@dataclass(frozen=True)
class Derivation:
    """All that is derived for one model and one method."""

    method: str
    joint: LogJoint
    centred: CentredJoint
    blocks: tuple[LocalBlock, ...]
    collapsed: Collapsed
    updates: tuple[Update, ...]
    module: Module
    setting: Setting


def derive(bound: BoundModel, method: str, reserved: frozenset[str] = frozenset()) -> Derivation:
    """Derive every function of the module for `method`: em, hard or vb; `reserved` names belong to its helpers.

    Laws that have no other form are written with an auxiliary variable; where that leaves an unknown without an
    update, all those are that can be.
    """
    needed, possible = augmentable(with_latents(bound))
    try:
        return _derived(bound, method, reserved, needed)
    except ModelError as refusal:
        if refusal.code != "E090" or needed == possible:
            raise
        try:
            return _derived(bound, method, reserved, possible)
        except ModelError:
            raise refusal from None


def _derived(bound: BoundModel, method: str, reserved: frozenset[str], augmented: Mapping[str, str]) -> Derivation:
    holed = inferred(bound)
    bound = with_latents(bound)
    model, types = bound.checked.model, bound.checked.types
    check_kinds(bound, holed)
    joint = log_joint(bound, augmented)
    partly = frozenset(v.name for v in model.variables if is_partly_missing(v, types[v.name]))
    unknown = parameters(bound)
    reals = frozenset(name for name in unknown if types[name].kind == "real")
    unseen = frozenset(v.name for v in latents(bound) if types[v.name].kind == "real")
    ordered = frozenset(plate.letter for plate in model.plates if plate.ordered)
    centred = centre(joint, partly, reals, unseen, holed & unseen, ordered)
    centred = replace(centred, joint=_with_symbols(centred.joint, choice_symbols(centred.joint.splits)))
    entries = _entries(bound, centred)
    centred = replace(centred, joint=_with_symbols(centred.joint, entry_symbols(entries.values(), centred.joint.scope)))
    local = _latents(bound, centred, entries)
    blocks, networks = local.blocks, local.networks
    elsewhere = frozenset(name for one in networks for name in one.network.variables)
    if method != "vb":
        check_inferred([one.network for one in networks], holed, model, centred.joint.scope)
    if method == "hard":
        finite = [one.block.variables for network in networks for one in network.blocks if one.block.kind == "finite"]
        check_states([*(block.discrete for block in blocks), *finite], holed, model, centred.joint.scope)
    named = frozenset(statistic.name for one in networks for statistic in one.statistics)
    collapser = Collapser(centred.joint, blocks, partly, elsewhere, named)
    collapsed = collapser.collapse(local.rows)
    coupled = tuple((name, term) for one in networks for name, term in zip(one.sources, one.collapsed, strict=True))
    collapsed = replace(collapsed, terms=collapsed.terms + coupled)
    spans = spans_of(bound, joint)
    matrices = frozenset(name for name, symbol in centred.joint.scope.symbols.items() if symbol.kind == "cov")
    symmetric = matrices | collapsed.symmetric
    terms = [term for _, term in collapsed.terms]
    scope = centred.joint.scope
    whole = {fix.name for fix in model.fixes if not fix.indices}
    free = tuple(name for name in unknown if name not in whole)
    forms: dict[str, PosteriorForm] = {}
    if method == "vb":
        with_prior = [v.name for v in model.variables if v.name in free and v.definitions]
        groups = [group for request in model.factorisations for group in request.groups]
        forms = posterior_forms(terms, with_prior, scope, joint.source, symmetric, spans, groups)
    squares = {one.network.name: squares_at_means(one, centred, frozenset(forms)) for one in networks}
    apart = [(one.factor, one.beside(elsewhere)) for own in squares.values() for one in own]
    held = held_entries(model.fixes, types, bound.constants, frozenset(forms))
    _check_factorisation(bound, blocks, networks, forms, centred.joint)
    _check_starts(joint, forms, spans)
    steps = updates(terms, free, scope, spans, joint.source, symmetric, forms, held)
    identifiers = Names(reserved)
    for name, symbol in joint.scope.symbols.items():
        values = "probabilities" if symbol.kind == "simplex" else "values" if symbol.axes else "value"
        identifiers.declare(name, values)
    for name in bound.constants:
        identifiers.declare(name, "value")
    for form in forms.values():
        if form.kernel == "Gaussian":
            identifiers.alias(form.key("mean"), form.variable)
    setting = Setting(
        names=identifiers,
        scope=centred.joint.scope,
        source=joint.source,
        derived=centred.joint.derived,
        centred={item.name: item for item in centred.centred},
        collapsed=collapsed,
        parameters=unknown,
        locations=centred.locations,
        gated_axes=centred.gated_axes,
        by_state=centred.by_state,
        origins=centred.origins,
        levels=centred.levels,
        missing=frozenset(
            v.name for v in model.variables if v.missing and v.role is Role.OBSERVED and v.name not in partly
        ),
        forms=forms,
        held=held,
        hard=method == "hard",
        networks=networks,
        copies=local.copies,
        observed=frozenset(v.name for v in model.variables if v.role is Role.OBSERVED),
        holed=holed,
        given_latents=frozenset(
            (*(v.name for v in latents(bound)), *(n for one in entries.values() for n in one.names.values()))
        ),
        auxiliaries=frozenset(joint.auxiliaries),
        starts=joint.starts,
        spans=spans,
        squares=squares,
        in_squares=tuple(term for _, term in collapser.collapse(apart).terms),
    )
    reals = frozenset(name for name in elsewhere if scope.symbols[name].kind == "real")
    closer = closer_starts(joint, networks, setting.observed, [name for name in unknown if name not in held], forms)
    module = _module(bound, method, setting, steps, loadings(joint, reals, unknown), closer)
    return Derivation(method, joint, centred, blocks, collapsed, steps, module, setting)


OBJECTIVES = {"em": "log likelihood", "hard": "classification log likelihood", "vb": "evidence lower bound"}


def _module(
    bound: BoundModel,
    method: str,
    setting: Setting,
    steps: tuple[Update, ...],
    at_random: Mapping[str, str | None],
    closer: Mapping[str, float],
) -> Module:
    model = bound.checked.model
    lengths = {size for symbol in setting.scope.symbols.values() for size in (symbol.categories, *dict(symbol.axes))}
    lengths |= {*setting.scope.sizes.values()}
    sizes = [(setting.names.of(name), repr(value)) for name, value in bound.constants.items() if name in lengths]
    unweighted, told = refused_weights(setting), data_plates(setting)
    refused = {letters: reason for letters, reason in unweighted.items() if set(letters) <= told}
    weighted = (plate.letter for plate in model.plates if plate.letter in setting.copies.weighted)
    codes: list[SweepCode] = e_step_codes(setting)
    reference = reference_points_function(setting, codes)
    inferences = [inference_code(one, setting) for one in setting.networks]
    shares = [one for network in setting.networks if (one := shares_function(network, setting)) is not None]
    functions: list[Function] = [initialise_function(codes, [one.name for one in shares], at_random, closer, setting)]
    functions += [code.function for code in codes]
    functions += [code.folding.function for code in codes if code.folding]
    functions += [*shares, *(one for i in inferences for one in (i.constants, i.function) if one is not None)]
    functions += [reference] if reference is not None else []
    e_step, laws = e_step_function(codes, inferences, setting)
    functions += [laws] if laws is not None else []
    functions += [
        checking_weights(e_step, refused),
        m_step_function(steps, setting, codes),
        objective_function(setting),
        prepare_function(codes, inferences, laws, setting),
        Function(
            "fit",
            "data, params, max_iter=1000, tol=1e-8",
            "Iterate from `params`: (params, history), the history holding the objective after each M-step.",
            (),
            f"iterate({_prepared(setting.networks)}, params, max_iter, tol, e_step, m_step, objective)",
        ),
        checking_weights(posterior_function(codes, inferences, setting), refused),
        estimates_function(setting),
        from_estimates_function(setting),
    ]
    has_prior = any(v.definitions for v in model.variables if v.role is Role.PARAM)
    target = "log posterior" if has_prior and method == "em" else OBJECTIVES[method]
    supports = {key: kind for name in setting.parameters for key, kind in _supports(name, setting).items()}
    constants = (
        *sizes,
        ("PARAMETERS", literal(tuple(name for step in steps for name in step.variables))),
        ("SUPPORTS", literal(supports)),
        ("UPDATES", literal(_update_blocks(steps, setting))),
        ("OBJECTIVE", literal(target)),
        ("WEIGHTED", literal(tuple(letter for letter in weighted if (letter,) not in unweighted))),
        *((("REFUSED_WEIGHTS", literal(refused)),) if refused else ()),
        *_network_constants(setting.networks, setting.scope),
    )
    title = f"{model.name}, fitted by {METHODS[method]}."
    return Module(title, (), constants, tuple(functions))


def _network_constants(networks: Sequence[NetworkTerms], scope: Scope) -> tuple[tuple[str, str], ...]:
    """SHARED: the discrete latents that `e_step` takes shares of, as a start.

    RESUMED: the entry of the data by which coordinate ascent goes on from its last state; only where there is any.
    """
    found: list[tuple[str, str]] = []
    blocks = [one for network in networks for one in network.blocks if one.block.kind == "finite"]
    names = (name for one in blocks for name in one.block.variables if not scope.is_choice(name))
    shared = tuple(dict.fromkeys(scope.symbols[name].whole for name in names))
    if shared:
        found.append(("SHARED", literal(shared)))
    if any(network.network.iterated for network in networks):
        found.append(("RESUMED", literal(RESUMED)))
    return tuple(found)


def _prepared(networks: Sequence[NetworkTerms]) -> str:
    """The data for a loop; coordinate ascent goes on in it from its last state, that of the data if they have one."""
    resumed = any(network.network.iterated for network in networks)
    return f'{{"{RESUMED}": {{}}, **prepare(data, params)}}' if resumed else "prepare(data, params)"


def _with_symbols(joint: LogJoint, symbols: Mapping[str, Symbol]) -> LogJoint:
    """The log joint with more names in its scope."""
    return replace(joint, scope=replace(joint.scope, symbols={**joint.scope.symbols, **symbols}))


def _check_factorisation(
    bound: BoundModel,
    blocks: tuple[LocalBlock, ...],
    networks: tuple[NetworkTerms, ...],
    forms: dict[str, PosteriorForm],
    joint: LogJoint,
) -> None:
    """A factorisation is asked for and obeyed, or refused: never replaced by another one in silence.

    What the compiler added goes with the variables that the request names.
    """
    together = [set(block.variables) for block in blocks]
    inferred = [one.block.all for network in networks for one in network.blocks]
    together += [{joint.scope.symbols[name].whole for name in names} - joint.auxiliaries.keys() for names in inferred]
    together += [{form.variable, form.scale} for form in forms.values() if form.scale is not None]
    for request in bound.checked.model.factorisations:
        for group in request.groups:
            if len(group) > 1 and not any(set(group) <= block for block in together):
                names = " and ".join(f"`{name}`" for name in group)
                raise not_compiled(
                    f"one posterior for {names}", request.span, "leave the factorisation to the compiler"
                )
            if any(block & set(group) and not block <= set(group) for block in together):
                raise not_compiled("a factorisation that breaks an exact block", request.span, "leave it out")


def _check_starts(joint: LogJoint, forms: Mapping[str, PosteriorForm], spans: Mapping[str, Span | None]) -> None:
    """The value of a start is known in the E-step, so that no parameter in it may have a posterior."""
    for name, value in joint.starts.items():
        uncertain = sorted({item.variable for term in value.terms for item in term.atoms if item.variable in forms})
        if uncertain:
            raise not_compiled(
                f"a start of `{name}` at `{uncertain[0]}`, of which there is a posterior",
                spans.get(name),
                f"leave out the prior of `{uncertain[0]}`, or say `Normal(…, sd=…)` in place of `PointMass`",
            )


def _supports(name: str, setting: Setting) -> dict[str, str]:
    """The support of each array that `params` holds for a parameter."""
    form = setting.forms.get(name)
    if form is None:
        return {name: setting.scope.symbols[name].kind}
    kinds = {"mean": "real", "precision": "cov" if form.joint else "positive", "scale": "cov"}
    return {form.key(key): kinds.get(key, "positive") for key in form.keys}


def _update_blocks(steps: tuple[Update, ...], setting: Setting) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Names of the blocks with the keys that each writes.

    A Gaussian and its spread are one block, and so are a parameter and one that is at its best for each value of it.
    """
    blocks = []
    followers = {name for step in steps if step.best is not None for name in step.best.variables}
    followers |= {form.scale for form in setting.forms.values() if form.scale is not None}
    for step in steps:
        if any(name in followers for name in step.variables):
            continue
        names = [*step.variables, *(step.best.variables if step.best is not None else ())]
        for name in step.variables:
            form = setting.forms.get(name)
            if form is not None and form.scale is not None:
                names.append(form.scale)
        blocks.append((" and ".join(names), tuple(key for name in names for key in setting.keys(name))))
    return tuple(blocks)


METHODS = {"em": "expectation maximisation", "hard": "classification EM", "vb": "variational Bayes"}
