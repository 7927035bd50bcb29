r"""Discrete variables of a network summed out one after the other, and their probabilities backwards, as formulas.

    m_{dc} = Σ_n log Σ_k exp(a_{dnk} + a_{dnck})        q(z_{dn} = k | g_d = c) = exp(a_{dnk} + a_{dnck} − …)

A chain runs along its time: F_{tk} forwards, G_{tk} backwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emdsl.algebra.indices import Index, Reference, indices_in
from emdsl.explain.document import Block, Display, Prose
from emdsl.explain.naturals import BlockNotation
from emdsl.explain.symbols import Letters, auxiliary, in_prose, in_words, with_indices
from emdsl.structure.children import Place
from emdsl.structure.elimination import Step, Table, lag_of


@dataclass(frozen=True)
class StepNotation:
    """One step of an elimination: letters for its rows, and for the state of every place that its tables mention."""

    block: BlockNotation
    step: Step
    letters: Letters

    def row(self, reference: Reference) -> str:
        return self.block.notation.reference(reference, self.letters)

    @property
    def rows(self) -> list[str]:
        return [self.row(index) for index in self.step.rows]

    def state(self, place: Place) -> str:
        return self.block.states[place[0]] + "'" * lag_of(place[1])

    @property
    def places(self) -> tuple[Place, ...]:
        """What the state holds: of a chain that reaches back further than to the row before, earlier rows too."""
        return self.step.kept or tuple((name, self.step.rows) for name in self.step.variables)

    @property
    def own(self) -> list[str]:
        return [self.state(place) for place in self.places]

    @property
    def earlier(self) -> list[str]:
        return [self.state(place) for place in self.step.before]

    @property
    def dropped(self) -> list[str]:
        """What the state of the row before holds and that of the row does not."""
        return [letter for letter in self.earlier if letter not in self.own]

    @property
    def added(self) -> list[str]:
        return [letter for letter in self.own if letter not in self.earlier]

    @property
    def reduced(self) -> str:
        """What is left when the states are summed out: the message itself, where no sum over rows follows."""
        indices = [*self.rows, *self.outer]
        if self.step.neighbours:
            left, total = _received(self)
            if not total and left == with_indices(message_symbol(self.block, self.step.variables), indices):
                return left
        return with_indices(partition_symbol(self.block, self.step), indices)

    @property
    def outer(self) -> list[str]:
        return [self.state(place) for place in self.step.neighbours]

    def variable(self, place: Place) -> str:
        """`z_{st} = k`"""
        rows = [self.row(reference) for reference in place[1]]
        return f"{self.block.notation.variable(place[0], rows)} = {self.state(place)}"

    def table(self, table: Table, first: bool = False) -> str:
        """A table of the step with its indices: of a monomial, or a message received; `first`: in first rows."""
        states = ["0" if first and lag_of(place[1]) else self.state(place) for place in table.places]
        return with_indices(self._head(table), [*(self.row(index) for index in table.rows), *states])

    def _head(self, table: Table) -> str:
        for step in self.block.one.elimination.steps:
            if step.children is not None and step.message.source == table.source:
                return child_symbol(step_notation(self.block, step))
        for monomial, _ in self.block.one.monomials.listed():
            if id(monomial) == table.source:
                return self.block.monomial_symbol("a", monomial)
        assert isinstance(table.source, tuple)
        return message_symbol(self.block, table.source[1])

    def total(self, tables: Iterable[Table], more: Sequence[str] = ()) -> str:
        """The sum of tables, all in the step's rows."""
        return " + ".join([*more, *(self.table(table) for table in tables)]) or "0"


def message_symbol(block: BlockNotation, variables: Sequence[str]) -> str:
    return auxiliary("m", " ".join(block.notation.head(name) for name in variables))


def child_message(own: StepNotation, value: str) -> tuple[str, ...]:
    """The line of what children tell their parents, where that is not their log partition, row by row."""
    left, total = _received(own)
    direct = with_indices(message_symbol(own.block, own.step.variables), [*own.rows, *own.outer])
    return () if not total and left == direct else (f"{left} &= {total}{value}",)


def child_symbol(own: StepNotation) -> str:
    """The symbol of what children tell their parents: of their log partition, or of a message summed from it."""
    summed = child_message(own, "")
    return message_symbol(own.block, own.step.variables) if summed else own.block.symbol("A", own.step.variables)


def partition_symbol(block: BlockNotation, step: Step) -> str:
    """The log partition of the rows of a step; labelled where the block has several steps."""
    if len(block.one.elimination.steps) > 1:
        return auxiliary("A", " ".join(block.notation.head(name) for name in step.variables))
    return block.symbol("A", step.variables)


def step_notation(block: BlockNotation, step: Step) -> StepNotation:
    return StepNotation(block, step, block.letters((*step.rows, *step.sent_rows), {}))


def partitions(block: BlockNotation) -> list[tuple[str, tuple[Index, ...], Letters]]:
    """The log partitions of a block, each with its symbol and rows: those of steps without neighbours."""
    found = []
    for step in block.one.elimination.steps:
        if not step.neighbours:
            own = step_notation(block, step)
            rows = [own.row(index) for index in step.sent_rows]
            found.append((with_indices(partition_symbol(block, step), rows), step.sent_rows, own.letters))
    return found


def elimination_blocks(block: BlockNotation, hard: bool) -> list[Block]:
    """The steps forwards, then backwards; children have their laws elsewhere."""
    steps = [step_notation(block, step) for step in block.one.elimination.steps if step.children is None]
    forwards: list[Block] = []
    for own in steps:
        forwards += _chain_forwards(own, hard) if own.step.time is not None else _forwards(own, hard)
    backwards: list[Block] = []
    for own in reversed(steps):
        backwards += _chain_backwards(own, hard) if own.step.time is not None else _backwards(own, hard)
    return forwards + backwards


def names(variables: Iterable[str]) -> str:
    return in_words([in_prose(name) for name in dict.fromkeys(variables)])


# ---------------------------------------------------------------- single variables


def _forwards(own: StepNotation, hard: bool) -> list[Block]:
    step = own.step
    reduced = rf"{_over(own.own, hard)}\left({own.total(step.tables)}\right)"
    what = "The largest over its states" if hard else "Summed over its states"
    choice = step.variables[0] in own.block.notation.splits
    subject = "the choice" if choice else names(step.variables)
    if not step.neighbours:
        text = f"{what}, {subject} leaves the log partition of a row:"
        return [Prose(text), Display((f"{own.reduced} &= {reduced}",))]
    others = names(name for name, _ in step.neighbours)
    lines = [f"{own.reduced} &= {reduced}", *_message(own, own.reduced)]
    return [Prose(f"{what}, {subject} leaves a message to {others}:"), Display(tuple(lines))]


def _message(own: StepNotation, value: str) -> tuple[str, ...]:
    """The message in the rows of its receiver: the sum over the rows that belong to one of these.

    No line where that is the value itself: it then bears the message's symbol from the start.
    """
    left, total = _received(own)
    return (f"{left} &= {total}{value}",) if total or left != value else ()


def _received(own: StepNotation) -> tuple[str, str]:
    """The message with its indices, and the sum that stands before what each row sends."""
    step = own.step
    head = message_symbol(own.block, step.variables)
    states = [own.state(place) for place in step.outer]
    references = step.targets
    if len(step.outer) != 1 and all(isinstance(reference, Index) for reference in references):
        kept = [row for row in step.sent_rows if row in step.message.rows]
        summed = [row for row in step.sent_rows if row not in kept]
        return with_indices(head, [own.row(row) for row in step.message.rows] + states), _sum(own, summed)
    plain = [reference for reference in references if isinstance(reference, Index)]
    letters = own.letters.knowing(step.message.rows)
    targets, conditions = [], []
    for reference, target in zip(references, step.message.rows, strict=True):
        if isinstance(reference, Index) and plain.count(reference) == 1:
            targets.append(own.row(reference))
        else:
            targets.append(letters.of(target))
            conditions.append(f"{own.row(reference)} = {letters.of(target)}")
    left = with_indices(head, targets + states)
    summed = [row for row in step.sent_rows if row not in plain]
    if conditions:
        inner = [own.row(row) for row in summed if not _implied(row, references)]
        return left, rf"\sum_{{{', '.join([*inner, *conditions])}}} "
    return left, _sum(own, summed)


def _implied(row: Index, references: Sequence[Reference]) -> bool:
    """Whether a condition on a reference names the row already."""
    return any(row in set(indices_in(reference)) for reference in references)


def _sum(own: StepNotation, rows: Sequence[Index]) -> str:
    return rf"\sum_{{{', '.join(own.row(row) for row in rows)}}} " if rows else ""


def _over(states: Sequence[str], hard: bool) -> str:
    listed = ", ".join(states)
    return rf"\max_{{{listed}}} " if hard else rf"\log \sum_{{{listed}}} \exp"


def _backwards(own: StepNotation, hard: bool) -> list[Block]:
    step = own.step
    (name,) = step.variables
    given = ", ".join(own.variable(place) for place in step.neighbours)
    left = own.variable((name, step.rows)) + (rf" \mid {given}" if given else "")
    (letter,) = own.own
    if hard:
        value = rf"[{letter} = \arg\max_{{{letter}}} \left({own.total(step.tables)}\right)]"
    else:
        value = rf"\exp\left({own.total(step.tables)} - {own.reduced}\right)"
    lines = [rf"q({left}) &= {value}"]
    if not given:
        subject = "the choice" if name in own.block.notation.splits else f"`{name}`"
        return [Prose(f"{'The best state' if hard else 'The posterior'} of {subject}:"), Display(tuple(lines))]
    lines.append(rf"q({own.variable((name, step.rows))}, {given}) &= q({left}) \, q({given})")
    others = names(name for name, _ in step.neighbours)
    return [Prose(f"Then `{name}`, given {others}, whose probabilities are known by now:"), Display(tuple(lines))]


# ---------------------------------------------------------------- chains


@dataclass(frozen=True)
class _Chain:
    """Texts of one chain: what its rows and its steps weigh, and the indices of the row before."""

    own: StepNotation
    evidence: str
    first: str
    transition: str
    definitions: tuple[str, ...]

    @property
    def before(self) -> list[str]:
        own = self.own
        return [f"{own.row(row)}-1" if row == own.step.time else own.row(row) for row in own.step.rows]

    def symbol(self, letter: str, rows: Sequence[str], states: Sequence[str]) -> str:
        """`F`, `G` with the states of the neighbours, the rows, and the own states."""
        head = self.own.block.symbol(letter, self.own.step.variables)
        return with_indices(head, [*self.own.outer, *rows, *states])

    def forward(self, earlier: bool = False) -> str:
        own = self.own
        return self.symbol("F", self.before, own.earlier) if earlier else self.symbol("F", own.rows, own.own)

    def backward(self, earlier: bool = False) -> str:
        own = self.own
        return self.symbol("G", self.before, own.earlier) if earlier else self.symbol("G", own.rows, own.own)

    @property
    def partition(self) -> str:
        """The log partition of a series, with the indices of the series."""
        own = self.own
        return with_indices(
            partition_symbol(own.block, own.step), [*(own.row(r) for r in own.step.sent_rows), *own.outer]
        )

    @property
    def partition_of_row(self) -> str:
        """The same for the series in which a row lies."""
        own = self.own
        assert own.step.time is not None
        places = own.step.series(own.block.setting.scope).items()
        series = [
            own.row(place) if isinstance(place, Index) else f"{row.letter}({own.row(own.step.time)})"
            for row, place in places
        ]
        return with_indices(partition_symbol(own.block, own.step), [*series, *own.outer])


def _chain(own: StepNotation) -> _Chain:
    step = own.step
    pairs = [table for table in step.tables if step.is_pair(table)]
    single = [table for table in step.tables if table not in pairs]
    lines = []
    texts = []
    for letter, tables, states in (("e", single, own.own), ("b", pairs, [*own.dropped, *own.own])):
        text = own.total(tables)
        if len(tables) > 1:
            head = own.block.symbol(letter, step.variables)
            text = with_indices(head, [*own.outer, *own.rows, *states])
            lines.append(f"{text} &= {own.total(tables)}")
        texts.append(text)
    evidence, transition = texts
    everywhere = [own.table(table, first=True) for table in pairs if table.everywhere]
    first = " + ".join([*([evidence] if single or not everywhere else []), *everywhere])
    return _Chain(own, evidence, first, transition, tuple(lines))


def _chain_forwards(own: StepNotation, hard: bool) -> list[Block]:
    chain, step = _chain(own), own.step
    assert step.time is not None
    time = own.row(step.time)
    lines = list(chain.definitions)
    first = "" if chain.evidence == "0" else f"{chain.evidence} + "
    sent = rf"{_over(own.dropped, hard)}\left({chain.forward(earlier=True)} + {chain.transition}\right)"
    lines.append(rf"{chain.forward()} &= {chain.first} && \text{{first row of a series}}")
    lines.append(rf"{chain.forward()} &= {first}{sent} && \text{{later rows}}")
    last = rf"{_over(own.own, hard)}\left({chain.forward()}\right)"
    lines.append(rf"{chain.partition} &= {last} && \text{{last row}}")
    given = f", given {names(name for name, _ in step.neighbours)}" if step.neighbours else ""
    kind = "best score" if hard else "forward recursion"
    subject = f"{names(step.variables)} {'run' if len(step.variables) > 1 else 'runs'}"
    reach = ""
    if len(step.kept) > len(step.variables):
        held = in_words([f"${own.variable(place).partition(' =')[0]}$" for place in step.kept])
        reach = f" whose state is {held}, those that come before a series left out"
    if any(table.everywhere for table in step.tables):
        reach += ", and 0 stands for the state before a series, which counts for nothing"
    text = f"Along ${time}$, {subject} as a chain{reach}{given}; the {kind}:"
    blocks: list[Block] = [Prose(text), Display(tuple(lines))]
    if step.neighbours:
        others = names(name for name, _ in step.neighbours)
        blocks += [Prose(f"What a series tells {others}:"), Display(_message(own, chain.partition))]
    return blocks


def _chain_backwards(own: StepNotation, hard: bool) -> list[Block]:
    chain, step = _chain(own), own.step
    if hard:
        return _best_path(chain)
    evidence = "" if chain.evidence == "0" else f" + {chain.evidence}"
    ahead = f"{chain.transition}{evidence} + {chain.backward()}"
    now = ", ".join(own.variable(place) for place in own.places)
    before = ", ".join(own.variable(place) for place in step.before if place not in step.kept)
    given = ", ".join(own.variable(place) for place in step.neighbours)
    given = rf" \mid {given}" if given else ""
    joint = f"{chain.forward(earlier=True)} + {ahead}"
    lines = [
        rf"{chain.backward()} &= 0 && \text{{last row of a series}}",
        rf"{chain.backward(earlier=True)} &= {_over(own.added, hard)}\left({ahead}\right) && \text{{earlier rows}}",
        rf"q({now}{given}) &= \exp\left({chain.forward()} + {chain.backward()} - {chain.partition_of_row}\right)",
        rf"q({before}, {now}{given}) &= \exp\left({joint} - {chain.partition_of_row}\right)",
    ]
    text = f"Backwards, and the posterior of {names(step.variables)}"
    if step.neighbours:
        others = names(name for name, _ in step.neighbours)
        text += f", given {others}; joint probabilities are these times those of {others}"
    return [Prose(f"{text}:"), Display(tuple(lines))]


def _best_path(chain: _Chain) -> list[Block]:
    own = chain.own
    listed, earlier = ", ".join(own.own), ", ".join(own.dropped)
    score = f"{chain.forward(earlier=True)} + {chain.transition}"
    best, before = (", ".join(rf"\hat{{{letter}}}" for letter in states) for states in (own.own, own.dropped))
    lines = (
        rf"{best} &= \arg\max_{{{listed}}} {chain.forward()} && \text{{last row of a series}}",
        rf"{before} &= \arg\max_{{{earlier}}} \left({score}\right) && \text{{earlier rows, given the next}}",
    )
    return [Prose(f"The best path of {names(own.step.variables)}, traced back from its end:"), Display(lines)]
