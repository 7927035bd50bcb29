"""The evidence of a chain as products of what rows have and what states have, where it separates into these.

    Σ_d w_d x_td² (−½ v_kd⁻¹)  =  natural_kd · feature_td          log φ_k,y_t  =  a table read at the entry of a row

Such evidence is formed for a few rows at a time. The derivative of the log partition by a part is Σ_t p(z_t = k) times
the feature of t: if that is all that the statistics need, no array over rows and states is needed at all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from emdsl.algebra.indices import Fixed, Gather, Index, Reference, indices_in, substitute
from emdsl.algebra.symbols import is_first_row
from emdsl.algebra.terms import DELTA, HOT, STRUCTURE, Atom, Term
from emdsl.arrays.algebra import sole_operand, summands
from emdsl.arrays.expressions import Array, Contraction, Gathered, Named, Operand, read, total
from emdsl.derive.coupled import Monomial
from emdsl.derive.field import FieldMoments, with_axes

Part = tuple[Term, tuple[Reference, ...]]


#: Row operands up to the names of their indices.
Key = tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Separated:
    """Evidence as constant (state,), products (natural (state, …), factors) and tables (table, entries).

    A feature (row…, …) is its one factor, or the product of two, each with one axis at most beside the rows.
    `keys`: the operands of each feature, by which a statistic is recognised.
    """

    constant: Array | None
    products: tuple[tuple[Array, tuple[Array, ...]], ...]
    tables: tuple[tuple[Array, str], ...]
    keys: tuple[Key, ...]


@dataclass(frozen=True)
class RowEvidence:
    """Evidence that is formed when rows are read, under its name in the emitted code."""

    array: Named
    monomial: Monomial
    parts: Separated

    def expectation(
        self,
        rest: Term,
        references: tuple[Reference, ...],
        axes: tuple[Index, ...],
        moments: FieldMoments,
        found: str,
    ) -> Array | None:
        """Σ_rows p(state) · rest, from `found`, the derivatives of the log partition; None if they do not hold it.

        references: those of the latent, plain indices; the last one is its state.
        """
        rows, state = self.monomial.rows, references[-1]
        own = {reference: row for reference, row in zip(references, rows, strict=False) if isinstance(reference, Index)}
        if len(own) < len(rows) or not isinstance(state, Index) or set(own) & set(axes):
            return None
        rest = rest.substitute(dict(own))
        hots = [item for item in rest.atoms if item.statistic == HOT and set(item.references[:-1]) == set(rows)]
        entry = hots[0].references[-1] if hots else None
        if entry is not None:
            rest = replace(rest, atoms=tuple(item for item in rest.atoms if item is not hots[0]))
        unknown = {name for name, symbol in moments.scope.symbols.items() if not symbol.known}
        given = (item for item in rest.atoms if item.statistic == HOT and item.variable not in unknown)
        tables = [item for item in given if item.references[-1] in axes]
        if any(item.indices & set(rows) for item in tables):
            return None
        rest = replace(rest, atoms=tuple(_as_delta(item) if item in tables else item for item in rest.atoms))
        of_state = (state,) if state in rest.indices else ()
        value = moments.contraction(rest, (*rows, *of_state, *axes))
        assert isinstance(value, Contraction)
        by_row = tuple(one for one in value.operands if set(one.references) & set(rows))
        others = tuple(one for one in value.operands if one not in by_row)
        if entry is not None:
            known = None if by_row or entry not in axes else self._table(hots[0], entry, state, moments, found)
        elif by_row:
            links = _links(by_row, rows, {r for one in others for r in one.references} | set(axes))
            key = operands_key(by_row, rows, links)
            place = self.parts.keys.index(key) if key in self.parts.keys else None
            known = None if place is None else Named(f"{found}.products[{place}]", (state, *links))
        else:
            known = Named(f"{found}.constant", (state,))
        if known is None:
            return None
        return Contraction(value.coefficient, (Operand(known, known.axes), *others), axes, value.counted)

    def _table(self, hot: Atom, entry: Reference, state: Index, moments: FieldMoments, found: str) -> Named | None:
        code = moments.index_code(Gather(hot.variable, self.monomial.rows), self.monomial.rows)
        for place, (_, entries) in enumerate(self.parts.tables):
            if entries == code and isinstance(entry, Index):
                return Named(f"{found}.tables[{place}]", (state, entry))
        return None


def _as_delta(item: Atom) -> Atom:
    """[table_s = k] as a number for every state s and entry k."""
    return Atom(STRUCTURE, DELTA, (Gather(item.variable, item.references[:-1]), item.references[-1]))


def operands_key(operands: Sequence[Operand], rows: tuple[Index, ...], links: tuple[Index, ...]) -> Key:
    """Row operands with rows and links by their places, other indices by the order in which they occur."""
    labels: dict[Reference, str] = {row: f"row {place}" for place, row in enumerate(rows)}
    labels |= {link: f"link {place}" for place, link in enumerate(links)}
    ordered = sorted(operands, key=lambda one: repr(one.array.name if isinstance(one.array, Named) else one.array))
    for one in ordered:
        for reference in one.references:
            labels.setdefault(reference, f"summed {len(labels)}")
    return tuple(
        sorted(
            (
                one.array.name if isinstance(one.array, Named) else repr(one.array),
                tuple(labels[r] for r in one.references),
            )
            for one in ordered
        )
    )


def _links(by_row: Sequence[Operand], rows: tuple[Index, ...], outside: set[Reference]) -> tuple[Index, ...]:
    """Indices that features share with what they are multiplied by."""
    inner = {r for one in by_row for r in one.references if isinstance(r, Index)} - set(rows)
    return tuple(sorted(inner & outside, key=lambda index: index.identity))


def row_evidence(
    parts: Sequence[Part], monomial: Monomial, moments: FieldMoments, labels: str, comment: str
) -> RowEvidence | None:
    """The quantity that forms the evidence of rows when they are read; None where it does not separate."""
    rows, (state,) = monomial.rows, monomial.axes
    if rows[-1].letter in moments.scope.ragged and len(rows) > 1:
        return None
    starts: list[Part] = []
    later: list[Part] = []
    for rest, references in parts:
        time = references[len(rows) - 1]
        if isinstance(time, Index):
            later.append((rest, references))
        elif isinstance(time, Gather) and is_first_row(time):
            starts.append((rest, (*time.references, *references[1:])))
        elif time == Fixed(0):
            starts.append((rest, (*references[: len(rows) - 1], *references[len(rows) :])))
        else:
            return None
    value = moments.placed(later, (*rows, state), "evidence") if later else None
    found = None if value is None else separated(value, rows, state, moments)
    if found is None:
        return None
    body, name = moments.body, monomial.variables[0]

    def named(label: str, value: Array, axes: tuple[Index, ...]) -> str:
        own = sole_operand(value)
        if own is not None and isinstance(own.array, Named) and own.references == axes:
            return own.array.name
        return body.define(body.unused(f"{label} {name}"), value, axes).name

    n_states, n_rows = moments.length(state.size), " * ".join(moments.length(row.size) for row in rows)
    arguments = [n_states, n_rows]
    if found.constant is not None:
        arguments.append(f"constant={named('constant', found.constant, (state,))}")
    products = [
        (named("natural", natural, natural.axes), *(named("feature", factor, factor.axes) for factor in factors))
        for natural, factors in found.products
    ]
    listed = ", ".join(f"({', '.join(names)})" for names in products)
    arguments += [f"products=[{listed}]"] if products else []
    tables = [(named("table", table, table.axes), entries) for table, entries in found.tables]
    listed = ", ".join(f"({table}, {entries})" for table, entries in tables)
    arguments += [f"tables=[{listed}]"] if tables else []
    if starts:
        series = tuple(moments.source.copy_of(row) for row in _series(starts[0][1]))
        first = moments.placed(starts, (*series, state), "start")
        if first is not None:
            axes = first.axes if first.axes == (state,) else (*series, state)
            arguments.append(f"first={named('first', moments.covered(with_axes(first, axes), axes), axes)}")
    if labels:
        arguments.append(f"labels={labels}")
    memory = body.define(
        body.unused(f"memory of {name}"),
        f"Memory({n_rows} * {n_states})",
        (),
        "room for the messages of every iteration",
    )
    arguments.append(f"memory={memory.name}")
    call = f"RowEvidence({', '.join(arguments)})"
    array = body.define(body.unused(f"evidence {name}"), call, monomial.all_axes, comment)
    return RowEvidence(array, monomial, found)


def _series(references: tuple[Reference, ...]) -> tuple[Index, ...]:
    return tuple(index for reference in references[:-1] for index in indices_in(reference))


def separated(value: Array, rows: tuple[Index, ...], state: Index, moments: FieldMoments) -> Separated | None:
    """The sum taken apart; None if a part depends on row and state at once."""
    constants: list[Array] = []
    naturals: dict[tuple[Operand, ...], list[Contraction]] = {}
    tables: list[tuple[Array, str]] = []
    for part in map(_product, summands(value)):
        by_row = tuple(one for one in part.operands if set(one.references) & set(rows))
        others = tuple(one for one in part.operands if one not in by_row)
        if not by_row:
            constants.append(replace(part, axes=(state,)))
        elif not any(state in one.references for one in by_row):
            naturals.setdefault(by_row, []).append(replace(part, operands=others))
        else:
            read, at_state = by_row[0].array, by_row[0].references[-1] == state
            if len(by_row) > 1 or not isinstance(read, Gathered) or not at_state or any(o.references for o in others):
                return None
            axes = (state, moments.source.copy_of(read.table.axes[read.place]))
            operands = (Operand(read.table, axes if read.place else axes[::-1]), *others)
            own, entries = by_row[0].references[:-1], read.index
            if own != rows and set(own) == set(rows):
                entries = f"{entries}.transpose({', '.join(str(own.index(row)) for row in rows)})"
            tables.append((replace(part, operands=operands, axes=axes), entries))
    members: dict[Key, list[Contraction]] = {}
    factors: dict[Key, tuple[tuple[Index, ...], tuple[Array, ...]]] = {}
    for by_row, parts in naturals.items():
        links = _links(by_row, rows, {r for part in parts for one in part.operands for r in one.references})
        key = operands_key(by_row, rows, links)
        if key not in factors:
            factors[key] = links, tuple(moments.covered(one, one.axes) for one in _factors(by_row, rows, links))
        renaming: dict[Index, Reference] = dict(zip(links, factors[key][0], strict=True))
        members.setdefault(key, []).extend(_renamed(part, renaming, (state, *factors[key][0])) for part in parts)
    products = [
        (moments.covered(total(tuple(members[key]), (state, *links)), (state, *links)), own)
        for key, (links, own) in factors.items()
    ]
    if not products and not tables:
        return None
    constant = total(tuple(constants), (state,)) if constants else None
    return Separated(constant, tuple(products), tuple(tables), tuple(factors))


def _renamed(part: Contraction, renaming: Mapping[Index, Reference], axes: tuple[Index, ...]) -> Contraction:
    operands = tuple(
        replace(one, references=tuple(substitute(r, renaming) for r in one.references)) for one in part.operands
    )
    return replace(part, operands=operands, axes=axes)


def _factors(by_row: tuple[Operand, ...], rows: tuple[Index, ...], links: tuple[Index, ...]) -> list[Contraction]:
    """A product of two that share no sum as its factors, in the order of their links; any other as one array."""
    own = [tuple(link for link in links if link in one.references) for one in by_row]
    carried = [set(one.references) - set(rows) for one in by_row]
    apart = len(by_row) == 2 and all(len(one) < 2 and set(one) == inner for one, inner in zip(own, carried))
    if not apart or (len(links) == 2 and () in own):
        return [Contraction(1.0, by_row, (*rows, *links))]
    listed = sorted(zip(own, by_row), key=lambda pair: [links.index(link) for link in pair[0]])
    return [Contraction(1.0, (one,), (*rows, *kept)) for kept, one in listed]


def _product(value: Array) -> Contraction:
    return value if isinstance(value, Contraction) else Contraction(1.0, (read(value),), value.axes)
