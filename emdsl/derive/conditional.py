"""The complete conditional of a variable: the terms that hold its statistics, collected by monomial.

    log p(v | rest) = Σ_monomials monomial(v) · cofactor(rest) + constant

A monomial is one statistic of v, or a product of two. Its cofactor is a polynomial with the monomial's axes: the
natural parameter that belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from emdsl.algebra.deltas import resolve_deltas
from emdsl.algebra.indices import Fixed, Index, IndexSource, Reference
from emdsl.algebra.symbols import Symbol
from emdsl.algebra.terms import DELTA, STRUCTURE, WHOLE, Atom, Polynomial, Statistic, Term


@dataclass(frozen=True)
class Monomial:
    """One statistic of a variable, or two; `axes` are the axes of each, those that always agree merged into one."""

    statistics: tuple[Statistic, ...]
    axes: tuple[tuple[Index, ...], ...]

    @property
    def kinds(self) -> tuple[tuple[str, float], ...]:
        return tuple((statistic.kind, statistic.exponent) for statistic in self.statistics)


@dataclass(frozen=True)
class Conditional:
    """`variable` given everything else: each monomial with its cofactor, whose axes are the monomial's."""

    variable: str
    parts: tuple[tuple[Monomial, Polynomial], ...]

    @property
    def signature(self) -> frozenset[tuple[tuple[str, float], ...]]:
        return frozenset(monomial.kinds for monomial, _ in self.parts)


def axes_of(symbol: Symbol, source: IndexSource) -> tuple[Index, ...]:
    """Fresh indices for the axes of a variable."""
    return tuple(source.fresh(size, letter) for size, letter in symbol.axes)


def conditional(symbol: Symbol, terms: Iterable[Term], source: IndexSource) -> Conditional:
    """Collect the terms of `terms` that hold `symbol`, with the axes of the variable in a common naming."""
    axes = axes_of(symbol, source)
    collected: dict[tuple[tuple[str, float], ...], list[tuple[Term, tuple[Index, ...]]]] = {}
    names: dict[int, tuple[Index, ...]] = {0: axes}
    for term in terms:
        own = tuple(item for item in term.atoms if item.variable == symbol.name)
        if not own:
            continue
        for position in range(len(own)):
            if position not in names:
                names[position] = tuple(source.copy_of(axis) for axis in axes)
        rest = tuple(item for item in term.atoms if item not in own or item.variable != own[0].variable)
        moved, used = in_common_axes(replace(term, atoms=rest), own, [names[position] for position in range(len(own))])
        kinds = tuple((item.statistic.kind, item.statistic.exponent) for item in own)
        collected.setdefault(kinds, []).append((moved, used))
    parts = []
    for kinds, listed in collected.items():
        statistics = tuple(Statistic(kind, exponent) for kind, exponent in kinds)
        lengths = [_rank(statistic, symbol) for statistic in statistics]
        own_axes = tuple(names[position][:length] for position, length in enumerate(lengths))
        parts.append(_merged(Monomial(statistics, own_axes), [term for term, _ in listed]))
    return Conditional(symbol.name, tuple(parts))


def _rank(statistic: Statistic, symbol: Symbol) -> int:
    return len(symbol.plates) if statistic.kind in WHOLE else len(symbol.axes)


def in_common_axes(
    rest: Term, own: Sequence[Atom], names: Sequence[tuple[Index, ...]]
) -> tuple[Term, tuple[Index, ...]]:
    """What multiplies some atoms, with the references of these renamed to common axes; and those that they have.

    A reference that is fixed, or that stands twice, becomes a delta between axes.
    """
    replacement: dict[Index, Reference] = {}
    deltas: list[Atom] = []
    used: list[Index] = []
    for item, axes in zip(own, names, strict=True):
        for axis, reference in zip(axes, item.references, strict=False):
            used.append(axis)
            if isinstance(reference, Index) and reference not in replacement:
                replacement[reference] = axis
            elif isinstance(reference, Index):
                deltas.append(Atom(STRUCTURE, DELTA, (replacement[reference], axis)))
            elif isinstance(reference, Fixed):
                deltas.append(Atom(STRUCTURE, DELTA, (axis, reference)))
    bound = tuple(index for index in rest.bound if index not in replacement)
    cofactor = replace(rest, bound=bound).substitute(replacement)
    return replace(cofactor, atoms=(*cofactor.atoms, *deltas)), tuple(used)


def _merged(monomial: Monomial, cofactors: list[Term]) -> tuple[Monomial, Polynomial]:
    """Axes of the second statistic that agree with the first's in every term are one axis: a plate."""
    if len(monomial.statistics) != 2:
        axes = tuple(axis for part in monomial.axes for axis in part)
        return monomial, resolve_deltas(Polynomial(tuple(cofactors), axes))
    first, second = monomial.axes
    same = [
        (one, two)
        for one, two in zip(first, second, strict=True)
        if all(Atom(STRUCTURE, DELTA, (one, two)) in term.atoms for term in cofactors)
    ]
    merged = {two: one for one, two in same}
    stripped = []
    for term in cofactors:
        atoms = tuple(item for item in term.atoms if not (item.statistic == DELTA and item.references in same))
        stripped.append(replace(term, atoms=atoms).substitute(dict(merged)))
    renamed = tuple(merged.get(axis, axis) for axis in second)
    axes = first + tuple(axis for axis in renamed if axis not in first)
    return Monomial(monomial.statistics, (first, renamed)), Polynomial(tuple(stripped), axes)
