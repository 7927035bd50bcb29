"""The posterior of a kernel is the normalised exponent: exponent(v) − log density(v) is the same for every v."""

from __future__ import annotations

import numpy as np
import pytest

from tests.laws.kernel_cases import CASES, PARTIAL, Case


@pytest.mark.parametrize("kernel_case", [*CASES, *PARTIAL], ids=str)
def test_the_posterior_is_the_normalised_exponent(kernel_case: Case) -> None:
    law, rng = kernel_case.law(kernel_case.posterior()), np.random.default_rng(0)
    values = [kernel_case.value(rng) for _ in range(8)]
    log_partition = [kernel_case.exponent(v) - law.log_density(v) for v in values]
    np.testing.assert_allclose(log_partition, log_partition[0], rtol=1e-10, atol=1e-9)
