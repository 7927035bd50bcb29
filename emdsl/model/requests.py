"""`fix`, `order` and `factorise`: requests about variables that are defined elsewhere.

fix A[0, 2] = 0        Σ of the entries held of one simplex <= 1, and = 1 when all are held
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from emdsl.algebra.evaluate import evaluate
from emdsl.algebra.expressions import Number
from emdsl.algebra.expressions import names as names_in
from emdsl.model import mistakes
from emdsl.model.indexing import Scope
from emdsl.model.names import Names, closest
from emdsl.model.reading import Reader
from emdsl.model.shapes import Shape, Value, shape_text
from emdsl.model.spelling import spelled, type_text
from emdsl.model.statements import Factorise, Fix, Model, Order, Role, Variable
from emdsl.model.supports import TOLERANCE, Literal, outside


def check_requests(model: Model, names: Names, reader: Reader) -> None:
    """Raises ModelError on the first request that cannot be met."""
    held: dict[tuple[str, tuple[float, ...]], float] = {}
    for fix in model.fixes:
        _check_fix(fix, names, reader, held)
    ordered: set[str] = set()
    for order in model.orders:
        _check_order(order, names, ordered)
    grouped: set[str] = set()
    for factorise in model.factorisations:
        _check_factorise(factorise, names, grouped)


def _check_fix(fix: Fix, names: Names, reader: Reader, held: dict[tuple[str, tuple[float, ...]], float]) -> None:
    variable = names.variables.get(fix.name)
    if variable is None:
        raise mistakes.names.unknown_name(fix.name, closest(fix.name, _named(names, Role.PARAM)), fix.span)
    if variable.role is not Role.PARAM:
        raise mistakes.requests.fix_not_parameter(fix.name, variable.role.value, fix.span)
    assert variable.type is not None
    scope = Scope(fix.name, frozenset())
    event = reader.events[fix.name]
    shape = tuple(names.plates[letter].size for letter in variable.plates) + (event.shape or ())
    if len(fix.indices) > len(shape):
        raise mistakes.indices.too_many_indices(fix.name, len(fix.indices), shape_text(shape), None, fix.span)
    _check_fixed_indices(fix, shape, reader)
    _check_constant(fix, reader)
    left = shape[len(fix.indices) :]
    value = reader.read(fix.value, scope)
    if value.shape and not reader.sizes.same_shape(left, value.shape):
        raise mistakes.requests.fix_shape(
            fix.name, shape_text(left), shape_text(value.shape), fix.value.span or fix.span
        )
    _check_fixed_value(fix, variable, left, value, reader, held)


def _check_fixed_indices(fix: Fix, shape: Shape, reader: Reader) -> None:
    for index, dim in zip(fix.indices, shape, strict=False):
        span = index.span or fix.span
        if not isinstance(index, Number):
            raise mistakes.requests.fix_index(fix.name, spelled(index), span)
        size = reader.sizes.resolved(dim)
        if index.value < 0 or not float(index.value).is_integer() or (isinstance(size, int) and index.value >= size):
            raise mistakes.indices.index_number(fix.name, index.value, size if isinstance(size, int) else None, span)


def _check_constant(fix: Fix, reader: Reader) -> None:
    """The value is made of numbers, constants and sizes: no variable may occur."""
    for name in sorted(names_in(fix.value)):
        if name in reader.names.variables:
            raise mistakes.requests.fix_not_constant(fix.name, name, fix.value.span or fix.span)


def _check_fixed_value(
    fix: Fix,
    variable: Variable,
    left: Shape,
    value: Value,
    reader: Reader,
    held: dict[tuple[str, tuple[float, ...]], float],
) -> None:
    assert variable.type is not None
    kind, span = variable.type.kind, fix.value.span or fix.span
    numbers = reader.sizes.numbers
    if not names_in(fix.value) <= set(numbers):
        return
    with np.errstate(all="ignore"):  # what is no number is told below
        number: Literal = evaluate(fix.value, numbers).tolist()
    if not _finite(number):
        fault: str | None = "an infinite value"
    elif kind == "simplex" and not left:
        fault = outside(number, "unit")
    elif kind == "simplex" and isinstance(number, float):
        size = reader.sizes.resolved(left[-1])
        off = isinstance(size, int) and abs(number * size - 1) > TOLERANCE
        # Equal entries sum to 1 only if each is 1/K, which neither 0 nor 1 is when K > 1.
        fault = outside(number, "unit") or (f"{number:g} in every entry" if off or number == 0 else None)
    elif kind == "cov" and len(left) == 2 and isinstance(number, float):
        fault = f"{number:g} in every entry"
    else:
        fault = outside(number, "real" if kind == "cov" and len(left) < 2 else kind)
    if fault is not None:
        raise mistakes.requests.fix_outside(fix.name, type_text(variable.type), kind, fault, span)
    if kind == "simplex" and not left and isinstance(number, float):
        row = (fix.name, tuple(float(index.value) for index in fix.indices[:-1] if isinstance(index, Number)))
        held[row] = held.get(row, 0.0) + number
        if held[row] > 1 + TOLERANCE:
            raise mistakes.requests.fix_outside(fix.name, type_text(variable.type), kind, f"{held[row]:g} in sum", span)


def _finite(value: Literal) -> bool:
    return all(map(_finite, value)) if isinstance(value, list) else math.isfinite(value)


def _check_order(order: Order, names: Names, seen: set[str]) -> None:
    """The letter is a plate of the parameter; components with several entries are sorted by their first (E073)."""
    variable = names.variables.get(order.name)
    if variable is None:
        raise mistakes.names.unknown_name(order.name, closest(order.name, names.variables), order.span)
    if order.letter not in names.plates:
        raise mistakes.names.unknown_letter(order.letter, closest(order.letter, names.plates), order.span)
    if variable.role is not Role.PARAM:
        raise mistakes.requests.order_not_parameter(order.name, variable.role.value, order.span)
    if order.letter not in variable.plates:
        raise mistakes.requests.order_not_plate(order.name, order.letter, variable.plates, order.span)
    if order.letter in seen:
        raise mistakes.requests.order_twice(order.letter, order.span)
    seen.add(order.letter)


def _check_factorise(factorise: Factorise, names: Names, seen: set[str]) -> None:
    """Latents and parameters, each in one group at most (E074)."""
    for name in (name for group in factorise.groups for name in group):
        variable = names.variables.get(name)
        if variable is None:
            candidates = (*_named(names, Role.LATENT), *_named(names, Role.PARAM))
            raise mistakes.names.unknown_name(name, closest(name, candidates), factorise.span)
        if variable.role not in (Role.LATENT, Role.PARAM):
            raise mistakes.requests.factorise_role(name, variable.role.value, factorise.span)
        if name in seen:
            raise mistakes.requests.factorise_twice(name, factorise.span)
        seen.add(name)


def _named(names: Names, role: Role) -> tuple[str, ...]:
    variables: Mapping[str, Variable] = names.variables
    return tuple(name for name, variable in variables.items() if variable.role is role)
