"""The same numbers in another type or layout give the same fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.numerics.models import CLASSES, DIAGONAL, FULL, MISSING, POISSON, REGRESSION, Values, clusters, model
from tests.numerics.test_weights import MODELS

X = np.round(clusters(40) * 8) / 8  # exact in float32


def _fit(text: str, **data: Any) -> Any:
    return model(text).fit(n_init=2, max_iter=30, **data)


def _same(one: Any, two: Any) -> None:
    np.testing.assert_array_equal(one.history, two.history)
    for key, value in one.params.items():
        np.testing.assert_array_equal(two.params[key], value, err_msg=key)
        assert two.params[key].dtype == np.float64


LAYOUTS = {
    "float32": lambda x: x.astype(np.float32),
    "Fortran order": np.asfortranarray,
    "strided": lambda x: np.repeat(x, 2, axis=0)[::2],
    "reversed twice": lambda x: x[::-1].copy()[::-1],
    "read only": lambda x: _locked(x.copy()),
    "list": lambda x: x.tolist(),
    "long double": lambda x: x.astype(np.longdouble),
    "big endian": lambda x: x.astype(">f8"),
}


def _locked(x: np.ndarray) -> np.ndarray:
    x.flags.writeable = False
    return x


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("text", [FULL, DIAGONAL, MISSING], ids=["full", "diagonal", "missing"])
def test_layouts_of_reals(text: str, layout: str) -> None:
    _same(_fit(text, x=X), _fit(text, x=LAYOUTS[layout](X)))


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint8, object])
def test_whole_numbers_for_reals(kind: type) -> None:
    x = np.round(X * 8).astype(int) + 100
    _same(_fit(FULL, x=x.astype(float)), _fit(FULL, x=x.astype(kind)))


@pytest.mark.parametrize("kind", [np.int32, np.uint8, np.float32, np.float64])
def test_types_of_counts(kind: type) -> None:
    y = MODELS["Poisson"][1]["y"]
    _same(_fit(POISSON, y=y), _fit(POISSON, y=y.astype(kind)))


@pytest.mark.parametrize("kind", [bool, np.int8, np.float32])
def test_types_of_answers(kind: type) -> None:
    y = MODELS["classes"][1]["y"]
    _same(_fit(CLASSES, y=y), _fit(CLASSES, y=y.astype(kind)))


def test_a_regression_in_fortran_order_and_float32() -> None:
    data: Values = {key: np.round(value * 8) / 8 for key, value in MODELS["regression"][1].items()}
    other = {key: np.asfortranarray(value.astype(np.float32)) for key, value in data.items()}
    _same(_fit(REGRESSION, **data), _fit(REGRESSION, **other))


def test_a_fit_leaves_the_data_alone() -> None:
    x = X.copy()
    _fit(FULL, x=x)
    np.testing.assert_array_equal(x, X)


def test_a_fit_leaves_init_and_weights_alone() -> None:
    init = {"pi": np.array([0.5, 0.5]), "mu": np.array([[0.0, 0.0], [5.0, 5.0]]), "S": np.tile(np.eye(2), (2, 1, 1))}
    weights = np.full(40, 2.0)
    before = {key: value.copy() for key, value in init.items()}
    model(FULL).fit(x=X, init=init, weights={"n": weights}, max_iter=5)
    assert np.all(weights == 2.0)
    for key, value in before.items():
        np.testing.assert_array_equal(init[key], value)
