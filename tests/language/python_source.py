"""Runs the source that `to_class` prints, with the words of the language in place of its import."""

from __future__ import annotations

from types import SimpleNamespace

from emdsl.algebra.expressions import Name, expression
from emdsl.language import declarations, vocabulary
from emdsl.language.classes import Declaration, ModelType
from emdsl.model.statements import Model

WORDS = {
    **{word: getattr(declarations, word) for word in declarations.WORDS},
    **{word: getattr(vocabulary, word) for word in vocabulary.WORDS},
    "Model": Declaration,
    "Name": Name,
    "expression": expression,
}


def run(source: str) -> Model:
    """The model that the class in `source` declares."""
    head, _, body = source.partition("\n\n\n")
    scope: dict[str, object] = {"__name__": "model"}
    if head == "import emdsl as em":
        scope["em"] = SimpleNamespace(**WORDS)
    else:
        words = head.removeprefix("from emdsl import (").removesuffix(")").split(",")
        scope.update({word.strip(): WORDS[word.strip()] for word in words if word.strip()})
    before = set(scope)
    exec(body, scope)
    (declared,) = (value for key, value in scope.items() if key not in before and isinstance(value, ModelType))
    assert issubclass(declared, Declaration)
    return declared.declared()
