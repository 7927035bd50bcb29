"""Random mixtures: one latent state for each row, and one to three observed variables of any family that depend on it.

Rows belong to well separated groups in turn, so that no component collapses on the way to the optimum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Generator = np.random.Generator
Array = np.ndarray[Any, Any]

N_ROWS = 24


@dataclass(frozen=True)
class Part:
    """Statements about one observed variable, and its data by name."""

    statements: str
    data: dict[str, Array]


@dataclass(frozen=True)
class Row:
    """What a part is made of: its own name, the groups of the rows (n,), and whether entries are missing."""

    name: str
    group: Array
    missing: bool

    @property
    def written(self) -> str:
        return f"observed {self.name}[n]{' missing' if self.missing else ''}"

    def values(self, rng: Generator, complete: Any) -> dict[str, Array]:
        """The data, with some entries taken away where entries may be missing; no row loses all of them."""
        values = np.asarray(complete)
        if self.missing:
            values = values.astype(float)
            values[rng.random(values.shape) < 0.15] = np.nan
        return {self.name: values}


def _normal(row: Row, rng: Generator) -> Part:
    name, spread = row.name, rng.choice(["sd", "var", "prec"])
    plate, use = ("[k]", "[z[n]]") if rng.random() < 0.5 else ("", "")
    return Part(
        f"param m_{name}[k] : real  param s_{name}{plate} : positive  "
        f"{row.written} ~ Normal(m_{name}[z[n]], {spread}=s_{name}{use})",
        row.values(rng, 8.0 * row.group + rng.normal(0, 0.8, N_ROWS)),
    )


def _vector(row: Row, rng: Generator) -> Part:
    name, spread = row.name, rng.choice(["cov", "prec"])
    plate, use = ("[k]", "[z[n]]") if rng.random() < 0.5 else ("", "")
    law = "InvWishart" if spread == "cov" else "Wishart"
    prior = f" ~ {law}(4, scale=eye(2))" if plate else ""  # a random start may leave a component two rows, on a line
    return Part(
        f"param m_{name}[k] : real[2]  param S_{name}{plate} : cov[2]{prior}  "
        f"{row.written} ~ MvNormal(m_{name}[z[n]], {spread}=S_{name}{use})",
        row.values(rng, 8.0 * row.group[:, None] + rng.normal(0, 0.8, (N_ROWS, 2))),
    )


def _regression(row: Row, rng: Generator) -> Part:
    name = row.name
    design = np.column_stack([np.ones(N_ROWS), rng.normal(size=N_ROWS)])
    slopes = np.array([[0.0, 1.0], [9.0, -1.0], [18.0, 2.0]])[row.group]
    return Part(
        f"given X_{name}[n] : real[2]  param b_{name}[k] : real[2]  param v_{name} : positive  "
        f"{row.written} ~ Normal(X_{name}[n] @ b_{name}[z[n]], var=v_{name})",
        {f"X_{name}": design} | row.values(rng, (design * slopes).sum(axis=1) + rng.normal(0, 0.6, N_ROWS)),
    )


def _poisson(row: Row, rng: Generator) -> Part:
    name, exposed = row.name, rng.random() < 0.5
    exposure = rng.uniform(0.5, 2.0, N_ROWS) if exposed else np.ones(N_ROWS)
    given, factor = (f"given e_{name}[n] : positive  ", f"e_{name}[n] * ") if exposed else ("", "")
    return Part(
        f"{given}param r_{name}[k] : positive  {row.written} ~ Poisson({factor}r_{name}[z[n]])",
        ({f"e_{name}": exposure} if exposed else {}) | row.values(rng, rng.poisson(exposure * (1.5 + 9.0 * row.group))),
    )


def _categorical(row: Row, rng: Generator) -> Part:
    chances = 0.1 + 0.7 * np.eye(3)[row.group]
    return Part(
        f"param p_{row.name}[k] : simplex[3]  {row.written} ~ Categorical(p_{row.name}[z[n]])",
        row.values(rng, [rng.choice(3, p=p) for p in chances]),
    )


def _bernoulli(row: Row, rng: Generator) -> Part:
    return Part(
        f"param p_{row.name}[k] : unit  {row.written} ~ Bernoulli(p_{row.name}[z[n]])",
        row.values(rng, (rng.random(N_ROWS) < np.array([0.2, 0.8, 0.5])[row.group]).astype(int)),
    )


def _exponential(row: Row, rng: Generator) -> Part:
    return Part(
        f"param r_{row.name}[k] : positive  {row.written} ~ Exponential(rate=r_{row.name}[z[n]])",
        row.values(rng, rng.exponential(8.0**row.group)),
    )


def _geometric(row: Row, rng: Generator) -> Part:
    return Part(
        f"param p_{row.name}[k] : unit  {row.written} ~ Geometric(p_{row.name}[z[n]])",
        row.values(rng, rng.geometric(np.array([0.7, 0.2, 0.05])[row.group]) - 1),
    )


PARTS: tuple[Callable[[Row, Generator], Part], ...] = (
    _normal, _vector, _regression, _poisson, _categorical, _bernoulli, _exponential, _geometric,
)  # fmt: skip


def random_model(seed: int) -> tuple[str, dict[str, Array]]:
    """(text, data) of one random mixture."""
    rng = np.random.default_rng(seed)
    states = int(rng.integers(2, 4))
    group = np.arange(N_ROWS) % states
    chosen = rng.choice(len(PARTS), size=int(rng.integers(1, 4)))
    parts = [
        PARTS[place](Row(name, group, bool(rng.random() < 0.3)), rng)
        for name, place in zip("xyw", chosen, strict=False)
    ]
    prior = " ~ Dirichlet(2)" if rng.random() < 0.3 else ""
    data = {name: value for part in parts for name, value in part.data.items()}
    if rng.random() < 0.3:
        data["weights.n"] = rng.choice([0.5, 1.0, 2.0], N_ROWS)
    statements = "\n".join(part.statements for part in parts)
    head = f"model Random(K = {states})  plate n in N, k in K  param pi : simplex[K]{prior}"
    return f"{head}\nlatent z[n] ~ Categorical(pi)\n{statements}", data
