"""Plates whose rows can have weights, and why others cannot.

Copies of a row are integrated out before what they share, so that this sees the result once for each copy. A discrete
latent must therefore lie in all that its neighbours lie in when it is summed out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from emdsl.algebra.indices import Index
from emdsl.algebra.symbols import WEIGHTS
from emdsl.arrays.programme import Function, Lines
from emdsl.derive.e_step import is_membership
from emdsl.derive.network_terms import BlockTerms
from emdsl.derive.setting import Setting


def refused_weights(setting: Setting) -> dict[tuple[str, ...], str]:
    """Plates that cannot have weights, alone or together, and why."""
    alone = dict(setting.copies.refused)
    for network in setting.networks:
        for one in network.blocks:
            if one.block.kind == "finite":
                alone = {**_summed_out(one, setting), **alone}
    alone = {**_elsewhere(setting), **alone}
    found: dict[tuple[str, ...], str] = {(letter,): reason for letter, reason in alone.items()}
    for network in setting.networks:
        for one in network.blocks:
            if one.block.kind == "gaussian":
                crossed = _crossed(one, setting).items()
                found |= {pair: reason for pair, reason in crossed if not {*pair} & {*alone}}
    return found


def checking_weights(function: Function, refused: Mapping[tuple[str, ...], str]) -> Function:
    """The function, refusing data with weights that it cannot honour."""
    if not refused:
        return function
    return replace(function, body=(Lines(("check_weights(data, REFUSED_WEIGHTS)",)), *function.body))


def data_plates(setting: Setting) -> set[str]:
    """Plates that data lie on or lead to, and that are no times: those for which weights may come."""
    known = [symbol for name, symbol in setting.scope.symbols.items() if setting.is_data(name)]
    letters = {letter for symbol in known for letter in (*symbol.letters, *(other for _, other in symbol.plates))}
    sizes = {symbol.categories for symbol in known if symbol.categories is not None}
    plates = {axis for symbol in setting.scope.symbols.values() for axis in symbol.plates}
    return (letters | {letter for size, letter in plates if size in sizes}) & setting.copies.weighted


def _crossed(one: BlockTerms, setting: Setting) -> dict[tuple[str, str], str]:
    """Pairs of plates of which real variables with one law lie in the one or the other: all their copies meet."""
    found: dict[tuple[str, str], str] = {}
    within = {name: _letters(name, setting) for name in one.block.variables}
    for first, mine in within.items():
        for second, theirs in within.items():
            for letter in sorted(mine - theirs):
                for other in sorted(theirs - mine):
                    if (other, letter) not in found:
                        found[letter, other] = f"every copy of `{first}` meets every copy of `{second}`"
    return found


def _letters(name: str, setting: Setting) -> set[str]:
    """Plates with weights that a variable lies in."""
    return _within([setting.source.fresh(size, letter) for size, letter in setting.scope.symbols[name].plates], setting)


def _within(rows: Sequence[Index], setting: Setting) -> set[str]:
    """Plates with weights that rows lie in."""
    weights = setting.copies.of_rows([(row.letter, row) for row in rows])
    return {row.letter for row in rows} | {item.variable.removeprefix(WEIGHTS) for item in weights}


def _summed_out(one: BlockTerms, setting: Setting) -> dict[str, str]:
    """Plates that a neighbour lies in and a latent does not when it is summed out, or not over all its time."""
    copies, found = setting.copies, dict[str, str]()
    for step in one.elimination.steps:
        joint = step.children is not None and step.children.kind == "joint"
        for name in step.variables if joint else ():
            for letter in _letters(name, setting) - _within(step.rows, setting):
                found[letter] = f"rows of `{name}` have one law for each row of `{step.outer[0][0]}`"
        named = (step.outer[0][0],) if joint else step.variables
        own = {item: name for name in named for item in copies.at(name, step.rows)}
        kept = {item.variable for item in copies.of_step(step)}
        for item in own:
            if item.variable not in kept or any(item not in copies.at(name, step.rows) for name in named):
                found[item.variable] = f"`{own[item]}` does not lie in one row of it over all its time"
        met = step.outer if step.children else [place for table in step.tables for place in table.places]
        for name, references in met:
            for item in copies.at(name, references):
                if item.variable not in {other.variable for other in own}:
                    found[item.variable] = f"the copies of `{name}` share `{step.variables[0]}`, which goes first"
                elif item not in own and name not in step.variables:
                    found[item.variable] = f"`{name}` and `{step.variables[0]}` lie in two rows of it"
    return {letter.removeprefix(WEIGHTS): reason for letter, reason in found.items()}


def _elsewhere(setting: Setting) -> dict[str, str]:
    """Plates over which something is not counted row by row: priors of parameters, rows inside the rows of a sweep."""
    found: dict[str, str] = {}
    coupled = {term for network in setting.networks for term in network.collapsed}
    for name, term in setting.collapsed.terms:
        if term in coupled:
            continue
        left = _letters(name, setting) | {letter for _, letter in setting.scope.symbols[name].plates}
        for item in term.atoms:
            statistic = setting.collapsed.statistic(item.variable)
            if statistic is not None:
                feature = statistic.feature
                left -= _within(feature.rows, setting)
                entries = [i for other in feature.atoms if is_membership(other, feature) for i in other.indices]
                left -= {index.letter for index in entries if index not in feature.rows}
        for letter in sorted(left):
            found.setdefault(letter, f"rows of `{name}` are not counted one by one")
    return found
