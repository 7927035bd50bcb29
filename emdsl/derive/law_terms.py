"""The log density of a law with its arguments in place, as a polynomial in statistics.

log p(x | a)                       the formula of the family, or of a `dist`
log p(x, u | a)                    with its auxiliary variable u, which integrates out
Σ_c [s = c] log p_c(x)             `switch`
log [x = v]                        `PointMass`
"""

from __future__ import annotations

from collections.abc import Mapping

from emdsl.algebra.cases import TooManyStates
from emdsl.algebra.expand import Expansion
from emdsl.algebra.expressions import Expression, Name, renamed
from emdsl.algebra.indices import Fixed
from emdsl.algebra.operations import IMPOSSIBLE, NotPolynomial, NoValue
from emdsl.algebra.terms import DELTA, STRUCTURE, Atom, Polynomial, Term, add, multiply
from emdsl.derive.refusal import not_compiled, where_unknown
from emdsl.derive.scope import augmentations_of, size_of
from emdsl.families.family import Augmentation
from emdsl.families.notation import log_polya_gamma
from emdsl.families.registry import family
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Law, Role, Variable


def log_density_of(
    law: Law, subject: Expression, variable: Variable, bound: BoundModel, expansion: Expansion
) -> Polynomial:
    """The law's formula with its arguments in place; its axes are those of an entry-by-entry law.

    A law that has no use for the auxiliary variable of another one, or has terms without it where it has none with it,
    leaves that a law of its own, which sums to one.
    """
    if expansion.auxiliary is None or law.family == "switch":
        return _formula(law, subject, variable, bound, expansion)
    augmentation = _augmentation(law, expansion)
    if augmentation is not None:
        try:
            return _formula(law, subject, variable, bound, expansion, augmentation)
        except NotPolynomial as refusal:
            try:
                return add(_formula(law, subject, variable, bound, expansion), unused_auxiliary(expansion))
            except NotPolynomial:
                raise refusal from None
    return add(_formula(law, subject, variable, bound, expansion), unused_auxiliary(expansion))


def unused_auxiliary(expansion: Expansion) -> Polynomial:
    """The log density of an auxiliary variable that no datum uses: a law of its own kind."""
    if expansion.auxiliary is None:
        return Polynomial(())
    variable, law = expansion.auxiliary
    return expansion.expand(log_polya_gamma(variable) if law == "Pólya-Gamma" else -variable)


def _augmentation(law: Law, expansion: Expansion) -> Augmentation | None:
    """How the law is written with the auxiliary variable, if it is."""
    own = None if expansion.auxiliary is None else expansion.auxiliary[1]
    return next((one for one in augmentations_of(law) if one.law == own), None)


def _formula(
    law: Law,
    subject: Expression,
    variable: Variable,
    bound: BoundModel,
    expansion: Expansion,
    augmentation: Augmentation | None = None,
) -> Polynomial:
    if law.limits is not None:
        raise not_compiled(f"`{variable.name}` with a {law.limits.kind} law", law.limits.span or law.span)
    custom = next((dist for dist in bound.checked.model.distributions if dist.name == law.family), None)
    if custom is not None:
        expressions = [argument for _, argument in law.arguments]
        bindings = dict(zip((name for name, _ in custom.parameters), expressions, strict=True))
        own = {custom.subject[0]: subject, **_plain(bindings, law)}
        expansion.arguments = {f"@{name}": value for name, value in own.items()}
        return expansion.expand(renamed(custom.log_density, {name: f"@{name}" for name in own}))
    if law.family == "switch":
        return _switch(law, subject, variable, bound, expansion)
    if law.family == "PointMass":
        return _point_mass(law, subject, variable, expansion)
    known = family(law.family)
    if known is None:
        raise not_compiled(f"`{variable.name}` with the law `{law.family}`", law.span)
    positional = iter(known.arguments)
    given = _plain({name if name is not None else next(positional).name: value for name, value in law.arguments}, law)
    form = known.form(given)
    if form is None or form.log_density is None:
        raise not_compiled(f"`{variable.name}` with the law `{law.family}` in this form", law.span)
    types = bound.checked.types[variable.name]
    sizes = dict(zip(form.dims, (size_of(dim, bound) for dim in types.dims[-len(form.dims) :]), strict=False))
    shapes = {}
    for name in given:
        argument = form.argument(name)
        assert argument is not None
        dims = argument.dims * 2 if argument.support == "cov" else argument.dims
        if argument.rank and all(dim in sizes or isinstance(dim, int) for dim in dims):
            shapes[f"@{name}"] = tuple(dim if isinstance(dim, int) else sizes[dim] for dim in dims)
    expansion.arguments = {"@value": subject, **{f"@{name}": value for name, value in given.items()}}
    expansion.shapes = shapes
    canonical = form.canonical({name: Name(f"@{name}") for name in given})
    density = form.log_density(Name("@value"), **canonical)
    if expansion.auxiliary is not None and augmentation is not None:
        expansion.arguments = {**expansion.arguments, "@auxiliary": expansion.auxiliary[0]}
        density = augmentation.log_joint(Name("@value"), Name("@auxiliary"), **canonical)
    try:
        value = expansion.expand(density)
    except NotPolynomial as refusal:
        if refusal.span is not None:
            raise
        if isinstance(refusal, NoValue | TooManyStates):
            raise NotPolynomial(refusal.reason, law.span, refusal.cure) from None
        raise where_unknown(law, density, tuple(given), expansion, refusal.cure) from None
    if form.outcomes_apart is not None and any(abs(term.coefficient) >= IMPOSSIBLE for term in value.terms):
        return expansion.expand(form.outcomes_apart(Name("@value"), **canonical))
    return value


def _switch(law: Law, subject: Expression, variable: Variable, bound: BoundModel, expansion: Expansion) -> Polynomial:
    """Σ_c [s = c] · log density of the c-th law."""
    (_, selector), *branches = law.arguments
    if not isinstance(selector, Expression):
        raise not_compiled(of_variable("`switch` without an index", variable), law.span)
    chosen = expansion.reference(selector)
    result = Polynomial(())
    for position, (_, branch) in enumerate(branches):
        if not isinstance(branch, Law):
            raise not_compiled(of_variable("`switch` of something that is no law", variable), law.span)
        value = log_density_of(branch, subject, variable, bound, expansion)
        case = Polynomial((Term(1.0, (Atom(STRUCTURE, DELTA, (chosen, Fixed(position))),)),))
        result = add(result, multiply(value, case, expansion.source))
    return result


def _point_mass(law: Law, subject: Expression, variable: Variable, expansion: Expansion) -> Polynomial:
    """log [y = value]: zero where it holds, and beyond every finite number where it does not."""
    ((_, value),) = law.arguments
    symbol = expansion.scope.symbols[variable.name]
    if not isinstance(value, Expression) or not (symbol.known or symbol.is_gate):
        slots = f"[{', '.join(variable.plates)}]" if variable.plates else ""
        cure = f"where it can only be 0 or 1, say `latent {variable.name}{slots} : index[2] ~ PointMass(…)`"
        reason = f"`{variable.name}` with the law `PointMass`: it is unknown and not discrete"
        raise not_compiled(reason, law.span, cure if variable.role is Role.LATENT else None)
    one, two = expansion.expand(subject), expansion.expand(value)
    if not all(expansion.is_known(item) for term in two.terms for item in term.atoms):
        raise not_compiled(f"`{variable.name}` with the law `PointMass` at something unknown", law.span)
    return expansion.derive("differs", (one, two), value).scaled(-IMPOSSIBLE)


def of_variable(reason: str, variable: Variable) -> str:
    """The reason of a refusal, and in whose law it lies."""
    return reason if f"`{variable.name}`" in reason else f"{reason}, in the law of `{variable.name}`"


def _plain(arguments: Mapping[str, Expression | Law], law: Law) -> dict[str, Expression]:
    for value in arguments.values():
        if isinstance(value, Law):
            raise not_compiled(f"`{law.family}` of laws", law.span)
    return {name: value for name, value in arguments.items() if isinstance(value, Expression)}
