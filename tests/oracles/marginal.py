"""Exact marginals of tiny instances by brute force: sums over all discrete states, integrals over all real ones.

    log p(data | params) = log sum_z ∫ p(data, z, x | params) dx

What is unknown (latents not given, entries missing) falls into components that share no factor. Each component is
summed over its joint discrete states; given those, its continuous part falls into components again, each an integral.
The result is kept as pieces, weighted points, so that every posterior expectation is a sum over them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from emdsl.model.statements import Model, Role
from tests.oracles import laws
from tests.oracles.integrate import integrate
from tests.oracles.interpreter import Factor, Scene, Site, entry, store
from tests.oracles.reads import by_name, factor_reads
from tests.oracles.unknowns import Continuous, Discrete, branches, families, find_unknown

Params = Mapping[str, Any]

#: Largest number of joint discrete states of one component.
LIMIT = 200_000

#: The same where each state leaves integrals that are not Gaussian to be done.
INTEGRAL_LIMIT = 64


@dataclass(frozen=True)
class Piece:
    """A weighted point of the posterior: `values` of sites; it stands for `own`, and settles `factors`."""

    weight: float
    values: Mapping[Site, Any]
    own: tuple[Site, ...]
    factors: tuple[Factor, ...]


class Exact:
    """The exact posterior of what is unknown, `log_likelihood`, and `best_log_joint` at the best states of latents.

    `integrate_over` names parameters with priors that count as unknown too. Missing observed values that nothing else
    reads are marginalised by leaving them out; with `keep_leaves` they stay among the unknowns, for expectations.
    """

    def __init__(
        self,
        model: Model,
        constants: Mapping[str, Any],
        data: Mapping[str, Any],
        params: Params,
        integrate_over: tuple[str, ...] = (),
        keep_leaves: bool = False,
    ) -> None:
        given = {name: value for name, value in params.items() if name not in integrate_over}
        self.scene = Scene(model, constants, {**data, **given})
        self.params = tuple(given)
        self.integrate_over = integrate_over
        self.kinds = find_unknown(self.scene, integrate_over)
        frozen = by_name(self.kinds)
        factors = [f for f in self.scene.factors() if self._counts(f)]
        self.reads = {factor: factor_reads(self.scene, factor, frozen) for factor in factors}
        if not keep_leaves:
            self._drop_leaves()
        self.known = tuple(factor for factor, sites in self.reads.items() if not sites)
        self.parameters = frozenset(site for site in self.kinds if site[0] in integrate_over)
        self.pieces: list[Piece] = []
        self.log_likelihood = sum(self.scene.weight(f) * self.scene.log_density(f) for f in self.known)
        self.best_log_joint = self.log_likelihood
        for sites, component in _components(self.reads):
            weight = self._component_weight(sites, component)
            log_z, best, pieces = self._sum(sites, component, weight)
            self.log_likelihood += weight * log_z
            self.best_log_joint += weight * best
            self.pieces += pieces

    # The factors

    def _counts(self, factor: Factor) -> bool:
        return self.scene.variables[factor.variable].role is not Role.PARAM or factor.variable in self.integrate_over

    def _drop_leaves(self) -> None:
        """A wholly missing observed value that nothing else reads integrates to 1: its factor goes."""
        readers: dict[Site, list[Factor]] = {}
        for factor, sites in self.reads.items():
            for site in sites:
                readers.setdefault(site, []).append(factor)
        for (name, index), factors in readers.items():
            whole = np.size(entry(self.scene.values[name], index))
            kind = self.kinds[name, index]
            missing = whole if isinstance(kind, Discrete) else len(kind.entries)
            alone = [(f.variable, f.index) for f in factors] == [(name, index)]
            if self.scene.variables[name].role is Role.OBSERVED and missing == whole and alone:
                del self.reads[factors[0]]

    def _component_weight(self, sites: tuple[Site, ...], factors: tuple[Factor, ...]) -> float:
        """The weight of the latents' own rows; the others count relative to it."""
        weights = {self.scene.weight(f) for f in factors if (f.variable, f.index) in sites}
        if len(weights) != 1:
            raise NotImplementedError("coupled unknowns with different weights")
        return weights.pop()

    # Sums and integrals

    def _sum(
        self, sites: tuple[Site, ...], factors: tuple[Factor, ...], weight: float
    ) -> tuple[float, float, list[Piece]]:
        """log of the sum over the discrete sites of the integral over the continuous ones, and the pieces."""
        discrete = [s for s in sites if isinstance(self.kinds[s], Discrete)]
        continuous = frozenset(sites) - frozenset(discrete)
        domains = [self.kinds[s].states for s in discrete]  # type: ignore[union-attr]
        count = np.prod([float(len(d)) for d in domains])
        if count > (INTEGRAL_LIMIT if continuous & self.parameters else LIMIT):
            raise NotImplementedError("too many joint states")
        plain = tuple(f for f in factors if not self.reads[f] & continuous)
        mixed = tuple(f for f in factors if self.reads[f] & continuous)
        share = {f: self.scene.weight(f) / weight if weight else 1.0 for f in factors}
        found: list[tuple[float, dict[Site, Any], list[Piece]]] = []
        for values, log_p in self._enumerate(discrete, domains, plain, share):
            inner: list[Piece] = []
            reads = {f: factor_reads(self.scene, f, by_name(continuous)) for f in mixed}
            for own, group in _components(reads):
                log_z, pieces = self._integral(own, group, share, values)
                log_p += log_z
                inner += pieces
            log_p += sum(share[f] * self.scene.log_density(f) for f, read in reads.items() if not read)
            settled = tuple(f for f, read in reads.items() if not read)
            found.append((log_p, values, [*inner, Piece(1.0, values, tuple(discrete), (*plain, *settled))]))
        log_z = float(special.logsumexp([log_p for log_p, _, _ in found]))
        pieces = [
            Piece(float(np.exp(log_p - log_z)) * piece.weight, piece.values, piece.own, piece.factors)
            for log_p, _, inner in found
            for piece in inner
            if log_p > log_z - 60
        ]
        observed = all(self.scene.variables[name].role is Role.OBSERVED for name, _ in discrete)
        return log_z, log_z if observed else max((log_p for log_p, _, _ in found), default=-np.inf), pieces

    def _enumerate(
        self,
        discrete: list[Site],
        domains: list[range],
        factors: tuple[Factor, ...],
        share: Mapping[Factor, float],
    ) -> Iterator[tuple[dict[Site, Any], float]]:
        """The joint states that are possible, stored in the scene, each with the log of the product of its factors.

        A factor is evaluated as soon as the last site that it reads has its state, and remembered.
        """
        place = {site: i for i, site in enumerate(discrete)}
        ending: dict[int, list[Factor]] = {}
        for factor in factors:
            ending.setdefault(max(place[s] for s in self.reads[factor]), []).append(factor)
        reads = {f: tuple(sorted(place[s] for s in self.reads[f])) for f in factors}
        cache: dict[tuple[Factor, tuple[int, ...]], float] = {}
        states = [0] * len(discrete)

        def below(depth: int, log_p: float) -> Iterator[tuple[dict[Site, Any], float]]:
            if depth == len(discrete):
                for (name, index), state in zip(discrete, states, strict=True):
                    store(self.scene.values[name], index, state)
                yield dict(zip(discrete, states, strict=True)), log_p
                return
            for state in domains[depth]:
                states[depth], total = state, log_p
                for factor in ending.get(depth, ()):
                    key = (factor, tuple(states[i] for i in reads[factor]))
                    if key not in cache:
                        for i in reads[factor]:
                            store(self.scene.values[discrete[i][0]], discrete[i][1], states[i])
                        cache[key] = share[factor] * self.scene.log_density(factor)
                    total += cache[key]
                if total > -np.inf:
                    yield from below(depth + 1, total)

        yield from below(0, 0.0)

    def _integral(
        self,
        sites: tuple[Site, ...],
        factors: tuple[Factor, ...],
        share: Mapping[Factor, float],
        outer: Mapping[Site, Any],
    ) -> tuple[float, list[Piece]]:
        charts = [(site, kind) for site in sites if isinstance(kind := self.kinds[site], Continuous)]
        ends = np.cumsum([kind.dimension for _, kind in charts])

        def place(u: np.ndarray[Any, Any]) -> tuple[dict[Site, Any], float]:
            values: dict[Site, Any] = {}
            jacobian = 0.0
            for (site, kind), part in zip(charts, np.split(u, ends[:-1]), strict=True):
                numbers, slope = kind.value(part)
                whole = np.array(entry(self.scene.values[site[0]], site[1]), float)
                for position, number in zip(kind.entries, numbers, strict=True):
                    whole[position] = number
                store(self.scene.values[site[0]], site[1], whole)
                values[site] = whole
                jacobian += slope
            return values, jacobian

        def f(u: np.ndarray[Any, Any]) -> float:
            jacobian = place(u)[1]
            return sum(share[factor] * self.scene.log_density(factor) for factor in factors) + jacobian

        log_z, points = integrate(f, np.zeros(ends[-1]))
        return log_z, [Piece(weight, {**outer, **place(u)[0]}, sites, factors) for weight, u in points]

    # Expectations

    def posterior(self) -> dict[str, dict[str, np.ndarray[Any, Any]]]:
        """Of each latent `probabilities` (plates, k), or `mean` with `cov` or `var`; given entries are certain."""
        result = {}
        for variable in self.scene.model.variables:
            if variable.role is Role.LATENT or variable.name in self.integrate_over:
                result[variable.name] = self._posterior_of(variable.name)
        return result

    def _posterior_of(self, name: str) -> dict[str, Any]:
        variable = self.scene.variables[name]
        indices = [tuple(scope[p] for p in variable.plates) for scope in self.scene.indices(variable.plates)]
        discrete = any(f in laws.DISCRETE for d in variable.definitions for f in families(d.law))
        if discrete or any(n == name and isinstance(k, Discrete) for (n, _), k in self.kinds.items()):
            counts = [len(k.states) for (n, _), k in self.kinds.items() if n == name and isinstance(k, Discrete)]
            if not counts:
                law = variable.definitions[-1].law
                factor = next(f for f in self.scene.factors() if f.variable == name)
                counts = [laws.largest(b.family, self.scene.arguments(b, dict(factor.scope))) for b in branches(law)]
            tables = {index: np.zeros(max(counts)) for index in indices}
            for index in indices:
                if (name, index) not in self.kinds:
                    tables[index][int(entry(self.scene.values[name], index))] = 1.0
            for piece in self.pieces:
                for n, index in piece.own:
                    if n == name:
                        tables[index][int(piece.values[n, index])] += piece.weight
            return {"probabilities": self._stack(variable.plates, tables)}
        first = {i: np.array(entry(self.scene.values[name], i), float) for i in indices if (name, i) not in self.kinds}
        second = {i: np.multiply.outer(x, x) for i, x in first.items()}
        for piece in self.pieces:
            for n, index in piece.own:
                if n == name:
                    x = np.asarray(piece.values[n, index])
                    first[index] = first.get(index, 0) + piece.weight * x
                    second[index] = second.get(index, 0) + piece.weight * np.multiply.outer(x, x)
        spread = {i: second[i] - np.multiply.outer(first[i], first[i]) for i in indices}
        key = "cov" if np.ndim(first[indices[0]]) else "var"
        return {"mean": self._stack(variable.plates, first), key: self._stack(variable.plates, spread)}

    def _stack(self, plates: tuple[str, ...], table: Mapping[tuple[int, ...], Any], index: tuple[int, ...] = ()) -> Any:
        if len(index) == len(plates):
            return table[index]
        length = self.scene.length(plates[len(index)], dict(zip(plates, index, strict=False)))
        rows = [self._stack(plates, table, (*index, i)) for i in range(length)]
        ragged = any(isinstance(row, list) for row in rows) or len({np.shape(row) for row in rows}) > 1
        return rows if ragged else np.array(rows)

    def expected_log_joint(self, params: Params) -> float:
        """Q(params | the parameters of this posterior): the expected complete log joint, without parameters' priors."""
        scene = self.scene
        before = {name: scene.values[name] for name in params}
        scene.values.update({name: scene.nested(name, np.array(value, float)) for name, value in params.items()})
        total = sum(scene.weight(f) * scene.log_density(f) for f in self.known)
        for (factor, sites, values), weight in self._compressed().items():
            for (name, index), value in zip(sites, values, strict=True):
                store(scene.values[name], index, np.reshape(value, np.shape(entry(scene.values[name], index))))
            total += weight * scene.weight(factor) * scene.log_density(factor)
        scene.values.update(before)
        return total

    def _compressed(self) -> dict[tuple[Factor, tuple[Site, ...], tuple[tuple[float, ...], ...]], float]:
        """The pieces by factor, those that agree in what the factor reads added up."""
        if not hasattr(self, "_table"):
            self._table: dict[Any, float] = {}
            for piece in self.pieces:
                for factor in piece.factors:
                    sites = tuple(s for s in sorted(self.reads[factor]) if s in piece.values)
                    key = (factor, sites, tuple(tuple(np.ravel(piece.values[s]).tolist()) for s in sites))
                    self._table[key] = self._table.get(key, 0.0) + piece.weight
        return self._table


def _components(reads: Mapping[Factor, frozenset[Site]]) -> list[tuple[tuple[Site, ...], tuple[Factor, ...]]]:
    """Groups of unknown sites, and of the factors that read them, that share nothing with another group."""
    root: dict[Site, Site] = {}

    def find(site: Site) -> Site:
        root.setdefault(site, site)
        while root[site] != site:
            site = root[site]
        return site

    for sites in reads.values():
        for site in sites:
            root[find(site)] = find(min(sites))
    groups: dict[Site, tuple[list[Site], list[Factor]]] = {}
    for site in sorted(root):
        groups.setdefault(find(site), ([], []))[0].append(site)
    for factor, sites in reads.items():
        if sites:
            groups[find(min(sites))][1].append(factor)
    return [(tuple(sites), tuple(factors)) for sites, factors in groups.values()]


def log_likelihood(
    model: Model,
    constants: Mapping[str, Any],
    data: Mapping[str, Any],
    params: Params,
    integrate_over: tuple[str, ...] = (),
) -> float:
    """log p(data | params), everything unknown summed or integrated out; with `integrate_over`, parameters as well."""
    return Exact(model, constants, data, params, integrate_over).log_likelihood


def posterior(
    model: Model, constants: Mapping[str, Any], data: Mapping[str, Any], params: Params
) -> dict[str, dict[str, Any]]:
    """The exact posterior of each latent; see `Exact.posterior`."""
    return Exact(model, constants, data, params).posterior()
