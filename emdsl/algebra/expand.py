"""Expressions into polynomials in statistics of single variables.

    mu[z[n]]      → mu[k], under the gate [z_n = k]
    log(a * b)    → log a + log b          (a·b)**p → a**p · b**p
    log1p(-p)     → the statistic log(1 − p)
    theta[y[n]]   → a gather, y observed
    f(known)      → a derived quantity, evaluated once on the data

What has no such form raises `NotPolynomial` with the place, never a wrong answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from emdsl.algebra.cases import Cases, NoIndex
from emdsl.algebra.deltas import resolve_deltas
from emdsl.algebra.expressions import Array, Binary, Call, Expression, Name, Number, Subscript, Unary
from emdsl.algebra.indices import Fixed, Gather, Index, Reference, Shift
from emdsl.algebra.monomials import along_diagonal
from emdsl.algebra.operations import NotPolynomial
from emdsl.algebra.symbols import Symbol, padded_size, place_table, within_table
from emdsl.algebra.terms import (
    DELTA,
    IDENTITY,
    NUMBER,
    QUADRATIC,
    STRUCTURE,
    Atom,
    Polynomial,
    Term,
    add,
    atom,
    contract,
    multiply,
    number,
    sum_over,
)

#: Applied entry by entry; they pass through gates and array literals.
ELEMENTWISE = (
    "exp", "log", "log1p", "expm1", "sqrt", "abs", "sin", "cos", "tanh", "logistic", "logit", "Phi", "lgamma",
    "log_bessel_i0", "log_polya_gamma",
)  # fmt: skip


@dataclass(frozen=True)
class Quadratic:
    """`residual**2`, or `residual @ precision @ residual`, kept whole so that it can be evaluated as a residual."""

    residual: Polynomial
    precision: Polynomial | None = None


@dataclass
class Expansion(Cases):
    """Expands the expressions of one law; collects its gates and quadratics on the way."""

    arguments: Mapping[str, Expression] = field(default_factory=dict)
    shapes: Mapping[str, tuple[str | int, ...]] = field(default_factory=dict)
    quadratics: list[Quadratic] = field(default_factory=list)
    auxiliary: tuple[Expression, str] | None = None
    """The auxiliary variable that the law is written with, where it is, and which law it has."""

    def expand(self, node: Expression) -> Polynomial:
        return self.within_groups(self._expanded(node), node)

    def _expanded(self, node: Expression) -> Polynomial:
        match node:
            case Number(value):
                return number(value)
            case Name(name):
                return self._name(name, (), node)
            case Subscript(base, indices) if (place := self._computed_place(indices)) is not None:
                return self.chosen(base, indices, place, node)
            case Subscript(Name(name), indices):
                return self._name(name, tuple(self.reference(item) for item in indices), node)
            case Subscript(base, indices):
                return self._entry(self.expand(base), tuple(self.reference(item) for item in indices))
            case Unary(_, operand):
                return self.expand(operand).scaled(-1.0)
            case Binary(operator, left, right):
                return self._binary(operator, left, right, node)
            case Array(items):
                return self._array([self.expand(item) for item in items])
            case Call(function, arguments):
                return self._call(function, arguments, node)
        raise NotPolynomial("this has no meaning as a number", node.span)

    def _computed_place(self, indices: tuple[Expression, ...]) -> int | None:
        """The first place where an index is computed."""
        return next((place for place, index in enumerate(indices) if self.is_computed(index)), None)

    def _name(self, name: str, references: tuple[Reference, ...], node: Expression) -> Polynomial:
        if name in self.arguments:
            return self._entry(self._widened(self.expand(self.arguments[name]), self.shapes.get(name, ())), references)
        if name in self.letters:
            return self.letter_number(name)
        if name in self.scope.numbers and name not in self.scope.symbols:
            return number(self.scope.numbers[name])
        symbol = self.scope.symbols.get(name)
        if symbol is None:
            return atom(name, IDENTITY, ())  # a size that only the data tell: a known number
        if symbol.value is not None:
            return self._let(symbol, references, node)
        if symbol.is_gate:
            return atom(STRUCTURE, NUMBER, (self.gate(symbol, self.flat(symbol, references, node)),))
        vector = self.group_vector(symbol, references, node)
        if vector is not None:
            return vector
        ragged = any(letter in self.scope.ragged for letter in symbol.letters)
        written = self.flat(symbol, references, node) if ragged else references
        axes = tuple(self.source.fresh(size, letter) for size, letter in symbol.declared_axes[len(written) :])
        whole = written + axes if ragged else self.flat(symbol, references + axes, node)
        return Polynomial((Term(1.0, (Atom(name, IDENTITY, whole),)),), axes)

    def _widened(self, value: Polynomial, shape: tuple[str | int, ...]) -> Polynomial:
        """A scalar where a vector is due is that value everywhere; where a matrix is due, that multiple of eye."""
        if value.axes or not shape:
            return value
        axes = tuple(self.source.fresh(size, "d") for size in shape)
        if len(shape) == 1:
            return Polynomial(value.terms, axes)
        diagonal = Atom(STRUCTURE, DELTA, axes)
        return Polynomial(tuple(Term(t.coefficient, (*t.atoms, diagonal), t.bound) for t in value.terms), axes)

    def _let(self, symbol: Symbol, references: tuple[Reference, ...], node: Expression) -> Polynomial:
        assert symbol.value is not None
        plates, rest = references[: len(symbol.letters)], references[len(symbol.letters) :]
        if len(plates) < len(symbol.letters) and set(symbol.letters) & self.scope.ragged.keys():
            raise NotPolynomial(f"`{symbol.name}` runs over a ragged plate and needs all its indices", node.span)
        letters = dict(zip(symbol.letters, plates, strict=False))
        missing = [self.source.fresh(size, letter) for size, letter in symbol.plates if letter not in letters]
        letters |= {axis.letter: axis for axis in missing}
        outer, self.letters = self.letters, {**self.letters, **letters}
        value = self.expand(symbol.value)
        self.letters = outer
        return self._entry(Polynomial(value.terms, tuple(missing) + value.axes), rest)

    def _entry(self, value: Polynomial, references: tuple[Reference, ...]) -> Polynomial:
        return resolve_deltas(value.at(references)) if references else value

    def _array(self, items: list[Polynomial]) -> Polynomial:
        axis = self.source.fresh(len(items), "i")
        terms: list[Term] = []
        inner: tuple[Index, ...] = ()
        for position, item in enumerate(items):
            inner = inner or item.axes
            item = item.substitute(dict(zip(item.axes, inner, strict=True)))
            chosen = Term(1.0, (Atom(STRUCTURE, DELTA, (axis, Fixed(position))),))
            terms += [Term(term.coefficient, term.atoms + chosen.atoms, term.bound) for term in item.terms]
        return Polynomial(tuple(terms), (axis, *inner))

    def reference(self, node: Expression) -> Reference:
        """An expression where an index stands."""
        match node:
            case Number(value):
                return Fixed(int(value))
            case Binary("-", Name(letter), Number(lag)) if isinstance(self.letters.get(letter), Index | Shift | Fixed):
                return _earlier(self.letters[letter], int(lag), node)
            case Name(name) if name in self.arguments:
                return self.reference(self.arguments[name])
            case Name(name) if name in self.letters:
                return self.letters[name]
            case Name(name) if name in self.scope.symbols:
                return self._discrete(name, (), node)
            case Name(name) if name in self.scope.numbers:
                return Fixed(int(self.scope.numbers[name]))
            case Subscript(Name(name), indices):
                if name in self.arguments:
                    raise NoIndex(node.span)
                return self._discrete(name, tuple(self.reference(item) for item in indices), node)
        raise NoIndex(node.span)

    def _discrete(self, name: str, references: tuple[Reference, ...], node: Expression) -> Reference:
        symbol = self.scope.symbols[name]
        if symbol.value is not None:
            letters = dict(zip(symbol.letters, references, strict=False))
            outer, self.letters = self.letters, {**self.letters, **letters}
            result = self.reference(symbol.value)
            self.letters = outer
            return result
        references = self.flat(symbol, references, node)
        if symbol.is_gate:
            return self.gate(symbol, references)
        if symbol.known:
            return Gather(name, references)
        raise NotPolynomial(f"`{name}` is unknown and not discrete, so it cannot stand as an index", node.span)

    def _binary(self, operator: str, left: Expression, right: Expression, node: Expression) -> Polynomial:
        if operator == "@" and isinstance(left, Binary) and left.operator == "@" and left.left == right:
            residual = self.expand(right)
            precision = self.expand(left.right)
            if len(residual.axes) == 1 and len(precision.axes) == 2 and not self.known(residual):
                return self._quadratic(residual, precision)
        one = self.expand(left)
        if operator == "**":
            raised = self.expand(right)
            exponent = raised.constant
            if exponent is None:
                return self.varying_power(one, raised, node)
            if exponent == 2 and self._is_residual(one):
                return self._quadratic(one, None)
            return self.power(one, exponent, node)
        two = self.expand(right)
        match operator:
            case "+":
                return add(one, two)
            case "-":
                return add(one, two.scaled(-1.0))
            case "*":
                return multiply(one, two, self.source)
            case "/":
                return multiply(one, self.power(two, -1.0, right), self.source)
            case "@":
                return resolve_deltas(contract(one, two, self.source))
        raise NotPolynomial(f"the operator `{operator}`", node.span)

    def _is_residual(self, value: Polynomial) -> bool:
        """Whether the value is worth keeping as a residual: it holds something unknown and real."""
        symbols = [self.scope.symbols.get(item.variable) for term in value.terms for item in term.atoms]
        return any(symbol is not None and not symbol.known and symbol.kind == "real" for symbol in symbols)

    def _call(self, function: str, arguments: tuple[Expression, ...], node: Expression) -> Polynomial:
        if function in ELEMENTWISE and len(arguments) == 1:
            through = self._literal(arguments[0])
            if (inside := _within_literal(function, through, node)) is not None:
                return self.expand(inside)
            inverse = {"log": "exp", "logit": "logistic"}.get(function)
            if inverse is not None and isinstance(through, Call) and through.function == inverse:
                return self.expand(through.arguments[0])
            if inverse is not None and (found := self._inverted_let(inverse, through, node)) is not None:
                return found
            if function == "log" and isinstance(through, Binary) and through.operator == "**":
                exponent = self.expand(through.right).constant
                if exponent is not None:
                    return self.expand(Call("log", (through.left,), node.span)).scaled(exponent)
            if function == "log" and isinstance(through, Binary) and through.operator in ("*", "/"):
                sign = 1.0 if through.operator == "*" else -1.0
                try:
                    one, two = (self.expand(Call("log", (side,), node.span)) for side in (through.left, through.right))
                    return add(one, two.scaled(sign))
                except NotPolynomial:
                    pass  # the factors have no logarithm one by one; the product may
            return self.by_cases(function, self.expand(arguments[0]), node)
        match function, arguments:
            case "sum", (value,):
                expanded = self.expand(value)
                return sum_over(expanded, expanded.axes[-1:])
            case "sum", (value, Name(letter)):
                return self._sum_over_letter(value, letter)
            case "dot", (left, right):
                return resolve_deltas(contract(self.expand(left), self.expand(right), self.source))
            case "gram", (value,):
                rows, columns = self.expand(value), self.expand(value)
                turned = Polynomial(columns.terms, columns.axes[::-1])
                return along_diagonal(resolve_deltas(contract(rows, turned, self.source)))
            case "outer", (left, right):
                one, two = self.expand(left), self.expand(right)
                apart = Polynomial(two.terms)
                return Polynomial(multiply(Polynomial(one.terms), apart, self.source).terms, one.axes + two.axes)
            case "trace", (value,):
                matrix = self.expand(value)
                row, column = matrix.axes[-2:]
                diagonal = matrix.substitute({column: row})
                return resolve_deltas(sum_over(Polynomial(diagonal.terms, matrix.axes[:-1]), (row,)))
            case "eye", (size,):
                row = self._axis(size)
                column = self.source.copy_of(row)
                return Polynomial((Term(1.0, (Atom(STRUCTURE, DELTA, (row, column)),)),), (row, column))
            case "ones" | "zeros", (Subscript(Name(size), indices),) if size in self.scope.symbols:
                ones = self.ones_within(size, tuple(self.reference(item) for item in indices), node)
                return ones if function == "ones" else Polynomial((), ones.axes)
            case "ones", (size,):
                return Polynomial((Term(1.0),), (self._axis(size),))
            case "zeros", (size,):
                return Polynomial((), (self._axis(size),))
            case "diag", (value,) if len((vector := self.expand(value)).axes) == 1:
                column = self.source.copy_of(vector.axes[0])
                chosen = Polynomial((Term(1.0, (Atom(STRUCTURE, DELTA, (vector.axes[0], column)),)),))
                terms = multiply(Polynomial(vector.terms), chosen, self.source).terms
                return Polynomial(terms, (vector.axes[0], column))
            case "dim", (value,):
                return self.size(self.expand(value).axes[-1].size)
            case "inv" | "logdet" | "stationary", (value,):
                named = {"inv": self.inverse, "logdet": self.log_determinant, "stationary": self.stationary}
                return named[function](self.expand(value), node)
        values = tuple(self.expand(argument) for argument in arguments)
        if all(self.known(item) for item in values):
            if function in ("max", "min"):
                return self.extreme(function, values, node)
            return self.derive(function, values, node)
        raise self.unknown_function(function, values, node)

    def _inverted_let(self, function: str, value: Expression, node: Expression) -> Polynomial | None:
        """What stands inside the function that a plated `let` is, at an entry of it; None where it is no such `let`."""
        if not isinstance(value, Subscript) or not isinstance(value.base, Name):
            return None
        symbol = self.scope.symbols.get(value.base.name)
        if symbol is None or not isinstance(symbol.value, Call) or symbol.value.function != function:
            return None
        references = tuple(self.reference(item) for item in value.indices)
        return self._let(replace(symbol, value=symbol.value.arguments[0]), references, node)

    def _literal(self, node: Expression) -> Expression:
        """The expression with argument names and unplated lets looked through, to find array literals."""
        while isinstance(node, Name):
            symbol = self.scope.symbols.get(node.name)
            if node.name in self.arguments:
                node = self.arguments[node.name]
            elif symbol is not None and symbol.value is not None and not symbol.plates:
                node = symbol.value
            else:
                return node
        if isinstance(node, Subscript):
            return Subscript(self._literal(node.base), node.indices, node.span)
        return node

    def _quadratic(self, residual: Polynomial, precision: Polynomial | None) -> Polynomial:
        """A marker atom in place of the quadratic form; `expanded` puts its terms there when they are wanted."""
        axes = residual.axes if precision is None else residual.axes[:-1]
        self.quadratics.append(Quadratic(residual, precision))
        marker = Atom(str(len(self.quadratics) - 1), QUADRATIC, axes)
        return Polynomial((Term(1.0, (marker,)),), axes)

    def _sum_over_letter(self, value: Expression, letter: str) -> Polynomial:
        if letter in self.scope.ragged:
            return self._sum_over_group(value, letter)
        index = self.source.fresh(self.scope.sizes[letter], letter)
        outer, self.letters = self.letters, {**self.letters, letter: index}
        expanded = self.expand(value)
        self.letters = outer
        return sum_over(self._closed(expanded, index), (index,))

    def _closed(self, value: Polynomial, index: Index) -> Polynomial:
        """Discrete latents at each row of a sum: Σ_k [z_i = k] f(k) has its own k at each i."""
        terms, inside = list(value.terms), {index}
        for key, state in self.gates.items():  # a state may be the place at which another latent is read
            if key.indices & inside:
                inside.add(state)
        for key, state in reversed(list(self.gates.items())):
            if state in inside:
                if any(item.statistic == QUADRATIC for term in terms for item in term.atoms):
                    raise NotPolynomial(f"a sum over squares that `{key.variable}` enters", None)
                hot = replace(key, references=(*key.references, state))
                terms = [
                    replace(term, atoms=(hot, *term.atoms), bound=(*term.bound, state))
                    if state in term.indices
                    else term
                    for term in terms
                ]
                del self.gates[key]
        return Polynomial(tuple(terms), value.axes)

    def _sum_over_group(self, value: Expression, letter: str) -> Polynomial:
        """Σ over the positions k of a group of what stands at its row k; of known values it is known."""
        place = self.scope.symbols[place_table(letter)]
        groups = tuple(self.letters[parent] for parent in place.letters)
        index = self.source.fresh(*place.event[0])
        within = Atom(within_table(str(index.size).removeprefix(padded_size(""))), IDENTITY, (*groups, index))
        row = Gather(place.name, (*groups, index))
        outer, self.letters = self.letters, {**self.letters, letter: row}
        expanded = self._closed(self.expand(value), index)
        self.letters = outer
        members = tuple(replace(term, atoms=(*term.atoms, within)) for term in expanded.terms)
        found = sum_over(Polynomial(members, expanded.axes), (index,))
        return self.derive("total", (found,), value) if self.known(found) and found.terms else found

    def _axis(self, node: Expression) -> Index:
        match node:
            case Number(value):
                return self.source.fresh(int(value), "i")
            case Name(name):
                return self.source.fresh(name, name[:1].lower())
        raise NotPolynomial("a size must be a name or a number", node.span)


def _within_literal(function: str, value: Expression, node: Expression) -> Expression | None:
    """`f([a, b][i])` as `[f(a), f(b)][i]`, of arrays in arrays too; None where no array is written out."""
    match value:
        case Array(items):
            return Array(tuple(Call(function, (item,), node.span) for item in items))
        case Subscript(base, indices) if (inside := _within_literal(function, base, node)) is not None:
            return Subscript(inside, indices)
    return None


def _earlier(reference: Reference, lag: int, node: Expression) -> Reference:
    """The row some steps before a row; where a `let` stands at an earlier row, so does what it reads."""
    match reference:
        case Index():
            return Shift(reference, lag)
        case Shift(index, before):
            return Shift(index, before + lag)
        case Fixed(position) if position >= lag:
            return Fixed(position - lag)
    raise NotPolynomial("this reads a row before the first one", node.span)
