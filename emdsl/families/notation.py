"""The functions of the expression language under their own names: `log(x)` is `Call("log", (x,))`.

With them and Python's operators a family's file reads like its formula.
"""

from __future__ import annotations

import math

from emdsl.algebra.expressions import Call, Expression, Number, call

PI = Number(math.pi)

Factor = Expression | float | int


def log(x: Factor) -> Call:
    return call("log", x)


def log1p(x: Factor) -> Call:
    return call("log1p", x)


def exp(x: Factor) -> Call:
    return call("exp", x)


def logit(x: Factor) -> Call:
    return call("logit", x)


def absolute(x: Factor) -> Call:
    return call("abs", x)


def cos(x: Factor) -> Call:
    return call("cos", x)


def sin(x: Factor) -> Call:
    return call("sin", x)


def lgamma(x: Factor) -> Call:
    return call("lgamma", x)


def log_bessel_i0(x: Factor) -> Call:
    """log I₀(x), the modified Bessel function of order zero."""
    return call("log_bessel_i0", x)


def log_multigamma(x: Factor, dimension: Factor) -> Call:
    """log Γ_D(x) = D (D-1)/4 log π + Σ_d lgamma(x - d/2), d = 0, …, D-1."""
    return call("log_multigamma", x, dimension)


def log_polya_gamma(u: Factor) -> Call:
    """The log density of the Pólya-Gamma law PG(1, 0); b times it stands for that of PG(b, 0)."""
    return call("log_polya_gamma", u)


def total(x: Factor) -> Call:
    """Sum over the event axis."""
    return call("sum", x)


def dim(x: Factor) -> Call:
    """Length of the last event axis."""
    return call("dim", x)


def inv(x: Factor) -> Call:
    return call("inv", x)


def logdet(x: Factor) -> Call:
    return call("logdet", x)


def trace(x: Factor) -> Call:
    return call("trace", x)


def gram(x: Factor) -> Call:
    """x xᵀ: the matrix of which a lower triangular x is the Cholesky factor."""
    return call("gram", x)
