"""A checked model whose constants are bound: what the compiler works on.

The check stage (`emdsl.model.check.check`) resolves every name and gives every variable a complete type;
`emdsl.model.check.bind` gives the constants their values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from emdsl.algebra.expressions import Name
from emdsl.model.statements import Model, Type


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
        """Ragged sizes that a variable runs over: the number of its states differs from group to group."""
        ragged = {plate.size for plate in self.model.plates if plate.parents}
        dims = {dim.name for kind in self.types.values() for dim in kind.dims if isinstance(dim, Name)}
        return frozenset(str(size) for size in ragged & dims)


@dataclass(frozen=True)
class BoundModel:
    """A checked model with a number for each constant, and for the sizes that were given.

    `constants` holds constants and bound sizes alike (sizes whose value only the data tell are absent).
    """

    checked: CheckedModel
    constants: Mapping[str, float | int]
