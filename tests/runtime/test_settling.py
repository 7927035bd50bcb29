"""Coordinate ascent at fixed parameters, against a linear iteration of known rate."""

from __future__ import annotations

import warnings
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from emdsl.runtime.settling import log_likelihood, posterior, settled

NUMBERS: dict[str, Any] = {"seen": 3.0}


def towards(limit: float, rate: float) -> Any:
    """A module whose q moves from 0, or from its start, to `limit`, the distance times `rate` in each E-step."""

    def e_step(data: Any, params: Any, start: Any = None) -> Any:
        state = data.get("state", {})
        q = np.array(start["z"], dtype=float) if start else limit + rate * (state.get("q", np.zeros(2)) - limit)
        state["q"] = q
        return {}, params["top"] - float(np.sum((q - limit) ** 2))

    def law(data: Any, params: Any) -> Any:
        return {"z": {"probabilities": data["state"]["q"]}}

    return SimpleNamespace(
        RESUMED="state", SHARED=("z",), prepare=lambda data, params: dict(data), e_step=e_step, posterior=law
    )


@pytest.mark.parametrize("rate", [0.0, 0.5, 0.8])
def test_it_ends_where_nothing_moves(rate: float) -> None:
    module = towards(2.0, rate)
    found = posterior(module, NUMBERS, {"top": 1.0})["z"]["probabilities"]
    np.testing.assert_allclose(found, 2.0, rtol=1e-8)
    assert log_likelihood(module, NUMBERS, {"top": 1.0}) == pytest.approx(1.0)


def test_it_starts_from_shares_in_the_data_and_evenly_where_these_are_unknown() -> None:
    seen: list[Any] = []
    module = towards(2.0, 0.5)
    step = module.e_step

    def e_step(data: Any, params: Any, start: Any = None) -> Any:
        seen.append(start and start["z"])
        return step(data, params, start)

    module.e_step = e_step
    posterior(module, {"start.z": np.array([[0.3, 0.7], [np.nan, np.nan]])}, {"top": 1.0})
    np.testing.assert_array_equal(seen[0], [[0.3, 0.7], [0.5, 0.5]])
    assert seen[1:] == [None] * len(seen[1:])
    assert len(seen) > 1


def test_a_memory_in_the_data_is_where_it_stands() -> None:
    module = towards(2.0, 0.5)
    found = posterior(module, {"state": {"q": np.array([7.0, 7.0])}}, {"top": 1.0})
    np.testing.assert_array_equal(found["z"]["probabilities"], 7.0)


def test_a_bound_that_still_rises_is_told() -> None:
    with pytest.warns(UserWarning, match="coordinate ascent over the latents has not settled after 100 E-steps"):
        settled(towards(2.0, 0.999), NUMBERS, {"top": 1.0}, {})


def test_what_moves_along_an_optimum_is_not() -> None:
    """The bound says nothing of a direction in which it is flat."""
    module = towards(2.0, 0.999)
    step = module.e_step
    module.e_step = lambda data, params, start=None: (step(data, params, start)[0], 1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        settled(module, NUMBERS, {"top": 1.0}, {})


def test_exact_steps_need_no_memory() -> None:
    module = SimpleNamespace(posterior=lambda data, params: {"z": data["seen"]}, e_step=lambda data, params: ({}, 5.0))
    assert settled(module, NUMBERS, {}, {}) == {}
    assert posterior(module, NUMBERS, {}) == {"z": 3.0}
    assert log_likelihood(module, NUMBERS, {}) == 5.0
