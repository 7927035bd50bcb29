"""Every model of the zoo, compiled and put through every check against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from tests.oracles.checks import check_model
from tests.zoo import BY_NAME, EXAMPLES

#: Networks and what a ragged layout needs are checked in test_network_likelihoods.py.
ELSEWHERE = ("nested_latents", "poisson_chain")
COMPILED = [example.name for example in EXAMPLES if example.name not in ELSEWHERE]


#: One for each kind of block and update, whose fits are held against numerical derivatives of brute force. A fit is a
#: point that E- and M-steps leave alone, and these are checked for all; `make fuzz` takes the derivatives of all.
SCORED = (
    "gmm_tied", "gmm_map_precision", "normal_mixture_prec", "poisson_mixture", "bernoulli_mixture",
    "exponential_mixture", "regression_mixture_shared_variance", "multivariate_regression", "multinomial",
    "probabilistic_pca", "mvnormal_missing", "random_intercept", "grouped_proportions", "weighted_poisson_mixture",
    "partial_labels", "zero_inflated", "shift", "exposures", "allele_frequencies",
)  # fmt: skip


@pytest.mark.parametrize("name", COMPILED)
def test_em(name: str) -> None:
    example = BY_NAME[name]
    check_model(example.text, example.constants, example.draw(), scores=name in SCORED)


@pytest.mark.fuzz
@pytest.mark.parametrize("name", [name for name in COMPILED if name not in SCORED])
def test_scores_at_the_fit(name: str) -> None:
    example = BY_NAME[name]
    check_model(example.text, example.constants, example.draw())


#: A class of one row has no spread of its own, and the M-step says so: a start that keeps classes large.
HARD_SEEDS = {"regression_mixture_own_variance": 1}


@pytest.mark.parametrize("name", COMPILED)
def test_hard(name: str) -> None:
    example = BY_NAME[name]
    rng = np.random.default_rng(HARD_SEEDS.get(name, 0))
    check_model(example.text, example.constants, example.draw(), ("hard",), rng=rng)


@pytest.mark.parametrize("name", [name for name in COMPILED if BY_NAME[name].bayesian])
def test_vb(name: str) -> None:
    example = BY_NAME[name]
    check_model(example.text, example.constants, example.draw(), ("vb",))
