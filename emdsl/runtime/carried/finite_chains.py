"""Sums over all paths of finite chains, or the most probable paths: many series, concatenated row after row.

Series are cut into lanes that run side by side, one product per step for all of them. Messages are kept scaled, not as
logarithms, wherever that provably loses nothing:

    message_t ∝ evidence_t · Aᵀ message_{t-1}      posterior_{t-1} = message_{t-1} · A (posterior_t / Aᵀ message_{t-1})
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from emdsl.runtime.carried.chain_moves import joint_transition, moved_at_once, moves_of_each
from emdsl.runtime.carried.chain_parts import ChainPart
from emdsl.runtime.carried.chain_steps import transition_range
from emdsl.runtime.carried.row_evidence import DenseEvidence, Expectations, Marginals, RowEvidence


def chain_forward(
    evidence: np.ndarray | RowEvidence,
    transition: np.ndarray | Sequence[np.ndarray],
    offsets: np.ndarray,
    hard: bool = False,
    by_row: bool | None = None,
) -> tuple[dict[str, Any], np.ndarray]:
    """Messages for `chain_backward`, and the log sum over all paths of each series, (series,) or (batch, series).

    evidence: (row, state) log potentials, the initial law in each first row. transition: (previous, next), or
    (row, previous, next) into each row; or one (previous, next) for each of several chains that move independently,
    whose joint states the evidence has, the first outermost. Any may have a leading batch axis. offsets: (series + 1,).
    `hard`: the most probable path instead of the sum. `by_row`: transition has a row axis, if extents do not tell.
    """
    known = (
        evidence
        if isinstance(evidence, RowEvidence)
        else DenseEvidence(evidence if evidence.ndim == 3 else evidence[None])
    )
    stacked = isinstance(evidence, np.ndarray) and evidence.ndim == 3
    several = [transition] if isinstance(transition, np.ndarray) else list(transition)
    if by_row is None:
        batch_of = known.batch if stacked else None
        leading = several[0].shape[:-2]
        by_row = len(leading) == 2 or (len(leading) == 1 and leading[0] == known.rows != batch_of)
    batched = stacked or any(one.ndim == 3 + by_row for one in several)
    several = [one if one.ndim == 3 + by_row else one[None] for one in several]
    groups = moved_at_once(several)
    transitions = [joint_transition(group) for group in groups]
    offsets, batch = np.asarray(offsets), max(known.batch, *(len(one) for one in several))
    occupied = np.flatnonzero(np.diff(offsets) > 0)
    reach = transition_range(transitions, offsets[occupied], by_row)
    # Entries between e^-700 and an impossible one are no longer exact once exponentiated.
    todo = [(occupied, "max" if hard else "scaled" if reach[0] > -700.0 else "log")]
    parts, log_partition = [], np.zeros((batch, len(offsets) - 1))
    while todo:
        series, space = todo.pop()
        if series.size:
            bounds = np.stack([offsets[series], offsets[series + 1]])
            part = ChainPart(known, transitions, by_row, series, bounds, space, reach)
            total = part.forward()
            if part.lost.any():
                todo += [(series[~part.lost], "scaled"), (series[part.lost], "log")]
            else:
                parts.append((series, part))
                log_partition[:, series] = total
    shape = (batch, known.rows, known.states)
    messages = {"parts": parts, "shape": shape, "batched": batched, "by_row": by_row}
    messages |= {"evidence": known, "series": len(offsets) - 1, "listed": not isinstance(transition, np.ndarray)}
    messages["groups"] = [[one.shape[-1] for one in group] for group in groups]
    return messages, log_partition if batched else log_partition[0]


def chain_backward(
    messages: dict[str, Any], weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray | list[np.ndarray]]:
    """Posterior of every row's state, (…, row, state), and of successive states.

    Moves are (…, previous, next), summed over the rows with the weights of their series, a list of those of each chain
    where transitions are listed; where transitions vary by row (…, row, previous, next), not weighted, zero in first
    rows. After a hard forward pass: of the most probable path.
    """
    marginals = Marginals(messages["shape"])
    moves = chain_moves(messages, weights, marginals)
    return (marginals.values if messages["batched"] else marginals.values[0]), moves


def chain_expectations(
    messages: dict[str, Any], weights: np.ndarray | None = None
) -> tuple[Expectations, np.ndarray | list[np.ndarray]]:
    """What the posterior makes of evidence that is formed by row, and moves as `chain_backward` has them."""
    found = Expectations(messages["evidence"], np.zeros((messages["series"], messages["shape"][2])))
    return found, chain_moves(messages, weights, found)


def chain_moves(
    messages: dict[str, Any], weights: np.ndarray | None, found: Marginals | Expectations
) -> np.ndarray | list[np.ndarray]:
    """Moves as `chain_backward` has them; the posteriors are handed over."""
    (batch, rows, states), groups = messages["shape"], messages["groups"]
    shape = (batch, rows, states, states)
    moves = np.zeros(shape) if messages["by_row"] else [np.zeros((batch, *[np.prod(sizes)] * 2)) for sizes in groups]
    if weights is not None and np.all(weights == 1.0):
        weights = None  # nothing to multiply the rows by
    for series, part in messages["parts"]:
        part.backward(found, moves, None if weights is None else np.atleast_2d(weights)[:, series])
    if messages["by_row"]:
        return moves if messages["batched"] else moves[0]
    each = [one for joint, sizes in zip(moves, groups) for one in moves_of_each(joint, sizes)]
    each = each if messages["batched"] else [one[0] for one in each]
    return each if messages["listed"] else each[0]


def given_expectations(
    evidence: RowEvidence, shares: np.ndarray, offsets: np.ndarray, weights: np.ndarray | None = None
) -> Expectations:
    """What given probabilities (plates of the row…, state) make of evidence, in place of the posterior's."""
    found = Expectations(evidence, np.zeros((len(offsets) - 1, evidence.states)))
    values = np.reshape(shares, (-1, evidence.states))
    by_row = None if weights is None else np.repeat(weights, np.diff(offsets))[None]
    for first in range(0, evidence.rows, 2**14):  # features of few rows at a time
        rows = slice(first, min(first + 2**14, evidence.rows))
        found.put(rows, None if by_row is None else by_row[:, rows], values[rows].T[None])
    occupied = np.flatnonzero(np.diff(offsets) > 0)
    found.start(occupied, values[offsets[occupied]].T[None])
    return found
