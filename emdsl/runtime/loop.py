"""The fit: several short starts, the most promising of them continued, the best optimum in the interior kept.

    statistics, log likelihood = E(data, params);   params = M(statistics, params);   until nothing moves

A run stops when |objective step| <= tol (1 + |objective|), no parameter moves by more than √tol of its scale, and the
same bounds hold for all that is still ahead: EM converges linearly, so steps θ' - θ shrink by a rate r and leave the
multiple r / (1 - r) of the last one, r² / (1 - r²) of its gain. The objective of every step is checked: EM cannot lower
it, so a drop is an error that names the block at fault. Starts that degenerate (a component without rows, a singular
covariance, a likelihood without bound) never win.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from numbers import Integral, Real
from typing import Any

import numpy as np

from emdsl.errors import DataError, FitError
from emdsl.runtime.anderson import Secants
from emdsl.runtime.coordinates import Array, Params
from emdsl.runtime.diagnostics import ahead, collapsed, faults, finite, lowering_block, memory_of, moved, resuming
from emdsl.runtime.squarem import STEP_FACTOR, extrapolate
from emdsl.runtime.starts import LatentStart, start, streams

#: A relative drop of this size beside a relative step of this length: rounding has ended the ascent, the state stays.
FLOOR = 1e-6
#: M-steps of each start before the best are chosen, and the share of starts that is continued (at least two).
SHORT_RUN, CONTINUED_SHARE = 20, 1 / 3
#: Nats that a start must promise beyond the best optimum to be continued all the same.
WORTHWHILE = 0.01
#: Relative drop of the objective that is rounding, and relative step of a parameter that is.
ROUNDING, STILL = 3e-9, 1e-12
#: Relative drop of the objective that the sum over the data may have by rounding alone.
LEVEL = 1e-13
#: An accelerated run hides the slowest direction in most of its steps; it showed in one of so many M-steps.
RATES = 6

Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Outcome:
    """The winning run.

    `params` are those of the emitted module (posteriors' own under vb). `history` has the objective after each M-step,
    or that of the start where there was none.
    `restarts` has the last objective of each start, nan for one that degenerated; `continued` says which of them ran on
    to the end. `memory`: where coordinate ascent over latents stood; empty where E-steps are exact.
    """

    params: Params
    objective: float
    log_likelihood: float
    history: Array
    converged: bool
    n_iter: int
    restarts: tuple[float, ...]
    continued: tuple[bool, ...]
    warnings: tuple[str, ...]
    memory: Mapping[str, Any] = field(default_factory=dict)


#: What a start that degenerates asks for.
CURE = "tie it over components, give it a prior, or start elsewhere with init="


class _Degenerate(Exception):
    """A point at which the model degenerates, with the reason."""


@dataclass(frozen=True)
class _State:
    """Parameters with what their E-step gave; `memory`: what the next one goes on from, never changed."""

    params: Params
    statistics: Mapping[str, Array]
    log_likelihood: float
    objective: float
    memory: Mapping[str, Any]


@dataclass
class _Run:
    """One start on its way: where it is, the gain and relative length of its last M-step, and how steps shrank."""

    start: int
    state: _State
    history: list[float] = field(default_factory=list)
    converged: bool = False
    gain: float = 0.0
    step: float = np.inf
    rates: deque[float] = field(default_factory=deque)
    longest_step: float = 1.0
    secants: Secants = field(default_factory=Secants)

    @property
    def promise(self) -> float:
        """The objective that steps shrinking as they do now would reach."""
        if self.converged or self.gain == 0:
            return self.state.objective
        return self.state.objective + ahead(max(self.rates) ** 2) * self.gain


@dataclass(frozen=True)
class _Problem:
    """What all runs share. `prepared`: the data with what no iteration changes, from the first E-step on."""

    module: Any
    data: Mapping[str, Any]
    max_iter: int
    tol: float
    accelerate: str | None
    progress: Progress | None
    prepared: dict[str, Any] = field(default_factory=dict)

    def start(
        self, number: int, seed: np.random.SeedSequence, init: Mapping[str, Any], latents: Mapping[str, LatentStart]
    ) -> _State:
        """The state that a run starts from."""
        data = resuming(self.module, self.data, {"seed": number})
        try:
            params = start(self.module, data, self.prepared, seed, init, latents)
        except faults(self.module) as error:
            raise _Degenerate(str(error)) from error
        return self.state(params, memory_of(self.module, data))

    def state(self, params: Params, memory: Mapping[str, Any]) -> _State:
        """The E-step at `params`, going on from `memory`."""
        if not finite(params):
            bad = next(name for name, value in params.items() if not np.isfinite(value).all())
            raise _Degenerate(f"`{bad}` is not finite; {CURE}")
        try:
            if not self.prepared:
                self.prepared.update(self.module.prepare(self.data, params))
            data = resuming(self.module, self.prepared, memory)
            statistics, log_likelihood = self.module.e_step(data, params)
            objective = float(self.module.objective(log_likelihood, params))
        except faults(self.module) as error:
            raise _Degenerate(str(error)) from error
        if not np.isfinite(objective):
            raise _Degenerate(f"the {self.module.OBJECTIVE} is {objective}")
        return _State(params, statistics, float(log_likelihood), objective, memory_of(self.module, data))

    def updated(self, state: _State) -> _State:
        """The M-step and the E-step after it; raises FitError when the objective fell."""
        return self.reached(state, self.maximised(state))

    def maximised(self, state: _State) -> Params:
        """The M-step."""
        try:
            params: Params = self.module.m_step(state.statistics, state.params)
        except faults(self.module) as error:
            raise _Degenerate(str(error)) from error
        return params

    def reached(self, state: _State, params: Params) -> _State:
        """The E-step at the parameters that the M-step made of a state; raises FitError when the objective fell."""
        new = self.state(params, state.memory)
        tolerance = ROUNDING * (1 + abs(state.objective))
        drop = state.objective - new.objective
        if drop <= tolerance:
            return new
        if drop <= FLOOR * (1 + abs(state.objective)) and moved(state.params, params) <= FLOOR:
            return state
        self._refuse_drop(state, new, tolerance)
        return new

    def _refuse_drop(self, old: _State, new: _State, tolerance: float) -> None:
        """A drop beside a collapsed component is the floor at work; any other is a fault."""
        name = self.collapsed(old) or self.collapsed(new)
        if name is not None:
            raise _Degenerate(f"a component of `{name}` collapsed; {CURE}")
        found = lowering_block(self.module, self._data_at(old), old.params, new.params, tolerance)
        block, before, after = found if found else ("the M-step", old.objective, new.objective)
        raise FitError(
            f"the update of `{block}` lowered the {self.module.OBJECTIVE} from {before:.12g} to {after:.12g}; "
            "an exact step cannot do that, so please report the model"
        )

    def collapsed(self, state: _State) -> str | None:
        """Name of a parameter that has collapsed."""
        return collapsed(self.module, self._data_at(state), state.params)

    def _data_at(self, state: _State) -> Mapping[str, Any]:
        return resuming(self.module, self.data, state.memory)

    def advance(self, run: _Run, limit: int) -> None:
        """Steps until convergence or `limit` M-steps in all."""
        while len(run.history) < limit and not run.converged:
            if self.accelerate == "squarem" and len(run.history) + 2 <= limit:
                self._squared_step(run)
            elif self.accelerate == "anderson":
                self._secant_step(run)
            else:
                self._record(run, self.updated(run.state))
            run.converged = self.tol > 0 and self._settled(run)

    def _settled(self, run: _Run) -> bool:
        rate = max(run.rates) if run.step > STILL else 0.0
        gain_bound, step_bound = self.tol * (1 + abs(run.state.objective)), np.sqrt(self.tol)
        return bool(max(1, ahead(rate)) * run.step <= step_bound and max(1, ahead(rate**2)) * run.gain <= gain_bound)

    def _squared_step(self, run: _Run) -> None:
        """Two M-steps, and the point that they point to when it is better."""
        first = run.state
        second = self.updated(first)
        self._record(run, second)
        third = self.updated(second)
        self._record(run, third)
        found = extrapolate((first.params, second.params, third.params), self.module.SUPPORTS, run.longest_step)
        if found is None:
            run.longest_step = max(run.longest_step, STEP_FACTOR)
            return
        params, step = found
        ahead = self._tried(params, third)
        if ahead is not None and ahead.objective >= third.objective:
            run.state, run.history[-1] = ahead, ahead.objective
            if step >= run.longest_step:
                run.longest_step *= STEP_FACTOR
        else:
            run.longest_step = max(run.longest_step / STEP_FACTOR, STEP_FACTOR)

    def _tried(self, params: Params, near: _State) -> _State | None:
        """The E-step at an extrapolated point, going on from a state; None where the model degenerates there."""
        try:
            with np.errstate(all="ignore"):
                return self.state(params, near.memory)
        except _Degenerate:
            return None

    def _secant_step(self, run: _Run) -> None:
        """The point that the M-step and those before it point to, when it is no worse; else the M-step's."""
        old, params = run.state, self.maximised(run.state)
        ahead = run.secants.extrapolate(old.params, params, self.module.SUPPORTS)
        new = None if ahead is None else self._tried(ahead, old)
        if new is None or new.objective < old.objective - LEVEL * (1 + abs(old.objective)):
            if ahead is not None:
                run.secants.forget()
            new = self.reached(old, params)
        self._record(run, new)

    def _record(self, run: _Run, state: _State) -> None:
        run.gain = abs(state.objective - run.state.objective)
        step = moved(run.state.params, state.params)
        run.rates.append(step / run.step if run.step > 0 else 0.0)
        if len(run.rates) > (1 if self.accelerate is None else RATES):
            run.rates.popleft()
        run.step = step
        run.state = state
        run.history.append(state.objective)
        if self.progress:
            self.progress(run.start, len(run.history), state.objective)


def run(
    module: Any,
    data: Mapping[str, Any],
    *,
    n_init: int = 10,
    random_state: Any = None,
    max_iter: int = 1000,
    tol: float = 1e-8,
    init: Mapping[str, Any] | None = None,
    latents: Mapping[str, LatentStart] | None = None,
    accelerate: str | None = None,
    progress: Progress | None = None,
) -> Outcome:
    """The best of `n_init` starts, or the one run from `init`.

    `init` has parameters by name and `latents` starting values of latents; either makes it one run, and what they leave
    out comes from a random start. `progress` is called after each M-step
    with the start, the number of its M-steps and its objective. The same `random_state` gives the same outcome.
    Raises FitError when every start degenerates or when a step lowers the objective, DataError for a bad argument.
    """
    _check_arguments(n_init, max_iter, tol, accelerate)
    problem = _Problem(module, data, max_iter, tol, accelerate, progress)
    single = bool(init or latents)
    seeds = streams(random_state, 1 if single else n_init)
    reasons: list[str] = []
    runs: list[_Run] = []
    for number, seed in enumerate(seeds):
        try:
            one = _Run(number, problem.start(number, seed, init or {}, latents or {}))
            problem.advance(one, min(max_iter, SHORT_RUN))
            runs.append(one)
        except _Degenerate as reason:
            reasons.append(str(reason))
    finished = _finish(problem, runs, reasons, keep_collapsed=single)
    if not finished:
        raise FitError(f"{'the start' if len(seeds) == 1 else f'all {len(seeds)} starts'} degenerated: {reasons[-1]}")
    best = max(finished, key=lambda one: one.state.objective)
    return _outcome(problem, best, runs, finished, len(seeds), reasons)


def _finish(problem: _Problem, runs: list[_Run], reasons: list[str], *, keep_collapsed: bool) -> list[_Run]:
    """The most promising starts run to the end, and others after them that promise more than the best of these.

    All run on until one has an optimum in the interior.
    """
    wanted = max(2, ceil(len(runs) * CONTINUED_SHARE))
    finished: list[_Run] = []
    for tried, one in enumerate(sorted(runs, key=lambda one: -one.promise)):
        if tried >= wanted and finished:
            best = max(other.state.objective for other in finished)
            if one.promise <= best + WORTHWHILE:
                break
        try:
            problem.advance(one, problem.max_iter)
        except _Degenerate as reason:
            reasons.append(str(reason))
            continue
        name = problem.collapsed(one.state)
        if name is not None:
            reasons.append(
                f"a component of `{name}` collapsed, where the {problem.module.OBJECTIVE} has no maximum; {CURE}"
            )
        if name is None or keep_collapsed:
            finished.append(one)
    return finished


def _outcome(
    problem: _Problem, best: _Run, runs: list[_Run], finished: list[_Run], n_starts: int, reasons: list[str]
) -> Outcome:
    restarts, continued = [float("nan")] * n_starts, [False] * n_starts
    for one in runs:
        restarts[one.start] = one.state.objective
    for one in finished:
        continued[one.start] = True
    warnings = []
    if reasons:
        warnings.append(f"{len(reasons)} of {n_starts} starts degenerated ({reasons[-1]})")
    if not best.converged and problem.tol > 0:
        faster = 'say accelerate="anderson", or ' if problem.accelerate is None else ""
        warnings.append(f"not converged after {problem.max_iter} iterations; {faster}raise max_iter or tol")
    state = best.state
    history = np.array(best.history or [state.objective])
    return Outcome(
        state.params, state.objective, state.log_likelihood, history, best.converged, len(best.history),
        tuple(restarts), tuple(continued), tuple(warnings), state.memory,
    )  # fmt: skip


def _check_arguments(n_init: int, max_iter: int, tol: float, accelerate: str | None) -> None:
    for name, value, kind in (("n_init", n_init, Integral), ("max_iter", max_iter, Integral), ("tol", tol, Real)):
        if not isinstance(value, kind) or value != value:
            raise DataError(f"{name} is {value!r}; it must be {'a whole number' if kind is Integral else 'a number'}")
    if n_init < 1:
        raise DataError(f"n_init is {n_init}; at least one start is needed")
    if max_iter < 0:
        raise DataError(f"max_iter is {max_iter}; it cannot be negative")
    if not tol >= 0:
        raise DataError(f"tol is {tol}; it cannot be negative")
    if accelerate not in (None, "anderson", "squarem"):
        raise DataError(f'accelerate is {accelerate!r}; there are "anderson" and "squarem"')
