"""The statements of a class body: what stands right of `=`, and the body that gives each its name.

    K = size(2)   k = plate(K)   mu = param[k](real)   z[s, 0] = Categorical(start)   fix(mu[0], 0)

A declaration is an expression from the start (`mu[k] + 1`); its name is known when it is assigned. Nothing is judged
here but what cannot wait: `emdsl.language.classes.collect` makes the statements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from emdsl.algebra.expressions import Expression, Subscript, expression
from emdsl.errors import ModelError
from emdsl.language.vocabulary import law
from emdsl.model.statements import Law, Role, Type

#: What `from emdsl import *` takes from here.
WORDS = (
    "size", "const", "plate", "time", "given", "param", "latent", "observed", "let", "dist", "fix", "order",
    "factorise",
)  # fmt: skip


class Body(dict[str, Any]):
    """The name space of a class body: it names declarations as they are assigned and keeps their order."""

    def __init__(self) -> None:
        super().__init__()
        self.declared: list[Handle | NewFamily] = []
        self.fixes: list[tuple[Handle, tuple[Expression, ...], Expression]] = []
        self.orders: list[tuple[Handle, Handle]] = []
        self.factorisations: list[tuple[tuple[Handle, ...], ...]] = []

    def __setitem__(self, key: str, value: Any) -> None:
        before = self.get(key)
        if isinstance(before, (Handle, NewFamily)) and before is not value:
            cure = f"define it by `{key}[...] = ...`, or choose another name"
            if isinstance(before, Quantity):
                role = f"{before.role.value}[...]"
                cure = f"declare it once, `{key} = {role}()`, and define it by `{key}[...] = ...` for each time"
            raise ModelError("E009", f"`{key}` is assigned twice", cure=cure)
        if isinstance(value, (Handle, NewFamily)) and value.body is None:
            value.body, value.name = self, value.name or key
            self.declared.append(value)
        super().__setitem__(key, value)


class Handle(Expression):
    """A size, letter or variable of a class body. `name` is None until it is assigned."""

    kind = "declaration"

    def __init__(self, name: str | None) -> None:
        self.name = name
        self.body: Body | None = None
        self.span = None

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("_"):
            raise AttributeError(attribute)
        cure = "name a parameter of its own for it, or index it"
        raise ModelError("E009", f"`{self}` has no attribute `{attribute}`", cure=cure)

    def __setitem__(self, slots: object, value: object) -> None:
        raise ModelError("E009", f"`{self}` is a {self.kind} and is not defined by entries", cure="assign it once")

    def __repr__(self) -> str:
        return self.name or f"a {self.kind} without a name"


class Size(Handle):
    """`size(2)`, `size()`, `const(0.1)`: a constant of the header, or a size that the data tell."""

    kind = "size"

    def __init__(self, default: object, header: bool, name: str | None) -> None:
        super().__init__(name)
        self.default, self.header = default, header


class Letter(Handle):
    """`plate(S)`, `time(T[s])`: an index letter and what it runs over."""

    kind = "letter"

    def __init__(self, over: object, ordered: bool, name: str | None) -> None:
        super().__init__(name)
        self.over, self.ordered = over, ordered


class Quantity(Handle):
    """A variable: its role, its letters, and what was said of it in brackets and by `z[s, 0] = ...`."""

    kind = "variable"

    def __init__(
        self, role: Role, letters: tuple[object, ...], said: tuple[object, ...], missing: bool, name: str | None
    ) -> None:
        super().__init__(name)
        self.role, self.letters, self.said, self.missing = role, letters, said, missing
        self.entries: list[tuple[tuple[Expression, ...], object]] = []

    def __setitem__(self, slots: object, value: object) -> None:
        written = slots if isinstance(slots, tuple) else (slots,)
        self.entries.append((tuple(expression(slot) for slot in written), value))


class NewFamily:
    """`dist`: a distribution by its log density; called, it builds a law.

    `subject` and `parameters` map names to types (or to annotations as text); `density` takes their names.
    """

    def __init__(
        self,
        subject: tuple[str, object],
        parameters: tuple[tuple[str, object], ...],
        density: Callable[..., object],
        name: str | None,
    ) -> None:
        self.subject, self.parameters, self.density, self.name = subject, parameters, density, name
        self.body: Body | None = None

    def __call__(self, /, *positional: object, **named: object) -> Law:
        if self.name is None:
            cure = "assign it first: `Gumbel = dist(...)`"
            raise ModelError("E009", "a `dist` is used before it has a name", cure=cure)
        return law(self.name, *positional, **named)


class RoleWord:
    """`param`, `param[k]`: a role, and the letters of the variable to come."""

    def __init__(self, role: Role, letters: tuple[object, ...] = ()) -> None:
        self.role, self.letters = role, letters

    def __getitem__(self, letters: object) -> RoleWord:
        return RoleWord(self.role, letters if isinstance(letters, tuple) else (letters,))

    def __call__(self, *said: Type | Law | object, missing: bool = False, name: str | None = None) -> Quantity:
        """The variable with a type, a law, both or (where it is defined entry by entry) neither.

        `name` is for names that Python does not allow, as in `lambda_ = param(positive, name="lambda")`.
        """
        return Quantity(self.role, self.letters, said, missing, name)


given, param, latent, observed, let = (
    RoleWord(role) for role in (Role.GIVEN, Role.PARAM, Role.LATENT, Role.OBSERVED, Role.LET)
)


def size(default: int | None = None, *, name: str | None = None) -> Size:
    """A size: with a default a constant of the header, without one the length of an axis of the data."""
    return Size(default, default is not None, name)


def const(default: float | None = None, *, name: str | None = None) -> Size:
    """A constant of the header; without a default it must be given when the model is bound."""
    return Size(default, True, name)


def plate(over: object, *, name: str | None = None) -> Letter:
    """A letter that runs over a size, `plate(N)`, or over a ragged one, `plate(Words[d])`."""
    return Letter(over, False, name)


def time(over: object, *, name: str | None = None) -> Letter:
    """A letter of an ordered plate: `time(T)`, `time(T[s])`."""
    return Letter(over, True, name)


def dist(
    subject: Mapping[str, object] | Callable[..., object],
    parameters: Mapping[str, object] | None = None,
    density: Callable[..., object] | None = None,
    *,
    name: str | None = None,
) -> NewFamily:
    """A new distribution, as a decorator or by its parts.

    @dist
    def Gumbel(y: real, m: real, b: positive):
        return -(y - m) / b - exp(-(y - m) / b) - log(b)

    Gumbel = dist({"y": real}, {"m": real, "b": positive}, lambda y, m, b: ...)
    """
    if isinstance(subject, Mapping) and density is not None:
        (first,) = subject.items()
        return NewFamily(first, tuple((parameters or {}).items()), density, name)
    code = getattr(subject, "__code__", None)
    if code is None or not callable(subject) or not code.co_argcount:
        cure = "write `@dist` above `def Gumbel(y: real, m: real): return ...`"
        raise ModelError("E009", f"`dist` takes a function of the value and the parameters, not {subject!r}", cure=cure)
    typed = [(word, subject.__annotations__.get(word)) for word in code.co_varnames[: code.co_argcount]]
    return NewFamily(typed[0], tuple(typed[1:]), subject, name)


def fix(entry: Expression, value: object) -> None:
    """Holds entries of a parameter at a value: `fix(A[0, 2], 0)`, `fix(start, [1, 0, 0])`."""
    target, indices = (entry.base, entry.indices) if isinstance(entry, Subscript) else (entry, ())
    handle, body = _assigned("fix", target)
    body.fixes.append((handle, indices, expression(value)))


def order(variable: Expression, by: Expression) -> None:
    """Reports the components in increasing order of a parameter: `order(mu, by=k)`."""
    (handle, body), (letter, _) = _assigned("order", variable), _assigned("order", by)
    body.orders.append((handle, letter))


def factorise(*groups: object) -> None:
    """Asks for a variational factorisation: `factorise(z, (theta, phi))` is q(z) q(theta, phi)."""
    several = [tuple(group) if isinstance(group, (tuple, list)) else (group,) for group in groups]
    handles = tuple(tuple(_assigned("factorise", member)[0] for member in group) for group in several)
    if not all(handles) or not handles:
        raise ModelError("E009", "`factorise` names no variable", cure="write `factorise(z, (theta, phi))`")
    _, body = _assigned("factorise", handles[0][0])
    body.factorisations.append(handles)


def _assigned(statement: str, target: object) -> tuple[Handle, Body]:
    """The declaration that a statement is about, and the body that it belongs to."""
    if isinstance(target, Handle) and target.body is not None:
        return target, target.body
    raise ModelError("E009", f"`{statement}` is about {target!r}, which is not declared here", cure="assign it first")
