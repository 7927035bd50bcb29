"""Factor analysis and probabilistic principal components; their rotation is free, their likelihood is not."""

from __future__ import annotations

import numpy as np
import pytest

import emdsl as em
from tests.truth.conftest import Array, Cases

pytestmark = pytest.mark.truth

FACTORS = """
    model Factors(L = 1)  plate n in N, d in D
    param W[d] : real[L]  param mu[d] : real  param psi[d] : positive
    latent f[n] ~ MvNormal(zeros(L), cov=eye(L))
    observed x[n, d] ~ Normal(W[d] @ f[n] + mu[d], var=psi[d])
"""
VECTORS = """
    model Vectors(L = 1)  plate n in N
    param W : real[D, L]  param mu : real[D]  param psi : positive[D]
    latent f[n] ~ MvNormal(zeros(L), cov=eye(L))
    observed x[n] ~ MvNormal(W @ f[n] + mu, cov=diag(psi))
"""
COMPONENTS = """
    model Components(L = 1)  plate n in N, d in D
    param W[d] : real[L]  param mu[d] : real  param v : positive
    latent f[n] ~ MvNormal(zeros(L), cov=eye(L))
    observed x[n, d] ~ Normal(W[d] @ f[n] + mu[d], var=v)
"""


@pytest.mark.parametrize("text", [FACTORS, VECTORS], ids=["entry by entry", "as vectors"])
@pytest.mark.parametrize("factors", [1, 2])
def test_attitude(case: Cases, text: str, factors: int) -> None:
    truth = case("fa_attitude")
    x = truth.data("attitude").to_numpy(float)
    fit = em.parse(text)(L=factors).fit(x=x, n_init=2, max_iter=50_000, tol=1e-10, accelerate="squarem")
    truth.check(f"attitude_ll_k{factors}", fit.log_likelihood)
    if factors == 1:
        truth.check("attitude_psi_k1", fit.params["psi"])


def sample_with(covariance: Array, n: int) -> Array:
    """Rows (n, d) of mean zero whose covariance, divided by n, is exactly this one."""
    raw = np.random.default_rng(0).standard_normal((n, len(covariance)))
    raw -= raw.mean(axis=0)
    white = raw @ np.linalg.inv(np.linalg.cholesky(raw.T @ raw / n)).T
    return white @ np.linalg.cholesky(covariance).T


@pytest.mark.parametrize("factors", [1, 2])
def test_ability(case: Cases, factors: int) -> None:
    """Only the correlations are published, and the likelihood depends on data through them alone."""
    truth = case("fa_attitude")
    covariance = truth.data("ability_cov").to_numpy()[:, 1:].astype(float)
    spread = np.sqrt(np.diag(covariance))
    correlation, n = covariance / np.outer(spread, spread), 112
    fit = em.parse(FACTORS)(L=factors).fit(
        x=sample_with(correlation, n), n_init=5, max_iter=50_000, tol=1e-13, accelerate="squarem"
    )
    truth.check(f"ability_uniq_k{factors}", fit.params["psi"])
    saturated = -n / 2 * (np.linalg.slogdet(2 * np.pi * correlation)[1] + len(correlation))
    truth.check(f"ability_disc_k{factors}", 2 / n * (saturated - fit.log_likelihood))


@pytest.mark.parametrize("components", [1, 2])
def test_iris(case: Cases, components: int) -> None:
    truth = case("ppca_iris")
    x = truth.data("iris").iloc[:, :4].to_numpy()
    fit = em.parse(COMPONENTS)(L=components).fit(x=x, n_init=3, max_iter=50_000, tol=1e-13)
    truth.check(f"ll_q{components}", fit.log_likelihood)
    truth.check(f"sigma2_q{components}", fit.params["v"])
