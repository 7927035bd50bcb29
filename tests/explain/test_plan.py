"""The plan: its rows, in the order in which the blocks are updated, and its two displays."""

from __future__ import annotations

from pathlib import Path

import pytest

from emdsl.explain.plan import COLUMNS, plan
from tests.conftest import Golden
from tests.explain.models import NAMES, derived, from_text

GOLDEN = Path(__file__).parents[1] / "golden" / "explain"

#: (block, kernel, why) of every row.
ROWS = {
    "gmm_full": [
        ("z", "categorical", "`z` finite: 2 states for each row of n"),
        ("mu", "Gaussian", "`Sigma` cancels"),
        ("pi", "Dirichlet", "no other parameter enters"),
        ("Sigma", "Wishart", "given the new `mu`"),
    ],
    "poisson_mixture": [
        ("z", "categorical", "`z` finite: 2 states for each row of n"),
        ("pi", "Dirichlet", "no other parameter enters"),
        ("rate", "Gamma", "no other parameter enters"),
    ],
    "regression_map": [
        ("b", "Gaussian", "given `tau`: a conditional maximum"),
        ("tau", "Gamma", "given the new `b`"),
    ],
    "factor_mixture": [
        ("z and f", "categorical and Gaussian", "`z` finite: 2 states for each row of n; `f` Gaussian given the state"),
        ("W and m", "joint Gaussian", "`v` cancels; coupled, so solved for together"),
        ("pi", "Dirichlet", "no other parameter enters"),
        ("v", "Gamma", "given the new `W` and `m`"),
    ],
    "gmm_missing": [
        (
            "z and x",
            "categorical and Gaussian",
            "`z` finite: 2 states for each row of n; missing entries of `x` Gaussian given the state",
        ),
        ("mu", "Gaussian", "`Sigma` cancels"),
        ("pi", "Dirichlet", "no other parameter enters"),
        ("Sigma", "Wishart", "given the new `mu`"),
    ],
    "two_latents": [
        ("z and w", "categorical", "`z` and `w` finite: 2 × 2 states for each row of n"),
        ("mu", "Gaussian", "`v` cancels"),
        ("pi", "Dirichlet", "no other parameter enters"),
        ("rho", "Dirichlet", "no other parameter enters"),
        ("v", "Gamma", "given the new `mu`"),
    ],
}


@pytest.mark.parametrize("name", ROWS)
def test_rows(name: str) -> None:
    found = plan(*derived(name))
    assert [(row.block, row.kernel, row.why) for row in found.rows] == ROWS[name]


@pytest.mark.parametrize("name", NAMES)
def test_every_unknown_has_a_row_with_a_reason(name: str) -> None:
    derivation, model = derived(name)
    found = plan(derivation, model)
    parameters = [variable for row in found.rows if row.role == "parameter" for variable in row.variables]
    assert sorted(parameters) == sorted(derivation.setting.parameters)
    assert all(row.why and row.exact and row.closed_form for row in found.rows)
    assert {row.inference for row in found.rows if row.role == "latent"} <= {"exact"}
    assert {row.inference for row in found.rows if row.role == "parameter"} == {"point"}


def test_joint_and_conditional_maximum() -> None:
    assert plan(*derived("gmm_full")).joint
    assert not plan(*derived("gmm_map")).joint


def test_factors_of_one_rate_are_maximised_given_each_other() -> None:
    found = plan(
        *from_text("""
        model Factors()  plate i in I, j in J  param a[i] : positive  param b[j] : positive
        observed y[i, j] ~ Poisson(a[i] * b[j])
    """)
    )
    assert not found.joint
    assert [row.why for row in found.rows] == ["given `b`: a conditional maximum", "given the new `a`"]


def test_objective_is_the_module_s() -> None:
    assert plan(*derived("gmm_full")).objective == "log likelihood"
    assert plan(*derived("gmm_map")).objective == "log posterior"
    assert plan(*derived("gmm_full", "hard")).objective == "classification log likelihood"


def test_hard_takes_the_most_probable_state() -> None:
    row = plan(*derived("poisson_mixture", "hard")).rows[0]
    assert (row.inference, row.why) == (
        "point",
        "`z` finite: 2 states for each row of n, of which the most probable is taken",
    )


def test_posteriors_are_mean_field() -> None:
    derivation, model = derived("gmm_map", "vb")
    found = plan(derivation, model)
    assert {row.inference for row in found.rows} == {"mean field"}
    assert [row.why for row in found.rows if row.block == "Sigma"] == ["given expectations over `mu`"]
    assert "given expectations over the parameters" in str(found)


def test_text_is_aligned() -> None:
    lines = str(plan(*derived("factor_mixture"))).splitlines()
    rule = next(place for place, line in enumerate(lines) if line.startswith("-----"))
    starts = [lines[rule - 1].index(title) for title in COLUMNS]
    assert all(line[start - 1] == " " for line in lines[rule + 1 :] for start in starts[1:])
    assert lines[0] == "FactorMixture, method em"


def test_html_escapes() -> None:
    derivation, model = derived("gmm_full")
    html = plan(derivation, model)._repr_html_()
    assert html.startswith("<table>") and html.count("<tr>") == 1 + len(plan(derivation, model).rows)


SIX = (
    "gmm_full", "poisson_mixture", "latent_classes_missing", "factor_analysis", "mvnormal_missing", "regression_map",
)  # fmt: skip


@pytest.mark.parametrize("name", SIX)
def test_golden(name: str, golden: Golden) -> None:
    golden(GOLDEN / f"{name}.plan.txt", str(plan(*derived(name))))
