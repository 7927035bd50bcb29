"""What a network gives back: the posterior of each latent."""

from __future__ import annotations

from collections.abc import Sequence

from emdsl.algebra.indices import indices_in
from emdsl.algebra.symbols import bind_size
from emdsl.algebra.terms import HOT, Atom
from emdsl.arrays.expressions import Contraction, Named, Operand, Total
from emdsl.derive.children import ChildInference
from emdsl.derive.conjugate_block import ConjugateInference
from emdsl.derive.conjugate_children import ConjugateChildren
from emdsl.derive.coupled import Monomial, Occurrence
from emdsl.derive.declared_order import whole_arrays
from emdsl.derive.discrete import FiniteInference
from emdsl.derive.field import FieldMoments, with_axes
from emdsl.derive.gaussian_children import GaussianChildren
from emdsl.derive.joint_children import JointChildren
from emdsl.derive.log_joint import not_compiled
from emdsl.derive.loop_body import LoopBody
from emdsl.derive.network_terms import BlockTerms, NetworkTerms
from emdsl.derive.setting import Setting
from emdsl.structure.children import Place
from emdsl.structure.elimination import Table


class PosteriorWriter:
    """Writes what the data say of each latent of a network."""

    terms: NetworkTerms
    setting: Setting
    body: LoopBody
    moments: FieldMoments
    entries: list[str]
    finite: list[FiniteInference]
    children: list[ChildInference]

    def _colours(self, name: str, monomial: Monomial, occurrences: Sequence[Occurrence]) -> str:
        """The pairs of rows that meet, and the classes of rows that do not."""
        if len(monomial.rows) != 1:
            apart = [
                row.size
                for place, row in enumerate(monomial.rows)
                if any(
                    other.variable == name and other.references[place] != one.references[place]
                    for one in occurrences
                    for other in one.rest.atoms
                )
            ]
            cure = bind_size(apart[0]) if len(apart) == 1 and isinstance(apart[0], str) else None
            raise not_compiled(f"`{name}`, which meets itself over two plates", self.setting.spans.get(name), cure)
        pairs = []
        for occurrence in occurrences:
            other = next((item for item in occurrence.rest.atoms if item.variable == name), None)
            if other is None:
                continue
            references = (occurrence.references[0], other.references[0])
            entries = tuple(dict.fromkeys(i for reference in references for i in indices_in(reference)))
            if len(entries) == 1 and references[0] == references[1]:
                continue
            one, two = (self.moments.index_code(reference, entries) for reference in references)
            pairs.append(f"({one}, {two})")
        listed = ", ".join(dict.fromkeys(pairs))
        return f"colour_classes([{listed}], {self.moments.length(monomial.rows[0].size)})"

    def write_posteriors(self) -> None:
        """What the data say of each latent."""
        symbols, of_entries = self.setting.scope.symbols, dict[str, str]()
        for one in self.terms.blocks:
            for name in one.block.all:
                if symbols[name].entry is not None:
                    of_entries[name] = self._probabilities(name, one)
                    continue
                if self.setting.scope.is_choice(name) or name in self.setting.auxiliaries:
                    continue
                if one.block.kind == "conjugate":
                    self.entries += ConjugateInference(one, self.moments, self.setting, self.body).posterior()
                else:
                    self.entries += self._posterior_of(one, name)
        for name, array in whole_arrays(of_entries, symbols).items():
            self.entries.append(f'"{name}": {{"probabilities": {array}}}')

    def _posterior_of(self, one: BlockTerms, name: str) -> list[str]:
        symbol = self.setting.scope.symbols[name]
        axes = tuple(self.moments.source.fresh(size, letter) for size, letter in symbol.axes)
        plates = axes[: len(symbol.plates)]
        if symbol.categories is not None:
            return [f'"{name}": {{"probabilities": {self._probabilities(name, one)}}}']
        length, event = self.moments.length, axes[len(plates) :]
        child = next((found for found in self.children if name in found.children), None)
        if isinstance(child, ConjugateChildren):
            return [child.posterior(name)]
        if isinstance(child, GaussianChildren | JointChildren):
            mean, second = child.marginal(name)
            spread = f"{second} - " + (f"{mean}[..., :, None] * {mean}[..., None, :]" if symbol.event else f"{mean}**2")
        else:
            place, label = one.block.all.index(name), " ".join(one.block.all)
            sizes = [length(axis.size) for axis in axes]
            means, spreads = (self.setting.names.of(f"{what} of {label}") for what in ("means", "covariances"))
            mean = f"{means}[{place}].reshape({', '.join(sizes) or '()'})"
            sizes += [length(axis.size) for axis in event]
            spread = f"{spreads}[{place}].reshape({', '.join(sizes) or '()'})"
        if name in self.setting.centred:
            mean = self.body.define(self.body.unused(f"centred mean {name}"), mean, axes).name
            return [f'"{self.setting.centred[name].base}": {{"mean": {self._with_origin(name, mean)}}}']
        origin = self.moments.origin_of(name)
        if origin is not None:
            moved = self.body.define(self.body.unused(f"mean about {name}"), mean, axes)
            mean = self.body.define(
                self.body.unused(f"mean {name}"), Total((moved, Named(origin.name, axes)), axes), axes
            ).name
        if len(symbol.event) > 1:
            return [f'"{name}": {{"mean": {mean}}}']
        return [f'"{name}": {{"mean": {mean}, "{"cov" if symbol.event else "var"}": {spread}}}']

    def _probabilities(self, name: str, one: BlockTerms) -> str:
        """The identifier of the probabilities of the states of a discrete latent, (row…, state)."""
        symbol = self.setting.scope.symbols[name]
        rows = tuple(self.moments.source.fresh(size, letter) for size, letter in symbol.plates)
        found = self._found([Atom(name, HOT, (*rows, self.moments.source.fresh(symbol.categories or 0, "k")))], one)
        if found is None:
            found = next(array.name for finite in self.finite if (array := finite.marginal(name)) is not None)
        return found

    def _with_origin(self, name: str, mean: str) -> str:
        """The mean of a datum with missing entries, no longer about the reference points."""
        origin = self.moments.origin(name)
        if origin is None:
            return mean
        axes = self.setting.centred[name].indices
        whole = Total((Named(mean, axes), with_axes(origin, axes)), axes)
        return self.body.define(self.body.unused(f"mean {self.setting.centred[name].base}"), whole, axes).name

    def _found(self, atoms: list[Atom], one: BlockTerms) -> str | None:
        monomial, _ = one.monomials.of(atoms)
        moment = self.moments.found.get(id(monomial))
        if moment is None:
            return None
        array = moment.array
        if array.axes != monomial.all_axes:
            value = Contraction(1.0, (Operand(array, array.axes),), monomial.all_axes)
            array = self.body.define(self.body.unused(f"posterior {atoms[0].variable}"), value, monomial.all_axes)
        return array.name


def table_of(monomial: Monomial, setting: Setting) -> Table:
    """The scope of a monomial of discrete variables."""
    places: list[Place] = []
    for item in monomial.atoms:
        count = len(setting.scope.symbols[item.variable].plates)
        places.append((item.variable, item.references[:count]))
    return Table(id(monomial), monomial.rows, tuple(places))
