"""Gaussian mixture with full covariances, beside scikit-learn: one EM iteration.

scikit-learn has no public single iteration; its `_e_step` and `_m_step` are the body of the loop in `fit`.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from sklearn.mixture import GaussianMixture

from benchmarks.contest import Arrays, Contest, emitted
from benchmarks.mixtures import clusters

MODEL = """
model Mixture(K = 2)
plate n in N, k in K
param pi       : simplex[K]
param mu[k]    : real[D]
param Sigma[k] : cov[D]
latent z[n] ~ Categorical(pi)
observed x[n] ~ MvNormal(mu[z[n]], cov=Sigma[z[n]])
"""


def contest(n: int, d: int, k: int) -> Contest:
    """n points in d dimensions, k components."""
    x, mu = clusters(n, d, k)
    start = {"pi": np.full(k, 1 / k), "mu": mu, "Sigma": np.tile(np.eye(d), (k, 1, 1))}
    module = emitted(MODEL, K=k)

    def ours() -> Arrays:
        statistics, _ = module.e_step({"x": x}, start)
        return module.m_step(statistics, start)

    peer = GaussianMixture(k, reg_covar=0)

    def theirs() -> Arrays:
        peer.weights_, peer.means_, peer.covariances_ = start["pi"], mu, start["Sigma"]
        peer.precisions_cholesky_ = start["Sigma"]  # the unit matrix is its own inverse and factor
        _, log_responsibilities = peer._e_step(x)
        peer._m_step(x, log_responsibilities)
        return {"pi": peer.weights_, "mu": peer.means_, "Sigma": peer.covariances_}

    return Contest(f"Gaussian mixture, full, N={n:.0e} D={d} K={k}", "scikit-learn", ours, theirs)


CONTESTS = (
    ("mixture-full-small", partial(contest, 1_000_000, 2, 3)),
    ("mixture-full-large", partial(contest, 200_000, 16, 16)),
)
