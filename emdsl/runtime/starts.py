"""Where runs start: independent streams of random numbers, and starting values of the user.

Starting values of latents become parameters by one M-step. Latents of networks (`SHARED` in the module) are handed to
the E-step as they are. For others, Σ_k E(data, z = k, rows weighted by the probability of k) adds up to the statistics
that those probabilities give, since statistics are sums over rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from emdsl.errors import DataError
from emdsl.runtime.coordinates import Array, Params
from emdsl.runtime.diagnostics import memory_of, resuming


@dataclass(frozen=True)
class LatentStart:
    """Starting values of a latent: probabilities with the category last if `discrete`, otherwise values.

    `plate` is its letter when it has exactly one, which lets probabilities weight the rows; without it the most
    probable state is taken.
    """

    value: Array
    discrete: bool
    plate: str | None


def streams(random_state: Any, count: int) -> list[np.random.SeedSequence]:
    """Independent streams, one for each start; the same `random_state` gives the same streams."""
    if isinstance(random_state, np.random.Generator):
        random_state = int(random_state.integers(2**63))
    elif isinstance(random_state, np.random.RandomState):
        random_state = int(random_state.randint(2**31))
    try:
        return np.random.SeedSequence(random_state).spawn(count)
    except (TypeError, ValueError) as error:
        raise DataError(f"random_state is {random_state!r}; give a whole number from 0 on, or a generator") from error


def start(
    module: Any,
    data: Mapping[str, Any],
    prepared: Mapping[str, Any],
    seed: np.random.SeedSequence,
    init: Mapping[str, Any],
    latents: Mapping[str, LatentStart],
) -> Params:
    """A random start, moved to the values in `init` and `latents`. Raises DataError for a value that does not fit.

    `prepared`: what `prepare` has made of the data before, if anything.
    """
    params: Params = module.initialise({**prepared, **data}, np.random.default_rng(seed))
    if latents or init:
        _forget(module, data)
    if latents:
        params = module.m_step(_statistics(module, data, params, latents), params)
    if init:
        estimates: Params = module.estimates(params)
        given = {name: _checked(name, value, estimates) for name, value in init.items()}
        params = module.from_estimates(estimates | given, params)
    return params


def _forget(module: Any, data: Mapping[str, Any]) -> None:
    """Coordinate ascent starts anew from the user's values, not from where the random start has led it."""
    memory: Any = memory_of(module, data)
    if memory:
        seed = memory["seed"]
        memory.clear()
        memory["seed"] = seed


def _checked(name: str, value: Any, estimates: Mapping[str, Array]) -> Array:
    if name not in estimates:
        known = ", ".join(f"`{other}`" for other in estimates)
        raise DataError(f"init has `{name}`, which is no parameter; there is {known}")
    array = np.array(value, dtype=np.float64)
    if array.shape != np.shape(estimates[name]):
        raise DataError(f"init of `{name}` has shape {array.shape}, but the parameter has {np.shape(estimates[name])}")
    if not np.isfinite(array).all():
        raise DataError(f"init of `{name}` is not finite")
    return array


def _statistics(
    module: Any, data: Mapping[str, Any], params: Params, latents: Mapping[str, LatentStart]
) -> dict[str, Array]:
    """Statistics of the data completed by `latents`."""
    networked = getattr(module, "SHARED", ())
    shared = {name: latent.value for name, latent in latents.items() if latent.discrete and name in networked}
    counted = {n for n, latent in latents.items() if latent.discrete and latent.plate in module.WEIGHTED}
    soft = next((name for name in latents if name in counted and name not in shared), None)
    completed = dict(data)
    for name, latent in latents.items():
        if name != soft and name not in shared:
            completed[name] = np.argmax(latent.value, axis=-1).astype(float) if latent.discrete else latent.value
    start = (_shares(module, completed, params, shared),) if shared else ()
    if soft is None:
        statistics: dict[str, Array] = module.e_step(completed, params, *start)[0]
        return statistics
    probabilities, key = latents[soft].value, f"weights.{latents[soft].plate}"
    weights = completed.get(key, np.ones(len(probabilities)))
    total: dict[str, Array] = {}
    for state in range(probabilities.shape[-1]):
        rows = {soft: np.full(len(probabilities), float(state)), key: weights * probabilities[:, state]}
        part = module.e_step(completed | rows, params, *start)[0]
        total = {name: total[name] + value if total else value for name, value in part.items()}
    return total


def _shares(module: Any, data: Mapping[str, Any], params: Params, shared: Mapping[str, Array]) -> dict[str, Array]:
    """The shares of the user, and those of the other discrete latents of networks given the most probable of these."""

    def known(data: Mapping[str, Any]) -> dict[str, Array]:
        found = module.posterior(resuming(module, data, memory_of(module, data)), params)
        return {name: found[name]["probabilities"] for name in module.SHARED}

    result = known(data)
    for name, value in shared.items():
        expected = result[name].shape
        if value.shape != expected:
            raise DataError(f"init of `{name}` has shape {value.shape}, but its probabilities have {expected}")
    if set(shared) < set(module.SHARED):
        result = known({**data, **{name: np.argmax(value, axis=-1).astype(float) for name, value in shared.items()}})
    return result | dict(shared)
