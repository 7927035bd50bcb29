"""Bound models written out by hand, so that data binding is tested without the front ends."""

from __future__ import annotations

from emdsl.algebra.expressions import Expression, Name, Number, Subscript, expression
from emdsl.model.bound import BoundModel, CheckedModel
from emdsl.model.statements import Constant, Definition, Law, Limits, Model, Plate, Role, Type, Variable


def kind(name: str, *dims: str | int) -> Type:
    return Type(name, tuple(Name(dim) if isinstance(dim, str) else Number(dim) for dim in dims))


def variable(
    name: str, role: str, plates: str, type: Type, law: Law | None = None, *, missing: bool = False
) -> Variable:
    letters = tuple(plates)
    slots: tuple[Expression, ...] = tuple(Name(letter) for letter in letters)
    definitions = (Definition(slots, law),) if law else ()
    return Variable(name, Role(role), letters, type, definitions, missing=missing)


def law(family: str, *arguments: object, limits: Limits | None = None) -> Law:
    return Law(family, tuple((None, expression(argument)) for argument in arguments), limits)


def at(name: str, *letters: str) -> Subscript:
    return Subscript(Name(name), tuple(Name(letter) for letter in letters))


def bound(plates: tuple[Plate, ...], *variables: Variable, **constants: float) -> BoundModel:
    model = Model("Test", tuple(Constant(name) for name in constants), plates, variables)
    types = {v.name: v.type for v in variables if v.type}
    return BoundModel(CheckedModel(model, types), constants)


N, K = Plate("n", "N"), Plate("k", "K")

GAUSSIAN = bound(
    (N, K),
    variable("mu0", "given", "", kind("real", "D")),
    variable("mu", "param", "k", kind("real", "D")),
    variable("z", "latent", "n", kind("index", "K"), law("Categorical", Name("pi"))),
    variable("x", "observed", "n", kind("real", "D"), law("MvNormal", at("mu", "z"))),
    K=2,
)


def scalar(type: Type, law: Law, *, missing: bool = False, **constants: float) -> BoundModel:
    """One observed variable y[n]."""
    return bound((N,), variable("y", "observed", "n", type, law, missing=missing), **constants)


REAL = scalar(kind("real"), law("Normal", 0))
COUNT = scalar(kind("count"), law("Poisson", 1))
POSITIVE = scalar(kind("positive"), law("Gamma", 1, 1))
RAGGED = bound(
    (Plate("s", "S"), Plate("t", "T", ("s",), ordered=True)),
    variable("u", "given", "s", kind("real")),
    variable("y", "observed", "st", kind("real", 2), law("MvNormal", 0)),
)
