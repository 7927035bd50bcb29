"""Bounds that the laws of the observed variables set on their data, where the bounds are numbers or data themselves.

Binomial(n, p)  y <= n        Multinomial(n, p)  sum y = n        truncated(lo, hi), censored(lo, hi)  lo <= y <= hi
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression, Name, Number, Subscript, Unary
from emdsl.data.sources import Array, Subject
from emdsl.errors import DataError
from emdsl.families.registry import family
from emdsl.model.bound import BoundModel
from emdsl.model.holes import COUPLED_LAWS
from emdsl.model.statements import Law, Variable


def families(variable: Variable) -> frozenset[str]:
    """Names of the families of a variable's definitions."""
    return frozenset(definition.law.family for definition in variable.definitions)


def limit_names(bound: BoundModel) -> frozenset[str]:
    """Variables that stand in the limits of a truncated or censored law: they may be infinite."""
    from emdsl.algebra.expressions import names

    found: set[str] = set()
    for variable in bound.checked.model.variables:
        for law in (definition.law for definition in variable.definitions):
            if law.limits:
                found |= names(law.limits.low) | names(law.limits.high)
    return frozenset(found)


def check_laws(bound: BoundModel, variable: Variable, subject: Subject, data: Mapping[str, Any]) -> None:
    """Raises DataError where an observed value breaks a bound of its law; definitions at fixed times are left alone."""
    array = data[variable.name]
    ranks = [_coupled_axes(name) for name in families(variable)]
    if variable.missing and any(ranks):
        _check_whole(subject, array, max(ranks))
    for definition in variable.definitions:
        letters = tuple(slot.name for slot in definition.slots if isinstance(slot, Name))
        if letters != variable.plates:
            continue
        law = definition.law
        if law.family in ("Binomial", "Multinomial"):
            trials = known_value(bound, _argument(law, "n"), letters, data)
            if trials is not None:
                _check_trials(subject, array, law.family, trials)
        if law.limits:
            for expression, sign, word in ((law.limits.low, 1, "below"), (law.limits.high, -1, "above")):
                limit = known_value(bound, expression, letters, data)
                if limit is not None:
                    _check_limit(subject, array, limit, sign, f"{word} the {law.limits.kind} law's limit")


def _coupled_axes(name: str) -> int:
    """How many axes a law has whose entries it couples in another way than by a precision matrix."""
    law = family(name)
    return law.rank if law is not None and name not in COUPLED_LAWS else 0


def _check_whole(subject: Subject, array: Array, rank: int) -> None:
    gone = np.isnan(array).reshape(*array.shape[: array.ndim - rank], -1)
    partly = gone.any(axis=-1) & ~gone.all(axis=-1)
    if partly.any():
        first = tuple(int(i) for i in np.argwhere(partly)[0])
        raise DataError(
            f"`{subject.entry(first)}` is missing in part, and its law couples its entries: they are missing together"
            " or not at all; make all of them NaN"
        )


def known_value(
    bound: BoundModel, expression: Expression | None, letters: tuple[str, ...], data: Mapping[str, Any]
) -> Array | None:
    """The value of a number, a constant or plated data, shaped to broadcast over `letters`; None for the rest."""
    match expression:
        case Number(number):
            return np.asarray(float(number))
        case Unary("-", operand):
            value = known_value(bound, operand, letters, data)
            return None if value is None else -value
        case Name(name) if name in bound.constants or np.ndim(data.get(name, [0])) == 0:
            return np.asarray(bound.constants.get(name, data.get(name)), dtype=np.float64)
        case Subscript(Name(name), indices) if name in data and all(isinstance(index, Name) for index in indices):
            own = tuple(index.name for index in indices if isinstance(index, Name))
            array = np.asarray(data[name], dtype=np.float64)
            if array.ndim != len(own) or any(letter not in letters for letter in own):
                return None
            array = array.transpose([own.index(letter) for letter in letters if letter in own])
            lengths = iter(array.shape)
            return array.reshape([next(lengths) if letter in own else 1 for letter in letters])
    return None


def _argument(law: Law, name: str) -> Expression | None:
    for given, value in law.arguments:
        if given in (name, None) and isinstance(value, Expression):
            return value
    return None


def _check_trials(subject: Subject, array: Array, family: str, trials: Array) -> None:
    totals = array.sum(axis=-1) if family == "Multinomial" else array
    with np.errstate(invalid="ignore"):
        wrong = np.isfinite(totals) & ((totals != trials) if family == "Multinomial" else (totals > trials))
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        n = np.broadcast_to(trials, totals.shape)[first]
        verb, relation = ("sums to", "but") if family == "Multinomial" else ("is", "above")
        raise DataError(f"`{subject.entry(first)}` {verb} {totals[first]:g}, {relation} n = {n:g}")


def _check_limit(subject: Subject, array: Array, limit: Array, sign: int, words: str) -> None:
    if array.ndim < limit.ndim:
        return
    with np.errstate(invalid="ignore"):
        wrong = sign * array < sign * limit
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        bound = np.broadcast_to(limit, array.shape)[first]
        raise DataError(f"`{subject.entry(first)}` is {array[first]:g}, {words} {bound:g}")
