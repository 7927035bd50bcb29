"""Densities of numbers integrate to one, probabilities sum to one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit

from emdsl.algebra.evaluate import evaluate
from tests.laws.family_cases import DIMENSION, Case

#: Counts beyond which no law of these tests has mass.
LARGEST_COUNT = 3000


@pytest.mark.parametrize("seed", range(2))
def test_total_mass_is_one(scalar_case: Case, seed: int) -> None:
    values = scalar_case.draw(np.random.default_rng(seed))
    assert total_mass(scalar_case, values) == pytest.approx(1.0, abs=1e-7)


def total_mass(case: Case, values: dict[str, Any]) -> float:
    """Sum over the counts, or integral over the support after a change of variable to the real line."""
    formula = case.formula()

    def density(x: Any) -> Any:
        return np.exp(evaluate(formula, {"x": x, **values}))

    match case.family.support:
        case "count":
            return float(density(np.arange(LARGEST_COUNT)).sum())
        case "index":
            size = case.family.dims[0]
            return float(density(np.arange(size if isinstance(size, int) else DIMENSION)).sum())
        case "positive":
            return integral(lambda u: density(np.exp(u)) * np.exp(u), -40.0, 40.0)
        case "unit":
            return integral(lambda u: density(expit(u)) * expit(u) * expit(-u), -36.0, 36.0)
        case "real" if case.family.name == "VonMises":
            return integral(density, -np.pi, np.pi)
        case "real":
            # x = sinh u also reaches the tails of Student's t.
            return integral(lambda u: density(np.sinh(u)) * np.cosh(u), -15.0, 15.0)
    raise AssertionError(f"no measure for {case}")


def integral(function: Any, low: float, high: float) -> float:
    return float(quad(function, low, high, epsabs=1e-10, epsrel=1e-10, limit=500)[0])
