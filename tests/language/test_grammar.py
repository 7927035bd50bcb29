"""Each rule of the grammar has an example, which uses the rule and is read alike after printing."""

from __future__ import annotations

from pathlib import Path

import pytest
from lark import Lark

from emdsl.language.builder import Builder
from emdsl.language.grammar import STATEMENTS, grammar_text
from emdsl.language.printer import to_text
from emdsl.language.text import parse, parser, read

EXAMPLES = Path(__file__).parents[2] / "grammar" / "examples"
RULES = sorted(name for name in vars(Builder) if not name.startswith("_"))
PLAIN = Lark(grammar_text(), parser="lalr", start="model", maybe_placeholders=True)


def test_every_rule_has_an_example() -> None:
    assert sorted(path.stem for path in EXAMPLES.glob("*.em")) == RULES


def test_every_rule_has_a_callback() -> None:
    names = {rule.alias or rule.origin.name for rule in PLAIN.rules}
    inlined = {"expression", "term", "factor", "power", "primary", "atom"}
    assert {str(name) for name in names if not name.startswith("_")} - inlined == set(RULES)


@pytest.mark.parametrize("rule", RULES)
def test_example(rule: str) -> None:
    path = EXAMPLES / f"{rule}.em"
    text = path.read_text(encoding="utf-8")
    assert rule in {str(node.data) for node in PLAIN.parse(text).iter_subtrees()}
    model = read(path)
    assert parse(to_text(model)) == model


def test_statements_are_those_of_the_grammar() -> None:
    assert {f"_{word.upper()}" for word in (*STATEMENTS, "model", "in", "by", "q")} == {
        terminal.name for terminal in parser().terminals if terminal.name.startswith("_") and terminal.name[1] != "_"
    }


@pytest.mark.parametrize("word", ["model", *STATEMENTS, "in", "by", "q", "missing", "truncated", "switch", "real"])
def test_keywords_may_be_names(word: str) -> None:
    text = "model w(w) plate w in w param w[w] : real[w] let x = w + w[w]".replace("w", word)
    model = parse(text)
    assert (model.name, model.plates[0].letter, model.variables[0].name) == (word, word, word)
    assert parse(to_text(model)) == model
