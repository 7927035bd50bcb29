"""Syntax errors: which mistake it is, and what to write instead.

    (state of the parser, kind of the word it stopped at) -> mistake, learnt from examples of each mistake

What holds in any state (foreign signs, open brackets, a line that begins like no statement) is told from the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from emdsl.errors import ModelError, Span
from emdsl.language.grammar import STATEMENTS
from emdsl.model import elsewhere
from emdsl.model.statements import TYPE_KINDS

if TYPE_CHECKING:
    from lark import Token
    from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

KEYWORDS = frozenset(f"_{word.upper()}" for word in STATEMENTS)
ENDS = KEYWORDS | {"_MODEL", "$END"}
CLOSED_BY = {"LPAR": "RPAR", "LSQB": "RSQB"}
OPERATORS = frozenset({"PLUS", "MINUS", "TIMES", "DIVIDE", "POWER", "AT"})


@dataclass(frozen=True)
class Mistake:
    """A mistake told by example: the parser stops in the same state, at a token of one of the types `at`.

    In `message` and `cure`, `{token}` is the text that it stopped at, `{left}` what stands before it in its statement.
    """

    code: str
    message: str
    cure: str
    at: frozenset[str]
    examples: tuple[str, ...]


DRAWN = ("param z", "latent z", "observed z")
INDEXED = tuple(f"{left}{letters}" for left in DRAWN for letters in ("", "[n]", "[n, k]"))
TYPED = tuple(f"{left}{typed}" for left in INDEXED for typed in ("", " : real", " : real[K]"))
MARKED = (
    "observed z missing", "observed z missing : real", "observed z missing : real[K]", "observed z : real missing",
)  # fmt: skip

#: The first of two mistakes with the same state and token decides.
MISTAKES = (
    Mistake(
        "E002", "`=` stands where a law is given", "write `~`: `{left} ~ Normal(0, sd=1)`; `=` belongs to `let`",
        frozenset({"EQUAL"}), tuple(f"{left} =" for left in (*TYPED, *MARKED)),
    ),
    Mistake(
        "E002", "`~` is missing before `{token}`", "write `{left} ~ {token}(...)`",
        frozenset({"NAME", "SWITCH"}), tuple(f"{left} Normal" for left in (*TYPED, *MARKED)),
    ),
    Mistake(
        "E002", "`{left}` has no law", "write `{left} ~ ` and a distribution, such as `Normal(0, sd=1)`",
        ENDS, tuple(left for left in (*TYPED, *MARKED) if not left.startswith("param")),
    ),
    Mistake(
        "E002", "`let` names a value, and a value is not drawn", "write `=`, or `latent` in place of `let`",
        frozenset({"TILDE"}), ("let z ~", "let z[n] ~"),
    ),
    Mistake(
        "E005", "`:` is missing before the type `{token}`", "write `{left} : {token}`",
        frozenset({"TYPE"}),
        (*(f"{left} real" for left in INDEXED), "given z real", "given z[n] real", "observed z missing real",
         "dist G(y real"),
    ),
    Mistake(
        "E005", "`{token}` is not a type", "{type}",
        frozenset({"NAME"}),
        (*(f"{left} : vector" for left in DRAWN), "given z : vector", "given z[n] : vector", "given z[n, k] : vector",
         "observed z missing : vector",
         "dist G(y : vector", "dist G(y : real | m : vector"),
    ),
    Mistake(
        "E005", "`{left}` has no type", "say what the data is, such as `{left} : real`",
        ENDS | {"TILDE", "EQUAL"}, ("given z", "given z[n]", "given z ~", "given z[n] ~"),
    ),
    Mistake(
        "E006", "a {plate} runs over a size, from 0 to the size less 1", "write a name or a number: {over}",
        OPERATORS | {"EQUAL", "COLON", "LPAR", "LSQB", "INT", "FLOAT", "NAME"},
        ("plate k =", "plate k in (", "plate k in range(", "plate k in [", "plate k in 1:", "plate k in K -",
         "plate k in 3 -", "plate k in -1", "plate k K"),
    ),
    Mistake(
        "E007", "a line defines a variable at a letter or at a fixed time",
        "write `z[t] ~ ...`; a lag stands on the right",
        OPERATORS, tuple(f"{left}[{slots}" for left in DRAWN for slots in ("t-", "s, t-", "0-", "s, 0-")),
    ),
    Mistake(
        "E007", "a `let` has one value for all times", "write `let h[t] = ...`; a start of its own is that of a latent",
        frozenset({"INT"}), ("let h[", "let h[s, "),
    ),
    Mistake(
        "E007", "the indices of a variable stand in one pair of brackets", "write them as in `z[s, t]`",
        frozenset({"LSQB"}), tuple(f"{left}[" for left in INDEXED if left.endswith("]")),
    ),
    Mistake(
        "E007", "a law is not a number, and `{token}` does not apply to it",
        "draw a latent variable from the law, and put the arithmetic into another law or a `let`",
        OPERATORS, ("latent z ~ Normal(0) *", "latent z ~ Normal() *", "latent z ~ Normal(0) truncated(0, 1) *",
                    "latent z ~ switch(s, Normal(0)) *"),
    ),
    Mistake(
        "E007", "a distribution is due here, and `{token}` is a value",
        "write a law, such as `Normal(mean, sd=1)` or `PointMass(value)`",
        frozenset({"INT", "FLOAT", "MINUS", "LPAR", "LSQB", "INF"}),
        (*(f"{left} ~ 2" for left in DRAWN), "observed z missing ~ 2", "latent z ~ switch(s, 2"),
    ),
    Mistake(
        "E007", "a distribution has its arguments in round brackets", "write `{law}(...)`",
        ENDS | OPERATORS | {"LSQB", "LIMITS"}, ("latent z ~ Normal", "latent z ~ Normal["),
    ),
    Mistake(
        "E007", "a function takes no named arguments", "write the values alone, in their order",
        frozenset({"EQUAL"}), ("let z = exp(x =", "let z = dot(a, b ="),
    ),
    Mistake(
        "E007", "`{left}` is held at no value", "write `fix {left} = 0`",
        ENDS | {"TILDE", "INT", "FLOAT"}, ("fix mu", "fix mu[0]", "fix mu 0", "fix mu[0] 0"),
    ),
    Mistake(
        "E007", "`order` needs the letter to order by", "write `order mu by k`",
        ENDS | {"NAME", "LSQB"}, ("order mu", "order mu["),
    ),
    Mistake(
        "E007", "a factor of the posterior is written `q(...)`",
        "write the factors side by side: `factorise q(z) q(theta)`",
        ENDS | OPERATORS | {"NAME", "LPAR", "COMMA"},
        ("factorise", "factorise z", "factorise q(z) *", "factorise q(z) q(y) *"),
    ),
    Mistake(
        "E007", "`inf` is a number and cannot be a name", "choose another name",
        frozenset({"INF"}), (*(f"{left.split()[0]} inf" for left in DRAWN), "given inf", "let inf", "plate inf"),
    ),
)  # fmt: skip

#: Signs that the language does not have: what they mean elsewhere and what to write here.
FOREIGN = (
    ("..", "E006", "there are no ranges: a letter runs over a size, from 0 to the size less 1", "write `plate k in K`"),
    ("<-", "E002", "`<-` is not a sign of the language", "write `~` before a law, `=` after `let`"),
    ("^", "E004", "`^` is not a sign of the language", "write a power as `x**2`"),
    ("%", "E004", "`%` is not a sign of the language", "write a matrix product as `A @ B`"),
    (";", "E004", "`;` is not a sign of the language", "leave it away: a keyword begins each statement"),
    ("{", "E004", "`{` is not a sign of the language", "leave it away: a keyword begins each statement"),
    ("<", "E004", "`<` is not a sign of the language", "bounds are types: `positive` is above 0, `unit` from 0 to 1"),
    (">", "E004", "`>` is not a sign of the language", "bounds are types: `positive` is above 0, `unit` from 0 to 1"),
    ("//", "E004", "`//` is not a sign of the language", "a comment starts with `#`"),
    ('"', "E004", "the language has no strings", "write the name without quotes"),
    ("'", "E004", "the language has no strings", "write the name without quotes"),
)


#: A colon that is the whole of an index, or stands behind a number.
SLICED = re.compile(r"[\[,\d]\s*:$")

#: What a line draws from a law.
MARKABLE = re.compile(r"(?P<role>observed|latent|param)\s+(?P<name>\w+\s*(\[[^\]]*\])?)[^~]*~")


def syntax_error(error: UnexpectedInput, text: str, parse: Callable[[str], Any]) -> ModelError:
    """The ModelError for what stopped the parser; `parse` tries the examples."""
    from lark.exceptions import UnexpectedCharacters, UnexpectedToken

    if isinstance(error, UnexpectedCharacters):
        return _foreign(error, text)
    assert isinstance(error, UnexpectedToken)
    return (
        _headless(error, text)
        or _unfinished(error, text)
        or _unclosed(error, text)
        or _doubled(error, text)
        or _no_statement(error, text)
        or _unmarked(error, text)
        or _by_example(error, text, parse)
        or _misplaced(error, text)
    )


def _foreign(error: UnexpectedCharacters, text: str) -> ModelError:
    rest = text[error.pos_in_stream or 0 :]
    for sign, code, message, cure in FOREIGN:
        if rest.startswith(sign):
            return ModelError(code, message, cure=cure, span=Span(error.line, error.column, error.column + len(sign)))
    span = Span(error.line, error.column, error.column + 1)
    return ModelError("E004", f"`{rest[:1]}` is not a sign of the language", cure="leave it away", span=span)


def _headless(error: UnexpectedToken, text: str) -> ModelError | None:
    """The text does not begin with `model`, or a second model begins."""
    if error.accepts == {"_MODEL"}:
        cure = "write `model Name` or `model Name(K = 3)` first"
        return ModelError("E001", "a text begins with its model", cure=cure, span=_place(error.token, text))
    if error.token.type == "_MODEL" and "_PLATE" in error.accepts:
        span = _place(error.token, text)
        return ModelError("E001", "a second model begins here", cure="keep one model in a text", span=span)
    return None


def _unfinished(error: UnexpectedToken, text: str) -> ModelError | None:
    """A statement's keyword was read as a name, since the statement before it still needed one."""
    before = _stack(error)[-1]
    if _is_token(before) and before.type == "NAME" and before in STATEMENTS and _first_on_line(before, text):
        message = f"`{before}` begins a statement, but the one before it is not finished"
        return ModelError("E007", message, cure="finish the statement before it", span=_place(before, text))
    return None


def _unclosed(error: UnexpectedToken, text: str) -> ModelError | None:
    """A bracket that is open where its statement ends, or one that closes nothing."""
    token = error.token
    opened: list[Token] = []
    for entry in _stack(error):
        if _is_token(entry) and entry.type in CLOSED_BY:
            opened.append(entry)
        elif _is_token(entry) and entry.type in CLOSED_BY.values():
            opened.pop()
    if not opened:
        if token.type in CLOSED_BY.values():
            message = f"`{token}` closes a bracket that was never opened"
            return ModelError("E003", message, cure="leave it away", span=_place(token, text))
        return None
    last = opened[-1]
    if (
        last.type == "LSQB"
        and token.type == "COLON"
        and SLICED.search(text[last.start_pos or 0 : _start(token, text) + 1])
    ):
        cure = "leave the last axes out, as in `A[z[t-1]]` for a row of `A`, and index the others by letters"
        return ModelError("E004", "there are no slices", cure=cure, span=_place(token, text))
    ends = ENDS | set(CLOSED_BY.values()) | {"TILDE", "COLON"} | ({"EQUAL"} if last.type == "LSQB" else set())
    if token.type in ends - {CLOSED_BY[last.type]}:
        closing = {"LPAR": ")", "LSQB": "]"}[last.type]
        cure = f"write `{closing}` before {_spoken(token)}"
        return ModelError("E003", f"`{last}` is never closed", cure=cure, span=_place(last, text))
    return None


def _doubled(error: UnexpectedToken, text: str) -> ModelError | None:
    """Two signs of the language that stand together as a sign of another one."""
    start = error.token.start_pos or 0
    for sign, cure in (("==", "write `=`"), ("//", "a comment starts with `#`")):
        for first in (start - 1, start):
            if text[max(first, 0) : first + 2] == sign:
                column = (error.token.column or 1) + first - start
                span = Span(error.token.line or 1, column, column + 2)
                return ModelError("E004", f"`{sign}` is not a sign of the language", cure=cure, span=span)
    return None


def _no_statement(error: UnexpectedToken, text: str) -> ModelError | None:
    """A line that begins like no statement."""
    token = error.token
    if token.type != "NAME" or "_PLATE" not in error.accepts or not _first_on_line(token, text):
        return None
    near = get_close_matches(token.lower(), STATEMENTS, n=1)
    rest = text[token.end_pos or 0 :].split("\n", 1)[0]
    if near:
        cure = f"did you mean `{near[0]}`?"
    elif token in ("def", "function", "class"):
        cure = "a quantity is written `let y[n] = ...`, a new distribution `dist Name(y : real | m : real) = ...`"
    elif token in ("for", "while"):
        cure = "there are no loops: a letter stands for all its values, as in `plate n in N` and `x[n] ~ ...`"
    elif "~" in rest:
        cure = f"say what `{token}` is: `observed {token}`, `latent {token}` or `param {token}`"
    elif "=" in rest:
        cure = f"a quantity is written `let {token} = ...`"
    else:
        cure = f"a statement begins with {', '.join(STATEMENTS[:-1])} or {STATEMENTS[-1]}"
    return ModelError("E001", f"no statement begins with `{token}`", cure=cure, span=_place(token, text))


def _unmarked(error: UnexpectedToken, text: str) -> ModelError | None:
    """`missing` stands elsewhere than behind the name of an observed variable, as a name of its own."""
    word = next((one for one in (error.token, _stack(error)[-1]) if _is_token(one) and one == "missing"), None)
    if word is None:
        return None
    before, after = _before(word, text)[-1], text[word.end_pos or 0 :].split("\n", 1)[0]
    found = MARKABLE.search(f"{before} {after}")
    if found is None:
        return None
    if found["role"] != "observed":
        message, cure = f"a {found['role']} variable is not marked `missing`", "leave it away"
    else:
        message = "`missing` stands behind the name of an observed variable"
        cure = f"write `observed {' '.join(found['name'].split())} missing ~ ...`"
    return ModelError("E007", message, cure=cure, span=_place(word, text))


def _by_example(error: UnexpectedToken, text: str, parse: Callable[[str], Any]) -> ModelError | None:
    """The mistake among MISTAKES whose example stops the parser in the same state."""
    token = error.token
    mistake = _learnt(parse).get((error.state.position, token.type))
    if mistake is None:
        return None
    near = elsewhere.type_kind(token) or next(iter(get_close_matches(token.lower(), TYPE_KINDS, n=1)), None)
    left = _left_side(error, text)
    timed = any(entry.type == "_TIME" for entry in _led(error)[-1:])
    words = {
        "plate": "time" if timed else "plate",
        "over": "`time t in T`, or `time t in T[s]` where series differ in length" if timed else "`plate k in K`",
        "token": str(token),
        "left": left,
        "law": left.rpartition(" ")[-1],
        "type": f"did you mean `{near}`?" if near else f"the types are {', '.join(TYPE_KINDS)}",
    }
    span = _behind(token, text) if token.type in ENDS else _place(token, text)
    return ModelError(mistake.code, mistake.message.format(**words), cure=mistake.cure.format(**words), span=span)


@lru_cache(maxsize=1)
def _learnt(parse: Callable[[str], Any]) -> dict[tuple[object, str], Mistake]:
    """The mistake for each state and type of token, from the examples."""
    from lark.exceptions import UnexpectedToken

    found: dict[tuple[object, str], Mistake] = {}
    for mistake in MISTAKES:
        for example in mistake.examples:
            try:
                parse(f"model M {example}")
            except UnexpectedToken as error:
                for kind in mistake.at:
                    found.setdefault((error.state.position, kind), mistake)
    return found


def _misplaced(error: UnexpectedToken, text: str) -> ModelError:
    """Any other word or sign: what could stand in its place."""
    expected = sorted({SPOKEN[name] for name in error.accepts if name in SPOKEN})
    if error.accepts >= KEYWORDS:
        expected.append("a new statement")
    cure = f"here may stand {' or '.join(expected)}"
    message = f"{_spoken(error.token)} cannot stand here"
    return ModelError("E007", message, cure=cure, span=_place(error.token, text))


SPOKEN = {
    "NAME": "a name", "INT": "a number", "FLOAT": "a number", "TYPE": "a type", "EQUAL": "`=`", "TILDE": "`~`",
    "COLON": "`:`", "COMMA": "`,`", "VBAR": "`|`", "LPAR": "`(`", "RPAR": "`)`", "LSQB": "`[`", "RSQB": "`]`",
    "_IN": "`in`", "_BY": "`by`", "_Q": "`q(...)`", "LIMITS": "`truncated` or `censored`", "MISSING": "`missing`",
}  # fmt: skip


def _led(error: UnexpectedToken) -> list[Token]:
    """The keywords of the statements before the token."""
    return [entry for entry in _stack(error) if _is_token(entry) and entry.type in KEYWORDS]


def _left_side(error: UnexpectedToken, text: str) -> str:
    """What stands in the statement before the token, without the statement's keyword: `z[n]`."""
    led = _led(error)
    start = (led[-1].end_pos or 0) if led else 0
    lines = (line.split("#", 1)[0] for line in text[start : _start(error.token, text)].split("\n"))
    return " ".join(" ".join(lines).split())


def _before(token: Token, text: str) -> list[str]:
    """The lines before the token, without comments."""
    return [line.split("#", 1)[0] for line in text[: _start(token, text)].split("\n")]


def _behind(token: Token, text: str) -> Span:
    """The place behind the last word before the token."""
    lines = [(number, line.rstrip()) for number, line in enumerate(_before(token, text), 1) if line.strip()]
    number, line = lines[-1] if lines else (1, "")
    return Span(number, len(line) + 1, len(line) + 2)


def _start(token: Token, text: str) -> int:
    return len(text) if token.type == "$END" else token.start_pos or 0


def _stack(error: UnexpectedToken) -> list[Token]:
    stack: list[Token] = error.interactive_parser.parser_state.value_stack
    return stack


def _is_token(entry: object) -> bool:
    return hasattr(entry, "start_pos")


def _first_on_line(token: Token, text: str) -> bool:
    start = token.start_pos or 0
    return not text[text.rfind("\n", 0, start) + 1 : start].strip()


def _spoken(token: Token) -> str:
    return "the end of the text" if token.type == "$END" else f"`{token}`"


def _place(token: Token, text: str) -> Span:
    """The place of a token; the end of a text is the place behind its last word."""
    if token.type == "$END":
        return _behind(token, text)
    return Span(token.line or 1, token.column or 1, token.end_column or 2)
