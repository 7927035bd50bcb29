"""The log density of every spelling is that of scipy.stats, constants included."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from emdsl.algebra.evaluate import evaluate
from emdsl.algebra.expressions import Name
from emdsl.families.registry import family
from tests.laws.family_cases import CASES, DENSITY_CASES, LAWS, Case


def reference_log_density(case: Case, law: Any, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Log densities: (n,); scipy's matrix laws hold the observations on the last axis, its Dirichlet likewise."""
    if case.family.discrete:
        return np.asarray(law.logpmf(x))
    if case.family.support in ("cov", "simplex"):
        return np.asarray(law.logpdf(np.moveaxis(x, 0, -1)))
    return np.asarray(law.logpdf(x))


@pytest.mark.parametrize("seed", range(4))
def test_log_density_is_that_of_scipy(density_case: Case, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = density_case.draw(rng)
    law = density_case.reference(values)
    x = law.rvs(size=25, random_state=rng)
    expected = reference_log_density(density_case, law, x)
    np.testing.assert_allclose(density_case.log_density(x, values), expected, rtol=1e-10, atol=1e-10)


def test_every_spelling_with_a_density_has_a_reference() -> None:
    assert {(case.family.name, case.spelling) for case in DENSITY_CASES} == set(LAWS)
    assert {case.family.name for case in CASES} - {case.family.name for case in DENSITY_CASES} == {"PointMass"}


@pytest.mark.parametrize("seed", range(4))
def test_log_density_is_finite_inside_the_support(density_case: Case, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = density_case.draw(rng)
    x = interior(density_case, values, rng)
    assert np.isfinite(density_case.log_density(x, values)).all()


def interior(case: Case, values: dict[str, Any], rng: np.random.Generator) -> np.ndarray[Any, Any]:
    """Values far out, but inside the support."""
    match case.family.name, case.family.support:
        case "Bernoulli", _:
            return np.array([0, 1])
        case "Binomial", _:
            return np.arange(values["n"] + 1)
        case "Multinomial", _:
            return np.eye(len(values["p"])) * float(values["n"])
        case _, "count":
            return np.array([0, 1, 10, 1000, 100_000])
        case _, "index":
            return np.arange(len(values[case.spelling[0]]))
        case _, "real":
            axes = (len(values["mean"]),) if case.family.rank else ()
            return np.array([np.full(axes, value) for value in (-1e4, -1.0, 0.0, 1e-8, 1e4)])
        case _, "positive":
            return np.array([1e-4, 1.0, 1e4])
        case _, "unit":
            return np.array([1e-12, 0.5, 1 - 1e-12])
        case _, "simplex":
            return np.array([[1 - 2e-12, 1e-12, 1e-12], [0.2, 0.3, 0.5]])
        case _, "cov":
            return np.array([np.diag([1e-3, 1.0, 1e3]), np.eye(3)])
    raise AssertionError(f"no interior points for {case}")


@pytest.mark.parametrize(
    ("name", "x", "arguments", "expected"),
    [
        ("Bernoulli", 1, {"p": 1.0}, 0.0),
        ("Bernoulli", 0, {"p": 0.0}, 0.0),
        ("Bernoulli", 1, {"p": 0.0}, -np.inf),
        ("Binomial", 4, {"n": 4, "p": 1.0}, 0.0),
        ("Binomial", 5, {"n": 4, "p": 0.5}, -np.inf),
        ("Geometric", 0, {"p": 1.0}, 0.0),
        ("Poisson", 0, {"rate": 0.0}, 0.0),
        ("Categorical", 2, {"p": [0.5, 0.5, 0.0]}, -np.inf),
        ("Multinomial", [2, 0], {"n": 2, "p": [1.0, 0.0]}, 0.0),
        ("Beta", 0.0, {"a": 1.0, "b": 1.0}, 0.0),
        ("Dirichlet", [1.0, 0.0], {"concentration": [1.0, 1.0]}, 0.0),
        ("Bernoulli", 1, {"logit": 1000.0}, 0.0),
        ("Bernoulli", 0, {"logit": 1000.0}, -1000.0),
        ("Categorical", 0, {"logits": [0.0, 1000.0]}, -1000.0),
    ],
)
def test_log_density_at_the_edge_of_the_support(name: str, x: Any, arguments: dict[str, Any], expected: float) -> None:
    form = family(name).form(arguments)  # type: ignore[union-attr]
    assert form is not None and form.log_density is not None
    formula = form.log_density(Name("x"), **{argument: Name(argument) for argument in arguments})
    assert evaluate(formula, {"x": x, **arguments}) == pytest.approx(expected, abs=1e-14)
