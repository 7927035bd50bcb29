"""What an expression is: its shape and kind, with every name, letter, index and operand checked on the way.

read(mu[z[n]]) = value of mu's event axes,   read(a @ b) = product(read(a), read(b)), …
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from emdsl.algebra.expressions import FUNCTIONS, Array, Binary, Call, Expression, Name, Number, Subscript, Unary
from emdsl.model import indexing, mistakes
from emdsl.model.indexing import Axis, Scope
from emdsl.model.names import Names, closest
from emdsl.model.shapes import (
    ELEMENTWISE,
    NONNEGATIVE,
    SCALAR,
    UNKNOWN,
    Dim,
    Shape,
    Sizes,
    Value,
    axis_taken,
    combined_range,
    dim_of,
    elementwise,
    known,
    merged,
    product,
    range_of,
    shape_text,
)
from emdsl.model.spelling import reference, spelled
from emdsl.model.supports import literal


@dataclass(frozen=True)
class Reader:
    """Reads expressions against a name space.

    `events`: what one value of each variable is (its event axes), for the variables of which that is known by now.
    """

    names: Names
    sizes: Sizes
    events: Mapping[str, Value]

    def read(self, node: Expression, scope: Scope) -> Value:
        """The value of an expression; ModelError on the first mistake in it."""
        number = literal(node, self.sizes.numbers)
        match node:
            case Number(value):
                kind = "real" if value < 0 else "positive"
                return Value((), kind, sure=True, number=float(value))
            case Name(name):
                return replace(self._name(name, node, scope), number=number if isinstance(number, float) else None)
            case Subscript():
                return self._subscript(node, scope)
            case Call():
                return self._call(node, scope)
            case Unary(_, operand):
                inner = self.read(operand, scope)
                # The negative of a positive variable is surely not positive; that of a real one may be anything.
                result = replace(inner, kind="real", size=None, sure=inner.sure and inner.kind in NONNEGATIVE)
            case Binary("@", left, right):
                texts = (spelled(left), spelled(right))
                result = product(self.read(left, scope), self.read(right, scope), self.sizes, texts, node.span)
            case Binary(operator, left, right):
                first, second = self.read(left, scope), self.read(right, scope)
                result = elementwise(operator, first, second, self.sizes, node.span)
                size = combined_range(operator, first, second, self.sizes)
                result = replace(result, kind=result.kind if size is None else "count", size=size)
            case Array(items):
                return self._array(tuple(self.read(item, scope) for item in items), node)
            case _:
                raise TypeError(f"{node!r} is not an expression")
        if isinstance(number, float):
            return Value((), "real" if number < 0 else "positive", sure=True, number=number)
        return replace(result, number=None)

    def _name(self, name: str, node: Expression, scope: Scope) -> Value:
        names = self.names
        if scope.local is not None:
            if name in scope.local:
                return scope.local[name]
            if name not in names.constants:
                raise mistakes.requests.foreign_name(name, scope.owner, closest(name, scope.local), node.span)
        if name in names.variables:
            return self._bare(name)
        if name in names.plates:
            plate = names.plates[name]
            raise mistakes.names.letter_as_number(name, plate.size, node.span)
        if name in names.constants:
            return SCALAR
        if name in names.sizes:
            if names.sizes[name]:
                raise mistakes.names.ragged_size(name, names.sizes[name], node.span)
            return Value((), "positive")
        if name in names.distributions:
            raise mistakes.names.distribution_as_value(name, node.span)
        raise mistakes.names.unknown_name(name, closest(name, names.values()), node.span)

    def _bare(self, name: str) -> Value:
        """A variable without indices: the stacked array, plates first."""
        plates = self._plate_sizes(name)
        event = self.events.get(name, UNKNOWN)
        if event.shape is None:
            return UNKNOWN
        return replace(event, shape=plates + event.shape, stacked=len(plates))

    def _plate_sizes(self, name: str) -> Shape:
        return tuple(self.names.plates[letter].size for letter in self.names.variables[name].plates)

    def _subscript(self, node: Subscript, scope: Scope) -> Value:
        base, indices = node.base, node.indices
        if isinstance(base, Name) and scope.local is None:
            if base.name in self.names.variables:
                return self._indexed(base.name, base.name, self._plate_sizes(base.name), node, scope)
            if self.names.sizes.get(base.name):
                return self._ragged_size(base.name, node, scope)
            if base.name in self.names.sizes or base.name in self.names.constants:
                raise mistakes.indices.number_indexed(base.name, base.span)
        value = self.read(base, scope)
        if value.shape is None:
            for index in indices:
                self._index(index, Axis(spelled(base), None, indices, 0), scope)
            return UNKNOWN
        return self._take(value, spelled(base), node, scope)

    def _ragged_size(self, name: str, node: Subscript, scope: Scope) -> Value:
        """`I[s]`: the number of elements in group s."""
        parents = self.names.sizes[name]
        if len(node.indices) != len(parents):
            raise mistakes.names.ragged_size(name, parents, node.span)
        for position, (index, parent) in enumerate(zip(node.indices, parents, strict=True)):
            self._index(index, Axis(name, self.names.plates[parent].size, node.indices, position), scope)
        return Value((), "positive")

    def _indexed(self, name: str, text: str, plates: Shape, node: Subscript, scope: Scope) -> Value:
        event = self.events.get(name, UNKNOWN)
        if event.shape is not None:
            return self._take(replace(event, shape=plates + event.shape, stacked=len(plates)), text, node, scope)
        for position, index in enumerate(node.indices):
            dim = plates[position] if position < len(plates) else None
            self._index(index, Axis(text, dim, node.indices, position), scope)
        return UNKNOWN

    def _take(self, value: Value, text: str, node: Subscript, scope: Scope) -> Value:
        """`value[indices]`: leading axes are taken, the others are left."""
        shape, indices = value.shape or (), node.indices
        if len(indices) > len(shape):
            declared = self._declared_with_letters(node)
            raise mistakes.indices.too_many_indices(
                text, len(indices), shape_text(shape), declared, indices[len(shape)].span
            )
        for position, index in enumerate(indices):
            self._index(index, Axis(text, shape[position], indices, position), scope)
        taken = replace(value, shape=shape[len(indices) :], stacked=max(0, value.stacked - len(indices)), number=None)
        if len(indices) <= value.stacked:
            return taken
        if value.kind == "cov" and len(indices) == len(shape) and indices[-1] == indices[-2]:
            return replace(taken, kind="positive")
        return axis_taken(taken, len(shape) - len(indices))

    def _declared_with_letters(self, node: Subscript) -> str | None:
        if isinstance(node.base, Name) and node.base.name in self.names.variables:
            return reference(node.base.name, self.names.variables[node.base.name].plates)
        return None

    def _index(self, index: Expression, axis: Axis, scope: Scope) -> None:
        match index:
            case Name(name) if name in self.names.plates:
                candidates = self._discrete(axis.dim, scope)
                indexing.index_by_letter(name, axis, scope, self.names, self.sizes, index.span, candidates)
            case Number(number):
                indexing.index_by_number(number, axis, scope, self.names, self.sizes, index.span)
            case Name(name) if name in self.names.sizes and name == axis.dim:
                letters = (letter for letter, plate in self.names.plates.items() if plate.size == name)
                own = next((axis.with_index(letter) for letter in letters if letter in scope.letters), None)
                raise mistakes.names.size_as_letter(name, own, index.span)
            case _:
                lag = indexing.lag_of(index, self.names)
                if lag is not None:
                    indexing.index_by_lag(*lag, axis, scope, self.names, self.sizes, index.span)
                else:
                    value = self.read(index, scope)
                    if not self._is_open(index, value, scope):
                        indexing.index_by_value(index, value, axis, self.names, self.sizes, index.span)

    def _is_open(self, index: Expression, value: Value, scope: Scope) -> bool:
        """Whether the range of a computed index hangs on constants that are not bound yet: some values give it one."""
        constants, numbers = self.names.constants, self.sizes.numbers
        if isinstance(index, Name | Subscript) or value.size is not None or constants.keys() <= numbers.keys():
            return False
        trial = {name: constant.default or 2 for name, constant in constants.items()}
        return replace(self, sizes=Sizes({**trial, **numbers})).read(index, scope).size is not None

    def _discrete(self, dim: Dim, scope: Scope) -> Iterator[str]:
        """References to discrete variables that run over `dim` and may be used here, latent ones first."""
        found = [
            variable
            for variable in self.names.variables.values()
            if dim is not None
            and self.events.get(variable.name, UNKNOWN).kind == "index"
            and self.events[variable.name].size == dim
            and variable.name != scope.owner
            and scope.letters.issuperset(variable.plates)
        ]
        found.sort(key=lambda variable: variable.role.value != "latent")
        for variable in found:
            yield reference(variable.name, variable.plates)

    def with_letters(self, node: Expression, scope: Scope) -> str | None:
        """`mu[z[n]]` for a bare `mu`: each plate by a letter or a discrete variable over it; None without one."""
        if not isinstance(node, Name) or node.name not in self.names.variables:
            return None
        indices = []
        for letter in self.names.variables[node.name].plates:
            size = self.names.plates[letter].size
            own = (other for other in sorted(scope.letters) if self.names.plates[other].size == size)
            found = letter if letter in scope.letters else next(own, None) or next(self._discrete(size, scope), None)
            if found is None:
                return None
            indices.append(found)
        return reference(node.name, tuple(indices))

    def _array(self, items: tuple[Value, ...], node: Array) -> Value:
        if not items:
            raise mistakes.shapes.empty_array(node.span)
        shapes = [item.shape for item in items if item.shape is not None]
        if len(shapes) < len(items):
            return UNKNOWN
        inner = shapes[0]
        for shape, item in zip(shapes[1:], node.items[1:], strict=True):
            if not self.sizes.same_shape(inner, shape):
                raise mistakes.shapes.uneven_array(shape_text(inner), shape_text(shape), item.span or node.span)
            inner = merged(inner, shape)
        kinds = {item.kind for item in items}
        kind = "unit" if kinds <= {"unit", "simplex"} else "positive" if kinds <= NONNEGATIVE else "real"
        return Value((len(items), *inner), kind)

    def _call(self, node: Call, scope: Scope) -> Value:
        name, arguments = node.function, node.arguments
        if name not in FUNCTIONS:
            raise mistakes.names.unknown_function(name, closest(name, FUNCTIONS), node.span)
        if name == "sum" and len(arguments) == 2:
            return self._sum_over_letter(arguments[0], arguments[1], scope)
        if name in ("eye", "ones", "zeros"):
            return self._filled(node, scope)
        values = tuple(self.read(argument, scope) for argument in arguments)
        if name in ("min", "max"):
            return self._extreme(node, values)
        wanted = 2 if name in ("dot", "outer") else 1
        if len(values) != wanted:
            raise mistakes.shapes.argument_count(name, wanted, len(values), node.span)
        if name in ELEMENTWISE:
            value = values[0]
            kind = "positive" if name == "expm1" and value.kind in NONNEGATIVE else ELEMENTWISE[name]
            if name == "abs" and isinstance(arguments[0], Binary) and arguments[0].operator == "-":
                first, second = (self.read(side, scope) for side in (arguments[0].left, arguments[0].right))
                size = combined_range("max", first, second, self.sizes)
                kind = "count" if {first.kind, second.kind} <= {"count", "index"} else kind
                return Value(value.shape, kind, size, stacked=value.stacked)
            return Value(value.shape, kind, stacked=value.stacked)
        if any(value.shape is None for value in values):
            return UNKNOWN
        return self._vector_function(node, values)

    def _sum_over_letter(self, body: Expression, over: Expression, scope: Scope) -> Value:
        if not isinstance(over, Name) or over.name not in self.names.plates or scope.local is not None:
            raise mistakes.shapes.sum_over_what(spelled(over), closest(spelled(over), self.names.plates), over.span)
        indexing.check_summed(over.name, over.span, scope, self.names)
        value = self.read(body, scope.with_letter(over.name))
        kind = value.kind if value.kind in ("count", "cov") else "positive" if value.kind in NONNEGATIVE else "real"
        count, states = self.sizes.resolved(self.names.plates[over.name].size), range_of(value)
        size = count * (states - 1) + 1 if isinstance(count, int) and isinstance(states, int) else None
        return Value(value.shape, "count" if value.kind == "index" else kind, size, stacked=value.stacked)

    def _filled(self, node: Call, scope: Scope) -> Value:
        """`eye(D)`, `ones(K)`, `zeros(D, H)`: the arguments are sizes."""
        limit = 1 if node.function == "eye" else 2
        if not 1 <= len(node.arguments) <= limit:
            raise mistakes.shapes.argument_count(node.function, limit, len(node.arguments), node.span)
        dims = tuple(self._size(argument, scope) for argument in node.arguments)
        if node.function == "eye":
            return Value(dims * 2, "cov")
        return Value(dims, "positive" if node.function == "ones" else "real")

    def _size(self, node: Expression, scope: Scope) -> Dim:
        if isinstance(node, Name) and node.name in self.names.plates:
            raise mistakes.names.not_a_size(
                node.name, "the letter of a plate", str(self.names.plates[node.name].size), node.span
            )
        value = self.read(node, scope)
        if value.shape is not None and not value.scalar:
            raise mistakes.shapes.argument_shape("a size", "a number", shape_text(value.shape), node.span)
        if isinstance(node, Name) and node.name in self.names.variables:
            raise mistakes.names.not_a_size(node.name, self.names.meaning(node.name) or "a variable", None, node.span)
        if value.number is not None and (value.number < 1 or not value.number.is_integer()):
            raise mistakes.names.empty_size(spelled(node), value.number, node.span)
        if isinstance(node, Subscript) and isinstance(node.base, Name) and node.base.name in self.names.sizes:
            return node.base.name
        return dim_of(node)

    def _extreme(self, node: Call, values: tuple[Value, ...]) -> Value:
        """`min(a, b, …)` entry by entry, `min(v)` over a vector."""
        if not values:
            raise mistakes.shapes.argument_count(node.function, 2, 0, node.span)
        if len(values) == 1:
            if values[0].shape is not None and len(values[0].shape) != 1:
                raise mistakes.shapes.argument_shape(
                    f"`{node.function}`", "a vector", shape_text(values[0].shape), node.span
                )
            return Value((), axis_taken(values[0], 0).kind)
        result = values[0]
        for value in values[1:]:
            size = combined_range(node.function, result, value, self.sizes)
            kind = result.kind if result.kind == value.kind else "real"
            if {result.kind, value.kind} <= NONNEGATIVE and kind == "real":
                kind = "positive"
            kind = "count" if size is not None and kind != "index" else kind
            combined = elementwise("+", result, value, self.sizes, node.span)
            result = replace(combined, kind=kind, sure=False, size=size, number=None)
        return result

    def _vector_function(self, node: Call, values: tuple[Value, ...]) -> Value:
        name, first = node.function, values[0]
        shape = first.shape or ()
        rank = len(shape)

        def need(fits: bool, wanted: str) -> None:
            if not fits:
                raise mistakes.shapes.argument_shape(
                    f"`{name}`", wanted, shape_text(shape), node.arguments[0].span or node.span
                )

        nonnegative = all(value.kind in NONNEGATIVE for value in values)
        match name:
            case "sum":
                need(rank == 1, "a vector")
                return Value((), "count" if first.kind in ("count", "index") else "positive" if nonnegative else "real")
            case "softmax":
                need(rank >= 1, "a vector")
                return Value(shape, "simplex")
            case "dot":
                need(rank == 1, "two vectors")
                texts = (spelled(node.arguments[0]), spelled(node.arguments[1]))
                return product(first, values[1], self.sizes, texts, node.span)
            case "outer":
                need(rank == 1 and values[1].rank == 1, "two vectors")
                return Value((*shape, *(values[1].shape or ())), "positive" if nonnegative else "real")
            case "diag":
                need(rank == 1 or (rank == 2 and self.sizes.agree(*shape)), "a vector or a square matrix")
                if rank == 2:
                    return Value((known(*shape),), "positive" if first.kind == "cov" else first.kind)
                return Value(shape * 2, "cov" if nonnegative else "real")
            case "stationary":
                need(rank == 2 and self.sizes.agree(*shape), "a square transition matrix, such as `stationary(A)`")
                return Value((known(*shape),), "simplex")
        raise TypeError(f"`{name}` has no rule for shapes")
