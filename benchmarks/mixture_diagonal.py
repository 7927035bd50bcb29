"""Gaussian mixture with diagonal covariances, beside scikit-learn: one EM iteration (see mixture_full)."""

from __future__ import annotations

from functools import partial

import numpy as np
from sklearn.mixture import GaussianMixture

from benchmarks.contest import Arrays, Contest, emitted
from benchmarks.mixtures import clusters

MODEL = """
model Mixture(K = 2)
plate n in N, k in K, d in D
param pi       : simplex[K]
param mu[k, d] : real
param v[k, d]  : positive
latent z[n] ~ Categorical(pi)
observed x[n, d] ~ Normal(mu[z[n], d], var=v[z[n], d])
"""


def contest(n: int, d: int, k: int) -> Contest:
    """n points in d dimensions, k components."""
    x, mu = clusters(n, d, k)
    start = {"pi": np.full(k, 1 / k), "mu": mu, "v": np.ones((k, d))}
    module = emitted(MODEL, K=k)

    def ours() -> Arrays:
        statistics, _ = module.e_step({"x": x}, start)
        return module.m_step(statistics, start)

    peer = GaussianMixture(k, covariance_type="diag", reg_covar=0)

    def theirs() -> Arrays:
        peer.weights_, peer.means_, peer.covariances_ = start["pi"], mu, start["v"]
        peer.precisions_cholesky_ = start["v"]  # ones
        _, log_responsibilities = peer._e_step(x)
        peer._m_step(x, log_responsibilities)
        return {"pi": peer.weights_, "mu": peer.means_, "v": peer.covariances_}

    return Contest(f"Gaussian mixture, diagonal, N={n:.0e} D={d} K={k}", "scikit-learn", ours, theirs)


CONTESTS = (("mixture-diagonal", partial(contest, 1_000_000, 8, 10)),)
