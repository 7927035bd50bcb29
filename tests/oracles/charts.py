"""Local coordinates of parameters: u = 0 is the value itself, every u is a valid value, held entries stay.

real: v + u    positive: v e^u    unit: logit v + u
simplex: v_i e^{u_i} rescaled     cov: L expm(u) Lᵀ with u symmetric and L Lᵀ = v
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from scipy.linalg import expm

from emdsl.algebra.expressions import Number
from emdsl.model.statements import Model, Role
from tests.oracles.interpreter import Scene, log_prior
from tests.oracles.marginal import log_likelihood

Array = np.ndarray[Any, Any]
Params = Mapping[str, Any]


def move(value: Any, u: Any, kind: str, held: Any = False) -> Array:
    """The value at coordinates `u` (an array like `value`) of the chart around `value`."""
    v, free = np.asarray(value, float), ~np.broadcast_to(held, np.shape(value))
    u = np.where(free, u, 0.0)
    if kind == "real":
        return np.asarray(v + u)
    if kind == "positive":
        return np.asarray(v * np.exp(u))
    if kind == "unit":
        return np.asarray(v * np.exp(u) / (1 - v + v * np.exp(u)))
    if kind == "simplex":
        raised = v * np.exp(u)
        total = (raised * free).sum(-1, keepdims=True)
        ratio = np.divide((v * free).sum(-1, keepdims=True), total, out=np.ones_like(total), where=total > 0)
        return np.asarray(np.where(free, raised * ratio, v))
    if kind == "cov":
        if not free.all():
            return v
        root = np.linalg.cholesky(v)
        flat = (u + np.swapaxes(u, -1, -2)).reshape(-1, *v.shape[-2:]) / 2
        grown = np.array([expm(matrix) for matrix in flat]).reshape(v.shape)
        moved = root @ grown @ np.swapaxes(root, -1, -2)
        return np.asarray((moved + np.swapaxes(moved, -1, -2)) / 2)
    raise NotImplementedError(f"no chart for {kind}")


def kinds(model: Model) -> dict[str, str]:
    """The type kind of each variable that has one."""
    return {variable.name: variable.type.kind for variable in model.variables if variable.type is not None}


def held(model: Model, name: str, shape: tuple[int, ...]) -> Array:
    """Which entries `fix` holds; under a matrix or simplex type whole rows where so written."""
    mask = np.zeros(shape, bool)
    for fix in model.fixes:
        if fix.name == name:
            mask[tuple(int(i.value) for i in fix.indices if isinstance(i, Number))] = True
    return mask


def directions(value: Any, kind: str, mask: Array) -> Iterator[Array]:
    """A unit direction for each coordinate of the chart."""
    for position in np.ndindex(np.shape(value)):
        if mask[position] or (kind == "cov" and position[-1] > position[-2]):
            continue
        u = np.zeros(np.shape(value))
        u[position] = 1.0
        if kind == "cov":
            u = u + np.swapaxes(u, -1, -2)
        yield u


def slope(f: Callable[[float], float], step: float = 2e-3) -> float:
    """The derivative at 0: central differences and Richardson's extrapolation."""
    wide, narrow = (f(step) - f(-step)) / (2 * step), (f(step / 2) - f(-step / 2)) / step
    return (4 * narrow - wide) / 3


def slopes(f: Callable[[float], float], step: float = 2e-3) -> tuple[float, float]:
    """First and second derivative at 0."""
    return slope(f, step), (f(step) + f(-step) - 2 * f(0.0)) / step**2


def observed_score(
    model: Model,
    constants: Mapping[str, Any],
    data: Mapping[str, Any],
    params: Params,
    names: tuple[str, ...],
    prior: bool = False,
) -> dict[str, tuple[Array, Array]]:
    """Gradient and diagonal curvature of the brute-force log likelihood (plus log prior), in each named chart."""
    result: dict[str, tuple[Array, Array]] = {}
    types = kinds(model)
    for name in names:
        value, found = params[name], []
        for u in directions(value, types[name], held(model, name, np.shape(value))):

            def along(step: float, name: str = name, value: Any = value, u: Array = u) -> float:
                moved = {**params, name: move(value, step * u, types[name], held(model, name, np.shape(value)))}
                total = log_likelihood(model, constants, data, moved)
                return total + log_prior(model, constants, {**data, **moved}) if prior else total

            found.append(slopes(along))
        gradient, curvature = np.array(found).T if found else (np.zeros(0), np.zeros(0))
        result[name] = (gradient, curvature)
    return result


def random_params(
    model: Model, constants: Mapping[str, Any], data: Mapping[str, Any], rng: np.random.Generator
) -> dict[str, Array]:
    """Valid random parameters, held entries at their values; sizes from the constants and the data."""
    scene = Scene(model, constants, data)
    params: dict[str, Array] = {}
    for variable in model.variables:
        if variable.role is not Role.PARAM or variable.type is None:
            continue
        scene.allocate(variable.name)
        shape, kind = np.shape(scene.values[variable.name]), variable.type.kind
        value = rng.normal(0, 1, shape)
        if kind == "positive":
            value = np.exp(value / 2)
        elif kind == "unit":
            value = rng.uniform(0.2, 0.8, shape)
        elif kind == "simplex":
            value = rng.dirichlet(np.full(shape[-1], 3.0), shape[:-1])
        elif kind == "cov":
            value = value @ np.swapaxes(value, -1, -2) + 0.5 * np.eye(shape[-1])
        mask = held(model, variable.name, shape)
        for fix in model.fixes:
            if fix.name == variable.name:
                value[tuple(int(i.value) for i in fix.indices if isinstance(i, Number))] = scene.evaluate(fix.value, {})
        if kind == "simplex" and mask.any():
            free = value * ~mask
            total = free.sum(-1, keepdims=True)
            value = np.where(
                mask, value, free * (1 - (value * mask).sum(-1, keepdims=True)) / np.where(total > 0, total, 1)
            )
        params[variable.name] = np.asarray(value)
    return params
