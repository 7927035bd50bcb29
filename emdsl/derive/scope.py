"""Every name of a model as the algebra sees it: which are known, and which axes they have.

The tables of ragged plates are among them: groups, positions and first rows, and what runs over a ragged size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from emdsl.algebra.expressions import Expression, Name, Number
from emdsl.algebra.symbols import (
    Scope,
    Symbol,
    beyond_table,
    first_table,
    padded_size,
    parent_table,
    place_table,
    position_table,
    within_table,
)
from emdsl.derive.refusal import not_compiled
from emdsl.families.family import Augmentation
from emdsl.families.registry import family
from emdsl.model.bound import BoundModel
from emdsl.model.holes import COUPLED_LAWS
from emdsl.model.statements import Law, Model, Role, Type, Variable
from emdsl.structure.times import chain_times


def scope_of(bound: BoundModel) -> Scope:
    """Every variable of the model as a symbol; unknown ones have the time along which they are chains last."""
    model = bound.checked.model
    ragged = {plate.letter: plate.parents for plate in model.plates if plate.parents}
    direct = {letter: _not_swallowed(parents, ragged) for letter, parents in ragged.items()}
    symbols, times = _tables_of_ragged(model, bound, direct), chain_times(model, _unknown_rows(bound))
    for variable in model.variables:
        kind = bound.checked.types[variable.name]
        _refuse_ragged_events(variable, kind, bound)
        own = _not_swallowed(variable.plates, ragged)
        own = tuple(sorted(own, key=lambda letter: letter == times.get(variable.name)))
        symbols[variable.name] = Symbol(
            name=variable.name,
            known=_is_known(variable, kind),
            kind=kind.kind,
            plates=tuple((_plate_size(model, letter), letter) for letter in own),
            event=tuple((size_of(dim, bound), _letter(dim, position)) for position, dim in enumerate(kind.event_shape)),
            categories=size_of(kind.dims[0], bound) if kind.kind == "index" else None,
            value=variable.value,
            letters=variable.plates,
        )
    sizes = {plate.letter: _plate_size(model, plate.letter) for plate in model.plates}
    return Scope(symbols, bound.constants, direct, sizes)


def augmentations_of(law: Law) -> tuple[Augmentation, ...]:
    """How a law is written with an auxiliary variable; of a choice among laws, how any of these is."""
    known = family(law.family)
    inner = tuple(one for _, value in law.arguments if isinstance(value, Law) for one in augmentations_of(value))
    if known is None or law.limits is not None or inner:
        return inner
    positional = iter(known.arguments)
    form = known.form([name if name is not None else next(positional).name for name, _ in law.arguments])
    return () if form is None else form.augmentations


def with_auxiliaries(scope: Scope, bound: BoundModel, augmented: Mapping[str, str]) -> tuple[Scope, dict[str, str]]:
    """The scope with an unknown positive variable for each augmented one; and these names, each with its variable."""
    symbols, auxiliaries = dict(scope.symbols), dict[str, str]()
    for variable in bound.checked.model.variables:
        if variable.name in augmented:
            name = f"u_{variable.name}"
            while name in symbols or name in scope.numbers:
                name += "_"
            auxiliaries[name] = variable.name
            own, law = scope.symbols[variable.name], augmented[variable.name]
            ways = [one for definition in variable.definitions for one in augmentations_of(definition.law)]
            event = () if any(one.whole for one in ways if one.law == law) else own.event
            symbols[name] = Symbol(name, False, "positive", own.plates, event, letters=own.letters)
    return replace(scope, symbols=symbols), auxiliaries


def _not_swallowed(letters: tuple[str, ...], ragged: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Those letters that no ragged plate among them lies in: the axes of its rows are these."""
    swallowed = {parent for letter in letters for parent in ragged.get(letter, ())}
    return tuple(letter for letter in letters if letter not in swallowed)


def _refuse_ragged_events(variable: Variable, kind: Type, bound: BoundModel) -> None:
    """Vectors have one length; what has one entry for each element of a group is a variable over its plate."""
    for dim in kind.event_shape:
        if variable.role is not Role.LET and isinstance(dim, Name) and dim.name in bound.checked.ragged_ranges:
            span = variable.definitions[0].span if variable.definitions else None
            raise not_compiled(
                f"`{variable.name}` as a vector over the ragged size `{dim.name}`",
                span,
                "give it a letter for the entries, with a plate over that size",
            )


def _tables_of_ragged(model: Model, bound: BoundModel, direct: Mapping[str, tuple[str, ...]]) -> dict[str, Symbol]:
    """What is known of each ragged plate: the groups of its rows, their positions, first rows, and lengths."""
    symbols = {}
    for plate in model.plates:
        if not plate.parents:
            continue
        rows = ((_plate_size(model, plate.letter), plate.letter),)
        parents = direct[plate.letter]
        groups = tuple((_plate_size(model, parent), parent) for parent in parents)
        for parent in parents:
            name = parent_table(plate.letter, parent)
            size = _plate_size(model, parent)
            symbols[name] = Symbol(name, True, "index", rows, categories=size, letters=(plate.letter,))
        position, first = position_table(plate.letter), first_table(plate.letter)
        symbols[position] = Symbol(position, True, "count", rows, letters=(plate.letter,))
        symbols[first] = Symbol(first, True, "index", groups, categories=rows[0][0], letters=parents)
        if isinstance(plate.size, str) and plate.size not in symbols:
            symbols[plate.size] = Symbol(plate.size, True, "count", groups, letters=plate.parents)
        if plate.size in bound.checked.ragged_ranges:
            positions, place = ((padded_size(plate.size), "k"),), place_table(plate.letter)
            symbols[place] = Symbol(place, True, "index", groups, positions, rows[0][0], letters=parents)
            for name in (within_table(plate.size), beyond_table(plate.size)):
                symbols[name] = Symbol(name, True, "count", groups, positions, letters=parents)
    return symbols


def _unknown_rows(bound: BoundModel) -> frozenset[str]:
    """Latents, and vectors that may miss some of their entries."""
    variables = [v for v in bound.checked.model.variables if v.role in (Role.LATENT, Role.OBSERVED)]
    return frozenset(v.name for v in variables if not _is_known(v, bound.checked.types[v.name]))


def _is_known(variable: Variable, kind: Type) -> bool:
    """Data are known, but for vectors that may miss some of their entries: those are inferred from the others."""
    if variable.role is Role.GIVEN:
        return True
    return variable.role is Role.OBSERVED and not is_partly_missing(variable, kind)


def is_partly_missing(variable: Variable, kind: Type) -> bool:
    """Whether entries of one value may be missing that the law couples to the others."""
    law = variable.definitions[0].law.family if variable.definitions else ""
    return variable.missing and variable.role is Role.OBSERVED and law in COUPLED_LAWS and bool(kind.event_shape)


def size_of(dim: Expression, bound: BoundModel) -> str | int:
    if isinstance(dim, Number):
        return int(dim.value)
    if isinstance(dim, Name):
        return padded_size(dim.name) if dim.name in bound.checked.ragged_ranges else dim.name
    raise not_compiled("a size of a type that is not a name or a number", dim.span, "give the size a name")


def _plate_size(model: Model, letter: str) -> str | int:
    """The size of a plate; that of a ragged one is the number of its rows in all groups."""
    plate = model.plate(letter)
    assert plate is not None
    return f"rows of {letter}" if plate.parents else plate.size


def _letter(dim: Expression, position: int) -> str:
    """A letter for an event axis: that of its size, and the next ones for further axes of the same size."""
    first = dim.name[:1].lower() if isinstance(dim, Name) and dim.name[:1].isalpha() else "i"
    return chr((ord(first) - ord("a") + position) % 26 + ord("a"))
