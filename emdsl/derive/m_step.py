"""The M-step: each block of parameters to the mode of its complete conditional, given the statistics.

Location parameters come first and those that are coupled are solved for together; a spread that cancels from their
conditional does not influence them, so the sequence is the joint maximiser. Where nothing cancels, each step maximises
over its block given the others (conditional maximisation), which never lowers the objective.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from emdsl.algebra.indices import IndexSource
from emdsl.algebra.plain import exponent_text
from emdsl.algebra.symbols import Scope
from emdsl.algebra.terms import Atom, Statistic, Term
from emdsl.arrays.algebra import coefficients
from emdsl.arrays.body import Body
from emdsl.arrays.expressions import Apply, Array, Named, Total, total
from emdsl.derive.cancellation import cancel
from emdsl.derive.cavi import write_posterior
from emdsl.derive.conditional import conditional
from emdsl.derive.held import Held, define_held
from emdsl.derive.joint_gaussian import joint_mode
from emdsl.derive.log_joint import not_compiled
from emdsl.derive.lower import Moments
from emdsl.derive.naturals import lowered_naturals
from emdsl.derive.posteriors import PosteriorForm
from emdsl.derive.profiles import best_terms, with_best
from emdsl.derive.statistics import normal_form
from emdsl.derive.variational import VariationalMoments
from emdsl.errors import Span
from emdsl.kernels.gamma import GammaKernel
from emdsl.kernels.positive import PositiveNewton
from emdsl.kernels.registry import match, match_law


@dataclass(frozen=True)
class Update:
    """How one block of parameters is updated, and why it may be done so.

    `exact`: it ends at the very maximum over the block, or at the very law, if it is repeated.
    """

    variables: tuple[str, ...]
    kernel: str
    closed_form: bool
    reason: str
    terms: tuple[Term, ...]
    exact: bool = True
    best: Update | None = None
    """The update of a parameter that is at its best for each value of this block."""


def updates(
    terms: Sequence[Term],
    parameters: Sequence[str],
    scope: Scope,
    spans: dict[str, Span | None],
    source: IndexSource,
    symmetric: frozenset[str],
    forms: Mapping[str, PosteriorForm],
    held: Mapping[str, Held],
) -> tuple[Update, ...]:
    """The blocks in the order of their updates, each matched to its kernel."""
    reals = [name for name in parameters if scope.symbols[name].kind == "real"]
    others = [name for name in parameters if name not in reals]
    points = [name for name in reals if name not in forms]
    ordered: list[tuple[str, ...]] = [
        *_coupled(terms, points),
        *((name,) for name in (*reals, *others) if name in forms),
    ]
    free = [name for name in others if name not in forms]
    apart = [name for name in free if name not in held]
    best = _followed(terms, apart, scope, symmetric, source)
    following = {update.variables[0] for update in best.values()}
    ordered += [(name,) for name in sorted(free, key=lambda name: name in following)]
    result = []
    for place, group in enumerate(ordered):
        own = normal_form([with_single_powers(t, scope) for t in terms if t.variables() & set(group)], symmetric)
        if not own:
            name = group[0]
            raise not_compiled(f"nothing depends on the parameter `{name}`", spans[name], "use it, or leave it out")
        if group[0] in forms:
            result.append(_posterior_update(forms[group[0]], own, scope, source))
            continue
        # beside held entries the free ones depend on the spread, which therefore does not cancel
        keeps = any(name in held for name in group)
        closed_form = True
        reduced, cancelled = (own, ()) if keeps else cancel(own, frozenset(group), scope)
        if len(group) > 1:
            kernel_name, kernel_reason = "joint Gaussian", "coupled, so solved for together"
        else:
            symbol = scope.symbols[group[0]]
            signature = conditional(symbol, reduced, source).signature
            found, refusal = match(symbol, signature)
            if found is None:
                raise not_compiled(f"no closed-form update for `{group[0]}`: {refusal}", spans[group[0]])
            kernel_name, kernel_reason = found.name, found.open_reason(symbol, signature)
            closed_form = not kernel_reason
        later = {name for other in ordered[place + 1 :] for name in other}
        given = {name for term in reduced for name in term.variables() & later}
        follower = best.get(group[0])
        follows = ""
        if follower is not None:
            reduced = (*reduced, *(term for term in follower.terms if not term.variables() & set(group)))
            given -= {*follower.variables}
            follows = f"`{follower.variables[0]}` at its best for each value"
        if group[0] in points:  # parts of a group that is no square at once
            given |= {name for term in reduced for name in term.variables() & set(points)} - set(group)
        reason = "; ".join(part for part in (_reason(cancelled, given), follows, kernel_reason) if part)
        result.append(Update(group, kernel_name, closed_form, reason, reduced, best=follower))
    return tuple(result)


def _followed(
    terms: Sequence[Term], names: Sequence[str], scope: Scope, symmetric: frozenset[str], source: IndexSource
) -> dict[str, Update]:
    """Parameters that Newton's method updates, each with the update of one that is at its best for each value of it."""
    own = {
        name: normal_form([with_single_powers(t, scope) for t in terms if name in t.variables()], symmetric)
        for name in names
        if scope.symbols[name].kind == "positive"
    }
    found = dict[str, Update]()
    for name, held_terms in own.items():
        if not held_terms:
            continue
        symbol = scope.symbols[name]
        kernel, _ = match(symbol, conditional(symbol, held_terms, source).signature)
        other = next((one for one in own if one != name and best_terms(name, one, own[one], scope)), None)
        if isinstance(kernel, PositiveNewton) and other is not None:
            reason = f"at its best for the current `{name}`"
            found[name] = Update((other,), GammaKernel().name, True, reason, own[other])
    return found


def with_single_powers(term: Term, scope: Scope) -> Term:
    """v**p · v**q as v**(p + q), of positive parameters at one place."""
    atoms: list[Atom] = []
    for item in term.atoms:
        symbol = scope.symbols.get(item.variable)
        is_power = (
            symbol is not None and not symbol.known and symbol.kind == "positive" and item.statistic.kind == "power"
        )
        same = [
            place
            for place, other in enumerate(atoms)
            if is_power and (other.variable, other.references) == (item.variable, item.references)
            if other.statistic.kind == "power"
        ]
        if not same:
            atoms.append(item)
            continue
        exponent = atoms[same[0]].statistic.exponent + item.statistic.exponent
        atoms[same[0]] = replace(item, statistic=Statistic("power", exponent))
    return replace(term, atoms=tuple(item for item in atoms if item.statistic != Statistic("power", 0.0)))


def _posterior_update(form: PosteriorForm, own: tuple[Term, ...], scope: Scope, source: IndexSource) -> Update:
    if form.scale is not None:
        terms, _ = cancel(own, frozenset({form.variable}), scope)
        reason = f"given `{form.scale}`, which scales all its terms: one joint block"
        return Update((form.variable,), form.kernel, True, reason, terms)
    symbol = scope.symbols[form.variable]
    kernel, _ = match_law(symbol, conditional(symbol, own, source).signature)
    assert kernel is not None
    reason = kernel.open_law_reason(symbol)
    return Update((form.variable,), kernel.name, not reason, reason, own, exact=not reason)


def _reason(cancelled: tuple[str, ...], given: set[str]) -> str:
    """What cancels, or what the maximum is conditional on because it is updated afterwards."""
    if given:
        return f"given {' and '.join(f'`{name}`' for name in sorted(given))}: a conditional maximum"
    listed = " and ".join(f"`{name}`" for name in cancelled)
    return f"{listed} cancel{'s' if len(cancelled) == 1 else ''}" if cancelled else ""


def _coupled(terms: Sequence[Term], reals: Sequence[str]) -> list[tuple[str, ...]]:
    """Real parameters in groups: two that meet in one term belong together.

    Where the log joint is no square in all of a group at once, as in mu + phi * (y - mu), it is one in each of several
    parts given the others, and these are maximised over in turn.
    """
    groups: list[set[str]] = [{name} for name in reals]
    for term in terms:
        together = {name for name in reals if name in term.variables()}
        if len(together) > 1:
            joined = set().union(*(group for group in groups if group & together))
            groups = [group for group in groups if not group & together] + [joined]
    order = {name: place for place, name in enumerate(reals)}
    listed = sorted((tuple(sorted(group, key=order.__getitem__)) for group in groups), key=lambda g: order[g[0]])
    return [part for group in listed for part in _quadratic_parts(terms, group)]


def _quadratic_parts(terms: Sequence[Term], group: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The group in as few parts as it takes, in their order, so that no part has products of three in one term."""
    parts: list[tuple[str, ...]] = []
    for name in group:
        fits = (place for place, part in enumerate(parts) if _is_quadratic(terms, (*part, name)))
        place = next(fits, None)
        if place is None:
            parts.append((name,))
        else:
            parts[place] = (*parts[place], name)
    return parts


def _is_quadratic(terms: Sequence[Term], names: tuple[str, ...]) -> bool:
    """Whether all terms are products of at most two of these, each as it is."""
    plain = (("offset", 1.0), ("power", 1.0))
    for term in terms:
        factors = [item for item in term.atoms if item.variable in names]
        if len(factors) > 2 or any((item.statistic.kind, item.statistic.exponent) not in plain for item in factors):
            return False
    return True


def _guarded(mode: Apply, place: int, name: str) -> Apply:
    """The mode of a spread, its sum of squares looked at for digits: it is what is left of larger ones."""
    squares = mode.arguments[place]
    if not isinstance(squares, Total) or min(coefficients(squares)) >= 0:
        return mode
    larger = total(tuple(part for part in squares.parts if min(coefficients(part)) > 0), squares.axes)
    arguments = list(mode.arguments)
    arguments[place] = Apply("left_of", (larger, squares, f'"{name}"'), squares.axes)
    return replace(mode, arguments=tuple(arguments))


def write_update(
    update: Update,
    body: Body,
    moments: Moments,
    scope: Scope,
    source: IndexSource,
    symmetric: frozenset[str],
    held: Mapping[str, Held],
    cancels: bool,
) -> None:
    """The statements of one update; each variable of the block is assigned anew.

    `cancels`: squares are taken about points that all states share, and are larger than what is left of them.
    """
    if update.best is not None:
        write_update(update.best, body, moments, scope, source, symmetric, held, cancels)
    what = "q ∝ exp of the expectation of" if update.variables[0] in getattr(moments, "forms", {}) else "maximises"
    what = what if update.closed_form else f"{update.reason.replace('`', '')}, on"
    body.note = f"{' and '.join(update.variables)}: {what} {exponent_text(update.terms, scope.symbols)}"
    if len(update.variables) > 1:
        joint_mode(update.variables, update.terms, body, moments, scope, source, symmetric, held)
        return
    (name,) = update.variables
    if isinstance(moments, VariationalMoments) and name in moments.forms:
        write_posterior(moments.forms[name], update.terms, body, moments, scope, source)
        return
    symbol = scope.symbols[name]
    found, _ = match(symbol, conditional(symbol, update.terms, source).signature)
    assert found is not None
    naturals = lowered_naturals(name, update.terms, moments, scope, source)
    if found.steps:
        naturals = replace(naturals, current=body.assume(name, naturals.axes))
    if update.best is not None and naturals.current is not None:
        (other,) = update.best.variables
        naturals = with_best(naturals, other, update.best.terms, naturals.current, moments, scope, source)
    mode: Array = found.mode(naturals)
    squares = found.squares(naturals) if cancels else None
    if squares is not None and isinstance(mode, Apply):
        mode = _guarded(mode, squares, name)
    is_offset = any(key[0][0] == "offset" for key in naturals.parts)
    kept = define_held(name, held[name], body) if name in held else ""
    reference = body.assume(f"reference {name}", naturals.axes).name if is_offset else ""
    if kept and found.beside_held and isinstance(mode, Apply) and mode.function != "quotient":
        mode = replace(mode, arguments=(*mode.arguments, f"{kept} - {reference}" if reference else kept))
    if reference:
        mode = Apply("+", (Named(reference, naturals.axes), mode), naturals.axes)
    if kept:
        mode = Apply("held_share" if symbol.kind == "simplex" else "held_at", (mode, kept), naturals.axes)
    body.reassign(name, mode)
