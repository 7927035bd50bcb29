"""Series: chains over time in a model, and bound data cut, lengthened and laid out series by series.

The emitted module sees ragged series one after the other; here each axis of the user's plates may also stand by itself,
shorter series filled up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from emdsl.algebra.expressions import Binary, Expression, Name, Subscript, walk
from emdsl.data.ragged import merged_letters, offsets, split
from emdsl.errors import DataError
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Law, Plate, Role, Variable
from emdsl.results.axes import plate_of
from emdsl.results.posterior import flat

Array = np.ndarray[Any, Any]


def nesting(bound: BoundModel, name: str, data: Mapping[str, Any]) -> Callable[[Array], Any]:
    """Brings an array of the emitted module into the layout of the user's data: nested lists over ragged plates."""
    variable = bound.checked.model.variable(name)
    plates = plates_of(bound, variable) if variable is not None else ()
    if not any(plate.parents for plate in plates):
        return flat
    return partial(split, plates=plates, data=data)


def plates_of(bound: BoundModel, variable: Variable) -> tuple[Plate, ...]:
    """The plates of a variable, in declared order."""
    return tuple(plate_of(bound, letter) for letter in variable.plates)


def chained_states(bound: BoundModel, discrete: Sequence[str]) -> tuple[str, ...]:
    """Those of the discrete latents of networks that are inferred together with a chain over time; () without one."""
    chain = [v for v in bound.checked.model.variables if v.name in discrete and _reads_itself(v)]
    return tuple(discrete) if chain else ()


def _reads_itself(variable: Variable) -> bool:
    return any(
        isinstance(node, Subscript) and node.base == Name(variable.name)
        for definition in variable.definitions
        for value in expressions_of(definition.law)
        for node in walk(value)
    )


def expressions_of(law: Law) -> list[Expression]:
    """All expressions of a law: arguments, limits, and those of the laws that it chooses among."""
    found = [law.limits.low, law.limits.high] if law.limits else []
    for _, value in law.arguments:
        found += expressions_of(value) if isinstance(value, Law) else [value]
    return found
