"""Known quantities: functions of data and constants, evaluated once.

f(d_t, d_{t−l})  has no value in the first l steps of a series, where the argument counts as 1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emdsl.algebra.indices import Index, Reference, Shift
from emdsl.algebra.plain import exponent_text
from emdsl.algebra.symbols import Scope, position_table
from emdsl.algebra.terms import IDENTITY, NUMBER, STRUCTURE, Atom, Polynomial, Term, atom, like_terms

#: Characters of a known quantity's arguments at the most that are part of its name.
LEGIBLE = 40
#: The function that gives its argument, which reads earlier steps, and 1 in the steps that have none so early.
STARTED = "started"


@dataclass(frozen=True)
class Derived:
    """A quantity computed from known ones only: `function(arguments)` with the axes `indices`."""

    name: str
    function: str
    arguments: tuple[Polynomial, ...]
    indices: tuple[Index, ...]

    def at(self, references: Sequence[Reference]) -> tuple[Polynomial, ...]:
        """The arguments at references in place of the indices."""
        places = dict(zip(self.indices, references, strict=True))
        return tuple(argument.substitute(places) for argument in self.arguments)


def named(
    derived: dict[str, Derived], function: str, arguments: tuple[Polynomial, ...], indices: tuple[Index, ...]
) -> str:
    """The name of a known quantity, added to `derived`: the function and what it is of, `lgamma(y_n + 1)`.

    What differs in the names of its indices only is the same quantity.
    """
    spans = [(index.size, index.letter) for index in indices]
    same = (
        name
        for name, known in derived.items()
        if known.function == function and [(index.size, index.letter) for index in known.indices] == spans
        if known.at(indices) == arguments
    )
    texts = [exponent_text(like_terms(bare(argument, derived).terms)) for argument in arguments]
    text, shown = (texts[0], "") if function == STARTED else (", ".join(texts), function)
    fresh = f"{shown}({text})" if len(text) <= LEGIBLE else f"{function}({len(derived)})"
    name = next(same, fresh if fresh not in derived else f"{fresh} {len(derived)}")
    derived.setdefault(name, Derived(name, function, arguments, indices))
    return name


def bare(value: Polynomial, derived: Mapping[str, Derived]) -> Polynomial:
    """What a value is at steps that have all the earlier ones that it reads, where it is no more than that."""
    match value.terms:
        case (Term(1.0, (Atom(name, _, references),)),) if name in derived and derived[name].function == STARTED:
            return derived[name].at(references)[0]
    return value


def steps_back(value: Polynomial, derived: Mapping[str, Derived]) -> Mapping[Index, int]:
    """How many steps back a polynomial reads along each time, itself or in known quantities."""
    found: dict[Index, int] = {}
    for item in (item for term in value.terms for item in term.atoms):
        for reference in item.references:
            if isinstance(reference, Shift):
                found[reference.index] = max(reference.lag, found.get(reference.index, 0))
        known = derived.get(item.variable)
        for argument in known.arguments if known else ():
            places = dict(zip(known.indices, item.references, strict=True)) if known else {}
            for inner, lag in steps_back(argument, derived).items():
                match places.get(inner):
                    case Index() as index:
                        found[index] = max(lag, found.get(index, 0))
                    case Shift(index, more):
                        found[index] = max(lag + more, found.get(index, 0))
    return {index: lag for index, lag in found.items() if lag > 0}


def position_of(index: Index, scope: Scope) -> Polynomial:
    """The position of a row within its series."""
    if index.letter in scope.ragged:
        return atom(position_table(index.letter), IDENTITY, (index,))
    return atom(STRUCTURE, NUMBER, (index,))
