"""Which formulas are sums of products of statistics of single variables: the conjugate-exponential shape."""

from __future__ import annotations

from itertools import product

import pytest

from emdsl.algebra.expressions import Binary, Call, Expression, Name, Number, Subscript, Unary, children
from tests.laws.family_cases import Case

#: A factor is told by the variables that it depends on.
Factor = frozenset[str]
Product = tuple[Factor, ...]

#: Functions that take a sum to the sum of their values.
LINEAR = ("sum", "trace")

#: Factors of two variables in laws of this shape: data in Binomial, arguments that no family gives a law in Beta.
EXCEPTIONS: dict[str, set[Factor]] = {
    "Binomial": {frozenset({"n", "x"})},
    "Beta": {frozenset({"a", "b"})},
}

#: Laws that are not exponential families in their arguments as spelled.
OTHERS = {"StudentT", "MvStudentT", "Laplace", "Weibull", "NegBinomial"}


def variables(node: Expression) -> Factor:
    """Names that the value depends on; the dimension of a variable is a constant."""
    match node:
        case Name(name):
            return frozenset({name})
        case Call("dim", _):
            return frozenset()
    return frozenset().union(*(variables(child) for child in children(node)))


def products(node: Expression) -> list[Product]:
    """The products of a formula multiplied out."""
    match node:
        case Unary("-", operand):
            return products(operand)
        case Binary("+" | "-", left, right):
            return products(left) + products(right)
        case Binary("*" | "@", left, right):
            return [a + b for a, b in product(products(left), products(right))]
        case Binary("/", left, right):
            return [(*a, variables(right)) for a in products(left)]
        case Binary("**", base, Number(int() as power)) if power > 0:
            return [sum(factors, ()) for factors in product(products(base), repeat=power)]
        case Call(function, (inner,)) if function in LINEAR:
            return products(inner)
        case Call("log", (Subscript(Name(table), (Name(index),)),)):
            return [(frozenset({table}), frozenset({index}))]
        case Subscript(base, (Name(index),)):
            return [(*a, frozenset({index})) for a in products(base)]
    return [(variables(node),)]


def mixed_factors(case: Case) -> set[Factor]:
    """Factors that depend on several variables at once."""
    return {factor for terms in products(case.formula()) for factor in terms if len(factor) > 1}


def test_formula_is_a_sum_of_products(density_case: Case) -> None:
    mixed = mixed_factors(density_case)
    if density_case.family.name in OTHERS:
        assert mixed
    else:
        assert mixed == EXCEPTIONS.get(density_case.family.name, set())


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (-Name("a") * (Name("x") - Name("m")) ** 2 / 2, [{"a", "x"}, {"a", "x", "m"}, {"a", "m", "x"}, {"a", "m"}]),
        (Name("x") @ (Name("y") + 1), [{"x", "y"}, {"x"}]),
    ],
)
def test_products_multiply_out(formula: Expression, expected: list[set[str]]) -> None:
    assert [set().union(*factors) for factors in products(formula)] == expected
