"""Chains, sums of products, topics: published numbers of models whose latents meet beyond one row."""

from __future__ import annotations

import pytest
from numpy.testing import assert_allclose

import emdsl as em
from tests.truth.conftest import Cases

pytestmark = pytest.mark.truth

LINKAGE = """
    model Linkage(n = 197)
    param t : unit
    observed y ~ Multinomial(n, [1/2 + t/4, (1 - t)/4, (1 - t)/4, t/4])
"""

EARTHQUAKES = """
    model Earthquakes(K = 2)
    plate k in K
    time t in T
    param start : simplex[K]
    param A[k] : simplex[K]
    param rate[k] : positive
    latent z[0] ~ Categorical(start)
    latent z[t] ~ Categorical(A[z[t-1]])
    observed y[t] ~ Poisson(rate[z[t]])
    order rate by k
"""

NILE = """
    model Nile()
    time t in T
    param q : positive
    param r : positive
    latent level[0] ~ Normal(1000, var=100000)
    latent level[t] ~ Normal(level[t-1], var=q)
    observed y[t] ~ Normal(level[t], var=r)
"""
NILE_FROM_A_POINT = """
    model Nile()
    time t in T
    param m : real
    param q : positive
    param r : positive
    latent level[0] ~ PointMass(m)
    latent level[t] ~ Normal(level[t-1], var=q)
    observed y[t] ~ Normal(level[t], var=r)
"""

TOPICS = """
    model Topics(K = 4)
    plate d in D, i in I, k in K
    given doc[i] : index[D]
    param beta[k] : simplex[V]
    latent theta[d] : simplex[K] ~ Dirichlet(0.5)
    latent z[i] ~ Categorical(theta[doc[i]])
    observed word[i] ~ Categorical(beta[z[i]])
"""

ARD = """
    model Ard()
    plate n in N, p in P
    given X[n, p] : real
    param alpha[p] : positive ~ Gamma(0.01, rate=0.01)
    param beta : positive ~ Gamma(0.01, rate=0.01)
    latent w[p] ~ Normal(0, prec=alpha[p])
    observed y[n] ~ Normal(sum(X[n, p] * w[p], p), prec=beta)
"""


def test_linkage_iterate_by_iterate(case: Cases) -> None:
    truth = case("linkage_dlr")
    row = truth.data("linkage")
    counts = [int(row[name].item()) for name in ("y1", "y2", "y3", "y4")]
    model = em.parse(LINKAGE)()
    iterates = truth.value("em_iterates_from_0.5")
    for step, wanted in enumerate(iterates):
        fit = model.fit(y=counts, init={"t": iterates[0]}, max_iter=step, tol=0)
        assert_allclose(fit.params["t"], wanted, rtol=0, atol=1e-9)
    fit = model.fit(y=counts, tol=1e-15)
    truth.check("theta", fit.params["t"])
    truth.check("loglik_multinomial_with_coefficient", fit.log_likelihood)


@pytest.mark.parametrize("states", [2, 3])
def test_earthquakes(case: Cases, states: int) -> None:
    truth = case("hmm_earthquakes")
    counts = truth.data("earthquakes")
    fit = em.parse(EARTHQUAKES)(K=states).fit(y=counts.iloc[:, -1], tol=1e-10, max_iter=5000)
    assert fit.log_likelihood is not None
    truth.check(f"mll_free_{states}", -fit.log_likelihood)
    truth.check(f"lambda_free_{states}", fit.params["rate"])


@pytest.mark.parametrize("states", [2, 3])
def test_earthquakes_from_the_stationary_law(case: Cases, states: int) -> None:
    truth = case("hmm_earthquakes")
    counts = truth.data("earthquakes")
    text = EARTHQUAKES.replace("param start : simplex[K]", "").replace("(start)", "(stationary(A))")
    fit = em.parse(text)(K=states).fit(y=counts.iloc[:, -1], tol=1e-10, max_iter=5000)
    assert fit.log_likelihood is not None
    truth.check(f"mll_stat_{states}", -fit.log_likelihood)
    truth.check(f"lambda_stat_{states}", fit.params["rate"])


def test_nile(case: Cases) -> None:
    truth = case("lds_nile")
    flow = truth.data("nile")["flow"].astype(float)
    fit = em.parse(NILE)().fit(y=flow, tol=1e-12, max_iter=20000, accelerate="squarem", n_init=2)
    truth.check("proper_ll", fit.log_likelihood)
    truth.check("proper_Q_H", [float(fit.params["q"]), float(fit.params["r"])])


def test_nile_from_an_unknown_level(case: Cases) -> None:
    truth = case("lds_nile")
    flow = truth.data("nile")["flow"].astype(float)
    fit = em.parse(NILE_FROM_A_POINT)().fit(y=flow, tol=1e-12, max_iter=20000, accelerate="squarem", n_init=2)
    truth.check("fixedinit_ll", fit.log_likelihood)
    truth.check("fixedinit_Q_H_m0", [float(fit.params[name]) for name in ("q", "r", "m")])


def test_topics_stay_at_the_published_optimum(case: Cases) -> None:
    truth = case("lda_vem")
    triples = truth.data("ap60_dtm")
    beta = truth.data("ap60_lda_best_beta").to_numpy()
    data = {"doc": triples["doc"] - 1, "word": triples["term"] - 1}
    start = {"beta": beta / beta.sum(axis=1, keepdims=True)}
    fit = em.parse(TOPICS)().fit(data, weights={"i": triples["count"]}, init=start, max_iter=30, tol=1e-9)
    truth.check("best_bound", fit.objective)


def test_relevance_of_every_weight(case: Cases) -> None:
    truth = case("blr_evidence_vb")
    table = truth.data("diabetes_sklearn_std")
    fit = em.parse(ARD)().fit(
        X=table.iloc[:, :-1].to_numpy(), y=table["y"], method="vb", n_init=1, max_iter=5000, tol=1e-12
    )
    truth.check("ard_elbo", fit.objective)
    truth.check("ard_E_alpha", fit.params["alpha"])
