"""Entries of parameters that `fix` holds at a value.

held entries come back exactly; the other entries of a simplex share what is left; the others of a Gaussian are
solved for given the held ones
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emdsl.algebra.evaluate import evaluate
from emdsl.algebra.expressions import Expression, names
from emdsl.algebra.symbols import bind_size
from emdsl.arrays.body import Assign, Body
from emdsl.derive.log_joint import not_compiled
from emdsl.model.statements import Fix, Type


@dataclass(frozen=True)
class Held:
    """The held entries of one parameter: (subscript, value) as text; `whole` where nothing is left to estimate."""

    entries: tuple[tuple[str, str], ...]
    whole: str | None


def held_entries(
    fixes: Sequence[Fix], types: Mapping[str, Type], numbers: Mapping[str, float | int], posterior: frozenset[str]
) -> dict[str, Held]:
    """What is held, by parameter; what cannot be estimated beside held entries is refused."""
    found: dict[str, Held] = {}
    for fix in fixes:
        value = literal(fix.value, numbers)
        if not fix.indices:
            found[fix.name] = Held((), value)
            continue
        if types[fix.name].kind == "cov":
            raise not_compiled(f"`fix` of entries of the matrix `{fix.name}`", fix.span, "hold the whole matrix")
        if fix.name in posterior:
            raise not_compiled(f"`fix` of entries of `{fix.name}`, which has a posterior", fix.span)
        places = ", ".join(literal(index, numbers) for index in fix.indices)
        before = found.get(fix.name, Held((), None))
        found[fix.name] = Held((*before.entries, (places, value)), before.whole)
    return found


def literal(value: Expression, numbers: Mapping[str, float | int]) -> str:
    """What numbers and constants give, as Python text: a number or a nested list."""
    if unknown := sorted(names(value) - set(numbers)):
        size = unknown[0]
        raise not_compiled(f"`fix` at a value of `{size}`, which only the data tell", value.span, bind_size(size))
    return _text(evaluate(value, numbers).tolist())


def _text(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    assert isinstance(value, float)
    return repr(int(value) if value.is_integer() else value)


def define_held(name: str, held: Held, body: Body) -> str:
    """The identifier of an array with the held values, NaN elsewhere."""
    known = body.known(f"held {name}")
    if known is not None:
        return known.name
    shape = f"np.full({body.names.of(name)}.shape, np.nan)"
    array = body.define(f"held {name}", shape, (), "entries that are held; NaN where free")
    for places, value in held.entries:
        body.statements.append(Assign(f"{array.name}[{places}]", value))
    return array.name
