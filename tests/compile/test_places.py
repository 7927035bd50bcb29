"""Discrete latents at several places of a plate: fixed ones that one law reads, and all of them in a sum."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from emdsl.api import parse
from emdsl.errors import ModelError
from tests.oracles.networks import check_network

Z = np.random.default_rng(3).normal(size=3)
PAIRS, BITS = np.random.default_rng(4).normal(size=(3, 3)), np.array([1, 0, 1])
HEAD = "model M() plate p in P, i in 3, k in 2 param q : unit param b : real latent d[p, i] ~ Bernoulli(q)"

CASES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "numbers": (f"{HEAD} observed y[p] ~ Normal(b*(d[p, 0] + d[p, 2]), sd=1)", {"y": Z}, ("em", "hard")),
    "indices": (
        f"""{HEAD} plate l in 2 param r[k, l] : unit observed y[p] ~ Bernoulli(r[d[p, 0], d[p, 1]])
        observed x[p, i] ~ Normal(b*d[p, i], sd=1)""",
        {"y": BITS, "x": PAIRS},
        ("em",),
    ),
    "beside_another_latent": (
        f"""{HEAD} param r[k] : unit latent e[p] ~ Bernoulli(r[d[p, 0]])
        observed y[p] ~ Normal(b*e[p] + d[p, 1]*d[p, 2], sd=1)""",
        {"y": Z},
        ("em",),
    ),
    "shared_by_all_rows": (
        """model M() plate i in 3, n in N param q : unit ~ Beta(2, 2) param b : real ~ Normal(0, sd=1)
        latent d[i] ~ Bernoulli(q) observed y[n] ~ Normal(b*d[0] + d[1] - d[2], sd=1)""",
        {"y": Z},
        ("em", "vb"),
    ),
    "the_first_beside_each": (
        f"""{HEAD} param r[k, i] : unit latent e[p, i] ~ Bernoulli(r[d[p, 0], i])
        observed y[p, i] ~ Normal(b*e[p, i], sd=1)""",
        {"y": PAIRS[:2]},
        ("em",),
    ),
    "sum_of_numbers": (f"{HEAD} observed y[p] ~ Normal(b*sum(d[p, i], i), sd=1)", {"y": Z}, ("em", "hard")),
    "sum_of_what_they_index": (
        f"{HEAD} param m[k, i] : real observed y[p] ~ Normal(sum(m[d[p, i], i], i) + b, sd=1)",
        {"y": Z},
        ("em",),
    ),
    "sum_under_another_latent": (
        """model M() plate p in P, i in 2, k in 2 param pi : unit param q[k] : unit param b[k] : real
        latent z[p] ~ Bernoulli(pi) latent d[p, i] ~ Bernoulli(q[z[p]])
        observed y[p] ~ Normal(b[z[p]]*sum(d[p, i], i), sd=1)""",
        {"y": Z},
        ("em",),
    ),
    "sum_over_time": (
        """model M() time t in 4 plate k in 2 param q[k] : unit param b : real latent d[0] ~ Bernoulli(0.5)
        latent d[t] ~ Bernoulli(q[d[t-1]]) observed y ~ Normal(b*sum(d[t], t), sd=1)""",
        {"y": 1.5},
        ("em",),
    ),
    "chosen_by_a_latent": (
        """model M() plate n in N, j in 3 param q : simplex[2] param r : simplex[3] param m : real[2]
        latent z[n, j] ~ Categorical(q) latent c[n] ~ Categorical(r)
        observed y[n] ~ Normal(m[z[n, c[n]]], sd=0.5)""",
        {"y": Z},
        ("em", "hard"),
    ),
    "chosen_by_a_latent_or_a_number": (
        """model M() plate n in N, j in 2 param q : unit param r : unit param b : real
        latent z[n, j] ~ Bernoulli(q) latent c[n] ~ Bernoulli(r)
        observed y[n] ~ Normal(b*abs(z[n, c[n]] - c[n]) + z[n, 1], sd=0.5)""",
        {"y": Z},
        ("em",),
    ),
    "pairs_told_by_index_arrays": (
        """model M() plate n in N, p in 3 given i[n] : index[3] given j[n] : index[3] param q : simplex[3]
        param b : real latent z[p] ~ Categorical(q) observed y[n] ~ Normal(b*abs(z[i[n]] - z[j[n]]), sd=1)""",
        {"y": Z, "i": np.array([0, 1, 2]), "j": np.array([1, 2, 0])},
        ("em",),
    ),
    "pairs_told_row_by_row": (
        """model M() plate n in N, p in 3, k in 2 given i[n, p] : index[3] param q : unit
        param r[k] : unit param b : real latent z[n, p] ~ Bernoulli(q) latent w[n, p] ~ Bernoulli(r[z[n, i[n, p]]])
        observed y[n, p] ~ Normal(b*w[n, p] + z[n, p], sd=1)""",
        {"y": PAIRS, "i": np.array([[0, 1, 1], [2, 0, 1], [2, 2, 0]])},
        ("em",),
    ),
}

RAGGED = "model M() plate p in P, i in I[p] given x[p, i] : real param q : unit param b : real"
REFUSED: dict[str, tuple[str, str]] = {
    "a_square_of_a_sum": (
        f"{RAGGED} latent d[p, i] ~ Bernoulli(q) observed y[p] ~ Normal(b*sum(x[p, i]*d[p, i], i)**2, sd=1)",
        "`d` at more than two rows in one law",
    ),
    "in_time_and_in_a_sum": (
        """model M() time t in T plate k in 2 given x[t] : real param q[k] : unit param b : real
        latent d[0] ~ Bernoulli(0.5) latent d[t] ~ Bernoulli(q[d[t-1]])
        observed y ~ Normal(b*sum(x[t]*d[t], t), sd=1)""",
        "`d`, which meets itself both at an earlier row and in a sum",
    ),
    "beside_a_real_latent": (
        f"{HEAD} latent x[p] ~ Normal(0, sd=1) observed y[p] ~ Normal(x[p] + b*d[p, 0] - d[p, 1], sd=1)".replace(
            "i in 3", "i in 12"
        ),
        "`d` at several places beside the real latent `x`",
    ),
}


@pytest.mark.parametrize("name, method", [(name, method) for name, case in CASES.items() for method in case[2]])
def test_against_brute_force(name: str, method: str) -> None:
    text, data, _ = CASES[name]
    check_network(text, {}, data, method, fit=False)


def test_sums_over_ragged_groups_are_bounded() -> None:
    """Where data tell how many there are, the rows of a sum are updated in turn."""
    text = f"{RAGGED} latent d[p, i] ~ Bernoulli(q) observed y[p] ~ Normal(b*sum(x[p, i]*d[p, i], i), sd=1)"
    check_network(text, {}, {"y": Z, "x": [[1.0, 2.0], [0.5], [0.3, -1.0]]}, exact=False)


def test_places_told_by_places_are_bounded() -> None:
    """A sum over places that latents tell, and a place that is told by a latent at such a place."""
    text = """model M() plate n in N, j in 2, i in 2, k in 2 param q : unit param r : unit param m[k] : real
        latent z[n, j] ~ Bernoulli(q) latent d[n, i] ~ Bernoulli(r) latent c[n] ~ Bernoulli(0.4)"""
    check_network(f"{text} observed y[n] ~ Normal(m[z[n, d[n, c[n]]]], sd=0.5)", {}, {"y": Z[:2]}, exact=False)
    check_network(
        f"{text} observed y[n] ~ Normal(sum(m[z[n, d[n, i]]], i) + c[n], sd=0.5)", {}, {"y": Z[:2]}, exact=False
    )


def test_pairs_of_many_are_bounded() -> None:
    """Where data tell how many there are, those that meet in pairs are updated in turn; one may meet itself."""
    text = """model M() plate n in N, p in P given i[n] : index[P] given j[n] : index[P] param q : simplex[3]
    param b : real latent z[p] ~ Categorical(q) observed y[n] ~ Normal(b*abs(z[i[n]] - z[j[n]]) + z[i[n]], sd=1)"""
    check_network(text, {}, {"y": Z, "i": np.array([0, 1, 2]), "j": np.array([1, 1, 0])}, exact=False)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    text, reason = REFUSED[name]
    with pytest.raises(ModelError, match="E090") as caught:
        parse(text)().source()
    assert reason in str(caught.value)


def test_chains_with_names_of_their_own_in_a_sum() -> None:
    text = """model M() time t in T plate k in 2 param p[k] : unit param q[k] : unit param g : real param h : real
        latent a[0] ~ Bernoulli(0.5) latent a[t] ~ Bernoulli(p[a[t-1]])
        latent b[0] ~ Bernoulli(0.5) latent b[t] ~ Bernoulli(q[b[t-1]])
        observed y[t] ~ Normal(g*a[t] + h*b[t], sd=1)"""
    check_network(text, {}, {"y": Z}, "em")
