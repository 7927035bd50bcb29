"""Sums over entries onto their targets, on top of the reads of a network.

Σ_i [doc_i = d] r_ik              an index array as the target of a sum is a scatter-add
Σ_a [item_a = i] f[rater_a, k]    data alone beside one array: a sparse matrix times the array, made once
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emdsl.algebra.deltas import resolve_deltas
from emdsl.algebra.indices import Gather, Index, Reference, Shift, indices_in, substitute
from emdsl.algebra.symbols import WEIGHTS
from emdsl.algebra.terms import DELTA, STRUCTURE, Atom, Polynomial, Term, like_terms
from emdsl.arrays.algebra import carried_axes
from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Operand, Total, lagged, total
from emdsl.arrays.programme import tuple_of
from emdsl.derive.copies import Copies
from emdsl.derive.declared_order import inwards
from emdsl.derive.given_values import expected_or_given
from emdsl.derive.posteriors import PosteriorForm
from emdsl.derive.reads import Moment as Moment
from emdsl.derive.reads import Reads, as_indices


class FieldMoments(Reads):
    """Operands for expectations over networks, and sums of them onto targets."""

    def _of_conjugate(self, form: PosteriorForm, item: Atom) -> Named:
        found = super()._of_conjugate(form, item)
        value = expected_or_given(found, form.variable, item.statistic, self)
        if value == found:
            return found
        label = f"{item.statistic.kind} {item.statistic.exponent:g} of {form.variable} or given"
        return self.body.define(label, value, found.axes, depends=self._keys(form.variable))

    def given(self, name: str) -> str:
        """The given values of a latent, about its origin; None where there are none."""
        values, origin = inwards(f'data.get("{name}")', self.scope.symbols[name]), self.origin_of(name)
        return values if origin is None else f"about({values}, {origin.name})"

    def placed(
        self, parts: Sequence[tuple[Term, tuple[Reference, ...]]], axes: tuple[Index, ...], hint: str
    ) -> Array | None:
        """Σ over terms, with what stands for each of `axes` in each term: indices are renamed, others are targets.

        Axes that no term carries are left out of the result's axes.
        """
        groups: dict[tuple[object, ...], list[tuple[Term, tuple[Reference, ...]]]] = {}
        for term, references in parts:
            term, references = self._towards(term, references, axes)
            groups.setdefault(_target(references), []).append((term, references))
        found = [self._placed_group(members, axes, hint) for members in groups.values()]
        direct = [part for part in found if part is not None]
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
            elif not any(indices_in(reference)):  # one entry: a number, or what an index array says at one, y[0]
                extra.append(Atom(STRUCTURE, DELTA, (axis, reference)))
                result.append(axis)
            else:
                result.append(reference)
        bound = tuple(index for index in term.bound if index not in renaming)
        moved = replace(term, bound=bound).substitute(renaming)
        return replace(moved, atoms=(*moved.atoms, *extra)), tuple(result)

    def _placed_group(
        self, members: Sequence[tuple[Term, tuple[Reference, ...]]], axes: tuple[Index, ...], hint: str
    ) -> Array | None:
        """Terms with the same targets: summed where they stand, then moved to their targets at once.

        None where they cancel: what is left of the others has the axes that it carries.
        """
        targets = members[0][1]
        entries = tuple(
            dict.fromkeys(i for reference in targets if not isinstance(reference, Index) for i in indices_in(reference))
        )
        plain = tuple(axis for axis, reference in zip(axes, targets, strict=True) if reference == axis)
        if not entries:
            simple: list[Term] = []
            for term, _ in members:
                simple += resolve_deltas(Polynomial((term,), axes), rows=self._met(term)).terms
            parts = [self._contracted(one, axes) for one in like_terms(simple)]
            return total(tuple(parts), axes) if parts else None
        closed: list[Term] = []
        for term, references in members:
            own = tuple(dict.fromkeys(i for r in references if not isinstance(r, Index) for i in indices_in(r)))
            renamed = term.substitute(dict(zip(own, entries, strict=True)))
            bound = tuple(index for index in renamed.bound if index not in entries)
            one = Polynomial((replace(renamed, bound=bound),), entries + plain)
            closed += resolve_deltas(one, rows=self._met(renamed)).terms
        placed: list[Array] = []
        rest: list[Array] = []
        for term in like_terms(closed):
            product = self._sparse_product(term, entries, plain, targets, axes)
            if product is not None:
                placed.append(product)
            else:
                rest.append(self._contracted(term, entries + plain))
        for apart, inside in self._apart(rest, entries, plain):
            summed = total(tuple(inside), entries + plain)
            carried = carried_axes(summed)
            kept = tuple(axis for axis in plain if axis in carried)
            whole = self.covered(with_axes(summed, entries + kept), entries)
            value = self._scattered(whole, entries, kept, targets, axes, hint)
            placed.append(Contraction(1.0, (*apart, Operand(value, value.axes)), axes) if apart else value)
        if len(placed) < 2:
            return placed[0] if placed else None
        carried = frozenset(axis for part in placed for axis in carried_axes(part))
        return total(tuple(with_axes(part, axes) for part in placed), _order(axes, tuple(carried)))

    def _met(self, term: Term) -> frozenset[Index]:
        """The rows at which variables of one block meet: they have moments together over all their rows only."""
        found: set[Index] = set()
        for block in self.blocks:
            own = [item for item in term.atoms if item.variable in block.block.all]
            found |= {index for item in own for index in item.indices if len(own) > 1}
        return frozenset(found)

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
                apart = tuple(o for o in part.operands if o not in others)
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

        Σ_a [item_a = i] w_a f[rater_a, y_a, k] = M f      M[i, (r, y)] = Σ_a [item_a = i, rater_a = r, y_a = y] w_a
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
        if not {i for r in sources for i in indices_in(r)} <= set(entries):
            return None
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
        shape = tuple_of(self.length(axis.size) for axis, _ in placed)
        result = (*(axis for axis, _ in placed), *as_indices(rest))
        arguments = (matrix, listed, shape, *([str(len(own))] if len(own) > 1 else []))
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
            codes = tuple_of(self.index_code(reference, entries) for reference in references)
            shape = tuple_of(self.length(axis.size) for axis in own)
            sides.append((codes, shape, "_".join(_word(r) for r in references)))
        values = Contraction(1.0, tuple(self.plain(o) for o in data), entries)
        key = repr([(code, sizes) for code, sizes, _ in sides] + [[repr(o) for o in values.operands]])
        turned = repr([(code, sizes) for code, sizes, _ in sides[::-1]] + [[repr(o) for o in values.operands]])
        if turned in self.matrices and key not in self.matrices:
            made = self.body.define(f"turned {self.matrices[turned]}", f"{self.matrices[turned]}.T", ())
            self.matrices[key] = made.name
        if key not in self.matrices:
            (one, one_sizes, name), (two, two_sizes, other) = sides
            arguments = (one, one_sizes, two, two_sizes, *([self.covered(values, entries)] if data else []))
            label = f"{name} by {other} {len(self.matrices) or ''}"
            made = self.body.define(label, Apply("incidence", arguments, ()), ())
            self.matrices[key] = made.name
        return self.matrices[key]

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
            read = self._read_earlier(value, reference, axis, _order(axes, (axis, *plain)))
            if read is not None:
                return read
            named = self.body.define(self.body.unused(hint), value, entries + plain)
            moved = lagged(Named(named.name, (axis, *plain)), -reference.lag, 0)
            return with_axes(moved, _order(axes, (axis, *plain)))
        listed = tuple_of(self.index_code(reference, entries) for _, reference in placed)
        shape = tuple_of(self.length(axis.size) for axis, _ in placed)
        own = tuple(axis for axis, _ in placed) + plain
        return Apply("scatter_add", (value, listed, shape), own)

    def _read_earlier(self, value: Array, target: Shift, axis: Index, axes: tuple[Index, ...]) -> Array | None:
        """What one operand tells of the rows, read at other rows: (a ⊗ C) moved is (a moved) ⊗ C, and a is shorter."""
        if not isinstance(value, Contraction) or value.counted:
            return None
        telling = [o for o in value.operands if any(target.index in indices_in(r) for r in o.references)]
        if len(telling) != 1 or len(telling[0].references) >= len(axes) or target.index not in telling[0].references:
            return None
        at = {target.index: Shift(axis, -target.lag)}
        moved = replace(telling[0], references=tuple(substitute(r, at) for r in telling[0].references))
        operands = tuple(self.plain(moved) if one is telling[0] else one for one in value.operands)
        return replace(value, operands=operands, axes=axes)


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


def places_of(name: str, moments: FieldMoments, copies: Copies) -> str | None:
    """The rows with weights that entries of a variable lie in, and its shape, as text; None where there are none."""
    rows = tuple(moments.source.fresh(size, letter) for size, letter in moments.scope.symbols[name].plates)
    listed = [
        f'("{item.variable.removeprefix(WEIGHTS)}", {moments.index_code(item.references[0], rows)})'
        for item in copies.at(name, rows)
    ]
    return f"[{', '.join(listed)}], {tuple_of(moments.length(row.size) for row in rows)}" if listed else None


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


def _word(reference: Reference) -> str:
    """A reference in a name."""
    return reference.table if isinstance(reference, Gather) else getattr(reference, "letter", "entry")
