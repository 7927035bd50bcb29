"""Arithmetic of one step along a finite chain, for many lanes at once: scaled messages, or logarithms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from emdsl.runtime.carried.chain_moves import Move, as_probabilities, summed_over_previous
from emdsl.runtime.carried.row_evidence import DenseEvidence, RowEvidence


def transition_range(transitions: Sequence[np.ndarray], firsts: np.ndarray, by_row: bool) -> tuple[float, bool]:
    """The smallest possible log entry beneath the top of its matrix, and whether some entries are impossible.

    Of several transitions, that of their joint states.
    """
    smallest, zeros = 0.0, False
    for transition in transitions:
        if by_row:
            transition = np.delete(transition, firsts, axis=1)
        if transition.size:
            depth = transition - transition.max(axis=(-2, -1), keepdims=True)
            possible = depth > -1e290
            smallest += float(depth.min(where=possible, initial=0.0))
            zeros |= not possible.all()
    return smallest, zeros


class ChainSteps:
    """Messages (batch, state, lane): scaled, or logarithms of sums or of best paths: `space` is scaled, log or max.

    transitions: those of chains that move one after the other in each step; one, if they vary by row. reach: what
    `transition_range` says of them.
    """

    def __init__(
        self,
        evidence: DenseEvidence | RowEvidence,
        transitions: Sequence[np.ndarray],
        by_row: bool,
        space: str,
        reach: Any,
    ) -> None:
        self.evidence, self.by_row, self.space = evidence, by_row, space
        smallest, zeros = self.smallest, self.zeros = reach
        self.batch, self.states = max(evidence.batch, *(len(one) for one in transitions)), evidence.states
        # Products down to 1e-300 stay normal numbers if messages sum to 2^500 and evidence peaks at e^345.
        self.delicate = space == "scaled" and (zeros or smallest < -69.0)
        self.scale, self.lift = 2.0**500, 345.0 if self.delicate else 0.0
        self.every = self.spacing(115.0)
        # What underflows must stay negligible beside what the next transition brings into each state.
        self.limit = self.scale * np.exp(0.0 if zeros else min(max(-716.0 - smallest, -300.0), 0.0))
        self.floor = np.exp(min(-690.0 - smallest, 0.0))
        self.sound = space == "scaled" and not zeros and smallest > -350.0  # whatever the evidence
        # A start from every state is cheaper than a step at a time for up to so many states.
        self.few = self.states <= (32 if self.sound else 24 if space == "max" else 12)
        if by_row:
            (self.transition,) = transitions
        else:
            edges = np.cumprod([1, *(one.shape[-1] for one in transitions)]).tolist()
            self.moves = [
                Move(one, before, self.states // through, space, zeros)
                for one, before, through in zip(transitions, edges, edges[1:])
            ]
            self.top = sum(move.top for move in self.moves)
        if space == "scaled" and evidence.table is not None:
            self.entries, self.entry_tops = self.divided(evidence.table[0][None].copy())
        self.beside = evidence.beside_one() if space == "scaled" and not self.delicate else None

    def spacing(self, top: float) -> int:
        """Steps between which mass need not be taken out of messages, where no evidence is beyond 2^top.

        A step multiplies it by no more than 2^top times the states, and by no less than the smallest transition.
        """
        if self.space != "scaled" or self.delicate:
            return 1
        grown, shrunk = 500.0 / max(top + np.log2(self.states), 1.0), 276.0 / max(-self.smallest, 1.0)
        return int(np.clip(min(grown, shrunk), 4, 16))

    def divided(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log potentials (batch, state, row) in place, exponentiated if scaled; the logarithm of what divided them."""
        if self.space != "scaled":
            np.maximum(values, -1e300, out=values)
        top = np.maximum(values.max(axis=1), -1e300) - (self.lift if self.space == "scaled" else 0.0)
        values -= top[:, None]
        if self.space != "scaled":
            return values, top
        under = (values < -700.0) & (values > -1e290) if self.zeros else None
        np.exp(values, out=values)
        if under is not None:
            values[under] = 5e-324  # told apart from an impossible state
        return values, top

    def load(
        self,
        rows: np.ndarray | slice,
        out: np.ndarray,
        starts: np.ndarray | slice | None = None,
        columns: np.ndarray | None = None,
    ) -> np.ndarray:
        """Evidence of these rows into `out`, (batch or 1, state, row); the logarithm of what it was divided by.

        starts: the series that each of the rows begins, if they begin one. columns: those of the rows, if at hand.
        """
        if self.beside is not None and starts is None and columns is not None:
            divisor = self.beside.ratios(columns, out[0])
            if divisor is not None:
                return divisor[None]
        if self.evidence.table is None or self.space != "scaled" or starts is not None:
            self.evidence.read(rows, out, starts, columns)
            return self.divided(out)[1]
        entries = self.evidence.table[1][rows]
        np.take(self.entries, entries, axis=2, out=out, mode="clip")
        return self.entry_tops[:, entries]

    def load_transition(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Transitions into these rows, (batch or 1, previous, next, row), and the logarithms of what divided them."""
        values = np.maximum(np.moveaxis(self.transition[:, rows], 1, -1), -1e300)
        top = values.max(axis=(1, 2))
        values -= top[:, None, None]
        return np.exp(values) if self.space == "scaled" else values, top

    def propagate(
        self, message: np.ndarray, potential: np.ndarray | None, room: np.ndarray | None = None
    ) -> np.ndarray:
        """Aᵀ message, or its like for logarithms; in `room`, if there is some and no need of more."""
        if potential is None:
            for move in self.moves:
                message = move.forward(message, room if move is self.moves[-1] else None)
            return message
        if self.space == "scaled":
            return np.einsum("cijn,cin->cjn", potential, message)
        return summed_over_previous(message[:, :, None] + potential, self.space)

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

    def combine(
        self, weight: np.ndarray, predicted: np.ndarray, out: np.ndarray, absorb: bool = True
    ) -> tuple[np.ndarray, np.ndarray | bool]:
        """The message of a row into `out`; the logarithm of the mass taken out of it, and which lanes lost digits."""
        alive = (weight > 0) & (predicted > 0) if self.delicate and self.zeros else None
        (np.multiply if self.space == "scaled" else np.add)(weight, predicted, out=out)
        lost = np.any(out.sum(axis=1) < self.limit, axis=0) if self.delicate else False
        mass = self.absorb(out) if absorb else np.zeros((1, 1))
        if alive is not None:
            lost |= np.any(alive & (out < self.floor), axis=(0, 1))
        return mass, lost

    def agreeing(self, one: np.ndarray, two: np.ndarray, tolerance: float = 1e-13) -> np.ndarray:
        """Lanes of which each entry agrees to rounding, however small: later evidence may favour it by any factor."""
        if self.space == "scaled":
            least = 0.0 if self.zeros else self.scale * np.exp(self.smallest - 32.0)
            close = np.abs(one - two) <= tolerance * np.abs(two) + least
        else:
            close = np.abs(one - two) <= tolerance * (10.0 + 0.1 * np.abs(two))
        return np.all(close, axis=(0, 1))

    def loaded(self, rows: np.ndarray) -> np.ndarray:
        """Evidence of these rows, (batch or 1, state, row), but for what divided it."""
        evidence = np.empty((self.evidence.batch, self.states, len(rows)))
        self.load(rows, evidence)
        return evidence

    def advance(self, message: np.ndarray, rows: np.ndarray, evidence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """One step of several messages in each lane, (batch, state, start · lane), into rows with this evidence."""
        times = message.shape[2] // len(rows)
        potential = np.tile(self.load_transition(rows)[0], times) if self.by_row else None
        message = self.propagate(message, potential)
        whole = message.reshape(*message.shape[:2], times, len(rows))
        (np.multiply if self.space == "scaled" else np.add)(whole, evidence[:, :, None], out=whole)
        return message, self.absorb(message)

    def retreat(
        self,
        posterior: np.ndarray,
        message: np.ndarray,
        potential: np.ndarray | None,
        into: tuple[Any, ...] = (),
        rooms: Sequence[np.ndarray | None] = (None, None),
    ) -> np.ndarray:
        """Posterior of the rows before, whose message is given; posteriors may be several, (batch, state, end · lane).

        into: moves to add to, those of each chain, rows, weights; scaled shared ones lack the factor A. rooms: as that
        of `propagate`, for what is divided by and for the result, which may stand where the posterior stood.
        """
        if potential is None:
            stages = [message]
            for move in self.moves if self.space == "scaled" else self.moves[:-1]:
                stages.append(move.forward(stages[-1], rooms[0] if move is self.moves[-1] else None))
            for place in range(len(self.moves) - 1, -1, -1):
                own, weights = (into[0][place], into[2]) if into else (None, None)
                room, reached = None if place else rooms[1], stages[place + 1 : place + 2]
                posterior = self.moves[place].backward(posterior, stages[place], reached, own, weights, room)
            return posterior
        if self.space == "scaled":
            joint = message[:, :, None] * potential
            joint /= np.maximum(joint.sum(axis=1), 1e-300)[:, None]
        else:
            joint = as_probabilities(message[:, :, None] + potential, self.space)
        times = posterior.shape[2] // message.shape[2]
        joint = np.tile(joint, times) if times > 1 else joint
        joint *= posterior[:, None]
        if into:
            into[0][:, into[1]] = np.moveaxis(joint, -1, 1)
        return joint.sum(axis=2)
