"""E02x: indices."""

from __future__ import annotations

from collections.abc import Sequence

from emdsl.errors import ModelError, Span
from emdsl.model.mistakes.words import Size, both, did_you_mean


def letter_outside(letter: str, owner: str, span: Span | None, instead: str | None = None) -> ModelError:
    cure = did_you_mean(instead) or f"give `{owner}` the plate `{letter}`, or sum over it: `sum(…, {letter})`"
    return ModelError("E020", f"`{letter}` is not a plate of `{owner}`", cure=cure, span=span)


def letter_at_fixed_slot(letter: str, slot: int, owner: str, span: Span | None) -> ModelError:
    return ModelError(
        "E020", f"in this slot of `{owner}`, `{letter}` is {slot}", cure=f"write {slot} for `{letter}`", span=span
    )


def ragged_without_parent(letter: str, parent: str, size: str, span: Span | None) -> ModelError:
    return ModelError(
        "E030",
        f"`{letter}` runs over `{size}[{parent}]`, so `{parent}` must come before it",
        cure=f"write `[{parent}, {letter}]`",
        span=span,
    )


def ragged_sum(letter: str, parent: str, size: str, span: Span | None) -> ModelError:
    return ModelError(
        "E030",
        f"`{letter}` runs over `{size}[{parent}]`, and `{parent}` has no value here",
        cure=f"sum over `{parent}` as well: `sum(sum(…, {letter}), {parent})`",
        span=span,
    )


def wrong_letter(base: str, dim: Size, letter: str, size: Size, instead: str | None, span: Span | None) -> ModelError:
    cure = did_you_mean(instead) or f"index this axis of `{base}` by a letter or a discrete variable over {dim}"
    return ModelError("E021", f"`{base}` is indexed by {dim}, but `{letter}` runs over {size}", cure=cure, span=span)


def wrong_range(base: str, dim: Size, index: str, size: Size, span: Span | None) -> ModelError:
    return ModelError(
        "E021",
        f"`{base}` is indexed by {dim}, but `{index}` runs over {size}",
        cure=f"index it by a variable over {dim}, or let this axis of `{base}` have the size {size}",
        span=span,
    )


def too_many_indices(base: str, count: int, shape: str, declared: str | None, span: Span | None) -> ModelError:
    cure = f"it is declared as `{declared}`" if declared else "leave the last index out"
    return ModelError("E022", f"`{base}` has {count} indices here, but it is {shape}", cure=cure, span=span)


def number_indexed(name: str, span: Span | None) -> ModelError:
    return ModelError("E022", f"`{name}` is a single number and has no index", cure=f"write `{name}`", span=span)


def index_not_scalar(index: str, instead: str | None, span: Span | None) -> ModelError:
    return ModelError(
        "E023",
        f"the index `{index}` is an array, not one number",
        cure=did_you_mean(instead if instead != index else None) or "index it down to one number",
        span=span,
    )


def index_not_discrete(index: str, dim: Size, span: Span | None) -> ModelError:
    of = f" over {dim}" if dim is not None else ""
    return ModelError(
        "E024",
        f"`{index}` is not a discrete variable, so it cannot be an index",
        cure=f"an index is a letter, a number, `t-1` or one discrete variable{of}",
        span=span,
    )


def index_without_range(index: str, dim: Size, ragged: str | None, span: Span | None) -> ModelError:
    """`ragged`: the letter that runs over `dim`, where that is another number in each group."""
    cure = f"declare it as `index[{dim if dim is not None else 'K'}]`, or use a Categorical variable"
    if ragged is not None:
        cure = (
            f"groups of `{dim}` differ in length: let what reads it run over `{ragged}`, `missing` at all other places"
        )
    return ModelError(
        "E024", f"`{index}` is a count without a largest value, so it cannot be an index", cure=cure, span=span
    )


def index_number(base: str, number: float, size: int | None, span: Span | None) -> ModelError:
    if size is None:
        message = f"{number:g} is no index of `{base}`"
        return ModelError("E025", message, cure="an index is a whole number from 0", span=span)
    last = "only 0" if size == 1 else f"0 to {size - 1}"
    message = f"{number:g} is out of range: this axis of `{base}` has size {size}"
    return ModelError("E025", message, cure=f"indices start at 0: write {last}", span=span)


def lag_without_order(letter: str, size: Size, span: Span | None) -> ModelError:
    return ModelError(
        "E026",
        f"`{letter}` has no neighbours, since its plate is not ordered",
        cure=f"declare it as `time {letter} in {size}`",
        span=span,
    )


def look_ahead(letter: str, steps: int, span: Span | None) -> ModelError:
    return ModelError(
        "E027",
        f"`{letter}+{steps}` looks ahead in time",
        cure=f"define the later one by the earlier: `{letter}` by `{letter}-{steps}`",
        span=span,
    )


def slot_looks_ahead(base: str, number: int, slot: int, span: Span | None) -> ModelError:
    return ModelError(
        "E027",
        f"`{base}` at {number} is later than the slot {slot} that is defined here",
        cure=f"use `{base}` at {slot} or before",
        span=span,
    )


def start_missing(name: str, letter: str, lag: int, slots: Sequence[str], span: Span | None) -> ModelError:
    return ModelError(
        "E028",
        f"`{name}` looks back to `{letter}-{lag}`, but {both(slots)} {'is' if len(slots) == 1 else 'are'} not defined",
        cure=f"add {both(f'{slot} ~ …' for slot in slots)}",
        span=span,
    )


def slot_without_order(name: str, letter: str, slot: str, span: Span | None) -> ModelError:
    return ModelError(
        "E029",
        f"`{name}` is defined at {slot} of the plate `{letter}`, which is not ordered",
        cure=f"write the letter `{letter}`, or declare the plate by `time`",
        span=span,
    )


def slots_differ(name: str, whole: str, span: Span | None) -> ModelError:
    return ModelError(
        "E029",
        f"the definitions of `{name}` have different indices",
        cure=f"define `{whole}`, and numbers in place of ordered letters only",
        span=span,
    )


def only_slots(name: str, whole: str, span: Span | None) -> ModelError:
    return ModelError(
        "E029", f"`{name}` is defined at fixed slots only", cure=f"add the general definition `{whole} ~ …`", span=span
    )


def letter_twice(letter: str, size: str, name: str, span: Span | None) -> ModelError:
    return ModelError(
        "E029",
        f"`{name}` has the plate `{letter}` twice",
        cure=f"declare a second letter over the same size: `plate {letter}2 in {size}`",
        span=span,
    )
