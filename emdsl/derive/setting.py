"""The setting in which all functions of one module are derived: names, symbols, and where quantities come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from emdsl.algebra.derived import Derived
from emdsl.algebra.indices import Fixed, Gather, Index, IndexSource, Reference, substitute
from emdsl.algebra.symbols import RAGGED_TABLES, WEIGHTS, Scope
from emdsl.algebra.terms import STRUCTURE, Atom, Polynomial, Term
from emdsl.arrays.body import Body, Names
from emdsl.arrays.programme import literal, tuple_of
from emdsl.derive.centre import Centred, CentredSquare
from emdsl.derive.copies import Copies
from emdsl.derive.coupled import CoupledStatistic, Monomial, Monomials, Occurrence
from emdsl.derive.declared_order import inwards
from emdsl.derive.field import FieldMoments
from emdsl.derive.held import Held
from emdsl.derive.levels import Level, level_code, prepared_key, quantity_name
from emdsl.derive.loop_body import LoopBody
from emdsl.derive.network_terms import NetworkTerms
from emdsl.derive.origins import Origin
from emdsl.derive.point import PointMoments
from emdsl.derive.posteriors import PosteriorForm
from emdsl.derive.statistics import Collapsed, normal_form, vanishes
from emdsl.derive.variational import VariationalMoments
from emdsl.errors import Span
from emdsl.structure.networks import NetworkBlock


@dataclass(frozen=True)
class Setting:
    """Everything that the functions of one module share.

    `parameters`: the global unknowns in declared order. `fixed`: those held whole. `missing`: known variables in which
    entries may be missing. `gated_axes`: for each location parameter that a gate indexes, those axes. `by_state`: those
    of which data read the entries of their states only. `origins`: what real latents are inferred about.
    `levels`: those of them that are levels. `forms`: the posteriors of parameters that have one; all others are point
    estimates. `held`: what `fix` holds.
    `networks`: latents that meet beyond one row. `copies`: which weights count what. `observed`: observed variables,
    but for the `holed` ones, whose missing entries are inferred. `given_latents`: latents whose values may be given,
    and these. `auxiliaries`: latents that the compiler added. `starts`: values at which real latents over time start.
    `spans`: where each variable is defined. `squares`: by network, the quadratic forms that are evaluated as residuals
    at the means of its latents; `in_squares`: what these come to beside the latents, with rows summed out.
    """

    names: Names
    scope: Scope
    source: IndexSource
    derived: Mapping[str, Derived]
    centred: Mapping[str, Centred]
    collapsed: Collapsed
    parameters: tuple[str, ...]
    locations: tuple[str, ...]
    gated_axes: Mapping[str, tuple[int, ...]]
    by_state: frozenset[str]
    origins: Mapping[str, Origin]
    levels: Mapping[str, Level]
    missing: frozenset[str]
    forms: Mapping[str, PosteriorForm]
    held: Mapping[str, Held]
    hard: bool
    networks: tuple[NetworkTerms, ...]
    copies: Copies
    observed: frozenset[str]
    holed: frozenset[str]
    given_latents: frozenset[str]
    auxiliaries: frozenset[str]
    starts: Mapping[str, Polynomial]
    spans: Mapping[str, Span | None]
    squares: Mapping[str, tuple[CentredSquare, ...]]
    in_squares: tuple[Term, ...]

    @property
    def ungated(self) -> frozenset[str]:
        """Location parameters whose reference point is their own value."""
        return frozenset(self.locations) - frozenset(self.gated_axes)

    @property
    def points_by_state(self) -> bool:
        """Whether each state may have reference points of its own: it tells the entries of all that is gated."""
        return all(axes == (0,) and name in self.by_state for name, axes in self.gated_axes.items())

    @property
    def symmetric(self) -> frozenset[str]:
        matrices = frozenset(name for name, symbol in self.scope.symbols.items() if symbol.kind == "cov")
        return matrices | self.collapsed.symmetric

    @property
    def carried(self) -> tuple[str, ...]:
        """Given data that priors use: they travel with the parameters, since the M-step sees no data."""
        used: set[str] = set()
        waiting = [term for _, term in self.collapsed.terms]
        while waiting:
            for name in names_in(waiting.pop()) - used:
                used.add(name)
                if name in self.derived:
                    waiting += [term for argument in self.derived[name].arguments for term in argument.terms]
                if name in self.centred:
                    waiting += [*self.centred[name].known, *self.centred[name].references]
        return tuple(name for name in self.scope.symbols if name in used and self.is_data(name))

    def merged(self, polynomial: Polynomial) -> Polynomial:
        return Polynomial(normal_form(polynomial.terms, self.symmetric), polynomial.axes)

    @property
    def coupled(self) -> tuple[CoupledStatistic, ...]:
        """The statistics of all networks."""
        return tuple(statistic for network in self.networks for statistic in network.statistics)

    def _arrays(self) -> dict[str, tuple[Index, ...]]:
        arrays = {}
        for sweep in self.collapsed.sweeps:
            for statistic in sweep.statistics:
                arrays[statistic.name] = statistic.axes
        for one in self.coupled:
            arrays[one.name] = one.axes
        for name in self.locations:
            symbol = self.scope.symbols[name]
            axes = tuple(self.source.fresh(size, letter) for size, letter in symbol.axes)
            arrays[f"reference {name}"] = axes
        return arrays

    def field_moments(
        self, body: LoopBody, blocks: Sequence[Monomials], forms: Mapping[str, PosteriorForm]
    ) -> FieldMoments:
        """Operands for the inference of a network; `forms` are the posteriors of its latents."""
        names = self.statistic_names()
        arguments = (body, self.scope, self.source, self._arrays(), names, self.centred, self.derived)
        missing = frozenset(name for name, symbol in self.scope.symbols.items() if name in self.missing)
        return FieldMoments(
            *arguments,
            forms={**self.forms, **forms},
            missing=missing,
            gated_axes=self.gated_axes,
            blocks=blocks,
            origins=self.origins,
            holed=self.holed,
        )

    def vanishes(self, term: Term) -> bool:
        """Whether a term holds the offset of a location whose reference point is its own value."""
        return vanishes(term.atoms, self.ungated, frozenset(self.forms))

    def weights_of(self, monomial: Monomial, names: Mapping[Index, Reference] | None = None) -> tuple[Atom, ...]:
        """The weights that count a monomial, at its rows under `names`."""
        found: dict[Atom, None] = {}
        for item in monomial.atoms:
            references = [substitute(reference, names or {}) for reference in item.references]
            found |= dict.fromkeys(self.copies.at(item.variable, references))
        return tuple(found)

    def of_one_copy(self, occurrence: Occurrence) -> Term:
        """The rest of a term as one copy of the monomial sees it: the weights that count the monomial are not in it."""
        rows = occurrence.monomial.rows
        names: dict[Index, Reference] = dict(zip(rows, occurrence.references, strict=False))
        own = set(self.weights_of(occurrence.monomial, names))
        return replace(occurrence.rest, atoms=tuple(item for item in occurrence.rest.atoms if item not in own))

    def chooses(self, block: NetworkBlock) -> bool:
        """Whether the best states of a block count alone: hard EM."""
        return block.kind == "finite" and self.chooses_states(block.variables)

    def chooses_states(self, discrete: Sequence[str]) -> bool:
        """The same of discrete variables: choices that the compiler adds and missing observations are summed out."""
        symbols = [self.scope.symbols[name] for name in discrete]
        return self.hard and not any(symbol.choice or symbol.whole in self.holed for symbol in symbols)

    def is_fixed(self, item: Atom) -> bool:
        """Whether data and constants alone determine an atom."""
        if item.variable == STRUCTURE or item.variable in self.derived or item.variable.startswith(WEIGHTS):
            return True
        symbol = self.scope.symbols.get(item.variable)
        return symbol is None or symbol.known

    def is_datum(self, item: Atom) -> bool:
        """Whether an atom is a value of the data, and not an index array, a mask or a constant."""
        if item.variable in self.centred:
            return True
        symbol = self.scope.symbols.get(item.variable)
        if symbol is None or not symbol.known or item.statistic.kind == "mask":
            return False
        table = item.variable.startswith(RAGGED_TABLES)
        return not table and (symbol.kind != "index" or item.variable in self.observed)

    def moments(self, body: Body) -> PointMoments:
        names = self.statistic_names()
        arguments = (body, self.scope, self.source, self._arrays(), names, self.centred, self.derived)
        return VariationalMoments(*arguments, forms=self.forms) if self.forms else PointMoments(*arguments)

    def keys(self, name: str) -> tuple[str, ...]:
        """The keys of a parameter in `params`: its own name, or those of its posterior's parameters."""
        form = self.forms.get(name)
        return tuple(form.key(key) for key in form.keys) if form else (name,)

    def whole(self, name: str) -> str:
        """The key under which an array with all axes of the parameter stands."""
        form = self.forms.get(name)
        return name if form is None else form.key("scale" if form.kernel == "Wishart" else form.keys[0])

    def statistic_names(self) -> frozenset[str]:
        swept = (item.name for sweep in self.collapsed.sweeps for item in sweep.statistics)
        return frozenset((*swept, *(item.name for item in self.coupled)))

    # ---------------------------------------------------------------- text of sizes and rows

    def size_text(self, size: str | int) -> str:
        return str(size) if isinstance(size, int) else self.names.of(size)

    def plate_size(self, letter: str) -> str | int:
        return next(size for symbol in self.scope.symbols.values() for size, other in symbol.plates if other == letter)

    def row_count(self, plates: tuple[str, ...]) -> str:
        return self.size_text(self.plate_size(plates[0])) if plates else "1"

    def repeats(self, plates: tuple[str, ...]) -> str:
        return " * ".join(self.size_text(self.plate_size(letter)) for letter in plates[1:]) or "1"

    def weights(self, plates: tuple[str, ...]) -> str:
        """The weights of rows of these plates, as text; None without any."""
        rows = tuple(self.source.fresh(self.plate_size(letter), letter) for letter in plates)
        within = self.copies.lies_in([(row.letter, row) for row in rows])
        parents = tuple(self.scope.outer(plates[0], Fixed(0))) if len(plates) == 1 else ()
        if set(within) - {*plates, *parents}:
            places = ", ".join(
                f'("{letter}", {self._at_rows(references[0], rows)})'
                for letter, references in within.items()
                if letter in self.copies.weighted
            )
            return f"standing(data, [{places}], {tuple_of(self.size_text(row.size) for row in rows)})"
        if len(plates) == 1 and plates[0] in self.scope.ragged:
            return f'ragged_weights(data, "{plates[0]}", {literal(parents)})'
        if len(plates) == 1:
            return f'data.get("{WEIGHTS}{plates[0]}")'
        if not plates:
            return "None"
        sizes = tuple_of(self.size_text(self.plate_size(letter)) for letter in plates)
        return f"row_weights(data, {literal(plates)}, {sizes})"

    def _at_rows(self, reference: Reference, rows: tuple[Index, ...]) -> str:
        """The values of a reference at all rows, as text."""
        if isinstance(reference, Gather):
            if reference.references == rows:
                return f'data["{reference.table}"]'
            inner = ", ".join(self._at_rows(one, rows) for one in reference.references)
            return f'data["{reference.table}"][{inner}]'
        assert isinstance(reference, Index)
        if rows == (reference,):
            return "slice(None)"
        shape = ", ".join(":" if row == reference else "None" for row in rows)
        return f"np.arange({self.size_text(reference.size)}){f'[{shape}]' if len(rows) > 1 else ''}"

    # ---------------------------------------------------------------- where names come from

    def sources(
        self, *, params: bool = False, data: bool = False, statistics: bool = False
    ) -> tuple[tuple[str, str], ...]:
        """(identifier, expression) of everything that a function may load, in the order of loading."""
        listed: list[tuple[str, str]] = []
        if data:
            for name in self.scope.symbols:
                if self.is_data(name):
                    listed.append((self.names.of(name), inwards(f'data["{name}"]', self.scope.symbols[name])))
            for name, level in self.levels.items():
                key, code = prepared_key(name), level_code(name, level, self.scope)
                listed.append((self.names.of(quantity_name(name)), f'data["{key}"] if "{key}" in data else {code}'))
        if statistics:
            swept = [item.name for sweep in self.collapsed.sweeps for item in sweep.statistics]
            for name in (*swept, *(item.name for item in self.coupled)):
                listed.append((self.names.of(f"statistic {name}"), f'statistics["{name}"]'))
        if params:
            keys = [key for name in self.parameters for key in self.keys(name)]
            listed += [(self.names.of(key), f'params["{key}"]') for key in keys]
            if not data:
                listed += [(self.names.of(name), f'params["given.{name}"]') for name in self.carried]
            points = "reference_points(params)"
            if len(self.gated_axes) > 1:  # once for all
                listed.append((self.names.of("points"), points))
                points = self.names.of("points")
            for name in self.locations:
                source = f'{points}["{name}"]' if name in self.gated_axes else f'params["{self.whole(name)}"]'
                listed.append((self.names.of(f"reference {name}"), source))
        listed += self._sizes(params, data)
        return tuple(listed)

    def is_data(self, name: str) -> bool:
        """Whether the name is a variable that the user's data hold."""
        symbol = self.scope.symbols[name]
        partly = any(item.base == name for item in self.centred.values())
        return (symbol.known or partly or name in self.holed) and symbol.value is None and name not in self.centred

    def _sizes(self, params: bool, data: bool) -> list[tuple[str, str]]:
        found: dict[str, str] = {}
        for name, symbol in self.scope.symbols.items():
            readable = (params and name in self.parameters) or (data and self.is_data(name))
            if not readable:
                continue
            holder = f'params["{self.whole(name)}"]' if name in self.parameters else f'data["{name}"]'
            for axis, (size, _) in enumerate(symbol.declared_axes):
                if isinstance(size, str) and size not in self.scope.numbers:
                    found.setdefault(size, f"{holder}.shape[{axis}]")
        if data:
            for symbol in self.scope.symbols.values():
                for size, _ in symbol.axes:
                    table = self.index_array(size) if isinstance(size, str) else None
                    if table is not None and isinstance(size, str) and size not in self.scope.numbers:
                        found.setdefault(size, f'largest(data, "{size}", "{table}")')
        return [(self.names.of(size), text) for size, text in found.items()]

    def index_array(self, size: str | int) -> str | None:
        """A known variable that indexes an axis of this size, if there is one."""
        tables = (name for name, symbol in self.scope.symbols.items() if symbol.known and symbol.categories == size)
        return next((name for name in tables if self.is_data(name)), None)


def names_in(term: Term) -> frozenset[str]:
    """The variables of a term, index arrays included."""
    found = set(term.variables())
    waiting = [reference for item in term.atoms for reference in item.references]
    while waiting:
        reference = waiting.pop()
        if isinstance(reference, Gather):
            found.add(reference.table)
            waiting += reference.references
    return frozenset(found)
