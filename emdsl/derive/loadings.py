"""Parameters that multiply real latents of a network, as y = C x does, and those that only multiply each other.

At C = 0 the data tell nothing of x and EM stays there, so that these parameters start at random. What a variable makes
of its own past (x_t = A x_t-1) may start at zero. At a = b = 0 neither factor of a·b moves.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

from emdsl.derive.log_joint import LogJoint


def loadings(joint: LogJoint, latents: Set[str], parameters: Sequence[str]) -> dict[str, str | None]:
    """The parameters, each with the datum that it scales with, if it is read by one. `latents`: those of networks."""
    symbols = joint.scope.symbols
    found: dict[str, str | None] = {}
    alone: set[str] = set()
    multiplied: dict[str, str | None] = {}
    for factor in joint.factors:
        for part in factor.quadratics:
            for term in part.quadratic.residual.terms:
                variables = term.variables()
                read = (variables & latents) - {factor.variable}
                names = [name for name in parameters if name in variables and symbols[name].kind == "real"]
                if len(names) == 1 and factor.variable not in parameters:  # a prior may hold it at zero
                    alone |= set(names)
                for name in names:
                    datum = factor.variable if symbols[factor.variable].known else found.get(name)
                    if len(names) > 1:
                        multiplied[name] = datum
                    if read:
                        found[name] = datum
    return {name: datum for name, datum in multiplied.items() if name not in alone} | found
