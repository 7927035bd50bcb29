"""A fit over time: forecasts, filtered states and one-step predictions.

filtered      p(state at t | all up to t)          the E-step of the data cut after t, at its last step
predictive    p(step t | all before t)             the same with what is observed at t missing
forecast      p(step T + i | all up to T)          the E-step of the data with h steps more, all missing
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from emdsl.algebra.expressions import Binary, Name, Number, Subscript, walk
from emdsl.data.ragged import concatenate, merged_letters, ragged_plates
from emdsl.data.sources import Subject
from emdsl.data.support import check_finite, check_support
from emdsl.errors import DataError
from emdsl.model.bound import BoundModel
from emdsl.model.holes import may_end, readers
from emdsl.model.statements import Plate, Role, Variable
from emdsl.results.axes import sizes_of
from emdsl.results.by_name import ByName
from emdsl.results.estimated import Estimated, Statistics
from emdsl.results.forecast import outlook, without_moments
from emdsl.results.forward import Ahead, Forward, Program, has_one_sweep, reach_of_reads
from emdsl.results.futures import simulated
from emdsl.results.lets import without_lets
from emdsl.results.posterior import Posterior
from emdsl.results.prefixes import after_each_step
from emdsl.results.series import (
    Read,
    Steps,
    all_steps,
    expressions_of,
    group_sizes,
    in_layout,
    lengthened,
    merged,
    of_steps,
    padded,
    plates_of,
    reads_along,
    time_plate,
    without_last,
)
from emdsl.results.sites import Tied
from emdsl.runtime import settling
from emdsl.runtime.forward_gaussian import NoChain

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class OverTime:
    """A model at its estimates. `raw`: the parameters of its programs; `opened()`: the one with observations missing.

    `sweeps`: whether laws given the past are found by one pass over the data where that can be. `ahead()`: the same
    with what laws read of observed variables inferred as latents are; None where that is not exact.
    """

    bound: BoundModel
    params: Mapping[str, Array]
    raw: Mapping[str, Any]
    program: Program
    opened: Callable[[], Program]
    sweeps: bool = True
    ahead: Callable[[], OverTime | None] = lambda: None

    def forecast(
        self, data: Mapping[str, Any], steps: int, given: Mapping[str, Any], draws: int, rng: np.random.Generator
    ) -> dict[str, Posterior]:
        """The law of the next steps of every series; `given` has the given data of these by name.

        Where what is observed depends on what was, or a latent on one that q holds independent of it, that of `draws`
        simulated futures. Observed variables without known moments are not among the results.
        """
        _check_count("forecast", steps, "steps")
        _check_count("forecast", draws, "draws")
        for read in reads_along(self.bound.checked.model, time_plate(self.bound).letter):
            if read.index is None:
                raise DataError(
                    f"`{read.name}` depends on a sum of `{read.other}` over all steps: more of them change it"
                )
        within, back = self._observed_reads()
        ended = self._ended(data)
        follows = within or ended or (back and steps > 1) or self._past_of_vectors()
        if follows and (inferring := self.ahead()) is not None:
            return inferring.forecast(data, steps, given, draws, rng)
        ahead = lengthened(self.bound, data, time_plate(self.bound), int(steps))
        ahead = Steps(self.bound, self._with_given(ahead, given), ahead.plate, ahead.places)

        def drawn() -> dict[str, Statistics]:
            return simulated(data, ahead, self._at(self.program.module), self._sizes(ahead), draws, rng)

        if self._parted():
            found = drawn()
        elif follows:
            found = drawn() | self._paths(ahead)
        else:
            try:
                found = self._outlook(ahead)
            except Tied:
                found = drawn()
        laws = {name: of_steps(ahead, name, item) for name, item in found.items()}
        return self._with_reasons("there is no forecast", laws)

    def filtered(self, data: Mapping[str, Any]) -> dict[str, Posterior]:
        """The law of each latent over time, given what is known up to its own step."""

        def by_one_pass() -> dict[str, Statistics]:
            latents = [variable.name for variable in self._over_time(Role.LATENT)]
            found = Forward(self.bound, self.program, self.raw, data).filtered() if latents else {}
            return {name: found[name] for name in latents if name in found}

        def at(steps: Steps) -> dict[str, Statistics]:
            found = settling.posterior(self.program.module, steps.data, self.raw)
            result = {}
            for variable in self._over_time(Role.LATENT):
                if variable.name in found:
                    plates = plates_of(self.bound, variable)
                    result[variable.name] = {
                        key: steps.of(padded(np.asarray(value, dtype=float), plates, steps.data), plates)
                        for key, value in found[variable.name].items()
                    }
            return result

        if not self._over_time(Role.LATENT):
            return ByName[Posterior]("there is no such result", {})
        return self._given_past(data, by_one_pass, at)

    def predictive(self, data: Mapping[str, Any], draws: int, rng: np.random.Generator) -> dict[str, Posterior]:
        """The law of each latent and observed variable over time, given what is known before its own step.

        Where a latent depends on one that q holds independent of it, or a law reads several that others tie together,
        that of `draws` draws of each step.
        """
        _check_count("predictive", draws, "draws")
        if (within := self._observed_reads()[0]) or self._past_of_vectors():
            if (inferring := self.ahead()) is not None:
                return inferring.predictive(data, draws, rng)
            if within:
                raise DataError(f"`{within}` is observed and another variable depends on it within a step")

        def drawn() -> dict[str, Posterior]:
            return self._given_past(data, None, lambda steps: self._drawn(steps, draws, rng))

        if self._parted():
            return self._with_reasons("there is no such result", drawn())

        def by_one_pass() -> dict[str, Statistics]:
            steps = all_steps(self.bound, self._without_latents(data))
            module = self.program.module
            if self._over_time(Role.LATENT):
                reach = reach_of_reads(self.bound)
                module = Ahead(Forward(self.bound, self._opened(), self.raw, data, reach))
            found = outlook(steps, self._at(module), self._sizes(steps))
            return {
                name: {key: merged(value, self._plates(name), data) for key, value in own.items()}
                for name, own in found.items()
            }

        def at(steps: Steps) -> dict[str, Statistics]:
            return self._outlook(self._unseen(steps))

        try:
            found = self._given_past(data, by_one_pass, at)
        except Tied:
            return self._with_reasons("there is no such result", drawn())
        found = self._with_ends(found, data, draws, rng) if self._ended(data) else found
        return self._with_reasons("there is no such result", found)

    # inside

    def _at(self, module: Any) -> Estimated:
        """A module of the model at the estimates."""
        return Estimated(module, self.raw, self.params)

    def _unseen(self, steps: Steps) -> Steps:
        """The same steps with nothing known of what is random at them."""
        data = dict(steps.data)
        for variable in (*self._over_time(Role.OBSERVED), *self._over_time(Role.LATENT)):
            if variable.name in data:
                plates = plates_of(self.bound, variable)
                values = padded(np.asarray(data[variable.name], dtype=float), plates, data)
                data[variable.name] = merged(steps.put(values, plates, np.array(np.nan)), plates, data)
        return Steps(self.bound, data, steps.plate, steps.places)

    def _drawn(self, steps: Steps, draws: int, rng: np.random.Generator) -> dict[str, Statistics]:
        """The laws of steps, each the last of its series, given those before, from draws by the laws of the model.

        These are left out of the inference, so that q of the steps before is that of the data which end there.
        """
        steps = self._unseen(steps)
        now = without_last(self.bound, steps.data, steps.plate)
        return simulated(now, steps, self._at(self._opened().module), self._sizes(steps), draws, rng)

    def _paths(self, steps: Steps) -> dict[str, Statistics]:
        """The laws of latents over time where only observed variables read observed ones: missing ones tell nothing."""
        model = self.bound.checked.model
        observed, latents = self._over_time(Role.OBSERVED), self._over_time(Role.LATENT)
        if not latents or any(readers(v.name, model) and not may_end(v.name, self.bound) for v in observed):
            return {}
        found = self._at(self._opened().module).posterior(self.bound, steps.data, {})
        return {
            v.name: {key: steps.of(value, self._plates(v.name)) for key, value in found[v.name].items()}
            for v in latents
            if v.name in found
        }

    def _with_ends(
        self, found: dict[str, Posterior], data: Mapping[str, Any], draws: int, rng: np.random.Generator
    ) -> dict[str, Posterior]:
        """One-step laws with those of steps before which nothing is seen either: from draws of all that follows."""
        if len(others := [variable.name for variable in self._over_time(Role.OBSERVED)]) > 1:
            raise DataError(
                f"the last steps of `{self._ended(data)}` are missing, which later ones read, and `{others[0]}` or "
                f"`{others[1]}` may be seen there: laws given the steps before are not compiled"
            )
        steps = all_steps(self.bound, data)
        drawn = simulated(data, steps, self._at(self.program.module), self._sizes(steps), draws, rng)
        result = {}
        for name, posterior in found.items():
            filled = {
                key: np.where(np.isnan(value), merged(drawn[name][key], self._plates(name), data), value)
                for key, value in posterior.statistics.items()
            }
            result[name] = in_layout(self.bound, name, filled, data)
        return ByName("there is no such result", result)

    def _plates(self, name: str) -> tuple[Plate, ...]:
        variable = self.bound.checked.model.variable(name)
        assert variable is not None
        return plates_of(self.bound, variable)

    def _over_time(self, role: Role) -> list[Variable]:
        letter = time_plate(self.bound).letter
        return [v for v in self.bound.checked.model.variables if v.role is role and letter in v.plates]

    def _without_latents(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data with nothing known of the latents over time."""
        given = [variable.name for variable in self._over_time(Role.LATENT) if variable.name in data]
        return {**data, **{name: np.full(np.shape(data[name]), np.nan) for name in given}}

    def _observed_reads(self) -> tuple[str | None, str | None]:
        """An observed variable that is read within a step, and one that is read at a later one."""
        model, letter = self.bound.checked.model, time_plate(self.bound).letter
        observed = {v.name: v.plates.index(letter) for v in self._over_time(Role.OBSERVED)}
        within, back = None, None
        for variable in model.variables:
            for definition in variable.definitions:
                for value in expressions_of(without_lets(definition.law, model)):
                    for node in walk(value):
                        if isinstance(node, Subscript) and isinstance(node.base, Name) and node.base.name in observed:
                            name = node.base.name
                            now = node.indices[observed[name]] == Name(letter)
                            within, back = (name, back) if now else (within, name)
        return within, back

    def _parted(self) -> bool:
        """Whether the law of a latent over time reads another that is independent of it under q: where nothing is seen,
        the best such q is not what these laws say of both together."""
        over_time = {variable.name for variable in self._over_time(Role.LATENT)}
        broken = (pair for network in self.program.networks for pair in network.broken)
        pairs = ((name, other) for pair in broken for other in pair for name in {*pair} - {other} if name in over_time)
        return any(name in readers(other, self.bound.checked.model) for name, other in pairs)

    def _ended(self, data: Mapping[str, Any]) -> str | None:
        """An observed variable of which later steps read the last ones, where these are missing."""
        model = self.bound.checked.model
        read = (variable.name for variable in self._over_time(Role.OBSERVED) if readers(variable.name, model))
        return next((name for name in read if np.isnan(data[name]).any()), None)

    def _sizes(self, steps: Steps) -> dict[str, int]:
        model = self.bound.checked.model
        sizes = {name: value for name, value in steps.data.items() if isinstance(value, int)}
        sizes |= sizes_of(self.bound, {k: v for k, v in steps.data.items() if model.variable(k) is not None})
        return sizes | sizes_of(self.bound, self.params) | group_sizes(self.bound, steps.data)

    def _outlook(self, steps: Steps) -> dict[str, Statistics]:
        if not any(variable.role is Role.LATENT for variable in self.bound.checked.model.variables):
            return outlook(steps, self._at(self.program.module), self._sizes(steps))
        return outlook(steps, self._at(self._opened().module), self._sizes(steps))

    def _opened(self) -> Program:
        """The program of the model in which what is observed over time may be missing."""
        if vector := self._past_of_vectors():
            raise DataError(f"`{vector}` is a vector whose past is read, beside latents: its next step is not compiled")
        return self.opened()

    def _past_of_vectors(self) -> str | None:
        """An observed vector of which later steps are read, beside latents: to leave it open it would be inferred."""
        letter, model = time_plate(self.bound).letter, self.bound.checked.model
        if not any(variable.role is Role.LATENT for variable in model.variables):
            return None
        vectors = {v.name for v in self._over_time(Role.OBSERVED) if self.bound.checked.types[v.name].event_shape}
        reads = (read for read in reads_along(model, letter) if read.other in vectors)
        return next((read.other for read in reads if read.index != Name(letter)), None)

    def _given_past(
        self,
        data: Mapping[str, Any],
        by_one_pass: Callable[[], dict[str, Statistics]] | None,
        at: Callable[[Steps], dict[str, Statistics]],
    ) -> dict[str, Posterior]:
        """Laws given the past by one pass over the data; where that cannot be, from the data cut after each step."""
        letter = time_plate(self.bound).letter
        for read in reads_along(self.bound.checked.model, letter):
            if not _seen_when_due(read, letter):
                raise DataError(f"`{read.name}` depends on `{read.other}` at steps that the data up to a step may lack")
        found = None
        if by_one_pass is not None and self.sweeps and has_one_sweep(self.bound, self.program.module):
            with contextlib.suppress(NoChain, np.linalg.LinAlgError):
                found = by_one_pass()
        if found is None:
            found = after_each_step(self.bound, data, at)
        listed = {name: in_layout(self.bound, name, item, data) for name, item in found.items()}
        return ByName("there is no such result", listed)

    def _with_reasons(self, complaint: str, found: Mapping[str, Posterior]) -> dict[str, Posterior]:
        """Results by name, with why others are not among them; raises DataError where that leaves none."""
        left = (variable for variable in self._over_time(Role.OBSERVED) if variable.name not in found)
        reasons = {variable.name: why for variable in left if (why := without_moments(variable))}
        if reasons and not found:
            raise DataError(next(iter(reasons.values())))
        return ByName(complaint, found, reasons)

    def _with_given(self, steps: Steps, given: Mapping[str, Any]) -> dict[str, Any]:
        """The data with the given variables of the new steps, (groups…, steps, …)."""
        data, wanted = dict(steps.data), {v.name: v for v in self._over_time(Role.GIVEN)}
        for name in given:
            if name not in wanted:
                raise DataError(f"forecast: `{name}` is no given variable over time")
        for name, variable in wanted.items():
            plates, kind = plates_of(self.bound, variable), self.bound.checked.types[name]
            whole, new = padded(data[name], plates, data), steps.plates(name)
            expected = merged(steps.of(whole, plates), new, data).shape
            needed = f"{expected} is needed, with the axes {', '.join(merged_letters(new))} first"
            if name not in given:
                raise DataError(
                    f"`{name}` is given data over time: forecast(…, {name}=…) needs that of the new steps; {needed}"
                )
            try:
                values, lengths = concatenate(name, given[name], new)
            except DataError as error:
                raise DataError(
                    f"forecast: `{name}` of the new steps is no regular array of numbers; {needed}"
                ) from error
            if any(
                lengths[own.letter] != np.diff(data[f"offsets.{own.letter}"]).tolist() for own in ragged_plates(new)
            ):
                raise DataError(f"forecast: `{name}` of the new steps has other groups than the data")
            if values.shape != expected:
                raise DataError(f"forecast: `{name}` of the new steps has shape {values.shape}; {needed}")
            check_finite(Subject(name), values, missing=False, infinite=False, cure="given data must be complete")
            check_support(Subject(name), values, kind, frozenset())
            values = padded(values.astype(whole.dtype), new, data)
            data[name] = merged(steps.put(whole, plates, values), plates, data)
        return data


def _check_count(method: str, value: Any, what: str) -> None:
    """Raises DataError unless a number of steps or of draws is a whole one from 1 on."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
        raise DataError(f"{method}: {value!r} {what}; a whole number from 1 on is needed")


def _seen_when_due(read: Read, letter: str) -> bool:
    """Whether data cut after any step that has the reader have what it reads."""
    match read.index:
        case Number(step):
            return step == 0 or (isinstance(read.slot, Number) and step <= read.slot.value)
        case Binary("-", Name(name), Number()):
            return name == letter
    return read.index == Name(letter)
