"""Hidden Markov models, beside hmmlearn: one EM iteration.

hmmlearn runs with its scaled messages, which are faster than its logarithms, and without its priors.
"""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
from hmmlearn.hmm import CategoricalHMM, GaussianHMM

from benchmarks.contest import Arrays, Contest, emitted

GAUSSIAN = """
model Hmm(K = 2)
plate s in S, k in K, d in D
time t in T
param start : simplex[K]
param A[k]  : simplex[K]
param mu[k, d] : real
param v[k, d]  : positive
latent z[s, 0] ~ Categorical(start)
latent z[s, t] ~ Categorical(A[z[s, t-1]])
observed x[s, t, d] ~ Normal(mu[z[s, t], d], var=v[z[s, t], d])
"""

CATEGORICAL = """
model Hmm(K = 2)
plate s in S, k in K
time t in T
param start  : simplex[K]
param A[k]   : simplex[K]
param phi[k] : simplex[M]
latent z[s, 0] ~ Categorical(start)
latent z[s, t] ~ Categorical(A[z[s, t-1]])
observed x[s, t] ~ Categorical(phi[z[s, t]])
"""


def paths(rng: np.random.Generator, series: int, length: int, k: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """States (series, length) that stay for a while, and a start of the chain's parameters."""
    moves = (rng.random((series, length)) < 0.1) * rng.integers(1, k, size=(series, length))
    states = (rng.integers(k, size=(series, 1)) + moves.cumsum(axis=1)) % k
    transition = 0.8 * np.eye(k) + rng.uniform(0.1, 0.3, size=(k, k)) / k
    return states, {"start": np.full(k, 1 / k), "A": transition / transition.sum(axis=1, keepdims=True)}


def gaussian(series: int, length: int, k: int, d: int = 1) -> Contest:
    """Diagonal normal emissions of d dimensions."""
    rng = np.random.default_rng(0)
    states, start = paths(rng, series, length, k)
    centres = 3 * rng.normal(size=(k, d))
    x = centres[states] + rng.normal(size=(series, length, d))
    start |= {"mu": centres + 0.3 * rng.normal(size=(k, d)), "v": np.ones((k, d))}
    peer = GaussianHMM(k, covariance_type="diag", covars_prior=0, covars_weight=1, min_covar=0)

    def prepare(peer: GaussianHMM) -> None:
        peer.means_, peer.covars_ = start["mu"], start["v"]

    def found(peer: GaussianHMM) -> Arrays:
        return {"mu": peer.means_, "v": np.diagonal(peer.covars_, axis1=1, axis2=2)}

    name = f"Gaussian HMM, {series} × {length:.0e}, K={k} D={d}"
    return _contest(name, emitted(GAUSSIAN, K=k), {"x": x}, start, peer, x.reshape(-1, d), length, prepare, found)


def categorical(series: int, length: int, k: int, m: int) -> Contest:
    """Emissions of m categories."""
    rng = np.random.default_rng(0)
    states, start = paths(rng, series, length, k)
    truth = rng.dirichlet(np.full(m, 0.1), size=k)
    uniform = rng.random(states.shape)
    x = np.zeros(states.shape, dtype=int)
    for state in range(k):
        chosen = states == state
        x[chosen] = np.searchsorted(truth[state].cumsum()[:-1], uniform[chosen])
    x.flat[:m] = np.arange(m)
    phi = truth + 0.5 * rng.random((k, m)) / m
    start |= {"phi": phi / phi.sum(axis=1, keepdims=True)}
    peer = CategoricalHMM(k, n_features=m)

    def prepare(peer: CategoricalHMM) -> None:
        peer.emissionprob_ = start["phi"]

    def found(peer: CategoricalHMM) -> Arrays:
        return {"phi": peer.emissionprob_}

    name = f"categorical HMM, {series} × {length:.0e}, K={k} M={m}"
    return _contest(name, emitted(CATEGORICAL, K=k), {"x": x}, start, peer, x.reshape(-1, 1), length, prepare, found)


def _contest(name, module, data, start, peer, flat, length, prepare, found) -> Contest:  # type: ignore[no-untyped-def]
    prepared = module.prepare(data, start)
    lengths = np.full(len(flat) // length, length)
    peer.set_params(n_iter=1, init_params="", implementation="scaling")

    def ours() -> Arrays:
        statistics, likelihood = module.e_step(prepared, start)
        return {**module.m_step(statistics, start), "log likelihood": np.array(likelihood)}

    def theirs() -> Arrays:
        peer.startprob_, peer.transmat_ = start["start"], start["A"]
        prepare(peer)
        with warnings.catch_warnings(action="ignore"):
            peer.fit(flat, lengths)
        likelihood = np.array(peer.monitor_.history[-1])
        return {"start": peer.startprob_, "A": peer.transmat_, "log likelihood": likelihood, **found(peer)}

    return Contest(name, "hmmlearn", ours, theirs)


CONTESTS = (
    ("hmm-gaussian-long", partial(gaussian, 1, 1_000_000, 4)),
    ("hmm-gaussian-many", partial(gaussian, 1000, 1000, 8)),
    ("hmm-gaussian-states", partial(gaussian, 1, 100_000, 64)),
    ("hmm-categorical", partial(categorical, 1, 1_000_000, 16, 256)),
)
