"""Discrete variables of a network: summed out forwards, their probabilities backwards.

    forwards     joint_v = Σ tables that hold v          message = log Σ_v exp joint_v
    backwards    p(v, neighbours) = p(neighbours) exp(joint_v − message)

The backward sweep is the derivative of the forward one, step by step. Under hard EM the sum is a maximum and its
derivative the one-hot of the best state.
"""

from __future__ import annotations

from collections.abc import Sequence

from emdsl.algebra.indices import Gather, Index, indices_in
from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Operand, total
from emdsl.arrays.programme import tuple_of
from emdsl.derive.chain_states import ChainStates
from emdsl.derive.children import ChildInference
from emdsl.derive.copies import Copies
from emdsl.derive.coupled import Monomial
from emdsl.derive.declared_order import given_array
from emdsl.derive.discrete_tables import (
    Joint,
    Stored,
    moved_operand,
    named_step,
    product_text,
    renamed_axes,
    started,
)
from emdsl.derive.field import FieldMoments, Moment, with_axes
from emdsl.derive.row_evidence import RowEvidence
from emdsl.structure.children import Place
from emdsl.structure.elimination import Elimination, Step, Table


class FiniteInference(ChainStates):
    """Writes the forward and backward sweeps over the discrete variables of one block."""

    def __init__(
        self,
        elimination: Elimination,
        tables: Sequence[Stored],
        children: Sequence[ChildInference],
        moments: FieldMoments,
        hard: bool,
        copies: Copies,
    ) -> None:
        self.steps, self.moments, self.hard, self.copies = elimination.steps, moments, hard, copies
        self.body, self.source, self.scope = moments.body, moments.source, moments.scope
        self.stored: dict[object, Stored] = {item.table.source: item for item in tables}
        self.children = {one.children: one for one in children}
        self.joints: list[Joint] = []
        self.counts: dict[str, Named] = {}
        """How often each choice among the products of a sum is made, row by row."""
        self.expects = False
        """Whether the derivatives by the parts of its evidence are all that is needed of a chain."""
        self.expectations = ""
        """The identifier of these."""

    # ---------------------------------------------------------------- forwards

    def forward(self) -> Array:
        """The log partition, as a number."""
        parts: list[Array] = []
        for step in self.steps:
            if step.children is not None:
                joint = self._children_forward(step)
            else:
                joint = self._chain_forward(step) if step.time is not None else self._forward(step)
            self.joints.append(joint)
            assert joint.message is not None
            if not step.neighbours:
                operands = (Operand(joint.message, joint.message.axes), *self._weights(step))
                if step.variables[0] in self.counts:
                    operands += (Operand(self.counts[step.variables[0]], step.sent_rows),)
                parts.append(Contraction(1.0, operands, ()))
        return total(tuple(parts), ())

    def _weights(self, step: Step, within: Sequence[Place] = ()) -> tuple[Operand, ...]:
        """How often what a step sends stands there, or within one copy of the variables that it is sent to."""
        counted = {item for name, references in within for item in self.copies.at(name, references)}
        own = [item for item in self.copies.of_step(step) if item not in counted]
        return tuple(self.moments.plain(self.moments.data_operand(item)) for item in own)

    def marginal(self, name: str) -> Named | None:
        """The probabilities of one variable, with the axes (row…, state)."""
        joint = next((joint for joint in self.joints if name in joint.step.variables), None)
        if joint is None or joint.array is None:
            return None
        axes = (*joint.step.rows, joint.states[name, joint.step.rows])
        if joint.array.axes == axes:
            return joint.array
        return self.body.define(self.body.unused(f"marginal {name}"), self._marginal(joint, axes), axes)

    def _marginal(self, joint: Joint, axes: tuple[Index, ...]) -> Array:
        """A posterior summed to some axes: other states that a chain has beside those in one product."""
        own = [joint.states[place] for place in joint.step.kept]
        assert joint.array is not None
        array: Array = joint.array
        kept = [number for number, state in enumerate(own) if state in axes]
        if len(kept) < len(own) > 1:
            left = (*joint.array.axes[: -len(own)], *(own[number] for number in kept))
            array = Apply("marginal", (joint.array, str(len(own)), str(kept)), left)
        return array if array.axes == axes else Contraction(1.0, (Operand(array, array.axes),), axes)

    def _forward(self, step: Step) -> Joint:
        states = self.states_of(step)
        (name,) = step.variables
        separable = next((one for table in step.tables if (one := self.stored[table.source].separable)), None)
        if separable is not None:
            log_sum = f"{separable.array.name}.log_sum"
            message = self.body.define(self.body.unused(f"log sum {name}"), log_sum, step.rows)
            return Joint(step, states, message=message, separable=separable)
        own = states[name, step.rows]
        outer = tuple(states[place] for place in step.neighbours)
        axes = (*step.rows, *outer, own)
        parts = tuple(Contraction(1.0, (self.table_operand(step, table, states),), axes) for table in step.tables)
        value = self.moments.covered(total(parts, axes), axes)
        comment = f"log weight of {named_step(step)}"
        log_joint = self.body.define(self.body.unused(f"log joint {name}"), value, axes, comment)
        if self.hard:
            kept = self.body.define(
                self.body.unused(f"log sum {name}"), Apply("np.max", (log_joint, "axis=-1"), axes[:-1]), axes[:-1]
            )
            joint = Joint(step, states, log_joint=log_joint, message=kept)
        else:
            summed, shares = (
                self._unused(f"{what} {name}")
                for what in ("log sum", "conditional" if step.neighbours else "probabilities")
            )
            (stored, *others) = (self.stored[table.source] for table in step.tables)
            gathered = None if others else stored.gathered(self.moments)
            call = f"log_shares({log_joint.name})" if gathered is None else gathered
            self.body.several((summed, shares), call, None if gathered is None else comment)
            message = Named(self.body.names.of(summed), axes[:-1])
            joint = Joint(step, states, log_joint=log_joint, message=message)
            joint.shares = Named(self.body.names.of(shares), axes)
        self._pass_on(joint, step.rows, outer)
        return joint

    def _children_forward(self, step: Step) -> Joint:
        """The message of continuous variables: their log partition given the states of their parents."""
        child = self.children[step.variables]
        array, states = child.forward(), self.states_of(step)
        names = dict(zip(child.axes, (*states.values(), *step.rows), strict=True))
        message = Named(array.name, tuple(names[axis] for axis in array.axes))
        joint = Joint(step, states, message=message)
        self._pass_on(joint, step.rows, tuple(states.values()))
        return joint

    def _unused(self, label: str) -> str:
        """A quantity's name that no call has taken before."""
        taken = {joint.shares.name for joint in self.joints if joint.shares is not None}
        number, candidate = 2, label
        while self.body.names.of(candidate) in taken or self.body.known(candidate) is not None:
            candidate, number = f"{label} {number}", number + 1
        return candidate

    def _pass_on(self, joint: Joint, rows: tuple[Index, ...], outer: tuple[Index, ...]) -> None:
        """The message summed over the rows that its neighbours do not have; to a single neighbour, in its own rows."""
        step, message = joint.step, joint.message
        assert message is not None
        if not step.neighbours:
            return
        table = step.message
        states = outer
        if len(step.outer) == 1 or any(isinstance(target, Gather) for target in step.targets):
            name, references, targets = step.outer[0][0], step.targets, table.rows
            own = tuple(self.source.copy_of(state) for state in outer)
            gathers = [reference for reference in references if isinstance(reference, Gather)]
            entries = tuple(dict.fromkeys(i for reference in gathers for i in indices_in(reference)))
            plain = [reference for reference in references if isinstance(reference, Index) and reference not in entries]
            operands = (Operand(message, message.axes), *self._weights(step, within=step.outer))
            if not entries:
                axes = (*(r for r in references if isinstance(r, Index)), *outer)
                value: Array = Contraction(1.0, operands, axes)
                renamed = dict(zip(axes, (*targets, *own), strict=True))
                value = renamed_axes(value, tuple(renamed[axis] for axis in axes))
            else:
                inner = Contraction(1.0, operands, (*entries, *plain, *outer))
                codes = tuple_of(
                    self.moments.index_code(reference, entries) for reference in references if reference not in plain
                )
                placed = [t for t, reference in zip(targets, references, strict=True) if reference not in plain]
                rest = [t for t, reference in zip(targets, references, strict=True) if reference in plain]
                shape = tuple_of(self.moments.length(axis.size) for axis in placed)
                value = Apply("scatter_add", (inner, codes, shape), (*placed, *rest, *own))
                value = with_axes(value, (*targets, *own))
            label = self.body.unused(f"message of {step.variables[0]} to {name}")
            array = self.body.define(label, value, (*targets, *own))
            self.stored[table.source] = Stored(array, table, own)
            return
        if table.rows != rows:
            axes = (*table.rows, *outer)
            operands = (Operand(message, message.axes), *self._weights(step, within=step.outer))
            label = self.body.unused(f"message of {step.variables[0]}")
            message = self.body.define(label, Contraction(1.0, operands, axes), axes)
        self.stored[table.source] = Stored(message, table, states)

    # ---------------------------------------------------------------- chains

    def _chain_forward(self, step: Step) -> Joint:
        states = self.states_of(step)
        own = tuple(states[place] for place in step.kept)
        outer = tuple(states[place] for place in step.neighbours)
        before = self.states_before(step, states)
        joint = Joint(step, states, previous=before)
        rows = step.rows
        unary, pair = self.starts_of_chain(joint), self.shifts_of_chain(joint)
        for table in step.tables:
            if step.is_pair(table):
                pair.append(Contraction(1.0, (self.table_operand(step, table, {**states, **before}),), ()))
                unary += [self.in_first_rows(joint, table)] if table.everywhere else []
            else:
                unary.append(Contraction(1.0, (self.table_operand(step, table, states),), ()))
        axes = (*outer, *rows, *own)
        name = " ".join(step.variables)
        moves = self.transitions(joint, pair)
        k = product_text([self.moments.length(index.size) for index in own])
        c = product_text([self.moments.length(index.size) for index in outer])
        formed = self._formed(step)
        if formed is None:
            parts = self.over_joint_states(joint, unary)
            evidence = self.moments.covered(total(tuple(with_axes(part, axes) for part in parts), axes), axes)
            label, comment = self.body.unused(f"evidence of {name}"), f"log weight of {named_step(step)}"
            e = self.body.define(label, evidence, axes, comment)
        flat_e = formed.array.name if formed else f"{e.name}.reshape({f'{c}, ' if outer else ''}-1, {k})"
        flat_t = moves[0] if len(moves) == 1 else f"[{', '.join(moves)}]"
        offsets = self._offsets(rows)
        hard = ", hard=True" if self.hard else ""
        by_row = any(set(rows) & set(pair_axes) for pair_axes in joint.transitions)
        call = f"chain_forward({flat_e}, {flat_t}, {offsets}{hard}, by_row={by_row})"
        messages, evidence_name = self.body.several(
            (f"messages of {name}", f"log likelihoods of series of {name}"), call
        )
        series = step.sent_rows
        sizes = [self.moments.length(index.size) for index in (*outer, *series)]
        log_partition = f"{evidence_name}.reshape({', '.join(sizes)})" if outer or series[1:] else evidence_name
        if not sizes:
            log_partition = f"{evidence_name}[0]"
        array = self.body.define(self.body.unused(f"log sum {name}"), log_partition, (*outer, *series))
        joint.message, joint.messages = array, messages
        self._pass_on(joint, series, outer)
        return joint

    def _formed(self, step: Step) -> RowEvidence | None:
        """The evidence of a chain, if it is formed when rows are read."""
        return next((one for table in step.tables if (one := self.stored[table.source].formed)), None)

    def _offsets(self, rows: tuple[Index, ...]) -> str:
        time = rows[-1]
        series = product_text([self.moments.length(row.size) for row in rows[:-1]])
        if time.letter in self.scope.ragged:
            offsets = f'data["offsets.{time.letter}"]'
            return f"repeated_offsets({offsets}, {series})" if rows[:-1] else offsets
        length = self.moments.length(time.size)
        stop = f"{series} * {length} + 1" if rows[:-1] else f"{length} + 1"
        return f"np.arange(0, {stop}, {length})"

    # ---------------------------------------------------------------- backwards

    def backward(self, monomials: Sequence[Monomial]) -> None:
        """The probabilities of every step, last first, and from them the expectation of each monomial."""
        for joint in reversed(self.joints):
            if joint.step.children is not None:
                probability = self._probability_of_neighbours(joint)
                self.children[joint.step.variables].backward(probability, tuple(joint.states.values()))
            elif joint.step.time is None:
                self._backward(joint)
            else:
                self._chain_backward(joint)
        for monomial in monomials:
            if self.stored[id(monomial)].separable is None:
                self.moments.found[id(monomial)] = self._moment(monomial)

    def _probability_of_neighbours(self, joint: Joint) -> tuple[Operand, ...]:
        """p(neighbours) at the rows of the message."""
        if not joint.step.neighbours:
            return ()
        table = joint.step.message
        consumer = next(other for other in self.joints if any(one.source == table.source for one in other.step.tables))
        moved = next(one for one in consumer.step.tables if one.source == table.source)
        assert consumer.array is not None
        if consumer.step.is_pair(moved):
            marginal = self._pairs_everywhere(consumer, moved)
        else:
            axes = (*moved.rows, *(consumer.states[place] for place in moved.places))
            marginal = consumer.array
            if marginal.axes != axes:
                value = self._marginal(consumer, axes)
                marginal = self.body.define(self.body.unused("probabilities of neighbours"), value, axes)
        longer = [
            len(moved.rows) + number
            for number, place in enumerate(moved.places)
            if self.is_longer(consumer.step, place, moved)
        ]
        if longer:
            marginal = Named(f"none_as_first({marginal.name}, {', '.join(map(str, longer))})", marginal.axes)
        own = [joint.states[place] for place in joint.step.neighbours]
        return (self.moments.plain(Operand(marginal, (*joint.step.targets, *own))),)

    def _pairs_everywhere(self, chain: Joint, table: Table) -> Named:
        """The probabilities of states at a row and at the row before; in first rows the latter is the first state."""
        assert chain.previous is not None and chain.step.time is not None and chain.array is not None
        before = [place for place in table.places if place in chain.previous]
        axes = (*table.rows, *({**chain.states, **chain.previous}[place] for place in table.places))
        pairs, own = (Operand(array, array.axes) for array in (self.pairs_with(chain, axes), chain.array))
        states = [chain.previous[place] for place in before]
        starts = [Operand(Named(f"np.eye({self.moments.length(k.size)})[0]", (k,)), (k,)) for k in states]
        parts = (
            Contraction(1.0, (pairs, self.later(chain.step.time)), axes),
            Contraction(1.0, (own, self.first(chain.step.time), *starts), axes),
        )
        return self.body.define(self.body.unused("probabilities of neighbours"), total(parts, axes), axes)

    def _backward(self, joint: Joint) -> None:
        if joint.separable is not None:
            (share,) = self._shares(joint)
            assert isinstance(share.array, Named)
            given = joint.separable.given(share.array.name)
            self.body.when(started(joint.step.variables, self.scope), joint.separable.array.name, given)
            return
        assert joint.log_joint is not None and joint.message is not None
        axes = joint.log_joint.axes
        chosen: Array = Apply("best", (joint.log_joint,), axes) if joint.shares is None else joint.shares
        name = joint.step.variables[0]
        prior = self._probability_of_neighbours(joint)
        if prior:
            given = self.body.define(self.body.unused(f"conditional {name}"), chosen, axes)
            chosen = Contraction(1.0, (*prior, Operand(given, axes)), axes)
        joint.array = self.body.define(
            self.body.unused(f"probabilities {name}"), chosen, axes, f"p of {named_step(joint.step)}"
        )
        self._start(joint, joint.array.name, self._shares(joint), axes)

    def _chain_backward(self, joint: Joint) -> None:
        step = joint.step
        rows, series = step.rows, step.sent_rows
        assert joint.previous is not None
        own = tuple(joint.states[place] for place in step.kept)
        outer = tuple(joint.states[place] for place in step.neighbours)
        name = " ".join(step.variables)
        prior = self._probability_of_neighbours(joint)
        weights = self._weights(step)
        weight_axes = (*outer, *series)
        text = ""
        if prior or weights:
            value = self.moments.covered(Contraction(1.0, (*prior, *weights), weight_axes), weight_axes)
            array = self.body.define(self.body.unused(f"weights of series of {name}"), value, weight_axes)
            c = product_text([self.moments.length(index.size) for index in outer])
            text = f", {array.name}"
            if outer or len(series) != 1:
                text += f".reshape({f'{c}, ' if outer else ''}-1)"
        sizes = [self.moments.length(index.size) for index in (*outer, *rows, *own)]
        axes = (*outer, *rows, *own)
        formed = self._formed(step)
        if formed is not None and self.expects:
            call = f"chain_expectations({joint.messages}{text})"
            self.expectations, pairs_name = self.body.several((f"expectations of {name}", f"pairs of {name}"), call)
            start = given_array("start", self.scope.symbols[name])
            given = f"{formed.array.name}, {start}, {self._offsets(rows)}{text}"
            self.body.when("start is not None", self.expectations, Named(f"given_expectations({given})"))
            self._first_rows(formed.monomial, series)
            shaped = f"chain_backward({joint.messages})[0].reshape({', '.join(sizes)})"
            array = Named(shaped, axes)
        else:
            call = f"chain_backward({joint.messages}{text})"
            marginal_name, pairs_name = self.body.several((f"marginals of {name}", f"pairs of {name}"), call)
            shaped = f"{marginal_name}.reshape({', '.join(sizes)})" if len(sizes) > 2 else marginal_name
            label, comment = self.body.unused(f"probabilities {name}"), f"p of {named_step(step)}"
            array = self.body.define(label, shaped, axes, comment)
        to_rows = step.series(self.scope)
        own_array = array
        if prior:
            at_rows = tuple(moved_operand(operand, to_rows, self.moments) for operand in prior)
            value = Contraction(1.0, (*at_rows, Operand(array, axes)), axes)
            array = self.body.define(self.body.unused(f"joint probabilities {name}"), value, axes)
        joint.array = array
        varying = self._is_varying(joint)
        apart = len(joint.transitions) > 1
        targets: list[tuple[str, tuple[Index, ...]]] = []
        for number, moved in enumerate(joint.transitions):
            of = self.names_of(joint, moved)
            pair_axes = (*outer, *(axis for axis in moved if axis not in outer))
            pair_sizes = [self.moments.length(index.size) for index in pair_axes]
            shaped = f"{pairs_name}[{number}]" if apart else pairs_name
            shaped = f"{shaped}.reshape({', '.join(pair_sizes)})" if len(pair_sizes) > 2 else shaped
            pairs = self.body.define(self.body.unused(f"transitions of {of}"), shaped, pair_axes)
            targets.append((pairs.name, pair_axes))
            if varying and prior:
                at_rows = tuple(moved_operand(operand, to_rows, self.moments) for operand in prior)
                value = Contraction(1.0, (*at_rows, Operand(pairs, pair_axes)), pair_axes)
                pairs = self.body.define(self.body.unused(f"joint transitions of {of}"), value, pair_axes)
                targets[-1] = pairs.name, pair_axes
            joint.pairs += (pairs,)
        shares = self._shares(joint)
        if not self.expectations:
            self._start(joint, (array if prior else own_array).name, [*shares, *self.kept_shares(joint)], axes)
        later = (self.later(step.time), *weights) if step.time is not None and not varying else ()
        at_rows = tuple(moved_operand(operand, to_rows, self.moments) for operand in later[1:])
        operands = [*shares, *self.shares_before(joint)]
        for target, pair_axes in targets:
            own_shares = self.shares_within(joint, operands, pair_axes)
            self._start(joint, target, [*own_shares, *later[:1], *at_rows], pair_axes)

    def _first_rows(self, monomial: Monomial, series: tuple[Index, ...]) -> None:
        """What is expected of a monomial in the first row of each series."""
        axes = (*series, *monomial.axes)
        sizes = [self.moments.length(axis.size) for axis in axes]
        code = f"{self.expectations}.first"
        code = f"{code}[0]" if not series else code if len(series) == 1 else f"{code}.reshape({', '.join(sizes)})"
        self.moments.firsts[id(monomial)] = Named(code, axes)

    def _is_varying(self, joint: Joint) -> bool:
        rows = set(joint.step.rows)
        for table in joint.step.tables:
            if joint.step.is_pair(table):
                stored = self.stored[table.source]
                names = dict(zip(stored.table.rows, table.rows, strict=True))
                if any(names.get(axis) in rows for axis in stored.array.axes):
                    return True
        return False

    def _moment(self, monomial: Monomial) -> Moment:
        """The expectation of a monomial: its step's posterior, summed over the other states."""
        joint = next(j for j in self.joints if any(one.source == id(monomial) for one in j.step.tables))
        table = next(one for one in joint.step.tables if one.source == id(monomial))
        assert joint.array is not None
        is_pair = joint.step.is_pair(table)
        at = {**joint.states, **(joint.previous or {})} if is_pair else joint.states
        states = [at[place] for place in table.places]
        array = self.pairs_with(joint, states) if is_pair else joint.array
        rows = tuple(row for row in table.rows if row in array.axes)
        axes = (*rows, *states)
        label = self.body.unused(f"expected {' '.join(dict.fromkeys(monomial.variables))}")
        if array.axes != axes:
            value = Contraction(1.0, (Operand(array, array.axes),), axes) if is_pair else self._marginal(joint, axes)
            array = self.body.define(label, value, axes)
        longer = [self.is_longer(joint.step, place, table) for place in table.places]
        if any(longer):
            code = ", ".join([*(":" for _ in rows), *(":-1" if one else ":" for one in longer)])
            array = Named(f"{array.name}[{code}]", axes)
        stored_rows = dict(zip(table.rows, monomial.rows, strict=True))
        renamed = tuple(stored_rows[row] for row in rows) + monomial.axes
        return Moment(Named(array.name, renamed), rows=bool(rows) or not table.rows)
