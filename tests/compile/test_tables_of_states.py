"""Entries of parameters that states choose through given tables, and entries that are read beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.oracles.networks import check_network

MIXTURE = """model M() plate n in N, k in 3, g in 3 param p : simplex[3] param m[g] : real param v : positive
    latent z[n] ~ Categorical(p) """
FAR = np.array([0.0, 0.1, 150.0, 150.1, -90.0, -90.1])

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "classes of states": (
        f"{MIXTURE} given class[k] : index[3] observed y[n] ~ Normal(m[class[z[n]]], var=v)",
        {"class": [2, 0, 1]},
    ),
    "fewer classes than states": (
        f"{MIXTURE} given class[k] : index[3] observed y[n] ~ Normal(m[class[z[n]]], var=v)",
        {"class": [1, 0, 1]},
    ),
    "classes of states, row by row": (
        f"{MIXTURE} given class[n, k] : index[3] observed y[n] ~ Normal(m[class[n, z[n]]], var=v)",
        {"class": [[0, 1, 2], [1, 0, 0], [2, 0, 1], [0, 0, 1], [1, 2, 0], [0, 2, 1]]},
    ),
    "the same locations without a state": (
        f"{MIXTURE} observed w[g] ~ Normal(m[g], sd=2) observed y[n] ~ Normal(m[z[n]], var=v)",
        {"w": [0.0, 150.0, -90.0]},
    ),
    "differences of states": (
        f"{MIXTURE} given c[n] : index[3] observed y[n] ~ Normal(m[z[n]] - m[c[n]], var=v)",
        {"c": [0, 0, 1, 1, 2, 2]},
    ),
    "one change point": (
        """model M() plate n in N, c in N param m[c] : real  given step[c, n] : index[N]
        latent tau ~ Categorical(ones(N) / N) observed y[n] ~ Normal(m[step[tau, n]], var=9)""",
        {"step": (np.arange(6) >= np.arange(6)[:, None]).astype(int)},
    ),
    "the first symbol of one series": (
        """model M() plate k in 2 time t in T param p : simplex[2] param A[k] : simplex[2] param a[k] : simplex[3]
        param b[k] : simplex[3] latent z[0] ~ Categorical(p) latent z[t] ~ Categorical(A[z[t-1]])
        observed y[t] ~ Normal(z[t], sd=90) observed w[0] missing ~ Categorical(a[z[0]])
        observed w[t] missing ~ Categorical(b[z[t]])""",
        {"w": [2, 0, 1, np.nan, 1, 0]},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_entries_that_states_choose_through_tables(name: str) -> None:
    text, data = CASES[name]
    check_network(text, {}, {"y": FAR, **data}, fit=False)
