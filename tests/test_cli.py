"""The command line: output, files and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import emdsl as em
from emdsl.cli import NEW_MODEL, app, read_csv
from emdsl.errors import DataError
from tests.results.conftest import TEXT, compiled
from tests.runtime.modules import counts

__all__ = ["compiled"]

run = CliRunner().invoke


@pytest.fixture
def model(tmp_path: Path) -> str:
    path = tmp_path / "mixture.em"
    path.write_text(TEXT)
    return str(path)


def test_check(model: str) -> None:
    result = run(app, ["check", model])
    assert result.exit_code == 0
    assert result.output == f"{model}: Mixture is a valid model\n"


def test_mistakes_are_shown_without_a_traceback(tmp_path: Path) -> None:
    path = tmp_path / "bad.em"
    path.write_text(TEXT.replace("rate[z[n]]", "rote[z[n]]"))
    result = run(app, ["check", str(path)])
    assert result.exit_code == 1
    assert "--> bad.em:7:" in result.output
    assert "Traceback" not in result.output
    assert "did you mean `rate`?" in result.output


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["fit", "x.em"], ["check"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    assert run(app, arguments).exit_code == 2


def test_settings_must_be_assignments(model: str) -> None:
    assert run(app, ["emit", model, "--set", "K"]).exit_code == 2
    assert run(app, ["emit", model, "--set", "K=three"]).exit_code == 2


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = run(app, ["check", str(tmp_path / "none.em")])
    assert result.exit_code == 1
    assert "there is no file" in result.output


@pytest.mark.usefixtures("compiled")
def test_info_derive_emit(model: str, tmp_path: Path) -> None:
    assert "model Mixture(K = 2)" in run(app, ["info", model]).output
    assert run(app, ["derive", model]).output == "# Derivation\n"
    assert "section" in run(app, ["derive", model, "--latex"]).output
    assert run(app, ["emit", model, "-o", str(tmp_path / "m.py")]).exit_code == 0
    assert (tmp_path / "m.py").read_text() == "import numpy as np\n"


def test_draw(model: str) -> None:
    assert run(app, ["draw", model]).output.startswith("flowchart TD")
    assert run(app, ["draw", model, "--format", "dot"]).output.startswith('digraph "Mixture"')


def test_fmt(tmp_path: Path) -> None:
    path = tmp_path / "m.em"
    path.write_text(TEXT)
    assert run(app, ["fmt", str(path), "--check"]).exit_code == 1
    canonical = run(app, ["fmt", str(path)]).output
    assert path.read_text() == TEXT != canonical
    assert run(app, ["fmt", str(path), "--write"]).exit_code == 0
    assert path.read_text() == canonical
    assert run(app, ["fmt", str(path), "--check"]).exit_code == 0


def test_fmt_does_not_lose_comments(tmp_path: Path) -> None:
    path = tmp_path / "m.em"
    path.write_text("# a comment\n" + TEXT)
    result = run(app, ["fmt", str(path), "-w"])
    assert result.exit_code == 1
    assert "has comments, which canonical text leaves out" in result.output
    assert path.read_text() == "# a comment\n" + TEXT


def test_new_writes_a_valid_model(tmp_path: Path) -> None:
    path = tmp_path / "my-model.em"
    assert run(app, ["new", str(path)]).exit_code == 0
    assert path.read_text() == NEW_MODEL.format(name="MyModel")
    assert run(app, ["check", str(path)]).exit_code == 0
    assert run(app, ["new", str(path)]).exit_code == 1


@pytest.mark.usefixtures("compiled")
def test_fit(model: str, tmp_path: Path) -> None:
    csv = tmp_path / "data.csv"
    csv.write_text("id,y\n" + "".join(f"a{i},{y}\n" for i, y in enumerate(counts()["y"])))
    output = tmp_path / "fit.json"
    result = run(app, ["fit", model, str(csv), "--set", "K=2", "--method", "em", "--n-init", "3", "-o", str(output)])
    assert result.exit_code == 0, result.output
    assert "rate[0]" in result.output
    assert json.loads(output.read_text())["constants"] == {"K": 2}
    csv.write_text("count\n1\n2\n9\n8\n")
    assert run(app, ["fit", model, str(csv), "--columns", "y=count"]).exit_code == 0
    result = run(app, ["fit", model, str(csv)])
    assert result.exit_code == 1
    assert "`y` is absent: the table has the columns `count`; say --columns y=…" in result.output
    result = run(app, ["fit", model, str(csv), "--columns", "y=cuont"])
    assert "there is no column `cuont` for `y`; did you mean `count`?" in result.output


def test_files_that_cannot_be_written(model: str, tmp_path: Path) -> None:
    csv = tmp_path / "data.csv"
    csv.write_text("y\n1\n2\n")
    for command in (["fit", model, str(csv)], ["draw", model]):
        result = run(app, [*command, "-o", str(tmp_path / "absent" / "file")])
        assert result.exit_code == 1
        assert str(tmp_path / "absent") in result.output
        assert result.exception is None or isinstance(result.exception, SystemExit)


def test_tables_that_are_read_wrongly(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("s;y\na;1\n")
    with pytest.raises(DataError, match="are separated by ';'; commas are needed"):
        read_csv(path)
    path.write_text("y,y\n1,2\n")
    with pytest.raises(DataError, match="has two columns `y`"):
        read_csv(path)


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a, b,c\n1,,x\n2.5,NA,true\n\n")
    assert read_csv(path) == {"a": [1.0, 2.5], "b": [None, None], "c": ["x", 1.0]}
    path.write_text("a,b\n1\n")
    with pytest.raises(DataError, match="row 2: 1 cells, but the header has 2"):
        read_csv(path)
    path.write_text("")
    with pytest.raises(DataError, match="is empty"):
        read_csv(path)


def test_vectors_from_columns(tmp_path: Path) -> None:
    from emdsl.api import parse
    from emdsl.data.binding import variables_of_table

    bound: Any = parse("model M plate n in N param m : real[D] observed x[n] : real[D] ~ MvNormal(m, cov=eye(D))")()
    table = {"x_0": [1.0, 2.0], "x_1": [3.0, 4.0], "a": [0.0, 0.0], "b": [1.0, 1.0]}
    assert variables_of_table(bound.bound_model, table, {})["x"].tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert variables_of_table(bound.bound_model, table, {"x": ["b", "a"]})["x"].tolist() == [[1.0, 0.0], [1.0, 0.0]]
    with pytest.raises(DataError, match="numbered from 0, and number 0 is absent"):
        variables_of_table(bound.bound_model, {"x_1": [1.0]}, {})


CHAIN = """model Chain(K = 2) plate s in S, k in K time t in T[s] param start : simplex[K] param A[k] : simplex[K]
param m[k] : real param v : positive latent z[s, 0] ~ Categorical(start)
latent z[s, t] ~ Categorical(A[z[s, t-1]]) observed y[s, t] ~ Normal(m[z[s, t]], var=v) order m by k"""


def test_fit_of_a_chain_to_a_long_table(tmp_path: Path) -> None:
    rng, rows = np.random.default_rng(0), ["s,t,y"]
    for series, length in (("a", 30), ("b", 1), ("c", 20)):
        rows += [f"{series},{t},{4 * (t // 5 % 2) + rng.normal():.3f}" for t in range(length)]
    (tmp_path / "chain.em").write_text(CHAIN)
    (tmp_path / "data.csv").write_text("\n".join(rows) + "\n")
    files = [str(tmp_path / name) for name in ("chain.em", "data.csv", "fit.json")]
    result = run(app, ["fit", *files[:2], "-o", files[2]])
    assert result.exit_code == 0, result.output
    assert "(n = 51)" in result.output and "std. error" in result.output
    fit = em.load(files[2])
    assert [len(path) for path in fit.predict(y=[[0.0, 4.0, 4.0], [0.0]])["z"]] == [3, 1]
    (tmp_path / "data.csv").write_text("t,y\n0,1.0\n1,2.0\n")
    result = run(app, ["fit", *files[:2]])
    assert result.exit_code == 1 and "needs a column `s`" in result.output
