"""Functions of data in the place of arguments: their logarithms and powers, and tables that latents index."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from emdsl.api import parse
from tests.oracles.networks import check_network

RNG = np.random.default_rng(0)
X, Y, S = RNG.normal(size=6), RNG.normal(size=6), RNG.normal(size=(6, 3))
PAIRS = RNG.normal(size=(6, 2))
KIND = np.array([0, 1, 1])

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "scale": (
        "model M() plate n in N given x[n] : real param m : real observed y[n] ~ Normal(m, sd=exp(x[n]))",
        {"x": X, "y": Y},
    ),
    "scale_of_a_mixture": (
        """model M(K = 2) plate n in N, k in K given x[n] : real param m[k] : real param pi : simplex[K]
        latent z[n] ~ Categorical(pi) observed y[n] ~ Normal(m[z[n]], sd=exp(x[n]))""",
        {"x": X, "y": Y},
    ),
    "scale_over_time": (
        """model M(K = 2) time t in T plate k in K given x[t] : real param m[k] : real param A[k] : simplex[K]
        latent z[0] ~ Categorical(ones(K) / K) latent z[t] ~ Categorical(A[z[t-1]])
        observed y[t] ~ Normal(m[z[t]], sd=exp(x[t]))""",
        {"x": X, "y": Y},
    ),
    "softmax": (
        """model M(K = 3) plate n in N, k in K given s[n] : real[K] param m[k] : real param v : positive
        latent z[n] ~ Categorical(softmax(s[n])) observed y[n] ~ Normal(m[z[n]], var=v)""",
        {"s": S, "y": Y},
    ),
    # the softmax was taken over the rows that the data had read before it
    "softmax_that_data_read": (
        """model M(K = 3) plate n in N, k in K given s[k] : real[3] param w : simplex[K]
        latent z[n] ~ Categorical(w) observed y[n] ~ Categorical(softmax(s[z[n]]))
        observed x[n] ~ Bernoulli(softmax(s[z[n]])[1])""",
        {"s": S[:3], "y": np.array([0, 1, 2, 1, 0, 0]), "x": np.array([0, 1, 0, 1, 0, 0])},
    ),
    "softmax_in_a_network": (
        """model M(K = 3) plate n in N, k in K, l in 2 given s[n] : real[K] param m[k, l] : real param v : positive
        param p[k] : simplex[2] latent z[n] ~ Categorical(softmax(s[n])) latent w[n, l] ~ Categorical(p[z[n]])
        observed y[n, l] ~ Normal(m[z[n], w[n, l]], var=v)""",
        {"s": S, "y": PAIRS},
    ),
    "exponentials_over_their_sum": (
        """model M(K = 3) plate n in N, k in K, l in 2 given s[n] : real[K] param m[k, l] : real param v : positive
        param p[k] : simplex[2] latent z[n] ~ Categorical(exp(s[n]) / sum(exp(s[n])))
        latent w[n, l] ~ Categorical(p[z[n]]) observed y[n, l] ~ Normal(m[z[n], w[n, l]], var=v)""",
        {"s": S, "y": PAIRS},
    ),
    "means_by_a_table": (
        """model M() plate n in N, g in 3, k in 2 given kind[g] : index[2] param pi : simplex[3] param m[k] : real
        param v : positive latent z[n] ~ Categorical(pi) observed y[n] ~ Normal(m[kind[z[n]]], var=v)""",
        {"kind": KIND, "y": Y},
    ),
    # offsets that a state's location stands beside: those of all states were added to every one of them
    "offsets_of_states": (
        """model M(K = 2) plate n in N, k in K, l in 2 given d[k] : real param pi : simplex[K] param q : simplex[2]
        param m[k] : real param h[l] : real param v : positive latent z[n] ~ Categorical(pi)
        latent w[n] ~ Categorical(q) observed y[n] ~ Normal(m[z[n]] + d[z[n]] + h[w[n]], var=v)
        observed x[n] ~ Normal(m[z[n]] - 2 * z[n], var=v)""",
        {"d": np.array([1.0, -2.0]), "y": Y, "x": X},
    ),
    "offsets_of_states_of_vectors": (
        """model M(K = 2) plate n in N, k in K given d[k] : real[2] param pi : simplex[K] param m[k] : real[2]
        latent z[n] ~ Categorical(pi) observed y[n] missing ~ MvNormal(m[z[n]] + d[z[n]], cov=[[1, 0.3], [0.3, 1]])""",
        {"d": np.array([[1.0, -2.0], [0.5, 1.0]]), "y": np.where(PAIRS > 1, np.nan, PAIRS)},
    ),
    # the state was set in the cofactor of a square and not in the square, which then summed over all states
    "variances_written_out": (
        """model M() plate n in N, k in 3 param pi : simplex[3] param m[k] : real
        param s : positive ~ InvGamma(2, scale=1)
        latent z[n] ~ Categorical(pi) observed y[n] ~ Normal(m[z[n]], var=[1, s, 4][z[n]])
        latent f[n] ~ Normal(m[z[n]], prec=[1, 2, 3][z[n]]) observed x[n] ~ Normal(f[n], var=1 + z[n])""",
        {"y": Y, "x": X},
    ),
    # entries written out that a table chooses: logarithms and powers were refused, and so was a larger of the two
    "probabilities_by_a_table": (
        """model M() plate n in N, g in 3 given kind[g] : index[2] param pi : simplex[3] param a : unit
        param b : unit latent z[n] ~ Categorical(pi) observed w[n] ~ Bernoulli([a, 1 - b][kind[z[n]]])
        observed v[n] ~ Bernoulli([a, b, 1 - a][max(kind[z[n]], group[n])]) given group[n] : index[3]""",
        {
            "kind": KIND,
            "group": np.array([0, 1, 2, 0, 1, 0]),
            "w": KIND[[0, 1, 0, 0, 2, 0]],
            "v": KIND[[1, 1, 0, 0, 1, 0]],
        },
    ),
    "variances_by_a_table": (
        """model M() plate n in N, g in 3 given kind[g] : index[2] given group[n] : index[2] param pi : simplex[3]
        param a : positive param b : positive param m : real latent z[n] ~ Categorical(pi)
        observed y[n] ~ Normal([m, 2 * m][kind[z[n]]] * [1, 2, 3][z[n]], var=[a, 4 * b][group[n]])""",
        {"kind": KIND, "group": np.array([0, 1, 1, 0, 1, 0]), "y": Y},
    ),
    "means_by_a_table_over_time": (
        """model M() time t in T plate g in 3, k in 2 given kind[g] : index[2] param A[g] : simplex[3] param m[k] : real
        param v : positive latent z[0] ~ Categorical(ones(3) / 3) latent z[t] ~ Categorical(A[z[t-1]])
        observed y[t] ~ Normal(m[kind[z[t]]], var=v)""",
        {"kind": KIND, "y": Y},
    ),
    "means_by_tables_of_states_and_of_rows": (
        """model M() time t in T plate g in 3, k in 2, c in 2 given kind[g] : index[2] given group[t] : index[2]
        param A[g] : simplex[3] param m[k, c] : real param v : positive latent z[0] ~ Categorical(ones(3) / 3)
        latent z[t] ~ Categorical(A[z[t-1]]) observed y[t] ~ Normal(m[kind[z[t]], group[t]], var=v)""",
        {"kind": KIND, "group": np.array([0, 1, 1, 0, 1, 0]), "y": Y},
    ),
    "categories_by_a_table_over_time": (
        """model M() time t in T plate g in 3, k in 2 given kind[g] : index[2] param A[g] : simplex[3]
        param phi[k] : simplex[3] latent z[0] ~ Categorical(ones(3) / 3) latent z[t] ~ Categorical(A[z[t-1]])
        observed w[t] ~ Categorical(phi[kind[z[t]]])""",
        {"kind": KIND, "w": np.array([0, 2, 1, 1, 0, 2])},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_against_brute_force(name: str) -> None:
    text, data = CASES[name]
    check_network(text, {}, data, fit=False)


def test_scores_far_apart_do_not_underflow() -> None:
    """log softmax(s) without the logarithm of a vanished exponential."""
    text = """model M(K = 2) plate n in N, k in K given s[n] : real[K] param m : real
    latent z[n] ~ Categorical(softmax(s[n])) observed y[n] ~ Normal(m, var=1) observed c[n] ~ PointMass(z[n])"""
    scores = np.array([[0.0, -2000.0], [0.0, 3.0]])
    fit = parse(text)().fit({"s": scores, "y": np.zeros(2), "c": np.array([1, 1])})
    expected = -2000.0 + 3.0 - np.log1p(np.exp(3.0)) - np.log(2 * np.pi)
    np.testing.assert_allclose(fit.log_likelihood, expected, rtol=1e-12)


def test_a_table_is_read_at_one_entry_for_each_row() -> None:
    """No array over pairs of rows: 3000 of them would need 72 MB."""
    n = 3000
    table, y = RNG.dirichlet(np.ones(3), n), RNG.integers(0, 3, n)
    model = parse("model M() plate n in N given c[n] : simplex[3] observed y[n] ~ Categorical(c[n])")()
    model.program("em")
    tracemalloc.start()
    fit = model.fit(c=table, y=y)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert_allclose(fit.log_likelihood, np.log(table[np.arange(n), y]).sum(), rtol=1e-12)
    assert peak < 8 * n * n / 4
