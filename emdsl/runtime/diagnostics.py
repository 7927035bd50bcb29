"""What a step did: how far parameters moved, which block lowered the objective, whether all has collapsed.

A component collapses where the likelihood has no maximum: shrinking one spread raises it by the same amount at every
halving, for ever. A finite optimum gains nothing, or gains less and less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Params = dict[str, Array]

#: Gain per halving, in nats, from which the likelihood counts as unbounded, and the share of it that must persist.
UNBOUNDED_GAIN, PERSISTENCE = 0.1, 0.9
#: How many halvings further the gain is looked at again.
HALVINGS = 20
#: Faults that a degenerate point provokes in numpy and scipy; emitted modules add a `DegenerateError` of their own.
NUMERICAL_FAULTS = (FloatingPointError, ZeroDivisionError, OverflowError, np.linalg.LinAlgError)


def faults(module: Any) -> tuple[type[Exception], ...]:
    """Exceptions by which an emitted module says that a point is degenerate."""
    return (*NUMERICAL_FAULTS, module.DegenerateError)


def finite(params: Mapping[str, Array]) -> bool:
    """Whether every parameter is finite."""
    return all(np.isfinite(value).all() for value in params.values())


def moved(old: Mapping[str, Array], new: Mapping[str, Array]) -> float:
    """The longest way that a parameter went, relative to the scale of its array."""
    return max(
        (
            float(np.max(np.abs(new[name] - old[name]), initial=0.0) / (1 + np.max(np.abs(old[name]), initial=0.0)))
            for name in new
        ),
        default=0.0,
    )


def ahead(rate: float) -> float:
    """What is still to come of steps that shrink by `rate`, in units of the last one: Σ_{i≥1} rateⁱ [Aitken1926].

    inf while they do not shrink.
    """
    return rate / (1 - rate) if rate < 1 else np.inf


def resuming(module: Any, data: Mapping[str, Any], memory: Mapping[str, Any]) -> Mapping[str, Any]:
    """The data with a copy of what coordinate ascent goes on from; the data as they are where E-steps are exact.

    The E-step writes into that copy, so that whoever holds `memory` keeps what it had.
    """
    key = getattr(module, "RESUMED", None)
    return data if key is None else {**data, key: dict(memory)}


def memory_of(module: Any, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """What coordinate ascent goes on from, out of the data of an E-step: after it, what it left."""
    found: Mapping[str, Any] = data.get(getattr(module, "RESUMED", None) or "", {})
    return found


def objective_at(module: Any, data: Mapping[str, Any], params: Params) -> float:
    """The objective, or -inf at a degenerate point."""
    try:
        with np.errstate(all="ignore"):
            _, log_likelihood = module.e_step(resuming(module, data, memory_of(module, data)), params)
            value = float(module.objective(log_likelihood, params))
    except faults(module):
        return -np.inf
    return value if np.isfinite(value) else -np.inf


def lowering_block(
    module: Any, data: Mapping[str, Any], old: Params, new: Params, tolerance: float
) -> tuple[str, float, float] | None:
    """(block, before, after) of the first update that lowers the objective, the M-step replayed block by block."""
    current, before = dict(old), objective_at(module, data, old)
    for block, keys in module.UPDATES:
        current |= {key: new[key] for key in keys}
        after = objective_at(module, data, current)
        if after < before - tolerance:
            return block, before, after
        before = after
    return None


def collapsed(module: Any, data: Mapping[str, Any], params: Params) -> str | None:
    """Name of a parameter whose shrinking (or, for a precision, growing) raises the objective without end; or None.

    Only the smallest and the largest entry of each positive parameter, and the smallest and the largest eigenvalue of
    each family of covariances (or precisions), are tried: a collapsed component is at an extreme.
    """
    if module.OBJECTIVE == "evidence lower bound":
        return None
    here = objective_at(module, data, params)
    for name, direction in _directions(module, params):
        near = objective_at(module, data, direction(1)) - here
        if near < UNBOUNDED_GAIN:
            continue
        far = objective_at(module, data, direction(1 + HALVINGS)) - here
        if not np.isfinite(far) or far - near > PERSISTENCE * HALVINGS * near:
            return name
    return None


def _directions(module: Any, params: Params) -> Iterator[tuple[str, Any]]:
    """(name, halvings -> parameters) along which a component may collapse."""
    for name, kind in module.SUPPORTS.items():
        if name not in params or not params[name].size:
            continue
        value = params[name]
        if kind == "positive":
            for choose, base in ((np.argmin, 0.5), (np.argmax, 2.0)):
                at = np.unravel_index(choose(value), value.shape)
                yield (
                    name,
                    lambda n, name=name, at=at, base=base: (
                        params | {name: _moved(params[name], at, params[name][at] * (base**n - 1))}
                    ),
                )
        elif kind == "cov":
            eigenvalues, vectors = np.linalg.eigh(value)
            for column, choose, base in ((0, np.argmin, 0.5), (-1, np.argmax, 2.0)):
                at = np.unravel_index(choose(eigenvalues[..., column]), value.shape[:-2])
                axis = vectors[at][:, column]
                part = eigenvalues[at][column] * np.outer(axis, axis)
                yield (
                    name,
                    lambda n, name=name, at=at, part=part, base=base: (
                        params | {name: _moved(params[name], at, part * (base**n - 1))}
                    ),
                )


def _moved(value: Array, at: tuple[Any, ...], step: Array) -> Array:
    result = np.array(value)
    result[at] += step
    return result
