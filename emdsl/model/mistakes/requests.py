"""E07x: requests and new distributions."""

from __future__ import annotations

from collections.abc import Sequence

from emdsl.errors import ModelError, Span
from emdsl.model.mistakes.words import did_you_mean, either


def fix_not_parameter(name: str, role: str, span: Span | None) -> ModelError:
    return ModelError("E070", f"`fix` holds parameters, and `{name}` is {role}", cure="name a `param`", span=span)


def fix_outside(name: str, written: str, kind: str, found: str, span: Span | None) -> ModelError:
    takes = {
        "real": "finite numbers",
        "positive": "positive numbers",
        "unit": "numbers from 0 to 1",
        "simplex": "probabilities that sum to 1",
        "cov": "symmetric positive definite matrices",
    }.get(kind, "whole numbers from 0")
    if kind == "positive" and found == "0":
        takes += "; a state of which nothing comes is a law of its own: `switch(z[n], PointMass(0), …)`"
    message = f"`{name}` is `{written}`, and cannot be held at {found}"
    return ModelError("E071", message, cure=f"it takes {takes}", span=span)


def fix_index(name: str, index: str, span: Span | None) -> ModelError:
    cure = f"write a number for `{index}`, once for each entry, or leave it out to hold whole rows"
    return ModelError(
        "E072", f"`fix` holds single entries of `{name}`, and `{index}` is no number", cure=cure, span=span
    )


def fix_shape(name: str, wanted: str, found: str, span: Span | None) -> ModelError:
    return ModelError(
        "E072", f"`fix` needs {wanted} for `{name}`, but this is {found}", cure=f"give {wanted}", span=span
    )


def fix_not_constant(name: str, other: str, span: Span | None) -> ModelError:
    return ModelError(
        "E072",
        f"`{name}` is held at a value that depends on `{other}`",
        cure="`fix` takes numbers, constants and sizes; a tie between quantities is a `let`",
        span=span,
    )


def order_not_parameter(name: str, role: str, span: Span | None) -> ModelError:
    return ModelError("E073", f"`order` sorts by a parameter, and `{name}` is {role}", cure="name a `param`", span=span)


def order_not_plate(name: str, letter: str, plates: Sequence[str], span: Span | None) -> ModelError:
    cure = (
        f"write {either(f'order {name} by {plate}' for plate in plates)}" if plates else f"give it the plate `{letter}`"
    )
    return ModelError("E073", f"`{name}` does not have the plate `{letter}`", cure=cure, span=span)


def order_twice(letter: str, span: Span | None) -> ModelError:
    return ModelError("E073", f"`{letter}` is ordered twice", cure="keep one `order` for each letter", span=span)


def factorise_role(name: str, role: str, span: Span | None) -> ModelError:
    cure = "name latent variables and parameters only"
    return ModelError("E074", f"`{name}` is {role}, so no factor of q belongs to it", cure=cure, span=span)


def factorise_twice(name: str, span: Span | None) -> ModelError:
    return ModelError("E074", f"`{name}` is in two factors of q", cure="keep it in one", span=span)


def foreign_name(name: str, distribution: str, close: str | None, span: Span | None) -> ModelError:
    cure = did_you_mean(close) or f"make it an argument: `dist {distribution}(y : real | …, {name} : real)`"
    return ModelError(
        "E075", f"`{name}` is neither an argument of `{distribution}` nor a constant", cure=cure, span=span
    )


def density_not_number(distribution: str, found: str, span: Span | None) -> ModelError:
    return ModelError(
        "E076",
        f"the log density of `{distribution}` is {found}, not one number",
        cure="add its entries up: `sum(…)`",
        span=span,
    )
