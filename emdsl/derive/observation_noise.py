"""Noise that starts small: of what is observed of a real latent whose law the states of another latent choose.

Where q holds the two apart, the bound has an optimum at which noise is all that moves the data: the latent then says
nothing of the states. The first M-steps leave as much to the noise as to the latent; from a tenth of it the other
optima are reached, in any unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from emdsl.algebra.terms import Atom
from emdsl.derive.log_joint import Factor, LogJoint, QuadraticTerm
from emdsl.derive.network_terms import NetworkTerms
from emdsl.derive.posteriors import PosteriorForm

#: What precisions of such noise are multiplied with.
CLOSER = 10.0


def closer_starts(
    joint: LogJoint,
    networks: Sequence[NetworkTerms],
    observed: Set[str],
    parameters: Sequence[str],
    forms: Mapping[str, PosteriorForm],
) -> dict[str, float]:
    """For each quantity of free parameters that is such noise, what it is multiplied with."""
    reals = {name for name, symbol in joint.scope.symbols.items() if symbol.kind == "real"}
    followed = {
        real
        for one in networks
        for pair in one.network.broken
        for real, state in (pair, pair[::-1])
        if real in reals and state not in reals
        if any(factor.variable == real and state in _variables(factor) for factor in joint.factors)
    }
    found: dict[str, float] = {}
    for factor in joint.factors:
        if factor.variable not in observed:
            continue
        for part in factor.quadratics:
            read = {name for term in part.quadratic.residual.terms for name in term.variables()}
            for item in _precision(part) if read & followed else ():
                if item.variable in parameters:
                    found |= _scaled(item, forms.get(item.variable))
    return found


def _variables(factor: Factor) -> set[str]:
    return {name for term in factor.terms for name in term.variables()} | {item.variable for item, _ in factor.gates}


def _precision(part: QuadraticTerm) -> list[Atom]:
    precision = part.quadratic.precision
    inner = [item for term in precision.terms for item in term.atoms] if precision is not None else []
    return [*part.cofactor.atoms, *inner]


def _scaled(item: Atom, form: PosteriorForm | None) -> dict[str, float]:
    if form is not None and form.kernel in ("Gamma", "Wishart"):  # posteriors of precisions
        return {form.key("rate"): 1 / CLOSER} if form.kernel == "Gamma" else {form.key("scale"): CLOSER}
    if form is not None:
        return {}
    is_precision = item.statistic.kind == "power" and item.statistic.exponent > 0
    return {item.variable: CLOSER if is_precision else 1 / CLOSER}
