"""What the compiler writes for eleven small models: as it was reviewed, lint clean, short, and running alone.

A golden holds what was derived; the numerics that every module carries along below it have tests of their own.
`--promote` writes the goldens anew; review them as a diff.
"""

from __future__ import annotations

import ast
import pickle
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from numpy.testing import assert_allclose

from emdsl.api import Bound, parse
from emdsl.arrays.body import Assign
from emdsl.arrays.programme import Function, Nested
from emdsl.data.binding import bind_data
from emdsl.emit.tidying import tidied
from emdsl.emit.breaking import fitted
from tests.conftest import REPOSITORY, Golden
from tests.zoo import BY_NAME
from tests.zoo_networks import NETWORKS

FOLDER = Path(__file__).parent
#: Models of the zoo, and the method that each is compiled for.
METHODS = {
    "gmm_full": "em",
    "latent_classes_missing": "em",
    "regression_mixture_own_variance": "em",
    "factor_analysis": "em",
    "mvnormal_missing": "em",
    "normal_mixture_map": "vb",
    "normal_chain_missing": "em",
    "chain_map": "vb",
    "vector_state": "em",
    "switching_dynamics": "em",
    "chains_in_a_sum": "em",
}
EXAMPLES = {**BY_NAME, **{one.name: one for one in NETWORKS}}
LONGEST = 300
#: The line under which an emitted module carries its numerics.
CARRIED = "# Numerics: carried along"


def model(name: str) -> Bound:
    return parse(EXAMPLES[name].text)(**EXAMPLES[name].constants)


def derived(source: str) -> str:
    """The part of a module that was derived, without the numerics."""
    return source[: source.index(CARRIED)].rstrip() + "\n"


def emitted(name: str) -> Path:
    return FOLDER / "emitted" / f"{name}_{METHODS[name]}.py"


@pytest.mark.parametrize("name", METHODS)
def test_source(name: str, golden: Golden) -> None:
    golden(emitted(name), derived(model(name).source(METHODS[name])))


@pytest.mark.parametrize("name", METHODS)
def test_text(name: str, golden: Golden) -> None:
    """The canonical text, which reading and printing leave as it is."""
    text = model(name).text
    golden(FOLDER / "text" / f"{name}.em", text)
    assert parse(text)(**EXAMPLES[name].constants).text == text


def test_every_file_has_its_model() -> None:
    assert set((FOLDER / "emitted").iterdir()) == {emitted(name) for name in METHODS}


@pytest.mark.parametrize("name", METHODS)
def test_source_reads_well(name: str, tmp_path: Path) -> None:
    """Clean under the project's own rules, of a length that can be read, and every function says what it does."""
    source = model(name).source(METHODS[name])
    (tmp_path / "module.py").write_text(source, encoding="utf-8")
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--config", str(REPOSITORY / "pyproject.toml")]
    done = subprocess.run([*command, str(tmp_path / "module.py")], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(derived(source).splitlines()) <= LONGEST
    public = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name[0] != "_"]
    assert [function.name for function in public if not ast.get_docstring(function)] == []


def test_comments_give_weights_the_letter_of_their_plate() -> None:
    """`w_s` is the weight of a series, at the series itself and at each of its times."""
    source = parse("""
        model M(K = 2)  plate s in S, k in K  time t in T[s]  param pi : simplex[K]  param m[k] : real
        latent g[s] ~ Categorical(pi)  latent x[s, 0] ~ Normal(0, var=1)  latent x[s, t] ~ Normal(x[s, t-1], var=1)
        observed y[s, t] ~ Normal(x[s, t] + m[g[s]], var=1)
    """)().source("em")
    assert "Σ E[[g_s = k] w_s]" in source and "weights.s_" not in source


@pytest.mark.parametrize("name", METHODS)
def test_names_do_not_end_in_underscores(name: str) -> None:
    nodes = ast.walk(ast.parse(derived(model(name).source(METHODS[name]))))
    names = {node.id for node in nodes if isinstance(node, ast.Name)} - {"_"}
    assert [one for one in names if one.endswith("_")] == []


def test_names_that_mean_something_else_in_code_say_what_they_are() -> None:
    source = parse("""
        model M(K = 2)  plate n in N, k in K  param start : simplex[K]  param lambda[k] : positive  param group : real
        given next[n] : real  latent z[n] ~ Categorical(start)  observed y[n] ~ Poisson(lambda[z[n]])
        observed x[n] ~ Normal(group * next[n], var=1)
    """)().source("em")
    for line in (
        'start_probabilities = params["start"]',
        'lambda_values = params["lambda"]',
        'group_value = params["group"]',
        'next_values = data["next"]',
    ):
        assert f"    {line}\n" in source


def test_what_data_alone_determine_is_summed_once() -> None:
    """Beside residuals about reference points, which move: the logarithms of gaps were taken in every iteration."""
    source = parse("""
        model M()  plate s in S  time t in T[s]  given tm[s, t] : real  param m : real  param q : positive
        observed y[s, 0] ~ Normal(0, var=1)
        observed y[s, t] ~ Normal(y[s, t-1] + m, var=q * (tm[s, t] - tm[s, t-1]))
    """)().source("em")
    functions = {one.name: ast.unparse(one) for one in ast.parse(source).body if isinstance(one, ast.FunctionDef)}
    assert "np.log(" in functions["sweep_t"] and "reference" not in functions["sweep_t"]
    assert "np.log(" not in functions["sweep_t_about_references"]
    assert "sum_features(*sweep_t(data, params))" in functions["prepare"]
    assert "sweep_t_about_references" not in functions["prepare"]


def test_comments_name_rows_as_formulas_do() -> None:
    """The series of a ragged row is `s(t)`, its place there `t`, and what an index array tells of it `doc_t`."""
    source = parse("""
        model M(K = 2)  plate s in S, g in G, k in K  time t in T[s]  param pi : simplex[K]  param m[k] : real
        given doc[s, t] : index[G]  latent c[s] ~ Categorical(pi)  latent b[g] ~ Normal(0, var=1)
        latent x[s, 0] ~ Normal(0, var=1)  latent x[s, t] ~ Normal(x[s, t-1] + m[c[s]], var=1)
        observed y[s, t] ~ Normal(x[s, t] + b[doc[s, t]], var=1)
    """)().source("em")
    assert all(text in source for text in ("[c_{s(t)} = k]", "[t = 0]", "b_{doc_t}"))
    assert not re.search(r"# .*(first|parent|position)\.", source)


@pytest.mark.parametrize("name", METHODS)
def test_module_alone_does_what_fit_does(name: str, tmp_path: Path) -> None:
    """In a process that cannot import emdsl, the same start leads over the same objectives to the same estimates."""
    bound, drawn = model(name), EXAMPLES[name].draw()
    data = {key: value for key, value in drawn.items() if not key.startswith("weights.")}
    weights = {key.removeprefix("weights."): drawn[key] for key in drawn.keys() - data.keys()}
    (tmp_path / "data.pickle").write_bytes(pickle.dumps(bind_data(bound.bound_model, data, weights)))
    (tmp_path / "module.py").write_text(bound.source(METHODS[name]), encoding="utf-8")
    arguments = [tmp_path / "module.py", tmp_path / "data.pickle", tmp_path / "result.pickle"]
    subprocess.run([sys.executable, "-W", "error", FOLDER / "run_alone.py", *arguments], check=True, cwd=tmp_path)
    estimates, history = pickle.loads((tmp_path / "result.pickle").read_bytes())
    fit = bound.fit(data, weights=weights, method=METHODS[name], n_init=1, random_state=0, max_iter=15, tol=0)
    assert_allclose(history, fit.history, rtol=1e-12)
    assert set(estimates) == set(fit.params)
    for parameter, value in estimates.items():
        assert_allclose(value, fit.params[parameter], rtol=1e-9, atol=1e-12, err_msg=parameter)


def test_long_bounds_of_slices_are_broken_apart() -> None:
    """A slice was taken for one sum, from the first term of its start to the last of its stop."""
    bounds = "3" + "".join(f" + {name}_size" for name in "abcdefghijklm")
    line = f"part = values[{bounds}:{bounds} + 1]"
    lines = fitted(line, 60)
    assert max(map(len, lines)) <= 60
    assert ast.dump(ast.parse("\n".join(lines))) == ast.dump(ast.parse(line))


def test_subscripts_of_a_few_places_stay_whole() -> None:
    """`[:, None]` at the end of a product was taken apart, place by place, as the last brackets of the line."""
    product = "shares = start_of_z[:, None] * shares_or_none(lagged(z, 1, 0), within)[:, None]"
    assert fitted(product, 60) == [
        "shares = (",
        "    start_of_z[:, None]",
        "    * shares_or_none(lagged(z, 1, 0), within)[:, None]",
        ")",
    ]
    assert fitted("shares = shares_or_none(lagged(z, 1, 0), within)[:, None]", 40) == [
        "shares = shares_or_none(",
        "    lagged(z, 1, 0),",
        "    within,",
        ")[:, None]",
    ]


@pytest.mark.parametrize("width", [40, 72])
def test_lines_mean_the_same_when_they_are_broken(width: int) -> None:
    """A subscript of one became one of a tuple, and a conditional that was returned took what stood beside it."""
    statements = [node for one in NETWORKS for node in ast.walk(ast.parse(derived(source_of(one.name))))]
    lines = {ast.unparse(node) for node in statements if isinstance(node, ast.Assign | ast.Return)}
    assert len(lines) > 1000
    for line in lines:
        assert ast.dump(ast.parse("\n".join(fitted(line, width)))) == ast.dump(ast.parse(line)), line


@cache
def source_of(network: str) -> str:
    found = EXAMPLES[network]
    return parse(found.text)(**found.constants).source("em")


@pytest.mark.parametrize("name", ["abo", "beta_chain", "row_chain", "doses_missing"])
def test_one_name_for_each_quantity(name: str) -> None:
    """`a = b` stands only where `b` is assigned anew after it."""
    network = next(one for one in NETWORKS if one.name == name)
    source = derived(parse(network.text)(**network.constants).source("em"))
    assert re.findall(r"^ +\w+ = (?!None$)[^\W\d]\w*$", source, re.MULTILINE) == []


def test_what_a_sweep_carries_on_has_one_name() -> None:
    """`q` was one before the loop: what its sweep forms is `q` at once, and is so after it."""
    body = (
        Assign("q", "start"),
        Nested("for _ in range(9):", (Assign("mean", "f(q)"), Assign("q", "mean"), Assign("z", "g(mean)"))),
    )
    changed = tidied(Function("g", "start", "", body, "mean, z"))
    assert changed.body[1] == Nested("for _ in range(9):", (Assign("q", "f(q)"), Assign("z", "g(q)")))
    assert changed.result == "q, z"
    anew = (*body, Assign("q", "h(q)"))
    assert tidied(Function("g", "start", "", anew, "mean, q, z")).body == anew


def test_names_that_are_assigned_anew_keep_their_statement() -> None:
    """`z` and `shares` are read in two values each, `sums` is formed for `message` only, and nothing reads `b`."""
    body = [
        ("z", "x"),
        ("x", "x + z"),
        ("sums, shares", "f(x, z)"),
        ("message", "sums"),
        ("first", "shares"),
        ("shares", "first + 1"),
    ]
    unread = [("a", "z + 1"), ("b", "f(a)"), ("b", "np.add(b, a, out=b)")]
    statements = tuple(Assign(target, value) for target, value in (*body, *unread))
    function = Function("g", "x", "", statements, '{"first": first}, message, shares')
    changed = tidied(function)
    assert [(one.target, one.value) for one in changed.body if isinstance(one, Assign)] == [
        *body[:2],
        ("message, shares", "f(x, z)"),
        *body[4:],
    ]
    assert changed.result == function.result
