"""Expressions group as in Python: the grammar's tree is the tree of Python's own parser."""

from __future__ import annotations

import ast
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emdsl.algebra.expressions import Array, Binary, Call, Expression, Name, Number, Unary, subscript
from emdsl.language.text import parse

OPERATORS: dict[type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.Pow: "**", ast.MatMult: "@",
}  # fmt: skip


def by_python(node: ast.expr) -> Expression:
    """Python's tree in the language's classes."""
    match node:
        case ast.Constant(int() | float() as value):
            return Number(value)
        case ast.Name(name):
            return Name(name)
        case ast.BinOp(left, operator, right):
            return Binary(OPERATORS[type(operator)], by_python(left), by_python(right))
        case ast.UnaryOp(ast.USub(), operand):
            inner = by_python(operand)
            return Number(-inner.value) if isinstance(inner, Number) else Unary("-", inner)
        case ast.Subscript(base, ast.Tuple(indices)):
            return subscript(by_python(base), tuple(map(by_python, indices)))
        case ast.Subscript(base, index):
            return subscript(by_python(base), (by_python(index),))
        case ast.Call(ast.Name(function), arguments):
            return Call(function, tuple(map(by_python, arguments)))
        case ast.List(items):
            return Array(tuple(map(by_python, items)))
    raise TypeError(ast.dump(node))


def value(text: str) -> Expression:
    found = parse(f"model M let answer = {text}").variables[0].value
    assert found is not None
    return found


def extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, st.sampled_from(list(OPERATORS.values())), inner).map(" ".join),
        inner.map("-{}".format),
        inner.map("({})".format),
        inner.map("exp({})".format),
        inner.map("mu[{}]".format),
        st.tuples(inner, inner).map("A[{0[0]}, {0[1]}]".format),
        st.tuples(inner, inner).map("[{0[0]}, {0[1]}]".format),
    )


TEXTS = st.recursive(st.sampled_from(["a", "b", "x", "2", "0.5", "1e-3"]), extend, max_leaves=12)


@given(TEXTS)
def test_grouping_is_pythons(text: str) -> None:
    assert value(text) == by_python(ast.parse(text, mode="eval").body)


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("-x**2", "-(x**2)"),
        ("2**-x", "2**(-x)"),
        ("a**b**c", "a**(b**c)"),
        ("a - b - c", "(a - b) - c"),
        ("a/b*c@d", "((a/b)*c)@d"),
        ("-a*b", "(-a)*b"),
        ("-mu[0]**2", "-((mu[0])**2)"),
        ("a + b*c", "a + (b*c)"),
    ],
)
def test_grouping(text: str, grouped: str) -> None:
    assert value(text) == value(grouped)


@pytest.mark.parametrize(
    ("text", "number"),
    [("3", 3), ("-3", -3), ("--3", 3), ("3.", 3.0), (".5", 0.5), ("1e-3", 0.001), ("2.5E+6", 2.5e6), ("-inf", -inf)],
)
def test_numbers(text: str, number: float) -> None:
    found = value(text)
    assert isinstance(found, Number) and found.value == number and type(found.value) is type(number)
