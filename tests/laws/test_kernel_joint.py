"""Joint posteriors q(v | s) q(s): Normal-Gamma, Normal-Wishart and their inverses.

    log p(x) = log p(x | v, s) + log p(v, s) − log q(v, s),   for every v and s        [Besag1989]

since q is exact where all data are observed. So the bound, and with it the entropy and the moments, is known without an
integral; away from the optimum the bound less the evidence is −KL(q ‖ posterior), for which draws from q stand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.random import Generator
from scipy import stats

from emdsl.api import parse

Values = dict[str, Any]


@dataclass(frozen=True)
class Joint:
    """A model with one joint block, data for it, the law of q, and the log joint of data, location and spread."""

    name: str
    text: str
    data: Callable[[Generator], Values]
    draw: Callable[[Values, Generator], tuple[Any, Any]]
    log_q: Callable[[Values, Any, Any], float]
    log_joint: Callable[[Values, Any, Any], float]

    def __str__(self) -> str:
        return self.name

    def module(self) -> Any:
        return parse(self.text)().program("vb").module


def _normal(x: Any, mean: Any, var: Any) -> float:
    return float(np.sum(stats.norm.logpdf(x, mean, np.sqrt(var))))


def _grouped(rng: Generator) -> Values:
    group = np.arange(13) % 2
    return {"x": rng.normal(3.0 * group, 1.0 + group), "g": group}


def _vectors(rng: Generator) -> Values:
    group = np.arange(15) % 2
    return {"x": rng.normal(size=(15, 3)) @ rng.normal(size=(3, 3)) + 2.0 * group[:, None], "g": group}


def _line(rng: Generator) -> Values:
    design = np.column_stack([np.ones(12), rng.normal(size=12)])
    return {"X": design, "y": design @ np.array([1.0, -2.0]) + rng.normal(0, 0.6, 12)}


def _scalar(name: str, text: str, power: float, prior: Any, ratio: float, shared: bool) -> Joint:
    """mu[k] normal with precision ratio · s**power; s**power is Gamma under q. `shared`: one s for both groups."""

    def draw(q: Values, rng: Generator) -> tuple[Any, Any]:
        s = rng.gamma(q["s.shape"], 1 / q["s.rate"]) ** (1 / power)
        return rng.normal(q["mu.mean"], 1 / np.sqrt(q["mu.precision"] * s**power)), s

    def log_q(q: Values, mu: Any, s: Any) -> float:
        of_s = stats.gengamma.logpdf(s, q["s.shape"], power, scale=q["s.rate"] ** (-1 / power))
        return float(np.sum(of_s)) + _normal(mu, q["mu.mean"], 1 / (q["mu.precision"] * s**power))

    def log_joint(data: Values, mu: Any, s: Any) -> float:
        own = s if shared else s[data["g"]]
        return (
            _normal(data["x"], mu[data["g"]], own**-power)
            + _normal(mu, 1.0, s**-power / ratio)
            + float(np.sum(prior.logpdf(s)))
        )

    return Joint(name, text, _grouped, draw, log_q, log_joint)


def _matrix(name: str, text: str, inverted: bool, prior: Any, ratio: float, shared: bool) -> Joint:
    """mu[k] normal with precision ratio · s[k], or covariance s[k] / ratio where `inverted`."""
    law = stats.invwishart if inverted else stats.wishart

    def covariance(s: Any) -> Any:
        return s if inverted else np.linalg.inv(s)

    def places(q: Values) -> list[tuple[int, ...]]:
        return list(np.ndindex(np.shape(q["s.df"])))

    def draw(q: Values, rng: Generator) -> tuple[Any, Any]:
        s = np.array([law.rvs(q["s.df"][at], q["s.scale"][at], random_state=rng) for at in places(q)])
        s = s.reshape(np.shape(q["s.scale"]))
        spreads = np.broadcast_to(covariance(s), (2, 3, 3)) / np.reshape(q["mu.precision"], (2, 1, 1))
        return np.array([rng.multivariate_normal(m, c) for m, c in zip(q["mu.mean"], spreads, strict=True)]), s

    def log_q(q: Values, mu: Any, s: Any) -> float:
        of_s = sum(law.logpdf(s[at], q["s.df"][at], q["s.scale"][at]) for at in places(q))
        spreads = np.broadcast_to(covariance(s), (2, 3, 3)) / np.reshape(q["mu.precision"], (2, 1, 1))
        located = zip(mu, q["mu.mean"], spreads, strict=True)
        return float(of_s + sum(stats.multivariate_normal.logpdf(v, m, c) for v, m, c in located))

    def log_joint(data: Values, mu: Any, s: Any) -> float:
        spreads = np.broadcast_to(covariance(s), (2, 3, 3))
        rows = zip(data["x"], data["g"], strict=True)
        result = sum(stats.multivariate_normal.logpdf(x, mu[g], spreads[g]) for x, g in rows)
        result += sum(
            stats.multivariate_normal.logpdf(m, np.ones(3), c / ratio) for m, c in zip(mu, spreads, strict=True)
        )
        return float(result + sum(prior.logpdf(one) for one in np.reshape(s, (-1, 3, 3))))

    return Joint(name, text, _vectors, draw, log_q, log_joint)


def _regression(name: str, text: str, power: float, prior: Any, ratio: float) -> Joint:
    def draw(q: Values, rng: Generator) -> tuple[Any, Any]:
        s = rng.gamma(q["s.shape"], 1 / q["s.rate"]) ** (1 / power)
        return rng.multivariate_normal(q["mu.mean"], np.linalg.inv(q["mu.precision"]) / s**power), s

    def log_q(q: Values, mu: Any, s: Any) -> float:
        of_s = stats.gengamma.logpdf(s, q["s.shape"], power, scale=q["s.rate"] ** (-1 / power))
        covariance = np.linalg.inv(q["mu.precision"]) / s**power
        return float(of_s + stats.multivariate_normal.logpdf(mu, q["mu.mean"], covariance))

    def log_joint(data: Values, mu: Any, s: Any) -> float:
        of_data = _normal(data["y"], data["X"] @ mu, s**-power)
        return of_data + _normal(mu, 0.0, s**-power / ratio) + float(prior.logpdf(s))

    return Joint(name, text, _line, draw, log_q, log_joint)


# fmt: off
JOINTS = (
    _scalar("Normal-Gamma", """
        model M(K = 2)  plate n in N, k in K  given g[n] : index[K]  param s[k] : positive ~ Gamma(2, rate=1.5)
        param mu[k] : real ~ Normal(1, prec=0.5*s[k])  observed x[n] ~ Normal(mu[g[n]], prec=s[g[n]])
    """, 1.0, stats.gamma(2, scale=1 / 1.5), 0.5, False),
    _scalar("Normal-Gamma, one precision", """
        model M(K = 2)  plate n in N, k in K  given g[n] : index[K]  param s : positive ~ Gamma(2, rate=1.5)
        param mu[k] : real ~ Normal(1, prec=0.5*s)  observed x[n] ~ Normal(mu[g[n]], prec=s)
    """, 1.0, stats.gamma(2, scale=1 / 1.5), 0.5, True),
    _scalar("Normal-inverse Gamma", """
        model M(K = 2)  plate n in N, k in K  given g[n] : index[K]  param s[k] : positive ~ InvGamma(3, scale=2)
        param mu[k] : real ~ Normal(1, var=4*s[k])  observed x[n] ~ Normal(mu[g[n]], var=s[g[n]])
    """, -1.0, stats.invgamma(3, scale=2), 0.25, False),
    _scalar("Normal-inverse Gamma, one variance", """
        model M(K = 2)  plate n in N, k in K  given g[n] : index[K]  param s : positive ~ InvGamma(3, scale=2)
        param mu[k] : real ~ Normal(1, var=4*s)  observed x[n] ~ Normal(mu[g[n]], var=s)
    """, -1.0, stats.invgamma(3, scale=2), 0.25, True),
    _matrix("Normal-Wishart", """
        model M(K = 2)  plate n in N, k in K  given g[n] : index[K]  param s[k] : cov[D] ~ Wishart(6, scale=eye(D)/3)
        param mu[k] : real[D] ~ MvNormal(1, prec=0.5*s[k])  observed x[n] ~ MvNormal(mu[g[n]], prec=s[g[n]])
    """, False, stats.wishart(6, np.eye(3) / 3), 0.5, False),
    _matrix("Normal-Wishart, one precision", """
        model M(K = 2)  plate n in N, k in K  given g[n] : index[K]  param s : cov[D] ~ Wishart(6, scale=eye(D)/3)
        param mu[k] : real[D] ~ MvNormal(1, prec=0.5*s)  observed x[n] ~ MvNormal(mu[g[n]], prec=s)
    """, False, stats.wishart(6, np.eye(3) / 3), 0.5, True),
    _matrix("Normal-inverse Wishart", """
        model M(K = 2)  plate n in N, k in K  given g[n] : index[K]  param s[k] : cov[D] ~ InvWishart(7, scale=2*eye(D))
        param mu[k] : real[D] ~ MvNormal(1, cov=4*s[k])  observed x[n] ~ MvNormal(mu[g[n]], cov=s[g[n]])
    """, True, stats.invwishart(7, 2 * np.eye(3)), 0.25, False),
    _matrix("Normal-inverse Wishart, one covariance", """
        model M(K = 2)  plate n in N, k in K  given g[n] : index[K]  param s : cov[D] ~ InvWishart(7, scale=2*eye(D))
        param mu[k] : real[D] ~ MvNormal(1, cov=4*s)  observed x[n] ~ MvNormal(mu[g[n]], cov=s)
    """, True, stats.invwishart(7, 2 * np.eye(3)), 0.25, True),
    _regression("regression, precision", """
        model M()  plate n in N  given X[n] : real[P]  param s : positive ~ Gamma(2, rate=1.5)
        param mu : real[P] ~ MvNormal(0, prec=0.5*s*eye(P))  observed y[n] ~ Normal(X[n] @ mu, prec=s)
    """, 1.0, stats.gamma(2, scale=1 / 1.5), 0.5),
    _regression("regression, variance", """
        model M()  plate n in N  given X[n] : real[P]  param s : positive ~ InvGamma(3, scale=2)
        param mu : real[P] ~ MvNormal(0, cov=4*s*eye(P))  observed y[n] ~ Normal(X[n] @ mu, var=s)
    """, -1.0, stats.invgamma(3, scale=2), 0.25),
)
# fmt: on
EVERY = pytest.mark.parametrize("joint", JOINTS, ids=str)


def _fitted(joint: Joint) -> tuple[Any, Values, Values]:
    module, data = joint.module(), joint.data(np.random.default_rng(0))
    params = module.initialise(data, np.random.default_rng(0))
    for _ in range(3):
        params = module.m_step(module.e_step(data, params)[0], params)
    return module, data, params


@EVERY
def test_it_is_one_block(joint: Joint) -> None:
    assert len(joint.module().UPDATES) == 1


@EVERY
def test_the_bound_is_the_evidence_and_the_posterior_is_exact(joint: Joint) -> None:
    module, data, params = _fitted(joint)
    rng = np.random.default_rng(1)
    points = [joint.draw(params, rng) for _ in range(6)]
    evidence = [joint.log_joint(data, *point) - joint.log_q(params, *point) for point in points]
    np.testing.assert_allclose(evidence, evidence[0], rtol=1e-10)
    bound = module.objective(module.e_step(data, params)[1], params)
    np.testing.assert_allclose(bound, evidence[0], rtol=1e-10)


@EVERY
def test_the_bound_is_an_average_over_draws(joint: Joint) -> None:
    """At a q that is not the posterior, to five standard errors."""
    module, data, params = _fitted(joint)
    rng = np.random.default_rng(2)
    moved = {name: value * rng.uniform(0.9, 1.2) for name, value in params.items()}
    draws = [joint.draw(moved, rng) for _ in range(600)]
    values = np.array([joint.log_joint(data, *draw) - joint.log_q(moved, *draw) for draw in draws])
    bound = module.objective(module.e_step(data, moved)[1], moved)
    assert abs(values.mean() - bound) <= 5 * values.std() / np.sqrt(len(values))
