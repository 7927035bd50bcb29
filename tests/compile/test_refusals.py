"""What the language allows and the compiler does not derive: each model in tests/bad_models/refused with its message.

A refusal names the variable, in one sentence, and points at its definition. `--promote` writes the messages anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from emdsl.api import parse
from emdsl.errors import ModelError
from tests.conftest import Golden

FOLDER = Path(__file__).parents[1] / "bad_models" / "refused"
MODELS = sorted(FOLDER.glob("*.em"))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_message(path: Path, golden: Golden) -> None:
    model = parse(path.read_text(encoding="utf-8"))
    with pytest.raises(ModelError) as caught:
        model().source()
    refusal = caught.value
    assert refusal.code == "E090" and refusal.line is not None
    variables = [f"`{variable.name}`" for variable in model().bound_model.checked.model.variables]
    assert any(name in str(refusal) for name in variables)
    golden(path.with_suffix(".txt"), f"{refusal}\n")


@pytest.mark.parametrize(
    ("name", "size"), [("states_untold", "K"), ("long_chain_untold", "K"), ("sum_of_states_untold", "J")]
)
def test_cure_of_binding(name: str, size: str) -> None:
    model = parse((FOLDER / f"{name}.em").read_text(encoding="utf-8"))
    with pytest.raises(ModelError) as caught:
        model().source()
    assert caught.value.cure == f"bind it: M({size}=…)"
    assert model(**{size: 2}).plan.exact_e_step
