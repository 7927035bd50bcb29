r"""Update formulas: the natural parameters of a block's conditional, and its mode or posterior.

    Dirichlet   Σ η_k log π_k              π_k ← η_k / Σ η            q(π) = Dirichlet(η + 1)
    Beta        a log p + b log(1 − p)     p ← a / (a + b)            q(p) = Beta(a + 1, b + 1)
    Gamma       a log v + b v^p            v ← (−a / (p b))^(1/p)     q(v^p) = Gamma((a + 1) / p, rate −b)
    Gaussian    hᵀ v − ½ vᵀ P v            P v = h                    q(v) = N(P⁻¹ h, P⁻¹)
    Wishart     a log|Σ| + tr(B Σ⁻¹)       Σ ← B / a                  q(Σ) = InvWishart(−2 a − D − 1, −2 B)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from emdsl.algebra.indices import Index
from emdsl.algebra.symbols import Symbol
from emdsl.algebra.terms import IDENTITY, OFFSET, STRUCTURE, Atom, Polynomial, Term
from emdsl.derive.conditional import Conditional, Monomial, conditional
from emdsl.derive.m_step import Update
from emdsl.derive.setting import Setting
from emdsl.explain.formulas import Notation, aligned, bracketed, joined, reference_name
from emdsl.explain.symbols import Letters, auxiliary, exponent_text, name_text, superscripted, with_indices
from emdsl.kernels.gaussian import PAIR, SINGLE

#: A numerator of more terms than this gets a line of its own.
SHORT = 3


@dataclass(frozen=True)
class Parameter:
    """One variable of a block with its conditional, ready to be written."""

    symbol: Symbol
    conditional: Conditional
    setting: Setting
    notation: Notation

    @property
    def head(self) -> str:
        return name_text(self.symbol.name)

    def part(self, *kinds: tuple[str, float]) -> tuple[Monomial, Polynomial] | None:
        """The monomial of these kinds with its cofactor, like terms merged."""
        for monomial, cofactor in self.conditional.parts:
            if monomial.kinds == kinds:
                return monomial, self.setting.merged(cofactor)
        return None


def parameters_of(update: Update, setting: Setting, notation: Notation) -> tuple[Parameter, ...]:
    symbols = (setting.scope.symbols[name] for name in update.variables)
    return tuple(Parameter(s, conditional(s, update.terms, setting.source), setting, notation) for s in symbols)


def natural_lines(parameter: Parameter) -> tuple[str, ...]:
    r"""`\log \pi_{k} &: N_{k}`: each statistic with its natural parameter."""
    lines = []
    for monomial, _ in parameter.conditional.parts:
        found = parameter.part(*monomial.kinds)
        assert found is not None
        _, cofactor = found
        letters = parameter.notation.letters.knowing(index for axes in monomial.axes for index in axes)
        atoms = tuple(
            Atom(parameter.symbol.name, statistic, axes)
            for statistic, axes in zip(monomial.statistics, monomial.axes, strict=True)
        )
        _, statistic_text = replace(parameter.notation, expected=frozenset()).term(Term(1.0, atoms), letters)
        lines += aligned(statistic_text, parameter.notation.terms(cofactor, letters), r":\quad")
    return tuple(lines)


def update_lines(parameter: Parameter, has_posterior: bool) -> tuple[str, ...]:
    """The formula by which one parameter is updated."""
    writers: dict[str, Callable[[Parameter, bool], tuple[str, ...]]] = {
        "simplex": _simplex,
        "unit": _unit,
        "positive": _positive,
        "real": _real,
        "cov": _covariance,
    }
    return writers[parameter.symbol.kind](parameter, has_posterior)


# ---------------------------------------------------------------- one kernel each


def _simplex(parameter: Parameter, has_posterior: bool) -> tuple[str, ...]:
    found = parameter.part(("log", 1.0))
    assert found is not None
    (axes,), counts = found[0].axes, found[1]
    letters = parameter.notation.letters.knowing(axes)
    left = _entry(parameter, axes, letters)
    if has_posterior:
        whole = _entry(parameter, axes[:-1], letters)
        return (rf"q({whole}) &= \mathrm{{Dirichlet}}\left({_sum(parameter, plus_one(counts), letters)}\right)",)
    other = parameter.setting.source.copy_of(axes[-1])
    terms = [replace(t, bound=(other, *t.bound)) for t in counts.substitute({axes[-1]: other}).terms]
    ratio, lines = _fraction(parameter, counts, Polynomial(tuple(terms), counts.axes), letters)
    return (rf"{left} &\leftarrow {ratio}", *lines)


def _unit(parameter: Parameter, has_posterior: bool) -> tuple[str, ...]:
    axes = _own_axes(parameter)
    letters = parameter.notation.letters.knowing(axes)
    left = _entry(parameter, axes, letters)
    yes, no = (_cofactor(parameter, axes, (kind, 1.0)) for kind in ("log", "log1m"))
    if has_posterior:
        arguments = r",\, ".join(_sum(parameter, plus_one(item), letters) for item in (yes, no))
        return (rf"q({left}) &= \mathrm{{Beta}}\left({arguments}\right)",)
    total = parameter.setting.merged(Polynomial(yes.terms + no.terms, axes))
    ratio, lines = _fraction(parameter, yes, total, letters)
    return (rf"{left} &\leftarrow {ratio}", *lines)


def _positive(parameter: Parameter, has_posterior: bool) -> tuple[str, ...]:
    axes = _own_axes(parameter)
    letters = parameter.notation.letters.knowing(axes)
    left = _entry(parameter, axes, letters)
    power = next(m.kinds[0][1] for m, _ in parameter.conditional.parts if m.kinds[0][0] == "power")
    logs, powers = _cofactor(parameter, axes, ("log", 1.0)), _cofactor(parameter, axes, ("power", power))
    if has_posterior:
        shape, rate = _sum(parameter, plus_one(logs), letters), _sum(parameter, powers.scaled(-1.0), letters)
        if power != 1:
            shape = rf"\tfrac{{1}}{{{exponent_text(abs(power))}}} \left({shape}\right)" if abs(power) != 1 else shape
            left = f"{left}^{{{exponent_text(power)}}}"
        return (rf"q({left}) &= \mathrm{{Gamma}}\left({shape},\, \mathrm{{rate}} = {rate}\right)",)
    above, below = (logs, powers.scaled(-power)) if power > 0 else (powers.scaled(power), logs.scaled(-1.0))
    ratio, lines = _fraction(parameter, *_common(above, below), letters)
    root = exponent_text(1 / abs(power))
    if root == "1/2":
        ratio = rf"\sqrt{{{ratio}}}"
    elif root != "1":
        ratio = rf"\left({ratio}\right)^{{{root}}}"
    return (rf"{left} &\leftarrow {ratio}", *lines)


def _real(parameter: Parameter, has_posterior: bool) -> tuple[str, ...]:
    """A quotient where entries are independent; else the linear system of which the update is the solution."""
    found = next(f for kinds in PAIR if (f := parameter.part(*kinds)) is not None)
    (first, second), pair = found[0].axes, found[1]
    single = next((f for kinds in SINGLE if (f := parameter.part(*kinds)) is not None), None)
    linear = single[1].substitute(dict(zip(single[0].axes[0], first, strict=True))) if single else Polynomial((), first)
    is_offset = found[0].kinds[0][0] == OFFSET.kind
    letters = parameter.notation.letters.knowing((*first, *second))
    left = _entry(parameter, first, letters)
    reference = _reference(parameter, first, letters) if is_offset else ""
    joint = tuple(two for one, two in zip(first, second, strict=True) if one != two)
    if has_posterior:
        return _gaussian_posterior(parameter, (first, joint), linear, pair, reference, letters)
    if not joint:
        step, lines = _fraction(parameter, *_common(linear, pair.scaled(-2.0)), letters)
        return (rf"{left} &\leftarrow {f'{reference} + ' if reference else ''}{step}", *lines)
    unknown = Atom(parameter.symbol.name, OFFSET if is_offset else IDENTITY, second)
    system = [replace(t, atoms=(*t.atoms, unknown), bound=(*joint, *t.bound)) for t in pair.scaled(-2.0).terms]
    right, below = _common(linear, Polynomial(tuple(system), first))
    letters = parameter.notation.letters.knowing(first)
    left_side, right_side = _sum(parameter, parameter.setting.merged(below), letters), _sum(parameter, right, letters)
    solution = f"{reference} + {_offset(parameter, first, letters)}" if is_offset else r"\text{the solution}"
    return (f"{left_side} &= {right_side}", rf"{left} &\leftarrow {solution}")


def _gaussian_posterior(
    parameter: Parameter,
    axes: tuple[tuple[Index, ...], tuple[Index, ...]],
    linear: Polynomial,
    pair: Polynomial,
    reference: str,
    letters: Letters,
) -> tuple[str, ...]:
    first, joint = axes
    plates = tuple(axis for axis, other in zip(first, pair.axes, strict=False) if axis == other)
    own = tuple(axis for axis in first if axis in plates) if not joint else plates[: len(first) - len(joint)]
    whole = _entry(parameter, own, letters)
    labels = [letters.of(axis) for axis in own]
    precision, side = with_indices(auxiliary("P"), labels), with_indices(auxiliary("h"), labels)
    centre = f"{_reference(parameter, own, letters)} + " if reference else ""
    entries = [letters.of(axis) for axis in (*first, *joint)]
    return (
        rf"q({whole}) &= \mathcal{{N}}\left({centre}{precision}^{{-1}} {side},\, {precision}^{{-1}}\right)",
        *aligned(with_indices(auxiliary("P"), entries), parameter.notation.terms(pair.scaled(-2.0), letters)),
        *aligned(with_indices(auxiliary("h"), entries[: len(first)]), parameter.notation.terms(linear, letters)),
    )


def _covariance(parameter: Parameter, has_posterior: bool) -> tuple[str, ...]:
    """The scatter is written with both halves of what is not symmetric."""
    kind = "inverse" if parameter.part(("inverse", 1.0)) else "power"
    found, logdet = parameter.part((kind, 1.0)), parameter.part(("logdet", 1.0))
    assert found is not None and logdet is not None
    (axes,), scatter = found[0].axes, symmetrised(found[1], parameter.setting)
    count = logdet[1].substitute(dict(zip(logdet[0].axes[0], axes, strict=False)))
    letters = parameter.notation.letters.knowing(axes)
    matrix = _entry(parameter, axes[:-2], letters)
    if has_posterior:
        return _wishart_posterior(parameter, axes, matrix, scatter, count, letters, kind == "inverse")
    above, below = _common(scatter.scaled(-1.0), count.scaled(1.0 if kind == "power" else -1.0))
    ratio, lines = _fraction(parameter, above, below, letters)
    left = _entry(parameter, axes, letters)
    if kind == "power":
        left = with_indices(f"({matrix}^{{-1}})", [letters.of(axis) for axis in axes[-2:]])
    return (rf"{left} &\leftarrow {ratio}", *lines)


def _wishart_posterior(
    parameter: Parameter,
    axes: tuple[Index, ...],
    matrix: str,
    scatter: Polynomial,
    count: Polynomial,
    letters: Letters,
    inverted: bool,
) -> tuple[str, ...]:
    (size, _), *_ = parameter.symbol.event
    entries = [letters.of(axis) for axis in axes]
    law, sign = ("InvWishart", -1) if inverted else ("Wishart", 1)
    matrix_scale = with_indices(auxiliary("B"), entries[:-2])
    scale = matrix_scale if inverted else superscripted(matrix_scale, "-1")
    freedom = _sum(parameter, count.scaled(2.0 * sign), letters)
    shift = f"- {parameter.notation.size(size)} - 1" if inverted else f"+ {parameter.notation.size(size)} + 1"
    return (
        rf"q({matrix}) &= \mathrm{{{law}}}\left({freedom} {shift},\, {scale}\right)",
        *aligned(with_indices(auxiliary("B"), entries), parameter.notation.terms(scatter.scaled(-2.0), letters)),
    )


# ---------------------------------------------------------------- helpers


def _own_axes(parameter: Parameter) -> tuple[Index, ...]:
    return parameter.conditional.parts[0][0].axes[0]


def _cofactor(parameter: Parameter, axes: tuple[Index, ...], *kinds: tuple[str, float]) -> Polynomial:
    """The natural parameter of a monomial with the axes of the variable; zero where the monomial does not occur."""
    found = parameter.part(*kinds)
    return found[1].substitute(dict(zip(found[0].axes[0], axes, strict=True))) if found else Polynomial((), axes)


def plus_one(value: Polynomial) -> Polynomial:
    """The natural parameter plus 1, constants joined."""
    constants = [term for term in value.terms if not term.atoms and not term.bound]
    rest = tuple(term for term in value.terms if term not in constants)
    total = 1.0 + sum(term.coefficient for term in constants)
    return Polynomial(rest + ((Term(total),) if total else ()), value.axes)


def _common(above: Polynomial, below: Polynomial) -> tuple[Polynomial, Polynomial]:
    """Both divided by the factor that all terms of the second share."""
    sizes = {abs(term.coefficient) for term in below.terms}
    factor = 1 / sizes.pop() if len(sizes) == 1 else 1.0
    return above.scaled(factor), below.scaled(factor)


def _fraction(
    parameter: Parameter, above: Polynomial, below: Polynomial, letters: Letters
) -> tuple[str, tuple[str, ...]]:
    """A quotient; a long numerator becomes a symbol, with the lines that define it."""
    notation = parameter.notation
    upper, lower = notation.terms(above, letters), notation.terms(below, letters)
    numerator = notation.polynomial(above, letters)
    lines: tuple[str, ...] = ()
    if len(upper) > SHORT:
        numerator = with_indices(auxiliary("B"), [letters.of(axis) for axis in above.axes])
        lines, upper = tuple(aligned(numerator, upper)), [("+", numerator)]
    if lower == [("+", "1")]:
        return bracketed(numerator, upper), lines
    return rf"\frac{{{numerator}}}{{{joined(lower)}}}", lines


def _sum(parameter: Parameter, value: Polynomial, letters: Letters) -> str:
    return parameter.notation.polynomial(value, letters)


def _entry(parameter: Parameter, axes: Sequence[Index], letters: Letters) -> str:
    return with_indices(parameter.head, [letters.of(axis) for axis in axes])


def _offset(parameter: Parameter, axes: Sequence[Index], letters: Letters) -> str:
    return with_indices(rf"\tilde{{{parameter.head}}}", [letters.of(axis) for axis in axes])


def _reference(parameter: Parameter, axes: Sequence[Index], letters: Letters) -> str:
    point = Atom(reference_name(parameter.symbol.name), IDENTITY, tuple(axes))
    return parameter.notation.with_reference_points([parameter.symbol.name]).atom(point, letters)


def symmetrised(value: Polynomial, setting: Setting) -> Polynomial:
    """½ (B + Bᵀ) over the last two axes; terms that are symmetric stay as they are."""
    row, column = value.axes[-2:]
    terms: list[Term] = []
    for term in value.terms:
        swapped = term.substitute({row: column, column: row})
        if _key(term, setting.symmetric) == _key(swapped, setting.symmetric):
            terms.append(term)
        else:
            terms += [replace(half, coefficient=half.coefficient / 2) for half in (term, swapped)]
    return Polynomial(tuple(terms), value.axes)


def _key(term: Term, symmetric: frozenset[str]) -> list[tuple[str, str, tuple[str, ...]]]:
    """Equal for products that differ in the order of factors, or by transposing a symmetric matrix."""
    listed = []
    for item in term.atoms:
        references = [repr(reference) for reference in item.references]
        if item.variable in symmetric or item.variable == STRUCTURE:
            references[-2:] = sorted(references[-2:])
        listed.append((item.variable, repr(item.statistic), tuple(references)))
    return sorted(listed)
