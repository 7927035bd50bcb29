"""Parameters that multiply real latents of a network, as y = C x does.

At C = 0 the data tell nothing of x and EM stays there, so that these parameters start at random. What a variable makes
of its own past (x_t = A x_t-1) may start at zero.
"""

from __future__ import annotations

from collections.abc import Set

from emdsl.derive.log_joint import LogJoint


def loadings(joint: LogJoint, latents: Set[str]) -> dict[str, str | None]:
    """The parameters, each with the datum that it scales with, if it is read by one."""
    symbols = joint.scope.symbols
    found: dict[str, str | None] = {}
    for factor in joint.factors:
        for part in factor.quadratics:
            for term in part.quadratic.residual.terms:
                variables = term.variables()
                read = (variables & latents) - {factor.variable}
                names = [name for name in variables - latents if name in symbols and symbols[name].kind == "real"]
                for name in names if read else ():
                    if not symbols[name].known:
                        datum = factor.variable if symbols[factor.variable].known else found.get(name)
                        found[name] = datum
    return found
