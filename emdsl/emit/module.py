"""An emitted module as text: constants, the helpers that it needs, its functions.

Only what is used is written: helpers are found by their names in the code, and so are the loads at the head of a
function.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from emdsl.arrays.body import Assign, Remark, When
from emdsl.arrays.programme import Function, Lines, Module, Nested, ProgrammeStatement
from emdsl.arrays.reading import names_read
from emdsl.emit.arithmetic import LOG_2PI, LOG_2PI_VALUE, SizeText, text
from emdsl.emit.breaking import INDENT, fitted
from emdsl.emit.helpers import helpers, import_lines
from emdsl.emit.tidying import tidied

#: Of a line of code.
WIDTH = 120


def module_text(module: Module, size_text: SizeText) -> str:
    """The whole module as Python source."""
    functions = [_function(tidied(_spelled(one, size_text))) for one in module.functions]
    constants = [line for name, value in module.constants for line in fitted(f"{name} = {value}", WIDTH)]
    if any(re.search(rf"\b{LOG_2PI}\b", one) for one in functions):
        constants.append(f"{LOG_2PI} = {LOG_2PI_VALUE}")
    code = "\n".join((*functions, *constants))
    needed = helpers(f"{code}\nDegenerateError")
    parts = [_docstring(module)]
    parts.append("\n".join(import_lines(code, needed)))
    if constants:
        parts.append("\n".join(constants))
    body = [*functions, *([_HELPERS_HEADING] if needed else []), *(helper.source for helper in needed)]
    return "\n\n".join(parts) + "\n\n\n" + "\n\n\n".join(body) + "\n"


_HELPERS_HEADING = "# Numerics: carried along so that this file stands alone."


def _docstring(module: Module) -> str:
    lines = [f'"""{module.title}', *([""] if module.doc else []), *module.doc, '"""']
    return "\n".join(lines) if module.doc else f'"""{module.title}"""'


def _spelled(function: Function, size_text: SizeText) -> Function:
    """The function with text for every array."""

    def spelled(one: ProgrammeStatement) -> ProgrammeStatement:
        match one:
            case Assign(_, value):
                return one if isinstance(value, str) else replace(one, value=text(value, size_text))
            case When(condition, assign):
                return When(condition, cast(Assign, spelled(assign)))
            case Nested(header, body):
                return Nested(header, tuple(spelled(inner) for inner in body))
        return one

    return replace(function, body=tuple(spelled(one) for one in function.body))


def _function(function: Function) -> str:
    lines = [f"def {function.name}({function.parameters}):"]
    lines += _wrapped_doc(function.doc)
    lines += [f"{INDENT}{name} = {source}" for name, source in _loads(function)]
    lines += [INDENT + line if line else "" for line in _statements(function.body)]
    if function.result:
        lines += [INDENT + line for line in _fit(f"return {function.result}", 1)]
    return re.sub(r"\n\n\n+", "\n\n", "\n".join(lines))


def _wrapped_doc(doc: str) -> list[str]:
    paragraphs = doc.split("\n")
    if len(paragraphs) == 1 and len(doc) + len(INDENT) + 6 <= WIDTH:
        return [f'{INDENT}"""{doc}"""']
    wrapped = [line for paragraph in paragraphs for line in (textwrap.wrap(paragraph, WIDTH - 8) or [""])]
    return [f'{INDENT}"""{wrapped[0]}', *(INDENT + line if line else "" for line in wrapped[1:]), f'{INDENT}"""']


def _statements(statements: Sequence[ProgrammeStatement], depth: int = 1) -> list[str]:
    """The lines of statements so many indents deep; neighbours under a condition that they leave as it is share it."""
    lines: list[str] = []
    shared = ""
    for statement in statements:
        own = statement.condition if isinstance(statement, When) else ""
        written = _statement(statement, depth)
        lines += written[1:] if own and own == shared else written
        shared = "" if isinstance(statement, When) and statement.assign.target in names_read(own) else own
    return lines


def _statement(statement: ProgrammeStatement, depth: int) -> list[str]:
    match statement:
        case Assign(target, value, comment, added):
            lines = [f"# {line}" for line in textwrap.wrap(comment or "", WIDTH - 2 * len(INDENT) - 2)]
            return lines + _fit(f"{target} {'+=' if added else '='} {value}" if target else str(value), depth)
        case Remark(line):
            return [f"# {line}"]
        case When(condition, assign):
            return [f"if {condition}:", *(INDENT + line for line in _statement(assign, depth + 1))]
        case Lines(code):
            return [line for item in code for line in _fit(item, depth)]
        case Nested(header, body):
            inner = [INDENT + line if line else "" for line in _statements(body, depth + 1)]
            return ["", header, *inner, ""] if header.startswith("def ") else [header, *inner]


def _fit(line: str, depth: int) -> list[str]:
    """A line within the module's width where it is so many indents deep."""
    return fitted(line, WIDTH - depth * len(INDENT))


# ---------------------------------------------------------------- loads


def _loads(function: Function) -> list[tuple[str, str]]:
    """The sources that are used before anything assigns them, and those that these use in turn."""
    sources = dict(function.sources)
    used: set[str] = set()
    assigned: set[str] = set()
    for statement in function.body:
        _use(statement, used, assigned)
    used |= names_read(function.result) - assigned
    needed = {name for name in used if name in sources}
    while True:
        more = {name for item in needed for name in names_read(sources[item]) if name in sources} - needed
        if not more:
            return [(name, source) for name, source in function.sources if name in needed]
        needed |= more


def _use(statement: ProgrammeStatement, used: set[str], assigned: set[str]) -> None:
    match statement:
        case Assign(target, value, _, added):
            used |= (names_read(value) | ({target} if added else set())) - assigned
            if re.fullmatch(r"\w+", target):
                assigned.add(target)
            else:
                used |= names_read(target) - assigned
        case When(condition, assign):
            used |= names_read(condition) - assigned
            _use(assign, used, assigned)
        case Lines(code):
            for line in code:
                used |= names_read(line) - assigned
        case Nested(header, body):
            used |= names_read(header) - assigned
            inner = set(assigned)
            for item in body:
                _use(item, used, inner)
