"""Observed variables with missing entries about their levels: what is seen, and what is seen nearby where nothing is.

    y_t − a y_{t−1} − c,   y = l + ỹ:      (l_t − å l_{t−1} − c̊) + ỹ_t − å ỹ_{t−1} − ã (l_{t−1} + ỹ_{t−1}) − c̃

A seen entry then is ỹ = 0, and a residual is small before it is squared, however far from zero the values lie. Nearby
is the value before, over time; elsewhere it is the mean of the rows that share their law. Factors such as a are taken
about their own values, å, as locations are.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace

from emdsl.algebra.derived import Derived
from emdsl.algebra.indices import Index
from emdsl.algebra.symbols import Scope, Symbol
from emdsl.algebra.terms import IDENTITY, OFFSET, STRUCTURE, Atom, Term
from emdsl.derive.declared_order import inwards
from emdsl.derive.log_joint import LogJoint
from emdsl.derive.origins import Origin

#: The function of the data that gives levels, and what its argument is called.
LEVEL = "level"


def slopes(joint: LogJoint, holed: Set[str], inferred: Set[str]) -> Mapping[str, frozenset[str]]:
    """Those of `holed` that have levels, each with the parameters that it is multiplied by.

    They enter residuals only, each time by itself, times known quantities and one of `inferred`; and these parameters
    enter residuals only, times known quantities and such variables.
    """
    found = {name: _factors(name, joint, inferred) for name in sorted(holed)}
    while True:
        told = {name: own for name, own in found.items() if own is not None}
        partners = frozenset(told)
        kept = {name: own for name, own in told.items() if all(_is_factor(one, partners, joint) for one in own)}
        if len(kept) == len(found):
            return kept
        found = dict(kept)


@dataclass(frozen=True)
class Level:
    """What stands for missing entries of a variable: the value before along its last plate, or the mean `over` plates.

    `symbol`: the variable. `over`: places of the plates along which its rows share their law; None over time.
    """

    symbol: Symbol
    over: tuple[int, ...] | None


def level_origin(name: str, joint: LogJoint, ordered: Set[str]) -> tuple[Derived, Origin, Level]:
    """The level of a variable as a quantity of the data, as an origin, and how it is found."""
    symbol = joint.scope.symbols[name]
    axes = tuple(joint.source.fresh(size, letter) for size, letter in symbol.axes)
    quantity = Derived(quantity_name(name), LEVEL, (), axes)
    over_time = any(letter in ordered for _, letter in symbol.plates)
    level = Level(symbol, None if over_time else _alike(name, joint))
    return quantity, Origin(axes, (Term(1.0, (Atom(quantity.name, IDENTITY, axes),)),)), level


def quantity_name(name: str) -> str:
    """The level of a variable as a known quantity."""
    return f"{LEVEL} of {name}"


def variable_of(level: Derived) -> str:
    """The variable whose level a known quantity is."""
    return level.name.removeprefix(quantity_name(""))


def prepared_key(name: str) -> str:
    """Where the level of a variable stands in prepared data."""
    return f"{LEVEL}.{name}"


def level_code(name: str, level: Level, scope: Scope) -> str:
    """The level of a variable in the emitted code."""
    plates = level.symbol.plates
    values = inwards(f'data["{name}"]', level.symbol)
    if level.over is not None:
        return f"level_among({values}, {level.over})"
    letter = plates[-1][1]
    starts = f', data["offsets.{letter}"]' if letter in scope.ragged else ""
    return f"level_of({values}, {len(plates) - 1}{starts})"


def reference_symbol(name: str, symbol: Symbol) -> Symbol:
    """The value that a parameter is taken about, as a variable: what multiplies latents in the E-step."""
    return replace(symbol, name=f"reference {name}")


def about_values(term: Term, locations: Set[str]) -> tuple[Term, Term]:
    """a ỹ as å ỹ and ã ỹ."""
    at = tuple(
        replace(item, variable=f"reference {item.variable}") if item.variable in locations else item
        for item in term.atoms
    )
    offset = tuple(replace(item, statistic=OFFSET) if item.variable in locations else item for item in term.atoms)
    return replace(term, atoms=at), replace(term, atoms=offset)


def _alike(name: str, joint: LogJoint) -> tuple[int, ...]:
    """The plates along which no unknown of a variable's own law has entries; all of them where there is no such one."""
    plates = joint.scope.symbols[name].plates
    found = set(range(len(plates)))
    for factor in joint.factors:
        if factor.variable != name:
            continue
        terms = [*factor.terms, *(part.cofactor for part in factor.quadratics)]
        for part in factor.quadratics:
            terms += part.quadratic.residual.terms
            terms += part.quadratic.precision.terms if part.quadratic.precision is not None else ()
        read = [item for term in terms for item in _unknown(term, joint) if item.variable != name]
        letters = {r.letter for item in read for r in item.references if isinstance(r, Index)}
        found -= {place for place, (_, letter) in enumerate(plates) if letter in letters}
    return tuple(sorted(found)) or tuple(range(len(plates)))


def _factors(name: str, joint: LogJoint, inferred: Set[str]) -> frozenset[str] | None:
    """The parameters that multiply a variable; None where it enters otherwise."""
    if name in joint.starts or _outside(name, joint):
        return None
    found: set[str] = set()
    for factor in joint.factors:
        for part in factor.quadratics:
            for term in part.quadratic.residual.terms:
                if name not in term.variables():
                    continue
                others = [item for item in _unknown(term, joint) if item.variable != name]
                own = [item for item in term.atoms if item.variable == name]
                plain = len(own) == 1 and own[0].statistic == IDENTITY
                if not plain or len(others) > 1:
                    return None
                if any(item.variable not in inferred or item.statistic != IDENTITY for item in others):
                    return None
                found |= {item.variable for item in others}
    return frozenset(found)


def _is_factor(name: str, partners: Set[str], joint: LogJoint) -> bool:
    """Whether a parameter enters residuals only, times known quantities and at most one of the partners."""
    if _outside(name, joint):
        return False
    for factor in joint.factors:
        for part in factor.quadratics:
            for term in part.quadratic.residual.terms:
                if name not in term.variables():
                    continue
                unknown = [item.variable for item in _unknown(term, joint)]
                others = [other for other in unknown if other != name]
                if len(unknown) - len(others) != 1 or len(others) > 1 or not partners >= {*others}:
                    return False
    return True


def _outside(name: str, joint: LogJoint) -> bool:
    """Whether a variable enters anywhere but in residuals."""
    terms = [term for factor in joint.factors for term in factor.terms]
    for factor in joint.factors:
        for part in factor.quadratics:
            terms.append(part.cofactor)
            terms += part.quadratic.precision.terms if part.quadratic.precision is not None else ()
    terms += [term for value in joint.starts.values() for term in value.terms]
    return any(name in term.variables() for term in terms)


def _unknown(term: Term, joint: LogJoint) -> list[Atom]:
    """The atoms of what data and constants do not fix."""
    symbols = joint.scope.symbols
    return [
        item
        for item in term.atoms
        if item.variable != STRUCTURE
        and item.variable not in joint.derived
        and item.variable in symbols
        and not symbols[item.variable].known
    ]
