"""The document: every formula is sound LaTeX, every parameter has its update, and the small ones read as expected."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from emdsl.explain.steps import document, notation_of
from emdsl.explain.symbols import name_text
from tests.conftest import Golden
from tests.explain.latex import fault, formulas
from tests.explain.models import BAYESIAN, NAMES, derived, from_text
from tests.explain.test_plan import SIX

GOLDEN = Path(__file__).parents[1] / "golden" / "explain"

#: Update formulas as they are read in textbooks.
UPDATES = {
    "gmm_full": (
        r"\pi_{k} \leftarrow \frac{N_{k}}{\sum_{k'} N_{k'}}",
        r"\mu_{kd} \leftarrow \mathring{\mu}_{kd} + \frac{S^{\tilde{x}}_{kd}}{N_{k}}",
        r"\mathsf{B}_{kde} &= S^{\tilde{x} \tilde{x}}_{kde}",
    ),
    "gmm_precision": (r"(\Lambda_{k}^{-1})_{de} &\leftarrow \frac{\mathsf{B}_{kde}}{N_{k}}",),
    "poisson_mixture": (r"\mathrm{rate}_{k} \leftarrow \frac{S^{y}_{k}}{N_{k}}",),
    "normal_mixture_sd": (r"s_{k} \leftarrow \sqrt{",),
    "grouped_proportions": (r"\pi_{gk} \leftarrow \frac{N^{\mathrm{group}}_{kg}}{\sum_{k'} N^{\mathrm{group}}_{k'g}}",),
    "allele_frequencies": (r"p \leftarrow \frac{2 N^{g}_{0} + N^{g}_{1}}{2 N^{g}_{0} + 2 N^{g}_{1} + 2 N^{g}_{2}}",),
    "bernoulli_mixture_map": (r"\pi_{k} \leftarrow \frac{1 + N_{k}}{K + \sum_{k'} N_{k'}}",),
    "random_intercept": (r"v \leftarrow \frac{S^{\tilde{y} \tilde{y}} - 2 S^{u \tilde{y}} + S^{u u (2)}}{N^{(2)}}",),
}


CASES = [(name, method) for name in NAMES for method in ("em", "hard")] + [(name, "vb") for name in BAYESIAN]


@pytest.mark.parametrize(("name", "method"), CASES)
def test_formulas_are_sound(name: str, method: str) -> None:
    written = document(*derived(name, method))
    found = formulas(written.markdown)
    assert len(found) > 6
    assert [(text, fault(text)) for text in found if fault(text)] == []
    assert "None" not in written.markdown and "operatorname{offset}" not in written.markdown


@pytest.mark.parametrize("name", NAMES)
def test_every_parameter_has_an_update(name: str) -> None:
    derivation, model = derived(name)
    m_step = document(derivation, model).markdown.split("## 5.")[1].split("## 6.")[0]
    targets = re.findall(r"^(.*?) *&? ?\\leftarrow", m_step, re.MULTILINE)
    for parameter in derivation.setting.parameters:
        head = re.escape(name_text(parameter))
        assert any(re.match(rf"\(?{head}(_|\^|$)", target) for target in targets), parameter


@pytest.mark.parametrize("name", BAYESIAN)
def test_every_parameter_has_a_posterior(name: str) -> None:
    derivation, model = derived(name, "vb")
    section = document(derivation, model).markdown.split("## 5.")[1].split("## 6.")[0]
    for parameter in derivation.setting.parameters:
        assert re.search(rf"^q\({re.escape(name_text(parameter))}[^=]*\) &?= \\math", section, re.MULTILINE), parameter


def test_a_spread_s_posterior_has_its_gaussian_integrated_out() -> None:
    """The textbook's Normal-inverse-Wishart and Normal-inverse-Gamma: ν + N, and shape + N / 2."""
    markdown = document(
        *from_text(
            """
        model Joint(K = 2)  plate n in N, k in K  param pi : simplex[K] ~ Dirichlet(2)
        param Sigma[k] : cov[D] ~ InvWishart(5, scale=eye(D))  param mu[k] : real[D] ~ MvNormal(1, cov=10*Sigma[k])
        latent z[n] ~ Categorical(pi)  observed x[n] ~ MvNormal(mu[z[n]], cov=Sigma[z[n]])
    """,
            "vb",
        )
    ).markdown
    assert r"\mathsf{f}_{k} &= 5 + N_{k}" in markdown
    assert r"\Sigma_{k} \otimes \mathsf{P}_{k}^{-1}" in markdown
    assert r"\mathsf{P}_{k} &= \tfrac{1}{10} + N_{k}" in markdown
    markdown = document(
        *from_text(
            """
        model Conjugate()  plate n in N  given X[n] : real[P]  param v : positive ~ InvGamma(2, scale=3)
        param b : real[P] ~ MvNormal(0, cov=4*v*eye(P))  observed y[n] ~ Normal(X[n] @ b, var=v)
    """,
            "vb",
        )
    ).markdown
    assert r"\mathsf{a} &= 2 + \tfrac{1}{2} N" in markdown
    assert r"q(v^{-1}) &= \mathrm{Gamma}" in markdown and r"\left(v^{-1} \mathsf{P}\right)^{-1}" in markdown


@pytest.mark.parametrize("name", NAMES)
def test_every_statistic_is_defined_and_has_a_symbol_of_its_own(name: str) -> None:
    derivation, model = derived(name)
    text = document(derivation, model).markdown.split("## 3.")[1].split("With them")[0]
    statistics = [item for sweep in derivation.collapsed.sweeps for item in sweep.statistics]
    heads = notation_of(derivation).statistics
    symbols = {(heads[item.name], len(item.axes)) for item in statistics}
    assert len(symbols) == len(statistics)
    assert len(re.findall(r"^[NS].*? &?= ", text, re.MULTILINE)) == len(statistics)


@pytest.mark.parametrize("name", UPDATES)
def test_updates_read_as_in_textbooks(name: str) -> None:
    markdown = document(*derived(name)).markdown
    for formula in UPDATES[name]:
        assert formula in markdown


def test_no_letter_is_bound_twice_in_one_sum() -> None:
    for name in NAMES:
        for listed in re.findall(r"\\sum_\{([^}]*)\}", document(*derived(name)).markdown):
            letters = listed.split(", ")
            assert len(letters) == len(set(letters)), (name, listed)


def test_a_category_letter_gives_way_to_a_variable() -> None:
    markdown = document(
        *from_text("""
        model Clash()  plate n in N  param v : positive  param theta : simplex[3]
        observed y[n] ~ Categorical(theta)  observed c[n] ~ Poisson(v)
    """)
    ).markdown
    assert r"[y_{n} = v]" not in markdown
    assert r"v \leftarrow \frac{S^{c}}{N}" in markdown


def test_latex_is_a_whole_article() -> None:
    written = document(*derived("grouped_proportions"))
    latex = written.latex
    assert latex.startswith(r"\documentclass{article}") and latex.endswith("\\end{document}\n")
    body = latex.split(r"\begin{document}")[1]
    assert latex.count(r"\begin{equation*}") + latex.count(r"\begin{align*}") == written.markdown.count("$$") / 2
    assert "`" not in body and "**" not in body
    assert fault(body.removesuffix("\\end{document}\n")) is None


def test_displays() -> None:
    written = document(*derived("poisson_mixture"))
    assert written._repr_markdown_() == str(written) == written.markdown
    assert [step.title for step in written.steps][:2] == ["The model", "The log joint density"]


@pytest.mark.parametrize("name", SIX)
def test_golden(name: str, golden: Golden) -> None:
    golden(GOLDEN / f"{name}.md", document(*derived(name)).markdown)
