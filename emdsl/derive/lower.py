"""Polynomials into arrays: each atom's expectation becomes an operand, each term a contraction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from emdsl.algebra.derived import Derived
from emdsl.algebra.indices import Fixed, Index
from emdsl.algebra.terms import DELTA, IDENTITY, NUMBER, STRUCTURE, Atom, Polynomial, Statistic, Term
from emdsl.arrays.body import Body
from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Operand, Unit, total
from emdsl.errors import CompilerBug

#: numpy and scipy spellings of the language's functions.
NUMPY_NAMES = {
    "exp": "np.exp", "log": "np.log", "log1p": "np.log1p", "expm1": "np.expm1", "sqrt": "np.sqrt", "abs": "np.abs",
    "sin": "np.sin", "cos": "np.cos", "tanh": "np.tanh", "logistic": "expit", "logit": "logit", "Phi": "ndtr",
    "lgamma": "gammaln", "log_gamma": "log_gamma", "min": "np.minimum", "max": "np.maximum", "power": "np.power",
    "inv": "inverse",
    "logdet": "log_determinant", "softmax": "softmax_last", "log_softmax": "log_softmax_last", "total": "np.asarray",
    "log_multigamma": "multigammaln_array",
}  # fmt: skip


#: Functions that run over whole axes, the last ones of their argument; all others go entry by entry.
OVER_AXES = {"softmax": 1, "log_softmax": 1, "stationary": 1, "inv": 2}


class Moments(Protocol):
    """Expectations of atoms under the current estimates or posteriors."""

    def operands(self, atoms: Sequence[Atom]) -> tuple[float, list[Operand]]:
        """A coefficient and operands whose product is the expectation of the product of `atoms`."""
        ...

    def structural(self, item: Atom) -> Operand:
        """A delta or a number as an operand."""
        ...

    def size(self, size: str | int) -> Named | int:
        """The length of an axis."""
        ...

    def length(self, size: str | int) -> str:
        """The length of an axis as text."""
        ...


class Lengths:
    """The lengths of axes, under the names that they have in a body."""

    body: Body

    def length(self, size: str | int) -> str:
        return str(size) if isinstance(size, int) else self.body.names.of(size)

    def size(self, size: str | int) -> Named | int:
        return size if isinstance(size, int) else Named(self.length(size))


#: Kinds of data that may be exactly zero and have logarithms nevertheless, where they multiply zero.
WITH_ZERO = ("index", "count", "unit", "simplex")


def numpy_name(derived: Derived) -> str:
    """The function that computes a derived quantity; whole numbers have negative powers as real numbers only."""
    if derived.function == "power":
        exponent = derived.arguments[1].constant
        return "np.float_power" if exponent is None or exponent < 0 else NUMPY_NAMES["power"]
    return NUMPY_NAMES.get(derived.function, derived.function)


def power_of_known(value: Array, exponent: float, kind: str) -> Array:
    """A power of data; whole numbers have negative powers as real numbers only."""
    function = "np.float_power" if kind in ("count", "index") and exponent < 0 else "**"
    return Apply(function, (value, exponent), value.axes)


def log_of_known(value: Array, kind: str) -> Array:
    """The logarithm of data; finite at zero where zero is possible, so that 0 · log 0 = 0."""
    return Apply("log_probability" if kind in WITH_ZERO else "np.log", (value,), value.axes)


def log_complement_of_known(value: Array) -> Array:
    """log(1 − p) of data, finite at one."""
    return Apply("log_complement", (value,), value.axes)


def derived_statistic(derived: Derived, statistic: Statistic, value: Array) -> Array:
    """A statistic of a quantity that data and constants determine; the logarithm of probabilities is finite."""
    match statistic.kind:
        case "power":
            kind = "count" if derived.function in ("max", "min", "abs", "total") else "real"
            return value if statistic == IDENTITY else power_of_known(value, statistic.exponent, kind)
        case "log":
            careful = derived.function in ("stationary", "softmax", "max", "min", "abs")
            return Apply("log_probability" if careful else "np.log", (value,), value.axes)
        case "log1m":
            return log_complement_of_known(value)
    raise CompilerBug(f"no moment for the statistic {statistic.kind} of a derived quantity")


def lower(polynomial: Polynomial, moments: Moments) -> Array | None:
    """The polynomial's expectation as an array with its axes; None where it has no terms."""
    parts = tuple(lower_term(term, polynomial.axes, moments) for term in polynomial.terms)
    return total(parts, polynomial.axes) if parts else None


def lower_term(term: Term, axes: tuple[Index, ...], moments: Moments) -> Array:
    """One term's expectation, with those of `axes` that it carries."""
    plain = [item for item in term.atoms if item.variable != STRUCTURE]
    structure = [item for item in term.atoms if item.variable == STRUCTURE]
    factor, operands = moments.operands(plain)
    operands += [moments.structural(item) for item in structure]
    return summed(term.coefficient * factor, operands, term.bound, axes, moments)


def summed(
    coefficient: float, operands: Sequence[Operand], bound: Sequence[Index], axes: tuple[Index, ...], moments: Moments
) -> Contraction:
    """The product of operands summed over `bound`: times its length for each index that none of them carries."""
    carried = {r for operand in operands for r in operand.references if isinstance(r, Index)}
    counted = []
    for index in bound:
        if index not in carried and index not in axes:
            size = moments.size(index.size)
            if isinstance(size, int):
                coefficient *= size
            else:
                counted.append(index.size)
    return Contraction(coefficient, tuple(operands), axes, tuple(counted))


def structural_operand(item: Atom, moments: Moments) -> Operand:
    """`np.eye`, an indicator of one position, or `np.arange`."""
    if item.statistic == NUMBER:
        (reference,) = item.references
        if not isinstance(reference, Index):
            raise CompilerBug("the number of something that is no index")
        return Operand(Named(f"np.arange({moments.length(reference.size)})", (reference,)), item.references)
    if item.statistic != DELTA:
        raise CompilerBug(f"a structural atom of kind {item.statistic.kind}")
    left, right = item.references
    if isinstance(left, Index) and isinstance(right, Index):
        return Operand(Named(f"np.eye({moments.length(left.size)})", (left, right)), (left, right))
    index, position = (left, right) if isinstance(left, Index) else (right, left)
    if not isinstance(index, Index) or not isinstance(position, Fixed):
        raise CompilerBug("a delta between things that are no indices")
    return _indicator(index, position, moments)


def _indicator(index: Index, position: Fixed, moments: Moments) -> Operand:
    code = f"unit_vector({moments.length(index.size)}, {position.position})"
    return Operand(Unit(code, (index,), position=position.position), (index,))
