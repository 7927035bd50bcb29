"""Indices: each runs over exactly what the axis runs over.

    index = letter | letter - lag | number | discrete variable

The n-th index of `mu[…]` meets the n-th axis of `mu`, plates first, event axes after them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from emdsl.algebra.expressions import Binary, Expression, Name, Number, Subscript
from emdsl.errors import Span
from emdsl.model import mistakes
from emdsl.model.names import Names
from emdsl.model.shapes import Dim, Sizes, Value
from emdsl.model.spelling import reference, spelled


@dataclass(frozen=True)
class Scope:
    """Where an expression stands: the letters that it may use, and the variable that it defines.

    `fixed` holds the ordered letters that stand at a number there: in `z[s, 0] ~ …` the letter t is 0. `local` holds
    the arguments of a new distribution, which see nothing of the model but its constants.
    """

    owner: str
    letters: frozenset[str]
    fixed: Mapping[str, int] = field(default_factory=dict)
    local: Mapping[str, Value] | None = None

    def with_letter(self, letter: str) -> Scope:
        """The scope inside `sum(…, letter)`."""
        return Scope(self.owner, self.letters | {letter}, self.fixed, self.local)


@dataclass(frozen=True)
class Axis:
    """One axis of an indexed expression: `index_text(new)` is the whole reference with `new` as its index here."""

    base: str
    dim: Dim
    indices: tuple[Expression, ...]
    position: int

    def with_index(self, text: str) -> str:
        """The reference with another index on this axis, for cures."""
        parts = [text if i == self.position else spelled(index) for i, index in enumerate(self.indices)]
        return f"{self.base}[{', '.join(parts)}]"


def lag_of(index: Expression, names: Names) -> tuple[str, int] | None:
    """(t, 1) of `t-1`, (t, -1) of `t+1`; None for any other index."""
    match index:
        case Binary("+" | "-" as sign, Name(letter), Number(int(steps))) if letter in names.plates:
            return letter, steps if sign == "-" else -steps
    return None


def check_letter(letter: str, span: Span | None, scope: Scope) -> None:
    """A letter may be used where it is a plate of the variable defined, or summed over (E020, E030)."""
    if letter in scope.letters:
        return
    if letter in scope.fixed:
        raise mistakes.indices.letter_at_fixed_slot(letter, scope.fixed[letter], scope.owner, span)
    raise mistakes.indices.letter_outside(letter, scope.owner, span)


def check_summed(letter: str, span: Span | None, scope: Scope, names: Names) -> None:
    """`sum(expr, i)` over a ragged plate needs the letters that it is ragged over (E030)."""
    for parent in names.plates[letter].parents:
        if parent not in scope.letters:
            raise mistakes.indices.ragged_sum(letter, parent, str(names.plates[letter].size), span)


def index_by_letter(
    letter: str, axis: Axis, scope: Scope, names: Names, sizes: Sizes, span: Span | None, candidates: Iterator[str]
) -> None:
    """`mu[n]`: n must run over the axis (E020 outside its plates, E021 over something else)."""
    plate = names.plates[letter]
    if letter not in scope.letters and letter not in scope.fixed:
        raise mistakes.indices.letter_outside(
            letter, scope.owner, span, next((axis.with_index(c) for c in candidates), None)
        )
    check_letter(letter, span, scope)
    if not sizes.agree(axis.dim, plate.size):
        cure = next((axis.with_index(candidate) for candidate in candidates), None)
        raise mistakes.indices.wrong_letter(axis.base, axis.dim, letter, plate.size, cure, span)


def index_by_lag(
    letter: str, lag: int, axis: Axis, scope: Scope, names: Names, sizes: Sizes, span: Span | None
) -> None:
    """`z[t-1]`: only on an ordered plate (E026), only backwards (E027), only on the axis of t (E021)."""
    plate = names.plates[letter]
    if not plate.ordered:
        raise mistakes.indices.lag_without_order(letter, plate.size, span)
    if lag < 0:
        raise mistakes.indices.look_ahead(letter, -lag, span)
    check_letter(letter, span, scope)
    if not sizes.agree(axis.dim, plate.size):
        raise mistakes.indices.wrong_letter(axis.base, axis.dim, letter, plate.size, None, span)


def index_by_number(
    number: float | int, axis: Axis, scope: Scope, names: Names, sizes: Sizes, span: Span | None
) -> None:
    """`mu[0]`: a whole number from 0, below the size when that is known (E025), not after the slot defined (E027)."""
    if not float(number).is_integer() or number < 0:
        raise mistakes.indices.index_number(axis.base, number, None, span)
    size = sizes.resolved(axis.dim)
    if isinstance(size, int) and number >= size:
        raise mistakes.indices.index_number(axis.base, number, size, span)
    for letter, slot in scope.fixed.items():
        if names.plates[letter].size == axis.dim and number > slot:
            raise mistakes.indices.slot_looks_ahead(axis.base, int(number), slot, span)


def index_by_value(node: Expression, value: Value, axis: Axis, names: Names, sizes: Sizes, span: Span | None) -> None:
    """`mu[z[n]]`: a discrete variable whose range is the axis, or a function of some within it (E021, E023, E024)."""
    if value.shape is None:
        return
    if not value.scalar:
        raise mistakes.indices.index_not_scalar(spelled(node), _with_letters(node, names), span)
    computed = not isinstance(node, Name | Subscript)
    if value.kind not in ("index", "count") or (computed and value.size is None):
        raise mistakes.indices.index_not_discrete(spelled(node), axis.dim, span)
    if value.size is None:
        ragged = (letter for letter, plate in names.plates.items() if plate.size == axis.dim and plate.parents)
        raise mistakes.indices.index_without_range(spelled(node), axis.dim, next(ragged, None), span)
    states, places = value.size, sizes.resolved(axis.dim)
    within = computed and isinstance(states, int) and isinstance(places, int) and states <= places
    if not within and not sizes.agree(states, axis.dim):
        raise mistakes.indices.wrong_range(axis.base, axis.dim, spelled(node), value.size, span)


def _with_letters(node: Expression, names: Names) -> str | None:
    """`z[n]` for a bare `z`."""
    base = node.base if isinstance(node, Subscript) else node
    if isinstance(base, Name) and base.name in names.variables:
        return reference(base.name, names.variables[base.name].plates)
    return None
