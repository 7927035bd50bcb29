"""Von Mises law on the circle, in radians: the density repeats with period 2π and integrates to one over any period.

    VonMises(x | mean, concentration) = exp(concentration cos(x - mean)) / (2π I₀(concentration))

The cosine is written out, cos(x - mean) = cos x cos mean + sin x sin mean, so that the formula is a sum of products.
Mean direction `mean`, mean resultant length I₁(concentration)/I₀(concentration). [Mardia2000, sec. 3.5.4]
"""

from __future__ import annotations

from typing import Any

import numpy as np

from emdsl.algebra.expressions import Expression
from emdsl.families.family import Argument, Family
from emdsl.families.notation import PI, cos, log, log_bessel_i0, sin


def log_density(x: Expression, mean: Expression, concentration: Expression) -> Expression:
    cosine = cos(x) * cos(mean) + sin(x) * sin(mean)
    return concentration * cosine - log_bessel_i0(concentration) - log(2 * PI)


def sample(rng: np.random.Generator, size: tuple[int, ...], mean: Any, concentration: Any) -> np.ndarray[Any, Any]:
    return rng.vonmises(mean, concentration, size)


VON_MISES = Family(
    name="VonMises",
    support="real",
    dims=(),
    arguments=(Argument("mean", "real"), Argument("concentration", "positive")),
    positional=1,
    log_density=log_density,
    sample=sample,
)
