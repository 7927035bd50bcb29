"""E04x: shapes."""

from __future__ import annotations

from collections.abc import Sequence

from emdsl.errors import ModelError, Span
from emdsl.model.mistakes.words import Size, did_you_mean


def shapes_differ(operator: str, left: str, right: str, span: Span | None) -> ModelError:
    return ModelError(
        "E040",
        f"`{operator}` works entry by entry, but the left is {left} and the right is {right}",
        cure="`@` is the inner product and the product of matrices",
        span=span,
    )


def inner_product_of_number(span: Span | None) -> ModelError:
    return ModelError(
        "E041", "`@` is a product of vectors and matrices, but one side is a number", cure="write `*`", span=span
    )


def inner_sizes(left: str, right: str, swapped: str | None, span: Span | None) -> ModelError:
    return ModelError(
        "E041",
        f"the inner sizes of `@` differ: the left is {left}, the right is {right}",
        cure=did_you_mean(swapped) or "the last size on the left must be the first size on the right",
        span=span,
    )


def argument_count(name: str, wanted: int, found: int, span: Span | None) -> ModelError:
    arguments = "1 argument" if wanted == 1 else f"{wanted} arguments"
    return ModelError("E042", f"`{name}` takes {arguments}, not {found}", cure=f"give {arguments}", span=span)


def argument_shape(what: str, wanted: str, found: str, span: Span | None) -> ModelError:
    return ModelError("E042", f"{what} needs {wanted}, but this is {found}", cure=f"give {wanted}", span=span)


def sum_over_what(letter: str, close: str | None, span: Span | None) -> ModelError:
    cure = did_you_mean(close) or "write `sum(expr, k)` with the letter of a plate, or `sum(v)` for a vector"
    return ModelError("E042", f"`sum` runs over the letter of a plate, and `{letter}` is none", cure=cure, span=span)


def empty_array(span: Span | None) -> ModelError:
    return ModelError("E043", "an array needs an entry", cure="write `[a, b]`", span=span)


def uneven_array(first: str, other: str, span: Span | None) -> ModelError:
    message = f"the entries of an array are alike, but the first is {first} and this is {other}"
    return ModelError("E043", message, cure="make all entries numbers, or vectors of one length", span=span)


def argument_of_law(
    law: str, argument: str, text: str, wanted: str, found: str, stacked: bool, instead: str | None, span: Span | None
) -> ModelError:
    cure = did_you_mean(instead) or (f"index it: `{text}[…]`" if stacked else f"give {wanted}")
    if not stacked and wanted == "a number":
        cure = f"give a number, such as an entry: `{text}[0]`"
    return ModelError("E044", f"`{argument}` of {law} needs {wanted}, but `{text}` is {found}", cure=cure, span=span)


def number_as_probabilities(law: str, argument: str, text: str, span: Span | None) -> ModelError:
    return ModelError(
        "E044",
        f"`{argument}` of {law} needs a probability for each category, but `{text}` is a number",
        cure="declare it `simplex[K]` (`A[k] : simplex[K]` for one in each state), or take Bernoulli for two of them",
        span=span,
    )


def sizes_disagree(law: str, argument: str, text: str, size: Size, expected: Size, span: Span | None) -> ModelError:
    return ModelError(
        "E045",
        f"`{argument}` of {law} has size {size} in `{text}`, but {expected} is due",
        cure=f"all sizes of one {law} are the same: use an argument of size {expected}",
        span=span,
    )


def type_not_known(name: str, role: str, plates: Sequence[str], kind: str, span: Span | None) -> ModelError:
    written = f"{name}[{', '.join(plates)}]" if plates else name
    example = f"{kind}[{'D' if kind in ('real', 'cov') else 'K'}]"
    cure = (
        "give its value sizes that have names" if role == "let" else f"say its type: `{role} {written} : {example} …`"
    )
    return ModelError("E046", f"nothing tells the size of `{name}`", cure=cure, span=span)


def law_shape(name: str, written: str, law: str, found: str, declared: bool, span: Span | None) -> ModelError:
    message = f"`{name}` is `{written}`, but {law} draws `{found}`"
    cure = f"declare it `{found}`" if declared else "give all definitions of a variable the same type"
    return ModelError("E047", message, cure=cure, span=span)


def let_type(name: str, written: str, found: str, span: Span | None) -> ModelError:
    cure = "leave the type out: it follows from the value"
    return ModelError("E047", f"`{name}` is declared {written}, but its value is {found}", cure=cure, span=span)
