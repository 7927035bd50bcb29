"""Gaussian hidden Markov model, beside hmmlearn: one EM iteration of one long series and of many short ones.

hmmlearn has no public single iteration; `fit` with n_iter=1 from given parameters is one. Its priors are set to none.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from hmmlearn.hmm import GaussianHMM

from benchmarks.contest import Arrays, Contest, emitted

MODEL = """
model Chain(K = 2)
plate s in S, k in K
time t in T[s]
param start : simplex[K]
param A[k]  : simplex[K]
param mu[k] : real
param v[k]  : positive
latent z[s, 0] ~ Categorical(start)
latent z[s, t] ~ Categorical(A[z[s, t-1]])
observed y[s, t] ~ Normal(mu[z[s, t]], var=v[z[s, t]])
"""


def contest(series: int, length: int, k: int) -> Contest:
    """`series` series of `length` steps each, k states."""
    rng = np.random.default_rng(0)
    move = rng.random((series, length)) < 0.1  # a state is left with probability 0.1 · (k-1)/k
    drawn = rng.integers(k, size=(series, length))
    last_move = np.maximum.accumulate(np.where(move, np.arange(length), 0), axis=1)
    y = 3.0 * np.take_along_axis(drawn, last_move, axis=1) + rng.normal(size=(series, length))
    start = {
        "start": np.full(k, 1 / k),
        "A": np.full((k, k), 0.1 / k) + 0.9 * np.eye(k),
        "mu": 3.0 * np.arange(k) + 0.5,
        "v": np.ones(k),
    }
    module = emitted(MODEL, K=k)
    data = {"y": list(y)}

    def ours() -> Arrays:
        statistics, _ = module.e_step(data, start)
        return module.m_step(statistics, start)

    lengths = np.full(series, length)

    def theirs() -> Arrays:
        peer = GaussianHMM(
            k, "diag", n_iter=1, tol=-np.inf, init_params="", min_covar=0, covars_prior=0, covars_weight=1
        )
        peer.startprob_, peer.transmat_ = start["start"], start["A"]
        peer.means_, peer.covars_ = start["mu"][:, None], start["v"][:, None]
        peer.fit(y.reshape(-1, 1), lengths)
        return {"start": peer.startprob_, "A": peer.transmat_, "mu": peer.means_[:, 0], "v": peer.covars_[:, 0, 0]}

    return Contest(f"Gaussian hidden Markov, {series} × {length:.0e}, K={k}", "hmmlearn", ours, theirs)


CONTESTS = (
    ("hidden-markov-long", partial(contest, 1, 1_000_000, 4)),
    ("hidden-markov-many", partial(contest, 1000, 1000, 8)),
)
