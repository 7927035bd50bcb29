"""Facts about a model: which of its variables are unknown, and which unknowns belong to rows."""

from __future__ import annotations

from emdsl.model.bound import BoundModel
from emdsl.model.statements import Role, Variable


def parameters(bound: BoundModel) -> tuple[str, ...]:
    """Parameters, in declared order."""
    return tuple(variable.name for variable in bound.checked.model.variables if variable.role is Role.PARAM)


def latents(bound: BoundModel) -> tuple[Variable, ...]:
    return tuple(variable for variable in bound.checked.model.variables if variable.role is Role.LATENT)
