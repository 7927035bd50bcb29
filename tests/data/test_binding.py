"""Containers, shapes, sizes, dtypes and values: what is accepted, and what each refusal says."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest

import emdsl as em
from emdsl.algebra.expressions import Name, Number, Unary
from emdsl.api import parse
from emdsl.data.binding import bind_data
from emdsl.data.holes import are_seen
from emdsl.errors import DataError
from emdsl.model.bound import BoundModel
from emdsl.model.statements import Limits, Plate
from tests.data.models import COUNT, GAUSSIAN, POSITIVE, RAGGED, REAL, N, at, bound, kind, law, scalar, variable

MU0 = np.zeros(2)
X = np.arange(12.0).reshape(6, 2)


def refusal(model: BoundModel, data: object, weights: object = None) -> str:
    with pytest.raises(DataError) as caught:
        bind_data(model, data, weights)
    return str(caught.value)


# containers


@pytest.mark.parametrize(
    "values",
    [
        [1, 2, 3],
        (1.0, 2.0, 3.0),
        np.array([1, 2, 3], dtype=np.uint8),
        pd.Series([1.0, 2.0, 3.0]),
        pd.Series([1, 2, 3], dtype="Int64"),
        pl.Series([1, 2, 3]),
        np.array([1, 2, 3], dtype=object),
        np.ma.array([1, 2, 3]),
    ],
    ids=lambda v: f"{type(v).__module__}.{type(v).__name__}",
)
def test_containers_of_counts(values: object) -> None:
    data = bind_data(COUNT, {"y": values})
    assert data["y"].dtype == np.int64
    assert data["y"].tolist() == [1, 2, 3]


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frame_columns_are_scalar_variables_and_other_columns_are_left_out(frame: type) -> None:
    data = bind_data(REAL, frame({"y": [1.0, 2.5], "comment": ["a", "b"]}))
    assert list(data) == ["y"]
    assert data["y"].tolist() == [1.0, 2.5]


def test_frame_gives_vectors_from_numbered_columns() -> None:
    frame = pd.DataFrame({"x[1]": [3.0, 4.0], "x[0]": [1.0, 2.0], "other": ["a", "b"]})
    model = bound((N,), variable("x", "observed", "n", kind("real", "D"), law("MvNormal", 0)))
    assert bind_data(model, frame)["x"].tolist() == [[1.0, 3.0], [2.0, 4.0]]


def test_frame_as_a_matrix() -> None:
    data = bind_data(GAUSSIAN, {"x": pd.DataFrame(X), "mu0": pl.Series([0, 0])})
    assert np.array_equal(data["x"], X)


@pytest.mark.parametrize(
    "missing", [pd.Series([1, None], dtype="Int64"), pl.Series([1, None]), [1, None], [1.0, np.nan]]
)
def test_missing_values_of_every_library_become_nan(missing: object) -> None:
    data = bind_data(scalar(kind("count"), law("Poisson", 1), missing=True), {"y": missing})
    assert data["y"].dtype == np.float64
    assert data["y"][0] == 1
    assert np.isnan(data["y"][1])


def test_bool_for_bernoulli() -> None:
    data = bind_data(scalar(kind("index", 2), law("Bernoulli", 0.5)), {"y": [True, False, True]})
    assert data["y"].dtype == np.int64
    assert data["y"].tolist() == [1, 0, 1]


def test_arrays_come_out_contiguous() -> None:
    x = np.asfortranarray(X)
    assert bind_data(GAUSSIAN, {"x": x, "mu0": MU0})["x"].flags.c_contiguous


# sizes


def test_a_bound_size_stands_in_the_data_and_an_axis_does_not() -> None:
    data = bind_data(GAUSSIAN, {"x": X, "mu0": MU0})
    assert sorted(data) == ["K", "mu0", "x"]
    assert data["K"] == 2


def test_shape_mismatch_names_the_source_of_the_size() -> None:
    assert refusal(GAUSSIAN, {"x": np.zeros((4, 3)), "mu0": MU0}) == "`x` has 3 columns, but D = 2 comes from `mu0`"


def test_shape_mismatch_with_a_bound_size() -> None:
    model = bound((N,), variable("x", "observed", "n", kind("real", "D"), law("MvNormal", 0)), D=2)
    assert refusal(model, {"x": np.zeros((4, 1))}) == "`x` has 1 column, but D = 2 is bound"


def test_shape_mismatch_with_a_literal_size() -> None:
    model = bound((N,), variable("x", "observed", "n", kind("real", 2), law("MvNormal", 0)))
    assert refusal(model, {"x": np.zeros((4, 3))}) == "`x` has 3 columns, but the model says 2"


def test_wrong_ndim_shows_the_declaration_and_a_cure() -> None:
    message = refusal(GAUSSIAN, {"x": np.zeros(4), "mu0": MU0})
    assert "`x` has shape (4,), but x[n] : real[D] needs 2 axes (n, D)" in message
    assert "x[..., None]" in message
    assert "y[..., 0]" in refusal(REAL, {"y": np.zeros((4, 1))})


def test_size_of_the_largest_index() -> None:
    model = bound(
        (N,),
        variable("g", "given", "n", kind("index", "G")),
        variable("h", "given", "n", kind("index", "G")),
        variable("y", "observed", "n", kind("real"), law("Normal", 0)),
    )
    data = bind_data(model, {"g": [0, 3.0, 1], "h": [0, 5, 2], "y": [0, 0, 0]})
    assert data["G"] == 6
    assert data["g"].dtype == np.int64


def test_size_given_by_name_with_the_data() -> None:
    model = bound((N,), variable("g", "given", "n", kind("index", "G")))
    assert bind_data(model, {"g": [0, 1], "G": 40})["G"] == 40
    assert "below G = 2, which is given" in refusal(model, {"g": [0, 5], "G": 2})


def test_size_that_nothing_tells() -> None:
    model = bound((N, Plate("k", "K")), variable("y", "observed", "n", kind("real"), law("Normal", 0)))
    assert refusal(model, {"y": [1.0]}) == "no array tells the size K; bind it: Test(K=…)"


def test_one_based_indices_are_recognised() -> None:
    model = bound((N,), variable("g", "given", "n", kind("index", "G")), G=3)
    message = refusal(model, {"g": [1, 2, 3]})
    assert message == (
        "`g[2]` is 3, but it must be 0 or more and below G = 3, which is bound; "
        "indices are 0-based, and the values run 1..3: subtract 1"
    )


def test_a_negative_category_of_what_tells_the_size() -> None:
    model = bound((N,), variable("y", "observed", "n", kind("index", "V"), law("Categorical", 0)))
    expected = "`y[1]` is -1, but it must be 0 or more and below V = 2, which is the largest `y` + 1"
    assert refusal(model, {"y": [1, -1]}) == expected


def test_negative_index() -> None:
    assert "`g[1]` is -1" in refusal(bound((N,), variable("g", "given", "n", kind("index", "G"))), {"g": [0, -1]})


# names


def test_unknown_variable() -> None:
    assert refusal(COUNT, {"Y": [1]}) == "the model has no variable `Y`; did you mean `y`?"


def test_absent_variable() -> None:
    assert refusal(REAL, {}) == "`y` is absent: the model observes y[n] : real; give it by name: y=…"
    assert "the frame has the columns `q`" in refusal(REAL, pd.DataFrame({"q": [1.0]}))
    assert "`mu0` is absent: the model is given mu0 : real[D]" in refusal(GAUSSIAN, {"x": X})


def test_parameters_and_constants_are_not_data() -> None:
    assert "starting values go in init={'mu': …}" in refusal(GAUSSIAN, {"x": X, "mu0": MU0, "mu": X})
    model = bound((N,), variable("y", "observed", "n", kind("real"), law("Normal", Name("a"))), a=0.5)
    assert refusal(model, {"y": [1.0], "a": 1}) == "`a` is a constant; give it when the model is bound: Test(a=…)"


def test_a_bare_array_has_no_name() -> None:
    assert refusal(GAUSSIAN, X) == "data is a ndarray without names; give it by name: fit(mu0=…, x=…)"


def test_latents_given_in_part() -> None:
    data = bind_data(GAUSSIAN, {"x": X, "mu0": MU0, "z": [0, np.nan, 1, np.nan, np.nan, np.nan]})
    assert data["z"].dtype == np.float64
    assert "z" not in bind_data(GAUSSIAN, {"x": X, "mu0": MU0, "z": [np.nan] * 6})
    assert "`z[2]` is 2" in refusal(GAUSSIAN, {"x": X, "mu0": MU0, "z": [0, np.nan, 2, 0, 0, 0]})


# values


@pytest.mark.parametrize(
    ("model", "values", "message"),
    [
        (REAL, [1, np.nan, np.nan], "`y[1]` is NaN (and 1 more); write `observed y[n] missing ~ …`"),
        (REAL, [1, np.inf], "`y[1]` is inf; infinities are not data"),
        (REAL, ["a", "b"], "`y` holds text, not numbers; number the categories 0, 1, …"),
        (REAL, np.array([1, "b"], dtype=object), "`y` holds text ('b' at y[1])"),
        (REAL, ["1.5", "2"], "`y` holds text, not numbers; read the numbers out of the text"),
        (REAL, np.array(["1.5", None], dtype=object), "`y` holds text ('1.5' at y[0]), not numbers; read the numbers"),
        (REAL, ["1.5", "2,5"], "`y` holds text, not numbers; '2,5' is no number"),
        (REAL, [1, -1e200], "`y[1]` is -1e+200; its square is beyond double precision: take a larger unit"),
        (REAL, [1 + 2j], "`y` holds complex numbers"),
        (REAL, np.array(["2024-01-01"], dtype="datetime64[D]"), "`y` holds dates, not numbers"),
        (REAL, np.array([object()]), "`y` holds objects of type object (first at y[0])"),
        (REAL, [[1, 2], [3]], "the rows of `y` differ in length"),
        (REAL, [], "`y` is empty: its shape is (0,)"),
        (COUNT, [1, -2], "`y[1]` is -2; a count cannot be negative"),
        (COUNT, [1, 2.5], "`y[1]` is 2.5; a count must be a whole number"),
        (POSITIVE, [1, 0], "`y[1]` is 0; it must be positive"),
        (scalar(kind("positive"), law("Exponential", 1)), [0, -1], "`y[1]` is -1; negative numbers are outside"),
        (scalar(kind("unit"), law("Beta", 1, 1)), [0.5, 1.5], "`y[1]` is 1.5; it must lie between 0 and 1"),
        (scalar(kind("simplex", 2), law("Dirichlet", 1)), [[0.5, 0.5], [0.5, 0.6]], "`y[1]` sums to 1.1; a simplex"),
        (scalar(kind("simplex", 2), law("Dirichlet", 1)), [[1.5, -0.5]], "`y[0, 1]` is -0.5; a probability cannot"),
        (scalar(kind("cov", 2), law("Wishart", 3)), [[[1, 2], [0, 1]]], "`y[0]` is not symmetric"),
        (scalar(kind("cov", 2), law("Wishart", 3)), [[[1, 2], [2, 1]]], "`y` is not positive definite"),
        (scalar(kind("index", 2), law("Bernoulli", 0.5)), [0, 0.5], "`y[1]` is 0.5; an index must be a whole number"),
        (scalar(kind("count"), law("Binomial", 3, 0.5)), [0, 4], "`y[1]` is 4, above n = 3"),
        (scalar(kind("count"), law("Binomial", Name("m"), 0.5), m=3), [0, 4], "`y[1]` is 4, above n = 3"),
        (scalar(kind("count", 2), law("Multinomial", 3, 1)), [[1, 2], [2, 2]], "`y[1]` sums to 4, but n = 3"),
        (
            scalar(kind("real"), law("Normal", 0, limits=Limits("truncated", Unary("-", Number(1)), Number(2)))),
            [0, -1, 2.5],
            "`y[2]` is 2.5, above the truncated law's limit 2",
        ),
    ],
)
def test_refused_values(model: BoundModel, values: object, message: str) -> None:
    assert re.match(re.escape(message), refusal(model, {"y": values}))


def test_binomial_with_given_trials() -> None:
    model = bound(
        (N,),
        variable("m", "given", "n", kind("count")),
        variable("y", "observed", "n", kind("count"), law("Binomial", at("m", "n"), 0.5)),
    )
    assert bind_data(model, {"m": [3, 4], "y": [3, 4]})["y"].tolist() == [3, 4]
    assert refusal(model, {"m": [3, 4], "y": [4, 4]}) == "`y[0]` is 4, above n = 3"


def test_given_limits_may_be_infinite() -> None:
    model = bound(
        (N,),
        variable("c", "given", "n", kind("real")),
        variable(
            "y",
            "observed",
            "n",
            kind("real"),
            law("Normal", 0, limits=Limits("censored", at("c", "n"), Number(np.inf))),
        ),
    )
    assert np.isneginf(bind_data(model, {"c": [-np.inf, 0], "y": [-3, 0]})["c"][0])
    assert refusal(model, {"c": [-np.inf, 1], "y": [-3, 0]}) == "`y[1]` is 0, below the censored law's limit 1"


def test_exponential_takes_zero() -> None:
    assert bind_data(scalar(kind("positive"), law("Exponential", 1)), {"y": [0.0, 1.0]})["y"][0] == 0


# weights


def test_weights() -> None:
    assert bind_data(REAL, {"y": [1, 2]}, {"n": [1, 0.5]})["weights.n"].tolist() == [1, 0.5]


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1, 2], 'weights need the letter of their plate: weights={"n": w}'),
        ({"m": [1, 2]}, "weights for `m`, which is no plate; there is `n`"),
        ({"n": [1, 2, 3]}, "weights of `n` have 3 entries, but N = 2 comes from `y`"),
        ({"n": [[1], [2]]}, "weights of `n` have shape (2, 1); one number for each row is needed"),
        ({"n": [1, -2]}, "`weights.n[1]` is -2; a weight must be finite and not negative"),
        ({"n": [1, np.nan]}, "`weights.n[1]` is nan; a weight must be finite and not negative"),
        ({"n": [0, 0]}, "all weights of `n` are zero"),
    ],
)
def test_refused_weights(weights: object, message: str) -> None:
    assert refusal(REAL, {"y": [1, 2]}, weights) == message


def test_weights_of_a_plate_of_latents() -> None:
    """Index arrays lead to its rows; to a plate of parameters they lead, too, but nothing there counts."""
    text = """
        model M()  plate g in G, h in H, i in I  given grp[i] : index[G]  given kind[i] : index[H]  param m[h] : real
        latent b[g] ~ Normal(0, sd=1)  observed y[i] ~ Normal(b[grp[i]] + m[kind[i]], sd=1)
    """
    model, data = parse(text)().bound_model, {"grp": [0, 1, 1], "kind": [0, 1, 0], "y": [1.0, 2.0, 3.0]}
    assert bind_data(model, data, {"g": [2, 1]})["weights.g"].tolist() == [2, 1]
    assert refusal(model, data, {"g": [1, 1, 1]}) == "weights of `g` have 3 entries, but G = 2 is the largest `grp` + 1"
    assert refusal(model, data, {"h": [1, 1]}) == "weights for `h`, which is no plate of the data"


def test_weights_of_a_plate_of_parameters() -> None:
    data = {"x": X, "mu0": MU0}
    assert refusal(GAUSSIAN, data, {"k": [1, 1]}) == "weights for `k`, which is no plate of the data"
    assert "a time" in refusal(RAGGED, {"u": [1, 2], "y": np.zeros((2, 3, 2))}, {"t": [1]})


# ragged plates


def test_ragged_lists_are_concatenated_with_offsets() -> None:
    data = bind_data(RAGGED, {"u": [1, 2, 3], "y": [np.ones((2, 2)), np.zeros((1, 2)), np.full((3, 2), 5)]})
    assert data["y"].shape == (6, 2)
    assert data["offsets.t"].tolist() == [0, 2, 3, 6]
    assert data["y"][3:, 0].tolist() == [5, 5, 5]


def test_equal_lengths_as_one_array() -> None:
    data = bind_data(RAGGED, {"u": [1, 2], "y": np.arange(12).reshape(2, 3, 2)})
    assert data["offsets.t"].tolist() == [0, 3, 6]


def test_twice_ragged() -> None:
    model = bound(
        (Plate("d", "D"), Plate("i", "I", ("d",)), Plate("j", "J", ("d", "i"))),
        variable("v", "given", "di", kind("real")),
        variable("w", "observed", "dij", kind("count"), law("Poisson", 1)),
    )
    data = bind_data(model, {"v": [[1, 2], [3]], "w": [[[1], [2, 3]], [[4, 5, 6]]]})
    assert data["w"].tolist() == [1, 2, 3, 4, 5, 6]
    assert data["offsets.i"].tolist() == [0, 2, 3]
    assert data["offsets.j"].tolist() == [0, 1, 3, 6]
    message = "the lengths of plate `i` differ between `w` and `v`: 2 and 1 in list 0"
    assert message == refusal(model, {"v": [[1], [3]], "w": [[[1], [2, 3]], [[4, 5, 6]]]})
    message = "the lengths of plate `i` differ between `w` and `v`: 1 and 2 lists"
    assert message == refusal(model, {"v": [[1], [3]], "w": [[[1]]]})


def test_ragged_refusals() -> None:
    y = [np.ones((2, 2)), np.zeros((1, 2))]
    assert refusal(RAGGED, {"u": [1, 2, 3], "y": y}) == "`y` has 2 entries, but S = 3 comes from `u`"
    assert "do not fit together" in refusal(RAGGED, {"u": [1, 2], "y": [np.ones((2, 2)), np.zeros((1, 3))]})
    assert "`y` needs a list over plate `s`" in refusal(RAGGED, {"u": [1, 2], "y": 3.0})
    deep = refusal(RAGGED, {"u": [1, 2], "y": np.zeros((2, 3, 2, 5))})
    assert deep.startswith("each array of `y` has 3 axes, but y[s, t] : real[2] needs 2 axes (t, 2) in each")


@pytest.mark.parametrize(
    ("plates", "values", "place"),
    [
        ("s, t", [[1, 2], [np.nan, 3]], "y[1][0]"),
        ("s, t, d", [np.ones((2, 3)), [[1, 1, 1], [1, np.nan, 1]]], "y[1][1, 1]"),
        ("d, s, t", [[[1, 2], [3]], [[1, 2], [np.nan]]], "y[1][1][0]"),
        ("s, i, j", [[[1, 2], [3]], [[1], [2, 3, np.nan]]], "y[1][1][2]"),
    ],
)
def test_entries_are_named_as_the_lists_of_the_user_have_them(plates: str, values: object, place: str) -> None:
    model = em.parse(
        f"""model M() plate s in S, i in I[s], j in J[s, i], d in D time t in T[s] param r : positive
        observed y[{plates}] ~ Poisson(r)"""
    )()
    assert refusal(model.bound_model, {"y": values}).startswith(f"`{place}` is NaN")


@pytest.mark.parametrize(("place", "seen"), [(0, False), (1, False), (2, True), (4, False), (5, True)])
def test_ends_of_series_are_read_by_nothing(place: int, seen: bool) -> None:
    model = em.parse(
        """model M() plate s in S time t in T param m : real observed x[s, 0] missing ~ Normal(m, var=1)
        observed x[s, t] missing ~ Normal(m * x[s, t-1], var=1)"""
    )()
    values = np.where(np.arange(6).reshape(2, 3) == place, np.nan, 1.0)
    assert are_seen(model.bound_model, bind_data(model.bound_model, {"x": values})) is seen


def test_what_other_series_read_may_not_end() -> None:
    model = em.parse(
        """model M() plate s in S time t in T given g[s] : index[S] param m : real
        observed x[s, 0] ~ Normal(m, var=1) observed x[s, t] missing ~ Normal(m * x[g[s], t-1], var=1)"""
    )()
    values = np.where(np.arange(6).reshape(2, 3) == 2, np.nan, 1.0)
    assert not are_seen(model.bound_model, bind_data(model.bound_model, {"x": values, "g": [0, 0]}))


def test_entries_of_a_positive_latent_are_not_given() -> None:
    model = em.parse(
        "model M() plate n in N latent u[n] ~ Gamma(2, rate=1) param a : positive observed v[n] ~ Poisson(a * u[n])"
    )()
    assert "only entries of real and discrete latents can be given" in refusal(
        model.bound_model, {"u": [1, np.nan], "v": [1, 2]}
    )


def test_an_empty_series_is_refused() -> None:
    model = em.parse("model M() plate s in S time t in T[s] param m : real observed x[s, t] ~ Normal(m, var=1)")()
    with pytest.raises(DataError, match="series 1 over `t` is empty"):
        bind_data(model.bound_model, {"x": [np.ones(2), np.ones(0)]})
