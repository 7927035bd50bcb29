"""What every compiled model must satisfy, against brute force.

Each check takes an emitted module (its functions and UPDATES), the model, its constants, tiny data and parameters, and
asserts. None of them knows how the module came about.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.testing import assert_allclose

from emdsl.compile import compile_model
from emdsl.language.text import parse
from emdsl.model.bound import CheckedModel
from emdsl.model.check import bind, check
from emdsl.model.statements import Model, Plate, Role
from tests.oracles import charts
from tests.oracles.interpreter import Scene, log_prior
from tests.oracles.marginal import Exact, log_likelihood

Values = Mapping[str, Any]

#: Sizes of the random steps that must not raise what an update has maximised.
SCALES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.001)


def prepare(model: Model, constants: Values, data: Values) -> dict[str, Any]:
    """Data as the emitted module takes it: float64, int64 for whole numbers that cannot be missing, and loose sizes."""
    header = {constant.name for constant in model.constants}
    sizes = {name: int(value) for name, value in constants.items() if name not in header}
    prepared: dict[str, Any] = {}
    kinds = charts.kinds(model)
    for name, value in data.items():
        array = np.ascontiguousarray(value, dtype=float) if not np.isscalar(value) else value
        whole = kinds.get(name) in ("count", "index")
        if whole and not _may_be_missing(model, name):
            array = np.ascontiguousarray(array, dtype=np.int64)
        prepared[name] = array
    return {**sizes, **Scene(model, constants, data).index_sizes, **prepared}


def typed(checked: CheckedModel) -> Model:
    """The model with every variable's type written out: event sizes then follow from the data alone."""
    variables = tuple(replace(variable, type=checked.types.get(variable.name)) for variable in checked.model.variables)
    return replace(checked.model, variables=variables)


def _may_be_missing(model: Model, name: str) -> bool:
    variable = model.variable(name)
    return variable is not None and (variable.missing or variable.role is Role.LATENT)


class Brute:
    """Brute force at a point, kept for the next check at the same one: several ask for it in turn."""

    model: Model | None = None
    key = b""
    found: Exact | None = None

    @classmethod
    def at(cls, model: Model, constants: Values, data: Values, params: Values) -> Exact:
        key = pickle.dumps((dict(constants), dict(data), dict(params)))
        if cls.found is None or cls.model is not model or cls.key != key:
            cls.found, cls.model, cls.key = Exact(model, constants, data, params), model, key
        return cls.found


def check_likelihood(
    module: Any, model: Model, constants: Values, data: Values, params: Values, tol: float = 1e-9
) -> None:
    """The E-step's log likelihood is the brute-force marginal."""
    expected = Brute.at(model, constants, data, params).log_likelihood
    _, found = module.e_step(data, params)
    assert_allclose(found, expected, rtol=tol, atol=tol, err_msg="log likelihood against brute force")


def check_objective(
    module: Any, model: Model, constants: Values, data: Values, params: Values, tol: float = 1e-9
) -> None:
    """The objective is the log likelihood plus the log prior densities."""
    expected = Brute.at(model, constants, data, params).log_likelihood
    expected += log_prior(model, constants, {**data, **params})
    found = module.objective(module.e_step(data, params)[1], params)
    assert_allclose(found, expected, rtol=tol, atol=tol, err_msg="objective against brute force")


def check_posterior(
    module: Any, model: Model, constants: Values, data: Values, params: Values, tol: float = 1e-8
) -> None:
    """Probabilities, means, variances and covariances of each latent are those of brute force."""
    found = module.posterior(data, params)
    for name, expected in Brute.at(model, constants, data, params).posterior().items():
        common = set(expected) & set(found[name])
        assert common, f"posterior of {name} has {sorted(found[name])}, expected {sorted(expected)}"
        for key in common:
            entries = flattened(expected[key], len(model.variable(name).plates))  # type: ignore[union-attr]
            flat = np.reshape(entries, np.shape(found[name][key]))
            assert_allclose(found[name][key], flat, rtol=tol, atol=tol, err_msg=f"{key} of {name}")


def flattened(value: Any, plates: int) -> Any:
    """Nested lists over `plates` as one list of their entries, as the emitted module has those of ragged plates."""
    if plates == 0:
        return [value]
    return [entry for part in value for entry in flattened(part, plates - 1)]


def additive(model: Model) -> bool:
    """Whether blocks of the outermost data plate stand alone: all that is random lies in it, and no parameter does."""
    random = [v for v in model.variables if v.role in (Role.OBSERVED, Role.LATENT)]
    leads = {variable.plates[:1] for variable in random}
    if len(leads) != 1 or leads == {()}:
        return False
    plate = model.plate(outermost(model))
    assert plate is not None
    return not plate.ordered and all(v.role is not Role.PARAM or plate.letter not in v.plates for v in model.variables)


def outermost(model: Model) -> str:
    """The letter of the outermost data plate."""
    observed = [variable for variable in model.variables if variable.role is Role.OBSERVED]
    return observed[0].plates[0]


def row_count(model: Model, data: Values) -> int:
    """How many rows the outermost data plate has."""
    letter = outermost(model)
    for plate in model.plates:
        if plate.parents[:1] == (letter,) and f"offsets.{plate.letter}" in data:
            shape = np.shape(data[f"first.{plate.letter}"])
            if len(plate.parents) == len(shape):
                return int(shape[0])
    return next(len(data[v.name]) for v in model.variables if v.name in data and v.plates[:1] == (letter,))


def rows(model: Model, data: Values, chosen: Any) -> dict[str, Any]:
    """The data of some rows of the outermost data plate."""
    letter = outermost(model)
    block: dict[str, Any] = {}
    inside: dict[str, Any] = {letter: np.asarray(chosen)}  # the rows of each letter that belong to the chosen ones
    for plate in model.plates:
        if f"offsets.{plate.letter}" not in data:
            continue
        nearest = [p for p in plate.parents if not any(p in model.plate(q).parents for q in plate.parents)]  # type: ignore[union-attr]
        shape = np.shape(data[f"first.{plate.letter}"])
        if nearest[0] not in inside:
            continue
        groups = np.arange(int(np.prod(shape))).reshape(shape)[inside[nearest[0]]]
        ends, counts = data[f"offsets.{plate.letter}"], np.diff(data[f"offsets.{plate.letter}"])[groups]
        inside[plate.letter] = np.concatenate([np.arange(ends[i], ends[i + 1]) for i in groups.ravel()])
        block |= ragged_tables(plate, nearest, counts, f"place.{plate.letter}" in data)
        for parent in set(plate.parents) - set(nearest):
            near = next(p for p in nearest if parent in model.plate(p).parents)  # type: ignore[union-attr]
            owners = block[f"parent.{plate.letter}.{near}"]
            block[f"parent.{plate.letter}.{parent}"] = block[f"parent.{near}.{parent}"][owners]
    for name, value in data.items():
        if name in block:
            continue
        variable = model.variable(name)
        letters = (name[8:],) if name.startswith("weights.") else variable.plates if variable is not None else ()
        own = next((p for p in reversed(letters) if p in inside), None)
        if own is None:
            block[name] = value
            continue
        axis = 0 if own != letter else letters.index(letter)
        block[name] = np.ascontiguousarray(np.take(value, inside[own], axis=axis))
    return block


def ragged_tables(plate: Plate, parents: list[str], lengths: Any, ranged: bool) -> dict[str, Any]:
    """What the data hold of a ragged plate: where rows start, lie, and belong. `lengths` has an axis for each parent.

    `ranged`: and where the k-th row of each group stands, the last one beyond its end.
    """
    shape, counts = np.shape(lengths), np.ravel(lengths)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    group = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(max(counts)) < counts[:, None]
    places = [[starts[s] + min(k, counts[s] - 1) for k in range(max(counts))] for s in range(len(counts))]
    padded = {
        f"place.{plate.letter}": np.reshape(places, (*shape, -1)),
        f"within.{plate.size}": within.astype(float).reshape(*shape, -1),
        f"beyond.{plate.size}": (~within).astype(float).reshape(*shape, -1),
    }
    belongs = zip(parents, np.unravel_index(group, shape), strict=True)
    return (padded if ranged else {}) | {f"parent.{plate.letter}.{parent}": rows for parent, rows in belongs} | {
        f"offsets.{plate.letter}": starts, f"position.{plate.letter}": np.arange(starts[-1]) - starts[group],
        f"first.{plate.letter}": starts[:-1].reshape(shape), str(plate.size): np.reshape(counts, shape),
    }  # fmt: skip


def check_additivity(module: Any, model: Model, data: Values, params: Values, tol: float = 1e-9) -> None:
    """Statistics and log likelihoods of two blocks of rows add up to those of the whole.

    Where a parameter has an entry for each row, or rows share a latent, there are no blocks.
    """
    if not additive(model):
        return
    count = row_count(model, data)
    whole, log_whole = module.e_step(data, params)
    chosen = np.split(np.arange(count), [max(count // 3, 1)])
    parts = [module.e_step(rows(model, data, part), params) for part in chosen if part.size]
    assert_allclose(sum(part[1] for part in parts), log_whole, rtol=tol, atol=tol, err_msg="log likelihoods of blocks")
    for name, value in whole.items():
        total = sum(np.asarray(part[0][name]) for part in parts)
        assert_allclose(total, value, rtol=tol, atol=tol, err_msg=f"statistic {name} of two blocks")


def check_prepared(module: Any, data: Values, params: Values, other: Values, tol: float = 1e-9) -> None:
    """What `prepare` leaves, at whatever parameters, changes no statistic and no likelihood, nor does an E-step it."""
    plain, log_plain = module.e_step(data, params)
    prepared = module.prepare(data, other)
    module.e_step(prepared, other)
    found, log_found = module.e_step(prepared, params)
    assert_allclose(log_found, log_plain, rtol=tol, atol=tol, err_msg="log likelihood of prepared data")
    for name, value in plain.items():
        size = max(1.0, float(np.max(np.abs(value), initial=0.0)))
        assert_allclose(found[name], value, rtol=tol, atol=tol * size, err_msg=f"statistic {name} of prepared data")


def check_m_step(
    module: Any,
    model: Model,
    constants: Values,
    data: Values,
    params: Values,
    rng: np.random.Generator,
    tol: float = 1e-10,
) -> None:
    """Each block of the M-step maximises the expected log joint (plus log prior), given what was updated before it.

    Where observed entries are missing, leaving them out and filling them in are two EM algorithms; either will do.
    """
    new = module.m_step(module.e_step(data, params)[0], params)
    posteriors = [Brute.at(model, constants, data, params)]
    if any(variable.missing for variable in model.variables):
        posteriors.append(Exact(model, constants, data, params, keep_leaves=True))
    types = charts.kinds(model)
    # data that priors refer to travel with the parameters, as "given.…"; the interpreter has them among the data
    current = {name: np.array(value, float) for name, value in params.items() if not name.startswith("given.")}
    for block, keys in module.UPDATES:
        current |= {key: np.array(new[key], float) for key in keys}
        steps = []
        for scale in SCALES:
            direction = {key: random_direction(current[key], types[key], rng) for key in keys}
            steps += [
                {
                    **current,
                    **{
                        k: charts.move(current[k], s * scale * u, types[k], charts.held(model, k, u.shape))
                        for k, u in direction.items()
                    },
                }
                for s in (1, -1)
            ]
        rises = []
        for exact in posteriors:
            top = exact.expected_log_joint(current) + log_prior(model, constants, {**data, **current})
            tried = [exact.expected_log_joint(s) + log_prior(model, constants, {**data, **s}) for s in steps]
            rises.append((max(tried) - top) / (1 + abs(top)))
        assert min(rises) <= tol, (
            f"M-step of {block}: a step in {keys} raises the expected log joint by {min(rises):.3g} (relative)"
        )


def random_direction(value: Any, kind: str, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    direction = rng.standard_normal(np.shape(value))
    if kind == "cov":
        direction = (direction + np.swapaxes(direction, -1, -2)) / 2
    return np.asarray(direction / max(1.0, np.abs(direction).max(initial=0.0)))


def check_monotone(
    module: Any, data: Values, params: Values, iterations: int = 25, tol: float = 1e-9
) -> dict[str, Any]:
    """The objective never falls over steps taken by hand, and `fit` walks the same path; the last parameters."""
    current, trace = dict(params), []
    for _ in range(iterations):
        statistics, value = module.e_step(data, current)
        trace.append(float(module.objective(value, current)))
        current = module.m_step(statistics, current)
    trace.append(float(module.objective(module.e_step(data, current)[1], current)))
    falls = np.diff(trace) / (1 + np.abs(trace[:-1]))
    assert falls.min() >= -tol, f"the objective fell by {-falls.min():.3g} (relative) in iteration {falls.argmin()}"
    fitted, history = module.fit(data, params, iterations, 0.0)
    assert len(history) == iterations, f"{len(history)} entries of history after {iterations} M-steps"
    assert_allclose(history, trace[1:], rtol=1e-9, atol=1e-9, err_msg="history of fit against the same steps by hand")
    for name, value in current.items():
        assert_allclose(
            fitted[name], value, rtol=1e-6, atol=1e-8, err_msg=f"{name} after fit against the same steps by hand"
        )
    return dict(current)


def check_fit(
    module: Any,
    model: Model,
    constants: Values,
    data: Values,
    params: Values,
    max_iter: int = 3000,
    tol: float = 1e-12,
    gain: float = 1e-6,
    scores: bool = True,
) -> dict[str, Any]:
    """At the fit, no coordinate of a parameter promises more than `gain` of log likelihood (plus log prior).

    Without `scores`, which take many passes of brute force, the fit has the likelihood that it says.
    """
    fitted, history = module.fit(data, params, max_iter, tol)
    expected = log_likelihood(model, constants, data, fitted) + log_prior(model, constants, {**data, **fitted})
    assert_allclose(history[-1], expected, rtol=1e-9, atol=1e-9, err_msg="last entry of history against brute force")
    if not scores:
        return dict(fitted)
    slopes = charts.observed_score(model, constants, data, fitted, module.PARAMETERS, prior=True)
    for name, (gradient, curvature) in slopes.items():
        promised = gradient**2 / (2 * np.maximum(np.abs(curvature), 1e-2))
        assert promised.max(initial=0.0) <= gain, f"score of {name} at the fit is {gradient}, curvature {curvature}"
    return dict(fitted)


def check_bound(
    module: Any,
    model: Model,
    constants: Values,
    data: Values,
    params: Values,
    rng: np.random.Generator,
    evidence: bool = True,
    exact: bool = False,
    tol: float = 1e-8,
) -> None:
    """The fitted bound is below the log evidence (equal to it where `exact`), and no step of q raises it."""
    fitted, history = module.fit(data, params, 2000, 1e-13)
    assert (np.diff(history) >= -1e-9 * (1 + np.abs(history[:-1]))).all(), "the bound fell"

    def bound(values: Values) -> float:
        return float(module.objective(module.e_step(data, values)[1], values))

    top = bound(fitted)
    assert_allclose(
        history[-1], top, rtol=1e-9, atol=1e-9, err_msg="last entry of history against the bound at the parameters"
    )
    types = charts.kinds(model)
    for key, value in ((k, v) for k, v in fitted.items() if not k.startswith("given.")):
        kind = types[key] if key in types else posterior_kind(key, value)
        for scale in SCALES:
            u = scale * random_direction(value, kind, rng)
            for sign in (1, -1):
                moved = {**fitted, key: charts.move(value, sign * u, kind, charts.held(model, key, u.shape))}
                rise = (bound(moved) - top) / (1 + abs(top))
                assert rise <= tol, f"a step of {sign * scale} in {key} raises the bound by {rise:.3g} (relative)"
    if not evidence:
        return
    random = tuple(
        variable.name for variable in model.variables if variable.role is Role.PARAM and variable.definitions
    )
    fixed = {name: value for name, value in module.estimates(fitted).items() if name not in random}
    try:
        highest = log_likelihood(model, constants, data, fixed, integrate_over=random)
    except NotImplementedError:
        return
    assert top <= highest + tol * (1 + abs(highest)), f"bound {top} above the log evidence {highest}"
    if exact:
        assert_allclose(top, highest, rtol=1e-7, atol=1e-7, err_msg="exact bound against the log evidence")


def check_field(module: Any, model: Model, constants: Values, data: Values, params: Values, tol: float = 1e-8) -> None:
    """Where the posterior is only approximated: the objective stays below the log evidence, and `fit` never lowers it.

    A fit may go on from the factors of the last iteration, so that its path need not be that of steps by hand.
    """

    def below(values: Values, bound: float) -> None:
        estimates = module.estimates(values)
        highest = log_likelihood(model, constants, data, estimates) + log_prior(model, constants, {**data, **estimates})
        assert np.isfinite(bound) and bound <= highest + tol * (1 + abs(highest)), f"bound {bound} above {highest}"

    below(params, float(module.objective(module.e_step(data, params)[1], params)))
    for iterations in (1, 3, 60):
        params, history = module.fit(data, params, iterations, 1e-10 if iterations > 3 else 0.0)
        assert (np.diff(history) >= -1e-9 * (1 + np.abs(history[:-1]))).all(), f"the bound fell: {history}"
        below(params, history[-1])


def check_hard(module: Any, model: Model, constants: Values, data: Values, params: Values, tol: float = 1e-9) -> None:
    """The objective of classification EM is the log joint at the most probable states, and never falls."""
    for _ in range(3):
        expected = Exact(model, constants, data, params).best_log_joint
        expected += log_prior(model, constants, {**data, **params})
        statistics, value = module.e_step(data, params)
        assert_allclose(module.objective(value, params), expected, rtol=tol, atol=tol, err_msg="best log joint")
        params = module.m_step(statistics, params)
    check_monotone(module, data, params)


def posterior_kind(key: str, value: Any) -> str:
    """The chart for a parameter of q, by its dotted name: means real, matrices positive definite, the rest positive."""
    if key.endswith(".mean"):
        return "real"
    matrix = (
        np.ndim(value) >= 2
        and np.shape(value)[-1] == np.shape(value)[-2]
        and key.split(".")[-1] in ("scale", "cov", "prec", "covariance", "precision")
    )
    if matrix and np.allclose(value, np.swapaxes(value, -1, -2)) and np.all(np.linalg.eigvalsh(value) > 0):
        return "cov"
    return "positive"


def check_estimates(module: Any, params: Values) -> None:
    """`estimates` and `from_estimates` undo each other."""
    again = module.estimates(module.from_estimates(module.estimates(params), params))
    for name, value in module.estimates(params).items():
        assert_allclose(again[name], value, rtol=1e-9, atol=1e-12, err_msg=f"{name} through from_estimates")


def check_em(
    module: Any,
    model: Model,
    constants: Values,
    data: Values,
    rng: np.random.Generator,
    exact: bool = True,
    fit: bool = True,
    scores: bool = True,
) -> None:
    """All checks of a module under `em`; `exact` False leaves out those that a generalised M-step need not meet."""
    params = module.initialise(data, rng)
    assert set(module.PARAMETERS) <= set(params), (
        f"initialise gives {sorted(params)} but not all of {module.PARAMETERS}"
    )
    check_estimates(module, params)
    for _ in range(2):  # at the start, and after one iteration: starts may be special
        check_likelihood(module, model, constants, data, params)
        check_objective(module, model, constants, data, params)
        check_posterior(module, model, constants, data, params)
        check_additivity(module, model, data, params)
        if exact:
            check_m_step(module, model, constants, data, params, rng)
        before, params = params, module.m_step(module.e_step(data, params)[0], params)
        check_prepared(module, data, params, before)
    params = check_monotone(module, data, params)
    if fit:
        check_fit(module, model, constants, data, params, scores=scores)


def check_model(
    text: str,
    constants: Values,
    data: Values,
    methods: tuple[str, ...] = ("em",),
    exact: bool = True,
    rng: np.random.Generator | None = None,
    fit: bool = True,
    scores: bool = True,
) -> None:
    """Compile a model given as text and put it through every check of its methods."""
    bound, rng = bind(check(parse(text)), **constants), rng or np.random.default_rng(0)
    model = typed(bound.checked)
    prepared = prepare(model, bound.constants, data)
    for method in methods:
        module = compile_model(bound, method).module
        if method == "em":
            check_em(module, model, bound.constants, prepared, rng, exact, fit, scores)
        elif method == "vb":
            few = rows(model, prepared, np.linspace(0, row_count(model, prepared) - 1, 4).astype(int))
            for part, evidence in ((prepared, False), (few, True)):
                check_bound(module, model, bound.constants, part, module.initialise(part, rng), rng, evidence)
        elif method == "hard":
            check_hard(module, model, bound.constants, prepared, module.initialise(prepared, rng))
        else:
            check_monotone(module, prepared, module.initialise(prepared, rng))
