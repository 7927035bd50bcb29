"""Laws: their arguments by name, the sizes that tie them together, and the type of what is drawn.

    MvNormal(mean: real[D], prec: cov[D]) : real[D]

Sizes of one name are equal throughout a law; a number stands for a vector or matrix of any size; a law of a single
number on a vector type holds entry by entry, and its arguments may then be such vectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from emdsl.algebra.expressions import Expression, names
from emdsl.errors import ModelError, Span
from emdsl.families.family import ANY, Argument, Family
from emdsl.families.registry import FAMILIES, family
from emdsl.model import mistakes
from emdsl.model.indexing import Scope
from emdsl.model.names import closest
from emdsl.model.reading import Reader
from emdsl.model.shapes import UNKNOWN, Dim, Shape, Value, known, merged, shape_text, widest
from emdsl.model.spelling import spelled
from emdsl.model.statements import Law, Limits, Role, Type
from emdsl.model.supports import TOLERANCE, WORDS, literal, outside, surely_outside

SWITCH = "switch"

#: Arguments that may be 0: a count of rate 0 is 0.
_MAY_VANISH = frozenset({("Poisson", "rate"), ("NegBinomial", "mean")})

#: Arguments that say the same thing otherwise, in the order in which messages offer them.
_CUSTOMARY = ("sd", "var", "cov", "rate", "scale", "prec", "chol")

#: Widening when laws are mixed: zero inflation, hurdles and the like.
_WIDER = {"unit": "positive", "positive": "real", "index": "count"}


@dataclass(frozen=True)
class Given:
    """One argument as given: what the family asks for, and what was written."""

    argument: Argument
    expression: Expression


def laws_of_language() -> Iterator[str]:
    """The names of all built-in laws."""
    for entry in FAMILIES:
        yield entry.name
    yield SWITCH


def expressions(law: Law) -> Iterator[Expression]:
    """Every expression of a law, those of the laws of a `switch` and the limits included."""
    for _, argument in law.arguments:
        if isinstance(argument, Law):
            yield from expressions(argument)
        else:
            yield argument
    if law.limits is not None:
        yield law.limits.low
        yield law.limits.high


def drawn(law: Law, scope: Scope, declared: Value | None, reader: Reader) -> Value:
    """The value that a law draws, as one event; `declared` is the declared type, when there is one.

    Raises ModelError on the first mistake in the law.
    """
    if law.family == SWITCH:
        result = _switch(law, scope, declared, reader)
    elif law.family == "PointMass":
        result = _point_mass(law, scope, declared, reader)
    else:
        result = _standard(law, scope, declared, reader)
    return result if law.limits is None else _limited(result, law, law.limits, scope, reader)


def _standard(law: Law, scope: Scope, declared: Value | None, reader: Reader) -> Value:
    given, support, dims = _arguments(law, reader)
    values = [reader.read(entry.expression, scope) for entry in given]
    for entry, value in zip(given, values, strict=True):
        _check_support(law, entry, value, reader)
    rank = {"cov": 2, "index": 0}.get(support, len(dims))
    tied = _tie_declared(declared, support, dims)
    for entry, value in zip(given, values, strict=True):
        if entry.argument.rank > 0:
            _tie(law, entry, value, tied, scope, reader)
    resolved = tuple(tied.get(dim) if isinstance(dim, str) else dim for dim in dims)
    if rank > 0:
        event: Shape | None = resolved * 2 if support == "cov" else resolved
    else:
        event = _entrywise(law, given, values, support, declared, scope, reader)
    for entry, value in zip(given, values, strict=True):
        if rank > 0 and entry.argument.rank == 0 and value.shape:
            raise _shape_mistake(law, entry, value, "a number", scope, reader)
    size = resolved[0] if support == "index" else _range(law, given, values)
    return Value(event, support, size)


def _range(law: Law, given: list[Given], values: list[Value]) -> Dim:
    """The range of a binomial count: n + 1, or that of the number of trials where this has one."""
    for entry, value in zip(given, values, strict=True):
        if law.family == "Binomial" and entry.argument.name == "n":
            return value.size if value.number is None else int(value.number) + 1  # Checked to be a whole number.
    return None


def _arguments(law: Law, reader: Reader) -> tuple[list[Given], str, tuple[Dim, ...]]:
    """Arguments matched with the law's signature, and the type of its value."""
    new = reader.names.distributions.get(law.family)
    if new is not None:
        signature = tuple(_argument(name, declared) for name, declared in new.parameters)
        subject = _argument(*new.subject)
        return _match(law, signature, len(signature)), subject.support, subject.dims
    entry = family(law.family)
    if entry is None:
        known_laws = (*laws_of_language(), *reader.names.distributions)
        raise mistakes.names.unknown_distribution(law.family, closest(law.family, known_laws), law.span)
    return _match_family(law, entry), entry.support, entry.dims


def _argument(name: str, declared: Type) -> Argument:
    return Argument(name, declared.kind, tuple(_plain_dim(dim) for dim in declared.dims))


def _plain_dim(dim: Expression) -> str | int:
    text = spelled(dim)
    return int(text) if text.isdigit() else text


def _match(law: Law, signature: tuple[Argument, ...], positional: int) -> list[Given]:
    """Positional and named arguments of a new distribution; all are needed."""
    taken = _by_name(law, signature[:positional], {argument.name: argument for argument in signature})
    for argument in signature:
        if argument.name not in taken:
            raise mistakes.laws.missing_argument(law.family, (argument.name,), law.span)
    return list(taken.values())


def _match_family(law: Law, entry: Family) -> list[Given]:
    spellings = entry.spellings
    every = {name: entry.argument(name) for spelling in spellings for name in spelling}
    known_arguments = {name: argument for name, argument in every.items() if argument is not None}
    taken = _by_name(law, entry.arguments[: entry.positional], known_arguments, spellings)
    if entry.form(taken) is None:
        _explain_spelling(law, tuple(taken), spellings)
    return list(taken.values())


def _by_name(
    law: Law,
    positional: tuple[Argument, ...],
    named: Mapping[str, Argument],
    spellings: tuple[tuple[str, ...], ...] = (),
) -> dict[str, Given]:
    taken: dict[str, Given] = {}
    position = 0
    for name, expression in law.arguments:
        if isinstance(expression, Law):
            raise mistakes.laws.law_as_argument(law.family, expression.family, expression.span)
        span = expression.span or law.span
        if name is None:
            if position >= len(positional):
                unnamed = [option for option in _options(spellings, len(positional)) if option not in taken]
                raise mistakes.laws.must_be_named(law.family, spelled(expression), unnamed, len(positional), span)
            argument = positional[position]
            position += 1
        elif name in named:
            argument = named[name]
        else:
            raise mistakes.laws.unknown_argument(law.family, name, tuple(named), closest(name, named), span)
        if argument.name in taken:
            raise mistakes.laws.argument_twice(law.family, argument.name, span)
        taken[argument.name] = Given(argument, expression)
    return taken


def _options(spellings: tuple[tuple[str, ...], ...], position: int) -> list[str]:
    """The names that the argument after the positional ones may have."""
    return _customary(spelling[position] for spelling in spellings if len(spelling) > position)


def _customary(options: Iterable[str]) -> list[str]:
    """Each option once, the usual one first."""
    order = {name: place for place, name in enumerate(_CUSTOMARY)}
    return sorted(dict.fromkeys(options), key=lambda name: order.get(name, -1))


def _explain_spelling(law: Law, taken: tuple[str, ...], spellings: tuple[tuple[str, ...], ...]) -> None:
    """Why the names taken make no complete law: one thing said twice, or something left out."""
    for first in taken:
        for second in taken:
            together = any(first in spelling and second in spelling for spelling in spellings)
            if first != second and not together:
                raise mistakes.laws.two_spellings(law.family, first, second, law.span)
    completions = [spelling for spelling in spellings if set(taken) < set(spelling)]
    missing = [tuple(name for name in spelling if name not in taken) for spelling in completions]
    shortest = min(missing, key=len)
    options = _customary(names[0] for names in missing if len(names) == len(shortest))
    raise mistakes.laws.missing_argument(law.family, options, law.span)


def _check_support(law: Law, entry: Given, value: Value, reader: Reader) -> None:
    argument, expression = entry.argument, entry.expression
    if argument.support == ANY:
        return
    span = expression.span or law.span
    number = literal(expression, reader.sizes.numbers)
    zero = (law.family, argument.name) in _MAY_VANISH
    fault = outside(number, argument.support, zero) if number is not None else None
    if fault is not None:
        raise mistakes.supports.number_outside(law.family, argument.name, WORDS[argument.support], fault, span)
    if argument.support == "cov" and value.rank == 1:
        raise mistakes.supports.vector_as_covariance(law.family, argument.name, spelled(expression), span)
    if surely_outside(value, argument.support):
        raise mistakes.supports.support_mismatch(
            law.family, argument.name, argument.support, spelled(expression), value.kind, span
        )


def _tie_declared(declared: Value | None, support: str, dims: tuple[Dim, ...]) -> dict[str, Dim]:
    """Sizes of the law that a declared type tells."""
    if declared is None or declared.shape is None:
        return {}
    sizes: Shape = (declared.size,) if support == "index" else declared.shape
    return {dim: size for dim, size in zip(dims, sizes, strict=False) if isinstance(dim, str)}


def _tie(law: Law, entry: Given, value: Value, tied: dict[str, Dim], scope: Scope, reader: Reader) -> None:
    """An argument with axes: a number, or axes whose sizes agree with the other arguments'."""
    argument = entry.argument
    dims: tuple[Dim, ...] = argument.dims * 2 if argument.support == "cov" else argument.dims
    if value.scalar and argument.support == "simplex":
        _check_shares(law, entry, tied.get(str(dims[0])), reader)
    if value.shape is None or value.scalar:
        return
    if len(value.shape) != len(dims):
        wanted = shape_text(tuple(tied.get(dim, dim) if isinstance(dim, str) else dim for dim in dims))
        raise _shape_mistake(law, entry, value, wanted, scope, reader)
    for dim, size in zip(dims, value.shape, strict=True):
        expected = tied.get(dim) if isinstance(dim, str) else dim
        if not reader.sizes.agree(expected, size):
            span = entry.expression.span or law.span
            raise mistakes.shapes.sizes_disagree(
                law.family, argument.name, spelled(entry.expression), size, expected, span
            )
        if isinstance(dim, str):
            tied[dim] = known(size, expected)


def _check_shares(law: Law, entry: Given, size: Dim, reader: Reader) -> None:
    """A number that stands for all K probabilities is 1 / K, which no entry of a variable is."""
    span, variables = entry.expression.span or law.span, reader.names.variables
    if any(name in variables and variables[name].role is not Role.LET for name in names(entry.expression)):
        text = spelled(entry.expression)
        raise mistakes.shapes.number_as_probabilities(law.family, entry.argument.name, text, span)
    number, count = literal(entry.expression, reader.sizes.numbers), reader.sizes.resolved(size)
    if isinstance(number, float) and isinstance(count, int) and abs(number * count - 1) > TOLERANCE:
        found = f"{number:g} for each of {count}"
        raise mistakes.supports.number_outside(law.family, entry.argument.name, WORDS["simplex"], found, span)


def _entrywise(
    law: Law,
    given: list[Given],
    values: list[Value],
    support: str,
    declared: Value | None,
    scope: Scope,
    reader: Reader,
) -> Shape | None:
    """The event of a scalar law: that of the declared type, otherwise that of its vector arguments."""
    event: Shape = declared.shape if declared is not None and declared.shape is not None else ()
    unknown = False
    for entry, value in zip(given, values, strict=True):
        if entry.argument.rank > 0 or value.shape is None:
            unknown = unknown or (value.shape is None and entry.argument.rank == 0)
            continue
        if value.scalar:
            continue
        if declared is not None and declared.shape is not None:
            if not reader.sizes.same_shape(event, value.shape):
                raise _shape_mistake(law, entry, value, shape_text(event), scope, reader)
        elif value.stacked or support == "index" or (event and not reader.sizes.same_shape(event, value.shape)):
            raise _shape_mistake(law, entry, value, "a number", scope, reader)
        else:
            event = merged(event, value.shape) if event else value.shape
    return None if unknown and declared is None and not event else event


def _shape_mistake(law: Law, entry: Given, value: Value, wanted: str, scope: Scope, reader: Reader) -> ModelError:
    text, span = spelled(entry.expression), entry.expression.span or law.span
    instead = reader.with_letters(entry.expression, scope) if value.stacked else None
    found, stacked = shape_text(value.shape), value.stacked > 0
    return mistakes.shapes.argument_of_law(law.family, entry.argument.name, text, wanted, found, stacked, instead, span)


def _point_mass(law: Law, scope: Scope, declared: Value | None, reader: Reader) -> Value:
    entry = family("PointMass")
    assert entry is not None
    given = _match_family(law, entry)[0]
    value = reader.read(given.expression, scope)
    if declared is None or declared.shape is None:
        whole = value.number is not None and value.number >= 0 and value.number.is_integer()
        size = value.size if value.number is None else int(value.number) + 1 if whole else None
        return replace(value, kind="count" if whole else value.kind, size=size, sure=False, stacked=0)
    if value.shape and not reader.sizes.same_shape(declared.shape, value.shape):
        raise _shape_mistake(law, given, value, shape_text(declared.shape), scope, reader)
    number = literal(given.expression, reader.sizes.numbers)
    fault = None if number is None else outside(number, declared.kind)
    if fault is not None:
        raise mistakes.supports.number_outside("PointMass", "value", WORDS[declared.kind], fault, law.span)
    return replace(declared, sure=False, number=value.number)


def _switch(law: Law, scope: Scope, declared: Value | None, reader: Reader) -> Value:
    """`switch(s, d0, d1)`: s takes as many values as there are laws, and all draw the same type."""
    if not law.arguments or isinstance(law.arguments[0][1], Law):
        raise mistakes.laws.switch_without_index(law.span)
    index, branches = law.arguments[0][1], law.arguments[1:]
    laws = []
    for name, branch in branches:
        if not isinstance(branch, Law) or name is not None:
            raise mistakes.laws.switch_branch(name, law.span)
        laws.append(branch)
    value = reader.read(index, scope)
    if value.shape is not None and (
        not value.scalar or value.kind not in ("index", "count") or value.number is not None
    ):
        raise mistakes.laws.switch_index(spelled(index), index.span or law.span)
    if value.size is not None and not reader.sizes.agree(value.size, len(laws)):
        raise mistakes.laws.switch_length(spelled(index), value.size, len(laws), law.span)
    if len(laws) < 2:
        raise mistakes.laws.switch_length(spelled(index), value.size, len(laws), law.span)
    values = [drawn(branch, scope, declared, reader) for branch in laws]
    masses = [branch.family == "PointMass" for branch in laws]
    return _common(laws, values, masses, reader, law.span)


def _common(laws: list[Law], values: list[Value], masses: list[bool], reader: Reader, span: Span | None) -> Value:
    """The smallest type that holds what each law of a switch draws; point masses adapt to the others."""
    order = sorted(range(len(values)), key=lambda i: masses[i])
    result, first = values[order[0]], laws[order[0]]
    for i in order[1:]:
        value = values[i]
        if result.shape is None or value.shape is None:
            return UNKNOWN
        if not reader.sizes.same_shape(result.shape, value.shape) and not (masses[i] and value.scalar):
            raise mistakes.laws.switch_shapes(first.family, laws[i].family, laws[i].span or span)
        kind = _point_kind(result.kind, value) if masses[i] else _joined(result.kind, value.kind)
        if kind is None:
            raise mistakes.laws.switch_kinds(first.family, laws[i].family, laws[i].span or span)
        shape = result.shape if value.scalar else merged(result.shape, value.shape)
        size = widest(result.size, value.size) if kind == result.kind else None
        result = Value(shape, kind, size)
    return result


def _point_kind(kind: str, point: Value) -> str | None:
    """The kind of a law mixed with a point: unchanged where the point lies inside, wider where it does not."""
    if point.number is None:
        return kind
    wider: str | None = kind
    while wider is not None and outside(point.number, wider) is not None:
        wider = _WIDER.get(wider)
    return wider


def _joined(first: str, second: str) -> str | None:
    """The smallest kind that holds both, None when one is discrete and the other is not."""
    chains = []
    for kind in (first, second):
        chain = [kind]
        while chain[-1] in _WIDER:
            chain.append(_WIDER[chain[-1]])
        chains.append(chain)
    return next((kind for kind in chains[0] if kind in chains[1]), None)


def _limited(value: Value, law: Law, limits: Limits, scope: Scope, reader: Reader) -> Value:
    """`truncated(lo, hi)`, `censored(lo, hi)`: for one-dimensional laws only; truncation narrows the support."""
    span = limits.span or law.span
    entry = family(law.family)
    if law.family == "PointMass" or (entry is not None and entry.rank > 0) or law.family == "Categorical":
        raise mistakes.laws.limits_on(limits.kind, law.family, span)
    ends = [reader.read(end, scope) for end in (limits.low, limits.high)]
    for end, node in zip(ends, (limits.low, limits.high), strict=True):
        if end.shape and (value.shape is None or not reader.sizes.same_shape(end.shape, value.shape)):
            raise mistakes.laws.limit_shape(limits.kind, spelled(node), shape_text(end.shape), node.span or span)
    low, high = ends[0].number, ends[1].number
    if low is not None and high is not None and low >= high and (low > high or value.kind != "count"):
        raise mistakes.laws.limits_crossed(limits.kind, low, high, span)
    if limits.kind == "truncated" and value.kind in ("real", "positive") and low is not None and low >= 0:
        return replace(value, kind="unit" if high is not None and high <= 1 else "positive")
    return value
