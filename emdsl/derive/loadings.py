"""Parameters that multiply real latents of a network, as y = C x does, or each other, as y_ij = a_i b_j does.

At C = 0 the data tell nothing of x and EM stays there, so that these parameters start at random. What a variable makes
of its own past (x_t = A x_t-1) may start at zero, and so may a product of which one factor stands alone elsewhere.
"""

from __future__ import annotations

from collections.abc import Set

from emdsl.derive.log_joint import LogJoint


def loadings(joint: LogJoint, latents: Set[str]) -> dict[str, str | None]:
    """The parameters, each with the datum that it scales with, if it is read by one."""
    symbols = joint.scope.symbols
    found: dict[str, str | None] = {}
    residuals = [(factor, part.quadratic.residual) for factor in joint.factors for part in factor.quadratics]
    unknown = {name for name, symbol in symbols.items() if symbol.kind == "real" and not symbol.known} - latents
    products = [(factor, term.variables() & unknown) for factor, residual in residuals for term in residual.terms]
    alone = {name for _, names in products if len(names) == 1 for name in names}
    for factor, names in products:
        if len(names) > 1 and not names & alone:
            datum = factor.variable if symbols[factor.variable].known else None
            found |= dict.fromkeys(sorted(names), datum)
    for factor, residual in residuals:
        for term in residual.terms:
            read = (term.variables() & latents) - {factor.variable}
            for name in term.variables() & unknown if read else ():
                datum = factor.variable if symbols[factor.variable].known else found.get(name)
                found[name] = datum
    return found
