"""What is asked of observed variables whose missing entries are inferred together with what reads them."""

from __future__ import annotations

from collections.abc import Sequence, Set

from emdsl.algebra.symbols import Scope
from emdsl.derive.refusal import not_compiled
from emdsl.errors import ModelError
from emdsl.model.bound import BoundModel
from emdsl.model.holes import may_end
from emdsl.model.statements import Model, Variable
from emdsl.structure.networks import Network

#: Kinds of values of which some entries may be given and others inferred beside them.
KINDS = ("real", "index", "positive")


def check_kinds(bound: BoundModel, holed: Set[str]) -> None:
    """Refuses values that are not inferred beside given ones, and starts over time that are values."""
    for variable in bound.checked.model.variables:
        if variable.name not in holed:
            continue
        kind = bound.checked.types[variable.name].kind
        if kind == "count":
            cure = f"give `{variable.name}` laws with a largest value that is known before the data"
            cure = _without(variable, bound) if may_end(variable.name, bound) else cure
            raise _refused(variable, "they are read, and may be any of unboundedly many counts", cure)
        if kind not in KINDS:
            raise _refused(variable, f"they are read, and are of type `{kind}`", _without(variable, bound))
        if kind == "real" and any(one.law.family == "PointMass" for one in variable.definitions):
            raise _refused(variable, "they are read, and one of its laws is PointMass", _without(variable, bound))


def check_inferred(networks: Sequence[Network], holed: Set[str], model: Model, scope: Scope) -> None:
    """Refuses missing entries that meet each other, or unknowns of their own kind, beyond what one block infers.

    Beside unknowns of another kind they are independent of these under q: then a bound is maximised, as for latents.
    """
    for network in networks:
        coupled = {scope.symbols[name].whole for block in network.blocks if block.coupled for name in block.all}
        apart = {
            scope.symbols[name].whole: scope.symbols[other].whole
            for pair in network.broken
            for name, other in (pair, pair[::-1])
            if scope.is_choice(other) or network.block_of(name).kind == network.block_of(other).kind
        }
        for variable in model.variables:
            name = variable.name
            if name not in holed or name not in coupled | set(apart):
                continue
            beside = "where they meet each other"
            if apart.get(name, name) != name:
                beside = "in a sum of products" if scope.is_choice(apart[name]) else f"beside `{apart[name]}`"
            cure = f"declare `{name}` a latent and give what is known of it: then a bound is maximised"
            raise _refused(variable, f"they have no exact posterior {beside}", cure)


def check_states(groups: Sequence[Sequence[str]], holed: Set[str], model: Model, scope: Scope) -> None:
    """Refuses, under hard EM, states to choose beside missing ones, which are summed out."""
    for group in groups:
        wholes = [scope.symbols[name].whole for name in group]
        gone = [name for name in wholes if name in holed]
        chosen = [name for name in wholes if name not in holed]
        if gone and chosen:
            variable = model.variable(gone[0])
            assert variable is not None
            raise _refused(variable, f"hard EM would sum them out and choose the states of `{chosen[0]}`", "use em")


def _without(variable: Variable, bound: BoundModel) -> str:
    if may_end(variable.name, bound):
        return "only the ends of series may be missing"
    return "leave `missing` out where nothing is missing"


def _refused(variable: Variable, why: str, cure: str) -> ModelError:
    return not_compiled(f"missing entries of `{variable.name}`: {why}", variable.span, cure)
