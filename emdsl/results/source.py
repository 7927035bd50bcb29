"""What a fit is made with: a bound model, and the programs that are compiled for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from emdsl.data.holes import are_seen
from emdsl.errors import ModelError
from emdsl.model.bound import BoundModel
from emdsl.model.holes import inferred, seen, with_latents
from emdsl.results.forward import Program
from emdsl.results.series import opened


@dataclass(frozen=True)
class Variant:
    """What a program is compiled for: a method, and the data that it takes."""

    method: str
    seen: bool = False
    """The data miss no entry which one that is there reads: none is inferred."""
    opened: bool = False
    """All that is observed over time may be missing."""
    ahead: bool = False
    """What later laws read of it is inferred too where it is missing, at the ends of series as well."""

    def of(self, bound: BoundModel) -> BoundModel:
        """The model with the changes that the data ask for."""
        bound = seen(bound) if self.seen else bound
        bound = opened(bound) if self.opened else bound
        return replace(bound, settled=frozenset()) if self.ahead else bound


@dataclass(frozen=True)
class Source:
    """The model of a fit: bound, its canonical text, and how its programs are compiled."""

    bound: BoundModel
    text: str
    variant: Variant
    compiled: Callable[[Variant], Program]

    @property
    def program(self) -> Program:
        return self.compiled(self.variant)

    @property
    def module(self) -> Any:
        return self.program.module

    @property
    def inferring(self) -> BoundModel:
        """The model with all that the program infers as latents."""
        return self.bound if self.variant.seen else with_latents(self.bound)

    def other(self, method: str, opened: bool = False) -> Program:
        """The program of another method for the same data."""
        return self.compiled(replace(self.variant, method=method, opened=opened))

    def ahead(self, method: str) -> Program | None:
        """The program that infers all that is not seen over time, where it does so exactly."""
        with contextlib.suppress(ModelError):
            program = self.compiled(replace(self.variant, method=method, opened=True, ahead=True))
            if not hasattr(program.module, "RESUMED"):
                return program
        return None

    def for_data(self, data: Mapping[str, Any]) -> Source:
        """The source by whose program these data can be taken."""
        seen = bool(inferred(self.bound)) and are_seen(self.bound, data)
        return replace(self, variant=replace(self.variant, seen=seen))

    def inferring_for(self, data: Mapping[str, Any]) -> Source:
        """The source that infers all that the data miss, where it does so exactly; else that which these are taken by.

        The ends of series that nothing reads are left out of a fit, but have a law all the same.
        """
        if any(np.isnan(data[name]).any() for name in inferred(self.bound) if name in data):
            general = replace(self, variant=replace(self.variant, seen=False))
            with contextlib.suppress(ModelError):
                if not hasattr(general.module, "RESUMED"):
                    return general
        return self.for_data(data)
