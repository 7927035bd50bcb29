r"""Continuous latents given the states of their parents: their laws as formulas, and what they tell the parents.

real           q(b_g | c_g = k) = N(P_gk⁻¹ h_gk, P_gk⁻¹)        and of rows that meet, all those of one c_g
conjugate      q(u_g | c_g = k) = Gamma(a_gk, rate = b_gk)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from emdsl.algebra.indices import Index
from emdsl.algebra.terms import HOT, Atom, Polynomial, Term
from emdsl.derive.conditional import conditional
from emdsl.derive.coupled import Monomial, Occurrence
from emdsl.derive.joint_children import form_of
from emdsl.derive.network_terms import NetworkTerms
from emdsl.explain.document import Block, Display, Prose
from emdsl.explain.eliminations import StepNotation, child_message, names, step_notation
from emdsl.explain.formulas import aligned
from emdsl.explain.naturals import BlockNotation, natural
from emdsl.explain.network_laws import given_values, is_diagonal, normal_law
from emdsl.explain.symbols import Letters, auxiliary, raised, superscripted, with_indices
from emdsl.explain.updates import Parameter, symmetrised, update_lines
from emdsl.structure.children import Children
from emdsl.structure.elimination import Step, lag_of


@dataclass(frozen=True)
class _Family:
    """Children of one step, with an index for the states of each parent."""

    block: BlockNotation
    step: Step
    children: Children
    states: tuple[Index, ...]

    @property
    def own(self) -> StepNotation:
        return step_notation(self.block, self.step)

    @property
    def indices(self) -> list[str]:
        """Letters of the rows and of the states."""
        return [*self.own.rows, *self.own.outer]

    @property
    def partition(self) -> str:
        return with_indices(self.block.symbol("A", self.children.variables), self.indices)

    @property
    def parents(self) -> str:
        return f"{'states' if len(self.states) > 1 else 'state'} of {names(self.children.parents)}"

    def subject(self, power: float = 1.0) -> str:
        """`b_g | c_g = k`"""
        heads = [self.block.notation.variable(name, self.own.rows) for name in self.children.variables]
        places = ", ".join(self.own.variable(place) for place in self.children.places)
        return rf"{', '.join(raised(head, power) for head in heads)} \mid {places}"

    def letters(self, axes: Iterable[Index], rows: Sequence[Index] | None = None) -> Letters:
        """Letters for the states, for axes, and for the rows of the law or others."""
        chosen = dict(zip(self.states, self.own.outer, strict=True))
        return self.block.letters(self.step.rows if rows is None else rows, chosen, axes)

    def monomials(self) -> Iterable[tuple[Monomial, list[Occurrence]]]:
        for monomial, occurrences in self.block.one.monomials.listed():
            if set(monomial.variables) & set(self.children.variables):
                yield monomial, occurrences

    def collected(
        self, monomial: Monomial, occurrences: list[Occurrence], rows: Sequence[Index]
    ) -> tuple[Polynomial, tuple[Index, ...]]:
        """What multiplies a monomial, by the family's states and these names for its rows; the axes of its entries."""
        by_place = {
            (name, lag_of(references)): state
            for (name, references), state in zip(self.children.places, self.states, strict=True)
        }
        images: dict[Index, Index] = dict(zip(monomial.rows, rows or monomial.rows, strict=True))
        for item in monomial.atoms:
            category = item.references[-1] if item.references else None
            if item.statistic == HOT and isinstance(category, Index):
                images[category] = by_place[item.variable, lag_of(item.references)]
        entries = tuple(axis for axis in monomial.axes if axis not in images)
        by_row = self.block.one.by_row(monomial)
        return natural(monomial, occurrences, self.block.setting, by_row).substitute(dict(images)), entries

    def reals(self, monomial: Monomial) -> list[Atom]:
        return [item for item in monomial.atoms if item.variable in self.children.variables]


def children_blocks(block: BlockNotation, terms: NetworkTerms) -> list[Block]:
    """The laws of all children, and the tables that they give to their parents."""
    found: list[Block] = []
    for step in block.one.elimination.steps:
        if step.children is not None:
            sizes = [block.setting.scope.symbols[name].categories or 1 for name, _ in step.children.places]
            letters = [block.states[name] for name, _ in step.children.places]
            states = tuple(block.setting.source.fresh(*axis) for axis in zip(sizes, letters, strict=True))
            family = _Family(block, step, step.children, states)
            if step.children.kind == "conjugate":
                found += _conjugate(family, terms)
            else:
                found += _normal(family) if step.children.kind == "gaussian" else _joint(family)
    return found


def _told(family: _Family, lines: tuple[str, ...]) -> list[Block]:
    """The log partition as what the parents are told."""
    children = family.children.variables
    text = f"and its log partition is what {names(children)} tell{'' if len(children) > 1 else 's'}"
    return [
        Prose(f"{text} {names(family.children.parents)}:"),
        Display((*lines, *child_message(family.own, family.partition))),
    ]


# ---------------------------------------------------------------- real


def _normal(family: _Family) -> list[Block]:
    children, notation = family.children.variables, family.block.notation
    symbols = family.block.setting.scope.symbols
    lines: list[str] = []
    for head, value, letters in _normal_naturals(family):
        lines += aligned(head, notation.terms(value, letters))
    h, precision = (with_indices(family.block.symbol(letter, children), family.indices) for letter in ("h", "P"))
    sizes = [notation.count(size for size, _ in symbols[name].event) or "1" for name in children]
    count = rf"\left({' + '.join(sizes)}\right)" if len(sizes) > 1 else "" if sizes[0] == "1" else sizes[0]
    law = normal_law(family.subject(), h, precision, family.partition, count)
    verb = "are" if len(children) > 1 else "is"
    return [
        Prose(f"Given the {family.parents}, {names(children)} {verb} normal, with natural parameters"),
        Display(tuple(lines)),
        *_told(family, law),
    ]


def _normal_naturals(family: _Family) -> Iterable[tuple[str, Polynomial, Letters]]:
    """h and P of every child and pair of children: the terms of all states, and those of each."""
    block, children = family.block, family.children.variables
    collected: dict[tuple[str, ...], tuple[list[Term], tuple[Index, ...]]] = {}
    for monomial, occurrences in family.monomials():
        value, entries = family.collected(monomial, occurrences, family.step.rows)
        key = tuple(item.variable for item in family.reals(monomial))
        terms, axes = collected.setdefault(key, ([], entries))
        terms += value.substitute(dict(zip(entries, axes, strict=True))).terms
    for key, (terms, axes) in collected.items():
        value = block.setting.merged(Polynomial(tuple(terms), (*family.step.rows, *family.states, *axes)))
        if len(key) == 2:
            same = key[0] == key[1]
            value = symmetrised(value, block.setting) if same and len(axes) == 2 else value
            value = value.scaled(-2.0 if same else -1.0)
        letters = family.letters(axes)
        label = list(key if len(children) > 1 and key[0] != key[-1] else key[:1])
        head = block.symbol("h" if len(key) == 1 else "P", label)
        yield with_indices(head, [*family.indices, *(letters.of(axis) for axis in axes)]), value, letters


# ---------------------------------------------------------------- real, of rows that meet


def _joint(family: _Family) -> list[Block]:
    """One normal law for all rows that belong to a row of the parents."""
    children, block = family.children.variables, family.block
    lines: list[str] = []
    for monomial, value in _joint_naturals(family):
        letters = family.letters(monomial.axes, monomial.rows)
        states = family.own.outer
        if len(monomial.atoms) == 1 or is_diagonal(monomial, block):
            letter, factor = ("h", 1.0) if len(monomial.atoms) == 1 else ("P", -2.0)
            if factor < 0 and len(monomial.axes) == 2:
                value = symmetrised(value, block.setting)
            indices = [letters.of(row) for row in monomial.rows] + states + [letters.of(axis) for axis in monomial.axes]
            head = with_indices(block.symbol(letter, monomial.variables[:1]), indices)
        else:
            entries = ", ".join(block.notation.atom(item, letters) for item in monomial.atoms)
            head, factor = rf"{with_indices(block.symbol('P', children), states)}\left[{entries}\right]", -1.0
        lines += aligned(head, block.notation.terms(value.scaled(factor), letters))
    h, precision = (with_indices(block.symbol(letter, children), family.indices) for letter in ("h", "P"))
    count = with_indices(auxiliary("n"), family.own.rows)
    law = normal_law(family.subject(), h, precision, family.partition, count)
    text = f"Given the {family.parents}, the rows of {names(children)} that belong to one row of it have one normal law"
    known, told = given_values(children, block.setting), _told(family, law)
    text = f"{known[0].upper()}{known[1:]}. {text}" if known else text
    return [Prose(f"{text} of ${count}$ numbers, with natural parameters"), Display(tuple(lines)), *told]


def _joint_naturals(family: _Family) -> Iterable[tuple[Monomial, Polynomial]]:
    """What multiplies the reals alone and their products, given the states."""
    setting = family.block.setting
    found: dict[object, tuple[Monomial, list[Term]]] = {}
    for monomial, occurrences in family.monomials():
        reals = tuple(family.reals(monomial))
        value, entries = family.collected(monomial, occurrences, ())
        alone = replace(monomial, atoms=reals, axes=entries)
        key = form_of(alone)
        whole, terms = found.setdefault(key, (alone, []))
        terms += value.substitute(dict(zip(alone.all_axes, whole.all_axes, strict=True))).terms
    for whole, terms in found.values():
        axes = (*whole.rows, *family.states, *whole.axes)
        yield whole, setting.merged(Polynomial(tuple(terms), axes))


# ---------------------------------------------------------------- conjugate


def _conjugate(family: _Family, terms: NetworkTerms) -> list[Block]:
    """The law as that of a variable with an axis for the states of each parent."""
    (name,) = family.children.variables
    setting = replace(family.block.setting, forms={**family.block.setting.forms, **terms.forms})
    symbol, form = setting.scope.symbols[name], terms.forms[name]
    own = []
    for monomial, occurrences in family.monomials():
        value, entries = family.collected(monomial, occurrences, family.step.rows)
        (item,) = family.reals(monomial)
        atom = Atom(name, item.statistic, (*family.step.rows, *family.states, *entries))
        for term in value.terms:
            axes = (*family.step.rows, *family.states, *entries)
            own.append(Term(term.coefficient, (*term.atoms, atom), (*term.bound, *axes)))
    states = tuple((index.size, index.letter) for index in family.states)
    given = replace(symbol, plates=symbol.plates + states)
    parameter = Parameter(given, conditional(given, own, setting.source), setting, family.block.notation)
    first, *lines = update_lines(parameter)
    _, _, law = first.partition(" &= ")
    subject = family.subject(form.power)
    text = f"Given the {family.parents}, `{name}` has a {form.kernel} law, its parameters the sums of what multiplies"
    return [
        Prose(f"{text} its statistics:"),
        Display((f"q({subject}) &= {law}", *lines)),
        *_told(family, (f"{family.partition} &= {_log_integral(family, terms)}",)),
    ]


def _log_integral(family: _Family, terms: NetworkTerms) -> str:
    """The log partition of a conjugate law by its parameters."""
    (name,) = family.children.variables
    form = terms.forms[name]
    a, b, degrees, scale = (with_indices(auxiliary(letter), family.indices) for letter in ("a", "b", "f", "B"))
    match form.kernel:
        case "Gamma":
            power = "" if abs(form.power) == 1.0 else rf" - \log {abs(form.power):g}"
            return rf"\log \Gamma\left({a}\right) - {a} \log {b}{power}"
        case "Pólya-Gamma":
            return rf"-{a} \log \cosh\left(\tfrac{{1}}{{2}} \sqrt{{{b}}}\right)"
        case "Beta":
            return rf"\log \mathrm{{B}}\left({a},\, {b}\right)"
        case "Dirichlet":
            return rf"\log \mathrm{{B}}\left({a}\right)"
    (size, _), *_ = family.block.setting.scope.symbols[name].event
    count = family.block.notation.count([size]) or "1"
    matrix = scale if form.inverted else superscripted(scale, "-1")
    sign = "-" if form.inverted else "+"
    return (
        rf"\tfrac{{1}}{{2}} {degrees} {count} \log 2 {sign} \tfrac{{1}}{{2}} {degrees} \log |{matrix}| "
        rf"+ \log \Gamma_{{{count}}}\left(\tfrac{{1}}{{2}} {degrees}\right)"
    )
