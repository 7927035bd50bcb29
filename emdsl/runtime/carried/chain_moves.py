"""Moves of chains that run beside each other: a step moves one of them after the other, while the rest stand.

    A = A¹ ⊗ A² ⊗ … = (A¹ ⊗ 1 ⊗ …) (1 ⊗ A² ⊗ …) …        one chain alone: A = A¹

K^C joint states of C chains cost C K^(C+1) products a step, not K^(2C), and each chain's pairs come of its own move.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def moved_at_once(transitions: Sequence[np.ndarray], most: int = 16) -> list[list[np.ndarray]]:
    """Chains that stand next to each other, in groups of at most so many joint states.

    One product of a matrix so small takes no longer than the products of several that are smaller.
    """
    groups: list[list[np.ndarray]] = []
    for one in transitions:
        states = one.shape[-1]
        if groups and states * np.prod([other.shape[-1] for other in groups[-1]]) <= most:
            groups[-1].append(one)
        else:
            groups.append([one])
    return groups


def joint_transition(transitions: Sequence[np.ndarray]) -> np.ndarray:
    """Log transitions (…, previous, next) of independent chains as that of their joint states, the first outermost."""
    whole, *others = transitions
    for one in others:
        joint = whole[..., :, None, :, None] + one[..., None, :, None, :]
        states = whole.shape[-1] * one.shape[-1]
        whole = joint.reshape(*joint.shape[:-4], states, states)
    return whole


def moves_of_each(joint: np.ndarray, sizes: Sequence[int]) -> list[np.ndarray]:
    """Moves (batch, previous, next) of joint states as those of each chain; sizes: how many states each has."""
    whole, count = joint.reshape(-1, *sizes, *sizes), len(sizes)
    others = [[axis for axis in range(1, 2 * count + 1) if (axis - 1) % count != place] for place in range(count)]
    return [whole.sum(axis=tuple(axes)) for axes in others]


def summed_over_previous(joint: np.ndarray, space: str) -> np.ndarray:
    """The logarithm of the sum over the third axis from the end, or the largest entry; joint is written over."""
    top = joint.max(axis=-3)
    if space == "log":
        joint -= top[..., None, :, :]
        top += np.log(np.exp(joint, out=joint).sum(axis=-3))
    return np.asarray(top)


def as_probabilities(message: np.ndarray, space: str, axis: int = 1) -> np.ndarray:
    """A message as probabilities along an axis; one of most probable paths is sure of its first top."""
    if space == "max":
        states = np.arange(message.shape[axis]).reshape(-1, *[1] * (message.ndim - axis - 1))
        return (np.expand_dims(message.argmax(axis=axis), axis) == states).astype(float)
    weight = message if space == "scaled" else np.exp(message - message.max(axis=axis, keepdims=True))
    return np.asarray(weight / np.maximum(weight.sum(axis=axis, keepdims=True), 1e-300))


class Move:
    """A transition of one chain, (batch or 1, previous, next), in messages (batch, before · own · after, lane).

    before, after: how many states the chains before and after it have together. zeros: whether chains that move with
    it have impossible transitions. `top`: what its logarithms are about, (batch or 1, 1).
    """

    def __init__(self, transition: np.ndarray, before: int, after: int, space: str, zeros: bool) -> None:
        self.before, self.states, self.after = before, transition.shape[-1], after
        self.space, self.zeros, self.alone = space, zeros, before * after == 1
        logs = np.maximum(transition, -1e300)
        top = logs.max(axis=(1, 2), keepdims=True)
        self.top, self.matrix = top[:, :, 0], np.exp(logs - top)
        turned = np.ascontiguousarray(self.matrix.swapaxes(1, 2))
        self.logs, self.steps_back, self.steps = (
            one if self.alone else one[:, None] for one in (logs, self.matrix, turned)
        )

    def along(self, message: np.ndarray) -> np.ndarray:
        """A message as (batch, before, own, after · lane); of a chain alone as it is, (batch, own, lane)."""
        return message if self.alone else message.reshape(len(message), self.before, self.states, -1)

    def forward(self, message: np.ndarray, room: np.ndarray | None = None) -> np.ndarray:
        """Aᵀ message, or its like for logarithms; in `room`, if there is some and no need of more."""
        own = self.along(message)
        if self.space == "scaled":
            out = None if room is None else self.along(room)
            return np.matmul(self.steps, own, out=out).reshape(message.shape)
        return summed_over_previous(self._joint(own), self.space).reshape(message.shape)

    def backward(
        self,
        posterior: np.ndarray,
        message: np.ndarray,
        reached: Sequence[np.ndarray],
        moves: np.ndarray | None = None,
        weights: np.ndarray | None = None,
        room: np.ndarray | None = None,
    ) -> np.ndarray:
        """The posterior before the move, from that after it; posteriors may be several, (batch, state, end · lane).

        reached: if scaled, Aᵀ message, which is written over. moves: those to add to, scaled ones lack the factor A;
        weights (batch or 1, lane). room: for the result, which may stand where the posterior stood.
        """
        times = posterior.shape[2] // message.shape[2] if message.size else 1
        message = np.tile(message, times) if times > 1 else message
        if self.space == "scaled":
            (predicted,) = reached
            if self.zeros:
                np.maximum(predicted, 1e-300, out=predicted)
            predicted = np.tile(predicted, times) if times > 1 else predicted
            ratio = np.divide(posterior, predicted, out=predicted)
            out = None if room is None else self.along(room)
            result = np.matmul(self.steps_back, self.along(ratio), out=out).reshape(message.shape)
            result *= message
            if moves is not None:
                if weights is not None:
                    ratio *= weights[:, None]
                moves += self._own(np.matmul(self.along(message), self.along(ratio).swapaxes(-2, -1)))
            return result
        joint = self._joint(self.along(message))
        joint = as_probabilities(joint, self.space, axis=joint.ndim - 3)
        joint *= self.along(posterior)[..., None, :, :]
        result = joint.sum(axis=-2).reshape(message.shape)
        if moves is not None:
            if weights is not None:
                joint *= np.tile(weights, self.after).reshape(len(weights), *[1] * (joint.ndim - 2), -1)
            moves += self._own(joint.sum(axis=-1))
        return result

    def _joint(self, own: np.ndarray) -> np.ndarray:
        """Logarithms of a message and of the transition from it, (batch, before, previous, next, after · lane)."""
        return own[..., :, None, :] + self.logs[..., None]

    def _own(self, moves: np.ndarray) -> np.ndarray:
        """Moves (batch, before, previous, next) summed over the states of the chains before."""
        return moves if self.alone else moves.sum(axis=1)
