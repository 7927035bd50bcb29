"""Real latents over time whose first value is given: `x[s, 0] ~ PointMass(m)`.

In the E-step that value is known. In the M-step m stands in its place, wherever the first value occurs:

    f(x_t) = [t = 0] f(m) + [t ≥ 1] f(x_t)        f(x_{t−L}) = [t = L] f(m) + [t > L] f(x_{t−L})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from emdsl.algebra.derived import Derived
from emdsl.algebra.indices import Fixed, Gather, Index, IndexSource, Reference, Shift, indices_in
from emdsl.algebra.symbols import Scope, first_table, parent_table, position_table
from emdsl.algebra.terms import DELTA, IDENTITY, NUMBER, STRUCTURE, Atom, Polynomial, Term, number, refreshed
from emdsl.derive.refusal import not_compiled


@dataclass(frozen=True)
class Starts:
    """Puts the values of starts in place of first values."""

    values: Mapping[str, Polynomial]
    scope: Scope
    source: IndexSource
    derived: dict[str, Derived]

    def expanded(self, term: Term) -> list[Term]:
        """The term as a sum in which no first value occurs."""
        for item in term.atoms:
            if item.variable not in self.values:
                continue
            place, reference = self._time(item)
            letter = self.scope.symbols[item.variable].plates[place][1]
            if reference == Fixed(0) or (isinstance(reference, Gather) and reference.table == first_table(letter)):
                return [done for one in self._replaced(term, item) for done in self.expanded(one)]
        own = [self._time(item)[1] for item in term.atoms if item.variable in self.values]
        if not own:
            return [term]
        time = next(iter(indices_in(own[0])))
        if any(not isinstance(reference, Index | Shift) or [*indices_in(reference)] != [time] for reference in own):
            raise not_compiled("a latent with a known start, read at two times that are no lags of each other", None)
        lags = {reference: reference.lag if isinstance(reference, Shift) else 0 for reference in own}
        longest = max(lags.values())
        steps = {*self._masks(term, time, "at_step"), *self._fixed(term, time)}
        if steps:
            return self._all_replaced(term, next((one for one, lag in lags.items() if {lag} == steps), None))
        if max(self._masks(term, time, "at_least"), default=0) > longest:
            return [term]
        return self._split(term, next(one for one, lag in lags.items() if lag == longest), time, longest)

    def _time(self, item: Atom) -> tuple[int, Reference]:
        place = len(self.scope.symbols[item.variable].plates) - 1
        return place, item.references[place]

    def _masks(self, term: Term, time: Index, function: str) -> list[float]:
        """The numbers in the masks of the rows of time, that a term holds at one position or from one on."""
        own = [self.derived[i.variable] for i in term.atoms if i.variable in self.derived and i.references == (time,)]
        return [float(one.arguments[1].constant or 0.0) for one in own if one.function == function]

    def _fixed(self, term: Term, time: Index) -> list[float]:
        """The positions that deltas hold a time at."""
        deltas = [item.references for item in term.atoms if item.statistic == DELTA and time in item.indices]
        return [float(two.position) for _, two in deltas if isinstance(two, Fixed)]

    def _split(self, term: Term, reference: Reference, time: Index, position: int) -> list[Term]:
        """The term at one position with the start in place of the first value, and at all later ones as it is."""
        later = replace(term, atoms=(*term.atoms, self._at_least(time, position + 1)))
        ragged = time.letter in self.scope.ragged
        where: Reference = Gather(position_table(time.letter), (time,)) if ragged else time
        there = replace(term, atoms=(*term.atoms, Atom(STRUCTURE, DELTA, (where, Fixed(position)))))
        return [later, *self._all_replaced(there, reference)]

    def _all_replaced(self, term: Term, reference: Reference | None) -> list[Term]:
        """The term with the start in place of every value at this reference."""
        waiting, done = [term], list[Term]()
        while waiting:
            one = waiting.pop()
            own = next((i for i in one.atoms if i.variable in self.values and self._time(i)[1] == reference), None)
            if own is None:
                done.append(one)
            else:
                waiting += self._replaced(one, own)
        return done

    def _at_least(self, time: Index, position: int) -> Atom:
        name = f"at_least({time.letter}, {position})"
        if name not in self.derived:
            own = self.source.copy_of(time)
            ragged = time.letter in self.scope.ragged
            item = Atom(position_table(time.letter), IDENTITY, (own,)) if ragged else Atom(STRUCTURE, NUMBER, (own,))
            self.derived[name] = Derived(
                name, "at_least", (Polynomial((Term(1.0, (item,)),)), number(position)), (own,)
            )
        return Atom(name, IDENTITY, (time,))

    def _replaced(self, term: Term, item: Atom) -> list[Term]:
        """The value of the start in place of one atom."""
        place, reference = self._time(item)
        letter = self.scope.symbols[item.variable].plates[place][1]
        series: tuple[Reference, ...] = item.references[:place]
        if letter in self.scope.ragged:
            base = reference.index if isinstance(reference, Shift) else reference
            if isinstance(base, Gather):
                series += base.references
            else:
                series += tuple(Gather(parent_table(letter, p), (base,)) for p in self.scope.ragged[letter])
        value = self.values[item.variable]
        names = dict(zip(value.axes, (*series, *item.references[place + 1 :]), strict=True))
        atoms = list(term.atoms)
        atoms.remove(item)
        result = []
        for part in value.terms:
            fresh = refreshed(part, self.source).substitute(dict(names))
            merged = (*atoms, *fresh.atoms)
            result.append(Term(term.coefficient * fresh.coefficient, merged, term.bound + fresh.bound))
        return result
