"""Gaussian mixtures in six covariance structures on Old Faithful; one-dimensional ones on the galaxies."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import emdsl as em
from tests.truth.conftest import Cases

pytestmark = pytest.mark.truth

#: The structures by their letters in mclust: volume, shape and orientation, Equal, Variable or Identity.
SPREADS = {
    "EII": ("param v : positive", "observed x[n, d] ~ Normal(mu[z[n], d], var=v)"),
    "VII": ("param v[k] : positive", "observed x[n, d] ~ Normal(mu[z[n], d], var=v[z[n]])"),
    "EEI": ("param v[d] : positive", "observed x[n, d] ~ Normal(mu[z[n], d], var=v[d])"),
    "VVI": ("param v[k, d] : positive", "observed x[n, d] ~ Normal(mu[z[n], d], var=v[z[n], d])"),
    "EEE": ("param Sigma : cov[D]", "observed x[n] ~ MvNormal(mu[z[n]], cov=Sigma)"),
    "VVV": ("param Sigma[k] : cov[D]", "observed x[n] ~ MvNormal(mu[z[n]], cov=Sigma[z[n]])"),
}


def mixture(structure: str) -> str:
    spread, observed = SPREADS[structure]
    vector = structure in ("EEE", "VVV")
    mean = "param mu[k] : real[D]" if vector else "plate d in D  param mu[k, d] : real"
    return f"""
        model Mixture(K = 2)  plate n in N, k in K
        param pi : simplex[K]
        {mean}  {spread}
        latent z[n] ~ Categorical(pi)
        {observed}
    """


@pytest.mark.parametrize(("structure", "components"), [(s, k) for s in SPREADS for k in (2, 3) if (s, k) != ("VVV", 3)])
def test_old_faithful(case: Cases, structure: str, components: int) -> None:
    truth = case("gmm_faithful")
    fit = em.parse(mixture(structure))(K=components).fit(x=truth.data("faithful").to_numpy(), n_init=20)
    truth.check(f"logLik_{structure}_K{components}", fit.log_likelihood)


def test_old_faithful_has_a_better_mode_than_the_published_one(case: Cases) -> None:
    """Three free covariances: the published optimum is one of ours, but starts elsewhere find a higher one.

    It is no collapse: 35 eruptions of 1.7 to 2 minutes, with a standard deviation of 4 seconds. scikit-learn 1.9
    reaches it from 7 of 60 starts by k-means++, and never from k-means, which explains why it went unnoticed.
    """
    truth = case("gmm_faithful")
    x = truth.data("faithful").to_numpy()
    fit = em.parse(mixture("VVV"))(K=3).fit(x=x, n_init=20)
    nearest = min(fit.restarts, key=lambda value: abs(value - truth.value("logLik_VVV_K3")))
    truth.check("logLik_VVV_K3", nearest)
    parts = [multivariate_normal(m, s).pdf(x) for m, s in zip(fit.params["mu"], fit.params["Sigma"], strict=True)]
    assert fit.log_likelihood == pytest.approx(np.log(fit.params["pi"] @ parts).sum(), abs=1e-6)
    assert fit.log_likelihood == pytest.approx(-1114.4399, abs=1e-4)
    assert len(x) * fit.params["pi"].min() > 30 and np.linalg.eigvalsh(fit.params["Sigma"]).min() > 0.003


def test_old_faithful_estimates(case: Cases) -> None:
    truth = case("gmm_faithful")
    fit = em.parse(mixture("VVV"))(K=2).fit(x=truth.data("faithful").to_numpy(), tol=1e-12)
    order = np.argsort(fit.params["pi"])
    truth.check("pro_VVV_K2", fit.params["pi"][order])
    for number, k in enumerate(order, start=1):
        truth.check(f"mean{number}", fit.params["mu"][k])
        truth.check(f"cov{number}", fit.params["Sigma"][k])


LINE = """
    model Line(K = 2)  plate n in N, k in K
    param pi : simplex[K]  param mu[k] : real  param {spread} : positive
    latent z[n] ~ Categorical(pi)
    observed x[n] ~ Normal(mu[z[n]], var={use})
"""
EQUAL, FREE = LINE.format(spread="v", use="v"), LINE.format(spread="v[k]", use="v[z[n]]")


@pytest.mark.parametrize("version", ["mass", "corrected"])
@pytest.mark.parametrize("components", [2, 3, 4, 5, 6])
def test_galaxies_equal_variance(case: Cases, version: str, components: int) -> None:
    truth = case("gmm_galaxies")
    velocity = truth.data(f"galaxies_{version}")["velocity"] / 1000
    fit = em.parse(EQUAL)(K=components).fit(x=velocity, n_init=40)
    truth.check(f"{version}_E_K{components}", fit.log_likelihood)


@pytest.mark.parametrize("version", ["mass", "corrected"])
@pytest.mark.parametrize("components", [2, 3])
def test_galaxies_own_variance(case: Cases, version: str, components: int) -> None:
    truth = case("gmm_galaxies")
    velocity = truth.data(f"galaxies_{version}")["velocity"] / 1000
    fit = em.parse(FREE)(K=components).fit(x=velocity, n_init=20, tol=1e-10)
    truth.check(f"{version}_V_K{components}", fit.log_likelihood)


@pytest.mark.parametrize("components", [2, 3])
def test_galaxies_own_variance_estimates(case: Cases, components: int) -> None:
    truth = case("gmm_galaxies")
    velocity = truth.data("galaxies_mass")["velocity"] / 1000
    fit = em.parse(FREE)(K=components).fit(x=velocity, n_init=20, tol=1e-12)
    published = truth.value(f"V_K{components}_mean")
    order = np.argsort(fit.params["mu"])[np.argsort(np.argsort(published))]
    for key, name in (("pro", "pi"), ("mean", "mu"), ("var", "v")):
        truth.check(f"V_K{components}_{key}", fit.params[name][order])
