"""A shape beside its rate or scale: one M-step takes both to their joint maximum.

Q(v, b) = n v log b − n log Γ(v) + v Σ log y − b Σ y        max over both; there v / b = Σ y / n
"""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import emdsl as em
from emdsl.errors import FitError

SHAPE_FIRST = "param a : positive  param b : positive"
SHAPE_LAST = "param b : positive  param a : positive"
AROUND = [(c, d) for c in (0.999, 1.0, 1.001) for d in (0.999, 1.0, 1.001) if (c, d) != (1.0, 1.0)]
LAWS = {
    "rate": ("Gamma(a, rate=b)", lambda y: _gamma(y, -1)),
    "scale": ("Gamma(a, scale=b)", lambda y: _gamma(y, 1)),
    "inverse": ("InvGamma(a, scale=b)", lambda y: _gamma(1 / y, -1)),
}


def _gamma(y: np.ndarray, power: int) -> tuple[float, float]:
    """Shape, and scale**power, by scipy."""
    shape, _, scale = stats.gamma.fit(y, floc=0)
    return shape, scale**power


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("declared", [SHAPE_FIRST, SHAPE_LAST])
def test_one_step_is_the_joint_maximum(law: str, declared: str) -> None:
    y = np.random.default_rng(0).gamma(80.0, 0.5, 200)
    text, expected = LAWS[law]
    model = em.parse(f"model Shapes()  plate n in N  {declared}  observed y[n] ~ {text}")()
    fit = model.fit(y=y, init={"a": 2.0, "b": 1.0}, max_iter=1, tol=0)
    found = fit.params["a"], fit.params["b"]
    np.testing.assert_allclose(found, expected(y), rtol=1e-5)
    better = max(model.fit(y=y, init={"a": found[0] * c, "b": found[1] * d}, max_iter=0).objective for c, d in AROUND)
    assert fit.objective > better
    assert "over all parameters jointly" in str(model.plan)


@pytest.mark.parametrize("accelerate", [None, "anderson", "squarem"])
def test_mixture_of_large_shapes(accelerate: str | None) -> None:
    rng = np.random.default_rng(21)
    y = np.concatenate([rng.gamma(50, 0.5, 300), rng.gamma(200, 0.5, 300)])
    fit = em.parse("""
        model Shapes(K = 2)  plate n in N, k in K  param w : simplex[K]  param m[k] : positive  param a[k] : positive
        latent z[n] ~ Categorical(w)  observed y[n] ~ Gamma(a[z[n]], scale=m[z[n]])  order a by k
    """)().fit(y=y, accelerate=accelerate)
    parts = [_gamma(part, 1) for part in (y[:300], y[300:])]  # the two lie apart
    assert fit.converged and fit.n_iter < 20
    np.testing.assert_allclose(np.stack([fit.params["a"], fit.params["m"]], 1), parts, rtol=1e-3)


def test_equal_values_have_no_shape() -> None:
    model = em.parse(f"model Shapes()  plate n in N  {SHAPE_FIRST}  observed y[n] ~ Gamma(a, rate=b)")()
    with pytest.raises(FitError, match="`a` collapsed"):
        model.fit(y=np.full(5, 3.0))
