r"""Terms, polynomials and quadratic forms of the algebra as LaTeX, entry by entry.

    Term(−½, Sigma⁻¹[k, d, e] S[k, d, e])  →  -\tfrac{1}{2} \sum_{k, d, e} S_{kde} (\Sigma_{k}^{-1})_{de}

A formula knows the variables over which it is an expectation, the symbols of the statistics, and how offsets from
reference points are written: μ̃ = μ − μ̊.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod

from emdsl.algebra.derived import STARTED, Derived, bare
from emdsl.algebra.indices import Fixed, Gather, Index, Reference, Shift, indices_in
from emdsl.algebra.operations import Split
from emdsl.algebra.symbols import Scope, beyond_table, is_padded, padded_size, within_table
from emdsl.algebra.terms import DELTA, IDENTITY, NUMBER, SPLIT, STRUCTURE, Atom, Polynomial, Term
from emdsl.derive.centre import Centred
from emdsl.derive.levels import LEVEL, variable_of
from emdsl.derive.log_joint import QuadraticTerm
from emdsl.derive.statistics import normal_form
from emdsl.explain.symbols import Letters, auxiliary, magnitude, name_text, raised, with_indices

#: Functions of known quantities.
FUNCTIONS = {
    "exp": r"\exp", "log": r"\log", "sin": r"\sin", "cos": r"\cos", "tanh": r"\tanh", "lgamma": r"\log\Gamma",
    "log_gamma": r"\log\Gamma",
    "Phi": r"\Phi", "min": r"\min", "max": r"\max", "inv": r"\operatorname{inv}", "logdet": r"\log\det",
    "log_bessel_i0": r"\log I_0", "log_multigamma": r"\log\Gamma_{D}",
}  # fmt: skip

#: Of a ragged plate: the group that a row lies in, its place there, and the first row of a group; the k-th is i_k(s).
TABLES: Mapping[str, Callable[[str], str]] = {
    "parent": lambda plates: plates.partition(".")[2],
    "position": lambda plate: r"\mathrm{place}",
    "first": lambda plate: f"{plate}_{{0}}",
}

#: Sums of up to this many characters stand on one line.
SHORT = 100


@dataclass(frozen=True)
class Notation:
    """What the formulas of one derivation share.

    `statistics`: the head of each sufficient statistic's symbol. `expected`: variables whose statistics are written as
    expectations ⟨·⟩; those of one of the `factors` of q stand within one bracket, but for rows of those that are
    independent `rowwise`. `splits`: the sums of products whose logarithms occur.
    """

    scope: Scope
    derived: Mapping[str, Derived]
    centred: Mapping[str, Centred]
    statistics: Mapping[str, str]
    expected: frozenset[str] = frozenset()
    factors: Mapping[str, str] = field(default_factory=dict)
    rowwise: frozenset[str] = frozenset()
    splits: Mapping[str, Split] = field(default_factory=dict)

    def expecting(self, names: Iterable[str]) -> Notation:
        return replace(self, expected=frozenset(names))

    @cached_property
    def letters(self) -> Letters:
        """Letters for a formula without free indices."""
        plates = {letter: size for symbol in self.scope.symbols.values() for size, letter in symbol.plates}
        return Letters(frozenset(self.scope.symbols), plates)

    # ---------------------------------------------------------------- sums

    def polynomial(self, value: Polynomial | Sequence[Term], letters: Letters | None = None) -> str:
        """The sum on one line."""
        signed = self.terms(value, letters)
        return joined(signed) if signed else "0"

    def terms(self, value: Polynomial | Sequence[Term], letters: Letters | None = None) -> list[tuple[str, str]]:
        """Sign and text of each term."""
        own = letters or self.letters
        if isinstance(value, Polynomial):
            return [self.term(term, own.knowing(value.axes)) for term in value.terms]
        return [self.term(term, own) for term in value]

    def term(self, term: Term, letters: Letters) -> tuple[str, str]:
        """Sign and text; indices that no atom carries count their range."""
        term = self._inlined(term)
        return self._signed(term, term.bound, term.indices, letters, lambda _: "")

    def _inlined(self, term: Term) -> Term:
        """The residual of a prior that is a single product is written as that product."""
        coefficient, atoms = term.coefficient, []
        for item in term.atoms:
            centred = self.centred.get(item.variable)
            parts = () if centred is None or self.is_datum(centred) else (*centred.known, *centred.references)
            if centred is None or len(parts) != 1 or parts[0].bound or item.statistic != IDENTITY:
                atoms.append(item)
                continue
            (part,) = (self._at_reference(part) for part in parts)
            coefficient *= part.coefficient
            atoms += part.substitute(dict(zip(centred.indices, item.references, strict=True))).atoms
        return replace(term, coefficient=coefficient, atoms=tuple(atoms))

    def quadratic(self, item: QuadraticTerm, letters: Letters) -> tuple[str, str]:
        """A quadratic form kept whole: `(x − μ)²`, or `Σ (x_d − μ_d) Λ_de (x_e − μ_e)`."""
        residual, precision = item.quadratic.residual, item.quadratic.precision
        cofactor, bound = item.cofactor, item.cofactor.bound
        if precision is not None and (scale := _scale_of_identity(precision)) is not None:
            coefficient, atoms = cofactor.coefficient * scale.coefficient, cofactor.atoms + scale.atoms
            cofactor, bound = Term(coefficient, atoms), (*bound, *scale.bound, *residual.axes)
            precision = None
        carried = set(cofactor.indices) | _free(residual)
        if precision is None:
            return self._signed(cofactor, bound, carried, letters, lambda own: self._squared(residual, own))
        (axis,), (row, column) = residual.axes, precision.axes
        bound = (*(index for index in bound if index != axis), row, column)

        def form(own: Letters) -> str:
            ends = [self.terms(residual.substitute({axis: end}), own) for end in (row, column)]
            left, middle, right = (bracketed(joined(s), s) for s in (ends[0], self.terms(precision, own), ends[1]))
            return f"{left} {middle} {right}"

        return self._signed(cofactor, bound, carried | _free(precision) | {row, column}, letters, form)

    def _squared(self, residual: Polynomial, letters: Letters) -> str:
        signed = self.terms(residual, letters)
        if len(residual.terms) == 1 and len(residual.terms[0].atoms) == 1 and signed[0][0] == "+":
            return raised(signed[0][1], 2)
        return rf"\left({joined(signed)}\right)^{{2}}"

    def _signed(
        self,
        term: Term,
        bound: Sequence[Index],
        carried: Collection[Index],
        letters: Letters,
        tail: Callable[[Letters], str],
    ) -> tuple[str, str]:
        """Number, sum over those of `bound` that are carried, factors, then what `tail` says with their letters."""
        met = [index for item in term.atoms for reference in item.references for index in indices_in(reference)]
        summed = tuple(index for index in dict.fromkeys((*met, *bound)) if index in bound and index in carried)
        sizes_of = [index.size for index in bound if index not in carried]
        counted = [self.size(size) for size in sizes_of if isinstance(size, str)]
        times = prod(size for size in sizes_of if isinstance(size, int))
        letters = letters.knowing(summed, self._axis_letters(term))
        number, constant = magnitude(abs(term.coefficient) * times)
        sizes = [self.atom(item, letters) for item in term.atoms if self._is_size(item)]
        factors = self._product([item for item in term.atoms if not self._is_size(item)], letters)
        total = rf"\sum_{{{', '.join(letters.of(index) for index in summed)}}}" if summed else ""
        parts = [part for part in (number, total, *sizes, *counted, *factors, tail(letters), constant) if part]
        return "-" if term.coefficient < 0 else "+", " ".join(parts) or "1"

    def _axis_letters(self, term: Term) -> dict[Index, str]:
        """For each index the letter of the first axis of a variable on which it stands."""
        found: dict[Index, str] = {}
        for item in term.atoms:
            symbol = self.scope.symbols.get(item.variable)
            for reference, (_, letter) in zip(item.references, symbol.axes if symbol else (), strict=False):
                if isinstance(reference, Index):
                    found.setdefault(reference, letter)
        return found

    # ---------------------------------------------------------------- products

    def _product(self, atoms: Sequence[Atom], letters: Letters) -> list[str]:
        """Factors in the order structure, numbers, expectations, logarithms; equal factors become a power."""
        inside = [item for item in atoms if item.variable in self.expected and item.statistic != SPLIT]
        outside = sorted((item for item in atoms if item not in inside), key=lambda item: item.variable != STRUCTURE)
        plain = self._powers([item for item in outside if not _is_log(item)], letters)
        logs = self._powers([item for item in outside if _is_log(item)], letters)
        for factor in dict.fromkeys(self._factor(item) for item in inside):
            own = [item for item in inside if self._factor(item) == factor]
            within = self._powers(sorted(own, key=_is_log), letters)
            plain.append(rf"\left\langle {' '.join(within)} \right\rangle")
        return plain + logs

    def _factor(self, item: Atom) -> tuple[object, ...]:
        """What stands within one bracket: a factor of q, or a row of it where rows are independent."""
        return (self.factors.get(item.variable, ""), item.references if item.variable in self.rowwise else ())

    def _powers(self, atoms: Sequence[Atom], letters: Letters) -> list[str]:
        texts = []
        for item in dict.fromkeys(atoms):
            count = sum(other == item for other in atoms)
            if item.statistic.kind == "power":
                statistic = replace(item.statistic, exponent=item.statistic.exponent * count)
                texts.append(self.atom(replace(item, statistic=statistic), letters))
            else:
                texts.append(raised(self.atom(item, letters), count))
        return texts

    def variable(self, name: str, rows: Sequence[str]) -> str:
        """A latent at its rows, in the order in which its plates are declared."""
        return with_indices(self.head(name), self.scope.symbols[name].as_declared(rows))

    def atom(self, item: Atom, letters: Letters) -> str:
        """A statistic of a variable at its references."""
        kind, exponent = item.statistic.kind, item.statistic.exponent
        references = [self.reference(reference, letters) for reference in item.references]
        if item.variable in self.scope.symbols:
            references = self.scope.symbols[item.variable].as_declared(references)
        if item.variable == STRUCTURE:
            return references[0] if item.statistic == NUMBER else f"[{references[0]} = {references[1]}]"
        if kind == "split":
            return self._logarithm_of_sum(item, letters)
        if item.variable.startswith("position."):
            return self.reference(Gather(item.variable, item.references), letters)
        if item.variable.startswith((within_table(""), beyond_table(""))):
            relation, size = ("<", r"\ge")[item.variable.startswith(beyond_table(""))], item.variable.partition(".")[2]
            return f"[{references[-1]} {relation} {with_indices(name_text(size), references[:-1])}]"
        if item.variable in self.centred:
            return raised(self.centred_quantity(self.centred[item.variable], item.references, letters), exponent)
        if item.variable in self.derived:
            return raised(self._function(self.derived[item.variable], item.references, letters), exponent)
        head = self.head(item.variable)
        match kind:
            case "power":
                return raised(with_indices(head, references), exponent)
            case "log":
                return rf"\log {with_indices(head, references)}"
            case "log1m":
                return rf"\log(1 - {with_indices(head, references)})"
            case "log1p":
                return rf"\log(1 + {with_indices(head, references)} / {exponent:g})"
            case "inverse":
                matrix = f"{with_indices(head, references[:-2])}^{{-1}}"
                return with_indices(f"({matrix})", references[-2:])
            case "stationary" | "log_stationary":
                log = r"\log " if kind == "log_stationary" else ""
                law = rf"\operatorname{{stationary}}({with_indices(head, references[:-1])})"
                return f"{log}{with_indices(law, references[-1:])}"
            case "lgamma":
                multiple = "" if exponent == 1.0 else f"{exponent:g} "
                return rf"\log \Gamma({multiple}{with_indices(head, references)})"
            case "polya_gamma":
                return rf"\log \mathrm{{PG}}({with_indices(head, references)} \mid 1, 0)"
            case "logdet":
                return rf"\log |{with_indices(head, references)}|"
            case "hot":
                return f"[{with_indices(head, references[:-1])} = {references[-1]}]"
            case "mask":
                return rf"[{with_indices(head, references)} \text{{ seen}}]"
            case "offset":
                return with_indices(rf"\tilde{{{head}}}", references)
        return rf"\operatorname{{{kind}}} {with_indices(head, references)}"

    def reference(self, reference: Reference, letters: Letters) -> str:
        match reference:
            case Index():
                return letters.of(reference)
            case Gather(table, references):
                inner = [self.reference(one, letters) for one in references]
                about, _, rest = table.partition(".")
                if about == "place":
                    return f"{rest}_{{{inner[-1]}}}({', '.join(inner[:-1])})"
                if rest and table not in self.statistics:
                    return f"{TABLES[about](rest)}({', '.join(inner)})"
                return with_indices(name_text(table), inner)
            case Shift(index, lag):
                return f"{letters.of(index)}-{lag}"
            case Fixed(position):
                return str(position)

    def size(self, size: str | int) -> str:
        if isinstance(size, str) and size.startswith("rows of "):
            return auxiliary("N", size.removeprefix("rows of "))
        if isinstance(size, str) and is_padded(size):
            return rf"\max {name_text(size.removeprefix(padded_size('')))}"
        return str(size) if isinstance(size, int) else name_text(size)

    def head(self, variable: str) -> str:
        """The symbol of a variable or statistic, without indices."""
        if variable in self.splits:
            return self.of_split("c", variable)
        stem, tilde, _ = variable.partition("~")
        return self.statistics.get(variable) or (rf"\tilde{{{name_text(stem)}}}" if tilde else name_text(stem))

    def count(self, sizes: Iterable[str | int]) -> str:
        """The product of sizes; nothing for 1."""
        listed = list(sizes)
        number = prod(size for size in listed if isinstance(size, int))
        return " ".join(
            [*([str(number)] if number != 1 else []), *(self.size(x) for x in listed if isinstance(x, str))]
        )

    def _logarithm_of_sum(self, item: Atom, letters: Letters) -> str:
        r"""`\log \sum_{j} \mathsf{m}_{nj}`"""
        choice = self.splits[item.variable].choice
        own = letters.knowing((choice,))
        indices = [*(self.reference(reference, own) for reference in item.references), own.of(choice)]
        return rf"\log \sum_{{{own.of(choice)}}} {with_indices(self.of_split('m', item.variable), indices)}"

    def of_split(self, letter: str, split: str) -> str:
        """The symbol of something that belongs to a sum of products: numbered where there are several."""
        return auxiliary(letter, f"({list(self.splits).index(split) + 1})" if len(self.splits) > 1 else "")

    def _is_size(self, item: Atom) -> bool:
        """Whether an atom is a size or a constant, that goes first."""
        named = (self.scope.symbols, self.statistics, self.derived, self.centred)
        return item.variable != STRUCTURE and not any(item.variable in names for names in named)

    # ---------------------------------------------------------------- named quantities

    def centred_quantity(self, item: Centred, references: Sequence[Reference], letters: Letters) -> str:
        r"""`\tilde{x}_{nd}`; the centred residual of a prior is written out."""
        name, _, serial = item.name.partition("~")
        if self.is_datum(item):
            head = rf"\tilde{{{name_text(name)}}}" + (f"^{{({serial})}}" if serial else "")
            return with_indices(head, [self.reference(reference, letters) for reference in references])
        images = dict(zip(item.indices, references, strict=True))
        return rf"\left({self.at_reference_points(item, images, letters)}\right)"

    def is_datum(self, item: Centred) -> bool:
        """Whether a centred quantity belongs to a datum, and not to a prior."""
        return item.name.partition("~")[0] in self.scope.symbols

    def at_reference_points(self, item: Centred, replacement: Mapping[Index, Reference], letters: Letters) -> str:
        """The known part of a residual plus its location terms at the reference points."""
        letters = letters.knowing(item.gates)
        moved = [self._at_reference(term) for term in item.references]
        return self.polynomial([term.substitute(replacement) for term in (*item.known, *moved)], letters)

    def _at_reference(self, term: Term) -> Term:
        """The term with its location parameters at their reference points, which get names of their own."""
        return replace(term, atoms=tuple(self._reference_point(item) for item in term.atoms))

    def _reference_point(self, item: Atom) -> Atom:
        symbol = self.scope.symbols.get(item.variable)
        is_location = symbol is not None and not symbol.known and item.statistic == IDENTITY
        return replace(item, variable=reference_name(item.variable)) if is_location else item

    def without(self, names: Iterable[str]) -> Notation:
        """The same notation with `names` under their own symbols."""
        return replace(self, statistics={key: text for key, text in self.statistics.items() if key not in set(names)})

    def with_reference_points(self, names: Iterable[str]) -> Notation:
        """The same notation with `\\mathring{\\mu}` for the reference point of each of `names`."""
        points = {reference_name(name): rf"\mathring{{{name_text(name)}}}" for name in names}
        return replace(self, statistics={**self.statistics, **points})

    def _function(self, item: Derived, references: Sequence[Reference], letters: Letters) -> str:
        replacement = dict(zip(item.indices, references, strict=True))
        own = (Polynomial(normal_form(one.terms, frozenset()), one.axes) for one in item.arguments)
        arguments = [bare(argument.substitute(replacement), self.derived) for argument in own]
        texts = [
            self.polynomial(argument, letters.knowing(index for term in argument.terms for index in term.indices))
            for argument in arguments
        ]
        if item.function == LEVEL:
            indices = [self.reference(reference, letters) for reference in references]
            return with_indices(rf"\bar{{{name_text(variable_of(item))}}}", indices)
        if item.function == STARTED:
            return rf"\left({texts[0]}\right)"
        if item.function == "power" and len(texts) == 2:
            return rf"\left({texts[0]}\right)^{{{texts[1]}}}"
        if item.function == "sqrt":
            return rf"\sqrt{{{texts[0]}}}"
        if item.function == "differs" and len(texts) == 2:
            return rf"[{texts[0]} \ne {texts[1]}]"
        if item.function == "at_least" and len(texts) == 2:
            return rf"[{texts[0]} \ge {texts[1]}]"
        if item.function == "at_step" and len(texts) == 2:
            return rf"[{texts[0]} = {texts[1]}]"
        if item.function == "abs":
            return rf"\left|{texts[0]}\right|"
        name = FUNCTIONS.get(item.function) or rf"\operatorname{{{item.function.replace('_', ' ')}}}"
        return rf"{name}\left({', '.join(texts)}\right)"


def reference_name(name: str) -> str:
    return f"reference {name}"


def joined(signed: Sequence[tuple[str, str]]) -> str:
    """`a - b + c` from signs and texts."""
    (sign, first), *rest = signed
    return " ".join([f"-{first}" if sign == "-" else first, *(f"{sign} {text}" for sign, text in rest)])


def aligned(left: str, signed: Sequence[tuple[str, str]], relation: str = "=") -> list[str]:
    """`left = sum` on one line, or with one term on each line where there are many."""
    if not signed:
        return [f"{left} &{relation} 0"]
    if len(joined(signed)) <= SHORT:
        return [f"{left} &{relation} {joined(signed)}"]
    (sign, text), *rest = signed
    first = f"{left} &{relation} {'-' if sign == '-' else ''}{text}"
    return [first, *(rf"&\quad {other} {term}" for other, term in rest)]


def bracketed(text: str, signed: Sequence[tuple[str, str]]) -> str:
    """In parentheses, where it is a sum or has a sign."""
    return rf"\left({text}\right)" if len(signed) > 1 or text.startswith("-") else text


def _scale_of_identity(precision: Polynomial) -> Term | None:
    """The factor of a precision that is a multiple of the identity matrix."""
    if len(precision.terms) != 1:
        return None
    (term,) = precision.terms
    ends = set(precision.axes)
    deltas = [item for item in term.atoms if item.statistic == DELTA and set(item.references) == ends]
    rest = tuple(item for item in term.atoms if item not in deltas)
    return replace(term, atoms=rest) if deltas and not any(item.indices & ends for item in rest) else None


def _free(value: Polynomial) -> set[Index]:
    return {index for term in value.terms for index in term.indices if index not in term.bound}


def _is_log(item: Atom) -> bool:
    return item.statistic.kind in ("log", "log1m", "log1p", "logdet", "lgamma", "polya_gamma")
