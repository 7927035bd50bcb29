"""Unconstrained coordinates: there and back, held entries, and extrapolation that stays inside the supports."""

from __future__ import annotations

import numpy as np
import pytest

from emdsl.runtime.coordinates import Coordinates
from emdsl.runtime.squarem import extrapolate

SUPPORTS = {"m": "real", "r": "positive", "u": "unit", "p": "simplex", "S": "cov"}
RNG = np.random.default_rng(0)
PARAMS = {
    "m": RNG.normal(size=(2, 3)),
    "r": RNG.gamma(2.0, size=3),
    "u": RNG.uniform(size=()),
    "p": RNG.dirichlet(np.ones(4), size=(2,)),
    "S": np.array([[[2.0, 0.3], [0.3, 1.0]], [[1.0, -0.5], [-0.5, 3.0]]]),
}


def test_size_counts_free_coordinates() -> None:
    assert Coordinates.of(PARAMS, SUPPORTS, {}).size == 6 + 3 + 1 + 2 * 3 + 2 * 3


def test_there_and_back() -> None:
    coordinates = Coordinates.of(PARAMS, SUPPORTS, {})
    back = coordinates.unpack(coordinates.pack(PARAMS))
    for name, value in PARAMS.items():
        np.testing.assert_allclose(back[name], value, rtol=1e-13)


def test_any_vector_gives_valid_parameters() -> None:
    coordinates = Coordinates.of(PARAMS, SUPPORTS, {})
    params = coordinates.unpack(RNG.normal(size=coordinates.size) * 3)
    assert params["r"].min() > 0
    assert 0 < params["u"] < 1
    np.testing.assert_allclose(params["p"].sum(axis=-1), 1, rtol=1e-14)
    assert np.linalg.eigvalsh(params["S"]).min() > 0


@pytest.mark.parametrize("value", [[0.0, 0.25, 0.75], [0.2, 0.3, 0.5]])
def test_held_entries_and_zeros_stay_exactly(value: list[float]) -> None:
    p = np.array(value)
    coordinates = Coordinates.of({"p": p}, SUPPORTS, {"p": np.array([True, False, False])})
    assert coordinates.size == 1
    moved = coordinates.unpack(coordinates.pack({"p": p}) + 1.7)["p"]
    assert moved[0] == p[0]
    assert moved[1] != p[1]
    assert moved.sum() == pytest.approx(1, abs=1e-15)


def test_extrapolation_lands_on_the_limit_of_a_geometric_sequence() -> None:
    points = tuple({"r": np.exp(1 + 0.9**n * np.array([1.0, -2.0]))} for n in range(3))
    found = extrapolate(points, SUPPORTS, longest=100.0)
    assert found is not None
    np.testing.assert_allclose(found[0]["r"], np.exp([1.0, 1.0]), rtol=1e-12)
    assert found[1] == pytest.approx(10)


def test_nothing_to_extrapolate() -> None:
    assert extrapolate((PARAMS, PARAMS, PARAMS), SUPPORTS, longest=100.0) is None
