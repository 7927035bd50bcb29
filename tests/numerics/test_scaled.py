"""Data in other units: a fit of c · x is the fit of x, its locations times c, its variances times c², …

log likelihood(c · x) = log likelihood(x) − (number of values) · log c
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.numerics.models import (
    DEVIATION,
    DIAGONAL,
    FACTORS,
    FULL,
    MISSING,
    PRECISION,
    REGRESSION,
    SPHERICAL,
    TIED,
    Array,
    Values,
    clusters,
    emitted,
    model,
)

EXPONENTIAL = """
    model M(K = 2)  plate n in N, k in K  param pi : simplex[K]  param rate[k] : positive
    latent z[n] ~ Categorical(pi)  observed y[n] ~ Exponential(rate=rate[z[n]])
"""
SCALES = (1e-12, 1e-8, 1e-4, 1e6, 1e10)
FULL_START = {"S": np.array([np.eye(2), 1.3 * np.eye(2)])}
MEANS = {"pi": np.array([0.4, 0.6]), "mu": np.array([[0.2, 0.3], [4.5, 5.2]])}
LINE = {"pi": np.array([0.4, 0.6]), "mu": np.array([0.2, 4.5]), "s": np.array([1.0, 1.4])}

#: Text, data, start, and the power of c by which each array goes.
MODELS: dict[str, tuple[str, Values, Values, dict[str, int]]] = {
    "full": (FULL, {"x": clusters(40)}, {**MEANS, **FULL_START}, {"mu": 1, "S": 2}),
    "tied": (TIED, {"x": clusters(40)}, {**MEANS, "S": np.eye(2)}, {"mu": 1, "S": 2}),
    "diagonal": (DIAGONAL, {"x": clusters(40)}, {**MEANS, "v": np.ones((2, 2))}, {"mu": 1, "v": 2}),
    "missing": (MISSING, {"x": clusters(40)}, {**MEANS, "v": np.ones((2, 2))}, {"mu": 1, "v": 2}),
    "spherical": (SPHERICAL, {"x": clusters(40)}, {**MEANS, "v": np.ones(2)}, {"mu": 1, "v": 2}),
    "precision matrix": (PRECISION, {"x": clusters(40)}, {**MEANS, "L": FULL_START["S"]}, {"mu": 1, "L": -2}),
    "sd": (DEVIATION, {"x": clusters(40)[:, 0]}, LINE, {"mu": 1, "s": 1}),
    "var": (DEVIATION.replace("sd=", "var="), {"x": clusters(40)[:, 0]}, LINE, {"mu": 1, "s": 2}),
    "prec": (DEVIATION.replace("sd=", "prec="), {"x": clusters(40)[:, 0]}, LINE, {"mu": 1, "s": -2}),
    "factors": (
        FACTORS, {"x": clusters(40, 4)},
        {"W": np.array([[1.0], [1.2], [0.8], [0.9]]), "m": np.full(4, 2.0), "v": np.ones(4)},
        {"W": 1, "m": 1, "v": 2},
    ),
    "exponential": (
        EXPONENTIAL, {"y": np.concatenate([np.linspace(0.1, 2, 20), np.linspace(3, 30, 20)])},
        {"pi": np.array([0.4, 0.6]), "rate": np.array([1.0, 0.1])}, {"rate": -1},
    ),
}  # fmt: skip


def _steps(text: str, data: Values, params: Values, count: int = 3) -> tuple[list[float], Values]:
    module, bound = emitted(text, **data)
    likelihoods = []
    for _ in range(count):
        statistics, log_likelihood = module.e_step(bound, params)
        likelihoods.append(log_likelihood)
        params = module.m_step(statistics, params)
    return likelihoods, params


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", MODELS)
def test_steps_in_other_units(name: str, scale: float) -> None:
    text, data, start, powers = MODELS[name]
    expected, wanted = _steps(text, data, start)
    rescaled = {key: value * scale ** powers.get(key, 0) for key, value in start.items()}
    found, params = _steps(text, {key: value * scale for key, value in data.items()}, rescaled)
    values = sum(np.size(value) for value in data.values())
    np.testing.assert_allclose(np.array(found) + values * np.log(scale), expected, rtol=1e-9)
    for key, value in wanted.items():
        np.testing.assert_allclose(params[key], value * scale ** powers.get(key, 0), rtol=1e-7, err_msg=key)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", MODELS)
def test_random_starts_in_other_units(name: str, scale: float) -> None:
    text, data, _, _ = MODELS[name]
    near = model(text).fit(**data, n_init=3)
    far = model(text).fit(**{key: value * scale for key, value in data.items()}, n_init=3)
    values = sum(np.size(value) for value in data.values())
    np.testing.assert_allclose(far.log_likelihood + values * np.log(scale), near.log_likelihood, rtol=1e-5)


@pytest.mark.parametrize("scales", [(1e-8, 1e8), (1e6, 1e-6)])
def test_columns_in_very_different_units(scales: tuple[float, float]) -> None:
    x: Array = clusters(40)
    near = model(FULL).fit(x=x, n_init=3)
    far = model(FULL).fit(x=x * np.array(scales), n_init=3)
    np.testing.assert_allclose(far.log_likelihood, near.log_likelihood - 40 * np.log(np.prod(scales)), rtol=1e-6)


@pytest.mark.parametrize("scales", [(1e-8, 1.0), (1.0, 1e-8), (1e8, 1.0), (1.0, 1e8)])
def test_a_regression_in_other_units(scales: tuple[float, float]) -> None:
    """Covariates times the first, responses times the second."""
    rng = np.random.default_rng(2)
    design = np.column_stack([np.ones(60), rng.normal(size=60)])
    y = (design * np.where(np.arange(60)[:, None] % 2, [1.0, 4.0], [-2.0, -3.0])).sum(axis=1) + rng.normal(0, 0.4, 60)
    init: dict[str, Any] = {"pi": np.array([0.5, 0.5]), "b": np.array([[1.0, 4.0], [-2.0, -3.0]]), "s": np.ones(2)}
    moved = {**init, "b": init["b"] * scales[1] / scales[0], "s": init["s"] * scales[1]}
    near = model(REGRESSION).fit(X=design, y=y, init=init)
    far = model(REGRESSION).fit(X=design * scales[0], y=y * scales[1], init=moved)
    np.testing.assert_allclose(far.log_likelihood, near.log_likelihood - 60 * np.log(scales[1]), rtol=1e-6)
    np.testing.assert_allclose(far.params["b"] * scales[0] / scales[1], near.params["b"], rtol=1e-4)
