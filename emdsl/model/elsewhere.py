"""Words of other tools and what they are here: laws, arguments, types and functions, for the cures of messages.

    Gaussian -> Normal,  sigma -> sd,  float -> real,  expit -> logistic

Letters are compared without case and underscores. Words that are merely misspelt are not listed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

LAWS = {
    "Normal": "gaussian gauss gaussianard dnorm",
    "MvNormal": "mvn mvnorm multinormal multivariatenormal multivariategaussian mvgaussian multinormalprec dmnorm",
    "LogNormal": "lnorm dlnorm",
    "StudentT": "t student dt",
    "MvStudentT": "mvt multistudentt multivariatestudentt",
    "Exponential": "exp expon dexp",
    "Gamma": "erlang dgamma",
    "InvGamma": "ig invgam",
    "Wishart": "wish dwish",
    "InvWishart": "iw",
    "Beta": "dbeta",
    "Dirichlet": "dir ddirch ddirich symmetricdirichlet",
    "Bernoulli": "bern dbern bernoullilogit bernoulliprobs",
    "Binomial": "binom dbin dbinom binomiallogit",
    "Categorical": "cat dcat discrete onehotcategorical categoricallogit multinoulli",
    "Multinomial": "dmulti dmultinom multinom",
    "Poisson": "pois dpois poiss",
    "NegBinomial": "nb nbinom negbin negativebinomial negbinomial2 dnegbin gammapoisson",
    "Geometric": "geom",
    "Weibull": "weib dweib",
    "Laplace": "doubleexponential ddexp",
    "VonMises": "vonm vm",
    "PointMass": "delta dirac constantdist",
}

_FLAT = "leave the prior out: a parameter without one has a flat one; on `unit`, `Beta(1, 1)` is uniform"
_SPREAD = "give a precision the prior `Gamma(…)`, or a variance `InvGamma(…)`"
_WALK = "write the steps: `latent x[0] ~ Normal(…)` and `latent x[t] ~ Normal(a * x[t-1], var=…)`"
_CHAIN = "write the steps: `latent z[0] ~ Categorical(start)` and `latent z[t] ~ Categorical(A[z[t-1]])`"
_MIXTURE = "a latent index makes a mixture: `latent z[n] ~ Categorical(share)`, then `Normal(mu[z[n]], var=v[z[n]])`"
_ZEROS = "write `latent s[n] ~ Bernoulli(p)`, then `switch(s[n], Poisson(rate), PointMass(0))`"

#: Laws that are written otherwise than by another name.
WRITTEN = {
    _FLAT: "flat uniform unif dunif improper improperuniform halfflat",
    _SPREAD: "halfnormal halfcauchy halfstudentt lkj lkjcholesky lkjcorr",
    _WALK: "randomwalk gaussianrandomwalk ar ar1 gaussianmarkovchain gaussianstatespace",
    _CHAIN: "hmm markovchain categoricalmarkovchain discretemarkovchain",
    _MIXTURE: "mixture mixturesamefamily normalmixture",
    _ZEROS: "zip zinb zeroinflatedpoisson zeroinflatednegativebinomial zeroinflated",
    "write `StudentT(1, mean, scale=…)`": "cauchy",
    "write `Gamma(k/2, rate=1/2)`": "chi2 chisq chisquare chisquared dchisq",
    "write `Normal(…) truncated(lo, hi)`": "truncatednormal truncnormal truncnorm",
    "write `Categorical(ones(K) / K)`": "discreteuniform uniformcategorical randint",
    "write `let name = value`": "deterministic",
}

#: Arguments: what they may be here, of which the first that the law has is meant.
ARGUMENTS = {
    "mu": ("mean", "rate"),
    "loc": ("mean",),
    "location": ("mean",),
    "sigma": ("sd", "scale", "cov"),
    "std": ("sd",),
    "stddev": ("sd",),
    "scale": ("sd",),
    "sigma2": ("var",),
    "sigmasq": ("var",),
    "variance": ("var",),
    "covariance": ("cov",),
    "covariancematrix": ("cov",),
    "tau": ("prec",),
    "precision": ("prec",),
    "precisionmatrix": ("prec",),
    "scaletril": ("chol",),
    "lam": ("rate", "prec"),
    "lambda": ("rate", "prec"),
    "alpha": ("shape", "concentration", "a", "size"),
    "beta": ("rate", "scale", "b"),
    "theta": ("p", "scale"),
    "phi": ("size",),
    "r": ("size",),
    "dispersion": ("size",),
    "nu": ("df",),
    "dof": ("df",),
    "prob": ("p",),
    "probs": ("p",),
    "probability": ("p",),
    "pi": ("p",),
    "trials": ("n",),
    "totalcount": ("n",),
    "logits": ("logit",),
    "logitp": ("logit", "logits"),
}

TYPES = {
    "real": "float double number numeric vector matrix array scalar",
    "positive": "nonnegative rate",
    "unit": "prob probability",
    "simplex": "probabilities stochastic",
    "cov": "covariance covmatrix covariancematrix psd spd",
    "index": "categorical category factor bool boolean",
    "count": "integer natural nonnegativeinteger",
}

FUNCTIONS = {
    "logistic": "sigmoid expit invlogit ilogit",
    "Phi": "normcdf normalcdf pnorm probit",
    "lgamma": "gammaln loggamma",
    "ones": "repvector fill",
    "@": "matmul mm",
    "**": "pow power square",
}


def law(name: str) -> str | None:
    """The law of this language that has another name elsewhere."""
    return _meaning(name, LAWS)


def how_to_write(name: str) -> str | None:
    """How a law of elsewhere that has no counterpart here is written."""
    return _meaning(name, WRITTEN)


def argument(name: str, options: Collection[str]) -> str | None:
    """That of the arguments of a law which has another name elsewhere."""
    return next((option for option in ARGUMENTS.get(_folded(name), ()) if option in options), None)


def type_kind(name: str) -> str | None:
    """The type that has another name elsewhere."""
    return _meaning(name, TYPES)


def function(name: str) -> str | None:
    """The function or sign that has another name elsewhere."""
    return _meaning(name, FUNCTIONS)


def _meaning(name: str, table: Mapping[str, str]) -> str | None:
    return next((here for here, words in table.items() if _folded(name) in words.split()), None)


def _folded(name: str) -> str:
    return name.lower().replace("_", "")
