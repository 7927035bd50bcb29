"""Nodes of a standard normal law, and which laws need more than two for a coordinate.

    E f(u) ≈ Σ_i w_i f(u_i),  u ~ N(0, I) in D coordinates

Two for each coordinate, ±√D e_d with weight 1/(2D), are exact to second degree: means and variances of what is linear
in u. What a law bends (`logit=x[t]`, `LogNormal(x[t], …)`) takes the trapezoid rule on a grid, whose error falls as
exp(−2π²/step²); beyond three coordinates, mirrored quasi-random nodes with covariance I stand for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from itertools import product
from typing import Any

import numpy as np
from scipy.special import ndtri

from emdsl.algebra.expressions import Binary, Call, Expression, names, walk
from emdsl.errors import DataError
from emdsl.families.moments import location
from emdsl.families.registry import family
from emdsl.model.statements import Law

Array = np.ndarray[Any, Any]

#: Where the nodes of a grid end and how far they lie apart, by the number of all coordinates that are bent.
GRIDS: Mapping[int, tuple[float, float]] = {1: (10.0, 0.25), 2: (9.0, 0.5), 3: (7.0, 0.875)}
#: Pairs of quasi-random nodes.
PAIRS = 2048
#: Functions that are linear in what they are applied to.
LINEAR = frozenset({"sum", "diag", "dot", "outer"})


def normal_nodes(coordinates: int, bent: int = 0) -> Iterator[tuple[float, Array]]:
    """Weights, and nodes (coordinate). `bent`: of how many coordinates in all laws are bent, 0 where none is."""
    if not bent:
        for place, sign in product(range(coordinates), (1.0, -1.0)):
            yield 0.5 / coordinates, sign * np.sqrt(coordinates) * (np.arange(coordinates) == place)
    elif bent in GRIDS:
        end, step = GRIDS[bent]
        line = np.arange(-end, end + step / 2, step)
        weights = np.exp(-(line**2) / 2)
        weights /= weights.sum()
        for chosen in product(range(len(line)), repeat=coordinates):
            yield float(np.prod(weights[list(chosen)])), line[list(chosen)]
    else:
        for node in _quasi_random(coordinates):
            yield 0.5 / PAIRS, node
            yield 0.5 / PAIRS, -node


def _quasi_random(coordinates: int) -> Array:
    """Nodes (node, coordinate) with mean square I: a Kronecker sequence of powers of the root of r^(D+1) = r + 1."""
    ratio = 2.0
    for _ in range(60):
        ratio = (1 + ratio) ** (1 / (coordinates + 1))
    steps = ratio ** -np.arange(1.0, coordinates + 1)
    nodes = ndtri((0.5 + np.arange(1, PAIRS + 1)[:, None] * steps) % 1)
    return np.asarray(np.linalg.solve(np.linalg.cholesky(nodes.T @ nodes / PAIRS), nodes.T).T)


def bent_coordinates(variable: str, law: Law, real: Sequence[tuple[str, int]], jointly: bool) -> int:
    """Of how many coordinates of real latents the law of a variable is no linear function, 0 where it is one.

    `real`: the entries that it reads, each with its number of coordinates. `jointly`: whether one rule stands for all.
    Raises DataError where quasi-random nodes would stand for one entry given those of another.
    """
    if not _bends(law, {name for name, _ in real}):
        return 0
    count = sum(width for _, width in real)
    if count not in GRIDS and len(real) > 1 and not jointly:
        read = " and ".join(dict.fromkeys(f"`{name}`" for name, _ in real))
        raise DataError(
            f"the mean and variance of `{variable}` are not known: its law is no linear function of {read}, which have "
            f"{count} coordinates; draw them with `sample`"
        )
    return count


def _bends(law: Law, real: Set[str]) -> bool:
    """Whether the mean of a law is no linear function of the variables in `real`, or its spread depends on them."""
    branches = [value for _, value in law.arguments if isinstance(value, Law)]
    entry = family(law.family)
    if branches or entry is None:
        return any(_bends(branch, real) for branch in branches)
    given = {name or entry.arguments[place].name: value for place, (name, value) in enumerate(law.arguments)}
    reads = {name: value for name, value in given.items() if isinstance(value, Expression) and names(value) & real}
    straight = location(law.family)
    return any(name != straight or any(_is_bent(node, real) for node in walk(value)) for name, value in reads.items())


def _is_bent(node: Expression, real: Set[str]) -> bool:
    match node:
        case Call(function, arguments) if function not in LINEAR:
            return any(names(argument) & real for argument in arguments)
        case Binary("/" | "**", left, right):
            return bool(names(right) & real) or (node.operator == "**" and bool(names(left) & real))
    return False
