"""A document of steps, each of prose, displayed formulas and tables, and its two renderings.

    Document = title, steps        Step = title, blocks        Block = Prose | Display | Table

Prose holds formulas between dollars and names between backticks; both renderings keep the formulas as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Prose:
    text: str


@dataclass(frozen=True)
class Display:
    """Displayed formulas, one on a line; `&` stands where they are aligned."""

    lines: tuple[str, ...]

    def within(self, one: str, many: str) -> str:
        """The formulas within the environment for one line or for many; no environment where its name is empty."""
        body = " \\\\\n".join(self.lines) if len(self.lines) > 1 else self.lines[0].replace("&", "")
        environment = many if len(self.lines) > 1 else one
        return f"\\begin{{{environment}}}\n{body}\n\\end{{{environment}}}" if environment else body


@dataclass(frozen=True)
class Table:
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block = Prose | Display | Table


@dataclass(frozen=True)
class Step:
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """The derivation as a text: `.markdown`, `.latex`, and a rich display in notebooks."""

    title: str
    steps: tuple[Step, ...]

    @property
    def markdown(self) -> str:
        """Markdown with formulas between `$` and `$$`."""
        parts = [f"# {self.title}"]
        for place, step in enumerate(self.steps, 1):
            parts.append(f"## {place}. {step.title}")
            parts += [_markdown(block) for block in step.blocks]
        return "\n\n".join(parts) + "\n"

    @property
    def latex(self) -> str:
        """A standalone article."""
        parts = [PREAMBLE, rf"\title{{{_escaped(self.title)}}}", r"\date{}", r"\begin{document}", r"\maketitle"]
        for step in self.steps:
            parts.append(rf"\section{{{_escaped(step.title)}}}")
            parts += [_latex(block) for block in step.blocks]
        return "\n\n".join([*parts, r"\end{document}"]) + "\n"

    def _repr_markdown_(self) -> str:
        return self.markdown

    def __str__(self) -> str:
        return self.markdown


PREAMBLE = "\n".join((
    r"\documentclass{article}",
    r"\usepackage[utf8]{inputenc}",
    r"\usepackage[T1]{fontenc}",
    r"\usepackage[margin=2.5cm]{geometry}",
    r"\usepackage{amsmath, amssymb, booktabs, tabularx}",
    r"\allowdisplaybreaks",
))  # fmt: skip


# ---------------------------------------------------------------- markdown


def _markdown(block: Block) -> str:
    match block:
        case Prose(text):
            return text
        case Display():
            return f"$$\n{block.within('', 'aligned')}\n$$"
        case Table(header, rows):
            lines = [header, tuple("---" for _ in header), *rows]
            return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


# ---------------------------------------------------------------- LaTeX


def _latex(block: Block) -> str:
    match block:
        case Prose(text):
            return _escaped(text)
        case Display():
            return block.within("equation*", "align*")
        case Table(header, rows):
            columns = "l" * (len(header) - 1) + "X"
            lines = [" & ".join(_escaped(cell) for cell in line) + r" \\" for line in rows]
            head = " & ".join(_escaped(cell) for cell in header) + r" \\"
            body = "\n".join((r"\toprule", head, r"\midrule", *lines, r"\bottomrule"))
            return f"\\noindent\n\\begin{{tabularx}}{{\\linewidth}}{{{columns}}}\n{body}\n\\end{{tabularx}}"


SPECIAL = {character: f"\\{character}" for character in "&%#_{}"} | {
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}",
}  # fmt: skip


def _escaped(text: str) -> str:
    """Prose for LaTeX: formulas as they are, names in typewriter, `**` in bold, special characters escaped."""
    parts = re.split(r"(\$[^$]*\$|`[^`]*`)", text)
    return re.sub(r"\*\*(.*?)\*\*", r"\\textbf{\1}", "".join(_part(part) for part in parts))


def _part(part: str) -> str:
    if part.startswith("$"):
        return part
    if part.startswith("`"):
        return rf"\texttt{{{_plain(part[1:-1])}}}"
    return _plain(part)


def _plain(text: str) -> str:
    return "".join(SPECIAL.get(character, character) for character in text)
