r"""Natural parameters of a network's blocks as polynomials, and the symbols and letters that they bear.

    Σ_occurrences rest · [axis = reference]        A_{z_n} log ..., [y_a = v] log θ_v  →  log θ_{y_a}

Weights are left out: a row of weight w counts as if it stood there w times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from emdsl.algebra.indices import Fixed, Gather, Index, Reference, Shift, substitute
from emdsl.algebra.symbols import WEIGHTS
from emdsl.algebra.terms import DELTA, HOT, MASK, STRUCTURE, Atom, Polynomial, Term
from emdsl.derive.coupled import Monomial, Occurrence
from emdsl.derive.network_terms import BlockTerms
from emdsl.derive.setting import Setting
from emdsl.explain.formulas import Notation
from emdsl.explain.symbols import Letters, auxiliary, with_indices
from emdsl.structure.elimination import lag_of


def unweighted(term: Term) -> Term:
    """The term as it is where all rows count once."""
    return replace(term, atoms=tuple(item for item in term.atoms if not item.variable.startswith(WEIGHTS)))


def natural(
    monomial: Monomial, occurrences: Iterable[Occurrence], setting: Setting, by_row: bool = False
) -> Polynomial:
    """What multiplies a monomial, with its rows and axes.

    Where it reaches back, that is for rows that have one before them; `by_row`: for the others, too.
    """
    terms = []
    for one in occurrences:
        if setting.vanishes(one.rest):
            continue
        rest = one.rest if by_row else one.without_masks(setting.derived)
        terms.append(_ordered(placed(rest, one.references, monomial.all_axes, setting)))
    return setting.merged(Polynomial(tuple(terms), monomial.all_axes))


def _ordered(term: Term) -> Term:
    """Atoms of the row before after the others, so that x_t x_{t-1} and x_{t-1} x_t are like terms."""
    return replace(term, atoms=tuple(sorted(term.atoms, key=lambda a: any(isinstance(r, Shift) for r in a.references))))


def placed(rest: Term, references: Sequence[Reference], axes: Sequence[Index], setting: Setting) -> Term:
    """A term as a function of axes: plain references are renamed, for others it is summed where they meet the axis."""
    names: dict[Index, Reference] = {}
    left: list[tuple[Reference, Index]] = []
    for reference, axis in zip(references, axes, strict=True):
        if isinstance(reference, Index) and reference not in names:
            names[reference] = axis
        else:
            left.append((reference, axis))
    deltas = tuple(met(substitute(reference, names), axis) for reference, axis in left)
    moved = unweighted(rest).substitute(names)
    bound = tuple(index for index in moved.bound if index not in axes)
    return gathered(Term(moved.coefficient, (*deltas, *moved.atoms), bound), setting)


def met(reference: Reference, axis: Index) -> Atom:
    """[reference = axis], and of an axis with a number [axis = number]."""
    return Atom(STRUCTURE, DELTA, (axis, reference) if isinstance(reference, Fixed) else (reference, axis))


def gathered(term: Term, setting: Setting) -> Term:
    """Sums over the categories of a datum as its value: Σ_v [y_a = v] log θ_v is log θ_{y_a}."""
    symbols = setting.scope.symbols
    for item in term.atoms:
        symbol = symbols.get(item.variable)
        if item.statistic != HOT or symbol is None or not symbol.known:
            continue
        category, value = item.references[-1], Gather(item.variable, item.references[:-1])
        if not isinstance(category, Index) or category not in term.bound:
            continue
        rest = [_compared(other.substitute({category: value}), setting) for other in term.atoms if other is not item]
        if item.variable in setting.missing:
            rest.append(Atom(item.variable, MASK, item.references[:-1]))
        bound = tuple(index for index in term.bound if index != category)
        return gathered(Term(term.coefficient, tuple(rest), bound), setting)
    return term


def _compared(item: Atom, setting: Setting) -> Atom:
    """[a_i = b_i] for two data."""
    symbol = setting.scope.symbols.get(item.variable)
    if item.statistic == HOT and symbol is not None and symbol.known and isinstance(item.references[-1], Gather):
        return Atom(STRUCTURE, DELTA, (Gather(item.variable, item.references[:-1]), item.references[-1]))
    return item


# ---------------------------------------------------------------- letters and symbols


@dataclass(frozen=True)
class BlockNotation:
    """The symbols of one block: `labelled` where others have quantities of the same kind.

    `states`: the letter of each discrete variable's state; with a prime for each row that it lies back.
    """

    one: BlockTerms
    setting: Setting
    notation: Notation
    labelled: bool
    states: Mapping[str, str] = field(default_factory=dict)

    def symbol(self, letter: str, names: Iterable[str]) -> str:
        """`\\mathsf{a}`, or with the names of variables where there are others."""
        if not self.labelled:
            return auxiliary(letter)
        return auxiliary(letter, " ".join(self.notation.head(name) for name in names))

    def monomial_symbol(self, letter: str, monomial: Monomial, names: Sequence[str] = ()) -> str:
        """The symbol of a natural parameter, with `names`; numbered where another one could be mistaken for it."""
        alike = [
            other
            for other, _ in self.one.monomials.listed()
            if other.variables == monomial.variables and len(other.all_axes) == len(monomial.all_axes)
        ]
        symbol = self.symbol(letter, names or monomial.variables)
        place = next(number for number, other in enumerate(alike, 1) if other is monomial)
        if place == 1:
            return symbol
        head, _, label = symbol.partition("^{")
        label = f"{label[:-1]} " if label else ""
        return f"{head}^{{{label}({place})}}"

    def letters(self, rows: Iterable[Index], states: Mapping[Index, str], axes: Iterable[Index] = ()) -> Letters:
        """Letters for rows, states and other axes."""
        chosen = {index: letter for index, letter in states.items()}
        base = replace(self.notation.letters, chosen={**self.notation.letters.chosen, **chosen})
        return base.knowing(rows).knowing(axes)

    def of_monomial(self, monomial: Monomial) -> Letters:
        """Letters for the axes of a monomial."""
        states: dict[Index, str] = {}
        for item in monomial.atoms:
            category = item.references[-1] if item.references else None
            if item.statistic == HOT and isinstance(category, Index):
                letter = self.states[item.variable] + "'" * lag_of(item.references)
                states[category] = f"{letter}'" if letter in states.values() else letter
        return self.letters(monomial.rows, states, monomial.axes)

    def entry(self, letter: str, monomial: Monomial, names: Sequence[str] = ()) -> str:
        """The symbol of a natural parameter with its indices."""
        own = self.of_monomial(monomial)
        return with_indices(
            self.monomial_symbol(letter, monomial, names), [own.of(index) for index in monomial.all_axes]
        )


def state_letters(one: BlockTerms, setting: Setting) -> dict[str, str]:
    """A letter of its own for the state of every discrete variable: that of a plate of its size, if there is one."""
    symbols = setting.scope.symbols
    rows = {letter for name in one.block.all for _, letter in symbols[name].plates}
    plates = {letter: size for symbol in symbols.values() for size, letter in symbol.plates}
    free = [letter for letter in "klmijpqrcghuvw" if letter not in plates]
    found: dict[str, str] = {}
    for name in one.block.variables:
        if symbols[name].categories is None:
            continue
        alike = [letter for letter, size in plates.items() if size == symbols[name].categories]
        choices = [x for x in (*alike, *free) if x not in rows and x not in symbols and x not in found.values()]
        found[name] = next((x for x in choices if len(x) == 1), "k")
    return found
