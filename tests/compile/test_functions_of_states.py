"""Discrete latents inside functions: max, min, abs and arithmetic, as numbers and as indices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.oracles.networks import check_network

RNG = np.random.default_rng(3)
Y, X = RNG.normal(size=4), RNG.normal(size=4)
BITS, COUNTS = np.array([1, 0, 1, 1]), np.array([1, 4, 9])
HEAD = """plate n in N, k in 3 param q : unit param mu[k] : real
latent z[n] ~ Bernoulli(q) latent w[n] ~ Bernoulli(0.3)"""

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "sums_as_indices": (
        f"model M() {HEAD} let g[n] = z[n] + w[n] observed y[n] ~ Normal(mu[g[n]], sd=1)",
        {"y": Y},
    ),
    "products_and_maxima_as_indices": (
        f"""model M() {HEAD} param s[k] : unit observed y[n] ~ Normal(mu[2*z[n]*w[n]], sd=1)
        observed x[n] ~ Bernoulli(s[max(z[n], w[n]) + 1])""",
        {"y": Y, "x": BITS},
    ),
    "differences_as_indices": (
        """model M() plate n in N, k in 3 param q : simplex[3] param r[k] : unit latent z[n] ~ Categorical(q)
        latent w[n] ~ Categorical(q) observed y[n] ~ Bernoulli(r[abs(z[n] - w[n])])""",
        {"y": BITS},
    ),
    "sums_with_data_as_indices": (
        f"model M() {HEAD} given a[n] : index[2] observed y[n] ~ Normal(mu[z[n] + a[n]] + w[n], sd=1)",
        {"y": Y, "a": BITS},
    ),
    "places_of_a_row": (
        """model M() plate p in P, i in 2, k in 2 param q : unit param r[k] : unit latent d[p, i] ~ Bernoulli(q)
        observed y[p] ~ Bernoulli(r[max(d[p, 0], d[p, 1])])""",
        {"y": BITS},
    ),
    # ended in a fault of the compiler
    "functions_of_data_alone_as_indices": (
        f"""model M() {HEAD} given a[n] : index[2] given b[n] : index[2] param r[k] : real
        observed y[n] ~ Normal(mu[a[n] + b[n]], sd=1) observed x[n] ~ Normal(r[a[n] * b[n]] + z[n], sd=1)""",
        {"y": Y, "x": X, "a": BITS, "b": BITS[::-1]},
    ),
    "minima_with_numbers_as_indices": (
        """model M(K = 3) plate n in N, k in K, j in 2 param q : simplex[K] param r[j] : unit param m[k] : real
        latent z[n] ~ Categorical(q) observed y[n] ~ Bernoulli(r[min(1, z[n])])
        observed x[n] ~ Normal(m[min(z[n], 1)], sd=1)""",
        {"y": BITS, "x": X},
    ),
    "states_before": (
        """model M() time t in T plate k in 3 param A[k] : simplex[2] param m : real latent z[0] ~ Bernoulli(0.4)
        latent z[1] ~ Bernoulli(0.4) latent z[t] ~ Categorical(A[z[t-1] + z[t-2]])
        observed y[t] ~ Normal(m*z[t], sd=1)""",
        {"y": Y},
    ),
    "numbers": (
        f"""model M() {HEAD} given x[n] : real param m : real let lowest[n] = min(x[n], 0)
        observed y[n] ~ Normal(m*max(z[n], x[n]) + lowest[n]*abs(z[n] - w[n]) + mu[z[n] + w[n]], sd=1)""",
        {"y": Y, "x": X},
    ),
    "constants": (
        f"model M(a = 2, b = 3) {HEAD} let s = max(a, b) observed y[n] ~ Normal(mu[z[n] + w[n]], sd=s)",
        {"y": Y},
    ),
    "a_noisy_channel": (
        """model M() plate w in W, i in 2 param e : unit latent bit[w, i] ~ Bernoulli(0.5)
        observed y[w, i] ~ Bernoulli(abs(e - bit[w, i]))
        observed c[w] ~ Bernoulli(abs(e - abs(bit[w, 0] - bit[w, 1])))""",
        {"y": np.array([[0, 1], [1, 0], [1, 1]]), "c": np.array([1, 1, 0])},
    ),
    "what_is_left_as_an_index": (
        f"model M() {HEAD} observed y[n] ~ Normal(mu[2*z[n]*(1 - w[n])], sd=1)",
        {"y": Y},
    ),
    "how_many_as_an_index": (
        """model M() plate p in P, i in 3, k in 4 given x[i] : real param q[i] : unit param mu[k] : real
        latent d[p, i] ~ Bernoulli(q[i]) observed y[p] ~ Normal(mu[sum(d[p, i], i)], sd=1)
        observed c[p] ~ Bernoulli(logistic(sum(x[i]*d[p, i], i)))""",
        {"y": Y[:3], "c": BITS[:3], "x": X[:3]},
    ),
    "shapes": (
        """model M() plate n in N param q : unit latent z[n] ~ Binomial(2, q)
        observed y[n] ~ Weibull(1 + z[n], scale=2)""",
        {"y": np.exp(Y)},
    ),
    "tables_of_exponents": (
        """model M(K = 2) plate n in N, k in K given a[k] : positive param q : simplex[K]
        latent z[n] ~ Categorical(q) observed y[n] ~ Weibull(a[z[n]], scale=2)""",
        {"y": np.exp(Y), "a": np.array([0.5, 3.0])},
    ),
    # ranges that hang on a constant, as that of an age which stays at its last
    "ages": (
        """model M(D = 3) time t in T plate k in D param h[k] : unit param m : real latent d[0] ~ PointMass(0)
        latent d[t] ~ Categorical(h[d[t-1]]*[1, 0, 0] + (1 - h[d[t-1]])*eye(D)[min(d[t-1] + 1, D - 1)])
        observed y[t] ~ Normal(m*d[t], sd=1)""",
        {"y": Y},
    ),
    "mirrored_states": (
        """model M(K = 3) plate n in N, k in K param q : simplex[K] param mu[k] : real
        latent z[n] ~ Categorical(q) observed y[n] ~ Normal(mu[2 - z[n]], sd=1 + z[n])""",
        {"y": Y},
    ),
    # a range of its own found no end of growing; the smaller of two values was given the range of the larger
    "counters_up_to_the_last": (
        """model M() time t in T param q : unit param m : real latent e[t] ~ Bernoulli(q) latent d[0] ~ PointMass(0)
        latent d[t] ~ PointMass(min(d[t-1] + e[t], 2)) observed y[t] ~ Normal(m*d[t], sd=1)""",
        {"y": Y},
    ),
    "minima_as_indices": (
        """model M() plate n in N, k in 2 param q : simplex[3] param mu[k] : real latent z[n] ~ Categorical(q)
        latent w[n] ~ Bernoulli(0.3) observed y[n] ~ Normal(mu[min(z[n], w[n])] + z[n], sd=1)""",
        {"y": Y},
    ),
    "spreads": (
        "model M() plate n in N param q : unit param m : real latent z[n] ~ Binomial(2, q) "
        "observed y[n] ~ Normal(m, sd=1 + z[n])",
        {"y": Y},
    ),
    "quotients": (
        """model M() plate n in N param q : unit param m : positive latent z[n] ~ Binomial(2, q)
        observed y[n] ~ Poisson(m/(1 + z[n]))""",
        {"y": COUNTS},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_against_brute_force(name: str) -> None:
    text, data = CASES[name]
    check_network(text, {}, data, fit=False)
