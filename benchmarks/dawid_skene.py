"""Dawid and Skene's model of raters, labels addressed by index arrays, beside crowd-kit: one EM iteration.

crowd-kit's loop in `fit` also computes a bound each time, which is left out here.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd
from crowdkit.aggregation import DawidSkene

from benchmarks.contest import Arrays, Contest, emitted

MODEL = """
model DawidSkene(K = 2)
plate i in I, r in R, a in A, k in K
given item[a]  : index[I]
given rater[a] : index[R]
param pi         : simplex[K]
param conf[r, k] : simplex[K]
latent t[i] ~ Categorical(pi)
observed y[a] ~ Categorical(conf[rater[a], t[item[a]]])
"""


def contest(labels: int, items: int, raters: int, k: int) -> Contest:
    """So many labels of items by raters, k classes."""
    rng = np.random.default_rng(0)
    truth = rng.integers(k, size=items)
    item, rater = rng.integers(items, size=labels), rng.integers(raters, size=labels)
    item[:items], rater[:raters] = np.arange(items), np.arange(raters)
    right = rng.random(labels) < rng.uniform(0.5, 0.95, size=raters)[rater]
    y = np.where(right, truth[item], rng.integers(k, size=labels))
    data = {"item": item, "rater": rater, "y": y}
    conf = 0.5 * np.eye(k) + rng.uniform(0.1, 0.2, size=(raters, k, k))
    conf /= conf.sum(axis=2, keepdims=True)
    start = {"pi": np.full(k, 1 / k), "conf": conf}
    module = emitted(MODEL, K=k)
    prepared = module.prepare(data, start)

    def ours() -> Arrays:
        statistics, _ = module.e_step(prepared, start)
        return module.m_step(statistics, start)

    frame = pd.DataFrame({"task": item, "worker": rater, "label": y})
    rows = pd.MultiIndex.from_product([range(raters), range(k)], names=["worker", "label"])
    errors = pd.DataFrame(conf.swapaxes(1, 2).reshape(-1, k), index=rows, columns=range(k))

    def theirs() -> Arrays:
        probabilities = DawidSkene._e_step(frame, pd.Series(start["pi"]), errors)
        priors = probabilities.mean()
        found = DawidSkene._m_step(frame, probabilities).reindex(rows, fill_value=0.0)
        return {"pi": priors.to_numpy(), "conf": found.to_numpy().reshape(raters, k, k).swapaxes(1, 2)}

    name = f"Dawid-Skene, {labels:.0e} labels, {items:.0e} items, {raters} raters, K={k}"
    return Contest(name, "crowd-kit", ours, theirs)


CONTESTS = (("dawid-skene", partial(contest, 1_000_000, 100_000, 1000, 4)),)
