"""Starting values: location from the data, symmetry broken on purpose.

A symmetric start is a fixed point of EM, so the rows are shared out first: each to the nearest of a few seeds that lie
far apart in the features which the discrete latent explains. Two M-steps follow; the second one is about the reference
points that the first one found. Where noise starts small (`observation_noise`) there are twenty: spreads that a latent
parts from the data come to the unit of these step by step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emdsl.algebra.indices import Fixed, Reference
from emdsl.algebra.symbols import Symbol
from emdsl.algebra.terms import MASK, Atom
from emdsl.arrays.body import Assign
from emdsl.arrays.programme import Function, Lines, Nested, ProgrammeStatement, dictionary, tuple_of
from emdsl.derive.declared_order import inwards
from emdsl.derive.e_step import SweepCode
from emdsl.derive.expectation import variables_of
from emdsl.derive.levels import quantity_name
from emdsl.derive.posteriors import PosteriorForm
from emdsl.derive.setting import Setting


def initialise_function(
    codes: Sequence[SweepCode],
    shares: Sequence[str],
    loadings: Mapping[str, str | None],
    closer: Mapping[str, float],
    setting: Setting,
) -> Function:
    """`initialise(data, rng)`: one random start. `closer`: what noise that starts small is multiplied with."""
    statements: list[ProgrammeStatement] = []
    entries = []
    for name in setting.parameters:
        value = _neutral(setting.scope.symbols[name], setting)
        if name in loadings:
            datum = loadings[name]
            shape = value.removeprefix("np.zeros")
            scale = "" if datum is None else f'spread_of(data["{datum}"]) * '
            unseen = " & ".join(_unseen_factors(name, setting))
            drawn = f"{scale}rng.standard_normal{shape}"
            drawn = f"np.where({unseen}, {drawn}, 0.0)" if unseen else drawn
            value = drawn if value.startswith("np.zeros") else value
        if name in setting.held and (whole := setting.held[name].whole) is not None:
            shape = tuple_of(setting.size_text(size) for size, _ in setting.scope.symbols[name].axes)
            value = f"np.full({shape}, {whole}, dtype=float)"
        form = setting.forms.get(name)
        posterior = _neutral_posterior(form, value, setting) if form else {name: value}
        entries += [f'"{key}": {text}' for key, text in posterior.items()]
    entries += [f'"given.{name}": data["{name}"]' for name in setting.carried]
    statements.append(Assign("params", f"{{{', '.join(entries)}}}"))
    folded = next((code.folding.key for code in codes if code.folding is not None), None)
    if folded is not None:
        statements.append(Assign("data", f'data if "{folded}" in data else prepare(data, params)'))
    blocks = [code for code in codes if code.sweep.block is not None]
    starts = []
    for code in blocks:
        block = code.sweep.block
        assert block is not None
        labels = f'data.get("{block.discrete[0]}")' if len(block.discrete) == 1 else "None"
        held = next((item for item in block.gaussian if item in setting.centred), None)
        if held is not None and len(block.discrete) == 1:
            states = setting.size_text(setting.scope.symbols[block.discrete[0]].categories or 1)
            datum = f'data["{setting.centred[held].base}"]'
            starts.append(f'"{block.name}": separated({code.name}(data, params), rng, {states}, {datum})')
        elif block.gaussian:
            linear = [
                f"slice({slot.start}, {slot.stop})"
                for local, slot in code.layout.locals
                if len(variables_of(local)) < 2
            ]
            products = f", {code.folding.function.name}(data, params)" if code.folding is not None else ""
            arguments = f"{code.name}(data, params), rng, [{', '.join(linear)}]{products}"
            starts.append(f'"{block.name}": projected({arguments})')
        else:
            starts.append(f'"{block.name}": seeded({code.name}(data, params), rng, {_distance(code)}, {labels})')
    starts += [f"**{name}(data, params, rng)" for name in shares]
    start = dictionary(starts) if starts else "None"
    statements.append(Assign("start", start))
    step = Lines(("params = m_step(e_step(data, params, start)[0], params)",))
    steps, said = (20, "twenty") if closer else (2, "two")
    statements.append(Nested(f"for _ in range({steps}):", (step,)))
    if smaller := [f'"{name}": {scale:g} * params["{name}"]' for name, scale in closer.items()]:
        comment = "latents start near what is seen of them: a bound where all is noise has an optimum of its own"
        statements.append(Assign("params", dictionary(("**params", *smaller)), comment))
    return Function(
        "initialise",
        "data, rng",
        f"One random start: rows shared out among seeds that lie apart, then {said} M-steps.",
        tuple(statements),
        "params",
        _sources(setting),
    )


def _distance(code: SweepCode) -> str:
    """The features by which rows are near or far, as a list of places: the simple ones, where there are any."""
    simple = [
        slot
        for feature, slot in code.layout.features
        if len([item for item in feature.atoms if item.statistic != MASK]) == 1
    ]
    listed = simple or [slot for _, slot in code.layout.features]
    return f"[{', '.join(f'*range({slot.start}, {slot.stop})' for slot in listed)}]"


def _sources(setting: Setting) -> tuple[tuple[str, str], ...]:
    """Data, and sizes from the data: from an axis, from the largest index, or as they were bound."""
    listed = list(setting.sources(data=True))
    have = {name for name, _ in listed}
    for symbol in setting.scope.symbols.values():
        for size, _ in symbol.axes:
            identifier = setting.size_text(size)
            if isinstance(size, str) and size not in setting.scope.numbers and identifier not in have:
                have.add(identifier)
                listed.append((identifier, f'data["{size}"]'))
    return tuple(listed)


def _neutral(symbol: Symbol, setting: Setting) -> str:
    """A value in the middle of the support; a location parameter starts at the mean of what it locates."""
    sizes = [setting.size_text(size) for size, _ in symbol.axes]
    shape = tuple_of(sizes)
    match symbol.kind:
        case "simplex":
            return f"np.full({shape}, 1 / {sizes[-1]})"
        case "unit":
            return f"np.full({shape}, 0.5)"
        case "positive":
            return f"np.ones({shape})"
        case "cov":
            plates = sizes[:-2]
            eye = f"np.eye({sizes[-1]})"
            return f"np.tile({eye}, ({', '.join((*plates, '1', '1'))}))" if plates else eye
    located = _located_by(symbol, setting)
    return located or f"np.zeros({shape})"


def _neutral_posterior(form: PosteriorForm, value: str, setting: Setting) -> dict[str, str]:
    """A wide posterior around a neutral value."""
    symbol = setting.scope.symbols[form.variable]
    match form.kernel:
        case "Dirichlet":
            return {form.key("concentration"): f"{setting.size_text(symbol.axes[-1][0])} * {value}"}
        case "Beta":
            return {form.key("a"): f"2 * {value}", form.key("b"): f"2 * {value}"}
        case "Gamma":
            return {form.key("shape"): f"3 * {value}", form.key("rate"): f"3 * {value}"}
        case "Wishart":
            width = setting.size_text(symbol.axes[-1][0])
            shape = tuple_of(setting.size_text(size) for size, _ in symbol.plates)
            df = f"np.full({shape}, {width} + 2.0)"
            return {form.key("df"): df, form.key("scale"): f"{value} / ({width} + 2)"}
    places = range(len(symbol.axes))
    plates = [symbol.axes[place][0] for place in places if place not in (*form.joint, form.scale_axis)]
    listed = [setting.size_text(size) for size in plates]
    joint = [setting.size_text(symbol.axes[place][0]) for place in form.joint]
    shape = tuple_of((*listed, *joint, *joint))
    precision = f"np.ones({shape})"
    if joint:
        unit = f"np.eye({' * '.join(joint)}).reshape({', '.join((*joint, *joint))})"
        precision = f"np.broadcast_to({unit}, {shape})"
    return {form.key("mean"): value, form.key("precision"): precision}


def _located_by(symbol: Symbol, setting: Setting) -> str | None:
    """The mean of the datum from which the parameter is subtracted, in the shape of the parameter."""
    for item in setting.centred.values():
        if len(item.known) != 1 or len(item.known[0].atoms) != 1 or item.known[0].coefficient != 1.0:
            continue
        (datum,) = item.known[0].atoms
        for term in item.references:
            if len(term.atoms) != 1 or term.atoms[0].variable != symbol.name or term.coefficient != -1.0 or term.bound:
                continue
            mean = _reduced(_mean_of(datum, setting), datum, term.atoms[0].references, setting)
            if mean is not None:
                return f"np.broadcast_to({mean}, {tuple_of(setting.size_text(size) for size, _ in symbol.axes)})"
    return None


def _mean_of(datum: Atom, setting: Setting) -> str:
    """The mean of a datum as a pattern of code; of one that is nowhere seen it is zero."""
    bases = {item.base for item in setting.centred.values()}
    may_miss = (
        datum.variable in setting.missing or datum.variable in bases or datum.variable not in setting.scope.symbols
    )
    return "mean_seen({}, axis={})" if may_miss else "np.nanmean({}, axis={})"


def _unseen_factors(name: str, setting: Setting) -> list[str]:
    """For each variable with missing entries that a parameter multiplies: where none of what it multiplies is seen.

    There it starts as what multiplies a latent does; what is seen tells of it elsewhere.
    """
    quantities = {quantity_name(variable) for variable in setting.levels}
    found: dict[str, None] = {}
    for item in setting.centred.values():
        for term in item.references:
            own = next((part for part in term.atoms if part.variable == name), None)
            other = next((part for part in term.atoms if part.variable in quantities), None)
            if own is not None and other is not None:
                unseen = _reduced("np.isnan({}).all(axis={})", other, own.references, setting)
                found |= {} if unseen is None else {unseen: None}
    return list(found)


def _reduced(pattern: str, datum: Atom, own: Sequence[Reference], setting: Setting) -> str | None:
    """The data of a variable, or of the one whose level it is, reduced to axes that are among others, at their places.

    None where these stand in another order. A place in two axes is not an axis of both.
    """
    variable = {quantity_name(name): name for name in setting.levels}.get(datum.variable, datum.variable)
    kept = [reference for reference in datum.references if reference in own and not isinstance(reference, Fixed)]
    if kept != [reference for reference in own if reference in kept] or variable not in setting.scope.symbols:
        return None
    axes = tuple(place for place, reference in enumerate(datum.references) if reference not in kept)
    values = inwards(f'data["{variable}"]', setting.scope.symbols[variable])
    reduced = pattern.format(values, axes[0] if len(axes) == 1 else axes)
    places = ", ".join(":" if reference in kept else "None" for reference in own)
    return f"{reduced}[{places}]" if kept and len(kept) < len(own) and own[-len(kept) :] != tuple(kept) else reduced
