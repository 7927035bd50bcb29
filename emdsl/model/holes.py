"""Observed variables of which missing entries are read: by other variables, or over time by later entries.

    observed u[n] missing ~ Normal(m, sd=a)      observed v[n] ~ Normal(b * u[n], sd=s)

Such an entry is inferred as an entry of a latent is of which others are given. Where the data miss none that is read,
all are data like any other (`seen`). Vectors whose entries read each other by a precision matrix are among them where
their law at fixed steps is another one: over all steps they are then one latent.
"""

from __future__ import annotations

from dataclasses import replace

from emdsl.algebra.expressions import Binary, Name, Number, Subscript, names, walk
from emdsl.model.bound import BoundModel
from emdsl.model.laws import expressions
from emdsl.model.statements import Model, Role, Variable

#: Laws that couple the entries of a value by a precision matrix.
COUPLED_LAWS = ("MvNormal",)


def inferred(bound: BoundModel) -> frozenset[str]:
    """The observed variables of which missing entries are inferred together with what reads them."""
    model = bound.checked.model
    return frozenset(
        variable.name
        for variable in model.variables
        if variable.role is Role.OBSERVED
        and variable.missing
        and variable.name not in bound.settled
        and (readers(variable.name, model) or _differs_by_step(variable, bound))
    )


def _differs_by_step(variable: Variable, bound: BoundModel) -> bool:
    """Whether entries of a value are coupled by laws that are not the same at all steps."""
    coupled = any(definition.law.family in COUPLED_LAWS for definition in variable.definitions)
    return coupled and len(variable.definitions) > 1 and bool(bound.checked.types[variable.name].event_shape)


def readers(name: str, model: Model) -> frozenset[str]:
    """The variables whose laws, or what a `let` stands for, mention a variable; it may be among them itself."""
    return frozenset(variable.name for variable in model.variables if name in _mentioned(variable))


def may_end(name: str, bound: BoundModel) -> bool:
    """Whether the ends of series may be missing without any inference: only later entries of its series read one."""
    model = bound.checked.model
    if readers(name, model) != {name} or bound.checked.types[name].event_shape:
        return False
    variable = model.variable(name)
    assert variable is not None
    plates = [plate for letter in variable.plates if (plate := model.plate(letter)) is not None]
    reads = [
        node.indices
        for definition in variable.definitions
        for expression in expressions(definition.law)
        for node in walk(expression)
        if isinstance(node, Subscript) and node.base == Name(name)
    ]
    within = all(
        isinstance(index, Binary | Number) if plate.ordered else index == Name(plate.letter)
        for indices in reads
        for plate, index in zip(plates, indices, strict=False)
    )
    return within and sum(plate.ordered for plate in plates) == 1


def seen(bound: BoundModel) -> BoundModel:
    """The model for data in which no entry is missing that an entry which is there reads."""
    found, model = inferred(bound), bound.checked.model
    ends = {name for name in found if may_end(name, bound)}
    variables = tuple(replace(one, missing=one.missing and one.name not in found - ends) for one in model.variables)
    checked = replace(bound.checked, model=replace(model, variables=variables))
    return replace(bound, checked=checked, settled=bound.settled | ends)


def with_latents(bound: BoundModel) -> BoundModel:
    """The model with the variables of which missing entries are inferred as latents."""
    found, model = inferred(bound), bound.checked.model
    variables = tuple(
        replace(one, role=Role.LATENT, missing=False) if one.name in found else one for one in model.variables
    )
    return replace(bound, checked=replace(bound.checked, model=replace(model, variables=variables)))


def _mentioned(variable: Variable) -> frozenset[str]:
    found = names(variable.value) if variable.value is not None else frozenset()
    return found.union(*(names(one) for definition in variable.definitions for one in expressions(definition.law)))
