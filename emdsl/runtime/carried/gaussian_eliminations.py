"""Steps of eliminating rows from a joint Gaussian: what is left, and how its moments give those of the whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from emdsl.runtime.carried.gaussian_blocks import (
    Counts,
    Coupling,
    block_products,
    chosen_blocks,
    few_new_links,
    incident_links,
    joined_rows,
    pair_counts,
    rows_log_partition,
    scattered_blocks,
    turned_blocks,
)
from emdsl.runtime.carried.gaussian_chains import chain_moments, inverse_halves
from emdsl.runtime.carried.sweeps import as_slice

#: Means (row, entry), covariances (row, entry, entry), one covariance (pair, entry, entry) a coupling, and the log
#: partition in two parts (2,): the exponent at the means, and ½ log |2πP⁻¹|.
Moments = tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], np.ndarray]
#: The linear terms, diagonal blocks, couplings and counts that are left, and the moments of all from those of these.
Step = tuple[list[np.ndarray], list[np.ndarray], list[Coupling], Counts | None, Callable[[Moments], Moments]]


def eliminated_rows(
    v: int, linear: list[np.ndarray], diagonal: list[np.ndarray], links: list[Coupling], counts: Counts | None
) -> Step:
    """A variable's rows integrated out one by one, all at once.

    x = Wᵀ(u − Σ Wₖ xₖ + noise) given the rows xₖ coupled to x, with u = W h and Wₖ = W Bₖ. What is left loses WₖᵀWₗ
    from the coupling of xₖ with xₗ; its covariances at these same places give those of x. Rows in fewer plates with
    weights lose that for every copy of x.
    """
    n, d = linear[v].shape
    around = incident_links(v, links)
    half = inverse_halves(diagonal[v])
    back = turned_blocks(half)
    white = block_products(half, linear[v][:, :, None])
    log_partition = rows_log_partition(half, white[:, :, 0], None if counts is None else counts[v][1])
    arms = [block_products(chosen_blocks(half, rows), blocks) for _, rows, _, _, blocks in around]
    rest_linear, rest_diagonal, rest_counts = list(linear), list(diagonal), counts and list(counts)
    rest_linear[v], rest_diagonal[v] = np.zeros((0, d)), np.zeros((0, d, d))
    if rest_counts:
        rest_counts[v] = (rest_counts[v][0], np.zeros(0))
    for (_, rows, w, others, _), arm in zip(around, arms, strict=True):
        size, turned = len(linear[w]), turned_blocks(arm)
        if counts:
            turned = turned * copies_seen(counts, counts[v][1][rows], w, others, w, others)
        rest_linear[w] = rest_linear[w] - scattered_blocks(block_products(turned, white[rows])[:, :, 0], others, size)
        square = block_products(turned, arm)
        square = np.broadcast_to(square, (len(rows), *square.shape[1:]))
        rest_diagonal[w] = rest_diagonal[w] - scattered_blocks(square, others, size)
    rest = [link for link in links if v not in link[:2]]
    kept, meetings = len(rest), []
    for k, (_, rows, w, others, _) in enumerate(around):
        for m, (_, more, z, those, _) in enumerate(around[k:], k):
            i, j = joined_rows(rows, more, n)
            if k == m:
                i, j = i[i < j], j[i < j]
            if len(i):
                block = -block_products(turned_blocks(chosen_blocks(arms[k], i)), chosen_blocks(arms[m], j))
                if counts:
                    block = block * copies_seen(counts, counts[v][1][rows[i]], w, others[i], z, those[j])
                rest.append((w, z, others[i], those[j], block))
                meetings.append((k, m, i, j))

    def finish(moments: Moments) -> Moments:
        means, spreads, found, rest_partition = moments
        covered = [
            -block_products(arm, spreads[w][others]) for (_, _, w, others, _), arm in zip(around, arms, strict=True)
        ]
        for (k, m, i, j), cross in zip(meetings, found[kept:], strict=True):
            size, other = len(around[m][1]), len(around[k][1])
            covered[m] = covered[m] - scattered_blocks(block_products(chosen_blocks(arms[k], i), cross), j, size)
            covered[k] = covered[k] - scattered_blocks(
                block_products(chosen_blocks(arms[m], j), turned_blocks(cross)), i, other
            )
        centre, inner = white, np.broadcast_to(np.eye(d), (n, d, d))
        kept_crosses, crosses = iter(found[:kept]), []
        for (_, rows, w, others, _), arm, cover in zip(around, arms, covered, strict=True):
            centre = centre - scattered_blocks(block_products(arm, means[w][others][:, :, None]), rows, n)
            inner = inner - scattered_blocks(block_products(cover, turned_blocks(arm)), rows, n)
        numbers = [number for number, *_ in around]
        for number, (a, _, _, _, _) in enumerate(links):
            if number in numbers:
                k = numbers.index(number)
                cross = block_products(chosen_blocks(back, around[k][1]), covered[k])
                crosses.append(cross if a == v else turned_blocks(cross))
            elif a == v:  # with itself: no pairs
                crosses.append(np.zeros((0, d, d)))
            else:
                crosses.append(next(kept_crosses))
        means[v] = block_products(back, centre)[:, :, 0]
        spreads[v] = block_products(block_products(back, inner), half)
        return means, spreads, crosses, log_partition + rest_partition

    return rest_linear, rest_diagonal, rest, rest_counts, finish


def copies_seen(counts: Counts, inner: np.ndarray, v: int, one: np.ndarray, w: int, two: np.ndarray) -> np.ndarray:
    """How many copies of what is integrated out and stands there `inner` times a pair of rows sees: (pair, 1, 1)."""
    return (inner / pair_counts(counts, v, one, w, two))[:, None, None]


def independent_rows(v: int, linear: list[np.ndarray], links: list[Coupling]) -> np.ndarray:
    """Rows of a variable that have few couplings, and none with each other: in every neighbourhood the first to go."""
    n = len(linear[v])
    degree = np.zeros(n)
    for a, b, one, two, _ in links:
        for w, rows in ((a, one), (b, two)):
            if w == v:
                degree += np.bincount(rows, minlength=n)
    one, two = np.concatenate([link[2:4] for link in links if link[:2] == (v, v)], axis=1)
    order = degree + np.random.default_rng(0).random(n)
    free, taken = degree <= 8, np.zeros(n, bool)
    for _ in range(3):
        first = np.full(n, np.inf)
        np.minimum.at(first, one, np.where(free[two], order[two], np.inf))
        np.minimum.at(first, two, np.where(free[one], order[one], np.inf))
        now = free & (order < first)
        taken |= now
        free &= ~now
        free[two[now[one]]] = False
        free[one[now[two]]] = False
    return np.flatnonzero(taken)


def eliminated_part(
    v: int,
    apart: np.ndarray,
    linear: list[np.ndarray],
    diagonal: list[np.ndarray],
    links: list[Coupling],
    counts: Counts | None,
) -> Step | None:
    """Some rows of a variable, not coupled with each other, integrated out; None where that couples too many others.

    They become a variable of their own, the last.
    """
    n, last = len(linear[v]), len(linear)
    inside = np.zeros(n, bool)
    inside[apart] = True
    number = np.where(inside, np.cumsum(inside), np.cumsum(~inside)) - 1
    parts, places = [], []
    for a, b, one, two, blocks in links:
        whole = np.broadcast_to(blocks, (len(one), *blocks.shape[1:]))
        if a == b == v:
            turned = inside[one]
            mixed = turned | inside[two]
            both = np.where(turned[:, None, None], turned_blocks(whole), whole)
            kept, moved = np.where(turned, two, one), np.where(turned, one, two)
            cases = [(v, v, ~mixed, one, two, whole), (v, last, mixed, kept, moved, both)]
        elif v in (a, b):
            own = inside[one if a == v else two]
            ends = [(last if a == v else a, last if b == v else b, own), (a, b, ~own)]
            cases = [(x, y, which, one, two, whole) for x, y, which in ends]
        else:
            cases = [(a, b, np.ones(len(one), bool), one, two, blocks)]
        for x, y, which, mine, theirs, block in cases:
            rows = number[mine[which]] if x in (v, last) else mine[which]
            others = number[theirs[which]] if y in (v, last) else theirs[which]
            parts.append((x, y, rows, others, chosen_blocks(block, np.flatnonzero(which))))
        places.append([case[2] for case in cases])
    part_linear = [*linear, linear[v][inside]]
    part_linear[v] = linear[v][~inside]
    full = np.broadcast_to(diagonal[v], (n, *diagonal[v].shape[1:]))
    part_diagonal = [*diagonal, full[inside]]
    part_diagonal[v] = full[~inside]
    if not few_new_links(last, part_linear, parts, []):
        return None
    part_counts = counts and [*counts, (counts[v][0], counts[v][1][inside])]
    if counts and part_counts:
        part_counts[v] = (counts[v][0], counts[v][1][~inside])
    left_linear, left_diagonal, left, left_counts, inner = eliminated_rows(
        last, part_linear, part_diagonal, parts, part_counts
    )

    def finish(moments: Moments) -> Moments:
        means, spreads, found, log_partition = inner(moments)
        for values in (means, spreads):
            whole = np.empty((n, *values[v].shape[1:]))
            whole[~inside], whole[inside] = values[v], values[last]
            values[v] = whole
        remaining, crosses = iter(found), []
        for (a, b, one, _, _), cases in zip(links, places, strict=True):
            cross = np.empty((len(one), linear[a].shape[1], linear[b].shape[1]))
            for case, which in enumerate(cases):
                block = next(remaining)
                if a == b == v and case == 1:
                    turned = inside[one[which]][:, None, None]
                    block = np.where(turned, turned_blocks(block), block)
                cross[which] = block
            crosses.append(cross)
        return means[:last], spreads[:last], crosses, log_partition

    return left_linear, left_diagonal, left, left_counts, finish


def eliminated_chain(
    group: list[int],
    linear: list[np.ndarray],
    diagonal: list[np.ndarray],
    links: list[Coupling],
    counts: Counts | None,
    by_row: bool = False,
) -> Step:
    """The variables of a chain integrated out together, one vector a row.

    Given the rows that a series is coupled to, R x_root, it has mean P⁻¹h − Z x_root with Z = P⁻¹R. What is left
    loses RᵀZ from the couplings of these rows with each other. by_row: as `chain_moments` has it.
    """
    n, d = len(linear[group[0]]), sum(linear[v].shape[1] for v in group)
    ends = np.cumsum([0, *(linear[v].shape[1] for v in group)])
    place = {v: slice(begin, end) for v, begin, end in zip(group, ends, ends[1:])}
    lower, linked = np.zeros((n, d, d)), np.zeros(n, bool)
    if len(group) == 1:
        whole = np.broadcast_to(diagonal[group[0]], (n, d, d))
    else:
        whole = np.zeros((n, d, d))
        for v in group:
            whole[:, place[v], place[v]] = diagonal[v]
    inside, outside = [], []
    for number, (v, w, one, two, blocks) in enumerate(links):
        if v in place and w in place:
            inside.append(number)
            for step, (late, row, column) in {-1: (two, w, v), 0: (two, w, v), 1: (one, v, w)}.items():
                found = np.flatnonzero(one - two == step)
                if not found.size:
                    continue
                where, at = as_slice(found), as_slice(late[found])
                block = chosen_blocks(blocks, where)
                if step == 0:
                    whole = whole if whole.flags.writeable else whole.copy()
                    whole[at, place[v], place[w]] += block
                    whole[at, place[w], place[v]] += turned_blocks(block)
                else:
                    lower[at, place[row], place[column]] += turned_blocks(block) if step < 0 else block
                    linked[at] = True
        elif v in place and len(one):
            outside.append((number, v, one, w, two, blocks))
        elif w in place and len(one):
            outside.append((number, w, two, v, one, turned_blocks(blocks)))
    series = np.cumsum(~linked) - 1
    count = int(series[-1]) + 1
    # Each series numbers the rows of the root that it touches: its own few columns.
    touched, columns, width = {}, {}, 1
    for w in dict.fromkeys(link[3] for link in outside):
        size, extent = linear[w].shape
        keys = [series[rows] * size + others for _, _, rows, z, others, _ in outside if z == w]
        pairs = np.unique(np.concatenate(keys))
        of, row = pairs // size, pairs % size
        rank = np.arange(len(of)) - np.searchsorted(of, of)
        touched[w], columns[w] = (of, row), (pairs, width + rank[:, None] * extent + np.arange(extent))
        width += (int(rank.max()) + 1) * extent
    sides = np.zeros((n, d, width))
    for v in group:
        sides[:, place[v], 0] = linear[v]
    spots = []
    for _, v, rows, w, others, blocks in outside:
        pairs, column = columns[w]
        spot = column[np.searchsorted(pairs, series[rows] * len(linear[w]) + others)][:, None, :]
        entry = np.arange(place[v].start, place[v].stop)[None, :, None]
        sides[rows[:, None, None], entry, spot] = blocks
        spots.append((rows[:, None, None], entry, spot - 1))
    own = None if counts is None else counts[group[0]][1]
    solution, chain_spread, chain_lag, log_partition = chain_moments(whole, lower, ~linked, sides, own, by_row)
    root_linear, root_diagonal, root_counts = list(linear), list(diagonal), counts and list(counts)
    for v in group:
        extent = linear[v].shape[1]
        root_linear[v], root_diagonal[v] = np.zeros((0, extent)), np.zeros((0, extent, extent))
        if root_counts:
            root_counts[v] = (root_counts[v][0], np.zeros(0))
    root = [link for number, link in enumerate(links) if not ({*link[:2]} & {*group})]
    kept, meetings = len(root), []
    if outside:
        loss = series_products(sides[:, :, 1:], solution, np.flatnonzero(~linked))
        begun = np.ones(count) if own is None else np.asarray(own)[~linked]
        for k, (w, (of, row)) in enumerate(touched.items()):
            size, at = len(linear[w]), columns[w][1]
            mine = at[:, :, None] - 1
            seen = copies_seen(counts, begun[of], w, row, w, row) if counts else np.ones((1, 1, 1))
            pull = loss[of[:, None], mine[:, :, 0], 0] * seen[:, 0]
            root_linear[w] = root_linear[w] - scattered_blocks(pull, row, size)
            square = loss[of[:, None, None], mine, at[:, None, :]] * seen
            root_diagonal[w] = root_diagonal[w] - scattered_blocks(square, row, size)
            for z in list(touched)[k:]:
                those, other = touched[z]
                i, j = joined_rows(of, those, count)
                if w == z:
                    i, j = i[i < j], j[i < j]
                theirs = columns[z][1][:, None, :]
                block = -loss[of[i][:, None, None], mine[i], theirs[j]]
                if counts:
                    block = block * copies_seen(counts, begun[of[i]], w, row[i], z, other[j])
                root.append((w, z, row[i], other[j], block))
                meetings.append((of[i][:, None, None], mine[i], theirs[j] - 1))

    def finish(moments: Moments) -> Moments:
        means, spreads, found, rest_partition = moments
        mean, spread, lag, covered = solution[:, :, 0], chain_spread, chain_lag, np.zeros((n, d, 0))
        if outside:
            centre, local = np.zeros((count, width - 1)), np.zeros((count, width - 1, width - 1))
            for w, (of, row) in touched.items():
                at = columns[w][1] - 1
                centre[of[:, None], at] = means[w][row]
                local[of[:, None, None], at[:, :, None], at[:, None, :]] = spreads[w][row]
            for (of, mine, theirs), cross in zip(meetings, found[kept:], strict=True):
                local[of, mine, theirs] = cross
                local[of, np.swapaxes(theirs, 1, 2), np.swapaxes(mine, 1, 2)] = turned_blocks(cross)
            arms = np.ascontiguousarray(solution[:, :, 1:])
            if count == 1:
                flat = arms.reshape(n * d, width - 1)
                mean = mean - (flat @ centre[0]).reshape(n, d)
                covered = (flat @ local[0]).reshape(arms.shape)
            else:
                mean = mean - block_products(arms, centre[series][:, :, None])[:, :, 0]
                covered = block_products(arms, local[series])
            spread += block_products(covered, turned_blocks(arms))
            late = np.flatnonzero(linked)
            lag[as_slice(late)] += block_products(covered[as_slice(late)], turned_blocks(arms[as_slice(late - 1)]))
        crosses, kept_crosses, spot = [], iter(found[:kept]), iter(spots)
        for number, (v, w, one, two, _) in enumerate(links):
            if number in inside:
                cross = np.zeros((0, linear[v].shape[1], linear[w].shape[1]))
                for step in (-1, 0, 1):
                    where = np.flatnonzero(one - two == step)
                    if len(where):
                        source, late = (spread, one) if step == 0 else (lag, two if step < 0 else one)
                        row, column = (place[v], place[w]) if step >= 0 else (place[w], place[v])
                        block = source[as_slice(late[where]), row, column]
                        block = block if step >= 0 else turned_blocks(block)
                        if len(where) == len(one):
                            cross = block
                            break
                        cross = cross if len(cross) else np.empty((len(one), *cross.shape[1:]))
                        cross[where] = block
                crosses.append(cross)
            elif v in place or w in place:
                if not len(one):
                    crosses.append(np.zeros((0, linear[v].shape[1], linear[w].shape[1])))
                    continue
                cross = -covered[next(spot)]
                crosses.append(cross if v in place else turned_blocks(cross))
            else:
                crosses.append(next(kept_crosses))
        for v in group:
            means[v], spreads[v] = mean[:, place[v]], spread[:, place[v], place[v]]
        return means, spreads, crosses, log_partition + rest_partition

    return root_linear, root_diagonal, root, root_counts, finish


def series_products(one: np.ndarray, two: np.ndarray, begin: np.ndarray) -> np.ndarray:
    """Σ oneᵀ two over the rows of each series, (series, side, side), for (row, entry, side) and the first rows."""
    n, d, width = one.shape
    lengths = np.diff(begin, append=n)
    if np.all(lengths == lengths[0]):
        shape = (len(begin), int(lengths[0]) * d)
        return np.swapaxes(one.reshape((*shape, width)), 1, 2) @ two.reshape((*shape, two.shape[2]))
    return np.add.reduceat(np.swapaxes(one, 1, 2) @ two, begin, axis=0)
