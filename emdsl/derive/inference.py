"""The function that infers one network: `infer_z(data, params, start)`.

One block: its log partition is the log likelihood, or `residuals` has it. Several: updated until nothing moves, and

    bound = Σ E[terms] + Σ_blocks (log partition − Σ natural · expectation)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from emdsl.algebra.indices import Reference
from emdsl.algebra.plain import as_written, product_text
from emdsl.algebra.symbols import Symbol
from emdsl.algebra.terms import HOT, Polynomial, Term
from emdsl.arrays.algebra import summands, turned_only
from emdsl.arrays.body import Assign, Statement
from emdsl.arrays.expressions import Array, Contraction, Named, Operand, total
from emdsl.arrays.programme import Function, Lines, Nested, ProgrammeStatement, tuple_of
from emdsl.arrays.reading import names_used
from emdsl.derive.children import ChildInference
from emdsl.derive.conjugate_block import ConjugateInference
from emdsl.derive.conjugate_children import ConjugateChildren
from emdsl.derive.constant import Constants
from emdsl.derive.coupled import Monomial
from emdsl.derive.declared_order import given_array, in_declared_order
from emdsl.derive.discrete import FiniteInference
from emdsl.derive.discrete_tables import Stored
from emdsl.derive.field import FieldMoments, Moment, places_of
from emdsl.derive.gaussian_children import GaussianChildren
from emdsl.derive.joint_children import JointChildren
from emdsl.derive.labels import given_states, labelled, telling
from emdsl.derive.loop_body import LoopBody
from emdsl.derive.lower import lower
from emdsl.derive.network_results import PosteriorWriter, table_of
from emdsl.derive.network_statistics import StatisticWriter
from emdsl.derive.network_terms import BlockTerms, NetworkTerms
from emdsl.derive.repeated import read_once
from emdsl.derive.residuals import ResidualWriter
from emdsl.derive.row_evidence import RowEvidence, row_evidence
from emdsl.derive.row_kinds import row_kinds
from emdsl.derive.setting import Setting

#: Sweeps over the blocks of a network at the most: by itself, and within iterations that go on from the last E-step.
COLD_SWEEPS, WARM_SWEEPS = 200, 3
#: The entry of the data by which coordinate ascent goes on from its last state.
RESUMED = "latents.state"
#: A sweep that moves no expectation by more than this is the last.
SETTLED = "1e-9"
#: Who writes the laws of children given the states of their parents, by the kind of the children.
LAWS: Mapping[str, type[ChildInference]] = {
    "gaussian": GaussianChildren,
    "conjugate": ConjugateChildren,
    "joint": JointChildren,
}


@dataclass(frozen=True)
class InferenceCode:
    """The function that infers one network."""

    terms: NetworkTerms
    name: str
    function: Function
    constants: Function | None
    """What data alone determine, under its key in prepared data."""
    on_request: bool
    """Whether it gives the posterior only if `known` is asked for."""


def inference_code(terms: NetworkTerms, setting: Setting) -> InferenceCode:
    """`infer_…(data, params, start)`: (statistics, posterior, log likelihood or bound)."""
    return _Writer(terms, setting).write()


class _Writer(StatisticWriter, ResidualWriter, PosteriorWriter):
    def __init__(self, terms: NetworkTerms, setting: Setting) -> None:
        self.terms, self.setting = terms, setting
        self.body = LoopBody(setting.names)
        blocks = [one.monomials for one in terms.blocks if one.block.kind != "conjugate"]
        self.moments: FieldMoments = setting.field_moments(self.body, blocks, terms.forms)
        self.single = not terms.network.iterated
        self.absorbed = self._absorbed()
        self.partitions: list[Array] = []
        self.entropies: list[Array] = []
        self.entries: list[str] = []
        self.kept: list[str] = []
        """Identifiers of what a later E-step goes on from."""
        self.watched: list[str] = []
        self.finite: list[FiniteInference] = []
        self.formed: dict[int, RowEvidence] = {}
        """Evidence that is formed when rows are read, by the identity of its monomial."""
        self.sums: dict[int, tuple[Array, ...]] = {}
        """Other natural parameters as the sums that they are, by the identity of their monomial."""
        self.kinds: dict[int, str] = {}
        """The kinds of the rows of monomials, by identity, whose natural parameters are formed by kind."""
        self.children: list[ChildInference] = []
        self.gated: list[tuple[BlockTerms, dict[int, Named | None]]] = []
        """Choices that are made under gates, with their natural parameters."""

    def write(self) -> InferenceCode:
        name = self.setting.names.of(f"infer {self.terms.network.name}")
        if self.single:
            self._single()
            statements: list[ProgrammeStatement] = list(self.body.before)
        else:
            statements = self._several()
        kind = "evidence" if self.squares else "log partition"
        partition = self.setting.names.of(f"{kind} of {self.terms.network.name}")
        after: list[Statement] = []
        self.body.statements = after
        listed = self._statistics()
        self._count_choices()
        value = total(tuple(self.partitions), ()) if self.single else self._bound()
        self.write_posteriors()
        self.body.statements.append(Assign(partition, value))
        statements += after
        if not self.single:
            state = ", ".join(f'"{one}": {one}' for one in self.kept)
            statements.append(Lines((f"state.update({{{state}}})",)))
        on_request = any(one.expectations for one in self.finite)
        known = in_declared_order(self.entries, self._latents()) + (" if known else {}" if on_request else "")
        result = f"{{{', '.join(listed)}}}, {known}, float({partition})"
        what = " and ".join(f"`{one}`" for one in self.terms.network.variables if not self.setting.scope.is_choice(one))
        goal = "log likelihood" if self.single else "bound"
        doc = as_written(f"Expected statistics, posterior and {goal} of {what or 'the data'}.")
        constants = Constants(self.terms.network.name, self.terms.network.variables, self.setting)
        statements = read_once(constants.stepwise(constants.arranged(statements)), self.setting.names)
        sources = self.setting.sources(params=True, data=True)
        fixed = constants.function(names_used(statements, result), sources)
        sources = (*constants.sources(fixed), *sources)
        arguments = "data, params, start=None, known=False" if on_request else "data, params, start=None"
        function = Function(name, arguments, doc, tuple(statements), result, sources)
        return InferenceCode(self.terms, name, function, fixed, on_request)

    def _latents(self) -> list[Symbol]:
        """The latents that the posterior tells of, as the user declares them."""
        centred, symbols = self.setting.centred, self.setting.scope.symbols
        names = (centred[name].base if name in centred else name for name in self.terms.network.variables)
        return [symbols[name] for name in names if name is not None and name in symbols]

    # ---------------------------------------------------------------- naturals

    def _naturals(self, one: BlockTerms) -> dict[int, Named | None]:
        """The natural parameter of every monomial of a block."""
        result: dict[int, Named | None] = {}
        for monomial, occurrences in one.monomials.listed():
            text = " ".join(dict.fromkeys(monomial.variables))
            parts = []
            for occurrence in occurrences:
                if not one.by_row(monomial):
                    occurrence = replace(occurrence, rest=occurrence.without_masks(self.setting.derived))
                rest = self.setting.of_one_copy(occurrence)
                if self.setting.vanishes(rest):
                    continue
                parts.append((rest, occurrence.references))
            if parts and self._is_evidence(one, monomial):
                (name,) = monomial.variables
                labels = given_states(name, self.moments) if name in self.setting.given_latents else ""
                comment = f"coefficient of {product_text(monomial.atoms)}"
                formed = row_evidence(parts, monomial, self.moments, labels, comment)
                if formed is not None:
                    result[id(monomial)] = formed.array
                    self.formed[id(monomial)] = formed
                    continue
            value = self.moments.placed(parts, monomial.all_axes, f"terms of {text} {len(result)}") if parts else None
            if value is None:
                result[id(monomial)] = None
                continue
            self.sums[id(monomial)] = tuple(summands(value))
            kinds = row_kinds(value, monomial, self.moments) if self.single and one.block.kind == "gaussian" else None
            if kinds is not None:
                value, self.kinds[id(monomial)] = kinds.value, kinds.kinds
            turned = turned_only(value) if one.block.kind == "finite" else None
            if turned is not None:
                result[id(monomial)] = turned
                continue
            quantity = self.body.unused(f"natural {text}")
            result[id(monomial)] = self.body.define(
                quantity, value, value.axes, f"coefficient of {product_text(monomial.atoms)}"
            )
        return result

    def _is_evidence(self, one: BlockTerms, monomial: Monomial) -> bool:
        """Whether a monomial's natural parameter is all that a chain hears of its rows, and nothing else reads it."""
        if not self.single or one.block.kind != "finite" or one.block.children:
            return False
        for step in one.elimination.steps:
            own = [t for t in step.tables if t.everywhere or all(refs == step.rows for _, refs in t.places)]
            if id(monomial) in (table.source for table in own):
                return len(own) == len(step.kept) == 1 and not step.neighbours
        return False

    # ---------------------------------------------------------------- blocks

    def _infer(self, one: BlockTerms) -> None:
        """One block, given the current expectations of the others."""
        if one.block.kind == "conjugate":
            ConjugateInference(one, self.moments, self.setting, self.body).write()
            return
        naturals = self._naturals(one)
        monomials = [monomial for monomial, _ in one.monomials.listed()]
        if one.block.gates:
            self._choice(one, monomials, naturals)
            return
        if one.block.kind == "gaussian":
            self.partitions += self._normal_law(one, monomials, naturals)
        else:
            self._finite(one, monomials, naturals)
        if not self.single and one is not self._last and not one.block.coupled:
            self._entropy(one, monomials, naturals)

    def _choice(self, one: BlockTerms, monomials: Sequence[Monomial], naturals: dict[int, Named | None]) -> None:
        """A choice under gates: the logarithm of the sum is what the gates hear of it."""
        finite = self._sweeps(one, monomials, naturals)
        finite.forward()
        finite.backward(monomials)
        (joint,) = finite.joints
        assert joint.message is not None
        self.moments.log_sums[one.block.variables[0]] = joint.message
        self.gated.append((one, naturals))

    def _finite(self, one: BlockTerms, monomials: Sequence[Monomial], naturals: dict[int, Named | None]) -> None:
        finite = self._sweeps(one, monomials, naturals)
        if one.multiplicity:
            (name,) = one.block.variables
            finite.counts[name] = self._multiplicity(one, one.multiplicity)
        self.finite.append(finite)
        self.partitions.append(finite.forward())
        finite.expects = all(self._is_expected(one, formed) for formed in self.formed.values())
        finite.backward([m for m in monomials if not any(name in one.block.given for name in m.variables)])

    def _sweeps(
        self, one: BlockTerms, monomials: Sequence[Monomial], naturals: dict[int, Named | None]
    ) -> FiniteInference:
        """The sweeps over the discrete variables of a block, which have their tables and children."""
        discrete = [m for m in monomials if not any(name in one.block.given for name in m.variables)]
        tables: list[Stored] = []
        told = telling(discrete, self.setting.given_latents)
        for monomial in discrete:
            natural = naturals[id(monomial)]
            if natural is None:
                natural = self.body.define(self.body.unused("no term"), "0.0", ())
            formed, parts = self.formed.get(id(monomial)), self.sums.get(id(monomial), ())
            given = told.get(id(monomial), ())
            natural = natural if formed else labelled(monomial, natural, given, self.moments)
            table, separable = table_of(monomial, self.setting), self._separable(one, monomial, parts)
            tables.append(Stored(natural, table, monomial.axes, formed, parts, given, separable))
        children = [
            LAWS[step.children.kind](step, monomials, naturals, self.moments, self.setting)
            for step in one.elimination.steps
            if step.children is not None
        ]
        self.children += children
        hard = self.setting.chooses(one.block)
        return FiniteInference(one.elimination, tables, children, self.moments, hard, self.setting.copies)

    def _multiplicity(self, one: BlockTerms, cofactors: Sequence[tuple[Term, tuple[Reference, ...]]]) -> Named:
        """How often each choice is made: what multiplies the logarithm of a sum."""
        symbol = self.setting.scope.symbols[one.block.variables[0]]
        axes = tuple(self.moments.source.fresh(size, letter) for size, letter in symbol.plates)
        value = self.moments.placed(cofactors, axes, "counts")
        assert value is not None
        return self.body.define(
            self.body.unused(f"count of {one.block.variables[0]}"), self.moments.covered(value, axes), axes
        )

    def _entropy(self, one: BlockTerms, monomials: Sequence[Monomial], naturals: dict[int, Named | None]) -> None:
        """− Σ natural · expectation, with which the log partition is the entropy."""
        for monomial in monomials:
            natural, moment = naturals[id(monomial)], self.moments.found[id(monomial)]
            if natural is None:
                continue
            operands: tuple[Operand, ...] = (Operand(moment.array, moment.array.axes), Operand(natural, natural.axes))
            for item in self.setting.weights_of(monomial):
                if item.indices <= {*moment.array.axes}:
                    operands += (self.moments.plain(self.moments.data_operand(item)),)
            if one.multiplicity:
                operands += (Operand(self._multiplicity_of(one, monomial), monomial.rows),)
            self.entropies.append(Contraction(-1.0, operands, ()))

    def _multiplicity_of(self, one: BlockTerms, monomial: Monomial) -> Named:
        known = self.body.known(f"count of {one.block.variables[0]}")
        assert known is not None
        return Named(known.name, monomial.rows)

    def _count_choices(self) -> None:
        """The choices under gates whose logarithms of sums are in no log partition that stands for its terms."""
        counted = self.terms.network.independent[0].all if self.single else self.absorbed
        for one, naturals in self.gated:
            rest = one.multiplicity_beyond(counted)
            if not rest:
                continue
            log_sum = self.moments.log_sums[one.block.variables[0]]
            count = self._multiplicity(one, rest)
            counts = Operand(Named(count.name, log_sum.axes), log_sum.axes)
            self.partitions.append(Contraction(1.0, (counts, Operand(log_sum, log_sum.axes)), ()))
            if not self.single:
                self._entropy(one, [monomial for monomial, _ in one.monomials.listed()], naturals)

    def _single(self) -> None:
        *choices, one = self.terms.ordered
        for choice in choices:
            self._infer(choice)
        self._infer(one)
        if one.block.kind == "conjugate":
            self.partitions.append(self._bound())

    # ---------------------------------------------------------------- several blocks

    @property
    def _last(self) -> BlockTerms | None:
        """The block that is updated last: its log partition is what its terms and its entropy come to."""
        if self.terms.network.by_entry or any(one.block.coupled for one in self.terms.blocks):
            return None
        listed = [one for one in self.terms.blocks if not one.block.gates]
        return max(listed, key=lambda one: (one.block.kind == "finite", listed.index(one)))

    def _absorbed(self) -> frozenset[str]:
        """The latents whose terms the log partition of the last block stands for."""
        last = None if self.single else self._last
        return frozenset(() if last is None or last.block.kind == "conjugate" else last.block.all)

    def _several(self) -> list[ProgrammeStatement]:
        """Coordinate ascent over the blocks."""
        body = self.body
        body.before += [Assign("state", f'data.get("{RESUMED}", {{}})')]
        rng = 'np.random.default_rng(state.get("seed", 0))'
        body.before.append(Assign("rng", rng))
        ordered = self.terms.ordered
        body.looping = True
        body.statements = body.inside
        fixed: dict[int, Named] = {}
        for one in ordered:
            if one.block.kind == "conjugate":
                self._initial_conjugate(one)
            else:
                self._initial(one, fixed)
        for one in ordered:
            if one.block.coupled:
                self._in_turn(one, fixed)
                continue
            self._infer(one)
            for monomial, _ in one.monomials.listed():
                if id(monomial) not in fixed:
                    continue
                found, target = self.moments.found[id(monomial)], fixed[id(monomial)]
                value: Array = found.array
                if found.array.axes != target.axes:
                    value = Contraction(1.0, (Operand(found.array, found.array.axes),), target.axes)
                body.inside.append(Assign(target.name, value))
                self.moments.found[id(monomial)] = Moment(target)
        watched = self.watched[0] if self.watched else "0.0"
        before = [Assign("last", f"np.array({watched})")]
        test = f"if np.max(np.abs({watched} - last)) <= {SETTLED} * np.max(np.abs({watched})):"
        loop = Nested(
            f'for _ in range({WARM_SWEEPS} if "{RESUMED}" in data else {COLD_SWEEPS}):',
            (*before, *body.inside, Nested(test, (Lines(("break",)),))),
        )
        statements: list[ProgrammeStatement] = [*body.before, loop]
        body.looping = False
        return statements

    def _in_turn(self, one: BlockTerms, fixed: dict[int, Named]) -> None:
        """Rows of a variable that meets itself: those that do not meet each other at once, colour by colour."""
        body, outer = self.body, self.body.inside
        (name,) = one.block.variables
        ((monomial, occurrences),) = one.monomials.listed()
        target = fixed[id(monomial)]
        colours = body.define(f"colours of {name}", self._colours(name, monomial, occurrences), ())
        body.inside = body.statements = inner = []
        before = len(self.partitions)
        self._infer(one)
        del self.partitions[before:]
        found = self.moments.found[id(monomial)].array
        inner.append(Assign(f"{target.name}[rows]", f"{found.name}[rows]"))
        self.moments.found[id(monomial)] = Moment(target)
        body.inside = body.statements = outer
        body.inside.append(Nested(f"for rows in {colours.name}:", tuple(inner)))  # type: ignore[arg-type]
        places = places_of(name, self.moments, self.setting.copies)
        counts = "" if places is None else f", standing(data, {places})"
        self.entropies.append(Named(f"categorical_entropy({target.name}{counts})"))

    def _initial(self, one: BlockTerms, fixed: dict[int, Named]) -> None:
        """What is expected of a block before its first update: from the last E-step, from a start, or at random."""
        names = self.setting.names
        for monomial, occurrences in one.monomials.listed():
            used = any(occurrence.rest.variables() & self.terms.network.inferred for occurrence in occurrences)
            if not used and not one.block.coupled:
                continue
            text = " ".join(monomial.variables)
            identifier = names.of(self._fresh_name(f"q {text}"))
            sizes = [self.moments.length(axis.size) for axis in monomial.all_axes]
            shape = tuple_of(sizes)
            if all(item.statistic == HOT for item in monomial.atoms):
                value = f"random_shares({shape}, rng)"
                if len(monomial.atoms) == 1:
                    symbol = self.setting.scope.symbols[monomial.variables[0]]
                    known = f'"{symbol.whole}" in start'
                    value = f"{given_array('start', symbol)} if start is not None and {known} else {value}"
                    value = f"np.array({value})" if one.block.coupled else value
            elif len(monomial.atoms) == 1:
                value = f"rng.standard_normal({shape})"
            else:
                value = f"np.zeros({shape})"
                if monomial.variables[0] == monomial.variables[1] and len(monomial.axes) in (0, 2):
                    value = f"np.zeros({shape}) + np.eye({sizes[-1]})" if monomial.axes else f"np.ones({shape})"
            kept = f'np.array(state["{identifier}"])' if one.block.coupled else f'state["{identifier}"]'
            self.body.before.append(Assign(identifier, f'{kept} if "{identifier}" in state else {value}'))
            self.body.vary(identifier)
            array = Named(identifier, monomial.all_axes)
            fixed[id(monomial)] = array
            self.moments.found[id(monomial)] = Moment(array)
            self.kept.append(identifier)
            if len(monomial.atoms) == 1:
                self.watched.append(identifier)

    def _fresh_name(self, label: str) -> str:
        taken = {identifier for identifier in self.kept}
        number, candidate = 2, label
        while self.setting.names.of(candidate) in taken:
            candidate, number = f"{label} {number}", number + 1
        return candidate

    def _initial_conjugate(self, one: BlockTerms) -> None:
        inference = ConjugateInference(one, self.moments, self.setting, self.body)
        for identifier, value in inference.initial():
            kept = f'state["{identifier}"] if "{identifier}" in state else {value}'
            self.body.before.append(Assign(identifier, kept))
            self.body.vary(identifier)
            self.kept.append(identifier)
            self.watched.insert(0, identifier)

    # ---------------------------------------------------------------- results

    def _bound(self) -> Array:
        """E[terms] from the statistics, and the entropy of every block."""
        for statistic in self.terms.statistics:
            axes = self._named_axes(statistic.axes)
            self.moments.arrays = {**self.moments.arrays, statistic.name: axes}
        own = {statistic.name for statistic in self.terms.statistics if statistic.term.variables() & self.absorbed}
        terms = [t for t in self.terms.collapsed if not self.setting.vanishes(t) and not t.variables() & own]
        merged = self.setting.merged(Polynomial(tuple(terms)))
        value = lower(merged, self.moments)
        parts = [*([value] if value is not None else []), *self.partitions, *self.entropies]
        for one in self.terms.blocks:
            if one.block.kind == "conjugate":
                parts += ConjugateInference(one, self.moments, self.setting, self.body).entropy()
        return total(tuple(parts), ())
