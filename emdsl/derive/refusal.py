"""The refusal of what the language allows and the compiler does not derive."""

from __future__ import annotations

from emdsl.algebra.expand import Expansion
from emdsl.algebra.expressions import Expression, Number
from emdsl.algebra.operations import NotPolynomial
from emdsl.errors import ModelError, Span
from emdsl.model.statements import Law


def not_compiled(reason: str, span: Span | None, cure: str | None = None) -> ModelError:
    """The refusal of what the language allows and the compiler does not derive yet."""
    return ModelError("E090", f"not compiled yet: {reason}", cure=cure, span=span)


def where_unknown(law: Law, density: Expression, given: tuple[str, ...], expansion: Expansion) -> str:
    """Which arguments of a law, as they are written, leave its formula without a closed form where they are unknown."""
    values = expansion.arguments
    unknown = [name for name in given if not expansion.known(expansion.expand(values[f"@{name}"]))]
    alone = []
    for name in unknown:
        expansion.arguments = {**values, f"@{name}": Number(0.5)}
        try:
            expansion.expand(density)
        except NotPolynomial:
            continue
        alone.append(name)
    listed = " and ".join(f"`{name}`" for name in (alone if len(alone) == 1 else unknown)) or "value"
    verb = "are" if " and " in listed else "is"
    return f"`{law.family}` has no closed form where its {listed} {verb} unknown"
