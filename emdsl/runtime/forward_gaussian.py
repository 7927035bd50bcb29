"""Gaussian chains given the past: the law of each row once the rows up to its own are seen.

Each row u brings terms on the rows u − L, …, u: a precision and a linear term over this *window*. The windows of L rows
in succession are a potential between the L rows before them and their own, and such potentials are joined by
integrating out what lies between: pair by pair in as many rounds as the length has binary digits, which gives the
messages of all rows without a loop over time. The law of a row is then that of its window beside the last message.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from emdsl.runtime.carried.gaussian_blocks import Coupling
from emdsl.runtime.carried.gaussian_chains import inverse_halves

#: Steps that a term may reach back, and numbers in the windows of all rows, at the most.
LONGEST_REACH, WINDOW_BUDGET = 24, 16_000_000


class NoChain(Exception):
    """A joint Gaussian that is no chain of rows with few entries, or whose series meet."""


@dataclass(frozen=True)
class GaussianChain:
    """Terms of series laid end to end, the entries of all variables of a row side by side.

    linear: (row, entry). bands: (row, back, entry, entry), the precision between a row and those `back` rows before.
    known: (row, entry), NaN where unknown. widths: entries of each variable. position: (row,), in its series.
    """

    linear: np.ndarray
    bands: np.ndarray
    known: np.ndarray
    widths: tuple[int, ...]
    position: np.ndarray


def gaussian_chain(
    linear: list[np.ndarray],
    diagonal: list[np.ndarray],
    couplings: list[Coupling],
    known: list[np.ndarray | None] | None,
    offsets: np.ndarray,
    reach: int,
) -> GaussianChain:
    """The arguments of `gaussian_system`, whose terms reach back `reach` rows at least."""
    rows, widths = int(offsets[-1]), tuple(h.shape[1] for h in linear)
    if any(len(h) != rows for h in linear):
        raise NoChain
    position = np.arange(rows) - np.repeat(offsets[:-1], np.diff(offsets))
    for _, _, one, two, _ in couplings:
        back = np.abs(one - two)
        if np.any(position[np.maximum(one, two)] < back):
            raise NoChain
        reach = max(reach, int(back.max(initial=0)))
    whole, place = sum(widths), _places(widths)
    if reach > LONGEST_REACH or rows * ((reach + 1) * whole) ** 2 > WINDOW_BUDGET:
        raise NoChain
    bands = np.zeros((rows, reach + 1, whole, whole))
    for own, block in zip(place, diagonal, strict=True):
        bands[:, 0, own, own] += block
    for v, w, one, two, blocks in couplings:
        whole_blocks = np.broadcast_to(blocks, (len(one), widths[v], widths[w]))
        for chosen, late, early, a, b, values in (
            (one >= two, one, two, place[v], place[w], whole_blocks),
            (one <= two, two, one, place[w], place[v], whole_blocks.swapaxes(1, 2)),
        ):
            np.add.at(bands[:, :, a, b], (late[chosen], (late - early)[chosen]), values[chosen])
    given = known or [None] * len(linear)
    filled = [np.full(h.shape, np.nan) if k is None else np.broadcast_to(k, h.shape) for h, k in zip(linear, given)]
    return GaussianChain(np.hstack(linear), bands, np.hstack(filled), widths, position)


@dataclass(frozen=True)
class Windows:
    """What each row brings: precision (row, window, window) and linear (row, window), its own entries last."""

    precision: np.ndarray
    linear: np.ndarray


def windows(chains: list[GaussianChain], earlier: np.ndarray) -> Windows:
    """The terms that are due at each row, given `earlier`, the values (row, entry) that the rows before have.

    chains: with terms moved to earlier rows by no step, by one, …, by any number.
    """
    reach, whole = chains[0].bands.shape[1] - 1, chains[0].linear.shape[1]
    rows, position = len(chains[0].linear), chains[0].position
    precision = np.zeros((rows, reach + 1, whole, reach + 1, whole))
    linear = np.zeros((rows, reach + 1, whole))
    values = np.full((rows, reach + 1, whole), np.nan)
    values[:, reach] = chains[0].known
    for late in range(reach + 1):  # steps before u of the later row of a pair
        inside = np.flatnonzero(position >= late)
        at, place = inside - late, reach - late
        if late:
            values[inside, place] = earlier[at]
        if late >= len(chains):
            continue
        less = chains[late - 1] if late else None
        linear[inside, place] = chains[late].linear[at] - (0.0 if less is None else less.linear[at])
        for back in range(reach + 1 - late):
            block = chains[late].bands[at, back] - (0.0 if less is None else less.bands[at, back])
            precision[inside, place, :, place - back] = block
            if back:
                precision[inside, place - back, :, place] = block.swapaxes(1, 2)
    size = (reach + 1) * whole
    precision, linear, values = (
        precision.reshape(rows, size, size),
        linear.reshape(rows, size),
        values.reshape(rows, -1),
    )
    given(precision, linear, values, 0)
    before = np.arange(reach * whole)  # those of rows before stand aside in their own windows
    precision[:, before, before] *= np.isnan(values[:, before])
    return Windows(precision, linear)


@dataclass(frozen=True)
class Potentials:
    """Between entries before and own entries: precision before (n, d, d), across (n, own, before), own; linear terms.

    own_linear and before_linear: (n, d).
    """

    before: np.ndarray
    across: np.ndarray
    own: np.ndarray
    before_linear: np.ndarray
    own_linear: np.ndarray

    def at(self, places: slice) -> Potentials:
        return Potentials(*(part[places] for part in vars(self).values()))

    def after(self, first: Potentials) -> Potentials:
        """The two in succession, what lies between integrated out: x = Wᵀ(u − W_b x_before − W_o x_own + noise)."""
        half = inverse_halves(first.own + self.before)
        turned = half.swapaxes(1, 2)
        arm, other = half @ first.across, self.across @ turned
        white = (half @ (first.own_linear + self.before_linear)[..., None])[..., 0]
        return Potentials(
            first.before - arm.swapaxes(1, 2) @ arm,
            -other @ arm,
            self.own - other @ other.swapaxes(1, 2),
            first.before_linear - (arm.swapaxes(1, 2) @ white[..., None])[..., 0],
            self.own_linear - (other @ white[..., None])[..., 0],
        )


def forward_messages(steps: Potentials) -> tuple[np.ndarray, np.ndarray]:
    """Precision (n, d, d) and linear term (n, d) of the own entries, all before them integrated out.

    Series follow each other; what comes first in one is coupled to nothing.
    """
    n = len(steps.own)
    precision, linear = steps.own.copy(), steps.own_linear.copy()
    if n == 1:
        return precision, linear
    odd, even = slice(1, None, 2), slice(2, None, 2)
    pairs = steps.at(odd).after(steps.at(slice(0, n - n % 2, 2)))
    precision[odd], linear[odd] = forward_messages(pairs)
    if n > 2:
        reached = slice(1, n - 1, 2)
        nothing = np.zeros_like(precision[reached])
        known = Potentials(nothing, nothing, precision[reached], linear[reached] * 0.0, linear[reached])
        found = steps.at(even).after(known)
        precision[even], linear[even] = found.own, found.own_linear
    return precision, linear


class GaussianForward:
    """Messages of all rows, and the laws that follow from them: joint ones of the group before and its own rows."""

    def __init__(self, chains: list[GaussianChain]) -> None:
        """chains: all terms of the data, with those moved to earlier rows by no step, by one, …, by any number."""
        self.chain, self.earlier = chains[-1], chains[-1].known
        self.due = windows(chains, self.earlier)
        self.reach, self.width = self.chain.bands.shape[1] - 1, self.chain.linear.shape[1]
        position = self.chain.position
        starts = np.flatnonzero(position == 0)
        lengths = np.diff(np.append(starts, len(position)))
        groups = -(-lengths // self.reach)
        self.begins = np.cumsum(groups) - groups
        # (group, place): the row there, −1 beyond the end of its series.
        place = position % self.reach
        self.rows = np.full((int(groups.sum()), self.reach), -1)
        self.rows[np.repeat(self.begins, lengths) + position // self.reach, place] = np.arange(len(position))
        self.messages = forward_messages(self._potentials())

    def _potentials(self) -> Potentials:
        precision, linear = self._joined(self.reach, self.due)
        size = self.reach * self.width
        across = precision[:, size:, :size]
        return Potentials(
            precision[:, :size, :size], across, precision[:, size:, size:], linear[:, :size], linear[:, size:]
        )

    def _joined(self, count: int, last: Windows) -> tuple[np.ndarray, np.ndarray]:
        """Terms of the first `count` rows of every group, over the group before and these; those of the last given."""
        size, window = (self.reach + count) * self.width, (self.reach + 1) * self.width
        precision, linear = np.zeros((len(self.rows), size, size)), np.zeros((len(self.rows), size))
        for place in range(count):
            rows, due = self.rows[:, place], last if place == count - 1 else self.due
            there, own = np.flatnonzero(rows >= 0), slice(place * self.width, place * self.width + window)
            precision[there, own, own] += due.precision[rows[there]]
            linear[there, own] += due.linear[rows[there]]
            end = slice(own.stop - self.width, own.stop)
            precision[np.flatnonzero(rows < 0), end, end] = np.eye(self.width)
        return precision, linear

    def laws(
        self, own: list[GaussianChain], known: np.ndarray, place: int = 0, spacing: int = 1
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Means (row, entry) and covariances (row, entry, entry) of each variable.

        A row is seen from the next one of those at every `spacing` steps of its series, the first at `place`: given all
        rows before that one, its own terms, and what is `known` (row, entry) of it and of those that are seen from it.
        Rows after the last of these have no law.

        own: the terms of every row as the last one, with those moved to earlier rows by no step, by one, ….
        """
        last, width = windows(own, self.earlier), self.width
        means, covs = np.zeros(self.chain.linear.shape), np.zeros((*self.chain.linear.shape, width))
        size = self.reach * width
        for count in range(1, self.reach + 1):
            precision, linear = self._joined(count, last)
            precision[1:, :size, :size] += self.messages[0][:-1]
            linear[1:, :size] += self.messages[1][:-1]
            precision[self.begins, :size, :size] = np.eye(size)
            linear[self.begins, :size] = 0.0
            rows = self.rows[:, count - 1]
            groups = np.flatnonzero((rows >= 0) & (self.chain.position[rows] % spacing == place))
            precision, linear, rows = precision[groups], linear[groups], rows[groups]
            blocks = []
            for back in range(spacing):
                there = self.chain.position[rows] >= back
                at = np.where(there, rows - back, 0)
                end = size + (count - back) * width
                blocks.append((back, there, at, slice(end - width, end)))
                given(precision, linear, np.where(there[:, None], known[at], np.nan), end - width)
            half = inverse_halves(precision)
            white = half @ linear[..., None]
            for back, there, at, block in blocks:
                turned = half[:, :, block].swapaxes(1, 2)
                means[at[there]] = (turned @ white)[there, :, 0]
                covs[at[there]] = (turned @ half[:, :, block])[there]
                settled = known[at[there]]
                if back:
                    settled = np.where(np.isnan(settled), self.earlier[at[there]], settled)
                sure = ~np.isnan(settled)
                means[at[there]] = np.where(sure, settled, means[at[there]])
                covs[at[there]] = np.where(sure[:, :, None] | sure[:, None, :], 0.0, covs[at[there]])
        places = _places(self.chain.widths)
        return [means[:, own] for own in places], [np.ascontiguousarray(covs[:, own, own]) for own in places]


def given(precision: np.ndarray, linear: np.ndarray, values: np.ndarray, first: int) -> None:
    """Entries from `first` on at their known values (n, entry), NaN where unknown: they stand aside as unit normals."""
    where, entry = np.nonzero(~np.isnan(values))
    place = first + entry
    if not len(place):
        return
    held = np.zeros(linear.shape)
    held[where, place] = values[where, entry]
    linear -= (precision @ held[..., None])[..., 0]
    linear[where, place] = 0.0
    precision[where, place] = 0.0
    precision[where, :, place] = 0.0
    precision[where, place, place] = 1.0


def _places(widths: tuple[int, ...]) -> list[slice]:
    """Where the entries of each variable stand."""
    stops = np.cumsum(widths).tolist()
    return [slice(stop - width, stop) for stop, width in zip(stops, widths, strict=True)]
