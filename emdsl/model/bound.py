"""A checked model whose constants are bound: what the compiler works on.

The check stage (`emdsl.model.check.check`) resolves every name and gives every variable a complete type;
`emdsl.model.check.bind` gives the constants their values.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from emdsl.algebra.expressions import Call, Expression, Name, walk
from emdsl.model.statements import Model, Type, Variable


@dataclass(frozen=True)
class CheckedModel:
    """A model in which every reference is valid.

    `types` has an entry for each variable, let and observed ones included: Categorical(p) with p: simplex[K] gives
    index[K], Bernoulli index[2], Poisson count, MvNormal real[D], … Dims are `Name` of a size or `Number`.
    """

    model: Model
    types: Mapping[str, Type]

    @property
    def ragged_ranges(self) -> frozenset[str]:
        """Ragged sizes that the states of a variable run over, or a sum within a law: each group has its own."""
        ragged = {plate.letter: str(plate.size) for plate in self.model.plates if plate.parents}
        dims = {dim.name for kind in self.types.values() for dim in kind.dims if isinstance(dim, Name)}
        nodes = [node for variable in self.model.variables for node in _expressions(variable)]
        summed = {
            over.name
            for node in nodes
            for part in walk(node)
            if isinstance(part, Call) and part.function == "sum"
            for over in part.arguments[1:]
            if isinstance(over, Name)
        }
        return frozenset(size for letter, size in ragged.items() if size in dims or letter in summed)


def _expressions(variable: Variable) -> Iterator[Expression]:
    """All expressions in what defines a variable."""
    laws = [definition.law for definition in variable.definitions]
    while laws:
        law = laws.pop()
        for _, argument in law.arguments:
            if isinstance(argument, Expression):
                yield argument
            else:
                laws.append(argument)
    if variable.value is not None:
        yield variable.value


@dataclass(frozen=True)
class BoundModel:
    """A checked model with a number for each constant, and for the sizes that were given.

    `constants` holds constants and bound sizes alike (sizes whose value only the data tell are absent). `settled`:
    observed variables of which only the ends of series may be missing, which no entry that is there reads.
    """

    checked: CheckedModel
    constants: Mapping[str, float | int]
    settled: frozenset[str] = frozenset()
