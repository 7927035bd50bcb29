"""What a kernel asks for a law and not for a mode: where logarithms cancel, exp(−b xᵖ) is a law for p > 0 alone."""

from __future__ import annotations

import pytest

from emdsl.algebra.symbols import Symbol
from emdsl.kernels.gamma import LOG
from emdsl.kernels.kernel import Kinds
from emdsl.kernels.registry import match, match_law

POSITIVE = Symbol("v", False, "positive", ())


@pytest.mark.parametrize(("power", "is_law"), [(1.0, True), (-1.0, False)])
def test_a_power_without_a_logarithm_is_a_law_where_it_can_be_normalised(power: float, is_law: bool) -> None:
    alone: frozenset[Kinds] = frozenset({(("power", power),)})
    kernel, _ = match_law(POSITIVE, alone)
    assert (kernel is not None and kernel.name == "Gamma") == is_law
    assert match_law(POSITIVE, alone | {LOG})[0] == match(POSITIVE, alone | {LOG})[0]
    assert getattr(match(POSITIVE, alone)[0], "name", None) != "Gamma"
