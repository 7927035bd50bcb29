"""Row quantities: the arrays from which the features of a block of rows are computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from emdsl.algebra.derived import Derived
from emdsl.algebra.indices import Fixed, Gather, Index, Reference, Shift, indices_in
from emdsl.algebra.plain import as_written
from emdsl.algebra.symbols import Scope
from emdsl.algebra.terms import DELTA, HOT, IDENTITY, MASK, Atom, Polynomial, Term
from emdsl.arrays.body import Body
from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Operand, total
from emdsl.derive.centre import Centred
from emdsl.derive.levels import LEVEL
from emdsl.derive.lower import (
    OVER_AXES,
    Lengths,
    derived_statistic,
    log_complement_of_known,
    log_of_known,
    lower_term,
    numpy_name,
    power_of_known,
    structural_operand,
)
from emdsl.errors import CompilerBug


class RowMoments(Lengths):
    """Operands for the atoms of features, within a function that fills the block `rows`."""

    def __init__(
        self,
        body: Body,
        scope: Scope,
        derived: Mapping[str, Derived],
        centred: Mapping[str, Centred],
        gated_axes: Mapping[str, tuple[int, ...]],
        missing: frozenset[str],
        lead: str | None,
    ) -> None:
        """`lead`: the letter of the plate that blocks run over; None: all rows at once."""
        self.body, self.scope, self.derived, self.centred = body, scope, derived, centred
        self.gated_axes, self.missing, self.lead = gated_axes, missing, lead

    def structural(self, item: Atom) -> Operand:
        tables = [reference for reference in item.references if isinstance(reference, Gather)]
        if item.statistic == DELTA and len(tables) == 1:  # [d_n = k]
            (other,) = (reference for reference in item.references if reference not in tables)
            return self._one_hot(Atom(tables[0].table, HOT, (*tables[0].references, other)))
        operand = structural_operand(item, self)
        first = operand.references[0]
        if isinstance(first, Index) and first.letter == self.lead and isinstance(operand.array, Named):
            return Operand(Named(f"{operand.array.name}[rows]", operand.array.axes), operand.references)
        return operand

    def operands(self, atoms: Sequence[Atom]) -> tuple[float, list[Operand]]:
        return 1.0, [self.operand(item) for item in atoms]

    def operand(self, item: Atom) -> Operand:
        if item.variable in self.derived:
            derived = self.derived[item.variable]
            operand = self._derived(derived, item.references)
            return Operand(derived_statistic(derived, item.statistic, operand.array), operand.references)
        if item.variable in self.centred:
            return self._centred(self.centred[item.variable], item.references)
        if item.statistic == HOT:
            return self._one_hot(item)
        array, references = self.read(item.variable, item.references)
        axes = array.axes
        if item.statistic == MASK:
            return Operand(Apply("observed", (array,), axes), references)
        value: Array = Apply("filled", (array,), axes) if item.variable in self.missing else array
        match item.statistic.kind, item.statistic.exponent:
            case "power", 1.0:
                return Operand(value, references)
            case "power", exponent:
                return Operand(power_of_known(value, exponent, self.scope.symbol(item.variable).kind), references)
            case "log", _:
                return Operand(log_of_known(value, self.scope.symbol(item.variable).kind), references)
            case "log1m", _:
                return Operand(log_complement_of_known(value), references)
        raise CompilerBug(f"the statistic {item.statistic.kind} of known `{item.variable}`")

    def read(self, name: str, references: tuple[Reference, ...]) -> tuple[Named, tuple[Index, ...]]:
        """The block of a known variable, and the indices that are left when gathers are taken."""
        identifier = self.body.names.of(name)
        if name not in self.scope.symbols:
            return Named(identifier), ()
        return self._indexed(identifier, references, self.lead)

    def _indexed(
        self, identifier: str, references: tuple[Reference, ...], lead: str | None
    ) -> tuple[Named, tuple[Index, ...]]:
        """`identifier[…]` with numbers and gathers in place, and the block of the plate `lead`.

        numpy puts the axes of index arrays where these stand, or first where a slice stands between them and numbers.
        """
        places: list[str] = []
        taken: dict[int, tuple[str, tuple[Index, ...]]] = {}
        numbers: list[int] = []
        left: dict[int, Index] = {}
        inside = {index for r in references if isinstance(r, Gather) for index in indices_in(r)}
        for place, reference in enumerate(references):
            if isinstance(reference, Shift):
                identifier, reference = f"lagged({identifier}, {reference.lag}, {place})", reference.index
            match reference:
                case Gather(table, inner):
                    array, axes = self.read(table, inner)
                    missing = table in self.missing  # which a mask takes out again
                    taken[place] = (f"index_of({array.name})" if missing else array.name, axes)
                    places.append("")
                case Fixed(position):
                    places.append(str(position))
                    numbers.append(place)
                case Index() if reference in inside:  # C[n, y[n]]: one entry for each n
                    rows = "rows.start, rows.stop" if reference.letter == lead else self.length(reference.size)
                    taken[place] = (f"np.arange({rows})", (reference,))
                    places.append("")
                case Index():
                    places.append("rows" if reference.letter == lead else ":")
                    left[place] = reference
                case _:
                    raise CompilerBug("a lagged index reached the rows of a plate")
        entries = tuple(index for _, axes in taken.values() for index in axes)
        if len(taken) > 1:  # one index array keeps its axes, of which two may be one index
            entries = tuple(dict.fromkeys(entries))
        for place, (code, axes) in taken.items():
            places[place] = _over(code, axes, entries) if len(taken) > 1 else code
        advanced = sorted([*taken, *numbers]) if taken else []
        adjacent = all(later == earlier + 1 for earlier, later in pairwise(advanced))
        first = advanced[0] if advanced and adjacent else 0
        before = [index for place, index in left.items() if place < first]
        after = [index for place, index in left.items() if place >= first]
        while places and places[-1] == ":":
            places.pop()
        code = f"{identifier}[{', '.join(places)}]" if places else identifier
        axes = (*before, *entries, *after)
        return Named(code, axes), axes

    def _one_hot(self, item: Atom) -> Operand:
        array, references = self.read(item.variable, item.references[:-1])
        category = item.references[-1]
        if isinstance(category, Fixed):
            return Operand(Apply("is_category", (array, str(category.position)), array.axes), references)
        if not isinstance(category, Index):
            raise CompilerBug("the one-hot of a category that is read elsewhere")
        size = self.size(category.size)
        axes = (*array.axes, category)
        hot = Apply("one_hot", (array, str(size) if isinstance(size, int) else size.name), axes)
        return Operand(hot, (*references, category))

    def _derived(self, item: Derived, references: tuple[Reference, ...]) -> Operand:
        """`function(arguments)`, with the derivation's own indices in place of the quantity's."""
        if item.function == LEVEL:
            read, left = self._indexed(self.body.names.of(item.name), references, self.lead)
            return Operand(read, left)
        count = OVER_AXES.get(item.function, 0)
        own = [axis for axis in item.arguments[0].axes[-count:] if axis in item.indices] if count else []
        entries = {axis: references[item.indices.index(axis)] for axis in own}
        if not all(isinstance(reference, Index) for reference in entries.values()):
            unread = (axis if axis in entries else r for axis, r in zip(item.indices, references, strict=True))
            whole = self._derived(item, tuple(unread))
            named = self.body.define(self.body.unused(f"all {item.name}"), whole.array, whole.array.axes)
            read, left = self._indexed(named.name, tuple(entries.get(axis, axis) for axis in named.axes), None)
            return Operand(read, left)
        replacement = dict(zip(item.indices, references, strict=True))
        arguments: list[Array | float | str] = []
        axes = tuple(dict.fromkeys(index for reference in references for index in indices_in(reference)))
        for argument in item.arguments:
            constant = argument.constant
            if constant is not None:
                arguments.append(constant)
                continue
            inner = tuple(axis for axis in argument.axes if axis not in replacement)
            moved = argument.substitute(dict(replacement))
            array = self.polynomial(Polynomial(moved.terms, axes + inner))
            arguments.append(array)
        value: Array = Apply(numpy_name(item), tuple(arguments), axes)
        if self._may_miss(item):
            value = Apply("np.nan_to_num", (value,), axes)
        return Operand(value, axes)

    def _may_miss(self, item: Derived) -> bool:
        variables = {part.variable for argument in item.arguments for term in argument.terms for part in term.atoms}
        return bool(variables & self.missing)

    def _centred(self, item: Centred, references: tuple[Reference, ...]) -> Operand:
        axes = tuple(axis for axis in (*item.indices[::-1],) if axis.letter != self.lead)[::-1]
        axes += tuple(axis for axis in item.indices if axis.letter == self.lead)
        known = self.body.known(item.name)
        if known is None:
            comment = f"{as_written(item.name)}: about the reference point"
            known = self.body.define(item.name, self.centred_value(item, axes), axes, comment)
        places = {index: reference for index, reference in zip(item.indices, references, strict=True)}
        return Operand(known, tuple(places[axis] for axis in axes))

    def centred_value(self, item: Centred, axes: tuple[Index, ...]) -> Array:
        """The known part of the residual plus its location terms at the reference points of the current group."""
        parts = [lower_term(term, axes, self) for term in item.known]
        for term in item.references:
            atoms: list[Atom] = []
            references: list[Atom] = []
            for part in term.atoms:
                symbol = self.scope.symbols.get(part.variable)
                is_location = symbol is not None and not symbol.known and part.statistic == IDENTITY
                (references if is_location else atoms).append(part)
            operands = [self._reference_point(part) for part in references]
            carried = {index for operand in operands for index in operand.references}
            bound = tuple(index for index in term.bound if index not in carried)
            plain = lower_term(Term(term.coefficient, tuple(atoms), bound), axes, self)
            assert isinstance(plain, Contraction)
            parts.append(replace(plain, operands=plain.operands + tuple(operands)))
        return total(tuple(parts), axes)

    def _reference_point(self, item: Atom) -> Operand:
        """A location parameter at its reference point: that of the group, where a gate chooses it."""
        gated = self.gated_axes.get(item.variable, ())
        if not gated:
            return self._global(self.body.names.of(item.variable), item.references)
        places = ["group" if place in gated else ":" for place in range(len(item.references))]
        while places[-1] == ":":
            places.pop()
        kept = tuple(reference for place, reference in enumerate(item.references) if place not in gated)
        name = f"{self.body.names.of(f'reference {item.variable}')}[{', '.join(places)}]"
        return self._global(name, kept)

    def _global(self, name: str, references: tuple[Reference, ...]) -> Operand:
        array, axes = self._indexed(name, references, None)
        return Operand(array, axes)

    def polynomial(self, value: Polynomial) -> Array:
        return total(tuple(lower_term(term, value.axes, self) for term in value.terms), value.axes)


def _over(code: str, axes: tuple[Index, ...], entries: tuple[Index, ...]) -> str:
    """An index array over the entries that all index arrays of one reading share."""
    order = tuple(index for index in entries if index in axes)
    if order != axes:
        code = f"{code}.transpose({', '.join(str(axes.index(index)) for index in order)})"
    inner = entries[entries.index(order[0]) :] if order else ()
    if len(inner) == len(order):
        return code
    return f"{code}[{', '.join(':' if index in order else 'None' for index in inner)}]"
