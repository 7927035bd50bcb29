"""Models of the zoo with their derivations, made once."""

from __future__ import annotations

from functools import cache

from emdsl.derive.derivation import Derivation, derive
from emdsl.language.text import parse
from emdsl.model.check import bind, check
from emdsl.model.statements import Model
from tests import zoo_networks
from tests.zoo import BY_NAME

#: One for each kind of block and update.
NAMES = (
    "gmm_full", "gmm_precision", "gmm_diagonal", "normal_mixture_sd", "poisson_mixture", "grouped_proportions",
    "bernoulli_mixture_map", "latent_classes_missing", "regression_map", "multivariate_regression", "gmm_map",
    "gmm_map_precision", "factor_mixture", "random_intercept", "gmm_missing", "two_latents", "shift", "zero_inflated",
    "allele_frequencies", "mixed_families",
)  # fmt: skip

#: Those in which every parameter has a conjugate prior.
BAYESIAN = tuple(name for name in NAMES if BY_NAME[name].bayesian)


def from_text(text: str, method: str = "em") -> tuple[Derivation, Model]:
    model = parse(text)
    return derive(bind(check(model)), method), model


@cache
def derived(name: str, method: str = "em") -> tuple[Derivation, Model]:
    example = BY_NAME[name]
    model = parse(example.text)
    return derive(bind(check(model), **example.constants), method), model


#: Networks by name, with those methods that they have.
NETWORKS = {
    example.name: ("em", "hard", "vb") if example.bayesian else ("em", "hard") for example in zoo_networks.NETWORKS
}


@cache
def derived_network(name: str, method: str = "em") -> tuple[Derivation, Model]:
    """The derivation of a network."""
    example = zoo_networks.BY_NAME[name]
    model = parse(example.text)
    return derive(bind(check(model), **example.constants), method), model
