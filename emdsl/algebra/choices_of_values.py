"""What has a closed form in place of a function of unknown numbers: the function of a choice among given values.

f(b) of an unknown b        Σ_i [choice = i] f(values_i)
"""

from __future__ import annotations

from collections.abc import Iterable

from emdsl.algebra.symbols import Scope, Symbol
from emdsl.algebra.terms import Polynomial

#: Kinds of numbers of which some values may stand for all.
NUMBERS = ("real", "positive", "unit")


def choice_instead(values: Iterable[Polynomial], scope: Scope) -> str | None:
    """The cure: each unknown number in `values` replaced by a choice; None where something else is unknown."""
    names = dict.fromkeys(item.variable for value in values for term in value.terms for item in term.atoms)
    symbols = [scope.symbols[name] for name in names if name in scope.symbols]
    unknown = [symbol for symbol in symbols if not symbol.known and not symbol.is_gate]
    if not unknown or any(symbol.kind not in NUMBERS or symbol.event for symbol in unknown):
        return None
    first, *more = ((symbol, _places(symbol, scope)) for symbol in unknown)
    symbol, at = first
    law = f"a finite `latent choice{at}`" if at else "`latent choice ~ Categorical(ones(I) / I)`"
    cure = (
        f"choose among given values: `values[choice{at}]` in place of `{symbol.name}{at}`, with "
        f"`given values[i] : {symbol.kind}` over a `plate i in I`, and {law}"
    )
    others = " and ".join(f"`{other.name}{places}`" for other, places in more)
    return f"{cure}; so for {others}" if more else cure


def _places(symbol: Symbol, scope: Scope) -> str:
    letters = scope.letters_of(symbol)
    return f"[{', '.join(letters)}]" if letters else ""
