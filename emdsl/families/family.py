"""A family is its support, its arguments and one formula: the log density. Everything else is derived from them.

    family = (value type, arguments, log density as an expression, sampler) + other spellings of the arguments

Two ways of writing the same law differ in kind, and are kept apart:

- an *alternative* names a canonical argument otherwise and converts: `Normal(mean, sd=s)` is `prec = s**-2`. The
  formula is the same, so conjugacy is seen through it;
- a *variant* has a formula of its own: `Bernoulli(logit=a)` stays log-sum-exp shaped. It is a `Family` itself, with the
  same name, support and value type.

A family and its variants are its *forms*; the set of argument names selects one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression

#: The support of a law that takes the type of its argument.
ANY = "any"

#: Supports that are sets of whole numbers; densities there are probabilities.
DISCRETE_SUPPORTS = ("count", "index")


def event_rank(support: str, dims: tuple[str | int, ...]) -> int:
    """Number of event axes of a value: `cov[D]` holds a matrix and `index[K]` a single number."""
    return {"cov": 2, "index": 0}.get(support, len(dims))


@dataclass(frozen=True)
class Argument:
    """One argument of a family: its name and its type.

    `support` is a type kind of the language and `dims` the sizes that its type takes, as in `cov[D]`: sizes of one name
    are equal throughout the family's arguments and value.
    """

    name: str
    support: str
    dims: tuple[str | int, ...] = ()

    @property
    def rank(self) -> int:
        """Number of event axes."""
        return event_rank(self.support, self.dims)


@dataclass(frozen=True)
class Alternative:
    """Another spelling: `argument` stands for the canonical argument `canonical`, which is `convert(argument)`."""

    argument: Argument
    canonical: str
    convert: Callable[[Expression], Expression]


@dataclass(frozen=True)
class Augmentation:
    """The law with an auxiliary positive variable u that integrates out: p(x) = ∫ p(x, u) du.

    `log_joint(x, u, **canonical)`: the log density of both. `law`: that of u as the derivation names it. `whole`: one u
    for a whole vector, not one for each of its entries.
    """

    law: str
    log_joint: Callable[..., Expression]
    whole: bool = False


@dataclass(frozen=True)
class Family:
    """A distribution.

    `support`, `dims`: the type of a value, such as `index[K]`; `dims` share their names with those of the arguments.
    `arguments`: the canonical arguments, in positional order. `positional`: how many may be given without a name.
    `log_density(x, **canonical)`: the log density as an expression, all constants included; None for a law without one.
    `sample(rng, size, **canonical)`: draws of shape (*size, *event axes); `size`, given by position, is the full
    leading shape, over which the arguments broadcast.
    `outcomes_apart`: the same density for probabilities that may be exactly 0 or 1, each of whose logarithms multiplies
    an outcome that it belongs to, so that none that is infinite is added and taken away again.
    `alternatives`: other spellings of canonical arguments. `variants`: the same law by other formulas.
    `augmentations`: how the law is written where its density is no sum of products of statistics of the unknowns.
    """

    name: str
    support: str
    dims: tuple[str | int, ...]
    arguments: tuple[Argument, ...]
    positional: int
    log_density: Callable[..., Expression] | None
    sample: Callable[..., np.ndarray[Any, Any]]
    alternatives: tuple[Alternative, ...] = ()
    variants: tuple[Family, ...] = ()
    outcomes_apart: Callable[..., Expression] | None = None
    augmentations: tuple[Augmentation, ...] = ()

    @property
    def rank(self) -> int:
        """Number of event axes of a value."""
        return event_rank(self.support, self.dims)

    @property
    def discrete(self) -> bool:
        """Whether values are whole numbers."""
        return self.support in DISCRETE_SUPPORTS

    @property
    def forms(self) -> tuple[Family, ...]:
        """The family as it stands, then its variants."""
        return (self, *self.variants)

    @property
    def spellings(self) -> tuple[tuple[str, ...], ...]:
        """The sets of argument names that make a complete law, canonical first: (mean, prec), (mean, sd), …"""
        return tuple(spelling for form in self.forms for spelling in form._own_spellings())

    def argument(self, name: str) -> Argument | None:
        """The argument spelled `name` in any form, or None."""
        for form in self.forms:
            for argument in (*form.arguments, *(alternative.argument for alternative in form.alternatives)):
                if argument.name == name:
                    return argument
        return None

    def form(self, names: Collection[str]) -> Family | None:
        """The form of which `names` is a complete spelling, or None."""
        wanted = frozenset(names)
        fits = (form for form in self.forms if any(wanted == set(spelling) for spelling in form._own_spellings()))
        return next(fits, None)

    def canonical(self, arguments: Mapping[str, Expression]) -> dict[str, Expression]:
        """The canonical arguments of this form, in order, from a complete spelling of it; KeyError if it is not one."""
        conversions = {alternative.argument.name: alternative for alternative in self.alternatives}
        result = {}
        for name, value in arguments.items():
            if name in conversions:
                result[conversions[name].canonical] = conversions[name].convert(value)
            else:
                result[name] = value
        return {argument.name: result[argument.name] for argument in self.arguments}

    def _own_spellings(self) -> tuple[tuple[str, ...], ...]:
        """The spellings of this form alone."""
        names = [
            (argument.name, *(other.argument.name for other in self.alternatives if other.canonical == argument.name))
            for argument in self.arguments
        ]
        return tuple(product(*names))
