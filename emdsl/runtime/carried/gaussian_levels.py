"""Rows of a joint Gaussian that stand there several times: those that lie in more plates with weights go first.

Every copy of them is integrated out given the rows that the copies share, which see what is left once for each copy.
"""

from __future__ import annotations

import numpy as np

from emdsl.runtime.carried.gaussian_blocks import (
    Counts,
    Coupling,
    chain_group,
    dense_moments,
    entries_log_partition,
    entry_counts,
    few_new_links,
)
from emdsl.runtime.carried.gaussian_eliminations import (
    Moments,
    Step,
    copies_seen,
    eliminated_chain,
    eliminated_rows,
)


def eliminated_level(
    inner: list[int], linear: list[np.ndarray], diagonal: list[np.ndarray], links: list[Coupling], counts: Counts
) -> Step:
    """Variables in the same plates, or some of them, integrated out: by rows, along chains, or all at once."""
    within = {v for v, w, one, _, _ in links if v == w and len(one)}
    own = [link for link in links if link[0] in inner and link[1] in inner and len(link[2])]
    for v in sorted(inner, key=lambda v: -linear[v].size):
        if v not in within and few_new_links(v, linear, links, []):
            return eliminated_rows(v, linear, diagonal, links, counts)
    chain = chain_group(linear, own)
    if chain and not any((link[0] in chain) != (link[1] in chain) for link in own):
        return eliminated_chain(chain, linear, diagonal, links, counts)
    return eliminated_densely(inner, linear, diagonal, links, counts)


def eliminated_densely(
    inner: list[int], linear: list[np.ndarray], diagonal: list[np.ndarray], links: list[Coupling], counts: Counts
) -> Step:
    """Variables integrated out together: x = P⁻¹h − G y given the rows y that they are coupled to, G = P⁻¹A.

    What is left loses AᵀG, once for each copy of x.
    """
    place: list[np.ndarray] = []
    sizes = [0, 0]
    for v, h in enumerate(linear):
        side = 0 if v in inner else 1
        place.append(sizes[side] + np.arange(h.size).reshape(h.shape))
        sizes[side] += h.size
    precision, arms = np.zeros((sizes[0], sizes[0])), np.zeros((sizes[0], sizes[1]))
    for v in inner:
        precision[place[v][:, :, None], place[v][:, None, :]] = diagonal[v]
    for v, w, one, two, blocks in links:
        mine, theirs = place[v][one][:, :, None], place[w][two][:, None, :]
        if v in inner and w in inner:
            np.add.at(precision, (mine, theirs), blocks)
            np.add.at(precision, (theirs, mine), blocks)
        elif v in inner:
            np.add.at(arms, (mine, theirs), blocks)
        elif w in inner:
            np.add.at(arms, (theirs, mine), blocks)
    pull = np.concatenate([np.ravel(linear[v]) for v in inner])
    often = entry_counts([linear[v] for v in inner], [counts[v] for v in inner])
    centre, inverse, log_halves = dense_moments(precision, pull)
    log_partition = entries_log_partition(pull, centre, log_halves, often)
    gain = inverse @ arms
    counted = arms * often[:, None]
    loss, drop, met = counted.T @ gain, counted.T @ centre, (np.abs(arms).T @ np.abs(inverse) @ np.abs(arms)) > 0
    outer = [w for w, h in enumerate(linear) if w not in inner and len(h)]
    rest_linear, rest_diagonal, rest_counts = list(linear), list(diagonal), list(counts)
    for v in inner:
        d = linear[v].shape[1]
        rest_linear[v], rest_diagonal[v], rest_counts[v] = (
            np.zeros((0, d)),
            np.zeros((0, d, d)),
            (counts[v][0], np.zeros(0)),
        )
    rest = [link for link in links if link[0] not in inner and link[1] not in inner]
    kept, pairs = len(rest), []
    for w in outer:
        every = np.arange(len(linear[w]))
        one = copies_seen(counts, np.ones(len(every)), w, every, w, every)
        rest_linear[w] = rest_linear[w] - drop[place[w]] * one[:, 0]
        rest_diagonal[w] = rest_diagonal[w] - loss[place[w][:, :, None], place[w][:, None, :]] * one
        for z in outer:
            if z < w:
                continue
            i, j = np.nonzero(met[place[w][:, None, :, None], place[z][None, :, None, :]].any(axis=(2, 3)))
            i, j = (i[i < j], j[i < j]) if w == z else (i, j)
            if len(i):
                mine, theirs = place[w][i][:, :, None], place[z][j][:, None, :]
                block = -loss[mine, theirs] * copies_seen(counts, np.ones(len(i)), w, i, z, j)
                rest.append((w, z, i, j, block))
                pairs.append((mine, theirs))

    def finish(moments: Moments) -> Moments:
        means, spreads, found, rest_partition = moments
        mean, spread = np.zeros(sizes[1]), np.zeros((sizes[1], sizes[1]))
        for w in outer:
            mean[place[w]] = means[w]
            spread[place[w][:, :, None], place[w][:, None, :]] = spreads[w]
        for (mine, theirs), cross in zip(pairs, found[kept:], strict=True):
            spread[mine, theirs] = cross
            spread[np.swapaxes(theirs, 1, 2), np.swapaxes(mine, 1, 2)] = np.swapaxes(cross, 1, 2)
        covered = gain @ spread
        inside, own = inverse + covered @ gain.T, centre - gain @ mean
        kept_crosses, crosses = iter(found[:kept]), []
        for v, w, one, two, _ in links:
            mine, theirs = place[v][one][:, :, None], place[w][two][:, None, :]
            if v in inner and w in inner:
                crosses.append(inside[mine, theirs])
            elif v in inner:
                crosses.append(-covered[mine, theirs])
            elif w in inner:
                crosses.append(-covered[np.swapaxes(theirs, 1, 2), np.swapaxes(mine, 1, 2)].swapaxes(1, 2))
            else:
                crosses.append(next(kept_crosses))
        for v in inner:
            means[v], spreads[v] = own[place[v]], inside[place[v][:, :, None], place[v][:, None, :]]
        return means, spreads, crosses, log_partition + rest_partition

    return rest_linear, rest_diagonal, rest, rest_counts, finish
