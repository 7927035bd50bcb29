r"""Real and conjugate latents of a network: natural parameters and the laws that follow, as formulas.

joint Gaussian     q(x) = N(P⁻¹ h, P⁻¹)              one matrix for all rows that meet
conjugate          q(θ_d) = Dirichlet(a_d)           as for parameters
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emdsl.algebra.indices import Fixed, Index, Reference, Shift
from emdsl.algebra.terms import DELTA, STRUCTURE, Atom, Term
from emdsl.derive.conditional import conditional
from emdsl.derive.coupled import Monomial
from emdsl.derive.network_terms import NetworkTerms
from emdsl.derive.setting import Setting
from emdsl.explain.document import Block, Display, Prose
from emdsl.explain.eliminations import names
from emdsl.explain.formulas import Notation, aligned
from emdsl.explain.naturals import BlockNotation, gathered, natural, unweighted
from emdsl.explain.symbols import in_words, name_text, raised, superscripted, with_indices
from emdsl.explain.updates import Parameter, symmetrised, update_lines


def is_diagonal(monomial: Monomial, block: BlockNotation) -> bool:
    """Whether a product of two is that of one variable with itself in one row."""
    one, two = monomial.atoms
    count = len(block.setting.scope.symbols[one.variable].plates)
    return one.variable == two.variable and one.references[:count] == two.references[:count]


def rows_meet(block: BlockNotation) -> bool:
    """Whether real variables of different rows, or different ones of a row, meet in a term."""
    return any(len(m.atoms) == 2 and not is_diagonal(m, block) for m, _ in block.one.monomials.listed())


def is_at_means(block: BlockNotation) -> bool:
    """Whether the log density at the means stands for the exponent there."""
    names = block.one.block.variables
    own = (network.network for network in block.setting.networks if network.network.variables == names)
    return any(block.setting.squares[network.name] for network in own)


# ---------------------------------------------------------------- one joint normal law


def gaussian_blocks(block: BlockNotation) -> list[Block]:
    """The natural parameters of a joint normal law, its mean and covariance, and its log partition or its volume."""
    variables = block.one.block.variables
    lines: list[str] = []
    couplings = rows_meet(block)
    for monomial, occurrences in block.one.monomials.listed():
        value = natural(monomial, occurrences, block.setting)
        letters = block.of_monomial(monomial)
        if len(monomial.atoms) == 1:
            lines += aligned(block.entry("h", monomial), block.notation.terms(value, letters))
        elif is_diagonal(monomial, block):
            value = symmetrised(value, block.setting) if len(monomial.axes) == 2 else value
            lines += aligned(
                block.entry("P", monomial, monomial.variables[:1]), block.notation.terms(value.scaled(-2.0), letters)
            )
        else:
            lines += aligned(_off_diagonal(block, monomial), block.notation.terms(value.scaled(-1.0), letters))
    text = (
        rf"What multiplies {names(variables)} is $\mathsf{{h}}$, minus what multiplies half a square $\mathsf{{P}}$"
        + (
            ", and minus what multiplies a product of two is the entry of the precision where they meet"
            if couplings
            else ""
        )
    )
    return [Prose(f"{text}:"), Display(tuple(lines)), *_joint_law(block, couplings)]


def _off_diagonal(block: BlockNotation, monomial: Monomial) -> str:
    """`P_{[x_{t}, x_{t-1}]}`: the entry of the precision at two variables."""
    letters = block.of_monomial(monomial)
    entries = ", ".join(block.notation.atom(item, letters) for item in monomial.atoms)
    return rf"{block.symbol('P', block.one.block.variables)}\left[{entries}\right]"


def _joint_law(block: BlockNotation, couplings: bool) -> list[Block]:
    variables = block.one.block.variables
    symbols = block.setting.scope.symbols
    at_means = is_at_means(block)
    linear, precision, partition = (block.symbol(letter, variables) for letter in ("h", "P", "V" if at_means else "A"))
    own = block.notation.letters
    rows: list[str] = []
    sizes = [size for name in variables for size, _ in symbols[name].axes]
    if not couplings:
        (name,) = variables
        indices = [block.setting.source.fresh(size, letter) for size, letter in symbols[name].plates]
        own = own.knowing(indices)
        rows = [own.of(index) for index in indices]
        sizes = [size for size, _ in symbols[name].event]
    subject = ", ".join(block.notation.variable(name, rows) for name in variables)
    h, matrix = with_indices(linear, rows), with_indices(precision, rows)
    count = block.notation.count(sizes)
    if len(variables) > 1:
        products = [block.notation.count(size for size, _ in symbols[name].axes) or "1" for name in variables]
        count = rf"\left({' + '.join(products)}\right)"
    lines = normal_law(subject, h, matrix, with_indices(partition, rows), count, at_means)
    lagged = any(isinstance(r, Shift) for m, _ in block.one.monomials.listed() for a in m.atoms for r in a.references)
    text = "Rows do not meet, so each has a normal law of its own" if not couplings else "All rows have one normal law"
    if lagged:
        text += ", whose precision is banded along time and solved row after row"
    elif couplings:
        text += "; second moments are taken only of what meets in a term"
    known = given_values(variables, block.setting)
    law: list[Block] = [Prose(f"{text}{f'; {known}' if known else ''}:"), Display(lines)]
    if not at_means:
        return law
    power = f"e^{{{with_indices(partition, rows)}}}"
    why = f"The exponential of a quadratic form integrates to its largest value, which is at the mean, times ${power}$."
    return [*law, Prose(why)]


def given_values(variables: Sequence[str], setting: Setting) -> str:
    """What is known of real variables before their law; nothing where nothing is."""
    known = [f"the first value of `{name}`" for name in variables if name in setting.starts]
    known += [f"what is seen of `{name.partition('~')[0]}`" for name in variables if "~" in name]
    return f"{in_words(known)} is known, and the law that of the others given it" if known else ""


def normal_law(
    subject: str, linear: str, precision: str, partition: str, count: str, volume: bool = False
) -> tuple[str, ...]:
    """`q(x) = N(P⁻¹ h, P⁻¹)`, and the log of the integral; `count`: how many numbers x has, nothing for one.

    `volume`: without the exponent at the mean.
    """
    inverse, transposed = superscripted(precision, "-1"), superscripted(linear, r"\top")
    peak = "" if volume else rf"\tfrac{{1}}{{2}} {transposed} {inverse} {linear} "
    return (
        rf"q({subject}) &= \mathcal{{N}}\left({inverse} {linear},\, {inverse}\right)",
        rf"{partition} &= {peak}- \tfrac{{1}}{{2}} \log |{precision}| "
        rf"+ \tfrac{{1}}{{2}} {f'{count} ' if count else ''}\log 2\pi",
    )


# ---------------------------------------------------------------- conjugate laws


def _at_own_rows(term: Term, name: str, setting: Setting) -> Term:
    """θ[doc_i] as θ[d] where doc_i = d: the sum then runs over the rows that lead to d."""
    axes, found = setting.scope.symbols[name].axes, dict[Reference, Index]()
    atoms: list[Atom] = []
    for item in term.atoms:
        references = list(item.references)
        for place, reference in enumerate(references if item.variable == name else ()):
            if not isinstance(reference, Index | Fixed):
                references[place] = found.setdefault(reference, setting.source.fresh(*axes[place]))
        atoms.append(replace(item, references=tuple(references)))
    deltas = tuple(Atom(STRUCTURE, DELTA, (reference, index)) for reference, index in found.items())
    return Term(term.coefficient, (*deltas, *atoms), (*term.bound, *found.values()))


def conjugate_blocks(terms: NetworkTerms, name: str, block: BlockNotation, notation: Notation) -> list[Block]:
    """The posterior of a conjugate latent, by the formulas of parameters with a prior."""
    setting = replace(block.setting, forms={**block.setting.forms, **terms.forms})
    symbol = setting.scope.symbols[name]
    held = (term for term in terms.local_terms if name in term.variables() and not setting.vanishes(term))
    own = [_at_own_rows(gathered(unweighted(term), setting), name, setting) for term in held]
    parameter = Parameter(symbol, conditional(symbol, own, setting.source), setting, notation)
    form = terms.forms[name]
    what = raised(name_text(name), form.power)
    text = f"`{name}` has a {form.kernel} law, its parameters the sums of what multiplies its statistics"
    if form.power != 1:
        text = (
            f"${what}$ has a {form.kernel} law, its parameters the sums of what multiplies the statistics of `{name}`"
        )
    return [Prose(f"{text}:"), Display(update_lines(parameter))]
