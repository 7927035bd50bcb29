"""Random networks: rows of coupled states, groups with latents of their own, series; all small enough for brute force.

A network is put together from parts: plates (nested, ragged, or reached by an index array), latents on them, and
observed variables that read these latents. Ties, priors, weights, missing data and given labels come at random.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pprint import pformat
from typing import Any

import numpy as np

Generator = np.random.Generator
Array = np.ndarray[Any, Any]
Data = dict[str, Any]

#: Values that are seen at least: two states choose one of four means, and four values leave no variance around them.
SEEN = 5


@dataclass
class Draft:
    """A network so far: statements, complete data by name with the bits that data are drawn about, and what it reads.

    `states` are discrete latents as an observed variable writes them, `shift` a real and `scale` a positive one.
    """

    rng: Generator
    statements: list[str] = field(default_factory=list)
    data: Data = field(default_factory=dict)
    index: str = ""
    bits: Array = field(default_factory=lambda: np.zeros(0))
    states: list[str] = field(default_factory=list)
    shift: str = ""
    scale: str = ""
    exact: bool = True
    holes: bool = True
    cut: tuple[int, ...] = ()

    def chance(self, p: float = 0.5) -> bool:
        return bool(self.rng.random() < p)

    def say(self, *statements: str) -> None:
        self.statements += statements

    def param(self, name: str, kind: str, plates: str = "", prior: str = "") -> None:
        """A parameter, now and then with a prior."""
        slots = f"[{plates}]" if plates else ""
        self.say(f"param {name}{slots} : {kind}{f' ~ {prior}' if prior and self.chance(0.2) else ''}")

    def discrete(self, name: str, index: str, parents: list[str]) -> str:
        """A discrete latent with at most two parents; the reference to it."""
        chosen = [parents[i] for i in sorted(self.rng.permutation(len(parents))[: self.rng.integers(3)])]
        self.param(f"p_{name}", "simplex[K]", ", ".join("kl"[: len(chosen)]), "Dirichlet(1.5)")
        self.say(f"latent {name}[{index}] ~ Categorical(p_{name}{_slots(chosen)})")
        return f"{name}[{index}]"

    def observe(self, name: str) -> None:
        """An observed variable that reads what there is."""
        if self.scale:
            rates, real = (_poisson, _precision), self.chance(0.3)
            rates[real](self, name)
            return
        parts = (_normal,) if self.shift else (_normal, _poisson, _categorical, _bernoulli, _regression)
        parts = parts if self.exact else parts[:4]  # eight pairs do not hold four regressions apart
        parts[self.rng.integers(len(parts))](self, name)

    def chosen(self) -> list[str]:
        """One or two of the states that can be read, or none where a real latent is read instead."""
        least = 0 if self.shift or self.scale else min(1, len(self.states))
        count = int(self.rng.integers(least, min(2, len(self.states)) + 1))
        return [self.states[i] for i in sorted(self.rng.permutation(len(self.states))[:count])]

    def seen(self, mask: Array) -> int:
        """How many entries of a mask lie in the rows that are left of ragged plates."""
        rows = [row[:length] for row, length in zip(mask, self.cut, strict=True)] if self.cut else [mask]
        return int(sum(row.sum() for row in rows))

    def write(self, name: str, values: Array, law: str) -> None:
        """Data and statement; in a third of all cases with missing entries, where enough are seen for all means."""
        missing = self.holes and self.chance(0.3)
        values = np.asarray(values, float)
        if missing:
            gone = self.rng.random(values.shape) < 0.2
            values[gone & (self.seen(~gone) >= SEEN)] = np.nan
            values.flat[-1] = 1.0
        self.data[name] = values
        self.say(f"observed {name}[{self.index}]{' missing' if missing else ''} ~ {law}")


def _slots(states: list[str]) -> str:
    return f"[{', '.join(states)}]" if states else ""


def _normal(draft: Draft, name: str) -> None:
    states = draft.chosen()
    mean, spread = f"m_{name}{_slots(states)}", draft.rng.choice(["var", "sd", "prec"])
    draft.param(f"m_{name}", "real", ", ".join("kl"[: len(states)]), "Normal(0, sd=5)")
    draft.param(f"v_{name}", "positive")
    fixed = draft.chance(0.2) and not draft.shift
    width = f"{spread}=1" if fixed else f"{spread}=v_{name}"
    values = 5.0 * draft.bits + draft.rng.normal(0, 0.9, draft.bits.shape)
    draft.write(name, values, f"Normal({mean}{f' + {draft.shift}' if draft.shift else ''}, {width})")
    if fixed:
        draft.statements.remove(next(s for s in draft.statements if s.startswith(f"param v_{name}")))


def _precision(draft: Draft, name: str) -> None:
    draft.param(f"m_{name}", "real")
    draft.param(f"t_{name}", "positive", prior="Gamma(2, rate=1)")
    values = draft.bits + draft.rng.normal(0, 0.9, draft.bits.shape)
    draft.write(name, values, f"Normal(m_{name}, prec=t_{name} * {draft.scale})")


def _regression(draft: Draft, name: str) -> None:
    states = draft.chosen()
    draft.say(f"given X_{name}[{draft.index}] : real[2]")
    draft.param(f"b_{name}", "real[2]", ", ".join("kl"[: len(states)]), "MvNormal(0, cov=9*eye(2))")
    draft.say(f"param v_{name} : positive ~ InvGamma(2, scale=1)")  # few rows may be fitted exactly
    design = np.stack([np.ones(draft.bits.shape), draft.rng.normal(size=draft.bits.shape)], axis=-1)
    slope = np.where(draft.bits, -1.0, 1.0)
    values = 5.0 * draft.bits + slope * design[..., 1] + draft.rng.normal(0, 0.6, draft.bits.shape)
    draft.data[f"X_{name}"] = design
    draft.write(name, values, f"Normal(X_{name}[{draft.index}] @ b_{name}{_slots(states)}, var=v_{name})")


def _poisson(draft: Draft, name: str) -> None:
    values = draft.rng.poisson(2.0 + 7.0 * draft.bits)
    if draft.scale:
        draft.write(name, values, f"Poisson({draft.scale})")
        return
    states = draft.chosen()
    draft.param(f"r_{name}", "positive", ", ".join("kl"[: len(states)]), "Gamma(2, rate=0.5)")
    draft.write(name, values, f"Poisson(r_{name}{_slots(states)})")


def _categorical(draft: Draft, name: str) -> None:
    states = draft.chosen()
    draft.param(f"c_{name}", "simplex[3]", ", ".join("kl"[: len(states)]), "Dirichlet(1.5)")
    noise = draft.rng.random(draft.bits.shape) < 0.4
    values = np.where(noise, draft.rng.integers(0, 3, draft.bits.shape), draft.bits)
    values.flat[0] = 2
    draft.write(name, values, f"Categorical(c_{name}{_slots(states)})")


def _bernoulli(draft: Draft, name: str) -> None:
    states = draft.chosen()
    draft.param(f"q_{name}", "unit", ", ".join("kl"[: len(states)]), "Beta(2, 1.5)")
    values = draft.rng.random(draft.bits.shape) < np.where(draft.bits, 0.8, 0.2)
    draft.write(name, values, f"Bernoulli(q_{name}{_slots(states)})")


# Structures


def _rows(draft: Draft) -> None:
    """One to four coupled states in each row."""
    n, count = 9, int(draft.rng.integers(1, 5))
    draft.say("plate n in N")
    draft.index, draft.bits = "n", np.arange(n) % 2
    for name in "abcd"[:count]:
        draft.states.append(draft.discrete(name, "n", list(draft.states)))
    if draft.chance(0.25):
        reader = draft.chosen()
        draft.param("mf", "real", ", ".join("kl"[: len(reader)]))
        draft.say(f"latent f[n] ~ Normal(mf{_slots(reader)}, var=1)")
        draft.shift, draft.states = "f[n]", []
    if draft.chance(0.3):
        draft.data["weights.n"] = draft.rng.choice([0.5, 1.0, 2.0], n)
    if draft.chance(0.3):
        labels = np.full(n, np.nan)
        labels[draft.rng.permutation(n)[:3]] = [0, 1, 0]
        draft.data["a"] = labels


def _groups(draft: Draft) -> None:
    """Latents of groups, and perhaps of the rows in them: by index array, nested, or ragged."""
    groups, each = 4, 3
    how = str(draft.rng.choice(["gathered", "nested", "ragged"]))
    if how == "gathered":
        draft.say("plate g in G, i in I  given grp[i] : index[G]")
        draft.data["grp"] = np.sort(np.append(np.arange(groups), draft.rng.integers(0, groups, 7)))
        draft.index, group, draft.bits = "i", "grp[i]", draft.data["grp"] % 2
    else:
        draft.say("plate g in G", "plate i in I" if how == "nested" else "plate i in I[g]")
        draft.index, group, draft.bits = "g, i", "g", np.tile(np.arange(groups)[:, None] % 2, (1, each))
        draft.cut = (3, 1, 2, 3) if how == "ragged" else ()
        if draft.chance(0.25):
            draft.data["weights.g"] = draft.rng.choice([0.5, 1.0, 2.0], groups)
    classes = [draft.discrete("c", "g", [])] if draft.chance(0.6) else []
    inner = [state.replace("[g]", f"[{group}]") for state in classes]
    what = draft.rng.random()
    if what < 0.35:
        draft.param("mb", "real", ", ".join("k"[: len(classes)]), "Normal(0, sd=5)")
        draft.param("vb", "positive")
        draft.say(f"latent b[g] ~ Normal(mb{_slots(classes)}, var=vb)")
        draft.shift = f"b[{group}]"
    elif what < 0.5:
        draft.param("ru", "positive", ", ".join("k"[: len(classes)]))
        draft.say(f"latent u[g] ~ Gamma(2, rate=ru{_slots(classes)})")
        draft.scale, draft.holes = f"u[{group}]", False
        draft.exact = not classes
    elif what < 0.6 and not classes:
        draft.say("latent th[g] : simplex[K] ~ Dirichlet(1.5)", f"latent z[{draft.index}] ~ Categorical(th[{group}])")
        draft.states, draft.exact = [f"z[{draft.index}]"], False
    else:
        draft.states = [draft.discrete("z", draft.index, inner)] if draft.chance(0.7) or not inner else list(inner)
        if inner and draft.chance(0.3):
            draft.states += [state for state in inner if state not in draft.states]


def _chains(draft: Draft) -> None:
    """Series of states: one, several, or ragged; of one or two lags; perhaps with a class for each series."""
    how, length = str(draft.rng.choice(["single", "several", "ragged"])), 4
    before = "" if how == "single" else "s, "
    if how == "single":
        draft.say("time t in T")
        draft.bits = np.arange(length + 2) // 2 % 2
    else:
        draft.say("plate s in S", f"time t in T{'[s]' if how == 'ragged' else ''}")
        draft.bits = (np.arange(length) // 2 + np.arange(3)[:, None]) % 2
        draft.cut = (4, 2, 3) if how == "ragged" else ()
        if draft.chance(0.3):
            draft.data["weights.s"] = draft.rng.choice([0.5, 1.0, 2.0], 3)
    draft.index = f"{before}t"
    classes = [draft.discrete("c", "s", [])] if how != "single" and draft.chance(0.3) else []
    if draft.chance(0.25):
        _real_chain(draft, before, classes)
        return
    lags = 2 if draft.chance(0.2) and not classes else 1
    draft.param("start", "simplex[K]", prior="Dirichlet(1.5)")
    draft.param("A", "simplex[K]", "k, l" if classes or lags == 2 else "k", "Dirichlet(2)")
    draft.say(f"latent z[{before}0] ~ Categorical(start)")
    last = [*classes, *(f"z[{before}t-{lag}]" for lag in range(1, lags + 1))]
    if lags == 2:
        draft.param("second", "simplex[K]", "k")
        draft.say(f"latent z[{before}1] ~ Categorical(second[z[{before}0]])")
    draft.say(f"latent z[{before}t] ~ Categorical(A[{', '.join(last)}])")
    draft.states = [f"z[{before}t]", *classes]
    if draft.chance(0.2) and lags == 1:
        draft.states.insert(0, draft.discrete("w", draft.index, [f"z[{before}t]"]))


def _real_chain(draft: Draft, before: str, classes: list[str]) -> None:
    draft.param("q", "positive")
    factor = "a * " if draft.chance() else ""
    if factor:
        draft.param("a", "real")
    drift = ""
    if classes:
        draft.param("d", "real", "k")
        drift = f" + d{_slots(classes)}"
    draft.say(f"latent h[{before}0] ~ Normal(0, var=4)")
    draft.say(f"latent h[{before}t] ~ Normal({factor}h[{before}t-1]{drift}, var=q)")
    draft.shift = f"h[{before}t]"


def _chains_in_a_sum(draft: Draft) -> None:
    """Two chains of each series, whose effects add up; the plate of the chains before or after time."""
    several, last = draft.chance(), draft.chance()
    draft.say("plate m in 2", *(("plate s in S", "time t in T") if several else ("time t in T",)))
    before = "s, " if several else ""
    draft.bits = (np.arange(2) + np.arange(3)[:, None]) % 2 if several else np.arange(5) // 2 % 2
    draft.index = f"{before}t"
    draft.param("A", "simplex[K]", "m, k", "Dirichlet(2)")
    draft.param("e", "real", "m", "Normal(0, sd=5)")
    first, now, earlier = (f"{before}{t}, m" if last else f"m, {before}{t}" for t in ("0", "t", "t-1"))
    draft.say(f"latent z[{first}] ~ Categorical([0.6, 0.4])", f"latent z[{now}] ~ Categorical(A[m, z[{earlier}]])")
    draft.shift = f"sum(e[m] * z[{now}], m)"
    if several and draft.chance(0.3):
        draft.data["weights.s"] = draft.rng.choice([0.5, 1.0, 2.0], 3)


def _crossed(draft: Draft) -> None:
    """Latents of users and of items, whose pairs are observed: a closed form where they are real."""
    draft.say("plate u in U, j in J, i in I", "given user[i] : index[U]", "given item[i] : index[J]")
    user, item = np.divmod(np.arange(9), 3)
    keep = np.delete(np.arange(9), draft.rng.integers(9))
    draft.data |= {"user": user[keep], "item": item[keep]}
    draft.index, draft.bits = "i", (user[keep] + item[keep]) % 2
    if draft.chance(0.7):
        draft.param("vu", "positive")
        draft.say("latent a[u] ~ Normal(0, var=vu)", "latent b[j] ~ Normal(0, var=2)")
        draft.shift = "a[user[i]] + b[item[i]]"
    else:
        draft.discrete("a", "u", [])
        draft.discrete("b", "j", [])
        draft.states, draft.exact = ["a[user[i]]", "b[item[i]]"], False


STRUCTURES: tuple[Callable[[Draft], None], ...] = (
    _rows, _rows, _groups, _groups, _groups, _chains, _chains, _chains_in_a_sum, _crossed,
)  # fmt: skip


def random_network(seed: int) -> tuple[str, Data, bool]:
    """(text, data, exact) of one random network; data as the user gives them, "weights.n" beside them."""
    draft = Draft(np.random.default_rng(seed))
    draft.say("plate k in K, l in K")
    STRUCTURES[draft.rng.integers(len(STRUCTURES))](draft)
    for name in "xy"[: 1 if draft.scale else int(draft.rng.integers(1, 3))]:
        draft.observe(name)
    data = dict(draft.data)
    for name, value in draft.data.items():
        if draft.cut and np.ndim(value) >= 2:
            data[name] = [rows[:length] for rows, length in zip(value, draft.cut, strict=True)]
    return "\n".join(["model Random(K = 2)", *draft.statements]), data, draft.exact


def pasted(text: str, data: Data) -> str:
    """Model and data as Python that runs by itself."""
    np_data = pformat(data, width=110).replace("array(", "np.array(").replace("nan", "np.nan")
    return f'text = """{text}"""\ndata = {np_data}'
