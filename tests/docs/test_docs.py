"""README.md, docs/ and examples/README.md do what they say: their models compile, their code runs and prints that."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import emdsl as em
from emdsl.cli import app
from tests.conftest import REPOSITORY
from tests.docs.pages import FENCE, PAGES, Block, blocks, commands, difference

LANGUAGES = {"python", "console", "em", "sh", "text", ""}
BLOCKS = [block for page in PAGES for block in blocks(page)]
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)")


def of(language: str) -> list[Any]:
    return [pytest.param(block, id=str(block)) for block in BLOCKS if block.language == language]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with the examples in it, so that what a page writes stays out of the repository."""
    (tmp_path / "examples").symlink_to(REPOSITORY / "examples")
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_languages_are_known() -> None:
    assert {block.language for block in BLOCKS} <= LANGUAGES


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_python(page: Path, elsewhere: Path) -> None:
    namespace: dict[str, Any] = {}
    for block in blocks(page):
        if block.language != "python":
            continue
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile("\n" * block.line + block.text, str(block), "exec"), namespace)
        if block.shown is not None:
            assert difference(block.shown, printed.getvalue()) is None, f"{block}\n{printed.getvalue()}"


@pytest.mark.parametrize("block", of("console"))
def test_commands(block: Block, elsewhere: Path) -> None:
    for command, shown in commands(block):
        program, *arguments = shlex.split(command)
        assert program == "emdsl", f"{block}: {program} belongs into a block of sh"
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == (1 if "error[" in shown else 0), f"{block}\n{result.output}"
        if shown.strip():
            assert difference(shown, result.output) is None, f"{block}\n{result.output}"


@pytest.mark.parametrize("block", of("em"))
def test_models(block: Block) -> None:
    model = em.parse(block.text)
    if block.mark:
        with pytest.raises(em.ModelError) as caught:
            model().source()
        assert caught.value.code == block.mark
    else:
        model().source()


@pytest.mark.parametrize("block", of("sh"))
def test_targets_of_make_exist(block: Block) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make (\w+)", block.text, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"{block}: make {target}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"`[^`\n]+`", "", FENCE.sub("", page.read_text(encoding="utf-8")))
    targets = [target for target in LINK.findall(prose) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_files_that_are_named_exist(page: Path) -> None:
    """`emdsl/…`, `tests/…` and the like between backticks are paths of the repository."""
    text = page.read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:emdsl|tests|docs|grammar|benchmarks)/[\w./-]*)`", text))
    assert sorted(path for path in named if not (REPOSITORY / path).exists()) == []
