"""Which latents belong to one row and must be inferred together.

    discrete                    one table of probabilities over their joint states for each row
    Gaussian                    one mean and covariance for each row
    Gaussian under discrete     a mean and covariance for each joint state of the row

Two latents that meet in one term go together. Facts only: no formulas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class LocalBlock:
    """Latents of one row that are inferred together, exactly.

    `discrete` latents are eliminated by their joint table; the `gaussian` ones form one vector, conditional on it.
    """

    discrete: tuple[str, ...]
    gaussian: tuple[str, ...]
    plates: tuple[str, ...]

    @property
    def name(self) -> str:
        return "_".join((*self.discrete, *self.gaussian))

    @property
    def variables(self) -> tuple[str, ...]:
        return self.discrete + self.gaussian


def local_blocks(
    plates: Mapping[str, tuple[str, ...]], discrete: frozenset[str], meetings: Iterable[frozenset[str]]
) -> tuple[LocalBlock, ...]:
    """Latents grouped by their meetings; `plates` lists every local latent with its plates, in declared order."""
    groups: list[set[str]] = [{name} for name in plates]
    for meeting in meetings:
        together = {name for name in meeting if name in plates}
        if len(together) > 1:
            joined = set().union(*(group for group in groups if group & together))
            groups = [group for group in groups if not group & together] + [joined]
    order = {name: place for place, name in enumerate(plates)}
    blocks = []
    for group in sorted(groups, key=lambda group: min(order[name] for name in group)):
        names = sorted(group, key=order.__getitem__)
        blocks.append(
            LocalBlock(
                tuple(name for name in names if name in discrete),
                tuple(name for name in names if name not in discrete),
                plates[names[0]],
            )
        )
    return tuple(blocks)
