"""emdsl: say a latent-variable model, get the EM algorithm that fits it.

    import emdsl as em
    fit = em.read("model.em")(K=3).fit(x=X)

Everything is imported when first used, so that `import emdsl` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_ERRORS = ("Error", "ModelError", "DataError", "FitError", "CompilerBug")
_API = ("Model", "read", "parse", "load")
_STATEMENTS = (
    "size", "const", "plate", "time", "given", "param", "latent", "observed", "let", "dist", "fix", "order",
    "factorise",
)  # fmt: skip
_TYPES = ("real", "positive", "unit", "simplex", "cov", "count", "index")
#: Those that shadow a builtin pass ordinary arguments on to it.
_FUNCTIONS = (
    "exp", "log", "log1p", "expm1", "sqrt", "abs", "min", "max", "sin", "cos", "tanh", "logistic", "logit", "softmax",
    "Phi", "lgamma", "dot", "sum", "outer", "diag", "eye", "ones", "zeros", "stationary", "inf", "switch",
)  # fmt: skip
_DISTRIBUTIONS = (
    "Normal", "MvNormal", "StudentT", "MvStudentT", "Laplace", "LogNormal", "Exponential", "Gamma", "InvGamma",
    "Weibull", "Beta", "VonMises", "Bernoulli", "Binomial", "Categorical", "Multinomial", "Poisson", "NegBinomial",
    "Geometric", "Dirichlet", "Wishart", "InvWishart", "PointMass",
)  # fmt: skip

_HOME = (
    {name: "emdsl.errors" for name in _ERRORS}
    | {name: "emdsl.api" for name in _API}
    | {name: "emdsl.language.declarations" for name in _STATEMENTS}
    | {name: "emdsl.language.vocabulary" for name in (*_TYPES, *_FUNCTIONS, *_DISTRIBUTIONS)}
)

__all__ = [
    "__version__", *_API, *_STATEMENTS, *_TYPES, *_FUNCTIONS, *_DISTRIBUTIONS, *_ERRORS,
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'emdsl' has no attribute {name!r}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
