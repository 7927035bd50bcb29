"""Phrases that many messages share."""

from __future__ import annotations

from collections.abc import Iterable

Size = str | int | None


def did_you_mean(name: str | None) -> str | None:
    return f"did you mean `{name}`?" if name else None


def either(options: Iterable[str]) -> str:
    """`a`, `b` or `c`."""
    quoted = [f"`{option}`" for option in options]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def both(items: Iterable[str]) -> str:
    return " and ".join(f"`{item}`" for item in items)
