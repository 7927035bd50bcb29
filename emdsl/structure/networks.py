"""Latents that meet beyond one row: networks, and the blocks that each is inferred in.

    finite       discrete variables, eliminated one after the other; real ones of the same row are their children
    Gaussian     real variables of one joint normal law
    conjugate    positive, unit, simplex and matrix variables, each entry independent of the others

Everything that meets in a term belongs to one network. Within it, blocks that still meet are independent under q: the
dependence between them is broken. Facts only: no formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from emdsl.algebra.indices import Fixed, Index, Shift, indices_in
from emdsl.algebra.symbols import Symbol
from emdsl.algebra.terms import Atom, Term


@dataclass(frozen=True)
class NetworkBlock:
    """Variables that are inferred together. `children`: real variables inferred given the discrete ones of their row.

    `coupled`: one discrete variable that meets itself at two rows, which are independent under q and updated in turn.
    """

    kind: str
    variables: tuple[str, ...]
    children: tuple[str, ...] = ()
    coupled: bool = False

    @property
    def all(self) -> tuple[str, ...]:
        return self.variables + self.children


@dataclass(frozen=True)
class Network:
    """Latents that depend on each other. `broken`: pairs of variables that meet although their blocks are apart."""

    variables: tuple[str, ...]
    blocks: tuple[NetworkBlock, ...]
    broken: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        return "_".join(name.replace(" ", "_") for name in self.variables)

    @property
    def exact(self) -> bool:
        return len(self.blocks) == 1 and not self.broken and not self.blocks[0].coupled

    @property
    def iterated(self) -> bool:
        """Whether its blocks are updated in turn until nothing moves."""
        return len(self.blocks) > 1 or self.blocks[0].coupled

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


def plate_references(item: Atom, symbols: Mapping[str, Symbol]) -> tuple[object, ...]:
    """The references of an atom to the plates of its variable."""
    return item.references[: len(symbols[item.variable].plates)]


def blocks_of(
    variables: Sequence[str],
    terms: Sequence[Term],
    symbols: Mapping[str, Symbol],
    apart: Callable[[str, str], bool],
    eliminable: Callable[[Sequence[str]], bool],
) -> tuple[NetworkBlock, ...]:
    """The fewest blocks that exact inference allows.

    `apart`: whether a factorisation was asked for that separates two variables. `eliminable`: whether these discrete
    variables can be eliminated exactly within the budget.
    """
    own = [[item for item in term.atoms if item.variable in variables] for term in terms]
    kinds = {name: kind_of(symbols[name]) for name in variables}
    finite = _merged_finite([name for name in variables if kinds[name] == "finite"], own, apart, eliminable)
    gaussian = _merged_gaussian([name for name in variables if kinds[name] == "gaussian"], own, apart)
    blocks: list[NetworkBlock] = []
    taken: set[tuple[str, ...]] = set()
    for group in finite:
        children: list[str] = []
        for reals in gaussian:
            separated = any(apart(one, other) for one in group for other in reals)
            if reals not in taken and not separated and _is_child(reals, group, own, symbols, kinds):
                children += reals
                taken.add(reals)
        blocks.append(NetworkBlock("finite", group, tuple(children)))
    blocks += [NetworkBlock("gaussian", group) for group in gaussian if group not in taken]
    blocks += [NetworkBlock("conjugate", (name,)) for name in variables if kinds[name] == "conjugate"]
    order = {name: place for place, name in enumerate(variables)}
    return tuple(sorted(blocks, key=lambda block: order[block.variables[0]]))


def kind_of(symbol: Symbol) -> str:
    """The kind of block that a latent belongs to."""
    return "finite" if symbol.categories is not None else "gaussian" if symbol.kind == "real" else "conjugate"


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
    apart: Callable[[str, str], bool],
    eliminable: Callable[[Sequence[str]], bool],
) -> list[tuple[str, ...]]:
    """Discrete variables that meet are merged as long as the result can be eliminated."""
    order = {name: place for place, name in enumerate(names)}
    groups: list[tuple[str, ...]] = [(name,) for name in names]
    counts: dict[tuple[str, str], int] = {}
    for atoms in own:
        present = sorted({item.variable for item in atoms if item.variable in order}, key=order.__getitem__)
        for place, one in enumerate(present):
            for other in present[place + 1 :]:
                counts[one, other] = counts.get((one, other), 0) + 1
    for one, other in sorted(counts, key=lambda pair: -counts[pair]):
        first = next(group for group in groups if one in group)
        second = next(group for group in groups if other in group)
        if first == second or any(apart(a, b) for a in first for b in second):
            continue
        union = tuple(sorted(first + second, key=order.__getitem__))
        if eliminable(union):
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


def _is_child(
    reals: Sequence[str],
    group: Sequence[str],
    own: Sequence[Sequence[Atom]],
    symbols: Mapping[str, Symbol],
    kinds: Mapping[str, str],
) -> bool:
    """Whether real variables of one row each depend on discrete ones of that row only, and on each other within it."""
    meets = False
    for atoms in own:
        mine = [item for item in atoms if item.variable in reals]
        if not mine:
            continue
        rows = {plate_references(item, symbols) for item in mine}
        if len(rows) > 1:
            return False
        gates = [item for item in atoms if kinds[item.variable] == "finite"]
        if any(item.variable not in group for item in gates) or len({item.variable for item in gates}) > 1:
            return False
        (row,) = rows
        plain = {reference for reference in row if isinstance(reference, Index)}
        for gate in gates:
            meets = True
            needed = {i for reference in plate_references(gate, symbols) for i in indices_in(reference)}  # type: ignore[arg-type]
            if len(plain) < len(row) or needed != plain:
                return False
    return meets


def broken_pairs(blocks: Sequence[NetworkBlock], terms: Sequence[Term]) -> tuple[tuple[str, str], ...]:
    """Pairs of variables of different blocks that meet in a term."""
    where = {name: place for place, block in enumerate(blocks) for name in block.all}
    found: dict[tuple[str, str], None] = {}
    for term in terms:
        present = sorted(name for name in term.variables() if name in where)
        for place, one in enumerate(present):
            for other in present[place + 1 :]:
                if where[one] != where[other]:
                    found[one, other] = None
    return tuple(found)
