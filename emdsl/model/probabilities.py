"""Arrays of probabilities made of parameters: `[p*p, 2*p*q, q*q]` sums to 1 whatever the parameters are.

    Σ_k a_k(θ) = 1 for all θ;   refused when it fails at each of three points θ

Only entries of parameters and numbers are looked at; anything else in an array, or held by `fix`, lets it pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from emdsl.algebra.expressions import Array, Binary, Call, Expression, Name, Number, Subscript, Unary
from emdsl.families.registry import family
from emdsl.model import mistakes
from emdsl.model.names import Names
from emdsl.model.spelling import spelled
from emdsl.model.statements import Law, Model, Role, Type, Variable
from emdsl.model.supports import TOLERANCE, computed

_FUNCTIONS: dict[str, Callable[[float], float]] = {
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "logistic": lambda x: 1 / (1 + math.exp(-x)),
    "Phi": lambda x: (1 + math.erf(x / math.sqrt(2))) / 2,
}

_POINTS = 3


def check_sums(model: Model, names: Names) -> None:
    """Raises ModelError (E053) for an array of probabilities that surely does not sum to 1."""
    held = frozenset(fix.name for fix in model.fixes)
    for variable in model.variables:
        for definition in variable.definitions:
            for law, argument, node in _simplex_arguments(definition.law):
                totals = [_Point(names, held, place).total(node) for place in range(_POINTS)]
                known = [total for total in totals if total is not None]
                if len(known) == _POINTS and all(abs(total - 1) > TOLERANCE for total in known):
                    raise mistakes.supports.entries_off_one(law.family, argument, spelled(node), node.span or law.span)


def _simplex_arguments(law: Law) -> Iterator[tuple[Law, str, Expression]]:
    entry = family(law.family)
    position = 0
    for name, node in law.arguments:
        if isinstance(node, Law):
            yield from _simplex_arguments(node)
        elif entry is not None:
            argument = entry.arguments[position] if name is None else entry.argument(name)
            position += name is None
            if argument is not None and argument.support == "simplex":
                yield law, argument.name, node


@dataclass
class _Point:
    """A point θ: every parameter entry has a value in (0, 1) of its own, the same wherever it is written."""

    names: Names
    held: frozenset[str]
    place: int
    drawn: dict[str, float] = field(default_factory=dict)

    def total(self, node: Expression) -> float | None:
        """Sum of the entries; None when they are not known."""
        array = self._array(node, {})
        if array is None:
            return None
        items, letters = array
        entries = [self._value(item, letters) for item in items]
        known = [entry for entry in entries if entry is not None]
        return math.fsum(known) if len(known) == len(entries) else None

    def _array(
        self, node: Expression, letters: Mapping[str, Expression]
    ) -> tuple[tuple[Expression, ...], Mapping[str, Expression]] | None:
        """The entries of an array literal, or of a let that is one, with what its letters stand for."""
        if isinstance(node, Array):
            return node.items, letters
        let = self._variable(node)
        if let is None or let.value is None or len(_indices(node)) != len(let.plates):
            return None
        return self._array(let.value, self._bound(let, node, letters))

    def _value(self, node: Expression, letters: Mapping[str, Expression]) -> float | None:
        match node:
            case Number(value):
                return float(value)
            case Unary(_, operand):
                inner = self._value(operand, letters)
                return None if inner is None else -inner
            case Binary(operator, left, right):
                first, second = self._value(left, letters), self._value(right, letters)
                return None if first is None or second is None else computed(operator, first, second)
            case Call(function, (argument,)) if function in _FUNCTIONS:
                inner = self._value(argument, letters)
                try:
                    return None if inner is None else _FUNCTIONS[function](inner)
                except ValueError:
                    return None
        variable = self._variable(node)
        return None if variable is None else self._entry(variable, node, letters)

    def _entry(self, variable: Variable, node: Expression, letters: Mapping[str, Expression]) -> float | None:
        """One number of a parameter or a let."""
        indices = tuple(_replaced(index, letters) for index in _indices(node))
        if variable.value is not None:
            bound = self._bound(variable, node, letters)
            if len(indices) == len(variable.plates):
                return self._value(variable.value, bound)
            return None
        if variable.role is not Role.PARAM or variable.name in self.held or variable.type is None:
            return None
        own = [spelled(index) for index in indices[: len(variable.plates)]]
        return self._parameter(variable.name, variable.type, own, indices[len(variable.plates) :])

    def _parameter(self, name: str, declared: Type, own: list[str], event: tuple[Expression, ...]) -> float | None:
        if len(event) != len(declared.event_shape):
            return None
        if declared.kind in ("unit", "positive", "real"):
            return self._draw(f"{name}{own}{[spelled(index) for index in event]}")
        if declared.kind == "simplex" and isinstance(event[0], Number) and isinstance(declared.dims[0], Number):
            row = [self._draw(f"{name}{own}{place}") for place in range(int(declared.dims[0].value))]
            return row[int(event[0].value)] / math.fsum(row)
        return None

    def _draw(self, entry: str) -> float:
        """A number of (0.1, 0.9), by the golden ratio for the entry and √2 for the point."""
        if entry not in self.drawn:
            turn = (len(self.drawn) + 1) * (math.sqrt(5) - 1) / 2 + (self.place + 1) * math.sqrt(2)
            self.drawn[entry] = 0.1 + 0.8 * (turn % 1)
        return self.drawn[entry]

    def _variable(self, node: Expression) -> Variable | None:
        base = node.base if isinstance(node, Subscript) else node
        return self.names.variables.get(base.name) if isinstance(base, Name) else None

    def _bound(self, let: Variable, node: Expression, letters: Mapping[str, Expression]) -> Mapping[str, Expression]:
        indices = (_replaced(index, letters) for index in _indices(node))
        return dict(zip(let.plates, indices, strict=False))


def _indices(node: Expression) -> tuple[Expression, ...]:
    return node.indices if isinstance(node, Subscript) else ()


def _replaced(index: Expression, letters: Mapping[str, Expression]) -> Expression:
    """An index with the letters of a let put in: the whole of it, or those inside `z[n]` and `t-1`."""
    match index:
        case Name(name):
            return letters.get(name, index)
        case Subscript(base, indices):
            return Subscript(base, tuple(_replaced(inner, letters) for inner in indices))
        case Binary(operator, left, right):
            return Binary(operator, _replaced(left, letters), right)
    return index
