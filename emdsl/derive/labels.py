"""States of discrete latents that are given: they rule out the others in one of the tables that hold the latent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from emdsl.arrays.expressions import Contraction, Named, Operand
from emdsl.derive.coupled import Monomial
from emdsl.derive.declared_order import given_array
from emdsl.derive.field import FieldMoments
from emdsl.errors import CompilerBug


def given_states(name: str, moments: FieldMoments) -> str:
    """The code of the states that are given of a discrete latent."""
    return given_array("data", moments.scope.symbols[name], optional=True)


def telling(monomials: Sequence[Monomial], given: Set[str]) -> Mapping[int, tuple[str, ...]]:
    """By monomial, the `given` variables whose states it is told: the shortest one that stands at all their rows."""
    found: dict[int, tuple[str, ...]] = {}
    for name in dict.fromkeys(name for monomial in monomials for name in monomial.variables):
        if name not in given:
            continue
        able = [one for one in monomials if one.stands_everywhere(name)]
        if not able:
            raise CompilerBug(f"no monomial has `{name}` at all its rows")
        chosen = id(min(able, key=lambda one: len(one.atoms)))
        found[chosen] = (*found.get(chosen, ()), name)
    return found


def labelled(monomial: Monomial, natural: Named, names: Sequence[str], moments: FieldMoments) -> Named:
    """The natural parameter of a monomial without the states that the given ones of its variables `names` exclude."""
    if not names:
        return natural
    body, axes = moments.body, monomial.all_axes
    value = moments.covered(Contraction(1.0, (Operand(natural, natural.axes),), axes), axes)
    text = " ".join(dict.fromkeys(monomial.variables))
    natural = body.define(body.unused(f"natural {text} of every row"), value, axes)
    for name in names:
        place = monomial.variables.index(name)
        call = f"ruled_out({natural.name}, {given_states(name, moments)}{f', {place}' if place else ''})"
        natural = body.define(body.unused(f"labelled {name}"), call, axes, "where the state is given")
    return natural
