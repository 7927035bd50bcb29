"""The published numbers: `case("gmm_faithful")` reads one case of cases.json when a test asks for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from tests.conftest import TRUTH

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """One data set with a model and the numbers that a correct fit reaches, each with its tolerance."""

    expected: dict[str, dict[str, Any]]

    def value(self, key: str) -> Array:
        return np.asarray(self.expected[key]["value"])

    def check(self, key: str, found: Any) -> None:
        """`found` has the shape of the published value, or the same entries row by row."""
        value, tolerance = self.value(key), self.expected[key]["tolerance"]
        assert_allclose(np.reshape(found, value.shape), value, rtol=0, atol=tolerance, err_msg=key)

    def data(self, name: str) -> pd.DataFrame:
        return pd.read_csv(TRUTH / "data" / f"{name}.csv")


Cases = Callable[[str], Case]


@pytest.fixture(scope="session")
def case() -> Cases:
    cases = {item["id"]: item for item in json.loads((TRUTH / "cases.json").read_text(encoding="utf-8"))}
    return lambda name: Case(cases[name]["expected"])
