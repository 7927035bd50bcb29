"""Terms of latents that meet beyond one row, seen from each block and from the M-step.

    a block's view      term = monomial of the block · rest          natural parameter of the monomial = Σ rest
    the M-step's view   term = S · global atoms                       S = Σ E[latents] · data

A monomial is a product of statistics of one block at rows of its own. An index array that leads from the term's rows to
those of the block stays a reference: read, it gathers; as the target of a sum, it scatters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from emdsl.algebra.deltas import resolve_deltas
from emdsl.algebra.derived import Derived
from emdsl.algebra.indices import (
    Fixed,
    Gather,
    Index,
    IndexSource,
    Reference,
    Shift,
    renamed_bases,
    shared_bases,
)
from emdsl.algebra.operations import Split
from emdsl.algebra.symbols import Symbol, is_parent_table
from emdsl.algebra.terms import DELTA, HOT, IDENTITY, SPLIT, STRUCTURE, Atom, Polynomial, Term
from emdsl.derive.refusal import not_compiled
from emdsl.errors import CompilerBug, Span
from emdsl.structure.children import by_row
from emdsl.structure.networks import Network, NetworkBlock


@dataclass(frozen=True)
class Monomial:
    """A product of statistics of one block, with names of its own for its rows and for its other axes."""

    block: str
    atoms: tuple[Atom, ...]
    rows: tuple[Index, ...]
    axes: tuple[Index, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(item.variable for item in self.atoms)

    @property
    def all_axes(self) -> tuple[Index, ...]:
        return self.rows + self.axes

    def stands_everywhere(self, name: str) -> bool:
        """Whether a variable stands in it once, at all its rows."""
        own = [item for item in self.atoms if item.variable == name]
        lagged = any(isinstance(reference, Shift) for item in self.atoms for reference in item.references)
        return len(own) == 1 and not lagged and own[0].references[: len(self.rows)] == self.rows


@dataclass(frozen=True)
class Occurrence:
    """A monomial in a term: what stands for each of its axes there, and the rest of the term."""

    monomial: Monomial
    references: tuple[Reference, ...]
    rest: Term

    def without_masks(self, derived: Mapping[str, Derived]) -> Term:
        """The rest without masks that leave out no other rows than those that have no row at the monomial's lag."""
        longest: dict[Reference, int] = {}
        reference_of = dict(zip(self.monomial.rows, self.references, strict=False))
        for item in self.monomial.atoms:
            for shift in item.references:
                if isinstance(shift, Shift):
                    own = reference_of[shift.index]
                    longest[own] = max(shift.lag, longest.get(own, 0))

        def goes(item: Atom) -> bool:
            mask = derived.get(item.variable)
            if mask is None or mask.function != "at_least" or item.references[0] not in longest:
                return False
            least = mask.arguments[1].constant
            return least is not None and least <= longest[item.references[0]]

        return replace(self.rest, atoms=tuple(item for item in self.rest.atoms if not goes(item)))


@dataclass(frozen=True)
class CoupledStatistic:
    """Σ E[latents] · data as a statistic: `term` is what is summed, `axes` what is left.

    `parts`: the same where entries of its variables are inferred by themselves, with what stands for each axis there.
    """

    name: str
    network: str
    term: Term
    axes: tuple[Index, ...]
    parts: tuple[tuple[Term, tuple[Reference, ...]], ...] = ()


class Monomials:
    """The monomials of one block, each once, and where they occur."""

    def __init__(self, block: NetworkBlock, symbols: Mapping[str, Symbol], source: IndexSource) -> None:
        self.block, self.symbols, self.source = block, symbols, source
        self.known: dict[tuple[object, ...], Monomial] = {}
        self.occurrences: dict[tuple[object, ...], list[Occurrence]] = {}

    def add(self, term: Term) -> None:
        """Register a term that holds atoms of the block."""
        own = [item for item in term.atoms if item.variable in self.block.all]
        if self.block.coupled and own:
            for item in own:
                monomial, references = self.of([item])
                others = list(term.atoms)
                others.remove(item)
                rest = replace(term, atoms=tuple(others))
                self._found(Occurrence(monomial, references, rest))
            return
        found = self.occurrence(term)
        if found is not None:
            self._found(found)

    def _found(self, occurrence: Occurrence) -> None:
        self.occurrences.setdefault(_key(occurrence.monomial), []).append(occurrence)

    def expect(self, term: Term) -> None:
        """Register a term of which only the expectation is asked for: it is in no natural parameter."""
        own = [item for item in term.atoms if item.variable in self.block.all]
        if own and not self.block.coupled:
            monomial, _ = self.of(own)
            self.occurrences.setdefault(_key(monomial), [])

    def listed(self) -> list[tuple[Monomial, list[Occurrence]]]:
        return [(self.known[key], found) for key, found in self.occurrences.items()]

    def occurrence(self, term: Term) -> Occurrence | None:
        """The block's part of a term; None where it has none."""
        own = [item for item in term.atoms if item.variable in self.block.all]
        if not own:
            return None
        monomial, references = self.of(own)
        rest = replace(term, atoms=tuple(item for item in term.atoms if item.variable not in self.block.all))
        return Occurrence(monomial, references, rest)

    def of(self, own: list[Atom]) -> tuple[Monomial, tuple[Reference, ...]]:
        """The monomial of these atoms, and what stands for its axes."""
        order = {name: place for place, name in enumerate(self.block.all)}
        own = sorted(own, key=lambda item: (order[item.variable], repr(item.statistic), _form(item.references)))
        plates = {name: len(self.symbols[name].plates) for name in self.block.all}
        rows = tuple(dict.fromkeys(item.references[: plates[item.variable]] for item in own))
        children = [item for item in own if item.variable in self.block.given]
        meeting = len({item.references[: plates[item.variable]] for item in children}) > 1
        child = children[0] if children and not meeting else None
        names: dict[Reference, Index] = {}
        row_references: list[tuple[Reference, ...]]
        if len(rows) == 1 or child is not None:
            first = own[0] if child is None else child
            places = [self.source.fresh(size, letter) for size, letter in self.symbols[first.variable].plates]
            references: list[Reference] = list(first.references[: len(places)])
            row_references = [tuple(places)] * len(own)
            if len(rows) > 1:
                row_references = [
                    self._by_row(item.references[: plates[item.variable]], references, places) for item in own
                ]
        else:
            axes_of = {
                reference: axis
                for item in own
                for reference, axis in zip(item.references, self.symbols[item.variable].plates, strict=False)
            }
            lagged = {one.index for row in rows for one in row if isinstance(one, Shift)}
            names = {
                base: self.source.copy_of(base) if isinstance(base, Index) else self.source.fresh(*axes_of[base])
                for base in sorted(shared_bases(rows, axes_of), key=lambda base: base in lagged)  # time is last
            }
            latest = {base: _latest(base, rows) for base in names if isinstance(base, Index)}
            places = list(names.values())
            references = [
                Shift(base, latest[base]) if isinstance(base, Index) and latest[base] else base for base in names
            ]
            row_references = [
                tuple(renamed_bases(reference, names, latest) for reference in item.references[: plates[item.variable]])
                for item in own
            ]
        axes: list[Index] = []
        atoms = []
        for item, row in zip(own, row_references, strict=True):
            rest = item.references[plates[item.variable] :]
            fresh = tuple(self._axis(item, place) for place in range(len(rest)))
            axes += fresh
            references += rest
            atoms.append(replace(item, references=(*row, *fresh)))
        monomial = Monomial(self.block.variables[0], tuple(atoms), tuple(places), tuple(axes))
        key = _key(monomial)
        monomial = self.known.setdefault(key, monomial)
        return monomial, tuple(references)

    def _by_row(
        self, references: tuple[Reference, ...], row: list[Reference], places: list[Index]
    ) -> tuple[Reference, ...]:
        """The place of a parent, by the row of its child, which may be one row alone."""
        found = tuple(places) if list(references) == row else by_row(references, row, places)
        if found is None:
            raise CompilerBug("a parent at a place that its child's row does not fix")
        return found

    def _axis(self, item: Atom, place: int) -> Index:
        symbol = self.symbols[item.variable]
        if item.statistic == HOT:
            assert symbol.categories is not None
            return self.source.fresh(symbol.categories, "k")
        return self.source.fresh(*symbol.event[place])


def _latest(index: Index, rows: Iterable[tuple[Reference, ...]]) -> int:
    """The smallest lag of an index that only occurs with lags: x[t-1] x[t-2] is x[t] x[t-1] of the row before."""
    return min((lag for row in rows for reference in row for lag in _lags(reference, index)), default=0)


def _lags(reference: Reference, index: Index) -> Iterator[int]:
    """The lags at which a reference reads an index; the series that a row belongs to is that of the row before."""
    match reference:
        case Index():
            yield from (0,) if reference == index else ()
        case Shift(own, lag):
            yield from (lag,) if own == index else ()
        case Gather(table, references) if not is_parent_table(table):
            for inner in references:
                yield from _lags(inner, index)


def _form(references: tuple[Reference, ...]) -> tuple[object, ...]:
    """An order for atoms of one variable that does not depend on the names of indices: plain, lagged, gathered."""
    kinds = {Index: 0, Shift: 1, Gather: 2, Fixed: 3}
    return tuple(
        (kinds[type(reference)], reference.table if isinstance(reference, Gather) else getattr(reference, "lag", 0))
        for reference in references
    )


def _key(monomial: Monomial) -> tuple[object, ...]:
    place = {index: number for number, index in enumerate(monomial.rows)}

    def shape(reference: Reference) -> object:
        match reference:
            case Index():
                return place.get(reference, "axis")
            case Gather(table, references):
                return (table, tuple(shape(inner) for inner in references))
            case Shift(index, lag):
                return ("lag", place.get(index, "axis"), lag)
        return reference

    return tuple(
        (item.variable, item.statistic, tuple(shape(reference) for reference in item.references))
        for item in monomial.atoms
    )


def apart_or_same(
    term: Term, names: frozenset[str], symbols: Mapping[str, Symbol], spans: Mapping[str, Span | None]
) -> list[Term]:
    """[z_a = k][z_b = l] is a product of independent factors where a ≠ b, and [k = l][z_a = k] where a = b."""
    for name in names:
        own = [item for item in term.atoms if item.variable == name]
        if len(own) < 2:
            continue
        if len(own) > 2:
            raise not_compiled(f"`{name}` at more than two rows in one law", spans.get(name))
        one, two = own
        count = len(symbols[name].plates)
        pairs = list(zip(one.references[:count], two.references[:count], strict=True))
        same = tuple(Atom(STRUCTURE, DELTA, pair) for pair in pairs if pair[0] != pair[1])
        rest = tuple(item for item in term.atoms if item is not two)
        states = Atom(STRUCTURE, DELTA, (one.references[-1], two.references[-1]))
        minus = replace(term, coefficient=-term.coefficient, atoms=(*term.atoms, *same))
        equal = replace(term, atoms=(*rest, *same, states))
        return [term, *resolve_deltas(Polynomial((minus, equal))).terms]
    return [term]


def with_choices(term: Term, splits: Mapping[str, Split], source: IndexSource) -> list[Term]:
    """A term with the logarithm of a sum: Σ_k [choice = k] log m_k in its place."""
    item = next((item for item in term.atoms if item.statistic == SPLIT), None)
    if item is None:
        return [term]
    split = splits[item.variable]
    cofactor = tuple(other for other in term.atoms if other is not item)
    names = dict(zip(split.indices, item.references, strict=True))
    result = []
    for alternative in split.log_alternatives:
        moved = alternative.substitute(dict(names))
        hot = Atom(item.variable, HOT, (*item.references, split.choice))
        bound = tuple(dict.fromkeys((*term.bound, *moved.bound, split.choice)))
        one = Term(term.coefficient * moved.coefficient, (*cofactor, hot, *moved.atoms), bound)
        fresh = {split.choice: source.copy_of(split.choice)}
        result.append(one.substitute(dict(fresh)))
    return result


def choice_symbols(splits: Mapping[str, Split]) -> dict[str, Symbol]:
    """The auxiliary choices as discrete variables; their plates are the indices of the sums that they split."""
    return {
        name: Symbol(
            name,
            known=False,
            kind="index",
            plates=tuple((index.size, index.letter) for index in split.indices),
            categories=split.choice.size,
            letters=tuple(index.letter for index in split.indices),
            choice=True,
        )
        for name, split in splits.items()
    }


def coupled_terms(term: Term, network: Network, known: Callable[[Atom], bool]) -> tuple[Term, CoupledStatistic]:
    """The term as a statistic, which has no name yet, times global atoms."""
    local = tuple(item for item in term.atoms if item.variable in network.variables)
    data = tuple(item for item in term.atoms if item not in local and known(item))
    globals_ = tuple(item for item in term.atoms if item not in local and not known(item))
    outer = {index for item in globals_ for index in item.indices}
    inside = dict.fromkeys(index for item in (*local, *data) for index in item.indices)
    axes = tuple(index for index in inside if index in outer)
    summed = tuple(index for index in term.bound if index not in axes and index not in outer)
    inner = Term(1.0, (*local, *data), summed)
    statistic = CoupledStatistic("", network.name, inner, axes)
    left = tuple(index for index in term.bound if index not in summed)
    return Term(term.coefficient, (Atom(statistic.name, IDENTITY, axes), *globals_), left), statistic
