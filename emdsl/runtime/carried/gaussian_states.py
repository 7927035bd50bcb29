"""Rows of a joint Gaussian that make up the states of a chain: those at equal distance from an end of what is coupled.

    distance d(r) = min over coupled rows q of d(q) + 1        coupled rows have equal or neighbouring distances

so that the rows at distance 0, 1, … of each connected part are the states of a chain, however they are written.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from emdsl.runtime.carried.gaussian_blocks import Counts, Coupling, turned_blocks
from emdsl.runtime.carried.gaussian_eliminations import Moments, Step


def joined_states(
    group: list[int], linear: list[np.ndarray], diagonal: list[np.ndarray], links: list[Coupling], counts: Counts | None
) -> Step | None:
    """Some variables as one, the last, whose rows are the states of chains; None where the states are too wide.

    Shorter states are filled up with independent entries of precision 1.
    """
    found = places_in_states(group, linear, links, counts)
    if found is None:
        return None
    state, entry, length, width = found
    last, often = len(linear), np.ones(length)
    pull, whole, lower = np.zeros((length, width)), np.zeros((length, width, width)), np.zeros((length, width, width))
    empty, linked = np.ones((length, width), bool), np.zeros(length, bool)
    for v in group:
        pull[state[v][:, None], entry[v]] = linear[v]
        whole[state[v][:, None, None], entry[v][:, :, None], entry[v][:, None, :]] = diagonal[v]
        empty[state[v][:, None], entry[v]] = False
        if counts is not None:
            often[state[v]] = counts[v][1]
    whole[:, np.arange(width), np.arange(width)] += empty
    rest = []
    spots = []
    for v, w, one, two, part in links:
        blocks = np.broadcast_to(part, (len(one), *part.shape[1:]))
        if v in state and w in state:
            rows, others = entry[v][one][:, :, None], entry[w][two][:, None, :]
            at, step = np.maximum(state[v][one], state[w][two]), state[v][one] - state[w][two]
            linked[at[step != 0]] = True
            for sign, mine, theirs in ((1, rows, others), (-1, others, rows)):
                for target, here in ((whole, step == 0), (lower, step == sign)):
                    target[at[here][:, None, None], mine[here], theirs[here]] += blocks[here]
            spots.append((at[:, None, None], step[:, None, None], rows, others))
        elif v in state or w in state:
            own, mine, z, theirs = (v, one, w, two) if v in state else (w, two, v, one)
            block = np.zeros((len(one), width, linear[z].shape[1]))
            block[np.arange(len(one))[:, None], entry[own][mine]] = blocks if own == v else turned_blocks(blocks)
            rest.append((last, z, state[own][mine], theirs, block))
        else:
            rest.append((v, w, one, two, part))
    late = np.flatnonzero(linked)
    rest.append((last, last, late - 1, late, turned_blocks(lower[late])))
    states_linear, states_diagonal, states_counts = [*linear, pull], [*diagonal, whole], counts and list(counts)
    for v in group:
        d = linear[v].shape[1]
        states_linear[v], states_diagonal[v] = np.zeros((0, d)), np.zeros((0, d, d))
        if states_counts:
            states_counts[v] = (states_counts[v][0], np.zeros(0))
    if states_counts:
        states_counts.append((states_counts[group[0]][0], often))
    filling = 0.5 * np.log(2 * np.pi) * float(often @ empty.sum(axis=1))

    def finish(moments: Moments) -> Moments:
        means, spreads, found, log_partition = moments
        spread, lag = spreads[last], np.zeros((length, width, width))
        lag[late] = turned_blocks(found[-1])
        crosses, remaining, inner = [], iter(found[:-1]), iter(spots)
        for v, w, one, two, _ in links:
            if v in state and w in state:
                at, step, mine, theirs = next(inner)
                cross = np.where(step == 0, spread[at, mine, theirs], lag[at, mine, theirs])
                crosses.append(np.where(step < 0, lag[at, theirs, mine], cross))
            elif v in state or w in state:
                own, rows = (v, one) if v in state else (w, two)
                cross = next(remaining)[np.arange(len(rows))[:, None], entry[own][rows]]
                crosses.append(cross if own == v else turned_blocks(cross))
            else:
                crosses.append(next(remaining))
        for v in group:
            means[v] = means[last][state[v][:, None], entry[v]]
            spreads[v] = spread[state[v][:, None, None], entry[v][:, :, None], entry[v][:, None, :]]
        return means[:last], spreads[:last], crosses, log_partition - np.array([0.0, filling])

    return states_linear, states_diagonal, rest, states_counts, finish


def places_in_states(
    group: list[int], linear: list[np.ndarray], links: list[Coupling], counts: Counts | None
) -> tuple[dict[int, np.ndarray], dict[int, np.ndarray], int, int] | None:
    """The state of each row (row,) and its entries there (row, entry), how many states there are, and how wide."""
    begin = dict(zip(group, np.cumsum([0, *(len(linear[v]) for v in group)]), strict=False))
    inside = [link for link in links if link[0] in begin and link[1] in begin and len(link[2])]
    if not inside:
        return None
    if counts is not None and any(np.any(counts[v][1][one] != counts[w][1][two]) for v, w, one, two, _ in inside):
        return None
    extents = np.concatenate([np.full(len(linear[v]), linear[v].shape[1]) for v in group])
    one = np.concatenate([begin[v] + rows for v, _, rows, _, _ in inside])
    two = np.concatenate([begin[w] + rows for _, w, _, rows, _ in inside])
    total = float(extents.sum())
    if 8 * np.bincount(np.concatenate([one, two])).max() > 3 * total:  # a row meets rows of three states at the most
        return None
    numbers = chain_states(len(extents), one, two)
    length = int(numbers.max()) + 1
    width = int(np.bincount(numbers, extents).max())
    if 8 * width > total or 8.0 * length * width**3 > 256 * total**2:
        return None
    order = np.argsort(numbers, kind="stable")
    before = np.cumsum(extents[order]) - extents[order]
    offsets = np.empty(len(extents), dtype=int)
    offsets[order] = before - before[np.searchsorted(numbers[order], numbers[order])]
    state = {v: numbers[begin[v] : begin[v] + len(linear[v])] for v in group}
    entry = {v: offsets[begin[v] : begin[v] + len(state[v]), None] + np.arange(linear[v].shape[1]) for v in group}
    return state, entry, length, width


def chain_states(n: int, one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """The number of the state of each of n rows, of which the pairs (one, two) are coupled: part after part."""
    pairs = sparse.csr_matrix((np.ones(len(one)), (one, two)), shape=(n, n))
    _, part = sparse.csgraph.connected_components(pairs, directed=False)
    ends = np.unique(part, return_index=True)[1]
    for _ in range(2):  # from the first row of each part, then from the farthest, which is an end
        at, to = np.concatenate([one, two, np.full(len(ends), n)]), np.concatenate([two, one, ends])
        graph = sparse.csr_matrix((np.ones(len(at)), (at, to)), shape=(n + 1, n + 1))
        distance = sparse.csgraph.dijkstra(graph, indices=n, unweighted=True)[:n].astype(int) - 1
        order = np.lexsort((distance, part))
        ends = order[np.flatnonzero(np.append(part[order][1:] != part[order][:-1], True))]
    heights = distance[ends] + 1
    return np.asarray((np.cumsum(heights) - heights)[part] + distance)
