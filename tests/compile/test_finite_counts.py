"""Latent counts with a largest value are one of finitely many states, as an index and as a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from emdsl.api import parse
from emdsl.compile import compile_model
from emdsl.errors import ModelError
from tests.oracles.checks import check_likelihood, check_posterior
from tests.oracles.networks import check_network, instance

RNG = np.random.default_rng(3)
Y, PAIRS = RNG.normal(size=5), RNG.normal(size=(4, 2))
KIND = np.array([0, 1, 1, 0, 1])

#: Model, data, and the methods that it is checked under.
CASES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "rows": (
        """model M(m = 2) plate n in N, k in 3 param q : unit param mu[k] : real param v : positive
        latent g[n] : index[3] ~ Binomial(m, q) observed y[n] ~ Normal(mu[g[n]], var=v)""",
        {"y": Y},
        ("em", "hard"),
    ),
    "range_of_its_law": (
        """model M() plate n in N, p in P given pop[n] : index[P] param q[p] : unit param a : real param b : real
        latent g[n] : count ~ Binomial(2, q[pop[n]]) observed y[n] ~ Normal(a + b*g[n], var=1)""",
        {"y": Y, "pop": KIND},
        ("em",),
    ),
    "of_a_constant": (
        """model M(m = 2) plate n in N param q : unit ~ Beta(2, 3) param b : real ~ Normal(0, sd=2)
        latent g[n] ~ Binomial(m, q) observed y[n] ~ Normal(b*g[n], var=1)""",
        {"y": Y},
        ("em", "vb"),
    ),
    "over_plates": (
        """model M() plate n in N, l in 2 param q[l] : unit ~ Beta(2, 3) param b : real ~ Normal(0, sd=2)
        latent g[n, l] ~ Binomial(2, q[l]) latent h[n] ~ Binomial(2, 0.3)
        observed y[n, l] ~ Normal(b*g[n, l] + h[n], var=1)""",
        {"y": PAIRS},
        ("em", "vb"),
    ),
    "over_an_index_array": (
        """model M() plate n in N, i in I, k in 3 given who[n] : index[I] param q : unit param mu[k] : real
        latent g[i] : index[3] ~ Binomial(2, q) observed y[n] ~ Normal(mu[g[who[n]]], var=1)""",
        {"y": Y, "who": KIND},
        ("em",),
    ),
    "over_time": (
        """model M() time t in T plate k in 3 param q[k] : unit param mu[k] : real latent g[0] ~ Binomial(2, 0.3)
        latent g[t] ~ Binomial(2, q[g[t-1]]) observed y[t] ~ Normal(mu[g[t]], var=1)""",
        {"y": Y},
        ("em",),
    ),
    "of_those_left": (
        """model M() time t in T param q : unit param b : real latent g[0] ~ PointMass(3)
        latent g[t] ~ Binomial(g[t-1], q) observed y[t] ~ Normal(b*g[t], var=1)""",
        {"y": Y},
        ("em",),
    ),
    "of_a_latent_count": (
        """model M() plate n in N param q : unit param r : unit param b : real latent m[n] ~ Binomial(3, r)
        latent g[n] ~ Binomial(m[n], q) observed y[n] ~ Normal(b*g[n], var=1)""",
        {"y": Y[:3]},
        ("em",),
    ),
    "of_given_trials": (
        """model M() plate n in N given m[n] : index[4] param q : unit param b : real
        latent g[n] : index[4] ~ Binomial(m[n], q) observed y[n] ~ Normal(b*g[n], var=1)""",
        {"y": Y, "m": np.array([1, 2, 3, 3, 1])},
        ("em",),
    ),
    "inflated_at_zero": (
        """model M() plate n in N, k in 3 param q : unit param pi : unit param mu[k] : real latent s[n] ~ Bernoulli(pi)
        latent g[n] ~ switch(s[n], PointMass(0), Binomial(2, q)) observed y[n] ~ Normal(mu[g[n]], var=1)""",
        {"y": Y},
        ("em",),
    ),
}


@pytest.mark.parametrize("name, method", [(name, method) for name, case in CASES.items() for method in case[2]])
def test_against_brute_force(name: str, method: str) -> None:
    text, data, _ = CASES[name]
    check_network(text, {}, data, method, fit=False)


def test_functions_of_many_states_are_tables() -> None:
    """An N-mixture: the number of individuals has more states than are written out one by one."""
    text = """model M() plate i in I, t in 2 param q : unit param p : unit param b : real latent N[i] ~ Binomial(20, q)
    observed y[i, t] ~ Binomial(N[i], p) observed w[i] ~ Normal(b*abs(N[i] - 10), var=1)"""
    case = instance(text, {}, {"y": np.array([[3, 2], [1, 0]]), "w": np.array([0.3, -1.0])})
    module = compile_model(case.bound, "em").module
    params = {"q": np.array(0.3), "p": np.array(0.4), "b": np.array(0.2)}
    place = (module, case.model, case.constants, case.data, params)
    check_likelihood(*place)
    check_posterior(*place)


@pytest.mark.parametrize(
    "law, code",
    [
        ("g[n] : index[3] ~ Poisson(q)", "E052"),
        ("g[n] : index[3] ~ Geometric(q)", "E052"),
        ("g[n] : index[3] ~ Binomial(m[n], q)", "E052"),
        ("g[n] : index[3] ~ Binomial(3, q)", "E047"),
        ("g[n] ~ switch(s[n], PointMass(m[n]), Binomial(2, q))", "E090"),
        ("g[n] ~ switch(s[n], Poisson(3), Binomial(2, q))", "E090"),
        ("g[n] ~ Geometric(q)", "E090"),
        ("g[n] : count ~ Binomial(m[n], q)", "E090"),
    ],
)
def test_counts_without_a_range_are_refused(law: str, code: str) -> None:
    text = f"""model M() plate n in N given m[n] : count param q : unit param b : real given s[n] : index[2]
    latent {law} observed y[n] ~ Normal(b*g[n], var=1)"""
    with pytest.raises(ModelError) as caught:
        parse(text)().source()
    assert caught.value.code == code and "`g`" in str(caught.value)


def test_a_point_beyond_the_range_of_other_laws_is_refused() -> None:
    text = """model M() time t in T given x : count param q : unit param b : real latent g[0] ~ PointMass(x)
    latent g[t] ~ Binomial(3, q) observed y[t] ~ Normal(b*g[t], var=1)"""
    with pytest.raises(ModelError, match="the largest count that PointMass draws"):
        parse(text)().source()


def test_the_posterior_has_probabilities() -> None:
    text, data, _ = CASES["of_a_constant"]
    fit = parse(text)(m=3).fit(data | {"g": np.array([0, np.nan, 3, np.nan, 1])}, random_state=0)
    np.testing.assert_array_equal(fit.posterior["g"].probabilities[2], [0, 0, 0, 1])
