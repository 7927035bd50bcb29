"""The command line: `emdsl check | info | derive | emit | fit | draw | fmt | new`, each on a `.em` file.

Mistakes are printed without a traceback and end with exit code 1; wrong usage ends with 2.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from emdsl.errors import DataError, Error

if TYPE_CHECKING:
    from emdsl.api import Bound

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Say a latent-variable model; get the algorithm that fits it."
)

ModelFile = Annotated[Path, typer.Argument(metavar="MODEL.em", help="The model.")]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=NUMBER", help="A constant or a size, as K=3; may be repeated."),
]
Method = Annotated[str, typer.Option(help="em, vb or hard.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="Where to write; the terminal if left out.")]

NEW_MODEL = """\
model {name}(K = 2)
plate n in N, k in K
param pi       : simplex[K]
param mu[k]    : real
param sd[k]    : positive
latent z[n]   ~ Categorical(pi)
observed x[n] ~ Normal(mu[z[n]], sd=sd[z[n]])
order mu by k
"""


class Diagrams(StrEnum):
    """Formats of a plate diagram."""

    mermaid = "mermaid"
    dot = "dot"
    svg = "svg"


@contextmanager
def _mistakes_reported() -> Iterator[None]:
    """Prints an error of the user to stderr and exits with 1."""
    try:
        yield
    except Error as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"`{error.filename}`: {error.strerror}", err=True)
        raise typer.Exit(1) from None


@app.command()
def check(model: ModelFile) -> None:
    """Say whether the model is right, or where it is not."""
    with _mistakes_reported():
        from emdsl.language.text import read
        from emdsl.model.check import check as check_model

        checked = check_model(read(model))
        typer.echo(f"{model}: {checked.model.name} is a valid model")


@app.command()
def info(model: ModelFile, settings: Settings = None, method: Method = "em") -> None:
    """Show the model and the compiler's plan for it."""
    with _mistakes_reported():
        bound = _bound(model, settings)
        typer.echo(bound.text)
        typer.echo(str(bound.program(method).plan))


@app.command()
def derive(
    model: ModelFile,
    settings: Settings = None,
    method: Method = "em",
    latex: Annotated[bool, typer.Option(help="LaTeX instead of markdown.")] = False,
    output: Output = None,
) -> None:
    """Write the derivation of the algorithm."""
    with _mistakes_reported():
        derivation = _bound(model, settings).program(method).derivation
        _write(derivation.latex if latex else derivation.markdown, output)


@app.command()
def emit(model: ModelFile, settings: Settings = None, method: Method = "em", output: Output = None) -> None:
    """Write the numpy module that fits the model."""
    with _mistakes_reported():
        _write(_bound(model, settings).source(method), output)


@app.command()
def draw(
    model: ModelFile,
    format: Annotated[Diagrams, typer.Option(help="Format of the diagram.")] = Diagrams.mermaid,
    output: Output = None,
) -> None:
    """Write the plate diagram."""
    with _mistakes_reported():
        from emdsl.language.text import read
        from emdsl.model.check import check as check_model
        from emdsl.results.diagram import Diagram

        diagram = Diagram.of(check_model(read(model)).model)
        _write(str(getattr(diagram, format.value)), output)


@app.command()
def fmt(
    model: ModelFile,
    write: Annotated[bool, typer.Option("-w", "--write", help="Rewrite the file instead of printing.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Print nothing; exit with 1 if the text would change.")
    ] = False,
) -> None:
    """Print the model as canonical text. Comments are not part of it, so a file that has some is not rewritten."""
    with _mistakes_reported():
        from emdsl.language.printer import to_text
        from emdsl.language.text import read

        text, before = to_text(read(model)), model.read_text(encoding="utf-8")
        if check:
            if text != before:
                raise DataError(f"`{model}` is not in canonical form; `emdsl fmt --write` rewrites it")
        elif not write:
            typer.echo(text, nl=False)
        elif "#" in before:
            raise DataError(f"`{model}` has comments, which canonical text leaves out; the file is unchanged")
        else:
            model.write_text(text, encoding="utf-8")


@app.command()
def new(model: ModelFile) -> None:
    """Write a first model to a new file."""
    with _mistakes_reported():
        if model.exists():
            raise DataError(f"`{model}` exists; choose another name")
        name = "".join(part.capitalize() for part in model.stem.replace("-", "_").split("_"))
        model.write_text(NEW_MODEL.format(name=name if name.isidentifier() else "Mixture"), encoding="utf-8")
        typer.echo(f"wrote {model}")


@app.command()
def fit(
    model: ModelFile,
    data: Annotated[Path, typer.Argument(metavar="DATA.csv", help="A table with a header; columns are variables.")],
    settings: Settings = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(metavar="x=a,b", help="Columns of a variable; by default x, or x[0], x[1], … or x_0, x_1, …"),
    ] = None,
    method: Method = "em",
    n_init: Annotated[int, typer.Option(help="Number of starts.")] = 10,
    max_iter: Annotated[int, typer.Option(help="Most M-steps of a run.")] = 1000,
    tol: Annotated[float, typer.Option(help="Relative step of the objective at which a run stops.")] = 1e-8,
    seed: Annotated[int, typer.Option(help="Seed of the random starts.")] = 0,
    accelerate: Annotated[str | None, typer.Option(help="anderson or squarem.")] = None,
    strict: Annotated[bool, typer.Option(help="Refuse steps that are not exact or closed form.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Where to save the fit, as JSON.")] = None,
) -> None:
    """Fit the model to a CSV file and print the summary."""
    with _mistakes_reported():
        if output is not None and not output.parent.is_dir():
            raise DataError(f"there is no folder `{output.parent}`")
        bound = _bound(model, settings)
        result = bound.fit(
            _variables(bound, read_csv(data), _named_columns(columns)), method=method, n_init=n_init, max_iter=max_iter,
            tol=tol, random_state=seed, accelerate=accelerate, strict=strict, progress=sys.stderr.isatty(),
        )  # fmt: skip
        typer.echo(result.summary())
        if output is not None:
            result.save(output)


def read_csv(path: Path) -> dict[str, list[Any]]:
    """The columns of a CSV file by name: numbers, None where a cell is empty or says NA, text where it is text."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except FileNotFoundError:
        raise DataError(f"there is no file `{path}`") from None
    except UnicodeDecodeError as error:
        raise DataError(f"`{path}` is not UTF-8 text: {error.reason}") from None
    rows = [row for row in rows if row]
    if not rows:
        raise DataError(f"`{path}` is empty")
    header, *body = rows
    sign = next((sign for sign in (";", "\t", "|") if len(header) == 1 and sign in header[0]), None)
    if sign is not None:
        raise DataError(f"the cells of `{path}` are separated by {sign!r}; commas are needed")
    twice = next((name for name in header if header.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"`{path}` has two columns `{twice}`")
    for line, row in enumerate(body, start=2):
        if len(row) != len(header):
            raise DataError(f"`{path}`, row {line}: {len(row)} cells, but the header has {len(header)}")
    return {name.strip(): [_cell(row[column]) for row in body] for column, name in enumerate(header)}


def _cell(text: str) -> float | str | None:
    text = text.strip()
    if text in ("", "NA", "NaN", "nan"):
        return None
    if text.lower() in ("true", "false"):
        return float(text.lower() == "true")
    try:
        return float(text)
    except ValueError:
        return text


def _variables(bound: Bound, table: dict[str, list[Any]], named: dict[str, list[str]]) -> dict[str, Any]:
    from emdsl.data.binding import variables_of_table
    from emdsl.model.statements import Role

    found = variables_of_table(bound.bound_model, table, named)
    for variable in bound.bound_model.checked.model.variables:
        if variable.role in (Role.GIVEN, Role.OBSERVED) and variable.name not in found:
            listed = ", ".join(f"`{column}`" for column in table)
            raise DataError(
                f"`{variable.name}` is absent: the table has the columns {listed}; say --columns {variable.name}=…"
            )
    return found


def _bound(path: Path, settings: list[str] | None) -> Bound:
    from emdsl.api import read

    return read(path)(**{name: _number(name, value) for name, value in _assignments(settings, "--set K=3")})


def _number(name: str, text: str) -> float | int:
    try:
        number = float(text)
    except ValueError:
        raise typer.BadParameter(f"{name}={text}: {text!r} is no number", param_hint="--set") from None
    return int(number) if number.is_integer() else number


def _named_columns(columns: list[str] | None) -> dict[str, list[str]]:
    return {
        name: [column.strip() for column in listed.split(",")]
        for name, listed in _assignments(columns, "--columns x=a,b")
    }


def _assignments(options: list[str] | None, example: str) -> Iterator[tuple[str, str]]:
    for option in options or []:
        name, equals, value = option.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise typer.BadParameter(f"{option!r} is no assignment; write {example}")
        yield name.strip(), value.strip()


def _write(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text)
    else:
        output.write_text(text if text.endswith("\n") else text + "\n", encoding="utf-8")


def main() -> None:
    """The entry point of the `emdsl` command."""
    app()
