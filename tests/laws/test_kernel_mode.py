"""The mode of a kernel is a stationary maximum of the exponent.

d/dε exponent(mode moved by ε) = 0 at ε = 0,        exponent(v) ≤ exponent(mode) for every v
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.laws.kernel_cases import CASES, MODES, PARTIAL, Case, step

EVERY = pytest.mark.parametrize("kernel_case", [*CASES, *PARTIAL, *MODES], ids=str)
INTERIOR = pytest.mark.parametrize("kernel_case", [*CASES, *MODES], ids=str)


@EVERY
@pytest.mark.parametrize("size", [1.0, 0.1, 0.01, 0.001])
def test_nothing_near_is_higher(kernel_case: Case, size: float) -> None:
    mode = kernel_case.mode()
    inside = np.clip(mode, 1e-12, 1 - 1e-12) if kernel_case.kind == "unit" else mode
    top = kernel_case.exponent(inside)
    rng = np.random.default_rng(0)
    for _ in range(30):
        assert kernel_case.exponent(step(kernel_case.kind, inside, rng, size)) <= top + 1e-9 * (1 + abs(top))


@INTERIOR
def test_the_gradient_vanishes(kernel_case: Case) -> None:
    mode, size = kernel_case.mode(), 1e-4
    for seed in range(10):
        up = kernel_case.exponent(step(kernel_case.kind, mode, np.random.default_rng(seed), size))
        down = kernel_case.exponent(step(kernel_case.kind, mode, np.random.default_rng(seed), -size))
        assert abs(up - down) / (2 * size) <= 1e-5 * (1 + abs(kernel_case.exponent(mode)))


@EVERY
def test_the_mode_has_the_shape_of_the_variable(kernel_case: Case) -> None:
    assert np.shape(kernel_case.mode()) == kernel_case.shape


@pytest.mark.parametrize("kernel_case", PARTIAL, ids=str)
def test_a_proportion_with_one_kind_of_count_lies_on_the_boundary(kernel_case: Case) -> None:
    expected = 1.0 if (("log", 1.0),) in kernel_case.naturals else 0.0
    assert np.array_equal(kernel_case.mode(), np.full(kernel_case.shape, expected))
