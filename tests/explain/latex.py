r"""A small reader of formulas: `fault(text)` says what is wrong with one, or None.

Braces, `\left` and `\right`, and environments must balance; no symbol may have two superscripts or two subscripts.
"""

from __future__ import annotations

import re

TOKEN = re.compile(r"\\(?:begin|end)\{\w+\*?\}|\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)


def formulas(markdown: str) -> list[str]:
    """Displayed and inline formulas of a markdown text."""
    displayed = re.findall(r"\$\$(.*?)\$\$", markdown, re.DOTALL)
    inline = re.findall(r"\$([^$]+)\$", re.sub(r"\$\$.*?\$\$", "", markdown, flags=re.DOTALL))
    return displayed + inline


def fault(text: str) -> str | None:
    stack: list[str] = []
    scripts: list[set[str]] = [set()]
    after_script = False
    for token in TOKEN.findall(text):
        if token in "^_":
            if token in scripts[-1]:
                return f"two `{token}` on one symbol"
            scripts[-1].add(token)
            after_script = True
            continue
        opened = token in ("{", r"\left") or token.startswith(r"\begin")
        if opened:
            stack.append("{" if token == "{" else token.replace("begin", "end"))
            if not after_script:
                scripts[-1].clear()
            scripts.append(set())
        elif token == "}" or token == r"\right" or token.startswith(r"\end"):
            expected = {"}": "{", r"\right": r"\left"}.get(token, token)
            if not stack or stack.pop() != expected:
                return f"unbalanced `{token}`"
            scripts.pop()
        elif not after_script:
            scripts[-1].clear()
        after_script = False
    return f"open: {stack}" if stack else None
