"""Many independent joint Gaussians at once: their moments, and a log partition for each."""

from __future__ import annotations

import numpy as np

from emdsl.runtime.carried.gaussian_blocks import Coupling, chain_group
from emdsl.runtime.carried.gaussian_chains import inverse_halves
from emdsl.runtime.carried.gaussian_eliminations import Moments, eliminated_chain
from emdsl.runtime.carried.gaussian_systems import gaussian_system, merged_couplings, placed_crosses


def gaussian_systems(
    linear: list[np.ndarray],
    diagonal: list[np.ndarray],
    couplings: list[Coupling],
    known: list[np.ndarray | None],
    laws: list[np.ndarray],
    count: int,
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], np.ndarray]:
    """As `gaussian_system`, of `count` laws whose rows do not meet, with the log partitions (law,).

    laws: for each variable the law (row,) that its rows belong to. Rows repeat those of `known` as often as needed.
    """
    known = [k if k is None else np.tile(k, (len(h) // max(len(k), 1), 1)) for k, h in zip(known, linear, strict=True)]
    width = sum(np.bincount(law, minlength=count) * h.shape[1] for law, h in zip(laws, linear, strict=True)).max()
    dense, nothing_known = width <= 48, all(k is None for k in known)
    # Up to there the arithmetic of whole matrices takes less time than the steps of a chain.
    if nothing_known and count * int(width) ** 2 > 2**15:
        chained = chain_systems(linear, diagonal, couplings, laws, count)
        if chained is not None:
            return chained
    chunk = max(2**21 // int(max(width, 1)) ** 2, 1) if dense else 1
    if dense and chunk >= count:
        return dense_systems(linear, diagonal, couplings, known, laws, count)
    means, spreads = [np.zeros(h.shape) for h in linear], [np.zeros((*h.shape, h.shape[1])) for h in linear]
    crosses = [np.zeros((len(one), linear[v].shape[1], linear[w].shape[1])) for v, w, one, _, _ in couplings]
    partitions = np.zeros(count)
    orders = [np.argsort(law, kind="stable") for law in laws]
    pairs = [np.argsort(laws[v][one], kind="stable") for v, _, one, _, _ in couplings]
    for first in range(0, count, chunk):
        last = min(first + chunk, count)
        rows = [
            order[slice(*np.searchsorted(law[order], (first, last)))] for order, law in zip(orders, laws, strict=True)
        ]
        places = [np.zeros(len(law), int) for law in laws]
        for place, own in zip(places, rows, strict=True):
            place[own] = np.arange(len(own))
        left, kept = [], []
        for (v, w, one, two, blocks), order in zip(couplings, pairs, strict=True):
            where = order[slice(*np.searchsorted(laws[v][one][order], (first, last)))]
            kept.append(where)
            block = blocks if len(blocks) == 1 else blocks[where]
            left.append((v, w, places[v][one[where]], places[w][two[where]], block))
        own_linear = [h[own] for h, own in zip(linear, rows, strict=True)]
        own_diagonal = [block if len(block) == 1 else block[own] for block, own in zip(diagonal, rows, strict=True)]
        own_known = [k if k is None else k[own] for k, own in zip(known, rows, strict=True)]
        arguments = (own_linear, own_diagonal, left, own_known)
        if dense:
            own_laws = [law[own] - first for law, own in zip(laws, rows, strict=True)]
            mean, spread, cross, partitions[first:last] = dense_systems(*arguments, own_laws, last - first)
        else:
            mean, spread, cross, partitions[first] = gaussian_system(*arguments)
        for v, own in enumerate(rows):
            means[v][own], spreads[v][own] = mean[v], spread[v]
        for number, where in enumerate(kept):
            crosses[number][where] = cross[number]
    return means, spreads, crosses, partitions


def chain_systems(
    linear: list[np.ndarray], diagonal: list[np.ndarray], couplings: list[Coupling], laws: list[np.ndarray], count: int
) -> Moments | None:
    """As `gaussian_systems` with nothing known, where the rows of all laws, one after the other, make up one chain."""
    links, places = merged_couplings(linear, couplings)
    chain = chain_group(linear, [link for link in links if len(link[2])])
    if len(chain) < len(linear):
        return None
    *_, finish = eliminated_chain(chain, linear, diagonal, links, None, by_row=True)
    empty = [h[:0] for h in linear], [np.zeros((0, h.shape[1], h.shape[1])) for h in linear]
    means, spreads, crosses, by_row = finish((*empty, [], np.zeros((2, 1))))
    return means, spreads, placed_crosses(crosses, places), np.bincount(laws[chain[0]], by_row.sum(axis=0), count)


def dense_systems(
    linear: list[np.ndarray],
    diagonal: list[np.ndarray],
    couplings: list[Coupling],
    known: list[np.ndarray | None],
    laws: list[np.ndarray],
    count: int,
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], np.ndarray]:
    """As `gaussian_systems`, each law as one vector: entries that it lacks, like known ones, stand aside."""
    places, start = [], np.zeros(count, int)
    for law, h in zip(laws, linear, strict=True):
        order = np.argsort(law, kind="stable")
        each = np.bincount(law, minlength=count)
        rank = np.empty(len(law), int)
        rank[order] = np.arange(len(law)) - np.repeat(np.cumsum(each) - each, each)
        places.append((start[law] + rank * h.shape[1])[:, None] + np.arange(h.shape[1]))
        start = start + each * h.shape[1]
    width = int(start.max())
    pull, precision = np.zeros((count, width)), np.zeros((count, width, width))
    values, aside = np.zeros((count, width)), np.ones((count, width), bool)
    for h, block, given, law, place in zip(linear, diagonal, known, laws, places, strict=True):
        at = law[:, None]
        pull[at, place] = h
        aside[at, place] = False if given is None else ~np.isnan(given)
        values[at, place] = 0.0 if given is None else np.nan_to_num(given)
        precision[at[:, :, None], place[:, :, None], place[:, None, :]] = block
    for v, w, one, two, blocks in couplings:
        at, rows, columns = laws[v][one][:, None, None], places[v][one][:, :, None], places[w][two][:, None, :]
        np.add.at(precision, (at, rows, columns), blocks)
        np.add.at(precision, (at, columns, rows), blocks)
    moved = np.einsum("nde,ne->nd", precision, values)
    partition = np.einsum("nd,nd->n", pull - 0.5 * moved, values)
    pull = np.where(aside, 0.0, pull - moved)
    free = ~aside[:, :, None] & ~aside[:, None, :]
    precision = np.where(free, precision, aside[:, :, None] * np.eye(width))
    half = inverse_halves(precision)
    white = np.einsum("nde,ne->nd", half, pull)
    mean, spread = np.einsum("ned,ne->nd", half, white), np.swapaxes(half, 1, 2) @ half
    logs = np.log(np.diagonal(half, axis1=1, axis2=2)).sum(axis=1)
    partition += 0.5 * (white * white).sum(axis=1) + logs + 0.5 * np.log(2 * np.pi) * (~aside).sum(axis=1)
    mean, spread = np.where(aside, values, mean), np.where(free, spread, 0.0)
    means = [mean[law[:, None], place] for law, place in zip(laws, places, strict=True)]
    spreads = [
        spread[law[:, None, None], place[:, :, None], place[:, None, :]]
        for law, place in zip(laws, places, strict=True)
    ]
    crosses = [
        spread[laws[v][one][:, None, None], places[v][one][:, :, None], places[w][two][:, None, :]]
        for v, w, one, two, _ in couplings
    ]
    return means, spreads, crosses, partition
