"""Terms as one line of plain text, for the comments of emitted code: `N_k log π_k − ½ τ_k x_x_k`."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from emdsl.algebra.deltas import resolve_deltas
from emdsl.algebra.indices import Fixed, Gather, Index, Reference
from emdsl.algebra.symbols import position_table
from emdsl.algebra.terms import DELTA, STRUCTURE, Atom, Polynomial, Term

HALVES = {Fraction(1, 2): "½ ", Fraction(1, 4): "¼ ", Fraction(3, 2): "3/2 "}


def exponent_text(terms: Sequence[Term]) -> str:
    """The sum of the terms; each names its indices afresh."""
    parts = [_term(term) for term in resolve_deltas(Polynomial(tuple(terms))).terms]
    text = " ".join(f"{'−' if negative else '+'} {part}" for negative, part in parts)
    return text.removeprefix("+ ").replace("− ", "−", 1) if text.startswith("−") else text.removeprefix("+ ")


def _term(term: Term) -> tuple[bool, str]:
    letters: dict[Index, str] = {}
    factors = [_atom(item, letters) for item in term.atoms]
    size = abs(term.coefficient)
    exact = Fraction(size).limit_denominator(64)
    if size == 1.0 and factors:
        number = ""
    elif exact in HALVES and float(exact) == size:
        number = HALVES[exact]
    else:
        number = f"{size:.6g} "
    return term.coefficient < 0, (number + " ".join(factors)).strip()


def _atom(item: Atom, letters: dict[Index, str]) -> str:
    places = "".join(_reference(reference, letters) for reference in item.references)
    if item.variable == STRUCTURE:
        return f"[{' = '.join(_reference(r, letters) for r in item.references)}]" if item.statistic == DELTA else places
    if item.references and item.variable == position_table(places):
        return places
    name = item.variable.replace("~", "\u0303")
    index = f"_{places}" if places else ""
    stem = name if places and name.endswith(f"_{places}") else f"{name}{index}"
    match item.statistic.kind, item.statistic.exponent:
        case "power", 1.0:
            return stem
        case "power", exponent:
            return f"{stem}^{exponent:g}"
        case "offset", _:
            return f"{name}\u0303{index}"
        case "inverse", _:
            return f"{name}⁻¹{index}"
        case "logdet", _:
            return f"log|{name}|{index}"
        case "log1m", _:
            return f"log(1 − {stem})"
        case "log1p", scale:
            return f"log(1 + {stem}/{scale:g})"
        case "lgamma", scale:
            return f"log Γ({'' if scale == 1.0 else f'{scale:g} '}{stem})"
        case "polya_gamma", _:
            return f"log PG({stem})"
    return f"{item.statistic.kind} {stem}"


def _reference(reference: Reference, letters: dict[Index, str]) -> str:
    match reference:
        case Index():
            if reference not in letters:
                letter = reference.letter[:1]
                while letter in letters.values():
                    letter = chr((ord(letter) - ord("a") + 1) % 26 + ord("a"))
                letters[reference] = letter
            return letters[reference]
        case Fixed(position):
            return str(position)
        case Gather(table, _):
            return f"({table})"
    return "·"
