"""Products of arrays as text: as a careful writer would put them, and equal to the sum that they stand for.

    Σ Π operands by np.einsum     =     the code, evaluated
"""

from __future__ import annotations

from itertools import combinations_with_replacement, product as every

import numpy as np
import pytest
from numpy.testing import assert_allclose

from emdsl.algebra.indices import IndexSource
from emdsl.arrays.expressions import Contraction, Named, Operand
from emdsl.emit.arithmetic import text

SIZES = dict(zip("ijkl", (2, 3, 4, 5), strict=True))
SOURCE = IndexSource()
INDEX = {letter: SOURCE.fresh(size, letter) for letter, size in SIZES.items()}


def code_of(subscripts: str, names: str, coefficient: float = 1.0) -> str:
    """The code of an einsum; operands are named by letters."""
    inputs, output = subscripts.split("->")
    operands = []
    for name, letters in zip(names, inputs.split(","), strict=True):
        axes = tuple(INDEX[letter] for letter in letters)
        operands.append(Operand(Named(name, axes), axes))
    return text(Contraction(coefficient, tuple(operands), tuple(INDEX[letter] for letter in output)), str)


@pytest.mark.parametrize(
    ("subscripts", "names", "code"),
    [
        ("k,k->", "ab", "a @ b"),
        ("k,k->", "aa", "a @ a"),
        ("k,k,k->", "abb", "(a * b) @ b"),
        ("k,k->k", "aa", "a**2"),
        ("k,k,k->k", "abb", "a * b * b"),
        ("k,k,k->", "abc", "(a * b) @ c"),
        ("ij,j->i", "Ab", "A @ b"),
        ("i,ij->j", "aB", "a @ B"),
        ("ji,j->i", "Ab", "b @ A"),
        ("ij,jk->ik", "AB", "A @ B"),
        ("ij,kj->ik", "AB", "A @ B.T"),
        ("ij,jk->ki", "AB", "B.T @ A.T"),
        ("jk,ij,lk->il", "ABC", "B @ A @ C.T"),
        ("ij,jk,k->i", "ABc", "A @ (B @ c)"),
        ("i,ij,j->", "aBc", "a @ B @ c"),
        ("d,dl,dm->lm".translate(str.maketrans("dlm", "ijk")), "aBC", "B.T @ (a[:, None] * C)"),
        ("l,d,dl->d".translate(str.maketrans("dl", "ij")), "abC", "(C @ a) * b"),
        ("ij,i->ji", "Ab", "A.T * b"),
        ("ij,ij->ji", "AB", "(A * B).T"),
        ("ij->j", "A", "A.sum(axis=0)"),
        ("ij,j->", "Ab", "A.sum(axis=0) @ b"),
        ("ij,ij->i", "AB", 'np.einsum("ij,ij->i", A, B)'),
        ("ijk,i,i->jik", "Abc", 'np.einsum("ijk,i,i->jik", A, b, c)'),
        ("ijk,l,l->jik", "Abc", '(b @ c) * np.einsum("ijk->jik", A)'),
        ("ijk->jik", "A", 'np.einsum("ijk->jik", A)'),
    ],
)
def test_products_read_as_they_are_written(subscripts: str, names: str, code: str) -> None:
    assert code_of(subscripts, names) == code


def test_squares_and_traces_of_square_matrices() -> None:
    i, other = SOURCE.fresh(3, "i"), SOURCE.fresh(3, "i")
    matrix = Named("A", (i, other))
    assert text(Contraction(1.0, (Operand(matrix, (i, i)),), ()), str) == "np.trace(A)"
    assert text(Contraction(-2.0, (Operand(matrix, (i, i)),), (i,)), str) == "-2 * np.diagonal(A)"


def test_numbers_bind_less_than_the_products_that_they_multiply() -> None:
    assert code_of("k,k->", "ab", -1.0) == "-a @ b"
    assert code_of("k,k->", "ab", -2.0) == "-2 * (a @ b)"
    assert code_of("k,k->k", "ab", -2.0) == "-2 * a * b"


OPERANDS = ["i", "j", "k", "ij", "ji", "jk", "kj", "ik", "ijk"]
OUTPUTS = ["", "i", "j", "ij", "ji", "ki", "ijk", "kji"]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_products_are_the_sums_that_they_stand_for(count: int) -> None:
    """Every product of operands over three letters, whatever its result has of them."""
    rng, checked = np.random.default_rng(0), 0
    for letters, output in every(combinations_with_replacement(OPERANDS, count), OUTPUTS):
        if not set(output) <= set("".join(letters)):
            continue
        checked += 1
        names = "abcd"[:count]
        values = [rng.standard_normal([SIZES[letter] for letter in one]) for one in letters]
        subscripts = f"{','.join(letters)}->{output}"
        code = code_of(subscripts, names)
        found = eval(code, {"np": np, **dict(zip(names, values, strict=True))})
        assert_allclose(found, np.einsum(subscripts, *values), rtol=1e-9, atol=1e-12, err_msg=f"{subscripts}: {code}")
    assert checked > 20
