"""Collapse and the block at fault, on objectives whose shape is known."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from emdsl.runtime.diagnostics import ahead, collapsed, lowering_block, moved


def module(objective: Callable[[Any], float], **supports: str) -> Any:
    return SimpleNamespace(
        e_step=lambda data, params: ({}, 0.0), objective=lambda log_likelihood, params: objective(params),
        SUPPORTS=supports, OBJECTIVE="log likelihood", DegenerateError=ValueError,
        UPDATES=(("first", ("a",)), ("second", ("b", "c"))),
    )  # fmt: skip


SHARP = np.array([np.eye(2), np.diag([1e-8, 1.0])])


@pytest.mark.parametrize(
    ("objective", "params", "kind"),
    [
        (lambda p: -0.5 * np.log(p["s"]).sum(), np.array([1.0, 1e-9]), "positive"),
        (lambda p: 0.5 * np.log(p["s"]).sum(), np.array([1.0, 1e9]), "positive"),
        (lambda p: -0.5 * np.linalg.slogdet(p["s"])[1].sum(), SHARP, "cov"),
        (lambda p: 0.5 * np.linalg.slogdet(p["s"])[1].sum(), np.linalg.inv(SHARP), "cov"),
    ],
    ids=["variance", "precision", "covariance", "precision matrix"],
)
def test_unbounded_objectives(objective: Callable[[Any], float], params: Any, kind: str) -> None:
    assert collapsed(module(objective, s=kind), {}, {"s": params}) == "s"


@pytest.mark.parametrize(
    "objective",
    [
        lambda p: -float((np.log(p["s"]) ** 2).sum()),  # a maximum at 1
        lambda p: -float((np.log(p["s"]) - 3) @ (np.log(p["s"]) - 3)),  # not yet at the maximum
        lambda p: float(np.exp(-p["s"]).sum()),  # bounded, on the way to the boundary
    ],
    ids=["maximum", "slope", "boundary"],
)
def test_bounded_objectives(objective: Callable[[Any], float]) -> None:
    assert collapsed(module(objective, s="positive"), {}, {"s": np.array([1.0, 2.0])}) is None


def test_a_bound_cannot_collapse() -> None:
    variational = module(lambda p: -0.5 * np.log(p["s"]).sum(), s="positive")
    variational.OBJECTIVE = "evidence lower bound"
    assert collapsed(variational, {}, {"s": np.array([1e-9])}) is None


def test_the_block_at_fault_is_the_one_whose_replacement_lowers_the_objective() -> None:
    old = {"a": np.array(0.0), "b": np.array(0.0), "c": np.array(0.0)}
    new = {"a": np.array(1.0), "b": np.array(5.0), "c": np.array(1.0)}
    found = lowering_block(module(lambda p: float(p["a"] - p["b"] + p["c"])), {}, old, new, 1e-9)
    assert found == ("second", 1.0, -3.0)
    assert lowering_block(module(lambda p: float(p["a"])), {}, old, new, 1e-9) is None


def test_what_moved_is_relative_to_the_scale_of_each_parameter() -> None:
    old = {"big": np.array([999.0, 1.0]), "small": np.array([1.0])}
    assert moved(old, {"big": np.array([999.0, 2.0]), "small": np.array([1.0])}) == pytest.approx(1e-3)
    assert moved(old, {"big": np.array([999.0, 1.0]), "small": np.array([1.5])}) == pytest.approx(0.25)


def test_what_is_ahead_of_shrinking_steps_is_their_geometric_series() -> None:
    steps = 0.5 * 0.9 ** np.arange(400)
    assert ahead(0.9) * steps[7] == pytest.approx(steps[8:].sum())
    assert ahead(1.0) == np.inf
