"""Names, numbers and letters as LaTeX."""

from __future__ import annotations

import math

import pytest

from emdsl.algebra.indices import IndexSource
from emdsl.explain.symbols import Letters, magnitude, name_text, raised, with_indices


@pytest.mark.parametrize(
    ("name", "text"),
    [("mu", r"\mu"), ("Sigma", r"\Sigma"), ("W", "W"), ("rate", r"\mathrm{rate}"), ("S_0", r"\mathrm{S\_0}")],
)
def test_names(name: str, text: str) -> None:
    assert name_text(name) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, ("", "")),
        (0.5, (r"\tfrac{1}{2}", "")),
        (3.0, ("3", "")),
        (0.5 * math.log(2 * math.pi), (r"\tfrac{1}{2}", r"\log 2\pi")),
        (math.log(2), ("", r"\log 2")),
        (0.123456789, ("0.123457", "")),
        (1.5e-9, (r"1.5 \cdot 10^{-9}", "")),
        (1e300, (r"\infty", "")),
    ],
)
def test_numbers(value: float, text: tuple[str, str]) -> None:
    assert magnitude(value) == text


def test_powers() -> None:
    assert raised("v_{k}", -1) == "v_{k}^{-1}"
    assert raised("v_{k}", 0.5) == "v_{k}^{1/2}"
    assert raised("x^{(2)}", 2) == r"\left(x^{(2)}\right)^{2}"


def test_indices() -> None:
    assert with_indices(r"\mu", ["k", "d'"]) == r"\mu_{kd'}"
    assert with_indices(r"\mu", [r"\mathrm{group}_{n}", "d"]) == r"\mu_{\mathrm{group}_{n}, d}"
    assert with_indices(r"\mu", ["0"]) == r"\mu_{0}"


def test_letters_are_distinct_and_clear_of_names() -> None:
    source = IndexSource()
    one, two = source.fresh("D", "d"), source.fresh("D", "d")
    clash, other = source.fresh("V", "v"), source.fresh("L", "k")
    letters = Letters(frozenset({"v"}), {"k": "K", "l": "L"}).knowing((one, two, clash, other))
    assert [letters.of(index) for index in (one, two, other)] == ["d", "d'", "l"]
    assert letters.of(clash) not in ("v", "d", "k", "l")
