"""What `import emdsl` gives, and model objects from text and from classes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import emdsl
from emdsl import *
from tests.results.conftest import TEXT

HEAVY = ("sympy", "scipy", "pandas", "polars", "matplotlib", "networkx", "lark", "numpy", "typer", "rich")


class Mixture(Model):
    K, N = size(2), size()
    n, k = plate(N), plate(K)
    pi = param(simplex[K])
    rate = param[k](positive)
    z = latent[n](Categorical(pi))
    y = observed[n](Poisson(rate[z[n]]))
    order(rate, by=k)


def test_import_is_lazy() -> None:
    code = f"import sys, emdsl; print([m for m in {HEAVY!r} if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_every_exported_name_exists() -> None:
    for name in emdsl.__all__:
        assert getattr(emdsl, name) is not None
    assert set(emdsl.__all__) <= set(dir(emdsl))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = emdsl.nothing


def test_builtins_still_work_after_a_star_import() -> None:
    assert sum([1, 2, 3]) == 6
    assert max(3, 4, key=lambda x: -x) == 3
    assert abs(-2) == 2
    assert min([5, 4]) == 4


def test_class_and_text_are_the_same_kind_of_object() -> None:
    from_text = emdsl.parse(TEXT)
    assert issubclass(from_text, emdsl.Model)
    assert from_text(K=3).text == Mixture(K=3).text == str(Mixture)
    assert from_text.__name__ == "Mixture"


def test_printing_gives_the_canonical_text() -> None:
    model = Mixture()
    assert str(model) == model.text
    assert emdsl.parse(model.text)().text == model.text
    assert repr(model) == "<model Mixture(K=2)>"
    assert model.constants == {"K": 2}


def test_read(tmp_path: Path) -> None:
    path = tmp_path / "m.em"
    path.write_text(TEXT)
    assert emdsl.read(path)().text == Mixture().text
    path.write_text(TEXT.replace("rate[z[n]]", "rote[z[n]]"))
    with pytest.raises(ModelError, match=r"m\.em:7:") as caught:
        emdsl.read(path)()
    assert caught.value.line == 7


def test_unknown_constant() -> None:
    with pytest.raises(ModelError, match="J"):
        Mixture(J=3)


def test_what_the_compiler_says(compiled: Any) -> None:
    model = Mixture()
    assert model.source() == "import numpy as np\n"
    assert model.plan is compiled
    assert model.derivation.markdown == "# Derivation"


def test_a_variable_called_data(compiled: Any) -> None:
    text = TEXT.replace("observed y[n]", "observed data[n]")
    with pytest.raises(DataError, match="`data` holds text"):
        emdsl.parse(text)().fit(["a", "b"])
