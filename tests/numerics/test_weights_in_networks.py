"""Weights on the plates of networks: a row of weight 2 stands there twice, with all that lies in it.

rows that an index array leads to a row lie in it, and stand there as often as it does
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from emdsl.api import parse
from emdsl.compile import compile_model
from emdsl.data.binding import bind_data
from emdsl.errors import DataError
from tests.oracles import charts
from tests.oracles.marginal import log_likelihood
from tests.oracles.networks import instance

Array = np.ndarray[Any, Any]
Data = dict[str, Any]
RNG = np.random.default_rng(5)
OWNER = np.array([0, 0, 1, 1, 1, 2, 3, 3, 4, 4, 4])
BITS = np.array([0, 1, 0, 1, 1])
VALUES = 4.0 * BITS[OWNER] + RNG.normal(size=11)
USER, ITEM = np.divmod(np.delete(np.arange(12), [1, 7]), 4)
PAIRS = RNG.normal(size=10) + USER
TABLE = RNG.normal(size=(5, 3)) + 3.0 * BITS[:, None]
COUNTS = RNG.poisson(2.0 + 5.0 * BITS[OWNER])
STATES = (RNG.random((5, 4)) < np.where(BITS[:, None], 0.8, 0.2)).astype(int)
WORDS = RNG.integers(0, 4, 11)
SERIES = np.cumsum(RNG.normal(size=(4, 6)), axis=1)


@dataclass(frozen=True)
class Case:
    """A model with its data; `leads`: for index arrays the plate that they lie on and the one that they lead to."""

    text: str
    data: Data
    plates: tuple[str, ...]
    leads: dict[str, tuple[str, str]] = field(default_factory=dict)
    methods: tuple[str, ...] = ("em",)
    approximate: bool = False
    constants: dict[str, int] = field(default_factory=dict)


GROUPS = "plate g in G, i in I  given grp[i] : index[G]  param v : positive"
LEAD = {"grp": ("i", "g")}
CASES: dict[str, Case] = {
    "intercepts": Case(
        f"""model M() {GROUPS} param m : real param s : positive
        latent b[g] ~ Normal(m, var=s) observed y[i] ~ Normal(b[grp[i]], var=v)""",
        {"grp": OWNER, "y": VALUES}, ("i", "g"), LEAD, ("em", "hard"),
    ),
    "vectors": Case(
        f"""model M() {GROUPS} given X[i] : real[2] param B : real[2] param S : cov[2]
        latent b[g] : real[2] ~ MvNormal(B, cov=S) observed y[i] ~ Normal(X[i] @ b[grp[i]], var=v)""",
        {"grp": OWNER, "X": RNG.normal(size=(11, 2)), "y": VALUES}, ("i", "g"), LEAD,
    ),
    "nested intercepts": Case(
        """model M() plate g in G, n in N param m : real param s : positive param v : positive param r : positive
        latent a ~ Normal(m, var=r) latent b[g] ~ Normal(a, var=s) latent c[g, n] ~ Normal(b[g], var=1)
        observed y[g, n] ~ Normal(c[g, n], var=v)""",
        {"y": TABLE}, ("g", "n"),
    ),
    "crossed": Case(
        """model M() plate u in U, j in J, i in I given user[i] : index[U] given item[i] : index[J]
        param s : positive param v : positive latent a[u] ~ Normal(0, var=s) latent b[j] ~ Normal(0, var=2)
        observed y[i] ~ Normal(a[user[i]] + b[item[i]], var=v)""",
        {"user": USER, "item": ITEM, "y": PAIRS}, ("i", "u", "j"), {"user": ("i", "u"), "item": ("i", "j")},
    ),
    "crossed, approximated": Case(
        """model M() plate u in U, j in J, i in I given user[i] : index[U] given item[i] : index[J]
        param s : positive param v : positive latent a[u] ~ Normal(0, var=s) latent b[j] ~ Normal(0, var=2)
        observed y[i] ~ Normal(a[user[i]] + b[item[i]], var=v) factorise q(a) q(b)""",
        {"user": USER, "item": ITEM, "y": PAIRS}, ("i", "u", "j"), {"user": ("i", "u"), "item": ("i", "j")},
        approximate=True,
    ),
    "classes": Case(
        f"""model M(K = 2) {GROUPS} plate k in K param p : simplex[K] param m[k] : real
        latent c[g] ~ Categorical(p) observed y[i] ~ Normal(m[c[grp[i]]], var=v)""",
        {"grp": OWNER, "y": VALUES}, ("i", "g"), LEAD, ("em", "hard"),
    ),
    "classes of classes": Case(
        f"""model M(K = 2) {GROUPS} plate k in K param p : simplex[K] param q[k] : simplex[K] param m[k] : real
        latent c[g] ~ Categorical(p) latent z[i] ~ Categorical(q[c[grp[i]]]) observed y[i] ~ Normal(m[z[i]], var=v)""",
        {"grp": OWNER, "y": VALUES}, ("i", "g"), LEAD, ("em", "hard"),
    ),
    "classes of intercepts": Case(
        f"""model M(K = 2) {GROUPS} plate k in K param p : simplex[K] param m[k] : real param s : positive
        latent c[g] ~ Categorical(p) latent b[g] ~ Normal(m[c[g]], var=s)
        observed y[i] ~ Normal(b[grp[i]], var=v) observed w[g] ~ Normal(m[c[g]], var=1)""",
        {"grp": OWNER, "y": VALUES, "w": 4.0 * BITS}, ("i", "g"), LEAD,
    ),
    "regions": Case(
        """model M() plate r in R, g in G, i in I given grp[i] : index[G] given reg[g] : index[R]
        param v : positive param s : positive
        param t : positive latent a[r] ~ Normal(0, var=t) latent b[g] ~ Normal(a[reg[g]], var=s)
        observed y[i] ~ Normal(b[grp[i]], var=v)""",
        {"grp": OWNER, "reg": np.array([0, 0, 1, 1, 0]), "y": VALUES}, ("i", "g", "r"),
        {"grp": ("i", "g"), "reg": ("g", "r")},
    ),
    "rates": Case(
        f"""model M() {GROUPS.replace("  param v : positive", "")} param r : positive
        latent u[g] ~ Gamma(2, rate=r) observed y[i] ~ Poisson(u[grp[i]])""",
        {"grp": OWNER, "y": COUNTS}, ("i", "g"), LEAD,
    ),
    "rates of classes": Case(
        f"""model M(K = 2) {GROUPS.replace("  param v : positive", "")} plate k in K param r[k] : positive
        param p : simplex[K] latent c[g] ~ Categorical(p) latent u[g] ~ Gamma(2, rate=r[c[g]])
        observed y[i] ~ Poisson(u[grp[i]])""",
        {"grp": OWNER, "y": COUNTS}, ("i", "g"), LEAD, approximate=True,
    ),
    "shares": Case(
        """model M(K = 3) plate g in G, n in N latent p[g] ~ Beta(2, 3) observed y[g, n] ~ Bernoulli(p[g])
        param q : unit observed w[n] ~ Bernoulli(q)""",
        {"y": STATES, "w": STATES[0]}, ("g", "n"),
    ),
    "precisions": Case(
        """model M() plate n in N param m : real param t : positive latent u[n] ~ Gamma(2, rate=2)
        observed y[n] ~ Normal(m, prec=t * u[n])""",
        {"y": VALUES}, ("n",), ),
    "topics": Case(
        """model M(K = 2, V = 4) plate k in K, d in D, i in I given doc[i] : index[D] param phi[k] : simplex[V]
        latent th[d] : simplex[K] ~ Dirichlet([0.7, 1.4]) latent z[i] ~ Categorical(th[doc[i]])
        observed w[i] ~ Categorical(phi[z[i]])""",
        {"doc": OWNER, "w": WORDS}, ("i", "d"), {"doc": ("i", "d")}, approximate=True,
    ),
    "raters": Case(
        """model M(K = 2) plate k in K, u in U, j in J, i in I given user[i] : index[U] given item[i] : index[J]
        param p : simplex[K] param q[u, k] : simplex[2] latent z[j] ~ Categorical(p)
        observed y[i] ~ Categorical(q[user[i], z[item[i]]])""",
        {"user": USER, "item": ITEM, "y": (PAIRS > 1).astype(int)}, ("i", "j"), {"item": ("i", "j")},
    ),
    "series": Case(
        """model M(K = 2) plate s in S, k in K time t in T param p : simplex[K] param A[k] : simplex[K]
        param m[k] : real param v : positive latent z[s, 0] ~ Categorical(p) latent z[s, t] ~ Categorical(A[z[s, t-1]])
        observed y[s, t] ~ Normal(m[z[s, t]], var=v)""",
        {"y": SERIES}, ("s",), methods=("em", "hard"),
    ),
    "levels": Case(
        """model M() plate s in S time t in T param q : positive param v : positive param a : real
        latent h[s, 0] ~ Normal(0, var=4) latent h[s, t] ~ Normal(a * h[s, t-1], var=q)
        observed y[s, t] ~ Normal(h[s, t], var=v)""",
        {"y": SERIES}, ("s",),
    ),
    "levels and effects": Case(
        """model M() plate s in S, g in G time t in T given grp[s] : index[G] param q : positive
        param v : positive param r : positive
        latent b[g] ~ Normal(0, var=r) latent h[s, 0] ~ Normal(0, var=4) latent h[s, t] ~ Normal(h[s, t-1], var=q)
        observed y[s, t] ~ Normal(h[s, t] + b[grp[s]], var=v)""",
        {"y": SERIES, "grp": np.array([0, 1, 1, 0])}, ("s", "g"), {"grp": ("s", "g")},
    ),
    "classes of series": Case(
        """model M(K = 2) plate s in S, k in K, l in K time t in T param p : simplex[K] param w : simplex[K]
        param A[l, k] : simplex[K]
        param m[k] : real param v : positive latent c[s] ~ Categorical(w) latent z[s, 0] ~ Categorical(p)
        latent z[s, t] ~ Categorical(A[c[s], z[s, t-1]]) observed y[s, t] ~ Normal(m[z[s, t]], var=v)""",
        {"y": SERIES}, ("s",),
    ),
    "starts of series": Case(
        """model M(K = 2) plate s in S, k in K, l in K time t in T param w : simplex[K] param p[l] : simplex[K]
        param A[k] : simplex[K] param m[k] : real latent c[s] ~ Categorical(w) latent z[s, 0] ~ Categorical(p[c[s]])
        latent z[s, t] ~ Categorical(A[z[s, t-1]]) observed y[s, t] ~ Normal(m[z[s, t]], var=1)
        observed o[s] ~ Normal(m[c[s]], var=1)""",
        {"y": SERIES, "o": SERIES[:, 0]}, ("s",),
    ),
    "rows beside": Case(
        f"""model M() {GROUPS} param m : real param o : real param s : positive latent b[g] ~ Normal(m, var=s)
        observed y[i] ~ Normal(b[grp[i]], var=v) observed w[i] ~ Normal(o, var=v)""",
        {"grp": OWNER, "y": VALUES, "w": RNG.normal(size=11)}, ("i", "g"), LEAD, ("em", "vb"),
    ),
    "mixtures beside": Case(
        f"""model M(K = 2) {GROUPS} plate k in K param p : simplex[K] param o[k] : real latent b[g] ~ Normal(1, var=2)
        latent z[i] ~ Categorical(p) observed y[i] ~ Normal(b[grp[i]], var=v)
        observed w[i] ~ Normal(o[z[i]], var=1)""",
        {"grp": OWNER, "y": VALUES, "w": RNG.normal(size=11)}, ("i", "g"), LEAD,
    ),
    "priors": Case(
        f"""model M() {GROUPS.replace("param v : positive", "param v : positive ~ InvGamma(2, scale=1)")}
        param m : real ~ Normal(0, var=9) latent b[g] ~ Normal(m, var=2)
        observed y[i] ~ Normal(b[grp[i]], var=v)""",
        {"grp": OWNER, "y": VALUES}, ("i", "g"), LEAD, ("em", "vb"),
    ),
    "missing": Case(
        """model M() plate n in N, g in G given grp[n] : index[G] param m : real[2] param S : cov[2] param s : positive
        latent b[g] ~ Normal(0, var=s) observed x[n] : real[2] missing ~ MvNormal(m, cov=S)
        observed y[n] ~ Normal(b[grp[n]], var=1)""",
        {"x": np.where(RNG.random((11, 2)) < 0.2, np.nan, RNG.normal(size=(11, 2))), "y": VALUES, "grp": OWNER},
        ("n", "g"), {"grp": ("n", "g")},
    ),
    "meeting": Case(
        """model M(K = 2) plate n in N, e in E, k in K, l in K given src[e] : index[N] given dst[e] : index[N]
        param p : simplex[K] param q[k, l] : unit latent z[n] ~ Categorical(p)
        observed y[e] ~ Bernoulli(q[z[src[e]], z[dst[e]]])""",
        {"src": np.array([0, 0, 1, 2, 3, 3]), "dst": np.array([1, 2, 2, 3, 4, 0]), "y": np.array([1, 1, 1, 0, 1, 0])},
        ("e",), {"src": ("e", "n"), "dst": ("e", "n")}, approximate=True,
    ),
}  # fmt: skip
RUNS = [(name, plate, method) for name, case in CASES.items() for plate in case.plates for method in case.methods]


def repeated(case: Case, letter: str, weights: Array) -> tuple[Data, dict[str, Array]]:
    """The data with the rows of a plate written out as often as weights say, and how often rows of it stand there."""
    model = parse(case.text)(**case.constants).bound_model.checked.model
    times: dict[str, Array] = {letter: weights.astype(int)}
    data = {name: np.asarray(value) for name, value in case.data.items()}
    renumbered: dict[str, Array] = {}
    waiting = [letter]
    while waiting:
        plate = waiting.pop()
        first = np.cumsum(times[plate]) - times[plate]
        for name, (rows, target) in case.leads.items():
            if target == plate:
                own = times[plate][data[name]]
                times[rows] = own
                within = np.arange(own.sum()) - np.repeat(np.cumsum(own) - own, own)
                renumbered[name] = np.repeat(first[data[name]], own) + within
                waiting.append(rows)
    result: Data = {}
    for name, value in data.items():
        variable = model.variable(name)
        assert variable is not None
        for axis, plate in enumerate(variable.plates):
            if plate in times:
                value = np.repeat(value, times[plate], axis=axis)
        result[name] = renumbered.get(name, value)
    return result, times


def rows_of(case: Case, letter: str) -> int:
    model = parse(case.text)(**case.constants).bound_model.checked.model
    leading = [case.data[name].max() for name, (_, target) in case.leads.items() if target == letter]
    if leading:
        return int(max(leading)) + 1
    variables = [v for v in model.variables if v.name in case.data and letter in v.plates]
    return int(case.data[variables[0].name].shape[variables[0].plates.index(letter)])


def weights_for(case: Case, letter: str, least: int) -> Array:
    """One, two or three, or where `least` is 0 none: by turns."""
    return np.resize([3.0, least, 1.0, 2.0], rows_of(case, letter))


def run(case: Case, method: str, data: Data, weights: Any = None, steps: int = 4, start: Any = None) -> Any:
    bound = parse(case.text)(**case.constants).bound_model
    module = compile_model(bound, method).module
    plain = bind_data(bound, case.data)
    params = module.initialise(plain, np.random.default_rng(3)) if start is None else start
    arrays = bind_data(bound, data, weights)
    values, seen = [], []
    for _ in range(steps):
        statistics, value = module.e_step(arrays, params)
        values.append(float(module.objective(value, params)))
        params = module.m_step(statistics, params)
        seen.append({key: np.asarray(found) for key, found in params.items() if not key.startswith("given.")})
    return values, seen, module.posterior(arrays, params)


def same(one: Any, two: Any, tolerance: float) -> None:
    np.testing.assert_allclose(one[0], two[0], rtol=tolerance)
    for left, right in zip(one[1], two[1], strict=True):
        for key, value in left.items():
            if value.shape == right[key].shape:
                np.testing.assert_allclose(value, right[key], rtol=100 * tolerance, atol=100 * tolerance, err_msg=key)


@pytest.mark.parametrize("least", [1, 0], ids=["", "absent"])
@pytest.mark.parametrize(("name", "plate", "method"), RUNS, ids=lambda value: value)
def test_weights_are_rows_written_out(name: str, plate: str, method: str, least: int) -> None:
    case = CASES[name]
    weights, steps = weights_for(case, plate, least), 2 if case.approximate else 4
    tolerance = 1e-5 if case.approximate else 1e-9
    weighted = run(case, method, case.data, {plate: weights}, steps)
    written = run(case, method, repeated(case, plate, weights)[0], None, steps)
    same(weighted, written, tolerance)
    plates = {v.name: v.plates for v in parse(case.text)(**case.constants).bound_model.checked.model.variables}
    first, there = (np.cumsum(weights) - weights).astype(int), np.flatnonzero(weights)
    for latent, entries in weighted[2].items():
        for key, value in entries.items() if plates[latent] in ((), (plate,)) else ():
            other = written[2][latent][key]
            mine, theirs = (value[there], other[first[there]]) if plates[latent] else (value, other)
            np.testing.assert_allclose(mine, theirs, rtol=100 * tolerance, atol=100 * tolerance, err_msg=latent)


TWICE = [
    (name, one, two)
    for name, case in CASES.items()
    for one, two in itertools.permutations(case.plates, 2)
    if (name, {one, two}) != ("crossed", {"u", "j"})
]


@pytest.mark.parametrize(("name", "one", "two"), TWICE, ids=lambda value: value)
def test_weights_on_two_plates_multiply(name: str, one: str, two: str) -> None:
    case = CASES[name]
    weights = {plate: weights_for(case, plate, 1) for plate in (one, two)}
    weighted = run(case, "em", case.data, weights, 2)
    data, times = repeated(case, one, weights[one])
    left = np.repeat(weights[two], times[two]) if two in times else weights[two]
    written = run(case, "em", repeated(replace(case, data=data), two, left)[0], None, 2)
    same(weighted, written, 1e-5 if case.approximate else 1e-9)


#: Coordinate ascent need not end at one of a family of optima.
SMOOTH = dict.fromkeys((name, plate) for name, plate, _ in RUNS if not CASES[name].approximate)


@pytest.mark.parametrize(("name", "plate"), SMOOTH, ids=lambda value: value)
def test_a_weight_of_one_and_a_half_lies_between(name: str, plate: str) -> None:
    """The objective is smooth in the weights: a half is where the polynomial through whole numbers says."""
    case = CASES[name]
    bound = parse(case.text)(**case.constants).bound_model
    module = compile_model(bound, "em").module
    params = module.initialise(bind_data(bound, case.data), np.random.default_rng(3))
    weights = np.ones(rows_of(case, plate))

    def at(weight: float) -> float:
        weights[0] = weight
        return float(module.e_step(bind_data(bound, case.data, {plate: weights}), params)[1])

    whole = np.arange(1.0, 9.0)
    through = np.polynomial.Polynomial.fit(whole, [at(weight) for weight in whole], 7)
    assert at(2.5) == pytest.approx(through(2.5), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "plate"), [("intercepts", "g"), ("intercepts", "i"), ("classes", "g"), ("rates", "g")]
)
def test_weights_against_brute_force(name: str, plate: str) -> None:
    """Sums and integrals over the latents of the rows that are written out."""
    case = CASES[name]
    weights = weights_for(case, plate, 0)
    written = instance(case.text, case.constants, repeated(case, plate, weights)[0])
    module = compile_model(written.bound, "em").module
    params = charts.random_params(written.model, written.constants, written.data, np.random.default_rng(2))
    value = module.e_step(bind_data(written.bound, case.data, {plate: weights}), params)[1]
    assert value == pytest.approx(log_likelihood(written.model, written.constants, written.data, params), rel=1e-8)


REFUSED = {
    "crossed": ({"u", "j"}, "weights on `u` and `j` are not compiled: every copy of `a` meets every copy of `b`"),
    "meeting": ({"n"}, "weights on `n` are not compiled: a row of `y` lies in two rows of `n`"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_weights_without_a_meaning_are_refused(name: str) -> None:
    """By `fit` and `score`, and by the module alone."""
    case, (plates, message) = CASES[name], REFUSED[name]
    weights = {plate: np.ones(rows_of(case, plate)) for plate in plates}
    model = parse(case.text)(**case.constants)
    with pytest.raises(DataError) as caught:
        model.fit(case.data, weights=weights)
    assert str(caught.value).startswith(message)
    fit = model.fit(case.data, max_iter=2)
    with pytest.raises(DataError):
        fit.score(case.data, weights=weights)
    module, data = model.program("em").module, bind_data(model.bound_model, case.data, weights)
    for function in (module.e_step, module.posterior):
        with pytest.raises(ValueError) as refused:
            function(data, fit.params)
        assert str(refused.value).startswith(message)
