"""The checks pass right modules and fail wrong ones: each fault in a hand-written mixture is caught."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from emdsl.language.text import parse
from tests.oracles import checks, handwritten
from tests.oracles.handwritten_vb import PoissonPosterior
from tests.zoo import BY_NAME


def poisson_data(weighted: bool = True) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    y = np.concatenate([rng.poisson(2, 9), rng.poisson(9, 7)])
    return {"y": y, "weights.n": rng.integers(1, 4, 16).astype(float)} if weighted else {"y": y}


def gaussian_data() -> dict[str, Any]:
    rng = np.random.default_rng(4)
    return {"y": np.concatenate([rng.normal(0, 1, (10, 2)), rng.normal(3, 0.7, (9, 2))])}


def check(module: Any, model: Any, data: dict[str, Any]) -> None:
    checks.check_em(module, model, {"K": 2}, data, np.random.default_rng(0))


def test_right_modules_pass() -> None:
    check(handwritten.poisson_module(), handwritten.poisson_mixture(), poisson_data())
    check(
        handwritten.poisson_module(shape=2.0, rate=0.5),
        handwritten.poisson_mixture(prior=True),
        poisson_data(weighted=False),
    )
    check(handwritten.gaussian_module(), handwritten.gaussian_mixture(), gaussian_data())


FAULTS = {
    "drop the constant": "log likelihood against brute force",
    "forget the weight": "log likelihood against brute force",
    "forget the weight in the M-step": "raises the expected log joint",
    "average instead of sum": "of two blocks",
    "add one to the counts": "M-step of proportions",
    "swap the states": "probabilities of z",
    "stop early": "entries of history",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_of_the_poisson_mixture_are_caught(fault: str) -> None:
    with pytest.raises(AssertionError, match=FAULTS[fault]):
        check(handwritten.poisson_module(fault), handwritten.poisson_mixture(), poisson_data())


@pytest.mark.parametrize(
    ("fault", "message"), [("forget the prior", "objective"), ("forget the prior in the M-step", "M-step of rates")]
)
def test_faults_in_the_prior_are_caught(fault: str, message: str) -> None:
    module = handwritten.poisson_module(fault, shape=2.0, rate=0.5)
    with pytest.raises(AssertionError, match=message):
        check(module, handwritten.poisson_mixture(prior=True), poisson_data(weighted=False))


@pytest.mark.parametrize(
    ("fault", "message"), [("drop the constant", "log likelihood"), ("divide by n - 1", "M-step of components")]
)
def test_faults_of_the_gaussian_mixture_are_caught(fault: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check(handwritten.gaussian_module(fault), handwritten.gaussian_mixture(), gaussian_data())


def test_a_fit_that_has_not_settled_is_caught() -> None:
    module, model, data = handwritten.poisson_module(), handwritten.poisson_mixture(), poisson_data()
    params = module.initialise(data, np.random.default_rng(0))
    with pytest.raises(AssertionError, match="score of"):
        checks.check_fit(module, model, {"K": 2}, data, params, max_iter=3)


def check_hard(hard: bool) -> None:
    module, data = replace(handwritten.poisson_module(), hard=hard), poisson_data()
    params = module.initialise(data, np.random.default_rng(0))
    checks.check_hard(module, handwritten.poisson_mixture(), {"K": 2}, data, params)


def test_classification_em_passes_and_a_soft_objective_is_caught() -> None:
    check_hard(hard=True)
    with pytest.raises(AssertionError, match="best log joint"):
        check_hard(hard=False)


def check_variational(fault: str = "") -> None:
    model = parse(BY_NAME["poisson_counts_map"].text)
    module, data, rng = PoissonPosterior(fault), {"y": np.array([3, 5, 2])}, np.random.default_rng(0)
    checks.check_bound(module, model, {}, data, module.initialise(data, rng), rng, exact=True)


def test_a_right_bound_passes() -> None:
    check_variational()


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("shape off by one", "rate.shape raises the bound"),
        ("shrink the entropy", "raises the bound"),
        ("drop a negative term", "above the log evidence"),
    ],
)
def test_faults_of_the_bound_are_caught(fault: str, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_variational(fault)
