"""The exact posterior of one joint Gaussian over several plated real variables: moments and log partition.

The exponent is Σ hᵢᵀxᵢ − ½ Σ xᵢᵀDᵢxᵢ − Σ xₐᵀBxᵦ: rows x with diagonal blocks D, coupled in pairs by blocks B.
"""

from __future__ import annotations

import numpy as np

from emdsl.runtime.carried.gaussian_blocks import (
    Counts,
    Coupling,
    block_products,
    chain_group,
    chosen_blocks,
    dense_moments,
    entries_log_partition,
    entry_counts,
    few_new_links,
    incident_links,
    pair_counts,
    rows_log_partition,
    scattered_blocks,
    sparse_matrix,
    take_columns,
    turned_blocks,
)
from emdsl.runtime.carried.gaussian_chains import inverse_halves
from emdsl.runtime.carried.gaussian_eliminations import (
    Moments,
    Step,
    eliminated_chain,
    eliminated_part,
    eliminated_rows,
    independent_rows,
)
from emdsl.runtime.carried.gaussian_levels import eliminated_level
from emdsl.runtime.carried.gaussian_states import joined_states

#: Of a coupling: the link that it is merged into, the positions there (None: all in order), which pairs are turned.
Place = tuple[int, np.ndarray | None, np.ndarray | None]


def gaussian_system(
    linear: list[np.ndarray],
    diagonal: list[np.ndarray],
    couplings: list[Coupling],
    known: list[np.ndarray | None] | None = None,
    counts: Counts | None = None,
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], float]:
    """As `gaussian_moments`, with the log partition as one number."""
    means, spreads, crosses, log_partition = gaussian_moments(linear, diagonal, couplings, known, counts)
    return means, spreads, crosses, float(log_partition.sum())


def gaussian_law(
    linear: list[np.ndarray],
    diagonal: list[np.ndarray],
    couplings: list[Coupling],
    known: list[np.ndarray | None] | None = None,
    counts: Counts | None = None,
) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray], float]:
    """As `gaussian_moments`, with ½ log |2πP⁻¹| alone of the log partition.

    What it lacks, the exponent at the means, is the log joint density of the data and the means but for constants:
    taken from their residuals it does not cancel, as hᵀP⁻¹h does against the squares of the data.
    """
    means, spreads, crosses, log_partition = gaussian_moments(linear, diagonal, couplings, known, counts)
    return means, spreads, crosses, float(log_partition[1])


def gaussian_moments(
    linear: list[np.ndarray],
    diagonal: list[np.ndarray],
    couplings: list[Coupling],
    known: list[np.ndarray | None] | None = None,
    counts: Counts | None = None,
) -> Moments:
    """Means (row, entry), covariances (row, entry, entry), covariances of the coupled pairs, and the log partition.

    linear: for each variable (row, entry). diagonal: for each (row or 1, entry, entry), symmetric. A coupling (v, w,
    rows of v, rows of w, blocks (pair or 1, entry, entry)) subtracts xₐᵀBxᵦ for each pair; pairs may repeat, and v may
    be w. known: for each variable None or (row, entry) values to condition on, NaN where unknown; they have covariance
    0, and the log partition is the integral over the rest. Where rows share one covariance it may be a read-only view.

    counts: how often each row stands there, with all that depends on it. Terms are those of one copy, of a pair those
    of the row that lies in more plates; rows with fewer plates meet every copy. Moments are those of one copy.
    """
    if known is not None and any(values is not None for values in known):
        return conditioned_system(linear, diagonal, couplings, known, counts)
    return solved_system(linear, diagonal, couplings, counts)


def conditioned_system(
    linear: list[np.ndarray],
    diagonal: list[np.ndarray],
    couplings: list[Coupling],
    known: list[np.ndarray | None],
    counts: Counts | None = None,
) -> Moments:
    """As `gaussian_moments` with known entries: they move into the linear terms, and stand aside as unit normals.

    A variable that is known altogether leaves the system, and so does a pair with a row that is.
    """
    pairs = list(zip(linear, known, strict=True))
    given = [np.zeros(h.shape, bool) if k is None else ~np.isnan(np.broadcast_to(k, h.shape)) for h, k in pairs]
    values = [np.zeros(h.shape) if k is None else np.where(g, k, 0.0) for (h, k), g in zip(pairs, given, strict=True)]
    settled = [np.all(g, axis=1) for g in given]
    constant, left_linear, left_diagonal = np.zeros(2), [], []
    for v, (h, block, g, x) in enumerate(zip(linear, diagonal, given, values, strict=True)):
        pull = block_products(block, x[:, :, None])[:, :, 0] if np.any(g) else np.zeros(h.shape)
        own = 1.0 if counts is None else counts[v][1][:, None]
        constant[0] += (own * (h - 0.5 * pull) * x).sum()
        left_linear.append(h - pull)
        if np.any(g):
            block = np.where(~g[:, :, None] & ~g[:, None, :], block, g[:, :, None] * np.eye(h.shape[1]))
        left_diagonal.append(block)
    left, kept = [], []
    for v, w, one, two, blocks in couplings:
        where = np.arange(len(one))
        if np.any(given[v]) or np.any(given[w]):
            mine, theirs = values[v][one], values[w][two]
            pull = block_products(blocks, theirs[:, :, None])[:, :, 0]
            often = np.ones(1) if counts is None else pair_counts(counts, v, one, w, two)
            mine_seen = often if counts is None else often / counts[v][1][one]
            theirs_seen = often if counts is None else often / counts[w][1][two]
            constant[0] -= (often[:, None] * mine * pull).sum()
            pull = mine_seen[:, None] * pull
            left_linear[v] = left_linear[v] - scattered_blocks(pull, one, len(linear[v]))
            pull = block_products(turned_blocks(blocks), mine[:, :, None])[:, :, 0]
            pull = theirs_seen[:, None] * pull
            left_linear[w] = left_linear[w] - scattered_blocks(pull, two, len(linear[w]))
            where = np.flatnonzero(~settled[v][one] & ~settled[w][two])
            one, two, blocks = one[where], two[where], chosen_blocks(blocks, where)
            unknown = ~given[v][one][:, :, None] & ~given[w][two][:, None, :]
            blocks = blocks if np.all(unknown) else np.where(unknown, blocks, 0.0)
        left.append((v, w, one, two, blocks))
        kept.append(where)
    for v, g in enumerate(given):
        d = linear[v].shape[1]
        if np.all(g):
            left_linear[v], left_diagonal[v] = np.zeros((0, d)), np.zeros((0, d, d))
        else:
            left_linear[v] = np.where(g, 0.0, left_linear[v])
            own = np.ones(len(g)) if counts is None else counts[v][1]
            constant[1] -= 0.5 * np.log(2 * np.pi) * (own @ g.sum(axis=1))
    left_counts = counts and [(depth, often[: len(h)]) for (depth, often), h in zip(counts, left_linear, strict=True)]
    means, spreads, crosses, log_partition = solved_system(left_linear, left_diagonal, left, left_counts)
    for v, (g, x) in enumerate(zip(given, values, strict=True)):
        if np.all(g):
            means[v], spreads[v] = x, np.zeros((*x.shape, x.shape[1]))
        elif np.any(g):
            means[v] = np.where(g, x, means[v])
            spreads[v] = np.where(g[:, :, None] | g[:, None, :], 0.0, spreads[v])
    for number, (_, _, one, _, _) in enumerate(couplings):
        if len(kept[number]) < len(one):
            whole = np.zeros((len(one), *crosses[number].shape[1:]))
            whole[kept[number]] = crosses[number]
            crosses[number] = whole
    return means, spreads, crosses, log_partition + constant


def solved_system(
    linear: list[np.ndarray], diagonal: list[np.ndarray], couplings: list[Coupling], counts: Counts | None = None
) -> Moments:
    """As `gaussian_moments` with nothing known: by the elimination that the structure allows.

    Each variable pair gets one link, whose row pairs are distinct.
    """
    links, places = merged_couplings(linear, couplings)
    means, spreads, crosses, log_partition = eliminated_system(linear, diagonal, links, counts)
    return means, spreads, placed_crosses(crosses, places), log_partition


def placed_crosses(crosses: list[np.ndarray], places: list[Place]) -> list[np.ndarray]:
    """The covariances of each coupling's pairs, of those of the links that they are merged into."""
    found = []
    for link, at, turned in places:
        cross = crosses[link] if at is None else crosses[link][at]
        if turned is not None and np.all(turned):
            cross = turned_blocks(cross)
        elif turned is not None:
            cross = np.where(turned[:, None, None], turned_blocks(cross), cross)
        found.append(cross)
    return found


def merged_couplings(linear: list[np.ndarray], couplings: list[Coupling]) -> tuple[list[Coupling], list[Place]]:
    """The couplings by variable pairs, lower variable (and row) first, every pair of rows once.

    Returns the links, and the place of each coupling there.
    """
    groups: dict[tuple[int, int], list[tuple[int, np.ndarray, np.ndarray]]] = {}
    turns = []
    for number, (v, w, one, two, blocks) in enumerate(couplings):
        turned = one > two if v == w else np.full(len(one), v > w)
        if v == w and np.any(one == two):
            raise ValueError("a row cannot be coupled with itself: add its block to the diagonal")
        turns.append(turned if np.any(turned) else None)
        if len(turned) and np.all(turned):
            v, w, one, two, blocks = w, v, two, one, turned_blocks(blocks)
        elif np.any(turned):
            blocks = np.where(turned[:, None, None], turned_blocks(blocks), blocks)
            one, two = np.minimum(one, two), np.maximum(one, two)
        key = np.asarray(one, dtype=np.int64) * len(linear[w]) + two
        groups.setdefault((v, w), []).append((number, key, blocks))
    links: list[tuple[int, int, np.ndarray, np.ndarray, np.ndarray]] = []
    places = {}
    for (v, w), members in groups.items():
        keys = members[0][1]
        if np.all(keys[1:] > keys[:-1]) and all(np.array_equal(keys, key) for _, key, _ in members[1:]):
            blocks = sum((block for _, _, block in members[1:]), members[0][2])
            positions: list[np.ndarray | None] = [None] * len(members)
        else:
            keys, where = np.unique(np.concatenate([key for _, key, _ in members]), return_inverse=True)
            whole = [np.broadcast_to(block, (len(key), *block.shape[1:])) for _, key, block in members]
            blocks = scattered_blocks(np.concatenate(whole), where, len(keys))
            positions = list(np.split(where, np.cumsum([len(key) for _, key, _ in members])[:-1]))
        for (number, _, _), at in zip(members, positions, strict=True):
            places[number] = (len(links), at, turns[number])
        one, two = np.divmod(keys, max(len(linear[w]), 1))
        links.append((v, w, one, two, blocks))
    return links, [places[number] for number in range(len(couplings))]


def eliminated_system(
    linear: list[np.ndarray], diagonal: list[np.ndarray], links: list[Coupling], counts: Counts | None
) -> Moments:
    """The moments, by the cheapest step of elimination; what is left is a system again.

    Rows whose removal couples few others go first, in batch (leaves of a nested model); then chains, also those whose
    states are several rows; then the largest variable without couplings of its own, onto a dense rest; and a dense or
    sparse factor of everything at the last. Rows that lie in more plates with weights go before those that their copies
    share.
    """
    active = [v for v, h in enumerate(linear) if len(h)]
    total = sum(h.size for h in linear)
    used = [link for link in links if len(link[2])]
    if not used:
        return separate_system(linear, diagonal, links, counts)
    inner = [] if counts is None else deepest(active, counts)
    if counts is not None and inner:
        return finished_step(eliminated_level(inner, linear, diagonal, links, counts))
    if total <= 64:
        return dense_system(linear, diagonal, links, counts)
    within = {v for v, w, *_ in used if v == w}
    chain = chain_group(linear, used)
    loose = sorted((v for v in active if v not in within), key=lambda v: -linear[v].size)
    for v in loose:
        if few_new_links(v, linear, links, chain):
            return finished_step(eliminated_rows(v, linear, diagonal, links, counts))
    if chain:
        return finished_step(eliminated_chain(chain, linear, diagonal, links, counts))
    for group in (active, sorted(within)) if within else ():
        step = joined_states(group, linear, diagonal, links, counts)
        if step is not None:
            return finished_step(step)
    for v in sorted(within, key=lambda v: -linear[v].size):
        apart = independent_rows(v, linear, links)
        if total > 400 and len(apart) > len(linear[v]) // 16:
            step = eliminated_part(v, apart, linear, diagonal, links, counts)
            if step is not None:
                return finished_step(step)
    if loose and total > 400:
        return rooted_system(loose[0], linear, diagonal, links, counts)
    if total > 4000:
        return rooted_system(None, linear, diagonal, links, counts)
    return dense_system(linear, diagonal, links, counts)


def deepest(active: list[int], counts: Counts) -> list[int]:
    """The variables in more plates with weights than others; none where all are in equally many."""
    depths = [counts[v][0] for v in active]
    return [v for v in active if counts[v][0] == max(depths)] if min(depths) < max(depths) else []


def finished_step(step: Step) -> Moments:
    """The moments of a whole system, from one step of elimination and what it left."""
    linear, diagonal, couplings, counts, finish = step
    return finish(solved_system(linear, diagonal, couplings, counts))


def separate_system(
    linear: list[np.ndarray], diagonal: list[np.ndarray], links: list[Coupling], counts: Counts | None
) -> Moments:
    """The moments where nothing is coupled: every row by itself."""
    means, spreads, log_partition = [], [], np.zeros(2)
    for v, (h, block) in enumerate(zip(linear, diagonal, strict=True)):
        half = inverse_halves(block[: len(h)])
        white = block_products(half, h[:, :, None])
        log_partition += rows_log_partition(half, white[:, :, 0], None if counts is None else counts[v][1])
        means.append(block_products(turned_blocks(half), white)[:, :, 0])
        spreads.append(np.broadcast_to(block_products(turned_blocks(half), half), (*h.shape, h.shape[1])))
    return means, spreads, [np.zeros((0, *block.shape[1:])) for *_, block in links], log_partition


def dense_system(
    linear: list[np.ndarray], diagonal: list[np.ndarray], couplings: list[Coupling], counts: Counts | None
) -> Moments:
    """As `gaussian_moments` with nothing known, by one dense Cholesky factor of all variables together."""
    entries, total = [], 0
    for h in linear:
        entries.append(total + np.arange(h.size).reshape(h.shape))
        total += h.size
    precision = np.zeros((total, total))
    for at, block in zip(entries, diagonal, strict=True):
        precision[at[:, :, None], at[:, None, :]] = block
    places = [(entries[v][one][:, :, None], entries[w][two][:, None, :]) for v, w, one, two, _ in couplings]
    for (one, two), coupling in zip(places, couplings, strict=True):
        np.add.at(precision, (one, two), coupling[4])
        np.add.at(precision, (two, one), coupling[4])
    pull = np.concatenate([np.zeros(0), *(np.ravel(h) for h in linear)])
    mean, spread, log_halves = dense_moments(precision, pull)
    log_partition = entries_log_partition(pull, mean, log_halves, entry_counts(linear, counts) if counts else None)
    means = [mean[at] for at in entries]
    spreads = [spread[at[:, :, None], at[:, None, :]] for at in entries]
    return means, spreads, [spread[one, two] for one, two in places], log_partition


def rooted_system(
    v: int | None, linear: list[np.ndarray], diagonal: list[np.ndarray], links: list[Coupling], counts: Counts | None
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
    log_partition, around = np.zeros(2), []
    if v is not None:
        n, d = linear[v].shape
        around = incident_links(v, links)
        half = inverse_halves(diagonal[v])
        back = turned_blocks(half)
        white = block_products(half, linear[v][:, :, None])
        log_partition = rows_log_partition(half, white[:, :, 0], None if counts is None else counts[v][1])
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
        mean, inverse_root, log_halves = dense_moments(root, pull)
        step = max(size, 1)
    else:
        factor = sparse.linalg.splu(
            sparse.csc_matrix(root), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
        )
        pivots = factor.U.diagonal()
        if not (np.all(pivots > 0.0) and np.array_equal(factor.perm_r, factor.perm_c)):
            raise np.linalg.LinAlgError("the precision of the joint Gaussian is not positive definite")
        mean = factor.solve(pull)
        log_halves = -0.5 * np.log(pivots[factor.perm_c])
        step = 256
    kept = counts and [(depth, often if w != v else often[:0]) for w, (depth, often) in enumerate(counts)]
    log_partition += entries_log_partition(pull, mean, log_halves, entry_counts(linear, kept) if kept else None)
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
