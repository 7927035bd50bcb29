"""Futures of series that depend on their own past: many of them drawn, and their means and spreads.

The state at the last step of each series is drawn from its posterior, what comes after from the laws. This is done for
models with one latent over time that depends on the step before; others are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from emdsl.algebra.expressions import Binary, Name, Number, Subscript, walk
from emdsl.errors import DataError
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Role, Variable
from emdsl.results.series import Steps, expressions_of, merged, padded, plates_of
from emdsl.results.simulate import Simulation
from emdsl.runtime.diagnostics import resuming

Array = np.ndarray[Any, Any]
Statistics = dict[str, Array]

#: How many draws stand for what is missing at the ends of series.
DRAWS = 1000


def simulated(
    now: Steps,
    steps: Steps,
    module: Any,
    raw: Mapping[str, Any],
    params: Mapping[str, Array],
    sizes: Mapping[str, int],
    draws: int,
    rng: np.random.Generator,
) -> dict[str, Statistics]:
    """As `emdsl.results.forecast.outlook` at the new `steps`, from draws. `now`: the data at their last step."""
    bound, model, letter = steps.bound, steps.bound.checked.model, steps.plate.letter
    latents = [v for v in model.variables if v.role is Role.LATENT]
    if len(latents) > 1 or any(letter not in v.plates or not _steps_by_one(v, letter) for v in latents):
        raise DataError("forecasts of series that depend on their own past need a single latent, which steps by one")
    known = {
        v.name: padded(np.asarray(steps.data[v.name], dtype=float), plates_of(bound, v), steps.data)
        for v in model.variables
        if v.name in steps.data
    }
    given = {**params, **{v.name: known[v.name] for v in model.variables if v.role is Role.GIVEN}}
    observed = [v for v in model.variables if v.role is Role.OBSERVED]
    past = {v.name: known[v.name] for v in observed}
    states = {v.name: _State(v, now, steps.count, module, raw) for v in latents}
    collected: dict[str, list[Array]] = {}
    simulation = Simulation(bound, given, sizes, steps.data)
    for _ in range(draws):
        drawn = simulation.run(rng, past | {name: state.draw(rng) for name, state in states.items()})
        for variable in (*latents, *observed):
            if letter in variable.plates:
                values = steps.of(np.asarray(drawn[variable.name], float), plates_of(bound, variable))
                collected.setdefault(variable.name, []).append(values)
    return {name: _summed_up(np.stack(values), bound, name, sizes) for name, values in collected.items()}


def drawn(
    bound: BoundModel, data: Mapping[str, Any], name: str, params: Mapping[str, Array], sizes: Mapping[str, int]
) -> Array:
    """A variable of a model without latents, its missing entries at the means of draws given what is seen before them.

    In the layout of the data; categories are the most frequent ones.
    """
    variables = [v for v in bound.checked.model.variables if v.name in data]
    known = {v.name: padded(np.asarray(data[v.name], dtype=float), plates_of(bound, v), data) for v in variables}
    past = {v.name: known.pop(v.name) for v in variables if v.role is Role.OBSERVED}
    simulation, rng = Simulation(bound, {**params, **known}, sizes, data), np.random.default_rng(0)
    values = np.stack([np.asarray(simulation.run(rng, past)[name], dtype=float) for _ in range(DRAWS)])
    found = _summed_up(values, bound, name, sizes)
    filled = np.argmax(found["probabilities"], axis=-1) if "probabilities" in found else found["mean"]
    own = next(v for v in variables if v.name == name)
    return merged(np.asarray(filled, dtype=float), plates_of(bound, own), data)


def _summed_up(values: Array, bound: BoundModel, name: str, sizes: Mapping[str, int]) -> Statistics:
    """Shares of states, or means and (co)variances, over the first axis."""
    kind = bound.checked.types[name]
    if kind.kind == "index":
        (dim,) = kind.dims
        known = {**sizes, **bound.constants}
        size = int(dim.value if isinstance(dim, Number) else known[dim.name])  # type: ignore[attr-defined]
        return {"probabilities": np.mean(values[..., None] == np.arange(size), axis=0)}
    mean = values.mean(axis=0)
    if len(kind.event_shape) == 1:
        centred = values - mean
        return {"mean": mean, "cov": np.einsum("n...i,n...j->...ij", centred, centred) / (len(values) - 1)}
    return {"mean": mean, "var": values.var(axis=0, ddof=1)}


def _steps_by_one(variable: Variable, letter: str) -> bool:
    """Whether a latent depends on itself at the step before and at no other."""
    place = variable.plates.index(letter)
    before = Binary("-", Name(letter), Number(1))
    return all(
        node.indices[place] == before
        for definition in variable.definitions
        if definition.slots[place] == Name(letter)
        for value in expressions_of(definition.law)
        for node in walk(value)
        if isinstance(node, Subscript) and node.base == Name(variable.name)
    )


class _State:
    """The posterior of a latent at the last step that is known, to draw from."""

    def __init__(self, variable: Variable, now: Steps, ahead: int, module: Any, raw: Mapping[str, Any]) -> None:
        self.now, self.plates = now, plates_of(now.bound, variable)
        found = module.posterior(resuming(module, now.data, {}), raw)[variable.name]
        rows = {key: padded(np.asarray(value, dtype=float), self.plates, now.data) for key, value in found.items()}
        self.last = {key: now.of(value, self.plates) for key, value in rows.items()}
        axis = variable.plates.index(now.plate.letter)
        value = rows["mean"] if "mean" in rows else rows["probabilities"][..., 0]
        shape = [length + ahead * (place == axis) for place, length in enumerate(value.shape)]
        index = [1] * value.ndim
        index[axis] = shape[axis]
        for parent, length in zip(now.plate.parents, now.places.shape, strict=False):
            index[variable.plates.index(parent)] = length
        known = (np.arange(shape[axis]) <= now.places).reshape(index)
        self.blank = np.where(np.broadcast_to(known, shape), 0.0, np.nan)

    def draw(self, rng: np.random.Generator) -> Array:
        """The latent over time: 0 before its last known step, which is drawn, and NaN after it."""
        if "probabilities" in self.last:
            cumulated = np.cumsum(self.last["probabilities"], axis=-1)
            uniform = rng.random(cumulated.shape[:-1])[..., None] * cumulated[..., -1:]
            state = np.sum(cumulated[..., :-1] <= uniform, axis=-1).astype(float)
        elif "cov" in self.last:
            values, vectors = np.linalg.eigh(self.last["cov"])
            noise = rng.standard_normal(self.last["mean"].shape) * np.sqrt(np.maximum(values, 0.0))
            state = self.last["mean"] + (vectors @ noise[..., None])[..., 0]
        else:
            spread = np.sqrt(np.maximum(self.last["var"], 0.0))
            state = self.last["mean"] + rng.standard_normal(spread.shape) * spread
        return self.now.put(self.blank, self.plates, state)
