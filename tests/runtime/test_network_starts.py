"""Starts of networks break their symmetry: a fit from nothing is as good as one from the values that made the data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import emdsl as em
from emdsl.runtime.carried.seeding import lasting_shares

LINEAR = """
    model Linear(L = 2)  plate s in S  time t in T
    param A : real[L, L]  param Q : cov[L]  param C : real[D, L]  param R : cov[D]
    latent x[s, 0] ~ MvNormal(zeros(L), cov=eye(L))  latent x[s, t] ~ MvNormal(A @ x[s, t-1], cov=Q)
    observed y[s, t] : real[D] ~ MvNormal(C @ x[s, t], cov=R)
"""

TWO_CHAINS = """
    model TwoChains(K = 2)  plate k in K, l in K  time t in T
    param A[k] : simplex[K]  param B[k] : simplex[K]  param m[k] : real  param w[k] : real  param v : positive
    latent z[0] ~ Categorical(ones(K) / K)  latent z[t] ~ Categorical(A[z[t-1]])
    latent u[0] ~ Categorical(ones(K) / K)  latent u[t] ~ Categorical(B[u[t-1]])
    observed y[t] ~ Normal(m[z[t]] + w[u[t]], var=v)
"""

FACTORS_OF_STATES = """
    model FactorsOfStates(K = 2)  plate k in K, d in D  time t in T
    param A[k] : simplex[K]  param W[k, d] : real[1]  param m[k, d] : real  param v[d] : positive
    latent z[0] ~ Categorical(ones(K) / K)  latent z[t] ~ Categorical(A[z[t-1]])
    latent f[t] : real[1] ~ MvNormal(0, cov=eye(1))
    observed y[t, d] ~ Normal(W[z[t], d] @ f[t] + m[z[t], d], var=v[d])
"""

SWITCHING = """
    model Switching(K = 2)  plate k in K  time t in T
    param A[k] : simplex[K]  param phi[k] : real  param q[k] : positive  param r : positive
    latent z[0] ~ Categorical(ones(K) / K)  latent z[t] ~ Categorical(A[z[t-1]])
    latent x[0] ~ Normal(0, sd=1)  latent x[t] ~ Normal(phi[z[t]] * x[t-1], var=q[z[t]])
    observed y[t] ~ Normal(x[t], var=r)
"""


def linear(rng: np.random.Generator) -> tuple[dict[str, Any], np.ndarray]:
    """A slowly turning state of two dimensions in three outputs."""
    truth = {"A": np.array([[0.9, 0.2], [-0.2, 0.9]]), "Q": 0.09 * np.eye(2), "R": 0.04 * np.eye(3)}
    truth["C"] = rng.normal(size=(3, 2))
    x, y = rng.normal(size=(4, 2)), []
    for _ in range(40):
        x = x @ truth["A"].T + 0.3 * rng.normal(size=x.shape)
        y.append(x @ truth["C"].T + 0.2 * rng.normal(size=(4, 3)))
    return truth, np.stack(y, axis=1)


def chains(rng: np.random.Generator, stay: float, length: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """States (chain, row) that stay with probability `stay`, and their transitions."""
    moves = rng.random((count, length)) > stay
    return moves.cumsum(axis=1) % 2, np.array([[stay, 1 - stay], [1 - stay, stay]])


def two_chains(rng: np.random.Generator) -> tuple[dict[str, Any], np.ndarray]:
    """A sum of two chains of unlike steps, and noise."""
    (z, u), transition = chains(rng, 0.9, 150, 2)
    truth = {"A": transition, "B": transition, "m": np.array([0.0, 3.0]), "w": np.array([0.0, 1.5]), "v": 0.1}
    return truth, truth["m"][z] + truth["w"][u] + np.sqrt(0.1) * rng.normal(size=150)


def factors_of_states(rng: np.random.Generator) -> tuple[dict[str, Any], np.ndarray]:
    """Four outputs that one factor moves, along another direction in each state."""
    (z,), transition = chains(rng, 0.95, 200, 1)
    loading = 2 * rng.normal(size=(2, 4, 1))
    truth = {"A": transition, "W": loading, "m": rng.normal(size=(2, 4)), "v": np.full(4, 0.2)}
    factor = rng.normal(size=(200, 1))
    return truth, truth["m"][z] + loading[z, :, 0] * factor + np.sqrt(0.2) * rng.normal(size=(200, 4))


@pytest.mark.parametrize("unit", [1.0, 1e-3])
def test_dynamics_that_states_choose_start_near_the_data(unit: float) -> None:
    """All states were alike at the end, and all moves of the data noise: 90 below the optimum."""
    rng = np.random.default_rng(0)
    (z,), transition = chains(rng, 0.98, 200, 1)
    phi, q, x = np.array([0.95, 0.2]), np.array([0.09, 4.0]), np.zeros(200)
    for t in range(1, 200):
        x[t] = phi[z[t]] * x[t - 1] + np.sqrt(q[z[t]]) * rng.normal()
    y = unit * (x + 0.3 * rng.normal(size=200))
    model = em.parse(SWITCHING)()
    truth = {"A": transition, "phi": phi, "q": unit**2 * q, "r": unit**2 * 0.09}
    informed = model.fit(y=y, init=truth, max_iter=60, accelerate="squarem")
    fit = model.fit(y=y, n_init=2, random_state=0, max_iter=60, accelerate="squarem")
    assert fit.objective >= informed.objective - 1.5


def test_states_without_data_of_their_own_start_in_pieces() -> None:
    positions = np.concatenate([np.arange(50), np.arange(30)])
    shares = lasting_shares((3, 80, 4), positions, np.random.default_rng(0))
    np.testing.assert_allclose(shares.sum(axis=-1), 1.0)
    state = shares.argmax(axis=-1)
    changes = (np.diff(state, axis=1) != 0).mean()
    assert 0.0 < changes < 0.3
    assert len({tuple(row) for row in state}) == 3


@pytest.mark.parametrize(
    ("text", "draw"), [(LINEAR, linear), (TWO_CHAINS, two_chains), (FACTORS_OF_STATES, factors_of_states)]
)
def test_a_start_from_nothing(text: str, draw: Any) -> None:
    truth, y = draw(np.random.default_rng(3))
    model = em.parse(text)()
    informed = model.fit(y=y, init=truth, max_iter=60, accelerate="squarem")
    fit = model.fit(y=y, n_init=4, random_state=0, max_iter=60, accelerate="squarem")
    assert fit.objective >= informed.objective - 1.5


@pytest.mark.parametrize("method", ["em", "vb"])
def test_parameters_that_only_multiply_each_other_do_not_start_at_zero(method: str) -> None:
    """Zero is a saddle: neither factor moves while the other is there."""
    text = """model Rank()  plate n in N, j in J  param a[n] : real ~ Normal(0, sd=1)
        param b[j] : real ~ Normal(0, sd=1)  observed y[n, j] ~ Normal(a[n] * b[j], var=0.1)"""
    y = np.outer([1.0, -2.0, 0.5, 1.5], [1.0, 2.0, -1.0])
    fit = em.parse(text)().fit(y=y, method=method, n_init=1, random_state=0)
    assert np.allclose(np.outer(fit.params["a"], fit.params["b"]), y, atol=0.2)


@pytest.mark.parametrize("first", [0, 1])
def test_states_that_choose_a_sum_of_products_may_be_given_a_start(first: int) -> None:
    """The choice among the products has none of its own: it is what follows from the states. A KeyError said so."""
    model = em.parse("""
        model Rates(K = 2)  plate s in S, j in J, k in K  given x[s, j] : positive  param r[k] : positive
        param b : positive  latent g[j] ~ Categorical([0.5, 0.5])
        observed y[s, j] ~ Poisson(r[g[j]] + b * x[s, j])
    """)()
    rng = np.random.default_rng(0)
    group, x = np.arange(10) % 2, rng.gamma(2, 0.3, (6, 10))
    y = rng.poisson(np.array([1.0, 9.0])[group] + 0.5 * x)
    fit = model.fit(y=y, x=x, init={"g": np.where(np.eye(2)[group ^ first] > 0, 0.9, 0.1)}, max_iter=50)
    np.testing.assert_array_equal(fit.posterior["g"].most_probable, group ^ first)
    np.testing.assert_allclose(fit.params["r"][[first, 1 - first]], [1.0, 9.0], atol=1.5)
