"""Canonical text: one layout for each model, from which the same model is read again.

    parse(to_text(model)) == model        to_text(parse(to_text(model))) == to_text(model)

The header comes first, then plates and times, new distributions, the variables in the order of their declaration, and
last what is said about them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from emdsl.language.notation import subscripts, write, write_law, write_number, write_type
from emdsl.model.statements import Constant, Fix, Model, NewDistribution, Plate, Role, Type, Variable


def to_text(model: Model) -> str:
    """The model as text, one statement on a line, with a newline at the end."""
    return "\n".join(_lines(model)) + "\n"


def _lines(model: Model) -> Iterator[str]:
    constants = ", ".join(_constant(constant) for constant in model.constants)
    yield f"model {model.name}({constants})" if constants else f"model {model.name}"
    for ordered, run in groupby(model.plates, key=lambda plate: plate.ordered):
        yield f"{'time' if ordered else 'plate'} {', '.join(_plate(plate) for plate in run)}"
    yield from map(_distribution, model.distributions)
    for variable in model.variables:
        yield from _variable(variable)
    yield from map(_fix, model.fixes)
    for order in model.orders:
        yield f"order {order.name} by {order.letter}"
    for factorisation in model.factorisations:
        yield "factorise " + " ".join(f"q({', '.join(group)})" for group in factorisation.groups)


def _constant(constant: Constant) -> str:
    return constant.name if constant.default is None else f"{constant.name} = {write_number(constant.default)}"


def _plate(plate: Plate) -> str:
    return f"{plate.letter} in {plate.size}{subscripts(plate.parents)}"


def _variable(variable: Variable) -> Iterator[str]:
    """The lines of a variable: one for each definition, or one alone."""
    declared = f" : {write_type(variable.type)}" if variable.type else ""
    head = f"{variable.role.value} {variable.name}"
    if variable.role is Role.LET and variable.value is not None:
        yield f"{head}{subscripts(variable.plates)} = {write(variable.value)}"
    elif not variable.definitions:
        yield f"{head}{subscripts(variable.plates)}{declared}"
    missing = " missing" if variable.missing else ""
    for definition in variable.definitions:
        yield f"{head}{subscripts(map(write, definition.slots))}{declared}{missing} ~ {write_law(definition.law)}"


def _distribution(new: NewDistribution) -> str:
    parameters = ", ".join(_typed(*parameter) for parameter in new.parameters)
    arguments = _typed(*new.subject) + (f" | {parameters}" if parameters else "")
    return f"dist {new.name}({arguments}) = {write(new.log_density)}"


def _typed(name: str, declared: Type) -> str:
    return f"{name} : {write_type(declared)}"


def _fix(fix: Fix) -> str:
    return f"fix {fix.name}{subscripts(map(write, fix.indices))} = {write(fix.value)}"
