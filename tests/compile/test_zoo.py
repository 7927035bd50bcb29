"""Every model of the zoo, compiled and put through every check against brute force."""

from __future__ import annotations

import numpy as np
import pytest

from tests.oracles.checks import check_model
from tests.zoo import BY_NAME, EXAMPLES

#: Networks and what a ragged layout needs are checked in test_network_likelihoods.py.
ELSEWHERE = ("nested_latents", "poisson_chain")
COMPILED = [example.name for example in EXAMPLES if example.name not in ELSEWHERE]


@pytest.mark.parametrize("name", COMPILED)
def test_em(name: str) -> None:
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
