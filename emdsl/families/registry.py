"""All families of the language, in the order of its contract."""

from __future__ import annotations

from emdsl.families.bernoulli import BERNOULLI
from emdsl.families.beta import BETA
from emdsl.families.binomial import BINOMIAL
from emdsl.families.categorical import CATEGORICAL
from emdsl.families.dirichlet import DIRICHLET
from emdsl.families.exponential import EXPONENTIAL
from emdsl.families.family import Family
from emdsl.families.gamma import GAMMA
from emdsl.families.geometric import GEOMETRIC
from emdsl.families.inv_gamma import INV_GAMMA
from emdsl.families.inv_wishart import INV_WISHART
from emdsl.families.laplace import LAPLACE
from emdsl.families.log_normal import LOG_NORMAL
from emdsl.families.multinomial import MULTINOMIAL
from emdsl.families.mv_normal import MV_NORMAL
from emdsl.families.mv_student_t import MV_STUDENT_T
from emdsl.families.neg_binomial import NEG_BINOMIAL
from emdsl.families.normal import NORMAL
from emdsl.families.point_mass import POINT_MASS
from emdsl.families.poisson import POISSON
from emdsl.families.student_t import STUDENT_T
from emdsl.families.von_mises import VON_MISES
from emdsl.families.weibull import WEIBULL
from emdsl.families.wishart import WISHART

FAMILIES: tuple[Family, ...] = (
    NORMAL,
    MV_NORMAL,
    STUDENT_T,
    MV_STUDENT_T,
    LAPLACE,
    LOG_NORMAL,
    EXPONENTIAL,
    GAMMA,
    INV_GAMMA,
    WEIBULL,
    BETA,
    VON_MISES,
    BERNOULLI,
    BINOMIAL,
    CATEGORICAL,
    MULTINOMIAL,
    POISSON,
    NEG_BINOMIAL,
    GEOMETRIC,
    DIRICHLET,
    WISHART,
    INV_WISHART,
    POINT_MASS,
)


def family(name: str) -> Family | None:
    """The family of that name, or None."""
    return next((entry for entry in FAMILIES if entry.name == name), None)
