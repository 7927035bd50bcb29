"""The refusal of what the language allows and the compiler does not derive."""

from __future__ import annotations

from emdsl.algebra.choices_of_values import choice_instead
from emdsl.algebra.expand import Expansion
from emdsl.algebra.expressions import Expression, Number
from emdsl.algebra.operations import NotPolynomial
from emdsl.algebra.terms import Polynomial
from emdsl.errors import ModelError, Span
from emdsl.model.statements import Law


def not_compiled(reason: str, span: Span | None, cure: str | None = None) -> ModelError:
    """The refusal of what the language allows and the compiler does not derive yet."""
    return ModelError("E090", f"not compiled yet: {reason}", cure=cure, span=span)


def where_unknown(
    law: Law, density: Expression, given: tuple[str, ...], expansion: Expansion, cure: str | None
) -> NotPolynomial:
    """Which arguments of a law, as they are written, leave its formula without a closed form where they are unknown."""
    values = expansion.arguments
    expanded = {name: _expanded(values[f"@{name}"], expansion) for name in given}
    unknown = [name for name, value in expanded.items() if value is None or not expansion.known(value)]
    alone = []
    for name in unknown:
        expansion.arguments = {**values, f"@{name}": Number(0.5)}
        if _expanded(density, expansion) is not None:
            alone.append(name)
    open_ones = alone if len(alone) == 1 else unknown
    listed = " and ".join(f"`{name}`" for name in open_ones) or "value"
    verb = "are" if " and " in listed else "is"
    reason = f"`{law.family}` has no closed form where its {listed} {verb} unknown"
    closed = [value for name in open_ones if (value := expanded[name]) is not None]
    instead = choice_instead(closed, expansion.scope) if len(closed) == len(open_ones) else None
    return NotPolynomial(reason, law.span, cure or instead)


def _expanded(value: Expression, expansion: Expansion) -> Polynomial | None:
    """What an expression is as a polynomial; None where it is none, as the logarithm of an exponential may be one."""
    try:
        return expansion.expand(value)
    except NotPolynomial:
        return None
