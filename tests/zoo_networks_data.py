"""Generators of tiny data for the zoo of networks: what couples is small enough to be enumerated or integrated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Data = dict[str, Any]
Generator = np.random.Generator
Drawn = Callable[[Generator], Data]

BLOOD = np.array([[0, 2, 0], [2, 1, 1], [0, 1, 3]])
GROUPS = np.array([0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4])


def flips(*names: str, n: int = 12, noise: float = 0.15) -> Drawn:
    """Bits by name (n,), each a noisy copy of the one before it."""

    def data(rng: Generator) -> Data:
        bit, drawn = (np.arange(n) % 2).astype(int), {}
        for name in names:
            bit = np.where(rng.random(n) < noise, 1 - bit, bit)
            drawn[name] = bit
        return drawn

    return data


def levels(*names: str, n: int = 12, gap: float = 5.0) -> Drawn:
    """Real values by name (n,) about 0 or `gap`, the side a noisy copy of that of the name before."""

    def data(rng: Generator) -> Data:
        sides = flips(*names, n=n)(rng)
        return {name: gap * side + rng.normal(0, 0.8, n) for name, side in sides.items()}

    return data


def joined(*parts: Drawn) -> Drawn:
    """The arrays of several generators."""
    return lambda rng: {name: value for part in parts for name, value in part(rng).items()}


def known(data: Drawn, name: str, labels: dict[int, int], n: int = 12) -> Drawn:
    """The same with some entries of a latent given."""

    def labelled(rng: Generator) -> Data:
        z = np.full(n, np.nan)
        z[list(labels)] = list(labels.values())
        return {**data(rng), name: z}

    return labelled


def ragged(data: Drawn, lengths: tuple[int, ...], *names: str) -> Drawn:
    """The same with each named array (s, t, …) cut to the length of its own sequence: lists of arrays."""

    def cut(rng: Generator) -> Data:
        drawn = data(rng)
        return {k: [v[s, :t] for s, t in enumerate(lengths)] if k in names else v for k, v in drawn.items()}

    return cut


def holed(data: Drawn, name: str, *holes: tuple[int, ...]) -> Drawn:
    """The same with the named entries missing."""

    def missing(rng: Generator) -> Data:
        drawn = data(rng)
        if isinstance(drawn[name], list):
            values = [np.array(row, float) for row in drawn[name]]
            for first, *rest in holes:
                values[first][tuple(rest)] = np.nan
            return {**drawn, name: values}
        array = np.array(drawn[name], float)
        for hole in holes:
            array[hole] = np.nan
        return {**drawn, name: array}

    return missing


def letters(*shape: int, states: int = 3, name: str = "y") -> Drawn:
    """Categories of a shape: rows prefer a category of their own."""

    def data(rng: Generator) -> Data:
        favourite = np.arange(shape[0]).reshape(-1, *[1] * (len(shape) - 1)) % states
        return {name: np.where(rng.random(shape) < 0.6, favourite, rng.integers(0, states, shape))}

    return data


def words(rng: Generator) -> Data:
    """w (i,) of three words in six documents of two kinds."""
    doc = np.repeat(np.arange(6), 3)
    chances = np.where(doc[:, None] % 2, [0.1, 0.2, 0.7], [0.6, 0.3, 0.1])
    return {"doc": doc, "w": np.array([rng.choice(3, p=p) for p in chances])}


def bags(n: int = 6) -> Drawn:
    """Counts y (n, 3) of `total` (n,) words."""

    def data(rng: Generator) -> Data:
        total = rng.integers(3, 7, n)
        return {"total": total, "y": np.array([rng.multinomial(t, [0.5, 0.3, 0.2]) for t in total])}

    return data


def genotypes(rng: Generator) -> Data:
    """g (n, j): genotypes at four loci of two populations."""
    p = np.where(np.arange(10)[:, None] % 2, [0.8, 0.3, 0.7, 0.2], [0.2, 0.8, 0.3, 0.8])
    return {"g": rng.binomial(2, p)}


def linkage(rng: Generator) -> Data:
    total = np.array([20, 31, 12])
    return {"total": total, "y": rng.multinomial(total, [0.65, 0.1, 0.1, 0.15])}


def counts_table(rng: Generator) -> Data:
    """y (n, j): two parts, each liking half of the columns."""
    return {"y": rng.poisson(rng.gamma(1.5, 2, (4, 2)) @ np.array([[3.0, 2.0, 0.2], [0.2, 1.0, 3.0]]))}


def blood(rng: Generator) -> Data:
    return {"blood": BLOOD, "y": rng.choice(4, p=[0.42, 0.12, 0.06, 0.4], size=20)}


def mixing(rng: Generator) -> Data:
    """Counts under known positive weights of two or three sources."""
    a = rng.uniform(0.2, 2.0, (10, 3))
    return {"a": a, "x": a[:, 0], "y": rng.poisson(a @ np.array([4.0, 1.0, 2.5]))}


def factor_groups(rng: Generator) -> Data:
    """x (n, d) of two groups, each along a direction of its own."""
    loads = np.array([[2.0, -1.5, 1.0], [1.5, 2.0, -1.0]])[np.arange(28) % 2]
    return {"x": 8.0 * (np.arange(28)[:, None] % 2) + rng.normal(size=(28, 1)) * loads + rng.normal(0, 0.8, (28, 3))}


def trees(n: int = 10) -> Drawn:
    return flips("a", "b", "c", "d", n=n, noise=0.25)


def disease(rng: Generator) -> Data:
    a, b = np.arange(16) % 2, np.arange(16) // 2 % 2
    p = 1 - 0.9 * (1 - 0.7 * a) * (1 - 0.5 * b)
    return {"a": a, "b": b, "y": (rng.random(16) < p).astype(int)}


def symptoms(rng: Generator) -> Data:
    a, b = np.arange(12) % 2, np.arange(12) // 2 % 2
    p = 1 - 0.95 * (1 - np.outer(a, [0.8, 0.3])) * (1 - np.outer(b, [0.2, 0.7]))
    return {"y": (rng.random((12, 2)) < p).astype(int)}


def grouped_values(spread: float = 2.0, groups: int = 2) -> Drawn:
    """y (i,) in five groups `grp`, whose means lie about one of `groups` centres; design X (i, 2) and covariate x."""

    def data(rng: Generator) -> Data:
        x = rng.normal(0, 1, len(GROUPS))
        centre = 7.0 * (np.arange(5) % groups) + rng.normal(0, spread, 5)
        slope = 1.0 + rng.normal(0, 1, 5)
        y = centre[GROUPS] + slope[GROUPS] * x + rng.normal(0, 0.6, len(GROUPS))
        return {"grp": GROUPS, "x": x, "X": np.column_stack([np.ones(len(x)), x]), "y": y}

    return data


def only(data: Drawn, *names: str) -> Drawn:
    return lambda rng: {name: value for name, value in data(rng).items() if name in names}


def schools(rng: Generator) -> Data:
    school, room = np.array([0, 0, 1, 1, 2]), np.repeat(np.arange(5), 3)
    level = rng.normal(3, 2, 3)[school] + rng.normal(0, 1, 5)
    return {"school": school, "room": room, "y": level[room] + rng.normal(0, 0.6, 15)}


def ratings(rng: Generator) -> Data:
    user, item = np.divmod(np.arange(12), 3)
    keep = np.array([0, 1, 2, 3, 5, 6, 7, 8, 10, 11])
    y = rng.normal(0, 1.5, 4)[user] + rng.normal(0, 2, 3)[item] + rng.normal(2, 0.5, 12)
    return {"user": user[keep], "item": item[keep], "y": y[keep]}


def exposed(rng: Generator) -> Data:
    e, grp = rng.uniform(0.5, 2, 10), np.repeat(np.arange(5), 2)
    return {"e": e, "grp": grp, "y": rng.poisson(e * rng.gamma(2, 2, 5)[grp])}


def successes(rng: Generator) -> Data:
    trials = rng.integers(4, 9, 8)
    p = np.where(np.arange(8) % 2, rng.beta(8, 2, 8), rng.beta(2, 6, 8))
    return {"trials": trials, "a": np.array([2.0, 8.0]), "b": np.array([6.0, 2.0]), "y": rng.binomial(trials, p)}


def chained_successes(rng: Generator) -> Data:
    """y (s, t) of `trials` (s, t), whose chances persist; what the chances of either state are drawn from."""
    z, trials = states(2, 3)(rng), rng.integers(4, 9, (2, 3))
    p = np.where(z, rng.beta(8, 2, z.shape), rng.beta(2, 6, z.shape))
    return {"trials": trials, "a": np.array([2.0, 8.0]), "b": np.array([6.0, 2.0]), "y": rng.binomial(trials, p)}


def counted(name: str, n: int) -> Drawn:
    """Counts (n,), small and large in turn."""
    return lambda rng: {name: rng.poisson(np.where(np.arange(n) % 2, 9.0, 2.0) * rng.gamma(4, 0.25, n))}


def pairs(groups: int, each: int) -> Drawn:
    """x and y (g, i): two looks at values that lie about 0 or 5, as their group does."""

    def data(rng: Generator) -> Data:
        centre = 5.0 * (np.arange(groups)[:, None] % 2) + rng.normal(0, 1, (groups, each))
        return {name: centre + rng.normal(0, 0.7, centre.shape) for name in "xy"}

    return data


def outliers(rng: Generator) -> Data:
    design = np.column_stack([np.ones(12), rng.normal(size=12)])
    noise = rng.normal(0, 0.5, 12) + 5.0 * (np.arange(12) == 4)
    return {"X": design, "y": design @ np.array([1.0, 2.0]) + noise}


def line_through_zero(rng: Generator) -> Data:
    design = rng.normal(size=(5, 1))
    return {"X": design, "y": 2 * design[:, 0] + rng.normal(0, 0.5, 5)}


def raters(rng: Generator) -> Data:
    """Three raters label six items of two kinds; one pair is absent."""
    item, rater = (x.ravel()[1:] for x in np.indices((6, 3)))
    right = rng.random(len(item)) < np.array([0.9, 0.8, 0.7])[rater]
    return {"item": item, "rater": rater, "y": np.where(right, item % 2, 1 - item % 2)}


def sentences(rng: Generator) -> Data:
    """Source words e[s] and target words f[s] of three sentences: word w becomes w, mostly."""
    e = [np.array([0, 1]), np.array([1, 2, 0]), np.array([2])]
    f = [np.array([0, 1, 1]), np.array([2, 0]), np.array([2, 2])]
    return {"e": e, "f": [np.where(rng.random(len(w)) < 0.1, 0, w) for w in f]}


def network(rng: Generator) -> Data:
    side = np.arange(5) % 2
    edges = (rng.random((5, 5)) < np.where(side[:, None] == side, 0.8, 0.2)).astype(int)
    src, dst = np.triu_indices(5, 1)
    return {"y": edges, "src": src, "dst": dst, "w": edges[src, dst]}


def states(sequences: int | None, length: int, n: int = 2) -> Callable[[Generator], np.ndarray[Any, Any]]:
    """Persistent states (s, t), or (t,) of a single series."""

    def data(rng: Generator) -> np.ndarray[Any, Any]:
        rows = 1 if sequences is None else sequences
        z = (np.arange(length) // 2 + np.arange(rows)[:, None]) % n
        z = np.where(rng.random(z.shape) < 0.1, (z + 1) % n, z)
        return z[0] if sequences is None else z

    return data


def series(sequences: int | None = 3, length: int = 4, law: str = "poisson", n: int = 2, name: str = "y") -> Drawn:
    """What persistent states emit: counts, categories, or real values."""

    def data(rng: Generator) -> Data:
        z = states(sequences, length, n)(rng)
        if law == "poisson":
            return {name: rng.poisson(np.array([2.0, 9.0, 20.0])[z])}
        if law == "categorical":
            return {name: np.where(rng.random(z.shape) < 0.75, z, rng.integers(0, 3, z.shape))}
        return {name: 5.0 * z + rng.normal(0, 0.8, z.shape)}

    return data


def weighted_groups(rng: Generator) -> Data:
    """Counts y of four groups of several lengths, which weigh differently."""
    return {**ragged(series(4, 3), (3, 1, 2, 3), "y")(rng), "weights.g": np.array([1.0, 2.0, 0.5, 1.0])}


def regressions_over_time(rng: Generator) -> Data:
    z = states(3, 4)(rng)
    design = np.stack([np.ones(z.shape), rng.normal(size=z.shape)], axis=-1)
    return {
        "X": design,
        "y": np.sum(design * np.array([[0.0, 1.0], [6.0, -1.0]])[z], -1) + rng.normal(0, 0.5, z.shape),
    }


def autoregression(rng: Generator) -> Data:
    z, y = states(3, 5)(rng), np.zeros((3, 5))
    y[:, 0] = rng.normal(0, 1, 3)
    for t in range(1, 5):
        y[:, t] = 4.0 * z[:, t] + 0.5 * y[:, t - 1] + rng.normal(0, 0.6, 3)
    return {"y": y}


def walk(sequences: int | None = None, length: int = 7, noise: float = 0.5) -> Drawn:
    def data(rng: Generator) -> Data:
        shape = (length,) if sequences is None else (sequences, length)
        return {"y": 1 + np.cumsum(rng.normal(0, 1, shape), axis=-1) + rng.normal(0, noise, shape)}

    return data


def nested_walks(rng: Generator) -> Data:
    """y (g, s, t) of two groups of series, all of their own lengths: lists of lists of arrays."""
    return {"y": [[1 + np.cumsum(rng.normal(0, 1, length)) for length in group] for group in ((3, 1), (2,))]}


def drifting(rng: Generator) -> Data:
    """y (t,) of which neither the steps of the level nor the errors of observation can be left out."""
    return {"y": np.array([0.0, -2.5, 1.0, -1.5, 4.0, 5.5, 3.5, 6.0, 3.0]) + rng.normal(0, 0.2, 9)}


def tracks(rng: Generator) -> Data:
    """y (s, t, 3) seen from a rotating state of two numbers."""
    x, y = rng.normal(size=(3, 2)), np.zeros((3, 4, 3))
    turn, look = np.array([[0.8, -0.5], [0.5, 0.8]]), np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    for t in range(4):
        x = x @ turn.T + rng.normal(0, 1.2, x.shape)
        y[:, t] = x @ look.T + rng.normal(0, 0.4, (3, 3))
    return {"y": y, "H": look}


def chain_labels(rng: Generator) -> Data:
    z = np.full((3, 4), np.nan)
    z[0, 1], z[1, 0], z[2, 2] = 0, 1, 0
    return {**series(3, 4)(rng), "z": z}


def two_levels(rng: Generator) -> Data:
    a, b = np.arange(4) // 2 % 2, np.arange(4) % 2
    return {"y": 6.0 * a + 2.0 * b + rng.normal(0, 0.5, (2, 4))}


def tracks_alone(rng: Generator) -> Data:
    """y (s, t, 3) of `tracks`, without how it is seen."""
    return {"y": tracks(rng)["y"]}


def slopes_over_time(rng: Generator) -> Data:
    """y (s, t) that moves and goes up and down, so that its noise has a variance, beside a covariate u (s, t)."""
    u, moves = rng.normal(size=(2, 2, 4))
    return {"u": u, "y": moves.cumsum(axis=1) + np.tile([2, -2], 2)}
