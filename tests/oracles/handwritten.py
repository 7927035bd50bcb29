"""Two mixtures with EM written by hand in the shape of an emitted module, and faults to put into them.

Poisson:  N_k = Σ w r,  pi_k = N_k / N,  rate_k = (Σ w r y + a - 1) / (N_k + b) under rate_k ~ Gamma(a, rate=b)
Gaussian: mu_k = Σ r x / N_k,  Sigma_k = Σ r (x - mu_k)(x - mu_k)ᵀ / N_k
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln, logsumexp

from emdsl.algebra.expressions import Name, Number
from emdsl.model.statements import Definition, Law, Model, Plate, Role, Type, Variable

Values = Mapping[str, Any]

N, K, D = Name("n"), Name("K"), Name("D")


def _mixture(name: str, law: Law, params: tuple[Variable, ...]) -> Model:
    z = Variable("z", Role.LATENT, ("n",), None, (Definition((N,), Law("Categorical", ((None, Name("pi")),))),))
    observed = Variable("y", Role.OBSERVED, ("n",), None, (Definition((N,), law),))
    pi = Variable("pi", Role.PARAM, (), Type("simplex", (K,)))
    return Model(name, (), (Plate("n", "N"), Plate("k", "K")), (pi, *params, z, observed))


def poisson_mixture(prior: bool = False) -> Model:
    """y[n] ~ Poisson(rate[z[n]]), with rate[k] ~ Gamma(2, rate=0.5) when `prior`."""
    gamma = Definition((Name("k"),), Law("Gamma", ((None, Number(2)), ("rate", Number(0.5)))))
    rate = Variable("rate", Role.PARAM, ("k",), Type("positive"), (gamma,) if prior else ())
    return _mixture("PoissonMixture", Law("Poisson", ((None, Name("rate")[Name("z")[N]]),)), (rate,))


def gaussian_mixture() -> Model:
    """y[n] ~ MvNormal(mu[z[n]], cov=Sigma[z[n]])."""
    z = Name("z")[N]
    law = Law("MvNormal", ((None, Name("mu")[z]), ("cov", Name("Sigma")[z])))
    mu = Variable("mu", Role.PARAM, ("k",), Type("real", (D,)))
    return _mixture("GaussianMixture", law, (mu, Variable("Sigma", Role.PARAM, ("k",), Type("cov", (D,)))))


@dataclass(frozen=True)
class Mixture:
    """The protocol's functions around three of a family: log density (n, k), statistics, and M-step."""

    log_density: Callable[[Any, Values], Any]
    gather: Callable[[Any, Any], dict[str, Any]]
    update: Callable[[Values], dict[str, Any]]
    start: Callable[[Any, Any], dict[str, Any]]
    log_prior: Callable[[Values], float]
    UPDATES: tuple[tuple[str, tuple[str, ...]], ...]
    fault: str = ""
    hard: bool = False

    @property
    def PARAMETERS(self) -> tuple[str, ...]:
        return tuple(key for _, keys in self.UPDATES for key in keys)

    def _log_joint(self, data: Values, params: Values) -> Any:
        return np.log(params["pi"]) + self.log_density(data["y"], params)

    def initialise(self, data: Values, rng: np.random.Generator) -> dict[str, Any]:
        return {"pi": np.array([0.4, 0.6]), **self.start(data["y"], rng)}

    def e_step(self, data: Values, params: Values) -> tuple[dict[str, Any], float]:
        joint = self._log_joint(data, params)
        evidence = logsumexp(joint, axis=1)
        weights = data.get("weights.n", np.ones(len(evidence)))
        if self.hard:
            evidence = joint.max(1)
            responsibilities = (joint == evidence[:, None]).astype(float)
        else:
            responsibilities = np.exp(joint - evidence[:, None])
        if self.fault != "forget the weight in the M-step":
            responsibilities = responsibilities * weights[:, None]
        statistics = {"counts": responsibilities.sum(0), **self.gather(data["y"], responsibilities)}
        if self.fault == "average instead of sum":
            statistics = {name: value / len(evidence) for name, value in statistics.items()}
        return statistics, float(np.sum(evidence if self.fault == "forget the weight" else weights * evidence))

    def m_step(self, statistics: Values, params: Values) -> dict[str, Any]:
        counts = statistics["counts"] + (1 if self.fault == "add one to the counts" else 0)
        return {"pi": counts / counts.sum(), **self.update(statistics)}

    def objective(self, log_likelihood: float, params: Values) -> float:
        return log_likelihood + (0.0 if self.fault == "forget the prior" else self.log_prior(params))

    def prepare(self, data: Values, params: Values) -> dict[str, Any]:
        return dict(data)

    def posterior(self, data: Values, params: Values) -> dict[str, Any]:
        joint = self._log_joint(data, params)
        probabilities = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
        return {"z": {"probabilities": probabilities[:, ::-1] if self.fault == "swap the states" else probabilities}}

    def estimates(self, params: Values) -> dict[str, Any]:
        return dict(params)

    def from_estimates(self, estimates: Values, params: Values) -> dict[str, Any]:
        return {**params, **estimates}

    def fit(self, data: Values, params: Values, max_iter: int, tol: float) -> tuple[dict[str, Any], list[float]]:
        current, history = dict(params), [self.objective(self.e_step(data, params)[1], params)]
        for _ in range(max_iter):
            current = self.m_step(self.e_step(data, current)[0], current)
            history.append(self.objective(self.e_step(data, current)[1], current))
            if abs(history[-1] - history[-2]) <= tol * (1 + abs(history[-1])) and tol > 0:
                break
        if self.fault == "stop early":
            return current, history[1:-1]
        return current, history[1:]


def poisson_module(fault: str = "", shape: float = 1.0, rate: float = 0.0) -> Mixture:
    """EM for `poisson_mixture`, with a Gamma(shape, rate) prior on the rates when rate > 0."""

    def log_density(y: Any, params: Values) -> Any:
        constant = 0.0 if fault == "drop the constant" else gammaln(y + 1)[:, None]
        return y[:, None] * np.log(params["rate"]) - params["rate"] - constant

    def update(statistics: Values) -> dict[str, Any]:
        prior = 0.0 if fault == "forget the prior in the M-step" else rate
        return {"rate": (statistics["sums"] + (shape - 1 if prior else 0.0)) / (statistics["counts"] + prior)}

    def log_prior(params: Values) -> float:
        if rate == 0.0:
            return 0.0
        density = shape * np.log(rate) - gammaln(shape) + (shape - 1) * np.log(params["rate"]) - rate * params["rate"]
        return float(density.sum())

    return Mixture(
        log_density,
        lambda y, r: {"sums": y @ r},
        update,
        lambda y, rng: {"rate": y.mean() * rng.uniform(0.3, 2.0, 2)},
        log_prior,
        (("proportions", ("pi",)), ("rates", ("rate",))),
        fault,
    )


def gaussian_module(fault: str = "") -> Mixture:
    """EM for `gaussian_mixture`."""

    def log_density(y: Any, params: Values) -> Any:
        columns = []
        for mean, cov in zip(params["mu"], params["Sigma"], strict=True):
            residual = y - mean
            quadratic = np.sum(residual * np.linalg.solve(cov, residual.T).T, axis=1)
            constant = 0.0 if fault == "drop the constant" else y.shape[1] * np.log(2 * np.pi)
            columns.append(-(quadratic + np.linalg.slogdet(cov)[1] + constant) / 2)
        return np.array(columns).T

    def update(statistics: Values) -> dict[str, Any]:
        counts = statistics["counts"][:, None]
        mean = statistics["sums"] / counts
        divisor = counts - 1 if fault == "divide by n - 1" else counts
        scatter = statistics["squares"] - counts[..., None] * mean[:, :, None] * mean[:, None, :]
        return {"mu": mean, "Sigma": scatter / divisor[..., None]}

    return Mixture(
        log_density,
        lambda y, r: {"sums": r.T @ y, "squares": np.einsum("nk,ni,nj->kij", r, y, y)},
        update,
        lambda y, rng: {"mu": y[rng.choice(len(y), 2, replace=False)], "Sigma": np.array([np.cov(y.T)] * 2)},
        lambda params: 0.0,
        (("proportions", ("pi",)), ("components", ("mu", "Sigma"))),
        fault,
    )
