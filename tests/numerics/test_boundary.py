"""Optima on the boundary: probabilities exactly 0 or 1, rates 0; and rows that all components but one rule out."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from emdsl.errors import Error
from tests.numerics.models import CATEGORIES, CLASSES, DIAGONAL, FULL, POISSON, clusters, emitted, model, monotone


@pytest.mark.parametrize("method", ["em", "hard"])
def test_classes_on_the_boundary(method: str) -> None:
    """Two classes whose first items are never and always answered."""
    rng = np.random.default_rng(0)
    group = np.arange(60) % 2
    y = (rng.random((60, 4)) < 0.5).astype(int)
    y[:, 0], y[:, 1] = group, 1 - group
    fit = model(CLASSES).fit(y=y, method=method, n_init=5)
    assert monotone(fit.history) and fit.converged
    p = fit.params["p"][np.argsort(fit.params["p"][:, 0])]
    np.testing.assert_allclose(p[:, :2], [[0, 1], [1, 0]], atol=1e-6)
    assert np.isfinite(fit.log_likelihood) and np.isfinite(fit.posterior["z"].probabilities).all()


@pytest.mark.parametrize("method", ["em", "hard"])
def test_probabilities_exactly_zero_at_the_start(method: str) -> None:
    """They stay zero to all digits that count, and nothing becomes nan."""
    rng = np.random.default_rng(0)
    y = (rng.random((40, 3)) < np.where(np.arange(40) % 2, 0.2, 0.8)[:, None]).astype(int)
    y[::2, 0], y[1::2, 0] = 1, 0
    module, data = emitted(CLASSES, method, y=y)
    params = {"pi": np.array([0.5, 0.5]), "p": np.array([[0.0, 0.3, 0.4], [1.0, 0.7, 0.6]])}
    for _ in range(5):
        statistics, log_likelihood = module.e_step(data, params)
        assert np.isfinite(log_likelihood)
        params = module.m_step(statistics, params)
    np.testing.assert_allclose(params["p"][:, 0], [0.0, 1.0], atol=1e-200)
    np.testing.assert_allclose(params["pi"], [0.5, 0.5])


def test_a_share_exactly_zero_stays_so() -> None:
    module, data = emitted(FULL, x=clusters(30))
    params = {"pi": np.array([1.0, 0.0]), "mu": np.zeros((2, 2)), "S": np.tile(np.eye(2), (2, 1, 1))}
    statistics, log_likelihood = module.e_step(data, params)
    assert np.isfinite(log_likelihood)
    updated = module.m_step(statistics, params)
    np.testing.assert_allclose(updated["pi"], [1.0, 0.0], atol=1e-200)
    assert all(np.isfinite(value).all() for value in updated.values())


def test_a_category_that_nobody_took() -> None:
    y = np.random.default_rng(0).integers(0, 3, (40, 4))
    fit = model(CATEGORIES, V=5).fit(y=y, n_init=3)
    assert fit.params["t"].shape == (2, 4, 5)
    np.testing.assert_array_equal(fit.params["t"][:, :, 3:], 0.0)
    np.testing.assert_allclose(fit.params["t"].sum(axis=-1), 1.0, rtol=1e-12)
    assert np.isfinite(fit.log_likelihood) and monotone(fit.history)


def test_a_category_on_the_boundary_that_a_new_row_takes() -> None:
    """The new row is impossible: its probability is 0, its memberships are still numbers that add up to one."""
    y = np.random.default_rng(0).integers(0, 3, (40, 4))
    fit = model(CATEGORIES, V=5).fit(y=y, n_init=3)
    probabilities = fit.predict_proba(y=np.array([[4, 0, 1, 2]]))["z"]
    np.testing.assert_allclose(np.sum(probabilities), 1.0)


@pytest.mark.parametrize("method", ["em", "hard"])
def test_counts_that_are_all_zero(method: str) -> None:
    """The rate goes to 0, where the likelihood is 1."""
    fit = model(POISSON).fit(y=np.zeros(20, dtype=int), method=method, n_init=3)
    assert np.all(fit.params["rate"] >= 0) and np.all(fit.params["rate"] <= 1e-100)
    np.testing.assert_allclose(fit.log_likelihood, 0.0 if method == "em" else fit.log_likelihood, atol=1e-9)
    assert np.isfinite(fit.objective) and monotone(fit.history)


def test_one_component_of_zeros_only() -> None:
    """Zeros beside large counts: one rate is 0, exactly or nearly."""
    y = np.concatenate([np.zeros(20, dtype=int), np.random.default_rng(0).poisson(30, 20)])
    fit = model(POISSON).fit(y=y, n_init=5)
    rates = np.sort(fit.params["rate"])
    assert 0 <= rates[0] < 1e-6
    np.testing.assert_allclose(rates[1], y[20:].mean(), rtol=1e-9)
    assert np.isfinite(fit.log_likelihood) and monotone(fit.history)


def test_a_rate_at_zero_rules_out_positive_counts() -> None:
    module, data = emitted(POISSON, y=np.array([0, 0, 5, 7]))
    params = {"pi": np.array([0.5, 0.5]), "rate": np.array([1e-300, 6.0])}
    statistics, log_likelihood = module.e_step(data, params)
    probabilities = module.posterior(data, params)["z"]["probabilities"]
    np.testing.assert_allclose(probabilities[2:], [[0, 1], [0, 1]], atol=1e-200)
    assert np.isfinite(log_likelihood)
    np.testing.assert_allclose(module.m_step(statistics, params)["rate"][0], 0.0, atol=1e-100)


@pytest.mark.parametrize("distance", [1e2, 1e4, 1e7])
def test_a_row_with_no_likelihood_under_all_but_one_component(distance: float) -> None:
    """The other densities underflow; responsibilities are 0 and 1, the log likelihood is that of the one."""
    module, data = emitted(DIAGONAL, x=np.array([[distance, 0.0], [0.0, 0.0], [0.1, 0.2]]))
    params = {"pi": np.array([0.5, 0.5]), "mu": np.array([[0.0, 0.0], [distance, 0.0]]), "v": np.ones((2, 2))}
    probabilities = module.posterior(data, params)["z"]["probabilities"]
    np.testing.assert_allclose(probabilities, [[0, 1], [1, 0], [1, 0]], atol=1e-300)
    squares = np.array([0.0, 0.0, 0.05])
    expected = np.sum(np.log(0.5) - np.log(2 * np.pi) - squares / 2)
    np.testing.assert_allclose(module.e_step(data, params)[1], expected, rtol=1e-9)


def test_a_row_far_from_every_component() -> None:
    """Every density underflows: the log likelihood does not."""
    module, data = emitted(DIAGONAL, x=np.array([[1e6, 0.0]]))
    params = {"pi": np.array([0.5, 0.5]), "mu": np.array([[0.0, 0.0], [1.0, 0.0]]), "v": np.ones((2, 2))}
    expected = np.log(0.5) - np.log(2 * np.pi) - (1e6 - 1) ** 2 / 2
    np.testing.assert_allclose(module.e_step(data, params)[1], expected, rtol=1e-12)
    np.testing.assert_allclose(module.posterior(data, params)["z"]["probabilities"], [[0, 1]], atol=1e-300)


SCALES = """model M() plate n in N, k in 2 param a[k] : cov[2] ~ Wishart({}, scale=eye(2))
param w : simplex[2] ~ Dirichlet(1.5) latent m[n] ~ Categorical(w) observed y[n] : cov[2] ~ InvWishart(4, scale=a[m[n]])
"""
MATRICES = np.array([np.eye(2) * (1 + i) + 0.3 for i in range(5)])


def test_a_matrix_that_its_prior_alone_takes_to_zero() -> None:
    """Wishart(3) over 2 × 2 matrices is exp(−tr Λ / 2): without rows Λ = 0 is its mode, not the pooled matrix."""
    fit = model(SCALES.format(3)).fit(y=MATRICES)
    assert monotone(fit.history) and fit.converged
    share = np.array([5.5, 0.5]) / 6
    full = 20 * np.linalg.inv(np.eye(2) + np.linalg.inv(MATRICES).sum(axis=0))
    expected = 5 * np.log(share[0]) + sum(stats.invwishart.logpdf(y, 4, full) for y in MATRICES)
    expected += stats.dirichlet.logpdf(share, [1.5, 1.5]) + stats.wishart.logpdf(full, 3, np.eye(2))
    expected += stats.wishart.logpdf(1e-12 * np.eye(2), 3, np.eye(2))
    np.testing.assert_allclose(fit.objective, expected, rtol=1e-7)
    kept = np.argmax(fit.params["w"])
    np.testing.assert_allclose(fit.params["a"][kept], full, rtol=1e-6)
    np.testing.assert_allclose(fit.params["a"][1 - kept], 0.0, atol=1e-6)


def test_a_matrix_prior_that_is_unbounded_at_zero() -> None:
    with pytest.raises(Error, match=r"`a` collapsed.*unbounded"):
        model(SCALES.format(2.5)).fit(y=MATRICES)


def test_a_noise_that_goes_to_zero_like_one_over_the_iterations() -> None:
    """A level that rises evenly has no noise; EM has 1/r grow by a constant a step, and the fit says it is not done."""
    y = np.arange(8.0)
    fit = model(
        """model M() time t in T param q : positive param r : positive latent x[0] ~ Normal(0, var=4)
        latent x[t] ~ Normal(x[t-1], var=q) observed y[t] ~ Normal(x[t], var=r)"""
    ).fit(y=y, n_init=1)
    supremum = stats.norm.logpdf(0, 0, 2) + 7 * stats.norm.logpdf(1)  # r = 0, and q the mean square of the steps
    assert supremum - 0.01 < fit.objective < supremum and monotone(fit.history)
    assert 0 < fit.params["r"] < 0.01 and not fit.converged
    np.testing.assert_allclose(fit.params["q"], 1, atol=0.02)
