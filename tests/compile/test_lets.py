"""What a `let` stands for at the row where it is read: at earlier rows, in ragged plates, and as an index."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from emdsl.api import parse
from emdsl.errors import ModelError
from tests.oracles.networks import check_network

Y = np.random.default_rng(3).normal(size=5)
SERIES = [list(Y[:2]), list(Y[2:4]), list(Y[4:])]

CHAIN = """time t in T plate k in 2 param A[k] : simplex[2] param a : real param b : real
latent z[0] ~ Bernoulli(0.4) latent z[t] ~ Categorical(A[z[t-1]]) let eta[t] = a*z[t-1] + b"""
WALK = """time t in T param a : real param b : real param v : positive
latent z[0] ~ Normal(0, sd=1) latent z[t] ~ Normal(0.5*z[t-1], var=v) let eta[t] = a*z[t-1] + b"""
RAGGED = """plate i in I time t in T[i] plate k in 2 param A[k] : simplex[2] param a : real param b : real
latent z[i, 0] ~ Bernoulli(0.4) latent z[i, t] ~ Categorical(A[z[i, t-1]])"""

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "of_the_state_before": (
        f"model M() {CHAIN} observed y[0] ~ Normal(b, sd=1) observed y[t] ~ Normal(eta[t], sd=1)",
        {"y": Y},
    ),
    "read_at_the_step_before": (
        f"""model M() {CHAIN} observed y[0] ~ Normal(b, sd=1) observed y[1] ~ Normal(eta[1], sd=2)
        observed y[t] ~ Normal(eta[t-1], sd=1)""",
        {"y": Y},
    ),
    "of_a_real_state_read_at_the_step_before": (
        f"""model M() {WALK} observed y[0] ~ Normal(b, sd=1) observed y[1] ~ Normal(b, sd=1)
        observed y[t] ~ Normal(eta[t-1], sd=1)""",
        {"y": Y},
    ),
    "in_ragged_series": (
        f"""model M() {RAGGED} let eta[i, t] = b*z[i, t-1] + a*z[i, t] observed y[i, 0] ~ Normal(0, sd=1)
        observed y[i, t] ~ Normal(eta[i, t], sd=1)""",
        {"y": SERIES},
    ),
    "an_index_in_ragged_series": (
        f"""model M() {RAGGED} given h[i, t] : index[2] param mu[k] : real let g[i, t] = h[i, t]
        observed y[i, t] ~ Normal(mu[g[i, t]] + b*z[i, t] + a, sd=1)""",
        {"y": SERIES, "h": [[0, 1], [1, 0], [1]]},
    ),
    "that_its_law_inverts": (
        """model M() plate n in N, k in 2 given x[n] : real param q : unit param r[k] : positive param b : real
        latent z[n] ~ Bernoulli(q) let p[n] = logistic(b * x[n]) let eta[n] = log(r[z[n]]) + x[n]
        observed u[n] ~ Bernoulli(p[n]) observed y[n] ~ Poisson(exp(eta[n]))""",
        {"x": Y, "u": (Y > 0).astype(int)[::-1], "y": np.arange(5)},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_against_brute_force(name: str) -> None:
    text, data = CASES[name]
    check_network(text, {}, data, closed_form="logistic" not in text, fit=False)


def test_a_row_before_the_first_one_is_refused() -> None:
    text = f"model M() {CHAIN} observed y[0] ~ Normal(eta[0], sd=1) observed y[t] ~ Normal(eta[t], sd=1)"
    with pytest.raises(ModelError, match="a row before the first one"):
        parse(text)().source()
