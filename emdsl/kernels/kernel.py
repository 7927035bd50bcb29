"""A kernel turns the natural parameters of a complete conditional into its mode, its posterior and its moments.

    exponent of the conditional = Σ naturals · statistics,   with respect to Lebesgue measure

So with a flat prior the natural parameter of log π_k is the count N_k, and the mode is the M-step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from emdsl.algebra.indices import Index
from emdsl.algebra.symbols import Symbol
from emdsl.arrays.expressions import Array

#: Statistics of one monomial: (kind, exponent) of each factor.
Kinds = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Naturals:
    """The conditional of one variable, lowered: an array for each monomial. `axes` are the variable's own."""

    symbol: Symbol
    axes: tuple[Index, ...]
    parts: Mapping[Kinds, Array]
    size_text: Callable[[str | int], str]
    pair_axes: tuple[tuple[Index, ...], tuple[Index, ...]] | None = None
    current: Array | None = None
    """The variable itself, or the parameter of its law, where a step starts from it."""

    def exponent(self) -> float:
        """The exponent of the only power statistic."""
        return next(key[0][1] for key in self.parts if len(key) == 1 and key[0][0] == "power")


class Kernel(Protocol):
    """What every kernel offers; each is matched by support and signature."""

    @property
    def name(self) -> str: ...

    def refusal(self, symbol: Symbol, signature: frozenset[Kinds]) -> str | None:
        """Why the kernel does not fit a variable with this signature; None where it fits."""
        ...

    def law_refusal(self, symbol: Symbol, signature: frozenset[Kinds]) -> str | None:
        """The same for the normalised conditional in place of its maximiser."""
        return self.refusal(symbol, signature)

    def open_reason(self, symbol: Symbol, signature: frozenset[Kinds]) -> str:
        """Why the mode has no closed form; empty where it has one."""
        return ""

    @property
    def law(self) -> str:
        """What the normalised conditional is called, or the law that stands in for it."""
        return self.name

    def open_law_reason(self, symbol: Symbol) -> str:
        """Why the law has no closed form; empty where it has one."""
        return ""

    @property
    def steps(self) -> bool:
        """Whether the mode, or the law, is found from the current value."""
        return False

    @property
    def beside_held(self) -> bool:
        """Whether the mode of free entries depends on the entries that are held, its last argument then."""
        return False

    def mode(self, naturals: Naturals) -> Array:
        """The maximiser of the conditional, or a step towards it from the current value."""
        ...

    def squares(self, naturals: Naturals) -> int | None:
        """Which argument of the mode is what sums of squares leave of larger ones; None where none is."""
        return None

    def posterior(self, naturals: Naturals) -> Posterior:
        """The parameters of the normalised conditional, by name: `concentration`, `shape`, `rate`, `mean`, …"""
        ...


#: Parameters of a posterior by name.
Posterior = dict[str, Array]
