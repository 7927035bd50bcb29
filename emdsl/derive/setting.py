"""The setting in which all functions of one module are derived: names, symbols, and where quantities come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from emdsl.algebra.indices import Fixed, Gather, Index, IndexSource, Reference, indices_in
from emdsl.algebra.operations import Derived
from emdsl.algebra.symbols import RAGGED_TABLES, Scope
from emdsl.algebra.terms import STRUCTURE, Atom, Polynomial, Term
from emdsl.arrays.body import Body, Names
from emdsl.derive.centre import Centred
from emdsl.derive.coupled import CoupledStatistic, Monomials
from emdsl.derive.field import WEIGHTS, FieldMoments
from emdsl.derive.held import Held
from emdsl.derive.loop_body import LoopBody
from emdsl.derive.network_terms import NetworkTerms
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
    entries may be missing. `gated_axes`: for each location parameter that a gate indexes, those axes.
    `forms`: the posteriors of parameters that have one; all others are point estimates. `held`: what `fix` holds.
    `networks`: latents that meet beyond one row. `weighted`: letters of plates whose rows may have weights. `observed`:
    observed variables. `given_latents`: latents whose values may be given. `starts`: values at which real latents over
    time start. `spans`: where each variable is defined.
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
    missing: frozenset[str]
    forms: Mapping[str, PosteriorForm]
    held: Mapping[str, Held]
    hard: bool
    networks: tuple[NetworkTerms, ...]
    weighted: frozenset[str]
    observed: frozenset[str]
    given_latents: frozenset[str]
    starts: Mapping[str, Polynomial]
    spans: Mapping[str, Span | None]

    @property
    def ungated(self) -> frozenset[str]:
        """Location parameters whose reference point is their own value."""
        return frozenset(self.locations) - frozenset(self.gated_axes)

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
            *arguments, forms={**self.forms, **forms}, missing=missing, gated_axes=self.gated_axes, blocks=blocks
        )

    def vanishes(self, term: Term) -> bool:
        """Whether a term holds the offset of a location whose reference point is its own value."""
        return vanishes(term.atoms, self.ungated, frozenset(self.forms))

    def without_weights(self, rest: Term, references: Sequence[Reference]) -> Term:
        """The rest of a term without the weights of the rows that the references run over."""
        rows = {index for reference in references for index in indices_in(reference)}
        plain = {reference for reference in references if isinstance(reference, Index)}
        atoms = tuple(
            item
            for item in rest.atoms
            if not (item.variable.startswith(WEIGHTS) and item.indices <= plain and item.indices <= rows)
        )
        return Term(rest.coefficient, atoms, rest.bound)

    def weighted_plates(self, block: NetworkBlock) -> dict[str, tuple[str, ...]]:
        """For each variable of a block, those of its plates whose rows may have weights."""
        symbols, found = self.scope.symbols, {}
        for name in block.all:
            if name.startswith("split "):
                continue
            letters = [letter for _, letter in symbols[name].plates]
            found[name] = tuple(letter for letter in letters if letter in self.weighted)
            parents = [parent for letter in letters for parent in self.scope.outer(letter, Fixed(0))]
            found[f"groups of {name}"] = tuple(parent for parent in parents if parent in self.weighted)
        return found

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
        if len(plates) == 1 and plates[0] in self.scope.ragged:
            return f'ragged_weights(data, "{plates[0]}", {tuple(self.scope.outer(plates[0], Fixed(0)))!r})'
        if len(plates) == 1:
            return f'data.get("weights.{plates[0]}")'
        if not plates:
            return "None"
        sizes = ", ".join(self.size_text(self.plate_size(letter)) for letter in plates)
        return f"row_weights(data, {plates!r}, ({sizes}))"

    def block_size(self, axis: Index) -> str:
        """The length of a row axis within a block."""
        return "rows.stop - rows.start" if axis.letter in self.leads else self.size_text(axis.size)

    @property
    def leads(self) -> frozenset[str]:
        return frozenset(sweep.plates[0] for sweep in self.collapsed.sweeps if sweep.plates)

    # ---------------------------------------------------------------- where names come from

    def sources(
        self, *, params: bool = False, data: bool = False, statistics: bool = False
    ) -> tuple[tuple[str, str], ...]:
        """(identifier, expression) of everything that a function may load, in the order of loading."""
        listed: list[tuple[str, str]] = []
        if data:
            for name in self.scope.symbols:
                if self.is_data(name):
                    listed.append((self.names.of(name), f'data["{name}"]'))
        if statistics:
            swept = [item.name for sweep in self.collapsed.sweeps for item in sweep.statistics]
            for name in (*swept, *(item.name for item in self.coupled)):
                listed.append((self.names.of(f"statistic {name}"), f'statistics["{name}"]'))
        if params:
            keys = [key for name in self.parameters for key in self.keys(name)]
            listed += [(self.names.of(key), f'params["{key}"]') for key in keys]
            if not data:
                listed += [(self.names.of(name), f'params["given.{name}"]') for name in self.carried]
            for name in self.locations:
                source = (
                    f'reference_points(params)["{name}"]'
                    if name in self.gated_axes
                    else f'params["{self.whole(name)}"]'
                )
                listed.append((self.names.of(f"reference {name}"), source))
        listed += self._sizes(params, data)
        return tuple(listed)

    def is_data(self, name: str) -> bool:
        """Whether the name is a variable that the user's data hold."""
        symbol = self.scope.symbols[name]
        partly = any(item.base == name for item in self.centred.values())
        return (symbol.known or partly) and symbol.value is None and name not in self.centred

    def _sizes(self, params: bool, data: bool) -> list[tuple[str, str]]:
        found: dict[str, str] = {}
        for name, symbol in self.scope.symbols.items():
            readable = (params and name in self.parameters) or (data and self.is_data(name))
            if not readable:
                continue
            holder = f'params["{self.whole(name)}"]' if name in self.parameters else f'data["{name}"]'
            for axis, (size, _) in enumerate(symbol.axes):
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
