"""Every model of examples/ compiles under each method that it is meant for, and reaches its published maximum."""

from __future__ import annotations

import runpy
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import emdsl as em
from emdsl.cli import read_csv
from tests.conftest import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
MODELS = sorted(path.stem for path in EXAMPLES.glob("*.em"))
SQUARED = {"accelerate": "squarem", "tol": 1e-11}

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Fitted:
    """A model with its table: variables by column, or by several columns, and the log likelihood that it must reach."""

    table: str
    columns: dict[str, str | tuple[str, ...]]
    log_likelihood: float
    source: str
    weights: str | None = None
    given: dict[str, Array] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)

    def data(self) -> dict[str, Array]:
        table = read_csv(EXAMPLES / f"{self.table}.csv")
        read = {name: np.array(column, dtype=object) for name, column in table.items()}
        found = {
            name: read[columns] if isinstance(columns, str) else np.stack([read[column] for column in columns], axis=1)
            for name, columns in self.columns.items()
        }
        return {name: value.astype(float) for name, value in found.items()} | self.given

    def fit(self, model: Any, **options: Any) -> Any:
        weights = None
        if self.weights is not None:
            weights = {"n": np.array(read_csv(EXAMPLES / f"{self.table}.csv")[self.weights], dtype=float)}
        return model.fit(self.data(), weights=weights, **{**self.options, **options})


GEYSER = ("eruptions", "waiting")
SEPALS = ("Sepal.Length", "Sepal.Width", "Petal.Length", "Petal.Width")
ATTITUDE = ("rating", "complaints", "privileges", "learning", "raises", "critical", "advance")


def votes(table: str) -> Array:
    """How often each rating was given to each item, as shares (item, rating)."""
    item, _, rating = np.loadtxt(EXAMPLES / f"{table}.csv", delimiter=",", skiprows=1, dtype=int).T
    counts = np.zeros((item.max() + 1, rating.max() + 1))
    np.add.at(counts, (item, rating), 1.0)
    return counts / counts.sum(axis=1, keepdims=True)


FITTED = {
    "faithful": Fitted("faithful", {name: name for name in GEYSER}, -1147.80635, "mclust 6.0.0, VVI"),
    "faithful_full": Fitted("faithful", {"x": GEYSER}, -1130.26396, "mclust 6.0.0, VVV"),
    "faithful_tied": Fitted("faithful", {"x": GEYSER}, -1126.31593, "mclust 6.0.0, EEE with three components"),
    "london_deaths": Fitted(
        "london_deaths", {"deaths": "deaths"}, -1989.94586, "Hasselblad 1969", weights="days", options=SQUARED
    ),
    "latent_classes": Fitted(
        "haireye", {name: name for name in ("hair", "eye", "sex")}, -1830.0811, "emdsl itself; ten starts agree",
        weights="count", options=SQUARED,
    ),
    "regressions": Fitted(
        "tone", {name: name for name in ("stretchratio", "tuned")}, 107.25670, "mixtools 2.0.0, equal variances"
    ),
    "factors": Fitted("attitude", {"x": ATTITUDE}, -762.38637, "R's factanal", options={"n_init": 2, **SQUARED}),
    "components": Fitted("iris", {"x": SEPALS}, -404.96278, "Tipping and Bishop's closed form", options={"n_init": 2}),
    "factor_mixture": Fitted(
        "iris", {"x": SEPALS}, -262.0349, "emdsl itself; the starts agree", options={"n_init": 2, **SQUARED}
    ),
    "airquality": Fitted(
        "airquality", {"x": ("Ozone", "Solar.R", "Wind", "Temp")}, -2326.69738, "norm 1.0-11.1", options={"n_init": 1}
    ),
    "sleepstudy": Fitted(
        "sleepstudy", {"reaction": tuple(f"reaction_{day}" for day in range(10))}, -897.03932, "lme4 1.1-31",
        given={"day": np.arange(10.0)}, options={"n_init": 1},
    ),
    "earthquakes": Fitted(
        "earthquakes", {"quakes": "quakes"}, -341.87871, "Zucchini and MacDonald 2009", options={"n_init": 4, **SQUARED}
    ),
    "nile": Fitted("nile", {"flow": "flow"}, -639.30068, "KFAS 1.5.1", options={"n_init": 1, **SQUARED}),
    "raters": Fitted(
        "anaesthesia", {name: name for name in ("item", "rater", "rating")}, -190.73100, "rater 1.3.1, from the votes",
        options={"init": {"class": votes("anaesthesia")}, **SQUARED},
    ),
    "stackloss": Fitted(
        "stackloss", {"x": ("Air.Flow", "Water.Temp", "Acid.Conc."), "loss": "stack.loss"}, -52.28780, "least squares",
        options={"n_init": 1},
    ),
}  # fmt: skip
#: With priors, so without a published maximum: the checks are the zoo's; here the objective rises and is repeatable.
BAYESIAN = {"galaxies": Fitted("galaxies", {"velocity": "velocity"}, np.nan, "")}


def test_every_model_is_fitted() -> None:
    assert sorted([*FITTED, *BAYESIAN]) == MODELS


@pytest.mark.parametrize("name", MODELS)
def test_it_is_listed_with_one_line(name: str) -> None:
    text = (EXAMPLES / f"{name}.em").read_text(encoding="utf-8")
    assert text.startswith("# ")
    assert f"| `{name}.em` |" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", FITTED)
def test_it_reaches_its_maximum(name: str) -> None:
    case = FITTED[name]
    fit = case.fit(em.read(EXAMPLES / f"{name}.em")())
    assert fit.converged
    assert_allclose(fit.log_likelihood, case.log_likelihood, rtol=0, atol=1e-4, err_msg=case.source)


@pytest.mark.parametrize("name", MODELS)
def test_its_plan_is_exact_and_its_fit_prints(name: str) -> None:
    case = {**FITTED, **BAYESIAN}[name]
    model = em.read(EXAMPLES / f"{name}.em")()
    assert all(row.exact and row.closed_form for row in model.plan.rows)
    fit = case.fit(model, n_init=1, max_iter=5, accelerate=None)
    assert model.bound_model.checked.model.name in fit.summary()


@pytest.mark.parametrize("method", ["em", "vb", "hard"])
@pytest.mark.parametrize("name", BAYESIAN)
def test_priors(name: str, method: str) -> None:
    case = BAYESIAN[name]
    model = em.read(EXAMPLES / f"{name}.em")()
    fit = case.fit(model, method=method, n_init=2, max_iter=30, tol=0)
    assert np.all(np.diff(fit.history) >= -1e-9 * abs(fit.objective))
    assert fit.objective == case.fit(model, method=method, n_init=2, max_iter=30, tol=0).objective


def test_python_class(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(EXAMPLES / "python_class.py"), run_name="__main__")
    assert "log likelihood -1421.8058" in capsys.readouterr().out


def test_emitted_alone(tmp_path: Any) -> None:
    module = tmp_path / "module.py"
    module.write_text(em.read(EXAMPLES / "faithful.em")(K=2).source("em"), encoding="utf-8")
    command = [sys.executable, str(EXAMPLES / "emitted_alone.py"), str(module)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "log likelihood -1147.8063" in done.stdout
