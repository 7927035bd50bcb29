"""Clusters far narrower than the distance between them: one EM step against long doubles in residual form.

r_nk ∝ π_k exp(−½ (x_n − μ_k)² / v_k) / √v_k,   μ_k' = μ_k + Σ r (x − μ_k) / N_k,   v_k' = Σ r (x − μ_k')² / N_k
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.numerics.models import (
    BAYESIAN,
    DEVIATION,
    DIAGONAL,
    FULL,
    MISSING,
    MISSING_FULL,
    PRECISION,
    SPHERICAL,
    Array,
    emitted,
    model,
    monotone,
)

RATIOS = (1e-3, 1e-5, 1e-7)
TEXTS = {
    "diagonal": DIAGONAL, "spherical": SPHERICAL, "full": FULL, "precision": PRECISION, "missing": MISSING,
    "missing, full": MISSING_FULL,
}  # fmt: skip


def _clusters(ratio: float, d: int = 2) -> Array:
    """Three clusters of sd `ratio` at distance 1; two of them overlap."""
    rng = np.random.default_rng(3)
    centres = np.repeat([[0.0] * d, [1.5 * ratio] * d, [1.0] * d], 20, axis=0)
    return centres + ratio * rng.normal(size=(60, d))


def _start(ratio: float, d: int = 2) -> dict[str, Array]:
    means = np.repeat([[0.1 * ratio], [1.3 * ratio], [1.0 + 0.2 * ratio]], d, axis=1)
    return {"pi": np.array([0.3, 0.3, 0.4]), "mu": means, "v": np.full((3, d), 1.2 * ratio**2)}


def _reference(x: Array, start: dict[str, Array]) -> tuple[float, dict[str, Array]]:
    """(log likelihood at the start, parameters after one step) of a diagonal mixture in long doubles."""
    long = np.longdouble
    x, pi, mu, v = x.astype(long), start["pi"].astype(long), start["mu"].astype(long), start["v"].astype(long)
    residual = x[:, None, :] - mu
    logits = np.log(pi) - (residual**2 / v + np.log(2 * long(np.pi) * v)).sum(axis=-1) / 2
    top = logits.max(axis=1, keepdims=True)
    total = np.exp(logits - top).sum(axis=1, keepdims=True)
    r = np.exp(logits - top) / total
    count = r.sum(axis=0)
    mean = mu + (r[:, :, None] * residual).sum(axis=0) / count[:, None]
    square = ((x[:, None, :] - mean) ** 2 * r[:, :, None]).sum(axis=0) / count[:, None]
    return float((top + np.log(total)).sum()), {"pi": count / len(x), "mu": mean, "v": square}


def _relative(found: Array, expected: Array, ratio: float) -> float:
    """The largest difference of means, in units of the clusters' own sd."""
    return float(np.max(np.abs(found - expected)) / ratio)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("text", [DIAGONAL, MISSING], ids=["", "missing"])
def test_a_step_of_a_diagonal_mixture(text: str, ratio: float) -> None:
    x, start = _clusters(ratio), _start(ratio)
    module, data = emitted(text, x=x, constants={"K": 3})
    statistics, log_likelihood = module.e_step(data, start)
    found = module.m_step(statistics, start)
    expected_likelihood, expected = _reference(x, start)
    np.testing.assert_allclose(log_likelihood, expected_likelihood, rtol=1e-8)
    np.testing.assert_allclose(found["pi"], expected["pi"].astype(float), rtol=1e-8)
    assert _relative(found["mu"], expected["mu"], ratio) <= 1e-8
    np.testing.assert_allclose(found["v"], expected["v"].astype(float), rtol=1e-8)


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_step_of_a_mixture_on_the_line(ratio: float) -> None:
    x, start = _clusters(ratio, 1), _start(ratio, 1)
    module, data = emitted(DEVIATION, x=x[:, 0], constants={"K": 3})
    own = {"pi": start["pi"], "mu": start["mu"][:, 0], "s": np.sqrt(start["v"][:, 0])}
    statistics, log_likelihood = module.e_step(data, own)
    found = module.m_step(statistics, own)
    expected_likelihood, expected = _reference(x, {**start, "v": np.square(own["s"].astype(np.longdouble))[:, None]})
    np.testing.assert_allclose(log_likelihood, expected_likelihood, rtol=1e-8)
    assert _relative(found["mu"], expected["mu"][:, 0], ratio) <= 1e-8
    np.testing.assert_allclose(found["s"], np.sqrt(expected["v"][:, 0]).astype(float), rtol=1e-8)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("text", [FULL, MISSING_FULL], ids=["", "missing"])
def test_a_step_of_a_full_mixture_on_one_axis(text: str, ratio: float) -> None:
    """With D = 1 a covariance is a variance."""
    x, start = _clusters(ratio, 1), _start(ratio, 1)
    module, data = emitted(text, x=x, constants={"K": 3})
    own = {"pi": start["pi"], "mu": start["mu"], "S": start["v"][:, :, None]}
    statistics, log_likelihood = module.e_step(data, own)
    found = module.m_step(statistics, own)
    expected_likelihood, expected = _reference(x, start)
    np.testing.assert_allclose(log_likelihood, expected_likelihood, rtol=1e-8)
    assert _relative(found["mu"], expected["mu"], ratio) <= 1e-8
    np.testing.assert_allclose(found["S"][:, :, 0], expected["v"].astype(float), rtol=1e-8)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize(("spelling", "power"), [("sd", 1.0), ("var", 2.0), ("prec", -2.0)])
def test_a_narrow_and_a_wide_cluster_on_the_line(spelling: str, power: float, ratio: float) -> None:
    """A component of little spread is not one without rows, however its spread is spelled."""
    rng = np.random.default_rng(5)
    x = np.concatenate([rng.normal(size=40), 0.3 + ratio * rng.normal(size=40)])
    means, spreads = np.array([[0.1], [0.3 + 0.2 * ratio]]), np.array([[1.1], [1.3 * ratio]])
    start = {"pi": np.array([0.5, 0.5]), "mu": means, "v": spreads**2}
    module, data = emitted(DEVIATION.replace("sd=", f"{spelling}="), x=x)
    own = {"pi": start["pi"], "mu": means[:, 0], "s": spreads[:, 0] ** power}
    statistics, log_likelihood = module.e_step(data, own)
    found = module.m_step(statistics, own)
    expected_likelihood, expected = _reference(x[:, None], start)
    np.testing.assert_allclose(log_likelihood, expected_likelihood, rtol=1e-8)
    np.testing.assert_allclose(found["s"], expected["v"][:, 0].astype(float) ** (power / 2), rtol=1e-8)


@pytest.mark.parametrize("ratio", RATIOS)
def test_one_narrow_cluster_beside_a_wide_one(ratio: float) -> None:
    """The reference point of one state must not blur the other."""
    rng = np.random.default_rng(5)
    x = np.vstack([rng.normal(size=(40, 2)), 0.3 + ratio * rng.normal(size=(40, 2))])
    means = np.array([[0.1, -0.1], [0.3 + 0.2 * ratio, 0.3]])
    start = {"pi": np.array([0.5, 0.5]), "mu": means, "v": np.array([[1.1, 0.9], [ratio**2, 1.3 * ratio**2]])}
    module, data = emitted(DIAGONAL, x=x)
    statistics, log_likelihood = module.e_step(data, start)
    found = module.m_step(statistics, start)
    expected_likelihood, expected = _reference(x, start)
    np.testing.assert_allclose(log_likelihood, expected_likelihood, rtol=1e-8)
    assert _relative(found["mu"][1], expected["mu"][1], ratio) <= 1e-8
    np.testing.assert_allclose(found["v"], expected["v"].astype(float), rtol=1e-8)


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_narrow_clusters_are_found(text: str, ratio: float) -> None:
    rng = np.random.default_rng(6)
    x = np.repeat([[0.0, 0.0], [1.0, 1.0]], 30, axis=0) + ratio * rng.normal(size=(60, 2))
    fit = model(text).fit(x=x, n_init=3)
    assert fit.converged and monotone(fit.history)
    np.testing.assert_allclose(np.sort(fit.params["mu"], axis=0), [[0, 0], [1, 1]], atol=ratio)
    if "v" in fit.params:
        spread = fit.params["v"]
    else:
        matrix = fit.params["S"] if "S" in fit.params else np.linalg.inv(fit.params["L"])
        spread = np.diagonal(matrix, axis1=1, axis2=2)
    np.testing.assert_allclose(spread, ratio**2, rtol=0.6)


@pytest.mark.parametrize("ratio", RATIOS)
def test_narrow_clusters_under_a_posterior_never_lower_the_bound(ratio: float) -> None:
    rng = np.random.default_rng(6)
    x = np.repeat([[0.0, 0.0], [1.0, 1.0]], 30, axis=0) + ratio * rng.normal(size=(60, 2))
    fit = model(BAYESIAN.replace("eye(D) / 5", f"eye(D) * {1 / ratio**2!r}")).fit(x=x, method="vb", n_init=3)
    assert monotone(fit.history)
    means = 30 / 30.01 * np.array([x[:30].mean(axis=0), x[30:].mean(axis=0)])
    np.testing.assert_allclose(np.sort(fit.params["mu"], axis=0), means, atol=1e-6 * ratio)
