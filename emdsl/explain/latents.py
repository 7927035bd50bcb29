r"""The E-step of one block of latents: its exponent, row by row, and the posterior that follows.

    log p(z_n = k, f_n, row n) = a_nk + h_nkᵀ f_n − ½ f_nᵀ P_nk f_n

a, h and P are the coefficients of the block's statistics: ∂Q/∂S times the row's features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from emdsl.algebra.indices import Index
from emdsl.algebra.terms import HOT, Atom, Polynomial, Term
from emdsl.derive.e_step import natural_parameter
from emdsl.derive.setting import Setting
from emdsl.derive.statistics import SufficientStatistic, Sweep
from emdsl.explain.formulas import Notation, aligned
from emdsl.explain.statistics import block_label
from emdsl.explain.symbols import Letters, auxiliary, name_text, superscripted, with_indices


@dataclass(frozen=True)
class Row:
    """The indices of one row of a block: rows, the state of each discrete latent, two sets of axes of each Gaussian."""

    rows: tuple[Index, ...]
    states: tuple[Index, ...]
    axes: dict[str, tuple[tuple[Index, ...], tuple[Index, ...]]]

    @property
    def free(self) -> tuple[Index, ...]:
        return self.rows + self.states


@dataclass(frozen=True)
class Exponent:
    """The coefficients of 1, of each Gaussian latent, and of each pair of them."""

    row: Row
    label: str
    constant: Polynomial
    linear: dict[str, Polynomial]
    pairs: dict[tuple[str, str], Polynomial]

    @property
    def has_constant(self) -> bool:
        return bool(self.constant.terms or not self.row.axes)

    def symbol(self, letter: str, *names: str) -> str:
        """The symbol of one coefficient; it bears the names of its latents where there are several."""
        named = [latent_text(name) for name in names] if len(self.row.axes) > 1 else []
        return auxiliary(letter, " ".join([self.label, *named]).strip())


def exponent(sweep: Sweep, setting: Setting) -> Exponent:
    """Collect what multiplies the block's statistics in each row."""
    row = _row(sweep, setting)
    constant: list[Term] = []
    linear: dict[str, list[Term]] = {}
    pairs: dict[tuple[str, str], list[Term]] = {}
    for statistic in sweep.statistics:
        polynomial = natural_parameter(statistic, setting.collapsed, setting.ungated, frozenset(setting.forms))
        terms = [_times_feature(term, statistic, row) for term in polynomial.terms]
        match tuple(item.variable for item in statistic.local.atoms if item.statistic != HOT):
            case ():
                constant += terms
            case (name,):
                linear.setdefault(name, []).extend(terms)
            case (one, two):
                pairs.setdefault((one, two), []).extend(terms)
    assert sweep.block is not None

    def merged(terms: list[Term], *axes: tuple[Index, ...]) -> Polynomial:
        return setting.merged(Polynomial(tuple(terms), sum(axes, row.free)))

    return Exponent(
        row,
        block_label(sweep.block, setting.collapsed),
        merged(constant),
        {name: merged(terms, row.axes[name][0]) for name, terms in linear.items()},
        {
            (one, two): merged(terms, row.axes[one][0], row.axes[two][int(one == two)])
            for (one, two), terms in pairs.items()
        },
    )


def _row(sweep: Sweep, setting: Setting) -> Row:
    block, source, symbols = sweep.block, setting.source, setting.scope.symbols
    assert block is not None
    first = sweep.statistics[0]
    letters = {name: _state_letter(name, sweep) for name in block.discrete}
    return Row(
        tuple(source.copy_of(index) for index in first.feature.rows),
        tuple(source.fresh(symbols[name].categories or 1, letters[name]) for name in block.discrete),
        {
            name: tuple(tuple(source.fresh(*axis) for axis in symbols[name].event) for _ in range(2))  # type: ignore[misc]
            for name in block.gaussian
        },
    )


def _state_letter(name: str, sweep: Sweep) -> str:
    """The letter that the statistics use for the states of a latent."""
    found = (
        item.references[-1].letter
        for statistic in sweep.statistics
        for item in statistic.local.atoms
        if item.variable == name and isinstance(item.references[-1], Index)
    )
    return next(found, "k")


def _times_feature(term: Term, statistic: SufficientStatistic, row: Row) -> Term:
    """A term of ∂Q/∂S times the feature, with the indices of the row."""
    images: dict[Index, Index] = dict(zip(statistic.feature.rows, row.rows, strict=True))
    hots = [item for item in statistic.local.atoms if item.statistic == HOT]
    for item, state in zip(hots, row.states, strict=True):
        images |= _renamed(item, (state,))
    gaussian = [item for item in statistic.local.atoms if item.statistic != HOT]
    for place, item in enumerate(gaussian):
        repeated = place == 1 and gaussian[0].variable == item.variable
        images |= _renamed(item, row.axes[item.variable][int(repeated)])
    atoms = (*term.atoms, *statistic.feature.atoms)
    bound = (*term.bound, *statistic.feature.links, *statistic.feature.inner)
    return replace(term, atoms=atoms, bound=bound).substitute(dict(images))


def _renamed(item: Atom, images: Sequence[Index]) -> dict[Index, Index]:
    last = item.references[len(item.references) - len(images) :]
    return {axis: image for axis, image in zip(last, images, strict=True) if isinstance(axis, Index)}


# ---------------------------------------------------------------- formulas


def exponent_lines(found: Exponent, notation: Notation) -> tuple[str, ...]:
    """`a_{nk} &= …`, and for Gaussian latents `h_{nkl} &= …` and `P_{nklm} &= …`."""
    values = [(found.symbol("a"), found.constant)] if found.has_constant else []
    values += [(found.symbol("h", name), value) for name, value in found.linear.items()]
    for (one, two), value in found.pairs.items():
        values.append((found.symbol("P", one, two), value.scaled(-2.0 if one == two else -1.0)))
    lines = []
    for head, value in values:
        letters = notation.letters.knowing(value.axes)
        lines += aligned(_indexed(head, value.axes, letters), notation.terms(value, letters))
    return tuple(lines)


def _indexed(head: str, axes: Sequence[Index], letters: Letters) -> str:
    return with_indices(head, [letters.of(axis) for axis in axes])


def latent_text(name: str) -> str:
    r"""A latent's symbol; missing entries of x are those of `\tilde{x}`."""
    stem, tilde, _ = name.partition("~")
    return rf"\tilde{{{name_text(stem)}}}" if tilde else name_text(stem)


def posterior_lines(found: Exponent, sweep: Sweep, probability: str, notation: Notation, hard: bool) -> tuple[str, ...]:
    """The posterior of the block, with its log partition function A; `probability` is the responsibilities' symbol."""
    block = sweep.block
    assert block is not None
    letters = notation.letters.knowing(found.row.free)
    rows = [letters.of(index) for index in found.row.rows]
    states = [letters.of(index) for index in found.row.states]
    joint = rows + states
    lines = _gaussian_lines(block.gaussian, rows, states, notation, found) if block.gaussian else []
    if not block.discrete:
        return tuple(lines)
    score = with_indices(found.symbol("A" if block.gaussian else "a"), joint)
    partition = with_indices(found.symbol("A"), rows)
    listed = ", ".join(states)
    event = ", ".join(
        f"{with_indices(name_text(name), rows)} = {state}" for name, state in zip(block.discrete, states, strict=True)
    )
    left = rf"{with_indices(probability, joint)} = q({event})"
    if hard:
        chosen = f"({listed})" if len(states) > 1 else listed
        lines.append(rf"{left} &= [{chosen} = \arg\max_{{{listed}}} {score}]")
        lines.append(rf"{partition} &= \max_{{{listed}}} {score}")
    else:
        lines.append(rf"{partition} &= \log \sum_{{{listed}}} \exp {score}")
        lines.append(rf"{left} &= \exp\left({score} - {partition}\right)")
    return tuple(lines)


def _gaussian_lines(
    names: Sequence[str], rows: list[str], states: list[str], notation: Notation, found: Exponent
) -> list[str]:
    """Mean and covariance of the stacked Gaussian latents, and the log of the integral over them."""
    vector = ", ".join(with_indices(latent_text(name), rows) for name in names)
    given = rf" \mid {', '.join(states)}" if states else ""
    partition, linear, precision = (with_indices(found.symbol(letter), rows + states) for letter in ("A", "h", "P"))
    constant = f"{with_indices(found.symbol('a'), rows + states)} + " if found.has_constant else ""
    inverse, transposed = superscripted(precision, "-1"), superscripted(linear, r"\top")
    sizes = [size for name in names for size, _ in notation.scope.symbols[name].event or ((1, ""),)]
    dimension = " + ".join(notation.size(size) for size in sizes)
    count = rf"\left({dimension}\right) " if len(sizes) > 1 else "" if dimension == "1" else f"{dimension} "
    return [
        rf"q({vector}{given}) &= \mathcal{{N}}\left({inverse} {linear},\, {inverse}\right)",
        rf"{partition} &= {constant}\tfrac{{1}}{{2}} {transposed} {inverse} {linear} "
        rf"- \tfrac{{1}}{{2}} \log |{precision}| + \tfrac{{1}}{{2}} {count}\log 2\pi",
    ]
