"""Means and variances of the families that have them, and the probabilities of those with finitely many values.

Arguments are canonical and hold their event axes last: a scalar law has (rows,), a law on vectors (rows, D), …
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy.special import expit, gamma, softmax

Values = np.ndarray[Any, Any]
Moments = dict[str, Values]


def has_moments(family: str) -> bool:
    """Whether the moments of a family are written down here."""
    return family in _MOMENTS


def location(family: str) -> str | None:
    """The argument in which the mean of a family is linear and its spread constant, if there is one."""
    return _LOCATIONS.get(family)


def moments(family: str, arguments: Mapping[str, Values]) -> Moments:
    """`mean` with `var` or `cov`, and `probabilities` where there are any, of a family that has them here.

    Where a moment does not exist it is inf or nan.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return _MOMENTS[family](**arguments)


def _categorical(p: Values | None = None, logits: Values | None = None) -> Moments:
    shares = np.asarray(p if logits is None else softmax(logits, axis=-1))
    shares = shares / shares.sum(axis=-1, keepdims=True)
    states = np.arange(shares.shape[-1])
    mean = shares @ states
    return {"probabilities": shares, "mean": mean, "var": shares @ states**2 - mean**2}


def _bernoulli(p: Values | None = None, logit: Values | None = None) -> Moments:
    share = np.asarray(p if logit is None else expit(logit))
    return {"probabilities": np.stack([1 - share, share], axis=-1), "mean": share, "var": share * (1 - share)}


def _binomial(n: Values, p: Values | None = None, logit: Values | None = None) -> Moments:
    share = np.asarray(p if logit is None else expit(logit))
    return {"mean": n * share, "var": n * share * (1 - share)}


def _multinomial(n: Values, p: Values) -> Moments:
    n = np.asarray(n)[..., None]
    return {"mean": n * p, "cov": n[..., None] * (_diagonal(p) - _outer(p))}


def _dirichlet(concentration: Values) -> Moments:
    total = concentration.sum(axis=-1, keepdims=True)
    share = concentration / total
    return {"mean": share, "cov": (_diagonal(share) - _outer(share)) / (total[..., None] + 1)}


def _inv_gamma(shape: Values, scale: Values) -> Moments:
    mean = np.where(shape > 1, scale / (shape - 1), np.inf)
    return {"mean": mean, "var": np.where(shape > 2, mean**2 / (shape - 2), np.inf)}


def _student_t(df: Values, mean: Values, scale: Values) -> Moments:
    mean, df = np.broadcast_arrays(mean, df)
    return {
        "mean": np.where(df > 1, mean, np.nan),
        "var": np.where(df > 2, scale**2 * df / (df - 2), np.where(df > 1, np.inf, np.nan)),
    }


def _mv_student_t(df: Values, mean: Values, scatter: Values) -> Moments:
    df = np.asarray(df)[..., None]
    return {"mean": np.where(df > 1, mean, np.nan), "cov": np.where(df > 2, df / (df - 2), np.inf)[..., None] * scatter}


def _weibull(shape: Values, scale: Values) -> Moments:
    mean = scale * gamma(1 + 1 / shape)
    return {"mean": mean, "var": scale**2 * gamma(1 + 2 / shape) - mean**2}


def _log_normal(mean: Values, prec: Values) -> Moments:
    centre = np.exp(mean + 0.5 / prec)
    return {"mean": centre, "var": centre**2 * np.expm1(1 / prec)}


def _beta(a: Values, b: Values) -> Moments:
    share = a / (a + b)
    return {"mean": share, "var": share * (1 - share) / (a + b + 1)}


def _point_mass(value: Values) -> Moments:
    return {"mean": value, "var": np.zeros(np.shape(value))}


def _outer(p: Values) -> Values:
    return p[..., :, None] * p[..., None, :]


def _diagonal(p: Values) -> Values:
    return p[..., None] * np.eye(p.shape[-1])


_LOCATIONS = {
    "Normal": "mean",
    "MvNormal": "mean",
    "StudentT": "mean",
    "MvStudentT": "mean",
    "Laplace": "mean",
    "PointMass": "value",
}

_MOMENTS: dict[str, Callable[..., Moments]] = {
    "Normal": lambda mean, prec: {"mean": mean, "var": 1 / prec},
    "MvNormal": lambda mean, prec: {"mean": mean, "cov": np.linalg.inv(prec)},
    "StudentT": _student_t,
    "MvStudentT": _mv_student_t,
    "Laplace": lambda mean, scale: {"mean": mean, "var": 2 * scale**2},
    "LogNormal": _log_normal,
    "Exponential": lambda rate: {"mean": 1 / rate, "var": 1 / rate**2},
    "Gamma": lambda shape, rate: {"mean": shape / rate, "var": shape / rate**2},
    "InvGamma": _inv_gamma,
    "Weibull": _weibull,
    "Beta": _beta,
    "Bernoulli": _bernoulli,
    "Binomial": _binomial,
    "Categorical": _categorical,
    "Multinomial": _multinomial,
    "Poisson": lambda rate: {"mean": rate, "var": rate},
    "NegBinomial": lambda mean, size: {"mean": mean, "var": mean + mean**2 / size},
    "Geometric": lambda p: {"mean": (1 - p) / p, "var": (1 - p) / p**2},
    "Dirichlet": _dirichlet,
    "PointMass": _point_mass,
}
