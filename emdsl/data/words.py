"""Spelling suggestions for messages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """`; did you mean `x`?`, or what there is to choose from."""
    options = list(choices)
    close = get_close_matches(word, options, n=1, cutoff=0.6) or [c for c in options if c.lower() == word.lower()]
    if close:
        return f"; did you mean `{close[0]}`?"
    return f"; there is {', '.join(f'`{option}`' for option in options)}" if options else ""
