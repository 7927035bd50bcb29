"""Long tables: rows of series, told apart by a column."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

import emdsl as em
from emdsl.data.binding import bind_data, variables_of_table
from emdsl.errors import DataError

TEXT = """model M plate s in S time t in T[s] given u[s] : real given X[s, t] : real[2]
observed y[s, t] ~ Normal(u[s] + sum(X[s, t]), sd=1)"""
TABLE: dict[str, Any] = {
    "s": ["b", "a", "b", "a", "b"], "t": [2, 1, 1, 0, 0],
    "y": [5.0, 4.0, 3.0, 2.0, 1.0], "u": [7.0, 8.0, 7.0, 8.0, 7.0],
    "X[0]": [0.0, 1.0, 2.0, 3.0, 4.0], "X[1]": [5.0, 6.0, 7.0, 8.0, 9.0],
}  # fmt: skip


def bound(text: str = TEXT) -> Any:
    return em.parse(text)().bound_model


def test_series_come_in_the_order_of_their_first_rows_and_steps_in_that_of_time() -> None:
    found = variables_of_table(bound(), TABLE, {})
    assert [rows.tolist() for rows in found["y"]] == [[1, 3, 5], [2, 4]]
    assert found["X"][0].tolist() == [[4, 9], [2, 7], [0, 5]]
    assert found["u"].tolist() == [7, 8]


def test_numbered_series_come_in_the_order_of_their_numbers() -> None:
    table = TABLE | {"s": [1, 0, 1, 0, 1]}
    assert [rows.tolist() for rows in variables_of_table(bound(), table, {})["y"]] == [[2, 4], [1, 3, 5]]
    del table["t"]
    assert [rows.tolist() for rows in variables_of_table(bound(), table, {})["y"]] == [[4, 2], [5, 3, 1]]


def test_a_frame_is_such_a_table() -> None:
    data = bind_data(bound(), pd.DataFrame(TABLE))
    assert data["offsets.t"].tolist() == [0, 3, 5] and data["y"].tolist() == [1, 3, 5, 2, 4]


def test_what_a_table_cannot_hold_comes_as_keywords() -> None:
    """They made a table of columns something else than a table: `s` was no variable of the model."""
    model = em.parse(TEXT.replace("sd=1", "sd=r") + " param r : positive")()
    frame = pd.DataFrame(TABLE)
    fit = model.fit(frame.drop(columns="u"), u=[7.0, 8.0], n_init=1)
    assert fit.log_likelihood == model.fit(frame, n_init=1).log_likelihood
    assert fit.score(frame, u=[1.0, 8.0]) == fit.score(frame.assign(u=[1.0, 8.0, 1.0, 8.0, 1.0]))


def test_series_of_one_length() -> None:
    text = TEXT.replace("T[s]", "T")
    same = {name: column[:4] for name, column in TABLE.items()}
    assert variables_of_table(bound(text), same, {})["y"].tolist() == [[3, 5], [2, 4]]
    with pytest.raises(DataError, match=r"the series of `X` differ in length; write `t in T\[s\]`|the series of `y`"):
        variables_of_table(bound(text), TABLE, {})


def test_refusals() -> None:
    with pytest.raises(DataError, match=r"`u\[0\]` differs between the rows of its series"):
        variables_of_table(bound(), TABLE | {"u": [1.0, 2.0, 3.0, 2.0, 1.0]}, {})
    with pytest.raises(DataError, match="some rows of the long table belong to no series"):
        variables_of_table(bound(), TABLE | {"s": ["a", None, "a", "a", "a"]}, {})
    with pytest.raises(DataError, match="the column `t` orders the steps, and some are missing"):
        variables_of_table(bound(), TABLE | {"t": [1.0, None, 2.0, 3.0, 4.0]}, {})
    without = {name: column for name, column in TABLE.items() if name in ("y", "u")}
    with pytest.raises(DataError, match=r"`y` runs over s and t: the table needs a column `s`.*reset_index\(\)"):
        variables_of_table(bound(), without, {})
    other = "model M plate s in S time t in T[s] given c[t2] : real time t2 in U observed y[s, t] ~ Normal(0, sd=1)"
    with pytest.raises(DataError, match="`c` runs over t2; give it by name, not in the long table"):
        variables_of_table(bound(other), TABLE | {"c": [1.0] * 5}, {})


DATES = pd.to_datetime(["2024-01-03", "2024-01-02", "2024-01-02", "2024-01-01", "2024-01-01"])
ZONED = DATES.tz_localize("Europe/Paris")


@pytest.mark.parametrize(
    "steps", [DATES, DATES.date, ZONED, DATES.astype(str)], ids=["numpy", "python", "zone", "text"]
)
def test_dates_order_the_steps(steps: Any) -> None:
    data = bind_data(bound(), pd.DataFrame(TABLE | {"t": steps}))
    assert data["y"].tolist() == [1, 3, 5, 2, 4]


def test_the_steps_of_one_series() -> None:
    one = bound("model M time t in T observed y[t] ~ Normal(0, sd=1)")
    table = {"t": list(DATES[[0, 2, 4]]), "y": [5.0, 3.0, 1.0]}
    assert variables_of_table(one, table, {})["y"].tolist() == [1, 3, 5]
    with pytest.raises(DataError, match="rows 1 and 2 of the long table are both step 4 over `t`"):
        variables_of_table(one, table | {"t": [5, 4, 4]}, {})


def test_steps_are_there_once_and_can_be_ordered() -> None:
    with pytest.raises(DataError, match="rows 0 and 2 of the long table are both step 1 over `t` of one series"):
        variables_of_table(bound(), TABLE | {"t": [1, 1, 1, 0, 0]}, {})
    with pytest.raises(DataError, match="the column `t` orders the steps, and some are missing"):
        variables_of_table(bound(), TABLE | {"t": DATES.where([True, False, True, True, True])}, {})
    with pytest.raises(
        DataError, match="the column `t` orders the steps, and holds text; give numbers, or dates as 20"
    ):
        variables_of_table(bound(), TABLE | {"t": ["Mon", "Tue", "Wed", "Mon", "Tue"]}, {})
    with pytest.raises(DataError, match="the column `t` orders the steps, and some are no dates"):
        variables_of_table(bound(), TABLE | {"t": [*DATES.date[:4], "soon"]}, {})


def test_what_is_no_array_is_refused_by_its_kind() -> None:
    with pytest.raises(DataError, match="`y` is a generator; give an array or a list"):
        bind_data(bound(), {"y": (row for row in [[1.0], [2.0]]), "u": [1.0, 2.0], "X": [[[1, 2]], [[3, 4]]]})
    with pytest.raises(DataError, match="`y` is a dict; give an array or a list"):
        bind_data(bound(), {"y": {"a": [1.0], "b": [2.0]}, "u": [1.0, 2.0], "X": [[[1, 2]], [[3, 4]]]})
