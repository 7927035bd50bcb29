"""Shares whose log weights separate over two sets of rows are summed without an array over all rows and states."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

import emdsl as em
from emdsl.runtime.carried.networks import log_shares
from emdsl.runtime.carried.product_shares import GivenShares, ProductShares
from tests.numerics.models import emitted

PARTS = """
    model Parts(K = 2)  plate n in N, d in D, k in K
    param W[n, k] : positive  param H[k, d] : positive
    observed y[n, d] ~ Poisson(sum(W[n, k] * H[k, d], k))
"""
CUBE = """
    model Cube(K = 2)  plate n in N, d in D, t in T, k in K
    param W[n, k] : positive  param H[k, d, t] : positive
    observed y[n, d, t] ~ Poisson(sum(W[n, k] * H[k, d, t], k))
"""
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("spread", [1.0, 300.0, 5000.0])
@pytest.mark.parametrize("shapes", [((4, 3), (5, 3)), ((4, 2), (2, 5, 2)), ((2, 3, 4), (6, 4))])
def test_sums_are_those_of_the_shares(shapes: tuple[tuple[int, ...], tuple[int, ...]], spread: float) -> None:
    first, second = (spread * RNG.normal(size=shape) for shape in shapes)
    first.flat[0] = -np.inf
    n_first = first.ndim - 1
    one = first.reshape(*first.shape[:-1], *([1] * (second.ndim - 1)), -1)
    log_sum, shares = log_shares(one + second)
    weights = RNG.gamma(1.0, size=log_sum.shape)
    found = ProductShares(first, second)
    np.testing.assert_allclose(found.log_sum, log_sum, rtol=1e-12)
    for given in (found, GivenShares(shares, n_first)):
        whole = weights[..., None] * shares
        expected = whole.sum(axis=tuple(range(n_first, log_sum.ndim))), whole.sum(axis=tuple(range(n_first)))
        np.testing.assert_allclose(given.first(weights), expected[0], rtol=1e-12, atol=1e-150)
        np.testing.assert_allclose(given.second(weights), expected[1], rtol=1e-12, atol=1e-150)


def test_three_axes() -> None:
    """The shares of a cube are those of its slices."""
    assert "ProductShares(" in em.parse(CUBE)(K=2).source("em")
    y = RNG.poisson(2.0, size=(3, 4, 2)).astype(float)
    module, data = emitted(CUBE, y=y)
    params = {"W": RNG.gamma(2.0, size=(3, 2)), "H": RNG.gamma(2.0, size=(2, 4, 2)), "given.y": y}
    new = module.m_step(module.e_step(data, params)[0], params)
    mean = np.einsum("nk,kdt->ndt", params["W"], params["H"])
    assert module.e_step(data, params)[1] == pytest.approx(stats.poisson.logpmf(y, mean).sum(), rel=1e-12)
    expected = params["W"] * np.einsum("ndt,kdt->nk", y / mean, params["H"]) / params["H"].sum(axis=(1, 2))
    np.testing.assert_allclose(new["W"], expected, rtol=1e-12)


@pytest.mark.parametrize("turned", [False, True])
def test_iterates_are_multiplicative(turned: bool) -> None:
    """W ← W ∘ (Y/WH) Hᵀ / Σ_d H, then H ← H ∘ Wᵀ(Y/WH) / Σ_n W with the shares of the old W [Lee2000]."""
    text = PARTS.replace("H[k, d]", "H[d, k]").replace("W[n, k]", "W[k, n]") if turned else PARTS
    assert "ProductShares(" in em.parse(text)(K=2).source("em")
    y = RNG.poisson(3.0, size=(6, 5)).astype(float)
    module, data = emitted(text, y=y)
    w, h = RNG.gamma(2.0, size=(6, 2)), RNG.gamma(2.0, size=(2, 5))
    params = {"W": w.T if turned else w, "H": h.T if turned else h, "given.y": y}
    for _ in range(20):
        params = module.m_step(module.e_step(data, params)[0], params)
        ratio = y / (w @ h)
        w_new = w * (ratio @ h.T) / h.sum(axis=1)
        w, h = w_new, h * (w.T @ ratio) / w_new.sum(axis=0)[:, None]
    np.testing.assert_allclose(params["W"].T if turned else params["W"], w, rtol=1e-10)
    np.testing.assert_allclose(params["H"].T if turned else params["H"], h, rtol=1e-10)
