"""Which parameters have a posterior, of which kind, and with which other one jointly.

    q(v)                independent: Dirichlet, Beta, Gamma and its powers, Gaussian, Wishart, inverse Wishart
                        and, of auxiliary variables, Pólya-Gamma
    q(v | s) q(s)       a Gaussian whose every term is scaled by the same spread s: Normal-Gamma, Normal-Wishart

The joint form is admissible when the spread cancels from the Gaussian's conditional and has a posterior itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from emdsl.algebra.indices import IndexSource
from emdsl.algebra.symbols import Scope, Symbol
from emdsl.algebra.terms import Term
from emdsl.derive.cancellation import cancel
from emdsl.derive.conditional import conditional
from emdsl.derive.log_joint import not_compiled
from emdsl.derive.statistics import normal_form
from emdsl.errors import Span
from emdsl.kernels.gaussian import PAIR
from emdsl.kernels.registry import match_law


@dataclass(frozen=True)
class PosteriorForm:
    """The form of one parameter's posterior.

    `keys`: the names of its parameters, each `variable.name` in `params`. `power`: v**power is Gamma distributed.
    `inverted`: the inverse is Wishart distributed. `joint`: positions of the axes that a Gaussian has jointly.
    `scale`: the spread that the Gaussian is conditional on; `scale_axis`: the position of the axis that a matrix mixes;
    `scale_power`: the precision is that power of a scalar spread; `scale_count`: sizes whose product is the number of
    entries (rows of entries, for a matrix) of the Gaussian for each spread.
    """

    variable: str
    kernel: str
    keys: tuple[str, ...]
    power: float = 1.0
    inverted: bool = False
    joint: tuple[int, ...] = ()
    scale: str | None = None
    scale_axis: int | None = None
    scale_power: float = 1.0
    scale_count: tuple[str | int, ...] = ()

    def key(self, name: str) -> str:
        return f"{self.variable}.{name}"


KEYS = {
    "Dirichlet": ("concentration",),
    "Beta": ("a", "b"),
    "Gamma": ("shape", "rate"),
    "Wishart": ("df", "scale"),
    "Pólya-Gamma": ("trials", "tilt"),
    "Gaussian": ("mean", "precision"),
}


#: How a positive variable enters that has a mode, but no law in closed form.
MIXED = "it enters by several powers, gamma functions, or products with itself"


def posterior_forms(
    terms: Sequence[Term],
    names: Sequence[str],
    scope: Scope,
    source: IndexSource,
    symmetric: frozenset[str],
    spans: Mapping[str, Span | None],
    groups: Sequence[tuple[str, ...]] = (),
    latent: bool = False,
) -> dict[str, PosteriorForm]:
    """The form of the posterior of each of `names`; `groups` asks for factors: names in two of them stay apart.

    `latent`: they are inferred in the E-step, which asks for closed forms.
    """
    forms: dict[str, PosteriorForm] = {}
    taken: set[str] = set()
    for name in sorted(names, key=lambda name: scope.symbols[name].kind != "real"):
        symbol = scope.symbols[name]
        own = normal_form([term for term in terms if name in term.variables()], symmetric)
        reduced, cancelled = cancel(own, frozenset({name}), scope) if symbol.kind == "real" else (own, ())
        apart = {other for group in groups if name not in group for other in group if _in_any(name, groups)}
        scales = [scale for scale in cancelled if scale in names and scale not in taken | apart]
        joint_with = scales[0] if len(scales) == 1 == len(cancelled) else None
        used = reduced if joint_with else own
        collected = conditional(symbol, used, source)
        kernel, refusal = match_law(symbol, collected.signature)
        if latent and (kernel is None or kernel.law not in KEYS) and _meets_itself(name, own):
            raise not_compiled(
                f"no conjugate posterior for `{name}`, entries of which meet", spans[name], _between(symbol, scope)
            )
        if kernel is None:
            raise not_compiled(f"no conjugate posterior for `{name}`: {refusal}", spans[name])
        if kernel.steps and latent and kernel.law in KEYS:
            raise not_compiled(
                f"no conjugate posterior for `{name}`: {kernel.open_law_reason(symbol)}",
                spans[name],
                f"declare `{name}` as a parameter with this prior, which method vb has a posterior of",
            )
        if kernel.law not in KEYS and kernel.steps:
            other = (
                f"leave out the prior of `{name}` for a point estimate, or take method em for the mode under its prior"
            )
            parameter = f"declare `{name}` as a parameter with this prior, of which method em has the mode"
            cure = parameter if latent else other
            raise not_compiled(f"no conjugate posterior for `{name}`: {MIXED}", spans[name], cure)
        if kernel.law not in KEYS:
            raise not_compiled(f"no conjugate posterior for `{name}`: its law is {kernel.name}", spans[name])
        power, inverted = 1.0, False
        joint: tuple[int, ...] = ()
        for monomial, _ in collected.parts:
            if monomial.kinds in PAIR:
                first, second = monomial.axes
                joint = tuple(p for p, (a, b) in enumerate(zip(first, second, strict=True)) if a != b)
            if len(monomial.kinds) == 1 and kernel.law == "Gamma" and monomial.kinds[0][0] == "power":
                power = monomial.kinds[0][1]
            inverted = inverted or monomial.kinds == (("inverse", 1.0),)
        form = PosteriorForm(name, kernel.law, KEYS[kernel.law], power, inverted, joint)
        if joint_with is not None:
            taken.add(joint_with)
            form = _scaled(form, own, joint_with, scope)
        forms[name] = form
    return {name: forms[name] for name in names}


def _meets_itself(name: str, terms: Sequence[Term]) -> bool:
    """Whether entries of a variable enter products with other ones, as those of a chain do."""
    return any(len({item.references for item in term.atoms if item.variable == name}) > 1 for term in terms)


def _between(symbol: Symbol, scope: Scope) -> str | None:
    """Another chain of positive numbers: with a latent between its steps each has a conjugate law given the other."""
    if symbol.kind != "positive" or not symbol.plates:
        return None
    time = symbol.plates[-1][1]
    letters = scope.letters_of(symbol)
    now, before = (", ".join(step if one == time else one for one in letters) for step in (time, f"{time}-1"))
    return (
        f"put a latent between the steps: `latent h[{now}] ~ Gamma(b, rate=b * {symbol.name}[{before}])` and "
        f"`latent {symbol.name}[{now}] ~ Gamma(a, rate=a * h[{now}])`"
    )


def _in_any(name: str, groups: Sequence[tuple[str, ...]]) -> bool:
    return any(name in group for group in groups)


def _scaled(form: PosteriorForm, terms: Sequence[Term], scale: str, scope: Scope) -> PosteriorForm:
    """The form with the spread that it is conditional on."""
    term = terms[0]
    (spread,) = (item for item in term.atoms if item.variable == scale)
    own = next(item for item in term.atoms if item.variable == form.variable)
    axes = scope.symbols[form.variable].axes
    matrix = scope.symbols[scale].kind == "cov"
    ends = [end for end in spread.references[-2:] if end in own.references] if matrix else []
    count = tuple(
        size for (size, _), reference in zip(axes, own.references, strict=True) if reference not in spread.references
    )
    return replace(
        form,
        scale=scale,
        scale_axis=own.references.index(ends[0]) if ends else None,
        scale_power=1.0 if matrix else spread.statistic.exponent,
        scale_count=count,
    )
