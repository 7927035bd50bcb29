"""One group of series over a finite chain: messages forwards, posteriors backwards, in lanes that run side by side."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np


def transition_range(transition: np.ndarray, firsts: np.ndarray, by_row: bool) -> tuple[float, bool]:
    """The smallest possible log entry beneath the top of its matrix, and whether some entries are impossible."""
    if by_row:
        transition = np.delete(transition, firsts, axis=1)
    if not transition.size:
        return 0.0, False
    depth = transition - transition.max(axis=(-2, -1), keepdims=True)
    possible = depth > -1e290
    return float(depth.min(where=possible, initial=0.0)), not bool(possible.all())


def as_slice(places: np.ndarray) -> np.ndarray | slice:
    """Evenly spaced places as a slice, which numpy copies faster or not at all."""
    gap = int(places[1] - places[0]) if len(places) > 1 else 1
    if len(places) and gap > 0 and np.all(np.diff(places) == gap):
        return slice(int(places[0]), int(places[-1]) + 1, gap)
    return places


class ChainPart:
    """Some series, cut into lanes, the longest first: at each step, the first `counts[step]` lanes still run.

    The messages are packed step after step, each (batch, state, lane). A lane that starts within a series, an `inner`
    one, starts from a guess `lag` rows earlier; this must then agree with the end of the lane before.
    `space`: scaled messages, or logarithms of sums ("log") or of most probable paths ("max").
    """

    def __init__(
        self, evidence: np.ndarray, transition: np.ndarray, by_row: bool, bounds: np.ndarray, space: str, reach: Any
    ) -> None:
        self.evidence, self.transition, self.by_row, self.space = evidence, transition, by_row, space
        self.starts, self.stops = bounds
        smallest, zeros = self.smallest, self.zeros = reach
        self.batch, self.states = max(len(evidence), len(transition)), evidence.shape[2]
        # Products down to 1e-300 stay normal numbers if messages sum to 2^500 and evidence peaks at e^345.
        self.delicate = space == "scaled" and (zeros or smallest < -69.0)
        self.scale, self.lift = 2.0**500, 345.0 if self.delicate else 0.0
        # What underflows must stay negligible beside what the next transition brings into each state.
        self.limit = self.scale * np.exp(0.0 if zeros else min(max(-716.0 - smallest, -300.0), 0.0))
        self.floor = np.exp(min(-690.0 - smallest, 0.0))
        self.sound = space == "scaled" and not zeros and smallest > -350.0  # whatever the evidence
        # A start from every state is cheaper than a step at a time for up to so many states.
        self.few = self.states <= (32 if self.sound else 24 if space == "max" else 12)
        if not by_row:
            self.transition = np.maximum(transition, -1e300)
            top = self.transition.max(axis=(1, 2), keepdims=True)
            self.top, self.matrix = top[:, :, 0], np.exp(self.transition - top)
            self.turned = np.ascontiguousarray(self.matrix.swapaxes(1, 2))
        self.lost = np.zeros(len(self.starts), dtype=bool)

    def forward(self) -> np.ndarray:
        """Messages of all rows; returns the log partitions (batch, series)."""
        self.lag, forgets = self.find_lag()
        self.cut(self.lag)
        before = self.warm_up()
        ends, total = self.sweep_forward(before)
        for way in ("guess", "end", "transfer"):
            reached = ends[..., self.previous]
            if self.lost.any() or self.agree(before, reached, 1e-11 if way == "transfer" else 1e-13):
                break
            if way == "guess" and forgets:
                before = reached
            elif self.few and self.space == "scaled" and not self.sound:
                self.lost[:] = True  # logarithms can start from every state
                break
            elif self.few and way != "transfer":
                before = self.transfer(ends)
            else:
                self.cut(0)
                before = reached[..., :0]
            ends, total = self.sweep_forward(before)
        self.before, self.ends = before, ends
        result = np.zeros((self.batch, len(self.starts)))
        np.add.at(result.T, self.owner, total.T)
        return result

    def block(self, lag: int) -> int:
        """Length of a lane: balances the cost of a step against that of a number."""
        work = int((self.stops - self.starts).sum()) * self.batch * self.states
        return max(int(np.sqrt(lag * work / 2000.0)), 2 * lag)

    def find_lag(self) -> tuple[int, bool]:
        """Rows after which a start is forgotten, tried from single states in a few places; 0: leave uncut."""
        lengths = self.stops - self.starts
        longest = int(lengths.max())
        if 2 * self.block(32) > longest or lengths.sum() * self.batch * self.states > 4000 * longest:
            return 0, True
        span, tries, kinds = min(512 if self.few else 2048, longest // 4), 8, min(self.states, 8)
        owner = np.resize(np.flatnonzero(lengths >= longest // 2), tries)
        firsts = self.starts[owner] + ((lengths[owner] - span) * (np.arange(tries) / tries)).astype(int)
        message = self.single_states(tries)[..., : kinds * tries]
        for step in range(1, span):
            message, _ = self.advance_tiled(message, firsts + step)
            if step % 8 == 0:
                whole = message.reshape(self.batch, self.states, kinds, tries)
                if self.agree(whole, whole[:, :, :1]):
                    lag = step * 5 // 4 + 8
                    return (0 if 2 * self.block(lag) > longest else lag), True
        return 64, False

    def single_states(self, lanes: int) -> np.ndarray:
        """Messages that are sure of each state in turn: (batch, state, start · lane)."""
        sure = np.where(np.eye(self.states), *((self.scale, 0.0) if self.space == "scaled" else (0.0, -1e300)))
        return np.tile(np.repeat(sure, lanes, axis=1), (self.batch, 1, 1))

    def cut(self, lag: int) -> None:
        """Lanes of one length, but for the last of each series: an odd one, as powers of two collide in caches."""
        lengths = self.stops - self.starts
        longest = int(lengths.max())
        self.piece = -(-longest // max(longest // self.block(lag), 1)) | 1 if lag else longest
        pieces = -(-lengths // self.piece)
        owner = np.repeat(np.arange(len(pieces)), pieces)
        number = np.arange(len(owner)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
        firsts = self.starts[owner] + number * self.piece
        lengths = np.minimum(firsts + self.piece, self.stops[owner]) - firsts
        order = np.argsort(-lengths, kind="stable")
        rank = np.argsort(order)
        self.owner, self.firsts, self.lengths = owner[order], firsts[order], lengths[order]
        self.inner = np.flatnonzero(number[order] > 0)
        self.previous = rank[order[self.inner] - 1]
        self.chronological = np.argsort(self.firsts[self.inner])
        self.steps = int(self.lengths[0])
        self.counts: list[int] = np.searchsorted(-self.lengths, -np.arange(self.steps + 1)).tolist()
        self.places: list[int] = np.cumsum([0, *self.counts]).tolist()
        self.even = as_slice(self.firsts)
        self.load_all()

    def rows(self, step: int) -> np.ndarray | slice:
        """Rows of the lanes that still run."""
        if isinstance(self.even, slice):
            first = self.even.start + step
            return slice(first, first + self.even.step * (self.counts[step] - 1) + 1, self.even.step)
        return self.firsts[: self.counts[step]] + step

    def at(self, step: int, packed: np.ndarray | None = None) -> np.ndarray:
        """The packed messages of one step, or what else is packed like them, (batch, state, lane)."""
        width = self.batch * self.states
        packed = self.packed if packed is None else packed
        flat = packed[self.places[step] * width : self.places[step + 1] * width]
        return flat.reshape(self.batch, self.states, -1)

    def potential(self, step: int, lanes: np.ndarray | slice | None = None) -> np.ndarray | None:
        """Transitions (batch or 1, previous, next, lane) into one step, the first one of inner lanes only."""
        if not self.by_row:
            return None
        return self.potentials[step][..., lanes] if step and lanes is not None else self.potentials[step]

    def load(self, rows: np.ndarray | slice, out: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Evidence of these rows, (batch or 1, state, row), and the logarithm of what it was divided by."""
        values = self.evidence[:, rows].swapaxes(1, 2)
        out = np.empty(values.shape) if out is None else out
        np.maximum(values, -1e300, out=out)
        top = out.max(axis=1) - (self.lift if self.space == "scaled" else 0.0)
        out -= top[:, None]
        if self.space != "scaled":
            return out, top
        under = (out < -700.0) & (out > -1e290) if self.zeros else None
        np.exp(out, out=out)
        if under is not None:
            out[under] = 5e-324  # told apart from an impossible state
        return out, top

    def load_transition(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Transitions into these rows, (batch or 1, previous, next, row), and the logarithms of what divided them."""
        values = np.maximum(np.moveaxis(self.transition[:, rows], 1, -1), -1e300)
        top = values.max(axis=(1, 2))
        values -= top[:, None, None]
        return np.exp(values) if self.space == "scaled" else values, top

    def load_all(self) -> None:
        """Evidence and transitions of all rows, packed; logarithms of what was taken out, by lane."""
        self.weights = self.packed = np.empty(self.batch * self.states * self.places[-1])
        self.potentials = [np.empty(0)] * (self.steps if self.by_row else 0)

        def load_steps(first: int, last: int) -> np.ndarray:
            taken = np.zeros((self.batch, len(self.firsts)))
            for step in range(first, last):
                n, packed = self.counts[step], self.at(step)
                taken[:, :n] += self.load(self.rows(step), packed[: len(self.evidence)])[1]
                packed[len(self.evidence) :] = packed[:1]
                if self.by_row:
                    lanes = np.arange(n) if step else self.inner
                    self.potentials[step], top = self.load_transition(self.firsts[lanes] + step)
                    taken[:, lanes] += top
            return taken

        workers = len(os.sched_getaffinity(0)) if self.packed.size > 2**17 else 1
        edges = [self.steps * worker // workers for worker in range(workers + 1)]
        with ThreadPoolExecutor(workers) as pool:
            self.taken = sum(pool.map(load_steps, edges[:-1], edges[1:]), np.zeros(()))
        if self.space == "scaled" and not self.by_row:
            self.taken += self.top * (self.lengths - 1.0)
            self.taken[:, self.inner] += self.top

    def propagate(self, message: np.ndarray, potential: np.ndarray | None) -> np.ndarray:
        """Aᵀ message, or its like for logarithms."""
        if self.space == "scaled":
            if potential is None:
                return np.matmul(self.turned, message)
            return np.einsum("cijn,cin->cjn", potential, message)
        joint = message[:, :, None] + (self.transition[..., None] if potential is None else potential)
        top = joint.max(axis=1)
        if self.space == "log":
            joint -= top[:, None]
            top += np.log(np.exp(joint, out=joint).sum(axis=1))
        return top

    def absorb(self, message: np.ndarray) -> np.ndarray:
        """Give the message mass one (times the scale), in place; the logarithm of what it had, (batch, lane)."""
        if self.space == "scaled":
            total = np.maximum(message.sum(axis=1), 1e-150)  # where less, the lane is lost anyway
            message *= (self.scale / total)[:, None]
            return np.log(total / self.scale)
        top = message.max(axis=1)
        if self.space == "log":
            top += np.log(np.exp(message - top[:, None]).sum(axis=1))
        message -= top[:, None]
        np.maximum(message, -1e300, out=message)
        return top

    def probabilities(self, message: np.ndarray) -> np.ndarray:
        """A message as probabilities, (batch, state, lane); one of most probable paths is sure of its top."""
        if self.space == "max":
            return (message.argmax(axis=1)[:, None] == np.arange(self.states)[:, None]).astype(float)
        weight = message if self.space == "scaled" else np.exp(message - message.max(axis=1)[:, None])
        return weight / np.maximum(weight.sum(axis=1), 1e-300)[:, None]

    def agree(self, one: np.ndarray, two: np.ndarray, tolerance: float = 1e-13) -> bool:
        """Each entry to rounding, however small: later evidence may favour it by any factor."""
        if self.space == "scaled":
            least = 0.0 if self.zeros else self.scale * np.exp(self.smallest - 32.0)
            return bool(np.all(np.abs(one - two) <= tolerance * np.abs(two) + least))
        return bool(np.all(np.abs(one - two) <= tolerance * (10.0 + 0.1 * np.abs(two))))

    def advance_tiled(self, message: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One step of several messages in each lane, (batch, state, start · lane), into these rows."""
        times = message.shape[2] // len(rows)
        potential = np.tile(self.load_transition(rows)[0], times) if self.by_row else None
        evidence = np.tile(self.load(rows)[0], times)
        message = self.propagate(message, potential)
        message = message * evidence if self.space == "scaled" else message + evidence
        return message, self.absorb(message)

    def warm_up(self) -> np.ndarray:
        """Messages before the first rows of inner lanes, from a guess `lag` rows earlier in the lane before."""
        if not self.inner.size:
            return np.empty((self.batch, self.states, 0))
        lanes = as_slice(self.previous)
        message = self.at(self.piece - self.lag)[..., lanes].copy()
        combine = np.multiply if self.space == "scaled" else np.add
        for step in range(self.piece - self.lag + 1, self.piece):
            self.absorb(message)
            message = self.propagate(message, self.potential(step, lanes))
            combine(message, self.at(step)[..., lanes], out=message)
        self.absorb(message)
        return message

    def sweep_forward(self, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evidence becomes messages, given those before inner lanes; ends of lanes, log masses (batch, lane)."""
        scaled = self.space == "scaled"
        if self.packed is self.weights:  # which a second sweep needs again
            self.packed = np.empty(self.weights.shape)
        every, combine = 4 if scaled and not self.delicate else 1, np.multiply if scaled else np.add
        total, message = self.taken.copy(), before
        ends = np.empty((self.batch, self.states, len(self.firsts)))
        lost = np.zeros((self.batch, len(self.firsts)), dtype=bool)
        for step in range(self.steps):
            n, later = self.counts[step], self.counts[step + 1]
            if step:
                predicted = self.propagate(message[..., :n], self.potential(step))
            else:
                predicted = np.full(ends.shape, self.scale if scaled else 0.0)
                if self.inner.size:
                    predicted[..., self.inner] = self.propagate(before, self.potential(0))
            message, weight = self.at(step), self.at(step, self.weights)
            alive = (weight > 0) & (predicted > 0) if self.delicate and self.zeros else None
            combine(weight, predicted, out=message)
            if self.delicate:
                lost[:, :n] |= message.sum(axis=1) < self.limit
            if step % every == 0:
                total[:, :n] += self.absorb(message)
            if alive is not None:
                lost[:, :n] |= np.any(alive & (message < self.floor), axis=1)
            ends[..., later:n] = message[..., later:]
        self.lost[:] = False
        self.lost[self.owner[lost.any(axis=0)]] = True
        total += self.absorb(ends)
        return ends, total

    def transfer(self, ends: np.ndarray) -> np.ndarray:
        """As `warm_up`, exactly: inner lanes are run from every state, and their starts follow one after another."""
        scaled, states, firsts = self.space == "scaled", self.states, self.firsts[self.inner]
        message, shape = self.single_states(len(firsts)), (self.batch, states, states, -1)
        final = np.empty((self.batch, states, states, len(firsts)))
        total = np.zeros(final[:, 0].shape)
        for step in range(self.steps):
            n = int(np.searchsorted(self.inner, self.counts[step]))
            message = message.reshape(shape)[..., :n].reshape(self.batch, states, -1)
            if n:
                message, mass = self.advance_tiled(message, firsts[:n] + step)
                total[..., :n] += mass.reshape(self.batch, states, n)
                final[..., :n] = message.reshape(shape)
        if scaled:
            final = np.log(np.maximum(final, 1e-300))
        final += (total - total.max(axis=1)[:, None])[:, None]
        add = np.maximum.reduce if self.space == "max" else np.logaddexp.reduce
        after = np.log(np.maximum(ends, 1e-300)) if scaled else ends.copy()
        before = np.empty((self.batch, states, len(firsts)))
        for lane in self.chronological:
            start = after[..., self.previous[lane]]
            before[..., lane] = np.maximum(start - add(start, axis=1)[:, None], -1e300)
            after[..., self.inner[lane]] = add(final[..., lane] + before[:, None, :, lane], axis=2)
        return np.exp(before) * self.scale if scaled else before

    def backward(self, marginals: np.ndarray, moves: np.ndarray, weights: np.ndarray | None) -> None:
        """Fill the marginals of this part's rows, and add its moves; weights (batch or 1, series)."""
        shares = None if weights is None else weights[:, self.owner]
        after = self.probabilities(self.ends)
        after[..., self.previous] = self.run_back(self.lag, 1)[:, :, 0]
        for attempt in range(3):
            own = moves if self.by_row else np.zeros(moves.shape)
            reached = self.sweep_backward(after, marginals, own, shares)
            # The step back is a stochastic matrix: it does not amplify errors, so that absolute ones count.
            if attempt == 2 or np.all(np.abs(reached - after[..., self.previous]) <= 2e-14):
                break
            after[..., self.previous] = reached
            if attempt == 1:
                ways = self.run_back(self.steps, self.states)
                for lane in self.chronological[::-1]:
                    reached = np.einsum("cij,cj->ci", ways[..., lane], after[..., self.inner[lane]])
                    after[..., self.previous[lane]] = reached / reached.sum(axis=1)[:, None]
        if not self.by_row:
            moves += own * self.matrix if self.space == "scaled" else own

    def retreat(
        self, posterior: np.ndarray, message: np.ndarray, potential: np.ndarray | None, into: tuple[Any, ...] = ()
    ) -> np.ndarray:
        """Posterior of the rows before, whose message is given; posteriors may be several, (batch, state, end · lane).

        into: moves to add to, rows, weights; scaled shared ones lack the factor A.
        """
        times = posterior.shape[2] // message.shape[2]
        if self.space == "scaled" and potential is None:
            predicted = np.matmul(self.turned, message)
            if self.zeros:
                np.maximum(predicted, 1e-300, out=predicted)
            if times > 1:
                predicted, message = np.tile(predicted, times), np.tile(message, times)
            ratio = np.divide(posterior, predicted, out=predicted)
            result = np.matmul(self.matrix, ratio)
            result *= message
            if into:
                if into[2] is not None:
                    ratio *= into[2][:, None]
                into[0][...] += np.matmul(message, ratio.swapaxes(1, 2))
            return result
        if self.space == "scaled":
            joint = message[:, :, None] * potential
            joint /= np.maximum(joint.sum(axis=1), 1e-300)[:, None]
        else:
            joint = message[:, :, None] + (self.transition[..., None] if potential is None else potential)
            joint = self.probabilities(joint.reshape(*joint.shape[:2], -1)).reshape(joint.shape)
        joint = np.tile(joint, times) if times > 1 else joint
        joint *= posterior[:, None]
        if into and self.by_row:
            into[0][:, into[1]] = np.moveaxis(joint, -1, 1)
        elif into:
            into[0][...] += (joint if into[2] is None else joint * into[2][:, None, None]).sum(axis=3)
        return joint.sum(axis=2)

    def sweep_backward(
        self, after: np.ndarray, marginals: np.ndarray, moves: np.ndarray, weights: np.ndarray | None
    ) -> np.ndarray:
        """Marginals and moves, given those of each lane's last row; returns those before inner lanes."""
        posterior = after[..., :0]
        for step in range(self.steps - 1, -1, -1):
            n, later = self.counts[step], self.counts[step + 1]
            if later < n:
                posterior = np.concatenate([posterior, after[..., later:n]], axis=2)
            if step % 64 == 63:
                posterior /= posterior.sum(axis=1)[:, None]
            rows = self.rows(step)
            marginals[:, rows] = posterior.swapaxes(1, 2)
            if step:
                into = moves, rows, None if weights is None else weights[:, :n]
                posterior = self.retreat(posterior, self.at(step - 1)[..., :n], self.potential(step), into)
        if not self.inner.size:
            return posterior[..., :0]
        into = moves, self.firsts[self.inner], None if weights is None else weights[:, self.inner]
        return self.retreat(posterior[..., self.inner], self.before, self.potential(0), into)

    def run_back(self, steps: int, ends: int) -> np.ndarray:
        """Posterior before inner lanes, (batch, state, end, lane).

        One end: as far as the first `steps` rows tell. As many as states: given the state of each lane's last row.
        """
        posterior, lanes = np.empty((self.batch, self.states, ends, 0)), as_slice(self.inner[:0])
        for step in range(min(steps, self.steps) - 1, -1, -1):
            n, known = int(np.searchsorted(self.inner, self.counts[step])), posterior.shape[3]
            if n > known:
                lanes = as_slice(self.inner[:n])
                fresh = self.probabilities(self.at(step)[..., self.inner[known:n]])[:, :, None]
                if ends > 1:
                    fresh = np.broadcast_to(np.eye(ends)[:, :, None], (self.batch, ends, ends, n - known))
                posterior = np.concatenate([posterior, fresh], axis=3)
            if n:
                message = self.at(step - 1)[..., lanes] if step else self.before
                flat = posterior.reshape(self.batch, self.states, -1)
                flat = self.retreat(flat, message, self.potential(step, lanes))
                posterior = flat.reshape(self.batch, self.states, ends, -1)
        return posterior
