"""The words of the language in Python: types, functions and distributions.

real[D]  -> Type        exp(x) -> Call        Normal(0, sd=1) -> Law        switch(z, d0, d1) -> Law
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable
from typing import Any

from emdsl.algebra.expressions import FUNCTIONS, Expression, call, expression
from emdsl.errors import ModelError
from emdsl.model.statements import TYPE_KINDS, Law, Type

#: In the order of the contract.
DISTRIBUTIONS = (
    "Normal", "MvNormal", "StudentT", "MvStudentT", "Laplace", "LogNormal", "Exponential", "Gamma", "InvGamma",
    "Weibull", "Beta", "VonMises", "Bernoulli", "Binomial", "Categorical", "Multinomial", "Poisson", "NegBinomial",
    "Geometric", "Dirichlet", "Wishart", "InvWishart", "PointMass",
)  # fmt: skip

#: Functions that stay what they are in Python where no model expression is among their arguments.
BUILTINS: dict[str, Callable[..., Any]] = {
    "abs": builtins.abs, "min": builtins.min, "max": builtins.max, "sum": builtins.sum,
}  # fmt: skip


class Function:
    """A function of the language: called, it builds an expression."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, /, *arguments: Any, **named: Any) -> Any:
        if self.name in BUILTINS and not _concerns_a_model(arguments):
            return BUILTINS[self.name](*arguments, **named)
        if named:
            raise ModelError("E009", f"`{self.name}` takes no named arguments", cure="write the values in their order")
        return call(self.name, *arguments)

    def __repr__(self) -> str:
        return self.name


class Distribution:
    """A distribution of the language: called, it builds a law. The check stage judges the arguments."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, /, *positional: object, **named: object) -> Law:
        return law(self.name, *positional, **named)

    def __repr__(self) -> str:
        return self.name


def law(family: str, /, *positional: object, **named: object) -> Law:
    """`family(positional..., named...)`. Raises ModelError (E009) for an argument that is no expression."""
    arguments = [(None, value) for value in positional] + list(named.items())
    return Law(family, tuple((name, _argument(family, value)) for name, value in arguments))


def switch(index: object, *laws: Law) -> Law:
    """The law among `laws` that `index` says, counted from 0."""
    for choice in laws:
        if not isinstance(choice, Law):
            message = f"`switch` chooses among distributions, and {choice!r} is none"
            raise ModelError("E009", message, cure="write `switch(s, Normal(0, sd=1), Normal(0, sd=9))`")
    return Law("switch", ((None, _argument("switch", index)), *((None, choice) for choice in laws)))


def _argument(family: str, value: object) -> Expression:
    try:
        return expression(value)
    except TypeError as error:
        cure = "name a variable, a number or an expression of them"
        raise ModelError("E009", f"an argument of `{family}` is not a value: {error}", cure=cure) from None


def _concerns_a_model(arguments: tuple[object, ...]) -> bool:
    return any(
        isinstance(argument, Expression) or (isinstance(argument, (list, tuple)) and _concerns_a_model(tuple(argument)))
        for argument in arguments
    )


inf = math.inf

real, positive, unit, simplex, cov, count, index = map(Type, TYPE_KINDS)

(
    exp, log, log1p, expm1, sqrt, abs, min, max, sin, cos, tanh, logistic, logit, softmax, Phi, lgamma, dot, sum, outer,
    diag, eye, ones, zeros, stationary,
) = map(Function, FUNCTIONS)  # fmt: skip

(
    Normal, MvNormal, StudentT, MvStudentT, Laplace, LogNormal, Exponential, Gamma, InvGamma, Weibull, Beta, VonMises,
    Bernoulli, Binomial, Categorical, Multinomial, Poisson, NegBinomial, Geometric, Dirichlet, Wishart, InvWishart,
    PointMass,
) = map(Distribution, DISTRIBUTIONS)  # fmt: skip

#: What `from emdsl import *` takes from here.
WORDS = (*TYPE_KINDS, *FUNCTIONS, *DISTRIBUTIONS, "switch", "inf")
