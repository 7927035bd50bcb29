"""What the state of a chain holds: of a chain that reaches back L steps the values at t, t - 1, ..., t - L + 1.

    table of z[t], z[t-1], z[t-2]      from (z[t-1], z[t-2]) to (z[t], z[t-1]), which agree in z[t-1]

A value at an earlier row has one state more, "none", for rows that have no row so early: no table counts there but the
laws that such rows have as well, so neither tables nor sums over rows need to leave out the first rows of a series.
"""

from __future__ import annotations

from collections.abc import Mapping

from emdsl.algebra.indices import Fixed, Index, Reference
from emdsl.arrays.expressions import Array, Contraction, Named, Operand
from emdsl.derive.discrete_tables import Joint, StartedSweep, Stored
from emdsl.structure.children import Place
from emdsl.structure.elimination import Step, Table, lag_of


class ChainStates(StartedSweep):
    """Tables and starts of chains whose state may hold values of earlier rows."""

    stored: dict[object, Stored]

    def states_of(self, step: Step) -> dict[Place, Index]:
        """A state for every place of a step; children are integrated and have none."""
        own = () if step.children else step.kept or tuple((name, step.rows) for name in step.variables)
        return {place: self._state(place, lag_of(place[1]) > 0 and place in own) for place in (*step.neighbours, *own)}

    def _state(self, place: Place, or_none: bool) -> Index:
        size = self.scope.symbols[place[0]].categories
        assert size is not None
        if not or_none:
            return self.source.fresh(size, "k")
        if isinstance(size, int):
            return self.source.fresh(size + 1, "k")
        label = f"states of {place[0]} or none"
        self.body.define(label, f"{self.moments.length(size)} + 1", ())
        return self.source.fresh(label, "k")

    def states_before(self, step: Step, states: Mapping[Place, Index]) -> dict[Place, Index]:
        """The state of the row before, by what it holds as seen from the row."""
        return {place: self.source.copy_of(states[kept]) for place, kept in zip(step.before, step.kept, strict=True)}

    def table_operand(self, step: Step, table: Table, states: Mapping[Place, Reference]) -> Operand:
        """A table of a step, read in the step's rows.

        Where an earlier row is none, a table that counts everywhere says the same of all states, any other nothing.
        """
        stored = self.stored[table.source]
        longer = [
            own for own, place in zip(stored.states, table.places, strict=True) if self.is_longer(step, place, table)
        ]
        array = stored.array
        if longer:
            axes = (*array.axes, *(own for own in stored.states if own not in array.axes))
            if axes != array.axes:
                value = self.moments.covered(Contraction(1.0, (Operand(array, array.axes),), axes), axes)
                array = self.body.define(self.body.unused("table of all states"), value, axes)
            places = ", ".join(str(axes.index(own)) for own in longer)
            added = "with_first_for_none" if table.everywhere else "with_none"
            array = Named(f"{added}({array.name}, {places})", axes)
        by_axis: dict[Index, Reference] = dict(zip(stored.table.rows, table.rows, strict=True))
        by_axis |= {own: states[place] for own, place in zip(stored.states, table.places, strict=True)}
        return self.moments.plain(Operand(array, tuple(by_axis[axis] for axis in array.axes)))

    def is_longer(self, step: Step, place: Place, table: Table) -> bool:
        """Whether the state that a table reads a place from has a state for none."""
        return place[0] in step.variables and lag_of(place[1]) > (1 if step.is_pair(table) else 0)

    def starts_of_chain(self, joint: Joint) -> list[Array]:
        """In the first row of a series, all values at earlier rows are none."""
        step, found = joint.step, list[Array]()
        for place in step.kept:
            if lag_of(place[1]):
                assert step.time is not None
                state, first = joint.states[place], self.first(step.time)
                none = Named(f"none_only({self.moments.length(state.size)})", (state,))
                found.append(Contraction(1.0, (first, Operand(none, (state,))), ()))
        return found

    def in_first_rows(self, joint: Joint, table: Table) -> Array:
        """What a table that counts everywhere says in first rows: that of no particular state before them."""
        assert joint.step.time is not None and joint.previous is not None
        operand = self.table_operand(joint.step, table, {**joint.states, **dict.fromkeys(joint.previous, Fixed(0))})
        return Contraction(1.0, (self.first(joint.step.time), operand), ())

    def agreements(self, joint: Joint) -> list[tuple[Index, Index]]:
        """States of the row before and of the row itself that stand for one value."""
        assert joint.previous is not None
        return [(joint.previous[place], joint.states[place]) for place in joint.step.kept if lag_of(place[1])]

    def shifts_of_chain(self, joint: Joint) -> list[Array]:
        """Log weights that leave only states that agree."""
        return [
            Contraction(1.0, (Operand(Named(f"unequal({self._lengths(pair)})", pair), pair),), ())
            for pair in self.agreements(joint)
        ]

    def _lengths(self, pair: tuple[Index, Index]) -> str:
        return ", ".join(self.moments.length(state.size) for state in pair)

    # ---------------------------------------------------------------- starts

    def kept_shares(self, joint: Joint) -> list[Operand]:
        """Responsibilities of what the state of a row holds of earlier rows."""
        pairs = [(place, joint.states[place]) for place in joint.step.kept]
        return [self._earlier_share(joint, place, state) for place, state in pairs if lag_of(place[1])]

    def shares_before(self, joint: Joint) -> list[Operand]:
        """Responsibilities of the state of the row before; what the row's own state holds of earlier rows agrees."""
        assert joint.previous is not None
        found = []
        for place, state in joint.previous.items():
            late = lag_of(place[1]) == 1
            found.append(self._share(*place, state) if late else self._earlier_share(joint, place, state))
        return found + [Operand(Named(f"np.eye({self._lengths(pair)})", pair), pair) for pair in self.agreements(joint)]

    def _earlier_share(self, joint: Joint, place: Place, state: Index) -> Operand:
        assert joint.step.time is not None
        share = self._share(*place, state)
        assert isinstance(share.array, Named)
        there = self.later(joint.step.time, lag_of(place[1])).array
        assert isinstance(there, Named)
        return Operand(Named(f"shares_or_none({share.array.name}, {there.name})", share.array.axes), share.references)
