"""Variational Gaussian mixture (Bishop 2006, 10.2), beside scikit-learn: one iteration, and the fixed point of both.

The two write the parameters of q differently, so they share the start by its means: those that scikit-learn finds when
every point belongs to its nearest centre. After SETTLE iterations both stand at the fixed point, and there the
posterior means are compared and the iteration is timed.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy.spatial import cKDTree
from sklearn.mixture import BayesianGaussianMixture

from benchmarks.contest import Arrays, Contest, emitted
from benchmarks.mixtures import clusters

MODEL = """
model Mixture(K = 2, df = 2)
plate n in N, k in K
param pi       : simplex[K] ~ Dirichlet(1)
param mu[k]    : real[D] ~ MvNormal(0, cov=Sigma[k])
param Sigma[k] : cov[D] ~ InvWishart(df, scale=eye(D))
latent z[n] ~ Categorical(pi)
observed x[n] ~ MvNormal(mu[z[n]], cov=Sigma[z[n]])
"""

SETTLE = 100


def contest(n: int, d: int, k: int) -> Contest:
    """n points in d dimensions, k components."""
    x, centres = clusters(n, d, k)
    nearest = np.eye(k)[cKDTree(centres).query(x)[1]]
    peer = BayesianGaussianMixture(
        n_components=k,
        weight_concentration_prior_type="dirichlet_distribution",
        weight_concentration_prior=1.0,
        mean_prior=np.zeros(d),
        mean_precision_prior=1.0,
        degrees_of_freedom_prior=d + 2.0,
        covariance_prior=np.eye(d),
        reg_covar=0,
    )
    peer._check_parameters(x)
    peer._initialize(x, nearest)

    def theirs() -> Arrays:
        _, log_responsibilities = peer._e_step(x)
        peer._m_step(x, log_responsibilities)
        return {"pi": peer.weight_concentration_ / peer.weight_concentration_.sum(), "mu": peer.means_}

    module = emitted(MODEL, method="vb", K=k, df=d + 2)
    data = {"x": x}
    estimates = {"pi": peer.weight_concentration_ / (n + k), "mu": peer.means_, "Sigma": peer.covariances_}
    params = module.from_estimates(estimates, module.initialise(data, np.random.default_rng(0)))

    def ours() -> Arrays:
        nonlocal params
        statistics, _ = module.e_step(data, params)
        params = module.m_step(statistics, params)
        found = module.estimates(params)
        return {"pi": found["pi"], "mu": found["mu"]}

    for _ in range(SETTLE):
        ours()
        theirs()
    return Contest(f"variational Gaussian mixture, N={n:.0e} D={d} K={k}", "scikit-learn", ours, theirs)


CONTESTS = (("mixture-variational", partial(contest, 200_000, 8, 10)),)
