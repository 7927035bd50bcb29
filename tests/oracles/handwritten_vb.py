"""Variational Bayes by hand for y[n] ~ Poisson(rate), rate ~ Gamma(2, rate=0.5); here the bound is the log evidence.

q(rate) = Gamma(shape, rate),  shape = 2 + Σ y,  rate = 0.5 + N
bound = Σ_n E log p(y_n | rate) + E log p(rate) - E log q(rate)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import digamma, gammaln

Values = Mapping[str, Any]
SHAPE, RATE = 2.0, 0.5


@dataclass(frozen=True)
class PoissonPosterior:
    """The protocol's functions under `vb`; `fault` names a mistake to make."""

    fault: str = ""
    PARAMETERS = ("rate",)
    UPDATES = (("rate", ("rate.shape", "rate.rate")),)

    def initialise(self, data: Values, rng: np.random.Generator) -> dict[str, Any]:
        return {"rate.shape": np.array(rng.uniform(1, 2)), "rate.rate": np.array(1.0)}

    def _expectations(self, params: Values) -> tuple[Any, Any]:
        return params["rate.shape"] / params["rate.rate"], digamma(params["rate.shape"]) - np.log(params["rate.rate"])

    def e_step(self, data: Values, params: Values) -> tuple[dict[str, Any], float]:
        mean, log = self._expectations(params)
        y = data["y"]
        constant = 0.0 if self.fault == "drop a negative term" else gammaln(y + 1)
        return {"sum": np.array(y.sum()), "count": np.array(len(y))}, float(np.sum(y * log - mean - constant))

    def m_step(self, statistics: Values, params: Values) -> dict[str, Any]:
        extra = 1.0 if self.fault == "shape off by one" else 0.0
        return {"rate.shape": SHAPE + extra + statistics["sum"], "rate.rate": RATE + statistics["count"]}

    def objective(self, log_likelihood: float, params: Values) -> float:
        (mean, log), a, b = self._expectations(params), params["rate.shape"], params["rate.rate"]
        prior = SHAPE * np.log(RATE) - gammaln(SHAPE) + (SHAPE - 1) * log - RATE * mean
        entropy = gammaln(a) - a * np.log(b) - (a - 1) * log + b * mean
        return float(log_likelihood + prior + (0.9 * entropy if self.fault == "shrink the entropy" else entropy))

    def estimates(self, params: Values) -> dict[str, Any]:
        return {"rate": params["rate.shape"] / params["rate.rate"]}

    def fit(self, data: Values, params: Values, max_iter: int, tol: float) -> tuple[dict[str, Any], list[float]]:
        new = self.m_step(self.e_step(data, params)[0], params)
        return new, [self.objective(self.e_step(data, new)[1], new)]
