"""Fits: estimates, posteriors, new data, standard errors, relabelling, and files."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import emdsl as em
from emdsl.errors import DataError, FitError, ModelError
from emdsl.results.information import standard_errors
from tests.results.conftest import TEXT
from tests.runtime.modules import counts, mixture

pytestmark = pytest.mark.usefixtures("compiled")

Y = counts()["y"]


@pytest.fixture
def model() -> Any:
    return em.parse(TEXT)()


@pytest.fixture
def fit(model: Any) -> Any:
    return model.fit(y=Y, tol=1e-12, max_iter=5000)


def test_estimates_and_trace(fit: Any) -> None:
    assert set(fit.params) == {"pi", "rate"}
    assert fit.converged
    assert fit.history[-1] == fit.objective
    assert fit.log_likelihood == pytest.approx(mixture().e_step({"y": Y}, fit.params)[1], rel=1e-12)
    assert fit.n_iter == len(fit.history)


def test_components_come_in_order_whatever_the_start(model: Any) -> None:
    for rate in ([1.0, 9.0], [9.0, 1.0]):
        fit = model.fit(y=Y, init={"rate": rate})
        assert np.all(np.diff(fit.params["rate"]) > 0)
        # The second component has the larger rate, so a large count belongs to it.
        assert fit.posterior["z"].probabilities[np.argmax(Y), 1] > 0.99


def test_labels_in_the_data_keep_their_numbers(model: Any) -> None:
    z = np.full(len(Y), np.nan)
    z[0] = 1
    fit = model.fit(y=Y, z=z, init={"rate": [9.0, 1.0]})
    assert fit.params["rate"][0] > fit.params["rate"][1]


def test_posterior_is_an_array(fit: Any) -> None:
    posterior = fit.posterior["z"]
    assert np.asarray(posterior).shape == (300, 2)
    np.testing.assert_allclose(posterior.probabilities.sum(axis=1), 1)
    assert np.array_equal(posterior.mode, posterior.probabilities.argmax(axis=1))
    np.testing.assert_allclose(posterior.mean, posterior.probabilities[:, 1])
    np.testing.assert_allclose(posterior.var, posterior.mean * (1 - posterior.mean))
    with pytest.raises(DataError, match="the posterior of `z` has no cov; it has probabilities"):
        _ = posterior.cov


def test_new_data(fit: Any) -> None:
    assert fit.predict(y=[0, 20])["z"].tolist() == [0, 1]
    assert fit.predict_proba(y=[0, 20])["z"].shape == (2, 2)
    assert fit.score(y=Y) == pytest.approx(fit.log_likelihood)
    assert fit.score(y=Y[:100]) + fit.score(y=Y[100:]) == pytest.approx(fit.log_likelihood)
    with pytest.raises(DataError, match="`y` is absent"):
        fit.predict({})
    with pytest.raises(DataError, match="no `missing` variable"):
        fit.impute(y=[1, 2])


def test_sample_has_the_law_of_the_model(fit: Any) -> None:
    drawn = fit.sample(20000, random_state=1)
    assert drawn["y"].shape == drawn["z"].shape == (20000,)
    mean = fit.params["pi"] @ fit.params["rate"]
    assert drawn["y"].mean() == pytest.approx(mean, abs=5 * drawn["y"].std() / 20000**0.5)
    assert fit.sample()["y"].shape == (300,)
    assert fit.sample(N=7)["y"].shape == (7,)
    assert np.array_equal(fit.sample(50, random_state=3)["y"], fit.sample(50, random_state=3)["y"])


def test_what_the_data_do_not_tell_is_named() -> None:
    """−(pi + rate[0])² knows the sum only, and nothing of rate[1]; a saddle is no maximum."""
    bound = em.parse(
        "model Two  plate k in 2  param pi : real  param rate[k] : real  observed y : real ~ Normal(pi, sd=1)"
    )()
    params = {"pi": np.array(1.0), "rate": np.array([2.0, 3.0])}

    def why_not(objective: Any) -> str | None:
        module = SimpleNamespace(
            SUPPORTS={"pi": "real", "rate": "real"},
            e_step=lambda data, params: ({}, objective(float(params["pi"]), *params["rate"])),
            objective=lambda log_likelihood, params: log_likelihood,
        )
        return standard_errors(bound.bound_model, module, params, {}).why_not

    sums = why_not(lambda a, b, c: -((a + b) ** 2))
    assert sums is not None
    assert sums.endswith("singular: the data tell nothing of `rate[1]`, a combination of `pi` and `rate[0]`")
    assert why_not(lambda a, b, c: -(a**2) + b**2 - c**2) == (
        "the observed information is not positive definite: this is no interior maximum"
    )


def _errors_of_normal(scale: float, noise: float) -> Any:
    """Standard errors of −Σ cosh u of u = (m / scale, log v + m / scale), rounded as if digits had been lost."""
    bound = em.parse("model One  param m : real  param v : positive  observed y : real ~ Normal(m, var=v)")()

    def e_step(data: Any, params: Any) -> Any:
        m = float(params["m"]) / scale
        exact = -np.cosh(m) - np.cosh(np.log(float(params["v"])) + m)
        lost = np.sin(1e12 * float(params["v"])) + np.sin(1e12 * m)
        return {}, exact + noise * lost

    module = SimpleNamespace(
        SUPPORTS={"m": "real", "v": "positive"}, e_step=e_step, objective=lambda log_likelihood, params: log_likelihood
    )
    found = standard_errors(bound.bound_model, module, {"m": np.array(0.0), "v": np.array(1.0)}, {})
    assert found.errors is not None
    return found.errors


@pytest.mark.parametrize("scale", [1e-8, 1.0, 100.0])
@pytest.mark.parametrize("noise", [0.0, 1e-6])
def test_standard_errors_are_right_in_any_unit_and_where_digits_are_lost(scale: float, noise: float) -> None:
    """The information of (m / scale, log v) is [[2, 1], [1, 1]], its inverse [[1, −1], [−1, 2]]."""
    errors = _errors_of_normal(scale, noise)
    assert errors["m"] == pytest.approx(scale, rel=0.02 if noise else 1e-5)
    assert errors["v"] == pytest.approx(np.sqrt(2), rel=0.02 if noise else 1e-5)


def test_standard_errors_are_those_of_a_single_poisson() -> None:
    """With one component known to take every row, sd(rate) = √(rate / n)."""
    bound = em.parse(TEXT)().bound_model
    data = {"y": np.full(50, 4)}
    params = {"pi": np.array([1.0, 0.0]), "rate": np.array([4.0, 4.0])}
    module = mixture(SUPPORTS={"pi": "simplex", "rate": "positive"})
    held = bound.checked.model
    assert held.fixes == ()
    errors = standard_errors(bound, module, params, data)
    assert errors.errors is None
    assert errors.why_not == "the observed information is singular: the data tell nothing of `rate[1]`"
    fixed = em.parse(TEXT + "\nfix pi = [1, 0]\nfix rate[1] = 4")().bound_model
    errors = standard_errors(fixed, module, params, data)
    assert errors.errors is not None
    assert errors.errors["rate"][0] == pytest.approx(np.sqrt(4 / 50), rel=1e-5)
    assert np.isnan(errors.errors["rate"][1])
    assert np.isnan(errors.errors["pi"]).all()


def test_standard_errors_agree_with_the_spread_of_repeated_fits(fit: Any, model: Any) -> None:
    errors = fit.standard_errors.errors
    repeated = [
        model.fit(fit.sample(300, random_state=seed) | {"z": None}, init=fit.params).params["rate"]
        for seed in range(60)
    ]
    np.testing.assert_allclose(errors["rate"], np.std(repeated, axis=0), rtol=0.35)
    assert errors["pi"][0] == pytest.approx(errors["pi"][1])


def test_summary(fit: Any) -> None:
    text = fit.summary()
    lines = text.splitlines()
    assert fit.n_free == 3
    assert f"AIC              {6 - 2 * fit.log_likelihood:.3f}" in lines
    assert f"BIC              {3 * np.log(300) - 2 * fit.log_likelihood:.3f} (n = 300)" in lines
    assert "restarts         4 of 4 starts run to the end (of 10 tried) agree" in lines
    rate = next(line for line in lines if line.startswith("rate[0]"))
    assert rate.split()[1:] == [f"{fit.params['rate'][0]:.6g}", f"{fit.standard_errors.errors['rate'][0]:.3g}"]


def test_summary_counts_weights(model: Any) -> None:
    fit = model.fit(y=Y, weights={"n": np.full(300, 2.0)})
    assert "(n = 600)" in fit.summary()


def test_save_and_load_are_exact(fit: Any, tmp_path: Path) -> None:
    fit.save(tmp_path / "fit.json")
    again = em.load(tmp_path / "fit.json")
    assert again.text == fit.text
    for name, value in fit.params.items():
        assert np.array_equal(again.params[name], value)
    assert np.array_equal(again.history, fit.history)
    assert again.objective == fit.objective
    assert again.converged is fit.converged
    assert np.array_equal(again.predict(y=Y)["z"], fit.predict(y=Y)["z"])
    assert again.sample(5)["y"].shape == (5,)
    assert "no standard errors: a loaded fit has no data" in again.summary()
    with pytest.raises(DataError, match="a loaded fit has no data"):
        _ = again.posterior


def test_save_refuses_a_folder_that_is_not_there(fit: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no folder `.*absent`: create it"):
        fit.save(tmp_path / "absent" / "fit.json")


def test_load_refuses_other_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        em.load(tmp_path / "none.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(DataError, match="no saved fit of this version"):
        em.load(tmp_path / "other.json")
    (tmp_path / "text.json").write_text("model M")
    with pytest.raises(DataError, match="no saved fit:"):
        em.load(tmp_path / "text.json")


def test_numbers_that_json_lacks(tmp_path: Path) -> None:
    from emdsl.results import saving

    content = {
        "a": np.array([[1 / 3, np.inf], [-np.inf, 5e-324]]),
        "b": (1.5, float("nan")),
        "c": None,
        "d": np.array(2.0),
    }
    saving.write(tmp_path / "x.json", content)
    back = saving.read(tmp_path / "x.json")
    assert np.array_equal(back["a"], content["a"])
    assert back["b"][0] == 1.5
    assert np.isnan(back["b"][1])
    assert back["c"] is None
    assert back["d"].shape == ()


# starting values


def test_latents_as_starting_values_give_the_m_step_of_their_probabilities(model: Any) -> None:
    r = np.random.default_rng(0).dirichlet([1, 1], size=300)

    def e_step(data: Any, params: Any) -> Any:
        if "z" not in data:
            return mixture().e_step(data, params)
        one_hot = np.eye(2)[data["z"].astype(int)] * data["weights.n"][:, None]
        return {"N": one_hot.sum(axis=0), "S": data["y"] @ one_hot}, 0.0

    from emdsl.runtime.loop import run
    from emdsl.runtime.starts import LatentStart

    outcome = run(mixture(e_step=e_step), {"y": Y}, latents={"z": LatentStart(r, True, "n")}, max_iter=0)
    np.testing.assert_allclose(outcome.params["rate"], Y @ r / r.sum(axis=0))
    np.testing.assert_allclose(outcome.params["pi"], r.mean(axis=0))


def test_starting_values_that_are_no_probabilities(model: Any) -> None:
    with pytest.raises(DataError, match="init of `z` has rows that are no probabilities"):
        model.fit(y=Y, init={"z": np.ones((300, 2))})


# arguments of fit


def test_fit_arguments(model: Any, compiled: Any) -> None:
    with pytest.raises(DataError, match="there is no method 'ml'; there is `em`"):
        model.fit(y=Y, method="ml")
    with pytest.raises(DataError, match="`y` is absent"):
        model.fit()
    compiled.rows = [type("Row", (), {"block": "rate", "exact": True, "closed_form": False, "why": "Newton steps"})()]
    with pytest.raises(ModelError, match="the update of `rate` is not in closed form: Newton steps"):
        model.fit(y=Y, strict=True)


def test_progress_bar_runs(model: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert model.fit(y=Y, progress=True, n_init=2).converged


def test_fitting_again_gives_the_same(model: Any) -> None:
    first, second = model.fit(y=Y), model.fit({"y": Y})
    assert np.array_equal(first.params["rate"], second.params["rate"])


def test_one_count_alone_degenerates(model: Any) -> None:
    with pytest.raises(FitError):
        model.fit(y=[0, 0, 0], init={"pi": [1.0, 0.0], "rate": [1.0, 1.0]})
