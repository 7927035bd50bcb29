"""Data shifted by a constant: the same likelihood, the same spread, the means shifted; and no step down.

The datum x + c is rounded to the last place of c, so that a spread is known to about c · 1e-16 only.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.numerics.models import (
    BAYESIAN,
    DEVIATION,
    DIAGONAL,
    FACTORS,
    FULL,
    MISSING,
    MISSING_FULL,
    PRECISION,
    SPHERICAL,
    TIED,
    clusters,
    model,
    monotone,
)

MODELS = {
    "full": FULL, "tied": TIED, "diagonal": DIAGONAL, "spherical": SPHERICAL, "deviation": DEVIATION,
    "precision": PRECISION, "missing": MISSING, "missing, full": MISSING_FULL,
}  # fmt: skip
LOCATIONS = ("mu", "m")


def _data(name: str) -> np.ndarray:
    x = np.round(clusters() * 2**20) / 2**20  # shifted by a whole number, no digit is lost
    if name.startswith("missing"):
        x[3, 0] = x[40, 1] = np.nan
    return x[:, 0] if name == "deviation" else x


@pytest.mark.parametrize("shift", [1e5, 1e8])
@pytest.mark.parametrize("method", ["em", "hard"])
@pytest.mark.parametrize("name", MODELS)
def test_a_mixture_shifted(name: str, method: str, shift: float) -> None:
    x = _data(name)
    near = model(MODELS[name]).fit(x=x, method=method, n_init=3)
    far = model(MODELS[name]).fit(x=x + shift, method=method, n_init=3)
    assert monotone(far.history)
    np.testing.assert_allclose(far.log_likelihood, near.log_likelihood, rtol=1e-7)
    order = [np.argsort(np.reshape(fit.params["mu"], (2, -1))[:, 0]) for fit in (near, far)]
    for key, value in near.params.items():
        own = far.params[key] - shift if key in LOCATIONS else far.params[key]
        left, right = (v if name == "tied" and key == "S" else v[o] for v, o in zip((value, own), order))
        np.testing.assert_allclose(right, left, rtol=2e-4, atol=2e-4, err_msg=key)


@pytest.mark.parametrize("shift", [1e5, 1e8])
def test_a_factor_model_shifted(shift: float) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 1)) * np.array([2.0, -1.0, 1.5, 1.2]) + rng.normal(1, 0.5, (80, 4))
    x = np.round(x * 2**20) / 2**20
    near, far = (model(FACTORS).fit(x=data, n_init=2, tol=1e-10) for data in (x, x + shift))
    assert monotone(far.history)
    np.testing.assert_allclose(far.log_likelihood, near.log_likelihood, rtol=1e-7)
    np.testing.assert_allclose(far.params["m"] - shift, near.params["m"], atol=1e-3)
    np.testing.assert_allclose(far.params["v"], near.params["v"], rtol=1e-3)


@pytest.mark.parametrize("shift", [1e5, 1e8])
def test_a_bound_shifted_with_its_prior_is_the_same(shift: float) -> None:
    x = np.round(clusters() * 2**20) / 2**20
    near = model(BAYESIAN).fit(x=x, method="vb", n_init=2)
    far = model(BAYESIAN.replace("MvNormal(0,", f"MvNormal({shift!r},")).fit(x=x + shift, method="vb", n_init=2)
    assert monotone(far.history)
    np.testing.assert_allclose(far.objective, near.objective, rtol=1e-7)


@pytest.mark.parametrize("shift", [1e3, 1e5])
def test_a_bound_shifted_far_from_its_prior_never_falls(shift: float) -> None:
    fit = model(BAYESIAN).fit(x=clusters() + shift, method="vb", n_init=2)
    assert monotone(fit.history)
    assert np.isfinite(fit.objective)
