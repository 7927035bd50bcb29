"""Bounds with several optima: all results of a fit are those of its own q.

y_t ≈ m[z_t] + u[v_t] with chains z and v that q parts: where y_t ≈ 2, either of them may be the one that is up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import emdsl as em

Array = np.ndarray[Any, Any]
TWO_CHAINS = """
    model TwoChains(K = 2)  plate s in S, k in K, l in K  time t in T[s]  param A[k] : simplex[K]
    param B[l] : simplex[K]  param m[k] : real  param u[l] : real  factorise q(z) q(v)
    latent z[s, 0] ~ Categorical([0.5, 0.5])  latent z[s, t] ~ Categorical(A[z[s, t-1]])
    latent v[s, 0] ~ Categorical([0.5, 0.5])  latent v[s, t] ~ Categorical(B[v[s, t-1]])
    observed y[s, t] ~ Normal(m[z[s, t]] + u[v[s, t]], sd=0.5)
"""
KEPT = np.array([[0.9, 0.1], [0.1, 0.9]])
SERIES = [2 + np.random.default_rng(1).normal(0, 0.4, length) for length in (8, 5)]
UP, DOWN = np.array([0.1, 0.9]), np.array([0.9, 0.1])
DRAWS = 20_000


def fitted(z: Array, v: Array, ragged: bool = True) -> em.Fit:
    """At fixed parameters, from these shares of the states at every step."""
    series = SERIES if ragged else [SERIES[0]] * 2
    start = {"A": KEPT, "B": KEPT, "m": [0.0, 2.0], "u": [0.0, 2.1]}
    shares = {name: [np.tile(one, (len(row), 1)) for row in series] for name, one in (("z", z), ("v", v))}
    model = em.parse(TWO_CHAINS if ragged else TWO_CHAINS.replace("T[s]", "T"))()
    return model.fit(y=series, init={**start, **(shares if ragged else {k: np.array(x) for k, x in shares.items()})},
                     max_iter=0)  # fmt: skip


def up(probabilities: Any, step: int = -1) -> Array:
    """The probability of the upper state at a step of each series."""
    return np.array([row[step][1] for row in probabilities])


@pytest.mark.parametrize("ragged", [True, False])
@pytest.mark.parametrize(("z", "v"), [(UP, DOWN), (DOWN, UP)])
def test_results_of_the_data_of_a_fit_are_those_of_its_optimum(z: Array, v: Array, ragged: bool) -> None:
    fit = fitted(z, v, ragged)
    known, series = fit.posterior["z"].probabilities, SERIES if ragged else [SERIES[0]] * 2
    assert np.all(up(known) > 0.99 if z is UP else up(known) < 0.01)
    assert fit.score(y=series) == fit.score()
    again = fit.predict_proba(y=series)["z"]
    for row, own in enumerate(known):
        assert_allclose(again[row], own, atol=1e-8)
    assert_allclose(up(fit.filtered()["z"].probabilities), up(known), atol=1e-7)
    ahead = fit.forecast(1, draws=DRAWS)["z"].probabilities
    assert_allclose(ahead[:, 0], [own[-1] @ KEPT for own in known], atol=0.015)
    before = fit.predictive(draws=DRAWS)["z"].probabilities
    shorter = fit.filtered()["z"].probabilities
    for row, own in enumerate(before):
        for step in range(1, len(own)):
            assert_allclose(own[step], shorter[row][step - 1] @ KEPT, atol=0.015)


def test_laws_given_the_past_of_new_data_end_in_their_posterior() -> None:
    fit, new = fitted(UP, DOWN), [row[::-1] + 0.05 for row in SERIES]
    known = fit.predict_proba(y=new)["z"]
    assert_allclose(up(fit.filtered(y=new)["z"].probabilities), up(known), atol=1e-7)
    ahead = fit.forecast(1, {"y": new}, draws=DRAWS)["z"].probabilities
    assert_allclose(ahead[:, 0], [own[-1] @ KEPT for own in known], atol=0.015)


def test_a_start_of_shares_leaves_exact_inference_as_it_is() -> None:
    text = TWO_CHAINS.replace("factorise q(z) q(v)", "")
    fit = em.parse(text)().fit(y=SERIES, init={"A": KEPT, "B": KEPT, "m": [0.0, 2.0], "u": [0.0, 2.1]}, max_iter=0)
    assert_allclose(up(fit.filtered()["z"].probabilities), up(fit.posterior["z"].probabilities), rtol=1e-9)


@pytest.mark.parametrize("changed", [lambda y: [y[0], y[1] + 1e-9], lambda y: [y[1], y[0]], lambda y: y[:1]])
def test_other_data_are_not_taken_for_those_of_the_fit(changed: Callable[[list[Array]], list[Array]]) -> None:
    fit = fitted(UP, DOWN)
    assert fit._bind(None, {"y": SERIES}) is fit._data
    assert fit._bind(None, {"y": changed(SERIES)}) is not fit._data
    assert fit._bind(None, {"y": SERIES}, weights={"s": [1.0, 2.0]}) is not fit._data
