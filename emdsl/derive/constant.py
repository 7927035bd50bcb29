"""What data alone determine in a function over a network: a function of its own, called once before all iterations.

fixed_z(data, params)  →  {"x_squared": …}          in `infer_z`:  x_squared = fixed["x_squared"]
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from emdsl.algebra.indices import Index
from emdsl.arrays.algebra import carried_axes, sole_operand
from emdsl.arrays.body import Assign, When
from emdsl.arrays.expressions import Apply, Array, Contraction, Named, Total, read, total
from emdsl.arrays.programme import Function, Nested, ProgrammeStatement
from emdsl.arrays.reading import names_read, ordered_names, times_assigned
from emdsl.derive.levels import quantity_name
from emdsl.derive.schedule import Schedule, is_new
from emdsl.derive.setting import Setting


def prepared_key(network: str) -> str:
    """Where the constants of a network stand in prepared data."""
    return f"fixed.{network}"


class Constants:
    """Arranges the statements of one function, and takes out what data alone determine."""

    def __init__(self, network: str, latents: Sequence[str], setting: Setting, within: str = "") -> None:
        """`within`: the function, that which infers the network unless another is named."""
        self.network, self.setting = network, setting
        self.within = within or setting.names.of(f"infer {network}")
        names, symbols = setting.names, setting.scope.symbols
        self.data = {names.of(name) for name in symbols if setting.is_data(name)}
        self.data |= {names.of(quantity_name(name)) for name in setting.levels}
        sizes = {size for symbol in symbols.values() for size, _ in symbol.axes if isinstance(size, str)}
        sizes |= {symbol.categories for symbol in symbols.values() if isinstance(symbol.categories, str)}
        self.known = self.data | {names.of(size) for size in sizes} | {"data", "np", "float", "int"}
        many = {size for name in latents if name in symbols for size, _ in symbols[name].plates}
        many |= {symbol.plates[0][0] for name, symbol in symbols.items() if setting.is_data(name) and symbol.plates}
        self.rows = many - {size for name in setting.parameters for size, _ in symbols[name].axes}
        self.many = {names.of(size) for size in self.rows if isinstance(size, str)}
        symmetric = frozenset(names.of(f"{kind}{name}") for name in setting.symmetric for kind in ("", "inverse_"))
        categories = {symbols[name].categories for name in latents if name in symbols}
        self.schedule = Schedule(self.is_row, lambda index: index.size in categories, self.is_fixed, symmetric)
        self.taken: list[Assign] = []
        self.values: dict[str, str] = {}

    def is_row(self, index: Index) -> bool:
        return index.size in self.rows

    # ---------------------------------------------------------------- what is fixed

    def is_fixed(self, value: Array | float | str) -> bool:
        """Whether data and sizes alone determine a value."""
        return names_read(value) <= self.known and not _reads_optional(value)

    def _worthwhile(self, value: Array | str) -> bool:
        words = names_read(value)
        return bool(words & (self.data | self.many | {"data"})) or bool(words & {one.target for one in self.taken})

    # ---------------------------------------------------------------- statements

    def arranged(self, statements: Sequence[ProgrammeStatement], outermost: bool = True) -> list[ProgrammeStatement]:
        """The statements that are left."""
        result: list[ProgrammeStatement] = []
        for statement in statements:
            match statement:
                case Assign(target, value, comment):
                    new = self.schedule.arranged(value) if not isinstance(value, str) else value
                    movable = outermost and re.fullmatch(r"\w+", target) and times_assigned(statements, target) == 1
                    if movable and self.is_fixed(new) and self._worthwhile(new):
                        self.known.add(target)
                        self.taken.append(Assign(target, new, comment))
                        if not isinstance(new, str) and carried_axes(new) == {*new.axes}:
                            self.values.setdefault(_canonical(new), target)
                        continue
                    if isinstance(new, Named) and new.name == target:
                        continue
                    if not isinstance(new, str):
                        new = self._without_constants(new)
                    result.append(Assign(target, new, comment))
                case When(condition, assign):
                    value = assign.value
                    new = self.schedule.arranged(value) if not isinstance(value, str) else value
                    result.append(When(condition, replace(assign, value=new)))
                case Nested(header, body):
                    result.append(Nested(header, tuple(self.arranged(body, outermost=False))))
                case _:
                    result.append(statement)
        return result

    def stepwise(self, statements: Sequence[ProgrammeStatement]) -> list[ProgrammeStatement]:
        """The statements with sums of long arrays added up in place."""
        result: list[ProgrammeStatement] = []
        for statement in statements:
            match statement:
                case Assign():
                    result += self._step_by_step(statement)
                case Nested(header, body):
                    result.append(Nested(header, tuple(self.stepwise(body))))
                case _:
                    result.append(statement)
        return result

    def _step_by_step(self, assign: Assign) -> list[Assign]:
        """A sum of several long arrays added up in the first new one."""
        value = assign.value
        inner = value.arguments[0] if isinstance(value, Apply) and value.function == "added_at" else None
        if isinstance(value, Apply) and isinstance(inner, Total):
            steps = self._step_by_step(replace(assign, value=inner))
            if len(steps) > 1:
                own = Named(assign.target, value.axes)
                return [*steps, Assign(assign.target, replace(value, arguments=(own, *value.arguments[1:])))]
        if not isinstance(value, Total) or not re.fullmatch(r"\w+", assign.target):
            return [assign]
        whole = frozenset(value.axes) if any(self.is_row(axis) for axis in value.axes) else None
        long = [one for one in value.parts if carried_axes(one) == whole]
        first = next((one for one in long if is_new(one) and not self.is_fixed(one)), None)
        short = [one for one in value.parts if one not in long]
        if len(long) < 2 or first is None or assign.target in names_read(value):
            return [assign]
        rest = [one for one in long if one is not first]
        taken = next((one for one in rest if _is_plain(one)), None)
        if taken is not None and _is_negative(first):  # y − x in one go
            first, rest = Total((taken, first), value.axes), [one for one in rest if one is not taken]
        rest += [total(tuple(short), value.axes)] if short else []
        return [replace(assign, value=first), *(Assign(assign.target, one, added=True) for one in rest)]

    def _without_constants(self, value: Array) -> Array:
        """The value with its largest constant parts by name."""
        if not _is_plain(value) and self.is_fixed(value) and self._worthwhile(value):
            return self._constant(value)
        match value:
            case Contraction():
                operands = (
                    one if isinstance(one.array, Named) else replace(one, array=self._without_constants(one.array))
                    for one in value.operands
                )
                return replace(value, operands=tuple(operands))
            case Total(parts, axes):
                changed_parts = (self._without_constants(part) for part in parts)
                return Total(
                    tuple(
                        Contraction(1.0, (read(part),), axes) if isinstance(part, Named) and part.axes != axes else part
                        for part in changed_parts
                    ),
                    axes,
                )
            case Apply(function, arguments, axes):
                changed = [a if isinstance(a, float | int | str) else self._without_constants(a) for a in arguments]
                first = changed[0] if changed else None
                if function == "added_at" and isinstance(first, Contraction | Named) and _is_plain(first):
                    changed[0] = Apply("np.array", (first,), axes)  # it is written into
                return Apply(function, tuple(changed), axes)
        return value

    def _constant(self, value: Array) -> Array:
        if isinstance(value, Contraction) and value.coefficient != 1.0:
            whole = replace(value, coefficient=1.0)
            if _is_plain(whole):
                return value
            plain = self._constant(whole)
            return Contraction(value.coefficient, (read(plain),), value.axes)
        axes = _own_axes(value)
        key = _canonical(value)
        if key not in self.values:
            target = self.setting.names.fresh(self._hint(value))
            own = value if not isinstance(value, Contraction) else replace(value, axes=axes)
            self.values[key] = target
            self.known.add(target)
            self.taken.append(Assign(target, own))
        return Named(self.values[key], axes)

    def _hint(self, value: Array) -> str:
        readable = self.data | {one.target for one in self.taken}
        words = [*dict.fromkeys(word for word in ordered_names(value) if word in readable)]
        if isinstance(value, Apply) and value.function == "**" and value.arguments[1] == 2.0:
            return " ".join(["squared", *words[:3]])
        if len(words) > 1:
            return " ".join(words[:3])
        if isinstance(value, Apply) and value.function.isidentifier():
            return " ".join([value.function, "of", *words])
        summed = isinstance(value, Contraction) and any({*o.references} - {*value.axes} for o in value.operands)
        return " ".join(["sum of" if summed else "part of", *words])

    # ---------------------------------------------------------------- results

    def function(self, used: set[str], sources: tuple[tuple[str, str], ...]) -> Function | None:
        """The function that computes what is taken out, so far as it is used."""
        same = self._same()
        wanted = {same.get(name, name) for name in used}
        kept = [one.target for one in self.taken if one.target in wanted]
        if not kept:
            return None
        entries = ", ".join(f'"{one}": {one}' for one in kept)
        return Function(
            self.setting.names.of(f"fixed {self.network}"),
            "data, params",
            f"What data alone determine in `{self.within}`.",
            tuple(self.taken),
            f"{{{entries}}}",
            sources,
        )

    def sources(self, function: Function | None) -> tuple[tuple[str, str], ...]:
        """Where the constants come from in the function from which they are taken."""
        same = self._same()
        again = tuple(same.items())
        if function is None:
            return again
        own, key = self.setting.names.of("fixed"), prepared_key(self.network)
        listed = tuple((one.target, f'{own}["{one.target}"]') for one in self.taken if one.target not in same)
        return ((own, f'data["{key}"] if "{key}" in data else {function.name}(data, params)'), *listed, *again)

    def _same(self) -> dict[str, str]:
        """What is taken out and is only another name, with the first name of the quantity."""
        same: dict[str, str] = {}
        for one in self.taken:
            own = None if isinstance(one.value, str) else sole_operand(one.value)
            whole = own is not None and not isinstance(one.value, str) and own.references == one.value.axes
            value = own.array.name if own and whole and isinstance(own.array, Named) else one.value
            if isinstance(value, str) and value.isidentifier():
                same[one.target] = same.get(value, value)
        return same


def _canonical(value: Array) -> str:
    """What an array computes, up to the names of its indices."""
    seen: dict[str, int] = {}
    return re.sub(r"identity=\d+", lambda found: f"identity={seen.setdefault(found[0], len(seen))}", repr(value))


def _is_plain(value: Array) -> bool:
    """A bare name, read as it is or with new axes."""
    own = sole_operand(value)
    return own is not None and isinstance(own.array, Named) and set(own.references) <= set(value.axes)


def _is_negative(value: Array) -> bool:
    """Minus an array, as it is."""
    return isinstance(value, Contraction) and value.coefficient == -1.0 and _is_plain(replace(value, coefficient=1.0))


def _own_axes(value: Array) -> tuple[Index, ...]:
    """The axes that an array really has, in order."""
    if isinstance(value, Contraction):
        carried = {r for one in value.operands for r in one.references}
        return tuple(axis for axis in value.axes if axis in carried)
    return value.axes


def _reads_optional(value: Array | float | str) -> bool:
    """Whether a value reads what the data need not hold: given labels, the state of coordinate ascent, weights."""
    match value:
        case str():
            return "data.get(" in value
        case Named(name):
            return _reads_optional(name)
        case Contraction(_, operands):
            return any(_reads_optional(operand.array) for operand in operands)
        case Total(parts):
            return any(_reads_optional(part) for part in parts)
        case Apply(_, arguments):
            return any(_reads_optional(argument) for argument in arguments)
    return False
