"""Squared extrapolation of a fixed-point iteration, scheme S3.

    r = θ1 - θ0,  v = θ2 - 2 θ1 + θ0,  α = -‖r‖ / ‖v‖,  θ' = θ0 - 2 α r + α² v

with θ1 = M(θ0) and θ2 = M(θ1); α = -1 gives θ2 back. The vectors are unconstrained coordinates, so that θ' is always a
valid parameter; entries that none of the three points moves stay where they are. [VaradhanRoland2008]
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from emdsl.runtime.coordinates import Coordinates, Params

#: Growth and shrinkage of the longest step allowed, after it was taken and after it failed.
STEP_FACTOR = 4.0


def extrapolate(
    points: tuple[Params, Params, Params], supports: Mapping[str, str], longest: float
) -> tuple[Params, float] | None:
    """(θ', -α), or None where there is nothing to extrapolate: the points coincide, or a coordinate is not finite."""
    first, second, third = points
    held = {name: (first[name] == second[name]) & (second[name] == third[name]) for name in third}
    coordinates = Coordinates.of(third, supports, held)
    try:
        with np.errstate(all="ignore"):
            u0, u1, u2 = (coordinates.pack(point) for point in points)
    except np.linalg.LinAlgError:
        return None
    r, v = u1 - u0, u2 - 2 * u1 + u0
    length, curvature = float(np.linalg.norm(r)), float(np.linalg.norm(v))
    if not (np.isfinite(length) and np.isfinite(curvature)) or curvature == 0:
        return None
    step = min(max(length / curvature, 1.0), longest)
    if step <= 1:
        return None
    return coordinates.unpack(u0 + 2 * step * r + step**2 * v), step
