"""The text front end: what each statement becomes, and where it says it stands."""

from __future__ import annotations

from pathlib import Path
from time import perf_counter

import pytest

from emdsl.algebra.expressions import Binary, Call, Name, Number, Subscript, walk
from emdsl.errors import ModelError, Source, Span
from emdsl.language.printer import to_text
from emdsl.language.text import parse, read
from emdsl.model.statements import (
    Constant,
    Definition,
    Factorise,
    Fix,
    Law,
    Limits,
    Model,
    NewDistribution,
    Order,
    Plate,
    Role,
    Type,
    Variable,
)

CHAIN = """\
model PoissonHMM(K = 2)
plate s in S, k in K
time  t in T[s]                          # ragged: every sequence has its own length
param  start   : simplex[K]
param  A[k]    : simplex[K]
param  rate[k] : positive
latent   z[s, 0] ~ Categorical(start)
latent   z[s, t] ~ Categorical(A[z[s, t-1]])
observed y[s, t] ~ Poisson(rate[z[s, t]])
"""

CANONICAL = """\
model PoissonHMM(K = 2)
plate s in S, k in K
time t in T[s]
param start : simplex[K]
param A[k] : simplex[K]
param rate[k] : positive
latent z[s, 0] ~ Categorical(start)
latent z[s, t] ~ Categorical(A[z[s, t-1]])
observed y[s, t] ~ Poisson(rate[z[s, t]])
"""

s, t, k, z, K = map(Name, "stkzK")


def test_indices_in_brackets_of_their_own_are_those_of_one_reference() -> None:
    assert parse(CHAIN.replace("[z[s, t", "[z[s][t")) == parse(CHAIN)


def test_a_chain() -> None:
    before = Subscript(z, (s, Binary("-", t, Number(1))))
    assert parse(CHAIN) == Model(
        "PoissonHMM",
        (Constant("K", 2),),
        (Plate("s", "S"), Plate("k", "K"), Plate("t", "T", ("s",), ordered=True)),
        (
            Variable("start", Role.PARAM, (), Type("simplex", (K,))),
            Variable("A", Role.PARAM, ("k",), Type("simplex", (K,))),
            Variable("rate", Role.PARAM, ("k",), Type("positive")),
            Variable(
                "z",
                Role.LATENT,
                ("s", "t"),
                definitions=(
                    Definition((s, Number(0)), Law("Categorical", ((None, Name("start")),))),
                    Definition((s, t), Law("Categorical", ((None, Subscript(Name("A"), (before,))),))),
                ),
            ),
            Variable(
                "y",
                Role.OBSERVED,
                ("s", "t"),
                definitions=(
                    Definition((s, t), Law("Poisson", ((None, Subscript(Name("rate"), (Subscript(z, (s, t)),))),))),
                ),
            ),
        ),
    )


def test_canonical_text() -> None:
    assert to_text(parse(CHAIN)) == CANONICAL
    assert to_text(parse(CANONICAL)) == CANONICAL


def test_the_other_statements() -> None:
    model = parse(
        "model M(a, b = -1/4) dist G(y : real | m : real) = -(y-m)**2 "
        "observed x missing ~ switch(z, Normal(0, sd=a), G(b)) censored(0, inf) "
        "fix A[0, 2] = 0 fix start = [1, 0] order mu by k factorise q(z) q(mu, A)"
    )
    assert model.constants == (Constant("a"), Constant("b", -0.25))
    y, m, real = Name("y"), Name("m"), Type("real")
    assert model.distributions == (NewDistribution("G", ("y", real), (("m", real),), -((y - m) ** 2)),)
    laws = (None, Law("Normal", ((None, Number(0)), ("sd", Name("a"))))), (None, Law("G", ((None, Name("b")),)))
    law = Law("switch", ((None, z), *laws), Limits("censored", Number(0), Number(float("inf"))))
    assert model.variables == (Variable("x", Role.OBSERVED, (), None, (Definition((), law),), missing=True),)
    assert model.fixes[0] == Fix("A", (Number(0), Number(2)), Number(0))
    assert to_text(model).splitlines()[-4:] == [
        "fix A[0, 2] = 0",
        "fix start = [1, 0]",
        "order mu by k",
        "factorise q(z) q(mu, A)",
    ]
    assert model.orders == (Order("mu", "k"),)
    assert model.factorisations == (Factorise((("z",), ("mu", "A"))),)


def test_lines_of_a_variable_need_not_be_neighbours() -> None:
    model = parse("model M time t in T latent z[t] ~ G(z[t-1]) param g : real latent z[0] ~ G(g)")
    assert [variable.name for variable in model.variables] == ["z", "g"]
    assert [definition.slots for definition in model.variables[0].definitions] == [(t,), (Number(0),)]
    assert parse(to_text(model)) == model


def test_newlines_and_comments_carry_no_meaning() -> None:
    assert parse(" ".join(line.split("#")[0] for line in CHAIN.splitlines())) == parse(CHAIN)
    assert parse(CHAIN.replace("\n", "\r\n")) == parse(CHAIN)
    assert parse("\ufeff" + CHAIN) == parse(CHAIN)


def quoted(text: str, span: Span | None) -> str:
    assert span is not None
    return text.splitlines()[span.line - 1][span.column - 1 : span.end_column - 1]


def test_places() -> None:
    model = parse(CHAIN, "hmm.em")
    assert model.source == Source(CHAIN, "hmm.em")
    assert [quoted(CHAIN, constant.span) for constant in model.constants] == ["K"]
    assert [quoted(CHAIN, plate.span) for plate in model.plates] == ["s in S", "k in K", "t in T"]
    assert [quoted(CHAIN, variable.span) for variable in model.variables] == ["start", "A", "rate", "z", "y"]
    chain = model.variables[3].definitions[1]
    assert quoted(CHAIN, chain.span) == "z[s, t]"
    assert quoted(CHAIN, chain.law.span) == "Categorical(A[z[s, t-1]])"
    ((_, argument),) = chain.law.arguments
    assert not isinstance(argument, Law)
    assert [quoted(CHAIN, part.span) for part in walk(argument)] == [
        "A[z[s, t-1]]", "A", "z[s, t-1]", "z", "s", "t-1", "t", "1",
    ]  # fmt: skip
    declared = model.variables[0].type
    assert declared is not None and quoted(CHAIN, declared.span) == "simplex[K]"


def test_a_span_ends_with_its_first_line() -> None:
    text = "model M\nlet y = exp(a +\n  b)"
    found = parse(text).variables[0].value
    assert isinstance(found, Call)
    assert quoted(text, found.span) == "exp"
    assert quoted(text, found.arguments[0].span) == "a"


def test_read_quotes_the_name_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "gmm.em"
    path.write_text(CHAIN, encoding="utf-8")
    assert read(path) == parse(CHAIN)
    path.write_text("model M\nlet y = x^2", encoding="utf-8")
    with pytest.raises(ModelError, match=r"--> gmm\.em:2:10") as caught:
        read(str(path))
    assert (caught.value.code, caught.value.line, caught.value.column) == ("E004", 2, 10)


def test_parsing_is_quick() -> None:
    parse(CHAIN)
    times = []
    for _ in range(20):
        start = perf_counter()
        parse(CHAIN)
        times.append(perf_counter() - start)
    assert min(times) < 0.003
