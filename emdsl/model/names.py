"""One case-sensitive name space: letters, sizes, constants, variables and distributions.

    sizes = {sizes of plates} ∪ {dims of types}

A constant of the header may be a size at the same time; every other name means one thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from emdsl.algebra.expressions import Expression, Name, Number
from emdsl.errors import Span
from emdsl.model import mistakes
from emdsl.model.statements import TYPE_KINDS, Constant, Model, NewDistribution, Plate, Role, Type, Variable

_ROLES = {
    Role.GIVEN: "a given variable",
    Role.PARAM: "a parameter",
    Role.LATENT: "a latent variable",
    Role.OBSERVED: "an observed variable",
    Role.LET: "a let",
}


@dataclass(frozen=True)
class Names:
    """What each name of a model stands for.

    `sizes` gives, for each size, the letters that it is ragged over (`Words[d]`: ("d",)), empty for a plain one.
    """

    constants: Mapping[str, Constant]
    plates: Mapping[str, Plate]
    variables: Mapping[str, Variable]
    distributions: Mapping[str, NewDistribution]
    sizes: Mapping[str, tuple[str, ...]]

    def values(self) -> Iterator[str]:
        """Every name that may stand in an expression, for suggestions."""
        for table in (self.variables, self.constants, self.sizes):
            yield from table

    def meaning(self, name: str) -> str | None:
        """What the name stands for, in words; None when it is unknown."""
        if name in self.plates:
            return "the letter of a plate"
        if name in self.variables:
            return _ROLES[self.variables[name].role]
        if name in self.sizes:
            return "a size"
        if name in self.constants:
            return "a constant"
        return "a distribution" if name in self.distributions else None


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like `name`, or None when none is alike; a difference of case alone comes first."""
    options = list(dict.fromkeys(candidates))
    folded = next((option for option in options if option.lower() == name.lower() and option != name), None)
    # One letter of two changed, `nu` for `mu`, leaves a likeness of one half.
    cutoff = 0.5 if len(name) <= 3 else 0.6
    return folded or next(iter(get_close_matches(name, options, n=1, cutoff=cutoff)), None)


def collect(model: Model, built_in: Iterable[str]) -> Names:
    """The name space of a model.

    Raises ModelError on a collision (E011), on a size that is no size (E013) and on a malformed type (E038).
    """
    names = Names(
        {constant.name: constant for constant in model.constants},
        {plate.letter: plate for plate in model.plates},
        {variable.name: variable for variable in model.variables},
        {distribution.name: distribution for distribution in model.distributions},
        _sizes(model),
    )
    _check_collisions(model, frozenset(built_in))
    for plate in model.plates:
        _check_plate(plate, names)
    for variable in model.variables:
        if variable.type is not None:
            _check_type(variable.type, variable.span, names)
    for distribution in model.distributions:
        for _, declared in (distribution.subject, *distribution.parameters):
            _check_type(declared, distribution.span, names)
    return names


def _sizes(model: Model) -> dict[str, tuple[str, ...]]:
    """Plate sizes with the letters they are ragged over, then the dims of the variables' types."""
    sizes: dict[str, tuple[str, ...]] = {}
    for plate in model.plates:
        if isinstance(plate.size, str):
            sizes.setdefault(plate.size, plate.parents)
    for variable in model.variables:
        for dim in variable.type.dims if variable.type else ():
            if isinstance(dim, Name):
                sizes.setdefault(dim.name, ())
    return sizes


def _check_collisions(model: Model, built_in: frozenset[str]) -> None:
    """Each name is declared once: sizes collide with everything but constants, and letters with everything."""
    seen: dict[str, str] = {}

    def declare(name: str, what: str, span: Span | None) -> None:
        if name in seen:
            raise mistakes.names.collision(name, seen[name], what, span)
        seen[name] = what

    for constant in model.constants:
        declare(constant.name, "a constant", constant.span)
    for plate in model.plates:
        declare(plate.letter, "the letter of a plate", plate.span)
    for variable in model.variables:
        declare(variable.name, _ROLES[variable.role], variable.span)
    for distribution in model.distributions:
        if distribution.name in built_in:
            raise mistakes.names.collision(
                distribution.name, "a distribution of the language", "a new one", distribution.span
            )
        declare(distribution.name, "a distribution", distribution.span)
    for plate in model.plates:
        if isinstance(plate.size, str) and seen.get(plate.size, "a constant") != "a constant":
            raise mistakes.names.not_a_size(plate.size, seen[plate.size], None, plate.span)


def _check_plate(plate: Plate, names: Names) -> None:
    if isinstance(plate.size, int):
        if plate.size < 1:
            raise mistakes.names.empty_size(str(plate.size), plate.size, plate.span)
        return
    for parent in plate.parents:
        if parent not in names.plates:
            raise mistakes.names.unknown_letter(parent, closest(parent, names.plates), plate.span)
    if plate.letter in plate.parents:
        raise mistakes.statements.cycle((plate.letter, plate.letter), plate.span)
    for parent in plate.parents:
        outer = tuple(letter for letter in names.plates[parent].parents if letter not in plate.parents)
        if outer:
            raise mistakes.names.group_of_a_group(plate.size, plate.parents, parent, outer, plate.span)
    declared = names.sizes[plate.size]
    if _runs(declared, names) != _runs(plate.parents, names):
        raise mistakes.names.size_two_ways(plate.size, declared, plate.parents, plate.span)


def _runs(letters: tuple[str, ...], names: Names) -> tuple[str | int | None, ...]:
    return tuple(names.plates[letter].size if letter in names.plates else None for letter in letters)


def _check_type(declared: Type, where: Span | None, names: Names) -> None:
    """A type has as many dims as its kind takes, and each is a number or the name of a size."""
    span = declared.span or where
    if declared.kind not in TYPE_KINDS:
        raise mistakes.statements.unknown_type(declared.kind, closest(declared.kind, TYPE_KINDS), span)
    wanted = TYPE_KINDS[declared.kind]
    if len(declared.dims) > 2 if wanted is None else len(declared.dims) != wanted:
        raise mistakes.statements.type_dims(declared.kind, wanted, len(declared.dims), span)
    for dim in declared.dims:
        _check_dim(dim, span, names)


def _check_dim(dim: Expression, where: Span | None, names: Names) -> None:
    span = dim.span or where
    match dim:
        case Number(value):
            if value < 1 or not float(value).is_integer():
                raise mistakes.names.empty_size(f"{value:g}", value, span)
        case Name(name) if name in names.plates:
            raise mistakes.names.not_a_size(name, "the letter of a plate", str(names.plates[name].size), span)
        case Name(name) if name in names.variables or name in names.distributions:
            raise mistakes.names.not_a_size(name, names.meaning(name) or "a variable", None, span)
        case Name(name) if names.sizes.get(name):
            raise mistakes.names.ragged_dim(name, names.sizes[name], span)
        case Name():
            pass
        case _:
            raise mistakes.names.computed_dim(span)
