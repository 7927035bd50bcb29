"""Indices and references: what stands between the brackets of an atom.

    Index     = an identity of its own, and the size that it runs over
    Reference = Index | Gather (the value of a known discrete variable) | Shift (t - lag) | Fixed (a number)

Two indices are the same only if they are the same object of the derivation, never because they share a letter; so
squaring an expression that sums over an index cannot capture it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
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
    """`reference` with indices replaced; a shifted index may be renamed or shifted further."""
    match reference:
        case Index():
            return replacement.get(reference, reference)
        case Gather(table, references):
            return Gather(table, tuple(substitute(inner, replacement) for inner in references))
        case Shift(index, lag):
            renamed = replacement.get(index, index)
            if isinstance(renamed, Shift):
                return Shift(renamed.index, renamed.lag + lag)
            return Shift(renamed, lag) if isinstance(renamed, Index) else Fixed(_position(renamed) - lag)
    return reference


def _position(reference: Reference) -> int:
    if isinstance(reference, Fixed):
        return reference.position
    raise ValueError("a shifted index can be replaced by an index, a lag of one or a number only")


def shared_bases(rows: Sequence[tuple[Reference, ...]], axes: Collection[Reference]) -> list[Reference]:
    """What the rows of several variables depend on: indices, or index arrays of one where all go through them.

    z at `s(j)` and g at `d(s(j))` meet once for each s, whatever j says besides.
    """
    listed = [reference for row in rows for reference in row]
    bases: dict[Reference, None] = {}
    for index in dict.fromkeys(i for reference in listed for i in indices_in(reference)):
        paths = [path for reference in listed for path in _paths(reference, index)]
        shared = [reference for reference in paths[0] if all(reference in path for path in paths)]
        bases[next((one for one in reversed(shared) if one in axes and isinstance(one, Gather)), index)] = None
    return list(bases)


def _paths(reference: Reference, index: Index) -> list[list[Reference]]:
    """The ways from an index out to a reference: all that is read on the way, as long as one leads to one."""
    match reference:
        case Gather(_, (inner,)):
            return [[*path, reference] for path in _paths(inner, index)]
        case Gather(_, references):
            return [path[:1] for inner in references for path in _paths(inner, index)]
    return [[index]] if index in indices_in(reference) else []


def renamed_bases(reference: Reference, names: Mapping[Reference, Index], latest: Mapping[Index, int]) -> Reference:
    """A reference with names of its own for what it depends on, `latest` steps later."""
    if reference in names:
        return names[reference]
    match reference:
        case Gather(table, references):
            return Gather(table, tuple(renamed_bases(inner, names, latest) for inner in references))
        case Shift(index, lag):
            lag, index = lag - latest.get(index, 0), names.get(index, index)
            return Shift(index, lag) if lag else index
    return reference
