"""Laws whose density is no sum of products of statistics, written with an auxiliary variable that integrates out.

    p(x) = ∫ p(x, u) du        u is a latent like any other: its law given the rest is conjugate

A negative binomial is a Poisson with a Gamma rate, a Student's t a normal with a Gamma precision, a logistic law a
normal with a Pólya-Gamma precision. Which laws are so written is found by trial: those that have no other form.
"""

from __future__ import annotations

from emdsl.algebra.derived import Derived
from emdsl.algebra.indices import IndexSource
from emdsl.algebra.operations import Split
from emdsl.algebra.terms import SPLIT
from emdsl.derive.log_joint import Factor, factor_of
from emdsl.derive.scope import augmentations_of, scope_of, with_auxiliaries
from emdsl.errors import ModelError
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Role, Variable


def augmentable(bound: BoundModel) -> tuple[dict[str, str], dict[str, str]]:
    """Variables whose laws have no form but that with an auxiliary variable; and all whose laws may be so written.

    Each with the law of its auxiliary variable: the first by which all its laws have terms.
    """
    needed, possible = dict[str, str](), dict[str, str]()
    for variable in bound.checked.model.variables:
        laws = [one.law for definition in variable.definitions for one in augmentations_of(definition.law)]
        if variable.role is Role.PARAM or not laws:
            continue
        ways = tuple(dict.fromkeys(laws))
        way = next((one for one in ways if _is_polynomial(variable, bound, one)), None)
        if way is not None:
            possible[variable.name] = way
        if not _is_polynomial(variable, bound, None):
            needed[variable.name] = way or next(
                (one for one in ways if _takes_arguments(variable, bound, one)), ways[0]
            )
    return needed, {**possible, **needed}


def _is_polynomial(variable: Variable, bound: BoundModel, law: str | None) -> bool:
    """Whether all laws of a variable have terms, with an auxiliary variable of this law or without one."""
    try:
        factors = _factors(variable, bound, law)
    except ModelError:
        return False
    terms = [term for factor in factors for term in factor.terms]
    positive = {item.variable for term in terms if term.coefficient > 0 for item in term.atoms}
    return all(item.variable in positive for term in terms for item in term.atoms if item.statistic == SPLIT)


def _takes_arguments(variable: Variable, bound: BoundModel, law: str) -> bool:
    """Whether what laws with an auxiliary variable lack is not within their arguments: that one of these be known."""
    try:
        _factors(variable, bound, law)
    except ModelError as refusal:
        return refusal.span in [definition.law.span for definition in variable.definitions]
    return True


def _factors(variable: Variable, bound: BoundModel, law: str | None) -> list[Factor]:
    scope, auxiliaries = with_auxiliaries(scope_of(bound), bound, {} if law is None else {variable.name: law})
    auxiliary = next(((name, law) for name in auxiliaries if law is not None), None)
    source, derived, splits = IndexSource(), dict[str, Derived](), dict[str, Split]()
    return [factor_of(variable, one, bound, scope, source, derived, splits, auxiliary) for one in variable.definitions]
