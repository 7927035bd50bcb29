"""Real latents about an origin: what the mean of their own law comes to at the reference points.

    b_g ~ N(m, a),  y_i ~ N(b_g, s):    b̃ = b − m̊,    b − m = b̃ − m̃,    y − b = (y − m̊) − b̃

Where a latent adds to every residual that it is in, times known quantities, it is inferred as b̃, so that squares of
large numbers do not cancel. Any origin is right: what a law says of its mean in other ways is left where it stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

from emdsl.algebra.indices import Fixed, Index, Reference
from emdsl.algebra.symbols import Scope
from emdsl.algebra.terms import IDENTITY, Atom, Term, like_terms
from emdsl.derive.log_joint import LogJoint


@dataclass(frozen=True)
class Origin:
    """Σ terms, over (some of) `axes`: the places of the latent's own references."""

    axes: tuple[Reference, ...]
    terms: tuple[Term, ...]

    def at(self, references: tuple[Reference, ...]) -> tuple[Term, ...]:
        """The terms at other references."""
        pairs = zip(self.axes, references, strict=True)
        names = {own: reference for own, reference in pairs if isinstance(own, Index)}
        return tuple(term.substitute(names) for term in self.terms)


def origins(joint: LogJoint, latents: Set[str], locations: Set[str]) -> Mapping[str, Origin]:
    """The origins of those of `latents` that have one; these enter every residual linearly, times known quantities."""
    found: dict[str, Origin] = {}
    waiting = sorted(latents - set(joint.starts))
    while waiting:
        told = {name: origin for name in waiting if (origin := _origin(name, joint, locations, found)) is not None}
        if not told:
            break
        found |= told
        waiting = [name for name in waiting if name not in told]
    return found


def about_origins(term: Term, found: Mapping[str, Origin]) -> tuple[Term, ...]:
    """What a term of a residual in a latent with an origin adds to the rest of the residual."""
    place = next((place for place, item in enumerate(term.atoms) if item.variable in found), None)
    if place is None:
        return ()
    item, rest = term.atoms[place], term.atoms[:place] + term.atoms[place + 1 :]
    return tuple(
        Term(term.coefficient * other.coefficient, rest + other.atoms, term.bound)
        for other in found[item.variable].at(item.references)
    )


def _origin(name: str, joint: LogJoint, locations: Set[str], found: Mapping[str, Origin]) -> Origin | None:
    for factor in joint.factors:
        if factor.variable != name or len(factor.quadratics) != 1:
            continue
        residual = factor.quadratics[0].quadratic.residual
        own = [term for term in residual.terms if any(item.variable == name for item in term.atoms)]
        if len(own) != 1 or len(own[0].atoms) != 1 or own[0].coefficient != 1.0:
            continue
        axes = own[0].atoms[0].references
        terms: list[Term] = []
        for term in residual.terms:
            if term is own[0]:
                continue
            known = replace(term, coefficient=-term.coefficient)
            terms += [known] if _is_plain(known, axes, joint.scope, locations) else about_origins(known, found)
        terms = [term for term in like_terms(terms) if _is_plain(term, axes, joint.scope, locations)]
        origin = Origin(axes, tuple(terms))
        if terms and _can_be_read(name, origin, joint):
            return origin
    return None


def _is_plain(term: Term, axes: tuple[Reference, ...], scope: Scope, locations: Set[str]) -> bool:
    """Whether a term is a number, or a location parameter or a constant at places of the latent."""
    if term.bound or len(term.atoms) > 1:
        return False
    return all(
        item.statistic == IDENTITY
        and (item.variable in locations or _is_constant(item, scope))
        and all(reference in axes and isinstance(reference, Index) for reference in item.references)
        for item in term.atoms
    )


def _is_constant(item: Atom, scope: Scope) -> bool:
    symbol = scope.symbols.get(item.variable)
    return symbol is not None and symbol.known and not symbol.plates


def _can_be_read(name: str, origin: Origin, joint: LogJoint) -> bool:
    """Whether the origin stands at plain indices wherever the latent does, none of them that of a gate."""
    for factor in joint.factors:
        gates = {index for _, index in factor.gates}
        residuals = (part.quadratic.residual for part in factor.quadratics)
        own = (i for residual in residuals for term in residual.terms for i in term.atoms if i.variable == name)
        terms = (term for item in own for term in origin.at(item.references))
        read = {reference for term in terms for item in term.atoms for reference in item.references}
        if read & gates or not all(isinstance(reference, Index | Fixed) for reference in read):
            return False
    return True
