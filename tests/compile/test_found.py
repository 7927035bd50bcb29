"""Models that were once compiled wrongly: each says what went wrong, and is held against brute force."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pytest
from scipy import stats

import emdsl as em
from emdsl.compile import compile_model
from emdsl.errors import ModelError
from tests.oracles import checks
from tests.oracles.networks import check_network, instance

Data = Mapping[str, Any]

RNG = np.random.default_rng(11)
X = RNG.normal(size=8)
Y = RNG.poisson(3.0, size=8)
DOC = np.array([0, 0, 1, 2, 2, 1, 0, 2])
VECTORS = np.random.default_rng(3).normal(size=(3, 2, 2)) * 2
VECTORS[0, 1, 1] = VECTORS[2, 0, 0] = np.nan
MIXTURE = "param pi : simplex[K]  latent z[n] ~ Categorical(pi)"
GATHERED = f"plate i in I, n in N, k in K  {MIXTURE}  given doc[i] : index[N]"

FOUND: dict[str, tuple[str, Data, tuple[str, ...]]] = {
    # a plate that no datum carries was counted once where rows gather their entries
    "counted_in_gathered": (
        f"model M(K = 2) {GATHERED} plate j in J param r[k] : positive observed y[i, j] ~ Poisson(r[z[doc[i]]])",
        {"y": RNG.poisson(3.0, size=(8, 2)), "doc": DOC},
        ("em",),
    ),
    # a sum of parameters over a plate of known size was taken as often as the plate has entries
    "sums_of_parameters": (
        """model M() plate n in N, c in 2 param h[c] : real observed x[n, c] ~ Normal(h[c], sd=1)
        observed y[n] ~ Normal(sum(h[c], c), sd=1)""",
        {"x": X.reshape(4, 2), "y": X[:4]},
        ("em",),
    ),
    "sums_of_latents_about_their_means": (
        """model M() plate n in N, c in 2 param h[c] : real latent x[n, c] ~ Normal(h[c], sd=1)
        observed y[n] ~ Normal(sum(x[n, c], c), sd=1) observed w ~ Normal(h[0], sd=1)""",
        {"y": X[:4], "w": 0.3},
        ("em",),
    ),
    # a sum of all entries has the same coefficient for every pair of them, which was no matrix
    "only_sums_of_parameters": (
        """model M() plate n in N, c in 2 given q[n] : real param h[c] : real
        observed y[n] ~ Normal(q[n]*sum(h[c], c), sd=1) observed w[n] ~ Normal(sum(h[c], c), sd=1)""",
        {"q": X, "y": X[::-1], "w": X + 1},
        ("em",),
    ),
    "only_sums_of_gathered_parameters": (
        """model M() plate n in N, g in G, c in C given gr[n] : index[G] given q[c] : real param h[g, c] : real
        observed y[n] ~ Normal(sum(h[gr[n], c], c), sd=1)""",
        {"q": X[:2], "y": X, "gr": DOC},
        ("em",),
    ),
    "only_sums_of_parameters_partly_held": (
        """model M() plate n in N, c in 3 param h[c] : real fix h[0] = 0.5
        observed y[n] ~ Normal(sum(h[c], c), sd=1)""",
        {"y": X},
        ("em",),
    ),
    # rows of probabilities that a state chooses among crashed
    "rows_of_probabilities": (
        """model M()  plate n in N  param p : unit  param q : unit  latent z[n] ~ Bernoulli(p)
        observed y[n] ~ Categorical([[q, (1-q)/2, (1-q)/2], [0.2, 0.3, 0.5]][z[n]])""",
        {"y": Y % 3},
        ("em",),
    ),
    # every state was centred about the reference point of the first
    "centred_in_gathered": (
        f"model M(K = 2) {GATHERED} param m[k] : real param v : positive observed x[i] ~ Normal(m[z[doc[i]]], var=v)",
        {"x": X * 3, "doc": DOC},
        ("em",),
    ),
    # the prior mean of a real latent was summed over the states that choose it
    "gated_prior_mean": (
        f"""model M(K = 2) plate n in N, k in K {MIXTURE} param m[k] : real param v : positive
        latent f[n] ~ Normal(m[z[n]], var=1) observed x[n] ~ Normal(f[n], var=v)""",
        {"x": X * 3},
        ("em", "hard"),
    ),
    # functions of plated data in a prior were summed over the plate
    "plated_concentration": (
        """model M() plate n in N, g in G given al[g] : positive given gr[n] : index[G]
        param a[g] : simplex[2] ~ Dirichlet(al[g]) observed y[n] ~ Categorical(a[gr[n]])""",
        {"al": np.array([1.5, 2.5, 4.0]), "gr": DOC, "y": Y % 2},
        ("em", "vb"),
    ),
    # an index array in a prior's mean was read as if it were the plate
    "gathered_prior_mean": (
        """model M() plate n in N, g in G, h in H given gr[n] : index[G] given hh[g] : index[H]
        param a[h] : real ~ Normal(0, var=4) param m[g] : real ~ Normal(a[hh[g]], var=2)
        observed x[n] ~ Normal(m[gr[n]], var=1)""",
        {"gr": DOC, "hh": np.array([0, 1, 0]), "x": X},
        ("em",),
    ),
    # the free entries depend on the covariance beside held ones, which therefore does not cancel
    "held_under_a_covariance": (
        f"""model M(K = 2) plate n in N, k in K {MIXTURE} param mu[k] : real[2] param S : cov[2]
        fix mu[0, 1] = 0.5 observed x[n] ~ MvNormal(mu[z[n]], cov=S)""",
        {"x": RNG.normal(size=(12, 2))},
        ("em",),
    ),
    # the fill of a missing entry lay outside the support of the logarithm
    "missing_positive": (
        "model M() plate n in N param r : positive observed x[n] missing ~ Gamma(2, rate=r)",
        {"x": np.where(np.arange(8) == 3, np.nan, np.abs(X) + 0.1)},
        ("em",),
    ),
    # the normaliser of a von Mises law under a state was no function of the emitted module
    "von_mises_location": (
        f"""model M(K = 2) plate n in N, k in K {MIXTURE} observed x[n] ~ VonMises(3 * z[n], concentration=2)""",
        {"x": X},
        ("em", "hard"),
    ),
    "von_mises_concentration": (
        f"""model M(K = 2) plate n in N, k in K {MIXTURE} given c[k] : positive
        observed x[n] ~ VonMises(0.5, concentration=c[z[n]])""",
        {"x": X, "c": np.array([0.5, 40.0])},
        ("em",),
    ),
    # a precision made of numbers alone was no array
    "precision_of_numbers": (
        """model M() plate n in N param a : real ~ Normal(0, var=9) param b : real ~ Normal(a, var=2)
        observed x[n] ~ Normal(b, var=1)""",
        {"x": X},
        ("em", "vb"),
    ),
    "precision_of_numbers_and_sizes": (
        """model M() plate n in N, g in G given gr[n] : index[G] param a : real ~ Normal(0, var=9)
        param b[g] : real ~ Normal(a, var=2) observed x[n] ~ Normal(b[gr[n]], var=1)""",
        {"x": X, "gr": DOC},
        ("em", "vb"),
    ),
    # a missing category was read as an index into a known table
    "missing_category_of_a_known_table": (
        f"""model M(K = 3) plate n in N, k in K {MIXTURE} given C[k] : simplex[4]
        observed x[n] missing ~ Categorical(C[z[n]])""",
        {"x": np.where(np.arange(8) % 4 == 3, np.nan, Y % 4), "C": np.random.default_rng(3).dirichlet(np.ones(4), 3)},
        ("em", "hard", "vb"),
    ),
    "missing_category_of_known_rows": (
        """model M() plate n in N given C[n] : simplex[4] param m : real observed u[n] ~ Normal(m, var=1)
        observed x[n] missing ~ Categorical(C[n])""",
        {
            "x": np.where(np.arange(8) % 4 == 3, np.nan, Y % 4),
            "C": np.random.default_rng(3).dirichlet(np.ones(4), 8),
            "u": X,
        },
        ("em",),
    ),
    # one category of a known table as the coefficient of a parameter's logarithm: DINA
    "one_category_of_a_table": (
        """model M() plate n in N, j in J given q[j] : index[2] param pa : unit param s[j] : unit param g[j] : unit
        latent a[n] ~ Bernoulli(pa)
        observed y[n, j] ~ Bernoulli(g[j] + (1 - s[j] - g[j]) * (1 - q[j] * (1 - a[n])))""",
        {"q": np.array([1, 0, 1]), "y": np.random.default_rng(2).integers(0, 2, size=(9, 3))},
        ("em", "hard", "vb"),
    ),
    # two index arrays of one row were read as if each had rows of its own, and a number as if it were no index array
    "known_table_by_two_index_arrays": (
        f"""model M(K = 3) plate n in N, k in K, g in 2 {MIXTURE} given s[n] : index[2] given C[k, g] : simplex[4]
        observed y[n] ~ Categorical(C[z[n], s[n]])""",
        {"s": np.arange(8) % 2, "y": Y % 4, "C": np.random.default_rng(3).dirichlet(np.ones(4), (3, 2))},
        ("em", "hard"),
    ),
    "known_table_by_index_arrays_apart": (
        f"""model M(K = 3) plate n in N, k in K, g in 2 {MIXTURE} given s[n] : index[2] given C[g, k] : simplex[4]
        observed y[n] missing ~ Categorical(C[s[n], z[n]])""",
        {
            "s": np.arange(8) % 2,
            "y": np.where(np.arange(8) % 4 == 3, np.nan, Y % 4),
            "C": np.random.default_rng(3).dirichlet(np.ones(4), (2, 3)),
        },
        ("em", "hard"),
    ),
    "known_table_by_a_number_and_an_index_array": (
        f"""model M(K = 3) plate n in N, k in K, g in 2 {MIXTURE} given C[g, k] : simplex[4]
        observed y[n] ~ Categorical(C[1, z[n]])""",
        {"y": Y % 4, "C": np.random.default_rng(3).dirichlet(np.ones(4), (2, 3))},
        ("em", "hard"),
    ),
    "known_table_by_index_arrays_on_other_plates": (
        f"""model M(K = 3) plate n in N, j in J, k in K, g in 2 {MIXTURE} given s[j] : index[2]
        given C[g, k] : simplex[4] observed y[n, j] ~ Categorical(C[s[j], z[n]])""",
        {
            "s": np.array([1, 0, 1]),
            "y": np.random.default_rng(4).integers(0, 4, size=(8, 3)),
            "C": np.random.default_rng(3).dirichlet(np.ones(4), (2, 3)),
        },
        ("em", "hard"),
    ),
    # entries of a real latent by number
    "entries_of_a_latent": (
        """model M() plate n in N given q[n] : real param S : cov[2] param v : positive
        latent b[n] ~ MvNormal(0, cov=S) observed x[n] ~ Normal(b[n, 0] + b[n, 1] * q[n], var=v)""",
        {"x": X * 3, "q": X[::-1]},
        ("em",),
    ),
    # pairs of a covariate under two discrete latents were reshaped by where they end, not by how many they are
    "covariates_of_two_latents": (
        f"""model M(K = 2) plate n in N, k in K plate l in K {MIXTURE} param p[k] : simplex[K] param m[k] : real
        latent w[n] ~ Categorical(p[z[n]]) given q[n] : real[2] param b[k, l] : real[2] param v : positive
        observed x[n] ~ Normal(m[z[n]], var=1) observed u[n] ~ Normal(q[n] @ b[z[n], w[n]], var=v)""",
        {"x": X * 3, "q": RNG.normal(size=(8, 2)), "u": X[::-1]},
        ("em",),
    ),
    # data without latents that their own lag is read beside
    "data_over_time": (
        """model M() plate s in S time t in T param m : real param a : real observed x[s, 0] ~ Normal(m, var=1)
        observed x[s, t] ~ Normal(m + a * x[s, t-1], var=1)""",
        {"x": RNG.normal(size=(4, 5))},
        ("em",),
    ),
    # vectors on two plates were packed as if they had one
    "vectors_on_two_plates": (
        """model M(K = 2) plate n in N, j in J, k in K param pi : simplex[K] latent z[n, j] ~ Categorical(pi)
        param m[k] : real[2] param S : cov[2] observed x[n, j] : real[2] ~ MvNormal(m[z[n, j]], cov=S)""",
        {"x": np.random.default_rng(5).normal(size=(4, 3, 2)) * 3},
        ("em", "hard"),
    ),
    # a chain under a state without plates: what one series says of it had an axis for the series, a crash
    "a_chain_under_one_state": (
        """model M() time t in T plate k in 2 param q[k] : unit param h[k] : real latent g ~ Bernoulli(0.3)
        latent d[0] ~ Bernoulli(0.4) latent d[t] ~ Bernoulli(q[d[t-1]]) observed y[t] ~ Normal(h[g]*d[t], sd=1)""",
        {"y": X[:3]},
        ("em", "hard"),
    ),
    # and with missing entries as if rows had one plate
    "missing_in_vectors_on_two_plates": (
        f"""model M(K = 2) plate n in N, j in J, k in K {MIXTURE.replace("[n]", "[n, j]")} param m[k] : real[2]
        param S[k] : cov[2] ~ InvWishart(4, scale=eye(2))
        observed y[n, j] missing ~ MvNormal(m[z[n, j]], cov=S[z[n, j]])""",
        {"y": VECTORS, "weights.n": np.array([1.0, 0.5, 2.0])},
        ("em", "hard"),
    ),
    "missing_in_factors_on_two_plates": (
        """model M() plate n in N, j in J param A : real[2, 2] param b : real[2]
        latent f[n, j] ~ MvNormal(0, cov=eye(2)) observed y[n, j] missing ~ MvNormal(A @ f[n, j] + b, cov=2*eye(2))""",
        {"y": VECTORS},
        ("em",),
    ),
    # a sum over a plate that no variable runs over had the letter of the plate for its size
    "sums_over_a_plate_of_nothing": (
        """model M(G = 2) plate n in N, g in G, e in 3 param h : real
        observed x[n] ~ Normal(sum(h, g), var=1) observed y[n] ~ Normal(sum(h, e), var=1)""",
        {"x": X, "y": X[::-1]},
        ("em",),
    ),
    # pairs of a covariate that not all plates of a row carry were not repeated along the others
    "covariates_of_the_inner_plate": (
        f"""model M(K = 2) plate n in N, c in C, k in K {MIXTURE.replace("[n]", "[n, c]")} param h[k] : real
        given q[c] : real[2] param b : real[2] observed u[n, c] ~ Normal(h[z[n, c]] + q[c] @ b, var=0.5)""",
        {"q": X[:6].reshape(3, 2), "u": np.random.default_rng(6).normal(size=(5, 3)) * 2},
        ("em",),
    ),
    # coefficients of several axes were reshaped without the axes along which they are constant
    "vectors_of_the_inner_plate": (
        f"""model M(K = 2) plate n in N, e in 3, k in K {MIXTURE} param m[e, k] : real[2] param S : cov[2]
        observed x[n, e] ~ MvNormal(m[e, z[n]], cov=S)""",
        {"x": np.random.default_rng(5).normal(size=(6, 3, 2)) * 3},
        ("em", "hard"),
    ),
    # holes of vectors whose means an index array chooses: their posterior read rows that it had no name for
    "missing_in_vectors_about_chosen_means": (
        """model M(K = 2) plate n in N, k in K param S : cov[2] param m[k] : real[2] given g[n] : index[K]
        observed y[n] missing ~ MvNormal(m[g[n]], cov=S)""",
        {"y": VECTORS.reshape(6, 2), "g": np.arange(6) % 2},
        ("em",),
    ),
    # names of the emitted functions' own arguments and helpers
    "own_names": (
        """model M() plate n in N param start : positive given write[n] : positive
        observed y[n] ~ Poisson(start*write[n])""",
        {"write": np.abs(X) + 0.5, "y": Y},
        ("em",),
    ),
    "unicode_names": ("model M() plate n in N param λ : positive observed y[n] ~ Poisson(λ)", {"y": Y}, ("em",)),
}


@pytest.mark.parametrize("name", FOUND)
def test_it_is_right_now(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    text, data, methods = FOUND[name]
    if "doc" in data:  # rows are not a plate of the data there, so that there are no blocks of them
        monkeypatch.setattr(checks, "check_additivity", lambda *arguments: None)
    checks.check_model(text, {}, dict(data), methods, fit="latent b" not in text and "latent f" not in text)


@pytest.mark.parametrize(
    ("params", "rate"),
    [
        ("param h[d] : positive", "0.5 + sum(z[n, d]*h[d], d)"),
        ("param h[d] : positive param g : positive", "g + 2*sum(z[n, d]*h[d], d)"),
        ("param h[e] : positive", "sum(h[z[n, d]], d)"),
    ],
)
def test_sums_that_several_states_of_a_row_choose(params: str, rate: str) -> None:
    """How often a summand is chosen was read of the data, although latents say it. The M-step is a generalised one."""
    text = f"""model M() plate n in N, d in 2, e in 2 param p : unit latent z[n, d] ~ Bernoulli(p) {params}
    observed y[n] ~ Poisson({rate})"""
    checks.check_model(text, {}, {"y": np.array([1, 3, 2, 1, 6])}, exact=False)


STAYING = """model M(K = 2) plate s in S, k in K time t in T[s] param start : simplex[K] ~ Dirichlet(2)
    param p : unit ~ Beta(2, 3) param rate[k] : positive ~ Gamma(2, rate=1) latent stay[s, t] ~ Bernoulli(p)
    latent z[s, 0] ~ Categorical(start) latent z[s, t] ~ switch(stay[s, t], Categorical(start), PointMass(z[s, t-1]))
    observed y[s, t] ~ Poisson(rate[z[s, t]])"""


@pytest.mark.parametrize("method", ["em", "vb", "hard"])
@pytest.mark.parametrize("observed", ["", " observed w[s, t] ~ Poisson(1 + 2 * stay[s, t])"])
def test_switches_of_first_steps(observed: str, method: str) -> None:
    """Evidence that is formed when rows are read left out what states beside transitions say of the first steps."""
    data: dict[str, Any] = {"y": [[1, 0, 6], [5], [0, 7]], "weights.s": np.array([1.0, 2.0, 0.5])}
    check_network(STAYING + observed, {}, data | ({"w": [[3, 0, 1], [4], [0, 2]]} if observed else {}), method)


def test_missing_vectors_that_a_latent_of_fewer_plates_shifts() -> None:
    """The rows of the one were taken for those of the other where states choose a coefficient: an internal error."""
    text = """model M(K = 2) plate n in N, j in J, k in K param h[k] : real param p : unit
    latent f[n] ~ MvNormal(0, cov=eye(2)) latent z[j] ~ Bernoulli(p)
    observed y[n, j] missing ~ MvNormal(f[n] * h[z[j]], cov=[[1, 0.5], [0.5, 2]])"""
    check_network(text, {}, {"y": VECTORS}, exact=False)


def test_what_data_alone_determine_is_not_written_into() -> None:
    """Of two starts, each E-step added the first one's variance to a constant of the prepared data once more."""
    text = """model M() plate s in S time t in T param a : real param v : positive
    latent f[s, 0] ~ Normal(0, var=1) latent f[s, 1] ~ Normal(0, var=1) latent f[s, t] ~ Normal(a * f[s, t-2], var=1)
    observed y[s, 0] ~ Normal(f[s, 0], var=v) observed y[s, t] ~ Normal(f[s, t-1], var=1)"""
    check_network(text, {}, {"y": np.random.default_rng(4).normal(size=(3, 5))}, fit=False)


CHAINS = """latent f[s, 0] ~ Normal(0, var=1) latent f[s, 1] ~ Normal(0, var=1)
    latent f[s, t] ~ Normal(a * f[s, t-2], var=1)"""
SERIES = np.array([[0.5, 1.2, 0.2, -0.6], [0.3, 2.1, 0.4, 1.3]])
HOLES = np.array([[np.nan, -1.5, 0.2, -0.1], [np.nan, 2.2, 0.4, np.nan]])

#: Models over time that crashed or were wrong: the text, data and the methods.
FOUND_OVER_TIME: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    # a slot that data and a parameter share was taken for an axis of both: the data's mean had the length of the series
    "slots_alike": (
        """model M() plate s in S, c in 2 time t in T param h[c] : real param b : real
        observed y[s, 0] ~ Normal(h[0], var=1) observed y[s, t] ~ Normal(b * y[s, t-1] + h[1], var=1)""",
        {"y": SERIES},
        ("em",),
    ),
    # labels that choose evidence were read in the order of their plates, where chains have time last: wrong numbers
    "labels_with_plates_after_time": (
        """model M(K = 2) plate s in S time t in T plate d in D, k in K param p : simplex[2] param A[k] : simplex[2]
        latent z[s, 0, d] ~ Categorical(p) latent z[s, t, d] ~ Categorical(A[z[s, t-1, d]])
        param B[k] : simplex[2] observed y[s, t, d] ~ Categorical(B[z[s, t, d]])""",
        {"y": np.array([[[0, 1], [1, 1], [0, 1]], [[1, 0], [0, 0], [1, 1]]])},
        ("em", "hard"),
    ),
    # values of two rows whose product cancels: an internal error
    "couplings_that_cancel": (
        f"""model M() plate s in S time t in T param a : real param b : real {CHAINS}
        observed y[s, 0] missing ~ Normal(f[s, 0], var=1)
        observed y[s, t] missing ~ Normal(f[s, t-1] - f[s, t-1] + b * y[s, t-1], var=1)""",
        {"y": HOLES},
        ("em", "hard"),
    ),
    # evidence of first rows that cancels up to a constant, which had no rows
    "evidence_that_cancels": (
        """model M() plate s in S time t in T[s] param a : real given q[s, t] : real
        latent f[s, 0] ~ Normal(0.5, var=1) latent f[s, t] ~ Normal(a * f[s, t-1], var=1)
        observed y[s, 0] ~ Normal(f[s, 0] - f[s, 0] + q[s, 0], var=4) observed y[s, t] ~ Normal(f[s, t-1], var=4)""",
        {"y": SERIES.tolist(), "q": SERIES[::-1].tolist()},
        ("em",),
    ),
}


@pytest.mark.parametrize("name", FOUND_OVER_TIME)
def test_it_is_right_over_time(name: str) -> None:
    text, data, methods = FOUND_OVER_TIME[name]
    for method in methods:
        check_network(text, {}, data, method, fit=False)


@pytest.mark.parametrize("gaps", [False, True])
def test_statistics_of_starts_and_of_rows_have_names_of_their_own(gaps: bool) -> None:
    """What starts at a parameter say in ragged series took the name of a sum over all rows, and its place."""
    text = f"""model M() plate s in S time t in T[s] param m : real {"" if gaps else "param h : real"}
    latent x[s, 0] : real ~ PointMass(m) latent x[s, t] ~ Normal(x[s, t-1], var=1)
    observed y[s, t]{" missing" if gaps else ""} ~ Normal(x[s, t]{"" if gaps else " + h"}, var=0.5)"""
    case = instance(text, {}, {"y": [[0.1, -0.1, np.nan if gaps else 0.4], [0.3, 0.2], [1.2, 0.8, -0.3, 0.9]]})
    module = compile_model(case.bound, "em").module
    params = module.initialise(case.data, np.random.default_rng(0))
    checks.check_likelihood(module, case.model, case.constants, case.data, params)
    checks.check_monotone(module, case.data, params)
    checks.check_fit(module, case.model, case.constants, case.data, params, scores=False)


SUMS_AND_DIFFERENCES = """model M() plate s in S time t in T param q : positive
    latent a[s, 0] ~ Normal(0, var=1) latent a[s, t] ~ Normal(a[s, t-1], var=q)
    latent b[s, 0] ~ Normal(0, var=1) latent b[s, t] ~ Normal(0.5 * b[s, t-1], var=1)
    observed x[s, t] ~ Normal(a[s, t] + b[s, t], var=1) observed y[s, t] ~ Normal(a[s, t] - b[s, t], var=1)"""
TWO_TIMES = """model M() plate s in S time t in T param q : positive latent a[s, t] ~ Normal(0, var=q)
    observed x[s, 0] ~ Normal(a[s, 0], var=1) observed x[s, t] ~ Normal(a[s, t] + a[s, t-1], var=1)
    observed y[s, 0] ~ Normal(0, var=1) observed y[s, t] ~ Normal(a[s, t] - a[s, t-1], var=1)"""
DIFFERENCE_OF_NOTHING = """model M(K = 2) plate s in S, k in K time t in T param A[k] : simplex[K] param m[k] : real
    latent z[s, 0] ~ Categorical([0.5, 0.5]) latent z[s, t] ~ Categorical(A[z[s, t-1]])
    latent f[s, t] ~ Normal(m[z[s, t]], var=1) observed x[s, 0] ~ Normal(f[s, 0], var=1)
    observed x[s, t] ~ Normal(f[s, t] + f[s, t-1] - f[s, t-1], var=1)"""
GATHERED_TWICE = """model M() plate i in 3, n in N given one[n] : index[3] given two[n] : index[3] param q : positive
    latent f[i] ~ Normal(0, var=q) observed x[n] ~ Normal(f[one[n]] + f[two[n]], var=1)
    observed y[n] ~ Normal(f[one[n]] - f[two[n]], var=1)"""


@pytest.mark.parametrize("text", [SUMS_AND_DIFFERENCES, TWO_TIMES, DIFFERENCE_OF_NOTHING, GATHERED_TWICE])
def test_real_latents_of_which_no_product_is_left(text: str) -> None:
    """The coefficients of a product of two latents cancel: the compiler ended in an assertion."""
    shape, gathered = ((2, 3), {}) if "plate s" in text else ((6,), {"one": DOC[:6], "two": DOC[2:]})
    rng = np.random.default_rng(12)
    data = {"x": rng.normal(size=shape), "y": rng.normal(size=shape)} | gathered
    if "observed y" not in text:
        del data["y"]
    check_network(text, {}, data, fit=False)


FIXED = """model M() plate i in 3, n in N given at[n] : index[3] param v : positive latent f[i] ~ Normal(0, var=1)
    {law}"""


@pytest.mark.parametrize(
    ("law", "method"),
    [
        ("observed y[n] ~ Normal(f[1] + f[at[n]], var=v)", "em"),
        ("observed y[n] ~ Normal(f[at[n]] - 2 * f[0], var=v)", "vb"),
        ("latent z[n] ~ Bernoulli(0.4) observed y[n] ~ Normal(f[1] + f[at[n]] + 2 * z[n], var=v)", "em"),
    ],
)
def test_a_fixed_entry_beside_a_gathered_one(law: str, method: str) -> None:
    """The fixed entry's rows were one row, and its weights had no plate: an IndexError, and an internal error."""
    data = {"y": X[:5], "at": DOC[:5]}
    check_network(FIXED.format(law=law), {}, data, method, exact="latent z" not in law, fit=False)


MATRICES = """model M(K = 2) plate k in K time t in T param V[k] : cov[2] latent z[0] ~ Categorical([0.5, 0.5])
    latent z[t] ~ Categorical([[0.8, 0.2], [0.3, 0.7]][z[t-1]])
    observed X[t] missing ~ {law}(5, scale=V[z[t]])"""


@pytest.mark.parametrize(("law", "known"), [("Wishart", stats.wishart), ("InvWishart", stats.invwishart)])
def test_whole_matrices_may_be_missing(law: str, known: Any) -> None:
    """As whole vectors may be of laws that couple their entries; forecasts and one-step laws need it."""
    text, moves = MATRICES.format(law=law), np.array([[0.8, 0.2], [0.3, 0.7]])
    factors = np.random.default_rng(4).normal(size=(9, 2, 4)) * np.repeat([1.0, 3.0, 1.0], 3)[:, None, None]
    whole = factors @ np.swapaxes(factors, 1, 2)
    complete = em.parse(text)().fit(X=whole, n_init=1)
    ahead = complete.posterior["z"].probabilities[-1] @ moves
    np.testing.assert_allclose(complete.forecast(1)["z"].probabilities[0], ahead, rtol=1e-9)
    holed = whole.copy()
    holed[[1, 4]] = np.nan
    fit = em.parse(text)().fit(X=holed, n_init=1, tol=1e-12, max_iter=5000)
    logs = np.zeros((9, 2))
    for t in (0, 2, 3, 5, 6, 7, 8):
        logs[t] = [known.logpdf(whole[t], 5, scale) for scale in fit.params["V"]]
    paths = np.array(list(product(range(2), repeat=9)))
    joint = np.log(0.5) + np.log(moves)[paths[:, :-1], paths[:, 1:]].sum(axis=1) + logs[range(9), paths].sum(axis=1)
    np.testing.assert_allclose(fit.log_likelihood, np.logaddexp.reduce(joint), rtol=1e-9)
    chances = np.exp(joint - np.logaddexp.reduce(joint))
    shares = np.stack([chances @ (paths == k) for k in range(2)], axis=1)
    np.testing.assert_allclose(fit.posterior["z"].probabilities, shares, atol=1e-9)
    shares[[1, 4]] = 0.0
    sums = np.einsum("tk,tij->kij", shares, whole if law == "Wishart" else np.linalg.inv(whole))
    counts = 5 * shares.sum(axis=0)[:, None, None]
    expected = sums / counts if law == "Wishart" else counts * np.linalg.inv(sums)
    np.testing.assert_allclose(fit.params["V"], expected, rtol=1e-4)
    holed[0, 0, 1] = holed[0, 1, 0] = np.nan
    with pytest.raises(em.DataError, match="is missing in part, and its law couples its entries"):
        em.parse(text)().fit(X=holed)


@pytest.mark.parametrize("name", ["missing_in_vectors_on_two_plates", "missing_in_factors_on_two_plates"])
def test_what_is_filled_in_has_the_shape_of_the_data(name: str) -> None:
    filled = np.asarray(em.parse(FOUND[name][0])().fit(y=VECTORS, n_init=1, random_state=0).posterior["y"])
    seen = ~np.isnan(VECTORS)
    assert filled.shape == VECTORS.shape
    np.testing.assert_allclose(filled[seen], VECTORS[seen], atol=1e-12)


def test_a_prior_on_the_boundary_is_no_optimum() -> None:
    text = "model M(K = 3) plate n in N param p : simplex[K] ~ Dirichlet(0.5) observed y[n] ~ Categorical(p)"
    with pytest.raises(em.Error, match="unbounded"):
        em.parse(text)().fit(y=np.array([0, 1, 0, 1]))


def test_a_prior_that_takes_counts_away_beside_a_stationary_law() -> None:
    """The mode lies inside where more was counted than the prior takes, and is refused where it does not."""
    text = """model M(K = 2) plate s in S, k in K time t in T param A[k] : simplex[K] ~ Dirichlet(0.8)
    latent z[s, 0] ~ Categorical(stationary(A)) latent z[s, t] ~ Categorical(A[z[s, t-1]])
    observed y[s, t] ~ Poisson(1 + 5 * z[s, t])"""
    case = instance(text, {}, {"y": np.array([[0, 1, 7, 8, 1], [6, 9, 0, 1, 8], [1, 0, 1, 7, 5]])})
    module = compile_model(case.bound, "em").module
    params = module.initialise(case.data, np.random.default_rng(0))
    checks.check_monotone(module, case.data, params)
    checks.check_fit(module, case.model, case.constants, case.data, params)
    with pytest.raises(em.Error, match="the posterior of `A` is unbounded"):
        em.parse(text)().fit(y=np.zeros((3, 5)))


STARTED = """model M() plate s in S time t in T param m[s] : real ~ Normal(0, sd=3) param q : positive
    latent x[s, 0] : real ~ PointMass(m[s]) latent x[s, t] ~ Normal(x[s, t-1], var=q)
    observed y[s, t] ~ Normal(x[s, t], var=0.5)"""


def test_a_start_at_a_parameter_with_a_prior() -> None:
    """Its prior was about a reference point, the values of the chain were not."""
    y = np.cumsum(np.random.default_rng(12).normal(size=(2, 5)), axis=1)  # moves enough that q is not zero
    case = instance(STARTED, {}, {"y": y})
    module = compile_model(case.bound, "em").module
    params = module.initialise(case.data, np.random.default_rng(0))
    checks.check_monotone(module, case.data, params)
    checks.check_fit(module, case.model, case.constants, case.data, params)
    with pytest.raises(ModelError, match="a start of `x` at `m`, of which there is a posterior"):
        compile_model(case.bound, "vb")
