"""The log joint density as a sum over factors, one for each `~` of the model.

    log p = Σ_factors Σ_plates log density(value | arguments)

Each factor is a list of scalar terms, every index bound, and of quadratic forms kept whole; gates stand for the
discrete latents that the law is indexed by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from emdsl.algebra.deltas import resolve_deltas
from emdsl.algebra.expand import Expansion, Quadratic
from emdsl.algebra.expressions import Expression, Name, Number, Subscript, renamed
from emdsl.algebra.indices import Fixed, Index, IndexSource, Reference
from emdsl.algebra.operations import IMPOSSIBLE, Derived, NotPolynomial, Split
from emdsl.algebra.symbols import Scope, Symbol, first_table, parent_table, position_table
from emdsl.algebra.terms import (
    DELTA,
    IDENTITY,
    MASK,
    QUADRATIC,
    SPLIT,
    STRUCTURE,
    Atom,
    Polynomial,
    Term,
    add,
    multiply,
)
from emdsl.derive.refusal import not_compiled as not_compiled
from emdsl.derive.slots import letters_of, names_of, started, times_of
from emdsl.errors import Span
from emdsl.families.registry import family
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Definition, Law, Model, Role, Type, Variable


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


def scope_of(bound: BoundModel) -> Scope:
    """Every variable of the model as a symbol."""
    model = bound.checked.model
    ragged = {plate.letter: plate.parents for plate in model.plates if plate.parents}
    symbols = _tables_of_ragged(model, bound)
    for variable in model.variables:
        kind = bound.checked.types[variable.name]
        swallowed = {parent for letter in variable.plates for parent in ragged.get(letter, ())}
        symbols[variable.name] = Symbol(
            name=variable.name,
            known=_is_known(variable, kind),
            kind=kind.kind,
            plates=tuple((_plate_size(model, letter), letter) for letter in variable.plates if letter not in swallowed),
            event=tuple((_size(dim, bound), _letter(dim, position)) for position, dim in enumerate(kind.event_shape)),
            categories=_size(kind.dims[0], bound) if kind.kind == "index" else None,
            value=variable.value,
            letters=variable.plates,
        )
    return Scope(symbols, bound.constants, ragged)


def _tables_of_ragged(model: Model, bound: BoundModel) -> dict[str, Symbol]:
    """What is known of each ragged plate: the groups of its rows, their positions, first rows, and lengths."""
    symbols = {}
    for plate in model.plates:
        if not plate.parents:
            continue
        rows = ((_plate_size(model, plate.letter), plate.letter),)
        groups = tuple((_plate_size(model, parent), parent) for parent in plate.parents)
        for parent in plate.parents:
            name = parent_table(plate.letter, parent)
            size = _plate_size(model, parent)
            symbols[name] = Symbol(name, True, "index", rows, categories=size, letters=(plate.letter,))
        position, first = position_table(plate.letter), first_table(plate.letter)
        symbols[position] = Symbol(position, True, "count", rows, letters=(plate.letter,))
        symbols[first] = Symbol(first, True, "index", groups, categories=rows[0][0], letters=plate.parents)
        if isinstance(plate.size, str) and plate.size not in symbols:
            symbols[plate.size] = Symbol(plate.size, True, "count", groups, letters=plate.parents)
    return symbols


def _is_known(variable: Variable, kind: Type) -> bool:
    """Data are known, but for vectors that may miss some of their entries: those are inferred from the others."""
    if variable.role is Role.GIVEN:
        return True
    return variable.role is Role.OBSERVED and not is_partly_missing(variable, kind)


def is_partly_missing(variable: Variable, kind: Type) -> bool:
    """Whether entries of one value may be missing that the law couples to the others."""
    law = variable.definitions[0].law.family if variable.definitions else ""
    return variable.missing and variable.role is Role.OBSERVED and law in COUPLED_LAWS and bool(kind.event_shape)


#: Laws that couple the entries of a value by a precision matrix.
COUPLED_LAWS = ("MvNormal",)


def _size(dim: Expression, bound: BoundModel) -> str | int:
    if isinstance(dim, Number):
        return int(dim.value)
    if isinstance(dim, Name):
        return dim.name
    raise not_compiled("a size that is not a name or a number", dim.span)


def _plate_size(model: Model, letter: str) -> str | int:
    """The size of a plate; that of a ragged one is the number of its rows in all groups."""
    plate = model.plate(letter)
    assert plate is not None
    return f"rows of {letter}" if plate.parents else plate.size


def _letter(dim: Expression, position: int) -> str:
    """A letter for an event axis: that of its size, and the next ones for further axes of the same size."""
    first = dim.name[:1].lower() if isinstance(dim, Name) and dim.name[:1].isalpha() else "i"
    return chr((ord(first) - ord("a") + position) % 26 + ord("a"))


def log_joint(bound: BoundModel) -> LogJoint:
    """Expand every definition of the model; what is not compiled yet is refused with its place."""
    model = bound.checked.model
    scope, source, derived, splits = scope_of(bound), IndexSource(), dict[str, Derived](), dict[str, Split]()
    factors: list[Factor] = []
    starts: dict[str, Polynomial] = {}
    for variable in model.variables:
        for definition in variable.definitions:
            if _is_start(variable, definition, bound):
                starts[variable.name] = _start(variable, definition, scope, source, derived, splits)
            else:
                factors.append(_factor(variable, definition, bound, scope, source, derived, splits))
    return LogJoint(tuple(factors), scope, derived, splits, source, starts)


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
        raise not_compiled(refusal.reason, refusal.span or definition.law.span) from None
    if expansion.gates:
        raise not_compiled(f"a start of `{variable.name}` that depends on a latent", definition.span)
    event = expanded.axes or tuple(source.fresh(size, letter) for size, letter in symbol.event)
    return Polynomial(expanded.terms, plates + event)


def _factor(
    variable: Variable,
    definition: Definition,
    bound: BoundModel,
    scope: Scope,
    source: IndexSource,
    derived: dict[str, Derived],
    splits: dict[str, Split],
) -> Factor:
    symbol = scope.symbols[variable.name]
    times = times_of(variable, definition, bound, scope, source)
    letters, plates = letters_of(variable, definition, symbol, scope, source, times)
    parameters = frozenset(one.name for one in bound.checked.model.variables if one.role is Role.PARAM)
    expansion = Expansion(scope, source, derived, splits, letters, times=times, timeless=parameters)
    subject: Expression = Name(variable.name)
    if definition.slots:
        subject = Subscript(subject, definition.slots)
    try:
        value = _log_density(definition.law, subject, variable, bound, expansion)
    except NotPolynomial as refusal:
        raise not_compiled(refusal.reason, refusal.span or definition.law.span or definition.span) from None
    value = _masked(value, variable, _own_references(expansion, symbol, definition), scope)
    value = started(value, variable, definition, expansion)
    bound_terms = resolve_deltas(
        Polynomial(tuple(_bind(term, value.axes + plates, expansion, source) for term in value.terms))
    ).terms
    bound_terms = tuple(_with_whole_simplexes(term, scope) for term in bound_terms)
    terms = tuple(term for term in bound_terms if not any(item.statistic == QUADRATIC for item in term.atoms))
    marked = (term for term in bound_terms if any(item.statistic == QUADRATIC for item in term.atoms))
    quadratics = tuple(_whole(term, expansion.quadratics, definition.law) for term in marked)
    gates = tuple((key, index) for key, index in expansion.gates.items())
    return Factor(variable.name, definition.law.family, plates, gates, terms, quadratics, definition.span)


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


def _own_references(expansion: Expansion, symbol: Symbol, definition: Definition) -> tuple[Reference, ...]:
    """The subject's own references."""
    written = tuple(expansion.reference(slot) for slot in definition.slots)
    return expansion.flat(symbol, written, Name(symbol.name))


def _bind(term: Term, axes: tuple[Index, ...], expansion: Expansion, source: IndexSource) -> Term:
    """Multiply by the gates and bind every remaining index.

    A gate whose index occurs nowhere else sums to one and is dropped; but the only gate of a law stays on every term
    except those of the data alone, so that all terms of one law share their statistics.
    """
    used = set(term.indices)
    for item in term.atoms:
        if item.statistic == QUADRATIC:
            quadratic = expansion.quadratics[int(item.variable)]
            parts = (quadratic.residual, *((quadratic.precision,) if quadratic.precision else ()))
            used |= {index for part in parts for inner in part.terms for index in inner.indices}
    unknown = any(item.statistic in (QUADRATIC, SPLIT) or not expansion.is_known(item) for item in term.atoms)
    constant = all(not item.references for item in term.atoms)
    keep_all = (unknown or constant) and len(expansion.gates) == 1
    gates = tuple((key, index) for key, index in expansion.gates.items() if keep_all or index in used)
    atoms = tuple(Atom(key.variable, key.statistic, (*key.references, index)) for key, index in gates)
    return replace(term, atoms=atoms + term.atoms, bound=axes + tuple(index for _, index in gates) + term.bound)


def _whole(term: Term, quadratics: list[Quadratic], law: Law) -> QuadraticTerm:
    marker, *others = (item for item in term.atoms if item.statistic == QUADRATIC)
    if others:
        raise not_compiled("a product of squares of unknowns", law.span)
    quadratic = quadratics[int(marker.variable)]
    axes = quadratic.residual.axes if quadratic.precision is None else quadratic.residual.axes[:-1]
    replacement = dict(zip(axes, marker.references, strict=True))
    residual = quadratic.residual.substitute(replacement)
    precision = None if quadratic.precision is None else quadratic.precision.substitute(replacement)
    rest = tuple(item for item in term.atoms if item is not marker)
    return QuadraticTerm(replace(term, atoms=rest), Quadratic(residual, precision))


def _masked(value: Polynomial, variable: Variable, plates: tuple[Reference, ...], scope: Scope) -> Polynomial:
    """Missing entries contribute log 1: every term is multiplied by the mask of the datum."""
    if not variable.missing or not scope.symbols[variable.name].known:
        return value
    mask = Atom(variable.name, MASK, plates + value.axes)
    return Polynomial(tuple(replace(t, atoms=(*t.atoms, mask)) for t in value.terms), value.axes)


def _log_density(
    law: Law, subject: Expression, variable: Variable, bound: BoundModel, expansion: Expansion
) -> Polynomial:
    """The law's formula with its arguments in place; its axes are those of an entry-by-entry law."""
    if law.limits is not None:
        raise not_compiled(f"a {law.limits.kind} law", law.limits.span or law.span)
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
        raise not_compiled(f"the law `{law.family}`", law.span)
    positional = iter(known.arguments)
    given = _plain({name if name is not None else next(positional).name: value for name, value in law.arguments}, law)
    form = known.form(given)
    if form is None or form.log_density is None:
        raise not_compiled(f"the law `{law.family}` in this form", law.span)
    types = bound.checked.types[variable.name]
    sizes = dict(zip(form.dims, (_size(dim, bound) for dim in types.dims[-len(form.dims) :]), strict=False))
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
    return expansion.expand(form.log_density(Name("@value"), **canonical))


def _switch(law: Law, subject: Expression, variable: Variable, bound: BoundModel, expansion: Expansion) -> Polynomial:
    """Σ_c [s = c] · log density of the c-th law."""
    (_, selector), *branches = law.arguments
    if not isinstance(selector, Expression):
        raise not_compiled("`switch` without an index", law.span)
    chosen = expansion.reference(selector)
    result = Polynomial(())
    for position, (_, branch) in enumerate(branches):
        if not isinstance(branch, Law):
            raise not_compiled("`switch` of something that is no law", law.span)
        value = _log_density(branch, subject, variable, bound, expansion)
        case = Polynomial((Term(1.0, (Atom(STRUCTURE, DELTA, (chosen, Fixed(position))),)),))
        result = add(result, multiply(value, case, expansion.source))
    return result


def _point_mass(law: Law, subject: Expression, variable: Variable, expansion: Expansion) -> Polynomial:
    """log [y = value]: zero where it holds, and beyond every finite number where it does not."""
    ((_, value),) = law.arguments
    symbol = expansion.scope.symbols[variable.name]
    if not isinstance(value, Expression) or not (symbol.known or symbol.is_gate):
        raise not_compiled("`PointMass` as the law of something unknown", law.span)
    one, two = expansion.expand(subject), expansion.expand(value)
    if not all(expansion.is_known(item) for term in two.terms for item in term.atoms):
        raise not_compiled("`PointMass` at something unknown", law.span)
    return expansion.derive("differs", (one, two), value).scaled(-IMPOSSIBLE)


def _plain(arguments: Mapping[str, Expression | Law], law: Law) -> dict[str, Expression]:
    for value in arguments.values():
        if isinstance(value, Law):
            raise not_compiled(f"`{law.family}` of laws", law.span)
    return {name: value for name, value in arguments.items() if isinstance(value, Expression)}


def uses(variable: Variable) -> frozenset[str]:
    """Names in the arguments of a variable's definitions."""
    return frozenset().union(*(names_of(definition) for definition in variable.definitions))
