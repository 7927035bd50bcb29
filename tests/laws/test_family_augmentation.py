"""Laws written with an auxiliary variable: integrated over it they are the laws themselves."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from emdsl.algebra.evaluate import evaluate
from emdsl.algebra.expressions import Name
from emdsl.families.family import Augmentation
from emdsl.runtime.carried.posteriors import polya_gamma_entropy, polya_gamma_log_partition, polya_gamma_mean
from tests.laws.family_cases import CASES, Case

BY_GAMMA = [(one, way) for one in CASES for way in one.form.augmentations if way.law == "Gamma"]
TRIALS, TILT = np.array([1.0, 1.0, 3.0, 5.0, 0.0]), np.array([0.0, 1e-8, 0.3, 900.0, 2.0])


@pytest.mark.parametrize(("written", "way"), BY_GAMMA, ids=lambda one: str(one) if isinstance(one, Case) else "")
def test_a_gamma_variable_integrates_out(written: Case, way: Augmentation) -> None:
    rng = np.random.default_rng(0)
    values = written.draw(rng)
    formula = way.log_joint(Name("x"), Name("u"), **written.conversions())
    for x in written.reference(values).rvs(size=3, random_state=rng):

        def density(v: float, x=x) -> float:
            return float(np.exp(evaluate(formula, {"x": x, "u": np.exp(v), **values}) + v))

        whole = quad(density, -30, 30, epsabs=0, epsrel=1e-10, limit=500, points=[0.0])[0]
        np.testing.assert_allclose(np.log(whole), written.log_density([x], values)[0], rtol=1e-8)


def test_a_polya_gamma_variable_is_a_sum_of_gammas() -> None:
    """PG(b, 0) = Σ_k g_k / (2 π² (k − ½)²), g_k ~ Gamma(b, 1): its Laplace transform is a product. [Polson2013]"""
    k = np.arange(1, 200_000) - 0.5
    scales = 1 / (2 * np.pi**2 * k**2)
    product = -TRIALS * np.log1p(TILT[:, None] / 2 * scales).sum(axis=1)
    np.testing.assert_allclose(polya_gamma_log_partition(TRIALS, TILT), product, rtol=1e-5, atol=1e-5)
    mean = TRIALS * (scales / (1 + TILT[:, None] / 2 * scales)).sum(axis=1)
    np.testing.assert_allclose(polya_gamma_mean(TRIALS, TILT), mean, rtol=1e-4)


def test_the_mean_of_a_polya_gamma_variable_is_the_slope_of_its_log_partition() -> None:
    tilt, step = np.array([1e-7, 9e-7, 1.1e-6, 0.5, 40.0]), 1e-5
    up, down = (polya_gamma_log_partition(np.ones(5), tilt + sign * step) for sign in (1, 0))
    middle = polya_gamma_mean(np.ones(5), tilt + step / 2)
    np.testing.assert_allclose(-2 * (up - down) / step, middle, rtol=1e-7)
    relative = polya_gamma_log_partition(np.ones(5), tilt) + tilt / 2 * polya_gamma_mean(np.ones(5), tilt)
    np.testing.assert_allclose(polya_gamma_entropy(np.ones(5), tilt), relative.sum())
