"""Samples have the shape, the support and the moments of their law."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from emdsl.families.dirichlet import DIRICHLET
from tests.laws.family_cases import DIMENSION, Case

N_SAMPLES = 200_000

#: Bound on a z-score; over all components of all cases a false alarm has probability below 1e-3.
LARGEST_Z = 5.5

Moments = tuple[Any, Any]


def own_moments(law: Any, canonical: dict[str, Any]) -> Moments:
    """Mean and variance as scipy tells them for most laws."""
    return law.mean(), law.var()


def log_normal_moments(law: Any, canonical: dict[str, Any]) -> Moments:
    """Mean and variance of log x: those of x are ruled by samples too rare to occur."""
    return canonical["mean"], 1 / canonical["prec"]


def mv_normal_moments(law: Any, canonical: dict[str, Any]) -> Moments:
    return law.mean, np.diag(law.cov)


def mv_student_t_moments(law: Any, canonical: dict[str, Any]) -> Moments:
    return canonical["mean"], np.diag(canonical["scatter"]) * canonical["df"] / (canonical["df"] - 2)


def multinomial_moments(law: Any, canonical: dict[str, Any]) -> Moments:
    return law.n * law.p, np.diag(law.cov())


def von_mises_moments(law: Any, canonical: dict[str, Any]) -> Moments:
    """Those of (cos x, sin x), from E exp(i m x) = I_m(concentration) / I_0(concentration) exp(i m mean)."""
    mean, concentration = canonical["mean"], canonical["concentration"]
    first, second = special.ive([1, 2], concentration) / special.ive(0, concentration)
    expected = first * np.array([np.cos(mean), np.sin(mean)])
    squares = 0.5 + 0.5 * second * np.array([np.cos(2 * mean), -np.cos(2 * mean)])
    return expected, squares - expected**2


#: Laws of which a function of x is looked at in place of x.
STATISTICS: dict[str, Callable[[Any], Any]] = {
    "LogNormal": np.log,
    "VonMises": lambda x: np.stack([np.cos(x), np.sin(x)], axis=-1),
}

#: Mean and variance of that function, entry by entry, where scipy does not tell them by `mean()` and `var()`.
MOMENTS: dict[str, Callable[[Any, dict[str, Any]], Moments]] = {
    "LogNormal": log_normal_moments,
    "MvNormal": mv_normal_moments,
    "MvStudentT": mv_student_t_moments,
    "Multinomial": multinomial_moments,
    "VonMises": von_mises_moments,
}


def draw_two_laws(case: Case) -> tuple[list[dict[str, Any]], np.ndarray[Any, Any]]:
    """Two sets of arguments, and samples from both at once: (n, 2, *event axes)."""
    rng = np.random.default_rng(20)
    values = [case.draw(rng), case.draw(rng)]
    canonical = [case.canonical(each) for each in values]
    stacked = {name: np.stack([each[name] for each in canonical]) for name in canonical[0]}
    return values, case.form.sample(rng, (N_SAMPLES, 2), **stacked)


def test_samples_have_the_moments_of_the_law(density_case: Case) -> None:
    name = density_case.family.name
    values, samples = draw_two_laws(density_case)
    for position, each in enumerate(values):
        law, canonical = density_case.reference(each), density_case.canonical(each)
        x = STATISTICS.get(name, np.asarray)(samples[:, position].astype(float))
        mean, variance = MOMENTS.get(name, own_moments)(law, canonical)
        residuals = x - mean
        z_mean = residuals.mean(axis=0) / np.sqrt(np.asarray(variance) / N_SAMPLES)
        squares = residuals**2
        z_variance = (squares.mean(axis=0) - variance) / (squares.std(axis=0) / np.sqrt(N_SAMPLES))
        assert np.abs(z_mean).max() < LARGEST_Z
        assert np.abs(z_variance).max() < LARGEST_Z


def test_samples_lie_in_the_support(density_case: Case) -> None:
    family = density_case.family
    _, samples = draw_two_laws(density_case)
    assert samples.shape == (N_SAMPLES, 2, *(DIMENSION for _ in range(family.rank)))
    match family.support:
        case "real":
            assert np.isfinite(samples).all() and (samples < 0).any() and (samples > 0).any()
        case "positive":
            assert (samples > 0).all() and (samples > 1).any()
        case "unit":
            assert ((samples > 0) & (samples < 1)).all()
        case "simplex":
            assert (samples >= 0).all()
            np.testing.assert_allclose(samples.sum(axis=-1), 1.0, rtol=1e-12)
        case "cov":
            np.testing.assert_allclose(samples, np.swapaxes(samples, -1, -2), rtol=1e-9)
            assert (np.linalg.eigvalsh(samples) > 0).all()
        case "count":
            assert samples.dtype == np.int64 and samples.min() == 0 and samples.max() > 1
        case "index":
            size = family.dims[0] if isinstance(family.dims[0], int) else DIMENSION
            assert samples.dtype == np.int64 and set(np.unique(samples)) == set(range(size))
        case other:
            pytest.fail(f"no test of membership in {other}")


def test_a_sample_depends_on_the_generator_alone(case: Case) -> None:
    if case.family.name == "PointMass":
        np.testing.assert_array_equal(case.form.sample(np.random.default_rng(0), (2,), value=3.5), [3.5, 3.5])
        return
    canonical = case.canonical(case.draw(np.random.default_rng(3)))
    first, second, other = (case.form.sample(np.random.default_rng(seed), (50,), **canonical) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert (first != other).any()


@pytest.mark.parametrize("concentration", [1e-3, 1e-2])
def test_small_concentrations_give_points_of_the_simplex(concentration: float) -> None:
    draws = DIRICHLET.sample(np.random.default_rng(0), (1000,), np.full(4, concentration))
    assert np.isfinite(draws).all()
    np.testing.assert_allclose(draws.sum(axis=-1), 1.0, rtol=1e-12)
    np.testing.assert_allclose(draws.mean(axis=0), 0.25, atol=0.07)
