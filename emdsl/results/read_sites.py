"""Latents as a law reads them: at references to their plates, or at all entries that a sum adds up.

sum(w[j] * x[t, j], j)      jointly normal entries: one normal law of all of them
sum(h[c, z[c, t]], c)       few states of discrete ones: the entries one after the other
"""

from __future__ import annotations

from dataclasses import dataclass

from emdsl.algebra.expressions import Expression, Name, Number
from emdsl.model.statements import Role, Variable
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


def _states(name: str, reader: LawReader) -> float:
    """The number of states of a latent."""
    kind = reader.bound.checked.types[name]
    return float(reader.evaluator.rows(kind.dims[0], {})[0]) if kind.kind == "index" else float("inf")
