"""E05x: supports."""

from __future__ import annotations

from emdsl.errors import ModelError, Span
from emdsl.model.mistakes.words import Size


def support_mismatch(law: str, argument: str, required: str, text: str, kind: str, span: Span | None) -> ModelError:
    remedy = {
        "positive": f"declare it `positive`, or write `exp({text})`",
        "unit": f"declare it `unit`, or write `logistic({text})`",
        "simplex": f"declare it `simplex[K]`, or write `softmax({text})`",
        "cov": "declare it `cov[D]`",
        "count": "declare it `count`",
    }
    words = {
        "positive": "be positive", "unit": "lie between 0 and 1", "simplex": "sum to 1",
        "cov": "be positive definite", "count": "be a whole number",
    }  # fmt: skip
    return ModelError(
        "E050",
        f"`{argument}` of {law} must {words.get(required, required)}, but `{text}` is {kind}",
        cure=remedy.get(required, f"declare it `{required}`"),
        span=span,
    )


def vector_as_covariance(law: str, argument: str, text: str, span: Span | None) -> ModelError:
    return ModelError(
        "E044",
        f"`{argument}` of {law} needs a matrix, but `{text}` is a vector",
        cure=f"write `diag({text})`",
        span=span,
    )


def number_outside(law: str, argument: str, required: str, found: str, span: Span | None) -> ModelError:
    infinite = "give a finite number; a large spread says that little is known"
    return ModelError(
        "E051",
        f"`{argument}` of {law} must be {required}, but this is {found}",
        cure=infinite if found.endswith("inf") else f"give {_given(required)}",
        span=span,
    )


def _given(required: str) -> str:
    return {"positive": "a number above 0", "between 0 and 1": "a number from 0 to 1"}.get(required, required)


def kind_mismatch(
    name: str, written: str, law: str, found: str, kind: str, declared: bool, span: Span | None
) -> ModelError:
    if not declared:
        cure = "give all definitions of a variable the same type"
    elif kind == "real" and written.startswith("positive"):
        cure = f"take a law on positive numbers, such as Gamma, or write `{law}(…) truncated(0, inf)`"
    else:
        cure = f"declare it `{found}`, or take a law on `{written}`"
    return ModelError("E052", f"`{name}` is `{written}`, but {law} draws `{found}`", cure=cure, span=span)


def count_without_range(name: str, law: str, span: Span | None) -> ModelError:
    return ModelError(
        "E052",
        f"`{name}` has finitely many states, but nothing tells the largest count that {law} draws",
        cure="take `Categorical(p)`, or `Binomial(n, p)` with a number n or one that is declared `index[…]`",
        span=span,
    )


def count_beyond_range(name: str, states: Size, law: str, drawn: Size, span: Span | None) -> ModelError:
    return ModelError(
        "E047",
        f"`{name}` has {states} states, but {law} takes {drawn} values",
        cure=f"declare it `index[{drawn}]`",
        span=span,
    )


def entries_off_one(law: str, argument: str, text: str, span: Span | None) -> ModelError:
    return ModelError(
        "E053",
        f"the entries of `{text}`, which is `{argument}` of {law}, do not sum to 1 for all values of the parameters",
        cure="write the last entry as 1 minus the others, and see that none is left out",
        span=span,
    )
