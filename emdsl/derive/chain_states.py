"""What the state of a chain holds: of a chain that reaches back L steps the values at t, t - 1, ..., t - L + 1.

    table of z[t], z[t-1], z[t-2]      from (z[t-1], z[t-2]) to (z[t], z[t-1]), which agree in z[t-1]

A value at an earlier row has one state more, "none", for rows that have no row so early: no table counts there but the
laws that such rows have as well, so neither tables nor sums over rows need to leave out the first rows of a series.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from emdsl.algebra.indices import Fixed, Index, Reference
from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Operand, total
from emdsl.derive.discrete_tables import Joint, StartedSweep, Stored, operand_indices, product_text
from emdsl.derive.field import with_axes
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

    def over_joint_states(self, joint: Joint, parts: list[Array]) -> list[Array]:
        """Log weights of a row; where there are some of each state it holds, these at the joint states in one."""
        rows, own = joint.step.rows, [joint.states[place] for place in joint.step.kept]
        alone = [[one for one in parts if operand_indices(one) == {*rows, state}] for state in own]
        if len(own) < 2 or not all(alone):
            return parts
        sums = []
        for state, some in zip(own, alone, strict=True):
            axes = (*rows, state)
            sums.append(total(tuple(with_axes(one, axes) for one in some), axes))
        whole = Apply("over_joint_states", tuple(sums), (*rows, *own))
        return [*(one for one in parts if not any(one is other for some in alone for other in some)), whole]

    # ---------------------------------------------------------------- parts that move independently

    def transitions(self, joint: Joint, pairs: Sequence[Array]) -> list[str]:
        """The transition of each part of the state that moves independently, as code with one axis for each row."""
        assert joint.previous is not None
        step, found = joint.step, list[str]()
        outer = tuple(joint.states[place] for place in step.neighbours)
        own, lagged = tuple(joint.states[place] for place in step.kept), tuple(joint.previous.values())
        for part, within in self._moving_apart(joint, pairs):
            carried = {index for one in within for index in operand_indices(one)}
            leading = (*(outer if carried & set(outer) else ()), *(step.rows if carried & set(step.rows) else ()))
            axes = (*leading, *lagged[part], *own[part])
            joint.transitions += (axes,)
            value = total(tuple(with_axes(one, axes) for one in within), axes)
            label = self.body.unused(f"transition of {self.names_of(joint, axes)}")
            name = self.body.define(label, self.moments.covered(value, axes), axes).name
            k = product_text([self.moments.length(index.size) for index in own[part]])
            c = [product_text([self.moments.length(index.size) for index in outer])] if carried & set(outer) else []
            shape = ", ".join([*c, *(["-1"] if carried & set(step.rows) else []), k, k])
            found.append(f"{name}.reshape({shape})" if len(axes) > 2 else name)
        return found

    def _moving_apart(self, joint: Joint, pairs: Sequence[Array]) -> list[tuple[slice, list[Array]]]:
        """Log weights of successive states in groups that share no state, and which places of the state each moves.

        One group where they vary by row: messages then move by one matrix of each row.
        """
        assert joint.previous is not None
        places = [{joint.states[own], joint.previous[early]} for own, early in zip(joint.step.kept, joint.step.before)]
        spans = []
        for one in pairs:
            held = [place for place, states in enumerate(places) if states & operand_indices(one)]
            spans.append((held[0], held[-1]))
        cuts = [cut for cut in range(1, len(places)) if not any(first < cut <= last for first, last in spans)]
        parts = [slice(*edges) for edges in pairwise([0, *cuts, len(places)])]
        groups = [
            [one for one, (first, _) in zip(pairs, spans, strict=True) if part.start <= first < part.stop]
            for part in parts
        ]
        varying = any(operand_indices(one) & set(joint.step.rows) for one in pairs)
        return [(slice(None), list(pairs))] if varying or not all(groups) else list(zip(parts, groups, strict=True))

    def names_of(self, joint: Joint, axes: Sequence[Index]) -> str:
        """The variables whose states are among some axes."""
        return " ".join(dict.fromkeys(place[0] for place in joint.step.kept if joint.states[place] in axes))

    def pairs_with(self, joint: Joint, axes: Sequence[Index]) -> Named:
        """The joint with the previous state that has these states."""
        assert joint.previous is not None
        states = {*joint.states.values(), *joint.previous.values()} & set(axes)
        return next(one for one in joint.pairs if states <= {*one.axes})

    def shares_within(self, joint: Joint, shares: Sequence[Operand], axes: Sequence[Index]) -> list[Operand]:
        """Those that say something of the states among some axes; others sum to one."""
        return [one for one in shares if {r for r in one.references if isinstance(r, Index)} & set(axes)]

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
