"""Products of arrays, summed over the indices that the result lacks, as numpy text.

a_i b_j              a[:, None] * b       Σ_k a_k b_k             a @ b
A_ji b_j             A.T * b              Σ_k a_k b_k b_k         a @ b**2
Σ_i A_ij             A.sum(axis=0)        Σ_jk A_ij B_jk C_lk     A @ B @ C.T
Σ_k a_k a_k          a @ a                Σ_ij A_ij A_ij          np.vdot(A, A)
Σ_i A_ii             np.trace(A)          Σ_d v_d W_dl W_dm       W.T @ (v[:, None] * W)
a_i Σ_j B_ij c_j     a * (B @ c)          anything else           np.einsum in the model's own letters
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from emdsl.algebra.indices import Index

#: Binding strength of an operator; function calls and names bind tightest.
STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2, "@": 1.9, "negative": 3, "**": 4}
TIGHTEST = 9

Axes = tuple[Index, ...]


@dataclass(frozen=True, eq=False)
class Factor:
    """Code of an array, how strongly it binds, and the index of each of its axes; equal to itself only.

    `root`: the name of what it is the square of.
    """

    code: str
    strength: float
    indices: Axes
    root: str = ""

    @property
    def turned(self) -> Factor:
        """The matrix with its axes the other way round."""
        return Factor(f"{self.within(TIGHTEST)}.T", TIGHTEST, self.indices[::-1])

    def within(self, strength: float) -> str:
        """The code, in brackets where it binds less."""
        return f"({self.code})" if self.strength < strength else self.code


def product(factors: Sequence[Factor], axes: Axes) -> Factor:
    """The product along those of `axes` that its factors have, shaped to be broadcast along all of them.

    Factors without axes come first.
    """
    carried = {index for one in factors for index in one.indices}
    output = tuple(axis for axis in axes if axis in carried)
    groups = _tied(_power(factors), carried - {*output})
    parts = [_summed(group, output) for group in groups]
    scalars = [one for one in parts if not one.indices]
    if len(scalars) == len(parts):
        return multiplied(scalars)
    whole = _elementwise([one for one in parts if one.indices], output)
    if whole is None:
        within = [one for group, part in zip(groups, parts, strict=True) if part.indices for one in group]
        whole = _einsum(within, output)
    return multiplied([*scalars, _broadcast(whole, axes)])


def _summed(factors: Sequence[Factor], axes: Axes) -> Factor:
    """The product of factors that sums tie to one another, along those of `axes` that they have."""
    carried = {index for one in factors for index in one.indices}
    output = tuple(axis for axis in axes if axis in carried)
    factors = _power(factors)
    found = _single(factors[0], output) if len(factors) == 1 else _matrix_product(factors, output)
    return found or _einsum(factors, output)


def _power(factors: Sequence[Factor]) -> list[Factor]:
    """One array times itself as its power."""
    first = factors[0]
    if len(factors) == 1 or any((one.code, one.indices) != (first.code, first.indices) for one in factors):
        return list(factors)
    root = first.code if len(factors) == 2 and first.code.isidentifier() else ""
    return [Factor(f"{first.within(TIGHTEST)}**{len(factors)}", STRENGTH["**"], first.indices, root)]


def _tied(factors: Sequence[Factor], summed: set[Index]) -> list[list[Factor]]:
    """The factors in groups that no sum ties to one another."""
    groups: list[list[Factor]] = []
    for one in factors:
        tied = [group for group in groups if any(summed & {*one.indices} & {*other.indices} for other in group)]
        joined = [*(other for group in tied for other in group), one]
        groups = [group for group in groups if group not in tied] + [joined]
    return sorted(groups, key=lambda group: min(map(factors.index, group)))


def _elementwise(factors: Sequence[Factor], output: Axes) -> Factor | None:
    """Factors multiplied entry by entry, with matrices turned that stand the other way round."""
    matrices = [one for one in factors if len(one.indices) == 2]
    if len(matrices) > 1 and all(one.indices == output[::-1] for one in matrices):
        return _along(factors, output[::-1]).turned
    ordered = [one if _subsequence(one.indices, output) else one.turned for one in factors]
    return _along(ordered, output) if all(_subsequence(one.indices, output) for one in ordered) else None


def _along(factors: Sequence[Factor], output: Axes) -> Factor:
    """Factors that have their axes in the order of the output, multiplied entry by entry."""
    whole = multiplied([_broadcast(one, output) for one in factors])
    return Factor(whole.code, whole.strength, output)


def multiplied(factors: Sequence[Factor]) -> Factor:
    """Factors that broadcast against one another, multiplied entry by entry."""
    if len(factors) == 1:
        return factors[0]
    indices = max((one.indices for one in factors), key=len)
    return Factor(" * ".join(one.within(STRENGTH["*"]) for one in factors), STRENGTH["*"], indices)


def _single(one: Factor, output: Axes) -> Factor | None:
    """One array: as it is, summed along axes, or its diagonal."""
    if len(set(one.indices)) < len(one.indices):
        function = "np.diagonal" if output else "np.trace"
        return Factor(f"{function}({one.code})", TIGHTEST, output) if len(one.indices) == 2 else None
    if len(output) == len(one.indices):
        return one
    if not _subsequence(output, one.indices):
        return None
    if one.root:
        return _sum_of_squares(one, output)
    places = [str(place) for place, index in enumerate(one.indices) if index not in output]
    axis = "" if not output else f"axis={places[0]}" if len(places) == 1 else f"axis=({', '.join(places)})"
    return Factor(f"{one.within(TIGHTEST)}.sum({axis})", TIGHTEST, output)


def _sum_of_squares(one: Factor, output: Axes) -> Factor:
    """Squares summed without an array of them."""
    if output:
        return _einsum([Factor(one.root, TIGHTEST, one.indices)] * 2, output)
    if len(one.indices) == 1:
        return Factor(f"{one.root} @ {one.root}", STRENGTH["@"], ())
    return Factor(f"np.vdot({one.root}, {one.root})", TIGHTEST, ())


def _matrix_product(factors: Sequence[Factor], output: Axes) -> Factor | None:
    """Matrices in a row, each with a sum between it and the next; vectors stand at the ends, or scale a matrix."""
    counted = Counter(index for one in factors for index in {*one.indices})
    kept = [tuple(i for i in one.indices if i in output or counted[i] > 1) for one in factors]
    factors = [_single(one, own) or one for one, own in zip(factors, kept, strict=True)]
    if any(len(one.indices) > 2 or len(set(one.indices)) < len(one.indices) for one in factors):
        return None
    summed = dict.fromkeys(index for one in factors for index in one.indices if index not in output)
    for index in summed:
        factors = _scaled(factors, index)
    carriers = {index: sum(index in one.indices for one in factors) for index in (*summed, *output)}
    if len(summed) != len(factors) - 1 or any(carriers[index] != 2 for index in summed):
        return None
    if any(carriers[index] != 1 for index in output):
        return None
    ends = [one for one in factors if sum(index in summed for index in one.indices) == 1]
    rows = [_row(end, factors, output) for end in ends if len(output) < 2 or output[0] in end.indices]
    return _in_a_row(min(rows, key=lambda row: sum(one not in factors for one in row)), output)


def _scaled(factors: Sequence[Factor], index: Index) -> list[Factor]:
    """The factors; of more than two along an index the vectors are multiplied into one of them."""
    having = [one for one in factors if index in one.indices]
    vectors = [one for one in having if len(one.indices) == 1]
    matrices = [one for one in having if len(one.indices) == 2]
    merged = [*vectors, matrices[-1]] if len(matrices) > 1 else vectors if matrices else vectors[:-1]
    if len(having) < 3 or len(merged) < 2:
        return list(factors)
    scaled = _along(merged, merged[-1].indices)
    return [scaled if one is merged[-1] else one for one in factors if one not in merged[:-1]]


def _row(first: Factor, factors: Sequence[Factor], output: Axes) -> list[Factor]:
    """The factors one after the other, each turned so that it shares its last index with the next."""
    row = [first.turned if first.indices[-1] in output else first]
    rest = [one for one in factors if one is not first]
    while rest:
        shared = row[-1].indices[-1]
        following = next(one for one in rest if shared in one.indices)
        rest.remove(following)
        row.append(following if following.indices[0] == shared else following.turned)
    return row


def _in_a_row(row: Sequence[Factor], output: Axes) -> Factor:
    """`A @ B @ c`, from the right where a vector stands there only."""
    codes = [one.within(STRENGTH["negative"]) for one in row]
    if len(row) > 2 and len(row[-1].indices) == 1 < len(row[0].indices):
        while len(codes) > 2:
            codes[-2:] = [f"({' @ '.join(codes[-2:])})"]
    return Factor(" @ ".join(codes), STRENGTH["@"], output)


def _einsum(factors: Sequence[Factor], output: Axes) -> Factor:
    letters = letters_of([index for one in factors for index in one.indices])
    inputs = ",".join("".join(letters[index] for index in one.indices) for one in factors)
    result = "".join(letters[index] for index in output)
    arguments = ", ".join(one.code for one in factors)
    return Factor(f'np.einsum("{inputs}->{result}", {arguments})', TIGHTEST, output)


def _subsequence(indices: Axes, axes: Axes) -> bool:
    remaining = iter(axes)
    return all(index in remaining for index in indices)


def _broadcast(one: Factor, axes: Axes) -> Factor:
    """`N[:, None]`: new axes where the array lacks one, from its first own axis on."""
    if not one.indices or one.indices == axes[len(axes) - len(one.indices) :]:
        return one
    first = axes.index(one.indices[0])
    places = [":" if axis in one.indices else "None" for axis in axes[first:]]
    return Factor(f"{one.within(TIGHTEST)}[{', '.join(places)}]", TIGHTEST, one.indices)


def letters_of(indices: Sequence[Index]) -> dict[Index, str]:
    """A letter of its own for each index, its own where that is free."""
    chosen: dict[Index, str] = {}
    for index in indices:
        if index in chosen:
            continue
        letter = index.letter[:1] if index.letter[:1].isascii() and index.letter[:1].isalpha() else "i"
        while letter in chosen.values():
            letter = chr((ord(letter) - ord("a") + 1) % 26 + ord("a")) if letter.islower() else "a"
        chosen[index] = letter
    return chosen
