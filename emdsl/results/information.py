"""Standard errors from the observed information.

    I = -d² objective / du²  in free unconstrained coordinates u, by central differences
    var θ = J I⁻¹ Jᵀ,  J = dθ / du      (delta method)

The objective is the log likelihood, or under a prior the log posterior. [EfronHinkley1978] Its rounding is measured,
and the differences are as wide as that asks for: near singular covariances it knows six digits, not fifteen.

Probabilities that the fit has driven to the edge of their support, as the first state of a single series is, are
treated as known: the others' errors are those given them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emdsl.model.bound import BoundModel
from emdsl.results.axes import held_entries
from emdsl.runtime.coordinates import Array, Coordinates, Params
from emdsl.runtime.diagnostics import objective_at

#: More coordinates than this, and the second differences cost more than the fit.
MOST_COORDINATES = 60
#: A probability this close to 0 or 1 is on its way to the edge.
EDGE = 1e-8
#: Curvature below this share of that along a coordinate is rounding: the objective does not change in that direction.
FLAT = 1e-6
#: A coordinate belongs to directions in which nothing changes if this much of it, squared, lies in them.
TOGETHER = 0.01
#: Relative width of first differences, which balances rounding against curvature, and that of the first second ones.
FIRST_WIDTH, SECOND_WIDTH = np.finfo(float).eps ** (1 / 3), np.finfo(float).eps ** 0.25
#: The widest second difference in units of the first, how far a try may narrow one, and how many tries there are.
WIDEST, NARROWER, TRIES = 1e3, 0.01, 12
#: Points so close to each other that third differences are rounding only: how many, and how close in widths.
NOISE_POINTS, NOISE_STEP = 7, 0.01


@dataclass(frozen=True)
class StandardErrors:
    """Standard errors by parameter, nan for held entries; `why_not` says why there are none."""

    errors: Mapping[str, Array] | None
    why_not: str | None = None


def free_parameters(bound: BoundModel, params: Params) -> int:
    """How many entries neither `fix` nor the sums of simplexes determine: of the model, wherever its estimates lie.

    A probability that is zero at the estimates counts, and so does a row of a table that no datum tells of: what the
    model can say is penalised, not where it came to rest.
    """
    held = {name: held_entries(bound, name, np.shape(value)) for name, value in params.items()}
    inside = {name: np.full(np.shape(value), 0.5) for name, value in params.items()}
    return Coordinates.of(inside, {name: bound.checked.types[name].kind for name in params}, held).size


def standard_errors(
    bound: BoundModel, module: Any, params: Params, data: Mapping[str, Any], others: Mapping[str, Any] | None = None
) -> StandardErrors:
    """The standard errors of `params`, shaped like them; `others`: what else the module takes as parameters."""
    kept = dict(others or {})
    held = {name: held_entries(bound, name, np.shape(value)) for name, value in params.items()}
    for name, value in params.items():
        if module.SUPPORTS.get(name) in ("simplex", "unit"):
            held[name] |= np.asarray(value) < EDGE
        if module.SUPPORTS.get(name) == "unit":
            held[name] |= np.asarray(value) > 1 - EDGE
    coordinates = Coordinates.of(params, module.SUPPORTS, held)
    if coordinates.size > MOST_COORDINATES:
        return StandardErrors(None, f"{coordinates.size} free parameters, more than {MOST_COORDINATES}")
    if coordinates.size == 0:
        return StandardErrors({name: np.full(np.shape(value), np.nan) for name, value in params.items()})
    centre = coordinates.pack(params)
    try:
        covariance = _covariance(
            lambda u: objective_at(module, data, kept | coordinates.unpack(u)), centre, coordinates.labels
        )
    except _NoMaximum as reason:
        return StandardErrors(None, str(reason))
    jacobian = _jacobian(coordinates, centre)
    errors = {}
    for name, value in params.items():
        variance = np.einsum("iu,uv,iv->i", jacobian[name], covariance, jacobian[name])
        free = np.abs(jacobian[name]).max(axis=1, initial=0.0) > 0
        errors[name] = np.where(free, np.sqrt(variance), np.nan).reshape(np.shape(value))
    return StandardErrors(errors)


class _NoMaximum(Exception):
    """The information is not that of an interior maximum, with the reason."""


def _covariance(function: Callable[[Array], float], centre: Array, labels: Sequence[str]) -> Array:
    """The inverse of the information; raises _NoMaximum where it has none that rounding leaves to be told.

    With widths h and curvature I_ii h_i² = s², the matrix I_ij h_i h_j / s² has a diagonal of ones, or of zeros where
    the objective does not change; s² = 2 √ε, at which the rounding ε of the objective moves an entry by 4 ε / s² = s².
    """
    noise = float(np.finfo(float).eps * (1 + abs(function(centre))))
    width = _widths(function, centre, noise)
    if (measured := _noise(function, centre, NOISE_STEP * width)) > noise:
        noise, width = measured, _widths(function, centre, measured)
    level = _level(noise)
    scaled = -_second_differences(function, centre, width) / level
    plain = "the observed information is not positive definite: this is no interior maximum"
    if not np.isfinite(scaled).all():
        raise _NoMaximum(plain)
    curvatures, directions = np.linalg.eigh(scaled)
    flat = np.abs(curvatures) <= max(FLAT, len(centre) * level)
    if untold := _untold(directions[:, flat], labels):
        raise _NoMaximum(f"the observed information is singular: the data tell nothing of {untold}")
    if curvatures.min() <= 0:
        raise _NoMaximum(plain)
    return np.asarray(np.linalg.inv(scaled) * np.outer(width, width) / level)


def _untold(flat: Array, labels: Sequence[str]) -> str:
    """The parameters that move along directions in which nothing changes."""
    within = np.sum(flat**2, axis=1)  # of each coordinate's unit vector, the part along which nothing changes
    alone = [f"`{label}`" for label, part in zip(labels, within, strict=True) if part > 1 - TOGETHER]
    together = [f"`{label}`" for label, part in zip(labels, within, strict=True) if TOGETHER <= part <= 1 - TOGETHER]
    return ", ".join([*alone, *([f"a combination of {' and '.join(together)}"] if together else [])])


def _level(noise: float) -> float:
    """s²: how much second differences change the objective."""
    return float(2 * np.sqrt(noise))


def _noise(function: Callable[[Array], float], centre: Array, step: Array) -> float:
    """The rounding of the objective: ε² = mean (Δ³f)² / 20, of close values; 0 at an edge. [MoreWild2011]"""
    values = np.array([function(centre + k * step) for k in range(NOISE_POINTS)])
    return float(np.sqrt(np.mean(np.diff(values, 3) ** 2) / 20)) if np.isfinite(values).all() else 0.0


def _widths(function: Callable[[Array], float], centre: Array, noise: float) -> Array:
    """h with I_ii h_i² ≈ s² in each coordinate, whatever its unit; the widest where nothing changes."""
    here, first, level = function(centre), SECOND_WIDTH * np.maximum(1.0, np.abs(centre)), _level(noise)
    found = np.array(first)
    for i, step in enumerate(np.eye(len(centre))):
        for _ in range(TRIES):
            h = found[i]
            change = abs(function(centre + h * step) + function(centre - h * step) - 2 * here)
            ratio = np.sqrt(level / max(change, 4 * noise)) if np.isfinite(change) else 0.0
            found[i] = min(h * max(ratio, NARROWER), WIDEST * first[i])
            if 0.5 <= found[i] / h <= 2:
                break
    return found


def _second_differences(function: Callable[[Array], float], centre: Array, width: Array) -> Array:
    """h_i h_j f_ij of the Hessian f_ij; mixed entries take two values more, beside those of the diagonal.

    2 h_i h_j f_ij ≈ f(h_i + h_j) + f(−h_i − h_j) − f(h_i) − f(−h_i) − f(h_j) − f(−h_j) + 2 f(0)
    """
    here, steps = function(centre), np.diag(width)
    alone = np.array([function(centre + step) + function(centre - step) for step in steps])
    differences = np.diag(alone - 2 * here)
    for i in range(len(centre)):
        for j in range(i):
            both = steps[i] + steps[j]
            together = function(centre + both) + function(centre - both)
            differences[i, j] = differences[j, i] = (together - alone[i] - alone[j] + 2 * here) / 2
    return differences


def _jacobian(coordinates: Coordinates, centre: Array) -> dict[str, Array]:
    """dθ / du by parameter: (entries, coordinates)."""
    columns: dict[str, list[Array]] = {name: [] for name in coordinates.charts}
    for i, value in enumerate(centre):
        step = np.zeros(len(centre))
        step[i] = FIRST_WIDTH * max(1.0, abs(value))
        above, below = coordinates.unpack(centre + step), coordinates.unpack(centre - step)
        for name in columns:
            columns[name].append(((above[name] - below[name]) / (2 * step[i])).ravel())
    return {name: np.stack(parts, axis=1) for name, parts in columns.items()}
