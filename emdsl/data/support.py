"""Values against the support of their type: what each kind of datum may hold, and what a message says when it does not.

positive > 0     0 <= unit <= 1     simplex rows >= 0, sum 1     cov symmetric, positive definite
count 0, 1, 2, …                    index 0 … N - 1
"""

from __future__ import annotations

import numpy as np

from emdsl.data.sizes import Sizes, size_name
from emdsl.data.sources import Array, Subject
from emdsl.errors import DataError
from emdsl.model.statements import Type

#: How far a row of a simplex may be from summing to one, and a covariance from symmetry: single precision's rounding.
ROUNDING = 1e-6

#: The largest number of which many squares add up to a number.
LARGEST = 1e140

#: Positive laws that have a finite density at zero.
ZERO_ALLOWED = ("Exponential",)


def check_support(subject: Subject, array: Array, kind: Type, families: frozenset[str]) -> None:
    """Raises DataError for the first entry outside the support; NaN passes (it is missing, and was checked before)."""
    match kind.kind:
        case "positive" if families and families <= set(ZERO_ALLOWED):
            _refuse(subject, array, array < 0, "negative numbers are outside the support")
        case "positive":
            _refuse(subject, array, array <= 0, "it must be positive")
        case "unit":
            _refuse(subject, array, (array < 0) | (array > 1), "it must lie between 0 and 1")
        case "simplex":
            _check_simplex(subject, array)
        case "cov":
            _check_cov(subject, array)
        case "count":
            _refuse(subject, array, array < 0, "a count cannot be negative")
            _refuse(subject, array, array != np.round(array), "a count must be a whole number")
        case "index":
            _refuse(subject, array, array != np.round(array), "an index must be a whole number")


def check_range(subject: Subject, array: Array, kind: Type, sizes: Sizes) -> None:
    """Raises DataError for the first index outside 0 … N - 1."""
    bound_by = size_name(kind.dims[0])
    size = sizes.value(bound_by)
    if size is None or not np.isfinite(array).any():
        return
    low, high = np.nanmin(array), np.nanmax(array)
    if low >= 0 and high < size:
        return
    wrong = tuple(int(i) for i in np.argwhere((array < 0) | (array >= size))[0])
    allowed = f"an index below {size}" if isinstance(bound_by, int) else _below(sizes, bound_by)
    message = f"`{subject.entry(wrong)}` is {array[wrong]:g}, but it must be 0 or more and {allowed}"
    if low >= 1 and high == size:
        message += f"; indices are 0-based, and the values run 1..{size}: subtract 1"
    raise DataError(message)


def _below(sizes: Sizes, size: str) -> str:
    """`below V = 2, which comes from `mu``."""
    value, origin = sizes.known[size]
    return f"below {size} = {value}, which {origin}"


def check_group_range(name: str, array: Array, lengths: Array, size: str) -> None:
    """Raises DataError for an index that is no position within its own group, whose length `lengths` tells."""
    beyond = (array < 0) | (array >= lengths)
    if not beyond.any():
        return
    wrong = tuple(int(i) for i in np.argwhere(beyond)[0])
    length = int(np.broadcast_to(lengths, array.shape)[wrong])
    raise DataError(f"entry {wrong} of `{name}` is {array[wrong]:g}, but its group has {size} = {length} positions")


def check_finite(subject: Subject, array: Array, *, missing: bool, infinite: bool, cure: str) -> None:
    """Raises DataError for NaN (unless `missing`) and for infinities (unless `infinite`)."""
    if not missing and np.isnan(array).any():
        first = tuple(int(i) for i in np.argwhere(np.isnan(array))[0])
        count = int(np.isnan(array).sum())
        more = f" (and {count - 1} more)" if count > 1 else ""
        raise DataError(f"`{subject.entry(first)}` is NaN{more}; {cure}")
    if not infinite:
        _refuse(subject, array, np.isinf(array), "infinities are not data")
        _refuse(subject, array, np.abs(array) > LARGEST, "its square is beyond double precision: take a larger unit")


def _refuse(subject: Subject, array: Array, wrong: Array, why: str) -> None:
    wrong = wrong & ~np.isnan(array)
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise DataError(f"`{subject.entry(first)}` is {array[first]:g}; {why}")


def _check_simplex(subject: Subject, array: Array) -> None:
    _refuse(subject, array, array < 0, "a probability cannot be negative")
    sums = array.sum(axis=-1)
    wrong = np.abs(sums - 1) > ROUNDING
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise DataError(f"`{subject.entry(first)}` sums to {sums[first]:g}; a simplex sums to 1")


def _check_cov(subject: Subject, array: Array) -> None:
    scale = np.abs(array).max(axis=(-2, -1))
    wrong = np.abs(array - np.swapaxes(array, -2, -1)).max(axis=(-2, -1)) > ROUNDING * scale
    if wrong.any():
        first = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise DataError(f"`{subject.entry(first)}` is not symmetric, so it is no covariance")
    try:
        np.linalg.cholesky(array)
    except np.linalg.LinAlgError as error:
        raise DataError(f"`{subject.name}` is not positive definite, so it is no covariance") from error
