"""Arrays of the user at the edge of the emitted functions: chains have their time last inside, whatever is declared.

b[t, j]:    data and starts (t, j, …) → (j, t, …)        posteriors (j, t, …) → (t, j, …)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from emdsl.algebra.symbols import Symbol


def given_array(holder: str, symbol: Symbol, optional: bool = False) -> str:
    """The text of a variable's array in a holder of arrays of the user, with the plates of the symbol.

    `optional`: there may be none, and then it is None. Of an entry it is a part of the whole array.
    """
    code = f'{holder}.get("{symbol.whole}")' if optional else f'{holder}["{symbol.whole}"]'
    if symbol.entry is None:
        return inwards(code, symbol)
    positions = symbol.entry.positions
    places = [str(positions[axis]) if axis in positions else None for axis in range(max(positions) + 1)]
    if optional:
        return inwards(f"entry_of({code}, {', '.join(place or 'slice(None)' for place in places)})", symbol)
    return inwards(f"{code}[{', '.join(place or ':' for place in places)}]", symbol)


def whole_arrays(codes: Mapping[str, str], symbols: Mapping[str, Symbol]) -> dict[str, str]:
    """The texts of the arrays of variables, by name, where some are given of each entry by itself.

    All have the plates of their symbols first.
    """
    found: dict[str, tuple[tuple[int, ...], dict[tuple[int, ...], str]]] = {}
    for name, code in codes.items():
        symbol = symbols[name]
        whole, positions = symbols[symbol.whole], symbol.entry.positions if symbol.entry is not None else {}
        inner = {whole.plates.index(whole.declared_plates[axis]): position for axis, position in positions.items()}
        places = tuple(sorted(inner))
        found.setdefault(whole.name, (places, {}))[1][tuple(inner[place] for place in places)] = code
    return {name: _stacked(places, arrays) for name, (places, arrays) in found.items()}


def _stacked(places: tuple[int, ...], arrays: Mapping[tuple[int, ...], str]) -> str:
    """Arrays by their positions along these axes as one array."""
    if not places:
        return arrays[()]
    (first, *others), rows = places, dict[int, dict[tuple[int, ...], str]]()
    for (position, *rest), code in arrays.items():
        rows.setdefault(position, {})[tuple(rest)] = code
    inner = tuple(place - 1 for place in others)
    listed = ", ".join(_stacked(inner, row) for _, row in sorted(rows.items()))
    return f"np.stack([{listed}]{f', axis={first}' if first else ''})"


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
