"""Continuous variables of a row given the states of their parents: a law for each combination of these.

log partition given states  →  a message to the parents        expectation = p(states) · expectation given states
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from emdsl.algebra.indices import Index, Reference
from emdsl.algebra.terms import HOT
from emdsl.arrays.expressions import Array, Contraction, Named, Operand, total
from emdsl.derive.coupled import Monomial
from emdsl.derive.field import FieldMoments, Moment
from emdsl.derive.setting import Setting
from emdsl.errors import CompilerBug
from emdsl.structure.elimination import Step, lag_of

if TYPE_CHECKING:
    from emdsl.derive.loop_body import LoopBody

Naturals = Mapping[int, Named | None]


class ChildInference(ABC):
    """Writes the laws of the children of one step, before and after the states of their parents are inferred."""

    def __init__(
        self,
        step: Step,
        monomials: Sequence[Monomial],
        naturals: Naturals,
        moments: FieldMoments,
        setting: Setting,
    ) -> None:
        assert step.children is not None
        self.setting = setting
        self.children = step.children.variables
        self.places = step.children.places
        self.monomials = [m for m in monomials if any(name in self.children for name in m.variables)]
        self.naturals, self.moments, self.scope = naturals, moments, moments.scope
        self.body: LoopBody = moments.body
        self.rows = step.rows
        sizes = [self.scope.symbols[name].categories or 1 for name, _ in self.places]
        self.states = tuple(moments.source.fresh(size, "k") for size in sizes)
        self.label = " ".join(self.children)

    @property
    def axes(self) -> tuple[Index, ...]:
        """The axes of what there is for every combination of states and every row."""
        return (*self.states, *self.rows)

    @property
    def sizes(self) -> list[str]:
        return [self.moments.length(axis.size) for axis in self.axes]

    @abstractmethod
    def law(self) -> Named:
        """The laws given the states of the parents; their log partitions (state…, row…)."""

    @abstractmethod
    def given_states(self, monomial: Monomial) -> Named:
        """The expectation of the continuous part of a monomial given the states: (state…, row…, entry…)."""

    def shares_at(self, monomial: Monomial) -> Operand:
        """The probabilities of the states at the rows of a monomial."""
        return Operand(self.shares, (*self.states, *monomial.rows))

    def forward(self) -> Named:
        """The log partition of every row given the states, with the axes (row…, state…)."""
        parents = " and ".join(dict.fromkeys(f"`{name}`" for name, _ in self.places))
        self.comment = f"{' and '.join(f'`{name}`' for name in self.children)} given {parents}"
        return self.law()

    def backward(self, probability: Sequence[Operand], states: Sequence[Index]) -> None:
        """Expectations of the monomials; `probability` of the parents at the rows of the step, with their `states`."""
        value = Contraction(1.0, tuple(probability), (*states, *self.rows))
        self.shares = self.body.define(f"shares of {self.label}", value, self.axes)
        for number, monomial in enumerate(self.monomials):
            label = self.body.unused(f"expected {' '.join(monomial.variables)} {number}")
            own, gates = self.given_states(monomial), self._gates(monomial)
            entries = own.axes[len(self.states) + len(monomial.rows) :]
            kept = (*(state for state in self.states if state in gates.values()), *monomial.rows, *entries)
            weighted = Contraction(1.0, (self.shares_at(monomial), Operand(own, own.axes)), kept)
            array = self.body.define(label, total((weighted,), kept), kept)
            names = {state: category for category, state in gates.items()}
            self.moments.found[id(monomial)] = Moment(Named(array.name, tuple(names.get(axis, axis) for axis in kept)))

    def _gates(self, monomial: Monomial) -> dict[Index, Index]:
        """For the category of each parent in a monomial, the axis of its states."""
        states = {self._key(*place): state for place, state in zip(self.places, self.states, strict=True)}
        found: dict[Index, Index] = {}
        for item in monomial.atoms:
            if item.statistic == HOT:
                category = item.references[-1]
                if not isinstance(category, Index):
                    raise CompilerBug("a state that is a number beside a child")
                found[category] = states[self._key(item.variable, item.references)]
        return found

    def _key(self, name: str, references: tuple[Reference, ...]) -> tuple[str, int]:
        """A parent, and how many rows before its child it is read."""
        return name, lag_of(references)

    def entries(self, monomial: Monomial) -> tuple[Index, ...]:
        """The axes of the entries of the continuous part."""
        gates = self._gates(monomial)
        return tuple(axis for axis in monomial.axes if axis not in gates)

    def part(self, monomial: Monomial, natural: Named, entries: tuple[Index, ...]) -> Contraction:
        """A natural parameter with the axes (state…, row…, entry…), of which it may lack some; `entries` by name."""
        names: dict[Index, Index] = {**self._gates(monomial), **dict(zip(monomial.rows, self.rows, strict=True))}
        names |= dict(zip(self.entries(monomial), entries, strict=True))
        own = tuple(names.get(axis, axis) for axis in natural.axes)
        return Contraction(1.0, (Operand(natural, own),), (*self.axes, *entries))

    def weighted(self, value: Array) -> Contraction:
        """Something given the states, weighted by their probabilities: without the axes of the states."""
        axes = value.axes[len(self.states) :]
        return Contraction(1.0, (Operand(self.shares, self.axes), Operand(value, value.axes)), axes)
