"""Polynomials in statistics of single variables.

    Polynomial = Σ terms, with free axes
    Term       = coefficient · Π atoms, summed over its bound indices
    Atom       = a statistic of one variable at references

A log density is such a polynomial without free axes. A bound index counts its whole range even where no atom carries
it, so that μ_d² out of (x_nd − μ_d)² still counts N times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from emdsl.algebra.indices import Index, IndexSource, Reference, indices_in, substitute


@dataclass(frozen=True)
class Statistic:
    """What is taken of a variable.

    power (x**exponent), log, log1m (log(1 − x)), log1p (log(1 + x / exponent)); inverse, logdet of a matrix; hot (is
    the category this one); offset (its deviation from the reference point of the current step); mask (1 where
    observed); delta (are two references equal); number (an index as a number); quadratic (stands for a quadratic form
    not yet expanded); split (stands for the logarithm of a sum of positive products); stationary, log_stationary (the
    stationary law of a matrix of transition probabilities); polya_gamma (the log density of PG(1, 0)); lgamma (log
    Γ(exponent · x)).
    """

    kind: str
    exponent: float = 1.0


IDENTITY = Statistic("power")
LOG = Statistic("log")
LOG1M = Statistic("log1m")
INVERSE = Statistic("inverse")
LOGDET = Statistic("logdet")
STATIONARY = Statistic("stationary")
LOG_STATIONARY = Statistic("log_stationary")
HOT = Statistic("hot")
OFFSET = Statistic("offset")
MASK = Statistic("mask")
DELTA = Statistic("delta")
NUMBER = Statistic("number")
QUADRATIC = Statistic("quadratic")
SPLIT = Statistic("split")
POLYA_GAMMA = Statistic("polya_gamma")

#: Stands as the variable of atoms that belong to none: delta and number.
STRUCTURE = ""

#: Kinds of statistics of whole event axes, which have none of their own; stationary laws run over the last plate.
WHOLE = ("logdet", "stationary", "log_stationary")


@dataclass(frozen=True)
class Atom:
    """`statistic(variable)` at `references`: plates first, then event axes (none of those for logdet)."""

    variable: str
    statistic: Statistic
    references: tuple[Reference, ...] = ()

    def substitute(self, replacement: Mapping[Index, Reference]) -> Atom:
        return replace(self, references=tuple(substitute(item, replacement) for item in self.references))

    @property
    def indices(self) -> frozenset[Index]:
        return frozenset(index for reference in self.references for index in indices_in(reference))


@dataclass(frozen=True)
class Term:
    """`coefficient · Π atoms`, summed over the whole range of every index in `bound`."""

    coefficient: float
    atoms: tuple[Atom, ...] = ()
    bound: tuple[Index, ...] = ()

    def substitute(self, replacement: Mapping[Index, Reference]) -> Term:
        bound = tuple(
            image if isinstance(image := replacement.get(index, index), Index) else index for index in self.bound
        )
        return replace(self, atoms=tuple(atom.substitute(replacement) for atom in self.atoms), bound=bound)

    @property
    def indices(self) -> frozenset[Index]:
        return frozenset(index for atom in self.atoms for index in atom.indices)

    def variables(self) -> frozenset[str]:
        return frozenset(atom.variable for atom in self.atoms if atom.variable != STRUCTURE)


@dataclass(frozen=True)
class Polynomial:
    """A sum of terms with free axes, outermost first."""

    terms: tuple[Term, ...]
    axes: tuple[Index, ...] = ()

    def substitute(self, replacement: Mapping[Index, Reference]) -> Polynomial:
        axes = tuple(image if isinstance(image := replacement.get(axis, axis), Index) else axis for axis in self.axes)
        return Polynomial(tuple(term.substitute(replacement) for term in self.terms), axes)

    def at(self, references: Iterable[Reference]) -> Polynomial:
        """The leading axes replaced by references: the entry (or the trailing block) there."""
        chosen = tuple(references)
        replacement = dict(zip(self.axes, chosen, strict=False))
        terms = tuple(term.substitute(replacement) for term in self.terms)
        return Polynomial(terms, self.axes[len(chosen) :])

    def scaled(self, factor: float) -> Polynomial:
        return Polynomial(tuple(replace(term, coefficient=term.coefficient * factor) for term in self.terms), self.axes)

    @property
    def constant(self) -> float | None:
        """The value, where there is nothing but a number (and no axes)."""
        if self.axes or any(term.atoms or term.bound for term in self.terms):
            return None
        return sum(term.coefficient for term in self.terms)


def number(value: float) -> Polynomial:
    return Polynomial((Term(float(value)),) if value else ())


def atom(variable: str, statistic: Statistic, references: tuple[Reference, ...]) -> Polynomial:
    return Polynomial((Term(1.0, (Atom(variable, statistic, references),)),))


def refreshed(term: Term, source: IndexSource) -> Term:
    """The same term with bound indices of its own."""
    return term.substitute({index: source.copy_of(index) for index in term.bound})


def aligned(left: Polynomial, right: Polynomial) -> tuple[Polynomial, Polynomial, tuple[Index, ...]]:
    """Both with common axes, matched from the last one as numpy does."""
    if len(left.axes) < len(right.axes):
        right_first, left_second, axes = aligned(right, left)
        return left_second, right_first, axes
    shared = left.axes[len(left.axes) - len(right.axes) :]
    return left, right.substitute(dict(zip(right.axes, shared, strict=True))), left.axes


def add(left: Polynomial, right: Polynomial) -> Polynomial:
    """The sum, in order, without the terms of one that those of the other cancel: `a + b - b` reads `a` alone."""
    left, right, axes = aligned(left, right)
    kept, added = list(left.terms), []
    for term in right.terms:
        negative = replace(term, coefficient=-term.coefficient)
        if negative in kept:
            kept.remove(negative)
        else:
            added.append(term)
    return Polynomial((*kept, *added), axes)


def multiply(left: Polynomial, right: Polynomial, source: IndexSource) -> Polynomial:
    """The elementwise product; bound indices of the right side are made fresh."""
    left, right, axes = aligned(left, right)
    return Polynomial(tuple(product(one, two, source) for one in left.terms for two in right.terms), axes)


def product(left: Term, right: Term, source: IndexSource) -> Term:
    right = refreshed(right, source)
    return Term(left.coefficient * right.coefficient, left.atoms + right.atoms, left.bound + right.bound)


def like_terms(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Terms with the same atoms merged, zeros dropped."""
    merged: dict[tuple[object, ...], Term] = {}
    for term in terms:
        key = (tuple(sorted(map(repr, term.atoms))), term.bound)
        if key in merged:
            term = replace(merged[key], coefficient=merged[key].coefficient + term.coefficient)
        merged[key] = term
    return tuple(term for term in merged.values() if term.coefficient != 0)


def sum_over(polynomial: Polynomial, axes: Iterable[Index]) -> Polynomial:
    """Bind `axes`: every term counts once per value of each, whether it carries the index or not."""
    bound = tuple(axes)
    terms = tuple(replace(term, bound=term.bound + bound) for term in polynomial.terms)
    return Polynomial(terms, tuple(axis for axis in polynomial.axes if axis not in bound))


def contract(left: Polynomial, right: Polynomial, source: IndexSource) -> Polynomial:
    """`left @ right`: the last axis of the left with the first axis of the right (of a vector: its only one)."""
    joined = left.axes[-1]
    right = right.substitute({axis: source.copy_of(axis) for axis in right.axes})
    inner, outer = right.axes[0], right.axes[1:]
    right = right.substitute({inner: joined})
    terms = tuple(
        replace(combined, bound=(*combined.bound, joined))
        for one in left.terms
        for two in right.terms
        for combined in (product(one, two, source),)
    )
    return Polynomial(tuple(refreshed_axis(term, joined, source) for term in terms), left.axes[:-1] + outer)


def refreshed_axis(term: Term, index: Index, source: IndexSource) -> Term:
    """The term with a fresh identity for one bound index, so that two terms never share one."""
    return term.substitute({index: source.copy_of(index)})
