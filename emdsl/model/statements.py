"""What the user said: one frozen class per statement of the language.

    Model = header, statements...
    Statement = Plate | Variable | Fix | Order | Factorise | NewDistribution

A model is equal to another when they say the same; places in the text (spans) take no part in equality.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from emdsl.algebra.expressions import Expression, expression
from emdsl.errors import Source, Span


class Role(Enum):
    GIVEN = "given"
    PARAM = "param"
    LATENT = "latent"
    OBSERVED = "observed"
    LET = "let"


#: Spelling of the types; the number is how many event axes each takes (None: any of 0, 1, 2).
TYPE_KINDS = {
    "real": None, "positive": None, "unit": None, "simplex": 1, "cov": 1, "count": None, "index": 1,
}  # fmt: skip


@dataclass(frozen=True)
class Type:
    """`real[D, H]`, `simplex[K]`, `cov[D]`, `index[N]`, `count` …; `dims` are size expressions.

    `cov[D]` holds a D × D matrix and `index[N]` a single number below N, so their event shapes are not their dims.
    """

    kind: str
    dims: tuple[Expression, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def event_shape(self) -> tuple[Expression, ...]:
        """Sizes of the event axes of one value of this type."""
        if self.kind == "cov":
            return (self.dims[0], self.dims[0])
        return () if self.kind == "index" else self.dims

    def __getitem__(self, dims: object) -> Type:
        """`real[D, H]` from Python. Raises TypeError when the type has its dims already."""
        if self.dims:
            raise TypeError(f"the type {self.kind}[...] cannot be indexed; a variable of that type can")
        return replace(self, dims=tuple(expression(dim) for dim in (dims if isinstance(dims, tuple) else (dims,))))

    def __call__(self, *dims: object) -> Type:
        """Raises TypeError: sizes stand in square brackets."""
        raise TypeError(f"sizes stand in square brackets: `{self.kind}[{', '.join(map(str, dims)) or 'K'}]`")


@dataclass(frozen=True)
class Constant:
    """`K = 3` in the header; `default` None means that it must be given when the model is bound."""

    name: str
    default: float | int | None = None
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Plate:
    """`plate i in Words[d]` or `time t in T`: letter, size (a name or a number), letters that it is ragged over."""

    letter: str
    size: str | int
    parents: tuple[str, ...] = ()
    ordered: bool = False
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Limits:
    """`truncated(lo, hi)` or `censored(lo, hi)` after a law."""

    kind: str
    low: Expression
    high: Expression
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Law:
    """A distribution with its arguments, as written: positional ones have the name None."""

    family: str
    arguments: tuple[tuple[str | None, Expression | Law], ...]
    limits: Limits | None = None
    span: Span | None = field(default=None, compare=False, repr=False)

    def truncated(self, low: object, high: object) -> Law:
        """The law given that the value lies between the limits."""
        return replace(self, limits=Limits("truncated", expression(low), expression(high)))

    def censored(self, low: object, high: object) -> Law:
        """The law of the value clipped to the limits."""
        return replace(self, limits=Limits("censored", expression(low), expression(high)))


@dataclass(frozen=True)
class Definition:
    """One `~` line of a variable. `slots` are its indices as written: letters, or numbers at fixed times."""

    slots: tuple[Expression, ...]
    law: Law
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Variable:
    """A given, param, latent, observed or let variable.

    `plates` are its letters (for a variable over time: those of its general definition, so `z[s, t]` beside `z[s, 0]`
    has plates s, t). `definitions` is empty for given data and for parameters without a prior; `value` is set for let.
    """

    name: str
    role: Role
    plates: tuple[str, ...] = ()
    type: Type | None = None
    definitions: tuple[Definition, ...] = ()
    value: Expression | None = None
    missing: bool = False
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Fix:
    """`fix A[0, 2] = 0`, `fix G[0] = 0`, `fix start = [1, 0, 0]`."""

    name: str
    indices: tuple[Expression, ...]
    value: Expression
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Order:
    """`order mu by k`."""

    name: str
    letter: str
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Factorise:
    """`factorise q(z) q(theta, phi)`."""

    groups: tuple[tuple[str, ...], ...]
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class NewDistribution:
    """`dist Gumbel(y : real | m : real, b : positive) = log density`."""

    name: str
    subject: tuple[str, Type]
    parameters: tuple[tuple[str, Type], ...]
    log_density: Expression
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Model:
    """A model as written, before it is checked or bound."""

    name: str
    constants: tuple[Constant, ...] = ()
    plates: tuple[Plate, ...] = ()
    variables: tuple[Variable, ...] = ()
    distributions: tuple[NewDistribution, ...] = ()
    fixes: tuple[Fix, ...] = ()
    orders: tuple[Order, ...] = ()
    factorisations: tuple[Factorise, ...] = ()
    source: Source | None = field(default=None, compare=False, repr=False)

    def variable(self, name: str) -> Variable | None:
        """The variable of that name, or None."""
        return next((variable for variable in self.variables if variable.name == name), None)

    def plate(self, letter: str) -> Plate | None:
        """The plate of that letter, or None."""
        return next((plate for plate in self.plates if plate.letter == letter), None)
