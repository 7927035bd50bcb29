"""The meaning of an expression: a slow, obvious interpreter over numpy arrays.

    evaluate(Number v) = v
    evaluate(Name a) = environment[a]
    evaluate(base[i, j]) = base indexed by whole-number arrays
    evaluate(f(a, b)) = f applied to the values of a and b
    evaluate(a · b) = elementwise for + - * / **; numpy's matmul on the last axes for @

There are no plates here: every name stands for an array with event axes only, or for numbers that broadcast.
Logarithms are taken of the whole of log Σ exp, log(1 + exp), log Φ and the like, so that nothing overflows, and a count
or exponent of zero times the log of zero is zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from emdsl.algebra.expressions import Array, Binary, Call, Expression, Name, Number, Subscript, Unary
from emdsl.errors import CompilerBug

Values = np.ndarray[Any, Any]

#: Names of functions in scipy.special.
SPECIAL_FUNCTIONS = {"logistic": "expit", "logit": "logit", "lgamma": "gammaln", "Phi": "ndtr"}


def evaluate(expression: Expression, environment: Mapping[str, Any]) -> Values:
    """The value of `expression`, as float64, where `environment` gives an array for every name in it."""
    with np.errstate(divide="ignore", over="ignore", under="ignore"):  # log 0 = -inf, exp 1000 = inf
        return np.asarray(_value(expression, environment), dtype=float)


def _value(node: Expression, environment: Mapping[str, Any]) -> Values:
    match node:
        case Number(value):
            return np.asarray(value, dtype=float)
        case Name(name):
            if name not in environment:
                raise CompilerBug(f"`{name}` has no value")
            return np.asarray(environment[name], dtype=float)
        case Subscript(base, indices):
            picked = tuple(_value(index, environment).astype(np.int64) for index in indices)
            return np.asarray(_value(base, environment)[picked])
        case Array(items):
            return np.stack(np.broadcast_arrays(*(_value(item, environment) for item in items)))
        case Unary("-", operand):
            return -_value(operand, environment)
        case Binary(operator, left, right):
            values = _value(left, environment), _value(right, environment)
            if _is_log(left) or _is_log(right):
                return _operate_on_log(operator, *values)
            return _operate(operator, *values)
        case Call(function, arguments):
            fused = _fused(node, environment)
            return _apply(function, [_value(a, environment) for a in arguments]) if fused is None else fused
    raise CompilerBug(f"{node!r} cannot be evaluated")


def _operate(operator: str, left: Values, right: Values) -> Values:
    match operator:
        case "+":
            return np.asarray(left + right)
        case "-":
            return np.asarray(left - right)
        case "*":
            return np.asarray(left * right)
        case "/":
            return np.asarray(left / right)
        case "**":
            return np.asarray(left**right)
        case "@":
            return np.asarray(left @ right)
    raise CompilerBug(f"there is no operator `{operator}`")


def _is_log(node: Expression) -> bool:
    """Whether `node` is a logarithm, its sign apart."""
    match node:
        case Unary("-", operand):
            return _is_log(operand)
        case Call("log" | "log1p", _):
            return True
    return False


def _operate_on_log(operator: str, left: Values, right: Values) -> Values:
    """The same operation where one side is a logarithm: 0 · log 0 = 0."""
    if operator == "*":
        return np.where((left == 0) | (right == 0), 0.0, _multiply_quietly(left, right))
    if operator == "@" and right.ndim == 1:
        return np.asarray(_operate_on_log("*", left, right).sum(axis=-1))
    return _operate(operator, left, right)


def _multiply_quietly(left: Values, right: Values) -> Values:
    with np.errstate(invalid="ignore"):
        return np.asarray(left * right)


def _fused(node: Call, environment: Mapping[str, Any]) -> Values | None:
    """The value of a composition that has a stable form of its own, None for any other."""
    from scipy import special

    match node:
        case Call("log", (Call("sum", (Call("exp", (inner,)),)),)):
            return np.asarray(special.logsumexp(_value(inner, environment), axis=-1))
        case Call("log", (Call("softmax", (inner,)),)):
            return np.asarray(special.log_softmax(_value(inner, environment), axis=-1))
        case Call("log", (Call("logistic", (inner,)),)):
            return np.asarray(special.log_expit(_value(inner, environment)))
        case Call("log", (Call("Phi", (inner,)),)):
            return np.asarray(special.log_ndtr(_value(inner, environment)))
        case Call("log1p", (Call("exp", (inner,)),)):
            return np.asarray(np.logaddexp(0.0, _value(inner, environment)))
        case Call("log1p", (Unary("-", Call("logistic", (inner,))),)):
            return np.asarray(special.log_expit(-_value(inner, environment)))
        case Call("logdet", (Call("inv", (inner,)),)):
            return -_value(Call("logdet", (inner,)), environment)
        case Call("logdet", (Call("gram", (inner,)),)):
            diagonal = np.diagonal(_value(inner, environment), axis1=-2, axis2=-1)
            return np.asarray(2 * np.log(np.abs(diagonal)).sum(axis=-1))
    return None


def _apply(function: str, values: list[Values]) -> Values:
    if function in SPECIAL_FUNCTIONS:
        from scipy import special

        return np.asarray(getattr(special, SPECIAL_FUNCTIONS[function])(*values))
    if function in ARRAY_FUNCTIONS:
        return np.asarray(ARRAY_FUNCTIONS[function](*values))
    raise CompilerBug(f"there is no function `{function}`")


def _softmax(logits: Values) -> Values:
    weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(weights / weights.sum(axis=-1, keepdims=True))


def _smallest(*values: Values) -> Values:
    """Elementwise over several arguments, over the event axis of a single one."""
    return np.asarray(reduce(np.minimum, values) if len(values) > 1 else values[0].min(axis=-1))


def _largest(*values: Values) -> Values:
    """Elementwise over several arguments, over the event axis of a single one."""
    return np.asarray(reduce(np.maximum, values) if len(values) > 1 else values[0].max(axis=-1))


def _sum(value: Values, *letters: Values) -> Values:
    if letters:
        raise CompilerBug("a sum over a plate letter cannot be evaluated without its plate")
    return np.asarray(value.sum(axis=-1))


def _full(fill: float) -> Callable[..., Values]:
    """`ones(n)`, `zeros(n, m)`: an array of one value, its sizes given as numbers."""
    return lambda *sizes: np.full([int(size) for size in sizes], fill)


def _stationary(transition: Values) -> Values:
    """π with π A = π and Σ π = 1: the solution of (I - A + 1 1ᵀ)ᵀ π = 1, without rounding below 0."""
    order = transition.shape[-1]
    system = np.swapaxes(np.eye(order) - transition + 1, -1, -2)
    return np.asarray(np.maximum(np.linalg.solve(system, np.ones((*transition.shape[:-1], 1)))[..., 0], 0.0))


def _logdet(matrix: Values) -> Values:
    """log |matrix|, nan for a negative determinant."""
    sign, log_absolute = np.linalg.slogdet(matrix)
    return np.where(sign < 0, np.nan, log_absolute)


def _log_bessel_i0(x: Values) -> Values:
    from scipy import special

    return np.asarray(np.log(special.i0e(x)) + np.abs(x))


def _log_multigamma(x: Values, dimension: Values) -> Values:
    from scipy import special

    return np.asarray(special.multigammaln(x, int(dimension)))


#: The functions of the language, then those of the families, that are not in scipy.special.
ARRAY_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "log": np.log,
    "log1p": np.log1p,
    "expm1": np.expm1,
    "sqrt": np.sqrt,
    "abs": np.abs,
    "min": _smallest,
    "max": _largest,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "softmax": _softmax,
    "dot": lambda a, b: (a * b).sum(axis=-1),
    "sum": _sum,
    "outer": lambda a, b: a[..., :, None] * b[..., None, :],
    "diag": np.diag,
    "eye": lambda size: np.eye(int(size)),
    "ones": _full(1.0),
    "zeros": _full(0.0),
    "stationary": _stationary,
    "inv": np.linalg.inv,
    "logdet": _logdet,
    "trace": lambda a: np.trace(a, axis1=-2, axis2=-1),
    "gram": lambda a: a @ np.swapaxes(a, -1, -2),
    "dim": lambda a: a.shape[-1],
    "log_bessel_i0": _log_bessel_i0,
    "log_multigamma": _log_multigamma,
}
