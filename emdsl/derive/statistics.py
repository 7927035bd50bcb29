"""Sufficient statistics and the collapsed log joint: what stands between the E-step and the M-step.

    S_j = Σ_rows E[local statistic] · feature        log p = Σ_terms coefficient · S_j · global atoms

Terms are compared in a canonical form, in which the names of indices do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from emdsl.algebra.deltas import resolve_deltas
from emdsl.algebra.indices import Gather, Index, Reference, Shift
from emdsl.algebra.terms import HOT, OFFSET, Atom, Polynomial, Term
from emdsl.structure.locals import LocalBlock


@dataclass(frozen=True)
class Feature:
    """Π of data atoms for each row: axes `links` then rows; `inner` indices are summed within a row.

    `symmetric`: the two links are interchangeable, so only one of each pair needs to be kept.
    """

    atoms: tuple[Atom, ...]
    links: tuple[Index, ...]
    rows: tuple[Index, ...]
    inner: tuple[Index, ...]
    symmetric: bool = False


@dataclass(frozen=True)
class LocalStatistic:
    """Π of atoms of the latents of one row, with the axes that are left for each row."""

    atoms: tuple[Atom, ...]
    axes: tuple[Index, ...]


@dataclass(frozen=True)
class SufficientStatistic:
    """Σ_rows E[local] · feature, with axes local.axes + feature.links; `name` is its key in `statistics`."""

    name: str
    local: LocalStatistic
    feature: Feature

    @property
    def axes(self) -> tuple[Index, ...]:
        return self.local.axes + self.feature.links


@dataclass(frozen=True)
class Sweep:
    """One pass over the rows of one local block, or of data without latents (`block` None).

    `moving`: its features are about reference points, and those that data alone determine have a sweep of their own.
    """

    block: LocalBlock | None
    plates: tuple[str, ...]
    statistics: tuple[SufficientStatistic, ...]
    moving: bool = False


@dataclass(frozen=True)
class Collapsed:
    """The log joint with rows summed out. Each global term remembers the variable of the factor that it came from."""

    terms: tuple[tuple[str, Term], ...]
    sweeps: tuple[Sweep, ...]

    @property
    def symmetric(self) -> frozenset[str]:
        """Statistics that do not change when their last two axes are exchanged."""
        return frozenset(
            item.name
            for sweep in self.sweeps
            for item in sweep.statistics
            if item.feature.symmetric or (not item.feature.links and _is_square(item.local))
        )

    def statistic(self, name: str) -> SufficientStatistic | None:
        return next((item for sweep in self.sweeps for item in sweep.statistics if item.name == name), None)


def _is_square(local: LocalStatistic) -> bool:
    """Whether a local statistic is a vector times itself, with an axis for each factor."""
    plain = [item for item in local.atoms if item.statistic != HOT]
    if len(plain) != 2 or plain[0].variable != plain[1].variable:
        return False
    first, second = (set(item.references) & set(local.axes) for item in plain)
    return len(first) == len(second) == 1 and first != second


def canonical_form(atoms: tuple[Atom, ...], rows: tuple[Index, ...], axes: tuple[Index, ...]) -> tuple[object, ...]:
    """Atoms with indices replaced by their place: equal for terms that differ in the names of indices only."""
    place: dict[Index, tuple[str, int]] = {index: ("row", position) for position, index in enumerate(rows)}
    place |= {index: ("axis", position) for position, index in enumerate(axes)}

    def shape(reference: Reference) -> object:
        match reference:
            case Index():
                return place.setdefault(reference, ("inner", len(place)))
            case Shift(index, lag):
                return ("lag", shape(index), lag)
            case Gather(table, references):
                return (table, tuple(shape(inner) for inner in references))
        return reference

    listed = [
        (item.variable, item.statistic.kind, item.statistic.exponent, tuple(shape(r) for r in item.references))
        for item in atoms
    ]
    return tuple(sorted(listed, key=repr))


def normal_form(terms: Iterable[Term], symmetric: frozenset[str]) -> tuple[Term, ...]:
    """Deltas resolved, like terms merged, zeros dropped; `symmetric`: variables that are symmetric matrices."""
    merged: dict[tuple[object, ...], Term] = {}
    for term in resolve_deltas(Polynomial(tuple(terms))).terms:
        key = _term_key(term, symmetric)
        if key in merged:
            term = replace(merged[key], coefficient=merged[key].coefficient + term.coefficient)
        merged[key] = term
    return tuple(term for term in merged.values() if term.coefficient != 0)


def _term_key(term: Term, symmetric: frozenset[str]) -> tuple[object, ...]:
    """Equal for terms that differ in the names of bound indices, or by transposing a symmetric matrix."""
    bound = set(term.bound)
    place: dict[Index, object] = {}

    def shape(reference: Reference) -> object:
        if isinstance(reference, Index):
            return place.setdefault(reference, len(place)) if reference in bound else ("free", reference.identity)
        if isinstance(reference, Gather):
            return (reference.table, tuple(shape(inner) for inner in reference.references))
        return reference

    def last(item: Atom) -> tuple[bool, str, str, float]:
        matrix = item.variable in symmetric and item.statistic.kind != "logdet"
        return (matrix, item.variable, item.statistic.kind, item.statistic.exponent)

    listed = []
    for item in sorted(term.atoms, key=last):
        shapes = [shape(reference) for reference in item.references]
        if last(item)[0]:
            shapes[-2:] = sorted(shapes[-2:], key=repr)
        listed.append((item.variable, item.statistic, tuple(shapes)))
    unused = sorted(str(index.size) for index in term.bound if index not in place)
    return (tuple(listed), tuple(unused))


def vanishes(atoms: Sequence[Atom], at_reference: frozenset[str], posterior: frozenset[str]) -> bool:
    """Whether an expectation is zero because an offset from a location's own value is: its square, under q, is not."""
    offsets = [item.variable for item in atoms if item.statistic == OFFSET and item.variable in at_reference]
    return any(offsets.count(name) == 1 or name not in posterior for name in offsets)
