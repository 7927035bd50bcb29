"""Series of length one tell nothing of steps: what these alone would tell stays at one, and all else is fitted."""

from __future__ import annotations

import numpy as np
import pytest

import emdsl as em


def test_variances_of_steps_that_no_series_has() -> None:
    text = """model M plate s in S time t in T[s] param m : real param q : positive param r : positive
    latent x[s, 0] ~ Normal(m, var=1) latent x[s, t] ~ Normal(x[s, t-1], var=q)
    observed y[s, t] ~ Normal(x[s, t], var=r)"""
    y = np.array([1.0, 3.0, -4.0, 0.5])
    fit = em.parse(text)().fit(y=[[value] for value in y], n_init=1, tol=1e-13)
    assert fit.params["q"] == 1
    assert fit.params["m"] == pytest.approx(y.mean())
    assert fit.params["r"] == pytest.approx(y.var() - 1, rel=1e-6)


def test_covariances_of_steps_that_no_series_has() -> None:
    text = """model M plate s in S time t in T[s] param m : real[2] param q : cov[2] param r : positive
    latent x[s, 0] ~ MvNormal(m, cov=eye(2)) latent x[s, t] ~ MvNormal(x[s, t-1], cov=q)
    observed y[s, t] ~ MvNormal(x[s, t], cov=r * eye(2))"""
    y = np.array([[1.0, 2.0], [3.0, 0.0], [-4.0, 7.0]])
    fit = em.parse(text)().fit(y=[[row] for row in y], n_init=1, tol=1e-13)
    assert np.array_equal(fit.params["q"], np.eye(2))
    assert fit.params["r"] == pytest.approx(y.var(axis=0).mean() - 1, rel=1e-6)
