"""Options of `fit` under other names, which would otherwise be read as names of data: max_iters, seed, inits."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from emdsl.data.words import closest
from emdsl.errors import DataError

OPTIONS = (
    "method", "n_init", "random_state", "max_iter", "tol", "weights", "init", "accelerate", "strict", "progress",
)  # fmt: skip

#: What other tools call them.
ELSEWHERE = {
    "random_state": ("seed", "random_seed", "rng", "rng_key", "key"),
    "max_iter": ("n_iter", "maxiter", "niter", "iterations", "num_steps", "nsteps", "iter"),
    "n_init": ("n_restarts", "n_starts", "nstarts", "restarts", "starts", "chains"),
    "init": ("inits", "initvals", "start", "start_params", "init_params"),
    "weights": ("sample_weight", "sample_weights", "freq_weights"),
    "progress": ("verbose", "progressbar", "disp"),
    "tol": ("tolerance", "eps", "rtol"),
    "accelerate": ("acceleration",),
}


def check_options(names: Iterable[str], known: Collection[str]) -> None:
    """Raises DataError for a keyword of `fit` that is none of the `known` names of the model, but like an option."""
    for name in names:
        if name in known or closest(name, known) is not None:
            continue
        meant = next((option for option, others in ELSEWHERE.items() if name in others), closest(name, OPTIONS))
        if meant is not None:
            raise DataError(f"fit has no argument `{name}`; did you mean `{meant}`?")
        if name == "lengths":
            raise DataError("fit has no argument `lengths`; series of different lengths are a list of arrays")
