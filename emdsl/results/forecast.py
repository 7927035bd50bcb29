"""What the model says of steps that are not seen yet: the states of the chains, and what will be observed.

The E-step of the model in which observations may be missing gives the law of the states at any step. What is observed
there follows from the states that its law reads: a mixture over them, one after the other,

    p(y) = Σ_z p(z) Σ_w p(w | z) p(y | z, w)        E[y] and var[y] from those of the laws

Discrete states come first: given these, a continuous one is put at a few points (`emdsl.results.points`). The
parameters are those of the fit: their own uncertainty is not part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression, Name, Number, Subscript, names, walk
from emdsl.data.ragged import merged_letters
from emdsl.errors import DataError
from emdsl.families.moments import has_moments, moments
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Law, Role, Variable
from emdsl.results.axes import sizes_of
from emdsl.results.estimated import Estimated, Statistics
from emdsl.results.forward import Ahead
from emdsl.results.futures import DRAWS, simulated
from emdsl.results.joint_points import joint_points
from emdsl.results.laws import LawReader
from emdsl.results.lets import without_lets
from emdsl.results.normal_nodes import bent_coordinates
from emdsl.results.points import points
from emdsl.results.read_sites import ReadSite, entries_in_sum, states_beside
from emdsl.results.rows import Rows, Values
from emdsl.results.series import Steps, all_steps, expressions_of, group_sizes, merged, padded, plates_of
from emdsl.results.sites import Tied

Array = np.ndarray[Any, Any]


def without_moments(variable: Variable) -> str | None:
    """Why no mean and variance of a variable can be told, where one of its laws has none that are written down."""
    laws = [definition.law for definition in variable.definitions]
    while laws:
        law = laws.pop()
        laws += [branch for _, branch in law.arguments if isinstance(branch, Law)]
        if law.family != "switch" and (why := _no_moments(variable, law)):
            return why
    return None


def _no_moments(variable: Variable, law: Law) -> str | None:
    if has_moments(law.family) and not law.limits:
        return None
    return f"the mean and variance of `{variable.name}` are not known: its law is {law.family}"


def outlook(steps: Steps, estimated: Estimated, sizes: Mapping[str, int]) -> dict[str, Statistics]:
    """The law of each latent and observed variable over time at the steps, given all that the data say.

    Observed variables of which no mean and variance are known are left out. `estimated` has the module of the opened
    model. Arrays have the plates of the variable first, with the steps in place of the time.
    """
    return _Outlook(steps.bound, steps.data, estimated, sizes).at(steps)


def imputed(
    bound: BoundModel,
    data: Mapping[str, Any],
    variable: Variable,
    estimated: Estimated,
) -> Array:
    """An observed variable with its missing entries at their conditional means, or at the most probable category.

    Raises DataError for vectors whose entries are seen in part and depend on each other given the latents.
    """
    known = {name: value for name, value in data.items() if bound.checked.model.variable(name) is not None}
    sizes = sizes_of(bound, known) | sizes_of(bound, estimated.params) | group_sizes(bound, data)
    sizes |= {name: value for name, value in data.items() if isinstance(value, int)}
    found = _Outlook(bound, data, estimated, sizes).missing(variable.name)
    result = np.array(data[variable.name], dtype=np.float64)
    entries = result.reshape(-1, *result.shape[len(merged_letters(plates_of(bound, variable))) :])
    gone = np.isnan(entries)
    rows = np.flatnonzero(gone.reshape(len(entries), -1).any(axis=1))
    if "cov" in found:
        partly = ~gone[rows].all(axis=-1)
        if np.any(found["cov"][partly] * (1 - np.eye(entries.shape[-1]))):
            raise DataError(f"the compiled model gives no conditional mean of `{variable.name}`, which is seen in part")
    filled = np.argmax(found["probabilities"], axis=-1) if "probabilities" in found else found["mean"]
    entries[rows] = np.where(gone[rows], filled, entries[rows])
    if np.isnan(result).any():  # what reads missing entries of its own series
        steps, rng = all_steps(bound, data), np.random.default_rng(0)
        own = simulated(data, steps, estimated, sizes, DRAWS, rng)[variable.name]
        filled = np.argmax(own["probabilities"], axis=-1) if "probabilities" in own else own["mean"]
        filled = merged(np.asarray(filled, dtype=float), plates_of(bound, variable), data)
        result = np.where(np.isnan(result), filled, result)
    return result


class _Outlook:
    def __init__(
        self,
        bound: BoundModel,
        data: Mapping[str, Any],
        estimated: Estimated,
        sizes: Mapping[str, int],
    ) -> None:
        self.bound, self.data, self.estimated, self.model = bound, data, estimated, bound.checked.model
        known = {
            v.name: padded(data[v.name], plates_of(self.bound, v), data) for v in self.model.variables if v.name in data
        }
        self.given = {name: array for name, array in known.items() if self._is_latent(name)}
        self.reader = LawReader(self.bound, {**estimated.params, **known}, sizes, data)
        self.posterior = self._infer({})

    def at(self, steps: Steps) -> dict[str, Statistics]:
        """Latents and observed variables at some steps."""
        found: dict[str, Statistics] = {}
        for variable in self.model.variables:
            if steps.plate.letter not in variable.plates:
                continue
            if variable.role is Role.LATENT and variable.name in self.posterior:
                plates, own = plates_of(self.bound, variable), self.posterior[variable.name]
                found[variable.name] = {key: steps.of(value, plates) for key, value in own.items()}
            elif variable.role is Role.OBSERVED and not without_moments(variable):
                found[variable.name] = self._observed(variable, steps)
        return found

    def missing(self, name: str) -> Statistics:
        """A variable at those of its entries that are missing, one after the other in the layout of the data."""
        variable = self._variable(name)
        rows = self.reader.grid(variable, {})
        values = self.reader.values[name][tuple(rows.values())]
        gone = np.isnan(values).reshape(len(values), -1).any(axis=1)
        rows = {letter: index[gone] for letter, index in rows.items()}
        time = next((p.letter for p in plates_of(self.bound, variable) if p.ordered), None)
        if time is None or self._at_once(variable):
            return self._mixed(variable, rows)
        result: Statistics = {}
        for step in np.unique(rows[time]):
            chosen = rows[time] == step
            for key, value in self._mixed(variable, {k: v[chosen] for k, v in rows.items()}).items():
                result.setdefault(key, np.zeros((len(chosen), *value.shape[1:])))[chosen] = value
        return result

    def _infer(self, labels: Mapping[str, Array]) -> dict[str, Statistics]:
        """Posteriors with an axis for each plate, some latents being known: arrays of that layout, NaN where not."""
        return self.estimated.posterior(self.bound, self.data, labels)

    def _variable(self, name: str) -> Variable:
        variable = self.model.variable(name)
        assert variable is not None
        return variable

    # observed variables

    def _observed(self, variable: Variable, steps: Steps) -> Statistics:
        """Mixed moments of a variable at the steps: all at once where one state decides, else one by one."""
        parts = []
        for part in [slice(None)] if self._at_once(variable) else [slice(n, n + 1) for n in range(steps.count)]:
            rows, shape = self._rows(variable, steps, part)
            found = self._mixed(variable, rows)
            parts.append({key: np.reshape(value, (*shape, *np.shape(value)[1:])) for key, value in found.items()})
        axis = variable.plates.index(steps.plate.letter)
        return {key: np.concatenate([part[key] for part in parts], axis=axis) for key in parts[0]}

    def _at_once(self, variable: Variable) -> bool:
        """Whether what is known of a latent at one step says nothing of the others that the laws of a variable read."""
        return (
            self.estimated.apart
            or isinstance(self.estimated.module, Ahead)
            or all(len(self._sites(variable, one.law)) <= 1 for one in variable.definitions)
        )

    def _sites(self, variable: Variable, law: Law) -> list[ReadSite]:
        """The latents that a law of a variable reads, those of the fewest plates first, each after what leads to it."""
        found, apart = dict[ReadSite, None](), self.estimated.apart
        for site in (one for read in self._read(law) for one in entries_in_sum(read, variable, self.reader, apart)):
            if any(names(index) - set(variable.plates) - self._known for index in site.indices):
                raise DataError(f"`{variable.name}` depends on several entries of `{site.name}` at once")
            found[site] = None
            if self._is_skewed(site.name) and not apart:
                found |= dict.fromkeys(self._states_of(site))
        real = [site for site in found if self.bound.checked.types[site.name].kind == "real"]
        if not apart and (len(real) > 1 or self._bent(variable, without_lets(law, self.model), found)):
            found |= {states: None for site in real for states in states_beside(site, self.reader, self._read)}
        discrete = {v.name for v in self.model.variables if self.bound.checked.types[v.name].kind == "index"}

        def place_of(site: ReadSite) -> tuple[bool, int, int]:
            leading = (node for index in site.indices for node in walk(index) if isinstance(node, Name))
            led = sum(self._is_latent(node.name) for node in leading)
            return site.name not in discrete and not apart, led, len(site.indices)

        sites = sorted(found, key=place_of)
        latents = [v for v in self.model.variables if v.role is Role.LATENT]
        for place, site in enumerate(sites[:-1]):
            own = set(self._variable(site.name).plates)
            settled = {other.name for other in sites[: place + 1]}
            outside = [v.name for v in latents if v.name not in settled and not own <= set(v.plates)]
            if outside and not apart:
                raise Tied(variable.name, site.name, outside[0])
        return sites

    def _read(self, law: Law) -> list[ReadSite]:
        """The latents that a law reads."""
        nodes = (node for value in expressions_of(without_lets(law, self.model)) for node in walk(value))
        return [site for node in nodes if (site := self._site(node)) is not None]

    def _is_skewed(self, name: str) -> bool:
        """Whether a latent has another law than a finite or a normal one."""
        return self.bound.checked.types[name].kind in ("positive", "unit")

    def _states_of(self, site: ReadSite) -> list[ReadSite]:
        """The discrete latents given which a continuous one has a law of its family, where it stands at its letters."""
        variable = self._variable(site.name)
        if site.indices != tuple(Name(letter) for letter in variable.plates):
            return []
        running = [one for one in variable.definitions if not any(isinstance(slot, Number) for slot in one.slots)]
        read = [other for one in running for other in self._read(one.law)]
        return [other for other in read if self.bound.checked.types[other.name].kind == "index"]

    def _bent(self, variable: Variable, written: Law, sites: Iterable[ReadSite]) -> int:
        """As `emdsl.results.normal_nodes.bent_coordinates`, of the real latents among the sites."""
        widths = [(site.name, int(np.prod(self.reader.event_shape(site.name)))) for site in sites]
        real = [(name, width) for name, width in widths if self.bound.checked.types[name].kind == "real"]
        return bent_coordinates(variable.name, written, real, any(site.summed for site in sites))

    def _family(self, site: ReadSite, before: Set[str]) -> str | None:
        """The family of a skewed latent given the latents `before` it; "" where it is a mixture, None of others."""
        if not self._is_skewed(site.name):
            return None
        variable = self._variable(site.name)
        read = {other.name for one in variable.definitions for other in self._read(one.law)}
        families = {one.law.family for one in variable.definitions}
        return families.pop() if len(families) == 1 and (self.estimated.apart or read <= before) else ""

    @property
    def _known(self) -> set[str]:
        """Names that stand for numbers at every row: data, latents, constants and sizes."""
        return {v.name for v in self.model.variables} | set(self.reader.sizes) | set(self.bound.constants)

    def _site(self, node: Expression) -> ReadSite | None:
        match node:
            case Subscript(Name(name), indices) if self._is_latent(name):
                return ReadSite(name, indices[: len(self._variable(name).plates)])
            case Name(name) if self._is_latent(name) and not self._variable(name).plates:
                return ReadSite(name, ())
        return None

    def _is_latent(self, name: str) -> bool:
        variable = self.model.variable(name)
        return variable is not None and variable.role is Role.LATENT

    def _mixed(self, variable: Variable, rows: Rows) -> Statistics:
        """Moments of a variable at each row, mixed over what its law there reads."""
        count = len(next(iter(rows.values())))
        result: Statistics = {}
        for law, chosen in self.reader.definitions(variable, rows, count):
            part = {letter: index[chosen] for letter, index in rows.items()}
            for key, value in self._mixed_law(variable, law, self._sites(variable, law), part).items():
                result.setdefault(key, np.zeros((count, *value.shape[1:])))[chosen] = value
        return result

    def _mixed_law(self, variable: Variable, law: Law, sites: Sequence[ReadSite], rows: Rows) -> Statistics:
        count = len(next(iter(rows.values())))
        module = self.estimated.module
        if isinstance(module, Ahead) and (reach := self._reach(sites, rows)) >= module.spacing:
            return self._mixed_in_turn(variable, law, sites, rows, reach + 1)
        if count > 1 and self._one_by_one(sites):
            single = [{letter: index[row : row + 1] for letter, index in rows.items()} for row in range(count)]
            found = [self._mixed_law(variable, law, sites, one) for one in single]
            return {key: np.concatenate([one[key] for one in found]) for key in found[0]}
        total = self._averaged(variable, law, sites, rows, finer=False)
        skewed = [site.name for site in sites if self._is_skewed(site.name)]
        if skewed:
            again = self._averaged(variable, law, sites, rows, finer=True)
            if not all(np.allclose(total[key], again[key], rtol=1e-7, atol=1e-9) for key in total):
                raise DataError(
                    f"the mean and variance of `{variable.name}` are not known: they do not follow from those of "
                    f"`{skewed[0]}`; draw them with `sample`"
                )
        return total

    def _averaged(
        self, variable: Variable, law: Law, sites: Sequence[ReadSite], rows: Rows, *, finer: bool
    ) -> Statistics:
        """Moments mixed over points of the sites."""
        count = len(next(iter(rows.values())))
        total: Statistics = {}
        second: Array | float = 0.0
        spread = ""
        written = without_lets(law, self.model)
        bent = self._bent(variable, written, sites)
        for weight in self._points(sites, rows, np.ones(count), self.posterior, {}, finer, bent):
            found_law = self._of_law(written, rows, count, variable)
            spread = "cov" if "cov" in found_law else "var"
            mean = found_law["mean"]
            square = mean**2 if spread == "var" else mean[..., :, None] * mean[..., None, :]
            second = second + _scaled(weight, found_law[spread] + square)
            for key in ("mean", "probabilities"):
                if key in found_law:
                    total[key] = total.get(key, 0.0) + _scaled(weight, found_law[key])
        mean = total["mean"]
        total[spread] = second - (mean**2 if spread == "var" else mean[..., :, None] * mean[..., None, :])
        if "probabilities" in total and self.bound.checked.types[variable.name].kind == "index":
            total = {"probabilities": total["probabilities"]}
        else:
            total.pop("probabilities", None)
        return total

    def _mixed_in_turn(
        self, variable: Variable, law: Law, sites: Sequence[ReadSite], rows: Rows, spacing: int
    ) -> Statistics:
        """As `_mixed_law` for every `spacing` steps at once, so that no two of them read the same entry."""
        estimated, posterior = self.estimated, self.posterior
        assert isinstance(estimated.module, Ahead)
        time = next(p.letter for p in plates_of(self.bound, variable) if p.ordered)
        result: Statistics = {}
        for place in range(spacing):
            chosen = rows[time] % spacing == place
            if chosen.any():
                self.estimated = replace(estimated, module=estimated.module.seen_from(place, spacing))
                self.posterior = self._infer({})
                part = {letter: index[chosen] for letter, index in rows.items()}
                for key, value in self._mixed_law(variable, law, sites, part).items():
                    result.setdefault(key, np.zeros((len(chosen), *value.shape[1:])))[chosen] = value
        self.estimated, self.posterior = estimated, posterior
        return result

    def _reach(self, sites: Sequence[ReadSite], rows: Rows) -> int:
        """How many steps back the sites lie."""
        found = [0]
        for site in sites:
            plates = plates_of(self.bound, self._variable(site.name))
            for plate, index in zip(plates, site.indices, strict=True):
                if plate.ordered:
                    found.append(int(np.max(rows[plate.letter] - self.reader.evaluator.rows(index, rows))))
        return max(found)

    def _one_by_one(self, sites: Sequence[ReadSite]) -> bool:
        """Whether an entry of a latent may be one site of some row and another site of the next."""
        letters = {plate.letter for plate in self.model.plates}
        led = any(names(index) - letters for site in sites for index in site.indices)
        return len({site.name for site in sites}) < len(sites) and (led or self.estimated.apart)

    def _rows(self, variable: Variable, steps: Steps, part: slice) -> tuple[Rows, tuple[int, ...]]:
        """The entries of a variable at some steps, and the lengths of its axes there."""
        letter, places = steps.plate.letter, steps.places[..., part]
        lengths = [places.shape[-1] if p == letter else self.reader.length(p) for p in variable.plates]
        grid = dict(zip(variable.plates, np.indices(lengths).reshape(len(lengths), -1), strict=True))
        time = places[(*(grid[parent] for parent in steps.plate.parents), grid[letter])]
        return {**grid, letter: time}, tuple(lengths)

    def _points(
        self,
        sites: Sequence[ReadSite],
        rows: Rows,
        weight: Array,
        posterior: Mapping[str, Statistics],
        labels: Mapping[str, Array],
        finer: bool,
        bent: int,
    ) -> Iterator[Array]:
        """Weights (row,) of joint values of the sites, each time with these values in the reader."""
        if not sites:
            yield weight
            return
        if any(site.summed for site in sites):
            places = [(site.name, self._entries(site, rows, len(weight))) for site in sites]
            settled = {site.name: self._settled(site.name) for site in sites}
            for joint_share, values in joint_points(places, settled, self.posterior, self._infer, bent):
                self.reader.values.update(values)
                yield weight * joint_share
            return
        site, rest = sites[0], sites[1:]
        statistics = posterior[site.name]
        entries = self._entries(site, rows, len(weight))
        for share, value in points(statistics, entries, self._family(site, {*labels}), finer, bent):
            known = np.array(labels.get(site.name, self._settled(site.name)))
            if self.estimated.apart and site.name in labels:  # what an earlier site has settled keeps its value
                settled = ~np.isnan(known[entries])
                if "probabilities" in statistics:
                    share = np.where(settled, known[entries] == value, share)
                value = np.where(settled, known[entries], value)
            known[entries] = value
            self.reader.values[site.name] = known
            below = labels | {site.name: known}  # type: ignore[operator]
            inferred = self._infer(below) if rest and not self.estimated.apart else posterior
            yield from self._points(rest, rows, weight * share, inferred, below, finer, bent)

    def _entries(self, site: ReadSite, rows: Rows, count: int) -> tuple[Array, ...]:
        """The entries of a latent that a site is at each row."""
        found = (self.reader.evaluator.rows(index, rows).astype(np.int64) for index in site.indices)
        return tuple(np.broadcast_to(entry, (count,)) for entry in found)

    def _settled(self, name: str) -> Array:
        """The given values of a latent, NaN elsewhere."""
        plates, statistics = len(self._variable(name).plates), self.posterior[name]
        event = np.shape(statistics["mean"])[plates:] if "mean" in statistics else ()
        shape = np.shape(next(iter(statistics.values())))[:plates]
        return self.given.get(name, np.full((*shape, *event), np.nan))

    def _of_law(self, law: Law, rows: Rows, count: int, variable: Variable) -> Statistics:
        event = self.reader.event_shape(variable.name)
        if law.family == "switch":
            return self._of_switch(law, rows, count, variable)
        if why := _no_moments(variable, law):
            raise DataError(why)
        form, arguments, entrywise = self.reader.arguments(law, rows, event)
        found = moments(form.name, arguments)
        if law.family == "PointMass" and self.bound.checked.types[variable.name].kind == "index":
            found = found | {"probabilities": self._certain(variable, found["mean"])}
        return {k: np.broadcast_to(v, (count, *(event if entrywise else v.shape[1:]))) for k, v in found.items()}

    def _of_switch(self, law: Law, rows: Rows, count: int, variable: Variable) -> Statistics:
        selector = law.arguments[0][1]
        assert isinstance(selector, Expression)
        choice = np.broadcast_to(self.reader.evaluator.rows(selector, rows), (count,)).astype(np.int64)
        result: Statistics = {}
        for number, (_, branch) in enumerate(law.arguments[1:]):
            chosen = choice == number
            if chosen.any() and isinstance(branch, Law):
                part = {letter: index[chosen] for letter, index in rows.items()}
                for key, value in self._of_law(branch, part, int(chosen.sum()), variable).items():
                    result.setdefault(key, np.zeros((count, *value.shape[1:])))[chosen] = value
        return result

    def _certain(self, variable: Variable, value: Array) -> Array:
        """The one-hot of a value that is certain."""
        (dim,) = self.bound.checked.types[variable.name].dims
        size = int(self.reader.evaluator.rows(dim, {})[0])
        return np.asarray(value[..., None] == np.arange(size)).astype(float)


def _scaled(weight: Array, values: Values) -> Array:
    return np.asarray(weight.reshape(-1, *(1,) * (values.ndim - 1)) * values)
