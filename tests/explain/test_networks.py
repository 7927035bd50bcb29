"""Plans and documents of networks: every one is sound, names all its blocks, and small ones read as in textbooks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import emdsl as em
from emdsl.explain.plan import Plan, plan
from emdsl.explain.steps import document, notation_of
from emdsl.explain.symbols import name_text
from tests.conftest import Golden
from tests.explain.latex import fault, formulas
from tests.explain.models import NETWORKS, derived_network
from tests.zoo_networks import BY_NAME

GOLDEN = Path(__file__).parents[1] / "golden" / "explain"

CASES = [(name, method) for name, methods in NETWORKS.items() for method in methods]


def planned(name: str, method: str = "em") -> Plan:
    return plan(*derived_network(name, method))


def section(name: str, number: int, method: str = "em") -> str:
    markdown = document(*derived_network(name, method)).markdown
    return markdown.split(f"## {number}.")[1].split(f"## {number + 1}.")[0]


# ---------------------------------------------------------------- all of them


@pytest.mark.parametrize(("name", "method"), CASES)
def test_documents_are_sound(name: str, method: str) -> None:
    derivation, model = derived_network(name, method)
    written = document(derivation, model)
    markdown = written.markdown
    assert [(text, fault(text)) for text in formulas(markdown) if fault(text)] == []
    body = written.latex.split(r"\begin{document}")[1].removesuffix("\\end{document}\n")
    assert fault(body) is None and "`" not in body
    for remnant in (
        "None",
        "operatorname{offset}",
        "operatorname{split}",
        "split 0",
        "weights.",
        "parent.",
        "first.",
        "~}",
    ):
        assert remnant not in markdown
    assert not re.search(r"rows of \w+ [-+}]", markdown)  # the size of a ragged plate
    for listed in re.findall(r"\\sum_\{([^}]*)\}", markdown):
        letters = listed.split(", ")
        assert len(letters) == len(set(letters)), listed


@pytest.mark.parametrize("name", NETWORKS)
def test_every_block_is_named(name: str) -> None:
    derivation, model = derived_network(name)
    rows = [row for row in plan(derivation, model).rows if row.role == "latent"]
    e_step = section(name, 4)
    for network in derivation.setting.networks:
        for one in network.blocks:
            named = {variable for variable in one.block.all if not variable.startswith("split ")}
            assert any({variable.partition("~")[0] for variable in named} <= set(row.variables) for row in rows)
            for variable in named:
                head = variable.partition("~")[0]
                assert name_text(head) in e_step and f"`{head}`" in e_step


@pytest.mark.parametrize("name", NETWORKS)
def test_every_statistic_has_a_symbol_of_its_own_and_a_definition(name: str) -> None:
    derivation, _ = derived_network(name)
    heads = notation_of(derivation).statistics
    swept = [item for sweep in derivation.collapsed.sweeps for item in sweep.statistics]
    statistics = [*swept, *derivation.setting.coupled]
    assert len({(heads[item.name], len(item.axes)) for item in statistics}) == len(statistics)
    defined = section(name, 3).split("With them")[0]
    assert len(re.findall(r"^[NS][_^ ].*? ?&?= ", defined, re.MULTILINE)) == len(statistics)


@pytest.mark.parametrize(("name", "method"), CASES)
def test_plans_agree_with_their_networks(name: str, method: str) -> None:
    derivation, model = derived_network(name, method)
    found = plan(derivation, model)
    exact = all(one.network.exact for one in derivation.setting.networks)
    assert found.exact_e_step == exact
    assert all(
        row.why and row.kernel and row.closed_form == (row.kernel not in ("gradient", "Newton")) for row in found.rows
    )
    assert ("lower bound" in found.objective) == (not exact or method == "vb")
    assert ("independent under q" in str(found)) == (not exact)
    if method == "em":
        inference = {row.inference for row in found.rows if row.role == "latent"} - {"exact"}
        assert inference == (set() if exact else {"coordinate ascent"})


# ---------------------------------------------------------------- plans


APART = "`theta` and `z` meet and no kernel has them jointly: independent under q"
#: (block, kernel, why) of the latents.
LATENTS = {
    "row_chain": [("a and b and c", "categorical, eliminated",
        "`a` given `b` (2 × 2 states), then `b` given `c` (2 × 2 states), then `c` (2 states)")],
    "documents": [("g and z", "categorical, eliminated", "`z` given `g` (2 × 2 states), then `g` (2 states)")],
    "dawid_skene": [("t", "categorical", "`t` finite: 2 states for each row of i")],
    "left_right": [("z", "categorical chain over t", "`z` along t (3 states)")],
    "two_lags": [("z", "categorical chain over t", "`z` along t (2 × 2 states)")],
    "signal_of_two_steps": [("z and x", "categorical chain over t; Gaussian given z",
        "`x` Gaussian given `z`, then `z` along t (2 × 2 states)")],
    "states_two_steps_back": [("z and w", "categorical chain over t, eliminated",
        "`w` given `z` (2 × 2 × 2 states), then `z` along t (2 × 2 states)")],
    "chain_classes": [("g and z", "categorical chain over t, eliminated",
        "`z` along t given `g` (2 × 2 states), then `g` (2 states)")],
    "two_chains": [("a and b", "product of chains over t", "`a` and `b` along t (2 × 2 states)")],
    "abo": [("choice in y", "choice among products", "the sum in the law of `y` is split among its 2 products")] * 2,
    "slopes": [("b", "Gaussian", "a mean and a covariance for each row of g")],
    "crossed": [("a and b", "joint Gaussian", "`a` and `b` meet in products of two: one law for all rows")],
    "local_level": [("x", "Gaussian chain over t", "`x` meets itself one step earlier: solved along time")],
    "intercept_classes": [("c and b", "categorical; Gaussian given c", "`b` Gaussian given `c`, then `c` (2 states)")],
    "gamma_poisson": [("u", "Gamma", "conjugate: one law for each row of n")],
    "topics": [
        ("theta", "Dirichlet", f"conjugate given the others: one law for each row of d; {APART}"),
        ("z", "categorical", f"`z` finite: 2 states for each row of d, n; {APART}"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("name", LATENTS)
def test_rows(name: str) -> None:
    found = planned(name)
    assert [(row.block, row.kernel, row.why) for row in found.rows if row.role == "latent"] == LATENTS[name]


def test_head_of_a_bound() -> None:
    found = planned("topics")
    assert found.objective == "lower bound on the log likelihood"
    assert "The E-step is by coordinate ascent over 2 blocks; the objective is a lower bound." in str(found)
    assert "The E-step is exact." in str(planned("poisson_ragged"))


def test_products_of_three_are_broken() -> None:
    text = """
        model Bilinear()  plate i in I, u in U, j in J  given user[i] : index[U]  given item[i] : index[J]
        param v : positive  latent a[u] ~ Normal(0, var=1)  latent b[j] ~ Normal(0, var=1)
        observed y[i] ~ Normal(a[user[i]] * b[item[i]], var=v)
    """
    found = em.parse(text)().plan
    assert all("`a` and `b` meet in products of three: independent under q" in row.why for row in found.rows[:2])


def test_strict_refuses_a_bound() -> None:
    example = BY_NAME["topics"]
    with pytest.raises(em.ModelError) as caught:
        em.parse(example.text)(**example.constants).fit(example.draw(), n_init=1, max_iter=1, strict=True)
    assert caught.value.code == "E090" and "is not exact" in str(caught.value)


def test_strict_allows_what_is_exact() -> None:
    example = BY_NAME["poisson_ragged"]
    em.parse(example.text)(**example.constants).fit(example.draw(), n_init=1, max_iter=1, strict=True)


# ---------------------------------------------------------------- documents


#: What the E-step says, formula by formula.
E_STEPS = {
    "dawid_skene": (
        r"\log \pi_{k} + \sum_{a} [\mathrm{item}_{a} = i] \log \mathrm{conf}_{\mathrm{rater}_{a}, k, y_{a}}",
        r"\mathsf{A}_{i} = \log \sum_{k} \exp\left(\mathsf{a}_{ik}\right)",
        r"q(t_{i} = k) = \exp\left(\mathsf{a}_{ik} - \mathsf{A}_{i}\right)",
    ),
    "documents_by_index": (
        r"\mathsf{m}^{z}_{dc} &= \sum_{\mathrm{doc}_{i} = d} \mathsf{A}^{z}_{ic}",
        r"q(z_{i} = k \mid g_{\mathrm{doc}_{i}} = c) \, q(g_{\mathrm{doc}_{i}} = c)",
    ),
    "poisson_ragged": (
        r"\mathsf{a}_{tkk'} &= \log A_{k'k}",
        r"\mathsf{a}_{tk} + \log \sum_{k'} \exp\left(\mathsf{F}_{t-1, k'} + \mathsf{a}_{tkk'}\right)",
        r"q(z_{t} = k) &= \exp\left(\mathsf{F}_{tk} + \mathsf{G}_{tk} - \mathsf{A}_{s(t)}\right)",
    ),
    "crossed": (
        r"\mathsf{P}^{a}_{u} &= \tau^{-1} + \sum_{i} [\mathrm{user}_{i} = u] v^{-1}",
        r"\mathsf{P}^{a b}\left[a_{\mathrm{user}_{i}}, b_{\mathrm{item}_{i}}\right] &= v^{-1}",
    ),
    "topics_by_index": (
        r"\sum_{i} [\mathrm{doc}_{i} = d] \left\langle [z_{i} = k] \right\rangle",
        r"\mathsf{a}^{z}_{ik} = \left\langle \log \theta_{\mathrm{doc}_{i}, k} \right\rangle + \log \phi_{k, w_{i}}",
    ),
    "poisson_factors": (
        r"\mathsf{a}_{nk} &= \tfrac{3}{2} + \sum_{j} y_{nj} \left\langle [\mathsf{c}_{nj} = k] \right\rangle",
        r"\mathsf{b}_{nk} &= \tfrac{1}{2} + \sum_{j} \beta_{kj}",
        r"The choice is made $y_{nj}$ times",
    ),
}


@pytest.mark.parametrize("name", E_STEPS)
def test_e_steps_read_as_in_textbooks(name: str) -> None:
    text = section(name, 4)
    for formula in E_STEPS[name]:
        assert formula in text


def test_objectives() -> None:
    assert r"\ell = \sum_{i} \mathsf{A}_{i}" in section("dawid_skene", 6)
    assert r"\mathrm{H}[q(\theta)]" in section("topics", 6) and "The lower bound on the log likelihood" in section(
        "topics", 6
    )
    assert r"y_{0} \mathsf{A}^{\mathsf{c}^{(1)}}" in section("abo", 6)


def test_entropies_of_choices_count_as_often_as_these_are_expected() -> None:
    model = em.parse("""
        model Met plate n in N, j in J param a : positive param b : positive param q : unit
        latent z[n] ~ Bernoulli(q) latent w[j] ~ Bernoulli(q) observed y[n, j] ~ Poisson(a + b * z[n] * w[j])
    """)()
    often = r"y_{nj} \left\langle [z_{n} = 1] \right\rangle \left\langle [w_{j} = 1] \right\rangle \mathrm{H}"
    assert often in model.derivation.markdown


def test_hard_chains_have_a_best_path() -> None:
    text = section("poisson_ragged", 4, "hard")
    assert "The best path of `z`" in text and r"\max_{k'}" in text and r"\log \sum" not in text


def test_rows_that_meet_are_updated_in_turn() -> None:
    text = section("blocks", 4)
    assert "the rows of `z` as independent too" in text
    assert r"\sum_{i', l} y_{ii'} \left\langle [z_{i'} = l] \right\rangle \log B_{kl}" in text
    assert r"y_{ii'} \left\langle [z_{i} = k] \right\rangle \left\langle [z_{i'} = k'] \right\rangle" in section(
        "blocks", 3
    )


REVIEWED = (
    "poisson_ragged",
    "dawid_skene",
    "topics",
    "slopes",
    "normal_chain_missing",
    "vector_state",
    "switching_dynamics",
    "chains_in_a_sum",
)


@pytest.mark.parametrize("name", REVIEWED)
def test_golden_plan(name: str, golden: Golden) -> None:
    golden(GOLDEN / f"{name}.plan.txt", str(planned(name)))


@pytest.mark.parametrize("name", REVIEWED)
def test_golden_document(name: str, golden: Golden) -> None:
    golden(GOLDEN / f"{name}.md", document(*derived_network(name)).markdown)


def test_a_gradient_step_says_so_everywhere() -> None:
    """In the plan and its head, in the derivation and in the comment of the emitted code; `strict` forbids it."""
    example = BY_NAME["stationary_start"]
    model = em.parse(example.text)()
    reason = "`stationary(A)` moves with all of `A`, so a gradient step (L-BFGS) that never falls"
    assert [row.why for row in model.plan.rows if not row.closed_form] == [reason]
    assert "but takes steps that never fall for `A`" in str(model.plan)
    assert reason in str(model.derivation) and "which never lower $Q$ (generalised EM)" in str(model.derivation)
    assert "# A: stationary(A) moves with all of A, so a gradient step (L-BFGS) that never falls" in model.source()
    with pytest.raises(em.ModelError, match="the update of `A` is not in closed form"):
        model.fit(example.draw(), strict=True)


def test_a_state_of_two_rows() -> None:
    text = str(em.parse(BY_NAME["two_lags"].text)().derivation)
    assert "`z` runs as a chain whose state is $z_{st}$ and $z_{s, t-1}$" in text
    assert r"\log \sum_{k''} \exp\left(\mathsf{F}_{s, t-1, k', k''} + \mathsf{a}_{stkk'k''}\right)" in text


def test_indices_follow_the_declaration_where_the_time_is_not_last() -> None:
    model = em.parse("""
        model Turned(K = 2)  time t in T  plate s in S, k in K  param start : simplex[K]  param A[k] : simplex[K]
        param rate[k] : positive  latent z[0, s] ~ Categorical(start)  latent z[t, s] ~ Categorical(A[z[t-1, s]])
        observed y[t, s] ~ Poisson(rate[z[t, s]])
    """)()
    written = model.derivation.markdown
    assert r"\left\langle [z_{ts} = k] [z_{t-1, s} = k'] \right\rangle" in written
    assert r"q(z_{ts} = k) &=" in written
    assert "z_{st}" not in written and "z_{s, " not in written
