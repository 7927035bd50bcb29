"""Sizes read off the shapes of arrays, each with where it came from.

A size has one value; the first array (or constant) that tells it is quoted when a later one disagrees:
"`x` has 3 columns, but D = 2 comes from `mu0`".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from emdsl.algebra.expressions import Expression, Name, Number
from emdsl.errors import CompilerBug, DataError
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Plate, Type, Variable

#: A size is known under its name; a literal size is its number.
SizeName = str | int


def size_name(dimension: Expression | str | int) -> SizeName:
    """The name or the number that a dimension of a checked type is."""
    match dimension:
        case str() | int():
            return dimension
        case Name(name):
            return name
        case Number(value):
            return int(value)
    raise CompilerBug(f"the dimension {dimension!r} is neither a name nor a number")


@dataclass
class Sizes:
    """The sizes known so far: value and origin by name. Filled while one data set is read."""

    known: dict[str, tuple[int, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, bound: BoundModel) -> Sizes:
        """Those that are bound already."""
        sizes = cls()
        for name in size_names(bound):
            if name in bound.constants:
                sizes.known[name] = (int(bound.constants[name]), "is bound")
        return sizes

    def value(self, name: SizeName) -> int | None:
        """The number, or None when nothing has told it."""
        if isinstance(name, int):
            return name
        return self.known[name][0] if name in self.known else None

    def origin(self, name: SizeName) -> str:
        """`D = 2 comes from `mu0``, for messages."""
        if isinstance(name, int):
            return f"the model says {name}"
        value, origin = self.known[name]
        return f"{name} = {value} {origin}"

    def learn(self, name: SizeName, length: int, variable: str, axis: int, ndim: int) -> None:
        """Takes the length of an axis of `variable` as the size; raises DataError when it is known to be another."""
        known = self.value(name)
        if known is None:
            self.known[str(name)] = (length, f"comes from `{variable}`")
        elif known != length:
            raise DataError(f"`{variable}` has {axis_words(length, axis, ndim)}, but {self.origin(name)}")

    def tell(self, name: str, value: int, origin: str) -> None:
        """Sets a size from a source other than a shape; raises DataError when it is known to be another."""
        known = self.value(name)
        if known is not None and known != value:
            raise DataError(f"the size {name} is given as {value}, but {self.origin(name)}")
        self.known.setdefault(name, (value, origin))


def axis_words(length: int, axis: int, ndim: int) -> str:
    """`3 columns`, `1 row`, `5 entries`, `length 4 along axis 2`."""
    if ndim == 1:
        return f"{length} {'entry' if length == 1 else 'entries'}"
    if ndim == 2:
        return f"{length} {('row', 'column')[axis]}{'' if length == 1 else 's'}"
    return f"length {length} along axis {axis}"


def size_names(bound: BoundModel) -> dict[str, None]:
    """Names of all sizes of the model, in the order of their first use."""
    model, types = bound.checked.model, bound.checked.types
    found: dict[str, None] = {}
    for plate in model.plates:
        if isinstance(plate.size, str):
            found[plate.size] = None
    for kind in types.values():
        for dimension in kind.dims:
            if isinstance(dimension, Name):
                found[dimension.name] = None
    return found


def ragged_sizes(bound: BoundModel) -> frozenset[str]:
    """Names of sizes that are ragged: one number for each entry of a parent plate."""
    return frozenset(str(plate.size) for plate in bound.checked.model.plates if plate.parents)


def ranged_plate(bound: BoundModel, variable: Variable) -> Plate | None:
    """The ragged plate whose size, of the group that it stands in, a discrete variable runs over."""
    kind = bound.checked.types[variable.name]
    if kind.kind != "index" or size_name(kind.dims[0]) not in ragged_sizes(bound):
        return None
    plate = next(p for p in bound.checked.model.plates if p.parents and p.size == size_name(kind.dims[0]))
    return plate if set(plate.parents) <= set(variable.plates) else None


def signature(name: str, plates: tuple[Plate, ...], kind: Type) -> str:
    """`x[n] : real[D]`, as the model declares it."""
    letters = f"[{', '.join(plate.letter for plate in plates)}]" if plates else ""
    dims = f"[{', '.join(str(size_name(dim)) for dim in kind.dims)}]" if kind.dims else ""
    return f"{name}{letters} : {kind.kind}{dims}"


def unknown_sizes(bound: BoundModel, sizes: Mapping[str, object]) -> list[str]:
    """Sizes that neither the constants nor the data tell."""
    return [name for name in size_names(bound) if name not in sizes and name not in ragged_sizes(bound)]
