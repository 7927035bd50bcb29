"""Quadratic forms about a reference point: residuals to evaluate, expansions to derive.

    x − μ = (x − c) − (μ − c) = x̃ − μ̃

The reference c of a location parameter depends on the current parameters only, so that statistics about it add up over
blocks of rows. Every occurrence of such a parameter is then its offset from the reference, and every residual's known
part one centred quantity. The polynomial keeps its shape; what it loses is the cancellation of x² against μ².
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

from emdsl.algebra.deltas import resolve_deltas
from emdsl.algebra.indices import Index, IndexSource, indices_in
from emdsl.algebra.symbols import Scope, Symbol
from emdsl.algebra.terms import IDENTITY, STRUCTURE, Atom, Polynomial, Term, contract, like_terms, multiply
from emdsl.derive.levels import LEVEL, Level, about_values, level_origin, reference_symbol, slopes
from emdsl.derive.log_joint import Factor, LogJoint, QuadraticTerm
from emdsl.derive.origins import Origin, about_origins, origins


@dataclass(frozen=True)
class Centred:
    """`known + Σ coefficient · reference`: the residual's known part about the reference points.

    `references` are the residual's terms in location parameters, to be evaluated at their reference points.
    `gated`: those of them that are indexed by a gate, with the gate's index. `base`: a variable of which entries may be
    missing, with which the centred quantity is then missing too.
    """

    name: str
    indices: tuple[Index, ...]
    known: tuple[Term, ...]
    references: tuple[Term, ...]
    gates: tuple[Index, ...]
    base: str | None


@dataclass(frozen=True)
class CentredSquare:
    """A quadratic form of a factor, its residual about the reference points, and the terms that it comes to."""

    factor: Factor
    form: QuadraticTerm
    terms: tuple[Term, ...]

    @property
    def unknowns(self) -> frozenset[str]:
        """What stands in the residual."""
        return _variables(self.form.quadratic.residual.terms)

    def beside(self, latents: Set[str]) -> tuple[Term, ...]:
        """The terms that have none of these latents in them."""
        return tuple(term for term in self.terms if not term.variables() & latents)


@dataclass(frozen=True)
class CentredJoint:
    """The factors as scalar terms only; the centred quantities; the location parameters and their gated axes.

    `joint` is the log joint with the centred quantities among its symbols. `squares`: the quadratic forms whose terms
    are among those of the factors. `by_state`: those gated locations of which data read no other entry than that of
    their state. `origins`: what real latents are about; `levels`: those of them that are levels.
    """

    joint: LogJoint
    factors: tuple[tuple[Factor, tuple[Term, ...]], ...]
    squares: tuple[CentredSquare, ...]
    centred: tuple[Centred, ...]
    locations: tuple[str, ...]
    gated_axes: dict[str, tuple[int, ...]]
    by_state: frozenset[str]
    origins: Mapping[str, Origin]
    levels: Mapping[str, Level]


def centre(
    joint: LogJoint,
    partly_known: frozenset[str],
    inferred: frozenset[str],
    latents: frozenset[str],
    holed: frozenset[str],
    ordered: frozenset[str],
) -> CentredJoint:
    """Expand all quadratics, about reference points where a location parameter allows it.

    `partly_known`: observed variables of which entries may be missing. `inferred`: global real variables. `latents`:
    real latents; `holed`: those of them that are observed, but for missing entries. `ordered`: letters of times.
    """
    linear = _linear(joint, inferred | latents)
    multiply = slopes(joint, holed, inferred)
    multiply_levels = frozenset[str]().union(*multiply.values())
    locations = (linear & inferred) | multiply_levels
    about = dict(origins(joint, (linear & latents) - multiply.keys(), linear & inferred))
    levels: dict[str, Level] = {}
    for name in multiply:
        quantity, about[name], levels[name] = level_origin(name, joint, ordered)
        joint = replace(joint, derived={**joint.derived, quantity.name: quantity})
    centred: list[Centred] = []
    factors, squares = [], []
    for factor in joint.factors:
        terms = list(factor.terms)
        for item in factor.quadratics:
            residual = _about_reference(factor, item, joint, locations, about, partly_known, centred)
            form = replace(item, quadratic=replace(item.quadratic, residual=residual))
            squared = resolve_deltas(Polynomial(tuple(square(form, joint.source)))).terms
            squares.append(CentredSquare(factor, form, squared))
            terms += squared
        factors.append((factor, tuple(terms)))
    symbols = {item.name: _symbol(item, joint) for item in centred}
    for name in sorted(multiply_levels):
        symbols[f"reference {name}"] = reference_symbol(name, joint.scope.symbols[name])
    scope = replace(joint.scope, symbols={**joint.scope.symbols, **symbols})
    axes = _gated_axes(joint, locations)
    told = frozenset(axes) - _read_otherwise(joint, partly_known)
    names = tuple(sorted(locations))
    whole = replace(joint, scope=scope)
    return CentredJoint(whole, tuple(factors), tuple(squares), tuple(centred), names, axes, told, about, levels)


def is_centred_datum(name: str) -> bool:
    """Whether a name is that of a centred quantity that has a datum in it, and not parameters of a prior alone."""
    return "~" in name and not name.startswith("prior~")


def _symbol(item: Centred, joint: LogJoint) -> Symbol:
    """A centred quantity as a variable: known, unless entries of the datum may be missing."""
    plates = {index for factor in joint.factors for index in factor.plates}
    axes = [(index, (index.size, index.letter)) for index in item.indices]
    return Symbol(
        item.name,
        known=item.base is None,
        kind="real",
        plates=tuple(axis for index, axis in axes if index in plates and not item.name.startswith("prior")),
        event=tuple(axis for index, axis in axes if index not in plates or item.name.startswith("prior")),
    )


def _linear(joint: LogJoint, unknowns: frozenset[str]) -> frozenset[str]:
    """Real unknowns that enter every residual linearly, times known quantities, and nothing else.

    Values of starts stand in the squares of latents, which are not about reference points.
    """
    candidates = set(unknowns)
    candidates -= {item.variable for value in joint.starts.values() for term in value.terms for item in term.atoms}
    for factor in joint.factors:
        outside = [item for term in factor.terms for item in term.atoms]
        outside += [item for part in factor.quadratics for item in part.cofactor.atoms]
        outside += [
            item
            for part in factor.quadratics
            if part.quadratic.precision is not None
            for term in part.quadratic.precision.terms
            for item in term.atoms
        ]
        candidates -= {item.variable for item in outside}
        gates = {index for _, index in factor.gates}
        for part in factor.quadratics:
            for term in part.quadratic.residual.terms:
                if any(is_known(item, joint.scope, joint) and item.indices & gates for item in term.atoms):
                    candidates -= {item.variable for item in term.atoms}
                unknown = [item for item in term.atoms if not is_known(item, joint.scope, joint)]
                linear = len(unknown) == 1 and unknown[0].statistic == IDENTITY
                if not linear:
                    candidates -= {item.variable for item in unknown}
    return frozenset(candidates)


def is_known(item: Atom, scope: Scope, joint: LogJoint) -> bool:
    """Whether an atom's value is fixed by data and constants."""
    if item.variable == STRUCTURE or item.variable in joint.derived:
        return True
    symbol = scope.symbols.get(item.variable)
    return symbol is None or symbol.known


def _about_reference(
    factor: Factor,
    item: QuadraticTerm,
    joint: LogJoint,
    locations: frozenset[str],
    about: Mapping[str, Origin],
    partly_known: frozenset[str],
    centred: list[Centred],
) -> Polynomial:
    residual = item.quadratic.residual
    beside = {term for term in residual.terms if term.variables() & about.keys() and term.variables() & locations}
    moved = tuple(term for term in residual.terms if term not in beside and term.variables() & locations)
    base = factor.variable if factor.variable in partly_known else None
    added = tuple(other for term in residual.terms for other in about_origins(term, about))
    if not moved and not added and base is None:
        return residual
    states = {index for _, index in factor.gates} if base is not None else set()  # entries are filled in for all states
    fixed = tuple(
        term
        for term in residual.terms
        if all(is_known(part, joint.scope, joint) or part.variable == base for part in term.atoms)
        and not states & term.indices
    )
    others = tuple(term for term in residual.terms if term not in {*moved, *fixed, *beside})
    others += tuple(about_values(term, locations)[0] for term in residual.terms if term in beside)
    levels = tuple(other for term in residual.terms if term in beside for other in about_origins(term, about))
    offsets = tuple(about_values(term, locations)[1] for term in (*moved, *levels))
    offsets += tuple(about_values(term, locations)[1] for term in residual.terms if term in beside)
    known = tuple(term for term in added if all(is_known(part, joint.scope, joint) for part in term.atoms))
    fixed = like_terms((*fixed, *known))
    references = like_terms((*moved, *(term for term in added if term not in known)))
    if not fixed and not references:
        return Polynomial((*offsets, *others), residual.axes)
    of_levels = any(joint.derived[n].function == LEVEL for n in _variables(fixed, references) & joint.derived.keys())
    of_data = of_levels or base is not None or joint.scope.symbols[factor.variable].known
    told = {index for term in fixed for index in term.indices}  # known parts of each state, which no two states share
    chosen = [index for _, index in factor.gates if of_data and any(index in term.indices for term in references)]
    gates = tuple(index for index in chosen if index not in told)
    free = {index for term in (*fixed, *references) for index in term.indices - set(term.bound)}
    free |= set(residual.axes)
    indices = tuple(sorted(free - set(gates), key=lambda index: index.identity))
    subject = factor.variable if of_data else "prior"
    name = _free_name(f"rest of {subject}~" if of_levels else f"{subject}~", centred)
    centred.append(Centred(name, indices, fixed, references, gates, base))
    stands = Term(1.0, (Atom(name, IDENTITY, indices),))
    return Polynomial((stands, *offsets, *others), residual.axes)


def _variables(*terms: tuple[Term, ...]) -> frozenset[str]:
    return frozenset().union(*(term.variables() for listed in terms for term in listed))


def _free_name(name: str, centred: list[Centred]) -> str:
    taken = {item.name for item in centred}
    candidate, serial = name, 2
    while candidate in taken:
        candidate, serial = f"{name}{serial}", serial + 1
    return candidate


def square(item: QuadraticTerm, source: IndexSource) -> list[Term]:
    """cofactor · residual², or cofactor · residual @ precision @ residual, as terms."""
    residual, precision = item.quadratic.residual, item.quadratic.precision
    if precision is None:
        squared = multiply(residual, residual, source)
    else:
        other = residual.substitute({axis: source.copy_of(axis) for axis in residual.axes})
        squared = contract(contract(residual, precision, source), other, source)
    return [
        Term(
            item.cofactor.coefficient * term.coefficient,
            item.cofactor.atoms + term.atoms,
            item.cofactor.bound + term.bound,
        )
        for term in squared.terms
    ]


def _gated_axes(joint: LogJoint, locations: frozenset[str]) -> dict[str, tuple[int, ...]]:
    """The axes of each location parameter that a gate indexes, where there are any."""
    found: dict[str, tuple[int, ...]] = {}
    for factor in joint.factors:
        gates = {index for _, index in factor.gates}
        for item in factor.quadratics:
            for term in item.quadratic.residual.terms:
                for part in term.atoms:
                    if part.variable in locations:
                        read = [set(indices_in(reference)) for reference in part.references]
                        axes = tuple(place for place, indices in enumerate(read) if gates & indices)
                        found |= {part.variable: axes} if axes else {}
    return found


def _read_otherwise(joint: LogJoint, partly_known: frozenset[str]) -> frozenset[str]:
    """Variables of which a datum reads entries along the first axis that are not its state's: m[c[n]], m[c[z[n]]].

    Rows about the points of their states find the reference of a location at the state alone.
    """
    found: set[str] = set()
    for factor in joint.factors:
        if not (factor.variable in partly_known or joint.scope.symbols[factor.variable].known):
            continue
        gates = {index for _, index in factor.gates}
        for item in factor.quadratics:
            atoms = [part for term in item.quadratic.residual.terms for part in term.atoms]
            found |= {part.variable for part in atoms if not gates.intersection(part.references[:1])}
    return frozenset(found)
