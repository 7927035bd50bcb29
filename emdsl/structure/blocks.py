"""Facts about a model: which unknowns are global, which belong to rows, and which rows' latents go together."""

from __future__ import annotations

from collections.abc import Mapping

from emdsl.model.bound import BoundModel
from emdsl.model.statements import Role, Variable
from emdsl.structure.locals import LocalBlock


def parameters(bound: BoundModel) -> tuple[str, ...]:
    """Global unknowns, in declared order."""
    return tuple(variable.name for variable in bound.checked.model.variables if variable.role is Role.PARAM)


def latents(bound: BoundModel) -> tuple[Variable, ...]:
    return tuple(variable for variable in bound.checked.model.variables if variable.role is Role.LATENT)


def discrete_blocks(bound: BoundModel) -> tuple[LocalBlock, ...]:
    """One block for each discrete latent."""
    kinds: Mapping[str, str] = {name: kind.kind for name, kind in bound.checked.types.items()}
    return tuple(
        LocalBlock(variable.name, None, variable.plates) for variable in latents(bound) if kinds[variable.name] == "index"
    )
