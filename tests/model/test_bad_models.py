"""Each model in tests/bad_models/semantic is wrong in one way, and its message is the file beside it.

`--promote` writes the messages anew; review them as a diff.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emdsl.errors import ModelError
from emdsl.language.text import parse
from emdsl.model.check import check
from tests.conftest import Golden

FOLDER = Path(__file__).parents[1] / "bad_models" / "semantic"
MODELS = sorted(FOLDER.glob("*.em"))
CATALOGUE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text(encoding="utf-8")


def mistake_in(path: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        check(parse(path.read_text(encoding="utf-8"), path.name))
    return caught.value


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_message(path: Path, golden: Golden) -> None:
    golden(path.with_suffix(".txt"), f"{mistake_in(path)}\n")


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_every_mistake_has_a_place_a_cure_and_an_entry_in_the_catalogue(path: Path) -> None:
    mistake = mistake_in(path)
    assert mistake.line is not None and mistake.column is not None
    assert mistake.cure
    assert re.search(rf"^### {mistake.code} ", CATALOGUE, re.MULTILINE)


def test_examples_of_the_catalogue_are_messages() -> None:
    """All but those that only Python or binding can provoke, which test_statements.py and test_bind.py compare."""
    messages = {path.read_text(encoding="utf-8") for path in FOLDER.glob("*.txt")}
    examples = set(re.findall(r"```text\n(error\[E.*?)```", CATALOGUE, re.DOTALL))
    elsewhere = {f"E0{number}" for number in (17, 18, 19, 31, 32, 34, 35, 36, 69)}
    assert {example[6:10] for example in examples - messages} == elsewhere


def test_every_message_has_a_model() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == {path.stem for path in MODELS}
