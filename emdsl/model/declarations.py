"""What each role asks of its statement, and how definitions share out the slots of an ordered plate.

z[s, 0] ~ start,   z[s, t] ~ step(z[s, t-1]):   a lag of L needs the slots 0, …, L-1
"""

from __future__ import annotations

from collections.abc import Iterator

from emdsl.algebra.expressions import Expression, Name, Number, Subscript, walk
from emdsl.errors import Span
from emdsl.model import mistakes
from emdsl.model.indexing import Scope, lag_of
from emdsl.model.laws import expressions
from emdsl.model.names import Names, closest
from emdsl.model.spelling import reference, spelled
from emdsl.model.statements import Definition, Role, Variable


def check_declaration(variable: Variable, names: Names) -> None:
    """Raises ModelError when a variable lacks what its role needs, or when its plates or slots are wrong."""
    _check_plates(variable, names)
    _check_role(variable)
    for definition in variable.definitions:
        _check_slots(variable, definition, names)
    _check_definitions(variable, names)


def scope_of(variable: Variable, definition: Definition | None) -> Scope:
    """The letters that the right side of a definition may use."""
    fixed = {}
    if definition is not None and len(definition.slots) == len(variable.plates):
        for letter, slot in zip(variable.plates, definition.slots, strict=True):
            if isinstance(slot, Number):
                fixed[letter] = int(slot.value)
    return Scope(variable.name, frozenset(letter for letter in variable.plates if letter not in fixed), fixed)


def sources(variable: Variable) -> Iterator[Expression]:
    """Every expression right of the `~` or `=` of a variable."""
    if variable.value is not None:
        yield variable.value
    for definition in variable.definitions:
        yield from expressions(definition.law)


def _check_plates(variable: Variable, names: Names) -> None:
    seen: list[str] = []
    for letter in variable.plates:
        if letter in names.sizes:
            instead = next((other for other, plate in names.plates.items() if plate.size == letter), None)
            raise mistakes.names.size_as_letter(letter, instead, _place_of(letter, variable))
        if letter not in names.plates:
            raise mistakes.names.unknown_letter(letter, closest(letter, names.plates), _place_of(letter, variable))
        if letter in seen:
            raise mistakes.indices.letter_twice(letter, str(names.plates[letter].size), variable.name, variable.span)
        for parent in names.plates[letter].parents:
            if parent not in seen:
                size = str(names.plates[letter].size)
                raise mistakes.indices.ragged_without_parent(letter, parent, size, variable.span)
        seen.append(letter)


def _place_of(letter: str, variable: Variable) -> Span | None:
    """Where a definition of a variable names the letter; the variable itself where none says."""
    slots = (slot for definition in variable.definitions for slot in definition.slots)
    return next((slot.span for slot in slots if slot == Name(letter) and slot.span is not None), variable.span)


def _check_role(variable: Variable) -> None:
    name, role = variable.name, variable.role
    if role is Role.GIVEN and variable.definitions:
        raise mistakes.statements.given_with_law(name, variable.definitions[0].law.span or variable.span)
    if role in (Role.GIVEN, Role.PARAM) and variable.type is None:
        raise mistakes.statements.type_needed(name, role.value, variable.span)
    if role in (Role.LATENT, Role.OBSERVED) and not variable.definitions:
        raise mistakes.statements.law_needed(name, role.value, variable.span)
    if role is Role.LET and (variable.value is None or variable.definitions):
        raise mistakes.statements.let_needs_value(name, variable.span)
    if role is not Role.LET and variable.value is not None:
        raise mistakes.statements.value_not_let(name, role.value, variable.span)
    if variable.missing and role is not Role.OBSERVED:
        raise mistakes.statements.missing_not_observed(name, role.value, variable.span)
    for definition in variable.definitions:
        limits = definition.law.limits
        if role is Role.PARAM and limits is not None and limits.kind == "censored":
            raise mistakes.laws.censored_prior(name, limits.span or definition.span)


def _check_slots(variable: Variable, definition: Definition, names: Names) -> None:
    """Slots repeat the variable's letters, with numbers allowed on ordered plates."""
    whole = reference(variable.name, variable.plates)
    if len(definition.slots) != len(variable.plates):
        raise mistakes.indices.slots_differ(variable.name, whole, definition.span)
    for letter, slot in zip(variable.plates, definition.slots, strict=True):
        span = slot.span or definition.span
        match slot:
            case Name(name) if name == letter:
                pass
            case Number(value) if not names.plates[letter].ordered:
                raise mistakes.indices.slot_without_order(variable.name, letter, f"{value:g}", span)
            case Number(value) if not float(value).is_integer() or value < 0:
                raise mistakes.indices.index_number(variable.name, value, None, span)
            case Number(value):
                size = names.plates[letter].size
                if isinstance(size, int) and value >= size:
                    raise mistakes.indices.index_number(variable.name, value, size, span)
            case _:
                raise mistakes.indices.slots_differ(variable.name, whole, span)


def _check_definitions(variable: Variable, names: Names) -> None:
    """Each slot is defined once, the general one among them, and every lag has its start (E028, E029, E035)."""
    if not variable.definitions:
        return
    seen: set[tuple[Expression, ...]] = set()
    for definition in variable.definitions:
        if definition.slots in seen:
            written = (
                f"{variable.name}[{', '.join(map(spelled, definition.slots))}]" if definition.slots else variable.name
            )
            raise mistakes.statements.defined_twice(written, definition.span)
        seen.add(definition.slots)
    general = next((one for one in variable.definitions if all(isinstance(s, Name) for s in one.slots)), None)
    if general is None:
        raise mistakes.indices.only_slots(variable.name, reference(variable.name, variable.plates), variable.span)
    for letter, lag in _lags(general, names).items():
        _check_starts(variable, general, letter, lag)


def _check_starts(variable: Variable, general: Definition, letter: str, lag: int) -> None:
    if letter not in variable.plates:
        return  # The letter is not in scope, which reading the law will say.
    position = variable.plates.index(letter)
    started = {
        int(slot.value)
        for one in variable.definitions
        if isinstance(slot := one.slots[position], Number)
        and all(isinstance(other, Name) for i, other in enumerate(one.slots) if i != position)
    }
    lacking = [slot for slot in range(lag) if slot not in started]
    if lacking:
        written = [
            reference(
                variable.name, tuple(str(slot) if i == position else other for i, other in enumerate(variable.plates))
            )
            for slot in lacking
        ]
        raise mistakes.indices.start_missing(variable.name, letter, lag, written, general.span)


def _lags(definition: Definition, names: Names) -> dict[str, int]:
    """The longest lag of each letter in a definition; a `let` counts with the lags of its value."""
    longest: dict[str, int] = {}
    for node in expressions(definition.law):
        for letter, lag in _lags_in(node, names, frozenset()):
            longest[letter] = max(lag, longest.get(letter, 0))
    return longest


def _lags_in(node: Expression, names: Names, inside: frozenset[str]) -> Iterator[tuple[str, int]]:
    for part in walk(node):
        own: dict[str, int] = {}
        if isinstance(part, Subscript):
            lags = (lag_of(index, names) for index in part.indices)
            own = dict(lag for lag in lags if lag is not None and names.plates[lag[0]].ordered)
            yield from own.items()
        base = part.base if isinstance(part, Subscript) else part
        if isinstance(base, Name) and base.name in names.variables and base.name not in inside:
            value = names.variables[base.name].value
            if value is not None:
                for letter, steps in _lags_in(value, names, inside | {base.name}):
                    yield letter, steps + own.get(letter, 0)
