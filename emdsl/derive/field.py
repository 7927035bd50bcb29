"""Quantities of a network as arrays over whole plates: reads gather, targets scatter.

    θ[doc_i, k]             a read through an index array is theta[doc]
    Σ_i [doc_i = d] r_ik    the same index array as the target of a sum is a scatter-add
    x[t − 1]                a lag is the array moved along its axis
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from emdsl.algebra.deltas import resolve_deltas
from emdsl.algebra.indices import Fixed, Gather, Index, Reference, Shift, indices_in
from emdsl.algebra.operations import Derived
from emdsl.algebra.terms import DELTA, HOT, IDENTITY, MASK, NUMBER, STRUCTURE, Atom, Polynomial, Term
from emdsl.arrays.algebra import carried_axes
from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Operand, Total, total
from emdsl.derive.centre import Centred
from emdsl.derive.coupled import Monomials
from emdsl.derive.lower import NUMPY_NAMES
from emdsl.derive.posteriors import PosteriorForm
from emdsl.derive.variational import VariationalMoments
from emdsl.errors import CompilerBug

#: The prefix of the atoms that stand for weights of rows.
WEIGHTS = "weights."


@dataclass(frozen=True)
class Moment:
    """The expectation of a monomial. `axes`: its axes in the order of the array; rows that are summed are absent."""

    array: Named
    rows: bool = True


class FieldMoments(VariationalMoments):
    """Operands for expectations over networks: parameters, data, and moments of the blocks of latents."""

    def __init__(
        self,
        *arguments: Any,
        forms: Mapping[str, PosteriorForm],
        missing: frozenset[str],
        gated_axes: Mapping[str, tuple[int, ...]],
        blocks: Sequence[Monomials],
    ) -> None:
        super().__init__(*arguments, forms=forms)
        self.missing, self.gated_axes, self.blocks = missing, gated_axes, tuple(blocks)
        self.matrices: dict[str, str] = {}
        """Names of sparse matrices of the data, by what they hold."""
        self.found: dict[int, Moment] = {}
        """Moments by the identity of their monomial."""

    # ---------------------------------------------------------------- operands

    def operands(self, atoms: Sequence[Atom]) -> tuple[float, list[Operand]]:
        result: list[Operand] = []
        rest = list(atoms)
        for block in self.blocks:
            own = [item for item in rest if item.variable in block.block.all]
            for group in [[item] for item in own] if block.block.coupled else [own] if own else []:
                monomial, references = block.of(group)
                moment = self.found.get(id(monomial))
                if moment is None:
                    raise CompilerBug(f"no moment of {' '.join(monomial.variables)}")
                by_axis = dict(zip(monomial.all_axes, references, strict=True))
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
            (reference,) = item.references
            size = _size_of(reference, self)
            value = f'plate_weights(data, "{letter}", {size})'
            axis = self.source.fresh(size, letter)
            return Operand(self.body.define(f"weights of {letter}", value, (axis,)), item.references)
        if item.variable in self.derived:
            return self._derived_operand(self.derived[item.variable], item.references)
        if item.variable in self.centred:
            return self._centred_operand(self.centred[item.variable], item.references)
        return self._known_operand(item)

    def centred_array(self, name: str) -> Named:
        """A datum about the reference points, NaN where entries are missing."""
        item = self.centred[name]
        operand = self._centred_operand(item, item.indices)
        assert isinstance(operand.array, Named)
        symbol = self.scope.symbols[name]
        assert len(symbol.axes) == len(item.indices)
        return operand.array

    def origin(self, name: str) -> Array | None:
        """What is added to a centred datum to have it as it was; None where nothing is."""
        item = self.centred[name]
        terms = [self._at_reference(replace(term, coefficient=-term.coefficient)) for term in item.references]
        if not terms:
            return None
        return total(tuple(self.contraction(term, item.indices) for term in terms), item.indices)

    def _centred_operand(self, item: Centred, references: tuple[Reference, ...]) -> Operand:
        """The known part of a residual about the reference points, over its own indices, computed once."""
        known = self.body.known(item.name)
        if known is None:
            terms = [*item.known, *(self._at_reference(term) for term in item.references)]
            value = total(tuple(self.contraction(term, item.indices) for term in terms), item.indices)
            known = self.body.define(item.name, self.covered(value, item.indices), item.indices, "about the reference points")
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
            named = self.body.define(f"is_{item.variable}", Apply("one_hot", (array, size), (*axes, category)), (*axes, category))
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
                return self.body.define(f"{name}_power_{exponent:g}", Apply("**", (value, exponent), axes), axes)
            case "log", _:
                whole = self.scope.symbols[name].kind in ("index", "count")  # zero is possible there
                return self.body.define(f"log_{name}", Apply("log_probability" if whole else "np.log", (value,), axes), axes)
            case "log1m", _:
                inner = Apply("np.log1p", (Apply("negative", (value,), axes),), axes)
                return self.body.define(f"log1m_{name}", inner, axes)
        raise CompilerBug(f"the statistic {item.statistic.kind} of known `{name}`")

    def _derived_operand(self, item: Derived, references: tuple[Reference, ...]) -> Operand:
        """`function(arguments)` over its own indices, computed once."""
        known = self.body.known(item.name)
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
            function = NUMPY_NAMES.get(item.function, item.function)
            value: Array = Apply(function, tuple(arguments), item.indices)
            if self._may_miss(item):
                value = Apply("np.nan_to_num", (value,), item.indices)
            known = self.body.define(item.name, value, item.indices)
        return Operand(known, references)

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
            array = self.body.define(f"read {len(self.body.statements)}", array, array.axes)
        code, references = array.name, list(operand.references)
        for place, reference in enumerate(references):
            if isinstance(reference, Shift):
                code = f"lagged({code}, {reference.lag}, {place})"
                references[place] = reference.index
        if any(isinstance(reference, Fixed) for reference in references):
            code += _subscript(str(r.position) if isinstance(r, Fixed) else ":" for r in references)
            references = [reference for reference in references if not isinstance(reference, Fixed)]
        gathers = [reference for reference in references if isinstance(reference, Gather)]
        if not gathers:
            return Operand(Named(code, _as_indices(references)), tuple(references))
        entries = tuple(dict.fromkeys(index for gather in gathers for index in indices_in(gather)))
        taken = [isinstance(r, Gather) or r in entries for r in references]
        codes = []
        for reference, is_taken in zip(references, taken, strict=True):
            codes.append(self.index_code(reference, entries) if is_taken else ":")
        places = [place for place, is_taken in enumerate(taken) if is_taken]
        if len(codes) == 2 and places == [1] and len(entries) == 1 and code.isidentifier():
            axes = (*entries, references[0])
            return Operand(Named(f"np.take({code}.T, {codes[1]}, axis=0)", _as_indices(axes)), axes)
        adjacent = places == list(range(places[0], places[-1] + 1))
        left = [reference for reference, is_taken in zip(references, taken, strict=True) if not is_taken]
        before = references[: places[0]] if adjacent else []
        after = left[len(before) :] if adjacent else left
        axes = (*before, *entries, *after)
        return Operand(Named(code + _subscript(codes), _as_indices(axes)), axes)

    def index_code(self, reference: Reference, entries: tuple[Index, ...]) -> str:
        """An integer array over `entries` with the values of a reference."""
        if isinstance(reference, Index):
            code, own = f"np.arange({self.length(reference.size)})", (reference,)
        elif isinstance(reference, Gather):
            symbol = self.scope.symbols[reference.table]
            name = self.body.names.of(reference.table)
            if reference.table in self.missing:
                name = self.body.define(f"index of {reference.table}", f"index_of({name})", ()).name
            axes = tuple(self.source.fresh(size, letter) for size, letter in symbol.axes)
            inner = self.plain(Operand(Named(name, axes), reference.references))
            assert isinstance(inner.array, Named)
            code, own = inner.array.name, _as_indices(inner.references)
        elif isinstance(reference, Shift):
            code, own = f"np.maximum(np.arange({self.length(reference.index.size)}) - {reference.lag}, 0)", (reference.index,)
        else:
            raise CompilerBug("a number among the indices of a gather")
        if own == entries or len(entries) == 1:
            return code
        return code + _subscript(":" if index in own else "None" for index in entries)

    def contraction(self, term: Term, axes: tuple[Index, ...]) -> Array:
        """The expectation of a term, with those of `axes` that it carries; index arrays are read by gathers."""
        return self._contracted(self.gathered(term, frozenset(axes))[0], axes)

    def _contracted(self, term: Term, axes: tuple[Index, ...]) -> Array:
        plain = [item for item in term.atoms if item.variable != STRUCTURE]
        structure = [item for item in term.atoms if item.variable == STRUCTURE]
        factor, operands = self.operands(plain)
        operands = [self.plain(operand) for operand in operands]
        operands += [self.plain(self.structural_of(item)) for item in structure]
        carried = {r for operand in operands for r in operand.references if isinstance(r, Index)}
        coefficient, counted = term.coefficient * factor, []
        for index in term.bound:
            if index not in carried and index not in axes:
                size = self.size(index.size)
                if isinstance(size, int):
                    coefficient *= size
                else:
                    counted.append(index.size)
        return Contraction(coefficient, tuple(operands), axes, tuple(counted))

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
                str(side.position) if isinstance(side, Fixed) else self.index_code(side, entries) for side in (left, right)
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

    # ---------------------------------------------------------------- sums onto targets

    def placed(
        self, parts: Sequence[tuple[Term, tuple[Reference, ...]]], axes: tuple[Index, ...], hint: str
    ) -> Array | None:
        """Σ over terms, with what stands for each of `axes` in each term: indices are renamed, others are targets.

        Axes that no term carries are left out of the result's axes.
        """
        direct: list[Array] = []
        groups: dict[tuple[object, ...], list[tuple[Term, tuple[Reference, ...]]]] = {}
        for term, references in parts:
            term, references = self._towards(term, references, axes)
            groups.setdefault(_target(references), []).append((term, references))
        for members in groups.values():
            direct.append(self._placed_group(members, axes, hint))
        direct = [part for part in direct if part is not None]
        if not direct:
            return None
        carried = frozenset(axis for part in direct for axis in carried_axes(part))
        kept = tuple(axis for axis in axes if axis in carried)
        return total(tuple(with_axes(part, kept) for part in direct), kept)

    def _towards(
        self, term: Term, references: tuple[Reference, ...], axes: tuple[Index, ...]
    ) -> tuple[Term, tuple[Reference, ...]]:
        """The term with known one-hots read as gathers, and its own names for the axes that are plain indices."""
        outer = frozenset(index for reference in references for index in indices_in(reference))
        term, images = self.gathered(term, outer)
        references = tuple(
            images.get(reference, reference) if isinstance(reference, Index) else reference for reference in references
        )
        used_by_targets = {i for r in references if not isinstance(r, Index) for i in indices_in(r)}
        renaming: dict[Index, Reference] = {}
        extra: list[Atom] = []
        result: list[Reference] = []
        for axis, reference in zip(axes, references, strict=True):
            if isinstance(reference, Index) and reference not in renaming and reference not in used_by_targets:
                renaming[reference] = axis
                result.append(axis)
            elif isinstance(reference, Index) and reference in renaming:
                extra.append(Atom(STRUCTURE, DELTA, (renaming[reference], axis)))
                result.append(axis)
            elif isinstance(reference, Fixed):
                extra.append(Atom(STRUCTURE, DELTA, (axis, reference)))
                result.append(axis)
            else:
                result.append(reference)
        bound = tuple(index for index in term.bound if index not in renaming)
        moved = replace(term, bound=bound).substitute(renaming)
        return replace(moved, atoms=(*moved.atoms, *extra)), tuple(result)

    def _placed_group(
        self, members: Sequence[tuple[Term, tuple[Reference, ...]]], axes: tuple[Index, ...], hint: str
    ) -> Array:
        """Terms with the same targets: summed where they stand, then moved to their targets at once."""
        targets = members[0][1]
        entries = tuple(
            dict.fromkeys(i for reference in targets if not isinstance(reference, Index) for i in indices_in(reference))
        )
        plain = tuple(axis for axis, reference in zip(axes, targets, strict=True) if reference == axis)
        if not entries:
            parts = []
            for term, _ in members:
                simple = resolve_deltas(Polynomial((term,), axes)).terms
                parts += [self._contracted(one, axes) for one in simple]
            return total(tuple(parts), axes)
        placed: list[Array] = []
        rest: list[Array] = []
        for term, references in members:
            own = tuple(
                dict.fromkeys(i for r in references if not isinstance(r, Index) for i in indices_in(r))
            )
            renamed = term.substitute(dict(zip(own, entries, strict=True)))
            bound = tuple(index for index in renamed.bound if index not in entries)
            for one in resolve_deltas(Polynomial((replace(renamed, bound=bound),), entries + plain)).terms:
                product = self._sparse_product(one, entries, plain, targets, axes)
                if product is not None:
                    placed.append(product)
                else:
                    rest.append(self._contracted(one, entries + plain))
        for apart, inside in self._apart(rest, entries, plain):
            summed = total(tuple(inside), entries + plain)
            carried = carried_axes(summed)
            kept = tuple(axis for axis in plain if axis in carried)
            whole = self.covered(with_axes(summed, entries + kept), entries)
            value = self._scattered(whole, entries, kept, targets, axes, hint)
            placed.append(Contraction(1.0, (*apart, Operand(value, value.axes)), axes) if apart else value)
        if len(placed) == 1:
            return placed[0]
        carried = frozenset(axis for part in placed for axis in carried_axes(part))
        return total(tuple(with_axes(part, axes) for part in placed), _order(axes, tuple(carried)))

    def _apart(
        self, parts: Sequence[Array], entries: tuple[Index, ...], plain: tuple[Index, ...]
    ) -> list[tuple[tuple[Operand, ...], list[Array]]]:
        """Factors that the entries do not enter, and what they multiply."""
        groups: dict[tuple[Operand, ...], list[Array]] = {}
        for part in parts:
            apart: tuple[Operand, ...] = ()
            if isinstance(part, Contraction):
                others = [o for o in part.operands if set(o.references) & set(entries)]
                within = {r for o in others for r in o.references}
                apart = tuple(o for o in part.operands if o not in others and not within - set(entries) & set(o.references))
                bound = {r for o in apart for r in o.references} - set(plain)
                if bound or not others or within - set(entries) - set(plain):
                    apart = ()
                part = replace(part, operands=tuple(o for o in part.operands if o not in apart))
            groups.setdefault(apart, []).append(part)
        return list(groups.items())

    def _sparse_product(
        self,
        term: Term,
        entries: tuple[Index, ...],
        plain: tuple[Index, ...],
        targets: tuple[Reference, ...],
        axes: tuple[Index, ...],
    ) -> Array | None:
        """Σ over entries of data times one array read at the entries: a sparse matrix of the data times the array.

            Σ_a [item_a = i] w_a f[rater_a, y_a, k]  =  M f,   M[i, (r, y)] = Σ_a [item_a = i] [rater_a = r] [y_a = y] w_a
        """
        placed = [(axis, reference) for axis, reference in zip(axes, targets, strict=True) if reference != axis]
        if any(item.variable == STRUCTURE for item in term.atoms):
            return None
        known = [item for item in term.atoms if self._is_constant(item)]
        factor, others = self.operands([item for item in term.atoms if item not in known])
        operands = [self.data_operand(item) for item in known] + others
        touched = [o for o in operands if any(set(indices_in(r)) & set(entries) for r in o.references)]
        data = [o for o in touched[: len(known)] if o not in others]
        tables = [o for o in touched if o not in data]
        carried = {r for o in operands for reference in o.references for r in indices_in(reference)}
        references = [r for o in data for r in o.references] + [r for _, r in placed]
        simple = all(isinstance(r, Gather | Index) for r in references)
        if len(tables) != 1 or not simple or not {i for r in references for i in indices_in(r)} <= set(entries):
            return None
        if any(index not in carried and index not in plain for index in term.bound):
            return None
        (table,) = tables
        factors = tuple(self.plain(o) for o in operands if o not in touched)
        sources = [r for r in table.references if set(indices_in(r)) & set(entries)]
        rest = tuple(r for r in table.references if r not in sources)
        bound = {i for r in rest for i in indices_in(r)} - set(plain)
        if not all(isinstance(r, Gather | Index) for r in table.references) or len(set(rest)) < len(rest) or bound:
            return None
        if not isinstance(table.array, Named) or any(set(o.references) - set(plain) for o in factors):
            return None
        own = tuple(table.array.axes[place] for place, r in enumerate(table.references) if r in sources)
        order = (*own, *(table.array.axes[place] for place, r in enumerate(table.references) if r not in sources))
        listed = with_axes(table.array, order)
        matrix = self._matrix(entries, [r for _, r in placed], [a for a, _ in placed], sources, own, data)
        sizes = ", ".join(self.length(axis.size) for axis, _ in placed)
        result = (*(axis for axis, _ in placed), *_as_indices(rest))
        arguments = (matrix, listed, f"({sizes},)", *([str(len(own))] if len(own) > 1 else []))
        value = Apply("matrix_times", arguments, result)
        return Contraction(term.coefficient * factor, (*factors, Operand(value, result)), axes)

    def _is_constant(self, item: Atom) -> bool:
        """Whether data alone determine an atom."""
        if item.variable.startswith(WEIGHTS):
            return True
        if item.variable in self.derived:
            parts = [part for a in self.derived[item.variable].arguments for term in a.terms for part in term.atoms]
            return all(self._is_constant(part) for part in parts)
        symbol = self.scope.symbols.get(item.variable)
        return item.variable not in self.centred and symbol is not None and symbol.known

    def _matrix(
        self,
        entries: tuple[Index, ...],
        targets: Sequence[Reference],
        target_axes: Sequence[Index],
        sources: Sequence[Reference],
        source_axes: Sequence[Index],
        data: Sequence[Operand],
    ) -> str:
        """The sparse matrix of the data, (target, source), made once; the other way round it is turned."""
        sides = []
        for references, own in ((targets, target_axes), (sources, source_axes)):
            codes = [self.index_code(reference, entries) for reference in references]
            sizes = [self.length(axis.size) for axis in own]
            sides.append((f"({', '.join(codes)},)", f"({', '.join(sizes)},)", "_".join(_word(r) for r in references)))
        values = Contraction(1.0, tuple(self.plain(o) for o in data), entries)
        key = repr([(code, sizes) for code, sizes, _ in sides] + [[repr(o) for o in values.operands]])
        turned = repr([(code, sizes) for code, sizes, _ in sides[::-1]] + [[repr(o) for o in values.operands]])
        if turned in self.matrices and key not in self.matrices:
            made = self.body.define(f"turned {self.matrices[turned]}", f"{self.matrices[turned]}.T", ())
            self.matrices[key] = made.name
        if key not in self.matrices:
            (one, one_sizes, name), (two, two_sizes, other) = sides
            arguments = (one, one_sizes, two, two_sizes, *([self.covered(values, entries)] if data else []))
            made = self.body.define(f"{name} by {other} {len(self.matrices) or ''}", Apply("incidence", arguments, ()), ())
            self.matrices[key] = made.name
        return self.matrices[key]

    def covered(self, value: Array, axes: Sequence[Index]) -> Array:
        """The array repeated along those of `axes` that it does not carry."""
        absent = [axis for axis in axes if axis not in carried_axes(value)]
        if not absent:
            return value
        ones = tuple(Operand(Named(f"np.ones({self.length(axis.size)})", (axis,)), (axis,)) for axis in absent)
        if isinstance(value, Contraction):
            return replace(value, operands=value.operands + ones)
        return Contraction(1.0, (Operand(value, value.axes), *ones), value.axes)

    def _scattered(
        self,
        value: Array,
        entries: tuple[Index, ...],
        plain: tuple[Index, ...],
        targets: tuple[Reference, ...],
        axes: tuple[Index, ...],
        hint: str,
    ) -> Array:
        """`scatter_add(values, targets, sizes)`: (entries…, rest…) to (targets…, rest…)."""
        placed = [(axis, reference) for axis, reference in zip(axes, targets, strict=True) if reference != axis]
        if len(placed) == 1 and isinstance(placed[0][1], Shift):
            axis, reference = placed[0]
            assert isinstance(reference, Shift)
            named = self.body.define(hint, value, entries + plain)
            return with_axes(Named(f"lagged({named.name}, {-reference.lag}, 0)", (axis, *plain)), _order(axes, (axis, *plain)))
        codes = [self.index_code(reference, entries) for _, reference in placed]
        sizes = [self.length(axis.size) for axis, _ in placed]
        listed = f"({', '.join(codes)}{',' if len(codes) == 1 else ''})"
        shape = f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"
        own = tuple(axis for axis, _ in placed) + plain
        return Apply("scatter_add", (value, listed, shape), own)


def _target(references: tuple[Reference, ...]) -> tuple[object, ...]:
    """Equal for targets that differ in the names of the entries' indices only."""
    place: dict[Index, int] = {}

    def shape(reference: Reference) -> object:
        match reference:
            case Gather(table, inner):
                return (table, tuple(shape(one) for one in inner))
            case Shift(index, lag):
                return ("lag", place.setdefault(index, len(place)), lag)
            case Index():
                return place.setdefault(reference, len(place))
        return reference

    targets = [reference if isinstance(reference, Index) else None for reference in references]
    inside = {i for r in references if not isinstance(r, Index) for i in indices_in(r)}
    return tuple(
        "plain" if target is not None and target not in inside else shape(reference)
        for target, reference in zip(targets, references, strict=True)
    )


def _subscript(places: Iterable[str]) -> str:
    listed = list(places)
    while listed and listed[-1] == ":":
        listed.pop()
    return f"[{', '.join(listed)}]" if listed else ""


def _as_indices(references: Iterable[Reference]) -> tuple[Index, ...]:
    return tuple(reference for reference in references if isinstance(reference, Index))


def _order(axes: tuple[Index, ...], own: tuple[Index, ...]) -> tuple[Index, ...]:
    return tuple(axis for axis in axes if axis in own)


def with_axes(value: Array, axes: tuple[Index, ...]) -> Array:
    """The array with its axes in this order; those that it lacks broadcast."""
    match value:
        case Contraction():
            return replace(value, axes=axes)
        case Total(parts):
            return Total(tuple(with_axes(part, axes) for part in parts), axes)
    return value if value.axes == axes else Contraction(1.0, (Operand(value, value.axes),), axes)


def _size_of(reference: Reference, moments: FieldMoments) -> str:
    """The length of the plate that a reference runs over."""
    match reference:
        case Index():
            return moments.length(reference.size)
        case Gather(table, _):
            return moments.length(moments.scope.symbols[table].categories or 0)
    raise CompilerBug("a weight at a fixed row")


def _word(reference: Reference) -> str:
    """A reference in a name."""
    return reference.table if isinstance(reference, Gather) else getattr(reference, "letter", "entry")
