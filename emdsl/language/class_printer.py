"""The Python source of a model: executed, it declares an equal model.

    collect(exec(to_class(model))) == model

Expressions are first put into Python's words, then written by `notation`: a name that is not assigned yet becomes
`Name("rate")`, and arithmetic of literals alone, which Python would carry out, becomes `expression(1)/2`.
"""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from textwrap import fill, indent

from emdsl.algebra.expressions import Array, Binary, Call, Expression, Name, Number, Subscript, Unary, names
from emdsl.language import declarations, vocabulary
from emdsl.language.notation import subscripts, write
from emdsl.model.statements import Constant, Law, Model, NewDistribution, Plate, Type, Variable

#: The words that the source may import.
WORDS = frozenset((*declarations.WORDS, *vocabulary.WORDS, "Model", "Name", "expression"))

#: How the package is called where a word of the language is also a name of the model.
PACKAGE = "em"

INDENT = "    "


def to_class(model: Model) -> str:
    """Source text: an import and a class, with a newline at the end."""
    return ClassPrinter(model).source()


class ClassPrinter:
    """Prints one model. `assigned` holds the names that the class body has assigned so far."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.families = {new.name for new in model.distributions}
        self.spelling = spellings((model.name, *_declared(model), *_free(model), *_arguments(model)))
        self.prefix = f"{PACKAGE}." if WORDS & set(self.spelling) else ""
        self.assigned: set[str] = set()
        self.words: set[str] = {"Model"}

    def source(self) -> str:
        bases = ", ".join([f"{self.prefix}Model", *self.renamed(self.model.name)])
        body = indent("\n".join(self.lines()) or "pass", INDENT)
        return f"{self.imports()}\n\n\nclass {self.spelling[self.model.name]}({bases}):\n{body}\n"

    def imports(self) -> str:
        if self.prefix:
            return f"import emdsl as {PACKAGE}"
        words = fill(", ".join(sorted(self.words)), 120, initial_indent=INDENT, subsequent_indent=INDENT)
        return f"from emdsl import (\n{words},\n)"

    # -- statements -------------------------------------------------------------------------------------------------

    def lines(self) -> Iterator[str]:
        model = self.model
        for constant in model.constants:
            yield self.constant(constant)
        for name in _free(model):
            yield self.assign(name, self.word("size"))
        for plate in model.plates:
            yield self.assign(plate.letter, self.word("time" if plate.ordered else "plate"), self.over(plate))
        for new in model.distributions:
            yield self.distribution(new)
        for variable in model.variables:
            yield from self.variable(variable)
        for fix in model.fixes:
            entry = self.reference(fix.name) + subscripts(map(self.write, fix.indices))
            yield f"{self.word('fix')}({entry}, {self.write(fix.value)})"
        for order in model.orders:
            yield f"{self.word('order')}({self.reference(order.name)}, by={self.reference(order.letter)})"
        for factorisation in model.factorisations:
            groups = [", ".join(map(self.reference, group)) for group in factorisation.groups]
            listed = ", ".join(f"({group})" if ", " in group else group for group in groups)
            yield f"{self.word('factorise')}({listed})"

    def assign(self, name: str, called: str, *arguments: str) -> str:
        """`lambda_ = param(positive, name="lambda")`."""
        self.assigned.add(name)
        return f"{self.spelling[name]} = {called}({', '.join([*arguments, *self.renamed(name)])})"

    def renamed(self, name: str) -> list[str]:
        """The argument `name="lambda"` where Python cannot spell the name."""
        return [] if self.spelling[name] == name else [f'name="{name}"']

    def constant(self, constant: Constant) -> str:
        if constant.default is None:
            return self.assign(constant.name, self.word("const"))
        sizes = {plate.size for plate in self.model.plates}.union(*map(names, _dims(self.model)))
        word = "size" if constant.name in sizes and isinstance(constant.default, int) else "const"
        return self.assign(constant.name, self.word(word), self.write(Number(constant.default)))

    def over(self, plate: Plate) -> str:
        size = str(plate.size) if isinstance(plate.size, int) else self.reference(plate.size)
        return size + subscripts(map(self.reference, plate.parents))

    def distribution(self, new: NewDistribution) -> str:
        arguments = (new.subject, *new.parameters)
        typed = [f'"{name}": {self.type(declared)}' for name, declared in arguments]
        outside, self.assigned = self.assigned, {name for name, _ in arguments}
        density = f"lambda {', '.join(self.spelling[name] for name, _ in arguments)}: {self.write(new.log_density)}"
        self.assigned = outside
        return self.assign(new.name, self.word("dist"), f"{{{typed[0]}}}", f"{{{', '.join(typed[1:])}}}", density)

    def variable(self, variable: Variable) -> Iterator[str]:
        role = self.word(variable.role.value) + subscripts(map(self.reference, variable.plates))
        said = [self.type(variable.type)] if variable.type else []
        if variable.value is not None:
            said.append(self.write(variable.value))
        entries = variable.definitions
        if len(entries) == 1 and variable.name not in _mentioned(entries[0].law):
            said.append(self.law(entries[0].law))
            entries = ()
        if variable.missing:
            said.append("missing=True")
        yield self.assign(variable.name, role, *said)
        for entry in entries:
            slots = ", ".join(map(self.write, entry.slots)) or "()"
            yield f"{self.spelling[variable.name]}[{slots}] = {self.law(entry.law)}"

    # -- what stands inside them ------------------------------------------------------------------------------------

    def word(self, word: str) -> str:
        """A word of the language, imported or reached through the package."""
        self.words.add(word)
        return self.prefix + word

    def reference(self, name: str) -> str:
        """A declared name; `Name("rate")` as long as it is not assigned, and for what is no expression."""
        return self.spelling[name] if name in self.assigned - self.families else f'{self.word("Name")}("{name}")'

    def write(self, node: Expression) -> str:
        return write(self.python(node))

    def type(self, declared: Type) -> str:
        return self.word(declared.kind) + subscripts(write(self.python(dim), tight=True) for dim in declared.dims)

    def law(self, law: Law) -> str:
        family = self.spelling[law.family] if law.family in self.families else self.word(law.family)
        arguments = [self.argument(name, value) for name, value in law.arguments]
        text = f"{family}({', '.join(arguments)})"
        if law.limits:
            text += f".{law.limits.kind}({self.write(law.limits.low)}, {self.write(law.limits.high)})"
        return text

    def argument(self, name: str | None, value: Expression | Law) -> str:
        text = self.law(value) if isinstance(value, Law) else self.write(value)
        if name is None:
            return text
        return f"{name}={text}" if _speakable(name) else f'**{{"{name}": {text}}}'

    def python(self, node: Expression) -> Expression:
        """The expression in Python's words; the names in it are source text."""
        match node:
            case Number(value) if math.isinf(value):
                return Name(self.word("inf")) if value > 0 else Unary("-", Name(self.word("inf")))
            case Number(value):
                return node
            case Name(name):
                return Name(self.reference(name))
            case Subscript(base, indices):
                return Subscript(self.lifted(base), tuple(map(self.python, indices)))
            case Call(function, (Number() | Array() as first, *others)) if function in vocabulary.BUILTINS:
                return Call(self.word(function), (self.lifted(first), *map(self.python, others)))
            case Call(function, arguments):
                return Call(self.word(function), tuple(map(self.python, arguments)))
            case Binary(operator, left, right):
                plain = _literal(left) and _literal(right)
                return Binary(operator, self.lifted(left) if plain else self.python(left), self.python(right))
            case Unary(operator, operand):
                return Unary(operator, self.lifted(operand))
            case Array(items):
                return Array(tuple(map(self.python, items)))
        raise TypeError(f"{node!r} is not an expression")

    def lifted(self, node: Expression) -> Expression:
        """The same, as an expression even where Python sees a number or a list."""
        return Call(self.word("expression"), (self.python(node),)) if _literal(node) else self.python(node)


def spellings(declared: Iterable[str]) -> Mapping[str, str]:
    """For each name, one that Python accepts in a class body; the name itself where it does."""
    every = list(dict.fromkeys(declared))
    taken = {name for name in every if _speakable(name)}
    found = {name: name for name in taken}
    for name in every:
        if name not in found:
            plain = re.sub(r"\W", "_", unicodedata.normalize("NFKC", name)).lstrip("_")
            spelled = f"{plain if plain.isidentifier() else 'x'}_"
            while spelled in taken:
                spelled += "_"
            taken.add(spelled)
            found[name] = spelled
    return found


def _speakable(name: str) -> bool:
    """Whether Python takes the name in a class body as it stands: no keyword, not mangled, not normalised."""
    return (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and not name.startswith("__")
        and name != PACKAGE
        and unicodedata.normalize("NFKC", name) == name
    )


def _literal(node: Expression) -> bool:
    return isinstance(node, (Number, Array))


def _declared(model: Model) -> Iterator[str]:
    for constant in model.constants:
        yield constant.name
    for plate in model.plates:
        yield plate.letter
    for new in model.distributions:
        yield new.name
    for variable in model.variables:
        yield variable.name


def _arguments(model: Model) -> Iterator[str]:
    for new in model.distributions:
        for name, _ in (new.subject, *new.parameters):
            yield name


def _free(model: Model) -> tuple[str, ...]:
    """Names that the model uses and never declares: the sizes that the data tell."""
    declared = frozenset(_declared(model))
    return tuple(name for name in dict.fromkeys(_used(model)) if name not in declared)


def _used(model: Model) -> Iterator[str]:
    for plate in model.plates:
        yield from (plate.size,) if isinstance(plate.size, str) else ()
        yield from plate.parents
    for dim in _dims(model):
        yield from sorted(names(dim))
    for variable in model.variables:
        yield from variable.plates
        if variable.value is not None:
            yield from sorted(names(variable.value))
        for definition in variable.definitions:
            yield from sorted(_mentioned(definition.law))
    for fix in model.fixes:
        yield fix.name
        for expression in (*fix.indices, fix.value):
            yield from sorted(names(expression))
    for order in model.orders:
        yield from (order.name, order.letter)
    for factorisation in model.factorisations:
        for group in factorisation.groups:
            yield from group


def _dims(model: Model) -> Iterator[Expression]:
    typed = [variable.type for variable in model.variables if variable.type]
    typed += [declared for new in model.distributions for _, declared in (new.subject, *new.parameters)]
    for declared in typed:
        yield from declared.dims


def _mentioned(law: Law) -> frozenset[str]:
    """The names in a law, limits included."""
    inside = [_mentioned(value) if isinstance(value, Law) else names(value) for _, value in law.arguments]
    if law.limits:
        inside += [names(law.limits.low), names(law.limits.high)]
    return frozenset().union(*inside)
