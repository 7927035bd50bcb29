"""Code blocks of the pages, and when an output is the one that a page shows.

    ```python        run, in one name space for each page; a ```text block right after it is what it prints
    ```console       lines `$ emdsl …` are run; what follows a line is its output
    ```em            a model that compiles; ```em E090 is one that is refused with that code
    ```sh            commands of other programs, not run; targets of make must exist

A line `…` of an output stands for any lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.conftest import REPOSITORY

PAGES = sorted(
    path
    for path in (REPOSITORY / "README.md", *REPOSITORY.glob("docs/*.md"), REPOSITORY / "examples" / "README.md")
    if path.stem not in ("errors", "references")  # errors.md is read by tests/model
)
FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])-?\d+\.\d+(?:e[-+]?\d+)?")
#: How many steps a run took, and which of its starts went on, may change with any step of the fit.
VOLATILE = re.compile(r"^(iterations|restarts) ")
#: Figures of an output that are compared.
DIGITS = 1e-3


@dataclass(frozen=True)
class Block:
    """One code block: its language, what else stands on the fence, its text, and the output that the page shows."""

    page: Path
    line: int
    language: str
    mark: str
    text: str
    shown: str | None

    def __str__(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The code blocks of a page in their order."""
    source = page.read_text(encoding="utf-8")
    found: list[Block] = []
    end = 0
    for match in FENCE.finditer(source):
        language, _, mark = match[1].partition(" ")
        follows = not source[end : match.start()].strip() and found and found[-1].language == "python"
        if language == "text" and follows:
            found[-1] = Block(**{**vars(found[-1]), "shown": match[2]})
        else:
            line = source.count("\n", 0, match.start()) + 1
            found.append(Block(page, line, language, mark, match[2], None))
        end = match.end()
    return found


def commands(block: Block) -> list[tuple[str, str]]:
    """The commands of a console block, each with the output shown."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    assert not parts[0].strip(), f"{block}: text before the first command"
    return [(command, output) for command, _, output in (part.partition("\n") for part in parts[1:])]


def difference(shown: str, found: str) -> str | None:
    """Where an output differs from the one shown, or None."""
    lines = [line.rstrip() for line in found.strip("\n").splitlines()]
    place, free = 0, False
    for expected in (line.rstrip() for line in shown.strip("\n").splitlines()):
        if expected == "…":
            free = True
            continue
        while free and place < len(lines) and not _same(expected, lines[place]):
            place += 1
        if place == len(lines):
            return f"not printed: {expected!r}"
        if not _same(expected, lines[place]):
            return f"shown:   {expected!r}\nprinted: {lines[place]!r}"
        place, free = place + 1, False
    return None if free or place == len(lines) else f"not shown: {lines[place]!r}"


def _same(shown: str, found: str) -> bool:
    if VOLATILE.match(shown):
        return shown.split()[0] == found.split()[0] if found else False
    numbers = [np.array([float(item) for item in NUMBER.findall(line)]) for line in (shown, found)]
    texts = [" ".join(NUMBER.sub("#", line).split()) for line in (shown, found)]
    return texts[0] == texts[1] and bool(np.allclose(*numbers, rtol=DIGITS, atol=DIGITS))
