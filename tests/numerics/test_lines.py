"""Regressions with little noise, or with covariates far away: one EM step of a mixture against long doubles.

b_k' = b_k + (Xᵀ R_k X)⁻¹ Xᵀ R_k (y − X b_k),      s_k'² = Σ r (y − X b_k')² / N_k
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.numerics.models import FACTORS, REGRESSION, Array, Values, emitted, model, monotone

LONG = np.longdouble
ONE_LINE = """
    model M()  plate n in N  given X[n] : real[P]  param b : real[P]  param s : positive
    observed y[n] ~ Normal(X[n] @ b, sd=s)
"""


def _lines(noise: float, shift: float = 0.0) -> tuple[Values, Values]:
    """Data on two lines, and parameters nearby: residuals of about two standard deviations."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=60)
    group = np.arange(60) % 2
    y = np.where(group, 1.0 + 2.0 * x, -1.0 + 0.5 * x) + noise * rng.normal(size=60)
    slopes = np.array([[-1.0, 0.5], [1.0, 2.0]]) + noise * rng.normal(size=(2, 2))
    slopes[:, 0] -= shift * slopes[:, 1]
    design = np.column_stack([np.ones(60), np.round((x + shift) * 2**20) / 2**20])
    return {"X": design, "y": y}, {"pi": np.array([0.45, 0.55]), "b": slopes, "s": np.full(2, 1.5 * noise)}


def _reference(data: Values, start: Values) -> tuple[float, Values]:
    x, y = data["X"].astype(LONG), data["y"].astype(LONG)
    pi, b, s = (start[name].astype(LONG) for name in ("pi", "b", "s"))
    residual = y[:, None] - x @ b.T
    logits = np.log(pi) - residual**2 / (2 * s**2) - np.log(s) - np.log(2 * LONG(np.pi)) / 2
    top = logits.max(axis=1, keepdims=True)
    total = np.exp(logits - top).sum(axis=1, keepdims=True)
    r = np.exp(logits - top) / total
    slopes, spreads = [], []
    for k in range(2):
        normal, side = (x * r[:, k : k + 1]).T @ x, (x * r[:, k : k + 1]).T @ residual[:, k]
        determinant = normal[0, 0] * normal[1, 1] - normal[0, 1] ** 2
        step = np.array([
            normal[1, 1] * side[0] - normal[0, 1] * side[1],
            normal[0, 0] * side[1] - normal[0, 1] * side[0],
        ]) / determinant  # fmt: skip
        slopes.append(b[k] + step)
        spreads.append(np.sqrt((r[:, k] * (residual[:, k] - x @ step) ** 2).sum() / r[:, k].sum()))
    log_likelihood = float((top + np.log(total)).sum())
    return log_likelihood, {"pi": r.mean(axis=0), "b": np.array(slopes), "s": np.array(spreads)}


def _check(data: Values, start: Values, noise: float, tolerance: float, condition: float = 1.0) -> None:
    """`condition`: of Xᵀ X, which least squares by normal equations pay with."""
    module, bound = emitted(REGRESSION, **data)
    statistics, log_likelihood = module.e_step(bound, start)
    found = module.m_step(statistics, start)
    expected_likelihood, expected = _reference(data, start)
    np.testing.assert_allclose(log_likelihood, expected_likelihood, rtol=tolerance)
    np.testing.assert_allclose(found["pi"], expected["pi"].astype(float), rtol=tolerance)
    fitted, wanted = data["X"].astype(LONG) @ found["b"].T, data["X"].astype(LONG) @ expected["b"].T
    solved = max(tolerance, 1e-14 * condition)
    assert float(np.max(np.abs(fitted - wanted))) <= solved * noise
    np.testing.assert_allclose(found["s"], expected["s"].astype(float), rtol=solved)


@pytest.mark.parametrize("noise", [1e-1, 1e-3, 1e-5, 1e-7])
def test_a_step_with_little_noise(noise: float) -> None:
    """To what the rounding of `X @ b` leaves of a residual of the size of the noise."""
    data, start = _lines(noise)
    _check(data, start, noise, max(1e-8, 1e-14 / noise))


@pytest.mark.parametrize("noise", [1e-1, 1e-3])
@pytest.mark.parametrize("shift", [1e2, 1e4])
def test_a_step_with_covariates_far_away(shift: float, noise: float) -> None:
    data, start = _lines(noise, shift)
    _check(data, start, noise, 1e-8, shift**2)


@pytest.mark.parametrize("noise", [1e-2, 1e-4])
def test_a_fit_with_little_noise_is_monotone(noise: float) -> None:
    data, start = _lines(noise)
    fit = model(REGRESSION).fit(**data, init=start)
    assert monotone(fit.history) and fit.converged
    np.testing.assert_allclose(fit.params["s"], noise, rtol=0.5)


@pytest.mark.parametrize("start", ["init", "random"])
@pytest.mark.parametrize(("shift", "noise"), [(2e3, 0.1), (2e3, 0.01), (1e5, 0.5)])
def test_a_fit_with_covariates_far_away(shift: float, noise: float, start: str) -> None:
    """A calendar year as covariate: the same likelihood as without its offset."""
    data, init = _lines(noise, shift)
    fit = model(REGRESSION).fit(**data, **({"init": init} if start == "init" else {"n_init": 4}))
    near_data, near_init = _lines(noise)
    near = model(REGRESSION).fit(**near_data, init=near_init)
    assert monotone(fit.history)
    np.testing.assert_allclose(fit.log_likelihood, near.log_likelihood, atol=1e-3)


@pytest.mark.parametrize("shift", [0.0, 2e3, 1e5])
@pytest.mark.parametrize("noise", [0.5, 1e-3])
def test_one_line_is_least_squares(shift: float, noise: float) -> None:
    data, _ = _lines(noise, shift)
    fit = model(ONE_LINE).fit(**data, n_init=1)
    centred = np.column_stack([np.ones(60), data["X"][:, 1] - shift])
    slopes = np.linalg.lstsq(centred, data["y"], rcond=None)[0]
    residual = data["y"] - centred @ slopes
    np.testing.assert_allclose(fit.params["s"], np.sqrt(np.mean(residual**2)), rtol=1e-6)
    np.testing.assert_allclose(fit.params["b"][1], slopes[1], rtol=1e-6)
    assert monotone(fit.history)


@pytest.mark.parametrize("noise", [1e-2, 1e-4])
def test_a_factor_model_with_little_noise(noise: float) -> None:
    """The log likelihood at given parameters against the normal density in long doubles (Woodbury with one factor)."""
    rng = np.random.default_rng(0)
    loadings: Array = np.array([2.0, -1.0, 1.5, 1.2])
    x = rng.normal(size=(50, 1)) * loadings + 3.0 + noise * rng.normal(size=(50, 4))
    params = {"W": loadings[:, None], "m": np.full(4, 3.0), "v": np.full(4, noise**2)}
    module, data = emitted(FACTORS, x=x)
    residual, w, v = x.astype(LONG) - 3, loadings.astype(LONG), params["v"].astype(LONG)
    capacity = 1 + (w**2 / v).sum()
    quadratic = (residual**2 / v).sum(axis=1) - (residual @ (w / v)) ** 2 / capacity
    expected = -(quadratic + np.log(capacity) + np.log(v).sum() + 4 * np.log(2 * LONG(np.pi))).sum() / 2
    np.testing.assert_allclose(module.e_step(data, params)[1], float(expected), rtol=1e-7)
    fit = model(FACTORS).fit(x=x, init=params, max_iter=50)
    assert monotone(fit.history)


def test_coefficients_of_several_responses_in_either_order() -> None:
    """B[p, d] and B[d, p] say the same; what is told of them has the axes in the declared order."""
    text = """
        model M()  plate n in N, d in D, p in P  given X[n, p] : real  param B[p, d] : real ~ Normal(0, sd=2)
        param v[d] : positive ~ InvGamma(2, scale=1)  observed y[n, d] ~ Normal(sum(X[n, p] * B[p, d], p), var=v[d])
    """
    rng = np.random.default_rng(0)
    design = rng.normal(size=(30, 2))
    data = {"X": design, "y": design @ rng.normal(size=(2, 3)) + rng.normal(size=(30, 3))}
    for method in ("em", "vb"):
        one = model(text).fit(method=method, n_init=1, **data)
        two = model(text.replace("B[p, d]", "B[d, p]")).fit(method=method, n_init=1, **data)
        np.testing.assert_allclose(one.objective, two.objective, rtol=1e-12)
        np.testing.assert_allclose(one.params["B"], two.params["B"].T, rtol=1e-10)
    np.testing.assert_allclose(one.posterior["B"].var, two.posterior["B"].var.T, rtol=1e-8)
