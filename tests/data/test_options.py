"""Arguments of `fit` that are misspelt, or called as other tools call them, are told from names of data."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

import emdsl as em
from emdsl.api import Bound
from emdsl.data.options import ELSEWHERE, OPTIONS
from emdsl.errors import DataError

TEXT = "model M(K = 2) plate n in N param m : real observed y[n] ~ Normal(m, sd=1)"


def test_the_options_are_those_of_fit() -> None:
    named = inspect.signature(Bound.fit).parameters.values()
    assert tuple(p.name for p in named if p.kind is inspect.Parameter.KEYWORD_ONLY) == OPTIONS
    assert ELSEWHERE.keys() <= {*OPTIONS}


@pytest.mark.parametrize(
    "argument, meant",
    [
        ({"max_iters": 5}, "did you mean `max_iter`?"),
        ({"seed": 1}, "did you mean `random_state`?"),
        ({"inits": {}}, "did you mean `init`?"),
        ({"n_iter": 3}, "did you mean `max_iter`?"),
        ({"lengths": [2]}, "series of different lengths are a list of arrays"),
        ({"Y": [1.0]}, "the model has no variable `Y`; did you mean `y`?"),
        ({"other": [1.0]}, "the model has no variable `other`; there is `y`"),
    ],
)
def test_what_is_meant(argument: dict[str, Any], meant: str) -> None:
    with pytest.raises(DataError) as caught:
        em.parse(TEXT)().fit(y=[1.0, 2.0], **argument)
    assert meant in str(caught.value)


def test_a_variable_may_have_the_name_of_an_option_of_another_tool() -> None:
    assert em.parse(TEXT.replace("y[n]", "seed[n]"))().fit(seed=[1.0, 3.0]).params["m"] == 2


@pytest.mark.parametrize("method", [None, 3, "gibbs"])
def test_no_method(method: Any) -> None:
    with pytest.raises(DataError, match=f"there is no method {method!r}; there is `em`, `vb`, `hard`"):
        em.parse(TEXT)().fit(y=[1.0], method=method)


@pytest.mark.parametrize("init", [[1, 2], "kmeans"])
def test_starting_values_have_names(init: Any) -> None:
    with pytest.raises(DataError, match=r"init is a (list|str); give starting values by name: init={'m': …}"):
        em.parse(TEXT)().fit(y=[1.0], init=init)


MIXTURE = """model M(K = 2) plate n in N, k in K param m[k] : real latent z[n] ~ Categorical([0.5, 0.5])
observed y[n] ~ Normal(m[z[n]], sd=1)"""


@pytest.mark.parametrize(
    "start, told",
    [
        ([0, 1], r"init of `z` has shape \(2,\), but its values have \(3,\)"),
        ([0, 1, 2], "init of `z` has states other than 0 to 1"),
        ([-1, 0, 1], "init of `z` has states other than 0 to 1"),
        ([0, 0.5, 1], "init of `z` has states other than 0 to 1"),
        ([[1, 0], [0, 1]], r"init of `z` has shape \(2, 2\), but its probabilities have \(3, 2\)"),
        ([[1, 0, 0]] * 3, r"init of `z` has shape \(3, 3\), but its probabilities have \(3, 2\)"),
    ],
)
def test_starting_values_of_latents_fit_the_data(start: Any, told: str) -> None:
    with pytest.raises(DataError, match=told):
        em.parse(MIXTURE)().fit(y=[1.0, 2.0, 9.0], init={"z": start})
    found = em.parse(MIXTURE)().fit(y=[1.0, 2.0, 9.0], init={"z": [0, 0, 1]})
    assert found.params["m"][0] < found.params["m"][1]


def test_constants_are_bound_first_and_by_name() -> None:
    with pytest.raises(em.ModelError, match=r"bound by name\n  = write `M\(K=3\)`"):
        em.parse(TEXT)(3)
    with pytest.raises(AttributeError, match=r"the constants of M are not bound: write `M\(K=…\)\.fit`"):
        em.parse(TEXT).fit(y=[1.0])
    with pytest.raises(AttributeError, match="type object 'M' has no attribute 'fitt'"):
        em.parse(TEXT).fitt(y=[1.0])
