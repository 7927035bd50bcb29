"""The dependence graph: nodes, edges, lags."""

from __future__ import annotations

from emdsl.language.text import parse
from emdsl.model.graph import graph
from emdsl.model.statements import Role

CHAIN = """
model Chain(K = 2)
plate s in S, k in K
time t in T[s]
param start : simplex[K]
param A[k] : simplex[K]
param mu[k] : real
given lo[s] : real
let step[k] = mu[k] + 1
latent z[s, 0] ~ Categorical(start)
latent z[s, t] ~ Categorical(A[z[s, t-1]])
observed y[s, 0] ~ Normal(mu[z[s, 0]], sd=1)
observed y[s, t] ~ Normal(step[z[s, t]] + y[s, t-1], sd=1) truncated(lo[s], inf)
"""


def test_nodes_carry_role_and_plates() -> None:
    nodes = graph(parse(CHAIN)).nodes
    assert nodes["z"] == {"role": Role.LATENT, "plates": ("s", "t")}
    assert nodes["start"] == {"role": Role.PARAM, "plates": ()}


def test_edges_run_from_what_is_used() -> None:
    edges = set(graph(parse(CHAIN)).edges)
    assert edges == {
        ("start", "z"), ("A", "z"), ("z", "z"), ("mu", "step"), ("mu", "y"), ("z", "y"), ("step", "y"), ("y", "y"),
        ("lo", "y"),
    }  # fmt: skip


def test_lagged_edges_carry_their_lag() -> None:
    edges = graph(parse(CHAIN)).edges
    assert edges["z", "z"] == {"lags": (1,), "lag": 1}
    assert edges["z", "y"] == {"lags": (0,)}


def test_every_lag_is_kept() -> None:
    text = """model Second time t in T observed y[0] ~ Normal(0, sd=1) observed y[1] ~ Normal(0, sd=1)
              latent u[t] ~ Normal(0, sd=1) observed y[t] ~ Normal(y[t-1] - y[t-2], sd=1)
              observed v[0] ~ Normal(u[0], sd=1) observed v[t] ~ Normal(u[t] + u[t-1], sd=1)"""
    edges = graph(parse(text)).edges
    assert edges["y", "y"] == {"lags": (1, 2), "lag": 1}
    assert edges["u", "v"] == {"lags": (0, 1)}
