"""The log likelihood of a joint normal law from residuals at its means.

    log p(y) = E(x̄) + ½ log |2πP⁻¹|        E(x) = log p(y, x) = … − ½ Σ rᵀ W r,  r = y − C x, x_t − A x_{t−1}, …
                                            E(x̄) = … − ½ Σ r̄ᵀ W r̄,             r̄ = ⟨r⟩, r at the means x̄ = P⁻¹h

As E is quadratic, its integral is its value at the means times a volume. The same is ½ hᵀP⁻¹h − ½ Σ yᵀW y, a difference
of large numbers where the noise of y is small beside x; residuals are small before they are squared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace

from emdsl.algebra.deltas import resolve_deltas
from emdsl.algebra.expand import Quadratic
from emdsl.algebra.terms import IDENTITY, Atom, Polynomial, Term
from emdsl.arrays.expressions import Array, Named, total
from emdsl.derive.centre import CentredJoint, CentredSquare, square
from emdsl.derive.coupled import Monomial
from emdsl.derive.field import FieldMoments
from emdsl.derive.gaussian_block import GaussianInference
from emdsl.derive.log_joint import QuadraticTerm
from emdsl.derive.loop_body import LoopBody
from emdsl.derive.network_terms import BlockTerms, NetworkTerms
from emdsl.derive.setting import Setting


def squares_at_means(terms: NetworkTerms, centred: CentredJoint, posteriors: Set[str]) -> tuple[CentredSquare, ...]:
    """The squares that the latents of a network are in, where it is one joint normal law and they are all its terms.

    None where a residual has a parameter in it that is one of `posteriors`, at whose mean it is not.
    """
    network = terms.network
    own = set(network.variables)
    if not network.exact or [one.block.kind for one in terms.blocks] != ["gaussian"]:
        return ()
    squares = tuple(one for one in centred.squares if one.unknowns & own)
    inside = {id(term) for one in squares for term in one.terms}
    listed = (term for _, terms in centred.factors for term in terms if term.variables() & own)
    whole = all(id(term) in inside for term in listed)
    return squares if whole and not any(one.unknowns & posteriors for one in squares) else ()


def at_means(one: CentredSquare, setting: Setting) -> QuadraticTerm:
    """The square at the current parameters: without offsets that are zero there."""
    form = one.form.quadratic
    terms = tuple(term for term in form.residual.terms if not setting.vanishes(term))
    return replace(one.form, quadratic=replace(form, residual=replace(form.residual, terms=terms)))


class ResidualWriter:
    """Writes the log density of data and means, as far as squares of residuals go."""

    terms: NetworkTerms
    setting: Setting
    body: LoopBody
    moments: FieldMoments
    kinds: Mapping[int, str]
    _summed: Callable[[BlockTerms], frozenset[int]]

    @property
    def squares(self) -> tuple[CentredSquare, ...]:
        return self.setting.squares.get(self.terms.network.name, ())

    def _normal_law(
        self, one: BlockTerms, monomials: Sequence[Monomial], naturals: Mapping[int, Named | None]
    ) -> list[Array]:
        """The moments of real latents; the log partition, or the volume and the squares at the means, come back."""
        setting, at_means = self.setting, bool(self.squares)
        known = setting.starts, setting.copies, setting.spans
        asked = (*monomials, *self._of_means(one, monomials))
        gaussian = GaussianInference(
            one.block, asked, self.moments, self.body, *known, kinds=self.kinds, at_means=at_means
        )
        return [Named(gaussian.write(naturals, summed=self._summed(one))), *self._at_means()]

    def _of_means(self, one: BlockTerms, monomials: Sequence[Monomial]) -> list[Monomial]:
        """The means that no term asks for, where residuals are taken at them."""
        found = []
        for name in one.block.variables if self.squares else ():
            axes = (self.moments.source.fresh(size, letter) for size, letter in self.setting.scope.symbols[name].axes)
            mean, _ = one.monomials.of([Atom(name, IDENTITY, tuple(axes))])
            found += [mean] if mean not in monomials else []
        return found

    def _at_means(self) -> list[Array]:
        """Σ cofactor · r̄ᵀ W r̄ of every square."""
        found: list[Array] = []
        comment: str | None = "values minus their means, at the means of the latents"
        for one in self.squares:
            whole = at_means(one, self.setting)
            cofactor, images = self.moments.gathered(whole.cofactor, frozenset())
            form = whole.quadratic
            residual = form.residual.substitute(images)
            precision = None if form.precision is None else form.precision.substitute(images)
            mean, is_new = self._residual(one, residual, comment)
            comment = None if is_new else comment
            stands = replace(residual, terms=(Term(1.0, (mean,)),))
            weights = self.setting.copies.of_rows([(index.letter, index) for index in one.factor.plates])
            own = tuple(item for item in weights if item.indices <= set(cofactor.bound))
            whole = QuadraticTerm(replace(cofactor, atoms=(*cofactor.atoms, *own)), Quadratic(stands, precision))
            squared = resolve_deltas(Polynomial(tuple(square(whole, self.moments.source)))).terms
            found += [self.moments.contraction(term, ()) for term in squared]
        return found

    def _residual(self, one: CentredSquare, residual: Polynomial, comment: str | None) -> tuple[Atom, bool]:
        """⟨r⟩ by name, over the indices that it has; and whether it is more than another name."""
        free = {index for term in residual.terms for index in term.indices - set(term.bound)}
        order = (*one.factor.plates, *residual.axes)
        axes = tuple(sorted(free, key=lambda index: (order.index(index) if index in order else -1, index.identity)))
        value = total(tuple(self.moments.contraction(term, axes) for term in residual.terms), axes)
        label, before = self.body.unused(f"residual of {one.factor.variable}"), len(self.body.statements)
        self.body.define(label, self.moments.covered(value, axes), axes, comment)
        return Atom(label, IDENTITY, axes), len(self.body.statements) > before
