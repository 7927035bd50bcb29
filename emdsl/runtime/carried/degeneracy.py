"""The one error that emitted modules raise on purpose."""

from __future__ import annotations


class DegenerateError(ValueError):
    """A component has collapsed; the message names it and the remedy."""
