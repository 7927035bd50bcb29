"""The text front end: `.em` text to Model.

    text --grammar/emdsl.lark--> rules --Builder--> Model

Every expression, law and statement carries its place in the text.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from emdsl.errors import DataError, ModelError, Source
from emdsl.language.builder import Builder
from emdsl.language.grammar import make_parser
from emdsl.language.mistakes import syntax_error
from emdsl.model.statements import Model

if TYPE_CHECKING:
    from os import PathLike

    from lark import Lark


@lru_cache(maxsize=1)
def parser() -> Lark:
    """The parser, made once: making it takes longer than any parse."""
    return make_parser(Builder())


def parse(text: str, name: str = "<text>") -> Model:
    """The model that a text says. Raises ModelError with the place; messages quote the text under `name`."""
    from lark.exceptions import UnexpectedInput

    source = Source(text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n"), name)
    try:
        model = parser().parse(source.text)
    except UnexpectedInput as error:
        raise syntax_error(error, source.text, parser().parse).located(source) from None
    except ModelError as error:
        raise error.located(source) from None
    assert isinstance(model, Model)
    return replace(model, source=source)


def read(path: str | PathLike[str]) -> Model:
    """The model in a file. Raises DataError when the file cannot be read as UTF-8, and as `parse` does."""
    place = Path(path)
    try:
        text = place.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"there is no file `{place}`") from None
    except UnicodeDecodeError as error:
        raise DataError(f"`{place}` is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    except OSError as error:
        raise DataError(f"`{place}` cannot be read: {error.strerror}") from None
    return parse(text, place.name)
