"""Helpers that an emitted module carries along: the functions of the runtime's numerics that its code names."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

#: Where imported names come from, as the emitted module spells it.
IMPORTS = (
    ("ctypes", "import ctypes"),
    ("os", "import os"),
    ("ThreadPoolExecutor", "from concurrent.futures import ThreadPoolExecutor"),
    ("contextmanager", "from contextlib import contextmanager"),
    ("np", "import numpy as np"),
    ("sparse", "from scipy import sparse"),
)
THIRD_PARTY = ("np", "sparse")
SPECIAL_FUNCTIONS = (
    "betaln", "digamma", "expit", "gammaln", "i0e", "logit", "logsumexp", "multigammaln", "ndtr", "polygamma",
    "xlogy",
)  # fmt: skip


#: The files of `emdsl.runtime.carried`, in the order in which their functions appear in a module.
FILES = (
    "degeneracy", "probabilities", "matrices", "features", "latents", "sweeps", "folding", "networks", "product_shares",
    "longer_chains", "positive", "transitions", "finite_chains", "memory", "row_evidence", "chain_moves", "chain_steps",
    "chain_parts", "gaussian_groups", "gaussian_systems", "gaussian_eliminations", "gaussian_levels", "gaussian_states",
    "gaussian_chains", "gaussian_blocks", "posteriors", "stationary_posteriors", "seeding", "iteration",
)  # fmt: skip


@dataclass(frozen=True)
class Helper:
    """One function or class of the numerics, and the helpers that it names."""

    name: str
    source: str
    uses: frozenset[str]


@cache
def _library() -> dict[str, Helper]:
    """All helpers, read from the source of the numerics; annotations are left out of the copies."""
    found = {}
    for file in FILES:
        code = files("emdsl.runtime.carried").joinpath(f"{file}.py").read_text(encoding="utf-8")
        for node in ast.parse(code).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
                text = "\n".join(code.splitlines()[first - 1 : node.end_lineno])
                found[node.name] = _without_annotations(text)
    names = set(found)
    return {name: Helper(name, text, frozenset(_words(text) & names - {name})) for name, text in found.items()}


def _without_annotations(text: str) -> str:
    """The function's text with its signature's annotations removed, everything else as written."""
    edits: list[tuple[int, int, int, str]] = []
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef):
            continue
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg):
            if argument is not None and argument.annotation is not None:
                end = argument.annotation.end_col_offset or 0
                edits.append((argument.lineno - 1, argument.col_offset, end, argument.arg))
    for row, start, end, name in sorted(edits, reverse=True):
        rest = lines[row][end:]
        lines[row] = lines[row][:start] + name + (rest.replace(" = ", "=", 1) if rest.startswith(" = ") else rest)
    return re.sub(r"\) -> [^\n]*:(\n|$)", r"):\1", "\n".join(lines))


def _words(text: str) -> set[str]:
    return set(re.findall(r"[A-Za-z_]\w*", text))


def helper_names() -> frozenset[str]:
    """Names that a module's own identifiers must leave alone."""
    imported = (name for name, _ in IMPORTS)
    return frozenset((*_library(), *imported, *SPECIAL_FUNCTIONS))


def helpers(code: str) -> list[Helper]:
    """The helpers that `code` names, and those that they name, in the order of the library."""
    library = _library()
    needed = _words(code) & library.keys()
    while True:
        more = {use for name in needed for use in library[name].uses} - needed
        if not more:
            return [helper for name, helper in library.items() if name in needed]
        needed |= more


def import_lines(code: str, needed: Sequence[Helper]) -> list[str]:
    """The import lines of a module with this code and these helpers."""
    words = _words("\n".join((code, *(helper.source for helper in needed))))
    lines = [line for name, line in IMPORTS if name in words and name not in THIRD_PARTY]
    special = [name for name in SPECIAL_FUNCTIONS if name in words]
    third = [line for name, line in IMPORTS if name in THIRD_PARTY and (name in words or name == "np")]
    if special:
        third.append(f"from scipy.special import {', '.join(special)}")
    return [*lines, *([""] if lines else []), *third]
