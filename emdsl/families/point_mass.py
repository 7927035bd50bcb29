"""Law of a variable that equals `value`.

    P(x = value) = 1

It has no log density as an expression: against other laws on the same support it is the event x = value, which the
algebra states as a structural atom. Its value has the type of its argument.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.families.family import ANY, Argument, Family


def sample(rng: np.random.Generator, size: tuple[int, ...], value: Any) -> np.ndarray[Any, Any]:
    return np.broadcast_to(value, size).copy()


POINT_MASS = Family(
    name="PointMass",
    support=ANY,
    dims=(),
    arguments=(Argument("value", ANY),),
    positional=1,
    log_density=None,
    sample=sample,
)
