"""Latent classes with missing answers, items of two and of three categories, beside StepMix: one EM iteration."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from stepmix import StepMix

from benchmarks.contest import Arrays, Contest, emitted

MODEL = """
model LatentClasses(K = 2)
plate n in N, k in K, i in I, j in J
param pi          : simplex[K]
param two[k, i]   : simplex[2]
param three[k, j] : simplex[3]
latent z[n] ~ Categorical(pi)
observed a[n, i] missing ~ Categorical(two[z[n], i])
observed b[n, j] missing ~ Categorical(three[z[n], j])
"""

ITEMS = 5  # of each kind


def contest(n: int, k: int) -> Contest:
    """n respondents, k classes, a tenth of the answers missing."""
    rng = np.random.default_rng(0)
    kind = rng.integers(k, size=n)

    def answers(categories: int) -> tuple[np.ndarray, np.ndarray]:
        """Answers (n, i), and a start (k, i, categories) near the truth."""
        truth = rng.dirichlet(np.ones(categories), size=(k, ITEMS))
        drawn = (rng.random((n, ITEMS, 1)) > truth[kind].cumsum(axis=-1)[..., :-1]).sum(axis=-1).astype(float)
        drawn[rng.random(drawn.shape) < 0.1] = np.nan
        start = truth + 0.3 * rng.random(truth.shape)
        return drawn, start / start.sum(axis=-1, keepdims=True)

    (a, two), (b, three) = answers(2), answers(3)
    start = {"pi": np.full(k, 1 / k), "two": two, "three": three}
    module = emitted(MODEL, K=k)
    data = {"a": a, "b": b}

    def ours() -> Arrays:
        statistics, _ = module.e_step(data, start)
        return module.m_step(statistics, start)

    # StepMix gives every item the largest number of categories
    x = np.hstack([a, b])
    padded = np.concatenate([np.pad(two, ((0, 0), (0, 0), (0, 1))), three], axis=1).reshape(k, -1)
    peer = StepMix(n_components=k, measurement="categorical_nan", verbose=0, progress_bar=0, max_iter=1)
    with warnings.catch_warnings(action="ignore", category=ConvergenceWarning):
        peer.fit(x[:100])  # it has its emission model only after a fit
    peer._mm.parameters.update(max_n_outcomes=3, total_outcomes=5 * ITEMS)

    def theirs() -> Arrays:
        peer.weights_ = start["pi"]
        peer._mm.parameters["pis"] = padded
        _, log_responsibilities = peer._e_step(x)
        peer._m_step(x, np.exp(log_responsibilities))
        found = peer._mm.parameters["pis"].reshape(k, 2 * ITEMS, 3)
        return {"pi": peer.weights_, "two": found[:, :ITEMS, :2], "three": found[:, ITEMS:]}

    return Contest(f"latent classes, {n:.0e} × {2 * ITEMS}, missing values, K={k}", "stepmix", ours, theirs)


CONTESTS = (("latent-classes", partial(contest, 100_000, 3)),)
