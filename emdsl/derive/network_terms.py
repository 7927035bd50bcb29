"""The terms of every network of latents: what each block and the M-step see of them."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations

from emdsl.algebra.indices import Fixed, Gather, Index, Reference, Shift, indices_in
from emdsl.algebra.symbols import (
    RAGGED_TABLES,
    WEIGHTS,
    Scope,
    bind_size,
    first_table,
    is_first_row,
    is_padded,
    parent_table,
    position_table,
)
from emdsl.algebra.terms import DELTA, HOT, MASK, NUMBER, SPLIT, STRUCTURE, Atom, Term
from emdsl.derive.collapse import _letters, _spelling
from emdsl.derive.copies import Copies
from emdsl.derive.coupled import CoupledStatistic, Monomial, Monomials, apart_or_same, coupled_terms, with_choices
from emdsl.derive.entries import Entries, is_lagged, letters_apart, with_entries
from emdsl.derive.known_starts import Starts
from emdsl.derive.log_joint import Factor, LogJoint, not_compiled
from emdsl.derive.observed_hots import with_observed_hots
from emdsl.derive.places import Places
from emdsl.derive.posteriors import PosteriorForm
from emdsl.derive.statistics import canonical_form
from emdsl.errors import Span
from emdsl.structure.children import Children
from emdsl.structure.elimination import UNKNOWN_SIZE, Elimination, Table, eliminate
from emdsl.structure.networks import Network, NetworkBlock, blocks_of, broken_pairs, self_coupled

Terms = Sequence[tuple[Factor, Term]]


@dataclass(frozen=True)
class BlockTerms:
    """One block: its monomials with their natural parameters, and for discrete variables the order of elimination.

    `multiplicity`: what multiplies the logarithm of a sum, whose choices are then made that many times: data, and
    states of the gates.
    """

    block: NetworkBlock
    monomials: Monomials
    elimination: Elimination
    multiplicity: tuple[tuple[Term, tuple[Reference, ...]], ...] = ()

    @property
    def conjugate(self) -> tuple[str, ...]:
        """The variables with conjugate laws, by themselves or given their parents."""
        if self.block.kind == "conjugate":
            return self.block.variables
        return tuple(name for one in self.block.children if one.kind == "conjugate" for name in one.variables)

    def by_row(self, monomial: Monomial) -> bool:
        """Whether it belongs to the law of single rows: those without a row before them have a law, too."""
        for step in self.elimination.steps:
            family = step.children
            if family is not None and family.kind != "joint" and set(family.variables) & set(monomial.variables):
                return True
            if step.time is None and any(table.source == id(monomial) for table in step.tables):
                return True
        return False

    def multiplicity_beyond(self, counted: Container[str]) -> tuple[tuple[Term, tuple[Reference, ...]], ...]:
        """What multiplies the logarithm of a sum and none of these variables chooses: these hear of the others."""
        return tuple(one for one in self.multiplicity if not any(name in counted for name in one[0].variables()))


@dataclass(frozen=True)
class NetworkTerms:
    """One network: its blocks, the statistics that the M-step needs, and the terms collapsed onto them."""

    network: Network
    blocks: tuple[BlockTerms, ...]
    statistics: tuple[CoupledStatistic, ...]
    collapsed: tuple[Term, ...]
    sources: tuple[str, ...]
    local_terms: tuple[Term, ...]
    forms: Mapping[str, PosteriorForm] = field(default_factory=dict)

    @property
    def ordered(self) -> tuple[BlockTerms, ...]:
        """The blocks in the order of their updates: continuous ones, choices before the gates that hear of them."""
        return tuple(sorted(self.blocks, key=lambda one: (one.block.kind == "finite", not one.block.gates)))


class NetworkCollector:
    """Prepares the terms of networks, once for the whole model."""

    def __init__(
        self,
        joint: LogJoint,
        latents: frozenset[str],
        copies: Copies,
        spans: Mapping[str, Span | None],
        entries: Mapping[str, Entries],
        times: frozenset[str],
    ) -> None:
        self.joint, self.scope, self.source = joint, joint.scope, joint.source
        self.latents, self.copies, self.spans, self.entries, self.times = latents, copies, spans, entries, times
        self.places = Places(latents - entries.keys(), joint.scope, joint.source, spans)
        self.cofactors: dict[str, list[tuple[Term, tuple[Reference, ...]]]] = {}
        self.keys: dict[tuple[object, ...], CoupledStatistic] = {}

    def prepared(self, factor: Factor, term: Term) -> list[Term]:
        """The term with starts of series as rows of time, with weights of its rows, and with choices among sums.

        The logarithm of a sum that states of latents choose stays whole, see `divided`.
        """
        parts = [term] if self._gates_of(term) else with_choices(term, self.joint.splits, self.source)
        placed = [moved for one in parts for moved in self.places.in_rows(self._weighted(factor, one))]
        return [self._opened(self._start_in_time(one)) for one in placed]

    def divided(self, term: Term) -> list[Term]:
        """The term with the choice among the products of a sum in place of the sum's logarithm."""
        if not any(item.statistic == SPLIT for item in term.atoms):
            return [term]
        return [self._opened(one) for one in with_choices(term, self.joint.splits, self.source)]

    def _gates_of(self, term: Term) -> tuple[str, ...]:
        """The latents whose states say whether the logarithm of a sum in the term counts."""
        item = next((item for item in term.atoms if item.statistic == SPLIT), None)
        return self._gates(item.variable) if item is not None else ()

    def _gates(self, split: str) -> tuple[str, ...]:
        listed = [item for cofactor, _ in self.cofactors.get(split, ()) for item in cofactor.atoms]
        gates = dict.fromkeys(item.variable for item in listed if item.variable in self.latents)
        return tuple(inner for name in gates for inner in self._inner(name))

    def _weighted(self, factor: Factor, term: Term) -> Term:
        """The weights of all rows that a row of the factor lies in."""
        weights = self.copies.of_rows([(index.letter, index) for index in factor.plates])
        atoms = tuple(item for item in weights if item.indices <= set(term.bound))
        return replace(term, atoms=(*term.atoms, *atoms))

    def _opened(self, term: Term) -> Term:
        return with_observed_hots(term, self.scope, self.source, self._stays)

    def _stays(self, item: Atom) -> bool:
        """Whether an index array in an atom is read as it is: the atom is data itself, or a latent."""
        symbol = self.scope.symbols.get(item.variable)
        known = item.variable in self.joint.derived or item.variable.startswith(WEIGHTS)
        known = known or symbol is None or symbol.known
        return known or item.variable in self.latents or item.statistic in (MASK, NUMBER)

    def _start_in_time(self, term: Term) -> Term:
        """z at the first time beside another latent: the rows of time, with an indicator of the first.

        So do the first entries of discrete latents along any plate.
        """
        own = [item for item in term.atoms if item.variable in self.latents]
        if len(own) < 2:
            return term
        for item in own:
            symbol, written_out = self.scope.symbols[item.variable], self.entries.get(item.variable)
            for place, (size, letter) in enumerate(symbol.plates):
                reference = item.references[place]
                if written_out is not None and place in written_out.places:
                    continue
                if isinstance(reference, Gather) and reference.table == first_table(letter):
                    return self._at_first_row(term, item.variable, reference, size, letter)
                if reference == Fixed(0) and (symbol.is_gate or letter in self.times):
                    time = self.source.fresh(size, letter)
                    atoms = tuple(self._at_time(one, letter, time) for one in term.atoms)
                    first = Atom(STRUCTURE, DELTA, (time, Fixed(0)))
                    return Term(term.coefficient, (*atoms, first), (*term.bound, time))
        return term

    def _at_first_row(self, term: Term, name: str, first: Gather, size: str | int, letter: str) -> Term:
        groups = tuple(reference for reference in first.references if isinstance(reference, Index))
        if len(groups) < len(first.references):
            raise not_compiled(
                f"`{name}` at the start of another group than its own, beside other latents",
                self.spans.get(name),
                "index it by the letters of its own plates",
            )
        time = self.source.fresh(size, letter)
        parents = self.scope.ragged[letter]
        own = {g: Gather(parent_table(letter, p), (time,)) for g, p in zip(groups, parents, strict=True)}
        moved = term.substitute(dict(own))
        back = Gather(first_table(letter), tuple(own[group] for group in groups))
        atoms = tuple(
            replace(item, references=tuple(time if r == back else r for r in item.references)) for item in moved.atoms
        )
        first_row = Atom(STRUCTURE, DELTA, (Gather(position_table(letter), (time,)), Fixed(0)))
        bound = tuple(index for index in term.bound if index not in groups)
        return Term(term.coefficient, (*atoms, first_row), (*bound, time))

    def _at_time(self, item: Atom, letter: str, time: Index) -> Atom:
        if item.variable not in self.latents:
            return item
        plates = self.scope.symbols[item.variable].plates
        references = tuple(
            time if place < len(plates) and plates[place][1] == letter and reference == Fixed(0) else reference
            for place, reference in enumerate(item.references)
        )
        return replace(item, references=references)

    # ---------------------------------------------------------------- one network

    def network(self, variables: Sequence[str], terms: Terms, apart: Callable[[str, str], bool]) -> NetworkTerms:
        """Blocks, statistics and collapsed terms of the network over `variables`."""
        own = [(factor, term) for factor, term in terms if term.variables() & set(variables)]
        coupled = self_coupled(variables, [term for _, term in own], self.scope.symbols) - self.entries.keys()
        for name in sorted(coupled):
            if is_lagged(name, [term for _, term in own]):
                met = letters_apart(name, [term for _, term in own], self.scope.symbols)
                sizes = self.scope.untold(s for s, letter in self.scope.symbols[name].plates if letter in met)
                raise not_compiled(
                    f"`{name}`, which meets itself both at an earlier row and in a sum",
                    self.spans.get(name),
                    bind_size(sizes[0]) if sizes else None,
                )
        symbols = self.scope.symbols
        if coupled:
            own = [(factor, one) for factor, term in own for one in apart_or_same(term, coupled, symbols, self.spans)]
        divided = [(factor, one) for factor, term in own for one in self.divided(term)]
        inner = [name for own_name in variables for name in self._inner(own_name)]
        whole, bare = self._by_entry(term for _, term in own), self._by_entry(term for _, term in divided)
        starts = Starts(self.joint.starts, self.scope, self.source, self.joint.derived)  # type: ignore[arg-type]
        seen = [(factor, self._opened(one)) for factor, term in divided for one in starts.expanded(term)]
        expected = self._by_entry(term for _, term in seen) if self.joint.starts else []

        def eliminable(group: Sequence[str], children: Sequence[Children]) -> bool:
            alone = any(self.scope.is_choice(name) for name in group) or coupled & set(group)
            started = any(one.kind != "joint" and set(one.variables) & set(self.joint.starts) for one in children)
            if started or (alone and (len(group) > 1 or children)):
                return False
            block = NetworkBlock("finite", tuple(group), tuple(children))
            return self._elimination(block, self._monomials(block, whole, expected)).refusal is None

        blocks = tuple(
            replace(block, coupled=bool(coupled & set(block.variables)), gates=self._gates(block.variables[0]))
            for block in blocks_of(inner, bare, symbols, apart, eliminable, self.source)
        )
        network = Network(tuple(variables), blocks, broken_pairs(blocks, bare))
        listed = tuple(self._block(block, whole, expected) for block in blocks)
        statistics, collapsed, sources = [], [], []
        for factor, expanded in seen:
            moved, statistic = coupled_terms(expanded, network, self._known)
            bare_sum = all(item.variable == STRUCTURE for item in moved.atoms[1:])
            if network.exact and bare_sum and network.independent[0].kind != "conjugate":
                continue  # no parameter enters: the log partition has it all
            if not any(True for _ in with_entries(statistic.term, self.entries)):
                continue  # no entries meet so
            statistic, named = self._shared(statistic, moved)
            if statistic not in statistics:
                statistics.append(statistic)
            collapsed.append(named)
            sources.append(factor.variable)
        by_entry = tuple(self._of_entries(one) for one in statistics)
        return NetworkTerms(network, listed, by_entry, tuple(collapsed), tuple(sources), tuple(bare))

    def _inner(self, name: str) -> tuple[str, ...]:
        """The variables that are inferred for one: those of its entries, or itself."""
        return tuple(self.entries[name].names.values()) if name in self.entries else (name,)

    def _by_entry(self, terms: Iterable[Term]) -> list[Term]:
        """The terms with each entry that is inferred by itself as a variable of its own."""
        return [one for term in terms for one, _ in with_entries(term, self.entries)]

    def _of_entries(self, statistic: CoupledStatistic) -> CoupledStatistic:
        """A statistic as the sum of what the entries give, each at its place."""
        parts = with_entries(statistic.term, self.entries)
        placed = tuple((term, tuple(chosen.get(axis, axis) for axis in statistic.axes)) for term, chosen in parts)
        return replace(statistic, parts=placed)

    def _known(self, item: Atom) -> bool:
        if item.variable == STRUCTURE:
            return any(isinstance(reference, Gather) for reference in item.references) or item.statistic == NUMBER
        if item.variable in self.joint.derived or item.variable.startswith(WEIGHTS):
            return True
        symbol = self.scope.symbols.get(item.variable)
        return symbol is None or symbol.known

    def _shared(self, statistic: CoupledStatistic, term: Term) -> tuple[CoupledStatistic, Term]:
        """Statistics that differ in the names of indices, or in the order of their axes, only are one."""
        inner = statistic.term
        used = {index for item in inner.atoms for index in item.indices}
        unused = tuple(sorted(str(index.size) for index in inner.bound if index not in used))
        orders = list(permutations(statistic.axes)) if len(statistic.axes) < 5 else [statistic.axes]
        keys = [(statistic.network, canonical_form(inner.atoms, (), axes), unused) for axes in orders]
        place = next((place for place, key in enumerate(keys) if key in self.keys), 0)
        if keys[place] not in self.keys:
            self.keys[keys[place]] = replace(statistic, name=self._name(inner, statistic.axes))
        found = self.keys[keys[place]]
        (own, *rest) = term.atoms
        return found, replace(term, atoms=(replace(own, variable=found.name, references=orders[place]), *rest))

    def _name(self, inner: Term, axes: tuple[Index, ...]) -> str:
        """`z_k`, `z_x_k`, `z_first_k`, `x_x_lag_ij`: what is summed, at which rows, then its axes."""
        shown = [
            item
            for item in inner.atoms
            if item.variable not in self.joint.derived
            and not item.variable.startswith(WEIGHTS)
            and item.variable != STRUCTURE
            and not item.variable.startswith(RAGGED_TABLES)
        ]
        parts = [_spelling(item).removeprefix("is_") + self._of_rows(item) for item in shown]
        stem = "_".join(part for part in parts if part) or "count"
        letters = _letters(axes)
        name = f"{stem}_{letters}" if letters else f"sum_{stem}"
        taken = {item.name for item in self.keys.values()} | set(self.scope.symbols)
        base, serial = name, 2
        while name in taken:
            name, serial = f"{base}_{serial}", serial + 1
        return name

    def _of_rows(self, item: Atom) -> str:
        """At which rows of time an atom is read, as part of a name; nothing for the row itself."""
        symbol = self.scope.symbols.get(item.variable)
        rows = item.references[: len(symbol.plates)] if symbol is not None else ()
        lag = max((row.lag for row in rows if isinstance(row, Shift)), default=0)
        if lag > 0:
            return "_lag" if lag == 1 else f"_lag{lag}"
        return "_first" if rows and is_first_row(rows[-1]) else ""

    def _monomials(self, block: NetworkBlock, terms: Sequence[Term], expected: Sequence[Term]) -> Monomials:
        """A logarithm of a sum stays whole for the latents that choose it; others see its products.

        `terms` give natural parameters; of `expected`, which have starts in them, expectations are taken.
        """
        monomials = Monomials(block, self.scope.symbols, self.source)
        for term in terms:
            chosen = set(self._gates_of(term)) & set(block.all)
            for one in [term] if chosen else self.divided(term):
                monomials.add(one)
        for term in expected:
            monomials.expect(term)
        for name in block.variables if block.kind == "finite" and not block.coupled else ():
            if not any(monomial.stands_everywhere(name) for monomial, _ in monomials.listed()):
                monomials.add(self._everywhere(name))
        return monomials

    def _everywhere(self, name: str) -> Term:
        """Nothing, at all rows of a discrete latent: where its states may be given."""
        symbol = self.scope.symbols[name]
        rows = tuple(self.source.fresh(size, letter) for size, letter in symbol.plates)
        state = self.source.fresh(symbol.categories or 0, "k")
        return Term(0.0, (Atom(name, HOT, (*rows, state)),), (*rows, state))

    def _block(self, block: NetworkBlock, terms: Sequence[Term], expected: Sequence[Term]) -> BlockTerms:
        if block.kind == "finite" and self.scope.is_choice(block.variables[0]):
            return self._choices(block)
        monomials = self._monomials(block, terms, expected)
        elimination = Elimination(())
        if block.kind == "finite":
            elimination = self._elimination(block, monomials)
            if elimination.refusal is not None:
                sizes = self.scope.untold(self.scope.symbols[name].categories for name in block.variables)
                counted = f", where {sizes[0]}, which only the data tell, counts as {UNKNOWN_SIZE}" if sizes else ""
                raise not_compiled(
                    f"{elimination.refusal}{counted}",
                    self.spans.get(block.variables[0]),
                    bind_size(sizes[0]) if sizes else "let fewer latents meet in one law, or give them fewer states",
                )
        return BlockTerms(block, monomials, elimination)

    def _choices(self, block: NetworkBlock) -> BlockTerms:
        """The choice among the products of a sum: its natural parameters are their logarithms, counted by the data."""
        (name,) = block.variables
        split = self.joint.splits[name]
        monomials = Monomials(block, self.scope.symbols, self.source)
        hot = Atom(name, HOT, (*split.indices, split.choice))
        for alternative in split.log_alternatives:
            term = Term(alternative.coefficient, (hot, *alternative.atoms), (*split.indices, split.choice))
            monomials.add(self._opened(term))
        counts: dict[tuple[object, ...], tuple[Term, tuple[Reference, ...]]] = {}
        for whole, references in self.cofactors[name]:
            for cofactor, chosen in with_entries(whole, self.entries):
                places = tuple(chosen.get(one, one) if isinstance(one, Index) else one for one in references)
                counts.setdefault((repr(cofactor), repr(places)), (cofactor, places))
        return BlockTerms(block, monomials, self._elimination(block, monomials), tuple(counts.values()))

    def collect_cofactors(self, factor: Factor, term: Term) -> None:
        """What multiplies the logarithm of a sum in a term: data, and states of discrete latents that choose it."""
        item = next((item for item in term.atoms if item.statistic == SPLIT), None)
        if item is None:
            return
        made_of = {name for one in self.joint.splits[item.variable].log_alternatives for name in one.variables()}
        for placed in self.places.in_rows(self._weighted(factor, term)):
            split = next(one for one in placed.atoms if one.statistic == SPLIT)
            rest = tuple(other for other in placed.atoms if other is not split)
            cofactor = self._opened(replace(placed, atoms=rest))
            unknown = [one for one in cofactor.atoms if not self._known(one) and one.variable != STRUCTURE]
            if any(one.statistic != HOT or one.variable in made_of for one in unknown):
                raise not_compiled(
                    f"a sum of products that an unknown multiplies, in the law of `{factor.variable}`",
                    factor.span,
                    "let a latent index a parameter (`theta[z[n]]`), or declare the choice of a summand as a latent",
                )
            self.cofactors.setdefault(item.variable, []).append((cofactor, split.references))
        if all(one.coefficient < 0 for one in factor.terms if item in one.atoms):
            raise not_compiled(
                f"minus the logarithm of a sum of unknowns, in the law of `{factor.variable}`",
                factor.span,
                "write the law by other parameters, so that products of these stand in the denominator",
            )

    def _elimination(self, block: NetworkBlock, monomials: Monomials) -> Elimination:
        tables = []
        for monomial, _ in monomials.listed():
            if any(name in block.given for name in monomial.variables):
                continue
            places = tuple(
                (item.variable, item.references[: len(self.scope.symbols[item.variable].plates)])
                for item in monomial.atoms
            )
            tables.append(Table(id(monomial), monomial.rows, places))
        return eliminate(block.variables, block.children, tables, self.scope, self.source)


def is_row_local(variables: Sequence[str], terms: Sequence[Term], scope: Scope, ordered: frozenset[str]) -> bool:
    """Whether latents meet within one row only, with few enough joint states for one table."""
    symbols = scope.symbols
    plates = {tuple(letter for _, letter in symbols[name].plates) for name in variables}
    if len(plates) > 1 or any(letter in ordered or letter in scope.ragged for letter in next(iter(plates))):
        return False
    if any(symbols[name].kind not in ("index", "real") or symbols[name].choice for name in variables):
        return False
    if any(is_padded(symbols[name].categories) for name in variables):
        return False
    if sum(symbols[name].categories is not None for name in variables) > 2:
        return False
    for term in terms:
        own = [item for item in term.atoms if item.variable in variables]
        rows = {item.references[: len(symbols[item.variable].plates)] for item in own}
        if len(rows) > 1:
            return False
        for row in rows:
            if not all(isinstance(reference, Index) for reference in row) or len(set(row)) < len(row):
                return False
        hots = [item for item in own if item.statistic == HOT]
        if len({item.variable for item in hots}) < len(hots) or len(own) - len(hots) > 2:
            return False
        others = [item for item in term.atoms if item not in own]
        if any(isinstance(r, Shift) for item in others for r in item.references for _ in indices_in(r)):
            return False
    return True
