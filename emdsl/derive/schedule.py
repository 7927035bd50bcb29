"""Products of many arrays in a cheap order, and what the data alone determine, once for all iterations.

    Σ_t p_tk x_td x_td w_d      becomes   (p.T @ x**2) * w
    like terms                  are one:  ½ a b + ½ b a = a b

Rows are taken to be many, everything else few; products of data count nothing, since they are computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations
from math import prod

from emdsl.algebra.indices import Index, Reference
from emdsl.arrays.algebra import bare, carried_axes
from emdsl.arrays.expressions import (
    Apply,
    Array,
    AtRows,
    Contraction,
    Gathered,
    Lagged,
    Named,
    Operand,
    Total,
    Unit,
    lagged,
)

#: Lengths by which orders of products are compared.
MANY, STATES, FEW = 10_000, 12, 8
#: What a number costs in an elementwise product, relative to one in a matrix product.
ELEMENTWISE = 8


@dataclass(frozen=True)
class Schedule:
    """`rows`: whether an index runs over many; `states`: over states, which are more than other axes.

    `fixed`: whether data alone determine an array. `symmetric`: identifiers of symmetric matrices.
    """

    rows: Callable[[Index], bool]
    states: Callable[[Index], bool]
    fixed: Callable[[Array], bool]
    symmetric: frozenset[str]

    def arranged(self, array: Array) -> Array:
        """The same array, in a cheaper order."""
        result = self._arranged(array)
        return _bare(result) if isinstance(result, Contraction) else result

    def _arranged(self, array: Array) -> Array:
        match array:
            case Total(parts, axes):
                merged = self.like_terms(parts)
                merged.sort(key=lambda part: sum(self.rows(axis) for axis in carried_axes(part)))  # short ones first
                arranged = tuple(self.arranged(part) for part in merged)
                if len(arranged) > 2 or any(isinstance(part, Contraction) for part in arranged):
                    arranged = added_at_places(arranged, axes)
                return arranged[0] if len(arranged) == 1 else Total(arranged, axes)
            case Apply(function, arguments, axes):
                changed = (item if isinstance(item, float | int | str) else self.arranged(item) for item in arguments)
                return Apply(function, tuple(changed), axes)
            case Contraction():
                return self._product(array)
        return array

    # ---------------------------------------------------------------- like terms

    def like_terms(self, parts: Sequence[Array]) -> list[Array]:
        """Parts that differ in their coefficient only are added up; those that cancel go."""
        result: list[Array] = []
        keys: dict[object, int] = {}
        for part in parts:
            key = self._key(part) if isinstance(part, Contraction) else None
            if key is None or key not in keys:
                if key is not None:
                    keys[key] = len(result)
                result.append(part)
                continue
            other = result[keys[key]]
            assert isinstance(other, Contraction) and isinstance(part, Contraction)
            result[keys[key]] = replace(other, coefficient=other.coefficient + part.coefficient)
        kept = [part for part in result if not isinstance(part, Contraction) or part.coefficient != 0.0]
        return kept or result[:1]

    def _key(self, array: Contraction) -> object:
        """Equal for contractions that differ in names of summed indices, in the order of operands, or by symmetry."""
        outputs: dict[Reference, int] = {axis: place for place, axis in enumerate(array.axes)}
        summed = list(dict.fromkeys(r for o in array.operands for r in o.references if r not in outputs))
        if len(summed) > 4 or not all(isinstance(index, Index) for index in summed):
            return None
        forms = []
        for order in permutations(range(len(summed))):
            names: dict[Reference, int] = dict(outputs)
            names |= {index: -1 - place for index, place in zip(summed, order, strict=True)}
            forms.append(sorted(self._form(operand, names) for operand in array.operands))
        return repr((min(forms), sorted(map(str, array.counted))))

    def _form(self, operand: Operand, names: Mapping[Reference, int]) -> tuple[str, list[str]]:
        places = [str(names.get(reference, reference)) for reference in operand.references]
        if isinstance(operand.array, Named) and operand.array.name in self.symmetric:
            places.sort()
        return operand.array.name if isinstance(operand.array, Named) else repr(operand.array), places

    # ---------------------------------------------------------------- the order of a product

    def _product(self, array: Contraction) -> Array:
        operands = [replace(one, array=self.arranged(one.array)) for one in array.operands]
        scalars = [one for one in operands if not one.references]
        arrays = [one for one in operands if one.references]
        plain = all(isinstance(r, Index) for one in arrays for r in one.references)
        if not plain or any(len(set(one.references)) < len(one.references) for one in arrays):
            return array
        arrays = powers(self.shifted(at_own_rows(arrays, array.axes), array.axes))
        carried = {reference for one in arrays for reference in one.references}
        outputs = tuple(axis for axis in array.axes if axis in carried)
        if len(arrays) < 2 or (carried == set(outputs) and not self._large(carried)):
            return replace(array, operands=(*scalars, *arrays))
        last = self._built(self._order(arrays, outputs), arrays, frozenset(outputs), array.axes)
        if isinstance(last.array, Contraction) and last.array.coefficient == 1.0 and not last.array.counted:
            return replace(array, operands=(*scalars, *last.array.operands))
        if array.coefficient != 1.0 and self._large(set(last.references)):
            return replace(array, coefficient=1.0, operands=(*scalars, self._scaled(last, array.coefficient)))
        return replace(array, operands=(*scalars, last))

    def _scaled(self, product: Operand, factor: float) -> Operand:
        """A matrix product times a number, multiplied into its short factor."""
        value = product.array
        if isinstance(value, Apply) and value.function in ("@", "np.tensordot"):
            for place, one in enumerate(value.arguments[:2]):
                if not isinstance(one, float | int | str) and not self._large(set(one.axes)):
                    small = Contraction(factor, (Operand(one, one.axes),), one.axes)
                    arguments = (*value.arguments[:place], small, *value.arguments[place + 1 :])
                    return replace(product, array=replace(value, arguments=arguments))
        return Operand(Contraction(factor, (product,), value.axes), product.references)

    def shifted(self, operands: Sequence[Operand], axes: Sequence[Index]) -> list[Operand]:
        """Σ_t x_{t−1} m_t = Σ_t x_t m_{t+1} where m is known and short: it is the one to be moved."""
        moved = [(one, one.array) for one in operands if isinstance(one.array, Lagged)]
        moved = [(one, array) for one, array in moved if one.references[array.place] not in axes]
        if len(moved) != 1 or self.fixed(moved[0][1]):
            return list(operands)
        ((one, late),) = moved
        row = one.references[late.place]
        others = [other for other in operands if other is not one and row in other.references]
        known = [(o.array, o) for o in others if isinstance(o.array, Named) and self.fixed(o.array)]
        if not others or len(known) < len(others) or any(other.references != (row,) for other in others):
            return list(operands)
        result = [other for other in operands if other is not one and other not in others]
        result.append(Operand(replace(late.array, axes=late.axes), one.references))
        return result + [Operand(lagged(array, -late.lag, 0), other.references) for array, other in known]

    def _large(self, indices: set[Reference]) -> bool:
        return any(isinstance(index, Index) and self.rows(index) for index in indices)

    def _size(self, index: Reference) -> int:
        if not isinstance(index, Index):
            return FEW
        return MANY if self.rows(index) else STATES if self.states(index) else FEW

    def _order(self, operands: Sequence[Operand], outputs: Sequence[Index]) -> Tree:
        """The cheapest order of pairs, by trial of all where there are few operands."""
        items = [_Item(place, frozenset(one.references), self.fixed(one.array)) for place, one in enumerate(operands)]
        sizes = {r: self._size(r) for one in operands for r in one.references}
        return _cheapest(items, frozenset(outputs), sizes)[1]

    def _built(
        self, tree: Tree, operands: Sequence[Operand], kept: frozenset[Reference], axes: Sequence[Index]
    ) -> Operand:
        """The product that a tree describes, summed over what neither `kept` nor any operand outside the tree has."""
        if isinstance(tree, int):
            return operands[tree]
        one, two = tree
        left = kept | _indices_of(two, operands)
        right = kept | _indices_of(one, operands)
        return pair(self._built(one, operands, left, axes), self._built(two, operands, right, axes), kept, axes)


def _bare(product: Contraction) -> Array:
    found = bare(product)
    assert not isinstance(found, str)
    return found


Tree = int | tuple["Tree", "Tree"]


@dataclass(frozen=True)
class _Item:
    """Something to be multiplied: how it came about, its indices, whether data alone determine it."""

    tree: Tree
    indices: frozenset[Reference]
    fixed: bool


def _indices_of(tree: Tree, operands: Sequence[Operand]) -> frozenset[Reference]:
    if isinstance(tree, int):
        return frozenset(operands[tree].references)
    return _indices_of(tree[0], operands) | _indices_of(tree[1], operands)


def _cheapest(items: list[_Item], outputs: frozenset[Reference], sizes: dict[Reference, int]) -> tuple[float, Tree]:
    """The cost and the tree of the cheapest order; of more than five factors the cheapest pair first."""
    if len(items) == 1:
        return 0.0, items[0].tree
    steps = []
    for one, two in combinations(items, 2):
        rest = [item for item in items if item is not one and item is not two]
        cost, joined = _joined(one, two, rest, outputs, sizes)
        steps.append((cost, joined, rest))
    if len(items) > 5:
        steps = [min(steps, key=lambda step: step[0])]
    found = []
    for cost, joined, rest in steps:
        later, tree = _cheapest([*rest, joined], outputs, sizes)
        found.append((cost + later, tree))
    return min(found, key=lambda one: one[0])


def _joined(
    one: _Item, two: _Item, rest: Sequence[_Item], outputs: frozenset[Reference], sizes: dict[Reference, int]
) -> tuple[float, _Item]:
    """What a pair costs, and what it becomes."""
    kept = outputs.union(*(item.indices for item in rest))
    both = one.indices | two.indices
    fixed = one.fixed and two.fixed
    result = _Item((one.tree, two.tree), both & kept, fixed)
    size = prod(sizes[index] for index in both)
    largest = max(prod(sizes[index] for index in item.indices) for item in (one, two))
    if fixed and size <= largest:
        return 1.0, result
    shared = one.indices & two.indices
    matrix = both - kept and not shared & kept
    return size * (1.0 if matrix else ELEMENTWISE) * (1.0 if shared or not rest else 4.0), result


# ---------------------------------------------------------------- products of two arrays


def added_at_places(parts: tuple[Array, ...], axes: tuple[Index, ...]) -> tuple[Array, ...]:
    """Parts that stand at one position of an axis only, such as the start of a chain, are added there to the others."""
    apart = [part for part in parts if _place(part) is not None]
    rest = tuple(part for part in parts if part not in apart)
    if not apart or not rest or {axis for part in rest for axis in carried_axes(part)} != set(axes):
        return parts
    if len(rest) == 1 and not is_new(rest[0]):
        return parts
    value: Array = Total(rest, axes) if len(rest) > 1 else rest[0]
    places: dict[tuple[Index, int], list[Array]] = {}
    for part in apart:
        found = _place(part)
        assert isinstance(part, Contraction) and found is not None
        operand, position = found
        (index,) = operand.references
        assert isinstance(index, Index)
        left = tuple(axis for axis in axes if axis != index)
        others = tuple(_read_at(o, index, position) for o in part.operands if o is not operand)
        places.setdefault((index, position), []).append(replace(part, operands=others, axes=left))
    for (index, position), parts_there in places.items():
        left = tuple(axis for axis in axes if axis != index)
        small = Total(tuple(parts_there), left) if len(parts_there) > 1 else parts_there[0]
        value = Apply("added_at", (value, bare(small), str(axes.index(index)), str(position)), axes)
    return (value,)


def is_new(value: Array) -> bool:
    """Whether evaluating an array makes a new one, that may be changed in place."""
    if isinstance(value, Contraction):
        return value.coefficient != 1.0 or len(value.operands) > 1 or is_new(value.operands[0].array)
    if isinstance(value, Apply):
        return value.function in ("@", "np.tensordot", "matrix_times", "scatter_add")
    return isinstance(value, Gathered)


def _place(part: Array) -> tuple[Operand, int] | None:
    """The operand that is 1 at one position of an axis and 0 elsewhere, and that position.

    None where another operand has the axis too and cannot be read at the position.
    """
    if not isinstance(part, Contraction):
        return None
    for one in part.operands:
        if not isinstance(one.array, Unit) or not set(one.references) <= set(part.axes):
            continue
        beside = [o for o in part.operands if o is not one and set(one.references) & set(o.references)]
        if all(isinstance(o.array, Named) and o.array.name.isidentifier() for o in beside):
            return one, one.array.position
    return None


def _read_at(operand: Operand, index: Index, position: int) -> Operand:
    """An operand at one position of an axis that it may have."""
    if index not in operand.references:
        return operand
    assert isinstance(operand.array, Named)
    place = operand.references.index(index)
    code = f"{operand.array.name}[{', '.join((*[':'] * place, str(position)))}]"
    left = tuple(r for r in operand.references if isinstance(r, Index) and r != index)
    return Operand(Named(code, left), left)


def at_own_rows(operands: Sequence[Operand], axes: Sequence[Index]) -> list[Operand]:
    """Σ_t x_t m_t, with x_t zero but at some rows, as the sum over those of x times m there."""
    for place, one in enumerate(operands):
        if not isinstance(one.array, AtRows) or one.references[0] in axes:
            continue
        row, rows = one.references[0], one.array.rows
        others = [other for other in operands if other is not one]
        if any(row in other.references and other.references != (row,) for other in others):
            continue
        taken = [
            replace(other, array=Apply("np.take", (other.array, rows), other.array.axes))
            if row in other.references
            else other
            for other in others
        ]
        return [*taken[:place], replace(one, array=one.array.array), *taken[place:]]
    return list(operands)


def powers(operands: Sequence[Operand]) -> list[Operand]:
    """x · x as x²."""
    counted: dict[Operand, int] = {}
    for one in operands:
        counted[one] = counted.get(one, 0) + 1
    return [
        one if n == 1 else Operand(Apply("**", (one.array, float(n)), one.array.axes), one.references)
        for one, n in counted.items()
    ]


def pair(one: Operand, two: Operand, kept: frozenset[Reference], axes: Sequence[Index]) -> Operand:
    """The product of two arrays, summed over indices that are not kept; the result's axes in the order of `axes`."""
    one, two = _summed_alone(one, two, kept), _summed_alone(two, one, kept)
    both = tuple(dict.fromkeys(r for operand in (one, two) for r in operand.references if isinstance(r, Index)))
    summed = [index for index in both if index not in kept]
    own = [index for index in both if index in kept]
    wanted = (*(axis for axis in axes if axis in own), *(index for index in own if index not in axes))
    if summed and not set(own) <= set(axes):  # for what comes later any order will do
        wanted = tuple(own)
    if not summed:
        if not all(index in axes for index in own):
            larger = max((one, two), key=lambda operand: len(operand.references))
            wanted = tuple(r for r in larger.references if isinstance(r, Index))
            wanted += tuple(index for index in both if index not in wanted)
        operands = tuple(factor for operand in (one, two) for factor in _factors(operand))
        return Operand(Contraction(1.0, operands, wanted), wanted)
    single = [operand for operand in (one, two) if len(operand.references) > 2]
    shared = set(one.references) & set(two.references)
    if len(summed) == 1 and not single and shared == set(summed):
        return _matrix_product(one, two, summed[0], wanted)
    if shared == set(summed):
        return _tensor_product(one, two, tuple(summed), wanted) or _einsum(one, two, wanted)
    return _einsum(one, two, wanted)


def _summed_alone(own: Operand, other: Operand, kept: frozenset[Reference]) -> Operand:
    """Σ_n a_nk b_k = b_k Σ_n a_nk: an array is summed over what the other has not."""
    alone = [r for r in own.references if isinstance(r, Index) and r not in kept and r not in other.references]
    if not alone:
        return own
    rest = tuple(r for r in own.references if isinstance(r, Index) and r not in alone)
    return Operand(Contraction(1.0, (own,), rest), rest)


def _tensor_product(one: Operand, two: Operand, summed: tuple[Index, ...], wanted: tuple[Index, ...]) -> Operand | None:
    """Sums over several axes, or of larger arrays, as one matrix product of all that is left; None if out of order."""
    for first, second in ((one, two), (two, one)):
        left, right = (tuple(r for r in o.references if r not in summed) for o in (first, second))
        if (*left, *right) == wanted:
            places = [tuple(o.references.index(index) for index in summed) for o in (first, second)]
            axes = "({}, {})".format(*(str(p[0]) if len(p) == 1 else str(p) for p in places))
            return Operand(Apply("np.tensordot", (first.array, second.array, axes), wanted), wanted)
    return None


def _factors(operand: Operand) -> tuple[Operand, ...]:
    """The operand, or the factors of which it is a plain product."""
    value = operand.array
    if isinstance(value, Contraction) and value.coefficient == 1.0 and not value.counted:
        names = dict(zip(value.axes, operand.references, strict=True))
        if all(reference in names for one in value.operands for reference in one.references):
            own = [tuple(names[r] for r in one.references if isinstance(r, Index)) for one in value.operands]
            return tuple(Operand(one.array, references) for one, references in zip(value.operands, own, strict=True))
    return (operand,)


def _matrix_product(one: Operand, two: Operand, summed: Index, wanted: tuple[Index, ...]) -> Operand:
    """`one @ two`, each turned so that the sum stands between them."""
    if wanted and wanted[0] in two.references and len(wanted) == 2:
        one, two = two, one
    left = tuple(r for r in one.references if r != summed and isinstance(r, Index))
    right = tuple(r for r in two.references if r != summed and isinstance(r, Index))
    before = not right and left and one.references[0] == summed
    if before or (not left and right and two.references[0] != summed):
        # a vector stands where the matrix need not be turned
        one, two, left, right = two, one, right, left
    factors = (_turned(one, (*left, summed)), _turned(two, (summed, *right)))
    axes = (*left, *right)
    return Operand(Apply("@", factors, axes), axes)


def _turned(operand: Operand, axes: tuple[Index, ...]) -> Array:
    array = operand.array
    if operand.references == axes:
        return array
    return Contraction(1.0, (operand,), axes)


def _einsum(one: Operand, two: Operand, wanted: tuple[Index, ...]) -> Operand:
    letters: dict[Reference, str] = {}
    for reference in (*one.references, *two.references):
        if reference in letters or not isinstance(reference, Index):
            continue
        letter = reference.letter[:1] if reference.letter[:1].isascii() and reference.letter[:1].isalpha() else "i"
        while letter in letters.values():
            letter = chr((ord(letter) - ord("a") + 1) % 26 + ord("a")) if letter.islower() else "a"
        letters[reference] = letter
    inputs = ",".join("".join(letters[reference] for reference in operand.references) for operand in (one, two))
    text = f'"{inputs}->{"".join(letters[index] for index in wanted)}"'
    arguments: tuple[Array | float | str, ...] = (text, one.array, two.array)
    return Operand(Apply("np.einsum", arguments, wanted), wanted)
