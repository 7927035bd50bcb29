r"""Networks of latents in the document: statistics, the inference of each block, and their part of the objective.

statistics     N_k = Σ_t ⟨[z_t = k]⟩
E-step         one block: exact; several: each given the expectations of the others
objective      log partitions; or ⟨log joint⟩ + entropies
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import replace

from emdsl.algebra.symbols import RAGGED_TABLES, WEIGHTS, is_first_row
from emdsl.algebra.terms import DELTA, HOT, MASK, NUMBER, STRUCTURE, Atom, Polynomial
from emdsl.derive.coupled import CoupledStatistic
from emdsl.derive.derivation import Derivation
from emdsl.derive.network_terms import BlockTerms, NetworkTerms
from emdsl.derive.residuals import at_means
from emdsl.explain.children_laws import children_blocks
from emdsl.explain.document import Block, Display, Prose
from emdsl.explain.eliminations import elimination_blocks, partitions
from emdsl.explain.formulas import Notation, aligned, bracketed, joined
from emdsl.explain.naturals import BlockNotation, natural, placed, state_letters, unweighted
from emdsl.explain.network_laws import conjugate_blocks, gaussian_blocks, is_at_means, rows_meet
from emdsl.explain.network_plan import listed
from emdsl.explain.statistics import is_placed, label_of, unused_head
from emdsl.explain.symbols import Letters, in_prose, in_words, with_indices
from emdsl.structure.elimination import lag_of
from emdsl.structure.networks import NetworkBlock

Signed = list[tuple[str, str]]


def _independent(notation: Notation, derivation: Derivation) -> Notation:
    """The notation with a bracket for each factor of q."""
    blocks = [one.block for network in derivation.setting.networks for one in network.blocks]
    factors = {name: block.variables[0] for block in blocks for name in block.all}
    rowwise = frozenset(name for block in blocks if block.coupled for name in block.variables)
    return replace(notation, factors=factors, rowwise=rowwise)


# ---------------------------------------------------------------- statistics


def coupled_heads(derivation: Derivation, heads: Mapping[str, str]) -> dict[str, str]:
    r"""`heads` and the symbols of the statistics of networks: `N`, `N^{\mathrm{first}}`, `S^{b X}`, `N^{z w}`.

    Two may share a symbol if they differ in the number of their indices.
    """
    found = dict(heads)
    used = {(heads[one.name], len(one.axes)) for sweep in derivation.collapsed.sweeps for one in sweep.statistics}
    symbols = derivation.setting.scope.symbols
    networks = derivation.setting.networks
    discrete = {name for one in networks for name in one.network.variables if symbols[name].categories is not None}
    alone = len(discrete) == 1 and not derivation.blocks and "N" not in symbols
    notation = Notation(derivation.setting.scope, {}, {}, {}, splits=derivation.joint.splits)
    for statistic in derivation.setting.coupled:
        labels, counts = _labels(statistic, derivation, notation, alone)
        found[statistic.name] = unused_head(counts, labels, len(statistic.axes), used, symbols)
    return found


def _labels(
    statistic: CoupledStatistic, derivation: Derivation, notation: Notation, alone: bool
) -> tuple[list[str], bool]:
    """What is summed, and whether it is a count."""
    labels, counts = [], True
    latents = frozenset(name for one in derivation.setting.networks for name in one.network.variables)
    atoms = [item for item in unweighted(statistic.term).atoms if not _is_structure(item)]
    summed = {item.variable for item in atoms if item.statistic != MASK}
    plates = {name: len(derivation.setting.scope.symbols[name].plates) for name in latents}
    first = any(_is_first(item, plates) for item in atoms)
    for item in atoms:
        if item.statistic == HOT and item.variable in latents:
            if not alone:
                labels.append(notation.head(item.variable))
            continue
        if item.statistic == MASK and item.variable in summed:
            continue
        labels.append(label_of(item))
        counts = counts and item.statistic in (HOT, MASK)
    return labels + ([r"\mathrm{first}"] if first else []), counts


def _is_structure(item: Atom) -> bool:
    """Deltas, and the places of rows in their series: they say where the sum runs."""
    structure = item.variable == STRUCTURE or item.statistic in (DELTA, NUMBER)
    return structure or item.variable.startswith(RAGGED_TABLES) or is_placed(item.variable)


def _is_first(item: Atom, plates: Mapping[str, int]) -> bool:
    """Whether a latent is read at the start of its series; `plates`: how many each latent has."""
    return any(is_first_row(reference) for reference in item.references[: plates.get(item.variable, 0)])


def statistics_blocks(derivation: Derivation, notation: Notation) -> list[Block]:
    """The definitions of the statistics of every network."""
    blocks: list[Block] = []
    for one in derivation.setting.networks:
        if not one.statistics:
            continue
        own = _independent(notation.expecting(one.network.variables), derivation)
        lines: list[str] = []
        for statistic in one.statistics:
            letters = own.letters.knowing(statistic.axes)
            head = with_indices(notation.statistics[statistic.name], [letters.of(axis) for axis in statistic.axes])
            lines += aligned(head, [own.term(unweighted(statistic.term), letters)])
        latents = listed(one.network.variables, derivation)
        text = f"Sums under the posterior of {latents}, with $\\langle\\cdot\\rangle$ the mean"
        apart = "" if one.network.exact else "; what stands in brackets of its own is independent under $q$"
        blocks += [Prose(f"{text}{apart}:"), Display(tuple(lines))]
    if blocks and _has_weights(derivation):
        blocks.append(Prose("Where rows have weights, each row counts that many times in every sum."))
    return blocks


def _has_weights(derivation: Derivation) -> bool:
    terms = (term for one in derivation.setting.networks for term in one.local_terms)
    return any(item.variable.startswith(WEIGHTS) for term in terms for item in term.atoms)


def choice_blocks(derivation: Derivation, notation: Notation) -> list[Block]:
    """What the products of the sums inside logarithms are, and that a choice among them is a latent."""
    splits = derivation.joint.splits
    if not splits:
        return []
    lines: list[str] = []
    for name, split in splits.items():
        letters = notation.letters.knowing((*split.indices, split.choice))
        indices = [letters.of(index) for index in (*split.indices, split.choice)]
        terms = derivation.setting.merged(Polynomial(split.log_alternatives, (*split.indices, split.choice)))
        lines += aligned(rf"\log {with_indices(notation.of_split('m', name), indices)}", notation.terms(terms, letters))
    (first, *_) = splits
    symbol, choice = notation.of_split("m", first), notation.of_split("c", first)
    text = (
        f"A sum of positive products ${symbol}$ is the normaliser of a choice ${choice}$ among them: "
        r"$\log \sum_{j} \mathsf{m}_{j} = \max_{q} \sum_{j} q_{j} (\log \mathsf{m}_{j} - \log q_{j})$, "
        f"so ${choice}$ is one more latent. The products:"
    )
    return [Prose(text), Display(tuple(lines))]


def auxiliary_sentences(derivation: Derivation) -> list[str]:
    """What each auxiliary variable is, and that it integrates out."""
    laws = {factor.variable: factor.law for factor in derivation.joint.factors}
    return [
        f"The law {laws[own]} of `{own}` is written with one more latent, `{name}`: integrated over it, the product is "
        "the density that the model states."
        for name, own in derivation.joint.auxiliaries.items()
    ]


# ---------------------------------------------------------------- E-step


def block_notation(one: BlockTerms, derivation: Derivation, notation: Notation) -> BlockNotation:
    setting = derivation.setting
    several = sum(len(network.blocks) for network in setting.networks) + len(derivation.blocks) > 1
    labelled = several or len(one.block.all) > 1
    return BlockNotation(one, setting, notation, labelled, state_letters(one, setting))


def network_steps(terms: NetworkTerms, derivation: Derivation, notation: Notation) -> list[Block]:
    """The inference of one network, block after block."""
    blocks: list[Block] = _entries(terms, derivation)
    if not terms.network.exact:
        blocks.append(Prose(_factorisation(terms, derivation, notation)))
    for one in terms.ordered:
        own = _under_others(one, terms, derivation, notation)
        if not terms.network.exact:
            blocks.append(Prose(f"**Block of {listed(one.block.all, derivation)}.**"))
        blocks += _block(one, terms, block_notation(one, derivation, own), derivation)
    return blocks


def _entries(terms: NetworkTerms, derivation: Derivation) -> list[Block]:
    """Which variables are inferred entry by entry."""
    symbols = derivation.setting.scope.symbols
    found: dict[tuple[str, ...], list[str]] = {}
    for name, symbol in symbols.items():
        if symbol.entry is not None and symbol.whole in terms.network.variables:
            plates = symbols[symbol.whole].declared_plates
            letters = (plates[axis][1] for axis in sorted(symbol.entry.positions))
            found.setdefault((symbol.whole, *letters), []).append(name)
    return [
        Prose(
            f"Entries of {in_prose(whole)} along {in_words([f'${letter}$' for letter in letters])} meet each other: "
            f"they are inferred as the variables {listed(names, derivation)}."
        )
        for (whole, *letters), names in found.items()
    ]


def _under_others(one: BlockTerms, terms: NetworkTerms, derivation: Derivation, notation: Notation) -> Notation:
    """The notation in which statistics of all but the block are their means under q."""
    others = terms.network.inferred - (set() if one.block.coupled else set(one.block.all))
    return _independent(notation.expecting(others | set(derivation.setting.forms)), derivation)


def _factorisation(terms: NetworkTerms, derivation: Derivation, notation: Notation) -> str:
    """What is independent under q, and what that makes of the updates."""
    parts = r" \, ".join(f"q({_given_gates(one.block, notation)})" for one in terms.ordered)
    rows = [name for one in terms.ordered if one.block.coupled for name in one.block.variables]
    text = f"The posterior of {listed(terms.network.variables, derivation)} is taken as $q = {parts}$"
    text += f", and the rows of {listed(rows, derivation)} as independent too" if rows else ""
    return (
        f"{text}. Each factor is set to its optimum, with $\\langle\\cdot\\rangle$ the means under the others, in turn "
        "until nothing moves:"
    )


def _given_gates(block: NetworkBlock, notation: Notation) -> str:
    r"""`z, w`; `c \mid z` of a choice under a gate."""
    own, gates = (", ".join(notation.head(name) for name in names) for names in (block.all, block.gates))
    return rf"{own} \mid {gates}" if gates else own


def _block(one: BlockTerms, terms: NetworkTerms, block: BlockNotation, derivation: Derivation) -> list[Block]:
    if one.block.kind == "conjugate":
        return conjugate_blocks(terms, one.block.variables[0], block, block.notation)
    if one.block.kind == "gaussian":
        return gaussian_blocks(block)
    lines: list[str] = []
    for monomial, occurrences in one.monomials.listed():
        if any(name in one.block.given for name in monomial.variables):
            continue
        value = natural(monomial, occurrences, block.setting, block.one.by_row(monomial))
        lines += aligned(block.entry("a", monomial), block.notation.terms(value, block.of_monomial(monomial)))
    blocks: list[Block] = []
    if lines:
        states = in_words([f"${letter}$ that of {listed([name], derivation)}" for name, letter in block.states.items()])
        text = f"The log weights of the states, {states}"
        states_of = [item for m, _ in one.monomials.listed() for item in m.atoms if item.variable in block.states]
        longest = max((lag_of(item.references) for item in states_of), default=0)
        if longest:
            text += ", with a prime that of the row before" if longest == 1 else ", with a prime for each row back"
        blocks += [Prose(f"{text}:"), Display(tuple(lines))]
    if one.block.children:
        blocks += children_blocks(block, terms)
    blocks += elimination_blocks(block, derivation.setting.chooses(one.block))
    if one.multiplicity:
        letters, count = _count(one, block)
        times = block.notation.polynomial(count, letters)
        blocks.append(Prose(f"The choice is made ${times}$ times, and every one of these counts."))
    return blocks


def _count(one: BlockTerms, block: BlockNotation, counted: Container[str] = ()) -> tuple[Letters, Polynomial]:
    """How often a choice is made, beyond what these variables hear of."""
    (step,) = one.elimination.steps
    cofactors = one.multiplicity_beyond(counted)
    terms = [placed(cofactor, references, step.rows, block.setting) for cofactor, references in cofactors]
    return block.letters(step.rows, {}), block.setting.merged(Polynomial(tuple(terms), step.rows))


# ---------------------------------------------------------------- objective


def objective_terms(derivation: Derivation, notation: Notation) -> Signed:
    """The log partitions of exact networks, or volumes and what squares are at the means; of others ⟨log joint⟩ + H."""
    found: Signed = []
    setting = derivation.setting
    for terms in setting.networks:
        conjugate = any(one.block.kind == "conjugate" for one in terms.blocks)
        if terms.network.exact and not conjugate:
            for one in terms.blocks:
                found += _partitions(one, block_notation(one, derivation, notation))
            at = notation.expecting({*terms.network.variables, *setting.forms})
            found += [at.quadratic(at_means(one, setting), at.letters) for one in setting.squares[terms.network.name]]
            continue
        kept = tuple(term for term in terms.collapsed if not setting.vanishes(term))
        found += notation.expecting(setting.forms).terms(setting.merged(Polynomial(kept)).terms)
        for one in terms.blocks:
            own = _under_others(one, terms, derivation, notation)
            found += _entropy(one, block_notation(one, derivation, own))
    return found


def _entropy(one: BlockTerms, block: BlockNotation) -> Signed:
    """H[q] of a block; of a choice as often as it is expected to be made."""
    heads = [block.notation.head(name) for name in one.block.all]
    if not one.multiplicity:
        return [("+", rf"\mathrm{{H}}[q({', '.join(heads)})]")]
    letters, count = _count(one, block)
    (step,) = one.elimination.steps
    rows = [letters.of(row) for row in step.rows]
    within = ", ".join(with_indices(head, rows) for head in heads)
    return [("+", f"{_times(count, block, letters, rows)}\\mathrm{{H}}[q({within})]")]


def _times(count: Polynomial, block: BlockNotation, letters: Letters, rows: list[str]) -> str:
    signed = block.notation.terms(count, letters)
    total = rf"\sum_{{{', '.join(rows)}}} " if rows else ""
    return f"{total}{bracketed(joined(signed), signed)} "


def _partitions(one: BlockTerms, block: BlockNotation) -> Signed:
    """Σ_rows A of every final step; the partition of a Gaussian block."""
    if one.block.kind == "gaussian":
        partition = block.symbol("V" if is_at_means(block) else "A", one.block.variables)
        if rows_meet(block):
            return [("+", partition)]
        plates = block.setting.scope.symbols[one.block.variables[0]].plates
        indices = [block.setting.source.fresh(size, letter) for size, letter in plates]
        letters = block.notation.letters.knowing(indices)
        rows = [letters.of(index) for index in indices]
        total = rf"\sum_{{{', '.join(rows)}}} " if rows else ""
        return [("+", f"{total}{with_indices(partition, rows)}")]
    found: Signed = []
    for text, rows_of, letters in partitions(block):
        rows = [letters.of(row) for row in rows_of]
        if one.multiplicity:
            own, count = _count(one, block, one.block.gates)
            if not count.terms:
                continue
            found.append(("+", f"{_times(count, block, own, rows)}{text}"))
            continue
        total = rf"\sum_{{{', '.join(rows)}}} " if rows else ""
        found.append(("+", f"{total}{text}"))
    return found
