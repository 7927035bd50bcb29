"""Text and class say the same: each is read back as an equal model, exactly, for any model.

parse(to_text(m)) == m,  to_text(parse(to_text(m))) == to_text(m),  collect(exec(to_class(m))) == m
"""

from __future__ import annotations

from hypothesis import assume, given

from emdsl.algebra.expressions import Expression
from emdsl.language.class_printer import to_class
from emdsl.language.notation import write
from emdsl.language.printer import to_text
from emdsl.language.text import parse
from emdsl.model.statements import Model

from .python_source import run
from .strategies import expressions, models


@given(models())
def test_text(model: Model) -> None:
    text = to_text(model)
    again = parse(text)
    assert again == model
    assert to_text(again) == text


@given(models())
def test_class(model: Model) -> None:
    assume(model.plates or model.constants or model.variables)
    assert run(to_class(model)) == model


@given(expressions(leaves=15))
def test_expression(expression: Expression) -> None:
    assert parse(f"model M let x = {write(expression)}").variables[0].value == expression
