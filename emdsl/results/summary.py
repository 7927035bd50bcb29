"""The table of a fit: estimates with standard errors, and what is needed to compare fits.

AIC = 2 p - 2 log L,   BIC = p log n - 2 log L      p free parameters, n rows      [Akaike1974, Schwarz1978]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from emdsl.data.sources import place

Array = np.ndarray[Any, Any]

#: Entries of a parameter that the table shows.
MOST_ENTRIES = 30
#: Continued starts agree when their objectives are this close, relative to 1 + |objective|.
AGREEMENT = 1e-6


def table(rows: Sequence[Sequence[str]], right: frozenset[int]) -> list[str]:
    """Lines of aligned columns; those in `right` are flush right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def estimates_table(params: Mapping[str, Array], errors: Mapping[str, Array] | None) -> list[str]:
    """One line for each entry of each parameter, up to MOST_ENTRIES of each."""
    rows = [("parameter", "estimate", "std. error") if errors is not None else ("parameter", "estimate")]
    for name, value in params.items():
        positions = list(np.ndindex(np.shape(value)))
        for position in positions[:MOST_ENTRIES]:
            cells = [place(name, position), f"{value[position]:.6g}"]
            if errors is not None:
                error = errors[name][position] if name in errors else np.nan
                cells.append("" if np.isnan(error) else f"{error:.3g}")
            rows.append(tuple(cells))  # type: ignore[arg-type]
        if len(positions) > MOST_ENTRIES:
            rows.append((f"{name}: {len(positions) - MOST_ENTRIES} more", *("",) * (len(rows[0]) - 1)))  # type: ignore[arg-type]
    return table(rows, frozenset({1, 2}))


def agreement(restarts: Sequence[float], continued: Sequence[bool], objective: float) -> str:
    """`3 of 4 starts agree`, counting those that ran to the end."""
    ended = [value for value, on in zip(restarts, continued, strict=True) if on]
    agreeing = sum(abs(value - objective) <= AGREEMENT * (1 + abs(objective)) for value in ended)
    tried = f" (of {len(restarts)} tried)" if len(restarts) > len(ended) else ""
    return f"{agreeing} of {len(ended)} starts run to the end{tried} agree"


def figures(pairs: Mapping[str, str]) -> Iterator[str]:
    """`name  value` lines."""
    width = max(len(name) for name in pairs)
    for name, value in pairs.items():
        yield f"{name.ljust(width)}  {value}"
