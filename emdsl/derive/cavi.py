"""Posteriors of parameters: each q to the normalised exponential of its expected conditional.

    q(v) ∝ exp E[log p | v],   the expectation over all other q

For a joint block q(v | s) q(s), the Gaussian comes first, in units of its spread; then the spread with the Gaussian
integrated out, which leaves the Gaussian's terms at its mean and takes half a log spread for each of its entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emdsl.algebra.indices import Index, IndexSource
from emdsl.algebra.symbols import Scope
from emdsl.algebra.terms import LOG, LOGDET, Atom, Term
from emdsl.arrays.algebra import repeated, without_axis
from emdsl.arrays.body import Body
from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Operand, Total
from emdsl.derive.conditional import conditional
from emdsl.derive.conjugate_laws import entropy
from emdsl.derive.naturals import lowered_naturals
from emdsl.derive.posteriors import PosteriorForm
from emdsl.derive.variational import VariationalMoments
from emdsl.kernels.kernel import Naturals
from emdsl.kernels.registry import match_law


def write_posterior(
    form: PosteriorForm,
    terms: Sequence[Term],
    body: Body,
    moments: VariationalMoments,
    scope: Scope,
    source: IndexSource,
) -> None:
    """Assign the parameters of one posterior anew."""
    symbol = scope.symbols[form.variable]
    scaled = tuple(other for other in moments.forms.values() if other.scale == form.variable)
    moments.plugged = frozenset(other.variable for other in scaled)
    naturals = lowered_naturals(form.variable, terms, moments, scope, source)
    moments.plugged = frozenset()
    for other in scaled:
        naturals = _integrated(naturals, form, other)
    kernel, _ = match_law(symbol, conditional(symbol, terms, source).signature)
    assert kernel is not None
    if kernel.steps:
        naturals = replace(naturals, current=Named(moments.parameter(form, form.keys[0]).name, naturals.axes))
    is_offset = any(kinds[0][0] == "offset" for kinds in naturals.parts)
    for name, value in kernel.posterior(naturals).items():
        if name == "mean" and is_offset:
            reference = body.assume(f"reference {form.variable}", naturals.axes)
            value = Apply("+", (Named(reference.name, naturals.axes), value), naturals.axes)
        if name == "precision":
            own = _precision_axes(form, naturals)
            if form.scale_axis is not None and naturals.pair_axes is not None:
                value = without_axis(value, naturals.pair_axes[0][form.scale_axis])
            value = repeated(value, own, {axis: moments.length(axis.size) for axis in own})
            if not own:
                value = Apply("np.asarray", (value,), ())
        elif value.axes:
            value = repeated(value, value.axes, {axis: moments.length(axis.size) for axis in value.axes})
        elif not value.axes:
            value = Apply("np.asarray", (value,), ())
        moments.parameter(form, name)
        body.reassign(form.key(name), value)


def _precision_axes(form: PosteriorForm, naturals: Naturals) -> tuple[Index, ...]:
    """The axes of the precision as it is kept: plates but the one that a matrix spread mixes, joint axes twice."""
    assert naturals.pair_axes is not None
    first, second = naturals.pair_axes
    plates = tuple(axis for place, axis in enumerate(first) if place not in (*form.joint, form.scale_axis))
    return plates + tuple(first[place] for place in form.joint) + tuple(second[place] for place in form.joint)


def _integrated(naturals: Naturals, form: PosteriorForm, gaussian: PosteriorForm) -> Naturals:
    """The spread's naturals with the Gaussian integrated out: half a log spread less for each entry."""
    if form.kernel == "Wishart":
        kinds, amount = (("logdet", 1.0),), 0.5 if form.inverted else -0.5
    else:
        kinds, amount = (("log", 1.0),), -0.5 * gaussian.scale_power
    part = naturals.parts[kinds]
    taken: Array = Contraction(amount, (), part.axes, gaussian.scale_count)
    return replace(naturals, parts={**naturals.parts, kinds: Total((part, taken), part.axes)})


def entropies(moments: VariationalMoments, scope: Scope) -> list[Array]:
    """The entropy of every posterior, as numbers."""
    result: list[Array] = []
    for form in moments.forms.values():
        result += entropy_of(form, moments, scope)
    return result


def entropy_of(
    form: PosteriorForm, moments: VariationalMoments, scope: Scope, counts: str | None = None
) -> list[Array]:
    """The entropy of one posterior, as numbers; `counts`: the argument that says how often each entry counts."""
    if form.kernel == "Gaussian":
        return _gaussian_entropy(form, moments, scope)
    return [entropy(form, {key: moments.parameter(form, key) for key in form.keys}, counts)]


def _gaussian_entropy(form: PosteriorForm, moments: VariationalMoments, scope: Scope) -> list[Array]:
    mean, precision = moments.parameter(form, "mean"), moments.parameter(form, "precision")
    joint = len(form.joint)
    own: Array = Apply("gaussian_entropy", (mean, precision, str(joint)), ())
    if form.scale is None:
        return [own]
    matrix = moments.forms[form.scale].kernel == "Wishart"
    symbol = scope.symbols[form.scale]
    axes = tuple(moments.source.fresh(size, letter) for size, letter in (symbol.plates if matrix else symbol.axes))
    spread = moments.moment(Atom(form.scale, LOGDET if matrix else LOG, axes))
    sign = 0.5 if matrix and moments.forms[form.scale].inverted else -0.5 * form.scale_power
    total = Apply("np.sum", (spread,), ())
    return [own, Contraction(sign, (Operand(total, ()),), (), form.scale_count)]
