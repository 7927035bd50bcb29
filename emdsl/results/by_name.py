"""Results by name; a name that is not there is answered with those that are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn, TypeVar

from emdsl.errors import DataError

Value = TypeVar("Value")


class UnknownName(DataError, KeyError):
    """A name for which there is no result."""

    def __str__(self) -> str:
        return str(self.args[0])


class ByName(dict[str, Value]):
    """A dict whose missing names raise `UnknownName`; `complaint` begins the message."""

    def __init__(self, complaint: str, values: Mapping[str, Value]) -> None:
        super().__init__(values)
        self._complaint = complaint

    def __missing__(self, name: str) -> NoReturn:
        listed = ", ".join(f"`{other}`" for other in self)
        raise UnknownName(f"{self._complaint} of `{name}`; there is {listed or 'none'}")
