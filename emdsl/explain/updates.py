r"""Update formulas: the natural parameters of a block's conditional, and its mode or posterior.

    Dirichlet   Σ η_k log π_k              π_k ← η_k / Σ η            q(π) = Dirichlet(η + 1)
    Beta        a log p + b log(1 − p)     p ← a / (a + b)            q(p) = Beta(a + 1, b + 1)
    Gamma       a log v + b v^p            v ← (−a / (p b))^(1/p)     q(v^p) = Gamma((a + 1) / p, rate −b)
    beta prime  a log v − b log(1 + v/c)   v ← a c / (b − a)
    Gaussian    hᵀ v − ½ vᵀ P v            P v = h                    q(v) = N(P⁻¹ h, P⁻¹)
    Wishart     a log|Σ| + tr(B Σ⁻¹)       Σ ← B / a                  q(Σ) = InvWishart(−2 a − D − 1, −2 B)

A precision s with a Gaussian q(v | s) is updated with v integrated out: v at its mean, ½ log s less for each entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from emdsl.algebra.indices import Index
from emdsl.algebra.symbols import Symbol
from emdsl.algebra.terms import DELTA, IDENTITY, OFFSET, STRUCTURE, Atom, Polynomial, Term
from emdsl.derive.conditional import Conditional, Monomial, conditional
from emdsl.derive.m_step import Update
from emdsl.derive.posteriors import PosteriorForm
from emdsl.derive.setting import Setting
from emdsl.explain.formulas import Notation, aligned, bracketed, joined, reference_name
from emdsl.explain.symbols import Letters, auxiliary, exponent_text, name_text, raised, superscripted, with_indices
from emdsl.kernels.ascent import LOG_LAW
from emdsl.kernels.beta_prime import sums_in
from emdsl.kernels.gaussian import PAIR, SINGLE
from emdsl.kernels.kernel import Kinds
from emdsl.kernels.polya_gamma import TILTED
from emdsl.kernels.positive import PositiveNewton, ProductAscent
from emdsl.kernels.registry import match

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
    def form(self) -> PosteriorForm | None:
        """The form of its posterior; None for a point estimate."""
        return self.setting.forms.get(self.symbol.name)

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
    """The variables of a block, each with its conditional given the others."""
    found = []
    for name in update.variables:
        symbol = setting.scope.symbols[name]
        collected = conditional(symbol, update.terms, setting.source)
        for form in setting.forms.values():
            if form.scale == name:
                collected = _integrated(collected, setting.forms[name], form, setting)
        found.append(Parameter(symbol, collected, setting, notation))
    return tuple(found)


def _integrated(spread: Conditional, form: PosteriorForm, gaussian: PosteriorForm, setting: Setting) -> Conditional:
    """The conditional of a spread with its Gaussian integrated out."""
    matrix = form.kernel == "Wishart"
    amount = (0.5 if form.inverted else -0.5) if matrix else -0.5 * gaussian.scale_power
    kind = "logdet" if matrix else "log"
    term = Term(amount, (), tuple(setting.source.fresh(size, "i") for size in gaussian.scale_count))
    parts = tuple(
        (monomial, Polynomial((*cofactor.terms, term), cofactor.axes) if monomial.kinds == ((kind, 1.0),) else cofactor)
        for monomial, cofactor in spread.parts
    )
    return replace(spread, parts=parts)


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


def update_lines(parameter: Parameter) -> tuple[str, ...]:
    """The formula by which one parameter, or its posterior, is updated."""
    writers: dict[str, Callable[[Parameter], tuple[str, ...]]] = {
        "simplex": _simplex,
        "unit": _unit,
        "positive": _positive,
        "real": _real,
        "cov": _covariance,
    }
    return writers[parameter.symbol.kind](parameter)


# ---------------------------------------------------------------- one kernel each


def _simplex(parameter: Parameter) -> tuple[str, ...]:
    found = parameter.part(("log", 1.0))
    law = parameter.part(*LOG_LAW)
    if law is not None and parameter.form is not None:
        return _stationary_law(parameter, law[0])
    if law is not None:
        head = parameter.notation.head(parameter.symbol.name)
        return (rf"{head} &\leftarrow \text{{L-BFGS on the rows' logits, from }} {head} \text{{ upwards in }} Q",)
    assert found is not None
    (axes,), counts = found[0].axes, found[1]
    letters = parameter.notation.letters.knowing(axes)
    left = _entry(parameter, axes, letters)
    if parameter.form is not None:
        whole = _entry(parameter, axes[:-1], letters)
        return _law(parameter, whole, "Dirichlet", (("a", plus(counts, 1.0)),), letters, axes[-1:])
    other = parameter.setting.source.copy_of(axes[-1])
    terms = [replace(t, bound=(other, *t.bound)) for t in counts.substitute({axes[-1]: other}).terms]
    ratio, lines = _fraction(parameter, counts, Polynomial(tuple(terms), counts.axes), letters)
    return (rf"{left} &\leftarrow {ratio}", *lines)


def _stationary_law(parameter: Parameter, monomial: Monomial) -> tuple[str, ...]:
    """Dirichlet rows, and the bound that stands for the expectation of the logarithm of the stationary law."""
    (axes,) = monomial.axes
    letters = parameter.notation.letters.knowing(axes)
    rows, state = [letters.of(axis) for axis in axes], letters.of(axes[-1])
    a, whole, weight = auxiliary("a"), _entry(parameter, axes[:-1], letters), with_indices("w", [state])
    expected = replace(parameter.notation, expected=frozenset((parameter.symbol.name,)))
    _, left = expected.term(Term(1.0, (Atom(parameter.symbol.name, monomial.statistics[0], axes),)), letters)
    own = rf"\log {weight}\left(\exp \left\langle \log {whole} \right\rangle\right)"
    total = rf"\log \sum_{{{state}}} {weight}\left(\left\langle {whole} \right\rangle\right)"
    return (
        rf"q({_entry(parameter, axes, letters)}) &= \mathrm{{Dirichlet}}\left({with_indices(a, rows)}\right)",
        rf"{left} &\ge {own} - {total} && \text{{which is taken for it}}",
        rf"{weight} &: \text{{the sum over trees into }} {state} \text{{ of the products of their entries}}",
        rf"{a} &\leftarrow \text{{L-BFGS on }} \log {a} \text{{, from }} {a} \text{{ upwards in the bound}}",
    )


def _unit(parameter: Parameter) -> tuple[str, ...]:
    axes = _own_axes(parameter)
    letters = parameter.notation.letters.knowing(axes)
    left = _entry(parameter, axes, letters)
    yes, no = (_cofactor(parameter, axes, (kind, 1.0)) for kind in ("log", "log1m"))
    if parameter.form is not None:
        return _law(parameter, left, "Beta", (("a", plus(yes, 1.0)), ("b", plus(no, 1.0))), letters)
    total = parameter.setting.merged(Polynomial(yes.terms + no.terms, axes))
    ratio, lines = _fraction(parameter, yes, total, letters)
    return (rf"{left} &\leftarrow {ratio}", *lines)


def _positive(parameter: Parameter) -> tuple[str, ...]:
    axes = _own_axes(parameter)
    letters = parameter.notation.letters.knowing(axes)
    left = _entry(parameter, axes, letters)
    if (trials := parameter.part(*TILTED)) is not None:
        return _polya_gamma(parameter, left, trials[1].substitute(dict(zip(trials[0].axes[0], axes, strict=True))))
    kernel, _ = match(parameter.symbol, parameter.conditional.signature)
    if isinstance(kernel, PositiveNewton):
        how = r"a step up a bound that touches $Q$ at $" + left + "$" if isinstance(kernel, ProductAscent) else ""
        newton = rf"the root of $\partial Q / \partial {left}$, by Newton's method in $\log {left}$"
        return (rf"{left} &\leftarrow \text{{{how or newton}}}",)
    if sums := sums_in(monomial.kinds for monomial, _ in parameter.conditional.parts):
        return _beta_prime(parameter, left, axes, letters, sums)
    power = next(m.kinds[0][1] for m, _ in parameter.conditional.parts if m.kinds[0][0] == "power")
    logs, powers = _cofactor(parameter, axes, ("log", 1.0)), _cofactor(parameter, axes, ("power", power))
    if parameter.form is not None:
        shape, rate = plus(logs, 1.0).scaled(1 / power), powers.scaled(-1.0)
        return _law(parameter, raised(left, power), "Gamma", (("a", shape), ("b", rate)), letters, keyword="rate")
    above, below = (logs, powers.scaled(-power)) if power > 0 else (powers.scaled(power), logs.scaled(-1.0))
    ratio, lines = _fraction(parameter, *_common(above, below), letters)
    root = exponent_text(1 / abs(power))
    if root == "1/2":
        ratio = rf"\sqrt{{{ratio}}}"
    elif root != "1":
        ratio = rf"\left({ratio}\right)^{{{root}}}"
    return (rf"{left} &\leftarrow {ratio}", *lines)


def _polya_gamma(parameter: Parameter, left: str, trials: Polynomial) -> tuple[str, ...]:
    """`q(v) = PG(a, √b)`, its trials and the square of its tilt."""
    tilt = _cofactor(parameter, trials.axes, ("power", 1.0)).scaled(-2.0)
    letters = parameter.notation.letters.knowing(trials.axes)
    _, *lines = _law(parameter, left, "PG", (("a", trials), ("b", tilt)), letters)
    a, b = (with_indices(auxiliary(letter), [letters.of(axis) for axis in trials.axes]) for letter in ("a", "b"))
    return (rf"q({left}) &= \mathrm{{PG}}\left({a},\, \sqrt{{{b}}}\right)", *lines)


def _beta_prime(
    parameter: Parameter, left: str, axes: tuple[Index, ...], letters: Letters, sums: Sequence[Kinds]
) -> tuple[str, ...]:
    """A quotient where one sum stands alone; else the equation that the update solves."""
    logs, rate = _cofactor(parameter, axes, ("log", 1.0)), _cofactor(parameter, axes, ("power", 1.0)).scaled(-1.0)
    tails = [(_cofactor(parameter, axes, *kinds).scaled(-1.0), kinds[0][1]) for kinds in sums]
    if len(tails) == 1 and not rate.terms:
        (tail, scale), less = tails[0], logs.scaled(-1.0)
        below = parameter.setting.merged(Polynomial(tail.terms + less.terms, axes))
        ratio, lines = _fraction(parameter, logs.scaled(scale), below, letters)
        return (rf"{left} &\leftarrow {ratio}", *lines)
    text = parameter.notation.polynomial
    parts = [rf"\frac{{{text(tail, letters)}}}{{{left} + {scale:g}}}" for tail, scale in tails]
    parts += [text(rate, letters)] if rate.terms else []
    return (rf"\frac{{{text(logs, letters)}}}{{{left}}} &= {' + '.join(parts)} \quad \text{{, solved for }} {left}",)


def _real(parameter: Parameter) -> tuple[str, ...]:
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
    if parameter.form is not None:
        return _gaussian_law(parameter, parameter.form, first, linear, pair.scaled(-2.0), reference)
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


def _gaussian_law(
    parameter: Parameter,
    form: PosteriorForm,
    first: tuple[Index, ...],
    linear: Polynomial,
    precision: Polynomial,
    reference: str,
) -> tuple[str, ...]:
    """`q(v) = N(m, P⁻¹)`, or for a Gaussian in units of its spread `q(v | s) = N(m, (s P)⁻¹)`."""
    letters = parameter.notation.letters.knowing((*first, *precision.axes))
    plates = [axis for place, axis in enumerate(first) if place not in (*form.joint, form.scale_axis)]
    kept = [axis for place, axis in enumerate(precision.axes) if place != form.scale_axis]
    labels = [letters.of(axis) for axis in plates]
    mean, matrix, side = (with_indices(auxiliary(letter), labels) for letter in ("m", "P", "h"))
    given, covariance = "", superscripted(matrix, "-1")
    if form.scale is not None:
        given, covariance = _in_units_of_spread(parameter, form, matrix)
    entry = with_indices(auxiliary("m"), [letters.of(axis) for axis in first])
    own = parameter.notation.letters.knowing(first)
    centre = f"{reference} + " if reference else ""
    lines = [rf"q({_entry(parameter, plates, letters)}{given}) &= \mathcal{{N}}\left({mean},\, {covariance}\right)"]
    head = with_indices(auxiliary("P"), [letters.of(axis) for axis in kept])
    lines += aligned(head, parameter.notation.terms(precision, letters))
    if not form.joint:
        step, more = _fraction(parameter, linear, precision, own)
        return (*lines, rf"{entry} &= {centre}{step}", *more)
    point = f"{_reference(parameter, plates, letters)} + " if reference else ""
    lines.append(rf"{mean} &= {point}{superscripted(matrix, '-1')} {side}")
    target = with_indices(auxiliary("h"), [letters.of(axis) for axis in first])
    return (*lines, *aligned(target, parameter.notation.terms(linear, own)))


def _in_units_of_spread(parameter: Parameter, form: PosteriorForm, matrix: str) -> tuple[str, str]:
    """What the Gaussian is given, and its covariance."""
    assert form.scale is not None
    symbol = parameter.setting.scope.symbols[form.scale]
    spread = with_indices(name_text(form.scale), [letter for _, letter in symbol.plates])
    given = rf" \mid {spread}"
    if form.scale_axis is None:
        whole = with_indices(name_text(form.scale), [letter for _, letter in symbol.axes])
        return given, rf"\left({raised(whole, form.scale_power)} {matrix}\right)^{{-1}}"
    if parameter.setting.forms[form.scale].inverted:
        return given, rf"{spread} \otimes {superscripted(matrix, '-1')}"
    return given, rf"\left({spread} \otimes {matrix}\right)^{{-1}}"


def _covariance(parameter: Parameter) -> tuple[str, ...]:
    """The scatter is written with both halves of what is not symmetric."""
    kind = "inverse" if parameter.part(("inverse", 1.0)) else "power"
    found, logdet = parameter.part((kind, 1.0)), parameter.part(("logdet", 1.0))
    assert found is not None and logdet is not None
    (axes,), scatter = found[0].axes, symmetrised(found[1], parameter.setting)
    count = logdet[1].substitute(dict(zip(logdet[0].axes[0], axes, strict=False)))
    letters = parameter.notation.letters.knowing(axes)
    matrix = _entry(parameter, axes[:-2], letters)
    if parameter.form is not None:
        return _wishart_law(parameter, parameter.form, matrix, scatter, logdet[1], letters)
    above, below = _common(scatter.scaled(-1.0), count.scaled(1.0 if kind == "power" else -1.0))
    ratio, lines = _fraction(parameter, above, below, letters)
    left = _entry(parameter, axes, letters)
    if kind == "power":
        left = with_indices(f"({matrix}^{{-1}})", [letters.of(axis) for axis in axes[-2:]])
    return (rf"{left} &\leftarrow {ratio}", *lines)


def _wishart_law(
    parameter: Parameter, form: PosteriorForm, matrix: str, scatter: Polynomial, count: Polynomial, letters: Letters
) -> tuple[str, ...]:
    (size, _), *_ = parameter.symbol.event
    letters = letters.knowing(count.axes)
    labels = [letters.of(axis) for axis in scatter.axes]
    sign = -1.0 if form.inverted else 1.0
    dimension = Term(sign, (Atom(size, IDENTITY),)) if isinstance(size, str) else Term(sign * size)
    doubled = Polynomial((*count.scaled(2.0 * sign).terms, dimension), count.axes)
    freedom = plus(parameter.setting.merged(doubled), sign)
    scale = with_indices(auxiliary("B"), labels[:-2])
    law, argument = ("InvWishart", scale) if form.inverted else ("Wishart", superscripted(scale, "-1"))
    degrees = with_indices(auxiliary("f"), [letters.of(axis) for axis in count.axes])
    return (
        rf"q({matrix}) &= \mathrm{{{law}}}\left({with_indices(auxiliary('f'), labels[:-2])},\, {argument}\right)",
        *aligned(degrees, parameter.notation.terms(freedom, letters)),
        *aligned(with_indices(auxiliary("B"), labels), parameter.notation.terms(scatter.scaled(-2.0), letters)),
    )


def _law(
    parameter: Parameter,
    subject: str,
    name: str,
    arguments: Sequence[tuple[str, Polynomial]],
    letters: Letters,
    event: tuple[Index, ...] = (),
    keyword: str = "",
) -> tuple[str, ...]:
    """`q(v) = Name(a, b)` and a line for each argument.

    `event`: axes of the arguments that the law has jointly. `keyword`: the name of the last argument.
    """
    heads, lines = [], []
    for letter, value in arguments:
        heads.append(with_indices(auxiliary(letter), [letters.of(axis) for axis in value.axes if axis not in event]))
        entry = with_indices(auxiliary(letter), [letters.of(axis) for axis in value.axes])
        lines += aligned(entry, parameter.notation.terms(value, letters))
    if keyword:
        heads[-1] = rf"\mathrm{{{keyword}}} = {heads[-1]}"
    listed = r",\, ".join(heads)
    return (rf"q({subject}) &= \mathrm{{{name}}}\left({listed}\right)", *lines)


# ---------------------------------------------------------------- helpers


def _own_axes(parameter: Parameter) -> tuple[Index, ...]:
    return parameter.conditional.parts[0][0].axes[0]


def _cofactor(parameter: Parameter, axes: tuple[Index, ...], *kinds: tuple[str, float]) -> Polynomial:
    """The natural parameter of a monomial with the axes of the variable; zero where the monomial does not occur."""
    found = parameter.part(*kinds)
    return found[1].substitute(dict(zip(found[0].axes[0], axes, strict=True))) if found else Polynomial((), axes)


def plus(value: Polynomial, amount: float) -> Polynomial:
    """The sum with a number, constants joined."""
    constants = [term for term in value.terms if not term.atoms and not term.bound]
    rest = tuple(term for term in value.terms if term not in constants)
    total = amount + sum(term.coefficient for term in constants)
    return Polynomial(((Term(total),) if total else ()) + rest, value.axes)


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
        diagonal = any(item.statistic == DELTA and set(item.references) == {row, column} for item in term.atoms)
        if diagonal or _key(term, setting.symmetric) == _key(swapped, setting.symmetric):
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
