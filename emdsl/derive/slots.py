"""Definitions at fixed times and at running ones: what each letter stands for, and which rows a law holds for.

z[s, 0] ~ start        once for each series
z[s, 1] ~ next         rows of time of which position 1 counts
z[s, t] ~ step         rows of time from the first one that is not fixed
"""

from __future__ import annotations

from collections.abc import Mapping

from emdsl.algebra.derived import position_of
from emdsl.algebra.expand import Expansion
from emdsl.algebra.expressions import Expression, Name, Number, Subscript, names
from emdsl.algebra.indices import Fixed, Index, IndexSource, Reference
from emdsl.algebra.symbols import Scope, Symbol, first_table
from emdsl.algebra.terms import Polynomial, multiply, number
from emdsl.derive.refusal import not_compiled
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Definition, Role, Variable


def times_of(
    variable: Variable, definition: Definition, bound: BoundModel, scope: Scope, source: IndexSource, unseen: bool
) -> dict[str, tuple[Index, int]]:
    """Fixed times after the first one that are written as rows of time of which one position counts.

    So it is in a ragged plate, where a series may be too short to have that time, and where latents at several times
    meet, which then meet as they do at other times. `unseen`: the law has an auxiliary variable, which is a latent.
    """
    latents = {one.name for one in bound.checked.model.variables if one.role is Role.LATENT}
    meets = unseen or variable.name in latents or bool(_mentioned(definition, scope) & latents)
    return {
        letter: (source.fresh(size, letter), int(slot.value))
        for letter, slot in zip(variable.plates, definition.slots, strict=True)
        for size, own in scope.symbols[variable.name].plates
        if own == letter and isinstance(slot, Number) and slot.value >= 1 and (meets or letter in scope.ragged)
    }


def at_slots(name: str, definition: Definition) -> Expression:
    """A variable with the axes of the subject of a definition, at the slots of that definition."""
    return Subscript(Name(name), definition.slots) if definition.slots else Name(name)


def letters_of(
    variable: Variable,
    definition: Definition,
    symbol: Symbol,
    scope: Scope,
    source: IndexSource,
    times: Mapping[str, tuple[Index, int]] | None = None,
) -> tuple[dict[str, Reference], tuple[Index, ...]]:
    """What each letter of a definition stands for, and the plates that it runs over; `z[s, 0]` runs over s only."""
    times = times or {}
    fixed = {
        letter: Fixed(int(slot.value))
        for letter, slot in zip(variable.plates, definition.slots, strict=True)
        if isinstance(slot, Number) and letter not in times
    }
    letters: dict[str, Reference] = dict(fixed)
    plates: list[Index] = []
    for size, letter in symbol.plates:
        if letter in fixed:
            parents = scope.ragged.get(letter, ())
            sizes = [next(size for size, own in _parent_axes(scope, letter) if own == parent) for parent in parents]
            own = [source.fresh(size, parent) for size, parent in zip(sizes, parents, strict=True)]
        else:
            own = [times[letter][0] if letter in times else source.fresh(size, letter)]
            letters |= {letter: own[0], **scope.outer(letter, own[0])}
            plates += own
            continue
        for parent, index in zip(parents, own, strict=True):
            letters |= {parent: index, **scope.outer(parent, index)}
        plates += own
    return letters, tuple(plates)


def _parent_axes(scope: Scope, letter: str) -> tuple[tuple[str | int, str], ...]:
    return scope.symbols[first_table(letter)].plates


def started(value: Polynomial, variable: Variable, definition: Definition, expansion: Expansion) -> Polynomial:
    """The rows that a law holds for: of a fixed time its own, and otherwise from the first time that is not fixed."""
    result, scope = value, expansion.scope
    for index, step in expansion.times.values():
        here = expansion.derive("at_step", (position_of(index, scope), number(step)), Name(variable.name))
        result = multiply(result, here, expansion.source)
    for place, slot in enumerate(definition.slots):
        if not isinstance(slot, Name):
            continue
        fixed = [other.slots[place] for other in variable.definitions]
        starts = [int(item.value) for item in fixed if isinstance(item, Number)]
        if not starts:
            continue
        if sorted(set(starts)) != list(range(max(starts) + 1)):
            raise not_compiled(
                f"`{variable.name}` with laws at fixed times that are not the first ones",
                definition.span,
                "give it laws at 0, 1, … without gaps",
            )
        reference = expansion.letters[slot.name]
        assert isinstance(reference, Index)
        position = position_of(reference, scope)
        later = expansion.derive("at_least", (position, number(max(starts) + 1)), slot)
        result = multiply(result, later, expansion.source)
    return result


def names_of(definition: Definition) -> frozenset[str]:
    """Names in the arguments of a definition."""
    arguments = [argument for _, argument in definition.law.arguments if isinstance(argument, Expression)]
    return frozenset().union(*(names(argument) for argument in arguments))


def _mentioned(definition: Definition, scope: Scope) -> frozenset[str]:
    """Names in a definition, and in the `let`s among them."""
    found, waiting = set[str](), set(names_of(definition))
    while waiting:
        name = waiting.pop()
        found.add(name)
        symbol = scope.symbols.get(name)
        if symbol is not None and symbol.value is not None:
            waiting |= names(symbol.value) - found
    return frozenset(found)
