"""Spellings of one law agree: converted arguments give the same density."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import special

from emdsl.algebra.expressions import Name
from emdsl.families.normal import NORMAL
from tests.laws.family_cases import DENSITY_CASES, Case

#: The last argument of another spelling from the canonical one (or from that of the first form).
INVERSES: dict[str, Callable[[Any], Any]] = {
    "sd": lambda prec: 1 / np.sqrt(prec),
    "var": lambda prec: 1 / prec,
    "cov": np.linalg.inv,
    "chol": lambda prec: np.linalg.cholesky(np.linalg.inv(prec)),
    "scale": lambda rate: 1 / rate,
    "logit": special.logit,
    "logits": np.log,
}


@pytest.mark.parametrize("seed", range(3))
def test_spellings_agree(density_case: Case, seed: int) -> None:
    first = next(case for case in DENSITY_CASES if case.family is density_case.family)
    values = first.draw(np.random.default_rng(seed))
    renamed = dict(zip(density_case.spelling, values.values(), strict=True))
    for name, before in zip(density_case.spelling, first.spelling, strict=True):
        if name != before:
            renamed[name] = INVERSES[name](renamed[name])
    x = first.reference(values).rvs(size=10, random_state=seed)
    np.testing.assert_allclose(
        density_case.log_density(x, renamed), first.log_density(x, values), rtol=1e-10, atol=1e-10
    )


@pytest.mark.parametrize("names", [(), ("mean",), ("sd",), ("mean", "sd", "var"), ("mean", "logit")])
def test_an_incomplete_or_double_spelling_selects_no_form(names: tuple[str, ...]) -> None:
    assert NORMAL.form(names) is None


def test_canonical_arguments_keep_their_order() -> None:
    assert list(NORMAL.canonical({"sd": Name("s"), "mean": Name("m")})) == ["mean", "prec"]
    with pytest.raises(KeyError):
        NORMAL.canonical({"mean": Name("m")})
