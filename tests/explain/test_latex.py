"""The reader of formulas refuses what LaTeX would."""

from __future__ import annotations

import pytest

from tests.explain.latex import fault


@pytest.mark.parametrize("text", [r"\frac{a}{b", r"a^{2}^{3}", r"\left(a", r"\begin{aligned} a", r"a}", r"x_{n}_{k}"])
def test_faults(text: str) -> None:
    assert fault(text) is not None


@pytest.mark.parametrize(
    "text", [r"\frac{a_{n}}{b}^{2}", r"a^{2} b^{3}", r"\left(a^{2}_{k}\right)^{2}", r"P_{nk}^{-1}"]
)
def test_sound(text: str) -> None:
    assert fault(text) is None
