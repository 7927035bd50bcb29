"""A class and its text give equal models; mistakes name the attribute."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from emdsl.algebra.expressions import FUNCTIONS, Call, Expression, Name, Number
from emdsl.errors import ModelError
from emdsl.families.registry import FAMILIES
from emdsl.language import vocabulary
from emdsl.language.class_printer import to_class
from emdsl.language.classes import Declaration as Model
from emdsl.language.declarations import *
from emdsl.language.printer import to_text
from emdsl.language.text import parse
from emdsl.language.vocabulary import *
from emdsl.model.check import check
from emdsl.model.spelling import type_text

from .python_source import run
from .test_text import CHAIN


class PoissonHMM(Model):
    K, S, T = size(2), size(), size()
    s, k = plate(S), plate(K)
    t = time(T[s])
    start = param(simplex[K])
    A = param[k](simplex[K])
    rate = param[k](positive)
    z = latent[s, t]()
    z[s, 0] = Categorical(start)
    z[s, t] = Categorical(A[z[s, t - 1]])
    y       = observed[s, t](Poisson(rate[z[s, t]]))  # fmt: skip


def test_the_contracts_example() -> None:
    assert PoissonHMM.declared() == parse(CHAIN)
    assert to_text(PoissonHMM.declared()) == to_text(parse(CHAIN))


class KnownStart(Model):
    T = size()
    t = time(T)
    x = latent[t]()
    x[0] = PointMass(1)
    x[t] = Normal(x[t - 1], sd=1)
    y = observed[t](Normal(x[t], sd=1))


def test_a_point_does_not_decide_the_type_of_a_state() -> None:
    assert type_text(check(KnownStart.declared()).types["x"]) == "real"


def test_the_contracts_example_as_source() -> None:
    source = to_class(parse(CHAIN))
    assert run(source) == parse(CHAIN)
    assert (
        source
        == """\
from emdsl import (
    Categorical, Model, Poisson, latent, observed, param, plate, positive, simplex, size, time,
)


class PoissonHMM(Model):
    K = size(2)
    S = size()
    T = size()
    s = plate(S)
    k = plate(K)
    t = time(T[s])
    start = param(simplex[K])
    A = param[k](simplex[K])
    rate = param[k](positive)
    z = latent[s, t]()
    z[s, 0] = Categorical(start)
    z[s, t] = Categorical(A[z[s, t-1]])
    y = observed[s, t](Poisson(rate[z[s, t]]))
"""
    )


class Everything(Model):
    """A docstring is no statement."""

    S0, alpha = const(), const(0.1)
    K, N, D, G = size(3), size(), size(), 2
    n, k, g = plate(N), plate(K), plate(G)
    X, doc = given[n](real[D]), given[n](index[D])

    @dist
    def Gumbel(y: real, m: real, b: positive):  # type: ignore[valid-type, no-untyped-def]
        return -(y - m) / b - exp(-(y - m) / b) - log(b)

    pi = param(simplex[K], Dirichlet(alpha))
    mu = param[k](real[D], MvNormal(0, cov=S0))
    scale = param(Exponential(rate=1))
    z = latent[n](Categorical(pi))
    u = latent[n](real, Normal(0, sd=np.float64(2)))
    eta = let[n](-X[n] @ mu[z[n]] + 0.5 + mu[0, doc[n]] ** 2)
    x = observed[n](Gumbel(eta[n], scale).truncated(-inf, 3), missing=True)
    w = observed[n](switch(z[n], Normal(0, sd=1), StudentT(3, u[n], scale=2)))
    lambda_ = param(positive, name="lambda")
    fix(mu[0], np.array([0, 1.5]))
    fix(pi, [1, 0, 0])
    order(mu, by=k)
    factorise(z, (mu, pi))
    half = 1 / 2


EVERYTHING = """
model Everything(S0, alpha = 0.1, K = 3)
plate n in N, k in K, g in 2
given X[n] : real[D]
given doc[n] : index[D]
dist Gumbel(y : real | m : real, b : positive) = -(y-m)/b - exp(-(y-m)/b) - log(b)
param pi : simplex[K] ~ Dirichlet(alpha)
param mu[k] : real[D] ~ MvNormal(0, cov=S0)
param scale ~ Exponential(rate=1)
latent z[n] ~ Categorical(pi)
latent u[n] : real ~ Normal(0, sd=2.0)
let eta[n] = -X[n] @ mu[z[n]] + 0.5 + mu[0, doc[n]]**2
observed x[n] missing ~ Gumbel(eta[n], scale) truncated(-inf, 3)
observed w[n] ~ switch(z[n], Normal(0, sd=1), StudentT(3, u[n], scale=2))
param lambda : positive
fix mu[0] = [0.0, 1.5]
fix pi = [1, 0, 0]
order mu by k
factorise q(z) q(mu, pi)
"""


def test_every_statement() -> None:
    assert Everything.declared() == parse(EVERYTHING)
    assert run(to_class(parse(EVERYTHING))) == parse(EVERYTHING)
    assert Everything.__doc__ == "A docstring is no statement."
    assert Everything.half == 0.5 and not hasattr(Everything, "mu")


def test_a_model_may_have_another_name_than_its_class() -> None:
    class Local(Model, name="Other"):
        x = observed(Normal(0, sd=1))

    assert Local.declared() == parse("model Other observed x ~ Normal(0, sd=1)")


def test_names_that_python_cannot_spell() -> None:
    text = (
        "model class(if) plate lambda in np param __c[lambda] : real[if] param em : real "
        "observed exp ~ Normal(exp(em), sd=__c[0] + 1/2)"
    )
    assert run(to_class(parse(text))) == parse(text)


def test_statements_in_an_order_that_python_does_not_allow() -> None:
    text = "model M time u in U[v] plate v in V param a ~ Gamma(b, rate=1) param b : real"
    assert run(to_class(parse(text))) == parse(text)


def test_words_are_those_of_the_language() -> None:
    assert set(vocabulary.DISTRIBUTIONS) == {family.name for family in FAMILIES}
    for name in (*FUNCTIONS, *vocabulary.DISTRIBUTIONS):
        assert getattr(vocabulary, name).name == name
    for name in vocabulary.TYPE_KINDS:
        assert getattr(vocabulary, name).kind == name


def test_functions_of_numbers_alone_stay_pythons() -> None:
    assert (sum([1, 2]), sum(i for i in range(3)), max(1, 2), min([3, 4]), abs(-1)) == (3, 3, 2, 3, 1)
    assert max([], default=7) == 7
    a = Name("a")
    assert sum(a, Name("k")) == Call("sum", (a, Name("k")))
    assert max(0, a) == Call("max", (Number(0), a))
    assert exp(1) == Call("exp", (Number(1),))
    assert np.float64(2) * a == 2 * a and isinstance(np.eye(2) @ a, Expression)


def bare_law() -> None:
    class M(Model):
        z = Categorical([0.5, 0.5])


def bare_expression() -> None:
    class M(Model):
        n = plate(10)
        b = param(real)
        eta = 2 * b
        x = observed[n](Normal(b, sd=1))


def no_letter() -> None:
    class M(Model):
        N = size()
        x = observed[N](Normal(0, sd=1))


def unassigned_letter() -> None:
    class M(Model):
        x = observed[plate(10)](Normal(0, sd=1))


def unassigned_variable() -> None:
    class M(Model):
        x = observed(Normal(param(real), sd=1))


def other_model() -> None:
    class A(Model):
        mu = param(real)
        outside = (mu,)

    class B(Model):
        x = observed(Normal(A.outside[0], sd=1))


def unknown_attribute() -> None:
    class M(Model):
        mu = param(real)
        x = observed(Normal(mu.mean, sd=1))


def assigned_twice() -> None:
    class M(Model):
        z = latent()
        z = Categorical([0.5, 0.5])


def no_law() -> None:
    class M(Model):
        n = plate(10)
        z = latent[n]()


def number_for_law() -> None:
    class M(Model):
        n = plate(10)
        z = latent[n]()
        z[n] = 3


def fixed_times_only() -> None:
    class M(Model):
        t = time(10)
        z = latent[t]()
        z[0] = Normal(0, sd=1)


def letters_exchanged() -> None:
    class M(Model):
        n, m = plate(10), plate(20)
        z = latent[n, m]()
        z[m, n] = Normal(0, sd=1)


def text_for_number() -> None:
    class M(Model):
        x = observed(Normal("mu", sd=1))


def law_for_number() -> None:
    class M(Model):
        x = observed(Normal(Normal(0, sd=1), sd=1))


def wrong_size() -> None:
    class M(Model):
        K = size(2)
        n = plate(K + 1)


def given_with_law() -> None:
    class M(Model):
        x = given(real, Normal(0, sd=1))


def missing_latent() -> None:
    class M(Model):
        z = latent(Normal(0, sd=1), missing=True)


def let_without_value() -> None:
    class M(Model):
        y = let(real)


def fix_of_nothing() -> None:
    class M(Model):
        x = observed(Normal(0, sd=1))
        fix(3, 0)


def constant_of_text() -> None:
    class M(Model):
        a = const("one")


def nothing() -> None:
    class M(Model):
        pass

    M.declared()


@pytest.mark.parametrize(
    ("mistake", "code", "message"),
    [
        (bare_law, "E009", "`z` is a law alone"),
        (bare_expression, "E009", "`eta` is an expression that no statement uses"),
        (no_letter, "E009", "in `x`: `N` is a size and not a letter"),
        (unassigned_letter, "E009", "in `x`: a letter is used that is assigned to no name"),
        (unassigned_variable, "E009", "in `x`: a variable is used that is assigned to no name"),
        (other_model, "E009", "in `x`: `mu` belongs to another model"),
        (unknown_attribute, "E009", "`mu` has no attribute `mean`"),
        (assigned_twice, "E009", "`z` is assigned twice"),
        (no_law, "E009", "`z` has no law"),
        (number_for_law, "E009", "`z` is defined by 3, which is no law"),
        (fixed_times_only, "E008", "`z` is defined at fixed times only"),
        (letters_exchanged, "E008", r"`z` is declared over \[n, m\] and defined as `z\[m, n\]`"),
        (text_for_number, "E009", "an argument of `Normal` is not a value: 'mu'"),
        (law_for_number, "E009", "an argument of `Normal` is not a value: Law"),
        (wrong_size, "E009", "`n` does not run over a size"),
        (given_with_law, "E009", "`x` is a `given`, which takes a type and no law"),
        (missing_latent, "E009", "`z` is not observed, and `missing` is for observed variables"),
        (let_without_value, "E009", "`y` is a `let` without a single value"),
        (fix_of_nothing, "E009", "`fix` is about 3, which is not declared here"),
        (constant_of_text, "E009", "in `a`: 'one' cannot stand in a model expression"),
        (nothing, "E009", "the class `M` declares nothing"),
    ],
)
def test_mistakes(mistake: Callable[[], None], code: str, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        mistake()
    assert caught.value.code == code
    assert caught.value.cure and caught.value.span is None


def foreign_type() -> None:
    class M(Model):
        n = plate(3)
        x = given[n](float)


def letter_in_round_brackets() -> None:
    class M(Model):
        n = plate(3)
        y = observed(Normal(0, sd=1), n)


def two_laws_by_assignment() -> None:
    class M(Model):
        t = time(3)
        y = observed[0](Normal(0, sd=1))
        y = observed[t](Normal(0, sd=1))


@pytest.mark.parametrize(
    ("mistake", "cure"),
    [
        (foreign_type, "did you mean `real`?"),
        (letter_in_round_brackets, "letters stand in square brackets: `observed[n](...)`"),
        (
            two_laws_by_assignment,
            "declare it once, `y = observed[...]()`, and define it by `y[...] = ...` for each time",
        ),
    ],
)
def test_cures(mistake: Callable[[], None], cure: str) -> None:
    with pytest.raises(ModelError) as caught:
        mistake()
    assert caught.value.cure == cure


def test_brackets() -> None:
    A = param(real[2, 3])
    with pytest.raises(TypeError, match="there are no slices"):
        A[:, 0]
    with pytest.raises(TypeError, match=r"sizes stand in square brackets: `simplex\[3\]`"):
        simplex(3)
    assert A[0][1].indices == A[0, 1].indices
