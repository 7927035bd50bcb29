"""E06x: laws."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from emdsl.errors import ModelError, Span
from emdsl.model import elsewhere
from emdsl.model.mistakes.words import Size, did_you_mean, either


def unknown_argument(law: str, name: str, options: Collection[str], close: str | None, span: Span | None) -> ModelError:
    meant = elsewhere.argument(name, options) or close
    cure = did_you_mean(meant) or f"it has {', '.join(f'`{option}`' for option in options)}"
    return ModelError("E060", f"{law} has no argument `{name}`", cure=cure, span=span)


def missing_argument(law: str, options: Sequence[str], span: Span | None) -> ModelError:
    return ModelError(
        "E061",
        f"{law} lacks its argument {either(options)}",
        cure=f"add {either(f'{option}=…' for option in options)}",
        span=span,
    )


def argument_twice(law: str, name: str, span: Span | None) -> ModelError:
    return ModelError("E062", f"`{name}` of {law} is given twice", cure="give it once", span=span)


def must_be_named(law: str, text: str, options: Sequence[str], positional: int, span: Span | None) -> ModelError:
    if options:
        message = f"{law} does not say what `{text}` measures"
        return ModelError("E063", message, cure=f"name it: {either(f'{name}={text}' for name in options)}", span=span)
    count = "no argument" if positional == 0 else "one argument" if positional == 1 else f"{positional} arguments"
    return ModelError("E063", f"{law} takes {count} without a name", cure=f"leave `{text}` out", span=span)


def two_spellings(law: str, first: str, second: str, span: Span | None) -> ModelError:
    return ModelError("E064", f"{law} takes `{first}` or `{second}`, not both", cure="keep one of them", span=span)


def limits_on(kind: str, law: str, span: Span | None) -> ModelError:
    return ModelError(
        "E065",
        f"{law} cannot be {kind}: limits belong to a law of one ordered number",
        cure=f"leave `{kind}(…)` out",
        span=span,
    )


def limit_shape(kind: str, text: str, found: str, span: Span | None) -> ModelError:
    return ModelError("E065", f"a limit of `{kind}` is a number, but `{text}` is {found}", cure="index it", span=span)


def limits_crossed(kind: str, low: float, high: float, span: Span | None) -> ModelError:
    return ModelError(
        "E066",
        f"the limits of `{kind}` leave nothing between {low:g} and {high:g}",
        cure="give the lower one first",
        span=span,
    )


def censored_prior(name: str, span: Span | None) -> ModelError:
    return ModelError(
        "E067", f"the prior of `{name}` is censored, which only data can be", cure="write `truncated(…)`", span=span
    )


def law_as_argument(law: str, inner: str, span: Span | None) -> ModelError:
    return ModelError(
        "E069",
        f"{law} needs a value here, not the distribution {inner}",
        cure=f"declare a variable: `latent u ~ {inner}(…)`, and write `u`",
        span=span,
    )


def switch_without_index(span: Span | None) -> ModelError:
    return ModelError("E068", "`switch` needs an index first", cure="write `switch(s, d0, d1)`", span=span)


def switch_branch(name: str | None, span: Span | None) -> ModelError:
    what = f"has no argument `{name}`" if name else "chooses among distributions, not among values"
    return ModelError("E068", f"`switch` {what}", cure="write `switch(s, Normal(…), Normal(…))`", span=span)


def switch_index(text: str, span: Span | None) -> ModelError:
    return ModelError(
        "E068",
        f"`switch` needs a discrete variable first, and `{text}` is none",
        cure="use a Categorical or Bernoulli variable with all its letters, or given `index[…]` data",
        span=span,
    )


def switch_length(text: str, size: Size, laws: int, span: Span | None) -> ModelError:
    count = "1 distribution" if laws == 1 else f"{laws} distributions"
    return ModelError(
        "E068",
        f"`{text}` chooses among {size if size is not None else 2}, but `switch` has {count}",
        cure="give one distribution for each value",
        span=span,
    )


def switch_shapes(first: str, other: str, span: Span | None) -> ModelError:
    message = f"`switch` mixes {first} and {other}, whose values have different shapes"
    return ModelError("E068", message, cure="all its distributions are over the same space", span=span)


def switch_kinds(first: str, other: str, span: Span | None) -> ModelError:
    message = f"`switch` mixes {first} and {other}, of which one is discrete and one is not"
    return ModelError("E068", message, cure="all its distributions are over the same space", span=span)
