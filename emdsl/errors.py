"""Errors of the user and errors of ours: two kinds, never mixed.

An error of the user says what is wrong, where, and what to write instead. An error of ours (`CompilerBug`) asks for a
report: no model and no data may provoke it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """The text that a model was read from, and the name under which messages quote it."""

    text: str
    name: str = "<text>"


@dataclass(frozen=True)
class Span:
    """A place in a model: 1-based line and column, `end_column` one past the last character of the first line."""

    line: int
    column: int
    end_column: int


class Error(Exception):
    """Base of every error that emdsl raises on purpose."""


class ModelError(Error):
    """A mistake in a model, with its place.

    `code` is stable and listed in docs/errors.md; `line` and `column` are None when the model was built in Python.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        cure: str | None = None,
        span: Span | None = None,
        source: Source | None = None,
    ) -> None:
        self.code, self.message, self.cure, self.span, self.source = code, message, cure, span, source
        super().__init__(self.render())

    @property
    def line(self) -> int | None:
        return self.span.line if self.span else None

    @property
    def column(self) -> int | None:
        return self.span.column if self.span else None

    def located(self, source: Source | None) -> ModelError:
        """The same error, quoting `source`; errors are raised deep down, where only the span is known."""
        if self.source is not None or source is None:
            return self
        return type(self)(self.code, self.message, cure=self.cure, span=self.span, source=source)

    def render(self) -> str:
        lines = [f"error[{self.code}]: {self.message}"]
        if self.span and self.source:
            text = self.source.text.splitlines()
            quoted = text[self.span.line - 1] if self.span.line <= len(text) else ""
            gutter = " " * len(str(self.span.line))
            caret = " " * (self.span.column - 1) + "^" * max(1, self.span.end_column - self.span.column)
            lines += [
                f"{gutter}--> {self.source.name}:{self.span.line}:{self.span.column}",
                f"{gutter} |",
                f"{self.span.line} | {quoted}",
                f"{gutter} | {caret}",
            ]
        if self.cure:
            lines.append(f"  = {self.cure}")
        return "\n".join(lines)


class DataError(Error):
    """A mistake in data or in an argument; the message names the variable and the cure."""


class FitError(Error):
    """A fit that could not go on: a degenerate component, a step that lowered the objective."""


class CompilerBug(Exception):
    """A fault of emdsl itself."""

    def __init__(self, message: str) -> None:
        super().__init__(
            f"{message}\nThis is a fault in emdsl, not in your model. Please report it with the model's text."
        )
