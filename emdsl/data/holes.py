"""Missing entries of observed variables that known entries read, in bound data."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from emdsl.data.ragged import merged_letters
from emdsl.model.bound import BoundModel
from emdsl.model.holes import inferred, may_end


def are_seen(bound: BoundModel, data: Mapping[str, Any]) -> bool:
    """Whether the data miss no entry that is read by one which is there.

    What only later entries of its own series read may be missing at the ends of series.
    """
    return all(_is_seen(name, bound, data) for name in inferred(bound) if name in data)


def _is_seen(name: str, bound: BoundModel, data: Mapping[str, Any]) -> bool:
    model, holes = bound.checked.model, np.isnan(data[name])
    if not holes.any():
        return True
    variable = model.variable(name)
    assert variable is not None
    plates = [plate for letter in variable.plates if (plate := model.plate(letter)) is not None]
    if not may_end(name, bound):
        return False
    (time,) = (plate for plate in plates if plate.ordered)
    axis = merged_letters(plates).index(time.letter)
    holes = np.moveaxis(holes, axis, 0).reshape(holes.shape[axis], -1)
    edges = data[f"offsets.{time.letter}"] if time.parents else np.array([0, len(holes)])
    return all(np.array_equal(holes[a:b], np.maximum.accumulate(holes[a:b])) for a, b in pairwise(edges))
