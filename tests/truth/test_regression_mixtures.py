"""Mixtures of linear regressions with normal errors, with one error variance for all components or one for each."""

from __future__ import annotations

import numpy as np
import pytest

import emdsl as em
from tests.truth.conftest import Array, Case, Cases

pytestmark = pytest.mark.truth

MODEL = """
    model Lines(K = 2)  plate n in N, k in K  given X[n] : real[P]
    param pi : simplex[K]  param b[k] : real[P]  param {sd} : positive
    latent z[n] ~ Categorical(pi)
    observed y[n] ~ Normal(X[n] @ b[z[n]], sd={use})
"""
SPREADS = {"free": MODEL.format(sd="s[k]", use="s[z[n]]"), "equal": MODEL.format(sd="s", use="s")}


def design(truth: Case, name: str) -> tuple[Array, Array]:
    """(X, y) of one data set, a column of ones first."""
    table = truth.data(name)
    outcome, *regressors = {
        "NPreg": (table.get("yn"), table.get("x"), table.get("x", 0) ** 2),
        "tonedata": (table.get("tuned"), table.get("stretchratio")),
        "CO2data": (table.get("CO2"), table.get("GNP")),
    }[name]
    return np.column_stack([np.ones(len(table)), *regressors]), outcome.to_numpy()


@pytest.mark.parametrize("spread", SPREADS)
@pytest.mark.parametrize("name", ["NPreg", "tonedata", "CO2data"])
def test_two_lines(case: Cases, name: str, spread: str) -> None:
    truth = case("mixreg_gauss")
    x, y = design(truth, name)
    fit = em.parse(SPREADS[spread])(K=2).fit(X=x, y=y, n_init=30, max_iter=5000, tol=1e-10)
    truth.check(f"{name}_{spread}_sigma", fit.log_likelihood)
    key = f"{name}_{spread}_sigma_par"
    proportions, lines, deviations = truth.expected[key]["value"]
    order = np.argsort(fit.params["pi"])[np.argsort(np.argsort(proportions))]
    found = (fit.params["pi"][order], fit.params["b"][order], np.broadcast_to(fit.params["s"], 2)[order])
    for published, estimate in zip((proportions, lines, deviations), found, strict=True):
        np.testing.assert_allclose(estimate, published, rtol=0, atol=truth.expected[key]["tolerance"])
