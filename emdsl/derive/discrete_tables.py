"""What the sweeps over discrete variables work on: tables, the posterior of a step, and starts in place of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emdsl.algebra.indices import Index, IndexSource, Reference, Shift, substitute
from emdsl.algebra.symbols import Scope, position_table
from emdsl.arrays.expressions import Array, Contraction, Named, Operand
from emdsl.derive.declared_order import given_array
from emdsl.derive.field import FieldMoments
from emdsl.derive.labels import given_states
from emdsl.derive.loop_body import LoopBody
from emdsl.derive.row_evidence import RowEvidence
from emdsl.derive.shares import SeparableShares, gathered_shares
from emdsl.errors import CompilerBug
from emdsl.structure.children import Place
from emdsl.structure.elimination import Step, Table


@dataclass(frozen=True)
class Stored:
    """A table as an array: an axis for each row and for the states of each place, in the order of the array's axes."""

    array: Named
    table: Table
    states: tuple[Index, ...]
    formed: RowEvidence | None = None
    """Potentials that are no array, but formed when rows are read."""
    summands: tuple[Array, ...] = ()
    """The sum that a natural parameter is, before any states are ruled out."""
    given: tuple[str, ...] = ()
    """The variables whose given states rule out others in it."""
    separable: SeparableShares | None = None
    """The shares under it, where sums of these are all that is asked."""

    def gathered(self, moments: FieldMoments) -> str | None:
        """The code of the shares under it alone, where it is a sum of matrices read at the entry of each row."""
        labels = ", ".join(given_states(name, moments) for name in self.given)
        return gathered_shares(self.summands, (*self.table.rows, *self.states), labels, moments)


@dataclass
class Joint:
    """The posterior of a step: over its neighbours and its own variables, at its rows."""

    step: Step
    states: Mapping[Place, Index]
    array: Named | None = None
    log_joint: Named | None = None
    message: Named | None = None
    transitions: tuple[tuple[Index, ...], ...] = ()
    """Of a chain: the axes of its transition, or of each part of its state that moves independently of the others."""
    pairs: tuple[Named, ...] = ()
    """Of each of these, the joint with the previous state: summed over the rows, where the transition has none."""
    previous: Mapping[Place, Index] | None = None
    """Of a chain: the state of the row before, by what it holds as seen from the row."""
    messages: str = ""
    shares: Named | None = None
    """Given the neighbours, the probabilities of the step's own variable."""
    separable: SeparableShares | None = None
    """What sums the shares, where they are no array."""


class StartedSweep:
    """Responsibilities of a start in place of posteriors, for sweeps over discrete variables."""

    moments: FieldMoments
    body: LoopBody
    source: IndexSource
    scope: Scope

    def later(self, time: Index, least: int = 1) -> Operand:
        """1 for rows that have a row so many steps before them in their series."""
        return Operand(Named(f"at_least({self._positions(time)}, {least})", (time,)), (time,))

    def first(self, time: Index) -> Operand:
        """1 for the first rows of series."""
        return Operand(Named(f"at_step({self._positions(time)}, 0)", (time,)), (time,))

    def _positions(self, time: Index) -> str:
        if time.letter in self.scope.ragged:
            return self.body.names.of(position_table(time.letter))
        return f"np.arange({self.moments.length(time.size)})"

    def _share(self, name: str, references: tuple[Reference, ...], state: Index) -> Operand:
        """The responsibilities that a start gives to a variable."""
        symbol = self.scope.symbols[name]
        axes = (*(self.source.fresh(size, letter) for size, letter in symbol.plates), self.source.copy_of(state))
        given = given_array("start", symbol)
        return self.moments.plain(Operand(Named(given, axes), (*references, state)))

    def _neighbour_share(self, place: Place, state: Index) -> Operand:
        """The same of a neighbour: where its row is none, as nothing depends on it, it is in its first state."""
        share = self._share(*place, state)
        shift = next((reference for reference in place[1] if isinstance(reference, Shift)), None)
        if shift is None or not isinstance(share.array, Named):
            return share
        there = self.later(shift.index, shift.lag).array
        assert isinstance(there, Named)
        last = len(share.array.axes) - 1
        array = f"none_as_first(shares_or_none({share.array.name}, {there.name}), {last})"
        return Operand(Named(array, share.array.axes), share.references)

    def _shares(self, joint: Joint) -> list[Operand]:
        step, states = joint.step, joint.states
        own = [self._neighbour_share(place, states[place]) for place in step.neighbours]
        return own + [self._share(name, step.rows, states[name, step.rows]) for name in step.variables]

    def _start(self, joint: Joint, target: str, operands: list[Operand], axes: tuple[Index, ...]) -> None:
        """With a start, its responsibilities in place of the posterior, as if variables were independent."""
        value = Contraction(1.0, tuple(operands), axes)
        self.body.when(started(joint.step.variables, self.scope), target, value)


def started(variables: Sequence[str], scope: Scope) -> str:
    """Whether variables have a start, as code: choices among products have none where the user gives that of others."""
    choices = [f' and "{name}" in start' for name in variables if scope.is_choice(name)]
    return "start is not None" + "".join(choices)


def moved_operand(operand: Operand, references: Mapping[Index, Reference], moments: FieldMoments) -> Operand:
    changed = tuple(substitute(reference, references) for reference in operand.references)
    return moments.plain(Operand(operand.array, changed))


def operand_indices(part: Array) -> set[Index]:
    if not isinstance(part, Contraction):
        raise CompilerBug("a table that is no operand")
    return {r for operand in part.operands for r in operand.references if isinstance(r, Index)}


def renamed_axes(value: Array, axes: tuple[Index, ...]) -> Array:
    if not isinstance(value, Contraction):
        raise CompilerBug("a message that is no contraction")
    names: dict[Index, Reference] = dict(zip(value.axes, axes, strict=True))
    operands = tuple(
        Operand(operand.array, tuple(substitute(reference, names) for reference in operand.references))
        for operand in value.operands
    )
    return Contraction(value.coefficient, operands, axes, value.counted)


def product_text(factors: Sequence[str]) -> str:
    return " * ".join(factors) or "1"


def named_step(step: Step) -> str:
    names = [*dict.fromkeys(name for name, _ in step.neighbours), *step.variables]
    return ", ".join(f"`{name}`" for name in names)
