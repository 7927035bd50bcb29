"""Weights: a row of weight 2 stands there twice, a row of weight 0 does not stand there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.numerics.models import (
    BAYESIAN,
    CATEGORIES,
    CLASSES,
    DEVIATION,
    DIAGONAL,
    FACTORS,
    FULL,
    MISSING,
    MISSING_FULL,
    POISSON,
    REGRESSION,
    Values,
    clusters,
    emitted,
    model,
)


def _vectors(d: int = 2, holes: bool = False) -> Values:
    x = clusters(30, d)
    if holes:
        x[4, 0] = x[17, 1] = np.nan
    return {"x": x}


def _counts() -> Values:
    rng = np.random.default_rng(0)
    return {"y": np.concatenate([rng.poisson(2, 15), rng.poisson(11, 15)])}


def _binary() -> Values:
    rng = np.random.default_rng(1)
    return {"y": (rng.random((30, 5)) < np.where(np.arange(30) % 2, 0.2, 0.8)[:, None]).astype(int)}


def _line() -> Values:
    rng = np.random.default_rng(2)
    design = np.column_stack([np.ones(30), rng.normal(size=30)])
    slopes = np.where(np.arange(30)[:, None] % 2, [1.0, 4.0], [-2.0, -3.0])
    return {"X": design, "y": (design * slopes).sum(axis=1) + rng.normal(0, 0.4, 30)}


MODELS: dict[str, tuple[str, Values, tuple[str, ...]]] = {
    "full": (FULL, _vectors(), ("em", "hard")),
    "diagonal": (DIAGONAL, _vectors(), ("em", "hard")),
    "deviation": (DEVIATION, {"x": _vectors()["x"][:, 0]}, ("em", "hard")),
    "missing": (MISSING, _vectors(holes=True), ("em", "hard")),
    "missing, full": (MISSING_FULL, _vectors(holes=True), ("em", "hard")),
    "Poisson": (POISSON, _counts(), ("em", "hard")),
    "classes": (CLASSES, _binary(), ("em", "hard")),
    "categories": (CATEGORIES, _binary(), ("em", "hard")),
    "regression": (REGRESSION, _line(), ("em",)),
    "factors": (FACTORS, _vectors(4), ("em",)),
    "Bayesian": (BAYESIAN, _vectors(), ("vb",)),
}
RUNS = [(name, method) for name, (_, _, methods) in MODELS.items() for method in methods]
EVERY = pytest.mark.parametrize(("name", "method"), RUNS, ids=lambda value: value)


def _steps(name: str, method: str, data: Values, weights: Any = None, start: Any = None) -> tuple[Any, list[Values]]:
    """(objectives, parameters) of four steps, from the start of the unweighted data."""
    text, own, _ = MODELS[name]
    module, bound = emitted(text, method, {"n": weights} if weights is not None else None, **data)
    _, plain = emitted(text, method, **own)
    params, objectives, seen = module.initialise(plain, np.random.default_rng(0)), [], []
    for _ in range(4):
        statistics, log_likelihood = module.e_step(bound, params)
        objectives.append(module.objective(log_likelihood, params))
        params = module.m_step(statistics, params)
        seen.append(params)
    return objectives, seen


def _same(one: tuple[Any, list[Values]], two: tuple[Any, list[Values]]) -> None:
    np.testing.assert_allclose(one[0], two[0], rtol=1e-10)
    for left, right in zip(one[1], two[1], strict=True):
        for key, value in left.items():
            np.testing.assert_allclose(right[key], value, rtol=1e-7, atol=1e-9, err_msg=key)


@EVERY
def test_weight_two_stands_twice(name: str, method: str) -> None:
    data = MODELS[name][1]
    weights = np.where(np.arange(30) % 3 == 0, 2.0, 1.0)
    repeated = {key: np.repeat(value, weights.astype(int), axis=0) for key, value in data.items()}
    _same(_steps(name, method, data, weights), _steps(name, method, repeated))


@EVERY
def test_weight_zero_does_not_stand_there(name: str, method: str) -> None:
    data = MODELS[name][1]
    weights = np.where(np.arange(30) % 4 == 0, 0.0, 1.0)
    kept = {key: value[weights > 0] for key, value in data.items()}
    _same(_steps(name, method, data, weights), _steps(name, method, kept))


@EVERY
def test_weight_one_changes_nothing(name: str, method: str) -> None:
    data = MODELS[name][1]
    _same(_steps(name, method, data, np.ones(30)), _steps(name, method, data))


def test_a_whole_fit_with_weights_is_the_fit_with_repeats() -> None:
    x = clusters(30)
    weights = np.where(np.arange(30) % 3 == 0, 2.0, 1.0)
    init = {"pi": np.array([0.5, 0.5]), "mu": np.array([[0.0, 0.0], [5.0, 5.0]]), "S": np.tile(np.eye(2), (2, 1, 1))}
    one = model(FULL).fit(x=x, weights={"n": weights}, init=init, tol=1e-12)
    two = model(FULL).fit(x=np.repeat(x, weights.astype(int), axis=0), init=init, tol=1e-12)
    np.testing.assert_allclose(one.log_likelihood, two.log_likelihood, rtol=1e-12)
    np.testing.assert_allclose(one.params["S"], two.params["S"], rtol=1e-7)


def test_a_weighted_row_of_weight_zero_may_be_an_outlier() -> None:
    """What does not count must not spoil the start either."""
    x = np.vstack([clusters(40), [[1e9, -1e9]]])
    weights = np.r_[np.ones(40), 0.0]
    fit = model(FULL).fit(x=x, weights={"n": weights}, n_init=5)
    plain = model(FULL).fit(x=x[:-1], n_init=5)
    np.testing.assert_allclose(fit.log_likelihood, plain.log_likelihood, rtol=1e-6)


@pytest.mark.parametrize("scale", [1e-14, 1e-6, 1e10])
@pytest.mark.parametrize("name", ["full", "diagonal", "deviation", "Poisson", "classes", "regression", "factors"])
def test_weights_in_other_units_leave_the_estimates(name: str, scale: float) -> None:
    """Under maximum likelihood only their ratios matter."""
    data = MODELS[name][1]
    weights = np.random.default_rng(0).uniform(0.5, 1.5, 30)
    objectives, params = _steps(name, "em", data, weights)
    scaled, moved = _steps(name, "em", data, weights * scale)
    np.testing.assert_allclose(np.array(scaled) / scale, objectives, rtol=1e-9)
    for left, right in zip(params, moved, strict=True):
        for key, value in left.items():
            np.testing.assert_allclose(right[key], value, rtol=1e-7, atol=1e-9, err_msg=key)
