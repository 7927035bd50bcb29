"""What the algebra must know of a name: is its value known, what support, which axes.

Families, models and the derivation meet here; the algebra itself knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from emdsl.algebra.expressions import Expression
from emdsl.algebra.indices import Fixed, Gather, Reference

T = TypeVar("T")


@dataclass(frozen=True)
class Entry:
    """One entry of a variable: its position along some axes of the arrays that the user has of it."""

    variable: str
    positions: Mapping[int, int]


@dataclass(frozen=True)
class Symbol:
    """A variable as the algebra sees it.

    `known`: given, observed or constant. `kind`: its type's kind (real, positive, unit, simplex, cov, count, index).
    `plates`, `event`: sizes and letters of its axes. `categories`: for a discrete variable the size that it runs over.
    `value`: the expression that a let stands for, with `letters` naming its plates. `letters`: those that the user
    indexes it by, in that order, where ragged plates have swallowed their parents; arrays outside have the plates in
    the order of these, while chains have their time last among `plates`. `entry`: what it is an entry of, if it is one.
    `choice`: the compiler's own latent that says which term of a sum of products was drawn.
    """

    name: str
    known: bool
    kind: str
    plates: tuple[tuple[str | int, str], ...] = ()
    event: tuple[tuple[str | int, str], ...] = ()
    categories: str | int | None = None
    value: Expression | None = None
    letters: tuple[str, ...] = ()
    entry: Entry | None = None
    choice: bool = False

    @property
    def axes(self) -> tuple[tuple[str | int, str], ...]:
        return self.plates + self.event

    @property
    def whole(self) -> str:
        """The variable as declared: itself, or what it is an entry of."""
        return self.name if self.entry is None else self.entry.variable

    @property
    def declared_plates(self) -> tuple[tuple[str | int, str], ...]:
        """The plates in the order in which arrays of the user have them."""
        places = {letter: place for place, letter in enumerate(self.letters)}
        return tuple(sorted(self.plates, key=lambda plate: places.get(plate[1], -1)))

    def as_declared(self, places: Sequence[T]) -> list[T]:
        """What stands for the plates and the axes after them, with the plates in declared order."""
        count = len(self.plates)
        if len(places) < count:
            return list(places)
        return [*(places[self.plates.index(plate)] for plate in self.declared_plates), *places[count:]]

    @property
    def declared_axes(self) -> tuple[tuple[str | int, str], ...]:
        return self.declared_plates + self.event

    @property
    def is_gate(self) -> bool:
        """A discrete variable that is not known: to index by it is to multiply by its one-hot statistic."""
        return not self.known and self.categories is not None


#: What the names of the weights of rows start with; the letter of their plate follows.
WEIGHTS = "weights."
#: What the names of the tables of ragged plates start with.
RAGGED_TABLES = ("parent.", "position.", "first.", "place.", "within.", "beyond.")


def ragged_table(table: str) -> tuple[str, ...]:
    """What a table of a ragged plate tells, and the plates: `("parent", "t", "s")`; nothing for any other table."""
    told, *plates = table.split(".")
    return (told, *plates) if f"{told}." in RAGGED_TABLES else ()


def is_first_row(reference: Reference) -> bool:
    """Whether a reference is to the first row of a series."""
    return reference == Fixed(0) or (isinstance(reference, Gather) and ragged_table(reference.table)[:1] == ("first",))


def parent_table(letter: str, parent: str) -> str:
    """The index array that tells for each row of a ragged plate the entry of a plate that it lies in."""
    return f"parent.{letter}.{parent}"


def is_parent_table(table: str) -> bool:
    """Whether an index array tells the entries of a plate that the rows of a ragged plate lie in."""
    return ragged_table(table)[:1] == ("parent",)


def position_table(letter: str) -> str:
    """The array of positions of the rows of a ragged plate within their group."""
    return f"position.{letter}"


def first_table(letter: str) -> str:
    """The index array of the first row of each group of a ragged plate."""
    return f"first.{letter}"


def padded_size(size: str | int) -> str:
    """The size of an axis for what runs over a ragged size: that of the longest group; shorter ones are filled up."""
    return f"longest {size}"


def is_padded(size: str | int | None) -> bool:
    """Whether a size is that of the longest group of a ragged plate."""
    return isinstance(size, str) and size.startswith(padded_size(""))


def within_table(size: str | int) -> str:
    """1 at the positions of an axis of padded size that lie within the group, (groups…, position)."""
    return f"within.{size}"


def beyond_table(size: str | int) -> str:
    """1 at the positions beyond the end of the group: minus its logarithm is that of `within`, but for a factor."""
    return f"beyond.{size}"


def place_table(letter: str) -> str:
    """The index array of the row of a ragged plate at each position of each group; beyond its end, that of the last."""
    return f"place.{letter}"


def bind_size(size: str) -> str:
    """The cure where a size must be known before the data are."""
    return f"bind it: M({size}=…)"


@dataclass(frozen=True)
class Scope:
    """The names of one model: symbols by name, and numbers for constants and bound sizes."""

    symbols: Mapping[str, Symbol]
    numbers: Mapping[str, float | int]
    ragged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Ragged plates: a letter with those of the plates that it lies in, but for those that these lie in themselves."""
    sizes: Mapping[str, str | int] = field(default_factory=dict)
    """Every plate's size by its letter, also where no variable runs over it."""

    def symbol(self, name: str) -> Symbol:
        """What is known of a name; a size that only the data tell is a known count."""
        return self.symbols.get(name) or Symbol(name, True, "count", ())

    def letters_of(self, symbol: Symbol) -> tuple[str, ...]:
        """The letters that the user indexes a variable by, a ragged plate after those that it lies in."""
        found: dict[str, None] = {}
        for letter in symbol.letters:
            found |= dict.fromkeys((*reversed(self.outer(letter, Fixed(0))), letter))
        return tuple(found)

    def is_choice(self, name: str) -> bool:
        """Whether a name is that of a choice among the terms of a sum, which the compiler added."""
        return name in self.symbols and self.symbols[name].choice

    def length(self, size: str | int | None) -> int | None:
        """The number that a size is; None where only the data tell it."""
        number = self.numbers.get(size) if isinstance(size, str) else size
        return None if number is None else int(number)

    def untold(self, sizes: Iterable[str | int | None]) -> list[str]:
        """Those of some sizes that a user may bind and has not, so that only the data tell them."""
        names = dict.fromkeys(size for size in sizes if isinstance(size, str) and not is_padded(size))
        return [size for size in names if size not in self.numbers]

    def outer(self, letter: str, reference: Reference) -> dict[str, Reference]:
        """The entries of all plates that a row of a ragged plate lies in, innermost first."""
        found: dict[str, Reference] = {}
        for parent in self.ragged.get(letter, ()):
            found[parent] = Gather(parent_table(letter, parent), (reference,))
            found |= self.outer(parent, found[parent])
        return found
