"""E03x: statements."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from emdsl.errors import ModelError, Span
from emdsl.model import elsewhere
from emdsl.model.mistakes.words import did_you_mean


def law_needed(name: str, role: str, span: Span | None) -> ModelError:
    cure = "write `~` and its distribution; data that are conditioned on are `given`"
    return ModelError("E031", f"the {role} variable `{name}` has no distribution", cure=cure, span=span)


def given_with_law(name: str, span: Span | None) -> ModelError:
    return ModelError(
        "E032",
        f"`{name}` is given, so it has no distribution",
        cure=f"declare it `observed {name} ~ …`, or leave the distribution out",
        span=span,
    )


def type_needed(name: str, role: str, span: Span | None) -> ModelError:
    return ModelError(
        "E033",
        f"`{name}` needs a type",
        cure=f"for instance `{role} {name} : real` or `{role} {name} : real[D]`",
        span=span,
    )


def let_needs_value(name: str, span: Span | None) -> ModelError:
    return ModelError("E034", f"the let `{name}` needs a value", cure=f"write `let {name} = …`", span=span)


def value_not_let(name: str, role: str, span: Span | None) -> ModelError:
    cure = f"declare it `let {name} = …`, or hold a parameter by `fix`"
    return ModelError("E034", f"a {role} variable such as `{name}` has no value of its own", cure=cure, span=span)


def defined_twice(written: str, span: Span | None) -> ModelError:
    return ModelError("E035", f"`{written}` is defined twice", cure="keep one of the definitions", span=span)


def missing_not_observed(name: str, role: str, span: Span | None) -> ModelError:
    return ModelError(
        "E036",
        f"only observed variables can be `missing`, and `{name}` is {role}",
        cure="leave `missing` out; a latent variable may be given in part, NaN where unknown",
        span=span,
    )


def lag_not_a_number(letter: str, lag: str, span: Span | None) -> ModelError:
    return ModelError(
        "E037",
        f"`{letter}-{lag}` looks back by a name, and how far it looks back is part of the model",
        cure=f"write a number: `{letter}-1`",
        span=span,
    )


def cycle(path: Sequence[str], span: Span | None) -> ModelError:
    shown = ", ".join(f"`{name}` needs `{other}`" for name, other in pairwise(path))
    cure = "a variable may depend only on others that do not depend on it; over time, look back by `t-1`"
    return ModelError("E037", f"the definitions run in a circle: {shown}", cure=cure, span=span)


def unknown_type(kind: str, close: str | None, span: Span | None) -> ModelError:
    cure = (
        did_you_mean(elsewhere.type_kind(kind) or close)
        or "types are real, positive, unit, simplex, cov, count and index"
    )
    return ModelError("E038", f"there is no type `{kind}`", cure=cure, span=span)


def type_dims(kind: str, wanted: int | None, found: int, span: Span | None) -> ModelError:
    takes = "at most two sizes" if wanted is None else "one size"
    example = {"simplex": "simplex[K]", "cov": "cov[D]", "index": "index[K]"}.get(kind, f"{kind}[D]")
    cure = f"write `{example}`"
    if kind == "simplex" and found == 2:
        cure = "rows of probabilities stand on a plate: `param A[k] : simplex[K]`"
    return ModelError("E038", f"`{kind}` takes {takes}, not {found}", cure=cure, span=span)
