"""Weights in a Series go by its index: to the series of a long table, and to the rows of pandas data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import emdsl as em
from emdsl.errors import DataError

SERIES = """model M plate s in S time t in T[s] param m : real
latent x[s, 0] ~ Normal(m, var=1) latent x[s, t] ~ Normal(x[s, t-1], var=1) observed y[s, t] ~ Normal(x[s, t], var=1)"""
ROWS = "model M plate n in N param m : real observed y[n] ~ Normal(m, sd=1)"
VECTORS = "model M plate n in N param m : real[2] observed x[n] ~ MvNormal(m, cov=eye(2))"
TABLE = pd.DataFrame({"s": ["b", "a", "b", "a", "c"], "t": [1, 0, 0, 1, 0], "y": [1.0, 4.0, 3.0, 5.0, -2.0]})


def likelihood(text: str, data: Any, weights: Any, **arrays: Any) -> float:
    fit = em.parse(text)().fit(data, n_init=1, max_iter=3, weights=weights, **arrays)
    assert fit.log_likelihood is not None
    return fit.log_likelihood


def test_weights_of_series_go_by_their_names() -> None:
    """The series come as b, a, c."""
    named = pd.Series([3.0, 1.0, 2.0], index=["a", "b", "c"])
    assert likelihood(SERIES, TABLE, {"s": named}) == likelihood(SERIES, TABLE, {"s": [1.0, 3.0, 2.0]})
    frame = TABLE.drop(columns="y")
    assert likelihood(SERIES, TABLE, {"s": named}) == likelihood(SERIES, frame, {"s": named}, y=[[3, 1], [4, 5], [-2]])


def test_weights_of_numbered_series_go_by_their_numbers() -> None:
    table = TABLE.assign(s=[7, 3, 7, 3, 5])  # in the order 3, 5, 7
    named = pd.Series([1.0, 2.0, 3.0], index=[7, 5, 3])
    assert likelihood(SERIES, table, {"s": named}) == likelihood(SERIES, table, {"s": [3.0, 2.0, 1.0]})


@pytest.mark.parametrize("as_series", [False, True])
def test_weights_of_rows_go_by_the_index_of_the_data(as_series: bool) -> None:
    frame = pd.DataFrame({"y": [0.0, 5.0, 7.0]}, index=["u", "v", "w"])
    data: Any = {"y": frame["y"]} if as_series else frame
    named = pd.Series([3.0, 1.0, 2.0], index=["w", "u", "v"])
    assert likelihood(ROWS, data, {"n": named}) == likelihood(ROWS, data, {"n": [1.0, 2.0, 3.0]})
    fit = em.parse(ROWS)().fit(data, n_init=1)
    assert fit.score(data, weights={"n": named}) == fit.score(data, weights={"n": np.array([1.0, 2.0, 3.0])})


def test_weights_of_rows_whose_vectors_stand_in_columns() -> None:
    frame = pd.DataFrame({"x[0]": [0.0, 5.0], "x[1]": [1.0, 2.0]}, index=[4, 9])
    named = pd.Series([3.0, 1.0], index=[9, 4])
    assert likelihood(VECTORS, frame, {"n": named}) == likelihood(VECTORS, frame, {"n": [1.0, 3.0]})


def test_data_that_do_not_name_their_rows_take_weights_by_position() -> None:
    named = pd.Series([3.0, 1.0, 2.0], index=["w", "u", "v"])
    assert likelihood(ROWS, {"y": [0.0, 5.0, 7.0]}, {"n": named}) == likelihood(
        ROWS, {"y": [0.0, 5.0, 7.0]}, {"n": [3.0, 1.0, 2.0]}
    )


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (pd.Series([1.0, 2.0, 3.0]), "weights of `s` go by their index, which lacks 'b' of the data; give them as an"),
        (pd.Series([1.0, 2.0], index=["a", "b"]), "which lacks 'c' of the data"),
        (pd.Series([1.0, 2.0, 3.0, 4.0], index=["a", "b", "c", "d"]), "and 'd' is not in the data"),
        (pd.Series([1.0, 2.0, 3.0, 4.0], index=["a", "b", "c", "a"]), "the index of the weights of `s` has 'a' twice"),
    ],
)
def test_an_index_that_does_not_fit_is_refused(weights: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        likelihood(SERIES, TABLE, {"s": weights})


PAIRED = "model M plate n in N given x[n] : real param b : real observed y[n] ~ Normal(b * x[n], sd=1)"


def test_data_over_one_plate_have_one_order() -> None:
    x = pd.Series([1.0, 2.0, 4.0], index=["a", "b", "c"])
    y = pd.Series([2.0, 4.0, 8.0], index=["a", "b", "c"])
    model = em.parse(PAIRED)()
    with pytest.raises(DataError, match=r"`y` and `x` have the same index in different orders.*y\.loc\[x\.index\]"):
        model.fit(x=x, y=y[::-1])
    of_arrays = model.fit(x=x.to_numpy(), y=y.to_numpy()).log_likelihood
    assert model.fit(x=x, y=y[::-1].loc[x.index]).log_likelihood == of_arrays
    assert model.fit(x=x, y=y.reset_index(drop=True)).log_likelihood == of_arrays
