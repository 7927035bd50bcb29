r"""Real and conjugate latents of a network: natural parameters and the laws that follow, as formulas.

    joint Gaussian     q(x) = N(P⁻¹ h, P⁻¹)              one matrix for all rows that meet
    given a state      q(b_g | c_g = k) = N(P_gk⁻¹ h_gk, P_gk⁻¹)
    conjugate          q(θ_d) = Dirichlet(a_d)           as for parameters
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from emdsl.algebra.indices import Index, Shift
from emdsl.algebra.terms import HOT, Polynomial, Term
from emdsl.derive.conditional import conditional
from emdsl.derive.coupled import Monomial
from emdsl.derive.network_terms import NetworkTerms
from emdsl.explain.document import Block, Display, Prose
from emdsl.explain.eliminations import names
from emdsl.explain.formulas import Notation, aligned
from emdsl.explain.naturals import BlockNotation, gathered, natural, unweighted
from emdsl.explain.symbols import name_text, raised, superscripted, with_indices
from emdsl.explain.updates import Parameter, symmetrised, update_lines


def is_diagonal(monomial: Monomial, block: BlockNotation) -> bool:
    """Whether a product of two is that of one variable with itself in one row."""
    one, two = monomial.atoms
    count = len(block.setting.scope.symbols[one.variable].plates)
    return one.variable == two.variable and one.references[:count] == two.references[:count]


# ---------------------------------------------------------------- one joint normal law


def gaussian_blocks(block: BlockNotation) -> list[Block]:
    """The natural parameters of a joint normal law, its mean and covariance, and its log partition."""
    variables = block.one.block.variables
    lines: list[str] = []
    couplings = False
    for monomial, occurrences in block.one.monomials.listed():
        value = natural(monomial, occurrences, block.setting)
        letters = block.of_monomial(monomial)
        if len(monomial.atoms) == 1:
            lines += aligned(block.entry("h", monomial), block.notation.terms(value, letters))
        elif is_diagonal(monomial, block):
            value = symmetrised(value, block.setting) if len(monomial.axes) == 2 else value
            lines += aligned(block.entry("P", monomial), block.notation.terms(value.scaled(-2.0), letters))
        else:
            couplings = True
            lines += aligned(_off_diagonal(block, monomial), block.notation.terms(value.scaled(-1.0), letters))
    text = (
        f"What multiplies each of {names(variables)} is $h$, minus what multiplies half its square is $P$"
        + (", and minus what multiplies a product of two is the entry of $P$ where they meet" if couplings else "")
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
    linear, precision, partition = (block.symbol(letter, variables) for letter in ("h", "P", "A"))
    own = block.notation.letters
    rows: list[str] = []
    sizes = [size for name in variables for size, _ in symbols[name].axes]
    if not couplings:
        (name,) = variables
        indices = [block.setting.source.fresh(size, letter) for size, letter in symbols[name].plates]
        own = own.knowing(indices)
        rows = [own.of(index) for index in indices]
        sizes = [size for size, _ in symbols[name].event]
    subject = ", ".join(with_indices(name_text(name), rows) for name in variables)
    h, matrix = with_indices(linear, rows), with_indices(precision, rows)
    inverse, transposed = superscripted(matrix, "-1"), superscripted(h, r"\top")
    count = " ".join(block.notation.size(size) for size in sizes)
    if len(variables) > 1:
        products = [" ".join(block.notation.size(size) for size, _ in symbols[name].axes) or "1" for name in variables]
        count = rf"\left({' + '.join(products)}\right)"
    lines = (
        rf"q({subject}) &= \mathcal{{N}}\left({inverse} {h},\, {inverse}\right)",
        rf"{with_indices(partition, rows)} &= \tfrac{{1}}{{2}} {transposed} {inverse} {h} - \tfrac{{1}}{{2}} \log |{matrix}| "
        rf"+ \tfrac{{1}}{{2}} {f'{count} ' if count else ''}\log 2\pi",
    )
    lagged = any(isinstance(r, Shift) for m, _ in block.one.monomials.listed() for a in m.atoms for r in a.references)
    text = "Rows do not meet, so each has a normal law of its own" if not couplings else "All rows have one normal law"
    if lagged:
        text += ", whose precision is banded along time and solved row after row"
    elif couplings:
        text += "; second moments are taken only of what meets in a term"
    return [Prose(f"{text}:"), Display(lines)]


# ---------------------------------------------------------------- normal laws given a state


def children_blocks(block: BlockNotation) -> list[Block]:
    """Real variables given the state of their parent: their laws, and the table that they give it."""
    children, table = block.one.block.children, block.one.children
    assert table is not None
    symbols = block.setting.scope.symbols
    parent, places = table.places[0]
    letters = block.letters(table.rows, {})
    state, rows = block.states[parent], [letters.of(row) for row in table.rows]
    linear: dict[str, list[str]] = {}
    lines: list[str] = []
    for head, value, own in _child_naturals(block):
        linear.setdefault(head, []).append(head)
        lines += aligned(head, block.notation.terms(value, own))
    label = list(children)
    h, precision, partition = (with_indices(block.symbol(x, label), [*rows, state]) for x in ("h", "P", "A"))
    inverse, transposed = superscripted(precision, "-1"), superscripted(h, r"\top")
    listed = ", ".join(with_indices(name_text(name), rows) for name in children)
    place = with_indices(name_text(parent), [block.notation.reference(reference, letters) for reference in places])
    sizes = [" ".join(block.notation.size(size) for size, _ in symbols[name].event) or "1" for name in children]
    count = rf"\left({' + '.join(sizes)}\right) " if len(sizes) > 1 else "" if sizes[0] == "1" else f"{sizes[0]} "
    law = (
        rf"q({listed} \mid {place} = {state}) &= \mathcal{{N}}\left({inverse} {h},\, {inverse}\right)",
        rf"{partition} &= \tfrac{{1}}{{2}} {transposed} {inverse} {h} - \tfrac{{1}}{{2}} \log |{precision}| "
        rf"+ \tfrac{{1}}{{2}} {count}\log 2\pi",
    )
    what = names(children)
    return [
        Prose(f"Given the state of `{parent}`, {what} {'are' if len(children) > 1 else 'is'} normal, with natural parameters"),
        Display(tuple(lines)),
        Prose(f"and its log partition is what {what} tell{'' if len(children) > 1 else 's'} `{parent}`:"),
        Display(law),
    ]


def _child_naturals(block: BlockNotation) -> Iterable[tuple[str, Polynomial, object]]:
    """h and P of every child and pair of children: the terms of all states, and those of each."""
    one, setting = block.one, block.setting
    assert one.children is not None
    rows, parent = one.children.rows, one.children.places[0][0]
    size = setting.scope.symbols[parent].categories or 1
    state = setting.source.fresh(size, "k")
    collected: dict[tuple[str, ...], tuple[list[Term], tuple[Index, ...]]] = {}
    for monomial, occurrences in one.monomials.listed():
        reals = [item for item in monomial.atoms if item.variable in one.block.children]
        if not reals:
            continue
        count = len(setting.scope.symbols[reals[0].variable].plates)
        images: dict[Index, Index] = {}
        for item in monomial.atoms:
            if item.statistic == HOT and isinstance(item.references[-1], Index):
                images[item.references[-1]] = state
        for own, row in zip(reals[0].references[:count], rows, strict=True):
            if isinstance(own, Index):
                images[own] = row
        key = tuple(item.variable for item in reals)
        entries = tuple(r for item in reals for r in item.references[count:] if isinstance(r, Index))
        terms, axes = collected.setdefault(key, ([], entries))
        images |= dict(zip(entries, axes, strict=True))
        terms += natural(monomial, occurrences, setting).substitute(dict(images)).terms
    for key, (terms, axes) in collected.items():
        value = setting.merged(Polynomial(tuple(terms), (*rows, state, *axes)))
        if len(key) == 2:
            same = key[0] == key[1]
            value = symmetrised(value, setting) if same and len(axes) == 2 else value
            value = value.scaled(-2.0 if same else -1.0)
        letters = block.letters(rows, {state: block.states[parent]}, axes)
        label = list(key if len(one.block.children) > 1 and key[0] != key[-1] else key[:1])
        head = block.symbol("h" if len(key) == 1 else "P", label)
        yield with_indices(head, [letters.of(index) for index in (*rows, state, *axes)]), value, letters


# ---------------------------------------------------------------- conjugate laws


def conjugate_blocks(terms: NetworkTerms, name: str, block: BlockNotation, notation: Notation) -> list[Block]:
    """The posterior of a conjugate latent, by the formulas of parameters with a prior."""
    setting = replace(block.setting, forms={**block.setting.forms, **terms.forms})
    symbol = setting.scope.symbols[name]
    own = [gathered(unweighted(t), setting) for t in terms.local_terms if name in t.variables() and not setting.vanishes(t)]
    parameter = Parameter(symbol, conditional(symbol, own, setting.source), setting, notation)
    form = terms.forms[name]
    what = raised(name_text(name), form.power)
    text = f"`{name}` has a {form.kernel} law, its parameters the sums of what multiplies its statistics"
    if form.power != 1:
        text = f"${what}$ has a {form.kernel} law, its parameters the sums of what multiplies the statistics of `{name}`"
    return [Prose(f"{text}:"), Display(update_lines(parameter))]
