"""The compiler: a bound model and a method in, a programme out. The stages in their order; no algorithm stands here."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from emdsl.derive.covariates import beside_others
from emdsl.derive.derivation import Derivation, derive
from emdsl.emit.helpers import helper_names
from emdsl.emit.module import module_text
from emdsl.errors import ModelError
from emdsl.explain.document import Document
from emdsl.explain.plan import Plan, plan
from emdsl.explain.steps import document
from emdsl.model.bound import BoundModel
from emdsl.model.holes import inferred, may_end
from emdsl.structure.networks import Network


@dataclass(frozen=True)
class Program:
    """A compiled model: the emitted source, and what it was derived from."""

    bound: BoundModel
    method: str
    source: str
    derived: Derivation

    @cached_property
    def plan(self) -> Plan:
        """What was decided for each block, and why."""
        return plan(self.derived, self.bound.checked.model)

    @cached_property
    def derivation(self) -> Document:
        """The mathematics, step by step."""
        return document(self.derived, self.bound.checked.model)

    @cached_property
    def beside_others(self) -> frozenset[str]:
        """The data whose coefficients are solved for together with other unknowns."""
        return beside_others(self.derived.joint)

    @property
    def networks(self) -> tuple[Network, ...]:
        """The latents that depend on each other, and what of them is independent under q."""
        return tuple(terms.network for terms in self.derived.setting.networks)

    @cached_property
    def module(self) -> types.ModuleType:
        """The emitted module, executed."""
        return self.executed({})

    def executed(self, replaced: Mapping[str, Callable[..., Any]]) -> types.ModuleType:
        """A copy of the emitted module in which other functions stand in place of some of its own."""
        module = types.ModuleType(f"emdsl_{self.bound.checked.model.name}")
        exec(compile(self.source, f"<emitted {module.__name__}>", "exec"), module.__dict__)
        module.__dict__.update(replaced)
        return module


def compile_model(bound: BoundModel, method: str = "em") -> Program:
    """Derive, lower and emit; raises ModelError where the model is not compiled yet."""
    try:
        derived = derive(bound, method, helper_names())
    except ModelError as error:
        raise _with_cure(error, bound).located(bound.checked.model.source) from None
    source = module_text(derived.module, derived.setting.size_text)
    return Program(bound, method, source, derived)


def _with_cure(error: ModelError, bound: BoundModel) -> ModelError:
    """What makes observed variables unknown is told where nothing else is."""
    found = sorted(inferred(bound))
    if error.cure is not None or not found:
        return error
    listed = " and ".join(f"`{name}`" for name in found)
    cure = f"missing entries of {listed} are unknowns that laws read: leave `missing` out where nothing is missing"
    if all(may_end(name, bound) for name in found):
        cure = f"of {listed} only the ends of series may be missing"
    return ModelError(error.code, error.message, cure=cure, span=error.span)
