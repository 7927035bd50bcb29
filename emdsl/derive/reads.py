"""Quantities of a network as arrays over whole plates, and how they are read: index arrays gather, lags move.

θ[doc_i, k]             a read through an index array is theta[doc]
x[t − 1]                a lag is the array moved along its axis
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from emdsl.algebra.derived import Derived
from emdsl.algebra.indices import Fixed, Gather, Index, Reference, Shift, indices_in, substitute
from emdsl.algebra.symbols import WEIGHTS
from emdsl.algebra.terms import DELTA, HOT, IDENTITY, MASK, NUMBER, SPLIT, STRUCTURE, Atom, Term
from emdsl.arrays.algebra import carried_axes
from emdsl.arrays.expressions import Apply, Array, Contraction, Gathered, Named, Operand, Taken, lagged, total
from emdsl.derive.centre import Centred
from emdsl.derive.coupled import Monomials
from emdsl.derive.levels import LEVEL
from emdsl.derive.loop_body import LoopBody
from emdsl.derive.lower import (
    derived_statistic,
    log_complement_of_known,
    log_of_known,
    numpy_name,
    power_of_known,
    summed,
)
from emdsl.derive.origins import Origin
from emdsl.derive.posteriors import PosteriorForm
from emdsl.derive.variational import VariationalMoments
from emdsl.errors import CompilerBug


@dataclass(frozen=True)
class Moment:
    """The expectation of a monomial. `axes`: its axes in the order of the array; rows that are summed are absent."""

    array: Named
    rows: bool = True


class Reads(VariationalMoments):
    """Operands for expectations over networks: parameters, data, and moments of the blocks of latents."""

    body: LoopBody

    def __init__(
        self,
        *arguments: Any,
        forms: Mapping[str, PosteriorForm],
        missing: frozenset[str],
        gated_axes: Mapping[str, tuple[int, ...]],
        blocks: Sequence[Monomials],
        origins: Mapping[str, Origin],
        holed: frozenset[str],
    ) -> None:
        super().__init__(*arguments, forms=forms)
        self.origins, self.holed = origins, holed
        self.missing, self.gated_axes, self.blocks = missing, gated_axes, tuple(blocks)
        self.matrices: dict[str, str] = {}
        """Names of sparse matrices of the data, by what they hold."""
        self.found: dict[int, Moment] = {}
        """Moments by the identity of their monomial."""
        self.sums: dict[int, tuple[tuple[Operand, ...], ...]] = {}
        """Products that add up to a moment of which no more is asked than sums over its rows, by its own axes."""
        self.firsts: dict[int, Named] = {}
        """What is known of a monomial in the first row of each series, where it is not known in every row."""
        self.log_sums: dict[str, Named] = {}
        """The logarithms of sums of products, by the choices among these; over the rows of the choices."""

    # ---------------------------------------------------------------- operands

    def operands(self, atoms: Sequence[Atom]) -> tuple[float, list[Operand]]:
        result = [Operand(self.log_sums[item.variable], item.references) for item in atoms if item.statistic == SPLIT]
        rest = [item for item in atoms if item.statistic != SPLIT]
        for block in self.blocks:
            own = [item for item in rest if item.variable in block.block.all]
            for group in [[item] for item in own] if block.block.coupled else [own] if own else []:
                monomial, references = block.of(group)
                moment = self.found.get(id(monomial))
                if moment is None:
                    raise CompilerBug(f"no moment of {' '.join(monomial.variables)}")
                by_axis = dict(zip(monomial.all_axes, references, strict=True))
                first = self.firsts.get(id(monomial))
                if first is not None:
                    result.append(Operand(first, _in_first_row(monomial.rows, by_axis, references)))
                    continue
                result.append(Operand(moment.array, tuple(by_axis[axis] for axis in moment.array.axes)))
            rest = [item for item in rest if item not in own]
        data = [item for item in rest if self._is_data(item)]
        result += [self.data_operand(item) for item in data]
        factor, others = super().operands([item for item in rest if item not in data])
        return factor, [*result, *others]

    def _is_data(self, item: Atom) -> bool:
        if item.variable in self.derived or item.variable in self.centred or item.variable.startswith(WEIGHTS):
            return True
        symbol = self.scope.symbols.get(item.variable)
        return symbol is not None and symbol.known

    def data_operand(self, item: Atom) -> Operand:
        """A known quantity at its references."""
        if item.variable.startswith(WEIGHTS):
            letter = item.variable.removeprefix(WEIGHTS)
            size = self.length(self.scope.sizes[letter])
            value = f'plate_weights(data, "{letter}", {size})'
            axis = self.source.fresh(size, letter)
            return Operand(self.body.define(f"weights of {letter}", value, (axis,)), item.references)
        if item.variable in self.derived:
            return self._derived_operand(item)
        if item.variable in self.centred:
            return self._centred_operand(self.centred[item.variable], item.references)
        return self._known_operand(item)

    def centred_array(self, name: str) -> Named:
        """A datum about the reference points, NaN where entries are missing."""
        item = self.centred[name]
        operand = self._centred_operand(item, item.indices)
        assert isinstance(operand.array, Named)
        assert len(self.scope.symbols[name].axes) == len(item.indices)
        return operand.array

    def origin(self, name: str) -> Array | None:
        """What is added to a centred datum to have it as it was; None where nothing is."""
        item = self.centred[name]
        terms = [self._at_reference(replace(term, coefficient=-term.coefficient)) for term in item.references]
        if not terms:
            return None
        return total(tuple(self.contraction(term, item.indices) for term in terms), item.indices)

    def origin_of(self, name: str) -> Named | None:
        """What a real latent is inferred about, over its own axes; None where that is zero."""
        if name not in self.origins:
            return None
        known = self.body.known(f"origin of {name}")
        if known is not None:
            return known
        axes = tuple(self.source.fresh(size, letter) for size, letter in self.scope.symbols[name].axes)
        terms = [self._at_reference(term) for term in self.origins[name].at(axes)]
        value = total(tuple(self.contraction(term, axes) for term in terms), axes)
        return self.body.define(f"origin of {name}", self.covered(value, axes), axes, "what the latent is about")

    def _centred_operand(self, item: Centred, references: tuple[Reference, ...]) -> Operand:
        """The known part of a residual about the reference points, over its own indices, computed once."""
        known = self.body.known(item.name)
        if known is None:
            terms = [*item.known, *(self._at_reference(term) for term in item.references)]
            value = total(tuple(self.contraction(term, item.indices) for term in terms), item.indices)
            whole = self.covered(value, item.indices)
            known = self.body.define(item.name, whole, item.indices, "about the reference points")
        return Operand(known, references)

    def _at_reference(self, term: Term) -> Term:
        """Location parameters at their reference points; states share one."""
        atoms = []
        for item in term.atoms:
            symbol = self.scope.symbols.get(item.variable)
            if symbol is not None and not symbol.known and item.statistic == IDENTITY:
                gated = self.gated_axes.get(item.variable, ())
                places = tuple(Fixed(0) if n in gated else r for n, r in enumerate(item.references))
                item = Atom(f"reference {item.variable}", IDENTITY, places)
            atoms.append(item)
        return replace(term, atoms=tuple(atoms))

    def _known_operand(self, item: Atom) -> Operand:
        symbol = self.scope.symbols[item.variable]
        hot = item.statistic == HOT
        places = item.references[:-1] if hot else item.references
        axes = tuple(self.source.fresh(size, letter) for size, letter in symbol.axes)
        array = Named(self.body.names.of(item.variable), axes)
        if hot:
            category = self.source.fresh(symbol.categories or 0, "k")
            size = self.length(symbol.categories or 0)
            axes = (*axes, category)
            named = self.body.define(f"is_{item.variable}", Apply("one_hot", (array, size), axes), axes)
            return Operand(named, (*places, item.references[-1]))
        return Operand(self._statistic(item, array, axes), places)

    def _statistic(self, item: Atom, array: Named, axes: tuple[Index, ...]) -> Array:
        name = item.variable
        missing = name in self.missing
        if item.statistic == MASK:
            return self.body.define(f"has_{name}", Apply("observed", (array,), axes), axes)
        value: Array = array
        if missing:
            value = self.body.define(f"filled_{name}", Apply("filled", (array,), axes), axes)
        match item.statistic.kind, item.statistic.exponent:
            case "power", 1.0:
                return value
            case "power", exponent:
                raised = power_of_known(value, exponent, self.scope.symbols[name].kind)
                return self.body.define(f"{name}_power_{exponent:g}", raised, axes)
            case "log", _:
                return self.body.define(f"log_{name}", log_of_known(value, self.scope.symbol(name).kind), axes)
            case "log1m", _:
                return self.body.define(f"log1m_{name}", log_complement_of_known(value), axes)
        raise CompilerBug(f"the statistic {item.statistic.kind} of known `{name}`")

    def _derived_operand(self, atom: Atom) -> Operand:
        """A statistic of `function(arguments)` over its own indices, computed once."""
        item = self.derived[atom.variable]
        known = self.body.known(item.name)
        if known is None and item.function == LEVEL:
            known = self.body.assume(item.name, item.indices)
        if known is None:
            arguments: list[Array | float | str] = []
            for argument in item.arguments:
                constant = argument.constant
                if constant is not None:
                    arguments.append(constant)
                    continue
                axes = item.indices + tuple(axis for axis in argument.axes if axis not in item.indices)
                parts = [self.contraction(term, axes) for term in argument.terms]
                arguments.append(total(tuple(parts), axes))
            function = numpy_name(item)
            value: Array = Apply(function, tuple(arguments), item.indices)
            if self._may_miss(item):
                value = Apply("np.nan_to_num", (value,), item.indices)
            known = self.body.define(item.name, value, item.indices)
        if atom.statistic != IDENTITY:
            inverse = atom.statistic.kind == "power" and atom.statistic.exponent == -1.0
            kind = "inverse" if inverse else f"{atom.statistic.kind} {atom.statistic.exponent:g}"
            known = self.body.define(
                f"{kind} {item.name}", derived_statistic(item, atom.statistic, known), item.indices
            )
        return Operand(known, atom.references)

    def _may_miss(self, item: Derived) -> bool:
        names = {part.variable for argument in item.arguments for term in argument.terms for part in term.atoms}
        return bool(names & self.missing)

    # ---------------------------------------------------------------- reading

    def plain(self, operand: Operand) -> Operand:
        """The operand with gathers, lags and numbers taken, so that only running indices are left."""
        if all(isinstance(reference, Index) for reference in operand.references):
            return operand
        array = operand.array
        if not isinstance(array, Named):
            array = self.body.define(self.body.unused("read"), array, array.axes)
        references = list(operand.references)
        for place, reference in enumerate(references):
            if isinstance(reference, Shift):
                array = lagged(array, reference.lag, place)
                references[place] = reference.index
        code = array.name
        if any(isinstance(reference, Fixed) for reference in references):
            code += subscript(str(r.position) if isinstance(r, Fixed) else ":" for r in references)
            references = [reference for reference in references if not isinstance(reference, Fixed)]
        gathers = [reference for reference in references if isinstance(reference, Gather)]
        if not gathers:
            rows = as_indices(references)
            return Operand(replace(array, axes=rows) if code == array.name else Named(code, rows), rows)
        entries = tuple(dict.fromkeys(index for gather in gathers for index in indices_in(gather)))
        taken = [isinstance(r, Gather) or r in entries for r in references]
        codes = []
        for reference, is_taken in zip(references, taken, strict=True):
            codes.append(self.index_code(reference, entries) if is_taken else ":")
        places = [place for place, is_taken in enumerate(taken) if is_taken]
        adjacent = places == list(range(places[0], places[-1] + 1))
        left = [reference for reference, is_taken in zip(references, taken, strict=True) if not is_taken]
        before = references[: places[0]] if adjacent else []
        after = left[len(before) :] if adjacent else left
        axes, read = (*before, *entries, *after), code + subscript(codes)
        if code != array.name or not entries or len(codes) != 2 or len(places) != 1:
            return Operand(Taken(read, as_indices(axes)), axes)
        (place,) = places
        if place == 1:
            axes, read = (*entries, *before), f"np.take({code}.T, {codes[1]}, axis=0)"
        return Operand(Gathered(read, as_indices(axes), table=array, place=place, index=codes[place]), axes)

    def index_code(self, reference: Reference, entries: tuple[Index, ...]) -> str:
        """An integer array over `entries` with the values of a reference, or the one number that it is."""
        if isinstance(reference, Fixed):
            return str(reference.position)
        if isinstance(reference, Index):
            own: tuple[Index, ...] = (reference,)
            code = f"np.arange({self.length(reference.size)})"
        elif isinstance(reference, Gather):
            symbol = self.scope.symbols[reference.table]
            name = self.body.names.of(reference.table)
            if reference.table in self.missing:
                name = self.body.define(f"index of {reference.table}", f"index_of({name})", ()).name
            axes = tuple(self.source.fresh(size, letter) for size, letter in symbol.axes)
            inner = self.plain(Operand(Named(name, axes), reference.references))
            assert isinstance(inner.array, Named)
            code, own = inner.array.name, as_indices(inner.references)
        else:
            own = (reference.index,)
            code = f"np.maximum(np.arange({self.length(reference.index.size)}) - {reference.lag}, 0)"
        if own == entries or len(entries) == 1:
            return code
        order = tuple(index for index in entries if index in own)
        if order != own:
            code = f"{code}.transpose({', '.join(str(own.index(index)) for index in order)})"
        return code + subscript(":" if index in own else "None" for index in entries)

    def contraction(self, term: Term, axes: tuple[Index, ...]) -> Array:
        """The expectation of a term, with those of `axes` that it carries; index arrays are read by gathers."""
        return self._contracted(self.gathered(term, frozenset(axes))[0], axes)

    def _contracted(self, term: Term, axes: tuple[Index, ...]) -> Array:
        for block in self.blocks if self.sums else ():
            own = [item for item in term.atoms if item.variable in block.block.all]
            if len(own) < 2 or block.block.coupled:
                continue
            monomial, references = block.of(own)
            if id(monomial) in self.sums:
                rest = replace(term, atoms=tuple(item for item in term.atoms if item not in own))
                places = dict(zip(monomial.all_axes, references, strict=True))
                products = [[_placed(one, places) for one in product] for product in self.sums[id(monomial)]]
                return total(tuple(self._product(rest, product, axes) for product in products), axes)
        return self._product(term, [], axes)

    def _product(self, term: Term, operands: Sequence[Operand], axes: tuple[Index, ...]) -> Array:
        """The expectation of a term times some operands."""
        plain = [item for item in term.atoms if item.variable != STRUCTURE]
        structure = [item for item in term.atoms if item.variable == STRUCTURE]
        factor, others = self.operands(plain)
        operands = [self.plain(operand) for operand in (*operands, *others)]
        operands += [self.plain(self.structural_of(item)) for item in structure]
        return summed(term.coefficient * factor, operands, term.bound, axes, self)

    def structural_of(self, item: Atom) -> Operand:
        """A delta or a number, whatever stands in it."""
        if item.statistic == NUMBER:
            (reference,) = item.references
            if isinstance(reference, Gather):
                symbol = self.scope.symbols[reference.table]
                axes = tuple(self.source.fresh(size, letter) for size, letter in symbol.axes)
                return Operand(Named(self.body.names.of(reference.table), axes), reference.references)
            if isinstance(reference, Shift):
                raise CompilerBug("a lagged letter as a number")
            return self.structural(item)
        left, right = item.references
        if isinstance(left, Gather) or isinstance(right, Gather):
            entries = tuple(dict.fromkeys(index for side in (left, right) for index in indices_in(side)))
            codes = [
                str(side.position) if isinstance(side, Fixed) else self.index_code(side, entries)
                for side in (left, right)
            ]
            code = f"np.equal({codes[0]}, {codes[1]}).astype(float)"
            return Operand(Named(code, entries), entries)
        return self.structural(item)

    def gathered(self, term: Term, outputs: frozenset[Index]) -> tuple[Term, dict[Index, Reference]]:
        """[table_i = v] · f(v) becomes f(table_i); the images of those of `outputs` that are such categories."""
        images: dict[Index, Reference] = {}
        atoms = list(term.atoms)
        bound = list(term.bound)
        for item in term.atoms:
            category = item.references[-1] if item.references else None
            if not self._is_table(item) or not isinstance(category, Index) or category in images:
                continue
            if category not in bound and category not in outputs:
                continue
            images[category] = Gather(item.variable, item.references[:-1])
            atoms.remove(item)
            if item.variable in self.missing:
                atoms.append(Atom(item.variable, MASK, item.references[:-1]))
            if category in bound:
                bound.remove(category)
        if not images:
            return term, {}
        moved = tuple(self._compared(item.substitute(images)) for item in atoms)
        return Term(term.coefficient, moved, tuple(bound)), images

    def _is_table(self, item: Atom) -> bool:
        symbol = self.scope.symbols.get(item.variable)
        return item.statistic == HOT and symbol is not None and symbol.known

    def _compared(self, item: Atom) -> Atom:
        """[a_i = b_i] for two index arrays."""
        if self._is_table(item) and isinstance(item.references[-1], Gather):
            own = Gather(item.variable, item.references[:-1])
            return Atom(STRUCTURE, DELTA, (own, item.references[-1]))
        return item

    def covered(self, value: Array, axes: Sequence[Index]) -> Array:
        """The array repeated along those of `axes` that it does not carry."""
        absent = [axis for axis in axes if axis not in carried_axes(value)]
        if not absent:
            return value
        ones = tuple(Operand(Named(f"np.ones({self.length(axis.size)})", (axis,)), (axis,)) for axis in absent)
        if isinstance(value, Contraction):
            return replace(value, operands=value.operands + ones)
        return Contraction(1.0, (Operand(value, value.axes), *ones), value.axes)


def _in_first_row(
    rows: tuple[Index, ...], by_axis: Mapping[Index, Reference], references: tuple[Reference, ...]
) -> tuple[Reference, ...]:
    """References to the first row of a series without its time."""
    time = by_axis[rows[-1]]
    if isinstance(time, Gather):
        return (*time.references, *references[len(rows) :])
    if time != Fixed(0):
        raise CompilerBug("a row that is not known by itself")
    return (*references[: len(rows) - 1], *references[len(rows) :])


def subscript(places: Iterable[str]) -> str:
    """`[:, 0]` of what stands at each place; nothing where that is all of every axis."""
    listed = list(places)
    while listed and listed[-1] == ":":
        listed.pop()
    return f"[{', '.join(listed)}]" if listed else ""


def as_indices(references: Iterable[Reference]) -> tuple[Index, ...]:
    return tuple(reference for reference in references if isinstance(reference, Index))


def _placed(operand: Operand, places: Mapping[Index, Reference]) -> Operand:
    """An operand with what stands for its indices."""
    return replace(operand, references=tuple(substitute(reference, places) for reference in operand.references))
