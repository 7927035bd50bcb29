"""The check stage: model graph → checked model, or an error that points at a line.

    names → declarations → cycles → types → definitions → requests

Types are the least fixed point of: a declared type; for a law, the type of what it draws; for a let, that of its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from emdsl.algebra.expressions import Name
from emdsl.errors import ModelError
from emdsl.families.family import ANY
from emdsl.families.registry import family
from emdsl.model import mistakes
from emdsl.model.bound import BoundModel, CheckedModel
from emdsl.model.declarations import check_declaration, scope_of
from emdsl.model.graph import find_cycle, lag_by_name, undeclared
from emdsl.model.indexing import Scope
from emdsl.model.laws import drawn, laws_of_language
from emdsl.model.names import Names, closest, collect
from emdsl.model.probabilities import check_sums
from emdsl.model.ranges import check_range, find_ranges, may_be_unknown
from emdsl.model.reading import Reader
from emdsl.model.requests import check_requests
from emdsl.model.shapes import Sizes, Value, shape_text, spelled_value, type_of, value_of
from emdsl.model.spelling import spelled, type_text
from emdsl.model.statements import Constant, Definition, Model, NewDistribution, Role, Type, Variable

#: Observed data may be declared wider than their law: whole numbers from 0 as `real`, 0 and 1 as `count`.
_WIDER_DATA = {
    "real": frozenset({"positive", "unit", "count", "index"}),
    "positive": frozenset({"unit"}),
    "count": frozenset({"index"}),
}


def check(model: Model) -> CheckedModel:
    """The model with a complete type for each variable.

    Raises ModelError with the place of the first mistake.
    """
    return _checked(model, {})


def bind(checked: CheckedModel, **constants: object) -> BoundModel:
    """The checked model with a number for each constant: the one given, otherwise its default.

    Any size may be given too. Raises ModelError for a constant left out, an unknown name or a value that is no number,
    and for whatever is wrong only with these numbers, such as `mu[3]` with K = 3.
    """
    model = checked.model
    names = collect(model, laws_of_language())
    sizes = frozenset(names.sizes)
    numbers: dict[str, float | int] = {}
    for name, value in constants.items():
        if name not in names.constants and name not in sizes:
            options = (*names.constants, *sorted(sizes))
            raise mistakes.names.unknown_constant(model.name, name, options, closest(name, options)).located(
                model.source
            )
        if names.sizes.get(name):
            raise mistakes.names.ragged_bound(name, names.sizes[name]).located(model.source)
        numbers[name] = _number(name, value)
    for constant in model.constants:
        if constant.name not in numbers:
            if constant.default is None:
                raise mistakes.names.constant_missing(model.name, constant.name, constant.span).located(model.source)
            numbers[constant.name] = constant.default
    for name in sizes & numbers.keys():
        if not float(numbers[name]).is_integer() or numbers[name] < 1:
            span = names.constants[name].span if name in names.constants else None
            raise mistakes.names.empty_size(name, numbers[name], span).located(model.source)
        numbers[name] = int(numbers[name])
    return BoundModel(_checked(model, numbers), numbers)


def _number(name: str, value: object) -> float | int:
    """A Python or numpy number as int or float."""
    item = getattr(value, "item", None)
    if callable(item) and getattr(value, "ndim", 0) == 0:
        value = item()
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise mistakes.names.constant_not_number(name, value)
    return value


def _checked(model: Model, numbers: Mapping[str, float | int]) -> CheckedModel:
    try:
        return _check(model, numbers)
    except ModelError as mistake:
        raise mistake.located(model.source) from None


def _check(model: Model, numbers: Mapping[str, float | int]) -> CheckedModel:
    names = collect(model, laws_of_language())
    for constant in model.constants:
        _check_default(constant, names)
    for variable in model.variables:
        check_declaration(variable, names)
    cycle = find_cycle(model, names)
    if cycle is not None:
        unknown = undeclared(cycle, names)
        if unknown is not None:
            close = closest(unknown.name, names.values())
            raise mistakes.names.unknown_name(unknown.name, close, unknown.span)
        lag = lag_by_name(cycle, names)
        if lag is not None:
            raise mistakes.statements.lag_not_a_number(lag[0], spelled(lag[1]), lag[1].span)
        raise mistakes.statements.cycle(cycle, names.variables[cycle[0]].span)
    events = _declared(model)
    reader = Reader(names, Sizes(numbers), events)
    for distribution in model.distributions:
        _check_distribution(distribution, reader)
    _infer(model, reader, events)
    for variable in model.variables:
        _check_definitions(variable, reader)
    _check_complete(model, events)
    check_sums(model, names)
    check_requests(model, names, reader)
    return CheckedModel(model, {variable.name: _final_type(variable, events, model) for variable in model.variables})


def _check_default(constant: Constant, names: Names) -> None:
    value = constant.default
    if constant.name in names.sizes and value is not None and (not float(value).is_integer() or value < 1):
        raise mistakes.names.empty_size(constant.name, value, constant.span)


def _declared(model: Model) -> dict[str, Value]:
    """The events whose types are written down; given data may hold any value of their type, so nothing is sure."""
    return {
        variable.name: value_of(variable.type, sure=variable.role is not Role.GIVEN)
        for variable in model.variables
        if variable.type is not None
    }


def _infer(model: Model, reader: Reader, events: dict[str, Value]) -> None:
    """Adds the events of the other variables; mistakes are left to be reported later, with all types known.

    A point mass fits several types, so it decides only where no other law does.
    """
    waiting = [variable for variable in model.variables if variable.type is None]
    find_ranges(model, reader, events)
    while waiting:
        known = next((v for points in (False, True) for v in waiting if _is_known(v, reader, events, points)), None)
        if known is None:
            return
        waiting.remove(known)
        find_ranges(model, reader, events)


def _is_known(variable: Variable, reader: Reader, events: dict[str, Value], points: bool) -> bool:
    """Whether the event of a variable is known, which is then added. `points`: its point masses may decide."""
    try:
        value = _event(variable, reader, points)
        if value is None:
            return False
        events[variable.name] = value
        if points:  # laws that read the variable itself have a type by now
            events[variable.name] = _event(variable, reader, False) or value
    except ModelError:
        return variable.name in events
    return True


def _event(variable: Variable, reader: Reader, points: bool) -> Value | None:
    """One value of a variable without a declared type, None while its type is not known."""
    if variable.value is not None:
        value = reader.read(variable.value, scope_of(variable, None))
        if value.number is not None:
            value = replace(value, kind="positive" if value.number > 0 else "real")
        value = replace(value, stacked=0)
        return value if type_of(value) is not None else None
    for definition in variable.definitions:
        if (definition.law.family == "PointMass") != points:
            continue
        value = drawn(definition.law, scope_of(variable, definition), None, reader)
        if type_of(value) is not None:
            return replace(value, sure=True, number=None, stacked=0)
    return None


def _check_definitions(variable: Variable, reader: Reader) -> None:
    """Reads everything that defines a variable once more, with all types known."""
    event = reader.events.get(variable.name)
    if variable.value is not None:
        value = reader.read(variable.value, scope_of(variable, None))
        if variable.type is not None and event is not None:
            _check_let_type(variable, event, value, reader)
    for definition in variable.definitions:
        value = drawn(definition.law, scope_of(variable, definition), event, reader)
        if event is not None:
            _check_law_type(variable, definition, event, value, reader)


def _check_complete(model: Model, events: Mapping[str, Value]) -> None:
    """Every variable has a type by now (E046); a let lacks it only because of what it is made of."""
    unknown = [variable for variable in model.variables if variable.name not in events]
    unknown.sort(key=lambda variable: variable.role is Role.LET)
    for variable in unknown[:1]:
        law = family(variable.definitions[0].law.family) if variable.definitions else None
        kind = law.support if law is not None and law.support != ANY else "real"
        raise mistakes.shapes.type_not_known(variable.name, variable.role.value, variable.plates, kind, variable.span)


def _check_let_type(variable: Variable, event: Value, value: Value, reader: Reader) -> None:
    assert variable.type is not None and event.shape is not None
    if value.shape is not None and value.shape and not reader.sizes.same_shape(event.shape, value.shape):
        raise mistakes.shapes.let_type(
            variable.name, type_text(variable.type), shape_text(value.shape), variable.type.span or variable.span
        )


def _check_law_type(variable: Variable, definition: Definition, event: Value, value: Value, reader: Reader) -> None:
    """What the law draws is what the variable holds: the same kind, shape and range (E047, E052)."""
    span = definition.law.span or definition.span
    law = definition.law.family
    if value.shape is None or event.shape is None:
        return
    declared = variable.type is not None
    written = type_text(variable.type) if variable.type is not None else spelled_value(event)
    allowed = _WIDER_DATA.get(event.kind, frozenset()) if variable.role is Role.OBSERVED and declared else frozenset()
    counted = event.kind == "index" or (variable.role is Role.LATENT and event.size is not None)
    if value.kind == "count" and counted and value.scalar:
        check_range(variable, definition, event, value, reader)
    elif value.kind != event.kind and value.kind not in allowed and law != "PointMass":
        raise mistakes.supports.kind_mismatch(
            variable.name, written, law, spelled_value(value), value.kind, declared, span
        )
    if not reader.sizes.same_shape(event.shape, value.shape) and not (law == "PointMass" and value.scalar):
        raise mistakes.shapes.law_shape(variable.name, written, law, spelled_value(value), declared, span)
    if event.kind == value.kind == "index" and not reader.sizes.agree(event.size, value.size):
        raise mistakes.shapes.law_shape(variable.name, written, law, spelled_value(value), declared, span)


def _final_type(variable: Variable, events: Mapping[str, Value], model: Model) -> Type:
    """The declared type, or that of the event; counts that may be unknown have finitely many states under a range."""
    event = events[variable.name]
    counted = event.kind == "count" and event.scalar and event.size is not None
    finite = counted and may_be_unknown(variable, model)
    if variable.type is not None and not finite:
        return variable.type
    found = type_of(replace(event, kind="index") if finite else event)
    assert found is not None
    return found


def _check_distribution(distribution: NewDistribution, reader: Reader) -> None:
    """The log density is a number, made of the distribution's own arguments, their sizes and constants (E075, E076)."""
    local: dict[str, Value] = {}
    for name, declared in (distribution.subject, *distribution.parameters):
        if name in local:
            raise mistakes.laws.argument_twice(distribution.name, name, distribution.span)
        local[name] = value_of(declared, sure=False)
    for _, declared in (distribution.subject, *distribution.parameters):
        for dim in declared.dims:
            if isinstance(dim, Name):
                local.setdefault(dim.name, Value((), "positive"))
    scope = Scope(distribution.name, frozenset(), local=local)
    value = reader.read(distribution.log_density, scope)
    if value.shape:
        raise mistakes.requests.density_not_number(distribution.name, shape_text(value.shape), distribution.span)
