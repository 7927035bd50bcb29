"""E01x: names."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from emdsl.errors import ModelError, Span
from emdsl.model import elsewhere
from emdsl.model.mistakes.words import Size, did_you_mean, either


def unknown_name(name: str, close: str | None, span: Span | None) -> ModelError:
    cure = (
        did_you_mean(close) or f"declare it, for instance `given {name} : real`, or in the header `model Name({name})`"
    )
    return ModelError("E010", f"`{name}` is not declared", cure=cure, span=span)


def unknown_letter(letter: str, close: str | None, span: Span | None) -> ModelError:
    cure = did_you_mean(close) or f"declare it: `plate {letter} in {letter.upper()}`"
    return ModelError("E010", f"`{letter}` is not the letter of a plate", cure=cure, span=span)


def size_as_letter(size: str, instead: str | None, span: Span | None) -> ModelError:
    cure = f"write the letter that runs over it{f': `{instead}`' if instead else ''}"
    return ModelError("E010", f"`{size}` is a size, not an index", cure=cure, span=span)


def collision(name: str, first: str, second: str, span: Span | None) -> ModelError:
    return ModelError(
        "E011",
        f"`{name}` is declared as {second}, but it is {first} already",
        cure="rename one of them: letters, sizes, constants, variables and distributions share one name space",
        span=span,
    )


def letter_as_number(letter: str, size: Size, span: Span | None) -> ModelError:
    return ModelError(
        "E012",
        f"`{letter}` is an index, not a number",
        cure=f"give its values as data: `given value[{letter}] : real`, with one number for each of {size}",
        span=span,
    )


def not_a_size(name: str, meaning: str, size: str | None, span: Span | None) -> ModelError:
    cure = f"write the size that it runs over: `{size}`" if size else "name a constant, or a size of a plate"
    return ModelError("E013", f"`{name}` is {meaning}, not a size", cure=cure, span=span)


def computed_dim(span: Span | None) -> ModelError:
    return ModelError(
        "E013", "a size in a type is a name or a number", cure="give the result a name of its own: `real[H]`", span=span
    )


def ragged_dim(name: str, parents: Sequence[str], span: Span | None) -> ModelError:
    return ModelError(
        "E013",
        f"`{name}` is a ragged size, one for each `{', '.join(parents)}`, and cannot be the size of a type",
        cure=f"make it a plate of the variable: `x[{', '.join(parents)}, i]` with `i` over `{name}`",
        span=span,
    )


def ragged_size(name: str, parents: Sequence[str], span: Span | None) -> ModelError:
    return ModelError(
        "E013",
        f"`{name}` is ragged: it has one number for each `{', '.join(parents)}`",
        cure=f"write `{name}[{', '.join(parents)}]`",
        span=span,
    )


def size_two_ways(name: str, first: Sequence[str], second: Sequence[str], span: Span | None) -> ModelError:
    def text(parents: Sequence[str]) -> str:
        return f"`{name}[{', '.join(parents)}]`" if parents else f"`{name}`"

    return ModelError(
        "E013",
        f"the size `{name}` is used as {text(first)} and as {text(second)}",
        cure="use it one way, or name the second size otherwise",
        span=span,
    )


def group_of_a_group(
    name: str, parents: Sequence[str], inner: str, outer: Sequence[str], span: Span | None
) -> ModelError:
    listed = f"`{'`, `'.join(outer)}`"
    return ModelError(
        "E013",
        f"`{name}[{', '.join(parents)}]` is read at `{inner}`, which lies within {listed}",
        cure=f"write `{name}[{', '.join((*outer, *parents))}]`",
        span=span,
    )


def empty_size(name: str, value: float, span: Span | None) -> ModelError:
    shown = f"`{name}`" if name == f"{value:g}" else f"`{name}` = {value:g}"
    return ModelError("E013", f"{shown} is not a size", cure="a size is a whole number, 1 or more", span=span)


def unknown_distribution(name: str, close: str | None, span: Span | None) -> ModelError:
    cure = (
        did_you_mean(elsewhere.law(name))
        or elsewhere.how_to_write(name)
        or did_you_mean(close)
        or f"define it: `dist {name}(y : real | …) = log density`"
    )
    return ModelError("E014", f"there is no distribution `{name}`", cure=cure, span=span)


def unknown_function(name: str, close: str | None, span: Span | None) -> ModelError:
    cure = (
        did_you_mean(elsewhere.function(name) or close)
        or "docs/language.md lists the functions; a new density is a `dist`"
    )
    return ModelError("E015", f"there is no function `{name}`", cure=cure, span=span)


def distribution_as_value(name: str, span: Span | None) -> ModelError:
    return ModelError(
        "E016", f"`{name}` is a distribution, not a value", cure=f"draw from it: `latent u ~ {name}(…)`", span=span
    )


def constant_missing(model: str, name: str, span: Span | None) -> ModelError:
    return ModelError(
        "E017", f"the constant `{name}` of {model} has no value", cure=f"bind it: `{model}({name}=…)`", span=span
    )


def unknown_constant(model: str, name: str, options: Collection[str], close: str | None) -> ModelError:
    listed = f"it has {either(options)}" if options else "it has none"
    return ModelError("E018", f"{model} has no constant or size `{name}`", cure=did_you_mean(close) or listed)


def constant_not_number(name: str, value: object) -> ModelError:
    return ModelError(
        "E019",
        f"the constant `{name}` is a {type(value).__name__}, not a number",
        cure=f"pass a single number; an array is data: `given {name}[k] : real`",
    )


def ragged_bound(name: str, parents: Sequence[str]) -> ModelError:
    return ModelError(
        "E019",
        f"`{name}` is ragged over `{', '.join(parents)}` and cannot be bound to one number",
        cure="leave it out: the data tell it",
    )
