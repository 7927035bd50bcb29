"""grammar/emdsl.lark as a parser: where the file lies, and the parser made from it.

In a wheel the grammar is the package data emdsl/grammar/emdsl.lark; in a checkout it is grammar/emdsl.lark beside the
package. Both are the same file.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emdsl.errors import CompilerBug

if TYPE_CHECKING:
    from lark import Lark

#: The words that lead a statement, in the order of the contract.
STATEMENTS = (
    "plate", "time", "given", "param", "latent", "observed", "let", "dist", "fix", "order", "factorise",
)  # fmt: skip


def grammar_text() -> str:
    """The text of emdsl.lark. Raises CompilerBug when the installation lacks it."""
    shipped = files("emdsl") / "grammar" / "emdsl.lark"
    if shipped.is_file():
        return shipped.read_text(encoding="utf-8")
    checkout = Path(__file__).parents[2] / "grammar" / "emdsl.lark"
    if checkout.is_file():
        return checkout.read_text(encoding="utf-8")
    raise CompilerBug("The grammar emdsl.lark is missing from this installation.")


def make_parser(builder: Any) -> Lark:
    """An LALR(1) parser that calls `builder`'s method of a rule's name with the rule's children."""
    from lark import Lark

    return Lark(grammar_text(), parser="lalr", start="model", transformer=builder, maybe_placeholders=True)
