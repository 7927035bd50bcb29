"""A fit: what was estimated, and what follows from it for the data at hand and for new data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from os import PathLike
from typing import Any

import numpy as np

from emdsl.data.aligned import aligned
from emdsl.data.binding import are_same, bind_data, merged
from emdsl.data.weights import check_weights
from emdsl.errors import DataError
from emdsl.model.holes import inferred, with_latents
from emdsl.model.statements import Role
from emdsl.results import saving, summary
from emdsl.results.axes import sizes_of
from emdsl.results.by_name import ByName
from emdsl.results.entries import log_likelihoods
from emdsl.results.estimated import Estimated
from emdsl.results.forecast import imputed
from emdsl.results.forward import Program
from emdsl.results.information import StandardErrors, free_parameters, standard_errors
from emdsl.results.over_time import OverTime
from emdsl.results.posterior import Posterior
from emdsl.results.relabel import Relabelling, relabelling
from emdsl.results.sampling import draw
from emdsl.results.series import chained_states, in_layout, nesting, row_count
from emdsl.results.source import Source
from emdsl.runtime import settling
from emdsl.runtime.diagnostics import resuming
from emdsl.runtime.loop import Outcome

Array = np.ndarray[Any, Any]

VARIATIONAL = "evidence lower bound"


class Fit:
    """The result of fitting a model.

    `params`: estimates by name, axes in the declared order; posterior means under vb.
    `log_likelihood`: at the estimate, without priors; None under vb. `objective`: what was maximised; `history`: its
    trace.
    """

    def __init__(self, source: Source, outcome: Outcome, data: Mapping[str, Any] | None) -> None:
        self.source, self._data = source, data
        estimates = source.program.module.estimates(outcome.params)
        self._labels, self._unlabelled = relabelling(source.bound, estimates, data or {}), outcome.params
        self._outcome = replace(outcome, params=self._labels.params(outcome.params))

    # what was estimated

    @cached_property
    def params(self) -> dict[str, Array]:
        """The estimates by name."""
        estimates: Mapping[str, Array] = self._module.estimates(self._outcome.params)
        return ByName("the fit has no estimate", {name: np.array(value) for name, value in estimates.items()})

    @property
    def log_likelihood(self) -> float | None:
        """The log likelihood at the estimates, all constants included; None under vb.

        Where latents are inferred by coordinate ascent it is a bound from below; `summary` says so.
        """
        return None if self._module.OBJECTIVE == VARIATIONAL else self._outcome.log_likelihood

    @property
    def objective(self) -> float:
        """The last value of what was maximised."""
        return self._outcome.objective

    @property
    def history(self) -> Array:
        """The objective after each M-step of the winning run."""
        return self._outcome.history

    @property
    def converged(self) -> bool:
        """Whether the run stopped because nothing moved any more."""
        return self._outcome.converged

    @property
    def n_iter(self) -> int:
        """Number of M-steps of the winning run."""
        return self._outcome.n_iter

    @property
    def restarts(self) -> tuple[float, ...]:
        """The last objective of each start, nan for one that degenerated."""
        return self._outcome.restarts

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of the run."""
        return self._outcome.warnings

    @property
    def method(self) -> str:
        """The method of the fit."""
        return self.source.variant.method

    @property
    def text(self) -> str:
        """The canonical text of the model."""
        return self.source.text

    # latents

    @cached_property
    def posterior(self) -> dict[str, Posterior]:
        """The posterior of each latent, and under vb of each parameter with a prior.

        Coordinate ascent over latents goes on from where the fit ended, until it settles.
        """
        data, module = self._own_data("fit.predict_proba(…) with data"), self._module
        found = module.posterior(self._resuming(data), self._unlabelled)
        if self._labels.steps:
            anew = {name: statistics for name, statistics in found.items() if name not in self.params}
            if not self._outcome.memory:
                anew = module.posterior(data, self._outcome.params)
            elif len(anew) < len(found):
                anew = module.posterior(data, self._outcome.params) | {
                    name: self._labels.posterior(name, statistics) for name, statistics in anew.items()
                }
            else:
                anew = {name: self._labels.posterior(name, statistics) for name, statistics in anew.items()}
            found = anew
        return self._posteriors(found, data)

    def predict(self, data: object = None, **arrays: Any) -> dict[str, Any]:
        """The most probable state, or the mode, of each latent for new data.

        States of chains over time are those of the most probable path: best together with all other states that they
        depend on, not one by one.
        """
        latents, bound = self._latents(data, arrays)
        best = {name: latent.most_probable for name, latent in latents.items()} | self._best_paths(bound)
        return self._of_latents({name: latents[name].nest(states) for name, states in best.items()})

    def predict_proba(self, data: object = None, **arrays: Any) -> dict[str, Any]:
        """The probabilities of the states of each discrete latent for new data, category last."""
        latents, _ = self._latents(data, arrays)
        return self._of_latents({name: found.probabilities for name, found in latents.items() if found.discrete})

    def impute(self, data: object = None, **arrays: Any) -> dict[str, Any]:
        """The `missing` variables with each NaN replaced by its conditional mean, or most probable category."""
        bound, result = self._bind(data, arrays), {}
        source = self.source.inferring_for(bound)
        posterior = self._known(bound, source)
        resumed = self._is_own(bound, source) and not self._labels.steps
        bound = self._resuming(self._started(bound)) if resumed else self._started(bound)
        for variable in self._model.variables:
            if not variable.missing or variable.name not in bound:
                continue
            nest, observed = nesting(self.source.bound, variable.name, bound), bound[variable.name]
            if not np.isnan(observed).any():
                result[variable.name] = nest(observed)
                continue
            if variable.name in posterior:
                known = posterior[variable.name]
                filled = known.most_probable if known.discrete else np.asarray(known)
            else:
                estimated = Estimated(source.module, self._outcome.params, self.params)
                filled = imputed(source.inferring, bound, variable, estimated)
            result[variable.name] = nest(np.where(np.isnan(observed), filled, observed))
        if not result:
            raise DataError("the model has no `missing` variable; write `observed x[n] missing ~ …`")
        return result

    def score(self, data: object = None, weights: object = None, **arrays: Any) -> float:
        """The log likelihood of new data at the estimates (under vb, their part of the bound).

        Without data that of the data of the fit, with their weights.
        """
        bound = self._bind(data, arrays, weights)
        if bound is self._data:
            return float(self._module.e_step(self._resuming(bound), self._unlabelled)[1])
        return settling.log_likelihood(self.source.for_data(bound).module, bound, self._outcome.params)

    def log_likelihood_by(self, letter: str, data: object = None, **arrays: Any) -> Any:
        """The log likelihood of each entry of a plate by itself: of each series, say. Weights do not count.

        An array (entry,); nested lists of such arrays where the plate is ragged, as the data are.
        Rows that index arrays lead to an entry belong to it (`b[grp[i]]`: the rows i of group g).
        Where latents are inferred by coordinate ascent, a bound for each, inferred anew.
        """
        bound = self._bind(data, arrays)
        return log_likelihoods(
            self.source.bound, self.source.for_data(bound).module, self._outcome.params, bound, letter
        )

    def filtered(self, data: object = None, **arrays: Any) -> dict[str, Posterior]:
        """Of each latent over time, what is known at each step from the data up to that step.

        At the estimates as if these were certain.
        """
        bound = self._bind(data, arrays)
        return self._over_time(bound).filtered(self._started(bound))

    def predictive(
        self, data: object = None, *, draws: int = 1000, random_state: Any = 0, **arrays: Any
    ) -> dict[str, Posterior]:
        """Of each latent and observed variable over time, what is known of each step from the data before it.

        `.probabilities`, or `.mean` with `.var` or `.cov`, at the estimates as if these were certain. Where a latent
        follows another that q holds independent of it, or another ties entries together that a law reads jointly, each
        step is drawn `draws` times by the laws of the model from the data before it: an inference for each step, so
        that the work grows with the square of the length.
        """
        rng, bound = np.random.default_rng(random_state), self._bind(data, arrays)
        return self._over_time(bound).predictive(self._started(bound), draws, rng)

    def forecast(
        self, steps: int, data: object = None, *, draws: int = 1000, random_state: Any = 0, **given: Any
    ) -> dict[str, Posterior]:
        """What is known of the next `steps` of each series: of each latent and observed variable over time.

        `.probabilities`, or `.mean` with `.var` or `.cov`, of shape (series, steps, …), at the estimates as if these
        were certain. `given` has the given variables of the new steps by name, of the same shape, where series differ
        in length too: each goes on from its own end. `data` has series other than those of the fit. Exact where the
        E-step is; where what is observed follows its own past, `draws` futures are drawn unless the E-step infers
        exactly what is not seen; and where a latent follows another that q holds independent of it, or another ties
        entries together that a law reads jointly.
        """
        rng, bound = np.random.default_rng(random_state), self._bind(data, {})
        return self._over_time(bound).forecast(self._started(bound), steps, given, draws, rng)

    def sample(self, n: int | None = None, data: object = None, random_state: Any = 0, **named: Any) -> dict[str, Any]:
        """A draw of all latent and observed variables at the estimates.

        `n` is the size of the outermost plate of the data; other sizes and given variables go by name, sizes of ragged
        plates as one length for each group (`T=[5, 2, 8]`) or one for all. What is left out is as it was in the data
        of the fit.
        """
        from emdsl.data.sources import columns, is_frame

        given = {**(columns(data) if isinstance(data, Mapping) or is_frame(data) else {}), **named}
        return draw(self.source.bound, self.params, self._data or {}, n, given, np.random.default_rng(random_state))

    # comparison

    @property
    def n_free(self) -> int:
        """Number of free parameters: entries less those that `fix` and the sums of simplexes determine.

        Those at the edge of their support and those that no datum tells of count too.
        """
        return free_parameters(self.source.bound, self._estimated())

    @cached_property
    def standard_errors(self) -> StandardErrors:
        """Standard errors by parameter, or why there are none."""
        if self._module.OBJECTIVE not in ("log likelihood", "log posterior"):
            return StandardErrors(None, f"the method {self.method!r} has no log likelihood to differentiate")
        if self._data is None:
            return StandardErrors(None, "a loaded fit has no data")
        if self._bounded:
            return StandardErrors(None, "a bound has no curvature of the likelihood")
        return standard_errors(self.source.bound, self._module, self._estimated(), self._data, self._outcome.params)

    def summary(self) -> str:
        """A table: estimates, standard errors, AIC, BIC, restarts that agree."""
        bound = "bound on the " if self._bounded else ""
        objective = f"{bound}{self._module.OBJECTIVE}" if self.log_likelihood is not None else self._module.OBJECTIVE
        pairs = {"model": self._model.name, "method": self.method, objective: f"{self.objective:.6f}"}
        errors = self.standard_errors
        if self.log_likelihood is not None:
            pairs[f"{bound}log likelihood"] = f"{self.log_likelihood:.6f}"
            pairs["free parameters"] = str(self.n_free)
            pairs["AIC"] = f"{2 * self.n_free - 2 * self.log_likelihood:.3f}"
            if self._data is not None:
                rows = row_count(self.source.bound, self._data)
                pairs["BIC"] = f"{self.n_free * np.log(rows) - 2 * self.log_likelihood:.3f} (n = {rows:g})"
        state = "converged" if self.converged else "not converged"
        pairs["iterations"] = f"{self.n_iter} ({state})"
        pairs["restarts"] = summary.agreement(self.restarts, self._outcome.continued, self.objective)
        lines = [*summary.figures(pairs), "", *summary.estimates_table(self.params, errors.errors)]
        if errors.why_not:
            lines += ["", f"no standard errors: {errors.why_not}"]
        return "\n".join([*lines, *(f"warning: {warning}" for warning in self.warnings)])

    def __repr__(self) -> str:
        state = "converged" if self.converged else "not converged"
        return f"<fit of {self._model.name} by {self.method}: {self._module.OBJECTIVE} {self.objective:.6g}, {state}>"

    # keeping

    def save(self, path: str | PathLike[str]) -> None:
        """Writes the fit as JSON; `emdsl.load` reads it back. The data are not part of it.

        Raises DataError where the folder does not exist.
        """
        outcome = self._outcome
        params = {name: np.asarray(value) for name, value in outcome.params.items()}
        saving.write(
            path,
            {
                "text": self.text, "constants": dict(self.source.bound.constants), "method": self.method,
                "params": params, "objective": outcome.objective, "log_likelihood": outcome.log_likelihood,
                "history": outcome.history, "converged": outcome.converged, "n_iter": outcome.n_iter,
                "restarts": outcome.restarts, "continued": outcome.continued, "warnings": outcome.warnings,
            },
        )  # fmt: skip

    @classmethod
    def from_saved(cls, source: Source, content: Mapping[str, Any]) -> Fit:
        """The fit that `save` wrote."""
        names = (
            "params",
            "objective",
            "log_likelihood",
            "history",
            "converged",
            "n_iter",
            "restarts",
            "continued",
            "warnings",
        )
        fit = cls.__new__(cls)
        fit.source, fit._data = source, None
        fit._outcome = Outcome(**{name: content[name] for name in names})
        fit._labels, fit._unlabelled = Relabelling(source.bound, ()), fit._outcome.params
        return fit

    # inside

    @property
    def _module(self) -> Any:
        return self.source.module

    @property
    def _model(self) -> Any:
        return self.source.bound.checked.model

    def _estimated(self) -> dict[str, Array]:
        return {name: self.params[name] for name in self._module.PARAMETERS}

    def _own_data(self, instead: str) -> Mapping[str, Any]:
        if self._data is None:
            raise DataError(f"a loaded fit has no data; use {instead}")
        return self._data

    def _posteriors(self, found: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Posterior]:
        bound = self.source.bound
        listed = {name: in_layout(bound, name, item, data) for name, item in found.items()}
        return ByName("there is no posterior", listed)

    def _resuming(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """The data of the fit, from where its coordinate ascent settles."""
        return resuming(self._module, data, self._memory)

    @cached_property
    def _memory(self) -> Mapping[str, Any]:
        """What coordinate ascent on the data of the fit goes on from once it has settled."""
        own = self._own_data("new data")
        return settling.settled(self._module, own, self._unlabelled, self._outcome.memory)

    def _known(self, data: Mapping[str, Any], source: Source) -> dict[str, Posterior]:
        """The posterior of bound data, inferred by the program of a source; that of the fit is there already."""
        if self._is_own(data, source):
            return self.posterior
        return self._posteriors(settling.posterior(source.module, data, self._outcome.params), data)

    def _is_own(self, data: Mapping[str, Any], source: Source) -> bool:
        """Whether these are the data of the fit, inferred by its program."""
        return data is self._data and source.variant == self.source.for_data(data).variant

    def _latents(self, data: object, arrays: Mapping[str, Any]) -> tuple[dict[str, Posterior], Mapping[str, Any]]:
        bound = self._bind(data, arrays)
        posterior = self._known(bound, self.source.for_data(bound))
        return {name: value for name, value in posterior.items() if name in self._latent_names}, bound

    def _of_latents(self, found: Mapping[str, Any]) -> dict[str, Any]:
        observed = (variable.name for variable in self._model.variables if variable.role is Role.OBSERVED)
        cure = "`fit.posterior` and `fit.impute` tell of what is missing of it"
        return ByName("there is no prediction", found, {name: f"`{name}` is observed; {cure}" for name in observed})

    @property
    def _latent_names(self) -> frozenset[str]:
        return frozenset(variable.name for variable in self._model.variables if variable.role is Role.LATENT)

    def _over_time(self, data: Mapping[str, Any]) -> OverTime:
        """At the estimates as if they were certain, under vb too: what is ahead would shrink under the spread of q."""
        source = self.source.inferring_for(data)
        program = source.other("em")
        raw = program.module.from_estimates(self.params, self._outcome.params)

        def opened() -> Program:
            return source.other("em", opened=True)

        def ahead() -> OverTime | None:
            found = source.ahead("em")
            if found is None:
                return None
            return OverTime(with_latents(found.bound), self.params, raw, found, lambda: found, sweeps=False)

        sweeps = source.variant.seen or not inferred(source.bound)
        return OverTime(source.inferring, self.params, raw, program, opened, sweeps, ahead)

    def _started(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Bound data with the shares of states after all of them, from which coordinate ascent over parts starts."""
        source = self.source.for_data(data)
        if not hasattr(source.module, "RESUMED"):
            return data
        found = {name: one for name, one in self._known(data, source).items() if one.discrete}
        return {**data, **{settling.start_key(name): one.statistics["probabilities"] for name, one in found.items()}}

    def _best_paths(self, data: Mapping[str, Any]) -> dict[str, Array]:
        """The most probable states of discrete chains and of what meets them, all at once."""
        source = self.source.for_data(data)
        chained = chained_states(source.bound, getattr(source.module, "SHARED", ()))
        own = [name for name in chained if name in self._latent_names]
        if not own or getattr(source.module, "RESUMED", None):
            return {}
        if gone := [name for name in chained if name not in own and self._model.variable(name)]:
            raise DataError(
                f"the most probable path of `{own[0]}` beside missing entries of `{gone[0]}` is not compiled; "
                "fit.predict_proba has the probabilities of each state"
            )
        hard = source.other("hard").module
        found = hard.posterior(data, hard.from_estimates(self.params, self._outcome.params))
        return {name: np.argmax(found[name]["probabilities"], axis=-1) for name in own}

    def _bind(self, data: object, arrays: Mapping[str, Any], weights: object = None) -> Mapping[str, Any]:
        """New data, bound with the sizes that the estimates have; the data of the fit when none are given."""
        if data is None and not arrays:
            if weights is not None:
                raise DataError("weights go with data: give those of the fit again beside them")
            return self._own_data("new data")
        bound = self.source.bound
        sized = replace(bound, constants={**sizes_of(bound, self.params), **bound.constants})
        check_weights(self._module, weights)
        found = bind_data(sized, merged(sized, data, arrays), aligned(sized, data, arrays, weights))
        return self._data if self._data is not None and are_same(found, self._data) else found

    @property
    def _bounded(self) -> bool:
        """Whether latents are inferred by coordinate ascent, so that the log likelihood is bounded only."""
        return getattr(self._module, "RESUMED", None) is not None
