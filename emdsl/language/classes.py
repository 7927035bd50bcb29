"""The Python front end: a class body to Model.

    class body --Body: names--> declarations --collect--> Model

A class and its text give equal models. Mistakes raise ModelError without a place, naming the attribute; Python's own
traceback points at the class.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from emdsl.algebra.expressions import (
    Array,
    Binary,
    Call,
    Expression,
    Name,
    Number,
    Subscript,
    Unary,
    expression,
    subscript,
)
from emdsl.errors import ModelError
from emdsl.language.declarations import Body, Handle, Letter, NewFamily, Quantity, Size
from emdsl.language.definitions import check_definitions
from emdsl.model import elsewhere
from emdsl.model.statements import (
    Constant,
    Definition,
    Factorise,
    Fix,
    Law,
    Limits,
    Model,
    NewDistribution,
    Order,
    Plate,
    Role,
    Type,
    Variable,
)


class ModelType(type):
    """The class of model classes: it collects the statements of the class body.

    `class Name(Model, name="other")` names the model otherwise than the class.
    """

    declaration: Model | None

    @classmethod
    def __prepare__(metacls, name: str, bases: tuple[type, ...], /, **keywords: Any) -> Body:
        return Body()

    def __new__(metacls, cls_name: str, bases: tuple[type, ...], body: Body, /, name: str | None = None) -> ModelType:
        stated = {key for key, value in body.items() if isinstance(value, (Expression, Law, NewFamily))}
        cls = super().__new__(metacls, cls_name, bases, {key: body[key] for key in body if key not in stated})
        if stated:
            cls.declaration = collect(name or cls_name, body)
        return cls

    def __init__(cls, cls_name: str, bases: tuple[type, ...], body: Body, /, name: str | None = None) -> None:
        super().__init__(cls_name, bases, body)


class Declaration(metaclass=ModelType):
    """Base of model classes."""

    declaration = None

    @classmethod
    def declared(cls) -> Model:
        """The model that the class states. Raises ModelError (E009) for a class without statements."""
        if cls.declaration is None:
            cure = "give it variables, such as `x = observed[n](Normal(mu, sd=1))`"
            raise ModelError("E009", f"the class `{cls.__name__}` declares nothing", cure=cure)
        return cls.declaration


def collect(cls_name: str, namespace: Body) -> Model:
    """The model of a class body. Raises ModelError (E008, E009) for what no statement can say."""
    return Collector(namespace).model(cls_name)


class Collector:
    """Makes statements of declarations, and remembers which laws and expressions were used."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.used: set[int] = set()

    def model(self, name: str) -> Model:
        constants: list[Constant] = []
        plates: list[Plate] = []
        variables: list[Variable] = []
        distributions: list[NewDistribution] = []
        for declared in self.body.declared:
            match declared:
                case Size() if declared.header:
                    constants.append(self.constant(declared))
                case Letter():
                    plates.append(self.plate(declared))
                case Quantity():
                    variables.append(self.variable(declared))
                case NewFamily():
                    distributions.append(self.distribution(declared))
        result = Model(
            name,
            tuple(constants),
            tuple(plates),
            tuple(variables),
            tuple(distributions),
            tuple(
                Fix(str(target.name), self.plain_all(indices, "fix"), self.plain(value, "fix"))
                for target, indices, value in self.body.fixes
            ),
            tuple(Order(str(target.name), self.letter(by, str(target.name))) for target, by in self.body.orders),
            tuple(
                Factorise(tuple(tuple(str(member.name) for member in group) for group in groups))
                for groups in self.body.factorisations
            ),
        )
        self.check_all_used()
        return result

    # -- declarations -----------------------------------------------------------------------------------------------

    def constant(self, declared: Size) -> Constant:
        """A constant of the header."""
        default = None if declared.default is None else self.value(declared.default, str(declared.name))
        if not isinstance(default, Number | None):
            raise mistake(declared, "has a default that is not a number", "write a number, or leave the default away")
        return Constant(str(declared.name), default.value if isinstance(default, Number) else None)

    def plate(self, declared: Letter) -> Plate:
        """A letter with the size that it runs over."""
        where = str(declared.name)
        over = self.value(declared.over, where)
        parents: tuple[Expression, ...] = ()
        if isinstance(over, Subscript):
            written = declared.over.indices if isinstance(declared.over, Subscript) else ()
            parents = tuple(Name(self.letter(parent, where)) for parent in written)
            over = over.base
        match over:
            case Name(size) | Number(int() as size):
                letters = tuple(parent.name for parent in parents if isinstance(parent, Name))
                return Plate(where, size, letters, declared.ordered)
        raise mistake(declared, "does not run over a size", "write `plate(N)`, `plate(10)` or `plate(Words[d])`")

    def variable(self, declared: Quantity) -> Variable:
        """A variable of any role."""
        where, role = str(declared.name), declared.role
        plates = tuple(self.letter(letter, where) for letter in declared.letters)
        types = [said for said in declared.said if isinstance(said, Type)]
        laws = [said for said in declared.said if isinstance(said, Law)]
        others = [said for said in declared.said if not isinstance(said, (Type, Law))]
        if declared.missing and role is not Role.OBSERVED:
            raise mistake(declared, "is not observed, and `missing` is for observed variables", "leave `missing` away")
        if role is Role.LET:
            if len(others) != 1 or types or laws or declared.entries:
                raise mistake(declared, "is a `let` without a single value", "write `let[n](X[n] @ b)`")
            return Variable(where, role, plates, value=self.value(others[0], where))
        for other in others:
            raise mistake(
                declared, f"is given {other!r}, which is neither a type nor a law", _in_its_place(other, role)
            )
        if len(types) > 1 or len(laws) > 1 or (role is Role.GIVEN and (laws or declared.entries or not types)):
            said = "a type and no law" if role is Role.GIVEN else "at most one type and one law"
            raise mistake(declared, f"is a `{role.value}`, which takes {said}", "define fixed times by `z[s, 0] = ...`")
        definitions = [Definition(tuple(map(Name, plates)), self.law(law, where)) for law in laws]
        definitions += [self.definition(slots, law, declared) for slots, law in declared.entries]
        if not definitions and role in (Role.LATENT, Role.OBSERVED):
            raise mistake(declared, "has no law", f"write `{role.value}[n](Normal(mu, sd=1))`")
        check_definitions(where, role.value, plates, definitions)
        declared_type = self.type(types[0], where) if types else None
        return Variable(where, role, plates, declared_type, tuple(definitions), missing=declared.missing)

    def definition(self, slots: tuple[Expression, ...], law: object, declared: Quantity) -> Definition:
        """`z[s, 0] = law`."""
        where = str(declared.name)
        if not isinstance(law, Law):
            raise mistake(declared, f"is defined by {law!r}, which is no law", "write `z[n] = Normal(mu, sd=1)`")
        written = tuple(
            Name(self.letter(slot, where)) if isinstance(slot, Handle) else self.plain(slot, where) for slot in slots
        )
        return Definition(written, self.law(law, where))

    def distribution(self, declared: NewFamily) -> NewDistribution:
        """A distribution by its log density, which is called with the names of its arguments."""
        where = str(declared.name)
        (subject, *parameters) = (
            (word, self.annotation(said, declared)) for word, said in (declared.subject, *declared.parameters)
        )
        density = declared.density(*(Name(word) for word, _ in (subject, *parameters)))
        return NewDistribution(where, subject, tuple(parameters), self.value(density, where))

    def annotation(self, said: object, declared: NewFamily) -> Type:
        """The type of an argument of `dist`; under `from __future__ import annotations` it comes as text."""
        if isinstance(said, str):
            said = eval(said, getattr(declared.density, "__globals__", {}), self.body)
        if not isinstance(said, Type):
            cure = "annotate each argument: `def Gumbel(y: real, m: real, b: positive)`"
            raise mistake(declared, f"has an argument whose type is {said!r}", cure)
        return self.type(said, str(declared.name))

    # -- what stands inside them ------------------------------------------------------------------------------------

    def letter(self, said: object, where: str) -> str:
        """The name of a letter."""
        if isinstance(said, Name):
            return said.name
        if isinstance(said, Letter):
            return str(self.name(said, where).name)
        what = f"`{said}` is a {said.kind} and" if isinstance(said, Handle) else f"{said!r} is"
        cure = "declare a letter, `n = plate(N)`, and index by it"
        raise ModelError("E009", f"in `{where}`: {what} not a letter", cure=cure)

    def name(self, handle: Handle, where: str) -> Name:
        """The name that stands for a declaration."""
        if handle.name is None or handle.body is None:
            message = f"in `{where}`: a {handle.kind} is used that is assigned to no name"
            raise ModelError("E009", message, cure="assign it to a name in the class body first")
        if handle.body is not self.body:
            message = f"in `{where}`: `{handle.name}` belongs to another model"
            raise ModelError("E009", message, cure=f"declare `{handle.name}` in this class")
        return Name(handle.name)

    def value(self, said: object, where: str) -> Expression:
        """Anything that can stand in an expression, with names in place of declarations."""
        try:
            written = expression(said)
        except TypeError as error:
            cure = "name variables, numbers or expressions of them"
            raise ModelError("E009", f"in `{where}`: {error}", cure=cure) from None
        return self.plain(written, where)

    def plain(self, node: Expression, where: str) -> Expression:
        """The expression with names in place of declarations."""
        self.used.add(id(node))
        match node:
            case Handle():
                return self.name(node, where)
            case Subscript(base, indices):
                return subscript(self.plain(base, where), self.plain_all(indices, where))
            case Call(function, arguments):
                return Call(function, self.plain_all(arguments, where))
            case Binary(operator, left, right):
                return Binary(operator, self.plain(left, where), self.plain(right, where))
            case Unary(operator, operand):
                inner = self.plain(operand, where)
                return Number(-inner.value) if isinstance(inner, Number) else Unary(operator, inner)
            case Array(items):
                return Array(self.plain_all(items, where))
        return node

    def plain_all(self, nodes: tuple[Expression, ...], where: str) -> tuple[Expression, ...]:
        return tuple(self.plain(node, where) for node in nodes)

    def type(self, said: Type, where: str) -> Type:
        """The type with names in place of sizes."""
        return replace(said, dims=self.plain_all(said.dims, where))

    def law(self, said: Law, where: str) -> Law:
        """The law with names in place of declarations."""
        self.used.add(id(said.arguments))
        arguments = tuple(
            (name, self.law(value, where) if isinstance(value, Law) else self.plain(value, where))
            for name, value in said.arguments
        )
        limits = said.limits and Limits(
            said.limits.kind, self.plain(said.limits.low, where), self.plain(said.limits.high, where)
        )
        return Law(said.family, arguments, limits)

    def check_all_used(self) -> None:
        """Raises ModelError (E009) for a law or an expression that was assigned and then left alone."""
        for key, value in self.body.items():
            if isinstance(value, Law) and id(value.arguments) not in self.used:
                cure = f"write `{key} = latent[...]({value.family}(...))`, or `observed` or `param`"
                raise ModelError("E009", f"`{key}` is a law alone, and no variable is drawn from it", cure=cure)
            if isinstance(value, Expression) and not isinstance(value, Handle) and id(value) not in self.used:
                cure = f"write `{key} = let[...](...)`, or leave it away"
                raise ModelError("E009", f"`{key}` is an expression that no statement uses", cure=cure)


def _in_its_place(said: object, role: Role) -> str:
    """What to write for something that is neither a type nor a law."""
    if isinstance(said, Letter):
        return f"letters stand in square brackets: `{role.value}[{said}](...)`"
    kind = elsewhere.type_kind(said.__name__ if isinstance(said, type) else str(said))
    example = "real" if role is Role.GIVEN else "real, Normal(mu, sd=1)"
    return f"did you mean `{kind}`?" if kind else f"write `{role.value}[n]({example})`"


def mistake(declared: Handle | NewFamily, what: str, cure: str) -> ModelError:
    """A mistake in one attribute of the class."""
    return ModelError("E009", f"`{declared.name}` {what}", cure=cure)
