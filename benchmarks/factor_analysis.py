"""Factor analysis, beside scikit-learn: a whole fit.

scikit-learn finds the best loadings for given noise by a singular value decomposition in each iteration, so its
iterates are not those of plain EM; both run until they stand at the optimum, where the noise variances are compared.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from sklearn.decomposition import FactorAnalysis

from benchmarks.contest import Arrays, Contest, emitted

MODEL = """
model Factors(H = 2)
plate n in N, d in D
param b[d] : real
param W[d] : real[H]
param v[d] : positive
latent f[n] : real[H] ~ MvNormal(0, cov=eye(H))
observed x[n, d] ~ Normal(W[d] @ f[n] + b[d], var=v[d])
"""


def contest(n: int, d: int, h: int) -> Contest:
    """n rows of d variables, h factors; both sides run to the optimum."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, h)) @ rng.normal(size=(h, d)) + rng.uniform(0.5, 1.5, size=d) * rng.normal(size=(n, d))
    module = emitted(MODEL, H=h)
    start = {"b": x.mean(axis=0), "W": rng.normal(size=(d, h)), "v": x.var(axis=0)}

    def ours() -> Arrays:
        params, _ = module.fit({"x": x}, start, max_iter=2000, tol=1e-12)
        return {"v": params["v"]}

    def theirs() -> Arrays:
        peer = FactorAnalysis(h, tol=1e-12 * n, max_iter=2000, svd_method="lapack").fit(x)
        return {"v": peer.noise_variance_}

    return Contest(f"factor analysis to the optimum, N={n:.0e} D={d} H={h}", "scikit-learn", ours, theirs, 1e-3)


CONTESTS = (("factor-analysis", partial(contest, 100_000, 32, 4)),)
