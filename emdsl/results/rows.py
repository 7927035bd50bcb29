"""Expressions evaluated for many entries at once.

A row is one assignment of the plate letters. Every value has the rows as its first axis, of length 1 where it does not
depend on the letters, and its event axes after it. Variables of which there are many draws have these as the first axis
of their arrays; rows then tell which one they are of.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from emdsl.algebra.evaluate import evaluate
from emdsl.algebra.expressions import Array, Binary, Call, Expression, Name, Number, Subscript, Unary
from emdsl.errors import DataError

Values = np.ndarray[Any, Any]
Rows = Mapping[str, Values]

#: The column of rows that tells which draw each is of; no letter is spelled like it.
DRAW = "draw of"


@dataclass(frozen=True)
class Evaluator:
    """What names stand for: arrays of variables (plates first), numbers, and the lengths of plates.

    `inside` marks the rows that lie within their group of a ragged plate; None where all do. `drawn` are the names of
    variables whose arrays have draws first.
    """

    values: Mapping[str, Values]
    numbers: Mapping[str, float]
    length: Callable[[str], int]
    inside: Callable[[str, Rows], Values | None]
    drawn: Set[str] = field(default_factory=frozenset)

    def rows(self, node: Expression, rows: Rows) -> Values:
        """The value of `node` at each row: (rows or 1, event axes)."""
        match node:
            case Number(number):
                return np.array([float(number)])
            case Name(name) if name in rows:
                return np.asarray(rows[name], dtype=np.float64)
            case Name(name) if name in self.drawn:
                value = self.values[name]
                return np.asarray(value if len(value) == 1 else value[rows[DRAW]], dtype=np.float64)
            case Name(name) if name in self.values:
                return np.asarray(self.values[name], dtype=np.float64)[None]
            case Name(name):
                return np.array([float(self.numbers[name])])
            case Subscript(Name(name), indices) if name in self.values:
                places = [self.rows(index, rows).astype(np.int64) for index in indices]
                chosen = np.broadcast_arrays(*([rows[DRAW]] if name in self.drawn else []), *places)
                return np.asarray(self.values[name][tuple(chosen)], dtype=np.float64)
            case Subscript(base, indices):
                value = self.rows(base, rows)
                chosen = np.broadcast_arrays(np.arange(len(value)), *(self.rows(i, rows).astype(int) for i in indices))
                return np.asarray(value[tuple(chosen if len(value) > 1 else (0 * chosen[0], *chosen[1:]))])
            case Array(items):
                return np.stack(np.broadcast_arrays(*aligned([self.rows(item, rows) for item in items])), axis=1)
            case Unary(_, operand):
                return -self.rows(operand, rows)
            case Binary("@", left, right):
                return _product(self.rows(left, rows), self.rows(right, rows))
            case Binary(operator, left, right):
                return _apply(
                    Binary(operator, Name("0"), Name("1")), aligned([self.rows(left, rows), self.rows(right, rows)])
                )
            case Call("sum", (summand, Name(letter))):
                count, length = max((len(index) for index in rows.values()), default=1), self.length(letter)
                wider = {name: np.repeat(index, length) for name, index in rows.items()}
                wider |= {letter: np.tile(np.arange(length), count)}
                value, inside = self.rows(summand, wider), self.inside(letter, wider)
                value = np.broadcast_to(value, (count * length, *value.shape[1:]))
                if inside is not None:
                    value = np.where(inside.reshape(-1, *(1,) * (value.ndim - 1)), value, 0.0)
                return np.asarray(value.reshape(count, length, *value.shape[1:]).sum(axis=1))
            case Call("diag", (argument,)):
                value = self.rows(argument, rows)
                return (
                    value[..., None] * np.eye(value.shape[-1])
                    if value.ndim == 2
                    else np.diagonal(value, axis1=1, axis2=2)
                )
            case Call("eye" | "ones" | "zeros" as function, arguments):
                given = [self.rows(argument, rows).astype(np.int64) for argument in arguments]
                if function != "eye" and len(given) == 1 and np.ptp(given[0]):  # different lengths, filled up
                    return (np.arange(given[0].max()) < given[0][:, None]) * float(function == "ones")
                sizes = [int(value[0]) for value in given]
                return np.asarray(getattr(np, function)(*sizes if function == "eye" else (sizes,)))[None]
            case Call(function, arguments):
                values = [self.rows(argument, rows) for argument in arguments]
                values = aligned(values) if function in ("min", "max") else values
                return _apply(Call(function, tuple(Name(str(i)) for i in range(len(values)))), values)
        raise DataError(f"{node!r} cannot be simulated")


def _apply(node: Expression, values: list[Values]) -> Values:
    return evaluate(node, {str(position): value for position, value in enumerate(values)})


def aligned(values: list[Values]) -> list[Values]:
    """Values of equal rank: those with fewer event axes get new ones after the rows."""
    rank = max(value.ndim for value in values)
    return [value.reshape(len(value), *(1,) * (rank - value.ndim), *value.shape[1:]) for value in values]


def _product(left: Values, right: Values) -> Values:
    match left.ndim - 1, right.ndim - 1:
        case 1, 1:
            return np.asarray((left * right).sum(axis=-1))
        case 2, 1:
            return np.asarray((left @ right[..., None])[..., 0])
        case 1, 2:
            return np.asarray((left[:, None, :] @ right)[:, 0])
    return np.asarray(left @ right)
