"""Log partitions of conjugate laws, entry by entry, against scipy.stats; and the moments of mixtures of such laws."""

from __future__ import annotations

import numpy as np
import pytest

from emdsl.runtime.carried.posteriors import mixed_moments
from tests.laws.kernel_cases import CASES, Case

CONJUGATE = [case for case in CASES if case.form.kernel != "Gaussian"]


@pytest.mark.parametrize("kernel_case", CONJUGATE, ids=str)
def test_the_log_partition_is_that_of_scipy(kernel_case: Case) -> None:
    found = kernel_case.emitted_log_partition(kernel_case.posterior())
    value = kernel_case.value(np.random.default_rng(0))
    np.testing.assert_allclose(np.sum(found), kernel_case.log_partition(kernel_case.naturals, value), rtol=1e-9)


def test_the_moments_of_a_mixture_are_those_of_its_states() -> None:
    rng = np.random.default_rng(0)
    shares, mean, variance = rng.dirichlet(np.ones(3), 4).T, rng.normal(size=(3, 4, 2)), rng.gamma(2, size=(3, 4, 2))
    found = mixed_moments(shares, mean, variance, 1)
    first, second = (np.einsum("kn,knd->nd", shares, value) for value in (mean, variance + mean**2))
    np.testing.assert_allclose(found[0], first)
    np.testing.assert_allclose(found[1], second - first**2)


def test_a_state_without_probability_has_no_say_in_a_mixture() -> None:
    shares, variance = np.array([[1.0, 0.5], [0.0, 0.5]]), np.array([[2.0, 2.0], [np.inf, np.inf]])
    mean, spread = mixed_moments(shares, np.array([[1.0, 1.0], [np.inf, 3.0]]), variance, 1)
    np.testing.assert_allclose(mean, [1.0, 2.0])
    np.testing.assert_allclose(spread, [2.0, np.inf])
