"""Standard errors from the observed information.

    I = -d² objective / du²  in free unconstrained coordinates u, by central differences
    var θ = J I⁻¹ Jᵀ,  J = dθ / du      (delta method)

The objective is the log likelihood, or under a prior the log posterior. [EfronHinkley1978]

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
#: Curvature below this share of the largest is rounding: the objective does not change in that direction.
FLAT = 1e-6
#: A coordinate belongs to directions in which nothing changes if this much of it, squared, lies in them.
TOGETHER = 0.01
#: Width of the differences: ε^¼ balances rounding against curvature for second differences, ε^⅓ for first ones.
SECOND_WIDTH, FIRST_WIDTH = np.finfo(float).eps ** 0.25, np.finfo(float).eps ** (1 / 3)


@dataclass(frozen=True)
class StandardErrors:
    """Standard errors by parameter, nan for held entries; `why_not` says why there are none."""

    errors: Mapping[str, Array] | None
    why_not: str | None = None


def free_coordinates(bound: BoundModel, module: Any, params: Params) -> Coordinates:
    """Coordinates around the estimates in which the entries held by `fix` do not move."""
    held = {name: held_entries(bound, name, np.shape(value)) for name, value in params.items()}
    return Coordinates.of(params, module.SUPPORTS, held)


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
    information = -_second_differences(lambda u: objective_at(module, data, kept | coordinates.unpack(u)), centre)
    try:
        covariance = np.linalg.inv(information)
        np.linalg.cholesky(information)
    except np.linalg.LinAlgError:
        return StandardErrors(None, _why_not(information, coordinates.labels))
    jacobian = _jacobian(coordinates, centre)
    errors = {}
    for name, value in params.items():
        variance = np.einsum("iu,uv,iv->i", jacobian[name], covariance, jacobian[name])
        free = np.abs(jacobian[name]).max(axis=1, initial=0.0) > 0
        errors[name] = np.where(free, np.sqrt(variance), np.nan).reshape(np.shape(value))
    return StandardErrors(errors)


def _why_not(information: Array, labels: Sequence[str]) -> str:
    """Why information is not positive definite: which parameters the data do not tell, if there are any."""
    plain = "the observed information is not positive definite: this is no interior maximum"
    if not np.isfinite(information).all():
        return plain
    curvatures, directions = np.linalg.eigh(information)
    flat = directions[:, np.abs(curvatures) <= FLAT * np.abs(curvatures).max()]
    within = np.sum(flat**2, axis=1)  # of each coordinate's unit vector, the part along which nothing changes
    alone = [f"`{label}`" for label, part in zip(labels, within, strict=True) if part > 1 - TOGETHER]
    together = [f"`{label}`" for label, part in zip(labels, within, strict=True) if TOGETHER <= part <= 1 - TOGETHER]
    if not alone and not together:
        return plain
    untold = ", ".join([*alone, *([f"a combination of {' and '.join(together)}"] if together else [])])
    return f"the observed information is singular: the data tell nothing of {untold}"


def _second_differences(function: Callable[[Array], float], centre: Array) -> Array:
    """The Hessian, with steps h_i e_i; mixed entries take two values more, beside those of the diagonal.

    2 h_i h_j f_ij ≈ f(h_i + h_j) + f(−h_i − h_j) − f(h_i) − f(−h_i) − f(h_j) − f(−h_j) + 2 f(0)
    """
    count = len(centre)
    width = SECOND_WIDTH * np.maximum(1.0, np.abs(centre))
    here, steps = function(centre), np.diag(width)
    alone = np.array([function(centre + step) + function(centre - step) for step in steps])
    hessian = np.diag((alone - 2 * here) / width**2)
    for i in range(count):
        for j in range(i):
            both = steps[i] + steps[j]
            together = function(centre + both) + function(centre - both)
            hessian[i, j] = hessian[j, i] = (together - alone[i] - alone[j] + 2 * here) / (2 * width[i] * width[j])
    return hessian


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
