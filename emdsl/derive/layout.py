"""Where each feature and each local statistic of a sweep stands in its matrices.

    T(row) = (1, x̃_d, x̃_d x̃_e for d ≤ e, …)

The constant feature is always first: it carries the normalisers in and the counts out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from emdsl.algebra.terms import HOT, MASK
from emdsl.derive.statistics import Feature, LocalStatistic, Sweep, canonical_form

SizeText = Callable[[str | int], str]


@dataclass(frozen=True)
class Slot:
    """The rows `start:stop` of a matrix, as text; `shape` lists the axes that they hold (empty: one row)."""

    start: str
    stop: str
    shape: tuple[str, ...]
    packed: bool = False

    @property
    def text(self) -> str:
        return f"{self.start}:{self.stop}" if self.shape else self.start


@dataclass(frozen=True)
class Layout:
    """Slots of the features and of the local statistics of one sweep, in order, with the total sizes."""

    features: tuple[tuple[Feature, Slot], ...]
    width: str
    locals: tuple[tuple[LocalStatistic, Slot], ...]
    height: str

    def feature_slot(self, feature: Feature) -> Slot:
        return next(slot for other, slot in self.features if same_feature(other, feature))

    def local_slot(self, local: LocalStatistic) -> Slot:
        return next(slot for other, slot in self.locals if same_local(other, local))


def same_feature(one: Feature, other: Feature) -> bool:
    return _feature_key(one) == _feature_key(other)


def _feature_key(feature: Feature) -> tuple[object, ...]:
    counted = [i.letter for i in feature.inner if not any(i in item.indices for item in feature.atoms)]
    return (canonical_form(feature.atoms, feature.rows, feature.links), tuple(counted))


def same_local(one: LocalStatistic, other: LocalStatistic) -> bool:
    return _local_key(one) == _local_key(other)


def _local_key(local: LocalStatistic) -> tuple[object, ...]:
    return tuple((item.variable, item.statistic, len(item.references)) for item in local.atoms)


def is_constant(feature: Feature) -> bool:
    """Whether the feature is 1 for every row."""
    return not feature.atoms and not feature.inner


def is_packed(feature: Feature) -> bool:
    """A product of one vector with itself: only the pairs d ≤ e are kept."""
    return (
        feature.symmetric
        and len(feature.atoms) == 2
        and feature.atoms[0].variable == feature.atoms[1].variable
        and feature.atoms[0].statistic == feature.atoms[1].statistic
        and feature.atoms[0].statistic not in (HOT, MASK)
        and all(len(set(item.indices) & set(feature.links)) == 1 for item in feature.atoms)
        and not feature.inner
    )


def layout(sweep: Sweep, size_text: SizeText) -> Layout:
    """Constant feature first, then by degree, each feature once."""
    statistics = sorted(sweep.statistics, key=lambda item: len(item.feature.atoms))
    features: list[Feature] = []
    local: list[LocalStatistic] = []
    for statistic in statistics:
        if not is_constant(statistic.feature) and not any(same_feature(statistic.feature, other) for other in features):
            features.append(statistic.feature)
    for item in sorted([*(s.local for s in sweep.statistics), *_means(sweep)], key=lambda item: len(item.atoms)):
        if not any(same_local(item, other) for other in local):
            local.append(item)
    rows = sweep.statistics[0].feature.rows
    constant, place = Feature((), (), rows, ()), _Place(1)
    feature_slots = [(constant, Slot("0", "1", ()))]
    for feature in features:
        sizes = tuple(size_text(index.size) for index in feature.links)
        packed = is_packed(feature)
        extent = f"{sizes[0]} * ({sizes[0]} + 1) // 2" if packed else " * ".join(sizes)
        if packed and sizes[0].isdigit():
            extent = str(int(sizes[0]) * (int(sizes[0]) + 1) // 2)
        stop = place.after(extent or "1")
        feature_slots.append((feature, Slot(place.text, stop.text, sizes, packed)))
        place = stop
    width, local_slots, place = place.text, [], _Place(0)
    for item in local:
        sizes = tuple(size_text(index.size) for index in item.axes)
        stop = place.after(" * ".join(sizes) or "1")
        local_slots.append((item, Slot(place.text, stop.text, sizes)))
        place = stop
    return Layout(tuple(feature_slots), width, tuple(local_slots), place.text)


def _means(sweep: Sweep) -> list[LocalStatistic]:
    """E[f] of each Gaussian latent, out of a product that it is in: no statistic where it has no linear term."""
    found = []
    for name in sweep.block.gaussian if sweep.block else ():
        product = next(s.local for s in sweep.statistics if any(item.variable == name for item in s.local.atoms))
        own = next(item for item in product.atoms if item.variable == name)
        atoms = tuple(item for item in product.atoms if item.statistic == HOT or item is own)
        read = {reference for item in atoms for reference in item.references}
        found.append(LocalStatistic(atoms, tuple(axis for axis in product.axes if axis in read)))
    return found


@dataclass(frozen=True)
class _Place:
    """A sum of extents: a number, and each extent with how often it counts."""

    number: int
    counts: tuple[tuple[str, int], ...] = ()

    def after(self, extent: str) -> _Place:
        if all(factor.isdigit() for factor in extent.split(" * ")):
            return _Place(self.number + prod(int(factor) for factor in extent.split(" * ")), self.counts)
        counts = dict(self.counts)
        return _Place(self.number, tuple((counts | {extent: counts.get(extent, 0) + 1}).items()))

    @property
    def text(self) -> str:
        counted = [_times(times, extent) for extent, times in self.counts]
        return " + ".join(([str(self.number)] if self.number or not counted else []) + counted)


def _times(times: int, extent: str) -> str:
    if times == 1:
        return extent
    return f"{times} * ({extent})" if "//" in extent else f"{times} * {extent}"
