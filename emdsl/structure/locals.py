"""Which latents belong to one row, and which of them must be inferred together.

    discrete                       a table of probabilities for each row
    Gaussian                       a mean and a covariance for each row
    Gaussian under a discrete      a table whose entries carry a mean and a covariance

Facts only: no formulas. A structure that is not derived yet is refused where it stands.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LocalBlock:
    """Latents of one row that are inferred together, exactly: a discrete one, a Gaussian one, or one under the other.

    `evidence`: the variables of which some entries may be given.
    """

    discrete: str | None
    gaussian: str | None
    plates: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.discrete or self.gaussian or ""

    @property
    def variables(self) -> tuple[str, ...]:
        return tuple(name for name in (self.discrete, self.gaussian) if name is not None)
