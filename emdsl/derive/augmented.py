"""Laws whose density is no sum of products of statistics, written with an auxiliary variable that integrates out.

    p(x) = ∫ p(x, u) du        u is a latent like any other: its law given the rest is conjugate

A negative binomial is a Poisson with a Gamma rate, a Student's t a normal with a Gamma precision, a logistic law a
normal with a Pólya-Gamma precision. Which laws are so written is found by trial: those that have no other form.
"""

from __future__ import annotations

from emdsl.algebra.indices import IndexSource
from emdsl.algebra.operations import Derived, Split
from emdsl.algebra.terms import SPLIT
from emdsl.derive.log_joint import factor_of
from emdsl.derive.scope import augmentation_of, scope_of
from emdsl.errors import ModelError
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Role, Variable


def augmentable(bound: BoundModel) -> tuple[frozenset[str], frozenset[str]]:
    """Variables whose laws have no form but that with an auxiliary variable; and all whose laws may be so written."""
    needed, possible = set(), set()
    for variable in bound.checked.model.variables:
        laws = [definition.law for definition in variable.definitions]
        if variable.role is Role.PARAM or not laws or any(augmentation_of(law) is None for law in laws):
            continue
        possible.add(variable.name)
        if not _is_polynomial(variable, bound):
            needed.add(variable.name)
    return frozenset(needed), frozenset(possible)


def _is_polynomial(variable: Variable, bound: BoundModel) -> bool:
    """Whether all laws of a variable have terms without an auxiliary variable."""
    scope, source = scope_of(bound), IndexSource()
    derived, splits = dict[str, Derived](), dict[str, Split]()
    try:
        factors = [factor_of(variable, one, bound, scope, source, derived, splits) for one in variable.definitions]
    except ModelError:
        return False
    terms = [term for factor in factors for term in factor.terms]
    positive = {item.variable for term in terms if term.coefficient > 0 for item in term.atoms}
    return all(item.variable in positive for term in terms for item in term.atoms if item.statistic == SPLIT)
