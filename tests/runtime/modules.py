"""Two modules in the form that the compiler emits, written by hand: mixtures of Poisson and of normal laws.

z[n] ~ Categorical(pi),  y[n] ~ Poisson(rate[z[n]])        or  Normal(mu[z[n]], var=v[z[n]])
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy.special import gammaln, logsumexp, xlogy


class DegenerateError(ValueError):
    """A component lost its rows."""


def mixture(**changes: Any) -> SimpleNamespace:
    """A two-component Poisson mixture; `changes` replace functions of the module."""

    def log_joint(data: Any, params: Any) -> Any:
        y, rate = data["y"][:, None], params["rate"]
        with np.errstate(divide="ignore"):
            return np.log(params["pi"]) + xlogy(y, rate) - rate - gammaln(y + 1)

    def initialise(data: Any, rng: np.random.Generator) -> Any:
        return {"pi": np.full(2, 0.5), "rate": data["y"].mean() * rng.uniform(0.5, 1.5, 2)}

    def e_step(data: Any, params: Any) -> Any:
        logs = log_joint(data, params)
        evidence = logsumexp(logs, axis=1)
        r = np.exp(logs - evidence[:, None])
        w = data.get("weights.n", np.ones(len(r)))
        return {"N": w @ r, "S": (w * data["y"]) @ r}, float(w @ evidence)

    def m_step(statistics: Any, params: Any) -> Any:
        if (statistics["N"] < 1e-12).any():
            raise DegenerateError("component 1 of `rate` has no rows")
        return {"pi": statistics["N"] / statistics["N"].sum(), "rate": statistics["S"] / statistics["N"]}

    def posterior(data: Any, params: Any) -> Any:
        logs = log_joint(data, params)
        return {"z": {"probabilities": np.exp(logs - logsumexp(logs, axis=1, keepdims=True))}}

    module = SimpleNamespace(
        initialise=initialise, e_step=e_step, m_step=m_step, posterior=posterior,
        objective=lambda log_likelihood, params: log_likelihood,
        prepare=lambda data, params: dict(data),
        WEIGHTED=("n",),
        estimates=dict, from_estimates=lambda estimates, params: dict(estimates), DegenerateError=DegenerateError,
        PARAMETERS=("pi", "rate"), UPDATES=(("pi", ("pi",)), ("rate", ("rate",))),
        OBJECTIVE="log likelihood", SUPPORTS={"pi": "simplex", "rate": "positive"},
    )  # fmt: skip
    return SimpleNamespace(**(vars(module) | changes))


def normal_mixture(floor: float, initialise: Any) -> SimpleNamespace:
    """Two normal components whose variances are floored, so that the likelihood has a false summit at the floor."""

    def log_joint(data: Any, params: Any) -> Any:
        y, v = data["y"][:, None], params["v"]
        return np.log(params["pi"]) - 0.5 * (y - params["mu"]) ** 2 / v - 0.5 * np.log(2 * np.pi * v)

    def e_step(data: Any, params: Any) -> Any:
        logs = log_joint(data, params)
        evidence = logsumexp(logs, axis=1)
        r = np.exp(logs - evidence[:, None])
        mean = data["y"] @ r / r.sum(axis=0)
        return {
            "N": r.sum(axis=0), "S1": data["y"] @ r, "S2": ((data["y"][:, None] - mean) ** 2 * r).sum(axis=0),
        }, float(evidence.sum())  # fmt: skip

    def m_step(statistics: Any, params: Any) -> Any:
        n = statistics["N"]
        return {"pi": n / n.sum(), "mu": statistics["S1"] / n, "v": np.maximum(statistics["S2"] / n, floor)}

    return SimpleNamespace(
        initialise=initialise, e_step=e_step, m_step=m_step, objective=lambda log_likelihood, params: log_likelihood,
        prepare=lambda data, params: dict(data),
        WEIGHTED=("n",),
        estimates=dict, from_estimates=lambda estimates, params: dict(estimates), DegenerateError=DegenerateError,
        PARAMETERS=("pi", "mu", "v"), UPDATES=(("pi", ("pi",)), ("mu", ("mu",)), ("v", ("v",))),
        OBJECTIVE="log likelihood", SUPPORTS={"pi": "simplex", "mu": "real", "v": "positive"},
    )  # fmt: skip


def counts(n: int = 300, seed: int = 0) -> dict[str, Any]:
    """Counts from an equal mixture of rates 2 and 9."""
    rng = np.random.default_rng(seed)
    return {"y": rng.poisson(np.where(rng.random(n) < 0.5, 2.0, 9.0)).astype(np.int64)}
