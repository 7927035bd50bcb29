"""Models and data of the stress tests, and ways to reach their emitted modules."""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.api import Bound, parse
from emdsl.data.binding import bind_data

Array = np.ndarray[Any, Any]
Values = dict[str, Any]

_MIXTURE = "model M(K = 2)  plate n in N, k in K, d in D  param pi : simplex[K]  latent z[n] ~ Categorical(pi)"
_LINE = "model M(K = 2)  plate n in N, k in K  param pi : simplex[K]  latent z[n] ~ Categorical(pi)"

FULL = f"{_MIXTURE}  param mu[k] : real[D]  param S[k] : cov[D]  observed x[n] ~ MvNormal(mu[z[n]], cov=S[z[n]])"
TIED = f"{_MIXTURE}  param mu[k] : real[D]  param S : cov[D]  observed x[n] ~ MvNormal(mu[z[n]], cov=S)"
DIAGONAL = f"""
    {_MIXTURE}  param mu[k, d] : real  param v[k, d] : positive  observed x[n, d] ~ Normal(mu[z[n], d], var=v[z[n], d])
"""
SPHERICAL = f"""
    {_MIXTURE}  param mu[k, d] : real  param v[k] : positive  observed x[n, d] ~ Normal(mu[z[n], d], var=v[z[n]])
"""
DEVIATION = f"{_LINE}  param mu[k] : real  param s[k] : positive  observed x[n] ~ Normal(mu[z[n]], sd=s[z[n]])"
PRECISION = f"{_MIXTURE}  param mu[k] : real[D]  param L[k] : cov[D]  observed x[n] ~ MvNormal(mu[z[n]], prec=L[z[n]])"
MISSING = DIAGONAL.replace("observed x[n, d]", "observed x[n, d] missing")
MISSING_FULL = FULL.replace("observed x[n]", "observed x[n] missing")
POISSON = f"{_LINE}  param rate[k] : positive  observed y[n] ~ Poisson(rate[z[n]])"
CLASSES = f"{_LINE}  plate j in J  param p[k, j] : unit  observed y[n, j] ~ Bernoulli(p[z[n], j])"
CATEGORIES = f"{_LINE}  plate j in J  param t[k, j] : simplex[V]  observed y[n, j] ~ Categorical(t[z[n], j])"
BAYESIAN = """
    model M(K = 2)  plate n in N, k in K  param pi : simplex[K] ~ Dirichlet(2)
    param L[k] : cov[D] ~ Wishart(D + 2, scale=eye(D) / 5)  param mu[k] : real[D] ~ MvNormal(0, prec=0.01 * L[k])
    latent z[n] ~ Categorical(pi)  observed x[n] ~ MvNormal(mu[z[n]], prec=L[z[n]])
"""
REGRESSION = f"""
    {_LINE}  given X[n] : real[P]  param b[k] : real[P]  param s[k] : positive
    observed y[n] ~ Normal(X[n] @ b[z[n]], sd=s[z[n]])
"""
FACTORS = """
    model M(H = 1)  plate n in N, d in D  param W[d] : real[H]  param m[d] : real  param v[d] : positive
    latent f[n] ~ MvNormal(zeros(H), cov=eye(H))  observed x[n, d] ~ Normal(m[d] + W[d] @ f[n], var=v[d])
"""


def model(text: str, **constants: Any) -> Bound:
    return parse(text)(**constants)


def emitted(text: str, method: str = "em", weights: Any = None, constants: Values | None = None, **data: Any) -> Any:
    """(the emitted module, its data)"""
    bound = model(text, **(constants or {}))
    return bound.program(method).module, bind_data(bound.bound_model, data, weights)


def clusters(n: int = 60, d: int = 2, apart: float = 5.0, seed: int = 0) -> Array:
    """x (n, d): two normal clusters, the second with another shape."""
    rng = np.random.default_rng(seed)
    half = rng.normal(size=(n // 2, d))
    other = apart + rng.normal(size=(n - n // 2, d)) @ (np.eye(d) + 0.4 * rng.normal(size=(d, d)))
    return np.vstack([half, other])


def monotone(history: Array, tolerance: float = 1e-9) -> bool:
    """Whether the objective never falls by more than rounding."""
    return bool(np.all(np.diff(history) >= -tolerance * (1 + np.abs(history[1:]))))
