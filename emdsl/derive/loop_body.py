"""The body of a function with one loop: what changes from sweep to sweep stands inside, everything else before it."""

from __future__ import annotations

from collections.abc import Iterable

from emdsl.algebra.indices import Index
from emdsl.arrays.algebra import bare
from emdsl.arrays.body import Assign, Body, Names, Statement, When
from emdsl.arrays.expressions import Array, Named
from emdsl.arrays.reading import names_read


class LoopBody(Body):
    """Statements `before` and `inside` a loop; a definition goes inside when something that varies enters it."""

    def __init__(self, names: Names) -> None:
        super().__init__(names)
        self.before = self.statements
        self.inside: list[Statement] = []
        self.varying: set[str] = set()
        self.looping = False

    def vary(self, *identifiers: str) -> None:
        """From here on these are assigned anew in every sweep."""
        self.varying.update(identifiers)

    def define(
        self,
        quantity: str,
        value: Array | str,
        axes: tuple[Index, ...],
        comment: str | None = None,
        depends: Iterable[str] = (),
    ) -> Named:
        value = bare(value)
        if isinstance(value, Named) and value.axes == axes and self.known(quantity) is None:
            self.alias(quantity, value)
        if self.looping and self.known(quantity) is None:
            inside = bool(names_read(value) & self.varying)
            self.statements = self.inside if inside else self.before
            if inside:
                self.vary(self.names.of(quantity))
        result = super().define(quantity, value, axes, comment, depends)
        if self.looping:
            self.statements = self.inside
        return result

    def alias(self, quantity: str, value: Named) -> None:
        """A quantity that stands already under another name."""
        self._cache[quantity] = value
        self._depends[quantity] = frozenset()

    def several(self, quantities: tuple[str, ...], call: str, comment: str | None = None) -> tuple[str, ...]:
        """Several quantities that one call returns."""
        names = tuple(self.names.of(quantity) for quantity in quantities)
        self.statements.append(Assign(", ".join(names), call, comment))
        if self.looping:
            self.vary(*names)
        return names

    def when(self, condition: str, target: str, value: Array) -> None:
        """Another value for a quantity under a condition."""
        self.statements.append(When(condition, Assign(target, value)))
