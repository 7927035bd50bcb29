"""Real variables of a network: one joint normal law.

exponent = Σ hᵀ x − ½ Σ xᵀ P x        mean P⁻¹ h,  second moments only of pairs that meet in a term
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

from emdsl.algebra.indices import Fixed, Index, Reference, Shift
from emdsl.algebra.plain import as_written
from emdsl.algebra.symbols import Scope, first_table
from emdsl.algebra.terms import Atom, Polynomial
from emdsl.arrays.expressions import AtRows, Contraction, Named, Operand, total
from emdsl.arrays.programme import tuple_of
from emdsl.derive.copies import Copies
from emdsl.derive.coupled import Monomial
from emdsl.derive.field import FieldMoments, Moment, places_of
from emdsl.derive.log_joint import not_compiled
from emdsl.derive.loop_body import LoopBody
from emdsl.errors import Span
from emdsl.structure.elimination import lag_of
from emdsl.structure.networks import NetworkBlock

Naturals = Mapping[int, Named | None]


class GaussianInference:
    """Writes the call of `gaussian_system` for one block, and unpacks what it returns."""

    def __init__(
        self,
        block: NetworkBlock,
        monomials: Sequence[Monomial],
        moments: FieldMoments,
        body: LoopBody,
        starts: Mapping[str, Polynomial],
        copies: Copies | None,
        spans: Mapping[str, Span | None],
        scope: Scope | None = None,
        kinds: Mapping[int, str] | None = None,
        at_means: bool = False,
    ) -> None:
        """`starts`: values at which series of some variables start. `copies`: which weights count the variables.

        `spans`: where variables are defined. `scope`: one where the variables have more rows. `kinds`: of the rows of
        those monomials, by identity, whose natural parameters are for one row of each kind. `at_means`: whether the
        exponent at the means is found elsewhere, and of the log partition the rest is asked.
        """
        self.block, self.monomials, self.moments, self.body = block, monomials, moments, body
        self.starts, self.copies, self.spans = starts, copies, spans
        self.scope: Scope = scope or moments.scope
        self.kinds, self.at_means = kinds or {}, at_means
        self.read: dict[str, str] = {}

    def sizes(self, name: str) -> tuple[list[str], list[str]]:
        """Lengths of the plates and of the event axes of a variable."""
        symbol = self.scope.symbols[name]
        length = self.moments.length
        return [length(size) for size, _ in symbol.plates], [length(size) for size, _ in symbol.event]

    def write(self, naturals: Naturals, laws: str = "", summed: Set[int] = frozenset()) -> str:
        """Mean, covariances and log partition; the name of the log partition comes back.

        `laws`: for every row of each variable the law that it belongs to, and how many laws there are; then there is a
        log partition for each. `summed`: the monomials of which no more is asked than sums over their rows.
        """
        for monomial in self.monomials:
            if len(monomial.atoms) > 2:
                met = " and ".join(f"`{name}`" for name in dict.fromkeys(monomial.variables))
                raise not_compiled(f"a product of more than two values of {met}", self.spans.get(monomial.variables[0]))
        position = {name: place for place, name in enumerate(self.block.variables)}
        linear, diagonal, couplings, unpack = [], [], [], []
        for name in self.block.variables:
            linear.append(self._linear(name, naturals))
            diagonal.append(self._diagonal(name, naturals))
        for monomial in self.monomials:
            if len(monomial.atoms) == 2 and not self._is_diagonal(monomial):
                couplings.append(self._coupling(monomial, naturals, position))
                unpack.append(monomial)
        label = " ".join(self.block.variables)
        known = [self._known(name) for name in self.block.variables]
        listed = f"[{', '.join(linear)}], [{', '.join(diagonal)}], [{', '.join(couplings)}], [{', '.join(known)}]"
        places = [self.copies and places_of(name, self.moments, self.copies) for name in self.block.variables]
        if any(places):
            listed += f", copies_of(data, [{', '.join(f'({one})' if one else '([], ())' for one in places)}])"
        what = ("means", "covariances", "crosses", "log volume" if self.at_means else "log partition")
        names = tuple(f"{one} of {label}" for one in what)
        function = "gaussian_law" if self.at_means else "gaussian_system"
        call = f"gaussian_systems({listed}, {laws})" if laws else f"{function}({listed})"
        means, spreads, crosses, partition = self.body.several(
            names, call, f"the joint normal law of {' and '.join(f'`{as_written(n)}`' for n in position)}"
        )
        solved = Solved(self.block.variables, tuple(unpack), means, spreads, crosses)
        for monomial in sorted(self.monomials, key=lambda one: len(one.atoms)):
            if id(monomial) in summed and monomial not in self._self_pairs(monomial.variables[0]):
                self._summed_moment(monomial, solved)
            else:
                self._moment(monomial, solved)
        return partition

    def _known(self, name: str) -> str:
        """The given values of a variable, and the values at which its series start, once for all laws."""
        _, event = self.sizes(name)
        if name in self.moments.centred:
            return f"{self.moments.centred_array(name).name}.reshape(-1, {' * '.join(event) or '1'})"
        given = self.moments.given(name)
        value = self.starts.get(name)
        if value is None:
            return f"known_rows({given}, {' * '.join(event) or '1'})"
        plates = [self.moments.length(size) for size, _ in self.moments.scope.symbols[name].plates]
        width, count = " * ".join(event) or "1", " * ".join(plates)
        letter = self.scope.symbols[name].plates[-1][1]
        ragged = letter in self.scope.ragged
        first = f"np.arange(0, {count}, {plates[-1]})"
        if ragged:
            first = f'data["{first_table(letter)}"]'
            if plates[:-1]:
                first = f"repeated_rows(np.ravel({first}), {' * '.join(plates[:-1])}, {plates[-1]})"
        parts = tuple(self.moments.contraction(term, value.axes) for term in value.terms)
        array = total(parts, value.axes) if parts else Contraction(0.0, (), value.axes)
        named = self.body.define(f"start of {name}", self.moments.covered(array, value.axes), value.axes)
        return f"known_from_start({given}, {named.name}, {first}, {count}, {width})"

    def _is_diagonal(self, monomial: Monomial) -> bool:
        one, two = monomial.atoms
        count = len(self.scope.symbols[one.variable].plates)
        return one.variable == two.variable and one.references[:count] == two.references[:count]

    def _shaped(self, name: str, code: str, copies: int) -> str:
        _, event = self.sizes(name)
        width = " * ".join(event) or "1"
        return f"np.reshape({code}, ({', '.join(('-1', *[width] * copies))}))"

    def _linear(self, name: str, naturals: Naturals) -> str:
        for monomial in self.monomials:
            natural = naturals.get(id(monomial))
            if monomial.variables == (name,) and natural is not None:
                whole = self._covered(natural, monomial.all_axes, f"linear {name}")
                return self._shaped(name, whole, 1)
        plates, event = self.sizes(name)
        return f"np.zeros(({' * '.join(plates) or '1'}, {' * '.join(event) or '1'}))"

    def _diagonal(self, name: str, naturals: Naturals) -> str:
        for monomial in self.monomials:
            natural = naturals.get(id(monomial))
            if monomial.variables == (name, name) and self._is_diagonal(monomial) and natural is not None:
                own = f"precision_of({self._shaped(name, self._quadratic(monomial, natural), 2)})"
                own += f"[{self.kinds[id(monomial)]}]" if id(monomial) in self.kinds else ""
                return " + ".join((own, *(self._met(other, naturals) for other in self._self_pairs(name))))
        raise not_compiled(f"`{name}`, whose law has no square of its own value", self.spans.get(name))

    def _quadratic(self, monomial: Monomial, natural: Named) -> str:
        if id(monomial) in self.kinds:
            return natural.name
        rows = tuple(row for row in monomial.rows if row in natural.axes)
        wanted = (*(monomial.rows if rows else ()), *monomial.axes)
        return self._covered(natural, wanted, f"quadratic {monomial.variables[0]}")

    def _self_pairs(self, name: str) -> list[Monomial]:
        """Products of a variable with itself at two rows that may be the same."""
        return [
            one
            for one in self.monomials
            if one.variables == (name, name) and not self._is_diagonal(one) and self._lagged_rows(one) is None
        ]

    def _rows_of(self, monomial: Monomial) -> tuple[str, str]:
        """Flat rows of both factors, for every row of the monomial."""
        names = []
        for place, item in enumerate(monomial.atoms):
            label = f"rows {place} of {' '.join(monomial.variables)} {self.monomials.index(monomial)}"
            code = self._row_index(monomial, item.variable, item.references)
            names.append(self.body.define(label, code, ()).name)
        return names[0], names[1]

    def _coefficient(self, monomial: Monomial, naturals: Naturals) -> Named:
        """The natural parameter of a product, zero where its terms cancel."""
        return naturals.get(id(monomial)) or self.body.define(self.body.unused("no term"), "0.0", ())

    def _all_blocks(self, monomial: Monomial, naturals: Naturals) -> str:
        natural = self._coefficient(monomial, naturals)
        one, two = monomial.variables
        widths = [" * ".join(self.sizes(name)[1]) or "1" for name in (one, two)]
        whole = self._covered(natural, monomial.all_axes, f"coupling {one} {two} {self.monomials.index(monomial)}")
        return f"np.reshape({whole}, (-1, {widths[0]}, {widths[1]}))"

    def _met(self, monomial: Monomial, naturals: Naturals) -> str:
        """The share of the precision of single rows in products of two rows: where both are the same."""
        one, two = self._rows_of(monomial)
        plates, _ = self.sizes(monomial.variables[0])
        count = " * ".join(plates) or "1"
        return f"precision_of(met_rows({self._all_blocks(monomial, naturals)}, {one}, {two}, {count}))"

    def _covered(self, natural: Named, axes: tuple[Index, ...], label: str) -> str:
        if natural.axes == axes:
            return natural.name
        value = self.moments.covered(Contraction(1.0, (Operand(natural, natural.axes),), axes), axes)
        return self.body.define(f"{label} of every row", value, axes).name

    def _coupling(self, monomial: Monomial, naturals: Naturals, position: Mapping[str, int]) -> str:
        one, two = monomial.atoms
        if monomial in self._self_pairs(one.variable):
            first, second = self._rows_of(monomial)
            place, apart = position[one.variable], f"{first} != {second}"
            blocks = f"-{self._all_blocks(monomial, naturals)}[{apart}]"
            return f"({place}, {place}, {first}[{apart}], {second}[{apart}], {blocks})"
        natural = self._coefficient(monomial, naturals)
        rows_text = self._row_indices(monomial)
        widths = [" * ".join(self.sizes(item.variable)[1]) or "1" for item in (one, two)]
        carried = any(row in natural.axes for row in monomial.rows)
        wanted = (*(monomial.rows if carried else ()), *monomial.axes)
        whole = self._covered(
            natural, wanted, f"coupling {one.variable} {two.variable} {self.monomials.index(monomial)}"
        )
        block = f"-np.reshape({whole}, (-1, {widths[0]}, {widths[1]}))"
        lagged = self._lagged_rows(monomial)
        if lagged is not None and carried:
            block += f"[{lagged}]"
        return f"({position[one.variable]}, {position[two.variable]}, {rows_text[0]}, {rows_text[1]}, {block})"

    def _lagged_rows(self, monomial: Monomial) -> str | None:
        """Flat rows that have a row as long before them as the monomial reaches back in time."""
        shifts = [r for item in monomial.atoms for r in item.references if isinstance(r, Shift)]
        return self._later(monomial, max(shifts, key=lambda shift: shift.lag)) if shifts else None

    def _later(self, monomial: Monomial, shift: Shift) -> str:
        letter = shift.index.letter
        lag = "" if shift.lag == 1 else f", {shift.lag}"
        label = f"later rows of {' '.join(row.letter for row in monomial.rows)}{lag.replace(',', '')}"
        length = self.moments.length(shift.index.size)
        series = [self.moments.length(row.size) for row in monomial.rows if row != shift.index]
        last = {self.scope.symbols[i.variable].plates[-1][1] for i in monomial.atoms if shift in i.references}
        if monomial.rows[-1] != shift.index or last != {letter}:
            (name, *_) = monomial.variables
            raise not_compiled(f"`{name}`, a chain along two times at once", self.spans.get(name))
        if letter in self.scope.ragged:
            code = f'later_rows(data["offsets.{letter}"]{lag})'
            code = f"repeated_rows({code}, {' * '.join(series)}, {length})" if series else code
        else:
            stop = f"{' * '.join(series)} * {length} + 1" if series else f"{length} + 1"
            code = f"later_rows(np.arange(0, {stop}, {length}){lag})"
        what = "that are not the first of their series" if shift.lag == 1 else f"that have one {shift.lag} steps before"
        return self.body.define(label, code, (), f"rows {what}").name

    def _row_index(self, monomial: Monomial, name: str, references: Sequence[Reference]) -> str:
        """Flat row numbers of a variable for every row of a monomial."""
        count = len(self.scope.symbols[name].plates)
        own = tuple(references[:count])
        lagged = self._lagged_rows(monomial)
        plates, _ = self.sizes(name)
        if lagged is not None and tuple(r.index if isinstance(r, Shift) else r for r in own) == monomial.rows:
            if not lag_of(own):
                return lagged
            inside = plates[1 + next(place for place, r in enumerate(own) if isinstance(r, Shift)) :]
            return f"{lagged} - {' * '.join((str(lag_of(own)), *inside))}"
        if lagged is not None:
            return f"{self._read_rows(monomial, name, own, plates)}[{lagged}]"
        if own == monomial.rows:
            return f"np.arange({' * '.join(plates) or '1'})"
        if not own:
            lengths = " * ".join(self.moments.length(row.size) for row in monomial.rows)
            return f"np.zeros({lengths}, dtype=int)"
        return self._read_rows(monomial, name, own, plates)

    def _read_rows(self, monomial: Monomial, name: str, own: Sequence[Reference], plates: Sequence[str]) -> str:
        """Rows that index arrays tell, or that stand for several rows of the monomial; once, under a name."""
        codes = tuple_of(self.moments.index_code(reference, monomial.rows) for reference in own)
        shape = tuple_of(self.moments.length(row.size) for row in monomial.rows)
        fixed = all(isinstance(reference, Fixed) for reference in own)
        code = f"flat_rows({codes}, {tuple_of(plates)}{f', {shape}' if fixed or len(monomial.rows) != 1 else ''})"
        if code not in self.read:
            self.read[code] = self.body.define(self.body.unused(f"rows of {name}"), code, ()).name
        return self.read[code]

    def _summed_moment(self, monomial: Monomial, solved: Solved) -> None:
        """E[x yᵀ] = cov(x, y) + E[x] E[y]ᵀ in two parts, whose sums need no product for every row."""
        if self._is_diagonal(monomial):
            code = solved.covariance(monomial.variables[0])
        else:
            code = self._at_own_rows(solved.cross(monomial), monomial)
        code = f"{code}.reshape({self._shape(monomial.all_axes)})"
        lagged = self._lagged_rows(monomial)
        if lagged is not None and len(monomial.rows) == 1:
            own = ", ".join(("-1", *(self.moments.length(axis.size) for axis in monomial.axes)))
            vectors = all(len(self.sizes(name)[1]) == 1 for name in monomial.variables)
            shaped = solved.cross(monomial) + ("" if vectors else f".reshape({own})")
            values = Named(shaped, monomial.all_axes)
            covariance: Named = AtRows(code, monomial.all_axes, array=values, rows=lagged)
        else:
            label = self.body.unused(f"covariance of {' '.join(monomial.variables)}")
            covariance = self.body.define(label, code, monomial.all_axes)
        means = tuple(Operand(self._mean(item.variable, solved), item.references) for item in monomial.atoms)
        self.moments.sums[id(monomial)] = ((Operand(covariance, covariance.axes),), means)

    def _mean(self, name: str, solved: Solved) -> Named:
        known = [one for one in self.monomials if one.variables == (name,) and id(one) in self.moments.found]
        if known:
            return self.moments.found[id(known[0])].array
        axes = tuple(self.moments.source.fresh(size, letter) for size, letter in self.scope.symbols[name].axes)
        return self.body.define(f"expected {name}", f"{solved.mean(name)}.reshape({self._shape(axes)})", axes)

    def _moment(self, monomial: Monomial, solved: Solved) -> None:
        first = monomial.variables[0]
        if len(monomial.atoms) == 1:
            code = solved.mean(first)
        elif self._is_diagonal(monomial):
            code = f"second_moment({solved.mean(first)}, {solved.covariance(first)})"
        else:
            met = monomial in self._self_pairs(first)
            one, two = self._rows_of(monomial) if met else self._row_indices(monomial)
            covariance = solved.cross(monomial)
            if met:
                covariance = f"pair_covariances({solved.covariance(first)}, {covariance}, {one}, {two})"
            means = (
                solved.mean(item.variable) + ("" if self._is_every_row(monomial, item) else f"[{rows}]")
                for item, rows in zip(monomial.atoms, (one, two), strict=True)
            )
            code = f"cross_moment({', '.join(means)}, {covariance})"
            code = code if met else self._at_own_rows(code, monomial)
        quantity = self.body.unused(f"expected {' '.join(monomial.variables)}")
        named = self.body.define(quantity, f"{code}.reshape({self._shape(monomial.all_axes)})", monomial.all_axes)
        self.moments.found[id(monomial)] = Moment(named)

    def _is_every_row(self, monomial: Monomial, item: Atom) -> bool:
        """Whether an atom is read at the rows of its variable, all of them and in their order."""
        count = len(self.scope.symbols[item.variable].plates)
        return item.references[:count] == monomial.rows and self._lagged_rows(monomial) is None

    def _row_indices(self, monomial: Monomial) -> tuple[str, str]:
        one, two = (self._row_index(monomial, item.variable, item.references) for item in monomial.atoms)
        return one, two

    def _at_own_rows(self, code: str, monomial: Monomial) -> str:
        """What there is for rows with another one before them, with zeros for the others."""
        lagged = self._lagged_rows(monomial)
        return code if lagged is None else f"at_rows({code}, {lagged}, {self._product(monomial.rows)})"

    def _product(self, axes: Sequence[Index]) -> str:
        return " * ".join(self.moments.length(axis.size) for axis in axes) or "1"

    def _shape(self, axes: Sequence[Index]) -> str:
        return ", ".join(self.moments.length(axis.size) for axis in axes) or "()"


@dataclass(frozen=True)
class Solved:
    """The names of what `gaussian_system` returns: lists by variable, and by pair of variables at two rows."""

    variables: tuple[str, ...]
    pairs: tuple[Monomial, ...]
    means: str
    covariances: str
    crosses: str

    def mean(self, name: str) -> str:
        return f"{self.means}[{self.variables.index(name)}]"

    def covariance(self, name: str) -> str:
        return f"{self.covariances}[{self.variables.index(name)}]"

    def cross(self, monomial: Monomial) -> str:
        return f"{self.crosses}[{self.pairs.index(monomial)}]"
