"""Words of other tools: each leads to one word of the language, and is none itself."""

from __future__ import annotations

import pytest

from emdsl.algebra.expressions import FUNCTIONS
from emdsl.errors import ModelError
from emdsl.language.text import parse
from emdsl.model import elsewhere
from emdsl.model.check import check
from emdsl.model.laws import laws_of_language
from emdsl.model.statements import TYPE_KINDS


@pytest.mark.parametrize(
    "table, here",
    [
        ({**elsewhere.LAWS, **elsewhere.WRITTEN}, [*laws_of_language()]),
        (elsewhere.TYPES, TYPE_KINDS),
        (elsewhere.FUNCTIONS, FUNCTIONS),
    ],
    ids=["laws", "types", "functions"],
)
def test_a_word_has_one_meaning_and_is_not_one_of_the_language(table: dict[str, str], here: list[str]) -> None:
    words = [word for listed in table.values() for word in listed.split()]
    assert len(words) == len(set(words))
    assert all(word == word.lower() and "_" not in word for word in words)
    assert not {*words} & {word.lower() for word in here}


def test_meanings_are_words_of_the_language() -> None:
    assert elsewhere.LAWS.keys() <= set(laws_of_language())
    assert elsewhere.TYPES.keys() <= set(TYPE_KINDS)
    assert elsewhere.FUNCTIONS.keys() <= {*FUNCTIONS, "@", "**"}


@pytest.mark.parametrize(
    "written, meant",
    [
        ("Normal(0, sigma=1)", "sd"),
        ("Normal(mu=0, sd=1)", "mean"),
        ("Poisson(lambda=1)", "rate"),
        ("Poisson(mu=1)", "rate"),
        ("Gamma(alpha=1, rate=1)", "shape"),
        ("NegBinomial(1, alpha=1)", "size"),
        ("Beta(alpha=1, b=1)", "a"),
        ("StudentT(nu=3, mean=0, scale=1)", "df"),
        ("StudentT(3, 0, sigma=1)", "scale"),
        ("Bernoulli(logits=0)", "logit"),
    ],
)
def test_an_argument_is_named_as_the_law_names_it(written: str, meant: str) -> None:
    with pytest.raises(ModelError, match=rf"E060.*\n(.*\n)*.*did you mean `{meant}`\?"):
        check(parse(f"model M\nplate n in N\nobserved y[n] ~ {written}"))
