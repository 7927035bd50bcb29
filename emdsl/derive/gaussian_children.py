"""Real variables of a row given the states of its discrete parent: a normal law for each state.

log partition of state k  →  a table for the parent        expectation = p(k) · expectation given k
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from emdsl.algebra.indices import Index
from emdsl.algebra.terms import HOT
from emdsl.arrays.expressions import Array, Contraction, Named, Operand, total
from emdsl.derive.coupled import Monomial
from emdsl.derive.discrete import FiniteInference
from emdsl.derive.discrete_tables import Stored
from emdsl.derive.field import FieldMoments, Moment
from emdsl.derive.log_joint import not_compiled
from emdsl.derive.loop_body import LoopBody
from emdsl.derive.network_terms import CHILDREN, BlockTerms

if TYPE_CHECKING:
    from emdsl.derive.setting import Setting


class GaussianChildren:
    """Writes the normal laws of the children of one block, before and after its states are inferred."""

    def __init__(
        self,
        one: BlockTerms,
        monomials: Sequence[Monomial],
        moments: FieldMoments,
        body: LoopBody,
        setting: Setting,
    ) -> None:
        self.moments, self.body, self.setting, self.scope = moments, body, setting, moments.scope
        self.children = one.block.children
        self.monomials = [m for m in monomials if any(name in self.children for name in m.variables)]
        if not self.children:
            return
        self.plates = self.scope.symbols[self.children[0]].plates
        assert one.children is not None
        self.table = one.children
        self.rows = self.table.rows
        (self.place,) = self.table.places
        self.state = moments.source.fresh(self.scope.symbols[self.place[0]].categories or 1, "k")
        self.spans: dict[str, tuple[str, str]] = {}
        position = "0"
        for name in self.children:
            size = " * ".join(self._event(name)) or "1"
            stop = size if position == "0" else f"{position} + {size}"
            self.spans[name] = (position, stop)
            position = stop
        self.width = position

    def _event(self, name: str) -> list[str]:
        return [self.moments.length(size) for size, _ in self.scope.symbols[name].event]

    def _own_rows(self, monomial: Monomial) -> tuple[Index, ...]:
        """The rows of the real atoms of a monomial."""
        item = next(item for item in monomial.atoms if item.variable in self.children)
        return tuple(r for r in item.references[: len(self.plates)] if isinstance(r, Index))

    # ---------------------------------------------------------------- before

    def forward(self, naturals: Mapping[int, Named | None]) -> Stored:
        """The log partition of every row and state, as a table for the parent."""
        label = " ".join(self.children)
        length = self.moments.length
        sizes = [length(self.state.size), *(length(row.size) for row in self.rows)]
        shape = ", ".join(sizes)
        linear, quadratic = list[str](), list[str]()
        for monomial in self.monomials:
            natural = naturals.get(id(monomial))
            if natural is not None:
                slices = self._slices(monomial)
                if len(slices) > 2:
                    met = " and ".join(f"`{name}`" for name in dict.fromkeys(monomial.variables))
                    raise not_compiled(
                        f"a product of three real latents, {met}", self.setting.spans.get(self.children[0])
                    )
                place = ", ".join(f"slice({one.replace(':', ', ')})" for one in slices)
                (linear if len(slices) == 1 else quadratic).append(f"(({place},), {self._part(monomial, natural)})")
        flat = (
            f"summed_parts(({shape}, {self.width}), [{', '.join(linear)}]).reshape({sizes[0]}, -1, {self.width})",
            f"precision_of(summed_parts(({shape}, {self.width}, {self.width}), [{', '.join(quadratic)}])"
            f".reshape({sizes[0]}, -1, {self.width}, {self.width}))",
        )
        names = (f"means of {label}", f"seconds of {label}", f"log partition of {label}")
        call = f"gaussian_given_states({', '.join(flat)}, {self._known()})"
        comment = f"{' and '.join(f'`{name}`' for name in self.children)} given `{self.place[0]}`"
        self.means, self.seconds, partition = self.body.several(names, call, comment)
        axes = (self.state, *self.rows)
        shaped = f"{partition}.reshape({shape})" if len(self.rows) > 1 else partition
        array = self.body.define(f"table of {label}", shaped, axes)
        return Stored(array, self.table, (self.state,))

    def _known(self) -> str:
        parts = []
        for name in self.children:
            size = " * ".join(self._event(name)) or "1"
            known = self.moments.centred_array(name).name if name in self.moments.centred else f'data.get("{name}")'
            parts.append(f"({known}, {size})")
        return f"[{', '.join(parts)}]"

    def _slices(self, monomial: Monomial) -> list[str]:
        return [":".join(self.spans[name]) for name in monomial.variables if name in self.children]

    def _part(self, monomial: Monomial, natural: Named) -> str:
        """A natural parameter with the axes (state, row…, entry…)."""
        gate = next((item for item in monomial.atoms if item.statistic == HOT), None)
        names: dict[Index, Index] = dict(zip(self._own_rows(monomial), self.rows, strict=True))
        if gate is not None:
            last = gate.references[-1]
            assert isinstance(last, Index)
            names[last] = self.state
        own = tuple(names.get(axis, axis) for axis in natural.axes)
        entries = tuple(axis for axis in monomial.axes if axis not in names)
        wanted = (*((self.state,) if gate is not None else ()), *self.rows, *entries)
        value: Array = Contraction(1.0, (Operand(natural, own),), wanted)
        whole = self.moments.covered(value, wanted) if any(len(self._event(n)) > 1 for n in self.children) else value
        label = f"part {self.monomials.index(monomial)} for {' '.join(self.children)}"
        named = self.body.define(label, whole, wanted)
        entry = [bool(self._event(name)) for name in monomial.variables if name in self.children]
        if all(entry):
            return named.name
        return f"np.asarray({named.name})[{', '.join(('...', *(':' if one else 'None' for one in entry)))}]"

    # ---------------------------------------------------------------- after

    def backward(self, finite: FiniteInference) -> None:
        """Expectations of the children's monomials: those of each state, weighted by its probability."""
        joint = next(j for j in finite.joints if any(t.source == CHILDREN for t in j.step.tables))
        table = next(t for t in joint.step.tables if t.source == CHILDREN)
        assert joint.array is not None
        states = joint.states[table.places[0]]
        wanted = (states, *table.rows)
        probability = Operand(joint.array, joint.array.axes)
        label = " ".join(self.children)
        shares = self.body.define(
            f"shares of {label}", Contraction(1.0, (probability,), wanted), (self.state, *self.rows)
        )
        length = self.moments.length
        self.shares = shares
        sizes = [length(self.state.size), *(length(row.size) for row in self.rows)]
        for number, monomial in enumerate(self.monomials):
            self._moment(monomial, shares, sizes, f"expected {' '.join(monomial.variables)} {number}")

    def marginal(self, name: str) -> tuple[str, str]:
        """The mean and the second moment of one child, the states of its parent summed out: (row…, entry…)."""
        span, event = ":".join(self.spans[name]), self._event(name)
        length = self.moments.length
        rows = [length(row.size) for row in self.rows]
        names = []
        for what, source, copies in (("mean", self.means, 1), ("second moment", self.seconds, 2)):
            entries = tuple(self.moments.source.fresh(size, "d") for size in event * copies)
            slices = ", ".join([span] * copies)
            shape = ", ".join((length(self.state.size), *rows, *event * copies))
            axes = (self.state, *self.rows, *entries)
            own = Operand(Named(f"{source}[..., {slices}].reshape({shape})", axes), axes)
            value = Contraction(1.0, (Operand(self.shares, self.shares.axes), own), axes[1:])
            names.append(self.body.define(f"{what} of {name}", value, axes[1:]).name)
        return names[0], names[1]

    def _moment(self, monomial: Monomial, shares: Named, sizes: list[str], label: str) -> None:
        slices = self._slices(monomial)
        gate = next((item for item in monomial.atoms if item.statistic == HOT), None)
        source = self.means if len(slices) == 1 else self.seconds
        entries = [
            tuple(axis for axis in item.references[len(self.plates) :] if isinstance(axis, Index))
            for item in monomial.atoms
            if item.variable in self.children
        ]
        flat = f"{source}[..., {', '.join(slices)}]"
        shape = [*sizes, *(length for group in entries for length in (self.moments.length(a.size) for a in group))]
        axes = (self.state, *self.rows, *(axis for group in entries for axis in group))
        own = Named(f"{flat}.reshape({', '.join(shape)})", axes)
        kept = (*((self.state,) if gate is not None else ()), *self.rows, *axes[1 + len(self.rows) :])
        value = Contraction(1.0, (Operand(shares, shares.axes), Operand(own, axes)), kept)
        array = self.body.define(label, total((value,), kept), kept)
        names: dict[Index, Index] = dict(zip(self.rows, self._own_rows(monomial), strict=True))
        if gate is not None:
            last = gate.references[-1]
            assert isinstance(last, Index)
            names[self.state] = last
        renamed = tuple(names.get(axis, axis) for axis in kept)
        by_rows = dict(zip(self._own_rows(monomial), monomial.rows, strict=True))
        self.moments.found[id(monomial)] = Moment(Named(array.name, tuple(by_rows.get(a, a) for a in renamed)))
