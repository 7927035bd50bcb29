"""Real variables whose rows meet, given the states of their parents: a joint normal law for each row of these.

The variables stand once for every combination of states, as if these were plates of theirs: one Gaussian system, whose
log partition is asked for row by row of the parents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emdsl.algebra.indices import Index, Reference, indices_in, substitute
from emdsl.arrays.algebra import carried_axes
from emdsl.arrays.expressions import Array, Contraction, Named, Operand, total
from emdsl.arrays.programme import tuple_of
from emdsl.derive.children import ChildInference, Naturals
from emdsl.derive.coupled import Monomial
from emdsl.derive.field import FieldMoments, with_axes
from emdsl.derive.gaussian_block import GaussianInference
from emdsl.derive.setting import Setting
from emdsl.structure.children import Member
from emdsl.structure.elimination import Step
from emdsl.structure.networks import NetworkBlock


class JointChildren(ChildInference):
    """Monomials of the reals alone, with the states as rows before their own; several with states stand for one."""

    def __init__(
        self,
        step: Step,
        monomials: Sequence[Monomial],
        naturals: Naturals,
        moments: FieldMoments,
        setting: Setting,
    ) -> None:
        super().__init__(step, monomials, naturals, moments, setting)
        assert step.children is not None
        self.members: dict[str, Member] = {one.variable: one for one in step.children.members}
        self.alone: dict[object, Monomial] = {}
        self.terms: dict[object, list[tuple[Monomial, Monomial]]] = {}
        for monomial in self.monomials:
            own = self._alone(monomial)
            key = form_of(own)
            self.alone.setdefault(key, own)
            self.terms.setdefault(key, []).append((monomial, own))

    def _alone(self, monomial: Monomial) -> Monomial:
        """The reals of a monomial, the states first among their plates."""
        reals = [item for item in monomial.atoms if item.variable in self.children]
        plates = {item.variable: len(self.scope.symbols[item.variable].plates) for item in reals}
        places = [reference for item in reals for reference in item.references[: plates[item.variable]]]
        rows = tuple(dict.fromkeys(index for place in places for index in indices_in(place)))
        atoms = tuple(replace(item, references=(*self.states, *item.references)) for item in reals)
        return Monomial(monomial.block, atoms, (*self.states, *rows), self.entries(monomial))

    def law(self) -> Named:
        naturals: dict[int, Named | None] = {}
        for number, (key, terms) in enumerate(self.terms.items()):
            whole = self.alone[key]
            parts: list[Array] = []
            for monomial, own in terms:
                natural = self.naturals.get(id(monomial))
                if natural is not None:
                    names: dict[Index, Index] = {
                        **self._gates(monomial),
                        **dict(zip(own.rows, whole.rows, strict=True)),
                    }
                    names |= dict(zip(own.axes, whole.axes, strict=True))
                    axes = tuple(names.get(axis, axis) for axis in natural.axes)
                    parts.append(with_axes(Named(natural.name, axes), whole.all_axes))
            if parts:
                value = total(tuple(parts), whole.all_axes)
                kept = whole.all_axes if carried_axes(value) & set(whole.rows) else whole.axes
                value = self.moments.covered(with_axes(value, kept), kept)
                naturals[id(whole)] = self.body.define(f"natural {number} of {self.label} given states", value, kept)
        symbols = dict(self.scope.symbols)
        states = tuple((state.size, state.letter) for state in self.states)
        for name in self.children:
            symbols[name] = replace(symbols[name], plates=states + symbols[name].plates)
        block, scope = NetworkBlock("gaussian", self.children), replace(self.scope, symbols=symbols)
        known = self.setting.starts, None, self.setting.spans
        inference = GaussianInference(block, list(self.alone.values()), self.moments, self.body, *known, scope)
        listed = ", ".join(self._laws_of(self.members[name]) for name in self.children)
        partition = inference.write(naturals, f"[{listed}], {' * '.join(self.sizes) or '1'}")
        return self.body.define(f"table of {self.label}", f"{partition}.reshape({', '.join(self.sizes)})", self.axes)

    def _laws_of(self, member: Member) -> str:
        """For every combination of states and row of a variable, the number of its law."""
        entries = (*self.states, *member.rows)
        codes = tuple_of(self.moments.index_code(reference, entries) for reference in (*self.states, *member.law))
        shape = tuple_of(self.moments.length(axis.size) for axis in entries)
        return f"flat_rows({codes}, {tuple_of(self.sizes)}, {shape})"

    def shares_at(self, monomial: Monomial) -> Operand:
        item = next(item for item in monomial.atoms if item.variable in self.children)
        row = item.references[: len(self.scope.symbols[item.variable].plates)]
        references: tuple[Reference, ...] = self.members[item.variable].at(row)
        return self.moments.plain(Operand(self.shares, (*self.states, *references)))

    def given_states(self, monomial: Monomial) -> Named:
        key, own = next((key, own) for key, terms in self.terms.items() for one, own in terms if one is monomial)
        whole = self.alone[key]
        array = self.moments.found[id(whole)].array
        names = dict(zip(whole.all_axes, own.all_axes, strict=True))
        found = Named(array.name, tuple(names[axis] for axis in array.axes))
        wanted = (*self.states, *monomial.rows, *own.axes)
        if found.axes == wanted:
            return found
        return self.body.define(self.body.unused(f"turned {array.name}"), with_axes(found, wanted), wanted)

    def marginal(self, name: str) -> tuple[str, str]:
        """The mean and the second moment of one variable, the states of its parents summed out: (row…, entry…)."""
        symbol, member, place = self.scope.symbols[name], self.members[name], self.children.index(name)
        shares = self.moments.plain(Operand(self.shares, (*self.states, *member.law)))
        means, spreads = (self.body.names.of(f"{what} of {self.label}") for what in ("means", "covariances"))
        second = f"{spreads}[{place}] + {means}[{place}][:, :, None] * {means}[{place}][:, None, :]"
        found = []
        for what, source, copies in (("mean", f"{means}[{place}]", 1), ("second moment", f"({second})", 2)):
            entries = tuple(self.moments.source.fresh(size, "d") for size, _ in symbol.event * copies)
            axes = (*self.states, *member.rows, *entries)
            shape = ", ".join(self.moments.length(axis.size) for axis in axes)
            own = Operand(Named(f"{source}.reshape({shape})", axes), axes)
            value = Contraction(1.0, (shares, own), axes[len(self.states) :])
            found.append(self.body.define(f"{what} of {name}", value, value.axes).name)
        return found[0], found[1]


def form_of(monomial: Monomial) -> object:
    """Equal where monomials differ in the names of their axes only."""
    names = {axis: Index(-place - 1, axis.size, axis.letter) for place, axis in enumerate(monomial.all_axes)}
    return tuple(
        (item.variable, item.statistic, tuple(substitute(reference, names) for reference in item.references))
        for item in monomial.atoms
    )
