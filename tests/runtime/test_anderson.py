"""Secant steps: as many as directions solve a linear iteration; supports hold; entries at the edge are left to EM."""

from __future__ import annotations

import numpy as np
import pytest

from emdsl.runtime.anderson import MOST, Secants

SUPPORTS = {"m": "real", "r": "positive", "p": "simplex"}


@pytest.mark.parametrize("size", [1, 2, 3, MOST])
def test_a_linear_iteration_is_solved_after_as_many_secants_as_directions(size: int) -> None:
    rng = np.random.default_rng(size)
    basis = np.linalg.qr(rng.normal(size=(size, size)))[0]
    shrink, limit = basis @ np.diag(np.linspace(0.1, 0.99, size)) @ basis.T, rng.normal(size=size)
    secants, point = Secants(), {"m": np.zeros(size)}
    for _ in range(size + 1):
        updated = {"m": limit + shrink @ (point["m"] - limit)}
        point = secants.extrapolate(point, updated, SUPPORTS) or updated
    np.testing.assert_allclose(point["m"], limit, atol=1e-9)


def test_steps_stay_within_the_supports() -> None:
    secants, point = Secants(), {"r": np.array([1.0, 2.0]), "p": np.array([0.2, 0.3, 0.5])}
    for _ in range(6):
        p = point["p"] * [1.0, 1.02, 0.9]
        updated = {"r": point["r"] ** 0.97, "p": p / p.sum()}
        point = secants.extrapolate(point, updated, SUPPORTS) or updated
        assert point["r"].min() > 0
        assert point["p"].min() > 0
        assert point["p"].sum() == pytest.approx(1, abs=1e-14)


def test_an_entry_on_its_way_to_the_edge_is_moved_by_em_alone() -> None:
    """Its coordinate runs to minus infinity at one pace: least squares would follow it and nothing else."""
    secants, point = Secants(), {"r": np.array([1.0, 1e-9]), "m": np.array([0.0])}
    for _ in range(4):
        updated = {"r": point["r"] * [1.0, 0.1], "m": 3 + 0.9 * (point["m"] - 3)}
        point = secants.extrapolate(point, updated, SUPPORTS) or updated
        assert point["r"][1] == updated["r"][1]
    assert point["m"] == pytest.approx(3, abs=1e-9)


def test_secants_are_forgotten_when_other_entries_are_free() -> None:
    secants = Secants()
    first = {"m": np.array([0.0, 1.0])}
    assert secants.extrapolate(first, {"m": np.array([0.5, 1.5])}, SUPPORTS) is None
    assert secants.extrapolate({"m": np.array([0.5, 1.5])}, {"m": np.array([0.7, 1.5])}, SUPPORTS) is None
