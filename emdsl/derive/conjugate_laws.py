"""Gamma, Beta, Dirichlet, Wishart and Pólya-Gamma laws: expected statistics, log partitions, entropies.

    q(v) ∝ exp (Σ natural · statistic)        log partition = log ∫ exp (Σ natural · statistic) dv

A Pólya-Gamma law has the density of PG(trials, 0), times exp(−tilt v / 2): its log partition and its entropy are
relative to that density, so that the statistic log PG has no expectation to count.

A positive v with v**power ~ Gamma(shape, rate) has naturals power · shape − 1 of log v and −rate of v**power.
"""

from __future__ import annotations

from collections.abc import Mapping

from emdsl.algebra.indices import Index
from emdsl.algebra.terms import Statistic
from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Operand
from emdsl.derive.posteriors import PosteriorForm
from emdsl.errors import CompilerBug

#: The parameters of a law by name; their axes are those of the variable, and before them those that it is given.
Parameters = Mapping[str, Named]


def expected_statistic(form: PosteriorForm, parameters: Parameters, statistic: Statistic) -> tuple[str, Array]:
    """A word for the expectation of a statistic, and the expectation."""
    match form.kernel:
        case "Dirichlet":
            return _of_dirichlet(form, parameters, statistic)
        case "Beta":
            return _of_beta(parameters, statistic)
        case "Gamma":
            return _of_gamma(form, parameters, statistic)
        case "Wishart":
            return _of_wishart(form, parameters, statistic)
        case "Pólya-Gamma":
            return _of_polya_gamma(parameters, statistic)
    raise CompilerBug(f"no moments for the kernel {form.kernel}")


def _of_dirichlet(form: PosteriorForm, parameters: Parameters, statistic: Statistic) -> tuple[str, Array]:
    concentration = parameters["concentration"]
    if statistic.kind == "log_stationary":
        return statistic.kind, Apply("expected_log_stationary", (concentration,), concentration.axes[:-1])
    if statistic.kind != "log":
        raise CompilerBug(f"no moment for the statistic {statistic.kind} of `{form.variable}`")
    return "log", Apply("expected_log", (concentration,), concentration.axes)


def _of_beta(parameters: Parameters, statistic: Statistic) -> tuple[str, Array]:
    a, b = parameters["a"], parameters["b"]
    first = a if statistic.kind == "log" else b
    total = Apply("digamma", (Apply("+", (a, Named(b.name, a.axes)), a.axes),), a.axes)
    return statistic.kind, Apply("-", (Apply("digamma", (first,), a.axes), total), a.axes)


def _of_gamma(form: PosteriorForm, parameters: Parameters, statistic: Statistic) -> tuple[str, Array]:
    shape, rate = parameters["shape"], parameters["rate"]
    axes = shape.axes
    if statistic.kind == "log":
        log_u = Apply("-", (Apply("digamma", (shape,), axes), Apply("np.log", (rate,), axes)), axes)
        return "log", log_u if form.power == 1.0 else Apply("/", (log_u, form.power), axes)
    order = statistic.exponent / form.power
    value = Apply("/", (shape, rate), axes) if order == 1.0 else Apply("power_moment", (shape, rate, order), axes)
    return "precision" if statistic.exponent < 0 else "value", value


def _of_wishart(form: PosteriorForm, parameters: Parameters, statistic: Statistic) -> tuple[str, Array]:
    df, scale = parameters["df"], parameters["scale"]
    if statistic.kind == "logdet":
        if form.inverted:
            inner: Array = Apply("expected_logdet", (df, Apply("inverse", (scale,), scale.axes)), df.axes)
            return "logdet", Apply("negative", (inner,), df.axes)
        return "logdet", Apply("expected_logdet", (df, scale), df.axes)
    if statistic.kind != ("inverse" if form.inverted else "power"):
        raise CompilerBug(f"no moment for the statistic {statistic.kind} of `{form.variable}`")
    matrix: Array = Apply("inverse", (scale,), scale.axes) if form.inverted else scale
    factors = (Operand(df, scale.axes[: len(df.axes)]), Operand(matrix, scale.axes))
    return "precision", Contraction(1.0, factors, scale.axes)


def _of_polya_gamma(parameters: Parameters, statistic: Statistic) -> tuple[str, Array]:
    trials, tilt = parameters["trials"], parameters["tilt"]
    if statistic.kind == "polya_gamma":
        return "nothing", Apply("np.zeros_like", (trials,), trials.axes)
    return "value", Apply("polya_gamma_mean", (trials, tilt), trials.axes)


def entropy(form: PosteriorForm, parameters: Parameters, counts: str | None = None) -> Array:
    """The entropies of all entries, summed; `counts`: the argument that says how often each entry counts."""
    return _called(form, parameters, "entropy", (), () if counts is None else (counts,))


def log_partition(form: PosteriorForm, parameters: Parameters) -> Array:
    """The log of the integral of each entry."""
    axes = parameters[form.keys[0]].axes
    return _called(form, parameters, "log_partition", axes[:-1] if form.kernel == "Dirichlet" else axes)


def _called(
    form: PosteriorForm, parameters: Parameters, what: str, axes: tuple[Index, ...], more: tuple[str, ...] = ()
) -> Array:
    keys = tuple(parameters[key] for key in form.keys)
    match form.kernel:
        case "Wishart":
            return Apply(f"{'inverse_' if form.inverted else ''}wishart_{what}", (*keys, *more), axes)
        case "Gamma":
            return Apply(f"gamma_{what}", (*keys, form.power, *more), axes)
        case "Pólya-Gamma":
            return Apply(f"polya_gamma_{what}", (*keys, *more), axes)
        case "Dirichlet" | "Beta":
            return Apply(f"{form.kernel.lower()}_{what}", (*keys, *more), axes)
    raise CompilerBug(f"no {what} for the kernel {form.kernel}")
