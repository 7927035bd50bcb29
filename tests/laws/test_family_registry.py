"""The registry holds the families of the contract under its spellings, well formed, and is light to import."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from emdsl.families.family import ANY, Family
from emdsl.families.registry import FAMILIES, family
from emdsl.model.statements import TYPE_KINDS

ROOT = Path(__file__).parents[2]

#: The distributions of the contract, as it prints them: named arguments end in `=`, `|` parts alternatives.
CONTRACT = (
    "Normal(mean, sd= | var= | prec=)",
    "MvNormal(mean, cov= | prec= | chol=)",
    "StudentT(df, mean, scale=)",
    "MvStudentT(df, mean, scatter=)",
    "Laplace(mean, scale=)",
    "LogNormal(mean, sd= | var=)",
    "Exponential(rate=)",
    "Gamma(shape, rate= | scale=)",
    "InvGamma(shape, scale=)",
    "Weibull(shape, scale=)",
    "Beta(a, b)",
    "VonMises(mean, concentration=)",
    "Bernoulli(p)",
    "Bernoulli(logit=)",
    "Binomial(n, p)",
    "Binomial(n, logit=)",
    "Categorical(p)",
    "Categorical(logits=)",
    "Multinomial(n, p)",
    "Poisson(rate)",
    "NegBinomial(mean, size=)",
    "Geometric(p)",
    "Dirichlet(concentration)",
    "Wishart(df, scale=)",
    "InvWishart(df, scale=)",
    "PointMass(value)",
)


def parse(line: str) -> tuple[Family, list[str], list[str]]:
    """The family, the names that may go by position, and the ways of naming the rest."""
    match = re.fullmatch(r"(\w+)\((.*)\)", line)
    assert match is not None
    found = family(match[1])
    assert found is not None, f"{match[1]} is not in the registry"
    parts = match[2].split(", ")
    named = [choice.strip(" =") for part in parts if "=" in part for choice in part.split("|")]
    return found, [part for part in parts if "=" not in part], named


@pytest.mark.parametrize("line", CONTRACT)
def test_the_contract_s_spellings_exist(line: str) -> None:
    found, positional, named = parse(line)
    for names in [[*positional, choice] for choice in named] or [positional]:
        form = found.form(names)
        assert form is not None, names
        assert form.positional == len(positional)
        assert [argument.name for argument in form.arguments[: form.positional]] == positional


def test_the_registry_holds_the_contract_s_families_and_no_other() -> None:
    assert {entry.name for entry in FAMILIES} == {line.partition("(")[0] for line in CONTRACT}
    assert len({entry.name for entry in FAMILIES}) == len(FAMILIES)
    assert family("Gaussian") is None


@pytest.mark.parametrize("entry", FAMILIES, ids=lambda entry: entry.name)
def test_a_family_is_well_formed(entry: Family) -> None:
    for form in entry.forms:
        assert (form.name, form.support, form.dims) == (entry.name, entry.support, entry.dims)
        canonical = [argument.name for argument in form.arguments]
        assert form.positional <= len(canonical)
        assert all(alternative.canonical in canonical for alternative in form.alternatives)
        arguments = (*form.arguments, *(alternative.argument for alternative in form.alternatives))
        assert len({argument.name for argument in arguments}) == len(arguments)
        for kind, dims in [(form.support, form.dims), *((each.support, each.dims) for each in arguments)]:
            assert kind == ANY or TYPE_KINDS[kind] in (None, len(dims))
    assert {entry: entry.name}[entry] == entry.name


def test_the_registry_is_light_to_import() -> None:
    heavy = "{'scipy', 'sympy', 'pandas', 'networkx', 'lark', 'matplotlib'}"
    script = f"import sys, emdsl.families.registry; print(sorted({heavy} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == "[]"


@pytest.mark.parametrize("entry", FAMILIES, ids=lambda entry: entry.name)
def test_sources_are_listed(entry: Family) -> None:
    listed = re.findall(r"\*\*\[(\w+)\]\*\*", (ROOT / "docs" / "references.md").read_text())
    module = sys.modules[entry.sample.__module__]
    cited = re.findall(r"[\[ ]([A-Z][a-z]+\d{4})[,;\]]", module.__doc__ or "")
    assert set(cited) <= set(listed)
    assert cited or entry.name == "PointMass"
