"""Positive numbers that enter by several statistics at once: their mode by Newton's method in log v.

    exponent = a log v + Σ_p b_p v**p − Σ_c n_c log Γ(c v) + m v log v + Σ_ij C_ij v_i v_j

Shapes, sizes and degrees of freedom, a scale beside a prior of another power, and products of entries of one variable.
Where entries meet in products, v_i v_j is bounded by what touches it at the current values w and is apart in v_i, v_j:

    C ≤ 0:    v_i v_j ≤ ½ (v_i² w_j / w_i + v_j² w_i / w_j)
    C > 0:    v_i v_j ≥ w_i w_j (1 + log v_i/w_i + log v_j/w_j)

so that one step never lowers the exponent, and at its fixed points the gradient vanishes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emdsl.algebra.symbols import Symbol
from emdsl.arrays.algebra import carried_axes, repeated
from emdsl.arrays.expressions import Apply, Array, Contraction, Operand, Total
from emdsl.arrays.programme import tuple_of
from emdsl.errors import CompilerBug
from emdsl.kernels.kernel import Kernel, Kinds, Naturals, Posterior

LOG: Kinds = (("log", 1.0),)
PRODUCT: Kinds = (("power", 1.0), ("power", 1.0))
#: v log v, in either order of its factors.
ENTROPIC: tuple[Kinds, ...] = ((("power", 1.0), ("log", 1.0)), (("log", 1.0), ("power", 1.0)))


@dataclass(frozen=True)
class PositiveNewton(Kernel):
    """One maximum for each entry."""

    name: str = "Newton"

    def refusal(self, symbol: Symbol, signature: frozenset[Kinds]) -> str | None:
        if symbol.kind != "positive":
            return "its support is not the positive numbers"
        single = all(len(kinds) == 1 and kinds[0][0] in ("log", "power", "lgamma") for kinds in signature - {*ENTROPIC})
        if not single:
            return "it enters otherwise than by its logarithm, powers and gamma functions"
        return None if len(signature) > 1 else "it enters by one statistic only, so that the likelihood has no maximum"

    def open_reason(self, symbol: Symbol, signature: frozenset[Kinds]) -> str:
        return f"no root in closed form: Newton's method in the logarithm of `{symbol.name}`, which never falls"

    @property
    def steps(self) -> bool:
        return True

    def mode(self, naturals: Naturals) -> Array:
        assert naturals.current is not None
        powers = [kinds for kinds in naturals.parts if len(kinds) == 1 and kinds[0][0] == "power"]
        gammas = [kinds for kinds in naturals.parts if kinds[0][0] == "lgamma"]
        entropic = [naturals.parts[kinds] for kinds in ENTROPIC if kinds in naturals.parts]
        arguments: list[Array | float | str] = [naturals.current, f'"{naturals.symbol.name}"']
        arguments += [_listed(powers), _listed(gammas), naturals.parts.get(LOG, 0.0)]
        arguments.append(Total(tuple(entropic), naturals.axes) if len(entropic) > 1 else (*entropic, 0.0)[0])
        arguments += [naturals.parts[kinds] for kinds in (*powers, *gammas)]
        if PRODUCT in naturals.parts:
            return Apply("minorised_positive", (*self._slopes(naturals), *arguments), naturals.axes)
        return Apply("ascended_positive", tuple(arguments), naturals.axes)

    def _slopes(self, naturals: Naturals) -> tuple[Array, Array]:
        """Σ_j (C_ij + C_ji) w_j over the negative C, and over the positive ones."""
        assert naturals.pair_axes is not None and naturals.current is not None
        (first, second), pair = naturals.pair_axes, naturals.parts[PRODUCT]
        absent = tuple(axis for axis in pair.axes if axis not in carried_axes(pair))
        pair = repeated(pair, absent, {axis: naturals.size_text(axis.size) for axis in absent})
        turned = dict(zip((*first, *second), (*second, *first), strict=True))
        swapped = tuple(turned[axis] for axis in pair.axes)
        current = Operand(naturals.current, second)

        def slope(function: str) -> Array:
            part = Apply(function, (pair, 0.0), pair.axes)
            both = (Contraction(1.0, (Operand(part, axes), current), first) for axes in (pair.axes, swapped))
            return Total(tuple(both), first)

        return slope("np.minimum"), slope("np.maximum")

    def posterior(self, naturals: Naturals) -> Posterior:
        raise CompilerBug("no conjugate posterior beside gamma functions and several powers")


@dataclass(frozen=True)
class ProductAscent(PositiveNewton):
    """Entries that meet in products: one step for all of them."""

    name: str = "minorised"

    def refusal(self, symbol: Symbol, signature: frozenset[Kinds]) -> str | None:
        if symbol.kind == "positive" and PRODUCT not in signature:
            return "its entries do not meet in products"
        return super().refusal(symbol, (signature - {PRODUCT}) | {LOG, PRODUCT[:1]})

    def open_reason(self, symbol: Symbol, signature: frozenset[Kinds]) -> str:
        return f"entries of `{symbol.name}` meet in products: a step on a bound that touches, so that it never falls"


def _listed(kinds: Sequence[Kinds]) -> str:
    """The exponents of powers, or the factors within gamma functions."""
    return tuple_of(repr(one[0][1]) for one in kinds)
