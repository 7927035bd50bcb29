"""A plate after the time gives what it gives before the time, with the axes in the declared order."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import emdsl as em

STATES = """model States(K = 2)  plate j in J, k in K  time t in T  param A[k] : simplex[K]  param m[k] : real
    latent z[0, j] ~ Categorical([0.5, 0.5])  latent z[t, j] ~ Categorical(A[z[t-1, j]])
    observed y[t, j] missing ~ Normal(m[z[t, j]], var=1)"""
LEVELS = """model Levels()  plate j in J  time t in T  param q[j] : positive  latent z[0, j] ~ Normal(0, var=1)
    latent z[t, j] ~ Normal(z[t-1, j], var=q[j])  observed y[t, j] missing ~ Normal(z[t, j], var=1)"""


@pytest.mark.parametrize("method", ["em", "vb", "hard"])
@pytest.mark.parametrize("text", [STATES, LEVELS], ids=["states", "levels"])
def test_plates_after_the_time(text: str, method: str) -> None:
    y = np.random.default_rng(0).normal(size=(5, 2)) + np.array([0, 2, 2, 0, 2])[:, None]
    y[2, 1] = np.nan
    before = text.replace("0, j]", "j, 0]").replace("t, j]", "j, t]").replace("t-1, j]", "j, t-1]")
    run = {"method": method, "n_init": 1, "max_iter": 3, "tol": 0}
    one, two = em.parse(text)().fit(y=y, **run), em.parse(before)().fit(y=y.T, **run)
    assert_allclose(one.objective, two.objective, rtol=1e-10)
    for name, value in one.params.items():
        assert_allclose(value, two.params[name], rtol=1e-9, atol=1e-10)
    pairs = [(one.posterior, two.posterior), (one.filtered(), two.filtered()), (one.forecast(2), two.forecast(2))]
    pairs += [(one.predict(), two.predict()), (one.impute(), two.impute())]
    for found, expected in pairs:
        for name, value in found.items():
            assert_allclose(value, np.swapaxes(expected[name], 0, 1), rtol=1e-9, atol=1e-10)
    assert one.sample(random_state=1)["z"].shape == y.shape
