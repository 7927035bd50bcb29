"""Index arrays as one-hots of known data, so that sums over them have the axes of what they index.

θ[…, y_n]  →  θ[…, v] · [y_n = v],  v summed over
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from emdsl.algebra.indices import Gather, Index, IndexSource, Reference
from emdsl.algebra.symbols import Scope
from emdsl.algebra.terms import DELTA, HOT, Atom, Term


def with_observed_hots(term: Term, scope: Scope, source: IndexSource, stays: Callable[[Atom], bool]) -> Term:
    """The term with its index arrays as one-hots, but for those in atoms that `stays` leaves as they are."""
    atoms: list[Atom] = []
    hots: dict[Gather, Index] = {}
    extra: list[Atom] = []
    for item in term.atoms:
        compared = item.statistic == DELTA and all(isinstance(reference, Gather) for reference in item.references)
        if compared or (item.statistic != DELTA and stays(item)):
            atoms.append(item)
            continue
        symbol = scope.symbols.get(item.variable)
        references: list[Reference] = []
        for position, reference in enumerate(item.references):
            if isinstance(reference, Gather) and (categories := scope.symbols[reference.table].categories) is not None:
                if reference not in hots:
                    size, letter = symbol.axes[position] if symbol else (categories, "v")
                    plated = symbol is not None and position < len(symbol.plates)
                    hots[reference] = source.fresh(size, letter if plated else "v")
                    extra.append(Atom(reference.table, HOT, (*reference.references, hots[reference])))
                reference = hots[reference]
            references.append(reference)
        atoms.append(replace(item, references=tuple(references)))
    return replace(term, atoms=tuple(atoms + extra), bound=term.bound + tuple(hots.values()))
