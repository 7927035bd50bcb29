"""What the algebra must know of a name: is its value known, what support, which axes.

Families, models and the derivation meet here; the algebra itself knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from emdsl.algebra.expressions import Expression


@dataclass(frozen=True)
class Symbol:
    """A variable as the algebra sees it.

    `known`: given, observed or constant. `kind`: its type's kind (real, positive, unit, simplex, cov, count, index).
    `plates`, `event`: sizes and letters of its axes. `categories`: for a discrete variable the size that it runs over.
    `value`: the expression that a let stands for, with `letters` naming its plates. `letters`: those that the user
    indexes it by, where ragged plates have swallowed their parents.
    """

    name: str
    known: bool
    kind: str
    plates: tuple[tuple[str | int, str], ...] = ()
    event: tuple[tuple[str | int, str], ...] = ()
    categories: str | int | None = None
    value: Expression | None = None
    letters: tuple[str, ...] = ()

    @property
    def axes(self) -> tuple[tuple[str | int, str], ...]:
        return self.plates + self.event

    @property
    def is_gate(self) -> bool:
        """A discrete variable that is not known: to index by it is to multiply by its one-hot statistic."""
        return not self.known and self.categories is not None


def parent_table(letter: str, parent: str) -> str:
    """The index array that tells for each row of a ragged plate the entry of a plate that it lies in."""
    return f"parent.{letter}.{parent}"


def position_table(letter: str) -> str:
    """The array of positions of the rows of a ragged plate within their group."""
    return f"position.{letter}"


def first_table(letter: str) -> str:
    """The index array of the first row of each group of a ragged plate."""
    return f"first.{letter}"


@dataclass(frozen=True)
class Scope:
    """The names of one model: symbols by name, and numbers for constants and bound sizes."""

    symbols: Mapping[str, Symbol]
    numbers: Mapping[str, float | int]
    ragged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Ragged plates: a letter with those of the plates that it lies in."""
