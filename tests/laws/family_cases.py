"""What the laws of families run over: every family in every spelling, arguments and values for each support.

A case is a family and one of its spellings. Arguments are drawn from generators with fixed seeds, so that a failure
repeats. `LAWS` says what each spelling means, independently of emdsl, by a frozen law of scipy.stats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special, stats

from emdsl.algebra.evaluate import evaluate
from emdsl.algebra.expressions import Expression, Name
from emdsl.families.family import Argument, Family
from emdsl.families.registry import FAMILIES

Values = dict[str, Any]

#: Length of every event axis; different from 2, the number of values of a Bernoulli variable.
DIMENSION = 3


@dataclass(frozen=True)
class Case:
    """A family under one spelling of its arguments."""

    family: Family
    spelling: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.family.name}({', '.join(self.spelling)})"

    @property
    def form(self) -> Family:
        """The form that the spelling selects."""
        form = self.family.form(self.spelling)
        assert form is not None
        return form

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """The arguments as spelled."""
        found = tuple(self.family.argument(name) for name in self.spelling)
        return tuple(argument for argument in found if argument is not None)

    def conversions(self) -> dict[str, Expression]:
        """The canonical arguments as expressions in the spelled ones."""
        return self.form.canonical({name: Name(name) for name in self.spelling})

    def canonical(self, values: Mapping[str, Any]) -> Values:
        """The canonical arguments as numbers."""
        return {name: evaluate(conversion, values) for name, conversion in self.conversions().items()}

    def formula(self) -> Expression:
        """The log density of `x` in the spelled arguments."""
        assert self.form.log_density is not None
        return self.form.log_density(Name("x"), **self.conversions())

    def log_density(self, x: Any, values: Mapping[str, Any]) -> np.ndarray[Any, Any]:
        """Log densities: (n,) for values (n, *event axes)."""
        formula = self.formula()
        return np.array([evaluate(formula, {"x": each, **values}) for each in x])

    def draw(self, rng: np.random.Generator) -> Values:
        """Arguments as spelled, with finite fourth moments of the law."""
        return {argument.name: draw_argument(self.family, argument, rng) for argument in self.arguments}

    def reference(self, values: Mapping[str, Any]) -> Any:
        """The frozen law of scipy.stats."""
        return LAWS[self.family.name, self.spelling](**values)


def draw_argument(family: Family, argument: Argument, rng: np.random.Generator) -> Any:
    """A value of the argument, inside its support."""
    if argument.name == "chol":
        return np.linalg.cholesky(draw_value("cov", (DIMENSION,), rng))
    value = draw_value(argument.support, tuple(DIMENSION for _ in argument.dims), rng)
    if argument.name == "df":
        return value + DIMENSION + 5
    if (family.name, argument.name) == ("InvGamma", "shape"):
        return value + 4
    return value


def draw_value(support: str, dims: tuple[int, ...], rng: np.random.Generator) -> Any:
    """A value inside the support; positive ones are at least 0.7 and unit ones away from the ends."""
    match support:
        case "real":
            return rng.normal(0.0, 1.5, dims)
        case "positive":
            return 0.7 + rng.gamma(2.0, 0.8, dims)
        case "unit":
            return rng.uniform(0.1, 0.9, dims)
        case "simplex":
            return rng.dirichlet(np.full(dims, 3.0))
        case "cov":
            factor = rng.normal(size=(*dims, dims[0] + 4))
            return factor @ factor.T / (dims[0] + 4)
        case "count":
            return rng.integers(3, 13, dims)
        case "index":
            return rng.integers(0, dims[0])
    raise AssertionError(f"no values for the support {support}")


#: Every spelling of every family; those whose law has a density; those of them that are laws of single numbers.
CASES = tuple(Case(family, spelling) for family in FAMILIES for spelling in family.spellings)
DENSITY_CASES = tuple(case for case in CASES if case.form.log_density is not None)
SCALAR_CASES = tuple(case for case in DENSITY_CASES if case.family.rank == 0)


def _student(df: Any, mean: Any, scatter: Any) -> Any:
    return stats.multivariate_t(mean, scatter, df=df)


#: The meaning of each spelling.
LAWS: dict[tuple[str, tuple[str, ...]], Callable[..., Any]] = {
    ("Normal", ("mean", "prec")): lambda mean, prec: stats.norm(mean, 1 / np.sqrt(prec)),
    ("Normal", ("mean", "sd")): lambda mean, sd: stats.norm(mean, sd),
    ("Normal", ("mean", "var")): lambda mean, var: stats.norm(mean, np.sqrt(var)),
    ("MvNormal", ("mean", "prec")): lambda mean, prec: stats.multivariate_normal(mean, np.linalg.inv(prec)),
    ("MvNormal", ("mean", "cov")): lambda mean, cov: stats.multivariate_normal(mean, cov),
    ("MvNormal", ("mean", "chol")): lambda mean, chol: stats.multivariate_normal(mean, chol @ chol.T),
    ("StudentT", ("df", "mean", "scale")): lambda df, mean, scale: stats.t(df, mean, scale),
    ("MvStudentT", ("df", "mean", "scatter")): _student,
    ("Laplace", ("mean", "scale")): lambda mean, scale: stats.laplace(mean, scale),
    ("LogNormal", ("mean", "prec")): lambda mean, prec: stats.lognorm(1 / np.sqrt(prec), scale=np.exp(mean)),
    ("LogNormal", ("mean", "sd")): lambda mean, sd: stats.lognorm(sd, scale=np.exp(mean)),
    ("LogNormal", ("mean", "var")): lambda mean, var: stats.lognorm(np.sqrt(var), scale=np.exp(mean)),
    ("Exponential", ("rate",)): lambda rate: stats.expon(scale=1 / rate),
    ("Gamma", ("shape", "rate")): lambda shape, rate: stats.gamma(shape, scale=1 / rate),
    ("Gamma", ("shape", "scale")): lambda shape, scale: stats.gamma(shape, scale=scale),
    ("InvGamma", ("shape", "scale")): lambda shape, scale: stats.invgamma(shape, scale=scale),
    ("Weibull", ("shape", "scale")): lambda shape, scale: stats.weibull_min(shape, scale=scale),
    ("Beta", ("a", "b")): lambda a, b: stats.beta(a, b),
    ("VonMises", ("mean", "concentration")): lambda mean, concentration: stats.vonmises(concentration, mean),
    ("Bernoulli", ("p",)): lambda p: stats.bernoulli(p),
    ("Bernoulli", ("logit",)): lambda logit: stats.bernoulli(special.expit(logit)),
    ("Binomial", ("n", "p")): lambda n, p: stats.binom(n, p),
    ("Binomial", ("n", "logit")): lambda n, logit: stats.binom(n, special.expit(logit)),
    ("Categorical", ("p",)): lambda p: stats.rv_discrete(values=(np.arange(len(p)), p)),
    ("Categorical", ("logits",)): lambda logits: stats.rv_discrete(
        values=(np.arange(len(logits)), special.softmax(logits))
    ),
    ("Multinomial", ("n", "p")): lambda n, p: stats.multinomial(n, p),
    ("Poisson", ("rate",)): lambda rate: stats.poisson(rate),
    ("NegBinomial", ("mean", "size")): lambda mean, size: stats.nbinom(size, size / (size + mean)),
    ("Geometric", ("p",)): lambda p: stats.geom(p, loc=-1),
    ("Dirichlet", ("concentration",)): lambda concentration: stats.dirichlet(concentration),
    ("Wishart", ("df", "scale")): lambda df, scale: stats.wishart(df, scale),
    ("InvWishart", ("df", "scale")): lambda df, scale: stats.invwishart(df, scale),
}
