"""Known variables of which a residual has a coefficient beside another unknown: x in y − a − b x.

Their coefficients are solved for together, from Σ x² and Σ x: digits are lost where x is many spreads away from zero.
"""

from __future__ import annotations

from emdsl.algebra.terms import IDENTITY
from emdsl.derive.centre import is_known
from emdsl.derive.log_joint import LogJoint


def beside_others(joint: LogJoint) -> frozenset[str]:
    """The given and observed variables that multiply one of several unknowns of a residual, or several: X @ b."""
    symbols = joint.scope.symbols
    found: set[str] = set()
    for factor in joint.factors:
        for part in factor.quadratics:
            terms = part.quadratic.residual.terms
            sought = [term for term in terms if not all(is_known(item, joint.scope, joint) for item in term.atoms)]
            for term in sought:
                known = [item for item in term.atoms if item.variable in symbols and symbols[item.variable].known]
                alone = len(sought) == 1 and not term.bound
                if len(known) == 1 and known[0].statistic == IDENTITY and not alone:
                    found.add(known[0].variable)
    return frozenset(found)
