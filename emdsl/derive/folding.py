"""Gaussian latents of one precision: an E-step without rows, from the products of their features.

    mean of a row = C A T        Σ E[f] Tᵀ = C A Σ T Tᵀ        Σ E[f fᵀ] = n C + C A Σ T Tᵀ Aᵀ C

`prepare` sums T Tᵀ over the rows once. Other reference points move every feature by others of its own row, T + Δ T, so
that the sums follow. Sums of data that are products of two features are read off as well. A start is linear in the
features, too: it shifts the natural parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import permutations

from emdsl.algebra.indices import Fixed, Index
from emdsl.algebra.terms import Atom, Polynomial, Term
from emdsl.arrays.algebra import repeated
from emdsl.arrays.body import Assign, Body
from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Operand
from emdsl.arrays.programme import Function, Lines, Nested, ProgrammeStatement, tuple_of
from emdsl.derive.expectation import gaussian_places, one_precision
from emdsl.derive.layout import Layout, Slot, same_feature
from emdsl.derive.lower import lower
from emdsl.derive.rows import RowMoments
from emdsl.derive.setting import Setting
from emdsl.derive.statistics import Feature, SufficientStatistic, Sweep


@dataclass(frozen=True)
class Move:
    """How reference points move a feature by another one: the entries of Δ in two slots."""

    target: Slot
    origin: Slot
    value: Polynomial


@dataclass(frozen=True)
class Folding:
    """What stands in place of a sweep's rows: the function that gives the products of its features, or None without it.

    `key`: where `prepare` leaves the products. `about`: the location parameters on which these depend.
    """

    function: Function
    key: str
    about: tuple[str, ...]
    arguments: str
    latents: tuple[str, ...]


def folding(sweep: Sweep, plan: Layout, name: str, setting: Setting) -> Folding | None:
    """The folding of the sweep `name`; None where its rows differ in more than the linear terms of their latents."""
    block = sweep.block
    if block is None or block.discrete or not one_precision(sweep):
        return None
    if any(latent in setting.centred for latent in block.gaussian):
        return None
    moves: list[Move] = []
    for feature, _ in plan.features:
        found = _moves(feature, plan, setting)
        if found is None:
            return None
        moves += found
    moved = {item.variable for move in moves for term in move.value.terms for item in term.atoms}
    about = tuple(location for location in setting.locations if _moved(location) in moved)
    key = f"products.{block.name}"
    _, singles, pairs = gaussian_places(block.gaussian, plan, setting)
    function = _products_function(moves, about, key, plan, name, setting)
    natural = f'shifted({name}(data, params)[1], start, "{block.name}")'
    return Folding(function, key, about, f"{natural}, {singles}, {pairs}", block.gaussian)


def _moved(location: str) -> str:
    """The name of what a reference point has moved by."""
    return f"moved {location}"


def _moves(feature: Feature, plan: Layout, setting: Setting) -> list[Move] | None:
    """How reference points move a feature; None where other features do not tell."""
    about = [item for item in feature.atoms if item.variable in setting.centred]
    about = [item for item in about if setting.centred[item.variable].references]
    if not about:
        return []
    centred = setting.centred[about[0].variable]
    if len(about) > 1 or centred.base is not None or centred.gates:
        return None
    others = [item for item in feature.atoms if item is not about[0]]
    moves: dict[tuple[Slot, Slot], Move] = {}
    for term in centred.references:
        placed = term.substitute(dict(zip(centred.indices, about[0].references, strict=True)))
        found = _move(placed, others, feature, plan, setting)
        if found is None:
            return None
        place = (found.target, found.origin)
        if place in moves:
            first = moves[place].value
            renamed = found.value.substitute(dict(zip(found.value.axes, first.axes, strict=True)))
            found = replace(found, value=Polynomial((*first.terms, *renamed.terms), first.axes))
        moves[place] = found
    return list(moves.values())


def _move(term: Term, others: Sequence[Atom], feature: Feature, plan: Layout, setting: Setting) -> Move | None:
    """One location of a feature's residual: what has moved times the data by which it is multiplied, a feature too."""
    rows = set(feature.rows)
    location, *more = [item for item in term.atoms if item.variable in setting.locations]
    plain = all(isinstance(reference, Index | Fixed) for reference in location.references)
    if more or not plain or location.variable in setting.gated_axes or location.indices & rows:
        return None
    data = [item for item in term.atoms if item is not location]
    constant = [item for item in data if not item.indices & rows]
    carried = (*others, *(item for item in data if item.indices & rows))
    indices = list(dict.fromkeys(index for item in carried for index in item.indices if index not in rows))
    if set(indices) & set(feature.links):
        return None
    outside = location.indices.union(*(item.indices for item in constant))
    links, inner = [i for i in indices if i in outside], tuple(i for i in indices if i not in outside)
    moved = replace(location, variable=_moved(location.variable))
    bound = tuple(index for index in (*feature.inner, *term.bound) if index not in indices)
    for order in permutations(links):
        origin = _slot(Feature(carried, order, feature.rows, inner), plan)
        if origin is not None and not origin.packed:
            value = Polynomial((Term(term.coefficient, (moved, *constant), bound),), (*feature.links, *order))
            return Move(plan.feature_slot(feature), origin, value)
    return None


def _slot(feature: Feature, plan: Layout) -> Slot | None:
    return next((slot for other, slot in plan.features if same_feature(other, feature)), None)


def _products_function(
    moves: Sequence[Move], about: Sequence[str], key: str, plan: Layout, name: str, setting: Setting
) -> Function:
    """`products_of_f(data, params)`: Σ T Tᵀ about the current reference points."""
    known = f'data.get("{key}")'
    sources = setting.sources(params=True, data=True)
    statements: list[ProgrammeStatement] = []
    result = known
    if moves:
        symbols = {_moved(each): setting.scope.symbols[each] for each in about}
        body = Body(setting.names)
        scope = replace(setting.scope, symbols={**setting.scope.symbols, **symbols})
        moments = RowMoments(body, scope, setting.derived, setting.centred, {}, setting.missing, None)
        change = setting.names.of(f"change {key}")
        statements.append(Nested(f"if {known} is None:", (Lines(("return None",)),)))
        for each in about:
            own = setting.names.of(setting.whole(each))
            statements.append(Assign(setting.names.of(_moved(each)), f'{own} - data["{key}.{each}"]'))
        written: list[Assign] = []
        for move in moves:
            value = lower(move.value, moments)
            assert value is not None
            written.append(Assign(f"{change}[{move.target.text}, {move.origin.text}]", _placed(value, move, setting)))
        statements += body.statements
        statements.append(Assign(change, f"np.zeros(({plan.width}, {plan.width}))"))
        statements += written
        result = f'about_points(data["{key}"], {change}, *{name}(data, params))'
    return Function(
        setting.names.of(f"{key} about"),
        "data, params",
        "Σ T Tᵀ about the current reference points, from what `prepare` has summed; None where it has not.",
        tuple(statements),
        result,
        sources,
    )


def _placed(value: Array, move: Move, setting: Setting) -> Array:
    """The entries of Δ as a matrix (target, origin), or what broadcasts to it."""
    axes = move.value.axes
    if len(move.target.shape) <= 1 and len(move.origin.shape) <= 1:
        return value
    whole = repeated(value, axes, {axis: setting.size_text(axis.size) for axis in axes})
    shape = [" * ".join(slot.shape) for slot in (move.target, move.origin) if slot.shape]
    return Apply("np.reshape", (whole, tuple_of(shape)), axes)


def out_of_products(statistic: SufficientStatistic, plan: Layout, products: str) -> Array | None:
    """A sum over rows of data as products of features whose products are summed already; None where it is not."""
    feature = statistic.feature
    counted = tuple(i.size for i in feature.inner if not any(i in item.indices for item in feature.atoms))
    slots: list[Slot] = []
    references: tuple[Index, ...] = ()
    for item in feature.atoms:
        links = tuple(i for i in item.references if isinstance(i, Index) and i not in feature.rows)
        orders = ((order, _slot(Feature((item,), order, feature.rows, ()), plan)) for order in permutations(links))
        order, slot = next(((order, slot) for order, slot in orders if slot is not None), ((), None))
        if slot is None:
            return None
        slots.append(slot)
        references += order
    if len(slots) > 2:
        return None
    texts = [slot.text for slot in slots] + ["0"] * (2 - len(slots))
    block = f"{products}[{', '.join(texts)}]"
    if any(len(slot.shape) > 1 for slot in slots):
        block += f".reshape({', '.join(size for slot in slots for size in slot.shape)})"
    return Contraction(1.0, (Operand(Named(block, references), references),), feature.links, counted)
