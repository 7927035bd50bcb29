"""Moments at point estimates: a statistic of a parameter is the statistic of its value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from emdsl.algebra.derived import Derived
from emdsl.algebra.indices import Gather, Index, IndexSource
from emdsl.algebra.symbols import Scope, Symbol
from emdsl.algebra.terms import HOT, IDENTITY, OFFSET, WHOLE, Atom, Term
from emdsl.arrays.body import Body
from emdsl.arrays.expressions import Apply, Array, Named, Operand, total
from emdsl.derive.centre import Centred
from emdsl.derive.lower import Lengths, derived_statistic, lower_term, numpy_name, structural_operand
from emdsl.errors import CompilerBug

#: Supports on which log p is taken with care at zero.
PROBABILITIES = ("simplex", "unit")


class PointMoments(Lengths):
    """Operands for one function body in which every global variable stands under its own name."""

    def __init__(
        self,
        body: Body,
        scope: Scope,
        source: IndexSource,
        arrays: Mapping[str, tuple[Index, ...]],
        statistics: frozenset[str],
        centred: Mapping[str, Centred],
        derived: Mapping[str, Derived],
    ) -> None:
        """`arrays`: axes of what stands in the body without being a variable: statistics, reference points."""
        self.body, self.scope, self.source, self.arrays = body, scope, source, arrays
        self.statistics, self.centred, self.derived = statistics, centred, derived

    def operands(self, atoms: Sequence[Atom]) -> tuple[float, list[Operand]]:
        return 1.0, [Operand(self.moment(item), item.references) for item in atoms]

    def structural(self, item: Atom) -> Operand:
        return structural_operand(item, self)

    def axes(self, symbol: Symbol) -> tuple[Index, ...]:
        known = self.body.known(symbol.name)
        return known.axes if known else tuple(self.source.fresh(size, letter) for size, letter in symbol.axes)

    def value(self, name: str) -> Named:
        """The variable itself."""
        known = self.body.known(name)
        if known is not None:
            return known
        if name in self.statistics:
            return Named(self.body.names.of(f"statistic {name}"), self.arrays[name])
        if name in self.arrays:
            return self.body.assume(name, self.arrays[name])
        if name in self.centred:
            return self._centred_prior(self.centred[name])
        if name in self.derived:
            return self._derived(self.derived[name])
        symbol = self.scope.symbols.get(name)
        if symbol is None:
            return self.body.assume(name, ())
        return self.body.assume(name, self.axes(symbol))

    def _centred_prior(self, item: Centred) -> Named:
        """The known part of a prior's residual about the reference points."""
        terms = [
            Term(
                term.coefficient,
                tuple(
                    Atom(f"reference {part.variable}", IDENTITY, part.references)
                    if (symbol := self.scope.symbols.get(part.variable)) is not None and not symbol.known
                    else part
                    for part in term.atoms
                ),
                term.bound,
            )
            for term in (*item.known, *item.references)
        ]
        parts = tuple(lower_term(self._opened(term), item.indices, self) for term in terms)
        return self.body.define(item.name, total(parts, item.indices), item.indices)

    def _opened(self, term: Term) -> Term:
        """v[g[j]] becomes v[h]·[g_j = h] with h bound."""
        atoms: list[Atom] = []
        extra: list[Atom] = []
        bound = list(term.bound)
        for item in term.atoms:
            references = list(item.references)
            for place, reference in enumerate(references):
                if isinstance(reference, Gather):
                    categories = self.scope.symbols[reference.table].categories
                    assert categories is not None
                    index = self.source.fresh(categories, "h")
                    extra.append(Atom(reference.table, HOT, (*reference.references, index)))
                    bound.append(index)
                    references[place] = index
            atoms.append(replace(item, references=tuple(references)))
        return Term(term.coefficient, (*atoms, *extra), tuple(bound))

    def _derived(self, item: Derived) -> Named:
        """A quantity of constants and given data: `function(arguments)`."""
        arguments: list[Array | float | str] = []
        for argument in item.arguments:
            constant = argument.constant
            axes = item.indices + tuple(axis for axis in argument.axes if axis not in item.indices)
            lowered = tuple(lower_term(self._opened(term), axes, self) for term in argument.terms)
            arguments.append(constant if constant is not None else total(lowered, axes))
        function = numpy_name(item)
        return self.body.define(item.name, Apply(function, tuple(arguments), item.indices), item.indices)

    def moment(self, item: Atom) -> Array:
        value = self.value(item.variable)
        statistic, name = item.statistic, item.variable
        if statistic == IDENTITY:
            return value
        if name in self.derived:
            return derived_statistic(self.derived[name], statistic, value)
        symbol = self.scope.symbol(name)
        if statistic.kind == "hot":
            return self._one_hot(item, value)
        axes = value.axes[: len(symbol.plates)] if statistic.kind in WHOLE else value.axes
        careful = symbol.kind in PROBABILITIES
        match statistic.kind:
            case "log":
                return self._define(f"log_{name}", "log_probability" if careful else "np.log", value, axes)
            case "log1m":
                return self._define(f"log1m_{name}", "log_complement", value, axes)
            case "lgamma":
                argument = Apply("*", (statistic.exponent, value), axes) if statistic.exponent != 1.0 else value
                gamma = Apply("gammaln", (argument,), axes)
                return self.body.define(f"lgamma {name} {statistic.exponent!r}", gamma, axes, depends=(name,))
            case "log1p":
                ratio = Apply("np.log1p", (Apply("/", (value, statistic.exponent), axes),), axes)
                return self.body.define(f"log1p {name} {statistic.exponent!r}", ratio, axes, depends=(name,))
            case "power":
                return self._power(name, statistic.exponent, value, axes)
            case "inverse":
                return self._define(f"inverse_{name}", "inverse", value, axes)
            case "stationary":
                return self.body.define(
                    f"stationary_{name}", Apply("stationary", (value,), axes), axes, depends=(name,)
                )
            case "log_stationary":
                log = Apply("log_probability", (Apply("stationary", (value,), axes),), axes)
                return self.body.define(f"log_stationary_{name}", log, axes, depends=(name,))
            case "logdet":
                return self._define(f"logdet_{name}", "log_determinant", value, axes)
            case "offset" if statistic == OFFSET:
                reference = self.value(f"reference {name}")
                offset = Apply("-", (value, Named(reference.name, axes)), axes)
                return self.body.define(f"offset_{name}", offset, axes, depends=(name,))
        raise CompilerBug(f"no moment for the statistic {statistic.kind} of `{name}`")

    def _one_hot(self, item: Atom, value: Named) -> Named:
        """The one-hot of a known index array that a prior, or a parameter's coefficient, refers to."""
        categories = self.scope.symbols[item.variable].categories
        assert categories is not None
        axes = (*value.axes, self.source.fresh(categories, "k"))
        text = self.length(categories)
        return self.body.define(f"is_{item.variable}", Apply("one_hot", (value, text), axes), axes)

    def _define(self, quantity: str, function: str, argument: Array, axes: tuple[Index, ...]) -> Named:
        variable = quantity.split("_", 1)[1]
        return self.body.define(quantity, Apply(function, (argument,), axes), axes, depends=(variable,))

    def _power(self, name: str, exponent: float, value: Named, axes: tuple[Index, ...]) -> Named:
        if exponent == -1.0:
            return self.body.define(f"inverse_{name}", Apply("/", (1.0, value), axes), axes, depends=(name,))
        hint = {-2.0: f"precision_{name}", 2.0: f"squared_{name}", 0.5: f"root_{name}"}.get(
            exponent, f"{name}_power_{exponent:g}".replace("-", "minus_").replace(".", "_")
        )
        return self.body.define(hint, Apply("**", (value, exponent), axes), axes, depends=(name,))
