"""Entries of latents that are drawn together, from their joint posterior: which of them depend on each other.

Along a plate of which every law reads one entry, and which all latents have that the entries meet, these are
independent. A site has at most one entry of a latent for each place along such plates; sites are drawn one after the
other, the entries of one at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from emdsl.algebra.expressions import Call, Expression, Name, Subscript, children, names
from emdsl.errors import DataError
from emdsl.model.statements import Model, Role
from emdsl.results.series import expressions_of

Array = np.ndarray[Any, Any]

#: Stands for an index that a law does not fix: one that a sum runs over, or that a latent chooses.
ANY = Call("sum", ())


class Tied(DataError):
    """What an entry depends on is no joint law of its own row: `other` ties entries of `latent` together."""

    def __init__(self, name: str, latent: str, other: str) -> None:
        joint = f"`{name}` depends on `{latent}` and on others jointly"
        super().__init__(f"{joint}, and `{other}` ties entries of `{latent}` together")


@dataclass(frozen=True)
class Site:
    """Some entries of a latent, a column for each of its plates. `apart`: plates along which they are independent."""

    name: str
    columns: Mapping[str, Array]
    apart: tuple[str, ...]

    @property
    def entries(self) -> tuple[Array, ...]:
        """Index arrays into an array with an axis for each plate."""
        return tuple(self.columns.values())

    @property
    def size(self) -> int:
        """How many entries it has."""
        return len(self.entries[0]) if self.columns else 1

    def met_by(self, other: Site) -> Array | None:
        """For each entry of another site that of this one which it may depend on, -1 for none; None if none does."""
        if not {*self.apart} <= {*other.columns}:
            return None
        own = {place: row for row, place in enumerate(self._places(self.apart))}
        return np.array([own.get(place, -1) for place in other._places(self.apart)], dtype=np.int64)

    def _places(self, letters: Sequence[str]) -> list[tuple[int, ...]]:
        return [tuple(int(self.columns[letter][row]) for letter in letters) for row in range(self.size)]


def sites_of(model: Model, needed: Mapping[str, Array], order: Sequence[str], time: str) -> list[Site]:
    """Sites that have the `needed` entries, masks by plate, of latents in `order`; those of the latest steps first.

    Once the entries of a latent that does not lie in `time` are drawn, it ties nothing together any more.
    """
    latents = {v.name: v.plates for v in model.variables if v.role is Role.LATENT}
    found: list[Site] = []
    for place, name in enumerate(order):
        drawn = {one for one in order[:place] if time not in latents[one]}
        tied = joined(model, [name], latents.keys() - drawn)
        apart = tuple(letter for letter in latents[name] if letter != time and not _meet(model, letter, tied))
        if not latents[name]:
            found.append(Site(name, {}, ()))
            continue
        columns = dict(zip(latents[name], np.nonzero(needed[name]), strict=True))
        count = len(columns[latents[name][0]])
        rank, groups = np.zeros(count, dtype=np.int64), dict[tuple[int, ...], int]()
        for row in np.argsort(-columns[time], kind="stable") if time in columns else range(count):
            group = tuple(int(columns[letter][row]) for letter in apart)
            rank[row] = groups[group] = groups.get(group, -1) + 1
        for number in range(int(rank.max(initial=-1)) + 1):
            found.append(Site(name, {letter: one[rank == number] for letter, one in columns.items()}, apart))
    return found


def joined(model: Model, some: Collection[str], latents: Set[str]) -> set[str]:
    """Those of the latents that laws tie to some of them, directly or by others."""
    factors = [{name for name, _ in factor} & latents for factor in factors_of(model)]
    group = {*some}
    while more := {name for factor in factors if factor & group for name in factor} - group:
        group |= more
    return group


def _meet(model: Model, letter: str, group: Set[str]) -> bool:
    """Whether entries of the latents of a group at different places along a plate meet in a law, or share a latent."""
    places = {v.name: v.plates.index(letter) for v in model.variables if v.name in group and letter in v.plates}
    for factor in factors_of(model):
        read = {indices[places[name]] if name in places else None for name, indices in factor if name in group}
        if len(read) > 1 or ANY in read:
            return True
    return False


def factors_of(model: Model) -> Iterator[list[tuple[str, tuple[Expression, ...]]]]:
    """Of each law the latents that it ties together, with the indices of their entries."""
    latents = {v.name: v.plates for v in model.variables if v.role is Role.LATENT}
    for variable in model.variables:
        for definition in variable.definitions:
            found = [(variable.name, definition.slots)] if variable.name in latents else []
            for value in expressions_of(definition.law):
                found += _reads(value, latents, frozenset(latents))
            yield found


def _reads(
    node: Expression, latents: Mapping[str, tuple[str, ...]], open_names: Set[str]
) -> Iterator[tuple[str, tuple[Expression, ...]]]:
    """The latents in an expression. `open_names`: what has several values within a law."""
    match node:
        case Call("sum", (summand, Name(letter))):
            yield from _reads(summand, latents, open_names | {letter})
        case Subscript(Name(name), indices) if name in latents:
            yield name, tuple(ANY if names(index) & open_names else index for index in indices[: len(latents[name])])
            for index in indices:
                yield from _reads(index, latents, open_names)
        case Name(name) if name in latents:
            yield name, (ANY,) * len(latents[name])
        case _:
            for child in children(node):
                yield from _reads(child, latents, open_names)
