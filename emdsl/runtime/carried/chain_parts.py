"""One group of series over a finite chain: messages forwards, posteriors backwards, in lanes that run side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from emdsl.runtime.carried.chain_moves import as_probabilities
from emdsl.runtime.carried.chain_steps import ChainSteps
from emdsl.runtime.carried.memory import aligned
from emdsl.runtime.carried.row_evidence import DenseEvidence, Expectations, Marginals, RowEvidence
from emdsl.runtime.carried.sweeps import as_slice, at_once


class ChainPart(ChainSteps):
    """Some series, cut into lanes, the longest first: at each step, the first `counts[step]` lanes still run.

    The messages are packed step after step, each (batch, state, lane). A lane that starts within a series, an `inner`
    one, starts from a guess `lag` rows earlier; this must then agree with the end of the lane before, or its first
    rows are mended. No threads inside the loops over time: steps are too short for them.
    """

    def __init__(
        self,
        evidence: DenseEvidence | RowEvidence,
        transitions: Sequence[np.ndarray],
        by_row: bool,
        series: np.ndarray,
        bounds: np.ndarray,
        space: str,
        reach: Any,
    ) -> None:
        super().__init__(evidence, transitions, by_row, space, reach)
        self.series, (self.starts, self.stops) = series, bounds
        self.lost = np.zeros(len(self.starts), dtype=bool)
        self.width = self.batch * self.states
        self.packed = evidence.memory.take(self.width * int((self.stops - self.starts).sum()))

    def __del__(self) -> None:
        self.evidence.memory.give(self.packed)

    def forward(self) -> np.ndarray:
        """Messages of all rows; returns the log partitions (batch, series)."""
        longest = int((self.stops - self.starts).max())
        self.exact, self.piece = self.is_short(), longest
        self.lag, forgets = (0, True) if self.exact else self.find_lag()
        if self.lag:  # an odd length, as powers of two collide in caches
            self.piece = -(-longest // max(longest // self.block(self.lag), 1)) | 1
        elif self.exact:
            self.piece = int(np.sqrt(longest / 2.0)) | 1
        self.cut()
        self.sweep_forward(self.warm_up())
        for _ in range(0 if self.exact else 3):
            wrong = self.unsettled()
            if self.lost.any() or not wrong.size or not forgets:
                break
            reached = self.ends[..., self.previous]
            if wrong.size > len(self.inner) // 8:
                self.sweep_forward(reached)
            else:
                self.mend(wrong, reached[..., wrong])
        if not self.lost.any() and (self.exact or self.unsettled().size):
            self.start_exactly(longest)
        result = np.zeros((self.batch, len(self.starts)))
        np.add.at(result.T, self.owner, self.total.T)
        return result

    def unsettled(self, tolerance: float = 1e-13) -> np.ndarray:
        """Inner lanes whose messages before them are not what the lane before reaches."""
        return np.flatnonzero(~self.agreeing(self.before, self.ends[..., self.previous], tolerance))

    def start_exactly(self, longest: int) -> None:
        """What no guess can start: inner lanes run from every state, or one after the other."""
        if self.few and self.space == "scaled" and not self.sound:
            self.lost[:] = True  # logarithms can start from every state
            return
        if self.few:
            self.sweep_forward(self.transfer())
            if self.lost.any() or not self.unsettled(1e-11).size:
                return
        self.exact, self.lag, self.piece = False, 0, longest
        self.cut()
        self.sweep_forward(self.before[..., :0])

    def is_short(self) -> bool:
        """Whether a few short series are done in fewer steps by lanes that run from every state."""
        lengths = self.stops - self.starts
        longest, numbers = int(lengths.max()), int(lengths.sum()) * self.batch * self.states**2
        sure = self.few and (self.sound or self.space != "scaled")
        return sure and 48 <= longest <= 2000 and 3 * len(lengths) <= np.sqrt(longest) and numbers <= 4000 * longest

    def block(self, lag: int) -> int:
        """Length of a lane: balances the cost of a step, dearer where it counts entries, against that of a number."""
        work = int((self.stops - self.starts).sum()) * self.batch * self.states
        return max(int(np.sqrt(lag * work / (20000.0 if self.evidence.tables else 5000.0))), 2 * lag)

    def find_lag(self) -> tuple[int, bool]:
        """Rows after which a start is forgotten, tried from single states in a few places; 0: leave uncut."""
        lengths = self.stops - self.starts
        longest = int(lengths.max())
        if 2 * self.block(32) > longest or lengths.sum() * self.batch * self.states > 6000 * longest:
            return 0, True
        span, tries, kinds = min(512 if self.few else 2048, longest // 4), 8, min(self.states, 8)
        owner = np.resize(np.flatnonzero(lengths >= longest // 2), tries)
        firsts = self.starts[owner] + ((lengths[owner] - span) * (np.arange(tries) / tries)).astype(int)
        message = self.single_states(tries)[..., : kinds * tries]
        for step in range(1, span, 8):
            rows = firsts + np.arange(step, min(step + 8, span))[:, None]
            evidence = self.loaded(rows.reshape(-1)).reshape(-1, self.states, *rows.shape)
            for place, row in enumerate(rows):
                message, _ = self.advance(message, row, evidence[:, :, place])
            whole = message.reshape(self.batch, self.states, kinds, tries)
            if np.all(self.agreeing(whole, whole[:, :, :1])):
                lag = (step + len(rows) - 1) * 5 // 4 + 8
                return (0 if 2 * self.block(lag) > longest else lag), True
        return 64, False

    def single_states(self, lanes: int) -> np.ndarray:
        """Messages that are sure of each state in turn: (batch, state, start · lane)."""
        sure = np.where(np.eye(self.states), *((self.scale, 0.0) if self.space == "scaled" else (0.0, -1e300)))
        return np.tile(np.repeat(sure, lanes, axis=1), (self.batch, 1, 1))

    def cut(self) -> None:
        """Lanes of one length, but for the last of each series."""
        lengths = self.stops - self.starts
        pieces = -(-lengths // self.piece)
        owner = np.repeat(np.arange(len(pieces)), pieces)
        number = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        firsts = self.starts[owner] + number * self.piece
        lengths = np.minimum(firsts + self.piece, self.stops[owner]) - firsts
        order = np.argsort(-lengths, kind="stable")
        rank = np.argsort(order)
        self.owner, self.firsts, self.lengths = owner[order], firsts[order], lengths[order]
        self.inner, self.outer = np.flatnonzero(number[order] > 0), np.flatnonzero(number[order] == 0)
        self.previous = rank[order[self.inner] - 1]
        self.chronological = np.argsort(self.firsts[self.inner])
        self.steps = int(self.lengths[0])
        self.counts: list[int] = np.searchsorted(-self.lengths, -np.arange(self.steps + 1)).tolist()
        self.places: list[int] = np.cumsum([0, *self.counts]).tolist()
        self.even = as_slice(self.firsts)
        self.columns = self.evidence.arranged(self.firsts, self.counts[:-1])
        edges, width = [0], max(self.states, self.evidence.width)
        for step in range(1, self.steps):
            numbers = (step + 1 - edges[-1]) * width * self.counts[step]
            if step == 1 or self.counts[step] != self.counts[step - 1] or numbers > 2**17:
                edges.append(step)
        #: Steps, first and last, that are formed together: as many lanes run in each, and a cache holds them all.
        self.runs = list(zip(edges, [*edges[1:], self.steps]))
        self.load_all()

    def rows(self, step: int) -> np.ndarray | slice:
        """Rows of the lanes that still run at a step."""
        if isinstance(self.even, slice):
            first, gap = self.even.start + step, self.even.step
            return slice(first, first + gap * (self.counts[step] - 1) + 1, gap)
        return self.firsts[: self.counts[step]] + step

    def at(self, step: int) -> np.ndarray:
        """The packed messages of one step, at first its evidence, (batch, state, lane)."""
        return self.during(step, step + 1)[0]

    def during(self, first: int, last: int) -> np.ndarray:
        """The packed messages of steps with equally many lanes, (step, batch, state, lane)."""
        flat = self.packed[self.places[first] * self.width : self.places[last] * self.width]
        return flat.reshape(last - first, self.batch, self.states, self.counts[first])

    def rooms(self, lanes: int) -> list[np.ndarray]:
        """Memory for two messages, used again and again as it is in a cache, each (batch, state, lane)."""
        return [room[: self.width * lanes].reshape(self.batch, self.states, lanes) for room in self.spare]

    def potential(self, step: int, lanes: np.ndarray | slice) -> np.ndarray | None:
        """Transitions (batch or 1, previous, next, lane) into one step; for the first, lanes are places in `inner`."""
        return self.potentials[step][..., lanes] if self.by_row else None

    def load_all(self) -> None:
        """Evidence and transitions of all rows, packed; logarithms of what was taken out, by lane."""
        self.swept, self.spare = False, [aligned(self.width * self.counts[0]) for _ in range(2)]
        self.potentials = [np.empty(0)] * (self.steps if self.by_row else 0)
        runs, shares = self.runs, int(np.clip(self.packed.size / 2**18, 1, min(len(self.runs), 16)))

        def load_share(share: int) -> np.ndarray:
            taken = np.zeros((self.batch, len(self.firsts)))
            for first, last in runs[len(runs) * share // shares : len(runs) * (share + 1) // shares]:
                taken[:, : self.counts[first]] += self.load_run(first, last)
            return taken

        self.taken = sum(at_once(load_share, range(shares)), np.zeros(()))
        self.every = self.spacing(0.0 if self.beside is None else max(self.beside.tops, default=0.0))
        if self.space == "scaled" and not self.by_row:
            self.taken += self.top * (self.lengths - 1.0)
            self.taken[:, self.inner] += self.top

    def load_run(self, first: int, last: int) -> np.ndarray:
        """Evidence and transitions of a run of steps; the logarithms of what divided them, (batch, lane)."""
        n, batch, packed = self.counts[first], self.evidence.batch, self.during(first, last)
        taken, ratios = np.zeros((self.batch, n)), None
        if first and self.beside is not None:
            ratios = self.beside.ratios(self.columns.during(first, last), packed[:, 0])
        if ratios is not None:
            taken += ratios.sum(axis=0)
        elif first:
            for step in range(first, last):
                taken += self.load(self.rows(step), packed[step - first, :batch], columns=self.columns[step])
        else:
            for lanes, starts in ((self.inner, None), (self.outer, self.series[self.owner[self.outer]])):
                part = np.empty((batch, self.states, len(lanes)))
                taken[:, lanes] += self.load(self.firsts[lanes], part, starts)
                packed[0][:batch, :, lanes] = part
        packed[:, batch:] = packed[:, :1]
        for step in range(first, last) if self.by_row else ():
            lanes = np.arange(n) if step else self.inner
            self.potentials[step], top = self.load_transition(self.firsts[lanes] + step)
            taken[:, lanes] += top
        return taken

    def warm_up(self) -> np.ndarray:
        """Messages before the first rows of inner lanes, from a guess `lag` rows earlier in the lane before."""
        if not self.inner.size:
            return np.empty((self.batch, self.states, 0))
        lanes = as_slice(self.previous)
        if self.exact:
            return self.single_states(len(self.inner))[..., : len(self.inner)]  # any will do, they are not kept
        message = self.at(self.piece - self.lag)[..., lanes].copy()
        combine = np.multiply if self.space == "scaled" else np.add
        for step in range(self.piece - self.lag + 1, self.piece):
            if step % self.every == 0:
                self.absorb(message)
            message = self.propagate(message, self.potential(step, lanes))
            combine(message, self.at(step)[..., lanes], out=message)
        self.absorb(message)
        return message

    def sweep_forward(self, before: np.ndarray) -> None:
        """Evidence becomes messages, given those before inner lanes; the ends of lanes and their log masses."""
        if self.swept:
            self.load_all()
        self.swept = True
        self.before, self.total = before, self.taken.copy()
        self.ends = np.empty((self.batch, self.states, len(self.firsts)))
        self.lost_lanes = np.zeros(len(self.firsts), dtype=bool)
        message = self.ends
        for first, last in self.runs:
            n, later = self.counts[first], self.counts[last]
            packed, room = self.during(first, last), self.rooms(n)[0]
            for step in range(first, last):
                if step:
                    predicted = self.propagate(message[..., :n], self.potential(step, slice(0, n)), room)
                else:
                    predicted = np.full(message.shape, self.scale if self.space == "scaled" else 0.0)
                    predicted[..., self.inner] = self.propagate(before, self.potential(0, slice(None)))
                message, absorb = packed[step - first], step % self.every == 0
                mass, lost = self.combine(message, predicted, message, absorb)
                if absorb:
                    self.total[:, :n] += mass
                if self.delicate:
                    self.lost_lanes[:n] |= lost
            self.ends[..., later:n] = message[..., later:]
        self.lost[:] = False
        self.lost[self.owner[self.lost_lanes]] = True
        self.total += self.absorb(self.ends)

    def mend(self, wrong: np.ndarray, right: np.ndarray) -> None:
        """Inner lanes again, from better messages before them, until nothing changes: both ways side by side."""
        lanes, old, new = self.inner[wrong], self.before[..., wrong], right
        self.before[..., wrong] = right
        for step in range(self.steps):
            n = int(np.searchsorted(lanes, self.counts[step]))
            if not n:
                break
            both = np.concatenate([old[..., :n], new[..., :n]], axis=2)
            potential = self.potential(step, lanes[:n] if step else wrong)
            both = self.propagate(both, None if potential is None else np.tile(potential, 2))
            weight = np.empty((self.evidence.batch, self.states, n))
            self.load(self.firsts[lanes[:n]] + step, weight)
            mass, lost = self.combine(np.tile(weight, 2), both, both)
            if np.any(lost):
                self.lost[self.owner[lanes]] = True
            old, new = both[..., :n], both[..., n:]
            self.total[:, lanes[:n]] += np.subtract(mass[:, n:], mass[:, :n])
            self.at(step)[..., lanes[:n]] = new
            self.ends[..., lanes[self.lengths[lanes] == step + 1]] = new[..., self.lengths[lanes[:n]] == step + 1]
            if np.all(self.agreeing(old, new, 1e-14)):
                break

    def transfer(self) -> np.ndarray:
        """As `warm_up`, exactly: inner lanes are run from every state, and their starts follow one after another."""
        scaled, states, firsts = self.space == "scaled", self.states, self.firsts[self.inner]
        message, shape = self.single_states(len(firsts)), (self.batch, states, states, -1)
        final = np.empty((self.batch, states, states, len(firsts)))
        total = np.zeros(final[:, 0].shape)
        for step in range(self.steps):
            n = int(np.searchsorted(self.inner, self.counts[step]))
            message = message.reshape(shape)[..., :n].reshape(self.batch, states, -1)
            if n:
                rows = firsts[:n] + step
                message, mass = self.advance(message, rows, self.loaded(rows))
                total[..., :n] += mass.reshape(self.batch, states, n)
                final[..., :n] = message.reshape(shape)
        if scaled:
            final = np.log(np.maximum(final, 1e-300))
        final += (total - total.max(axis=1)[:, None])[:, None]
        add = np.maximum.reduce if self.space == "max" else np.logaddexp.reduce
        after = np.log(np.maximum(self.ends, 1e-300)) if scaled else self.ends.copy()
        before = np.empty((self.batch, states, len(firsts)))
        for lane in self.chronological:
            start = after[..., self.previous[lane]]
            before[..., lane] = np.maximum(start - add(start, axis=1)[:, None], -1e300)
            after[..., self.inner[lane]] = add(final[..., lane] + before[:, None, :, lane], axis=2)
        return np.exp(before) * self.scale if scaled else before

    def backward(
        self, found: Marginals | Expectations, moves: np.ndarray | list[np.ndarray], weights: np.ndarray | None
    ) -> None:
        """Hand over the posteriors of this part's rows, and add its moves; weights (batch or 1, series).

        moves: those of each chain that moves, (batch, previous, next); where they vary, (batch, row, previous, next).
        """
        self.shares = None if weights is None else weights[:, self.owner]
        self.own = moves if self.by_row else [np.zeros(one.shape) for one in moves]
        after = as_probabilities(self.ends, self.space)
        if self.exact:
            self.end_exactly(after)
        else:
            after[..., self.previous] = self.run_back(self.lag, 1)[:, :, 0]
        share = self.sweep_backward(after, found)
        for attempt in range(4):
            # The step back is a stochastic matrix: it does not amplify errors, so that absolute ones count.
            off = np.max(np.abs(self.reached - after[..., self.previous]), axis=(0, 1), initial=0.0)
            wrong = np.flatnonzero(off > 2e-14)
            if not wrong.size:
                break
            if attempt < 3 and wrong.size <= len(self.inner) // 8:
                self.mend_back(wrong, after, share)
                continue
            after[..., self.previous] = self.reached
            if attempt:
                self.end_exactly(after)
            share = self.sweep_backward(after, found)
            if attempt:
                break
        found.include(share)
        if not self.by_row:
            for total, own, move in zip(moves, self.own, self.moves):
                total += own * move.matrix if self.space == "scaled" else own

    def end_exactly(self, after: np.ndarray) -> None:
        """Posteriors of the last rows of lanes before inner ones: these run from every state, last first."""
        ways = self.run_back(self.steps, self.states)
        for lane in self.chronological[::-1]:
            reached = np.einsum("cij,cj->ci", ways[..., lane], after[..., self.inner[lane]])
            after[..., self.previous[lane]] = reached / reached.sum(axis=1)[:, None]

    def sweep_backward(self, after: np.ndarray, found: Marginals | Expectations) -> Marginals | Expectations:
        """Posteriors and moves, given those of each lane's last row; what is `reached` before inner lanes."""
        self.reached = np.empty((self.batch, self.states, len(self.inner)))
        for own in () if self.by_row else self.own:
            own[...] = 0.0

        posterior, share = after[..., :0], found.share()
        for first, last in reversed(self.runs):
            n, known, rooms = self.counts[first], self.counts[last], self.rooms(self.counts[first])
            if known < n:
                posterior = np.concatenate([posterior, after[..., known:n]], axis=2)
            features = share.features_of(self.columns.during(first, last))
            weights = None if self.shares is None else self.shares[:, :n]
            rows: np.ndarray | slice = slice(0)
            for step in range(last - 1, first - 1, -1):
                if step % 64 == 63:
                    posterior /= posterior.sum(axis=1)[:, None]
                if share.reads_rows or self.by_row:
                    rows = self.rows(step)
                share.put(rows, weights, posterior, features=features[step - first])
                if step:
                    message, potential = self.at(step - 1)[..., :n], self.potential(step, slice(0, n))
                    posterior = self.retreat(posterior, message, potential, (self.own, rows, weights), rooms)
        share.start(self.series[self.owner[self.outer]], posterior[..., self.outer])
        if self.inner.size:
            into = self.own, self.firsts[self.inner], None if self.shares is None else self.shares[:, self.inner]
            posterior = posterior[..., self.inner]
            self.reached[...] = self.retreat(posterior, self.before, self.potential(0, slice(None)), into)
        return share

    def mend_back(self, wrong: np.ndarray, after: np.ndarray, share: Marginals | Expectations) -> None:
        """Lanes before inner ones again, from better posteriors of their last rows, until nothing changes."""
        lanes = self.previous[wrong]
        places = np.searchsorted(self.inner, lanes)
        entered = np.isin(lanes, self.inner)
        posterior = np.concatenate([after[..., lanes], self.reached[..., wrong]], axis=2)
        after[..., lanes] = self.reached[..., wrong]
        weights = np.ones((1, len(lanes))) if self.shares is None else self.shares[:, lanes]
        for step in range(self.steps - 1, -1, -1):
            rows = self.firsts[lanes] + step
            old, new = posterior[..., : len(lanes)], posterior[..., len(lanes) :]
            share.put(rows, None if self.shares is None else weights, new, old)
            if not step:
                outer = ~entered
                share.start(self.series[self.owner[lanes[outer]]], new[..., outer])
            if np.all(np.abs(new - old) <= 2e-15):
                break
            if not step:
                lanes, places, weights = lanes[entered], places[entered], weights[:, entered]
                posterior, rows = posterior[..., np.tile(entered, 2)], rows[entered]
            message = self.at(step - 1)[..., lanes] if step else self.before[..., places]
            potential = self.potential(step, lanes if step else places)
            if self.by_row:
                old = self.retreat(posterior[..., : len(lanes)], message, potential)
                new = self.retreat(posterior[..., len(lanes) :], message, potential, (self.own, rows, None))
                posterior = np.concatenate([old, new], axis=2)
            else:
                change = np.concatenate([-weights, weights], axis=1)
                posterior = self.retreat(posterior, message, potential, (self.own, rows, change))
            if not step:
                self.reached[..., places] = posterior[..., len(lanes) :]

    def run_back(self, steps: int, ends: int) -> np.ndarray:
        """Posterior before inner lanes, (batch, state, end, lane).

        One end: as far as the first `steps` rows tell. As many as states: given the state of each lane's last row.
        """
        posterior, lanes = np.empty((self.batch, self.states, ends, 0)), as_slice(self.inner[:0])
        for step in range(min(steps, self.steps) - 1, -1, -1):
            n, known = int(np.searchsorted(self.inner, self.counts[step])), posterior.shape[3]
            if n > known:
                lanes = as_slice(self.inner[:n])
                fresh = as_probabilities(self.at(step)[..., self.inner[known:n]], self.space)[:, :, None]
                if ends > 1:
                    fresh = np.broadcast_to(np.eye(ends)[:, :, None], (self.batch, ends, ends, n - known))
                posterior = np.concatenate([posterior, fresh], axis=3)
            if n:
                message = self.at(step - 1)[..., lanes] if step else self.before
                flat = posterior.reshape(self.batch, self.states, -1)
                flat = self.retreat(flat, message, self.potential(step, lanes if step else np.arange(n)))
                posterior = flat.reshape(self.batch, self.states, ends, -1)
        return posterior
