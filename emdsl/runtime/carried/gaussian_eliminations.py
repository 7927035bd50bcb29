"""Steps of eliminating rows from a joint Gaussian: what is left, and how its moments give those of the whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from emdsl.runtime.carried.gaussian_blocks import (
    Coupling,
    block_products,
    chosen_blocks,
    dense_moments,
    few_new_links,
    incident_links,
    joined_rows,
    row_span,
    rows_log_partition,
    scattered_blocks,
    sparse_matrix,
    take_columns,
    turned_blocks,
)
from emdsl.runtime.carried.gaussian_chains import chain_moments, inverse_halves

#: Means (row, entry), covariances (row, entry, entry), one covariance (pair, entry, entry) a coupling, log partition.
Moments = tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], float]
#: The linear terms, diagonal blocks and couplings that are left, and the moments of all from the moments of these.
Step = tuple[list[np.ndarray], list[np.ndarray], list[Coupling], Callable[[Moments], Moments]]


def eliminated_rows(v: int, linear: list[np.ndarray], diagonal: list[np.ndarray], links: list[Coupling]) -> Step:
    """A variable's rows integrated out one by one, all at once.

    x = Wᵀ(u − Σ Wₖ xₖ + noise) given the rows xₖ coupled to x, with u = W h and Wₖ = W Bₖ. What is left loses WₖᵀWₗ
    from the coupling of xₖ with xₗ; its covariances at these same places give those of x.
    """
    n, d = linear[v].shape
    around = incident_links(v, links)
    half = inverse_halves(diagonal[v])
    back = turned_blocks(half)
    white = block_products(half, linear[v][:, :, None])
    log_partition = rows_log_partition(half, white[:, :, 0])
    arms = [block_products(chosen_blocks(half, rows), blocks) for _, rows, _, _, blocks in around]
    rest_linear, rest_diagonal = list(linear), list(diagonal)
    rest_linear[v], rest_diagonal[v] = np.zeros((0, d)), np.zeros((0, d, d))
    for (_, rows, w, others, _), arm in zip(around, arms, strict=True):
        size, turned = len(linear[w]), turned_blocks(arm)
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

    return rest_linear, rest_diagonal, rest, finish


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
    v: int, apart: np.ndarray, linear: list[np.ndarray], diagonal: list[np.ndarray], links: list[Coupling]
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
    left_linear, left_diagonal, left, inner = eliminated_rows(last, part_linear, part_diagonal, parts)

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

    return left_linear, left_diagonal, left, finish


def eliminated_chain(
    group: list[int], linear: list[np.ndarray], diagonal: list[np.ndarray], links: list[Coupling]
) -> Step:
    """The variables of a chain integrated out together, one vector a row.

    Given the rows that a series is coupled to, R x_root, it has mean P⁻¹h − Z x_root with Z = P⁻¹R. What is left
    loses RᵀZ from the couplings of these rows with each other.
    """
    n, d = len(linear[group[0]]), sum(linear[v].shape[1] for v in group)
    ends = np.cumsum([0, *(linear[v].shape[1] for v in group)])
    place = {v: slice(begin, end) for v, begin, end in zip(group, ends, ends[1:])}
    whole, lower, linked = np.zeros((n, d, d)), np.zeros((n, d, d)), np.zeros(n, bool)
    for v in group:
        whole[:, place[v], place[v]] = diagonal[v]
    inside, outside = [], []
    for number, (v, w, one, two, blocks) in enumerate(links):
        if v in place and w in place:
            inside.append(number)
            for step, (late, row, column) in {-1: (two, w, v), 0: (two, w, v), 1: (one, v, w)}.items():
                where = row_span(np.flatnonzero(one - two == step))
                at = row_span(late[where])
                block = chosen_blocks(blocks, where)
                if step == 0:
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
    solution, chain_spread, chain_lag, log_partition = chain_moments(whole, lower, ~linked, sides)
    root_linear, root_diagonal = list(linear), list(diagonal)
    for v in group:
        extent = linear[v].shape[1]
        root_linear[v], root_diagonal[v] = np.zeros((0, extent)), np.zeros((0, extent, extent))
    root = [link for number, link in enumerate(links) if not ({*link[:2]} & {*group})]
    kept, meetings = len(root), []
    if outside:
        loss = series_products(sides[:, :, 1:], solution, np.flatnonzero(~linked))
        for k, (w, (of, row)) in enumerate(touched.items()):
            size, at = len(linear[w]), columns[w][1]
            mine = at[:, :, None] - 1
            root_linear[w] = root_linear[w] - scattered_blocks(loss[of[:, None], mine[:, :, 0], 0], row, size)
            square = loss[of[:, None, None], mine, at[:, None, :]]
            root_diagonal[w] = root_diagonal[w] - scattered_blocks(square, row, size)
            for z in list(touched)[k:]:
                those, other = touched[z]
                i, j = joined_rows(of, those, count)
                if w == z:
                    i, j = i[i < j], j[i < j]
                theirs = columns[z][1][:, None, :]
                root.append((w, z, row[i], other[j], -loss[of[i][:, None, None], mine[i], theirs[j]]))
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
            lag[row_span(late)] += block_products(covered[row_span(late)], turned_blocks(arms[row_span(late - 1)]))
        crosses, kept_crosses, spot = [], iter(found[:kept]), iter(spots)
        for number, (v, w, one, two, _) in enumerate(links):
            if number in inside:
                cross = np.zeros((0, linear[v].shape[1], linear[w].shape[1]))
                for step in (-1, 0, 1):
                    where = np.flatnonzero(one - two == step)
                    if len(where):
                        source, late = (spread, one) if step == 0 else (lag, two if step < 0 else one)
                        row, column = (place[v], place[w]) if step >= 0 else (place[w], place[v])
                        block = source[row_span(late[where]), row, column]
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

    return root_linear, root_diagonal, root, finish


def series_products(one: np.ndarray, two: np.ndarray, begin: np.ndarray) -> np.ndarray:
    """Σ oneᵀ two over the rows of each series, (series, side, side), for (row, entry, side) and the first rows."""
    n, d, width = one.shape
    lengths = np.diff(begin, append=n)
    if np.all(lengths == lengths[0]):
        shape = (len(begin), int(lengths[0]) * d)
        return np.swapaxes(one.reshape((*shape, width)), 1, 2) @ two.reshape((*shape, two.shape[2]))
    return np.add.reduceat(np.swapaxes(one, 1, 2) @ two, begin, axis=0)


def rooted_system(
    v: int | None, linear: list[np.ndarray], diagonal: list[np.ndarray], links: list[Coupling]
) -> Moments:
    """The moments, the rows of variable v (if any) integrated out in batch and all others as one root.

    With W sparse the root has precision P − WᵀW; its covariances come in batches of columns, from a dense inverse or,
    where the root is large, from a sparse factor.
    """
    from scipy import sparse

    entries, size = [], 0
    for w, h in enumerate(linear):
        here = 0 if w == v else h.size
        entries.append(size + np.arange(here).reshape((-1, h.shape[1])))
        size += here
    data, at, to = [], [], []
    for w, block in enumerate(diagonal):
        if w != v:
            rows = entries[w]
            data.append(np.broadcast_to(block, (len(rows), *block.shape[1:])))
            at.append(rows[:, :, None])
            to.append(rows[:, None, :])
    for a, b, one, two, blocks in links:
        if v not in (a, b):
            mine, theirs = entries[a][one][:, :, None], entries[b][two][:, None, :]
            data += [blocks, blocks]
            at += [mine, theirs]
            to += [theirs, mine]
    root = sparse_matrix(data, at, to, (size, size))
    pull = np.concatenate([np.zeros(0), *(np.ravel(h) for w, h in enumerate(linear) if w != v)])
    log_partition, around = 0.0, []
    if v is not None:
        n, d = linear[v].shape
        around = incident_links(v, links)
        half = inverse_halves(diagonal[v])
        back = turned_blocks(half)
        white = block_products(half, linear[v][:, :, None])
        log_partition = rows_log_partition(half, white[:, :, 0])
        arms = [block_products(chosen_blocks(half, rows), blocks) for _, rows, _, _, blocks in around]
        own = np.arange(n * d).reshape(n, d)
        at_rows = [own[rows][:, :, None] for _, rows, _, _, _ in around]
        at_roots = [entries[w][others][:, None, :] for _, _, w, others, _ in around]
        arm = sparse_matrix(arms, at_rows, at_roots, (n * d, size))
        pull = pull - arm.T @ np.ravel(white)
        if (
            n * d * size <= 10**8
            and size <= 4000
            and float(np.diff(arm.indptr).astype(float) @ np.diff(arm.indptr)) > n * d * size**2 / 200
        ):
            filled = arm.toarray()
            root = root.toarray() - filled.T @ filled
        else:
            root = root - arm.T @ arm
    # A dense factor unless the root is large and truly sparse.
    dense = isinstance(root, np.ndarray) or size <= 4000 or (size <= 10000 and root.nnz > 20 * size)
    if dense:
        root = root if isinstance(root, np.ndarray) else root.toarray()
        mean, inverse_root, log_half = dense_moments(root, pull)
        log_partition += log_half
        step = max(size, 1)
    else:
        factor = sparse.linalg.splu(
            sparse.csc_matrix(root), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
        pivots = factor.U.diagonal()
        if not (np.all(pivots > 0.0) and np.array_equal(factor.perm_r, factor.perm_c)):
            raise np.linalg.LinAlgError("the precision of the joint Gaussian is not positive definite")
        mean = factor.solve(pull)
        log_partition -= 0.5 * float(np.log(pivots).sum())
        step = 256
    log_partition += float(0.5 * pull @ mean) + 0.5 * np.log(2 * np.pi) * size
    means = [mean[rows] for rows in entries]
    spreads = [np.zeros((*rows.shape, rows.shape[1])) for rows in entries]
    crosses = [np.zeros((len(one), linear[a].shape[1], linear[b].shape[1])) for a, b, one, _, _ in links]
    numbers = [number for number, *_ in around]
    for first in range(0, size, step):
        last = min(first + step, size)
        if dense:
            block = inverse_root
        else:
            unit = np.zeros((size, last - first))
            unit[np.arange(first, last), np.arange(last - first)] = 1.0
            block = factor.solve(unit)
        for w, rows in enumerate(entries):
            take_columns(block, rows, rows, first, last, spreads[w])
        for number, (a, b, one, two, _) in enumerate(links):
            if v not in (a, b):
                take_columns(block, entries[a][one], entries[b][two], first, last, crosses[number])
        if around:
            covered = arm @ block
            for number, rows, w, others, _ in around:
                cover = crosses[number] if links[number][0] == v else turned_blocks(crosses[number])
                take_columns(covered, own[rows], entries[w][others], first, last, cover)
    if v is not None:
        inner = np.broadcast_to(np.eye(d), (n, d, d))
        white = white - (arm @ mean).reshape(n, d, 1)
        for number, rows, _, _, _ in around:
            cover = crosses[number] if links[number][0] == v else turned_blocks(crosses[number])
            inner = inner + scattered_blocks(block_products(cover, turned_blocks(arms[numbers.index(number)])), rows, n)
            cover[:] = -block_products(chosen_blocks(back, rows), cover)
        means[v] = block_products(back, white)[:, :, 0]
        spreads[v] = block_products(block_products(back, inner), half)
    return means, spreads, crosses, log_partition
