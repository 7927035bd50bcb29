"""The import direction of the architecture, read from the source; no cycles, no long files, a light `import emdsl`."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import networkx as nx
import pytest

PACKAGE = Path(__file__).parents[1] / "emdsl"

#: What each part may import, besides itself. Parts on one line of architecture.md are siblings: none imports another.
MAY_IMPORT: dict[str, frozenset[str]] = {
    part: frozenset(others.split())
    for part, others in {
        "errors": "",
        "algebra": "errors",
        "arrays": "errors algebra",
        "families": "errors algebra",
        "kernels": "errors algebra arrays",
        "model": "errors algebra families",
        "structure": "errors algebra families model",
        "language": "errors algebra families model",
        "runtime": "errors",
        "data": "errors algebra families model",
        "results": "errors algebra families model structure data runtime",
        "derive": "errors algebra arrays families kernels model structure",
        "emit": "errors algebra arrays",
        "explain": "errors algebra arrays families kernels model structure derive",
        "compile": "errors algebra arrays families kernels model structure derive emit explain",
        "api": "errors model language data runtime results compile",
        "cli": "errors model language data results api",
        "__main__": "cli",
    }.items()
}
#: Libraries of the runtime, which has to be as light as what it runs.
RUNTIME_LIBRARIES = {"numpy", "scipy", "threadpoolctl"}
#: Nothing of these is needed to write a model down.
HEAVY = ("sympy", "scipy.stats", "pandas", "matplotlib", "networkx", "lark")
LONGEST = 450


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def name_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def annotations_only(module: ast.Module) -> set[ast.AST]:
    """Statements under `if TYPE_CHECKING:`."""
    blocks = [
        node
        for node in ast.walk(module)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    return {inner for block in blocks for statement in block.body for inner in ast.walk(statement)}


def imports(name: str, nodes: Iterator[ast.AST] | list[ast.stmt]) -> Iterator[str]:
    """Modules that the import statements among `nodes` name; a module of ours by its full name."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports relatively"
            assert node.module is not None
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in FILES else node.module


def part_of(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("name", [name for name in FILES if "." in name])
def test_imports_go_one_way(name: str) -> None:
    part = part_of(name)
    allowed = {part, *MAY_IMPORT[part]}
    ours = {module for module in imports(name, ast.walk(tree(FILES[name]))) if module.startswith("emdsl.")}
    wrong = {module for module in ours if part_of(module) not in allowed}
    assert not wrong, f"{name} imports {sorted(wrong)}; {part} may see {sorted(MAY_IMPORT[part])}"


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("emdsl.runtime.")])
def test_runtime_is_numpy_and_scipy(name: str) -> None:
    foreign = {module.split(".")[0] for module in imports(name, ast.walk(tree(FILES[name])))}
    assert foreign - set(sys.stdlib_module_names) <= {*RUNTIME_LIBRARIES, "emdsl"}


def test_no_import_cycles() -> None:
    """Imports inside functions count too: laziness must not hide a cycle. Annotations may point anywhere above."""
    graph = nx.DiGraph()
    for name, path in FILES.items():
        module = tree(path)
        hidden = annotations_only(module)
        nodes = [node for node in ast.walk(module) if node not in hidden]
        graph.add_edges_from((name, other) for other in imports(name, iter(nodes)) if other in FILES)
    assert list(nx.simple_cycles(graph)) == []


def test_registries_are_literal_tuples() -> None:
    for part, name in (("families", "FAMILIES"), ("kernels", "KERNELS")):
        assigned = {
            target.id: node.value
            for node in tree(FILES[f"emdsl.{part}.registry"]).body
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        }
        assert isinstance(assigned[name], ast.Tuple)


def test_no_file_is_long() -> None:
    lengths = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in FILES.items()}
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


def test_import_is_light() -> None:
    code = f"import emdsl, sys; print(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert done.stdout.split() == []


def test_declaring_a_model_is_light() -> None:
    code = (
        "import emdsl, sys\n"
        "from emdsl import *\n"
        "class Counts(Model):\n"
        "    N = size()\n"
        "    n = plate(N)\n"
        "    rate = param(positive)\n"
        "    y = observed[n](Poisson(rate))\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    assert done.stdout.split() == []
