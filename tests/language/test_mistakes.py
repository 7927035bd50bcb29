"""Every syntax error says what is wrong, where, and what to write: tests/bad_models/syntax/*.em with *.txt beside it.

`--promote` writes the messages anew; review them as a diff.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emdsl.errors import DataError, ModelError
from emdsl.language.printer import to_text
from emdsl.language.text import parse, read
from tests.conftest import Golden

BAD_MODELS = sorted((Path(__file__).parents[1] / "bad_models" / "syntax").glob("*.em"))


@pytest.mark.parametrize("path", BAD_MODELS, ids=lambda path: path.stem)
def test_message(path: Path, golden: Golden) -> None:
    with pytest.raises(ModelError) as caught:
        read(path)
    error = caught.value
    assert error.code in {f"E00{digit}" for digit in range(1, 9)}
    assert error.cure and error.line is not None and error.column is not None
    golden(path.with_suffix(".txt"), f"{error}\n")


def test_every_message_has_its_model() -> None:
    texts = {path.stem for path in BAD_MODELS[0].parent.glob("*.txt")}
    assert texts == {path.stem for path in BAD_MODELS}


def test_the_place_names_the_text() -> None:
    with pytest.raises(ModelError, match=r"--> <text>:2:10\n"):
        parse("model M\nlet y = x^2")


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file `.*absent\.em`"):
        read(tmp_path / "absent.em")
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path)
    (tmp_path / "latin.em").write_bytes("model M # größer".encode("latin-1"))
    with pytest.raises(DataError, match="not UTF-8"):
        read(tmp_path / "latin.em")


CONTRACT = """
model PoissonHMM(K = 2)
plate s in S, k in K
time  t in T[s]                          # ragged: every sequence has its own length
param  start   : simplex[K]
param  rate[k] : positive ~ Gamma(1, rate=1/2) truncated(0, inf)
latent   z[s, 0] ~ Categorical(start)
latent   z[s, t] ~ switch(k, Categorical(start), Categorical(A[z[s, t-1]]))
observed y[s, t] missing ~ Poisson(rate[z[s, t]])
let eta[s, t] = -2**-rate[0] @ [1, 0.5]
dist Gumbel(y : real | m : real) = -(y-m)
fix rate[0] = 0
order rate by k
factorise q(z) q(rate, start)
"""
WORDS = re.findall(r"\w+|\s+|\S", CONTRACT)
FOREIGN = ["=", "~", "(", ")", "[", "]", ":", ",", "^", "..", "#", "\n", " ", "inf", "model", "x", "real", "1.5"]


@given(st.integers(0, len(WORDS) - 1), st.integers(0, 3), st.lists(st.sampled_from(FOREIGN), max_size=2))
def test_any_text_is_read_or_refused_with_its_place(start: int, dropped: int, put: list[str]) -> None:
    """Some words of a model fall away and others stand in their place."""
    text = "".join([*WORDS[:start], *put, *WORDS[start + dropped :]])
    try:
        model = parse(text)
    except ModelError as error:
        lines = text.splitlines()
        assert error.cure and error.line is not None and error.column is not None
        assert 1 <= error.line <= len(lines) and 1 <= error.column <= len(lines[error.line - 1]) + 1
    else:
        assert parse(to_text(model)) == model
