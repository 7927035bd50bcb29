"""Factors with priors on loadings and noise, by mean field, beside BayesPy: an iteration from the same posteriors.

One iteration updates the factors, the loadings and the precision in this order; after it the posteriors are compared.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from bayespy.inference import VB
from bayespy.nodes import Gamma, GaussianARD, SumMultiply

from benchmarks.contest import Arrays, Contest, emitted

MODEL = """
model Factors(H = 2)
plate n in N, d in D
param W[d] : real[H] ~ MvNormal(zeros(H), cov=eye(H))
param tau : positive ~ Gamma(0.01, rate=0.01)
latent x[n] ~ MvNormal(zeros(H), cov=eye(H))
observed y[n, d] ~ Normal(W[d] @ x[n], prec=tau)
"""


def contest(rows: int, columns: int, factors: int) -> Contest:
    rng = np.random.default_rng(0)
    y = rng.normal(size=(rows, factors)) @ rng.normal(size=(factors, columns)) + 0.5 * rng.normal(size=(rows, columns))
    module = emitted(MODEL, method="vb", H=factors)
    start = {
        "W.mean": rng.normal(size=(columns, factors)),
        "W.precision": np.broadcast_to(np.eye(factors), (columns, factors, factors)).copy(),
        "tau.shape": np.array(2.0),
        "tau.rate": np.array(1.0),
    }
    data = module.prepare({"y": y}, start)

    def ours() -> Arrays:
        params = module.m_step(module.e_step(data, start)[0], start)
        shape, rate = params["tau.shape"], params["tau.rate"]
        return {"W": params["W.mean"], "precision": params["W.precision"], "tau": shape / rate}

    def peer() -> tuple[Any, Any, Any, Any]:
        x = GaussianARD(0, 1, plates=(1, rows), shape=(factors,))
        w = GaussianARD(0, 1, plates=(columns, 1), shape=(factors,))
        tau = Gamma(0.01, 0.01)
        observed = GaussianARD(SumMultiply("d,d->", x, w), tau)
        observed.observe(y.T)
        return VB(observed, x, w, tau), x, w, tau

    def restart(w: Any, tau: Any) -> None:
        w.initialize_from_parameters(start["W.mean"][:, None], 1.0)
        tau.initialize_from_parameters(2.0, 1.0)

    inference, x, w, tau = peer()

    def theirs() -> Arrays:
        restart(w, tau)
        inference.update(x, w, tau, verbose=False)
        mean, second = w.get_moments()
        covariance = second[:, 0] - mean[:, 0, :, None] * mean[:, 0, None, :]
        return {"W": mean[:, 0], "precision": np.linalg.inv(covariance), "tau": tau.get_moments()[0]}

    return Contest(f"mean-field factors, {rows:.0e} × {columns}, {factors} factors", "bayespy", ours, theirs)


CONTESTS = (("mean field", partial(contest, 20_000, 32, 4)),)
