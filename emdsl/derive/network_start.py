"""Starts of networks: the features by which the rows of a discrete latent are shared out, or states that last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emdsl.algebra.groups import within_own_group
from emdsl.algebra.indices import Fixed, Index, Reference, indices_in
from emdsl.algebra.symbols import WEIGHTS, position_table
from emdsl.algebra.terms import HOT, Atom, Term
from emdsl.arrays.body import Assign
from emdsl.arrays.expressions import Apply, Array, Contraction
from emdsl.arrays.programme import Function, ProgrammeStatement, tuple_of
from emdsl.derive.coupled import Monomial, Occurrence
from emdsl.derive.declared_order import outwards, whole_arrays
from emdsl.derive.field import FieldMoments, with_axes
from emdsl.derive.loop_body import LoopBody
from emdsl.derive.network_terms import BlockTerms, NetworkTerms
from emdsl.derive.setting import Setting


def shares_function(terms: NetworkTerms, setting: Setting) -> Function | None:
    """`shares_z(data, params, rng)`: for each discrete latent of a network, rows mostly in the state of a near seed."""
    body = LoopBody(setting.names)
    moments = setting.field_moments(body, [one.monomials for one in terms.blocks if one.block.kind != "conjugate"], {})
    listed, symbols = dict[str, str](), setting.scope.symbols
    for one in terms.blocks:
        for name in one.block.variables if one.block.kind == "finite" else ():
            symbol = symbols[name]
            sizes = [moments.length(size) for size, _ in symbol.plates]
            states = moments.length(symbol.categories or 1)
            features = [] if symbol.choice else _features(one, name, setting, body)
            shape = tuple_of((*sizes, states))
            time = next((step.time for step in one.elimination.steps if name in step.variables), None)
            if time is not None and not features:
                shares = f"lasting_shares({shape}, {_positions(time, setting)}, rng)"
            else:
                shares = f"seeded_shares([{', '.join(features)}], {shape}, rng)"
            listed[name] = _within(name, shares, moments)
    if not listed:
        return None
    entries = [f'"{name}": {outwards(code, symbols[name])}' for name, code in whole_arrays(listed, symbols).items()]
    statements: list[ProgrammeStatement] = list(body.before)
    return Function(
        setting.names.of(f"shares {terms.network.name}"),
        "data, params, rng",
        "Rows shared out among seeds that lie apart in what the data say of them.",
        tuple(statements),
        f"{{{', '.join(entries)}}}",
        setting.sources(params=True, data=True),
    )


def _positions(time: Index, setting: Setting) -> str:
    """Where each row is in its series."""
    if time.letter in setting.scope.ragged:
        return f'data["{position_table(time.letter)}"]'
    return f"np.arange({setting.size_text(time.size)})"


def _within(name: str, shares: str, moments: FieldMoments) -> str:
    """Shares of the states that there are, where these differ from group to group."""
    symbol = moments.scope.symbols[name]
    rows = tuple(moments.source.fresh(size, letter) for size, letter in symbol.plates)
    axes = (*rows, moments.source.fresh(symbol.categories or 1, "k"))
    inside = within_own_group(moments.scope, symbol, axes)
    if inside is None:
        return shares
    value = Contraction(1.0, (moments.plain(moments.data_operand(inside)),), axes)
    label = moments.body.unused(f"states of {name}")
    return f"normalised({shares} * {moments.body.define(label, moments.covered(value, axes), axes).name})"


def _features(one: BlockTerms, name: str, setting: Setting, body: LoopBody) -> list[str]:
    """Arrays with the rows of the latent first: what the data multiply its states by, alone or beside other latents."""
    listed = [(monomial, found) for monomial, found in one.monomials.listed() if _own_row(monomial, name) is not None]
    alone = [(monomial, found) for monomial, found in listed if len(monomial.atoms) == 1]
    running = any(_data(one, setting) and not _is_at_one_place(one) for _, found in alone for one in found)
    return _features_in(alone if running else listed, name, setting, body)


def _is_at_one_place(occurrence: Occurrence) -> bool:
    """Whether it stands at one place of a plate only, as the law of a first value does: it tells no rows apart."""
    return any(isinstance(reference, Fixed) for reference in occurrence.references[: len(occurrence.monomial.rows)])


def _data(occurrence: Occurrence, setting: Setting) -> bool:
    return any(setting.is_datum(item) for item in occurrence.rest.atoms if _counts(item, setting))


def _own_row(monomial: Monomial, name: str) -> Atom | None:
    """The atom of a latent that a monomial holds in the row of the latent, once."""
    own = [item for item in monomial.atoms if item.variable == name and item.references[:-1] == monomial.rows]
    return own[0] if len(own) == 1 and own[0].statistic == HOT else None


def _features_in(
    listed: Sequence[tuple[Monomial, Sequence[Occurrence]]], name: str, setting: Setting, body: LoopBody
) -> list[str]:
    moments = setting.field_moments(body, [], {})
    found: dict[Array, str] = {}
    for monomial, occurrences in listed:
        own = _own_row(monomial, name)
        assert own is not None
        for occurrence in occurrences:
            data = tuple(item for item in occurrence.rest.atoms if _counts(item, setting))
            state = occurrence.references[monomial.all_axes.index(own.references[-1])]
            told_apart = any(state in item.indices for item in data)  # the data differ from state to state as they are
            if told_apart or not any(setting.is_datum(item) for item in data):
                continue
            others = [item for item in occurrence.rest.atoms if item not in data]
            outer = {index for item in others for index in item.indices}
            links = tuple(
                dict.fromkeys(i for item in data for i in item.indices if i in outer and i in occurrence.rest.bound)
            )
            links = tuple(index for index in links if index not in _rows_of(occurrence.references))
            rows = occurrence.references[: len(monomial.rows)]
            kept = {index for item in data for index in item.indices} | _rows_of(rows)
            bound = tuple(index for index in occurrence.rest.bound if index not in links and index in kept)
            axes = monomial.rows + tuple(moments.source.copy_of(index) for index in links)
            references = rows + links
            value = moments.placed([(Term(1.0, data, bound), references)], axes, "feature")
            if value is None:
                continue
            if isinstance(value, Apply) and value.function == "scatter_add" and value.axes == axes:
                value = replace(
                    value, function="scattered_features", arguments=(*value.arguments, str(len(rows)), "rng")
                )
            whole = moments.covered(with_axes(value, axes), axes)
            if whole not in found:
                found[whole] = setting.names.fresh(f"feature of {name}")
                body.before.append(Assign(found[whole], whole))
    return list(found.values())


def _rows_of(references: Sequence[Reference]) -> set[Index]:
    return {index for reference in references for index in indices_in(reference)}


def _counts(item: Atom, setting: Setting) -> bool:
    return setting.is_fixed(item) and not item.variable.startswith(WEIGHTS)
