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
    """A dict whose missing names raise `UnknownName`: with what `reasons` say of them, else after `complaint`."""

    def __init__(self, complaint: str, values: Mapping[str, Value], reasons: Mapping[str, str] | None = None) -> None:
        super().__init__(values)
        self._complaint, self._reasons = complaint, reasons or {}

    def __missing__(self, name: str) -> NoReturn:
        if name in self._reasons:
            raise UnknownName(self._reasons[name])
        listed = ", ".join(f"`{other}`" for other in self)
        raise UnknownName(f"{self._complaint} of `{name}`; there is {listed or 'none'}")
