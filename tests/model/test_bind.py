"""Constants: numbers only, by name, complete; what is wrong only with these numbers is found when they are bound."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from emdsl.errors import ModelError
from emdsl.language.text import parse
from emdsl.model.check import bind, check

MIXTURE = """
model Mixture(K, S0 = 10)
plate n in N, k in K
param pi : simplex[K]
param mu[k] : real[D] ~ MvNormal(0, cov=S0)
latent z[n] ~ Categorical(pi)
observed x[n] ~ MvNormal(mu[z[n]], cov=eye(D))
fix mu[2] = 0
"""


def refused(text: str, code: str, words: str, **constants: object) -> ModelError:
    with pytest.raises(ModelError, match=re.escape(words)) as caught:
        bind(check(parse(text, "m.em")), **constants)
    assert caught.value.code == code
    assert caught.value.cure
    return caught.value


def test_defaults_are_filled_in_and_sizes_may_be_bound() -> None:
    bound = bind(check(parse(MIXTURE)), K=3, D=2)
    assert bound.constants == {"K": 3, "S0": 10, "D": 2}


def test_given_constants_replace_defaults() -> None:
    assert bind(check(parse(MIXTURE)), K=3, S0=0.5).constants == {"K": 3, "S0": 0.5}


@pytest.mark.parametrize("value", [3.0, np.int64(3), np.float64(3), np.array(3)])
def test_whole_sizes_become_int(value: object) -> None:
    size = bind(check(parse(MIXTURE)), K=value).constants["K"]
    assert size == 3 and type(size) is int


def test_numpy_numbers_become_python_numbers() -> None:
    assert type(bind(check(parse(MIXTURE)), K=3, S0=np.float32(2)).constants["S0"]) is float


def test_a_constant_left_out() -> None:
    mistake = refused(MIXTURE, "E017", "the constant `K` of Mixture has no value")
    assert mistake.line == 2 and "m.em:2:" in str(mistake)


@pytest.mark.parametrize("constants", [{}, {"K": 2, "k": 2}, {"K": 2, "alpha": [1]}])
def test_messages_are_those_of_the_catalogue(constants: dict[str, object]) -> None:
    catalogue = (Path(__file__).parents[2] / "docs" / "errors.md").read_text(encoding="utf-8")
    checked = check(
        parse("model Mixture(K)\nparam alpha : real[K]\nobserved x ~ Normal(sum(alpha), sd=1)", "mixture.em")
    )
    if "alpha" in constants:
        checked = check(parse("model Mixture(K, alpha)\nobserved x ~ Normal(alpha, sd=K)", "mixture.em"))
    with pytest.raises(ModelError) as caught:
        bind(checked, **constants)
    assert f"```text\n{caught.value}\n```" in catalogue


def test_an_unknown_constant() -> None:
    assert refused(MIXTURE, "E018", "no constant or size `S1`", K=3, S1=1).cure == "did you mean `S0`?"
    assert refused(MIXTURE, "E018", "no constant or size `k`", K=3, k=2).cure == "did you mean `K`?"


@pytest.mark.parametrize("value", ["3", [3], np.array([3]), None, True, float("nan"), 1j])
def test_a_constant_that_is_no_number(value: object) -> None:
    refused(MIXTURE, "E019", "the constant `S0` is", K=3, S0=value)


@pytest.mark.parametrize("value", [0, -1, 2.5, float("inf")])
def test_a_size_that_is_no_size(value: float) -> None:
    refused(MIXTURE, "E013", "is not a size", K=value)


def test_a_ragged_size_is_not_bound() -> None:
    ragged = "model Bags plate s in S plate i in I[s] observed x[s, i] ~ Normal(0, sd=1)"
    refused(ragged, "E019", "ragged over `s`", I=3)


def test_an_index_beyond_the_bound_size() -> None:
    assert bind(check(parse(MIXTURE)), K=3).constants["K"] == 3
    assert refused(MIXTURE, "E025", "2 is out of range: this axis of `mu` has size 2", K=2).line == 8


def test_a_number_of_entries_other_than_the_bound_size() -> None:
    text = "model Start(K) plate n in N param w : simplex[K] fix w = [1, 0] observed x[n] ~ Categorical(w)"
    assert bind(check(parse(text)), K=2).constants == {"K": 2}
    refused(text, "E072", "needs a vector of length K", K=3)


def test_a_bernoulli_variable_on_a_plate_of_another_size() -> None:
    text = """model Two(K) plate n in N, k in K param mu[k] : real
              latent z[n] ~ Bernoulli(0.5) observed x[n] ~ Normal(mu[z[n]], sd=1)"""
    assert bind(check(parse(text)), K=2).constants == {"K": 2}
    refused(text, "E021", "runs over 2", K=3)


def test_starts_over_other_sizes() -> None:
    text = """model Chain(K) time t in T plate k in K param A[k] : simplex[K] param rate[k] : positive
              latent z[0] ~ Categorical([1/2, 1/4, 1/4]) latent z[t] ~ Categorical(A[z[t-1]])
              observed y[t] ~ Poisson(rate[z[t]])"""
    assert bind(check(parse(text)), K=3).constants == {"K": 3}
    with pytest.raises(ModelError):
        bind(check(parse(text)), K=2)


def test_a_bound_constant_outside_its_support() -> None:
    text = "model Scale(s) plate n in N observed x[n] ~ Normal(0, sd=s)"
    assert bind(check(parse(text)), s=1).constants == {"s": 1}
    refused(text, "E051", "`sd` of Normal must be positive, but this is -1", s=-1)
