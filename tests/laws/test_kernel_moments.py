"""Moments under q: what an emitted module takes for expected statistics.

    ∂ log Z / ∂ natural = E[statistic]        E[statistic] ≈ the average over draws of scipy's law

The first is exact up to the differences that stand for the derivative; log Z comes from scipy.
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from tests.laws.kernel_cases import CASES, MATRIX, PAIR, Case, numerics

EVERY = pytest.mark.parametrize("kernel_case", CASES, ids=str)


def _direction(kernel_case: Case, kinds: tuple[tuple[str, float], ...], rng: np.random.Generator) -> np.ndarray:
    """A direction of the natural parameter that keeps what is symmetric so."""
    natural = kernel_case.naturals[kinds]
    direction = rng.uniform(-1, 1, np.shape(natural)) * np.min(np.abs(natural[natural != 0]))
    if kernel_case.kind == "cov" and natural.ndim > len(kernel_case.plates):
        return (direction + np.swapaxes(direction, -1, -2)) / 2
    if kinds == PAIR and kernel_case.joint:
        axes = list(range(natural.ndim))
        for number, place in enumerate(kernel_case.joint):
            other = natural.ndim - len(kernel_case.joint) + number
            axes[place], axes[other] = axes[other], axes[place]
        return (direction + np.transpose(direction, axes)) / 2
    return direction


@EVERY
def test_expected_statistics_are_the_gradient_of_the_log_partition(kernel_case: Case) -> None:
    rng, posterior = np.random.default_rng(0), kernel_case.posterior()
    v = kernel_case.value(rng)
    for kinds, natural in kernel_case.naturals.items():
        expected = kernel_case.expected(kinds, posterior)
        for _ in range(3):
            direction = _direction(kernel_case, kinds, rng)

            def slope(size: float, kinds=kinds, natural=natural, direction=direction) -> float:
                up = kernel_case.log_partition({**kernel_case.naturals, kinds: natural + size * direction}, v)
                down = kernel_case.log_partition({**kernel_case.naturals, kinds: natural - size * direction}, v)
                return (up - down) / (2 * size)

            extrapolated = (4 * slope(1e-3) - slope(2e-3)) / 3
            np.testing.assert_allclose(np.sum(expected * direction), extrapolated, rtol=1e-7, atol=1e-8)


@EVERY
def test_expected_statistics_are_averages_of_draws(kernel_case: Case) -> None:
    """To five standard errors, entry by entry."""
    posterior = kernel_case.posterior()
    draws = kernel_case.law(posterior).draw(np.random.default_rng(0), 4000)
    for kinds in kernel_case.naturals:
        values = np.array([kernel_case.statistic(kinds, draw) for draw in draws])
        error = 5 * values.std(axis=0) / np.sqrt(len(draws))
        expected = np.broadcast_to(kernel_case.expected(kinds, posterior), values.shape[1:])
        assert np.all(np.abs(values.mean(axis=0) - expected) <= error), kinds


@pytest.mark.parametrize(
    "kernel_case", [kernel_case for kernel_case in CASES if kernel_case.kernel.name == "Gamma"], ids=str
)
def test_the_mean_of_a_power_is_the_mean_of_scipy(kernel_case: Case) -> None:
    """What users read: E v, where v**power is Gamma distributed."""
    posterior = kernel_case.posterior()
    found = numerics().power_moment(posterior["shape"], posterior["rate"], 1 / kernel_case.power)
    for at in np.ndindex(kernel_case.shape):
        shape, rate = posterior["shape"][at], posterior["rate"][at]
        expected = stats.gengamma.mean(shape, kernel_case.power, scale=rate ** (-1 / kernel_case.power))
        np.testing.assert_allclose(found[at], expected, rtol=1e-10)


def test_a_moment_that_does_not_exist_is_infinite() -> None:
    """E 1/u under Gamma(shape ≤ 1) diverges."""
    found = numerics().power_moment(np.array([0.5, 1.0, 2.0]), np.array([1.0, 1.0, 3.0]), -1.0)
    np.testing.assert_allclose(found, [np.inf, np.inf, 3.0])


@pytest.mark.parametrize(
    "kernel_case", [kernel_case for kernel_case in CASES if kernel_case.kernel.name == "Wishart"], ids=str
)
def test_the_mean_of_a_matrix_is_the_mean_of_scipy(kernel_case: Case) -> None:
    posterior = kernel_case.posterior()
    own, law = numerics().inverse_wishart_mean, stats.invwishart
    if MATRIX in kernel_case.naturals:
        own, law = numerics().wishart_mean, stats.wishart
    found = own(posterior["df"], posterior["scale"])
    for at in np.ndindex(kernel_case.plates):
        np.testing.assert_allclose(found[at], law.mean(posterior["df"][at], posterior["scale"][at]), rtol=1e-12)
