"""The log joint density as a sum over factors, one for each `~` of the model.

    log p = Σ_factors Σ_plates log density(value | arguments)

Each factor is a list of scalar terms, every index bound, and of quadratic forms kept whole; gates stand for the
discrete latents that the law is indexed by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from emdsl.algebra.deltas import resolve_deltas
from emdsl.algebra.derived import Derived
from emdsl.algebra.expand import Expansion, Quadratic
from emdsl.algebra.expressions import Expression, Name, Number
from emdsl.algebra.indices import Fixed, Index, IndexSource, Reference, Shift
from emdsl.algebra.operations import NotPolynomial, Split
from emdsl.algebra.symbols import (
    Scope,
    Symbol,
)
from emdsl.algebra.terms import (
    IDENTITY,
    MASK,
    QUADRATIC,
    SPLIT,
    Atom,
    Polynomial,
    Term,
    add,
    like_terms,
)
from emdsl.derive.law_terms import log_density_of, of_variable, unused_auxiliary
from emdsl.derive.refusal import not_compiled as not_compiled
from emdsl.derive.scope import is_partly_missing as is_partly_missing
from emdsl.derive.scope import scope_of, with_auxiliaries
from emdsl.derive.slots import at_slots, letters_of, started, times_of
from emdsl.errors import ModelError, Span
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Definition, Law, Role, Variable
from emdsl.structure.blocks import parameters


@dataclass(frozen=True)
class QuadraticTerm:
    """`cofactor · residual²` (or with a matrix precision), under the gates of its factor."""

    cofactor: Term
    quadratic: Quadratic


@dataclass(frozen=True)
class Factor:
    """The log density of one definition. `plates` are bound indices too: every term counts once for each row."""

    variable: str
    law: str
    plates: tuple[Index, ...]
    gates: tuple[tuple[Atom, Index], ...]
    terms: tuple[Term, ...]
    quadratics: tuple[QuadraticTerm, ...]
    span: Span | None


@dataclass(frozen=True)
class LogJoint:
    """All factors of a model, with the names that they use."""

    factors: tuple[Factor, ...]
    scope: Scope
    derived: Mapping[str, Derived]
    splits: Mapping[str, Split]
    source: IndexSource
    starts: Mapping[str, Polynomial] = field(default_factory=dict)
    """Values at which real latents over time start, with the axes of their series and events."""
    auxiliaries: Mapping[str, str] = field(default_factory=dict)
    """Auxiliary variables that integrate out, each with the variable whose law is written with it."""


def log_joint(bound: BoundModel, augmented: Mapping[str, str] | None = None) -> LogJoint:
    """Expand every definition of the model; what is not compiled yet is refused with its place.

    `augmented`: variables whose laws are written with an auxiliary variable, each with the law of that.
    """
    model, augmented = bound.checked.model, augmented or {}
    scope, auxiliaries = with_auxiliaries(scope_of(bound), bound, augmented)
    source, derived, splits = IndexSource(), dict[str, Derived](), dict[str, Split]()
    factors: list[Factor] = []
    starts: dict[str, Polynomial] = {}
    for variable in model.variables:
        for definition in variable.definitions:
            if _is_start(variable, definition, bound):
                starts[variable.name] = _start(variable, definition, scope, source, derived, splits)
            else:
                names = (name for name, own in auxiliaries.items() if own == variable.name)
                auxiliary = next(((name, augmented[variable.name]) for name in names), None)
                factors.append(factor_of(variable, definition, bound, scope, source, derived, splits, auxiliary))
    read = {item.variable for factor in factors for term in factor.terms for item in term.atoms}
    kept = {name: split for name, split in splits.items() if name in read}
    for factor in factors:
        _check_steps(factor, kept, bound)
    return LogJoint(tuple(factors), scope, derived, kept, source, starts, auxiliaries)


def _check_steps(factor: Factor, splits: Mapping[str, Split], bound: BoundModel) -> None:
    """A parameter is read at its own row: its terms at two rows would belong to one conditional."""
    values = [Polynomial(factor.terms)]
    for term in factor.terms:
        values += [Polynomial(splits[item.variable].log_alternatives) for item in term.atoms if item.variable in splits]
    for square in factor.quadratics:
        form = square.quadratic
        values += [Polynomial((square.cofactor,)), form.residual, *([form.precision] if form.precision else [])]
    atoms = [item for value in values for term in value.terms for item in term.atoms]
    steps = {item.variable for item in atoms if any(isinstance(one, Shift) for one in item.references)}
    if found := [name for name in parameters(bound) if name in steps]:
        variable = bound.checked.model.variable(found[0])
        assert variable is not None
        times = [one for one in bound.checked.model.plates if one.ordered and one.letter in variable.plates]
        through = f"given before[{times[0].letter}] : index[{times[0].size}]"
        raise not_compiled(
            f"the parameter `{variable.name}` at an earlier step, in the law of `{factor.variable}`",
            factor.span,
            "declare it `latent`" + (f", or read it by an index array: `{through}`" if not times[0].parents else ""),
        )


def _is_start(variable: Variable, definition: Definition, bound: BoundModel) -> bool:
    """Whether a definition says at which value a real latent starts."""
    real = bound.checked.types[variable.name].kind == "real"
    first = any(isinstance(slot, Number) and slot.value == 0 for slot in definition.slots)
    return variable.role is Role.LATENT and real and first and definition.law.family == "PointMass"


def _start(
    variable: Variable,
    definition: Definition,
    scope: Scope,
    source: IndexSource,
    derived: dict[str, Derived],
    splits: dict[str, Split],
) -> Polynomial:
    """The value of a start, with axes for the series and for the events."""
    symbol = scope.symbols[variable.name]
    letters, plates = letters_of(variable, definition, symbol, scope, source)
    expansion = Expansion(scope, source, derived, splits, letters)
    ((_, value),) = definition.law.arguments
    assert isinstance(value, Expression)
    try:
        expanded = expansion.expand(value)
    except NotPolynomial as refusal:
        span = refusal.span or definition.law.span
        raise not_compiled(of_variable(refusal.reason, variable), span, refusal.cure) from None
    if expansion.gates:
        raise not_compiled(f"a start of `{variable.name}` that depends on a latent", definition.span)
    event = expanded.axes or tuple(source.fresh(size, letter) for size, letter in symbol.event)
    return Polynomial(expanded.terms, plates + event)


def factor_of(
    variable: Variable,
    definition: Definition,
    bound: BoundModel,
    scope: Scope,
    source: IndexSource,
    derived: dict[str, Derived],
    splits: dict[str, Split],
    auxiliary: tuple[str, str] | None = None,
) -> Factor:
    """The log density of one definition; with its `auxiliary` variable, of this law, that of both."""
    symbol = scope.symbols[variable.name]
    if variable.role is Role.LATENT and symbol.kind == "count":
        raise _uncountable(variable, symbol, definition)
    times = times_of(variable, definition, bound, scope, source, auxiliary is not None)
    letters, plates = letters_of(variable, definition, symbol, scope, source, times)
    parameters = frozenset(one.name for one in bound.checked.model.variables if one.role is Role.PARAM)
    expansion = Expansion(scope, source, derived, splits, letters, times=times, timeless=parameters)
    subject = at_slots(variable.name, definition)
    if auxiliary is not None:
        expansion.auxiliary = at_slots(auxiliary[0], definition), auxiliary[1]
    try:
        value = log_density_of(definition.law, subject, variable, bound, expansion)
    except NotPolynomial as refusal:
        span = refusal.span or definition.law.span or definition.span
        raise not_compiled(of_variable(refusal.reason, variable), span, refusal.cure) from None
    value = _masked(value, variable, _own_references(expansion, symbol, definition), scope, unused_auxiliary(expansion))
    value = started(value, variable, definition, expansion)
    if not expansion.runs_over_own_group(value, symbol, _own_references(expansion, symbol, definition)):
        raise not_compiled(
            f"`{variable.name}`, which runs over the size of a group that is not its own",
            definition.law.span or definition.span,
            "give it the letters of the group",
        )
    bound_terms = tuple(
        one
        for term in value.terms
        for one in resolve_deltas(
            Polynomial((_bind(term, value.axes + plates, expansion),)), _in_squares(term, expansion)
        ).terms
    )
    bound_terms = _without_choices(tuple(_with_whole_simplexes(term, scope) for term in bound_terms), splits, scope)
    terms = tuple(term for term in bound_terms if not any(item.statistic == QUADRATIC for item in term.atoms))
    marked = (term for term in bound_terms if any(item.statistic == QUADRATIC for item in term.atoms))
    quadratics = tuple(_whole(term, expansion.quadratics, definition.law, variable) for term in marked)
    gates = tuple((key, index) for key, index in expansion.gates.items())
    return Factor(variable.name, definition.law.family, plates, gates, terms, quadratics, definition.span)


def _uncountable(variable: Variable, symbol: Symbol, definition: Definition) -> ModelError:
    """The refusal of unknown counts that are not one of finitely many states."""
    law = definition.law.family
    if symbol.event:
        reason = f"`{variable.name}`, a latent vector of counts: its states are too many to be summed over"
        cure = "write a Categorical latent for each trial" if law == "Multinomial" else "give its entries a plate"
    else:
        reason = f"`{variable.name}`, a latent that may be any count: its states are infinitely many"
        slots = f"[{', '.join(variable.plates)}]" if variable.plates else ""
        cure = f"give it a law on finitely many states: `latent {variable.name}{slots} : index[3] ~ Binomial(2, p)`"
        cure = "keep it to a largest value: `PointMass(min(…, 9))`" if law == "PointMass" else cure
    return not_compiled(reason, definition.law.span or definition.span, cure)


def _with_whole_simplexes(term: Term, scope: Scope) -> Term:
    """Σ_k π_k = 1, where nothing else depends on k."""
    for item in term.atoms:
        symbol = scope.symbols.get(item.variable)
        if symbol is None or symbol.kind != "simplex" or item.statistic != IDENTITY or not item.references:
            continue
        last = item.references[-1]
        others = [other for other in term.atoms if other is not item]
        alone = isinstance(last, Index) and last in term.bound and last not in item.references[:-1]
        if alone and not any(last in other.indices for other in others):
            bound = tuple(index for index in term.bound if index != last)
            return _with_whole_simplexes(Term(term.coefficient, tuple(others), bound), scope)
    return term


def _without_choices(terms: tuple[Term, ...], splits: Mapping[str, Split], scope: Scope) -> tuple[Term, ...]:
    """Minus the logarithm of a sum is no log partition of a choice, but may be a statistic of one unknown."""

    def is_negative(term: Term) -> bool:
        known = (scope.symbols.get(item.variable) for item in term.atoms)
        return term.coefficient < 0 and not any(symbol is not None and symbol.kind == "real" for symbol in known)

    positive = {item.variable for term in terms if not is_negative(term) for item in term.atoms}
    found: list[Term] = []
    for term in terms:
        item = next((one for one in term.atoms if one.statistic == SPLIT and one.variable not in positive), None)
        split = splits[item.variable] if item is not None else None
        if item is None or split is None or not split.statistic:
            found.append(term)
            continue
        rest = tuple(one for one in term.atoms if one is not item)
        for part in split.statistic:
            moved = part.substitute(dict(zip(split.indices, item.references, strict=True)))
            found.append(replace(term, coefficient=term.coefficient * moved.coefficient, atoms=(*rest, *moved.atoms)))
    return tuple(found)


def _own_references(expansion: Expansion, symbol: Symbol, definition: Definition) -> tuple[Reference, ...]:
    """The subject's own references."""
    written = tuple(expansion.reference(slot) for slot in definition.slots)
    return expansion.flat(symbol, written, Name(symbol.name))


def _bind(term: Term, axes: tuple[Index, ...], expansion: Expansion) -> Term:
    """Multiply by the gates and bind every remaining index.

    A gate whose index occurs nowhere else sums to one and is dropped; but the only gate of a law stays on every term
    except those of the data alone, so that all terms of one law share their statistics.
    """
    used = term.indices | _in_squares(term, expansion)
    unknown = any(item.statistic in (QUADRATIC, SPLIT) or not expansion.is_known(item) for item in term.atoms)
    constant = all(not item.references for item in term.atoms)
    keep_all = (unknown or constant) and len(expansion.gates) == 1
    for key, index in reversed(expansion.gates.items()):  # a state may be the place at which a later one is read
        used |= key.indices if index in used else frozenset()
    gates = tuple((key, index) for key, index in expansion.gates.items() if keep_all or index in used)
    atoms = tuple(Atom(key.variable, key.statistic, (*key.references, index)) for key, index in gates)
    return replace(term, atoms=atoms + term.atoms, bound=axes + tuple(index for _, index in gates) + term.bound)


def _in_squares(term: Term, expansion: Expansion) -> frozenset[Index]:
    """The indices in the quadratic forms that a term marks."""
    forms = [expansion.quadratics[int(item.variable)] for item in term.atoms if item.statistic == QUADRATIC]
    parts = [part for form in forms for part in (form.residual, form.precision) if part is not None]
    return frozenset(index for part in parts for inner in part.terms for index in inner.indices)


def _whole(term: Term, quadratics: list[Quadratic], law: Law, variable: Variable) -> QuadraticTerm:
    marker, *others = (item for item in term.atoms if item.statistic == QUADRATIC)
    quadratic = quadratics[int(marker.variable)]
    inside = [*quadratic.residual.terms, *(quadratic.precision.terms if quadratic.precision else ())]
    if others or any(item.statistic == QUADRATIC for one in inside for item in one.atoms):
        raise not_compiled(of_variable("a product of squares of unknowns", variable), law.span)
    axes = quadratic.residual.axes if quadratic.precision is None else quadratic.residual.axes[:-1]
    replacement = dict(zip(axes, marker.references, strict=True))
    residual = quadratic.residual.substitute(replacement)
    precision = None if quadratic.precision is None else quadratic.precision.substitute(replacement)
    rest = tuple(item for item in term.atoms if item is not marker)
    return QuadraticTerm(replace(term, atoms=rest), Quadratic(residual, precision))


def _masked(
    value: Polynomial, variable: Variable, plates: tuple[Reference, ...], scope: Scope, unused: Polynomial
) -> Polynomial:
    """Missing entries contribute log 1: no term counts but the law of an auxiliary variable that no datum uses.

    A law that couples the entries of a vector or a matrix has these missing all together, so that the first one tells.
    """
    if not variable.missing or not scope.symbols[variable.name].known:
        return value
    coupled = len(scope.symbols[variable.name].event) - len(value.axes)
    mask = Atom(variable.name, MASK, plates + value.axes + (Fixed(0),) * coupled)
    if unused.terms:
        value = add(value, unused.scaled(-1.0))
        value = Polynomial(like_terms(value.terms), value.axes)
    masked = Polynomial(tuple(replace(t, atoms=(*t.atoms, mask)) for t in value.terms), value.axes)
    return add(masked, unused) if unused.terms else masked
