"""Real variables of a row given the states of their parents: a normal law for each combination."""

from __future__ import annotations

from collections.abc import Sequence

from emdsl.arrays.expressions import Named
from emdsl.arrays.programme import tuple_of
from emdsl.derive.children import ChildInference, Naturals
from emdsl.derive.coupled import Monomial
from emdsl.derive.field import FieldMoments
from emdsl.derive.log_joint import not_compiled
from emdsl.derive.setting import Setting
from emdsl.structure.elimination import Step


class GaussianChildren(ChildInference):
    """All real variables of a row as one vector: means and second moments given the states."""

    def __init__(
        self,
        step: Step,
        monomials: Sequence[Monomial],
        naturals: Naturals,
        moments: FieldMoments,
        setting: Setting,
    ) -> None:
        super().__init__(step, monomials, naturals, moments, setting)
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

    def law(self) -> Named:
        sizes = self.sizes
        shape, states = ", ".join(sizes), " * ".join(sizes[: len(self.states)])
        linear, quadratic = list[str](), list[str]()
        for monomial in self.monomials:
            natural = self.naturals.get(id(monomial))
            if natural is not None:
                slices = self._slices(monomial)
                if len(slices) > 2:
                    met = " and ".join(f"`{name}`" for name in dict.fromkeys(self._reals(monomial)))
                    raise not_compiled(
                        f"a product of more than two values of {met}", self.setting.spans.get(self.children[0])
                    )
                place = tuple_of(f"slice({one.replace(':', ', ')})" for one in slices)
                (linear if len(slices) == 1 else quadratic).append(f"({place}, {self._entries(monomial, natural)})")
        flat = (
            f"summed_parts(({shape}, {self.width}), [{', '.join(linear)}]).reshape({states}, -1, {self.width})",
            f"precision_of(summed_parts(({shape}, {self.width}, {self.width}), [{', '.join(quadratic)}])"
            f".reshape({states}, -1, {self.width}, {self.width}))",
        )
        names = tuple(f"{what} of {self.label}" for what in ("means", "seconds", "log partition"))
        call = f"gaussian_given_states({', '.join(flat)}, {self._known()})"
        self.means, self.seconds, partition = self.body.several(names, call, self.comment)
        flat_already = len(self.states) == 1 == len(self.rows)
        shaped = partition if flat_already else f"{partition}.reshape({shape})"
        return self.body.define(f"table of {self.label}", shaped, self.axes)

    def _known(self) -> str:
        parts = []
        for name in self.children:
            size = " * ".join(self._event(name)) or "1"
            known = self.moments.centred_array(name).name if name in self.moments.centred else self.moments.given(name)
            parts.append(f"({known}, {size})")
        return f"[{', '.join(parts)}]"

    def _reals(self, monomial: Monomial) -> list[str]:
        return [name for name in monomial.variables if name in self.children]

    def _slices(self, monomial: Monomial) -> list[str]:
        return [":".join(self.spans[name]) for name in self._reals(monomial)]

    def _entries(self, monomial: Monomial, natural: Named) -> str:
        """A natural parameter with an axis for the entry of each real variable."""
        part = self.part(monomial, natural, self.entries(monomial))
        named = self.body.define(f"part {self.monomials.index(monomial)} for {self.label}", part, part.axes)
        entry = [bool(self._event(name)) for name in self._reals(monomial)]
        if all(entry):
            return named.name
        return f"np.asarray({named.name})[{', '.join(('...', *(':' if one else 'None' for one in entry)))}]"

    def given_states(self, monomial: Monomial) -> Named:
        slices = self._slices(monomial)
        source = self.means if len(slices) == 1 else self.seconds
        axes = (*self.states, *monomial.rows, *self.entries(monomial))
        shape = ", ".join(self.moments.length(axis.size) for axis in axes)
        return Named(f"{source}[..., {', '.join(slices)}].reshape({shape})", axes)

    def marginal(self, name: str) -> tuple[str, str]:
        """The mean and the second moment of one child, the states of its parents summed out: (row…, entry…)."""
        span, event = ":".join(self.spans[name]), [size for size, _ in self.scope.symbols[name].event]
        found = []
        for what, source, copies in (("mean", self.means, 1), ("second moment", self.seconds, 2)):
            entries = tuple(self.moments.source.fresh(size, "d") for size in event * copies)
            axes = (*self.axes, *entries)
            shape = ", ".join(self.moments.length(axis.size) for axis in axes)
            own = Named(f"{source}[..., {', '.join([span] * copies)}].reshape({shape})", axes)
            value = self.weighted(own)
            found.append(self.body.define(f"{what} of {name}", value, value.axes).name)
        return found[0], found[1]
