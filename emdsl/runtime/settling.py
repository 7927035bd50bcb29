"""Coordinate ascent at fixed parameters: from a start until it has settled.

    q₁ ← argmax bound(q₁, q₂, …),   q₂ ← argmax bound(q₁, q₂, …),   …

The bound has several optima as a rule; which of them is found hangs on the start: the state of another inference,
shares of the states of discrete latents in the data (`start.z`), or what the emitted module starts from by itself.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np

from emdsl.runtime.diagnostics import Array, memory_of, resuming

#: Coordinate ascent has settled where an E-step moves no expectation by more, relative to the largest of its kind.
SETTLED = 1e-9
#: How many E-steps are made at most; and by how much, relative to the bound, the last one may still raise it unsaid.
SETTLING, STILL = 100, 1e-9


def start_key(name: str) -> str:
    """The entry of the data with the shares of a latent's states from which coordinate ascent starts; NaN: evenly."""
    return f"start.{name}"


def settled(
    module: Any, data: Mapping[str, Any], params: Mapping[str, Any], memory: Mapping[str, Any]
) -> Mapping[str, Any]:
    """What coordinate ascent goes on from once it has settled at some parameters; empty where E-steps are exact.

    `memory`: what it goes on from now. Warns where the bound still rises after `SETTLING` E-steps.
    """
    if getattr(module, "RESUMED", None) is None:
        return {}
    prepared, last, gain = module.prepare(data, params), -np.inf, np.inf
    for _ in range(SETTLING):
        before, resumed = memory, resuming(module, prepared, memory)
        bound = float(module.e_step(resumed, params)[1])
        memory, gain, last = memory_of(module, resumed), bound - last, bound
        if _moved(before, memory) <= SETTLED:
            return memory
    if gain > STILL * (1 + abs(last)):
        warnings.warn(
            f"coordinate ascent over the latents has not settled after {SETTLING} E-steps: the bound still rises by "
            f"{gain:.1e} in one; probabilities and means of latents are not those of an optimum",
            stacklevel=2,
        )
    return memory


def posterior(module: Any, data: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    """The posterior of bound data, where E-steps are not exact once coordinate ascent has settled."""
    found: Mapping[str, Any] = module.posterior(resuming(module, data, _from_start(module, data, params)), params)
    return found


def log_likelihood(module: Any, data: Mapping[str, Any], params: Mapping[str, Any]) -> float:
    """The log likelihood of bound data, where E-steps are not exact the bound once coordinate ascent has settled."""
    return float(module.e_step(resuming(module, data, _from_start(module, data, params)), params)[1])


def _from_start(module: Any, data: Mapping[str, Any], params: Mapping[str, Any]) -> Mapping[str, Any]:
    if memory := memory_of(module, data):
        return memory
    shares = {name: data.get(start_key(name)) for name in getattr(module, "SHARED", ())}
    resumed = resuming(module, data, {})
    told = {name: _filled(value) for name, value in shares.items() if value is not None}
    if told and len(told) == len(shares):
        module.e_step(resumed, params, start=told)
    return settled(module, data, params, memory_of(module, resumed))


def _filled(shares: Array) -> Array:
    return np.where(np.isnan(shares), 1 / shares.shape[-1], shares)


def _moved(old: Mapping[str, Any], new: Mapping[str, Any]) -> float:
    """By how much expectations have moved, relative to the largest of their kind; inf where there were none."""
    moved = 0.0
    for name, value in new.items():
        if not isinstance(value, np.ndarray):
            continue
        if name not in old:
            return np.inf
        scale = max(float(np.max(np.abs(value), initial=0.0)), np.finfo(float).tiny)
        moved = max(moved, float(np.max(np.abs(value - old[name]), initial=0.0)) / scale)
    return moved
