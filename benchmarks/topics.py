"""Latent Dirichlet allocation, beside scikit-learn's batch algorithm: a whole fit, to an equal evidence lower bound.

Both start from the same topics. scikit-learn makes its passes (it starts every document afresh in each); ours iterates
until its bound, which is the same function, is as high.
"""

from __future__ import annotations

from functools import partial

import numpy as np
from scipy import sparse
from sklearn.decomposition import LatentDirichletAllocation

from benchmarks.contest import Arrays, Contest, emitted

MODEL = """
model Topics(K = 2)
plate d in D, i in I, k in K
given doc[i] : index[D]
param phi[k]    : simplex[V] ~ Dirichlet(1/K)
latent theta[d] : simplex[K] ~ Dirichlet(1/K)
latent z[i] ~ Categorical(theta[doc[i]])
observed word[i] ~ Categorical(phi[z[i]])
"""


def contest(documents: int, v: int, k: int, passes: int = 10) -> Contest:
    """So many documents of 150 words on average, v words in the vocabulary, k topics."""
    rng = np.random.default_rng(0)
    topics = rng.dirichlet(np.full(v, 0.05), size=k)
    shares = rng.dirichlet(np.full(k, 0.2), size=documents)
    counts = sparse.csr_matrix(
        np.stack([rng.multinomial(rng.poisson(150), share @ topics) for share in shares]), dtype=float
    )
    doc = np.repeat(np.arange(documents), np.diff(counts.indptr))
    word = counts.indices.astype(int)
    peer = LatentDirichletAllocation(k, learning_method="batch", max_iter=passes, random_state=0)
    peer._check_non_neg_array(counts, reset_n_features=True, whom="fit")
    peer._init_latent_vars(v, dtype=float)
    start = {"phi.concentration": peer.components_.copy()}
    module = emitted(MODEL, method="vb", K=k)
    data = {"doc": doc, "word": word, "weights.i": counts.data}

    def theirs() -> Arrays:
        peer._init_latent_vars(v, dtype=float)
        peer.components_ = start["phi.concentration"].copy()
        expected = np.exp(module.expected_log(peer.components_))
        peer.exp_dirichlet_component_ = expected
        for _ in range(passes):
            peer._em_step(counts, documents, batch_update=True)
        return {}

    theirs()
    shares_found, _ = peer._e_step(counts, cal_sstats=False, random_init=False)
    bound = peer._approx_bound(counts, shares_found, False)

    def ours() -> Arrays:
        prepared, params = {**module.prepare(data, start), "state": {}}, start
        for iterations in range(1, 1000):
            statistics, likelihood = module.e_step(prepared, params)
            if module.objective(likelihood, params) >= bound:
                break
            params = module.m_step(statistics, params)
        ours.iterations = iterations  # type: ignore[attr-defined]
        peer.components_ = params["phi.concentration"]
        return {}

    ours()
    reached, _ = peer._e_step(counts, cal_sstats=False, random_init=False)
    gap = max(bound - peer._approx_bound(counts, reached, False), 0.0)  # how far ours falls short by their own measure
    name = f"LDA to the bound of {passes} passes, {documents} documents, V={v:.0e} K={k} ({ours.iterations} iterations)"  # type: ignore[attr-defined]
    return Contest(name, "scikit-learn", lambda: (ours(), {"bound": np.array(bound - gap)})[1], lambda: (theirs(), {"bound": np.array(bound)})[1], 1e-3)


CONTESTS = (("topics", partial(contest, 2000, 10_000, 50)),)
