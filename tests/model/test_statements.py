"""Mistakes that the text cannot hold, since its grammar refuses them, but a model built in Python can."""

from __future__ import annotations

from pathlib import Path

import pytest

from emdsl.algebra.expressions import Array, Expression, Name, Number
from emdsl.errors import ModelError
from emdsl.model.check import check
from emdsl.model.statements import Definition, Law, Model, Plate, Role, Type, Variable

STANDARD = Law("Normal", ((None, Number(0)), ("sd", Number(1))))


def observed(*slots: Expression, law: Law = STANDARD) -> Definition:
    return Definition(slots, law)


def model(*variables: Variable) -> Model:
    return Model("Built", plates=(Plate("n", "N"), Plate("t", "T", ordered=True)), variables=variables)


CATALOGUE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text(encoding="utf-8")
REAL = Type("real")
MISTAKES = {
    "E031": Variable("x", Role.LATENT, ("n",)),
    "E032": Variable("x", Role.GIVEN, ("n",), REAL, (observed(Name("n")),)),
    "E033": Variable("x", Role.GIVEN, ("n",)),
    "E034": Variable("x", Role.LET, ("n",)),
    "E034 value": Variable("x", Role.PARAM, (), REAL, value=Number(1)),
    "E035": Variable("x", Role.OBSERVED, ("n",), definitions=(observed(Name("n")), observed(Name("n")))),
    "E036": Variable("x", Role.LATENT, ("n",), definitions=(observed(Name("n")),), missing=True),
    "E038": Variable("x", Role.GIVEN, ("n",), Type("reel")),
    "E038 dims": Variable("x", Role.GIVEN, ("n",), Type("real", (Name("A"), Name("B"), Name("C")))),
    "E013": Variable("x", Role.GIVEN, ("n",), Type("real", (Name("A") + 1,))),
    "E029 only slots": Variable("x", Role.LATENT, ("t",), definitions=(observed(Number(0)),)),
    "E029 slots": Variable("x", Role.LATENT, ("t",), definitions=(observed(Name("t"), Name("n")),)),
    "E043": Variable("x", Role.LET, value=Array(())),
    "E047": Variable("x", Role.LET, (), Type("real", (Name("D"),)), value=Array((Array((Number(1),)),))),
    "E069": Variable("x", Role.LATENT, (), definitions=(observed(law=Law("Normal", ((None, STANDARD),))),)),
    "E068 branch": Variable("x", Role.LATENT, (), definitions=(observed(law=Law("switch", ((None, Number(0)),) * 3)),)),
    "E068 index": Variable("x", Role.LATENT, (), definitions=(observed(law=Law("switch", ((None, STANDARD),))),)),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistake(case: str) -> None:
    with pytest.raises(ModelError) as caught:
        check(model(MISTAKES[case]))
    assert caught.value.code == case.split()[0]
    assert caught.value.cure
    assert caught.value.line is None
    if case in ("E031", "E032", "E034", "E035", "E036", "E069"):
        assert f"```text\n{caught.value}\n```" in CATALOGUE


def test_order_of_statements_does_not_matter() -> None:
    z = Variable(
        "z", Role.LATENT, ("n",), definitions=(observed(Name("n"), law=Law("Bernoulli", ((None, Name("p")),))),)
    )
    p = Variable("p", Role.PARAM, (), Type("unit"))
    assert check(model(z, p)).types == check(model(p, z)).types
