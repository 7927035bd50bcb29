"""Laws written with an auxiliary variable: what users see of it, and bounds against their textbook form."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import optimize

import emdsl as em

RNG = np.random.default_rng(4)
ANSWERS = (RNG.logistic(size=(12, 4)) < 1.5 * RNG.normal(size=(12, 1)) - np.linspace(-1, 1, 4)).astype(int)
ITEMS = """model ItemResponses()  plate i in I, j in J  param b[j] : real  param s : positive
latent th[i] ~ Normal(0, sd=s)  observed y[i, j] ~ Bernoulli(logit=th[i] - b[j])"""
MIXTURE = """model M(K = 2)  plate n in N, k in K  param p : simplex[K] ~ Dirichlet(1)
param m[k] : real ~ Normal(0, sd=3)  latent z[n] ~ Categorical(p)  observed y[n] ~ Bernoulli(logit=m[z[n]])"""


def jaakkola_jordan(b: Any, s: float) -> float:
    """The bound of item responses, each logistic law bounded by a parabola: Σ log σ(ξ) − ξ/2 … at the best ξ."""
    mean, variance = np.zeros(len(ANSWERS)), np.full(len(ANSWERS), s**2)
    for _ in range(300):
        xi = np.sqrt(variance[:, None] + (mean[:, None] - b) ** 2)
        weight = np.tanh(xi / 2) / (2 * xi)
        variance = 1 / (1 / s**2 + weight.sum(axis=1))
        mean = variance * (ANSWERS - 0.5 + weight * b).sum(axis=1)
    xi = np.sqrt(variance[:, None] + (mean[:, None] - b) ** 2)
    data = ((ANSWERS - 0.5) * (mean[:, None] - b) - np.log(2 * np.cosh(xi / 2))).sum()
    return float(data - 0.5 * ((variance + mean**2) / s**2 - 1 - np.log(variance / s**2)).sum())


def test_item_responses_maximise_the_bound_of_jaakkola_and_jordan() -> None:
    model = em.parse(ITEMS)()
    fit = model.fit(y=ANSWERS, n_init=1, tol=1e-12, max_iter=5000)
    found = [*fit.params["b"], np.log(fit.params["s"])]
    assert_allclose(fit.objective, jaakkola_jordan(fit.params["b"], float(fit.params["s"])), rtol=1e-9)
    best = optimize.minimize(lambda v: -jaakkola_jordan(v[:4], np.exp(v[4])), found, options={"maxiter": 8})
    assert_allclose(fit.objective, -best.fun, rtol=1e-7)
    assert "lower bound" in str(model.plan) and "auxiliary of the law of `y`" in str(model.plan)
    with pytest.raises(em.ModelError, match="not exact"):
        model.fit(y=ANSWERS, strict=True)


def test_auxiliary_variables_are_no_latents_of_the_user() -> None:
    y = ANSWERS[:, 0]
    fit = em.parse(MIXTURE)().fit(y=y, n_init=1, max_iter=5)
    assert set(fit.posterior) == {"z"}
    asked = em.parse(f"{MIXTURE}  factorise q(z) q(p) q(m)")().fit(y=y, method="vb", n_init=1, max_iter=5)
    plain = em.parse(MIXTURE)().fit(y=y, method="vb", n_init=1, max_iter=5)
    assert_allclose(asked.history, plain.history, rtol=1e-12)


@pytest.mark.parametrize(
    ("law", "what"),
    [
        ("Categorical(logits=a * [1, 2, 3])", "`Categorical` has no closed form where its `logits` is unknown"),
        ("Weibull(b, scale=1)", "`Weibull` has no closed form where its `shape` is unknown"),
        ("NegBinomial(b, size=b * x[n])", "`NegBinomial` has no closed form where its `size` is unknown"),
        ("Poisson(exp(a * x[n]))", "`exp` of something unknown has no closed form here"),
    ],
)
def test_refusals_speak_of_what_is_written(law: str, what: str) -> None:
    text = f"model M()  plate n in N  given x[n] : real  param a : real  param b : positive  observed y[n] ~ {law}"
    with pytest.raises(em.ModelError, match=what.replace("(", r"\(")):
        em.parse(text)().source()
