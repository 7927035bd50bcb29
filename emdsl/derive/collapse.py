"""Rows are summed out: the expected log joint as a polynomial in sufficient statistics and global variables.

    log p = Σ_terms coefficient · Σ_rows [local statistic · feature] · global atoms
          = Σ_terms coefficient · S_j · global atoms,          S_j = Σ_rows E[local statistic] · feature

A *feature* is the part of a term that the data fix, a *local statistic* the part in the latents of one row. The same
list of pairs serves twice: the coefficient of S_j in the collapsed polynomial is the natural parameter with which the
feature enters the E-step, and S_j itself is all that the M-step needs. S_j adds up over blocks of rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from emdsl.algebra.indices import Fixed, Index, IndexSource, Reference, indices_in
from emdsl.algebra.terms import DELTA, HOT, IDENTITY, MASK, STRUCTURE, Atom, Term
from emdsl.derive.centre import is_centred_datum
from emdsl.derive.levels import LEVEL
from emdsl.derive.log_joint import Factor, LogJoint, not_compiled
from emdsl.derive.observed_hots import with_observed_hots
from emdsl.derive.statistics import Collapsed, Feature, LocalStatistic, SufficientStatistic, Sweep, canonical_form
from emdsl.structure.locals import LocalBlock


class Collapser:
    """Collects sufficient statistics over all terms of a log joint."""

    def __init__(
        self,
        joint: LogJoint,
        blocks: tuple[LocalBlock, ...],
        partly_known: frozenset[str],
        elsewhere: frozenset[str] = frozenset(),
        named: frozenset[str] = frozenset(),
    ) -> None:
        """`elsewhere`: latents of networks, whose terms are collapsed apart; `named`: the statistics of these."""
        self.joint, self.blocks, self.partly_known, self.elsewhere = joint, blocks, partly_known, elsewhere
        self.taken = named | set(joint.scope.symbols)
        self.source: IndexSource = joint.source
        self.keys: dict[tuple[object, ...], SufficientStatistic] = {}
        self.members: dict[tuple[str | None, tuple[str, ...]], list[SufficientStatistic]] = {}

    def collapse(self, factors: Iterable[tuple[Factor, tuple[Term, ...]]]) -> Collapsed:
        terms = [(factor.variable, self._term(factor, term)) for factor, listed in factors for term in listed]
        sweeps = tuple(
            Sweep(self._block(name), plates, tuple(statistics)) for (name, plates), statistics in self.members.items()
        )
        return Collapsed(tuple(terms), sweeps)

    def _block(self, name: str | None) -> LocalBlock | None:
        return next((block for block in self.blocks if block.name == name), None)

    # ---------------------------------------------------------------- one term

    def _term(self, factor: Factor, term: Term) -> Term:
        is_local = {variable for block in self.blocks for variable in block.variables}
        term = with_observed_hots(term, self.joint.scope, self.source, self._stays)
        blocks = {block for block in self.blocks for item in term.atoms if item.variable in block.variables}
        if not blocks and not self._has_rows(factor):
            return term
        block = next(iter(blocks), None)
        if block is not None:
            term = self._with_all_hots(self._free_categories(term), block, factor)
        local = tuple(item for item in term.atoms if item.variable in is_local)
        rest = tuple(item for item in term.atoms if item.variable not in is_local)
        rows = self._rows(factor, local, rest)
        term, rest = self._row_indices_out_of_globals(replace(term, atoms=local + rest), rows, is_local)
        held = {index for item in rest if self._is_global(item) for index in item.references}
        varying = {*rows, *(index for index in factor.plates if rows and index not in held)}
        masked = frozenset(item.variable for item in rest if item.statistic == MASK)
        data = _without_masked_hot(tuple(item for item in rest if self._is_data(item, varying, masked)))
        globals_ = tuple(item for item in rest if not self._is_data(item, varying, masked))
        counted = tuple(
            index
            for index in factor.plates
            if index in term.bound and index not in rows and not any(index in item.indices for item in term.atoms)
        )
        counted += tuple(
            index
            for index in term.bound
            if index not in factor.plates
            and self._only_data_tell(index)
            and not any(index in a.indices for a in term.atoms)
        )
        unknown = any(self._is_global(item) for item in globals_)
        return self._statistic(block, term, local, data, globals_, rows, counted if unknown else ())

    def _only_data_tell(self, index: Index) -> bool:
        """Whether no parameter has an axis of this size, so that the M-step cannot know it."""
        symbols = [
            symbol for symbol in self.joint.scope.symbols.values() if self._is_global(Atom(symbol.name, IDENTITY))
        ]
        told = {size for symbol in symbols for size, _ in symbol.axes} | set(self.joint.scope.numbers)
        return isinstance(index.size, str) and index.size not in told

    def _free_categories(self, term: Term) -> Term:
        """[z = 0] becomes [z = k]·[k = 0], and f[0] becomes f[l]·[l = 0], so that the statistic is the whole array."""
        atoms: list[Atom] = []
        bound = list(term.bound)
        for item in term.atoms:
            if item.statistic == HOT and isinstance(item.references[-1], Fixed):
                symbol = self.joint.scope.symbols[item.variable]
                if not symbol.known and symbol.categories is not None:
                    index = self.source.fresh(symbol.categories, "k")
                    bound.append(index)
                    atoms.append(Atom(STRUCTURE, DELTA, (index, item.references[-1])))
                    item = replace(item, references=(*item.references[:-1], index))
            elif any(item.variable in block.gaussian for block in self.blocks):
                axes = self.joint.scope.symbols[item.variable].axes
                references = list(item.references)
                for place, reference in enumerate(references):
                    if isinstance(reference, Fixed) and place >= len(self.joint.scope.symbols[item.variable].plates):
                        references[place] = index = self.source.fresh(*axes[place])
                        bound.append(index)
                        atoms.append(Atom(STRUCTURE, DELTA, (index, reference)))
                item = replace(item, references=tuple(references))
            atoms.append(item)
        return Term(term.coefficient, tuple(atoms), tuple(bound))

    def _with_all_hots(self, term: Term, block: LocalBlock, factor: Factor) -> Term:
        """Σ_k [z = k] = 1 for every discrete latent that the term lacks: statistics are over joint states."""
        own = [item for item in term.atoms if item.variable in block.variables]
        plates = self.joint.scope.symbols[own[0].variable].plates
        references = own[0].references[: len(plates)]
        for name in block.variables:
            if len(self.joint.scope.symbols[name].plates) != len(plates):
                listed = " and ".join(f"`{variable}`" for variable in block.variables)
                raise not_compiled(f"{listed}, which are coupled but live on different plates", factor.span)
        atoms, bound = [], list(term.bound)
        for name in block.discrete:
            present = [item for item in own if item.variable == name]
            if len(present) > 1:
                raise not_compiled(f"`{name}` meets itself in the law of `{factor.variable}`", factor.span)
            if present:
                atoms.append(present[0])
                continue
            symbol = self.joint.scope.symbols[name]
            assert symbol.categories is not None
            index = self.source.fresh(symbol.categories, "k")
            bound.append(index)
            atoms.append(Atom(name, HOT, (*references, index)))
        order = {name: place for place, name in enumerate(block.gaussian)}
        atoms += sorted((item for item in own if item.variable in order), key=lambda item: order[item.variable])
        rest = tuple(item for item in term.atoms if item.variable not in block.variables)
        return Term(term.coefficient, (*atoms, *rest), tuple(bound))

    def _stays(self, item: Atom) -> bool:
        """Whether an index array in an atom is read as it is: the atom is data itself."""
        symbol = self.joint.scope.symbols.get(item.variable)
        return symbol is None or symbol.known or item.statistic == MASK

    def _has_rows(self, factor: Factor) -> bool:
        """Whether the factor is a law of data or of a local latent, not a prior of something global."""
        symbol = self.joint.scope.symbols[factor.variable]
        row_owned = any(factor.variable in block.variables for block in self.blocks)
        return symbol.known or row_owned or factor.variable in self.partly_known | self.elsewhere

    def _rows(self, factor: Factor, local: tuple[Atom, ...], rest: tuple[Atom, ...]) -> tuple[Index, ...]:
        """The row indices of a term: those of its local latents, else the factor's plates that no parameter has."""
        if local:
            rows: tuple[Reference, ...] = ()
            for item in local:
                plates = self.joint.scope.symbols[item.variable].plates
                found = item.references[: len(plates)]
                if rows and found != rows:
                    raise not_compiled(f"`{item.variable}` meets itself at two rows", factor.span)
                rows = found
            if not all(isinstance(reference, Index) for reference in rows) or len(set(rows)) < len(rows):
                where = f"at a fixed index or through an index array, in the law of `{factor.variable}`"
                raise not_compiled(f"`{local[0].variable}` {where}", factor.span)
            return tuple(reference for reference in rows if isinstance(reference, Index))
        parts = [*factor.terms, *(item.cofactor for item in factor.quadratics), Term(1.0, rest)]
        parts += [term for item in factor.quadratics for term in item.quadratic.residual.terms]
        taken = {index for part in parts for item in part.atoms if self._is_global(item) for index in item.references}
        return tuple(index for index in factor.plates if index not in taken)

    def _is_global(self, item: Atom) -> bool:
        """Whether an atom belongs to something unknown that no row owns."""
        local = any(item.variable in block.variables for block in self.blocks) or item.variable in self.partly_known
        return not self._known(item) and not local and item.variable not in self.elsewhere

    def _row_indices_out_of_globals(
        self, term: Term, rows: tuple[Index, ...], is_local: set[str]
    ) -> tuple[Term, tuple[Atom, ...]]:
        """A global variable with a row's own index takes it through [row = j], which is data."""
        atoms, extra, bound = [], [], list(term.bound)
        images: dict[Index, Index] = {}
        for item in term.atoms:
            is_global = item.variable not in is_local and not self._known(item)
            clash = [index for index in rows if index in item.indices] if is_global else []
            for index in clash:
                if index not in images:
                    images[index] = self.source.copy_of(index)
                    extra.append(Atom(STRUCTURE, DELTA, (index, images[index])))
                    bound.append(images[index])
            atoms.append(item.substitute({index: images[index] for index in clash}))
        rest = tuple(item for item in (*atoms, *extra) if item.variable not in is_local)
        return Term(term.coefficient, tuple(atoms + extra), tuple(bound)), rest

    def _known(self, item: Atom) -> bool:
        if item.variable == STRUCTURE or item.variable in self.joint.derived:
            return True
        symbol = self.joint.scope.symbols.get(item.variable)
        return symbol is None or symbol.known

    def _is_data(self, item: Atom, varying: set[Index], masked: frozenset[str]) -> bool:
        """Whether an atom is fixed by the data of a row: it varies with the row or within it, or is observed."""
        if not self._known(item):
            return False
        if item.indices & varying:
            return True
        return not varying and self._is_observed(item.variable, masked)

    def _is_observed(self, name: str, masked: frozenset[str]) -> bool:
        """Whether a known quantity has rows or may be missing, or is computed from one that does."""
        derived = self.joint.derived.get(name)
        if is_centred_datum(name) or (derived is not None and derived.function == LEVEL):
            return True
        if derived is not None:
            read = (item for argument in derived.arguments for term in argument.terms for item in term.atoms)
            return any(self._is_observed(item.variable, masked) for item in read)
        symbol = self.joint.scope.symbols.get(name)
        return symbol is not None and symbol.known and (bool(symbol.plates) or name in masked)

    # ---------------------------------------------------------------- statistics

    def _statistic(
        self,
        block: LocalBlock | None,
        term: Term,
        local: tuple[Atom, ...],
        data: tuple[Atom, ...],
        globals_: tuple[Atom, ...],
        rows: tuple[Index, ...],
        counted: tuple[Index, ...],
    ) -> Term:
        """The term with its local and data atoms replaced by their sufficient statistic.

        A link that is a local axis too (f_l · X_nl) gets an axis of its own, so that the statistic is the whole table
        and the term reads its diagonal.
        """
        data = tuple(sorted(data, key=lambda item: (item.variable, item.statistic.kind, item.statistic.exponent)))
        outer = {index for item in globals_ for index in item.indices}
        local_axes = _ordered(local, exclude=set(rows))
        varying = _ordered(data, exclude=set(rows))
        read_at = tuple(index for index in varying if index in outer or index in local_axes)
        inner = tuple(index for index in varying if index not in read_at) + counted
        own = {index: self.source.copy_of(index) for index in read_at if index in local_axes}
        data = tuple(item.substitute(dict(own)) for item in data)
        links = tuple(own.get(index, index) for index in read_at)
        local, local_axes, doubled = self._split_pairs(local, local_axes)
        statistic = self._named(block, local, local_axes, data, links, inner, rows)
        axes = tuple(doubled.get(index, index) for index in local_axes) + read_at
        summed = set(rows) | set(inner)
        remaining = tuple(index for index in term.bound if index not in summed)
        return Term(term.coefficient, (Atom(statistic.name, IDENTITY, axes), *globals_), remaining)

    def _split_pairs(
        self, local: tuple[Atom, ...], axes: tuple[Index, ...]
    ) -> tuple[tuple[Atom, ...], tuple[Index, ...], dict[Index, Index]]:
        """f_l·f_l is the diagonal of the statistic f_l·f_m: give the second factor an axis of its own."""
        plain = [item for item in local if item.statistic != HOT]
        if len(plain) != 2 or plain[0].references != plain[1].references:
            return local, axes, {}
        event = [index for index in _ordered((plain[0],), exclude=set()) if index in axes]
        copies = {index: self.source.copy_of(index) for index in event}
        second = plain[1].substitute(dict(copies))
        others = tuple(item for item in local if item.statistic == HOT)
        doubled = {new: old for old, new in copies.items()}
        return (*others, plain[0], second), axes + tuple(copies.values()), doubled

    def _named(
        self,
        block: LocalBlock | None,
        local: tuple[Atom, ...],
        local_axes: tuple[Index, ...],
        data: tuple[Atom, ...],
        links: tuple[Index, ...],
        inner: tuple[Index, ...],
        rows: tuple[Index, ...],
    ) -> SufficientStatistic:
        key = (
            block.name if block else None,
            tuple(index.letter for index in rows),
            canonical_form(local, rows, local_axes),
            canonical_form(data, rows, links),
            tuple(index.letter for index in inner if not any(index in item.indices for item in data)),
        )
        if key in self.keys:
            return self.keys[key]
        symmetric = len(links) == 2 and canonical_form(data, rows, links) == canonical_form(data, rows, links[::-1])
        feature = Feature(data, links, rows, inner, symmetric)
        name = self._name(local, data, local_axes + links, inner)
        statistic = SufficientStatistic(name, LocalStatistic(local, local_axes), feature)
        self.keys[key] = statistic
        plates = tuple(index.letter for index in rows)
        self.members.setdefault((block.name if block else None, plates), []).append(statistic)
        return statistic

    def _name(
        self, local: tuple[Atom, ...], data: tuple[Atom, ...], axes: tuple[Index, ...], inner: tuple[Index, ...]
    ) -> str:
        """`N_k`, `x_kd`, `xx_kde`: what is summed, then its axes; `sum_x` of one array over all of its own."""
        parts = [_spelling(item) for item in (*local, *data) if item.statistic != HOT or item in data]
        letters = _letters(axes)
        count = "_".join(("N" if axes else "count", *(str(index.size) for index in inner)))
        stem = "_".join(part for part in parts if part) or count
        name = f"{stem}_{letters}" if letters else stem
        taken = {item.name for item in self.keys.values()} | self.taken
        if name in self.joint.scope.symbols or (len(data) == 1 and not local and not axes):
            name = f"sum_{name}"
        if name in taken:
            name = f"{'_'.join(item.variable for item in local if item.statistic == HOT) or 'rows'}_{name}"
        serial = 2
        base = name
        while name in taken:
            name, serial = f"{base}_{serial}", serial + 1
        return name


def _spelling(item: Atom) -> str:
    if item.variable == STRUCTURE:
        return "is" if item.statistic == DELTA else "number"
    stem = re.sub(r"_?[^\w.]+", "_", item.variable.replace("~", "")).strip("_")
    kind = item.statistic.kind
    if kind == "power":
        return stem if item.statistic.exponent == 1.0 else f"{stem}_pow"
    return {"hot": f"is_{stem}", "mask": f"has_{stem}"}.get(kind, f"{kind}_{stem}")


def _letters(axes: tuple[Index, ...]) -> str:
    taken: list[str] = []
    for axis in axes:
        letter = axis.letter
        while letter in taken:
            letter = chr((ord(letter[0]) - ord("a") + 1) % 26 + ord("a"))
        taken.append(letter)
    return "".join(taken)


def _without_masked_hot(data: tuple[Atom, ...]) -> tuple[Atom, ...]:
    """The one-hot of a missing value is zero everywhere, so its mask adds nothing."""
    hot = {(item.variable, item.references[:-1]) for item in data if item.statistic == HOT}
    return tuple(item for item in data if item.statistic != MASK or (item.variable, item.references) not in hot)


def _ordered(atoms: tuple[Atom, ...], exclude: set[Index]) -> tuple[Index, ...]:
    """Indices in the order of their first occurrence."""
    seen: list[Index] = []
    for item in atoms:
        for reference in item.references:
            for index in indices_in(reference):
                if index not in exclude and index not in seen:
                    seen.append(index)
    return tuple(seen)
