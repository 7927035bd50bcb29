"""Finite chains given the past: the law of each row's state once the rows up to its own are seen.

    message_t ∝ evidence_t · Aᵀ message_{t-1}

Terms that a row brings to earlier rows are due at that row: an observation that reads the state of the row before is
evidence there, but not yet when the row before is the last one. So the last rows before t are gone through again for
every t, with what is due by then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from emdsl.runtime.carried.chain_moves import joint_transition
from emdsl.runtime.carried.finite_chains import chain_forward
from emdsl.runtime.carried.row_evidence import RowEvidence

#: Entries of one table over rows and pairs of states.
ENTRIES_AT_ONCE = 1_000_000


@dataclass(frozen=True)
class FiniteChain:
    """Log potentials of series laid end to end: evidence (batch, row, state), with the initial law in first rows;
    transition (batch or 1, row or 1, previous, next) into each row; offsets (series + 1,).

    `batched`: whether the emitted module has the batch axis.
    """

    evidence: np.ndarray
    transition: np.ndarray
    offsets: np.ndarray
    by_row: bool
    batched: bool

    @property
    def shape(self) -> tuple[int, ...]:
        """(batch, row, state)."""
        return (max(len(self.evidence), len(self.transition)), *self.evidence.shape[1:])

    def changed(self, more: FiniteChain, less: FiniteChain) -> FiniteChain:
        """With what `more` has over `less`."""
        evidence = self.evidence + (more.evidence - less.evidence)
        transition = self.transition + (more.transition - less.transition)
        return FiniteChain(evidence, transition, self.offsets, self.by_row, self.batched)


def finite_chain(
    evidence: np.ndarray | RowEvidence,
    transition: np.ndarray | Sequence[np.ndarray],
    offsets: np.ndarray,
    by_row: bool,
) -> FiniteChain:
    """The arguments of `chain_forward` as arrays, chains that move independently as one of their joint states."""
    transition = transition if isinstance(transition, np.ndarray) else joint_transition(transition)
    batched = isinstance(evidence, np.ndarray) and evidence.ndim == 3
    if not isinstance(evidence, np.ndarray):
        whole = np.empty((1, evidence.states, evidence.rows))
        evidence.read(slice(0, evidence.rows), whole)
        series = np.flatnonzero(np.diff(offsets) > 0)
        first = np.empty((1, evidence.states, len(series)))
        evidence.read(offsets[series], first, series)
        whole[..., offsets[series]] = first
        values = whole.swapaxes(1, 2)
    else:
        values = evidence if batched else evidence[None]
    batched = batched or transition.ndim == 3 + by_row
    shape = transition.shape if transition.ndim == 3 + by_row else (1, *transition.shape)
    whole_transition = transition.reshape(shape if by_row else (shape[0], 1, *shape[1:]))
    return FiniteChain(np.array(values), np.array(whole_transition), np.asarray(offsets), by_row, batched)


def log_messages(chain: FiniteChain) -> np.ndarray:
    """log P(state | evidence up to its row), (batch, row, state)."""
    transition = chain.transition if chain.by_row else chain.transition[:, 0]
    messages, _ = chain_forward(chain.evidence, transition, chain.offsets, by_row=chain.by_row)
    return log_filtered(messages)


def log_filtered(messages: dict[str, Any]) -> np.ndarray:
    """What a forward pass knows: log P(state | evidence up to its row), (batch, row, state)."""
    result = np.empty(messages["shape"])
    for _, part in messages["parts"]:
        for step in range(part.steps):
            message = part.at(step)
            if part.space == "scaled":
                message = np.log(message, out=np.full(message.shape, -1e300), where=message > 0)
            result[:, part.rows(step)] = message.swapaxes(1, 2)
    return np.asarray(result - _log_sum(result, -1)[..., None])


def finite_laws(
    messages: np.ndarray, chains: Sequence[FiniteChain], place: int = 0, spacing: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """The law of each row's state, (batch, row, state), and with the state before, (batch, row, previous, next).

    A row is seen from the next one of those at every `spacing` steps of its series, the first at `place`: given all
    that is due there. Rows after the last of these have no law.

    messages: `log_messages` with all terms. chains: with what is due at t, as rows t, t − 1, … see it; before these
    everything is due. The joint laws are zero in first rows, and (batch, 1, previous, next) zeros where transitions do
    not vary by row.
    """
    offsets, (batch, rows, states) = chains[0].offsets, chains[0].shape
    by_row = chains[0].by_row
    position = np.arange(rows) - np.repeat(offsets[:-1], np.diff(offsets))
    laws = np.full((batch, rows, states), 1.0 / states)
    pairs = np.zeros((batch, rows if by_row else 1, states, states))
    seeing = np.flatnonzero(position % spacing == place)
    block = max(ENTRIES_AT_ONCE // (batch * states**2), 1)
    for first in range(0, len(seeing), block):
        own = seeing[first : first + block]
        law, joints = messages[:, np.maximum(own - len(chains), 0)], []
        for back in range(len(chains) - 1, -1, -1):
            chain, at = chains[back], np.maximum(own - back, 0)
            joint = law[..., None] + (chain.transition[:, at] if by_row else chain.transition)
            reached = _log_sum(joint, -2)
            law = np.where((position[own] == back)[:, None], 0.0, reached) + chain.evidence[:, at]
            joints.append(joint - reached[:, :, None])
        law = np.exp(law - _log_sum(law, -1)[..., None])
        for back in range(spacing):
            there = position[own] >= back
            laws[:, own[there] - back] = law[:, there]
            pair = np.exp(joints.pop()) * law[:, :, None]
            if by_row:
                inner = position[own] > back
                pairs[:, own[inner] - back] = pair[:, inner]
            law = pair.sum(axis=-1)
    return laws, pairs


def _log_sum(values: np.ndarray, axis: int) -> np.ndarray:
    """log Σ exp along an axis, finite where all is impossible."""
    top = values.max(axis=axis, keepdims=True)
    return np.asarray(np.squeeze(top, axis) + np.log(np.exp(values - top).sum(axis=axis)))
