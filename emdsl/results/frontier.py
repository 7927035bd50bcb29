"""Latents at the last steps that are known, as later steps read them: draws from their joint posterior.

Discrete sites come first, one after the other, each given every state of those before it that the data leave possible.
Given these, real ones are jointly normal: the mean of one is linear in those before it, as runs of the E-step tell.

    p(c, z, x) = p(c) p(z | c) N(x₁ | m₁, V₁) N(x₂ | m₂ + B (x₁ − m₁), V₂) …
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emdsl.errors import DataError
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Role
from emdsl.results.estimated import Estimated, Statistics
from emdsl.results.points import GAMMA, INVERSE
from emdsl.results.series import padded, plates_of
from emdsl.results.sites import Site, factors_of, joined, sites_of

Array = np.ndarray[Any, Any]

#: How often the E-step is run at the most for the laws of sites given each other.
RUNS = 1000

#: Keeps what may be 0 above it, so that a quotient is a number.
TINY = float(np.finfo(float).tiny)


@dataclass(frozen=True)
class _Choice:
    """The law of a discrete site, (entry, state), and what follows each of its states."""

    place: int
    probabilities: Array
    below: tuple[_Choice | tuple[_Law, ...], ...]


@dataclass(frozen=True)
class _Law:
    """The law of another site: its means (entry, coordinate) where sites before it have theirs.

    `root` of its covariance: (entry, coordinate, column). `slopes`: derivatives of the means by earlier sites, (entry,
    coordinate, own coordinate).
    """

    place: int
    mean: Array
    root: Array
    slopes: Mapping[int, Array]


class Frontier:
    """The joint posterior of the `needed` entries of latents, masks by plate, given bound data.

    Where coordinate ascent infers the latents they are independent, as far as is known: as they are `found`, if that
    is told. Raises DataError where the posterior is none that is drawn from site by site.
    """

    def __init__(
        self,
        bound: BoundModel,
        data: Mapping[str, Any],
        estimated: Estimated,
        needed: Mapping[str, Array],
        time: str,
        found: dict[str, Statistics] | None = None,
    ) -> None:
        self.bound, self.data, self.estimated = bound, data, estimated
        latents = [variable for variable in bound.checked.model.variables if variable.role is Role.LATENT]
        self.plates = {v.name: v.plates for v in latents}
        self.families = {v.name: v.definitions[0].law.family for v in latents}
        self.known = {v.name: padded(data[v.name], plates_of(bound, v), data) for v in latents if v.name in data}
        self.base = self._given({}) if found is None else found
        self.apart = estimated.apart
        wanted = self._completed(needed, time)
        order = sorted(wanted, key=lambda name: (not self._discrete(name), len(self.plates[name])))
        self.sites = sites_of(bound.checked.model, wanted, order, time)
        if not self.apart:
            self._check_runs()
            self._check_normal([name for name in order if not self._discrete(name)], time)
        self.law = self._choice(0, {}, self.base)

    def draw(self, count: int, rng: np.random.Generator) -> dict[str, Array]:
        """Draws of the needed entries, (draw, plates…, event…); the others are 0."""
        values = [np.zeros((count, site.size, *self._event(site.name))) for site in self.sites]
        self._draw(self.law, values, [], rng)
        result: dict[str, Array] = {}
        for site, value in zip(self.sites, values, strict=True):
            whole = result.setdefault(site.name, np.zeros((count, *self._shape(site.name))))
            index: tuple[Any, ...] = (slice(None), *site.entries)
            whole[index] = value if site.columns else value[:, 0]
        return result

    # what is needed, and whether it can be had

    def _completed(self, needed: Mapping[str, Array], time: str) -> dict[str, Array]:
        """With all entries of the latents outside of time that are tied to what is needed."""
        result = {name: mask for name, mask in needed.items() if mask.any()}
        if unknown := [name for name in result if name not in self.base]:
            raise DataError(f"`{unknown[0]}`, which later steps read, has no posterior to draw from")
        for name in sorted(joined(self.bound.checked.model, [*result], self.plates.keys())):
            if time not in self.plates[name] and name in self.base:
                first = next(iter(self.base[name].values()))
                gone = np.isnan(first.reshape(*first.shape[: len(self.plates[name])], -1))
                result[name] = np.asarray(~gone.any(axis=-1))
        return result

    def _check_runs(self) -> None:
        runs, states, coordinates = 0, 1, 0
        for site in self.sites:
            if self._discrete(site.name):
                runs, states = runs + states, states * self.base[site.name]["probabilities"].shape[-1]
            else:
                runs, coordinates = runs + states * (1 + coordinates), coordinates + self._width(site.name)
        if runs > RUNS:
            listed = ", ".join(f"`{name}`" for name in dict.fromkeys(site.name for site in self.sites))
            raise DataError(f"later steps read too many entries of {listed} that depend on each other to be drawn")

    def _check_normal(self, others: Sequence[str], time: str) -> None:
        """Latents that are not discrete have laws of their kind, once the discrete ones outside of time are drawn."""
        model, discrete = self.bound.checked.model, {name for name in self.plates if self._discrete(name)}
        tied = joined(model, others, self.plates.keys() - discrete)
        for factor in factors_of(model):
            met = {name for name, _ in factor}
            paths = sorted(name for name in met & discrete if time in self.plates[name])
            if paths and met & tied:
                raise DataError(
                    f"the law of `{sorted(met & tied)[0]}`, which later steps read, is a mixture over all paths of "
                    f"`{paths[0]}`: it is not drawn from"
                )

    def _discrete(self, name: str) -> bool:
        return "probabilities" in self.base.get(name, {})

    def _event(self, name: str) -> tuple[int, ...]:
        return () if self._discrete(name) else np.shape(self.base[name]["mean"])[len(self.plates[name]) :]

    def _width(self, name: str) -> int:
        return int(np.prod(self._event(name)))

    def _shape(self, name: str) -> tuple[int, ...]:
        first = next(iter(self.base[name].values()))
        return (*first.shape[: len(self.plates[name])], *self._event(name))

    # laws of the sites

    def _choice(
        self, place: int, labels: Mapping[str, Array], found: Mapping[str, Statistics]
    ) -> _Choice | tuple[_Law, ...]:
        """The laws from a site on, given labels of those before it; `found`: the posteriors given these."""
        if place == len(self.sites) or not self._discrete(self.sites[place].name):
            return self._real(place, labels, found)
        site, below = self.sites[place], []
        probabilities = found[site.name]["probabilities"][site.entries].reshape(site.size, -1)
        for state, shares in enumerate(probabilities.T):
            if self.apart or place + 1 == len(self.sites):
                below.append(self._choice(place + 1, labels, found))
                break  # every state is followed by the same
            given = self._labelled(labels, site, np.where(shares > 0, float(state), np.nan))
            below.append(self._choice(place + 1, given, self._given(given)))
        return _Choice(place, probabilities, tuple(below))

    def _real(self, first: int, labels: Mapping[str, Array], found: Mapping[str, Statistics]) -> tuple[_Law, ...]:
        """The laws of all sites from one on, none of which is discrete."""
        laws: list[_Law] = []
        for place in range(first, len(self.sites)):
            site = self.sites[place]
            slopes = {} if self.apart else {law.place: self._slopes(law, site, labels, found) for law in laws}
            laws.append(_Law(place, self._means(site, found), self._root(site, found[site.name]), slopes))
            if not self.apart and place + 1 < len(self.sites):
                labels = self._labelled(labels, site, laws[-1].mean)
                found = self._given(labels)
        return tuple(laws)

    def _slopes(self, law: _Law, site: Site, labels: Mapping[str, Array], found: Mapping[str, Statistics]) -> Array:
        """How the means of a site move with an earlier one."""
        other, width = self.sites[law.place], law.mean.shape[-1]
        met, means = other.met_by(site), self._means(site, found)
        result = np.zeros((site.size, width, means.shape[-1]))
        if met is None:
            return result
        step = float(np.max(np.abs(law.root), initial=0.0)) or 1.0
        for coordinate in range(width):
            moved = self._labelled(labels, other, law.mean + step * np.eye(width)[coordinate])
            result[:, coordinate] = (self._means(site, self._given(moved)) - means) / step
        result[met < 0] = 0.0
        return result

    def _means(self, site: Site, found: Mapping[str, Statistics]) -> Array:
        return np.asarray(found[site.name]["mean"][site.entries].reshape(site.size, -1))

    def _root(self, site: Site, statistics: Statistics) -> Array:
        if "cov" in statistics:
            width = self._width(site.name)
            values, vectors = np.linalg.eigh(statistics["cov"][site.entries].reshape(site.size, width, width))
            return np.asarray(vectors * np.sqrt(np.maximum(values, 0.0))[:, None, :])
        if "var" not in statistics:
            raise DataError(f"`{site.name}`, which later steps read, has no variance after the data to draw it with")
        spread = np.sqrt(np.maximum(statistics["var"][site.entries].reshape(site.size, -1), 0.0))
        return np.asarray(spread[:, :, None] * np.eye(spread.shape[-1]))

    def _given(self, labels: Mapping[str, Array]) -> dict[str, Statistics]:
        return self.estimated.posterior(self.bound, self.data, labels)

    def _labelled(self, labels: Mapping[str, Array], site: Site, values: Array) -> dict[str, Array]:
        """The labels with those of a site."""
        known = labels.get(site.name, self.known.get(site.name))
        whole = np.full(self._shape(site.name), np.nan) if known is None else np.array(known, dtype=float)
        whole[site.entries] = values.reshape(whole[site.entries].shape)
        return {**labels, site.name: whole}

    # draws

    def _draw(
        self,
        law: _Choice | tuple[_Law, ...],
        values: list[Array],
        states: Sequence[tuple[int, int]],
        rng: np.random.Generator,
    ) -> None:
        """Draws of what follows some states of earlier sites, where these are the ones that were drawn."""
        if isinstance(law, _Choice):
            cumulated = np.cumsum(law.probabilities, axis=-1)
            uniform = np.asarray(rng.random(values[law.place].shape))[..., None] * cumulated[..., -1:]
            self._store(law.place, values, np.sum(cumulated[..., :-1] <= uniform, axis=-1), states)
            for state, below in enumerate(law.below):
                self._draw(below, values, states if len(law.below) == 1 else [*states, (law.place, state)], rng)
            return
        means = {own.place: own.mean for own in law}
        for own in law:
            drawn = own.mean + self._noise(own, len(values[own.place]), rng)
            for place, slope in own.slopes.items():
                met = self.sites[place].met_by(self.sites[own.place])
                if met is not None:
                    earlier = values[place].reshape(len(drawn), *means[place].shape) - means[place]
                    drawn = drawn + np.einsum("nmd,mde->nme", earlier[:, met], slope)
            self._store(own.place, values, drawn.reshape(values[own.place].shape), states)

    def _store(self, place: int, values: list[Array], drawn: Array, states: Sequence[tuple[int, int]]) -> None:
        """Keeps draws of a site where earlier ones are in some states."""
        chosen = np.ones(drawn.shape[:2], dtype=bool)
        for earlier, state in states:
            met = self.sites[earlier].met_by(self.sites[place])
            if met is not None:
                chosen &= (values[earlier][:, met] == state) | (met < 0)
        values[place][chosen] = drawn[chosen]

    def _noise(self, law: _Law, count: int, rng: np.random.Generator) -> Array:
        """What is added to the means: normal, or what makes them draws of the family that the latent has."""
        name, shape = self.sites[law.place].name, (count, *law.mean.shape)
        kind = self.bound.checked.types[name].kind
        if kind == "real":
            return np.asarray(np.einsum("mde,nme->nmd", law.root, rng.standard_normal(shape)))
        var = np.diagonal(law.root, axis1=1, axis2=2) ** 2
        if kind in ("unit", "simplex"):
            return shares(law.mean, var, kind == "simplex", shape, rng) - law.mean
        ratio = law.mean**2 / np.maximum(var, 1e-12 * law.mean**2)
        if self.families[name] in GAMMA:
            return np.asarray(law.mean * (rng.gamma(ratio, size=shape) / ratio - 1))
        if self.families[name] in INVERSE:
            return np.asarray(law.mean * ((1 + ratio) / rng.gamma(2 + ratio, size=shape) - 1))
        raise DataError(f"`{name}`, which later steps read, has a posterior that is not drawn from")


def shares(mean: Array, var: Array, sum_to_one: bool, shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Draws of Beta laws, or of Dirichlet ones over the last axis, by means and variances: c = m (1 − m) / v − 1."""
    spread = mean * (1 - mean)
    if sum_to_one:
        spread, var = spread.sum(axis=-1, keepdims=True), var.sum(axis=-1, keepdims=True)
    concentration = spread / np.maximum(var, 1e-12 * spread + TINY) - 1
    ours, others = (rng.gamma(np.maximum(concentration * part, TINY), size=shape) for part in (mean, 1 - mean))
    return np.asarray(ours / np.maximum(ours.sum(axis=-1, keepdims=True) if sum_to_one else ours + others, TINY))
