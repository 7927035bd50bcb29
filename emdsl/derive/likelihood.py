"""The laws without latents, and constants: what the log likelihood has beside the log partitions of latents."""

from __future__ import annotations

from dataclasses import dataclass, replace

from emdsl.algebra.terms import Polynomial, Term
from emdsl.arrays.body import Assign, Body
from emdsl.arrays.expressions import Array
from emdsl.arrays.programme import Function, ProgrammeStatement
from emdsl.arrays.reading import names_used
from emdsl.derive.constant import Constants
from emdsl.derive.lower import lower
from emdsl.derive.setting import Setting
from emdsl.derive.statistics import vanishes

#: What the constants of these laws go by.
LAWS = "laws"


@dataclass(frozen=True)
class ConstantPart:
    """Statements that end with the assignment of `target`, and what data alone determine in them."""

    target: str
    statements: tuple[ProgrammeStatement, ...]
    constants: Function | None
    sources: tuple[tuple[str, str], ...]


def constant_part(target: str, setting: Setting) -> ConstantPart | None:
    """What laws without latents add to the log likelihood, as `target`; None where every law has latents."""
    body = Body(setting.names)
    value: Array | None = lower(setting.merged(Polynomial(tuple(data_only_terms(setting)))), setting.moments(body))
    if value is None:
        return None
    last = Assign(target, value, "laws without latents, and constants")
    whole: list[ProgrammeStatement] = [*body.statements, last]
    constants = Constants(LAWS, (), setting, "e_step")
    statements = constants.arranged(whole)
    function = constants.function(names_used(statements), setting.sources(params=True, data=True))
    if function is None:
        return ConstantPart(target, tuple(whole), None, ())
    return ConstantPart(target, tuple(statements), function, constants.sources(function))


def data_only_terms(setting: Setting) -> list[Term]:
    """Terms of the data's laws in which no latent occurs, but for those of squares that stand as residuals."""
    without = {item.name for s in setting.collapsed.sweeps if s.block is None for item in s.statistics}
    terms = [term for _, term in setting.collapsed.terms if term.variables() & without]
    terms += [replace(term, coefficient=-term.coefficient) for term in setting.in_squares]
    return [term for term in terms if not vanishes(term.atoms, setting.ungated, frozenset(setting.forms))]
