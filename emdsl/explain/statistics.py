r"""Sufficient statistics: their symbols and definitions.

    N_{k} = Σ_n r_{nk}        S^{x x}_{kde} = Σ_n r_{nk} x̃_{nd} x̃_{ne}        S^{f x}_{ld} = Σ_n ⟨f_{nl}⟩ x̃_{nd}

r is the posterior probability of the joint state of a row's discrete latents, ⟨·⟩ the posterior mean given that state.
"""

from __future__ import annotations

from collections.abc import Container, Mapping

from emdsl.algebra.indices import Index
from emdsl.algebra.terms import DELTA, HOT, MASK, NUMBER, Atom, Term
from emdsl.derive.statistics import Collapsed, SufficientStatistic
from emdsl.explain.formulas import Notation
from emdsl.explain.symbols import Letters, name_text, raised, with_indices
from emdsl.structure.locals import LocalBlock


def statistic_heads(collapsed: Collapsed, taken: Mapping[str, object]) -> dict[str, str]:
    r"""The symbol of each statistic without its indices: `N`, `N^{w}`, `S^{\tilde{x} \tilde{x}}`.

    Two statistics may share a symbol if they differ in the number of their indices. `taken`: names of the model.
    """
    heads: dict[str, str] = {}
    used: set[tuple[str, int]] = set()
    several = sum(sweep.block is not None for sweep in collapsed.sweeps) > 1 or "N" in taken
    for sweep in collapsed.sweeps:
        for item in sweep.statistics:
            labels = _labels(item)
            if not labels and several and sweep.block is not None:
                labels = [_head(name) for name in sweep.block.variables]
            counts = all(_counts(part) for part in (*item.local.atoms, *item.feature.atoms))
            heads[item.name] = unused_head(counts, labels, len(item.axes), used, taken)
    return heads


def unused_head(counts: bool, labels: list[str], axes: int, used: set[tuple[str, int]], taken: Container[str]) -> str:
    r"""`N^{z}` of what counts, else `S^{z}`: no name of the model, and none that is `used` with as many indices."""
    letter = "N" if counts else "S"
    head, serial = _superscript(letter, labels), 2
    while (head, axes) in used or head in taken:
        head, serial = _superscript(letter, [*labels, f"({serial})"]), serial + 1
    used.add((head, axes))
    return head


def _counts(item: Atom) -> bool:
    return item.statistic in (HOT, MASK, DELTA) or is_placed(item.variable)


def is_placed(variable: str) -> bool:
    """Whether a derived quantity tells rows by their place in the series."""
    return variable.startswith(("at_least(", "at_step("))


def _superscript(letter: str, labels: list[str]) -> str:
    return f"{letter}^{{{' '.join(labels)}}}" if labels else letter


def _labels(item: SufficientStatistic) -> list[str]:
    """What is summed; a mask goes without saying beside its datum."""
    atoms = [*(part for part in item.local.atoms if part.statistic != HOT), *item.feature.atoms]
    summed = {part.variable for part in atoms if part.statistic != MASK}
    masked = [part for part in atoms if part.statistic == MASK and part.variable in summed]
    return [label_of(part) for part in atoms if part.statistic not in (DELTA, NUMBER) and part not in masked]


def label_of(item: Atom) -> str:
    """What a statistic sums, as a superscript."""
    head = _head(item.variable)
    if item.statistic.kind == "log1m":
        return rf"\log(1 - {head})"
    if item.statistic.kind == "log":
        return rf"\log {head}"
    return raised(head, item.statistic.exponent)


def _head(variable: str) -> str:
    """A variable's symbol; a derived quantity, named `function(arguments)`, goes by its function."""
    if is_placed(variable):
        return r"\mathrm{later}" if variable.startswith("at_least(") else r"\mathrm{step}"
    name, tilde, _ = variable.partition("~")
    text = name_text(name.partition("(")[0])
    return rf"\tilde{{{text}}}" if tilde else text


def block_label(block: LocalBlock, collapsed: Collapsed) -> str:
    """What tells the quantities of a block from those of the others; empty where there is only one."""
    several = sum(sweep.block is not None for sweep in collapsed.sweeps) > 1
    return " ".join(_head(name) for name in block.variables) if several else ""


def responsibility(block: LocalBlock, collapsed: Collapsed, taken: Mapping[str, object]) -> str:
    """The symbol of the posterior probability of a block's state, without its indices."""
    discrete = [sweep.block for sweep in collapsed.sweeps if sweep.block is not None and sweep.block.discrete]
    if len({other.name for other in discrete}) == 1 and "r" not in taken:
        return "r"
    return f"r^{{{' '.join(name_text(name) for name in block.discrete)}}}"


def definition(item: SufficientStatistic, head: str, probability: str, notation: Notation) -> str:
    r"""`N_{k} &= \sum_{n} r_{nk}`; `probability` is the symbol of the responsibilities."""
    letters = notation.letters.knowing((*item.feature.rows, *item.axes))
    left = with_indices(head, [letters.of(axis) for axis in item.axes])
    inner = letters.knowing(item.feature.inner)
    total = [inner.of(index) for index in (*item.feature.rows, *item.feature.inner)]
    parts = [rf"\sum_{{{', '.join(total)}}}"] if total else []
    rows = [letters.of(index) for index in item.feature.rows]
    states = [_state(part, letters) for part in item.local.atoms if part.statistic == HOT]
    gaussian = tuple(part for part in item.local.atoms if part.statistic != HOT)
    if states:
        parts.append(with_indices(probability, rows + states))
    if gaussian:
        _, inside = notation.term(Term(1.0, gaussian), inner)
        parts.append(with_indices(rf"\left\langle {inside} \right\rangle", states))
    if item.feature.atoms:
        parts.append(notation.term(Term(1.0, item.feature.atoms), inner)[1])
    if not states and not gaussian and not item.feature.atoms:
        parts.append("1")
    return f"{left} &= {' '.join(parts)}"


def _state(item: Atom, letters: Letters) -> str:
    category = item.references[-1]
    assert isinstance(category, Index)
    return letters.of(category)
