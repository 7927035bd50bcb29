"""Positive numbers that enter by several statistics: the mode by Newton's method, and steps where entries meet."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize, special, stats

from emdsl.runtime.carried.degeneracy import DegenerateError
from emdsl.runtime.carried.positive import ascended_positive, minorised_positive

POWERS, GAMMAS = (1.0, -2.0), (1.0, 0.5)


def exponent(u: float, logs: float, entropic: float, coefficients: np.ndarray) -> float:
    v = np.exp(u)
    powers = coefficients[0] * v + coefficients[1] * v**-2.0
    gammas = coefficients[2] * special.gammaln(v) + coefficients[3] * special.gammaln(0.5 * v)
    return float(logs * u + entropic * v * u + powers + gammas)


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("start", [1e-8, 1.0, 1e8])
def test_the_mode_from_any_start(start: float, scale: float) -> None:
    """v log v comes as that of gamma laws: with as many gamma functions."""
    rng = np.random.default_rng(0)
    logs, coefficients = rng.normal(size=5), -rng.uniform(0.1, 2.0, (4, 5))
    entropic = -coefficients[2]
    found = ascended_positive(
        np.full(5, start), "v", POWERS, GAMMAS, scale * logs, scale * entropic, *scale * coefficients
    )
    for k in range(5):
        best = optimize.minimize_scalar(
            lambda u, k=k: -exponent(u, logs[k], entropic[k], coefficients[:, k]), bounds=(-20, 20), method="bounded",
            options={"xatol": 1e-12},
        )  # fmt: skip
        np.testing.assert_allclose(np.log(found[k]), best.x, atol=1e-6)


def test_a_shape_is_that_of_scipy() -> None:
    x = np.random.default_rng(1).gamma(3.0, 2.0, 50)
    shape, _, scale = stats.gamma.fit(x, floc=0)
    found = ascended_positive(np.array(1.0), "a", (1.0,), (1.0,), 0.0, 0.0, np.log(x / scale).sum(), -50.0)
    np.testing.assert_allclose(found, shape, rtol=1e-6)


def test_what_only_falls_is_almost_zero_and_what_only_rises_is_refused() -> None:
    assert ascended_positive(np.array(2.0), "v", (1.0,), (), 0.0, 0.0, -3.0) == 1e-300
    with pytest.raises(DegenerateError, match="`v` collapsed"):
        ascended_positive(np.array(2.0), "v", (1.0,), (), 1.0, 0.0, 3.0)


def test_steps_where_entries_meet_never_fall_and_end_where_the_gradient_vanishes() -> None:
    rng = np.random.default_rng(2)
    logs, falls, pair = rng.uniform(1, 5, 4), -rng.uniform(1, 2, 4), -rng.uniform(0, 1, (4, 4))
    pair[0, 1] = 0.3
    v, before = np.ones(4), -np.inf
    for _ in range(300):
        reached = logs @ np.log(v) + falls @ v + v @ pair @ v
        assert reached >= before - 1e-12
        before, both = reached, pair + pair.T
        slopes = (np.minimum(pair, 0) + np.minimum(pair, 0).T) @ v, (np.maximum(pair, 0) + np.maximum(pair, 0).T) @ v
        v = minorised_positive(*slopes, v, "v", (1.0,), (), logs, 0.0, falls)
    np.testing.assert_allclose(logs + (falls + both @ v) * v, 0.0, atol=1e-8)
