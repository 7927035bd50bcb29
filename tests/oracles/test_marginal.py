"""The oracles agree with closed forms that owe nothing to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import integrate, special, stats

from emdsl.language.text import parse
from tests.oracles import charts
from tests.oracles.interpreter import log_joint, log_prior, log_terms
from tests.oracles.marginal import Exact, log_likelihood, posterior

RNG = np.random.default_rng(1)


def of(text: str, data: dict[str, Any], params: dict[str, Any] | None = None, **options: Any) -> float:
    return log_likelihood(parse(text), {}, data, params or {}, **options)


FACTORS = """model Factors(L = 2) plate n in N param W : real[D, L] param psi : positive[D]
latent f[n] ~ MvNormal(0, cov=eye(L)) observed x[n] missing ~ MvNormal(W @ f[n], cov=diag(psi))"""


def test_factor_analysis_with_missing_entries() -> None:
    x, loadings, noise = RNG.normal(0, 5, (4, 3)), RNG.normal(size=(3, 2)), np.array([0.5, 1.0, 1e-2])
    x[1, 2] = x[2, 0] = x[2, 1] = np.nan
    x[3] = np.nan
    cov = loadings @ loadings.T + np.diag(noise)
    expected = sum(
        stats.multivariate_normal.logpdf(row[seen], np.zeros(seen.sum()), cov[np.ix_(seen, seen)])
        for row in x[:3]
        for seen in [~np.isnan(row)]
    )
    params = {"W": loadings, "psi": noise}
    assert of(FACTORS, {"x": x}, params) == pytest.approx(expected, rel=1e-12)
    found = posterior(parse(FACTORS), {}, {"x": x}, params)["f"]
    precision = np.eye(2) + loadings.T @ np.diag(1 / noise) @ loadings
    np.testing.assert_allclose(found["cov"][0], np.linalg.inv(precision), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(found["mean"][0], np.linalg.solve(precision, loadings.T @ (x[0] / noise)), rtol=1e-10)
    np.testing.assert_allclose(found["cov"][3], np.eye(2), atol=1e-12)


CHAIN = """model Chain(K = 2) plate s in S, k in K time t in T[s]
param start : simplex[K] param A[k] : simplex[K] param rate[k] : positive
latent z[s, 0] ~ Categorical(start) latent z[s, t] ~ Categorical(A[z[s, t-1]])
observed y[s, t] missing ~ Poisson(rate[z[s, t]])"""


def test_ragged_chain_against_the_forward_recursion() -> None:
    start, matrix, rate = np.array([0.3, 0.7]), np.array([[0.9, 0.1], [0.4, 0.6]]), np.array([1.0, 6.0])
    y = [np.array([0.0, 1, np.nan, 7]), np.array([5.0]), np.array([2.0, 8, 6])]
    expected = 0.0
    for sequence in y:
        forward = start
        for i, value in enumerate(sequence):
            forward = forward @ matrix if i else forward
            forward = forward if np.isnan(value) else forward * stats.poisson.pmf(value, rate)
        expected += np.log(forward.sum())
    params = {"start": start, "A": matrix, "rate": rate}
    assert of(CHAIN, {"y": y}, params) == pytest.approx(expected, rel=1e-12)
    found = posterior(parse(CHAIN), {}, {"y": y}, params)["z"]["probabilities"]
    assert [np.shape(table) for table in found] == [(4, 2), (1, 2), (3, 2)]


def test_given_labels_count_with_their_probability() -> None:
    text = """model M(K = 2) plate n in N, k in K param pi : simplex[K] param rate[k] : positive
    latent z[n] ~ Categorical(pi) observed y[n] ~ Poisson(rate[z[n]])"""
    params = {"pi": np.array([0.2, 0.8]), "rate": np.array([2.0, 5.0])}
    found = of(text, {"y": [3, 4], "z": [0, np.nan]}, params)
    mixed = np.log(params["pi"] @ stats.poisson.pmf(4, params["rate"]))
    assert found == pytest.approx(np.log(0.2) + stats.poisson.logpmf(3, 2.0) + mixed, rel=1e-13)


def test_a_weight_repeats_the_row_with_latents_of_its_own() -> None:
    text = """model M(K = 2) plate n in N, k in K param pi : simplex[K] param rate[k] : positive
    latent z[n] ~ Categorical(pi) observed y[n] ~ Poisson(rate[z[n]])"""
    params = {"pi": np.array([0.2, 0.8]), "rate": np.array([2.0, 5.0])}
    assert of(text, {"y": [3, 4], "weights.n": [2, 3]}, params) == pytest.approx(
        of(text, {"y": [3, 3, 4, 4, 4]}, params)
    )


SCALES = {
    "student": ("latent u ~ Gamma(2.5, rate=2.5) observed y ~ Normal(1, var=4/u)", stats.t(5, 1, 2).logpdf(3.7)),
    "negative binomial": ("latent u ~ Gamma(2, rate=0.5) observed y ~ Poisson(u)", stats.nbinom(2, 1 / 3).logpmf(3)),
    "laplace": ("latent u ~ Exponential(rate=0.5) observed y ~ Normal(0, var=u)", stats.laplace(0, 1).logpdf(3.7)),
    "beta-binomial": ("latent u ~ Beta(2, 0.7) observed y ~ Binomial(5, u)", stats.betabinom(5, 2, 0.7).logpmf(3)),
    "censored": (
        "latent u ~ Normal(1, sd=2) censored(2, inf) observed y ~ Poisson(4)",
        stats.norm(1, 2).logsf(2) + stats.poisson(4).logpmf(3),
    ),
    "heavy tails": ("latent u ~ StudentT(1.5, 0, scale=1) observed y ~ Poisson(4)", stats.poisson(4).logpmf(3)),
    "count latent": ("latent u ~ Poisson(6) observed y ~ Binomial(u, 0.5)", stats.poisson(3).logpmf(3)),
}  # fmt: skip


@pytest.mark.parametrize("name", SCALES)
def test_scale_mixtures(name: str) -> None:
    text, expected = SCALES[name]
    y = 3.7 if "Normal(" in text.split("observed")[1] else 3
    assert of(f"model M() {text}", {"y": y}) == pytest.approx(expected, rel=1e-9)


def test_dirichlet_multinomial() -> None:
    text = "model M() plate n in N latent p : simplex[3] ~ Dirichlet([2, 1.5, 3]) observed w[n] ~ Categorical(p)"
    alpha, seen = np.array([2, 1.5, 3]), np.array([2, 0, 1])
    expected = (
        special.gammaln(6.5) - special.gammaln(9.5) + (special.gammaln(alpha + seen) - special.gammaln(alpha)).sum()
    )
    assert of(text, {"w": [0, 2, 0]}) == pytest.approx(expected, rel=1e-7)


def test_evidence_with_parameters_integrated_out() -> None:
    text = """model M() plate n in N param m : real ~ Normal(1, sd=2) param tau : positive ~ Gamma(3, rate=2)
    observed x[n] ~ Normal(m, prec=tau)"""
    x = np.array([0.3, 2.0, 1.1])

    def given(tau: float) -> float:
        cov = 4 * np.ones((3, 3)) + np.eye(3) / tau
        return float(
            np.exp(stats.gamma(3, scale=0.5).logpdf(tau) + stats.multivariate_normal(np.ones(3), cov).logpdf(x))
        )

    expected = np.log(integrate.quad(given, 0, 40, epsabs=0, epsrel=1e-10)[0])
    assert of(text, {"x": x}, integrate_over=("m", "tau")) == pytest.approx(expected, rel=1e-7)


def test_evidence_of_a_mixture_with_conjugate_priors() -> None:
    """Given the labels the evidence is a product of closed forms; the labels are summed over."""
    text = """model M(K = 2) plate n in N, k in K
    param pi : simplex[K] ~ Dirichlet(1.5) param rate[k] : positive ~ Gamma(2, rate=0.5)
    latent z[n] ~ Categorical(pi) observed y[n] ~ Poisson(rate[z[n]])"""
    y, terms = np.array([1, 4, 7]), []
    for z in np.ndindex(2, 2, 2):
        sizes, sums = (np.bincount(z, weights, minlength=2) for weights in (None, y))
        labels = special.gammaln(3) - special.gammaln(6) + (special.gammaln(1.5 + sizes) - special.gammaln(1.5)).sum()
        counts = 2 * np.log(0.5) - special.gammaln(2) + special.gammaln(2 + sums) - (2 + sums) * np.log(0.5 + sizes)
        terms.append(labels + counts.sum() - special.gammaln(y + 1).sum())
    assert of(text, {"y": y}, integrate_over=("pi", "rate")) == pytest.approx(special.logsumexp(terms), rel=1e-9)


def test_nested_effects_form_one_joint_gaussian() -> None:
    text = """model M() plate s in S, t in T latent a ~ Normal(0, var=2) latent u[s] ~ Normal(a, var=3)
    observed y[s, t] ~ Normal(u[s], var=0.5)"""
    y = RNG.normal(size=(3, 2))
    same = np.kron(np.eye(3), np.ones((2, 2)))
    expected = stats.multivariate_normal.logpdf(y.ravel(), np.zeros(6), 2 + 3 * same + 0.5 * np.eye(6))
    assert of(text, {"y": y}) == pytest.approx(expected, rel=1e-12)


def test_expected_log_joint_and_evidence_differ_by_the_entropy() -> None:
    """Q(theta | theta) = log p(x) - KL terms: for one Gaussian latent, log p(x) = Q + ½ log(2πe v)."""
    text = "model M() param v : positive latent u ~ Normal(0, var=v) observed y ~ Normal(u, var=2)"
    exact = Exact(parse(text), {}, {"y": 1.3}, {"v": 3.0})
    entropy = 0.5 * np.log(2 * np.pi * np.e / (1 / 3 + 1 / 2))
    assert exact.expected_log_joint({"v": 3.0}) + entropy == pytest.approx(exact.log_likelihood, rel=1e-12)
    assert exact.log_likelihood == pytest.approx(stats.norm(0, np.sqrt(5)).logpdf(1.3), rel=1e-12)


def test_missing_observed_values_that_are_read_are_summed_out() -> None:
    text = """model Lagged() time t in T param a : real observed y[0] missing ~ Normal(0, var=1)
    observed y[t] missing ~ Normal(a * y[t-1], var=0.5)"""
    found = of(text, {"y": [1.0, np.nan, 2.0]}, {"a": 0.8})
    assert found == pytest.approx(
        stats.norm.logpdf(1.0) + stats.norm(0.64, np.sqrt(0.5 + 0.64 * 0.5)).logpdf(2.0), rel=1e-12
    )


def test_undeclared_missing_entries_are_refused() -> None:
    with pytest.raises(ValueError, match="not declared missing"):
        of("model M() plate n in N observed y[n] ~ Normal(0, sd=1)", {"y": [1.0, np.nan]})


def test_user_defined_and_limited_laws() -> None:
    gumbel = """model M() dist Gumbel(y : real | m : real, b : positive) = -(y-m)/b - exp(-(y-m)/b) - log(b)
    observed y ~ Gumbel(1, b=2)"""
    assert of(gumbel, {"y": 0.3}) == pytest.approx(stats.gumbel_r(1, 2).logpdf(0.3), rel=1e-13)
    truncated = "model M() observed y ~ Poisson(3) truncated(1, inf)"
    assert of(truncated, {"y": 2}) == pytest.approx(stats.poisson(3).logpmf(2) - np.log1p(-np.exp(-3)), rel=1e-13)
    censored = "model M() plate n in N given c[n] : real observed y[n] ~ Exponential(rate=0.5) censored(0, c[n])"
    assert of(censored, {"y": [1.0, 2.0], "c": [2.0, 2.0]}) == pytest.approx(np.log(0.5) - 0.5 - 1.0, rel=1e-13)


DENSITIES = {
    "Normal(1, prec=4)": stats.norm(1, 0.5).logpdf(0.4),
    "Laplace(1, scale=2)": -0.3 - np.log(4),
    "LogNormal(1, var=4)": stats.norm(1, 2).logpdf(np.log(0.4)) - np.log(0.4),
    "Gamma(2, scale=3)": np.log(0.4) - 0.4 / 3 - 2 * np.log(3),
    "InvGamma(2, scale=3)": 2 * np.log(3) - 3 * np.log(0.4) - 3 / 0.4,
    "Weibull(2, scale=3)": np.log(2 / 3 * 0.4 / 3) - (0.4 / 3) ** 2,
    "Beta(2, 3)": np.log(12 * 0.4 * 0.36),
    "VonMises(1, concentration=2)": 2 * np.cos(0.6) - np.log(2 * np.pi * special.i0(2)),
    "StudentT(5, 1, scale=2)": stats.t(5).logpdf(-0.3) - np.log(2),
}


@pytest.mark.parametrize("law", DENSITIES)
def test_argument_conventions(law: str) -> None:
    assert of(f"model M() observed y ~ {law}", {"y": 0.4}) == pytest.approx(DENSITIES[law], rel=1e-12)


PROBABILITIES = {
    "Bernoulli(logit=1)": (1, -np.log1p(np.exp(-1))),
    "Binomial(4, 0.25)": (1, np.log(4 * 0.25 * 0.75**3)),
    "Categorical(logits=[0, 1, 2])": (1, 1 - np.log(1 + np.e + np.e**2)),
    "NegBinomial(3, size=2)": (1, np.log(2 * 0.4**2 * 0.6)),
    "Geometric(0.3)": (2, np.log(0.7**2 * 0.3)),
    "switch(1, PointMass(0), Poisson(3))": (2, np.log(4.5) - 3),
}


@pytest.mark.parametrize("law", PROBABILITIES)
def test_argument_conventions_of_discrete_laws(law: str) -> None:
    y, expected = PROBABILITIES[law]
    assert of(f"model M() observed y ~ {law}", {"y": y}) == pytest.approx(expected, rel=1e-12)


def test_terms_and_priors_are_separate() -> None:
    model = parse("model M(a = 2) plate n in N param rate : positive ~ Gamma(a, rate=1) observed y[n] ~ Poisson(rate)")
    values = {"y": [2, 1], "rate": 1.5}
    prior, likelihood = np.log(1.5) - 1.5, stats.poisson(1.5).logpmf([2, 1]).sum()
    assert log_prior(model, {}, values) == pytest.approx(prior)
    assert log_terms(model, {}, values, ("y",)) == {"y": pytest.approx(likelihood)}
    assert log_joint(model, {}, values) == pytest.approx(prior + likelihood)


def test_fine_print_of_expressions() -> None:
    """Sums over letters, lets, ragged sizes as numbers, stationary laws, event axes after plates."""
    model = """model M() plate s in S, t in T[s], k in K given w[s, t] : real param A[k] : simplex[K]
    let total[s] = sum(w[s, t], t) / T[s]
    observed y[s] ~ Normal(total[s] + A[1, 0] + stationary(A)[1], sd=1)"""
    data = {"w": [np.array([1.0, 2.0]), np.array([4.0])], "y": [0.0, 0.0]}
    matrix = np.array([[0.9, 0.1], [0.4, 0.6]])
    mean = np.array([1.5, 4.0]) + 0.4 + 0.2
    assert of(model, data, {"A": matrix}) == pytest.approx(stats.norm.logpdf(mean).sum(), rel=1e-12)


def test_the_score_of_a_poisson_rate() -> None:
    model = parse("model M() plate n in N param rate : positive observed y[n] ~ Poisson(rate)")
    gradient, curvature = charts.observed_score(model, {}, {"y": [2, 1, 6]}, {"rate": 1.5}, ("rate",))["rate"]
    np.testing.assert_allclose(gradient, [9 - 4.5], rtol=1e-9)  # d/du of 9 u - 3 e^u at e^u = 1.5
    np.testing.assert_allclose(curvature, [-4.5], rtol=1e-5)


def test_charts_stay_in_the_support_and_hold_what_is_fixed() -> None:
    u = RNG.normal(size=(2, 3))
    moved = charts.move([[0.2, 0.3, 0.5], [0.6, 0.4, 0.0]], u, "simplex", [[False] * 3, [False, False, True]])
    np.testing.assert_allclose(moved.sum(1), 1)
    assert moved[1, 2] == 0 and moved[0, 0] != 0.2
    assert 0 < charts.move(0.3, 2.0, "unit") < 1
    assert np.linalg.eigvalsh(charts.move(np.diag([1.0, 1e-3]), RNG.normal(size=(2, 2)), "cov")).min() > 0
