"""From a bound model to the emitted module as data: the stages of the derivation in their order.

    log joint → about reference points → rows summed out → updates → functions
"""

from __future__ import annotations

from dataclasses import dataclass

from emdsl.arrays.body import Names
from emdsl.arrays.programme import Function, Module
from emdsl.derive.centre import CentredJoint, centre
from emdsl.derive.collapse import Collapsed, Collapser
from emdsl.derive.e_step import SweepCode, e_step_codes
from emdsl.derive.functions import (
    e_step_function,
    m_step_function,
    objective_function,
    posterior_function,
    reference_points_function,
)
from emdsl.derive.log_joint import LogJoint, is_partly_missing, log_joint, not_compiled
from emdsl.derive.m_step import Update, updates
from emdsl.derive.setting import Setting
from emdsl.derive.start import initialise_function
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Role
from emdsl.structure.blocks import latents, parameters
from emdsl.structure.locals import LocalBlock, local_blocks


def _blocks(bound: BoundModel, centred: CentredJoint) -> tuple[LocalBlock, ...]:
    """Local latents, and vectors with missing entries, grouped by the terms in which they meet."""
    types = bound.checked.types
    plates: dict[str, tuple[str, ...]] = {}
    for variable in latents(bound):
        kind = types[variable.name].kind
        if kind not in ("index", "real"):
            raise not_compiled(f"the {kind} latent `{variable.name}`", variable.span)
        if not variable.plates:
            raise not_compiled(f"the latent `{variable.name}`, which no plate repeats", variable.span)
        plates[variable.name] = variable.plates
    for item in centred.centred:
        if item.base is not None:
            plates[item.name] = tuple(letter for _, letter in centred.joint.scope.symbols[item.name].plates)
    discrete = frozenset(name for name in plates if name in types and types[name].kind == "index")
    meetings = (term.variables() for _, terms in centred.factors for term in terms)
    return local_blocks(plates, discrete, meetings)


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


def derive(bound: BoundModel, method: str) -> Derivation:
    """Derive every function of the module for `method`: em or hard."""
    model, types = bound.checked.model, bound.checked.types
    joint = log_joint(bound)
    partly = frozenset(v.name for v in model.variables if is_partly_missing(v, types[v.name]))
    unknown = parameters(bound)
    reals = frozenset(name for name in unknown if types[name].kind == "real")
    centred = centre(joint, partly, reals)
    blocks = _blocks(bound, centred)
    collapsed = Collapser(centred.joint, blocks, partly).collapse(centred.factors)
    spans = {variable.name: variable.span for variable in model.variables}
    matrices = frozenset(name for name, symbol in centred.joint.scope.symbols.items() if symbol.kind == "cov")
    symmetric = matrices | collapsed.symmetric
    steps = updates(
        [term for _, term in collapsed.terms], unknown, centred.joint.scope, spans, joint.source, symmetric
    )
    names = Names()
    for name in (*joint.scope.symbols, *bound.constants):
        names.of(name)
    setting = Setting(
        names=names,
        scope=centred.joint.scope,
        source=joint.source,
        derived=joint.derived,
        centred={item.name: item for item in centred.centred},
        collapsed=collapsed,
        parameters=unknown,
        locations=centred.locations,
        gated_axes=centred.gated_axes,
        missing=frozenset(v.name for v in model.variables if v.missing and v.role is Role.OBSERVED and v.name not in partly),
        hard=method == "hard",
    )
    module = _module(bound, method, setting, steps)
    return Derivation(method, joint, centred, blocks, collapsed, steps, module, setting)


OBJECTIVES = {"em": "log likelihood", "hard": "classification log likelihood"}


def _module(bound: BoundModel, method: str, setting: Setting, steps: tuple[Update, ...]) -> Module:
    model, types = bound.checked.model, bound.checked.types
    sizes = [
        (setting.names.of(name), repr(value))
        for name, value in bound.constants.items()
        if any(size == name for symbol in setting.scope.symbols.values() for size, _ in symbol.axes)
        or any(symbol.categories == name for symbol in setting.scope.symbols.values())
    ]
    codes: list[SweepCode] = e_step_codes(setting)
    reference = reference_points_function(setting, codes)
    functions: list[Function] = [initialise_function(codes, setting)]
    functions += [code.function for code in codes]
    functions += [reference] if reference is not None else []
    functions += [
        e_step_function(codes, setting),
        m_step_function(steps, setting),
        objective_function(setting),
        Function(
            "fit",
            "data, params, max_iter=1000, tol=1e-8",
            "Iterate from `params`: (params, history), the history holding the objective after each M-step.",
            (),
            "iterate(data, params, max_iter, tol, e_step, m_step, objective)",
        ),
        posterior_function(codes, setting),
        Function("estimates", "params", "The parameters by name.", (), "dict(params)"),
        Function(
            "from_estimates", "estimates, params", "Parameters with these estimates.", (), "{**params, **estimates}"
        ),
    ]
    has_prior = any(v.definitions for v in model.variables if v.role is Role.PARAM)
    target = "log posterior" if has_prior and method == "em" else OBJECTIVES[method]
    supports = {name: types[name].kind for name in setting.parameters}
    constants = (
        *sizes,
        ("PARAMETERS", repr(setting.parameters)),
        ("SUPPORTS", repr(supports)),
        ("UPDATES", repr(tuple((" and ".join(step.variables), step.variables) for step in steps))),
        ("OBJECTIVE", f'"{target}"'),
    )
    title = f"{model.name}, fitted by {METHODS[method]}."
    return Module(title, (), constants, tuple(functions))


METHODS = {"em": "expectation maximisation", "hard": "classification EM"}
