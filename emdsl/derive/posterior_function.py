"""The posterior of an emitted module: what is expected of each latent of the rows, out of the table of a sweep.

p(z = k)        E z        cov z = E z zᵀ − E z E zᵀ        each entry with the plates of its latent first
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from emdsl.arrays.body import Assign, Body
from emdsl.arrays.expressions import Contraction, Named, Operand, Total
from emdsl.arrays.programme import Function, Nested, ProgrammeStatement, dictionary
from emdsl.derive.e_step import SweepCode
from emdsl.derive.estimates import posterior_entries
from emdsl.derive.expectation import has_own_points, variables_of
from emdsl.derive.inference import InferenceCode
from emdsl.derive.row_origins import origin_statements
from emdsl.derive.rows import RowMoments
from emdsl.derive.setting import Setting, names_in
from emdsl.structure.locals import LocalBlock


def posterior_function(codes: Sequence[SweepCode], inferences: Sequence[InferenceCode], setting: Setting) -> Function:
    """`posterior(data, params)`: what is expected of each latent, row by row."""
    body: list[ProgrammeStatement] = []
    entries: list[str] = []
    for code in codes:
        block = code.sweep.block
        if block is None:
            continue
        table = setting.names.of(f"expected {block.name}")
        body.append(Assign(table, f"expected_rows(*{code.name}(data, params))"))
        for name in block.gaussian:
            if name in setting.centred:
                body += _origin(name, code, table, setting)
        entries += _posterior_entries(code, table, body, setting)
    for one in inferences:
        known = setting.names.of(f"known {one.name}")
        asked = ", known=True" if one.on_request else ""
        body.append(Assign(f"_, {known}, _", f"{one.name}(data, params{asked})"))
        entries.append(f"**{known}")
    entries += posterior_entries(setting)
    return Function(
        "posterior",
        "data, params",
        f"What the data say of each latent variable{' and parameter' if setting.forms else ', given the parameters'}.",
        tuple(body),
        dictionary(entries),
        setting.sources(params=True, data=True),
    )


def _posterior_entries(code: SweepCode, table: str, body: list[ProgrammeStatement], setting: Setting) -> list[str]:
    """One entry for each variable of a block: probabilities, or mean and covariance, assigned in `body`."""
    block = code.sweep.block
    assert block is not None
    states = _states(block, setting)
    plates = ", ".join(setting.size_text(setting.plate_size(letter)) for letter in block.plates)
    entries = []
    for position, name in enumerate(block.discrete):
        others = tuple(place for place in range(len(states)) if place != position)
        tabled = f"{table}[:{' * '.join(states)}].reshape({', '.join(states)}, -1)"
        marginal = f"{tabled}.sum(axis={others})" if others else f"{table}[:{states[0]}]"
        target = setting.names.of(f"probabilities {name}")
        shape = ", ".join((*filter(None, [plates]), states[position]))
        body.append(Assign(target, f"{marginal}.T.reshape({shape})"))
        entries.append(f'"{name}": {{"probabilities": {target}}}')
    for name in block.gaussian:
        entries.append(_gaussian_entry(code, name, table, states, plates, body, setting))
    return entries


def _gaussian_entry(
    code: SweepCode,
    name: str,
    table: str,
    states: list[str],
    plates: str,
    body: list[ProgrammeStatement],
    setting: Setting,
) -> str:
    event = [setting.size_text(size) for size, _ in setting.scope.symbols[name].event]
    size = event[0] if event else "1"
    count = " * ".join(states) or "1"
    single = next(slot for local, slot in code.layout.locals if variables_of(local) == (name,))
    pair = next((slot for local, slot in code.layout.locals if variables_of(local) == (name, name)), None)
    mean = setting.names.of(f"mean {name}")
    body.append(Assign(mean, f"{table}[{single.start}:{single.stop}].reshape({count}, {size}, -1).sum(axis=0).T"))
    base = setting.centred[name].base if name in setting.centred else None
    shape = ", ".join((*filter(None, [plates]), *event)) or "()"
    if base is not None:
        whole = mean if len(code.sweep.plates) == 1 else f"{mean}.reshape({shape})"
        return f'"{base}": {{"mean": {whole} + {setting.names.of(f"origin {name}")}}}'
    statements, origin = origin_statements(name, code.sweep.plates, setting)
    body += statements
    whole = f"{mean}.reshape({shape})" + (f" + {origin}" if origin else "")
    if pair is None:
        return f'"{name}": {{"mean": {whole}}}'
    second = setting.names.of(f"second {name}")
    body.append(Assign(second, f"{table}[{pair.start}:{pair.stop}].reshape({count}, {size}, {size}, -1).sum(axis=0)"))
    spread = setting.names.of(f"{'covariance' if event else 'variance'} {name}")
    body.append(
        Assign(
            spread,
            f"covariances({mean}, {second}).reshape({', '.join((*filter(None, [plates]), *event, *event)) or '()'})",
        )
    )
    return f'"{name}": {{"mean": {whole}, "{"cov" if event else "var"}": {spread}}}'


def _origin(name: str, code: SweepCode, table: str, setting: Setting) -> list[ProgrammeStatement]:
    """What is added to a vector with missing entries to undo the centring: minus its location terms."""
    item = setting.centred[name]
    body = Body(setting.names)
    moments = RowMoments(
        body, setting.scope, setting.derived, setting.centred, setting.gated_axes, setting.missing, code.sweep.plates[0]
    )
    negative = tuple(replace(term, coefficient=-term.coefficient) for term in item.references)
    target = setting.names.of(f"origin {name}")
    if not negative:
        return [Assign(target, "0.0")]
    value = moments.centred_value(replace(item, known=(), references=negative), item.indices)
    statements: list[ProgrammeStatement] = []
    if any(names_in(term) - {*setting.locations} for term in negative):
        statements.append(Assign("rows", "slice(None)"))
    if has_own_points(code.sweep, setting):
        rows = item.indices[: len(code.sweep.plates)]
        lengths = [setting.size_text(index.size) for index in rows]
        weight = f"{table}[group]" if len(rows) == 1 else f"{table}[group].reshape({', '.join(lengths)})"
        share = Operand(Named(weight, rows), rows)
        added = Contraction(1.0, (share, Operand(value, item.indices)), item.indices)
        assert code.sweep.block is not None
        count = _states(code.sweep.block, setting)[0]
        summed = Total((Named(target, item.indices), added), item.indices)
        loop = Nested(f"for group in range({count}):", (*body.statements, Assign(target, summed)))
        return [*statements, Assign(target, "0.0"), loop]
    if any(part.variable in setting.gated_axes for term in negative for part in term.atoms):
        statements.append(Assign("group", "0"))
    return [*statements, *body.statements, Assign(target, value)]


def _states(block: LocalBlock, setting: Setting) -> list[str]:
    result = []
    for name in block.discrete:
        categories = setting.scope.symbols[name].categories
        assert categories is not None
        result.append(setting.size_text(categories))
    return result
