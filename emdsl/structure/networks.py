"""Latents that meet beyond one row: networks, and the blocks that each is inferred in.

    finite       discrete variables, eliminated one after the other; continuous ones may be their children
    Gaussian     real variables of one joint normal law
    conjugate    positive, unit, simplex and matrix variables, each entry independent of the others

Everything that meets in a term belongs to one network. Within it, blocks that still meet are independent under q: the
dependence between them is broken. Facts only: no formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from emdsl.algebra.indices import Fixed, IndexSource, Shift
from emdsl.algebra.symbols import Symbol
from emdsl.algebra.terms import Atom, Term
from emdsl.structure.children import Children, children_of, kind_of, plate_references


@dataclass(frozen=True)
class NetworkBlock:
    """Variables that are inferred together. `children`: continuous ones that are inferred given the discrete ones.

    `coupled`: one discrete variable that meets itself at two rows, which are independent under q and updated in turn.
    `gates`: of a choice among the products of a sum, the discrete latents whose states say whether it is made.
    """

    kind: str
    variables: tuple[str, ...]
    children: tuple[Children, ...] = ()
    coupled: bool = False
    gates: tuple[str, ...] = ()

    @property
    def given(self) -> tuple[str, ...]:
        """The variables that are inferred given the discrete ones."""
        return tuple(name for one in self.children for name in one.variables)

    @property
    def all(self) -> tuple[str, ...]:
        return self.variables + self.given


@dataclass(frozen=True)
class Network:
    """Latents that depend on each other. `broken`: pairs of variables that meet although their blocks are apart.

    The blocks have the entries of a variable in its place where these are inferred by themselves.
    """

    variables: tuple[str, ...]
    blocks: tuple[NetworkBlock, ...]
    broken: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        return "_".join(name.replace(" ", "_") for name in self.variables)

    @property
    def inferred(self) -> frozenset[str]:
        """The variables of all blocks."""
        return frozenset(name for block in self.blocks for name in block.all)

    @property
    def by_entry(self) -> bool:
        """Whether entries of a variable are inferred by themselves: a statistic is that of all of them together."""
        return not set(self.variables) <= self.inferred

    @property
    def independent(self) -> tuple[NetworkBlock, ...]:
        """The blocks that are independent under q; a choice that is made under gates has its law given these."""
        return tuple(block for block in self.blocks if not block.gates)

    @property
    def exact(self) -> bool:
        return not self.iterated and not self.broken

    @property
    def iterated(self) -> bool:
        """Whether its blocks are updated in turn until nothing moves."""
        return len(self.independent) > 1 or self.independent[0].coupled

    def block_of(self, variable: str) -> NetworkBlock:
        return next(block for block in self.blocks if variable in block.all)


def components(names: Sequence[str], meetings: Sequence[frozenset[str]]) -> tuple[tuple[str, ...], ...]:
    """Names grouped by their meetings, in the order of their first members."""
    groups: list[set[str]] = [{name} for name in names]
    for meeting in meetings:
        together = {name for name in meeting if name in names}
        if len(together) > 1:
            joined = set().union(*(group for group in groups if group & together))
            groups = [group for group in groups if not group & together] + [joined]
    order = {name: place for place, name in enumerate(names)}
    listed = [tuple(sorted(group, key=order.__getitem__)) for group in groups]
    return tuple(sorted(listed, key=lambda group: order[group[0]]))


def blocks_of(
    variables: Sequence[str],
    terms: Sequence[Term],
    symbols: Mapping[str, Symbol],
    apart: Callable[[str, str], bool],
    eliminable: Callable[[Sequence[str], Sequence[Children]], bool],
    source: IndexSource,
) -> tuple[NetworkBlock, ...]:
    """The fewest blocks that exact inference allows.

    `apart`: whether a factorisation was asked for that separates two variables. `eliminable`: whether these discrete
    variables can be eliminated exactly within the budget, once these children are integrated.
    """
    own = [[item for item in term.atoms if item.variable in variables] for term in terms]
    kinds = {name: kind_of(symbols[name]) for name in variables}
    gaussian = _merged_gaussian([name for name in variables if kinds[name] == "gaussian"], own, apart)
    continuous = [*gaussian, *((name,) for name in variables if kinds[name] == "conjugate")]
    families = [one for group in continuous if (one := children_of(group, own, symbols, source)) is not None]
    families = [one for one in families if eliminable(one.parents, [one])]
    finite = _merged_finite([name for name in variables if kinds[name] == "finite"], own, families, apart, eliminable)
    blocks: list[NetworkBlock] = []
    taken: set[str] = set()
    for group in finite:
        children: list[Children] = []
        for one in families:
            separated = any(apart(a, b) for a in group for b in one.variables)
            if set(one.parents) <= set(group) and not separated and not _meets(one, children, own):
                children.append(one)
                taken.update(one.variables)
        blocks.append(NetworkBlock("finite", group, tuple(children)))
    blocks += [NetworkBlock(kinds[group[0]], group) for group in continuous if not taken & set(group)]
    order = {name: place for place, name in enumerate(variables)}
    return tuple(sorted(blocks, key=lambda block: order[block.variables[0]]))


def _meets(one: Children, others: Sequence[Children], own: Sequence[Sequence[Atom]]) -> bool:
    """Whether a family meets another one in a term, so that both have no law given their parents alone."""
    rest = {name for other in others for name in other.variables}
    present = [{item.variable for item in atoms} for atoms in own]
    return any(names & rest and names & set(one.variables) for names in present)


def self_coupled(variables: Sequence[str], terms: Sequence[Term], symbols: Mapping[str, Symbol]) -> frozenset[str]:
    """Discrete variables that meet themselves at two rows of a plate without an order."""
    found = set()
    for term in terms:
        for name in variables:
            own = [item for item in term.atoms if item.variable == name]
            rows = {plate_references(item, symbols) for item in own}
            lagged = any(isinstance(reference, Shift | Fixed) for row in rows for reference in row)
            if len(rows) > 1 and not lagged and kind_of(symbols[name]) == "finite":
                found.add(name)
    return frozenset(found)


def _merged_finite(
    names: Sequence[str],
    own: Sequence[Sequence[Atom]],
    families: Sequence[Children],
    apart: Callable[[str, str], bool],
    eliminable: Callable[[Sequence[str], Sequence[Children]], bool],
) -> list[tuple[str, ...]]:
    """Discrete variables that meet, or have a child together, are merged as long as the result can be eliminated."""
    order = {name: place for place, name in enumerate(names)}
    groups: list[tuple[str, ...]] = [(name,) for name in names]
    counts: dict[tuple[str, str], int] = {}
    meetings = [{item.variable for item in atoms if item.variable in order} for atoms in own]
    for meeting in (*meetings, *(set(one.parents) for one in families)):
        present = sorted(meeting, key=order.__getitem__)
        for place, one in enumerate(present):
            for other in present[place + 1 :]:
                counts[one, other] = counts.get((one, other), 0) + 1
    for one, other in sorted(counts, key=lambda pair: -counts[pair]):
        first = next(group for group in groups if one in group)
        second = next(group for group in groups if other in group)
        if first == second or any(apart(a, b) for a in first for b in second):
            continue
        union = tuple(sorted(first + second, key=order.__getitem__))
        if eliminable(union, [one for one in families if set(one.parents) <= set(union)]):
            groups = [group for group in groups if group not in (first, second)] + [union]
    return sorted(groups, key=lambda group: order[group[0]])


def _merged_gaussian(
    names: Sequence[str], own: Sequence[Sequence[Atom]], apart: Callable[[str, str], bool]
) -> list[tuple[str, ...]]:
    """Real variables that meet are merged as long as no term is of more than second degree in the group."""
    order = {name: place for place, name in enumerate(names)}
    groups: list[tuple[str, ...]] = [(name,) for name in names]
    met = {
        (one, other)
        for atoms in own
        for one in {item.variable for item in atoms if item.variable in order}
        for other in {item.variable for item in atoms if item.variable in order}
        if order[one] < order[other]
    }
    for one, other in sorted(met, key=lambda pair: (order[pair[0]], order[pair[1]])):
        first = next(group for group in groups if one in group)
        second = next(group for group in groups if other in group)
        if first == second or any(apart(a, b) for a in first for b in second):
            continue
        union = set(first + second)
        if all(sum(item.variable in union for item in atoms) <= 2 for atoms in own):
            groups = [group for group in groups if group not in (first, second)]
            groups.append(tuple(sorted(union, key=order.__getitem__)))
    return sorted(groups, key=lambda group: order[group[0]])


def broken_pairs(blocks: Sequence[NetworkBlock], terms: Sequence[Term]) -> tuple[tuple[str, str], ...]:
    """Pairs of variables of different blocks that meet in a term; a choice has its law given its gates."""
    where = {name: place for place, block in enumerate(blocks) for name in block.all}
    gated = {(name, gate) for block in blocks for name in block.variables for gate in block.gates}
    found: dict[tuple[str, str], None] = {}
    for term in terms:
        present = sorted(name for name in term.variables() if name in where)
        for place, one in enumerate(present):
            for other in present[place + 1 :]:
                if where[one] != where[other] and not {(one, other), (other, one)} & gated:
                    found[one, other] = None
    return tuple(found)
