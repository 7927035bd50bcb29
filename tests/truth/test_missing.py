"""A multivariate normal law with entries missing at random."""

from __future__ import annotations

import pytest

import emdsl as em
from tests.truth.conftest import Cases

pytestmark = pytest.mark.truth

MODEL = """
    model Incomplete()  plate n in N
    param mu : real[D]  param Sigma : cov[D]
    observed x[n] missing ~ MvNormal(mu, cov=Sigma)
"""


@pytest.mark.parametrize("name", ["airquality", "missvals", "apple"])
def test_estimates(case: Cases, name: str) -> None:
    truth = case("mvn_missing")
    fit = em.parse(MODEL)().fit(x=truth.data(name).to_numpy(), n_init=1, max_iter=50_000, tol=1e-12)
    truth.check(f"{name}_ll", fit.log_likelihood)
    truth.check(f"{name}_mu", fit.params["mu"])
    if f"{name}_sigma" in truth.expected:
        truth.check(f"{name}_sigma", fit.params["Sigma"])
