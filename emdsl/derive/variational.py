"""Moments under q: expectations of statistics of parameters that have a posterior.

    E[μ_j μ_j'] = m_j m_j' + C_jj'
    E[Λ_de μ_dj μ_ej'] = E[Λ_de] m_dj m_ej' + δ_de (P⁻¹)_jj'          q(μ | Λ) = N(m, (Λ ⊗ P)⁻¹)

Statistics of different blocks are independent under q, so that the expectation of a product is the product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from emdsl.algebra.indices import Index
from emdsl.algebra.terms import DELTA, STRUCTURE, Atom
from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Operand, Total
from emdsl.derive.conjugate_laws import expected_statistic
from emdsl.derive.point import PointMoments
from emdsl.derive.posteriors import PosteriorForm
from emdsl.errors import CompilerBug


class VariationalMoments(PointMoments):
    """Operands for a function body in which posteriors stand under the names of their parameters."""

    def __init__(self, *arguments: Any, forms: Mapping[str, PosteriorForm]) -> None:
        super().__init__(*arguments)
        self.forms = forms
        self.plugged: frozenset[str] = frozenset()
        """Gaussians whose products are taken at the mean: while their spread is updated with them integrated out."""

    def operands(self, atoms: Sequence[Atom]) -> tuple[float, list[Operand]]:
        remaining = list(atoms)
        result: list[Operand] = []
        for name in dict.fromkeys(item.variable for item in atoms):
            form = self.forms.get(name)
            own = [item for item in remaining if item.variable == name]
            if form is None or form.kernel != "Gaussian" or len(own) < 2 or name in self.plugged:
                continue
            if len(own) > 2:
                raise CompilerBug(f"a moment of `{name}` beyond the second")
            spreads = [item for item in remaining if form.scale is not None and item.variable == form.scale]
            if spreads:
                result.append(self._scaled_second(form, own, spreads[0]))
                remaining.remove(spreads[0])
            else:
                result.append(self._second(form, own))
            for item in own:
                remaining.remove(item)
        return 1.0, result + [Operand(self.moment(item), item.references) for item in remaining]

    # ---------------------------------------------------------------- parameters of q

    def parameter(self, form: PosteriorForm, name: str) -> Named:
        """One parameter of a posterior, with its axes."""
        known = self.body.known(form.key(name))
        if known is not None:
            return known
        return self.body.assume(form.key(name), self.parameter_axes(form, name))

    def parameter_axes(self, form: PosteriorForm, name: str) -> tuple[Index, ...]:
        symbol = self.scope.symbols[form.variable]
        axes = tuple(self.source.fresh(size, letter) for size, letter in symbol.axes)
        if name == "df":
            return axes[: len(symbol.plates)]
        if name == "precision":
            joint = tuple(axes[place] for place in form.joint)
            plates = tuple(a for place, a in enumerate(axes) if place not in (*form.joint, form.scale_axis))
            return plates + joint + tuple(self.source.copy_of(axis) for axis in joint)
        return axes

    def value(self, name: str) -> Named:
        form = self.forms.get(name)
        if form is None:
            return super().value(name)
        if form.kernel != "Gaussian":
            raise CompilerBug(f"the value of `{name}`, which has a posterior")
        return self.parameter(form, "mean")

    def moment(self, item: Atom) -> Array:
        form = self.forms.get(item.variable)
        if form is None:
            return super().moment(item)
        return self._first(form, item) if form.kernel == "Gaussian" else self._of_conjugate(form, item)

    # ---------------------------------------------------------------- Gaussian

    def _first(self, form: PosteriorForm, item: Atom) -> Named:
        mean = self.parameter(form, "mean")
        if item.statistic.kind == "power" and item.statistic.exponent == 1.0:
            return mean
        if item.statistic.kind != "offset":
            raise CompilerBug(f"no moment for the statistic {item.statistic.kind} of `{form.variable}`")
        reference = PointMoments.value(self, f"reference {form.variable}")
        offset = Apply("-", (mean, Named(reference.name, mean.axes)), mean.axes)
        return self.body.define(f"offset_{form.variable}", offset, mean.axes, depends=(form.key("mean"),))

    def _covariance(self, form: PosteriorForm) -> Named:
        """P⁻¹, with the axes of the precision."""
        precision = self.parameter(form, "precision")
        joint = form.joint
        if not joint:
            value: Array = Apply("/", (1.0, precision), precision.axes)
        elif len(joint) == 1:
            value = Apply("inverse", (precision,), precision.axes)
        else:
            value = Apply("inverse_over", (precision, str(len(joint))), precision.axes)
        quantity = f"covariance_{form.variable}"
        return self.body.define(quantity, value, precision.axes, depends=(form.key("precision"),))

    def _agreeing(self, form: PosteriorForm, own: Sequence[Atom]) -> None:
        one, two = (item.references for item in own)
        for place, (left, right) in enumerate(zip(one, two, strict=True)):
            if place not in form.joint and place != form.scale_axis and left != right:
                raise CompilerBug(f"`{form.variable}` meets itself at two values of a plate")

    def _second(self, form: PosteriorForm, own: Sequence[Atom]) -> Operand:
        """E[v v'] as one array: the product of the means plus the covariance."""
        self._agreeing(form, own)
        one, two = (self._first(form, item) for item in own)
        covariance = self._covariance(form)
        axes = one.axes + tuple(self.source.copy_of(one.axes[place]) for place in form.joint)
        second = self._at(one.axes, axes, form.joint, len(one.axes))
        product = Contraction(1.0, (Operand(one, one.axes), Operand(two, second)), axes)
        spread = Contraction(1.0, (Operand(covariance, self._precision_order(form, one.axes, second)),), axes)
        kind = own[0].statistic.kind
        name = f"second_{'offset_' if kind == 'offset' else ''}{form.variable}"
        depends = (form.key("mean"), form.key("precision"))
        array = self.body.define(name, Total((product, spread), axes), axes, depends=depends)
        references = own[0].references + tuple(own[1].references[place] for place in form.joint)
        return Operand(array, references)

    def _precision_order(
        self, form: PosteriorForm, first: tuple[Index, ...], second: tuple[Index, ...]
    ) -> tuple[Index, ...]:
        """Plates, joint axes of the first factor, joint axes of the second: as a precision is kept."""
        plates = tuple(a for place, a in enumerate(first) if place not in (*form.joint, form.scale_axis))
        return plates + tuple(first[p] for p in form.joint) + tuple(second[p] for p in form.joint)

    def _at(
        self, axes: tuple[Index, ...], extended: tuple[Index, ...], joint: Sequence[int], first_new: int
    ) -> tuple[Index, ...]:
        """The axes of the second factor: the joint ones replaced by their copies at the end."""
        replaced = dict(zip(joint, extended[first_new:], strict=True))
        return tuple(replaced.get(place, axis) for place, axis in enumerate(axes))

    def _scaled_second(self, form: PosteriorForm, own: Sequence[Atom], spread: Atom) -> Operand:
        """E[s v v'] under q(v | s) q(s): the spread's own variance of v contributes P⁻¹, whatever s is."""
        self._agreeing(form, own)
        mean = self._first(form, own[0])
        relative = self._covariance(form)
        expected = self.moment(spread)
        places = [*form.joint, *([form.scale_axis] if form.scale_axis is not None else [])]
        places = sorted(dict.fromkeys(places))
        axes = mean.axes + tuple(self.source.copy_of(mean.axes[place]) for place in places)
        second = self._at(mean.axes, axes, places, len(mean.axes))
        where = {reference: axis for axis, reference in zip(mean.axes, own[0].references, strict=True)}
        where |= {
            reference: axis for axis, reference in zip(second, own[1].references, strict=True) if reference not in where
        }
        scale_references = tuple(where[reference] for reference in spread.references)
        product = Contraction(
            1.0, (Operand(expected, scale_references), Operand(mean, mean.axes), Operand(mean, second)), axes
        )
        operands = [Operand(relative, self._precision_order(form, mean.axes, second))]
        if form.scale_axis is not None:
            both = (mean.axes[form.scale_axis], second[form.scale_axis])
            operands.append(self.structural(Atom(STRUCTURE, DELTA, both)))
        variance = Contraction(1.0, tuple(operands), axes)
        name = f"second_{form.variable}_{form.scale}"
        assert form.scale is not None
        depends = [form.key("mean"), form.key("precision"), *self._keys(form.scale)]
        array = self.body.define(name, Total((product, variance), axes), axes, depends=depends)
        references = own[0].references + tuple(own[1].references[place] for place in places)
        return Operand(array, references)

    def _keys(self, name: str) -> tuple[str, ...]:
        form = self.forms[name]
        return tuple(form.key(key) for key in form.keys)

    # ---------------------------------------------------------------- the other kernels

    def _of_conjugate(self, form: PosteriorForm, item: Atom) -> Named:
        label, value = expected_statistic(form, {key: self.parameter(form, key) for key in form.keys}, item.statistic)
        return self.body.define(
            f"expected_{label}_{form.variable}", value, value.axes, depends=self._keys(form.variable)
        )
