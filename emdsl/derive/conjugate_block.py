"""Positive, unit, simplex and matrix latents: each entry its own conjugate law.

q(u) ∝ exp (Σ natural · statistic)        Gamma, Beta, Dirichlet, Wishart
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from emdsl.algebra.indices import Index
from emdsl.arrays.expressions import Apply, Array, Contraction, Operand
from emdsl.arrays.programme import tuple_of
from emdsl.derive.cavi import entropy_of
from emdsl.derive.estimates import mean_of, posterior_entry, variance_of
from emdsl.derive.field import FieldMoments, places_of, with_axes
from emdsl.derive.given_values import counts_of_missing, posterior_or_given
from emdsl.derive.log_joint import not_compiled
from emdsl.derive.loop_body import LoopBody
from emdsl.derive.network_terms import BlockTerms
from emdsl.kernels.kernel import Kinds, Naturals
from emdsl.kernels.registry import match_law

if TYPE_CHECKING:
    from emdsl.derive.setting import Setting


class ConjugateInference:
    """Writes the update of one conjugate variable and what follows from its posterior."""

    def __init__(self, one: BlockTerms, moments: FieldMoments, setting: Setting, body: LoopBody) -> None:
        self.one, self.moments, self.setting, self.body = one, moments, setting, body
        (self.name,) = one.block.variables
        self.symbol = setting.scope.symbols[self.name]
        self.form = moments.forms[self.name]

    def initial(self) -> list[tuple[str, str]]:
        """(identifier, value) of the posterior's parameters before the first update: wide, unequal on purpose."""
        result = []
        for key in self.form.keys:
            axes = self.moments.parameter_axes(self.form, key)
            shape = tuple_of(self.moments.length(axis.size) for axis in axes)
            identifier = self.moments.parameter(self.form, key).name
            if self.form.kernel == "Wishart":
                width = self.moments.length(self.symbol.axes[-1][0])
                value = (
                    f"np.full({shape}, {width} + 2.0)"
                    if key == "df"
                    else f"np.zeros({shape}) + np.eye({width}) / {width}"
                )
            else:
                value = f"rng.uniform(2.5, 3.5, {shape})"
            result.append((identifier, value))
        return result

    def write(self) -> None:
        """The posterior's parameters anew."""
        parts: dict[Kinds, Array] = {}
        axes = tuple(self.moments.source.fresh(size, letter) for size, letter in self.symbol.axes)
        for monomial, occurrences in self.one.monomials.listed():
            kinds = tuple((item.statistic.kind, item.statistic.exponent) for item in monomial.atoms)
            if len(monomial.atoms) != 1:
                raise not_compiled(f"`{self.name}` is multiplied with itself", self.setting.spans.get(self.name))
            own = axes[: len(monomial.all_axes)]
            terms = [(self.setting.of_one_copy(occurrence), occurrence.references) for occurrence in occurrences]
            terms = [(rest, references) for rest, references in terms if not self.setting.vanishes(rest)]
            value = self.moments.placed(terms, own, f"terms of {self.name} {kinds[0][0]}") if terms else None
            if value is None:
                continue
            label = f"natural {kinds[0][0]} {self.name} {kinds[0][1]:g}"
            array = self.body.define(label, value, value.axes, f"coefficient of {kinds[0][0]} {self.name}")
            parts[kinds] = self.moments.covered(Contraction(1.0, (Operand(array, array.axes),), own), own)
        kernel, refusal = match_law(self.symbol, frozenset(parts))
        if kernel is None:
            reason = f"no conjugate posterior for `{self.name}`: {refusal}"
            raise not_compiled(reason, self.setting.spans.get(self.name))
        for key, value in kernel.posterior(Naturals(self.symbol, axes, parts, self.moments.length)).items():
            identifier = self.moments.parameter(self.form, key).name
            quantity = self.form.key(key)
            whole = self._whole(value, axes)
            self.body.note = f"q of {self.name}"
            self.body.reassign(quantity, whole)
            if self.body.looping:
                self.body.vary(identifier)

    def _whole(self, value: Array, axes: tuple[Index, ...]) -> Array:
        if not value.axes:
            return Apply("np.asarray", (value,), ())
        return self.moments.covered(with_axes(value, value.axes), value.axes)

    def entropy(self) -> list[Array]:
        """The entropy of every copy."""
        places = places_of(self.name, self.moments, self.setting.copies)
        counts = None if places is None else f"standing(data, {places})"
        if self.name in self.setting.holed:
            counts = counts_of_missing(self.name, counts, self.moments)
        counts = None if counts is None else f"counts={counts}"
        return entropy_of(self.form, self.moments, self.setting.scope, counts)

    def posterior(self) -> list[str]:
        """The entry of the latent: its mean and the parameters of its law."""
        if self.name in self.setting.holed:
            mean, variance = self._own(mean_of(self.form)), self._own(str(variance_of(self.form)))
            return [posterior_or_given(self.name, mean, variance, self.moments)]
        return [self._own(posterior_entry(self.form, self.setting))]

    def _own(self, text: str) -> str:
        """A text over the parameters of a posterior, with those of the latent."""
        for key in self.form.keys:
            text = text.replace(f'params["{self.form.key(key)}"]', self.moments.parameter(self.form, key).name)
        return text
