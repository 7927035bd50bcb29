"""Entropies of q, summed over its batch: those of scipy.stats, and log Z − natural · E[statistic]."""

from __future__ import annotations

import numpy as np
import pytest

from tests.laws.kernel_cases import CASES, Case

EVERY = pytest.mark.parametrize("kernel_case", CASES, ids=str)


@EVERY
def test_the_entropy_is_that_of_scipy(kernel_case: Case) -> None:
    posterior = kernel_case.posterior()
    np.testing.assert_allclose(kernel_case.entropy(posterior), kernel_case.law(posterior).entropy(), rtol=1e-9)


@EVERY
def test_the_entropy_is_the_log_partition_less_the_expected_exponent(kernel_case: Case) -> None:
    posterior = kernel_case.posterior()
    log_partition = kernel_case.log_partition(kernel_case.naturals, kernel_case.value(np.random.default_rng(0)))
    exponent = sum(
        np.sum(natural * kernel_case.expected(kinds, posterior)) for kinds, natural in kernel_case.naturals.items()
    )
    np.testing.assert_allclose(kernel_case.entropy(posterior), log_partition - exponent, rtol=1e-9)
