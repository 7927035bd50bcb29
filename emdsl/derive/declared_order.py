"""Arrays of the user at the edge of the emitted functions: chains have their time last inside, whatever is declared.

b[t, j]:    data and starts (t, j, …) → (j, t, …)        posteriors (j, t, …) → (t, j, …)
"""

from __future__ import annotations

from collections.abc import Sequence

from emdsl.algebra.symbols import Symbol


def inwards(code: str, symbol: Symbol) -> str:
    """The text of an array (declared plates…, …) as one with the plates of the symbol; None stays None."""
    place = _declared_time(symbol)
    return code if place is None else f"with_plate_moved({code}, {place}, {len(symbol.plates) - 1})"


def outwards(code: str, symbol: Symbol) -> str:
    """The text of an array with the plates of the symbol first as one with those that are declared."""
    place = _declared_time(symbol)
    return code if place is None else f"with_plate_moved({code}, {len(symbol.plates) - 1}, {place})"


def in_declared_order(entries: Sequence[str], latents: Sequence[Symbol]) -> str:
    """The text of a posterior made of these entries, with the plates of each latent as they are declared."""
    posterior, moved = f"{{{', '.join(entries)}}}", []
    for symbol in latents:
        place = _declared_time(symbol)
        if place is not None:
            moved.append(f'"{symbol.name}": ({len(symbol.plates) - 1}, {place})')
    return f"in_declared_order({posterior}, {{{', '.join(moved)}}})" if moved else posterior


def _declared_time(symbol: Symbol) -> int | None:
    """Where the last plate stands among the declared ones; None where these are in the same order."""
    declared = symbol.declared_plates
    return None if declared == symbol.plates else declared.index(symbol.plates[-1])
