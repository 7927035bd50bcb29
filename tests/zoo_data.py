"""Generators of tiny data for the zoo: each is a function of a random generator, or makes one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Data = dict[str, Any]
Generator = np.random.Generator


def clusters(n: int = 26, d: int = 2, gap: float = 4.0) -> Callable[[Generator], Data]:
    """x (n, d) from two clusters that differ in location and spread."""

    def data(rng: Generator) -> Data:
        first = n // 2
        return {"x": np.vstack([rng.normal(0, 1, (first, d)), gap + rng.normal(0, 0.6, (n - first, d))])}

    return data


def line(n: int = 15, groups: int = 2, gap: float = 5.0) -> Callable[[Generator], Data]:
    """x (n,) from groups `gap` apart."""
    return lambda rng: {"x": gap * (np.arange(n) % groups) + rng.normal(0, 0.8, n)}


def with_holes(data: Callable[[Generator], Data], share: float = 0.2, name: str = "x") -> Callable[[Generator], Data]:
    """The same with some entries missing, and the first row wholly so."""

    def holed(rng: Generator) -> Data:
        drawn = data(rng)
        x = np.array(drawn[name], float)
        x[rng.random(x.shape) < share] = np.nan
        x[0] = np.nan
        return {**drawn, name: x}

    return holed


def with_given(data: Callable[[Generator], Data], **given: Any) -> Callable[[Generator], Data]:
    """The same with further arrays."""
    return lambda rng: {**data(rng), **given}


def without(data: Callable[[Generator], Data], *names: str) -> Callable[[Generator], Data]:
    """The same less some arrays."""
    return lambda rng: {name: value for name, value in data(rng).items() if name not in names}


def counts(n: int = 14, low: float = 2.0, high: float = 11.0) -> Callable[[Generator], Data]:
    """y (n,) from two Poisson laws."""
    return lambda rng: {"y": np.concatenate([rng.poisson(low, n // 2), rng.poisson(high, n - n // 2)])}


def positive(n: int = 14) -> Callable[[Generator], Data]:
    """y (n,) from two positive laws."""
    return lambda rng: {"y": np.concatenate([rng.gamma(3, 0.2, n // 2), rng.gamma(3, 4.0, n - n // 2)])}


def binary(n: int = 16, j: int = 4) -> Callable[[Generator], Data]:
    """x (n, j) in {0, 1}: two classes with opposite profiles."""

    def data(rng: Generator) -> Data:
        profile = np.where(np.arange(j) % 2, 0.2, 0.8)
        p = np.where(np.arange(n)[:, None] % 2, profile, 1 - profile)
        return {"x": (rng.random((n, j)) < p).astype(int)}

    return data


def regression(n: int = 16, p: int = 2, groups: int = 1) -> Callable[[Generator], Data]:
    """X (n, p) with an intercept, y (n,) from one line or two."""

    def data(rng: Generator) -> Data:
        design = np.column_stack([np.ones(n), rng.normal(0, 2, (n, p - 1))])
        slopes = np.array([[1.0, 2.0, -1.0], [-4.0, -1.5, 1.0]])[:, :p]
        return {"X": design, "y": np.sum(design * slopes[np.arange(n) % groups], 1) + rng.normal(0, 0.5, n)}

    return data


def binomial(rng: Generator) -> Data:
    trials = rng.integers(8, 15, 12)
    return {"trials": trials, "y": rng.binomial(trials, np.where(np.arange(12) % 2, 0.2, 0.8))}


def three_clusters(rng: Generator) -> Data:
    return {"x": np.vstack([clusters(16)(rng)["x"], rng.normal([-6, 5], 0.8, (8, 2))])}


def profiles(rng: Generator) -> Data:
    return {"x": (rng.random((14, 5)) < np.where(np.arange(14) % 2, 0.15, 0.8)[:, None]).astype(int)}


def genotypes(rng: Generator) -> Data:
    return {"g": rng.choice(3, p=[0.36, 0.48, 0.16], size=20)}


def geometric(rng: Generator) -> Data:
    return {"y": rng.geometric(np.where(np.arange(14) % 2, 0.08, 0.7)) - 1}


def categories(rng: Generator) -> Data:
    theta = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])
    return {"w": np.array([[rng.choice(3, p=theta[i % 2]) for _ in range(4)] for i in range(12)])}


def multinomial(rng: Generator) -> Data:
    theta = np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]])
    total = rng.integers(5, 9, 10)
    return {"total": total, "y": np.array([rng.multinomial(total[i], theta[i % 2]) for i in range(10)])}


def families(rng: Generator) -> Data:
    z = np.arange(14) % 2
    return {
        "count": rng.poisson(np.where(z, 2, 9)),
        "size": rng.normal(4.0 * z, 0.7),
        "flag": (rng.random(14) < np.where(z, 0.25, 0.75)).astype(int),
        "wait": rng.exponential(np.where(z, 1.0, 4.0)),
    }


def crossed(rng: Generator) -> Data:
    z, w = np.arange(16) % 2, np.arange(16) // 2 % 2
    return {"x": 4.0 * z + 9.0 * w + rng.normal(0, 0.5, 16)}


def nested(rng: Generator) -> Data:
    return {"y": rng.poisson(np.where(np.arange(8)[:, None] % 2, 2, 7), (8, 3))}


def grouped(rng: Generator) -> Data:
    group = np.arange(15) % 3
    high = rng.random(15) < np.array([0.2, 0.5, 0.8])[group]
    return {"group": group, "y": rng.poisson(np.where(high, 12, 2))}


def factors(n: int = 16, d: int = 3, noise: float = 0.5) -> Callable[[Generator], Data]:
    """x (n, d) around one factor."""
    return lambda rng: {
        "x": rng.normal(size=(n, 1)) * np.array([2.0, -1.0, 1.5, 1.2])[:d] + rng.normal(1, noise, (n, d))
    }


def paired_factors(rng: Generator) -> Data:
    loadings = np.array([[2.0, 1.5, 1.8, 0, 0.3], [0, 0.4, 0, 1.7, 2.0]])
    return {"x": rng.normal(size=(30, 2)) @ loadings + rng.normal(1, 0.9, (30, 5))}


def two_factors(rng: Generator) -> Data:
    first, second = factors(9, 3, 0.4)(rng)["x"], factors(9, 3, 0.4)(rng)["x"]
    return {"x": np.vstack([first, 9 + second * np.array([1, -1, 1])])}


def effects(rng: Generator) -> Data:
    return {"y": rng.normal(0, 2, (6, 1)) + rng.normal(3, 0.7, (6, 3))}


def chain(rng: Generator) -> Data:
    return {"y": rng.poisson(np.array([2, 2, 2, 9, 9, 2, 9, 9]), (2, 8))[:, :6]}


def labels(rng: Generator) -> Data:
    z = np.full(26, np.nan)
    z[[0, 3, 14, 20]] = [0, 0, 1, 1]
    return {**clusters()(rng), "z": z}


def exposures(rng: Generator) -> Data:
    e = rng.uniform(0.5, 3, 14)
    return {"e": e, "y": rng.poisson(e * np.where(np.arange(14) % 2, 2, 10))}


def inflated(rng: Generator) -> Data:
    return {"y": np.where(np.arange(16) % 4 == 0, 0, rng.poisson(3, 16))}


def multivariate_regression(rng: Generator) -> Data:
    design = np.column_stack([np.ones(14), rng.normal(0, 1, 14)])
    return {"X": design, "y": design @ np.array([[1.0, -1.0], [2.0, 0.5]]).T + rng.normal(0, 0.5, (14, 2))}
