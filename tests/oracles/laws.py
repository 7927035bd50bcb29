"""Log densities of the contract's distributions, by scipy.stats, from the textbook argument names.

Written from the language contract alone; shares nothing with `emdsl.families`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from scipy import special, stats

#: Canonical order of the arguments, for those given by position.
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "Normal": ("mean", "sd"),
    "MvNormal": ("mean", "cov"),
    "StudentT": ("df", "mean", "scale"),
    "MvStudentT": ("df", "mean", "scatter"),
    "Laplace": ("mean", "scale"),
    "LogNormal": ("mean", "sd"),
    "Exponential": ("rate",),
    "Gamma": ("shape", "rate"),
    "InvGamma": ("shape", "scale"),
    "Weibull": ("shape", "scale"),
    "Beta": ("a", "b"),
    "VonMises": ("mean", "concentration"),
    "Bernoulli": ("p",),
    "Binomial": ("n", "p"),
    "Categorical": ("p",),
    "Multinomial": ("n", "p"),
    "Poisson": ("rate",),
    "NegBinomial": ("mean", "size"),
    "Geometric": ("p",),
    "Dirichlet": ("concentration",),
    "Wishart": ("df", "scale"),
    "InvWishart": ("df", "scale"),
    "PointMass": ("value",),
}

#: Laws of one number: the scipy distribution and its keywords.
SCALAR: dict[str, Callable[[Mapping[str, Any]], tuple[Any, dict[str, Any]]]] = {
    "Normal": lambda a: (stats.norm, {"loc": a["mean"], "scale": _spread(a)}),
    "StudentT": lambda a: (stats.t, {"df": a["df"], "loc": a["mean"], "scale": a["scale"]}),
    "Laplace": lambda a: (stats.laplace, {"loc": a["mean"], "scale": a["scale"]}),
    "LogNormal": lambda a: (stats.lognorm, {"s": _spread(a), "scale": np.exp(a["mean"])}),
    "Exponential": lambda a: (stats.expon, {"scale": 1 / np.asarray(a["rate"])}),
    "Gamma": lambda a: (stats.gamma, {"a": a["shape"], "scale": _scale(a)}),
    "InvGamma": lambda a: (stats.invgamma, {"a": a["shape"], "scale": a["scale"]}),
    "Weibull": lambda a: (stats.weibull_min, {"c": a["shape"], "scale": a["scale"]}),
    "Beta": lambda a: (stats.beta, {"a": a["a"], "b": a["b"]}),
    "VonMises": lambda a: (stats.vonmises, {"kappa": a["concentration"], "loc": a["mean"]}),
    "Bernoulli": lambda a: (stats.bernoulli, {"p": _probability(a)}),
    "Binomial": lambda a: (stats.binom, {"n": a["n"], "p": _probability(a)}),
    "Poisson": lambda a: (stats.poisson, {"mu": a["rate"]}),
    "NegBinomial": lambda a: (stats.nbinom, {"n": a["size"], "p": a["size"] / (np.asarray(a["size"]) + a["mean"])}),
    "Geometric": lambda a: (stats.geom, {"p": a["p"], "loc": -1}),
}  # fmt: skip

#: Supports of the scalar laws of real values that are not the whole line.
INTERVALS = {
    "LogNormal": (0.0, np.inf), "Exponential": (0.0, np.inf), "Gamma": (0.0, np.inf), "InvGamma": (0.0, np.inf),
    "Weibull": (0.0, np.inf), "Beta": (0.0, 1.0), "VonMises": (-np.pi, np.pi),
}  # fmt: skip

DISCRETE = ("Bernoulli", "Binomial", "Categorical", "Poisson", "NegBinomial", "Geometric")
MULTIVARIATE = ("MvNormal", "MvStudentT", "Multinomial", "Dirichlet", "Wishart", "InvWishart")


def _spread(arguments: Mapping[str, Any]) -> Any:
    """The standard deviation, whichever of sd, var, prec was given."""
    if "sd" in arguments:
        return arguments["sd"]
    return np.sqrt(arguments["var"]) if "var" in arguments else 1 / np.sqrt(arguments["prec"])


def _scale(arguments: Mapping[str, Any]) -> Any:
    return arguments["scale"] if "scale" in arguments else 1 / np.asarray(arguments["rate"])


def _probability(arguments: Mapping[str, Any]) -> Any:
    return arguments["p"] if "p" in arguments else special.expit(arguments["logit"])


def probabilities(arguments: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    """The probabilities (k,) of a Categorical."""
    p = (
        np.asarray(arguments["p"], float)
        if "p" in arguments
        else special.softmax(np.asarray(arguments["logits"], float))
    )
    if abs(p.sum() - 1) > 1e-6:
        raise ValueError(f"probabilities sum to {p.sum()}")
    return p


def covariance(arguments: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    """The covariance (d, d) of a MvNormal."""
    if "chol" in arguments:
        chol = np.asarray(arguments["chol"], float)
        return np.asarray(chol @ chol.T)
    return np.asarray(arguments["cov"], float) if "cov" in arguments else np.linalg.inv(arguments["prec"])


def _normal(x: Any, a: Mapping[str, Any]) -> Any:
    spread = _spread(a)
    return -(((x - a["mean"]) / spread) ** 2) / 2 - np.log(spread) - 0.5 * np.log(2 * np.pi)


def _poisson(x: Any, a: Mapping[str, Any]) -> Any:
    return special.xlogy(x, a["rate"]) - a["rate"] - special.gammaln(x + 1)


def _bernoulli(x: Any, a: Mapping[str, Any]) -> Any:
    p = _probability(a)
    with np.errstate(divide="ignore"):
        return np.log(np.where(x == 1, p, 1 - p))


def _binomial(x: Any, a: Mapping[str, Any]) -> Any:
    n, p = a["n"], _probability(a)
    if np.ndim(x) == 0 and x > n:
        return -np.inf
    ways = special.gammaln(n + 1) - special.gammaln(x + 1) - special.gammaln(n - x + 1)
    return ways + special.xlogy(x, p) + special.xlog1py(n - x, -p)


def _gamma(x: Any, a: Mapping[str, Any]) -> Any:
    shape, scale = a["shape"], _scale(a)
    return special.xlogy(shape - 1, x) - x / scale - shape * np.log(scale) - special.gammaln(shape)


def _beta(x: Any, a: Mapping[str, Any]) -> Any:
    return special.xlogy(a["a"] - 1, x) + special.xlog1py(a["b"] - 1, -x) - special.betaln(a["a"], a["b"])


#: The laws that networks evaluate most, without the overhead of scipy.stats; for data inside the support.
FAST: dict[str, Callable[[Any, Mapping[str, Any]], Any]] = {
    "Normal": _normal, "Poisson": _poisson, "Bernoulli": _bernoulli, "Binomial": _binomial, "Gamma": _gamma,
    "Beta": _beta,
}  # fmt: skip


def log_density(family: str, x: Any, arguments: Mapping[str, Any]) -> float:
    """log p(x); a scalar law on a vector holds entry by entry, a scalar argument is that value everywhere."""
    if family in FAST:
        return float(np.sum(FAST[family](np.asarray(x, float), arguments)))
    if family in SCALAR:
        distribution, keywords = SCALAR[family](arguments)
        density = distribution.logpmf if family in DISCRETE else distribution.logpdf
        return float(np.sum(density(np.asarray(x, float), **keywords)))
    if family == "Categorical":
        with np.errstate(divide="ignore"):
            return float(np.log(probabilities(arguments)[int(x)]))
    if family == "PointMass":
        return 0.0 if np.array_equal(np.asarray(x, float), np.asarray(arguments["value"], float)) else -np.inf
    x = np.asarray(x, float)
    if family == "MvNormal":
        root = np.linalg.cholesky(covariance(arguments))
        standard = np.linalg.solve(root, x - arguments["mean"])
        return float(-standard @ standard / 2 - np.log(np.diag(root)).sum() - len(x) / 2 * np.log(2 * np.pi))
    if family == "MvStudentT":
        location = np.broadcast_to(arguments["mean"], x.shape)
        return float(stats.multivariate_t.logpdf(x, location, arguments["scatter"], arguments["df"]))
    if family == "Multinomial":
        p = np.asarray(arguments["p"], float)
        if x.sum() != arguments["n"] or abs(p.sum() - 1) > 1e-6:
            raise ValueError(f"Multinomial: counts {x} of {arguments['n']}, probabilities sum to {p.sum()}")
        return float(special.gammaln(x.sum() + 1) - special.gammaln(x + 1).sum() + special.xlogy(x, p).sum())
    if family == "Dirichlet":
        a = np.broadcast_to(np.asarray(arguments["concentration"], float), x.shape)
        return float(special.gammaln(a.sum()) - special.gammaln(a).sum() + special.xlogy(a - 1, x).sum())
    if family in ("Wishart", "InvWishart"):
        law = stats.wishart if family == "Wishart" else stats.invwishart
        return float(law.logpdf(x, arguments["df"], np.asarray(arguments["scale"], float)))
    raise NotImplementedError(f"no oracle for {family}")


def log_probability(family: str, low: float, high: float, arguments: Mapping[str, Any]) -> float:
    """log P(low <= X <= high), ends inclusive; from the tail that is smaller."""
    distribution, keywords = SCALAR[family](arguments)
    below = low - 1 if family in DISCRETE and np.isfinite(low) else low
    if low == -np.inf:
        return float(distribution.logcdf(high, **keywords))
    if high == np.inf:
        return float(distribution.logsf(below, **keywords))
    if distribution.cdf(below, **keywords) > 0.5:
        larger, smaller = distribution.logsf(below, **keywords), distribution.logsf(high, **keywords)
    else:
        larger, smaller = distribution.logcdf(high, **keywords), distribution.logcdf(below, **keywords)
    return float(larger + np.log1p(-np.exp(smaller - larger))) if smaller > -np.inf else float(larger)


def log_limited_density(
    family: str, x: float, arguments: Mapping[str, Any], kind: str, low: float, high: float, hidden: bool
) -> float:
    """Density of a truncated law, of a clipped datum, or (`hidden`) of a value known only to lie between the limits."""
    if hidden or kind == "truncated":
        if not low <= x <= high:
            return -np.inf
        inside = log_density(family, x, arguments)
        return inside if kind == "censored" else inside - log_probability(family, low, high, arguments)
    if not low <= x <= high:
        raise ValueError(f"a datum {x} outside its censoring limits ({low}, {high})")
    if x == low:
        return log_probability(family, -np.inf, low, arguments)
    if x == high:
        return log_probability(family, high, np.inf, arguments)
    return log_density(family, x, arguments)


def largest(family: str, arguments: Mapping[str, Any]) -> int:
    """The number of states of a discrete law: exact where finite, else all but 1e-17 of the probability."""
    if family == "Categorical":
        return len(probabilities(arguments))
    if family == "PointMass":
        return int(arguments["value"]) + 1
    distribution, keywords = SCALAR[family](arguments)
    upper = distribution.support(**keywords)[1]
    if np.isfinite(upper):
        return int(upper) + 1
    states = 16
    while distribution.sf(states, **keywords) > 1e-17:
        states *= 2
    return states
