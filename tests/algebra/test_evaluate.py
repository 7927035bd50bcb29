"""The interpreter of expressions: every function, stable compositions, indexing, and zero times the log of zero."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import special, stats

from emdsl.algebra.evaluate import evaluate
from emdsl.algebra.expressions import FAMILY_FUNCTIONS, FUNCTIONS, Expression, Name, call, expression
from emdsl.errors import CompilerBug

A, B, X = Name("a"), Name("b"), Name("x")
VECTOR = np.array([0.5, 2.0, 1.0])
OTHER = np.array([3.0, -1.0, 0.25])
MATRIX = np.array([[2.0, 0.3], [0.3, 1.0]])
LOWER = np.array([[1.5, 0.0], [-0.4, 0.7]])
TRANSITION = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4]])

#: Arguments and value of each function; the values by a second route where there is one.
EXAMPLES: dict[str, tuple[tuple[Any, ...], Any]] = {
    "exp": ((VECTOR,), np.exp(VECTOR)),
    "log": ((VECTOR,), np.log(VECTOR)),
    "log1p": ((1e-12,), 1e-12 - 5e-25),
    "expm1": ((1e-12,), 1e-12 + 5e-25),
    "sqrt": ((VECTOR,), VECTOR**0.5),
    "abs": ((OTHER,), np.where(OTHER < 0, -OTHER, OTHER)),
    "min": ((VECTOR, OTHER), [0.5, -1.0, 0.25]),
    "max": ((VECTOR, OTHER), [3.0, 2.0, 1.0]),
    "sin": ((np.pi / 6,), 0.5),
    "cos": ((np.pi / 3,), 0.5),
    "tanh": ((0.5,), np.sinh(0.5) / np.cosh(0.5)),
    "logistic": ((np.log(3.0),), 0.75),
    "logit": ((0.75,), np.log(3.0)),
    "softmax": ((np.log(VECTOR) + 700,), VECTOR / 3.5),
    "Phi": ((1.3,), stats.norm.cdf(1.3)),
    "lgamma": ((5.0,), np.log(24.0)),
    "dot": ((VECTOR, OTHER), -0.25),
    "sum": ((VECTOR,), 3.5),
    "outer": ((VECTOR, OTHER), [[1.5, -0.5, 0.125], [6.0, -2.0, 0.5], [3.0, -1.0, 0.25]]),
    "diag": ((VECTOR,), [[0.5, 0, 0], [0, 2.0, 0], [0, 0, 1.0]]),
    "eye": ((2,), [[1, 0], [0, 1]]),
    "ones": ((2,), [1, 1]),
    "zeros": ((1, 2), [[0, 0]]),
    "stationary": ((TRANSITION,), np.linalg.matrix_power(TRANSITION, 400)[0]),
    "inv": ((MATRIX,), np.array([[1.0, -0.3], [-0.3, 2.0]]) / 1.91),
    "logdet": ((MATRIX,), np.log(1.91)),
    "trace": ((MATRIX,), 3.0),
    "gram": ((LOWER,), [[2.25, -0.6], [-0.6, 0.65]]),
    "dim": ((VECTOR,), 3),
    "log_bessel_i0": ((2.0,), np.log(special.iv(0, 2.0))),
    "log_multigamma": ((3.0, 2), np.log(np.pi) / 2 + special.gammaln(3.0) + special.gammaln(2.5)),
}


@pytest.mark.parametrize("function", [*FUNCTIONS, *FAMILY_FUNCTIONS])
def test_every_function_has_its_textbook_value(function: str) -> None:
    arguments, expected = EXAMPLES[function]
    names = [f"v{i}" for i in range(len(arguments))]
    value = evaluate(call(function, *map(Name, names)), dict(zip(names, arguments, strict=True)))
    assert value.dtype == float
    np.testing.assert_allclose(value, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("formula", "value", "expected"),
    [
        (call("log", call("sum", call("exp", X))), [1000.0, 1000.0], 1000 + np.log(2)),
        (call("log", call("softmax", X)), [0.0, 1000.0], [-1000.0, 0.0]),
        (call("log", call("logistic", X)), -1000.0, -1000.0),
        (call("log1p", -call("logistic", X)), 1000.0, -1000.0),
        (call("log1p", call("exp", X)), 1000.0, 1000.0),
        (call("log1p", call("exp", X)), -1000.0, 0.0),
        (call("log", call("Phi", X)), -40.0, stats.norm.logcdf(-40.0)),
        (call("log_bessel_i0", X), 5000.0, 5000 - np.log(2 * np.pi * 5000) / 2 + 1 / 40000),
        (call("logdet", call("inv", X)), MATRIX, -np.log(1.91)),
        (call("logdet", call("gram", X)), LOWER * 1e-200, 2 * np.log(1.05) - 800 * np.log(10)),
    ],
)
def test_compositions_are_stable(formula: Expression, value: Any, expected: Any) -> None:
    np.testing.assert_allclose(evaluate(formula, {"x": value}), expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (A * call("log", X), 0.0),
        (-call("log", X) * A, 0.0),
        (A * call("log1p", -(X + 1)), 0.0),
        (expression([0, 2]) @ call("log", expression([X, 1])), 0.0),
        (call("log", X) * 2, -np.inf),
        (call("log", X) - A, -np.inf),
    ],
)
def test_zero_times_the_log_of_zero_is_zero(formula: Expression, expected: float) -> None:
    assert evaluate(formula, {"a": 0, "x": 0}) == expected


@pytest.mark.filterwarnings("ignore:invalid value")
def test_zero_times_an_infinity_of_another_kind_is_not_a_number() -> None:
    assert np.isnan(evaluate(A / X * B, {"a": 1, "x": 0, "b": 0}))


def test_operators_and_arrays() -> None:
    environment = {"a": MATRIX, "b": np.array([1.0, 2.0]), "x": 3}
    np.testing.assert_allclose(evaluate(B @ A @ B, environment), 2 + 4 * 0.3 + 4 - 0.0)
    np.testing.assert_allclose(evaluate(-(A @ B) / X, environment), [-2.6 / 3, -2.3 / 3])
    np.testing.assert_allclose(evaluate(X**-2 + 1 - X, environment), 1 / 9 - 2)
    np.testing.assert_allclose(evaluate(expression([[X, 1], [2, X]]), environment), [[3, 1], [2, 3]])


def test_subscripts_index_arrays() -> None:
    states, times = np.array([1, 0, 1]), np.array([0.0, 1.0, 1.0])
    np.testing.assert_array_equal(evaluate(A[X], {"a": [5, 7], "x": states}), [7, 5, 7])
    np.testing.assert_array_equal(evaluate(A[X, B], {"a": MATRIX, "x": states, "b": times}), [0.3, 0.3, 1.0])
    np.testing.assert_array_equal(evaluate(A[1], {"a": MATRIX}), [0.3, 1.0])


@pytest.mark.parametrize("formula", [A, call("erf", 1), call("sum", expression([1, 2]), Name("k"))])
def test_what_has_no_value_is_a_fault(formula: Expression) -> None:
    with pytest.raises(CompilerBug):
        evaluate(formula, {"k": 0})
