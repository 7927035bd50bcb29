"""The fit loop: optima, history, restarts, degenerate starts, and steps that lower the objective."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from emdsl.errors import DataError, FitError
from emdsl.runtime.loop import run
from tests.runtime.modules import DegenerateError, counts, mixture, normal_mixture

START = {"pi": np.array([0.3, 0.7]), "rate": np.array([1.0, 5.0])}


def by_hand(steps: int) -> list[dict[str, Any]]:
    """The iterates of EM from START, by the textbook loop."""
    module, data, params, iterates = mixture(), counts(), START, []
    for _ in range(steps):
        statistics, _ = module.e_step(data, params)
        params = module.m_step(statistics, params)
        iterates.append(params)
    return iterates


@pytest.mark.parametrize("steps", [1, 2, 7, 30])
def test_plain_em_from_init_gives_the_iterates(steps: int) -> None:
    outcome = run(mixture(), counts(), init=START, max_iter=steps, tol=0)
    expected = by_hand(steps)[-1]
    assert np.array_equal(outcome.params["rate"], expected["rate"])
    assert outcome.n_iter == len(outcome.history) == steps
    assert not outcome.converged


def test_history_ends_with_the_objective_at_the_returned_parameters() -> None:
    outcome = run(mixture(), counts(), random_state=0)
    _, log_likelihood = mixture().e_step(counts(), outcome.params)
    assert outcome.history[-1] == outcome.objective == outcome.log_likelihood == log_likelihood
    assert np.all(np.diff(outcome.history) >= -1e-9)


def test_no_step_returns_the_start() -> None:
    outcome = run(mixture(), counts(), init=START, max_iter=0)
    assert np.array_equal(outcome.params["rate"], START["rate"])
    assert outcome.n_iter == 0
    assert not outcome.converged


def test_optimum_is_stationary_and_all_starts_agree() -> None:
    outcome = run(mixture(), counts(), random_state=0, tol=1e-12, max_iter=5000)
    assert outcome.converged
    assert len(outcome.restarts) == 10
    assert sum(outcome.continued) == 4
    agreed = [value for value, on in zip(outcome.restarts, outcome.continued, strict=True) if on]
    assert np.ptp(agreed) < 1e-5
    again = run(mixture(), counts(), init=outcome.params, max_iter=1, tol=0)
    assert np.allclose(again.params["rate"], outcome.params["rate"], atol=1e-5)


def test_same_random_state_same_outcome() -> None:
    first, second = (run(mixture(), counts(), random_state=3, max_iter=40) for _ in range(2))
    assert first.restarts == second.restarts
    assert np.array_equal(first.params["rate"], second.params["rate"])
    assert run(mixture(), counts(), random_state=4, max_iter=40).restarts != first.restarts


def test_partial_init_keeps_a_random_rest() -> None:
    outcome = run(mixture(), counts(), init={"rate": [1.0, 5.0]}, max_iter=0, random_state=0)
    assert outcome.params["rate"].tolist() == [1.0, 5.0]
    assert outcome.params["pi"].tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("init", "message"),
    [
        ({"lam": [1.0, 2.0]}, "init has `lam`, which is no parameter; there is `pi`, `rate`"),
        ({"rate": [1.0]}, r"init of `rate` has shape \(1,\), but the parameter has \(2,\)"),
        ({"rate": [1.0, np.nan]}, "init of `rate` is not finite"),
    ],
)
def test_refused_init(init: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        run(mixture(), counts(), init=init)


@pytest.mark.parametrize(
    "arguments", [{"n_init": 0}, {"max_iter": -1}, {"tol": -1.0}, {"tol": np.nan}, {"accelerate": "fast"}]
)
def test_refused_arguments(arguments: Any) -> None:
    with pytest.raises(DataError, match=next(iter(arguments))):
        run(mixture(), counts(), **arguments)


def test_a_drop_names_the_block() -> None:
    def wrong(statistics: Any, params: Any) -> Any:
        right = mixture().m_step(statistics, params)
        return right | {"rate": right["rate"] * 1.5}

    with pytest.raises(FitError, match="the update of `rate` lowered the log likelihood from"):
        run(mixture(m_step=wrong), counts(), init=START)


def test_degenerate_starts_are_discarded_with_a_count() -> None:
    def initialise(data: Any, rng: np.random.Generator) -> Any:
        if rng.random() < 0.5:
            raise DegenerateError("component 0 of `rate` has no rows")
        return mixture().initialise(data, rng)

    outcome = run(mixture(initialise=initialise), counts(), random_state=0)
    lost = int(np.isnan(outcome.restarts).sum())
    assert 0 < lost < 10
    assert outcome.warnings == (f"{lost} of 10 starts degenerated (component 0 of `rate` has no rows)",)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_parameters_that_are_not_finite_degenerate(bad: float) -> None:
    def m_step(statistics: Any, params: Any) -> Any:
        return mixture().m_step(statistics, params) | {"rate": np.array([bad, 1.0])}

    with pytest.raises(FitError, match="all 10 starts degenerated: `rate` is not finite"):
        run(mixture(m_step=m_step), counts())


def test_an_interior_optimum_wins_over_a_collapsed_component() -> None:
    rng = np.random.default_rng(0)
    y = np.concatenate([rng.normal(0, 1, 30), rng.normal(6, 1, 30)])

    def initialise(data: Any, rng: np.random.Generator) -> Any:
        collapsing = rng.random() < 0.8
        return {
            "pi": np.array([0.5, 0.5]),
            "mu": np.array([data["y"][0], 3.0]) if collapsing else np.array([0.0, 6.0]),
            "v": np.array([1e-60, 10.0]) if collapsing else np.array([1.0, 1.0]),
        }

    module = normal_mixture(1e-60, initialise)
    outcome = run(module, {"y": y}, random_state=0)
    assert outcome.params["v"].min() > 0.1
    assert outcome.converged
    assert max(outcome.restarts) > outcome.objective
    assert "a component of `v` collapsed" in outcome.warnings[0]


def test_only_collapsed_starts_are_an_error() -> None:
    def initialise(data: Any, rng: np.random.Generator) -> Any:
        return {"pi": np.array([0.5, 0.5]), "mu": np.array([data["y"][0], 3.0]), "v": np.array([1e-60, 10.0])}

    y = np.random.default_rng(0).normal(size=30)
    with pytest.raises(FitError, match=r"a component of `v` collapsed.*; tie it over components, give it a prior"):
        run(normal_mixture(1e-60, initialise), {"y": y})


def test_a_maximum_on_the_boundary_is_not_a_collapse() -> None:
    data = {"y": np.array([0, 0, 0, 0, 7, 8, 9])}
    outcome = run(mixture(), data, init={"rate": [0.1, 8.0]}, max_iter=2000)
    assert outcome.converged
    assert outcome.params["rate"].min() < 1e-2
    assert outcome.warnings == ()


@pytest.mark.parametrize(("accelerate", "times"), [("squarem", 3), ("anderson", 20)])
def test_acceleration_reaches_the_same_optimum_in_fewer_steps(accelerate: str, times: int) -> None:
    close = {"pi": np.array([0.5, 0.5]), "rate": np.array([4.0, 4.5])}
    y = {"y": np.random.default_rng(0).poisson(np.where(np.arange(400) % 2, 3.0, 5.0))}
    plain = run(mixture(), y, init=close, max_iter=20000, tol=1e-13)
    fast = run(mixture(), y, init=close, max_iter=20000, tol=1e-13, accelerate=accelerate)
    assert plain.converged
    assert fast.converged
    assert fast.n_iter * times < plain.n_iter
    assert fast.objective >= plain.objective - 1e-8
    assert np.all(np.diff(fast.history) >= -1e-9)
    assert fast.n_iter == len(fast.history)


def test_progress_is_called_after_each_step() -> None:
    seen: list[tuple[int, int, float]] = []
    outcome = run(mixture(), counts(), init=START, max_iter=5, tol=0, progress=lambda *at: seen.append(at))
    assert [iteration for _, iteration, _ in seen] == [1, 2, 3, 4, 5]
    assert [objective for *_, objective in seen] == outcome.history.tolist()


@pytest.mark.parametrize("accelerate", [None, "squarem", "anderson"])
def test_slow_progress_is_not_taken_for_convergence(accelerate: str | None) -> None:
    """Deaths of women over 80 by day, London 1910–12 [Hasselblad1969]: steps shrink by less than 1% each."""
    days = np.array([162, 267, 271, 185, 111, 61, 27, 8, 3, 1])
    data = {"y": np.arange(10.0), "weights.n": days.astype(float)}
    outcome = run(mixture(), data, init=START, max_iter=10_000, accelerate=accelerate)
    assert outcome.converged
    assert outcome.objective == pytest.approx(-1989.94586, abs=1e-5)
    assert outcome.params["rate"] == pytest.approx([1.2561, 2.6634], abs=5e-4)


# coordinate ascent


def resumed(**changes: Any) -> Any:
    """A mixture whose E-step leaves a mark in its memory, and demands the mark of the step before."""

    def e_step(data: Any, params: Any) -> Any:
        memory = data["memory"]
        assert set(memory) <= {"seed", "rate"}
        if "rate" in memory:
            seen.append((memory["seed"], memory["rate"], float(params["rate"][0])))
        memory["rate"] = float(params["rate"][0])
        return mixture().e_step(data, params)

    seen: list[tuple[int, float, float]] = []
    return mixture(e_step=e_step, RESUMED="memory", seen=seen, **changes)


def test_each_state_goes_on_from_its_own_memory() -> None:
    module = resumed()
    outcome = run(module, counts(), n_init=3, random_state=0, tol=1e-10)
    assert outcome.memory["rate"] == outcome.params["rate"][0]
    winner = int(np.nanargmax(outcome.restarts))
    assert outcome.memory["seed"] == winner
    plain = run(mixture(), counts(), n_init=3, random_state=0, tol=1e-10)
    assert np.array_equal(outcome.history, plain.history) and plain.memory == {}
    for seed in range(3):
        steps = [(before, now) for mark, before, now in module.seen if mark == seed]
        assert len({before for before, _ in steps}) > 3


@pytest.mark.parametrize("accelerate", ["squarem", "anderson"])
def test_an_extrapolation_that_fails_leaves_no_trace(accelerate: str) -> None:
    """Every E-step follows one at the parameters that its memory names, in the same start."""
    module = resumed()
    run(module, counts(), n_init=2, random_state=1, accelerate=accelerate, tol=1e-10)
    reached = {(seed, now) for seed, _, now in module.seen}
    begun = {seed: before for seed, before, _ in reversed(module.seen)}
    assert all((seed, before) in reached or before == begun[seed] for seed, before, _ in module.seen)
