"""Operations on polynomials: powers, logarithms, inverses and determinants, where these are polynomials again.

    log (a·b) = log a + log b        (a·b)**p = a**p · b**p        log (1 − p) is a statistic of p
    (s·Σ)⁻¹ = s⁻¹·Σ⁻¹               log|s·Σ| = D log s + log|Σ|
    f(known) is a derived quantity, evaluated once on the data
    log Σ_k m_k = max over q of Σ_k q_k (log m_k − log q_k)    a split: an auxiliary choice among positive products

What has no such form raises `NotPolynomial` with the place, never a wrong answer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from emdsl.algebra.choices_of_values import choice_instead
from emdsl.algebra.derived import STARTED, Derived, named, position_of, steps_back
from emdsl.algebra.expressions import Expression
from emdsl.algebra.indices import Fixed, Index, IndexSource
from emdsl.algebra.monomials import factored, has_zero_row, log_of_atom, monomial_power
from emdsl.algebra.positive import positive_form
from emdsl.algebra.symbols import Scope
from emdsl.algebra.terms import (
    DELTA,
    IDENTITY,
    INVERSE,
    LOG1M,
    LOGDET,
    QUADRATIC,
    SPLIT,
    STATIONARY,
    STRUCTURE,
    Atom,
    Polynomial,
    Statistic,
    Term,
    add,
    atom,
    like_terms,
    multiply,
    number,
    sum_over,
)
from emdsl.errors import Span

#: Minus the log of an impossible event: finite, so that it may be multiplied by a probability of zero.
IMPOSSIBLE = 1e300


class NotPolynomial(Exception):
    """An expression that is no polynomial in statistics of single variables; `reason` reads as a clause."""

    def __init__(self, reason: str, span: Span | None, cure: str | None = None) -> None:
        super().__init__(reason)
        self.reason, self.span, self.cure = reason, span, cure


class NoValue(NotPolynomial):
    """An expression that has no value, whatever its unknowns are."""


@dataclass(frozen=True)
class Split:
    """log Σ_k m_k, a sum of positive products: `log_alternatives` is log m_k with the axes `indices` and `choice`.

    It is the log partition of an auxiliary categorical variable that chooses one of the products. `statistic`: the same
    as a statistic of one positive unknown, where it is one, with the axes `indices`.
    """

    name: str
    indices: tuple[Index, ...]
    choice: Index
    log_alternatives: tuple[Term, ...]
    statistic: tuple[Term, ...] = ()


@dataclass
class Operations:
    """The algebra of one law: operations that need to know the names of the model. Collects derived quantities."""

    scope: Scope
    source: IndexSource
    derived: dict[str, Derived]
    splits: dict[str, Split]

    def elementwise(self, function: str, value: Polynomial, node: Expression) -> Polynomial:
        uniform = self._uniform(value)
        if function == "log":
            return self.log(value, node)
        if function == "log1p":
            return self.log(add(number(1.0), value), node)
        if function == "sqrt":
            return self.power(value, 0.5, node)
        if function in ("lgamma", "log_gamma") and uniform is not None:
            return Polynomial(number(math.lgamma(uniform) if uniform > 0 else IMPOSSIBLE).terms, value.axes)
        if function in ("exp", "abs") and uniform is not None:
            return Polynomial(number(math.exp(uniform) if function == "exp" else abs(uniform)).terms, value.axes)
        if self.known(value):
            return self.derive(function, (value,), node)
        if function == "abs":
            for side in (value, value.scaled(-1.0)):
                if self._is_nonnegative(side):
                    return side
        raise self.unknown_function(function, (value,), node)

    def unknown_function(self, function: str, values: Sequence[Polynomial], node: Expression) -> NotPolynomial:
        """The refusal of a function of unknown numbers."""
        reason = f"`{function}` of something unknown has no closed form here"
        return NotPolynomial(reason, node.span, choice_instead(values, self.scope))

    def _is_nonnegative(self, value: Polynomial) -> bool:
        """Whether a polynomial is a sum of positive products of probabilities, their complements and other numbers."""
        return all(
            term.coefficient > 0 and all(self._is_positive(item) for item in term.atoms)
            for term in positive_form(value.terms, self.scope)
        )

    def power(self, value: Polynomial, exponent: float, node: Expression) -> Polynomial:
        constant = self._uniform(value)
        if constant is not None and (constant > 0 or exponent == int(exponent)):
            if constant == 0 and exponent < 0:
                raise NotPolynomial("this divides by zero", node.span)
            return Polynomial(number(constant**exponent).terms, value.axes)
        if len(value.terms) == 1 and not value.terms[0].bound and value.terms[0].coefficient > 0:
            raised = monomial_power(value.terms[0], exponent)
            if raised is not None:
                return Polynomial((raised,), value.axes)
        if exponent == int(exponent) and 1 <= exponent <= 4:
            result = value
            for _ in range(int(exponent) - 1):
                result = multiply(result, value, self.source)
            return result
        if self.known(value):
            return self.derive("power", (value, number(exponent)), node)
        parts = factored(value, self.is_known)
        raised = monomial_power(parts[0], exponent) if parts is not None else None
        if parts is not None and raised is not None:
            return multiply(self.power(parts[1], exponent, node), Polynomial((raised,)), self.source)
        raise NotPolynomial("this power of a sum of unknowns has no closed form here", node.span)

    def log(self, value: Polynomial, node: Expression) -> Polynomial:
        value = Polynomial(like_terms(value.terms), value.axes)
        constant = self._uniform(value)
        if constant is not None and constant >= 0:
            return Polynomial(number(math.log(constant) if constant else -IMPOSSIBLE).terms, value.axes)
        if len(value.terms) == 1 and not value.terms[0].bound and value.terms[0].coefficient > 0:
            term = value.terms[0]
            logs = [self._log_of(item) for item in term.atoms]
            if all(item is not None for item in logs):
                terms = tuple(part for item in logs if item is not None for part in item)
                return Polynomial((*number(math.log(term.coefficient)).terms, *terms), value.axes)
        complement = self._complement(value)
        if complement is not None:
            return Polynomial((Term(1.0, (complement,)),), value.axes)
        if self.known(value):
            careful = self._sources(value) & {"stationary", "unit", "simplex", "index"}
            return self.derive("log_probability" if careful else "log", (value,), node)
        parts = factored(value, self.is_known)
        if parts is not None and all(self._is_positive(item) and log_of_atom(item) for item in parts[0].atoms):
            return add(self.log(parts[1], node), self.log(Polynomial((parts[0],)), node))
        split = self._split_log(value)
        if split is not None:
            return split
        raise NotPolynomial("the logarithm of a sum of unknowns has no closed form here", node.span)

    def _sources(self, value: Polynomial) -> set[str]:
        """The kinds of variables and the functions that known quantities are made of."""
        found: set[str] = set()
        for item in (item for term in value.terms for item in term.atoms):
            if (known := self.derived.get(item.variable)) is not None:
                found |= {known.function}.union(*(self._sources(argument) for argument in known.arguments))
            elif item.variable == STRUCTURE:
                found.add("index")
            elif (symbol := self.scope.symbols.get(item.variable)) is not None:
                found.add(symbol.kind)
        return found

    def _log_of(self, item: Atom) -> tuple[Term, ...] | None:
        """The logarithm of a statistic; that of known exponentials and softmaxes without them, since they underflow."""
        known = self.derived.get(item.variable)
        if known is None or item.statistic.kind != "power" or known.function not in ("exp", "softmax"):
            found = log_of_atom(item)
            return None if found is None else (found,)
        terms = known.arguments[0].terms
        if known.function == "softmax":
            name = named(self.derived, "log_softmax", known.arguments, known.indices)
            terms = (Term(1.0, (Atom(name, IDENTITY, known.indices),)),)
        places = dict(zip(known.indices, item.references, strict=True))
        power = item.statistic.exponent
        return tuple(replace(term.substitute(places), coefficient=power * term.coefficient) for term in terms)

    def _split_log(self, value: Polynomial) -> Polynomial | None:
        """A split, where the value is a sum of positive products with logarithms term by term."""
        logs: list[tuple[Term, ...]] = []
        terms = positive_form(value.terms, self.scope)
        for term in terms:
            parts = [log_of_atom(item) for item in term.atoms if item.statistic != LOG1M]
            parts += [Term(1.0, (item,)) for item in term.atoms if item.statistic == LOG1M]
            positive = all(self._is_positive(item) for item in term.atoms)
            if term.coefficient <= 0 or not positive or any(part is None for part in parts):
                return None
            kept = tuple(part for part in parts if part is not None)
            logs.append((*number(math.log(term.coefficient)).terms, *kept))
        summed = {index for term in terms for index in term.bound}
        if len(terms) == 1 and not summed:
            return Polynomial(logs[0], value.axes)
        if len(terms) == 1 and len(summed) == 1:
            (choice,) = summed
            alternatives = logs[0]
        elif not summed and len(terms) > 1:
            choice = self.source.fresh(len(logs), "j")
            chosen = [Atom(STRUCTURE, DELTA, (choice, Fixed(position))) for position in range(len(logs))]
            alternatives = tuple(
                Term(part.coefficient, (*part.atoms, case)) for case, parts in zip(chosen, logs) for part in parts
            )
        else:
            return None
        free = {index for term in alternatives for index in term.indices} - {choice}
        indices = tuple(sorted(free | set(value.axes), key=lambda index: index.identity))
        name = f"split {len(self.splits)}"
        self.splits[name] = Split(name, indices, choice, alternatives, self._log1p(terms))
        return Polynomial((Term(1.0, (Atom(name, SPLIT, indices),)),), value.axes)

    def _log1p(self, terms: Sequence[Term]) -> tuple[Term, ...]:
        """log(c + a x) as log c + log(1 + x / (c / a)), for a positive unknown x; nothing where it is not that."""
        constant, *others = sorted(terms, key=lambda term: len(term.atoms))
        if constant.atoms or constant.bound or len(others) != 1 or others[0].bound or len(others[0].atoms) != 1:
            return ()
        (item,) = others[0].atoms
        symbol = self.scope.symbols.get(item.variable)
        if item.statistic != IDENTITY or symbol is None or symbol.kind != "positive":
            return ()
        scale = constant.coefficient / others[0].coefficient
        known = (one.statistic.exponent for split in self.splits.values() for t in split.statistic for one in t.atoms)
        scale = next((one for one in known if math.isclose(one, scale, rel_tol=1e-14)), scale)
        found = Atom(item.variable, Statistic("log1p", scale), item.references)
        return (*number(math.log(constant.coefficient)).terms, Term(1.0, (found,)))

    def _is_positive(self, item: Atom) -> bool:
        symbol = self.scope.symbols.get(item.variable)
        kinds = ("positive", "unit", "simplex", "count")
        return item.statistic == LOG1M or symbol is None or symbol.kind in kinds or item.variable in self.derived

    def _complement(self, value: Polynomial) -> Atom | None:
        """The statistic log(1 − p), where `value` is 1 − p."""
        if len(value.terms) != 2:
            return None
        one, other = sorted(value.terms, key=lambda term: len(term.atoms))
        if one != Term(1.0) or other.coefficient != -1.0 or other.bound or len(other.atoms) != 1:
            return None
        (single,) = other.atoms
        symbol = self.scope.symbols.get(single.variable)
        if single.statistic != IDENTITY or symbol is None or symbol.kind not in ("unit", "simplex"):
            return None
        return Atom(single.variable, LOG1M, single.references)

    def inverse(self, matrix: Polynomial, node: Expression) -> Polynomial:
        if has_zero_row(matrix):
            reason = (
                "a covariance matrix with a row of zeros has no inverse (a component without noise is a lag, `x[t-2]`)"
            )
            raise NoValue(reason, node.span)
        if len(matrix.terms) == 1 and not matrix.terms[0].bound:
            inverted = self._inverse_monomial(matrix.terms[0], matrix.axes)
            if inverted is not None:
                return Polynomial((inverted,), matrix.axes)
        if self.known(matrix):
            return self.derive("inv", (matrix,), node)
        parts = self._scaled_matrix(matrix)
        if parts is not None:
            scale = self.power(parts[0], -1.0, node)
            return multiply(self.derive("inv", (parts[1],), node), scale, self.source)
        entries = self._diagonal(matrix)
        powers = [monomial_power(scalar, -1.0) for scalar, _ in entries]
        if entries and all(power is not None for power in powers):
            pairs = zip(powers, entries, strict=True)
            return Polynomial(
                tuple(Term(power.coefficient, (*power.atoms, *places)) for power, (_, places) in pairs if power),
                matrix.axes,
            )
        raise NotPolynomial("the inverse of a sum of unknown matrices has no closed form here", node.span)

    def _scaled_matrix(self, matrix: Polynomial) -> tuple[Polynomial, Polynomial] | None:
        """An unknown scalar and the known matrix that it multiplies."""
        parts = factored(matrix, self.is_known)
        if parts is None or parts[0].indices & set(matrix.axes[-2:]):
            return None
        return Polynomial((parts[0],)), parts[1]

    def _diagonal(self, matrix: Polynomial) -> list[tuple[Term, tuple[Atom, ...]]]:
        """The entries of a diagonal matrix that is written out, one product each, and the deltas that place them."""
        row, column = matrix.axes[-2:]
        found: dict[Fixed, tuple[Term, tuple[Atom, ...]]] = {}
        for term in matrix.terms:
            places = tuple(item for item in term.atoms if item.statistic == DELTA and {row, column} & item.indices)
            fixed = [r for item in places for r in item.references if isinstance(r, Fixed)]
            rest = tuple(item for item in term.atoms if item not in places)
            diagonal = {row, column} == {one for item in places for one in item.indices} and len(places) == 2
            spread = any({row, column} & item.indices for item in rest) or term.bound or term.coefficient <= 0
            if not diagonal or len(set(fixed)) != 1 or spread or fixed[0] in found:
                return []
            found[fixed[0]] = (Term(term.coefficient, rest), places)
        return list(found.values()) if len(found) == row.size else []

    def _inverse_monomial(self, term: Term, axes: tuple[Index, ...]) -> Term | None:
        """(s·Σ)⁻¹ = s⁻¹·Σ⁻¹ for scalars s, and diag(v)⁻¹ = diag(1/v)."""
        scalars, matrices = _split(term, axes)
        powered = monomial_power(Term(term.coefficient, scalars), -1.0) if term.coefficient > 0 else None
        if powered is None or len(matrices) != 1:
            return None
        (single,) = matrices
        if single.statistic == DELTA:
            return Term(powered.coefficient, (*powered.atoms, single))
        if _is_matrix(single, self.scope):
            flipped = IDENTITY if single.statistic == INVERSE else INVERSE
            return Term(powered.coefficient, (*powered.atoms, Atom(single.variable, flipped, single.references)))
        return None

    def log_determinant(self, matrix: Polynomial, node: Expression) -> Polynomial:
        if len(matrix.terms) == 1 and not matrix.terms[0].bound:
            found = self._log_determinant_monomial(matrix.terms[0], matrix.axes, node)
            if found is not None:
                return found
        if self.known(matrix):
            return self.derive("logdet", (matrix,), node)
        parts = self._scaled_matrix(matrix)
        if parts is not None:
            scale = multiply(self.size(matrix.axes[-1].size), self.log(parts[0], node), self.source)
            return add(scale, self.derive("logdet", (parts[1],), node))
        entries = self._diagonal(matrix)
        if entries:
            logs = [self.log(Polynomial((scalar,)), node) for scalar, _ in entries]
            return Polynomial(tuple(term for one in logs for term in one.terms))
        raise NotPolynomial("the determinant of a sum of unknown matrices has no closed form here", node.span)

    def stationary(self, matrix: Polynomial, node: Expression) -> Polynomial:
        """The stationary law of one transition matrix, over its rows."""
        if self.known(matrix):
            return self.derive("stationary", (matrix,), node)
        if len(matrix.terms) == 1 and len(matrix.terms[0].atoms) == 1:
            ((single,),) = (term.atoms for term in matrix.terms)
            plain = matrix.terms[0].coefficient == 1.0 and not matrix.terms[0].bound and single.statistic == IDENTITY
            if (
                plain
                and single.references[-2:] == matrix.axes
                and self.scope.symbols[single.variable].kind == "simplex"
            ):
                return Polynomial(
                    (Term(1.0, (Atom(single.variable, STATIONARY, single.references[:-1]),)),), matrix.axes[:1]
                )
        raise NotPolynomial("the stationary law of something else than a parameter", node.span)

    def _log_determinant_monomial(self, term: Term, axes: tuple[Index, ...], node: Expression) -> Polynomial | None:
        """log|s·Σ| = D·log s + log|Σ|, and log|diag(v)| = Σ log v_i."""
        scalars, matrices = _split(term, axes)
        if len(matrices) != 1 or term.coefficient <= 0:
            return None
        (single,) = matrices
        row, column = axes[-2:]
        scale = Polynomial((Term(term.coefficient, scalars),))
        if single.statistic == DELTA:
            return sum_over(self.log(scale.substitute({column: row}), node), (row,))
        if not _is_matrix(single, self.scope):
            return None
        sign = -1.0 if single.statistic == INVERSE else 1.0
        whole = Polynomial((Term(sign, (Atom(single.variable, LOGDET, single.references[:-2]),)),))
        if scale.constant == 1.0:
            return whole
        return add(multiply(self.size(row.size), self.log(scale, node), self.source), whole)

    def size(self, size: str | int) -> Polynomial:
        if isinstance(size, int):
            return number(size)
        if size in self.scope.numbers:
            return number(self.scope.numbers[size])
        return atom(size, IDENTITY, ())

    def _uniform(self, value: Polynomial) -> float | None:
        """The number that the polynomial is everywhere on its axes, where it is one; sizes that are bound count."""
        result = 0.0
        for term in value.terms:
            lengths = [length for index in term.bound if (length := self.scope.length(index.size)) is not None]
            if term.atoms or len(lengths) < len(term.bound):
                return None
            result += term.coefficient * math.prod(map(float, lengths))
        return result

    def known(self, value: Polynomial) -> bool:
        return all(self.is_known(item) for term in value.terms for item in term.atoms)

    def is_known(self, item: Atom) -> bool:
        if item.statistic in (QUADRATIC, SPLIT):
            return False
        if item.variable == STRUCTURE or item.variable in self.derived:
            return True
        symbol = self.scope.symbols.get(item.variable)
        return symbol is None or symbol.known

    def derive(self, function: str, arguments: tuple[Polynomial, ...], node: Expression) -> Polynomial:
        """A known quantity under a name of its own; the same quantity keeps the same name."""
        if function != STARTED:
            arguments = tuple(self._started(item, node) for item in arguments)
        axes = max((item.axes for item in arguments), key=len)
        if function in ("logdet", "stationary"):
            inputs, axes = arguments, axes[: -2 if function == "logdet" else -1]
        else:
            inputs = tuple(item.substitute(dict(zip(item.axes[::-1], axes[::-1], strict=False))) for item in arguments)
        free = {index for item in inputs for term in item.terms for index in term.indices - set(term.bound)}
        inner = {axis for item in inputs for axis in item.axes} - set(axes)
        outer = tuple(sorted(free - set(axes) - inner, key=lambda index: index.identity))
        indices = outer + tuple(axis for axis in axes if axis in free)
        name = named(self.derived, function, inputs, indices)
        return Polynomial((Term(1.0, (Atom(name, IDENTITY, indices),)),), axes)

    def _started(self, value: Polynomial, node: Expression) -> Polynomial:
        """An argument of a function, at steps that have all the earlier ones that it reads."""
        for index, lag in steps_back(value, self.derived).items():
            value = self.derive(STARTED, (value, position_of(index, self.scope), number(lag)), node)
        return value


def _is_matrix(item: Atom, scope: Scope) -> bool:
    symbol = scope.symbols.get(item.variable)
    return symbol is not None and symbol.kind == "cov" and not symbol.known and item.statistic in (IDENTITY, INVERSE)


def _split(term: Term, axes: tuple[Index, ...]) -> tuple[tuple[Atom, ...], tuple[Atom, ...]]:
    """Atoms that carry both matrix axes, and the others."""
    row, column = axes[-2:]
    matrices = tuple(item for item in term.atoms if {row, column} <= item.indices)
    return tuple(item for item in term.atoms if item not in matrices), matrices
