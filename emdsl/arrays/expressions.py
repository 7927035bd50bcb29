"""Arrays with named axes: what the derivation computes, before it is text.

array = Named | Contraction | Total | Apply

Named(name)                        an array that the emitted code holds under that name
Gathered(name, table, index)       one that is read there from the rows of a matrix
Taken(name)                        any array that is read there at whole numbers
Lagged(name, array, lag)           one that is moved there along an axis
AtRows(name, array, rows)          one that has the values of another at some of its rows and zeros elsewhere
Unit(name, position)               one that is 1 at a position and 0 elsewhere
Contraction(c, operands, axes)     c · Σ Π operands, summed over every index that is not an axis
Total(parts)                       a sum of arrays with the same axes
Apply(function, arguments)         a numpy function, or one of the helpers that the code carries along
"""

from __future__ import annotations

from dataclasses import dataclass, field

from emdsl.algebra.indices import Index, Reference


@dataclass(frozen=True)
class Named:
    """An array under its name in the emitted code."""

    name: str
    axes: tuple[Index, ...] = ()


@dataclass(frozen=True)
class Gathered(Named):
    """A matrix read at whole numbers along one axis, under the code that reads it: axes (entry…, other axis).

    `table`: the matrix; `place`: the axis that is read; `index`: the code of the whole numbers (entry…). Reads by the
    same code are equal, whatever the axes of the matrix are called.
    """

    table: Named = field(kw_only=True, compare=False, repr=False)
    place: int = field(kw_only=True)
    index: str = field(kw_only=True)

    @property
    def by_entry(self) -> str:
        """The code of the matrix with the axis that is read first."""
        return f"{self.table.name}.T" if self.place else self.table.name


@dataclass(frozen=True)
class Taken(Named):
    """An array read at whole numbers, under the code that reads it."""


@dataclass(frozen=True)
class Lagged(Named):
    """`array` moved along its axis `place`, under the code that moves it: at each entry what stands `lag` before it."""

    array: Named = field(kw_only=True, compare=False, repr=False)
    lag: int = field(kw_only=True)
    place: int = field(kw_only=True)


@dataclass(frozen=True)
class AtRows(Named):
    """`array` at `rows`, whole numbers along its first axis, and zeros elsewhere, under the code that makes it."""

    array: Named = field(kw_only=True, compare=False, repr=False)
    rows: str = field(kw_only=True)


@dataclass(frozen=True)
class Unit(Named):
    """A vector that is 1 at one position and 0 elsewhere, under the code that makes it."""

    position: int = field(kw_only=True)


@dataclass(frozen=True)
class Operand:
    """An array read at references, one for each of its axes."""

    array: Array
    references: tuple[Reference, ...]


@dataclass(frozen=True)
class Contraction:
    """`coefficient · Π operands`, summed over the indices of the operands that are not among `axes`.

    `counted`: sizes of summed indices that no operand carries; each multiplies by its length.
    """

    coefficient: float
    operands: tuple[Operand, ...]
    axes: tuple[Index, ...]
    counted: tuple[str | int, ...] = ()


@dataclass(frozen=True)
class Total:
    """A sum of arrays, broadcast against one another."""

    parts: tuple[Array, ...]
    axes: tuple[Index, ...]


@dataclass(frozen=True)
class Apply:
    """`function(arguments)`; arithmetic operators are functions too: + - * / **."""

    function: str
    arguments: tuple[Array | float | str, ...]
    axes: tuple[Index, ...]


Array = Named | Contraction | Total | Apply


def read(array: Array) -> Operand:
    """The array as an operand at its own axes."""
    return Operand(array, array.axes)


def lagged(array: Named, lag: int, place: int) -> Lagged:
    """The array moved along its axis at `place`."""
    return Lagged(f"lagged({array.name}, {lag}, {place})", array.axes, array=array, lag=lag, place=place)


def total(parts: tuple[Array, ...], axes: tuple[Index, ...]) -> Array:
    """The sum of the parts, plain where there is but one."""
    return parts[0] if len(parts) == 1 else Total(parts, axes)
