"""Spelling suggestions for messages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def closest(word: str, choices: Iterable[str]) -> str | None:
    """The choice most like `word`; None when none is alike."""
    options = list(choices)
    close = get_close_matches(word, options, n=1, cutoff=0.6) or [c for c in options if c.lower() == word.lower()]
    return close[0] if close else None


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """`; did you mean `x`?`, or what there is to choose from."""
    options = list(choices)
    close = closest(word, options)
    if close is not None:
        return f"; did you mean `{close}`?"
    return f"; there is {', '.join(f'`{option}`' for option in options)}" if options else ""
