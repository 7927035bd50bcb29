"""The plate diagram of a model: variables as nodes, an arrow from each variable that a law mentions, plates as frames.

Observed variables are filled, parameters and given data are small, deterministic ones are dashed; a dependence on an
earlier time is a dashed arrow with its lag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from emdsl.algebra.expressions import Binary, Expression, Name, Number, Subscript, names, walk
from emdsl.errors import DataError
from emdsl.model.statements import Law, Model, Plate, Role, Variable

_DOT_STYLE = {
    Role.OBSERVED: 'shape=circle style=filled fillcolor="#d0d0d0"',
    Role.LATENT: "shape=circle",
    Role.PARAM: "shape=circle width=0.3",
    Role.GIVEN: 'shape=box style=filled fillcolor="#f0f0f0"',
    Role.LET: "shape=circle style=dashed",
}
_MERMAID_BRACKETS = {
    Role.OBSERVED: ("((", "))"),
    Role.LATENT: ("((", "))"),
    Role.PARAM: ("(", ")"),
    Role.GIVEN: ("[", "]"),
    Role.LET: ("{{", "}}"),
}


@dataclass(frozen=True)
class Edge:
    """`parent -> child`, `lagged` when it comes from an earlier time."""

    parent: str
    child: str
    lagged: bool


@dataclass(frozen=True)
class Diagram:
    """A model as nodes, arrows and frames; displays itself in notebooks."""

    model: Model
    edges: tuple[Edge, ...]

    @classmethod
    def of(cls, model: Model) -> Diagram:
        """The diagram of a model."""
        found: dict[Edge, None] = {}
        for variable in model.variables:
            for expression in _expressions(variable):
                for name, lagged in _mentions(expression):
                    if model.variable(name) is not None:
                        found[Edge(name, variable.name, lagged)] = None
        return cls(model, tuple(found))

    @property
    def mermaid(self) -> str:
        """As mermaid, which GitHub and most notebooks draw."""
        lines = ["flowchart TD"]
        lines += self._frames((), 1, self._mermaid_frame, self._mermaid_node, lambda depth: "  " * depth + "end")
        arrows = {False: "-->", True: "-. earlier .->"}
        lines += [f"  {_safe(edge.parent)} {arrows[edge.lagged]} {_safe(edge.child)}" for edge in self.edges]
        observed = [_safe(variable.name) for variable in self.model.variables if variable.role is Role.OBSERVED]
        if observed:
            lines += ["  classDef observed fill:#d0d0d0,stroke:#333", f"  class {','.join(observed)} observed"]
        return "\n".join(lines) + "\n"

    @property
    def dot(self) -> str:
        """As a graphviz file."""
        lines = [f'digraph "{self.model.name}" {{']
        lines += self._frames((), 1, self._dot_frame, self._dot_node, lambda depth: "  " * depth + "}")
        for edge in self.edges:
            style = ' [style=dashed label="earlier"]' if edge.lagged else ""
            lines.append(f'  "{edge.parent}" -> "{edge.child}"{style}')
        return "\n".join([*lines, "}"]) + "\n"

    @property
    def svg(self) -> str:
        """As SVG, drawn by graphviz. Raises DataError when the program `dot` is not installed."""
        import shutil
        import subprocess

        if shutil.which("dot") is None:
            raise DataError("SVG needs graphviz: install it so that `dot` runs, or use .mermaid or .dot")
        drawn = subprocess.run(["dot", "-Tsvg"], input=self.dot, capture_output=True, text=True, check=True)
        return drawn.stdout

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        return {"text/plain": self.mermaid, "text/vnd.mermaid": self.mermaid}

    def __str__(self) -> str:
        return self.mermaid

    # A frame holds the variables on exactly its letters, and the frames of variables on more letters.

    def _frames(
        self, letters: tuple[str, ...], depth: int, frame: object, node: object, close: object
    ) -> Iterator[str]:
        assert callable(frame) and callable(node) and callable(close)
        for variable in self.model.variables:
            if variable.plates == letters:
                yield node(variable, depth)
        inner = {v.plates[: len(letters) + 1]: None for v in self.model.variables if len(v.plates) > len(letters)}
        for longer in inner:
            if longer[: len(letters)] == letters:
                yield frame(longer, depth)
                yield from self._frames(longer, depth + 1, frame, node, close)
                yield close(depth)

    def _label(self, letter: str) -> str:
        plate = next(plate for plate in self.model.plates if plate.letter == letter)
        return f"{letter} in {plate.size}{_parents(plate)}"

    def _mermaid_frame(self, letters: tuple[str, ...], depth: int) -> str:
        return "  " * depth + f'subgraph plate_{"_".join(map(_safe, letters))}["{self._label(letters[-1])}"]'

    def _mermaid_node(self, variable: Variable, depth: int) -> str:
        opening, closing = _MERMAID_BRACKETS[variable.role]
        return "  " * depth + f'{_safe(variable.name)}{opening}"{variable.name}"{closing}'

    def _dot_frame(self, letters: tuple[str, ...], depth: int) -> str:
        return "  " * depth + f'subgraph "cluster_{"_".join(letters)}" {{ label="{self._label(letters[-1])}"'

    def _dot_node(self, variable: Variable, depth: int) -> str:
        return "  " * depth + f'"{variable.name}" [{_DOT_STYLE[variable.role]}]'


def _parents(plate: Plate) -> str:
    return f"[{', '.join(plate.parents)}]" if plate.parents else ""


def _safe(name: str) -> str:
    """A node's identifier: `end` and the like are words of mermaid."""
    return "v_" + re.sub(r"\W", lambda match: f"u{ord(match[0])}", name)


def _mentions(expression: Expression) -> Iterator[tuple[str, bool]]:
    """(variable, whether it is read at an earlier time) for each name in an expression."""
    lagged = set()
    for node in walk(expression):
        match node:
            case Subscript(Name(name), indices) if any(isinstance(i, Binary) and _is_lag(i) for i in indices):
                lagged.add(name)
    for name in sorted(names(expression)):
        yield name, name in lagged


def _is_lag(index: Binary) -> bool:
    return index.operator == "-" and isinstance(index.left, Name) and isinstance(index.right, Number)


def _expressions(variable: Variable) -> Iterator[Expression]:
    if variable.value is not None:
        yield variable.value
    for definition in variable.definitions:
        yield from _of_law(definition.law)


def _of_law(law: Law) -> Iterator[Expression]:
    for _, value in law.arguments:
        if isinstance(value, Law):
            yield from _of_law(value)
        else:
            yield value
    if law.limits:
        yield law.limits.low
        yield law.limits.high
