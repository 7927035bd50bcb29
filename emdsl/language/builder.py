"""From grammar rules to statements: one method for each rule of grammar/emdsl.lark, called as the parser reduces.

    latent z[s, 0] ~ ...  +  latent z[s, t] ~ ...   =   one Variable with two Definitions

A sign before a literal belongs to the literal (`-1` is Number(-1)), as it does for numbers that come from Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from emdsl.algebra.expressions import Array, Binary, Call, Expression, Name, Number, Subscript, Unary, subscript
from emdsl.errors import ModelError, Span
from emdsl.language.definitions import check_definitions, letters
from emdsl.model.statements import (
    Constant,
    Definition,
    Factorise,
    Fix,
    Law,
    Limits,
    Model,
    NewDistribution,
    Order,
    Plate,
    Role,
    Type,
    Variable,
)
from emdsl.model.supports import computed

if TYPE_CHECKING:
    from lark import Token

Children = list[Any]


@dataclass(frozen=True)
class Line:
    """One line about a variable with slots: what it says before the lines of one variable are put together."""

    name: str
    role: Role
    slots: tuple[Expression, ...]
    type: Type | None
    law: Law | None
    missing: bool
    span: Span
    name_span: Span


class Builder:
    """The parser's callbacks. Each takes the children of its rule; an absent optional child is None."""

    # -- the model --------------------------------------------------------------------------------------------------

    def model(self, children: Children) -> Model:
        name, *rest = children
        statements: dict[type, Children] = {}
        for child in rest:
            for statement in child if isinstance(child, list) else [child]:
                kind = Variable if isinstance(statement, Line) else type(statement)
                statements.setdefault(kind, []).append(statement)
        return Model(
            str(name),
            constants=tuple(statements.get(Constant, ())),
            plates=tuple(statements.get(Plate, ())),
            variables=gather(statements.get(Variable, ())),
            distributions=tuple(statements.get(NewDistribution, ())),
            fixes=tuple(statements.get(Fix, ())),
            orders=tuple(statements.get(Order, ())),
            factorisations=tuple(statements.get(Factorise, ())),
        )

    def constant(self, children: Children) -> Constant:
        name, value = children
        return Constant(str(name), None if value is None else evaluate(value), at(name))

    # -- indices ----------------------------------------------------------------------------------------------------

    def plates(self, children: Children) -> list[Plate]:
        return children

    def times(self, children: Children) -> list[Plate]:
        return [replace(plate, ordered=True) for plate in children]

    def plate(self, children: Children) -> Plate:
        letter, (size, parents, size_span) = children
        return Plate(str(letter), size, parents, span=join(at(letter), size_span))

    def size(self, children: Children) -> tuple[str, tuple[str, ...], Span]:
        name, parents = children
        return str(name), parents or (), at(name)

    def fixed_size(self, children: Children) -> tuple[int, tuple[str, ...], Span]:
        return int(children[0]), (), at(children[0])

    def letters(self, children: Children) -> tuple[str, ...]:
        return tuple(str(letter) for letter in children)

    # -- variables --------------------------------------------------------------------------------------------------

    def given(self, children: Children) -> Variable:
        name, plates, declared = children
        return Variable(str(name), Role.GIVEN, plates or (), declared, span=at(name))

    def let(self, children: Children) -> Variable:
        name, plates, value = children
        return Variable(str(name), Role.LET, plates or (), value=value, span=at(name))

    def param(self, children: Children) -> Line:
        name, slots, declared, law = children
        return line(Role.PARAM, name, slots, declared, law)

    def latent(self, children: Children) -> Line:
        name, slots, declared, law = children
        return line(Role.LATENT, name, slots, declared, law)

    def observed(self, children: Children) -> Line:
        name, slots, declared, missing, law = children
        return line(Role.OBSERVED, name, slots, declared, law, missing is not None)

    def observed_missing(self, children: Children) -> Line:
        name, slots, _, declared, law = children
        return line(Role.OBSERVED, name, slots, declared, law, True)

    def slots(self, children: Children) -> tuple[tuple[Expression, ...], Span]:
        *slots, bracket = children
        return tuple(slots), at(bracket)

    def letter(self, children: Children) -> Name:
        return self.name(children)

    def fixed_time(self, children: Children) -> Number:
        return self.integer(children)

    def type(self, children: Children) -> Type:
        kind, dims, bracket = children
        return Type(str(kind), dims or (), join(at(kind), at(bracket)) if bracket else at(kind))

    def dims(self, children: Children) -> tuple[Expression, ...]:
        return tuple(children)

    # -- laws -------------------------------------------------------------------------------------------------------

    def law(self, children: Children) -> Law:
        family, *arguments, bracket, limits = children
        given = tuple(argument for argument in arguments if argument is not None)
        check_arguments(given)
        return Law(str(family), given, limits, join(at(family), limits.span if limits else at(bracket)))

    def switch(self, children: Children) -> Law:
        word, *arguments, bracket, limits = children
        given = tuple((None, argument) for argument in arguments)
        return Law(str(word), given, limits, join(at(word), limits.span if limits else at(bracket)))

    def argument(self, children: Children) -> tuple[str | None, Expression]:
        name, value = children
        return None if name is None else str(name), value

    def limits(self, children: Children) -> Limits:
        kind, low, high, bracket = children
        return Limits(str(kind), low, high, join(at(kind), at(bracket)))

    # -- statements about variables ---------------------------------------------------------------------------------

    def dist(self, children: Children) -> NewDistribution:
        name, subject, *parameters, density = children
        given = tuple(parameter for parameter in parameters if parameter is not None)
        return NewDistribution(str(name), subject, given, density, at(name))

    def typed(self, children: Children) -> tuple[str, Type]:
        name, declared = children
        return str(name), declared

    def fix(self, children: Children) -> Fix:
        name, indices, value = children
        return Fix(str(name), indices or (), value, at(name))

    def indices(self, children: Children) -> tuple[Expression, ...]:
        return tuple(children)

    def order(self, children: Children) -> Order:
        name, letter = children
        return Order(str(name), str(letter), join(at(name), at(letter)))

    def factorise(self, children: Children) -> Factorise:
        first, last = children[0][0], children[-1][-1]
        return Factorise(tuple(tuple(map(str, group)) for group in children), join(at(first), at(last)))

    def group(self, children: Children) -> Children:
        return children

    # -- expressions ------------------------------------------------------------------------------------------------

    def binary(self, children: Children) -> Binary:
        left, operator, right = children
        return Binary(str(operator), left, right, join(left.span, right.span))

    def negative(self, children: Children) -> Expression:
        minus, operand = children
        span = join(at(minus), operand.span)
        return Number(-operand.value, span) if isinstance(operand, Number) else Unary("-", operand, span)

    def subscript(self, children: Children) -> Subscript:
        base, *indices, bracket = children
        return subscript(base, tuple(indices), join(base.span, at(bracket)))

    def integer(self, children: Children) -> Number:
        return Number(int(children[0]), at(children[0]))

    def decimal(self, children: Children) -> Number:
        return Number(float(children[0]), at(children[0]))

    def infinity(self, children: Children) -> Number:
        return Number(float("inf"), at(children[0]))

    def name(self, children: Children) -> Name:
        return Name(str(children[0]), at(children[0]))

    def call(self, children: Children) -> Call:
        function, *arguments, bracket = children
        given = tuple(argument for argument in arguments if argument is not None)
        return Call(str(function), given, join(at(function), at(bracket)))

    def array(self, children: Children) -> Array:
        left, *items, right = children
        return Array(tuple(items), join(at(left), at(right)))

    def parenthesised(self, children: Children) -> Expression:
        left, inner, right = children
        result: Expression = replace(inner, span=join(at(left), at(right)))
        return result


def at(token: Token) -> Span:
    """The place of a token."""
    return Span(token.line or 1, token.column or 1, token.end_column or 1)


def join(first: Span, last: Span) -> Span:
    """From the start of the one to the end of the other, as far as they share a line."""
    return Span(first.line, first.column, last.end_column if last.line == first.line else first.end_column)


def line(role: Role, name: Token, slots: Any, declared: Type | None, law: Law | None, missing: bool = False) -> Line:
    """A line about a variable, with the span of its left side."""
    written, bracket = slots or ((), None)
    left = join(at(name), bracket) if bracket else at(name)
    return Line(str(name), role, written, declared, law, missing, left, at(name))


def gather(statements: Sequence[Variable | Line]) -> tuple[Variable, ...]:
    """Variables in the order of their first lines; the lines `z[s, 0] ~` and `z[s, t] ~` become one variable.

    Raises ModelError (E008) when the lines of one variable contradict each other.
    """
    found: dict[tuple[str, ...], Variable | list[Line]] = {}
    for place, statement in enumerate(statements):
        if isinstance(statement, Line) and statement.law is not None:
            lines = found.setdefault((statement.name, statement.role.value), [])
            assert isinstance(lines, list)
            lines.append(statement)
        else:
            found[statement.name, statement.role.value, str(place)] = (
                undefined(statement) if isinstance(statement, Line) else statement
            )
    return tuple(one_variable(entry) if isinstance(entry, list) else entry for entry in found.values())


def undefined(line: Line) -> Variable:
    """A parameter without a prior."""
    plates = letters(line.slots)
    if plates is None:
        raise ModelError(
            "E008",
            f"`{line.name}` is declared at a fixed slot",
            cure=f"declare it over letters; `fix {line.name}[...] = ...` holds single entries",
            span=line.span,
        )
    return Variable(line.name, line.role, plates, line.type, span=line.name_span)


def one_variable(lines: Sequence[Line]) -> Variable:
    """The variable that the `~` lines define together."""
    first = lines[0]
    definitions = tuple(Definition(line.slots, line.law, line.span) for line in lines if line.law is not None)
    check_definitions(first.name, first.role.value, None, definitions)
    types = [line.type for line in lines if line.type is not None]
    for other in types[1:]:
        if other != types[0]:
            raise ModelError(
                "E008",
                f"`{first.name}` has two types",
                cure="give the type on one line",
                span=other.span,
            )
    return Variable(
        first.name,
        first.role,
        next(plates for line in lines if (plates := letters(line.slots)) is not None),
        types[0] if types else None,
        definitions,
        missing=any(line.missing for line in lines),
        span=first.name_span,
    )


def check_arguments(arguments: Sequence[tuple[str | None, Expression | Law]]) -> None:
    """Raises ModelError (E007) for a name given twice, and for an argument without a name after a named one."""
    named: list[str] = []
    for name, value in arguments:
        if name is None and named:
            message, cure = f"an argument without a name stands after `{named[-1]}=`", "put it first, or name it"
            raise ModelError("E007", message, cure=cure, span=value.span)
        if name in named:
            raise ModelError("E007", f"`{name}=` is given twice", cure="keep one of the two", span=value.span)
        if name is not None:
            named.append(name)


def evaluate(default: Expression) -> int | float:
    """The default of a constant: arithmetic of literals. Raises ModelError (E007) for anything else."""
    match default:
        case Number(value):
            return value
        case Unary(_, operand):
            return -evaluate(operand)
        case Binary(operator, left, right) if operator != "@":
            result = computed(operator, evaluate(left), evaluate(right))
            if result is not None:
                return result
    raise ModelError(
        "E007",
        "the default of a constant is not a number",
        cure="write a number, or leave the default away and give it when the model is bound",
        span=default.span,
    )
