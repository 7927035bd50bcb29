"""A mixture of Poisson laws with row weights, and latent classes with probabilities on the boundary."""

from __future__ import annotations

import numpy as np
import pytest

import emdsl as em
from tests.truth.conftest import Cases

pytestmark = pytest.mark.truth

POISSON = """
    model Deaths(K = 2)  plate n in N, k in K
    param pi : simplex[K]  param rate[k] : positive
    latent z[n] ~ Categorical(pi)
    observed y[n] ~ Poisson(rate[z[n]])
    order rate by k
"""


@pytest.mark.parametrize("accelerate", [None, "squarem", "anderson"])
def test_london_deaths(case: Cases, accelerate: str | None) -> None:
    """Days with the same number of deaths are one row with a weight; plain EM needs thousands of steps."""
    truth = case("poismix_london")
    table = truth.data("london_deaths")
    fit = em.parse(POISSON)(K=2).fit(
        y=table["deaths"], weights={"n": table["days"]}, n_init=3, max_iter=50_000, tol=1e-14, accelerate=accelerate
    )
    truth.check("loglik", fit.log_likelihood)
    truth.check("w1", fit.params["pi"][0])
    truth.check("lambda", fit.params["rate"])


def test_london_deaths_one_component(case: Cases) -> None:
    truth = case("poismix_london")
    table = truth.data("london_deaths")
    fit = em.parse(POISSON)(K=1).fit(y=table["deaths"], weights={"n": table["days"]})
    truth.check("loglik_1comp", fit.log_likelihood)


CLASSES = """
    model Classes(K = 2)  plate n in N, k in K, j in J
    param pi : simplex[K]  param positive_rate[k, j] : unit
    latent z[n] ~ Categorical(pi)
    observed x[n, j] ~ Bernoulli(positive_rate[z[n], j])
"""


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_carcinoma(case: Cases, classes: int) -> None:
    truth = case("lca_carcinoma")
    slides = truth.data("carcinoma").to_numpy() - 1
    fit = em.parse(CLASSES)(K=classes).fit(x=slides, n_init=40, max_iter=5000, tol=1e-10)
    truth.check(f"ll_K{classes}", fit.log_likelihood)
    if classes < 4:
        truth.check(f"P_K{classes}", np.sort(fit.params["pi"]))
    if classes == 2:
        order = np.argsort(fit.params["pi"])
        # Listed item by item, the rate of the first class beside that of the second.
        published = np.sort(truth.value("pos_K2_classmajor"))
        np.testing.assert_allclose(np.sort(fit.params["positive_rate"][order], axis=None), published, rtol=0, atol=1e-3)
