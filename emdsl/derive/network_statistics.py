"""The statistics of a network: Σ E[latents] · data, which is what the M-step sees of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

from emdsl.algebra.indices import Fixed, Index, Reference, Shift, indices_in, substitute
from emdsl.algebra.plain import product_text
from emdsl.algebra.symbols import WEIGHTS, is_first_row
from emdsl.algebra.terms import Term
from emdsl.arrays.body import Assign
from emdsl.arrays.expressions import Apply, Array, Named
from emdsl.arrays.programme import tuple_of
from emdsl.derive.coupled import CoupledStatistic, Monomial, Occurrence
from emdsl.derive.discrete import FiniteInference
from emdsl.derive.field import FieldMoments, with_axes
from emdsl.derive.loop_body import LoopBody
from emdsl.derive.network_terms import BlockTerms, NetworkTerms
from emdsl.derive.row_evidence import RowEvidence
from emdsl.derive.setting import Setting
from emdsl.derive.shares import SeparableShares, separable_shares
from emdsl.errors import CompilerBug


class StatisticWriter:
    """Writes the statistics of a network."""

    terms: NetworkTerms
    setting: Setting
    body: LoopBody
    moments: FieldMoments
    finite: list[FiniteInference]
    formed: Mapping[int, RowEvidence]
    single: bool
    absorbed: frozenset[str]

    def _statistics(self) -> list[str]:
        """Σ E[latents] · data, each under its name."""
        listed = []
        for statistic in self._needed():
            axes = self._named_axes(statistic.axes)
            value = self._expectation(statistic, axes)
            if value is None:
                value = self._of_entries(statistic, axes)
            identifier = self.setting.names.of(f"statistic {statistic.name}")
            if value is None:
                raise CompilerBug(f"the statistic {statistic.name} has no terms")
            whole = self.moments.covered(with_axes(value, axes), axes)
            self.body.statements.append(
                Assign(identifier, whole, f"{statistic.name} = Σ E[{product_text(statistic.term.atoms)}]")
            )
            listed.append(f'"{statistic.name}": {identifier}')
        return listed

    def _of_entries(self, statistic: CoupledStatistic, axes: tuple[Index, ...]) -> Array | None:
        """A statistic put together of what the entries give that are inferred by themselves, where there are any."""
        groups: dict[tuple[Reference, ...], list[tuple[Term, tuple[Reference, ...]]]] = {}
        entry = [
            any(isinstance(references[place], Fixed) for _, references in statistic.parts) for place in range(len(axes))
        ]
        for term, references in statistic.parts:
            chosen = tuple(reference for reference, own in zip(references, entry, strict=True) if own)
            rest = tuple(reference for reference, own in zip(references, entry, strict=True) if not own)
            groups.setdefault(chosen, []).append((self._of_sums(term), rest))
        outer = tuple(axis for axis, own in zip(axes, entry, strict=True) if own)
        inner = tuple(axis for axis, own in zip(axes, entry, strict=True) if not own)
        found = {chosen: self.moments.placed(parts, inner, statistic.name) for chosen, parts in groups.items()}
        if not outer:
            return found[()]
        arrays: list[Array] = []
        numbers = self.setting.scope.numbers
        sizes = [int(numbers[axis.size]) if isinstance(axis.size, str) else axis.size for axis in outer]
        for positions in product(*(range(size) for size in sizes)):
            value = found.get(tuple(Fixed(position) for position in positions))
            arrays.append(Named("0.0") if value is None else self.moments.covered(with_axes(value, inner), inner))
        shape = tuple_of(self.moments.length(axis.size) for axis in outer)
        return Apply("of_entries", (shape, *arrays), (*outer, *inner))

    def _needed(self) -> list[CoupledStatistic]:
        """The statistics that parameters are updated from or the bound is computed from."""
        names = {statistic.name for statistic in self.terms.statistics}
        found = []
        for statistic in self.terms.statistics:
            terms = [term for term in self.terms.collapsed if statistic.name in term.variables()]
            if any(term.variables() - names for term in terms) or not statistic.term.variables() & self.absorbed:
                found.append(statistic)
        return found

    def _summed(self, one: BlockTerms) -> frozenset[int]:
        """The pairs, by identity, of which no more is asked than sums over their rows, with weights of the rows."""
        if not self.single or len(self.terms.blocks) > 1:
            return frozenset()
        asked: dict[int, bool] = {}
        for statistic in self._needed():
            found = one.monomials.occurrence(statistic.term)
            if found is not None:
                references = found.references[: len(found.monomial.rows)]
                lagged = any(isinstance(r, Shift) for item in found.monomial.atoms for r in item.references)
                plain = all(isinstance(row, Index if lagged else (Index, Shift)) for row in references)
                rows = {index for row in references for index in indices_in(row)}
                summed = plain and not rows & set(statistic.axes) and all(i.indices <= rows for i in found.rest.atoms)
                asked[id(found.monomial)] = asked.get(id(found.monomial), True) and summed
        pairs = [monomial for monomial, _ in one.monomials.listed() if len(monomial.atoms) == 2]
        return frozenset(id(monomial) for monomial in pairs if asked.get(id(monomial), True))

    def _named_axes(self, axes: tuple[Index, ...]) -> tuple[Index, ...]:
        if axes not in self._axes:
            self._axes[axes] = tuple(self.moments.source.copy_of(axis) for axis in axes)
        return self._axes[axes]

    @property
    def _axes(self) -> dict[tuple[Index, ...], tuple[Index, ...]]:
        return self.__dict__.setdefault("_axes_by_key", {})  # type: ignore[no-any-return]

    def _of_sums(self, term: Term) -> Term:
        """Where a chain gives the sum over its rows, the mask and the weights of the rows are in it already."""
        for one in self.terms.blocks:
            if one.block.kind == "conjugate" or one.block.coupled:
                continue
            occurrence = one.monomials.occurrence(term)
            if occurrence is None:
                continue
            moment = self.moments.found.get(id(occurrence.monomial))
            if moment is None or moment.rows:
                continue
            masks = {*occurrence.rest.atoms} - {*occurrence.without_masks(self.setting.derived).atoms}
            own = occurrence.references[: len(occurrence.monomial.rows)]
            rows = {index for reference in own for index in indices_in(reference)}
            atoms = tuple(
                item
                for item in term.atoms
                if item not in masks and not (item.variable.startswith(WEIGHTS) and item.indices <= rows)
            )
            return Term(term.coefficient, atoms, tuple(index for index in term.bound if index not in rows))
        return term

    # ---------------------------------------------------------------- statistics that are given as sums

    def _separable(self, one: BlockTerms, monomial: Monomial, summands: Sequence[Array]) -> SeparableShares | None:
        """The shares of a choice among products, where its log weights separate and sums are all that is asked."""
        if not self.single or len(self.terms.blocks) > 1 or len(one.monomials.listed()) > 1:
            return None
        if not all(self.setting.scope.is_choice(name) for name in monomial.variables):
            return None
        found = [(one.monomials.occurrence(statistic.term), statistic.axes) for statistic in self._needed()]
        asked = [(occurrence, axes) for occurrence, axes in found if occurrence is not None]
        comment = f"coefficient of {product_text(monomial.atoms)}"
        return separable_shares(summands, monomial, asked, self.moments, comment)

    def _is_expected(self, one: BlockTerms, evidence: RowEvidence) -> bool:
        """Whether every statistic of a chain is a derivative by a part of its evidence, or about first rows."""
        if self.terms.network.by_entry:
            return False
        for statistic in self._needed():
            occurrence = one.monomials.occurrence(statistic.term)
            if occurrence is None or occurrence.monomial is not evidence.monomial:
                continue
            time = occurrence.references[len(evidence.monomial.rows) - 1]
            first = is_first_row(time)
            axes = self._named_axes(statistic.axes)
            if not first and self._from_parts(evidence, occurrence, statistic, axes, "") is None:
                return False
        return True

    def _expectation(self, statistic: CoupledStatistic, axes: tuple[Index, ...]) -> Array | None:
        """A statistic that is a sum of separable shares, or a derivative by a part of a chain's evidence."""
        name = next((one.expectations for one in self.finite if one.expectations), None)
        for one in self.terms.blocks:
            occurrence = one.monomials.occurrence(statistic.term) if one.block.kind == "finite" else None
            if occurrence is None:
                continue
            key = id(occurrence.monomial)
            shares = next((finite.stored[key].separable for finite in self.finite if key in finite.stored), None)
            if shares is not None:
                return shares.summed(occurrence, dict(zip(statistic.axes, axes, strict=True)), self.moments)
            evidence = self.formed.get(key)
            if evidence is not None and name is not None:
                return self._from_parts(evidence, occurrence, statistic, axes, name)
        return None

    def _from_parts(
        self,
        evidence: RowEvidence,
        occurrence: Occurrence,
        statistic: CoupledStatistic,
        axes: tuple[Index, ...],
        name: str,
    ) -> Array | None:
        rest, names = self.setting.of_one_copy(occurrence), dict(zip(statistic.axes, axes, strict=True))
        rows = {index for r in occurrence.references[: len(evidence.monomial.rows)] for index in indices_in(r)}
        bound = tuple(index for index in rest.bound if index not in rows and index != occurrence.references[-1])
        atoms = tuple(item.substitute(dict(names)) for item in rest.atoms)
        references = tuple(substitute(reference, dict(names)) for reference in occurrence.references)
        return evidence.expectation(Term(rest.coefficient, atoms, bound), references, axes, self.moments, name)
