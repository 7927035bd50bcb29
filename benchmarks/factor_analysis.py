"""Factor analysis, beside scikit-learn: a whole fit.

scikit-learn finds the best loadings for given noise by a singular value decomposition in each iteration, so its
iterates are not those of plain EM: it needs few, and each costs a pass over the data. The emitted module passes over
them once. In the first contest both run until they stand at the optimum, where the noise variances are compared. In the
second scikit-learn has its own defaults and the emitted module those of `fit`, one start: it stops nearer the optimum.
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


def contest(n: int, d: int, h: int, *, to_the_optimum: bool) -> Contest:
    """n rows of d variables, h factors; both sides run to the optimum, or as far as their defaults take them."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, h)) @ rng.normal(size=(h, d)) + rng.uniform(0.5, 1.5, size=d) * rng.normal(size=(n, d))
    module = emitted(MODEL, H=h)
    start = {"b": x.mean(axis=0), "W": rng.normal(size=(d, h)), "v": x.var(axis=0)}

    def ours() -> Arrays:
        params, _ = module.fit({"x": x}, start, max_iter=2000, tol=1e-12 if to_the_optimum else 1e-8)
        return {"v": params["v"]}

    def theirs() -> Arrays:
        accurate = {"tol": 1e-12 * n, "max_iter": 2000, "svd_method": "lapack"} if to_the_optimum else {}
        peer = FactorAnalysis(h, **accurate).fit(x)
        return {"v": peer.noise_variance_}

    how = "to the optimum" if to_the_optimum else "with defaults"
    return Contest(f"factor analysis {how}, N={n:.0e} D={d} H={h}", "scikit-learn", ours, theirs, 1e-3)


CONTESTS = (
    ("factor-analysis", partial(contest, 100_000, 64, 8, to_the_optimum=True)),
    ("factor-analysis", partial(contest, 100_000, 64, 8, to_the_optimum=False)),
)
