"""In which rows with weights each row lies: all that lies in a row of weight w stands there w times.

    x[g, i]                    lies in its rows of g and of i
    x[i] reads u[user[i]]      every row of i lies in the row user[i] of the plate of u, with all that row i has
    x[t], t in T[s]            lies in the series that t belongs to

Seen from one copy of a variable, a term counts once for each copy of what else it lies in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from emdsl.algebra.indices import Gather, Index, IndexSource, Reference, Shift, indices_in, substitute
from emdsl.algebra.symbols import WEIGHTS, Scope, first_table, is_parent_table, parent_table, ragged_table
from emdsl.algebra.terms import IDENTITY, Atom, Term
from emdsl.derive.log_joint import Factor
from emdsl.structure.elimination import Step, in_series

#: A row of each plate, by letter.
Rows = Sequence[tuple[str, Reference]]


@dataclass(frozen=True)
class Membership:
    """Rows of some plates lie in a row of another: `reference` says which, at the rows `inside`."""

    reference: Reference
    inside: tuple[Index, ...]
    letter: str


@dataclass(frozen=True)
class Copies:
    """Which weights count a variable. `refused`: plates that cannot have weights, and why."""

    scope: Scope
    weighted: frozenset[str]
    memberships: tuple[Membership, ...]
    refused: Mapping[str, str] = field(default_factory=dict)

    def at(self, name: str, references: Sequence[Reference]) -> tuple[Atom, ...]:
        """The weights that count a variable at references to its plates; a choice has those of what multiplies it."""
        if self.scope.is_choice(name):
            return ()
        letters = [letter for _, letter in self.scope.symbols[name].plates]
        return self.of_rows(list(zip(letters, references, strict=False)))

    def of_rows(self, rows: Rows) -> tuple[Atom, ...]:
        """The weights that count what has these rows."""
        found = self.lies_in(rows)
        return tuple(
            Atom(f"{WEIGHTS}{letter}", IDENTITY, (references[0],))
            for letter, references in found.items()
            if letter in self.weighted and not any(isinstance(r, Shift) for r in references[:1])
        )

    def of_step(self, step: Step) -> tuple[Atom, ...]:
        """The weights that count the variables of a step, where its message is known."""
        found = []
        joint = step.children is not None and step.children.kind == "joint"
        name = step.outer[0][0] if joint else step.variables[0]  # whose rows those of the step are
        for item in self.at(name, step.rows):
            reference = in_series(item.references[0], step, self.scope)
            if reference is not None:
                found.append(replace(item, references=(reference,)))
        return tuple(found)

    def lies_in(self, rows: Rows) -> dict[str, list[Reference]]:
        """The rows of all plates in which these rows lie; of one plate two at the most, where it is not one."""
        found: dict[str, list[Reference]] = {}
        for letter, reference in rows:
            found.setdefault(letter, []).append(reference)
        growing = True
        while growing:
            growing = False
            for one in self.memberships:
                if any(index.letter not in found for index in one.inside):
                    continue
                moved = self._moved(one, found)
                known = found.setdefault(one.letter, [])
                if moved not in known and len(known) < 2:
                    known.append(moved)
                    growing = True
        return found

    def _moved(self, one: Membership, found: Mapping[str, list[Reference]]) -> Reference:
        names = {index: found[index.letter][0] for index in one.inside}
        return self._plain(substitute(one.reference, names))

    def _plain(self, reference: Reference) -> Reference:
        """The group of the first row of a group is that group, and the row before lies in the same group."""
        if isinstance(reference, Gather) and is_parent_table(reference.table):
            _, letter, parent = reference.table.split(".")
            (row,) = reference.references
            if isinstance(row, Shift):
                return replace(reference, references=(row.index,))
            if isinstance(row, Gather) and row.table == first_table(letter):
                return row.references[self.scope.ragged[letter].index(parent)]
        return reference


def copies(
    factors: Iterable[tuple[Factor, tuple[Term, ...]]],
    latents: frozenset[str],
    weighted: frozenset[str],
    scope: Scope,
    source: IndexSource,
) -> Copies:
    """The memberships that follow from what is read where; plates without a meaning for weights are refused."""
    listed = list(factors)
    found: dict[tuple[object, ...], Membership] = {}
    for letter, parents in scope.ragged.items():
        size = next(size for symbol in scope.symbols.values() for size, other in symbol.plates if other == letter)
        row = source.fresh(size, letter)
        for parent in parents:
            one = Membership(Gather(parent_table(letter, parent), (row,)), (row,), parent)
            found[letter, parent] = one
    refused: dict[str, str] = {}
    for factor, terms in listed:
        for item in (item for term in terms for item in term.atoms if item.variable in latents):
            for (_, letter), reference in zip(scope.symbols[item.variable].plates, item.references, strict=False):
                if reference in factor.plates or _is_structural(reference):
                    continue
                inside = tuple(dict.fromkeys(indices_in(reference)))
                own = bool(inside) and set(inside) <= {*factor.plates}
                if own and isinstance(reference, Gather) and _is_whole(reference):
                    names = {index: Index(-1 - place, index.size, index.letter) for place, index in enumerate(inside)}
                    key = (letter, tuple(index.letter for index in inside), substitute(reference, names))
                    found.setdefault(key, Membership(reference, inside, letter))
                elif letter in weighted:
                    reason = f"`{factor.variable}` reads `{item.variable}` beyond a row of its own"
                    refused.setdefault(letter, reason)
    result = Copies(scope, weighted, tuple(found.values()))
    for factor, _ in listed:
        for letter, references in result.lies_in([(index.letter, index) for index in factor.plates]).items():
            if len(references) > 1 and letter in weighted:
                refused.setdefault(letter, f"a row of `{factor.variable}` lies in two rows of `{letter}`")
    return replace(result, refused=refused)


def _is_structural(reference: Reference) -> bool:
    """Whether a reference only follows from a ragged plate."""
    return isinstance(reference, Gather) and ragged_table(reference.table)[:1] in (("parent",), ("first",))


def _is_whole(reference: Gather) -> bool:
    """Whether index arrays are read at rows, neither at a lag nor at a fixed place."""
    return all(
        isinstance(inner, Index) or (isinstance(inner, Gather) and _is_whole(inner)) for inner in reference.references
    )
