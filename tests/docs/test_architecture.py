"""The table of files in docs/architecture.md: every module, with the first line of its docstring.

`pytest tests/docs --promote` writes the table anew.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.test_layering import MAY_IMPORT

PAGE = REPOSITORY / "docs" / "architecture.md"
BETWEEN = re.compile(r"(?<=<!-- files -->\n).*?(?=<!-- end of files -->)", re.DOTALL)
IMPORTS = re.compile(r"(?<=<!-- imports -->\n).*?(?=<!-- end of imports -->)", re.DOTALL)


def first_line(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return docstring.split("\n\n")[0].replace("\n", " ").replace("|", "\\|")


def files() -> str:
    rows = ["| file | what it holds |", "|---|---|"]
    for path in sorted((REPOSITORY / "emdsl").rglob("*.py")):
        if path.name == "__init__.py" and path.parent.name != "emdsl":
            continue
        rows.append(f"| `{path.relative_to(REPOSITORY)}` | {first_line(path)} |")
    return "\n".join(rows) + "\n"


def imports() -> str:
    order = list(MAY_IMPORT)
    rows = ["| part | may import |", "|---|---|"]
    rows += [f"| {part} | {', '.join(sorted(MAY_IMPORT[part], key=order.index)) or '—'} |" for part in order]
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(("region", "table"), [(BETWEEN, files), (IMPORTS, imports)], ids=["files", "imports"])
def test_tables_are_those_of_the_code(region: re.Pattern[str], table: object, request: pytest.FixtureRequest) -> None:
    assert callable(table)
    page, expected = PAGE.read_text(encoding="utf-8"), table()
    if request.config.getoption("--promote"):
        page = region.sub(lambda _: expected, page)
        PAGE.write_text(page, encoding="utf-8")
    found = region.search(page)
    assert found is not None
    assert found[0] == expected, "`pytest tests/docs --promote` writes the table anew"
