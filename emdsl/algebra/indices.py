"""Indices and references: what stands between the brackets of an atom.

    Index     = an identity of its own, and the size that it runs over
    Reference = Index | Gather (the value of a known discrete variable) | Shift (t - lag) | Fixed (a number)

Two indices are the same only if they are the same object of the derivation, never because they share a letter; so
squaring an expression that sums over an index cannot capture it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Index:
    """A running index: `identity` tells it apart, `size` is a size's name or a number, `letter` is for printing."""

    identity: int
    size: str | int = field(compare=False)
    letter: str = field(compare=False)


@dataclass(frozen=True)
class Gather:
    """`doc[i]`: the value of the known discrete variable `table` at `references`."""

    table: str
    references: tuple[Reference, ...]


@dataclass(frozen=True)
class Shift:
    """`t - lag` of an ordered plate."""

    index: Index
    lag: int


@dataclass(frozen=True)
class Fixed:
    """A number where an index may stand."""

    position: int


Reference = Index | Gather | Shift | Fixed


class IndexSource:
    """Makes fresh indices for one derivation."""

    def __init__(self) -> None:
        self._next = 0

    def fresh(self, size: str | int, letter: str) -> Index:
        self._next += 1
        return Index(self._next, size, letter)

    def copy_of(self, index: Index) -> Index:
        """A new index with the size and letter of `index`."""
        return self.fresh(index.size, index.letter)


def indices_in(reference: Reference) -> Iterator[Index]:
    """The running indices that a reference depends on."""
    match reference:
        case Index():
            yield reference
        case Gather(_, references):
            for inner in references:
                yield from indices_in(inner)
        case Shift(index, _):
            yield index


def substitute(reference: Reference, replacement: Mapping[Index, Reference]) -> Reference:
    """`reference` with indices replaced; a shifted index may only be renamed."""
    match reference:
        case Index():
            return replacement.get(reference, reference)
        case Gather(table, references):
            return Gather(table, tuple(substitute(inner, replacement) for inner in references))
        case Shift(index, lag):
            renamed = replacement.get(index, index)
            return Shift(renamed, lag) if isinstance(renamed, Index) else Fixed(_position(renamed) - lag)
    return reference


def _position(reference: Reference) -> int:
    if isinstance(reference, Fixed):
        return reference.position
    raise ValueError("a shifted index can be replaced by an index or a number only")
