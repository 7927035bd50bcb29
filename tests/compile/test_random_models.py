"""Random mixtures satisfy what the models of the zoo do; six in every run, any number under `make fuzz`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.compile.random_models import random_model
from tests.oracles.checks import check_model


@pytest.mark.parametrize("seed", range(6))
def test_six(seed: int) -> None:
    text, data = random_model(seed)
    check_model(text, {}, data, fit=False)


@pytest.mark.fuzz
@given(st.integers(6, 10**9))
def test_many(seed: int) -> None:
    text, data = random_model(seed)
    check_model(text, {}, data, fit=False)
