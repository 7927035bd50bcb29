"""Well-formed models of many kinds: each passes, binds, and has a complete type for each variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from emdsl.algebra.expressions import Name, Number
from emdsl.language.text import parse
from emdsl.model.check import bind, check

MODELS = sorted((Path(__file__).parent / "good").glob("*.em"))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_well_formed(path: Path) -> None:
    checked = check(parse(path.read_text(encoding="utf-8"), path.name))
    bound = bind(checked)
    assert set(bound.checked.types) == {variable.name for variable in checked.model.variables}
    for declared in checked.types.values():
        assert all(isinstance(dim, Name | Number) for dim in declared.dims)
