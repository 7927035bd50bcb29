"""Variational posteriors: a mixture of normal laws with a Wishart prior, and a normal law with independent priors."""

from __future__ import annotations

import numpy as np
import pytest

import emdsl as em
from tests.truth.conftest import Cases

pytestmark = pytest.mark.truth

MIXTURE = """
    model Mixture(K = 2)  plate n in N, k in K
    param pi : simplex[K] ~ Dirichlet(0.001)
    param Lambda[k] : cov[D] ~ Wishart(2, scale=eye(D))
    param mu[k] : real[D] ~ MvNormal(0, prec=Lambda[k])
    latent z[n] ~ Categorical(pi)
    observed x[n] ~ MvNormal(mu[z[n]], prec=Lambda[z[n]])
    factorise q(z) q(pi) q(mu, Lambda)
"""


@pytest.mark.parametrize("components", [2, 3, 6])
def test_old_faithful(case: Cases, components: int) -> None:
    truth = case("vbgmm_faithful")
    x = truth.data("faithful").to_numpy()
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    fit = em.parse(MIXTURE)(K=components).fit(x=x, method="vb", n_init=20, max_iter=5000, tol=1e-12)
    truth.check(f"elbo_K{components}", fit.objective)
    if components == 6:
        proportions = np.sort(fit.params["pi"])[::-1]
        concentration = truth.value("alpha_K6")
        np.testing.assert_allclose(proportions, concentration / concentration.sum(), rtol=0, atol=1e-5)
        truth.check("means_top2", fit.params["mu"][np.argsort(-fit.params["pi"])[:2]])


NORMAL = """
    model Single()  plate n in N
    param mu : real ~ Normal(20, prec=0.1)  param tau : positive ~ Gamma(1, rate=1)
    observed x[n] ~ Normal(mu, prec=tau)
"""


def test_galaxies(case: Cases) -> None:
    truth = case("vb_normal")
    velocity = truth.data("galaxies_mass")["velocity"] / 1000
    fit = em.parse(NORMAL)().fit(x=velocity, method="vb", tol=1e-13)
    truth.check("elbo", fit.objective)
    assert fit.objective < truth.value("exact_log_evidence")
    truth.check("m", fit.posterior["mu"].mean)
    truth.check("prec_mu", 1 / fit.posterior["mu"].var)
    shape = 1 + len(velocity) / 2
    truth.check("b", shape / fit.posterior["tau"].mean)
