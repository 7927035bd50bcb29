r"""Names, numbers and letters as LaTeX.

    mu → \mu        rate → \mathrm{rate}        0.5 → \tfrac{1}{2}        0.5 log 2π → \tfrac{1}{2} \log 2\pi

Every index of a formula has a letter of its own: its preferred one, or that one with primes.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from emdsl.algebra.indices import Index
from emdsl.algebra.symbols import is_padded, padded_size

GREEK = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi",
    "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega",
)  # fmt: skip

#: Constants whose rational multiples are written as such: value, LaTeX.
CONSTANTS = (
    (math.log(2 * math.pi), r"\log 2\pi"),
    *((math.log(whole), rf"\log {whole}") for whole in (2, 3, 5, 7, 10)),
    (math.log(math.pi), r"\log \pi"),
    (math.pi, r"\pi"),
)
LARGEST_DENOMINATOR = 64

#: What the name of an entry that is inferred by itself ends in.
SUBSCRIPTS = "₀₁₂₃₄₅₆₇₈₉"

#: From here on a coefficient stands for the logarithm of a structural zero.
UNBOUNDED = 1e100


def name_text(name: str) -> str:
    """A model's name for something: Greek where it is one, upright where it is a word."""
    if name in GREEK:
        return rf"\{name}"
    if len(name) == 1:
        return name
    stem = name.rstrip(SUBSCRIPTS)
    if stem and stem != name:
        return f"{{{name_text(stem)}_{{{unicodedata.normalize('NFKC', name.removeprefix(stem))}}}}}"
    escaped = name.replace("_", r"\_")
    return rf"\mathrm{{{escaped}}}"


def in_prose(name: str) -> str:
    """An unknown of rows between backticks: missing entries bear the name of their datum."""
    stem, tilde, _ = name.partition("~")
    return f"missing entries of `{stem}`" if tilde else f"`{name}`"


def in_words(texts: Sequence[str]) -> str:
    """`a, b and c`"""
    return " and ".join([", ".join(texts[:-1]), texts[-1]]) if len(texts) > 1 else "".join(texts)


def size_in_words(size: str | int | None, numbers: Mapping[str, float | int]) -> str:
    """A number of states; over a ragged size each group has its own."""
    if isinstance(size, str) and is_padded(size):
        return f"up to {size.removeprefix(padded_size(''))}"
    return str(numbers.get(size, size)) if isinstance(size, str) else str(size)


def auxiliary(letter: str, label: str = "") -> str:
    """A symbol of the derivation's own, in a font that no name of a model has."""
    return rf"\mathsf{{{letter}}}" + (f"^{{{label}}}" if label else "")


def with_indices(head: str, indices: Iterable[str]) -> str:
    r"""`\mu_{kd}`; commas where an index is more than a letter."""
    listed = list(indices)
    if not listed:
        return head
    plain = all(len(item.rstrip("'")) == 1 and item[0].isalpha() for item in listed)
    return f"{head}_{{{('' if plain else ', ').join(listed)}}}"


def raised(base: str, exponent: float) -> str:
    """`base` to a power."""
    return base if exponent == 1 else superscripted(base, exponent_text(exponent))


def superscripted(base: str, text: str) -> str:
    """`base` with a superscript; in parentheses where it has one already, or is more than one symbol."""
    whole = base.startswith(r"\left(") and base.endswith(r"\right)")
    if not whole and ("^" in base or " " in base):
        base = rf"\left({base}\right)"
    return f"{base}^{{{text}}}"


def exponent_text(value: float) -> str:
    fraction = Fraction(value).limit_denominator(LARGEST_DENOMINATOR)
    return str(fraction) if math.isclose(fraction, value, rel_tol=1e-12) else f"{value:.6g}"


def magnitude(value: float) -> tuple[str, str]:
    """A positive number as a factor and, where it is a multiple of one, a constant; the empty text stands for 1."""
    if value == 1:
        return "", ""
    if value >= UNBOUNDED:
        return r"\infty", ""
    rational = _rational(value)
    if rational is not None:
        return rational, ""
    return _multiple(value) or (_decimal(value), "")


def _rational(value: float) -> str | None:
    fraction = Fraction(value).limit_denominator(LARGEST_DENOMINATOR)
    if not math.isclose(fraction, value, rel_tol=1e-12):
        return None
    if fraction.denominator == 1:
        return str(fraction.numerator)
    return rf"\tfrac{{{fraction.numerator}}}{{{fraction.denominator}}}"


def _multiple(value: float) -> tuple[str, str] | None:
    for constant, text in CONSTANTS:
        factor = 1.0 if math.isclose(value, constant, rel_tol=1e-12) else value / constant
        rational = _rational(factor)
        if rational is not None:
            return "" if rational == "1" else rational, text
    return None


def _decimal(value: float) -> str:
    digits, _, power = f"{value:.6g}".partition("e")
    return rf"{digits} \cdot 10^{{{int(power)}}}" if power else digits


@dataclass(frozen=True)
class Letters:
    """Letters of the indices of one formula.

    `taken`: names of variables, that no index may bear. `plates`: the size that each letter of the model runs over.
    """

    taken: frozenset[str]
    plates: Mapping[str, str | int]
    chosen: Mapping[Index, str] = field(default_factory=dict)

    def of(self, index: Index) -> str:
        return self.chosen[index]

    def knowing(self, indices: Iterable[Index], preferred: Mapping[Index, str] | None = None) -> Letters:
        """These letters, and one for each further index: where there is one, the `preferred` letter."""
        chosen = dict(self.chosen)
        for index in indices:
            if index not in chosen:
                letter = (preferred or {}).get(index, index.letter)[:1] or "i"
                chosen[index] = self._choose(letter, index.size, set(chosen.values()))
        return Letters(self.taken, self.plates, chosen)

    def _choose(self, letter: str, size: str | int, used: set[str]) -> str:
        if letter in self.taken or self.plates.get(letter, size) != size:
            alike = [other for other, plate in self.plates.items() if plate == size]
            free = [other for other in "ijklmnopqrstuvwabcdefghxyz" if other not in self.plates]
            letter = next((x for x in (*alike, *free) if x not in self.taken and x not in used), letter)
        while letter in used:
            letter += "'"
        return letter
