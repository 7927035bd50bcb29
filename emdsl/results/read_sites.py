"""Latents as a law reads them: at references to their plates, or at all entries that a sum adds up.

sum(w[j] * x[t, j], j)      jointly normal entries: one normal law of all of them
sum(h[c, z[c, t]], c)       few states of discrete ones: the entries one after the other
x[s, t] + b[s]              a mixture over c[s] where x[s, t] follows it: a normal law for each of its states
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from emdsl.algebra.expressions import Expression, Name, Number
from emdsl.model.statements import Law, Role, Variable
from emdsl.results.laws import LawReader

#: Joint states of the entries in a sum, at the most, that laws are averaged over.
JOINT_STATES = 4096


@dataclass(frozen=True)
class ReadSite:
    """A latent at references to its plates, as a law reads it; `summed`: one of those that the law adds up jointly."""

    name: str
    indices: tuple[Expression, ...]
    summed: bool = False


def entries_in_sum(site: ReadSite, variable: Variable, reader: LawReader, apart: bool) -> list[ReadSite]:
    """The entries that a site in the law of a variable stands for, where they are jointly normal or have few states.

    `apart`: whether latents are independent under what is known of them. Elsewhere the site itself.
    """
    plates = {plate.letter for plate in reader.model.plates if not plate.ordered and not plate.parents}
    inner = {one.name for one in site.indices if isinstance(one, Name) and one.name not in variable.plates}
    if not inner or not inner <= plates:
        return [site]
    latents = [v.name for v in reader.model.variables if v.role is Role.LATENT]
    normal = all(reader.bound.checked.types[name].kind == "real" for name in latents) and not apart
    found = [site.indices]
    for letter in sorted(inner):
        places = [Number(place) for place in range(reader.length(letter))]
        found = [
            tuple(place if one == Name(letter) else one for one in indices) for indices in found for place in places
        ]
    if not normal and _states(site.name, reader) ** len(found) > JOINT_STATES:
        return [site]
    return [ReadSite(site.name, indices, summed=normal) for indices in found]


def states_beside(site: ReadSite, reader: LawReader, read: Callable[[Law], Sequence[ReadSite]]) -> list[ReadSite]:
    """Discrete latents that laws `read` beside a real one, or beside another real one beside it, at its own letters.

    It has a normal law together with other real latents only given these, where they are inferred exactly.
    """
    model, types = reader.model, reader.bound.checked.types
    real, found = [site], dict[ReadSite, None]()
    own = {v.name: ReadSite(v.name, tuple(map(Name, v.plates))) for v in model.variables if v.role is Role.LATENT}
    laws = [
        [*read(definition.law), *([own[variable.name]] if variable.name in own else [])]
        for variable in model.variables
        for definition in variable.definitions
    ]
    for one in real:
        place = dict(zip(own[one.name].indices, one.indices, strict=True))
        for sites in laws:
            if all(other.name != one.name for other in sites):
                continue
            for other in sites:
                if place.keys() >= {*other.indices}:
                    beside = ReadSite(other.name, tuple(place[index] for index in other.indices))
                    if types[other.name].kind == "index":
                        found[beside] = None
                    elif types[other.name].kind == "real" and beside not in real:
                        real.append(beside)
    return list(found)


def _states(name: str, reader: LawReader) -> float:
    """The number of states of a latent."""
    kind = reader.bound.checked.types[name]
    return float(reader.evaluator.rows(kind.dims[0], {})[0]) if kind.kind == "index" else float("inf")
