"""Filtered and one-step laws of all steps at once, by one pass over the data, where chains over time are exact.

The emitted module is run as it is, with the functions that infer its chains replaced: in a first run they write down
the potentials that they are given, in a last one they answer with laws given the past, and the module makes of these
what it makes of posteriors. Terms that a row brings to earlier rows reach them by `lagged`; runs that leave these out
tell what is due at each row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from emdsl.algebra.expressions import Binary, Expression, Name, Number, Subscript, walk
from emdsl.model.bound import BoundModel
from emdsl.model.holes import inferred, may_end, readers
from emdsl.model.statements import Definition, Role, Variable
from emdsl.results.lets import without_lets
from emdsl.results.series import expressions_of, time_length, time_plate
from emdsl.runtime.carried.networks import repeated_offsets
from emdsl.runtime.carried.row_evidence import Expectations, RowEvidence
from emdsl.runtime.forward_finite import FiniteChain, finite_chain, finite_laws, log_messages
from emdsl.runtime.forward_gaussian import GaussianChain, GaussianForward, NoChain, gaussian_chain
from emdsl.structure.networks import Network

Array = np.ndarray[Any, Any]
Statistics = dict[str, Array]
Chain = FiniteChain | GaussianChain


class Program(Protocol):
    """A compiled model that can be executed with other functions in place of its own."""

    @property
    def bound(self) -> BoundModel: ...

    @property
    def module(self) -> Any: ...

    @property
    def networks(self) -> tuple[Network, ...]: ...

    def executed(self, replaced: Mapping[str, Callable[..., Any]]) -> Any: ...


def has_one_sweep(bound: BoundModel, module: Any) -> bool:
    """Whether laws given the past follow from the chains of a model: all of its latents lie in time, those of a kind,
    and are read at their own step or a fixed number of steps later, within their own series then; what is observed is
    read by later entries of its own series alone, so that nothing has to be inferred of it where it is not seen."""
    model, letter = bound.checked.model, time_plate(bound).letter
    latents = [variable for variable in model.variables if variable.role is Role.LATENT]
    kinds = {bound.checked.types[variable.name].kind for variable in latents}
    if getattr(module, "RESUMED", None) or kinds not in (set(), {"index"}, {"real"}):
        return False
    if any(letter not in variable.plates for variable in latents) or inferred(bound):
        return False
    observed = [variable.name for variable in model.variables if variable.role is Role.OBSERVED]
    if any(readers(name, model) and not may_end(name, bound) for name in observed):
        return False
    reads = [read for variable in model.variables for read in _reads(bound, variable, latents)]
    return all(_is_due(*read, letter) for read in reads)


def reach_of_reads(bound: BoundModel) -> int:
    """How many steps back the latents lie that what is observed depends on."""
    model, letter = bound.checked.model, time_plate(bound).letter
    latents = [variable for variable in model.variables if variable.role is Role.LATENT]
    observed = [v for v in model.variables if v.role is Role.OBSERVED and letter in v.plates]
    return max((_lag(*read, letter) for variable in observed for read in _reads(bound, variable, latents)), default=0)


def _lag(variable: Variable, definition: Definition, read: Variable, indices: Sequence[Expression], letter: str) -> int:
    match indices[read.plates.index(letter)], definition.slots[variable.plates.index(letter)]:
        case Binary("-", _, Number(lag)), _:
            return int(lag)
        case Number(step), Number(slot):
            return int(slot - step)
    return 0


def _reads(
    bound: BoundModel, variable: Variable, latents: Sequence[Variable]
) -> Iterator[tuple[Variable, Definition, Variable, tuple[Expression, ...]]]:
    """The latents that a variable's laws read, and at which indices."""
    by_name = {latent.name: latent for latent in latents}
    for definition in variable.definitions:
        for value in expressions_of(without_lets(definition.law, bound.checked.model)):
            for node in walk(value):
                if isinstance(node, Subscript) and isinstance(node.base, Name) and node.base.name in by_name:
                    yield variable, definition, by_name[node.base.name], node.indices


def _is_due(
    variable: Variable, definition: Definition, read: Variable, indices: Sequence[Expression], letter: str
) -> bool:
    """Whether what reads a latent is due at a step that the compiled terms tell: the latent's own, or steps later."""
    place = read.plates.index(letter)
    apart = all(isinstance(index, Name) for index in (*indices[:place], *indices[place + 1 :]))
    slot = definition.slots[variable.plates.index(letter)] if letter in variable.plates else None
    match indices[place]:
        case Name(name):
            return name == letter
        case Binary("-", Name(name), Number()):
            return name == letter and apart
        case Number(step):
            return (slot is None and step == 0) or (isinstance(slot, Number) and (apart or slot.value == step))
    return False


@dataclass(frozen=True)
class Ahead:
    """Takes the place of a compiled model: its posterior is the law given the past."""

    forward: Forward
    place: int = 0
    spacing: int = 1

    def posterior(self, data: Mapping[str, Any], raw: Mapping[str, Any]) -> dict[str, Statistics]:
        """What is known before each step, and by the latents that `data` have there."""
        return self.forward.ahead(data, self.place, self.spacing)

    def seen_from(self, place: int, spacing: int) -> Ahead:
        """The same as seen from every `spacing` steps, the first at `place`."""
        return Ahead(self.forward, place, spacing)


class Forward:
    """The laws of a compiled model's latents given the past, at some parameters.

    `reach`: how many steps back latents will be asked for beside those of the last step. Raises NoChain or LinAlgError
    where a joint Gaussian turns out to be none that one pass solves.
    """

    def __init__(
        self, bound: BoundModel, program: Program, raw: Mapping[str, Any], data: Mapping[str, Any], reach: int = 0
    ) -> None:
        self.bound, self.raw, self.data, self.reach = bound, raw, data, reach
        names = ("lagged", "chain_forward", "chain_backward", "chain_expectations")
        replaced = {name: getattr(self, f"_{name}") for name in names} | dict.fromkeys(_LAWS, self._gaussian_law)
        self.module = program.executed(replaced | _REFUSED)
        self.kept: int | None = None
        """How many steps terms may be moved back in the current run; None for any number."""
        self.moved = 0
        """How many steps terms are moved back at the most."""
        self.found: list[Callable[[], Chain]] = []
        self.laws: Iterator[tuple[Any, Any]] = iter(())
        self.due = self._due(data)
        self.known = [
            log_messages(last) if isinstance(last := chains[-1], FiniteChain) else GaussianForward(_gaussian(chains))
            for chains in self.due
        ]

    def filtered(self) -> dict[str, Statistics]:
        """The law of each latent, given the data up to its own step."""
        return self._given_past(self.data, self.due, [chains[0] for chains in self.due], 0, 1)

    def ahead(self, data: Mapping[str, Any], place: int, spacing: int) -> dict[str, Statistics]:
        """The law of each latent as seen from the next of every `spacing` steps, the first at `place`.

        It is given what is known before that step, and the latents that `data` have there and since the one before.
        """
        labelled = [chain() for chain in self._chains({**data, **self._unseen}, 0)]
        return self._given_past({**data, **self._unseen}, self._open, labelled, place, spacing)

    @cached_property
    def _unseen(self) -> dict[str, Array]:
        """Nothing of what is observed over time."""
        letter = time_plate(self.bound).letter
        observed = [v for v in self.bound.checked.model.variables if v.role is Role.OBSERVED and letter in v.plates]
        return {variable.name: np.full(np.shape(self.data[variable.name]), np.nan) for variable in observed}

    @cached_property
    def _open(self) -> list[list[Chain]]:
        """What is due where nothing is seen."""
        latents = [v.name for v in self.bound.checked.model.variables if v.role is Role.LATENT]
        return self._due({name: array for name, array in self.data.items() if name not in latents} | self._unseen)

    # runs of the module

    def _chains(self, data: Mapping[str, Any], kept: int | None) -> list[Callable[[], Chain]]:
        self.kept, self.found, self.laws = kept, [], iter(())
        self.module.posterior(data, self.raw)
        return self.found

    def _due(self, data: Mapping[str, Any]) -> list[list[Chain]]:
        """Every chain of the model, with terms moved to earlier rows by no step, by one, …, by any number."""
        whole = self._chains(data, None)
        runs = [*(self._chains(data, kept) for kept in range(self.moved)), whole]
        return [[chain() for chain in chains] for chains in zip(*runs, strict=True)]

    def _given_past(
        self, data: Mapping[str, Any], own: list[list[Chain]], labelled: list[Chain], place: int, spacing: int
    ) -> dict[str, Statistics]:
        """own: what is due at a step that is looked from. labelled: with what is known of latents from there back."""
        found: list[tuple[Any, Any]] = []
        for known, due, last, label in zip(self.known, self.due, own, labelled, strict=True):
            if isinstance(known, GaussianForward) and isinstance(label, GaussianChain):
                found.append(known.laws(_gaussian(last), label.known, place, spacing))
            elif isinstance(known, np.ndarray) and isinstance(label, FiniteChain):
                seen = _seen_back(_finite(due), _finite(last), label, spacing)
                found.append(finite_laws(known, seen, place, spacing))
        self.kept, self.laws = 0, iter(found)
        result: dict[str, Statistics] = self.module.posterior(data, self.raw)
        return result

    # in place of the module's own functions

    def _lagged(self, values: Array, lag: int, axis: int) -> Array:
        self.moved = max(self.moved, -lag)
        if self.kept is not None and -lag > self.kept:
            return np.zeros(np.shape(values))
        return np.roll(values, lag, axis=axis)

    def _chain_forward(
        self, evidence: Array | RowEvidence, transition: Array | list[Array], offsets: Array, by_row: bool
    ) -> tuple[dict[str, Any], Array]:
        chain = finite_chain(evidence, transition, offsets, by_row)
        laws, pairs = next(self.laws, (np.full(chain.shape, 1.0 / chain.shape[-1]), None))
        listed = [transition] if isinstance(transition, np.ndarray) else transition
        rows = (chain.shape[1],) if by_row else ()
        if pairs is None or not by_row:
            sums = [np.zeros((len(laws), *rows, *one.shape[-2:])) for one in listed]
        else:
            sums = [pairs]
        self.found.append(lambda: chain)
        likelihoods = np.zeros((len(laws), len(offsets) - 1))
        if not chain.batched:
            laws, sums, likelihoods = laws[0], [one[0] for one in sums], likelihoods[0]
        moves = sums[0] if listed[0] is transition else sums
        return {"laws": laws, "pairs": moves, "evidence": evidence, "series": len(offsets) - 1}, likelihoods

    def _chain_backward(
        self, messages: Mapping[str, Any], weights: Array | None = None
    ) -> tuple[Array, Array | list[Array]]:
        return messages["laws"], messages["pairs"]

    def _chain_expectations(
        self, messages: Mapping[str, Any], weights: Array | None = None
    ) -> tuple[Expectations, Array | list[Array]]:
        evidence = messages["evidence"]
        return Expectations(evidence, np.zeros((messages["series"], evidence.states))), messages["pairs"]

    def _gaussian_law(
        self, linear: list[Array], diagonal: list[Array], couplings: list[Any], known: Any = None, counts: Any = None
    ) -> tuple[list[Array], list[Array], list[Array], float]:
        """Terms are those of one copy of a series, so that it does not matter how often each stands there."""
        offsets = self._offsets(len(linear[0]))
        self.found.append(
            lambda: gaussian_chain(linear, diagonal, couplings, known, offsets, max(self.moved, self.reach, 1))
        )
        nothing = [np.zeros(h.shape) for h in linear], [np.zeros((*h.shape, h.shape[1])) for h in linear]
        means, spreads = next(self.laws, nothing)
        crosses = [np.zeros((len(one), linear[v].shape[1], linear[w].shape[1])) for v, w, one, _, _ in couplings]
        return means, spreads, crosses, 0.0

    def _offsets(self, rows: int) -> Array:
        """The first rows of the series, and the end."""
        plate = time_plate(self.bound)
        if plate.parents:
            offsets = np.asarray(self.data[f"offsets.{plate.letter}"])
            return repeated_offsets(offsets, rows // int(offsets[-1]))
        length = time_length(self.bound, self.data)
        return np.arange(0, rows + 1, length)


def _no_chain(*arguments: Any, **named: Any) -> Any:
    raise NoChain


#: What infers real latents, with all of the log partition or without the exponent at the means.
_LAWS = ("gaussian_system", "gaussian_law")
#: Laws of real latents given discrete ones: there is no chain of them alone.
_REFUSED = {"gaussian_systems": _no_chain}


def _gaussian(chains: Sequence[Chain]) -> list[GaussianChain]:
    return [chain for chain in chains if isinstance(chain, GaussianChain)]


def _finite(chains: Sequence[Chain]) -> list[FiniteChain]:
    return [chain for chain in chains if isinstance(chain, FiniteChain)]


def _seen_back(
    due: Sequence[FiniteChain], own: Sequence[FiniteChain], labelled: FiniteChain, spacing: int
) -> list[FiniteChain]:
    """A chain as the rows t, t − 1, … see it when t is the last one, whose own terms are those of `own`."""
    found = [labelled]
    for back in range(1, max(len(own), spacing)):
        seen = due[min(back, len(due)) - 1]
        seen = seen.changed(own[back], own[back - 1]) if back < len(own) else seen
        found.append(seen.changed(labelled, own[0]) if back < spacing else seen)
    return found
