"""What the laws of kernels run over: naturals with known values, and the law that each of them means by scipy.stats.

    exponent(v) = Σ naturals · statistics(v)        log Z = exponent(v) − log density(v), for any v

A kernel answers with array expressions; `Case` writes them as the emitter does and evaluates them with the helpers that
emitted modules carry. Naturals are drawn with fixed seeds, with plates, so that every law is run on a batch.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import special, stats

import emdsl.runtime
from emdsl.algebra.indices import Index, IndexSource
from emdsl.algebra.symbols import Scope, Symbol
from emdsl.algebra.terms import Atom, Statistic
from emdsl.arrays.body import Assign, Body, Names
from emdsl.arrays.expressions import Array, Named
from emdsl.derive.cavi import entropies
from emdsl.derive.conjugate_laws import log_partition
from emdsl.derive.posteriors import PosteriorForm
from emdsl.derive.variational import VariationalMoments
from emdsl.emit.arithmetic import text
from emdsl.kernels.beta import BetaKernel
from emdsl.kernels.beta_prime import BetaPrimeKernel
from emdsl.kernels.dirichlet import DirichletKernel
from emdsl.kernels.gamma import GammaKernel
from emdsl.kernels.gaussian import GaussianKernel
from emdsl.kernels.kernel import Kernel, Kinds, Naturals
from emdsl.kernels.wishart import WishartKernel

Values = dict[str, Any]
VARIABLE = "v"

LOG: Kinds = (("log", 1.0),)
LOG1M: Kinds = (("log1m", 1.0),)
LOGDET: Kinds = (("logdet", 1.0),)
MATRIX: Kinds = (("power", 1.0),)
INVERSE: Kinds = (("inverse", 1.0),)
SINGLE: Kinds = (("power", 1.0),)
PAIR: Kinds = SINGLE * 2


@cache
def numerics() -> SimpleNamespace:
    """Every function of the runtime's modules, wherever it stands: what emitted modules carry along."""
    found: Values = {}
    for module in pkgutil.walk_packages(emdsl.runtime.__path__, "emdsl.runtime."):
        loaded = importlib.import_module(module.name)
        found |= {
            name: value for name, value in vars(loaded).items() if getattr(value, "__module__", "") == module.name
        }
    return SimpleNamespace(**found)


def namespace() -> Values:
    """What emitted code may name."""
    return {"np": np, "digamma": special.digamma, "gammaln": special.gammaln, **vars(numerics())}


def size_text(size: str | int) -> str:
    return str(size)


def run(body: Body, values: Values) -> Values:
    """The values after the statements of a body."""
    names = namespace() | values
    for statement in body.statements:
        assert isinstance(statement, Assign)
        value = statement.value if isinstance(statement.value, str) else text(statement.value, size_text)
        names[statement.target] = eval(value, names)
    return names


@dataclass(frozen=True)
class Law:
    """A law over a whole batch: the sum of the log densities and of the entropies, and draws (n, *shape)."""

    log_density: Callable[[Any], float]
    entropy: Callable[[], float]
    draw: Callable[[np.random.Generator, int], Any]


def batch(frozen: Any, shape: tuple[int, ...], entry: int) -> Law:
    """Independent laws at every place of `shape`, `frozen(place)` of scipy.stats; each draws arrays of rank `entry`."""
    laws = {place: frozen(place) for place in np.ndindex(shape)}

    def draw(rng: np.random.Generator, n: int) -> Any:
        draws = [np.asarray(law.rvs(size=n, random_state=rng)) for law in laws.values()]
        entries = [np.reshape(draw, (n, *(draw.shape[1:] if entry else ()))) for draw in draws]
        return np.stack(entries, axis=1).reshape((n, *shape, *entries[0].shape[1:]))

    return Law(
        lambda v: float(sum(np.sum(law.logpdf(v[place])) for place, law in laws.items())),
        lambda: float(sum(law.entropy() for law in laws.values())),
        draw,
    )


@dataclass(frozen=True)
class Case:
    """A kernel with naturals: an array for each monomial, with the axes plates + event (and joint axes twice)."""

    name: str
    kernel: Kernel
    kind: str
    plates: tuple[int, ...]
    event: tuple[int, ...]
    naturals: Mapping[Kinds, Any]
    law: Callable[[Values], Law]
    joint: tuple[int, ...] = ()
    value: Callable[[np.random.Generator], Any] = field(default=lambda rng: None)

    def __str__(self) -> str:
        return self.name

    @property
    def shape(self) -> tuple[int, ...]:
        return self.plates + self.event

    @property
    def symbol(self) -> Symbol:
        plates = tuple((size, f"p{place}") for place, size in enumerate(self.plates))
        event = tuple((size, f"e{place}") for place, size in enumerate(self.event))
        return Symbol(VARIABLE, False, self.kind, plates, event)

    @property
    def power(self) -> float:
        """v**power is Gamma distributed."""
        return next((kinds[0][1] for kinds in self.naturals if kinds[0][0] == "power"), 1.0)

    @property
    def form(self) -> PosteriorForm:
        """The posterior's form, as the compiler would declare it."""
        keys = {
            "Dirichlet": ("concentration",),
            "Beta": ("a", "b"),
            "Gamma": ("shape", "rate"),
            "Wishart": ("df", "scale"),
            "Gaussian": ("mean", "precision"),
        }[self.kernel.name]
        power = self.power if self.kernel.name == "Gamma" else 1.0
        return PosteriorForm(VARIABLE, self.kernel.name, keys, power, INVERSE in self.naturals, self.joint)

    # ---------------------------------------------------------------- the exponent

    def statistic(self, kinds: Kinds, v: Any) -> Any:
        """The statistic of a monomial at v: with the axes of its natural parameter."""
        if kinds == LOG:
            return np.log(v)
        if kinds == LOG1M:
            return np.log1p(-v)
        if kinds[0][0] == "log1p":
            return np.log1p(v / kinds[0][1])
        if kinds == LOGDET:
            return np.linalg.slogdet(v)[1]
        if kinds == INVERSE:
            return np.linalg.inv(v)
        if kinds == PAIR:
            return outer(v, v, self.joint)
        return v ** kinds[0][1]

    def exponent(self, v: Any, naturals: Mapping[Kinds, Any] | None = None) -> float:
        """Σ naturals · statistics, over the whole batch."""
        listed = self.naturals if naturals is None else naturals
        return float(sum(np.sum(natural * self.statistic(kinds, v)) for kinds, natural in listed.items()))

    # ---------------------------------------------------------------- what the kernel says

    def _lowered(self, naturals: Mapping[Kinds, Any]) -> tuple[Naturals, Values]:
        source = IndexSource()
        axes = indices(source, self.symbol)
        other = tuple(source.copy_of(axis) if place in self.joint else axis for place, axis in enumerate(axes))
        parts, values = {}, {}
        for number, (kinds, value) in enumerate(naturals.items()):
            own = axes[: len(self.plates)] if kinds == LOGDET else axes
            own += tuple(other[place] for place in self.joint) if kinds == PAIR else ()
            parts[kinds] = Named(f"natural_{number}", own)
            values[f"natural_{number}"] = value
        pair_axes = (axes, other) if PAIR in naturals else None
        return Naturals(self.symbol, axes, parts, size_text, pair_axes), values

    def mode(self) -> Any:
        """The kernel's mode."""
        lowered, values = self._lowered(self.naturals)
        return eval(text(self.kernel.mode(lowered), size_text), namespace() | values)

    def posterior(self, naturals: Mapping[Kinds, Any] | None = None) -> Values:
        """The parameters of the kernel's posterior, by name."""
        lowered, values = self._lowered(self.naturals if naturals is None else naturals)
        names = namespace() | values
        return {key: eval(text(array, size_text), names) for key, array in self.kernel.posterior(lowered).items()}

    # ---------------------------------------------------------------- what the moments under q say

    def moments(self, posterior: Values) -> tuple[VariationalMoments, Body, Values]:
        """The compiler's moments under q, a body for them, and the values of q's parameters in it."""
        return moments_of((self.form,), {VARIABLE: self.symbol}, {VARIABLE: posterior})

    def expected(self, kinds: Kinds, posterior: Values) -> Any:
        """E[statistic] under q, as emitted."""
        moments, body, values = self.moments(posterior)
        source = moments.source
        axes = indices(source, self.symbol)
        kind, exponent = kinds[0]
        statistic = Statistic(kind, exponent)
        if kinds == PAIR:
            other = tuple(source.copy_of(axis) if place in self.joint else axis for place, axis in enumerate(axes))
            _, (operand,) = moments.operands([Atom(VARIABLE, statistic, axes), Atom(VARIABLE, statistic, other)])
            array: Array = operand.array
        else:
            array = moments.moment(Atom(VARIABLE, statistic, axes[: len(self.plates)] if kinds == LOGDET else axes))
        names = run(body, values)
        return eval(text(array, size_text), names)

    def entropy(self, posterior: Values) -> float:
        """The entropy of q over the whole batch, as emitted."""
        moments, body, values = self.moments(posterior)
        parts = entropies(moments, moments.scope)
        names = run(body, values)
        return float(sum(eval(text(part, size_text), names) for part in parts))

    def emitted_log_partition(self, posterior: Values) -> Any:
        """log Z of every entry, as emitted."""
        moments, body, values = self.moments(posterior)
        form = moments.forms[VARIABLE]
        value = log_partition(form, {key: moments.parameter(form, key) for key in form.keys})
        return eval(text(value, size_text), run(body, values))

    def log_partition(self, naturals: Mapping[Kinds, Any], v: Any) -> float:
        """log Z of the exponent with these naturals, by scipy's law at the kernel's posterior."""
        return self.exponent(v, naturals) - self.law(self.posterior(naturals)).log_density(v)


def moments_of(
    forms: Sequence[PosteriorForm], symbols: Mapping[str, Symbol], posteriors: Mapping[str, Values]
) -> tuple[VariationalMoments, Body, Values]:
    """Moments under several posteriors, a body for them, and the values of the posteriors' parameters in it."""
    body = Body(Names(namespace()))
    scope = Scope(dict(symbols), {})
    listed = {form.variable: form for form in forms}
    moments = VariationalMoments(body, scope, IndexSource(), {}, frozenset(), {}, {}, forms=listed)
    values = {
        moments.parameter(form, key).name: np.asarray(posteriors[form.variable][key], dtype=float)
        for form in forms
        for key in form.keys
    }
    return moments, body, values


def indices(source: IndexSource, symbol: Symbol) -> tuple[Index, ...]:
    """Fresh axes of a variable."""
    return tuple(source.fresh(size, letter) for size, letter in symbol.axes)


def outer(one: Any, other: Any, joint: tuple[int, ...]) -> Any:
    """one · other with the joint axes of the second put last; the other axes agree."""
    letters = "abcdefgh"[: one.ndim]
    second = "".join(letter.upper() if place in joint else letter for place, letter in enumerate(letters))
    last = "".join(letters[place].upper() for place in joint)
    return np.einsum(f"{letters},{second}->{letters}{last}", one, other)


def spread(rng: np.random.Generator, shape: tuple[int, ...], d: int) -> Any:
    """Well-conditioned positive definite matrices (*shape, d, d)."""
    factor = rng.normal(size=(*shape, d, d + 3))
    return factor @ np.swapaxes(factor, -1, -2) / (d + 3) + 0.2 * np.eye(d)


def step(kind: str, v: Any, rng: np.random.Generator, size: float) -> Any:
    """A value near v, inside the support: a random direction of length about `size`."""
    direction = rng.normal(size=np.shape(v))
    match kind:
        case "simplex":
            return special.softmax(np.log(v) + size * direction, axis=-1)
        case "unit":
            return special.expit(special.logit(v) + size * direction)
        case "positive":
            return v * np.exp(size * direction)
        case "cov":
            factor = np.linalg.cholesky(v)
            moved = factor @ (np.eye(v.shape[-1]) + size * direction / 4)
            return moved @ np.swapaxes(moved, -1, -2)
    return v + size * direction


# ---------------------------------------------------------------- the cases


def _dirichlet() -> Case:
    rng = np.random.default_rng(1)
    naturals = {LOG: rng.uniform(0.3, 9.0, (4, 3))}
    return Case(
        "Dirichlet", DirichletKernel(), "simplex", (4,), (3,), naturals,
        lambda q: batch(lambda at: stats.dirichlet(q["concentration"][at]), (4,), 1),
        value=lambda rng: rng.dirichlet(np.full(3, 3.0), 4),
    )  # fmt: skip


def _beta(name: str, kinds: tuple[Kinds, ...]) -> Case:
    rng = np.random.default_rng(2)
    naturals = {one: rng.uniform(0.3, 9.0, (2, 3)) for one in kinds}
    return Case(
        name, BetaKernel(), "unit", (2, 3), (), naturals,
        lambda q: batch(lambda at: stats.beta(q["a"][at], q["b"][at]), (2, 3), 0),
        value=lambda rng: rng.uniform(0.1, 0.9, (2, 3)),
    )  # fmt: skip


class _Power:
    """The law of v where v**power ~ Gamma(shape, rate): scipy's generalised gamma."""

    def __init__(self, shape: float, rate: float, power: float) -> None:
        self.law = stats.gengamma(shape, power, scale=rate ** (-1 / power))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.law, name)


def _gamma(power: float) -> Case:
    rng = np.random.default_rng(3)
    sign = 1.0 if power > 0 else -1.0
    log_part = sign * rng.uniform(2.5, 12.0, (3, 2))
    naturals = {LOG: log_part, (("power", power),): -rng.uniform(0.4, 6.0, (3, 2))}
    return Case(
        f"Gamma, power {power:g}", GammaKernel(), "positive", (3, 2), (), naturals,
        lambda q: batch(lambda at: _Power(q["shape"][at], q["rate"][at], power), (3, 2), 0),
        value=lambda rng: rng.uniform(0.5, 2.0, (3, 2)),
    )  # fmt: skip


class _InverseWishart:
    """scipy's law but for its entropy, which scipy 1.17 gets wrong (draws tell: D = 2 is 3/2 · log 2 too large).

    H(Σ) = H(Λ) − (D + 1) E log|Λ|,   Λ = Σ⁻¹ ~ Wishart(df, scale⁻¹)
    """

    def __init__(self, df: float, scale: Any) -> None:
        self.law, self.of_inverse = stats.invwishart(df, scale), stats.wishart(df, np.linalg.inv(scale))
        d = len(scale)
        digammas = special.digamma((df - np.arange(d)) / 2).sum()
        self.correction = (d + 1) * (digammas + d * np.log(2) - np.linalg.slogdet(scale)[1])

    def entropy(self) -> float:
        return float(self.of_inverse.entropy() - self.correction)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.law, name)


def _gaussian(name: str, plates: tuple[int, ...], event: tuple[int, ...], joint: tuple[int, ...]) -> Case:
    """`joint`: positions of the axes that are coupled."""
    rng = np.random.default_rng(4)
    shape = plates + event
    free = tuple(place for place in range(len(shape)) if place not in joint)
    outside, inner = tuple(shape[place] for place in free), tuple(shape[place] for place in joint)
    width = int(np.prod(inner))
    order = (*free, *joint)

    def joint_last(v: Any) -> Any:
        """(n…, *outside, width) from values with the variable's own axes, after any others."""
        lead = np.ndim(v) - len(shape)
        axes = (*range(lead), *(lead + place for place in order))
        return np.transpose(v, axes).reshape((*np.shape(v)[:lead], *outside, width))

    def back(v: Any) -> Any:
        """The inverse of `joint_last` for draws (n, *outside, width)."""
        return np.transpose(v.reshape((len(v), *outside, *inner)), (0, *(1 + place for place in np.argsort(order))))

    places = (*order, *range(len(shape), len(shape) + len(joint)))
    precision = spread(rng, outside, width).reshape((*outside, *inner, *inner))
    naturals = {SINGLE: 2 * rng.normal(size=shape), PAIR: -0.5 * np.transpose(precision, np.argsort(places))}

    def law(q: Values) -> Law:
        mean = joint_last(q["mean"])
        matrix = np.linalg.inv(np.reshape(q["precision"], (*outside, width, width)))
        whole = batch(lambda at: stats.multivariate_normal(mean[at], matrix[at]), outside, 1)
        return Law(
            lambda v: whole.log_density(joint_last(v)),
            whole.entropy,
            lambda rng, n: back(whole.draw(rng, n).reshape((n, *outside, width))),
        )

    return Case(
        name, GaussianKernel(), "real", plates, event, naturals, law, joint, lambda rng: rng.normal(size=shape)
    )  # fmt: skip


def _wishart(inverted: bool) -> Case:
    rng = np.random.default_rng(5)
    sign, scipy_law = (-1.0, _InverseWishart) if inverted else (1.0, stats.wishart)
    naturals = {
        LOGDET: sign * rng.uniform(5.0, 8.0, 2),
        INVERSE if inverted else MATRIX: -0.5 * spread(rng, (2,), 3),
    }
    return Case(
        "inverse Wishart" if inverted else "Wishart", WishartKernel(), "cov", (2,), (3, 3), naturals,
        lambda q: batch(lambda at: scipy_law(q["df"][at], q["scale"][at]), (2,), 2),
        value=lambda rng: spread(rng, (2,), 3),
    )  # fmt: skip


CASES: tuple[Case, ...] = (
    _dirichlet(),
    _beta("Beta", (LOG, LOG1M)),
    *(_gamma(power) for power in (1.0, -1.0, -2.0, 2.7)),
    _gaussian("Gaussian, scalar", (2, 3), (), ()),
    _gaussian("Gaussian, independent entries", (2,), (3,), ()),
    _gaussian("Gaussian, vector", (2,), (3,), (1,)),
    _gaussian("Gaussian, matrix", (2,), (2, 3), (1, 2)),
    _gaussian("Gaussian, rows of a matrix", (2,), (2, 3), (2,)),
    _gaussian("Gaussian, columns of a matrix", (2,), (2, 3), (1,)),
    _wishart(False),
    _wishart(True),
)
#: Cases of which some statistic does not occur: its natural parameter is zero, and no array stands for it.
PARTIAL: tuple[Case, ...] = (_beta("Beta, only log", (LOG,)), _beta("Beta, only log1m", (LOG1M,)))


def _beta_prime(name: str, scales: tuple[float, ...], rate: float) -> Case:
    rng = np.random.default_rng(7)
    tails: dict[Kinds, Any] = {(("log1p", scale),): -rng.uniform(6.0, 9.0, (2, 3)) for scale in scales}
    naturals = {LOG: rng.uniform(0.3, 5.0, (2, 3)), **tails} | ({SINGLE: np.full((2, 3), -rate)} if rate else {})
    return Case(name, BetaPrimeKernel(), "positive", (2, 3), (), naturals, lambda q: batch(stats.gamma, (), 0))


#: Cases of a kernel that has no posterior.
MODES: tuple[Case, ...] = (
    _beta_prime("beta prime", (3.0,), 0.0),
    _beta_prime("beta prime under a prior", (3.0,), 20.0),
    _beta_prime("beta prime of two sums", (0.5, 49.0), 0.0),
)
