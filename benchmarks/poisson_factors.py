"""Counts as Poisson sums of products, beside scikit-learn's NMF under the Kullback-Leibler divergence.

Its multiplicative updates take new shares between the two factors, EM does not: a whole fit each, to an equal
likelihood. The contest counts passes of theirs, and iterations of ours until the likelihood is as high.
"""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
from scipy import stats
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

from benchmarks.contest import Arrays, Contest, emitted

MODEL = """
model Parts(K = 2)
plate n in N, d in D, k in K
param W[n, k] : positive
param H[k, d] : positive
observed y[n, d] ~ Poisson(sum(W[n, k] * H[k, d], k))
"""


def contest(rows: int, columns: int, parts: int, passes: int = 30) -> Contest:
    rng = np.random.default_rng(0)
    y = rng.poisson(rng.gamma(0.5, size=(rows, parts)) @ rng.gamma(0.5, size=(parts, columns))).astype(float)
    w, h = rng.gamma(2.0, size=(rows, parts)), rng.gamma(2.0, size=(parts, columns))
    module = emitted(MODEL, K=parts)
    start = {"W": w, "H": h, "given.y": y}
    data = module.prepare({"y": y}, start)

    def passed() -> tuple[np.ndarray, np.ndarray]:
        peer = NMF(parts, init="custom", solver="mu", beta_loss="kullback-leibler", max_iter=passes, tol=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            found = peer.fit_transform(y, W=w.copy(), H=h.copy())
        return found, peer.components_

    likelihood = float(stats.poisson.logpmf(y, np.matmul(*passed())).sum())

    def iterated() -> tuple[float, int]:
        params, iterations = start, 0
        while True:
            statistics, reached = module.e_step(data, params)
            if reached >= likelihood:
                return reached, iterations
            params, iterations = module.m_step(statistics, params), iterations + 1

    beyond = iterated()[0] - likelihood

    def ours() -> Arrays:
        return {"likelihood": np.array(iterated()[0] - beyond)}

    def theirs() -> Arrays:
        passed()
        return {"likelihood": np.array(likelihood)}

    iterations = iterated()[1]
    name = (
        f"Poisson factors to the likelihood of {passes} passes, {rows} × {columns}, K={parts} ({iterations} iterations)"
    )
    return Contest(name, "scikit-learn", ours, theirs)


CONTESTS = (("poisson factors", partial(contest, 2000, 1000, 20)),)
