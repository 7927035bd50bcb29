"""The refusal of what the language allows and the compiler does not derive."""

from __future__ import annotations

from emdsl.errors import ModelError, Span


def not_compiled(reason: str, span: Span | None, cure: str | None = None) -> ModelError:
    """The refusal of what the language allows and the compiler does not derive yet."""
    return ModelError("E090", f"not compiled yet: {reason}", cure=cure, span=span)
