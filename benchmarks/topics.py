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


def contest(documents: int, v: int, k: int, passes: int = 5) -> Contest:
    """So many documents of 150 words on average, v words in the vocabulary, k topics."""
    rng = np.random.default_rng(0)
    topics = rng.dirichlet(np.full(v, 0.05), size=k)
    mixed = rng.dirichlet(np.full(k, 0.2), size=documents) @ topics
    counts = sparse.csr_matrix(np.stack([rng.multinomial(rng.poisson(150), law) for law in mixed]), dtype=float)
    doc = np.repeat(np.arange(documents), np.diff(counts.indptr))
    word = counts.indices.astype(int)
    peer = LatentDirichletAllocation(k, learning_method="batch", max_iter=passes, random_state=0)
    peer._check_non_neg_array(counts, reset_n_features=True, whom="fit")
    peer._init_latent_vars(v, dtype=float)
    start = {"phi.concentration": peer.components_.copy()}
    module = emitted(MODEL, method="vb", K=k)
    data = {"doc": doc, "word": word, "weights.i": counts.data}

    def score(components: np.ndarray) -> float:
        """The bound at these topics by scikit-learn's own function, with every document settled anew."""
        peer.components_ = components.copy()
        peer.exp_dirichlet_component_ = np.exp(module.expected_log(components))
        shares, _ = peer._e_step(counts, cal_sstats=False, random_init=False)
        return float(peer._approx_bound(counts, shares, False))

    def passed() -> None:
        peer.components_ = start["phi.concentration"].copy()
        peer.exp_dirichlet_component_ = np.exp(module.expected_log(peer.components_))
        for _ in range(passes):
            peer._em_step(counts, documents, batch_update=True)

    passed()
    bound = score(peer.components_)

    def iterated() -> tuple[np.ndarray, int]:
        prepared, params, iterations = {**module.prepare(data, start), "state": {}}, start, 1
        while True:
            statistics, likelihood = module.e_step(prepared, params)
            if module.objective(likelihood, params) >= bound:
                return params["phi.concentration"], iterations
            params, iterations = module.m_step(statistics, params), iterations + 1

    components, iterations = iterated()
    short = max(bound - score(components), 0.0)

    def ours() -> Arrays:
        iterated()
        return {"bound": np.array(bound - short)}

    def theirs() -> Arrays:
        passed()
        return {"bound": np.array(bound)}

    name = f"LDA to the bound of {passes} passes, {documents} documents, V={v:.0e} K={k} ({iterations} iterations)"
    return Contest(name, "scikit-learn", ours, theirs, 1e-3)


CONTESTS = (("topics", partial(contest, 2000, 10_000, 50)),)
