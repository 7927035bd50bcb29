"""A positive, unit, simplex or matrix variable given the states of its parents: a conjugate law for each of these."""

from __future__ import annotations

from emdsl.arrays.expressions import Array, Contraction, Named, Operand, total
from emdsl.derive.children import ChildInference
from emdsl.derive.conjugate_laws import Parameters, expected_statistic, log_partition
from emdsl.derive.coupled import Monomial
from emdsl.derive.estimates import mean_of, variance_of
from emdsl.derive.field import with_axes
from emdsl.derive.given_values import expected_or_given, log_partition_or_given, posterior_or_given
from emdsl.derive.log_joint import not_compiled
from emdsl.derive.posteriors import PosteriorForm
from emdsl.kernels.kernel import Kinds, Naturals
from emdsl.kernels.registry import match_law


class ConjugateChildren(ChildInference):
    """One variable: the parameters of its law given the states, (state…, row…, entry…)."""

    parameters: Parameters

    @property
    def name(self) -> str:
        (name,) = self.children
        return name

    @property
    def form(self) -> PosteriorForm:
        return self.moments.forms[self.name]

    def law(self) -> Named:
        symbol = self.scope.symbols[self.name]
        event = tuple(self.moments.source.fresh(size, "d") for size, _ in symbol.event)
        axes = (*self.axes, *event)
        collected: dict[Kinds, list[Array]] = {}
        for monomial in self.monomials:
            (item,) = (item for item in monomial.atoms if item.variable == self.name)
            kinds: Kinds = ((item.statistic.kind, item.statistic.exponent),)
            natural = self.naturals.get(id(monomial))
            if natural is None:
                continue
            part = self.part(monomial, natural, event[: len(self.entries(monomial))])
            collected.setdefault(kinds, []).append(part)
        kernel, refusal = match_law(symbol, frozenset(collected))
        if kernel is None:
            raise not_compiled(
                f"no conjugate posterior for `{self.name}`: {refusal}", self.setting.spans.get(self.name)
            )
        parts: dict[Kinds, Named] = {}
        for kinds, found in collected.items():
            own = found[0].axes
            whole = self.moments.covered(total(tuple(found), own), own)
            label = f"natural {kinds[0][0]} {self.name} {kinds[0][1]:g} given states"
            parts[kinds] = self.body.define(label, whole, own, f"{kinds[0][0]} {self.comment}")
        parameters: dict[str, Named] = {}
        for key, value in kernel.posterior(Naturals(symbol, axes, parts, self.moments.length)).items():
            comment = f"law of {self.comment}" if not parameters else None
            parameters[key] = self.body.define(self.form.key(key), with_axes(value, value.axes), value.axes, comment)
        self.parameters = parameters
        table = log_partition_or_given(log_partition(self.form, parameters), self.name, parts, self.moments)
        if table.axes != self.axes:  # entries of a vector, each with a law of its own
            table = Contraction(1.0, (Operand(table, table.axes),), self.axes)
        return self.body.define(f"table of {self.name}", table, self.axes)

    def given_states(self, monomial: Monomial) -> Named:
        (item,) = (item for item in monomial.atoms if item.variable == self.name)
        label, value = expected_statistic(self.form, self.parameters, item.statistic)
        value = expected_or_given(value, self.name, item.statistic, self.moments)
        power = f" {item.statistic.exponent:g}" if item.statistic.kind == "power" else ""
        found = self.body.define(f"{label}{power} of {self.name} given states", value, value.axes)
        return Named(found.name, (*self.states, *monomial.rows, *self.entries(monomial)))

    def posterior(self, name: str) -> str:
        """The mean of the mixture, and its variance where it has one."""
        texts = {"mean": mean_of(self.form), "variance": variance_of(self.form)}
        for key, value in self.parameters.items():
            for what, text in texts.items():
                texts[what] = text and text.replace(f'params["{self.form.key(key)}"]', value.name)
        if texts["variance"] is None:
            mean = texts["mean"]
            axes = next(value.axes for value in self.parameters.values() if len(value.axes) > len(self.axes))
            weighted = self.weighted(Named(str(mean), axes))
            return f'"{name}": {{"mean": {self.body.define(f"mean of {name}", weighted, weighted.axes).name}}}'
        call = f"mixed_moments({self.shares.name}, {texts['mean']}, {texts['variance']}, {len(self.states)})"
        mean, variance = self.body.several((f"mean of {name}", f"variance of {name}"), call)
        if name in self.setting.holed:
            return posterior_or_given(name, mean, variance, self.moments)
        return f'"{name}": {{"mean": {mean}, "var": {variance}}}'
