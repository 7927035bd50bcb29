"""Random models for property tests: canonical in form, not all of them valid in meaning.

Canonical: names are unique, a sign before a literal is part of the literal, and of the lines of a variable one is
general.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from emdsl.algebra.expressions import Array, Binary, Call, Expression, Name, Number, Unary, subscript
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

#: Plain names, keywords of the grammar, words of Python and numpy, and names of the language's own functions.
NAMES = (
    "mu", "x", "y", "z", "Sigma", "K", "N", "a_1", "_b", "__c", "θ", "plate", "time", "given", "missing", "in", "by",
    "q", "switch", "real", "order", "lambda", "class", "if", "None", "np", "em", "emdsl", "self", "exp", "sum",
    "Normal", "Model", "size", "param", "expression", "Name", "fit", "text", "truncated", "locals", "name", "type",
)  # fmt: skip

FAMILIES = ("Normal", "Poisson", "Categorical", "MvNormal")
ARGUMENTS = ("sd", "self", "rate", "lambda", "__c")

names = st.sampled_from(NAMES)
numbers = st.one_of(
    st.integers(0, 10**18),
    st.integers(-100, -1),
    st.floats(allow_nan=False),
    st.sampled_from([0.1, 1e-300, 1e22, 5e-324, float("inf"), float("-inf")]),
).map(Number)


def negative(operand: Expression) -> Expression:
    """A sign before an expression, as both front ends build it."""
    return Number(-operand.value) if isinstance(operand, Number) else Unary("-", operand)


def expressions(leaves: int = 8) -> st.SearchStrategy[Expression]:
    """Any expression, with about `leaves` numbers and names in it."""

    def extend(inner: st.SearchStrategy[Expression]) -> st.SearchStrategy[Expression]:
        several = st.lists(inner, min_size=1, max_size=3).map(tuple)
        return st.one_of(
            st.builds(Binary, st.sampled_from(["+", "-", "*", "/", "**", "@"]), inner, inner),
            inner.map(negative),
            st.builds(subscript, inner, several),
            st.builds(Call, st.sampled_from(["exp", "log", "sum", "max"]), several),
            several.map(Array),
        )

    return st.recursive(st.one_of(numbers, names.map(Name)), extend, max_leaves=leaves)


def types() -> st.SearchStrategy[Type]:
    """Any type, with up to two sizes."""
    kinds = st.sampled_from(["real", "positive", "unit", "simplex", "cov", "count", "index"])
    return st.builds(Type, kinds, st.lists(expressions(2), max_size=2).map(tuple))


@st.composite
def laws(draw: Any, depth: int = 1) -> Law:
    """A law with positional and named arguments; now and then a switch between laws."""
    kinds = st.sampled_from(["truncated", "censored"])
    limits = draw(st.none() | st.builds(Limits, kinds, expressions(2), expressions(2)))
    if depth and draw(st.integers(0, 4)) == 0:
        choices = draw(st.lists(laws(depth - 1), min_size=1, max_size=3))
        return Law("switch", ((None, draw(expressions(3))), *((None, law) for law in choices)), limits)
    positional = [(None, argument) for argument in draw(st.lists(expressions(4), max_size=2))]
    keywords = draw(st.lists(st.sampled_from(ARGUMENTS), max_size=2, unique=True))
    named = [(keyword, draw(expressions(4))) for keyword in keywords]
    return Law(draw(st.sampled_from(FAMILIES)), (*positional, *named), limits)


@st.composite
def definitions(draw: Any, plates: tuple[str, ...]) -> tuple[Definition, ...]:
    """A general line, and lines at fixed times before or after it."""
    general = tuple(Name(letter) for letter in plates)
    slots = [general]
    if plates:
        for start in draw(st.lists(st.integers(0, 3), max_size=2, unique=True)):
            slots.append((*general[:-1], Number(start)))
    return tuple(Definition(slot, draw(laws())) for slot in draw(st.permutations(slots)))


@st.composite
def variables(draw: Any, name: str, letters: list[str]) -> Variable:
    """A variable of any role."""
    role = draw(st.sampled_from(list(Role)))
    plates = tuple(draw(st.lists(st.sampled_from(letters), max_size=2, unique=True))) if letters else ()
    if role is Role.GIVEN:
        return Variable(name, role, plates, draw(types()))
    if role is Role.LET:
        return Variable(name, role, plates, value=draw(expressions()))
    if role is Role.PARAM and draw(st.booleans()):
        return Variable(name, role, plates, draw(types()))
    missing = role is Role.OBSERVED and draw(st.booleans())
    return Variable(name, role, plates, draw(st.none() | types()), draw(definitions(plates)), missing=missing)


@st.composite
def new_distributions(draw: Any, name: str) -> NewDistribution:
    """A distribution by its log density."""
    subject, *parameters = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    typed = tuple((parameter, draw(types())) for parameter in parameters)
    return NewDistribution(name, (subject, draw(types())), typed, draw(expressions()))


@st.composite
def plate_over(draw: Any, letter: str, letters: list[str], sizes: list[str]) -> Plate:
    """A plate or time over a number, a size or a ragged size."""
    if draw(st.integers(0, 3)) == 0:
        return Plate(letter, draw(st.integers(1, 9)), ordered=draw(st.booleans()))
    parents = tuple(draw(st.lists(st.sampled_from(letters), max_size=1)))
    return Plate(letter, draw(st.sampled_from(sizes)), parents, draw(st.booleans()))


@st.composite
def models(draw: Any) -> Model:
    """A model with a few statements of each kind."""
    pool = draw(st.permutations(NAMES))
    take = [pool[start::5] for start in range(5)]
    letters = take[0][: draw(st.integers(0, 3))]
    plates = tuple(draw(plate_over(letter, letters, take[1])) for letter in letters)
    defaults = st.none() | st.integers(-9, 99) | st.floats(allow_nan=False)
    constants = tuple(Constant(name, draw(defaults)) for name in take[1][: draw(st.integers(0, 3))])
    new = tuple(draw(new_distributions(name)) for name in take[2][: draw(st.integers(0, 2))] if name != "switch")
    declared = tuple(draw(variables(name, letters)) for name in take[3][: draw(st.integers(0, 4))])
    known = st.sampled_from([variable.name for variable in declared]) if declared else None
    fixes: tuple[Fix, ...] = ()
    orders: tuple[Order, ...] = ()
    factorisations: tuple[Factorise, ...] = ()
    if known is not None:
        indices = st.lists(expressions(2), max_size=2).map(tuple)
        fixes = tuple(draw(st.lists(st.builds(Fix, known, indices, expressions(3)), max_size=2)))
        if letters:
            orders = tuple(draw(st.lists(st.builds(Order, known, st.sampled_from(letters)), max_size=2)))
        groups = st.lists(st.lists(known, min_size=1, max_size=2).map(tuple), min_size=1, max_size=2).map(tuple)
        factorisations = tuple(draw(st.lists(st.builds(Factorise, groups), max_size=2)))
    return Model(draw(names), constants, plates, declared, new, fixes, orders, factorisations)
