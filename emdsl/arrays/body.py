"""The body of one emitted function, as data: assignments in order, each quantity computed once.

    body = (Assign | Remark | When)*

A cached quantity names what it depends on; when that is assigned anew, the quantity is forgotten and computed again.
"""

from __future__ import annotations

import builtins
import keyword
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from emdsl.algebra.indices import Index
from emdsl.arrays.expressions import Array, Named


@dataclass(frozen=True)
class Assign:
    """`target = value`, or `target += value` where it is `added`; the equation that it computes is a comment above."""

    target: str
    value: Array | str
    comment: str | None = None
    added: bool = False


@dataclass(frozen=True)
class Remark:
    """A comment line."""

    line: str


@dataclass(frozen=True)
class When:
    """An assignment under a condition, which is text."""

    condition: str
    assign: Assign


Statement = Assign | Remark | When


#: What emitted functions, their arguments and their nested functions are called.
OWN_NAMES = (
    "np", "data", "params", "statistics", "rng", "rows", "out", "group", "write", "expect", "start", "natural",
    "logits", "values", "hard", "initialise", "e_step", "m_step", "objective", "prepare", "fit", "posterior",
    "estimates", "from_estimates", "reference_points", "max_iter", "tol", "log_likelihood", "PARAMETERS", "SUPPORTS",
    "UPDATES", "OBJECTIVE", "WEIGHTED", "REFUSED_WEIGHTS", "SHARED", "RESUMED", "LOG_2PI", "state", "last", "fixed",
)  # fmt: skip


#: Characters at the most of a name that is made of what a quantity is computed from.
LEGIBLE = 48


class Names:
    """Identifiers of an emitted module: a model variable may be called `np`, `lambda` or `data`."""

    RESERVED = frozenset((*keyword.kwlist, *dir(builtins), *OWN_NAMES))
    #: Quantities of the compiler's own, for which names are reserved.
    OWN: Mapping[str, str] = {"log likelihood": "log_likelihood", "fixed": "fixed"}

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(self.RESERVED) | set(taken)
        self._given = dict(self.OWN)

    def of(self, quantity: str) -> str:
        """The identifier of a quantity: the same one each time."""
        if quantity not in self._given:
            self._given[quantity] = self.fresh(quantity.removeprefix("statistic "))
        return self._given[quantity]

    def declare(self, name: str, what: str) -> None:
        """A name of the model; where it means something else in the code, with `what` it is: `start_probabilities`."""
        taken = unicodedata.normalize("NFKC", name) in self._taken
        self._given[name] = self.fresh(f"{name} {what}" if taken else name)

    def alias(self, quantity: str, other: str) -> None:
        """`quantity` goes by the identifier of `other`."""
        self._given[quantity] = self.of(other)

    def fresh(self, hint: str) -> str:
        spelled = unicodedata.normalize("NFKC", hint.replace("~", "_centred"))  # as Python reads identifiers
        stem = re.sub(r"_?\W+", "_", spelled).strip("_") or "value"
        if len(stem) > LEGIBLE and not spelled.isidentifier():
            stem = stem[:LEGIBLE].rpartition("_")[0]
        stem = stem if not stem[0].isdigit() else f"v{stem}"
        candidate, serial = stem, 2
        while candidate in self._taken:
            candidate, serial = f"{stem}_{serial}", serial + 1
        self._taken.add(candidate)
        return candidate


class Body:
    """Collects the statements of one function."""

    def __init__(self, names: Names) -> None:
        self.names = names
        self.statements: list[Statement] = []
        self.note: str | None = None
        """Stands as a comment above the next assignment of a new value."""
        self._cache: dict[str, Named] = {}
        self._depends: dict[str, frozenset[str]] = {}

    def define(
        self,
        quantity: str,
        value: Array | str,
        axes: tuple[Index, ...],
        comment: str | None = None,
        depends: Iterable[str] = (),
    ) -> Named:
        """The named quantity, computed here unless it stands already."""
        if quantity not in self._cache:
            name = Named(self.names.of(quantity), axes)
            self.statements.append(Assign(name.name, value, comment))
            self._cache[quantity] = name
            self._depends[quantity] = frozenset(depends)
        return self._cache[quantity]

    def unused(self, quantity: str) -> str:
        """A label for a quantity that no other one has: itself, or itself with a number."""
        number, candidate = 2, quantity
        while candidate in self._cache:
            candidate, number = f"{quantity} {number}", number + 1
        return candidate

    def known(self, quantity: str) -> Named | None:
        return self._cache.get(quantity)

    def assume(self, quantity: str, axes: tuple[Index, ...]) -> Named:
        """A quantity that stands already, as an argument of the function does."""
        self._cache.setdefault(quantity, Named(self.names.of(quantity), axes))
        return self._cache[quantity]

    def reassign(self, quantity: str, value: Array | str, comment: str | None = None) -> None:
        """A new value for a quantity; what depended on the old one is forgotten."""
        self.statements.append(Assign(self._cache[quantity].name, value, comment or self.note))
        self.note = None
        for other in [name for name, depends in self._depends.items() if quantity in depends]:
            self._cache.pop(other, None)
            self._depends.pop(other)
