"""Terms as one line of plain text, for the comments of emitted code: `N_k log π_k − ½ τ_k x_x_k`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction

from emdsl.algebra.deltas import resolve_deltas
from emdsl.algebra.indices import Fixed, Gather, Index, Reference, Shift
from emdsl.algebra.symbols import WEIGHTS, position_table, ragged_table
from emdsl.algebra.terms import DELTA, STRUCTURE, Atom, Polynomial, Term

HALVES = {Fraction(1, 2): "½ ", Fraction(1, 4): "¼ ", Fraction(3, 2): "3/2 "}


def exponent_text(terms: Sequence[Term], variables: Collection[str] | None = None) -> str:
    """The sum of the terms; each names its indices afresh.

    `variables`: if told, any other name is that of a statistic, which ends in the letters of its axes: `x_kd` at the
    indices k and e is `x_ke`.
    """
    parts = [_term(term, variables) for term in resolve_deltas(Polynomial(tuple(terms))).terms]
    text = " ".join(f"{'−' if negative else '+'} {part}" for negative, part in parts)
    return text.removeprefix("+ ").replace("− ", "−", 1) if text.startswith("−") else text.removeprefix("+ ")


def product_text(atoms: Sequence[Atom]) -> str:
    """Statistics of latents that are multiplied: `x_t x_{t−1}`, `[z_t = k] [z_{t−1} = l]`."""
    letters: dict[Index, str] = {}
    return " ".join(_atom(item, letters) for item in atoms)


def as_written(name: str) -> str:
    """The name of a quantity about a reference point has a tilde: `ỹ`."""
    return name.replace("~", "\u0303")


def _term(term: Term, variables: Collection[str] | None) -> tuple[bool, str]:
    letters: dict[Index, str] = {}
    factors = [_atom(item, letters, variables is not None and item.variable not in variables) for item in term.atoms]
    size = abs(term.coefficient)
    exact = Fraction(size).limit_denominator(64)
    if size == 1.0 and factors:
        number = ""
    elif exact in HALVES and float(exact) == size:
        number = HALVES[exact]
    else:
        number = f"{size:.6g} "
    return term.coefficient < 0, (number + " ".join(factors)).strip()


def _atom(item: Atom, letters: dict[Index, str], of_axes: bool = False) -> str:
    """One atom; `of_axes`: its name ends in the letters of its axes."""
    places = _places(item.references, letters)
    if item.variable == STRUCTURE:
        return f"[{' = '.join(_reference(r, letters) for r in item.references)}]" if item.statistic == DELTA else places
    if item.references and item.variable == position_table(places):
        return places
    if item.variable.startswith(WEIGHTS):  # of the row, or of the row of an outer plate that it lies in
        return f"w_{item.variable.removeprefix(WEIGHTS)}"
    name = as_written(item.variable)
    stem, _, axes = name.rpartition("_")
    if of_axes and axes.isalpha() and len(axes) == len(item.references) and places:
        name = f"{stem}_{places}"
    index = f"_{places}" if places else ""
    stem = name if places and name.endswith(f"_{places}") else f"{name}{index}"
    if stem.endswith(f")_{places}"):  # a function of indices, which its name shows
        stem = name
    match item.statistic.kind, item.statistic.exponent:
        case "hot", _:
            row = _places(item.references[:-1], letters)
            return f"[{name}{f'_{row}' if row else ''} = {_reference(item.references[-1], letters)}]"
        case "mask", _:
            return f"[{stem} seen]"
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


def _places(references: Sequence[Reference], letters: dict[Index, str]) -> str:
    """What stands below a name: `st`, and `{s,t−1}` where one of them is more than a letter or a number."""
    found = [text for reference in references for text in _listed(reference, letters)]
    return "".join(found) if all(text.isalnum() for text in found) else f"{{{','.join(found)}}}"


def _listed(reference: Reference, letters: dict[Index, str]) -> list[str]:
    """A reference as what stands below a name: the first row of a group is `s0`, its row at a position `sk`."""
    if isinstance(reference, Gather) and ragged_table(reference.table)[:1] in (("first",), ("place",)):
        inner = [text for one in reference.references for text in _listed(one, letters)]
        return [*inner, "0"] if ragged_table(reference.table)[0] == "first" else inner
    return [_reference(reference, letters)]


def _reference(reference: Reference, letters: dict[Index, str]) -> str:
    match reference:
        case Index():
            if reference not in letters:
                letter = reference.letter[:1]
                while letter in letters.values():
                    letter = chr((ord(letter) - ord("a") + 1) % 26 + ord("a"))
                letters[reference] = letter
            return letters[reference]
        case Shift(index, lag):
            return f"{_reference(index, letters)}{'−' if lag > 0 else '+'}{abs(lag)}"
        case Fixed(position):
            return str(position)
        case Gather(table, references):
            match ragged_table(table):
                case ("parent", _, parent):
                    return f"{parent}({_places(references, letters)})"
                case ("position", _):
                    return _places(references, letters)
            return f"{table}_{_places(references, letters)}"
