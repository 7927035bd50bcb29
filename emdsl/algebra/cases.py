"""Functions of discrete variables as numbers: a sum over the states that they take.

f(z)          → Σ_k [z = k] f(k)
mu[f(z, w)]   → Σ_kl [z = k] [w = l] mu[f(k, l)]
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import reduce

from emdsl.algebra.deltas import resolve_deltas
from emdsl.algebra.expressions import Binary, Call, Expression, Name, Number, Subscript
from emdsl.algebra.groups import Groups
from emdsl.algebra.indices import Fixed, Gather, Index, Reference, substitute
from emdsl.algebra.operations import NotPolynomial
from emdsl.algebra.symbols import Symbol, bind_size
from emdsl.algebra.terms import (
    DELTA,
    HOT,
    IDENTITY,
    LOG,
    NUMBER,
    POLYA_GAMMA,
    STRUCTURE,
    Atom,
    Polynomial,
    Statistic,
    Term,
    add,
    like_terms,
    multiply,
    number,
)
from emdsl.errors import Span

#: States of a discrete variable at the most whose cases are written out.
CASES = 16
#: Joint states of several at the most.
JOINT_CASES = 256
#: Places of a plate at the most whose latents are numbers one by one.
PLACES = 8


class NoIndex(NotPolynomial):
    """An index that is computed, where only a variable can stand."""

    def __init__(self, span: Span | None) -> None:
        cure = (
            "let a table say it: `given to[k] : index[2]`, then `to[z[n]]`; "
            "a function of the data alone is given itself: `given i[n] : index[2]`"
        )
        super().__init__("an index of this form", span, cure)


class TooManyStates(NotPolynomial):
    """A function of states of latents that are too many to be written out, or whose number is not known yet."""


@dataclass
class Cases(Groups):
    """The algebra of one law whose latents may be numbers."""

    @abstractmethod
    def expand(self, node: Expression) -> Polynomial:
        """The polynomial that an expression is."""

    # ---------------------------------------------------------------- latents

    def gate(self, symbol: Symbol, references: tuple[Reference, ...]) -> Index:
        """The index that stands for the state of a latent."""
        assert symbol.categories is not None
        key = Atom(symbol.name, HOT, references)
        if key not in self.gates:
            self.gates[key] = self.source.fresh(symbol.categories, "k")
        return self.gates[key]

    def opened(self, value: Polynomial) -> Polynomial:
        """A sum of latents over a plate of known size as that of its places, each a number by itself."""
        return Polynomial(tuple(one for term in value.terms for one in self._opened(term)), value.axes)

    def _opened(self, term: Term) -> list[Term]:
        for item in term.atoms:
            symbol, state = self.scope.symbols.get(item.variable), item.references[-1] if item.references else None
            if item.statistic != HOT or symbol is None or symbol.known or state not in term.bound:
                continue
            rows = [index for index in term.bound if index in item.indices and index != state]
            count = self.scope.length(rows[0].size) if len(rows) == 1 else None
            if count is None or count > PLACES:
                return [term]
            bound = tuple(index for index in term.bound if index not in (rows[0], state))
            rest = replace(term, atoms=tuple(other for other in term.atoms if other is not item), bound=bound)
            found: list[Term] = []
            for position in range(count):
                places = tuple(substitute(one, {rows[0]: Fixed(position)}) for one in item.references[:-1])
                assert isinstance(state, Index)
                names: dict[Index, Reference] = {rows[0]: Fixed(position), state: self.gate(symbol, places)}
                found += self._opened(rest.substitute(names))
            return found
        return [term]

    def by_cases(self, function: str, value: Polynomial, node: Expression) -> Polynomial:
        """f(value); where discrete latents are numbers in it, Σ_k [z = k] f(value at k)."""
        value = self.opened(value)
        gates = self._numbers_in((value,))
        if function == "lgamma" and self._of_states((value,)):
            function = "log_gamma"  # a state may have no place for the datum: Γ has poles at 0, −1, …
        if not gates:
            table = None if self.known(value) else self._known_discrete(value)
            if table is None:
                found = self._exp_of_logs(value, node) if function == "exp" else None
                found = found or self._statistic_of_multiple(function, value)
                return self.elementwise(function, value, node) if found is None else found
            return self._over_values(
                table, lambda state: self.by_cases(function, at_value(value, table, state), node), f"`{function}`", node
            )
        if all((self.scope.length(gate.size) or CASES + 1) <= CASES for gate in gates):
            return self.over_states((value,), lambda one: self.by_cases(function, one[0], node), node)
        if self.known(value):
            return self.elementwise(function, value, node)  # a table over the states

        def of_state(cases: tuple[Polynomial, ...]) -> Polynomial:
            return self.by_cases(function, cases[0], node)

        raise self._too_many((value,), of_state, CASES, f"`{function}`", node)

    def _exp_of_logs(self, value: Polynomial, node: Expression) -> Polynomial | None:
        """exp(a log v + known) = v**a · exp(known)."""
        unknown = [term for term in value.terms if not all(self.is_known(item) for item in term.atoms)]
        logs = all([item.statistic for item in term.atoms] == [LOG] and not term.bound for term in unknown)
        if not unknown or not logs:
            return None
        powers = tuple(replace(term.atoms[0], statistic=Statistic("power", term.coefficient)) for term in unknown)
        rest = Polynomial(tuple(term for term in value.terms if term not in unknown), value.axes)
        raised = Polynomial((Term(1.0, powers),), value.axes)
        return multiply(raised, self.elementwise("exp", rest, node), self.source) if rest.terms else raised

    def _statistic_of_multiple(self, function: str, value: Polynomial) -> Polynomial | None:
        """f(c v) as a statistic, for a number c > 0 and a positive unknown v, where there is such a statistic."""
        single = [len(term.atoms) for term in value.terms] == [1]
        if not single or function not in ("lgamma", "log_gamma", "log_polya_gamma"):
            return None
        (term,) = value.terms
        (item,) = term.atoms
        symbol = self.scope.symbols.get(item.variable)
        positive = symbol is not None and symbol.kind == "positive" and not symbol.known
        if not positive or item.statistic != IDENTITY or term.bound or term.coefficient <= 0:
            return None
        statistic = POLYA_GAMMA if function == "log_polya_gamma" else Statistic("lgamma", term.coefficient)
        return Polynomial((Term(1.0, (replace(item, statistic=statistic),)),), value.axes)

    def power(self, value: Polynomial, exponent: float, node: Expression) -> Polynomial:
        try:
            return super().power(value, exponent, node)
        except NotPolynomial:
            table = self._known_discrete(value)
            if self._numbers_in((value,)):
                return self.over_states((value,), lambda one: self.power(one[0], exponent, node), node)
            if table is None:
                raise
            return self._over_values(
                table, lambda state: self.power(at_value(value, table, state), exponent, node), "a power", node
            )

    def varying_power(self, value: Polynomial, exponent: Polynomial, node: Expression) -> Polynomial:
        """A power whose exponent is chosen by states, or known as what is raised is."""

        def of_states(cases: tuple[Polynomial, ...]) -> Polynomial:
            base, constant = cases[0], cases[1].constant
            if constant is not None:
                return self.power(base, constant, node)
            if self.known(base) and self.known(cases[1]):
                return self.derive("power", cases, node)
            raise NotPolynomial("an exponent that is not a number", node.span)

        return self.over_states((value, exponent), of_states, node)

    def extreme(self, function: str, values: tuple[Polynomial, ...], node: Expression) -> Polynomial:
        """The larger or smaller one of several known values and latents."""
        if any(value.axes for value in values) or not self._of_states(values):
            return self.derive(function, values, node)

        def of_states(cases: tuple[Polynomial, ...]) -> Polynomial:
            constants = [case.constant for case in cases]
            known = [constant for constant in constants if constant is not None]
            if len(known) == len(constants):
                return number(max(known) if function == "max" else min(known))
            tables = [table for case in cases if (table := self._known_discrete(case)) is not None]
            if not tables or (self._values(tables[0]) or CASES + 1) > CASES:
                return self.derive(function, cases, node)

            def at(state: int) -> Polynomial:
                return of_states(tuple(at_value(case, tables[0], state) for case in cases))

            return self._over_values(tables[0], at, f"`{function}`", node)

        return self.over_states(values, of_states, node)

    def chosen(self, base: Expression, indices: tuple[Expression, ...], place: int, node: Expression) -> Polynomial:
        """`base[indices]`, of which one is computed from discrete latents."""
        computed = self.opened(self.expand(indices[place]))

        def at(case: tuple[Polynomial, ...]) -> Polynomial:
            (value,) = case
            position, table = value.constant, self._known_discrete(value)
            if position is None and table is not None:
                return self._over_values(table, lambda state: at((at_value(value, table, state),)), "an index", node)
            if position is None or not float(position).is_integer():
                raise NoIndex(indices[place].span)
            fixed = (*indices[:place], Number(int(position)), *indices[place + 1 :])
            return self.expand(Subscript(base, fixed, node.span))

        return self.over_states((computed,), at, node)

    def is_computed(self, index: Expression) -> bool:
        """Whether an index is a function of discrete variables, written there or in a `let`."""
        match index:
            case Binary(_, Name(letter), Number()) if letter in self.letters:
                return False
            case Call() | Binary():
                return True
            case Name(name) | Subscript(Name(name), _) if name in self.scope.symbols:
                value = self.scope.symbols[name].value
                return value is not None and self.is_computed(value)
        return False

    def over_states(
        self,
        values: tuple[Polynomial, ...],
        function: Callable[[tuple[Polynomial, ...]], Polynomial],
        node: Expression,
    ) -> Polynomial:
        """Σ over the states of all latents that stand as numbers in `values`, of the function of these."""
        gates = self._numbers_in(values)
        states = reduce(lambda total, gate: total * (self.scope.length(gate.size) or JOINT_CASES + 1), gates, 1)
        if states > JOINT_CASES:
            raise self._too_many(values, function, JOINT_CASES, "a function", node)
        if not gates:
            return function(values)
        gate, found = gates[0], list[Polynomial]()
        for state in range(self.scope.length(gate.size) or 0):
            case = self.over_states(tuple(at_state(value, gate, state) for value in values), function, node)
            found.append(self._where(Atom(STRUCTURE, DELTA, (gate, Fixed(state))), case))
        return _sum(found)

    def _where(self, indicator: Atom, case: Polynomial) -> Polynomial:
        """[the indicator] times a polynomial, whose axes stay."""
        chosen = Polynomial((Term(1.0, (indicator,)),))
        return Polynomial(multiply(Polynomial(case.terms), chosen, self.source).terms, case.axes)

    def _numbers_in(self, values: tuple[Polynomial, ...]) -> list[Index]:
        return [index for index in self.gates.values() if any(is_number(index, value) for value in values)]

    def _of_states(self, values: tuple[Polynomial, ...]) -> bool:
        """Whether states of latents enter, as numbers or as what a table is read at."""
        return any(set(self.gates.values()) & term.indices for value in values for term in value.terms)

    def _too_many(
        self,
        values: tuple[Polynomial, ...],
        function: Callable[[tuple[Polynomial, ...]], Polynomial],
        most: int,
        what: str,
        node: Expression,
    ) -> TooManyStates:
        """The refusal of a function of latents as numbers, of more joint states than `most` or nobody knows how many.

        Raises NotPolynomial where the function has no closed form in single states either.
        """
        gates = self._numbers_in(values)
        for state in (0, 1):
            function(tuple(reduce(lambda one, gate: at_state(one, gate, state), gates, value) for value in values))
        latents = [key.variable for key, index in self.gates.items() if index in gates]
        listed = " and ".join(f"`{name}`" for name in dict.fromkeys(latents))
        for size in self.scope.untold(gate.size for gate in gates):
            reason = f"{what} of {listed} as a number, whose number of states {size} only the data tell"
            return TooManyStates(reason, node.span, bind_size(size))
        states = "states" if len(gates) == 1 else "joint states"
        return TooManyStates(f"{what} of {listed} as a number, with more than {most} {states}", node.span)

    # ---------------------------------------------------------------- known variables

    def _known_discrete(self, value: Polynomial) -> Atom | None:
        """A known discrete variable that stands as a number, or that chooses among entries that are written out."""
        for term in value.terms:
            for item in term.atoms:
                if item.statistic == IDENTITY and self._is_discrete(item.variable):
                    return item
                table = _chooser(item)
                if table is not None and self._is_discrete(table.table):
                    return Atom(table.table, IDENTITY, table.references)
        return None

    def _is_discrete(self, name: str) -> bool:
        symbol = self.scope.symbols.get(name)
        return symbol is not None and symbol.known and symbol.categories is not None

    def _values(self, table: Atom) -> int | None:
        """How many values a known discrete variable may have, where that is known."""
        return self.scope.length(self.scope.symbols[table.variable].categories)

    def _over_values(
        self, table: Atom, function: Callable[[int], Polynomial], what: str, node: Expression
    ) -> Polynomial:
        """Σ_k [a_n = k] function(k)."""
        count = self._values(table)
        if count is None or count > CASES:
            raise NotPolynomial(
                f"{what} of `{table.variable}` as a number, which has more than {CASES} values", node.span
            )
        chooser = Gather(table.variable, table.references)
        indicators = [Atom(STRUCTURE, DELTA, (chooser, Fixed(state))) for state in range(count)]
        return _sum([self._where(indicator, function(state)) for state, indicator in enumerate(indicators)])


def _sum(found: list[Polynomial]) -> Polynomial:
    """Polynomials added up, whatever their axes are called."""
    aligned = (one.substitute(dict(zip(one.axes, found[0].axes, strict=True))) for one in found)
    return reduce(add, aligned)


def is_number(gate: Index, value: Polynomial) -> bool:
    """Whether a gate's state stands as a number in a polynomial, or chooses among entries that are written out."""
    atoms = [item for term in value.terms for item in term.atoms if gate in item.references]
    return any(item.statistic in (NUMBER, DELTA) for item in atoms)


def at_state(value: Polynomial, gate: Index, state: int) -> Polynomial:
    """The polynomial where the latent of a gate has one of its states."""
    fixed = Polynomial(tuple(term.substitute({gate: Fixed(state)}) for term in value.terms))
    return Polynomial(like_terms(resolve_deltas(fixed).terms), value.axes)


def at_value(value: Polynomial, table: Atom, state: int) -> Polynomial:
    """The polynomial where a known discrete variable has one of its values."""
    terms = []
    for term in value.terms:
        others = tuple(item for item in term.atoms if item != table)
        power = len(term.atoms) - len(others)
        atoms = tuple(_at_value(item, Gather(table.variable, table.references), state) for item in others)
        terms.append(Term(term.coefficient * float(state) ** power, atoms, term.bound))
    return Polynomial(like_terms(resolve_deltas(Polynomial(tuple(terms), value.axes)).terms), value.axes)


def _at_value(item: Atom, chooser: Gather, state: int) -> Atom:
    if _chooser(item) != chooser:
        return item
    return replace(item, references=tuple(Fixed(state) if one == chooser else one for one in item.references))


def _chooser(item: Atom) -> Gather | None:
    """What an index array chooses: a_n of δ(a_n, i), an entry i of those that are written out."""
    if item.statistic != DELTA or not any(isinstance(one, Fixed) for one in item.references):
        return None
    return next((one for one in item.references if isinstance(one, Gather)), None)
