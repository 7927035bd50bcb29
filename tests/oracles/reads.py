"""What a factor depends on: the unknown sites (entries of variables) that its law reads.

y[n] ~ Poisson(rate[z[n]])   reads   {y[n], z[n]}  and, while rate is unknown and z[n] too, every rate[k]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from emdsl.algebra.expressions import Array, Binary, Call, Expression, Name, Subscript, Unary
from emdsl.model.statements import Law, Role
from tests.oracles.interpreter import Factor, Scene, Scope, Site

#: Unknown sites by variable.
Unknown = Mapping[str, frozenset[tuple[int, ...]]]
Sites = frozenset[Site]


def by_name(sites: Iterable[Site]) -> Unknown:
    """Sites grouped by variable."""
    grouped: dict[str, set[tuple[int, ...]]] = {}
    for name, index in sites:
        grouped.setdefault(name, set()).add(index)
    return {name: frozenset(indices) for name, indices in grouped.items()}


def factor_reads(scene: Scene, factor: Factor, unknown: Unknown) -> Sites:
    """The unknown sites that a factor depends on; an unknown index reads every entry that it may reach."""
    sites = _law_reads(scene, factor.definition.law, dict(factor.scope), unknown)
    own = factor.index in unknown.get(factor.variable, ())
    return sites | {(factor.variable, factor.index)} if own else sites


def _law_reads(scene: Scene, law: Law, scope: Scope, unknown: Unknown) -> Sites:
    found: list[Sites] = []
    for part in (*(value for _, value in law.arguments), *((law.limits.low, law.limits.high) if law.limits else ())):
        found.append((_law_reads if isinstance(part, Law) else _reads)(scene, part, scope, unknown))
    return frozenset().union(*found)


def _reads(scene: Scene, node: Expression, scope: Scope, unknown: Unknown) -> Sites:
    def of(*nodes: Expression) -> Sites:
        return frozenset().union(*(_reads(scene, n, scope, unknown) for n in nodes))

    match node:
        case Name(name) if name not in scope and name in scene.variables:
            return _variable_reads(scene, name, (), unknown)
        case Subscript(Name(name), indices) if name not in scope:
            read = of(*indices)
            if name not in scene.variables:
                return read
            known = tuple(None if of(i) else int(scene.evaluate(i, scope)) for i in indices)
            return read | _variable_reads(scene, name, known, unknown)
        case Subscript(base, indices):
            return of(base, *indices)
        case Call("sum", (summand, Name(letter))):
            scopes = ({**scope, letter: i} for i in range(scene.length(letter, scope)))
            return frozenset().union(*(_reads(scene, summand, s, unknown) for s in scopes))
        case Call(_, nodes) | Array(nodes):
            return of(*nodes)
        case Binary(_, left, right):
            return of(left, right)
        case Unary(_, operand):
            return of(operand)
    return frozenset()


def _variable_reads(scene: Scene, name: str, index: tuple[int | None, ...], unknown: Unknown) -> Sites:
    variable = scene.variables[name]

    def matches(site: tuple[int, ...]) -> bool:
        return all(i is None or i == s for i, s in zip(index, site, strict=False))

    if variable.role is not Role.LET:
        return frozenset((name, site) for site in unknown.get(name, ()) if matches(site))
    assert variable.value is not None
    scopes = (s for s in scene.indices(variable.plates) if matches(tuple(s[p] for p in variable.plates)))
    return frozenset().union(*(_reads(scene, variable.value, s, unknown) for s in scopes))
