"""What is unknown in a scene (latents not given, entries missing, parameters to integrate over) and its values."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from emdsl.model.statements import Definition, Law, Role
from tests.oracles import laws
from tests.oracles.interpreter import Factor, Scene, Site, entry, store
from tests.oracles.reads import by_name, factor_reads


@dataclass(frozen=True)
class Discrete:
    """An unknown site with finitely many states."""

    states: range


@dataclass(frozen=True)
class Continuous:
    """An unknown site of real numbers: its unknown entries, and the interval of each (or one simplex)."""

    entries: tuple[tuple[int, ...], ...]
    low: float = -np.inf
    high: float = np.inf
    simplex: bool = False

    @property
    def dimension(self) -> int:
        return len(self.entries) - self.simplex

    def value(self, u: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], float]:
        """The entries' values from free coordinates, and the log Jacobian."""
        if self.simplex:
            p = special.softmax(np.append(u, 0.0))
            return p, float(np.sum(np.log(p)))
        if np.isinf(self.low) and np.isinf(self.high):
            return u, 0.0
        if np.isinf(self.high):
            return self.low + np.exp(u), float(np.sum(u))
        if np.isinf(self.low):
            return self.high - np.exp(u), float(np.sum(u))
        width = self.high - self.low
        log_slope = special.log_expit(u) + special.log_expit(-u)
        return self.low + width * special.expit(u), float(np.sum(np.log(width) + log_slope))


Kinds = Mapping[Site, Discrete | Continuous]


def _sites(scene: Scene, integrate_over: tuple[str, ...]) -> list[Site]:
    """Room for latents without values, and every site with NaN in it."""
    waiting = [v for v in scene.model.variables if v.name not in scene.values and v.definitions]
    waiting = [v for v in waiting if v.role is Role.LATENT or v.name in integrate_over]
    while waiting:
        progress = False
        for variable in list(waiting):
            try:
                scene.allocate(variable.name)
            except KeyError:
                continue
            waiting.remove(variable)
            progress = True
        if not progress:
            raise KeyError(f"no shape for {[v.name for v in waiting]}")
    sites: list[Site] = []
    for variable in scene.model.variables:
        if variable.name not in scene.values or not variable.definitions:
            continue
        for scope in scene.indices(variable.plates):
            index = tuple(scope[p] for p in variable.plates)
            if np.any(np.isnan(entry(scene.values[variable.name], index))):
                if variable.role is Role.OBSERVED and not variable.missing:
                    raise ValueError(f"NaN in {variable.name}, which is not declared missing")
                sites.append((variable.name, index))
    return sites


def find_unknown(scene: Scene, integrate_over: tuple[str, ...] = ()) -> dict[Site, Discrete | Continuous]:
    """The unknown sites of a scene and their kinds; placeholders are left in them, since laws read other unknowns."""
    sites = _sites(scene, integrate_over)
    kinds: dict[Site, Discrete | Continuous] = {}
    definitions = {(f.variable, f.index): f for f in scene.factors()}
    holes = {site: np.argwhere(np.isnan(entry(scene.values[site[0]], site[1]))) for site in sites}
    law_of = {site: definitions[site].definition.law for site in sites}
    scopes = {site: dict(definitions[site].scope) for site in sites}
    for site in sites:
        names = families(law_of[site])
        discrete = any(f in laws.DISCRETE for f in names) or names == ("PointMass",)
        value = np.array(entry(scene.values[site[0]], site[1]))
        if "Dirichlet" in names:
            fill = 1.0 / value.size
        else:
            fill = 0.0 if discrete or not any(f in laws.INTERVALS for f in names) else 0.5
        value[np.isnan(value)] = fill
        store(scene.values[site[0]], site[1], value)
    certain = _settle(scene, sites, definitions)
    for site in sites:
        if site in certain:
            continue
        law, scope = law_of[site], scopes[site]
        entries = tuple(tuple(int(i) for i in hole) for hole in holes[site])
        names = families(law)
        if "Multinomial" in names:
            if len(entries) != np.size(entry(scene.values[site[0]], site[1])):
                raise NotImplementedError("a Multinomial with some counts missing")
            kinds[site] = Discrete(range(0))
        elif any(f in laws.DISCRETE for f in names) or names == ("PointMass",):
            kinds[site] = Discrete(range(_states(scene, kinds, site, law, scope)))
        elif names == ("Dirichlet",):
            kinds[site] = Continuous(entries, simplex=True)
        else:
            kinds[site] = Continuous(entries, *_interval(scene, site, law, scope))
    return kinds


def _settle(scene: Scene, sites: Iterable[Site], definitions: Mapping[Site, Factor]) -> set[Site]:
    """The point masses whose value depends on nothing unknown, now stored."""
    unknown, settled = by_name(sites), set()
    for name, index in sites:
        factor = definitions[name, index]
        law = factor.definition.law
        if law.family == "PointMass" and factor_reads(scene, factor, unknown) == {(name, index)}:
            store(scene.values[name], index, scene.arguments(law, dict(factor.scope))["value"])
            settled.add((name, index))
    return settled


def _states(scene: Scene, kinds: Kinds, site: Site, law: Law, scope: dict[str, Any]) -> int:
    """How many states: the most over the states of the discrete parents that were described before."""
    read = factor_reads(scene, Factor(site[0], site[1], Definition((), law), tuple(scope.items())), by_name(kinds))
    parents = [p for p in read if isinstance(kinds[p], Discrete)]
    if law.family == "PointMass" and len(parents) < len(read):
        raise NotImplementedError("a function of an unknown real value")
    most = 0
    for states in itertools.product(*(kinds[p].states for p in parents)):  # type: ignore[union-attr]
        for parent, state in zip(parents, states, strict=True):
            store(scene.values[parent[0]], parent[1], state)
        most = max([most, *(laws.largest(b.family, scene.arguments(b, scope)) for b in branches(law))])
    for parent in parents:
        store(scene.values[parent[0]], parent[1], 0)
    return most


def _interval(scene: Scene, site: Site, law: Law, scope: dict[str, Any]) -> tuple[float, float]:
    family = families(law)[0]
    low, high = laws.INTERVALS.get(family, (-np.inf, np.inf))
    if family in scene.dists:
        kind = scene.dists[family].subject[1].kind
        low, high = {"real": (-np.inf, np.inf), "positive": (0.0, np.inf), "unit": (0.0, 1.0)}[kind]
    if family in ("Wishart", "InvWishart"):
        if np.size(entry(scene.values[site[0]], site[1])) > 1:
            raise NotImplementedError("an unknown matrix")
        low = 0.0
    if law.limits is not None:
        low = max(low, float(scene.evaluate(law.limits.low, scope)))
        high = min(high, float(scene.evaluate(law.limits.high, scope)))
    return low, high


def families(law: Law) -> tuple[str, ...]:
    """The names of the distributions that a law may take."""
    return tuple(branch.family for branch in branches(law))


def branches(law: Law) -> tuple[Law, ...]:
    """The distributions that a law may take: itself, or the branches of its switch."""
    if law.family != "switch":
        return (law,)
    return tuple(b for _, part in law.arguments if isinstance(part, Law) for b in branches(part))
