"""Models whose compiled module is written by hand, so that fits are tested without the compiler."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.runtime.modules import mixture

TEXT = """
model Mixture(K = 2)
plate n in N, k in K
param pi : simplex[K]
param rate[k] : positive
latent z[n] ~ Categorical(pi)
observed y[n] ~ Poisson(rate[z[n]])
order rate by k
"""


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a hand-written Poisson mixture in the compiler's place; `.rows` of its plan may be set by a test."""
    plan = SimpleNamespace(rows=[])
    derivation = SimpleNamespace(markdown="# Derivation", latex="\\section{Derivation}")

    def compile_model(bound: Any, method: str) -> Any:
        return SimpleNamespace(
            module=mixture(),
            source="import numpy as np\n",
            plan=plan,
            derivation=derivation,
            beside_others=frozenset(),
        )

    module = ModuleType("emdsl.compile")
    module.compile_model = compile_model  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "emdsl.compile", module)
    return plan
