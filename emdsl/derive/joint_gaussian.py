"""Several coupled real variables as one Gaussian: precision and linear term assembled block by block.

    [P_vv P_vw] [v]   [h_v]
    [P_wv P_ww] [w] = [h_w]

An axis that all members share, and on which they always agree, is a plate: one system for each of its values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from emdsl.algebra.deltas import resolve_deltas
from emdsl.algebra.indices import Index, IndexSource, Reference
from emdsl.algebra.symbols import Scope
from emdsl.algebra.terms import DELTA, OFFSET, STRUCTURE, Atom, Polynomial, Term
from emdsl.arrays.algebra import scaled
from emdsl.arrays.body import Body
from emdsl.arrays.expressions import Apply, Array, Named
from emdsl.arrays.programme import tuple_of
from emdsl.derive.conditional import axes_of, in_common_axes
from emdsl.derive.held import Held, define_held
from emdsl.derive.lower import Moments, lower
from emdsl.derive.statistics import normal_form


@dataclass(frozen=True)
class Member:
    """One variable of the group: its axes as the first and as the second factor of a product."""

    name: str
    first: tuple[Index, ...]
    second: tuple[Index, ...]


def joint_mode(
    variables: tuple[str, ...],
    terms: Sequence[Term],
    body: Body,
    moments: Moments,
    scope: Scope,
    source: IndexSource,
    symmetric: frozenset[str],
    held: Mapping[str, Held],
) -> None:
    """Assign every variable of the group its part of the solution."""
    members = []
    for name in variables:
        axes = axes_of(scope.symbols[name], source)
        members.append(Member(name, axes, tuple(source.copy_of(axis) for axis in axes)))
    linear, pairs = _collect(terms, members)
    plates = _plates(members, pairs)
    merged, shared, joint, other = _merged_axes(members, plates)
    blocks = []
    for one in members:
        row = []
        for two in members:
            axes = shared + joint[one.name] + other[two.name]
            cofactor = Polynomial(pairs[one.name, two.name], axes).substitute(merged)
            row.append(_block(f"precision {one.name} {two.name}", cofactor, -1.0, body, moments, symmetric))
        blocks.append(f"[{', '.join(row)}]")
    sides = []
    for one in members:
        cofactor = Polynomial(linear[one.name], shared + joint[one.name]).substitute(merged)
        sides.append(_block(f"linear {one.name}", cofactor, 1.0, body, moments, symmetric))
    shapes = [_shape(joint[one.name], moments) for one in members]
    batch = _shape(shared, moments)
    arguments = [f"[{', '.join(blocks)}]", f"[{', '.join(sides)}]", batch, f"[{', '.join(shapes)}]"]
    offsets = {item.variable for term in terms for item in term.atoms if item.statistic == OFFSET}
    if any(name in held for name in variables):
        kept = [_held_text(one, held, offsets, body, plates, place) for place, one in enumerate(members)]
        arguments.append(f"[{', '.join(kept)}]")
    value = Apply("solve_blocks", tuple(arguments), ())
    body.define(f"parts {variables}", value, (), f"one linear system for {' and '.join(variables)}")
    solution = body.known(f"parts {variables}")
    assert solution is not None
    for position, one in enumerate(members):
        part: Array = Named(f"{solution.name}[{position}]", shared + joint[one.name])
        part = _in_own_order(part, one, merged, shared + joint[one.name])
        if one.name in offsets:
            reference = body.assume(f"reference {one.name}", one.first)
            part = Apply("+", (Named(reference.name, one.first), part), one.first)
        if one.name in held:
            part = Apply("held_at", (part, define_held(one.name, held[one.name], body)), one.first)
        body.reassign(one.name, part)


def _held_text(
    member: Member,
    held: Mapping[str, Held],
    offsets: set[str],
    body: Body,
    plates: list[tuple[int, ...]],
    place: int,
) -> str:
    """The held values of a member, in the coordinates and the order of the system; None where all are free."""
    if member.name not in held:
        return "None"
    text = define_held(member.name, held[member.name], body)
    if member.name in offsets:
        text = f"{text} - {body.names.of(f'reference {member.name}')}"
    order = [plate[place] for plate in plates]
    order += [axis for axis in range(len(member.first)) if axis not in order]
    return text if order == sorted(order) else f"np.transpose({text}, {tuple(order)})"


def _in_own_order(part: Array, member: Member, merged: dict[Index, Reference], axes: tuple[Index, ...]) -> Array:
    """The part with its axes in the declared order."""
    own = tuple(merged.get(axis, axis) for axis in member.first)
    if own == axes:
        return part
    places = ", ".join(str(axes.index(axis)) for axis in own if isinstance(axis, Index))
    return Apply("np.transpose", (part, f"({places})"), member.first)


def _collect(
    terms: Sequence[Term], members: Sequence[Member]
) -> tuple[dict[str, tuple[Term, ...]], dict[tuple[str, str], tuple[Term, ...]]]:
    """Cofactors of single members, and of ordered pairs: a product of two stands in both orders."""
    by_name = {member.name: member for member in members}
    linear: dict[str, list[Term]] = {name: [] for name in by_name}
    pairs: dict[tuple[str, str], list[Term]] = {(v, w): [] for v in by_name for w in by_name}
    for term in terms:
        own = [item for item in term.atoms if item.variable in by_name]
        rest = replace(term, atoms=tuple(item for item in term.atoms if item.variable not in by_name))
        if len(own) == 1:
            member = by_name[own[0].variable]
            linear[member.name].append(in_common_axes(rest, own, [member.first])[0])
            continue
        for one, two in (own, own[::-1]):
            axes = [by_name[one.variable].first, by_name[two.variable].second]
            pairs[one.variable, two.variable].append(in_common_axes(rest, [one, two], axes)[0])
    return {name: tuple(found) for name, found in linear.items()}, {key: tuple(v) for key, v in pairs.items()}


def _plates(members: Sequence[Member], pairs: dict[tuple[str, str], tuple[Term, ...]]) -> list[tuple[int, ...]]:
    """Positions of the axes on which all members agree in every product: one tuple of positions for each plate."""

    def agree(one: Member, p: int, two: Member, q: int) -> bool:
        delta = Atom(STRUCTURE, DELTA, (one.first[p], two.second[q]))
        return all(delta in term.atoms for term in pairs[one.name, two.name])

    lead = members[0]
    found = []
    for p in range(len(lead.first)):
        if not agree(lead, p, lead, p):
            continue
        places = [p]
        for other in members[1:]:
            fits = [
                q
                for q, axis in enumerate(other.first)
                if axis.size == lead.first[p].size and agree(lead, p, other, q) and agree(other, q, other, q)
            ]
            if not fits or not pairs[lead.name, other.name]:
                break
            places.append(fits[0])
        else:
            found.append(tuple(places))
    return found


def _merged_axes(
    members: Sequence[Member], plates: list[tuple[int, ...]]
) -> tuple[dict[Index, Reference], tuple[Index, ...], dict[str, tuple[Index, ...]], dict[str, tuple[Index, ...]]]:
    """Each plate under one index; what is left of every member's axes is joint."""
    merged: dict[Index, Reference] = {}
    for plate in plates:
        name = members[0].first[plate[0]]
        for position, member in enumerate(members):
            merged[member.first[plate[position]]] = merged[member.second[plate[position]]] = name
    shared = tuple(members[0].first[plate[0]] for plate in plates)
    joint = {member.name: tuple(axis for axis in member.first if axis not in merged) for member in members}
    other = {member.name: tuple(axis for axis in member.second if axis not in merged) for member in members}
    return merged, shared, joint, other


def _block(
    label: str, cofactor: Polynomial, factor: float, body: Body, moments: Moments, symmetric: frozenset[str]
) -> str:
    stripped = tuple(
        replace(
            term, atoms=tuple(item for item in term.atoms if item.statistic != DELTA or len(set(item.references)) == 2)
        )
        for term in cofactor.terms
    )
    resolved = resolve_deltas(Polynomial(stripped, cofactor.axes))
    array = lower(Polynomial(normal_form(resolved.terms, symmetric), resolved.axes), moments)
    if array is None:
        return "0.0"
    return body.define(label, scaled(array, factor), cofactor.axes).name


def _shape(axes: tuple[Index, ...], moments: Moments) -> str:
    sizes = [moments.size(axis.size) for axis in axes]
    listed = [str(size) if isinstance(size, int) else size.name for size in sizes]
    return tuple_of(listed)
