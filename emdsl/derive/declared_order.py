"""Arrays of the user at the edge of the emitted functions: chains have their time last inside, whatever is declared.

b[t, j]:    data and starts (t, j, …) → (j, t, …)        posteriors (j, t, …) → (t, j, …)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emdsl.algebra.symbols import Scope, Symbol


def given_array(holder: str, symbol: Symbol, read: str = '["{}"]') -> str:
    """The text of a variable's array in a holder of arrays of the user, with the plates of the symbol.

    `read`: how it is read; where it may be None, that stays None. Of an entry it is a part of the whole array.
    """
    if symbol.entry is None:
        return inwards(holder + read.format(symbol.name), symbol)
    whole, axis, position = symbol.entry.variable, symbol.entry.axis, symbol.entry.position
    return inwards(f"entry_of({holder}{read.format(whole)}, {axis}, {position})", symbol)


class EntryArrays:
    """Arrays of entries that are inferred by themselves, to be put together as those of the whole variables."""

    def __init__(self, scope: Scope) -> None:
        self.symbols = scope.symbols
        self.found: dict[str, dict[int, str]] = {}

    def add(self, name: str, code: str) -> None:
        """The text of the array of one entry, with the plates of its symbol."""
        entry = self.symbols[name].entry
        assert entry is not None
        self.found.setdefault(entry.variable, {})[entry.position] = code

    def stacked(self) -> dict[str, str]:
        """By the name of each whole variable the text of its array, with the plates of its symbol."""
        return {name: self._stacked(name, arrays) for name, arrays in self.found.items()}

    def _stacked(self, name: str, arrays: Mapping[int, str]) -> str:
        one = next(symbol for symbol in self.symbols.values() if symbol.entry and symbol.entry.variable == name)
        place = next(place for place, plate in enumerate(self.symbols[name].plates) if plate not in one.plates)
        listed = ", ".join(arrays[position] for position in sorted(arrays))
        return f"np.stack([{listed}]{f', axis={place}' if place else ''})"


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
