"""What follows the last values that are seen, of series that depend on their own past: many draws of it.

Latents at the last known steps are drawn from their joint posterior (`emdsl.results.frontier`), what comes after from
the laws, all draws at once. Means and spreads are those of the draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from emdsl.algebra.expressions import Call, Expression, Name, Number, Subscript, children, names
from emdsl.model.bound import BoundModel
from emdsl.model.holes import readers
from emdsl.model.statements import Plate, Role, Variable
from emdsl.results.estimated import Estimated, Statistics
from emdsl.results.frontier import Frontier
from emdsl.results.lets import without_lets
from emdsl.results.rows import Rows
from emdsl.results.series import Steps, ended, expressions_of, padded, plates_of, why_whole
from emdsl.results.simulate import Simulation
from emdsl.runtime.diagnostics import resuming

Array = np.ndarray[Any, Any]

#: How many draws stand for what is missing at the ends of series.
DRAWS = 1000
#: Entries of variables that are drawn at once.
ENTRIES_AT_ONCE = 4_000_000


def simulated(
    now: Mapping[str, Any],
    steps: Steps,
    estimated: Estimated,
    sizes: Mapping[str, int],
    draws: int,
    rng: np.random.Generator,
) -> dict[str, Statistics]:
    """As `emdsl.results.forecast.outlook`, from draws of what `steps` miss; `now`: the data that are known."""
    future = _Future(now, steps, estimated, sizes)
    collected: dict[str, _Moments] = {}
    for count in _portions(draws, future.entries):
        drawn = future.draw(count, rng)
        for name, plates in future.over_time.items():
            values = np.moveaxis(steps.of(np.moveaxis(drawn[name], 0, -1), plates), -1, 0)
            collected.setdefault(name, _Moments(steps.bound, name, sizes)).add(values)
    return {name: moments.statistics() for name, moments in collected.items()}


def _portions(draws: int, entries: int) -> Iterator[int]:
    most = max(1, ENTRIES_AT_ONCE // max(entries, 1))
    while draws > 0:
        yield min(draws, most)
        draws -= most


class _Future:
    """Draws of what is not known, laws of all else being given."""

    def __init__(
        self,
        now: Mapping[str, Any],
        steps: Steps,
        estimated: Estimated,
        sizes: Mapping[str, int],
    ) -> None:
        bound = _spelled(steps.bound)
        self.model, self.time, self.now = bound.checked.model, steps.plate.letter, now
        variables = self.model.variables
        known = {
            v.name: padded(np.asarray(steps.data[v.name], dtype=float), plates_of(bound, v), steps.data)
            for v in variables
            if v.name in steps.data
        }
        given = {**estimated.params, **{v.name: known[v.name] for v in variables if v.role is Role.GIVEN}}
        self.simulation = Simulation(bound, given, sizes, steps.data)
        self.random = [v for v in variables if v.role in (Role.LATENT, Role.OBSERVED)]
        self.over_time = {v.name: plates_of(bound, v) for v in self.random if self.time in v.plates}
        shared = [v.plates for v in self.random if v.name in self.over_time]
        self.series = [one for one in shared[0] if one != self.time and all(one in plates for plates in shared)]
        self.last = self._last_known()
        self.past = {v.name: self._past(v, known.get(v.name)) for v in self.random}
        found = self._at_ends(bound, steps.plate, estimated) if estimated.apart else None
        self.frontier = Frontier(bound, now, estimated, self._needed(), self.time, found)

    @property
    def entries(self) -> int:
        """How many entries each draw has."""
        return sum(array.size for array in self.past.values())

    def draw(self, count: int, rng: np.random.Generator) -> dict[str, Array]:
        """Draws of latents and observed variables, (draw, plates…, event…)."""
        past = {name: array[None] for name, array in self.past.items()}
        for name, values in self.frontier.draw(count, rng).items():
            past[name] = np.repeat(past[name], count, axis=0)
            past[name][tuple(slice(length) for length in values.shape)] += values
        return self.simulation.run(rng, past, count)

    # what is known

    def _last_known(self) -> Array:
        """The last step of each series at which anything is seen: latents are drawn from there on.

        Where what lies outside of time tells of them too, it is the last step of the data.
        """
        latents = {v.name for v in self.random if v.role is Role.LATENT and v.name in self.over_time}
        outside = [v for v in self.random if v.name not in self.over_time]
        told = any(name in self._mentioned(v) for v in outside for name in latents)
        last = np.array(-1)
        for variable in self.random:
            if variable.name in self.over_time and variable.name in self.now:
                values, plates = np.asarray(self.now[variable.name], dtype=float), self.over_time[variable.name]
                seen = ~np.isnan(padded(np.ones_like(values) if told else values, plates, self.now))
                seen = np.any(seen.reshape(*seen.shape[: len(plates)], -1), axis=-1, keepdims=True)[..., 0]
                order = [variable.plates.index(letter) for letter in (*self.series, self.time)]
                seen = np.moveaxis(seen, order, range(len(order)))
                seen = np.asarray(seen.any(axis=tuple(range(len(order), seen.ndim))))
                last = np.maximum(last, np.where(seen, np.arange(seen.shape[-1]), -1).max(axis=-1, initial=-1))
        return last

    def _mentioned(self, variable: Variable) -> set[str]:
        values = [value for definition in variable.definitions for value in expressions_of(definition.law)]
        return {name for value in values for name in names(value)}

    def _after(self, variable: Variable) -> Array:
        """Which steps lie after the last known one, (plates…) with axes of length 1."""
        return self._along(variable, np.arange(self.simulation.length(self.time)) > self.last[..., None])

    def _along(self, variable: Variable, array: Array) -> Array:
        """An array (series…, steps) along the plates of a variable, with axes of length 1 for the others."""
        letters = [*self.series, self.time]
        shown = [letter for letter in variable.plates if letter in letters]
        array = np.transpose(array, [letters.index(letter) for letter in shown])
        return np.expand_dims(array, [place for place, one in enumerate(variable.plates) if one not in letters])

    def _past(self, variable: Variable, known: Array | None) -> Array:
        """What is known of a variable in every draw, NaN for what is drawn, 0 for what nothing reads."""
        event = self.simulation.event_shape(variable.name)
        shape = tuple(self.simulation.length(letter) for letter in variable.plates)
        after = np.zeros(shape, dtype=bool)
        if variable.name in self.over_time:
            after |= self._after(variable)
        values = np.zeros((*shape, *event)) if known is None or variable.role is Role.LATENT else np.array(known)
        if variable.role is Role.OBSERVED and not readers(variable.name, self.model):
            values[~after] = np.nan_to_num(values[~after])
        values[after] = np.where(np.isnan(values[after]) | (variable.role is Role.LATENT), np.nan, values[after])
        values[~self._inside(variable)] = 0.0
        return values

    def _inside(self, variable: Variable) -> Array:
        """Which entries of a variable lie within their groups, (plates…)."""
        result = np.zeros([self.simulation.length(letter) for letter in variable.plates], dtype=bool)
        result[tuple(self.simulation.grid(variable, {}).values())] = True
        return result

    def _at_ends(self, bound: BoundModel, plate: Plate, estimated: Estimated) -> dict[str, Statistics]:
        """Posteriors of the data up to the last known steps, for latents that are independent under these.

        Steps after it, of which nothing is known, would take part in the inference and move what is known before.
        """
        if why_whole(bound, plate) is not None:
            return estimated.posterior(bound, self.now, {})
        now = resuming(estimated.module, self.now, {})  # what ascent goes on from is that of all steps
        if plate.parents:
            others = tuple(place for place, letter in enumerate(self.series) if letter not in plate.parents)
            order = [letter for letter in self.series if letter in plate.parents]
            last = np.transpose(self.last.max(axis=others), [order.index(letter) for letter in plate.parents])
            return estimated.posterior(bound, ended(bound, now, plate, last), {})
        result: dict[str, Statistics] = {}
        for end in np.unique(self.last)[::-1]:
            found = estimated.posterior(bound, ended(bound, now, plate, end), {})
            for name in self.over_time.keys() & result.keys() if end >= 0 else ():
                variable = next(v for v in self.random if v.name == name)
                own = self._along(variable, self.last[..., None] == end)
                steps = tuple(slice(end + 1) if letter == self.time else slice(None) for letter in variable.plates)
                for key, value in found[name].items():
                    whole = result[name][key]
                    mask = own.reshape(*own.shape, *(1,) * (value.ndim - own.ndim))
                    whole[steps] = np.where(mask, value, whole[steps])
            result = result or found
        return result

    # what of it is read

    def _needed(self) -> dict[str, Array]:
        """The known entries of latents that what is drawn reads, as masks in the layout of the known data."""
        masks = {
            v.name: np.zeros(self.past[v.name].shape[: len(v.plates)], dtype=bool)
            for v in self.random
            if v.role is Role.LATENT
        }
        for variable in self.random:
            if variable.name not in self.over_time:
                continue
            rows = self.simulation.grid(variable, {})
            entries = self.past[variable.name][tuple(rows.values())]
            drawn = np.isnan(entries).reshape(len(entries), -1).any(axis=-1)
            rows = {letter: index[drawn] for letter, index in rows.items()}
            count = int(drawn.sum())
            for law, chosen in self.simulation.definitions(variable, rows, count):
                part = {letter: index[chosen] for letter, index in rows.items()}
                for value in expressions_of(law):
                    self._mark(value, part, masks)
        for name, mask in masks.items():
            own = next(variable for variable in self.random if variable.name == name)
            mask &= self._inside(own) & ~np.isnan(self.past[name].reshape(*mask.shape, -1)).any(axis=-1)
            if name in self.over_time:
                axis = [plate.letter for plate in self.over_time[name]].index(self.time)
                masks[name] = np.take(mask, np.arange(int(self.last.max()) + 1), axis=axis)
        return masks

    def _mark(self, node: Expression, rows: Rows, masks: dict[str, Array]) -> None:
        """Marks the entries of latents that an expression reads at some rows."""
        match node:
            case Call("sum", (summand, Name(letter))):
                count, length = len(next(iter(rows.values()))), self.simulation.length(letter)
                wider = {name: np.repeat(index, length) for name, index in rows.items()}
                self._mark(summand, wider | {letter: np.tile(np.arange(length), count)}, masks)
            case Subscript(Name(name), indices) if name in masks:
                random = {variable.name for variable in self.random}
                places = tuple(
                    slice(None) if names(index) & random else self.simulation.evaluator.rows(index, rows).astype(int)
                    for index in indices[: masks[name].ndim]
                )
                masks[name][places] = True
                for index in indices:
                    self._mark(index, rows, masks)
            case Name(name) if name in masks:
                masks[name][...] = True
            case _:
                for child in children(node):
                    self._mark(child, rows, masks)


def _spelled(bound: BoundModel) -> BoundModel:
    """The model with `let` variables spelled out, so that only those entries of them are computed that are read."""
    model = bound.checked.model
    variables = tuple(
        replace(v, definitions=tuple(replace(one, law=without_lets(one.law, model)) for one in v.definitions))
        for v in model.variables
        if v.role is not Role.LET
    )
    return replace(bound, checked=replace(bound.checked, model=replace(model, variables=variables)))


class _Moments:
    """Shares of states, or the mean and (co)variance, of draws that come in portions."""

    def __init__(self, bound: BoundModel, name: str, sizes: Mapping[str, int]) -> None:
        kind = bound.checked.types[name]
        self.count, self.states = 0, 0
        self.vector = len(kind.event_shape) == 1
        self.mean: Array = np.array(0.0)
        self.spread: Array = np.array(0.0)
        if kind.kind == "index":
            (dim,) = kind.dims
            known = {**sizes, **bound.constants}
            self.states = int(dim.value if isinstance(dim, Number) else known[dim.name])  # type: ignore[attr-defined]

    def add(self, values: Array) -> None:
        """More draws, (draw, …)."""
        if self.states:
            values = (values[..., None] == np.arange(self.states)).astype(float)
        mean, total = values.mean(axis=0), self.count + len(values)
        moved, centred = mean - self.mean, values - mean
        share = self.count * len(values) / total
        if self.vector:
            self.spread = self.spread + np.einsum("n...i,n...j->...ij", centred, centred)
            self.spread = self.spread + share * np.einsum("...i,...j->...ij", moved, moved)
        else:
            self.spread = self.spread + np.sum(centred**2, axis=0) + share * moved**2
        self.mean = self.mean + moved * len(values) / total
        self.count = total

    def statistics(self) -> Statistics:
        """As posteriors are told."""
        if self.states:
            return {"probabilities": self.mean}
        spread = self.spread / max(self.count - 1, 1)
        return {"mean": self.mean, "cov" if self.vector else "var": spread}
