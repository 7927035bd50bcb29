"""The slow, obvious meaning of a model: its log joint as Python loops over plates.

    log p(values) = sum over variables v, sum over indices i of v:  log p(v[i] | what v's law reads)

One `Factor` is one term of that sum. A `Scene` is a model with values for its names; it evaluates expressions and
factors, and says which entries a factor reads, so that exact marginals can be taken (`tests.oracles.marginal`).
Values are arrays, plates first; a variable on a ragged plate is a list of arrays, or flat beside "offsets.<letter>".
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from emdsl.algebra.expressions import Array, Binary, Call, Expression, Name, Number, Subscript, Unary
from emdsl.model.statements import Definition, Law, Model, Role, Variable
from tests.oracles import laws

Scope = Mapping[str, Any]
Site = tuple[str, tuple[int, ...]]


def _stationary(matrix: Any) -> np.ndarray[Any, Any]:
    """The law π with π A = π and sum 1, by least squares; no more than rounding is zero."""
    a = np.asarray(matrix, float)
    system = np.vstack([a.T - np.eye(len(a)), np.ones(len(a))])
    law = np.asarray(np.linalg.lstsq(system, np.append(np.zeros(len(a)), 1.0), rcond=None)[0])
    return np.where(np.abs(law) < 1e-14, 0.0, law)


FUNCTIONS: dict[str, Any] = {
    "exp": np.exp, "log": np.log, "log1p": np.log1p, "expm1": np.expm1, "sqrt": np.sqrt, "abs": np.abs, "sin": np.sin,
    "cos": np.cos, "tanh": np.tanh, "logistic": special.expit, "logit": special.logit, "softmax": special.softmax,
    "Phi": special.ndtr, "lgamma": special.gammaln, "dot": np.dot, "outer": np.outer, "diag": np.diag,
    "stationary": _stationary,
    "min": lambda *v: np.min(v[0]) if len(v) == 1 else np.minimum(*v),
    "max": lambda *v: np.max(v[0]) if len(v) == 1 else np.maximum(*v),
    "eye": lambda n: np.eye(int(n)), "ones": lambda n: np.ones(int(n)), "zeros": lambda n: np.zeros(int(n)),
}  # fmt: skip

OPERATORS: dict[str, Any] = {
    "+": np.add, "-": np.subtract, "*": np.multiply, "/": np.true_divide, "@": np.matmul,
    "**": lambda base, power: np.asarray(base, float) ** power,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Factor:
    """One term of the log joint: `variable[index] ~ definition.law`, with the letters' values in `scope`."""

    variable: str
    index: tuple[int, ...]
    definition: Definition
    scope: tuple[tuple[str, int], ...]


def entry(values: Any, index: tuple[int, ...]) -> Any:
    """`values[i][j]…`, for arrays and lists of arrays alike; negative indices are an error, not the end."""
    for i in index:
        if i < 0 or i >= len(values):
            raise IndexError(f"index {i} outside an axis of length {len(values)}")
        values = values[i]
    return values


def _largest(values: Any) -> float:
    return float(np.nanmax([_largest(part) for part in values] if isinstance(values, list) else values))


def store(values: Any, index: tuple[int, ...], value: Any) -> None:
    """Write `value` at `index`; the whole array when the index is empty."""
    if not index:
        values[...] = value
        return
    for i in index[:-1]:
        values = values[i]
    values[index[-1]] = value


class Scene:
    """A model with values; `values` may lack latents, for which `allocate` makes room."""

    def __init__(self, model: Model, constants: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        self.model, self.constants = model, dict(constants)
        for constant in model.constants:
            if constant.name not in self.constants and constant.default is not None:
                self.constants[constant.name] = constant.default
        self.variables = {variable.name: variable for variable in model.variables}
        self.plates = {plate.letter: plate for plate in model.plates}
        self.dists = {dist.name: dist for dist in model.distributions}
        self.values = {name: _own(value) for name, value in values.items() if name in self.variables}
        self.weights = {name[8:]: np.asarray(w, float) for name, w in values.items() if name.startswith("weights.")}
        self.offsets = {name[8:]: np.asarray(o) for name, o in values.items() if name.startswith("offsets.")}
        self.constants.update({n: v for n, v in values.items() if n not in self.variables and "." not in n})
        self.sizes: dict[str, int] = {}
        for name, value in self.values.items():
            if isinstance(value, np.ndarray):
                self.values[name] = self.nested(name, value)
        self.sizes = self._infer_sizes()
        self.index_sizes = self._infer_index_sizes()
        self.sizes |= self.index_sizes

    # Sizes

    def _infer_sizes(self) -> dict[str, int]:
        """Sizes that some array has as an axis."""
        sizes: dict[str, int] = {}
        for name, value in self.values.items():
            variable, axis = self.variables[name], value
            for letter in variable.plates:
                plate = self.plates[letter]
                if not plate.parents and isinstance(plate.size, str):
                    sizes.setdefault(plate.size, len(axis))
                if len(axis) == 0:
                    break
                axis = axis[0]
            else:
                dims = variable.type.event_shape if variable.type else ()
                for dim, length in zip(dims, np.shape(axis), strict=False):
                    if isinstance(dim, Name):
                        sizes.setdefault(dim.name, length)
        return sizes

    def _infer_index_sizes(self) -> dict[str, int]:
        """Sizes that no array has as an axis: the largest index + 1."""
        sizes: dict[str, int] = {}
        for name, value in self.values.items():
            kind = self.variables[name].type
            size = kind.dims[0] if kind is not None and kind.kind == "index" else None
            if isinstance(size, Name) and size.name not in self.sizes and size.name not in self.constants:
                sizes[size.name] = int(_largest(value)) + 1
        return sizes

    def nested(self, name: str, value: np.ndarray[Any, Any]) -> Any:
        """A flat value as nested lists of arrays, one for each row of the parents; a plain one as it is."""
        plates = self.variables[name].plates
        ragged = [place for place, letter in enumerate(plates) if letter in self.offsets]
        if not ragged:
            return value
        last = plates[ragged[-1]]
        pieces = [value[low:high] for low, high in itertools.pairwise(self.offsets[last])]
        outer = plates[: ragged[-1]]
        if not set(outer) == {*self.plates[last].parents}:
            raise NotImplementedError(f"a ragged plate inside {plates}")
        for letter in outer[:0:-1]:
            count = len(pieces)
            ends = self.offsets[letter] if letter in self.offsets else range(0, count + 1, self.length(letter, {}))
            pieces = [pieces[low:high] for low, high in itertools.pairwise(ends)]  # type: ignore[misc]
        return pieces

    def row(self, letter: str, scope: Scope) -> int:
        """Where an entry of a plate stands among all of them, the groups of a ragged plate one after the other."""
        return scope[letter] + (int(self.offsets[letter][self._group(letter, scope)]) if letter in self.offsets else 0)

    def _group(self, letter: str, scope: Scope) -> int:
        parents = self.plates[letter].parents
        if parents[-1] in self.offsets:
            return self.row(parents[-1], scope)
        place = 0
        for parent in parents:
            place = place * self.length(parent, scope) + scope[parent]
        return place

    def length(self, letter: str, scope: Scope) -> int:
        """How many values `letter` takes, given the letters that it is ragged over."""
        plate = self.plates[letter]
        if letter in self.offsets:
            return int(np.diff(self.offsets[letter])[self._group(letter, scope)])
        if not plate.parents:
            return plate.size if isinstance(plate.size, int) else int(self._size(plate.size))
        if isinstance(plate.size, str) and plate.size in self.constants:
            return int(entry(self.constants[plate.size], tuple(scope[p] for p in plate.parents)))
        for name, value in self.values.items():
            plates = self.variables[name].plates
            if letter in plates:
                before = plates[: plates.index(letter)]
                if all(p in scope for p in before):
                    return len(entry(value, tuple(scope[p] for p in before)))
        raise KeyError(f"no data tell the length of plate {letter}")

    def _size(self, name: str) -> Any:
        if name in self.constants:
            return self.constants[name]
        if name in self.sizes:
            return self.sizes[name]
        raise KeyError(f"`{name}` has no value")

    def indices(self, letters: tuple[str, ...], scope: Scope | None = None) -> Iterator[dict[str, int]]:
        """Every assignment of the letters, ragged ones inside their parents, in any declared order."""
        scope = dict(scope or {})
        if not letters:
            yield scope
            return
        ready = next(letter for letter in letters if all(p in scope for p in self.plates[letter].parents))
        rest = tuple(letter for letter in letters if letter != ready)
        for i in range(self.length(ready, scope)):
            yield from self.indices(rest, {**scope, ready: i})

    # Factors

    def factors(self, roles: tuple[Role, ...] = (Role.PARAM, Role.LATENT, Role.OBSERVED)) -> Iterator[Factor]:
        """Every factor of the variables in these roles that have a law."""
        for variable in self.model.variables:
            if variable.role in roles and variable.definitions:
                for scope in self.indices(variable.plates):
                    index = tuple(scope[letter] for letter in variable.plates)
                    definition, letters = _definition_at(variable, index)
                    yield Factor(variable.name, index, definition, tuple({**scope, **letters}.items()))

    def weight(self, factor: Factor) -> float:
        """How often the row stands there: the product of the weights of the plates that it is in."""
        scope = dict(factor.scope)
        plates = self.variables[factor.variable].plates
        return float(np.prod([self.weights[p][self.row(p, scope)] for p in plates if p in self.weights]))

    def log_density(self, factor: Factor) -> float:
        """The factor's log density, without its weight. NaN anywhere raises."""
        value = entry(self.values[factor.variable], factor.index)
        if np.isnan(np.sum(value)):
            raise ValueError(f"{factor.variable}{list(factor.index)} is not filled in")
        hidden = self.variables[factor.variable].role is Role.LATENT
        result = self.log_law(factor.definition.law, value, dict(factor.scope), hidden)
        if np.isnan(result):
            raise ValueError(f"the density of {factor.variable}{list(factor.index)} at {value} is NaN")
        return result

    def log_law(self, law: Law, value: Any, scope: Scope, hidden: bool) -> float:
        """log p(value) under a law as written."""
        if law.family == "switch":
            return self.log_law(self.branch(law, scope), value, scope, hidden)
        if law.family in self.dists:
            dist = self.dists[law.family]
            names = tuple(name for name, _ in dist.parameters)
            return float(
                np.sum(self.evaluate(dist.log_density, {**self._arguments(law, names, scope), dist.subject[0]: value}))
            )
        arguments = self._arguments(law, laws.ARGUMENTS[law.family], scope)
        if law.limits is None:
            return laws.log_density(law.family, value, arguments)
        low, high = float(self.evaluate(law.limits.low, scope)), float(self.evaluate(law.limits.high, scope))
        return laws.log_limited_density(law.family, float(value), arguments, law.limits.kind, low, high, hidden)

    def branch(self, law: Law, scope: Scope) -> Law:
        """The distribution that a switch takes."""
        selector = law.arguments[0][1]
        assert isinstance(selector, Expression)
        chosen = law.arguments[1 + int(self.evaluate(selector, scope))][1]
        assert isinstance(chosen, Law)
        return chosen

    def arguments(self, law: Law, scope: Scope) -> dict[str, Any]:
        """The arguments of a law of the contract, by name."""
        return self._arguments(law, laws.ARGUMENTS[law.family], scope)

    def _arguments(self, law: Law, order: tuple[str, ...], scope: Scope) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for position, (name, value) in enumerate(law.arguments):
            assert isinstance(value, Expression)
            result[name if name is not None else order[position]] = self.evaluate(value, scope)
        return result

    # Expressions

    def evaluate(self, node: Expression, scope: Scope) -> Any:
        """The value of an expression, the letters and local names standing in `scope`."""
        match node:
            case Number(value):
                return value
            case Name(name):
                return self._named(name, scope)
            case Subscript(Name(name), indices) if name not in scope:
                return self._indexed(name, tuple(int(self.evaluate(i, scope)) for i in indices))
            case Subscript(base, indices):
                return entry(self.evaluate(base, scope), tuple(int(self.evaluate(i, scope)) for i in indices))
            case Call("sum", (summand, Name(letter))):
                return sum(self.evaluate(summand, {**scope, letter: i}) for i in range(self.length(letter, scope)))
            case Call("sum", (summand,)):
                return np.sum(self.evaluate(summand, scope), axis=-1)
            case Call(function, arguments):
                return FUNCTIONS[function](*(self.evaluate(a, scope) for a in arguments))
            case Binary(operator, left, right):
                return OPERATORS[operator](self.evaluate(left, scope), self.evaluate(right, scope))
            case Unary(_, operand):
                return np.negative(self.evaluate(operand, scope))
            case Array(items):
                return np.array([self.evaluate(item, scope) for item in items], dtype=float)
        raise NotImplementedError(f"no oracle for {node!r}")

    def _named(self, name: str, scope: Scope) -> Any:
        if name in scope:
            return scope[name]
        variable = self.variables.get(name)
        if variable is None:
            return self._size(name)
        if variable.role is Role.LET:
            return self._let_array(variable, ())
        return self.values[name] if variable.plates else np.asarray(self.values[name])[()]

    def _indexed(self, name: str, index: tuple[int, ...]) -> Any:
        variable = self.variables.get(name)
        if variable is None:
            plate = next((p for p in self.plates.values() if p.size == name and p.parents), None)
            if plate is not None and (plate.letter in self.offsets or name not in self.constants):
                return self.length(plate.letter, dict(zip(plate.parents, index, strict=True)))
            return entry(self._size(name), index)
        if variable.role is not Role.LET:
            return entry(self.values[name], index)
        assert variable.value is not None
        count = len(variable.plates)
        if len(index) < count:
            return self._let_array(variable, index)
        return entry(self.evaluate(variable.value, dict(zip(variable.plates, index, strict=False))), index[count:])

    def _let_array(self, variable: Variable, index: tuple[int, ...]) -> Any:
        assert variable.value is not None
        scope = dict(zip(variable.plates, index, strict=False))
        if len(index) == len(variable.plates):
            return self.evaluate(variable.value, scope)
        length = self.length(variable.plates[len(index)], scope)
        return np.array([self._let_array(variable, (*index, i)) for i in range(length)])

    # Room for what is not given

    def allocate(self, name: str) -> None:
        """An array of NaN for a variable without values; raises KeyError while its event shape is not known."""
        variable = self.variables[name]
        self.values[name] = self._room(variable.plates, self._event_shape(variable), {})

    def _room(self, plates: tuple[str, ...], event: tuple[int, ...], scope: dict[str, int]) -> Any:
        if not plates:
            return np.full(event, np.nan)
        rows = [self._room(plates[1:], event, {**scope, plates[0]: i}) for i in range(self.length(plates[0], scope))]
        ragged = any(isinstance(r, list) for r in rows) or len({np.shape(row) for row in rows}) > 1
        return rows if ragged else np.array(rows)

    def _event_shape(self, variable: Variable) -> tuple[int, ...]:
        if variable.type is not None:
            return tuple(int(self.evaluate(dim, {})) for dim in variable.type.event_shape)
        law = variable.definitions[-1].law
        while law.family == "switch":
            branch = law.arguments[1][1]
            assert isinstance(branch, Law)
            law = branch
        if law.family not in laws.MULTIVARIATE:
            return ()
        scope = dict(next(f for f in self.factors((variable.role,)) if f.variable == variable.name).scope)
        arguments = self.arguments(law, scope)
        if law.family in ("Wishart", "InvWishart"):
            return np.shape(arguments["scale"])
        sized = ("mean", "cov", "prec", "chol", "scatter", "p", "concentration")
        return (max(np.shape(arguments[a])[0] for a in sized if np.ndim(arguments.get(a, 0)) > 0),)


def _own(value: Any) -> Any:
    """A float copy; ragged data as nested lists of arrays."""
    if isinstance(value, (list, tuple)):
        try:
            return np.array(value, dtype=float)
        except ValueError:
            return [_own(v) for v in value]
    return np.array(value, dtype=float)


def _definition_at(variable: Variable, index: tuple[int, ...]) -> tuple[Definition, dict[str, int]]:
    """The definition that holds at an index, a fixed slot before a letter, and the letters that it binds."""
    matching: list[tuple[int, Definition, dict[str, int]]] = []
    for definition in variable.definitions:
        fixed = [(slot.value, i) for slot, i in zip(definition.slots, index, strict=True) if isinstance(slot, Number)]
        if all(value == i for value, i in fixed):
            letters = {slot.name: i for slot, i in zip(definition.slots, index, strict=True) if isinstance(slot, Name)}
            matching.append((len(fixed), definition, letters))
    if not matching:
        raise KeyError(f"no definition of {variable.name} holds at {index}")
    _, definition, letters = max(matching, key=lambda match: match[0])
    return definition, letters


def log_terms(
    model: Model, constants: Mapping[str, Any], values: Mapping[str, Any], include: tuple[str, ...] | None = None
) -> dict[str, float]:
    """log p of each variable with a law (or of those in `include`), rows weighted by `values["weights.n"]`."""
    scene = Scene(model, constants, values)
    terms: dict[str, float] = {}
    for factor in scene.factors():
        if include is None or factor.variable in include:
            terms[factor.variable] = terms.get(factor.variable, 0.0) + scene.weight(factor) * scene.log_density(factor)
    return terms


def log_joint(model: Model, constants: Mapping[str, Any], values: Mapping[str, Any]) -> float:
    """log p(all variables), priors of parameters included."""
    return sum(log_terms(model, constants, values).values())


def log_prior(model: Model, constants: Mapping[str, Any], values: Mapping[str, Any]) -> float:
    """The log prior densities of the parameters that have one."""
    params = tuple(variable.name for variable in model.variables if variable.role is Role.PARAM)
    return sum(log_terms(model, constants, values, params).values())
