"""The plan of networks: the kernel of each block, its order of elimination, and the dependences that it gives up."""

from __future__ import annotations

from collections.abc import Sequence

from emdsl.algebra.indices import Shift
from emdsl.algebra.terms import SPLIT
from emdsl.derive.derivation import Derivation
from emdsl.derive.network_terms import BlockTerms, NetworkTerms
from emdsl.explain.symbols import in_prose, in_words, size_in_words
from emdsl.model.statements import Model
from emdsl.structure.children import Children
from emdsl.structure.elimination import Step


def names_of(one: BlockTerms, derivation: Derivation) -> tuple[str, ...]:
    """The variables of a block, children included; a choice among products bears the name of the law that it splits."""
    return tuple(latent_name(name, derivation) for name in one.block.all)


def latent_name(name: str, derivation: Derivation) -> str:
    if name not in derivation.joint.splits:
        return name.partition("~")[0]
    return f"choice in {split_owner(name, derivation)}"


def split_owner(name: str, derivation: Derivation) -> str:
    """The variable in whose law a sum of products stands."""
    return next(
        factor.variable
        for factor in derivation.joint.factors
        for term in factor.terms
        for item in term.atoms
        if item.statistic == SPLIT and item.variable == name
    )


def listed(names: Sequence[str], derivation: Derivation) -> str:
    """Latents in prose, each between backticks."""
    texts = []
    for name in names:
        chosen = name in derivation.joint.splits
        texts.append(f"the choice in `{split_owner(name, derivation)}`" if chosen else in_prose(name))
    return in_words(texts)


# ---------------------------------------------------------------- kernels


def kernel(one: BlockTerms, terms: NetworkTerms, derivation: Derivation) -> str:
    """`categorical chain over t`, `joint Gaussian`, `Dirichlet`, …"""
    block = one.block
    if block.kind == "conjugate":
        return terms.forms[block.variables[0]].kernel
    if block.kind == "gaussian":
        return _gaussian(one, derivation)
    if block.variables[0] in derivation.joint.splits:
        return "choice among products"
    steps = [step for step in one.elimination.steps if step.children is None]
    chain = next((step for step in steps if step.time is not None), None)
    if chain is None or chain.time is None:
        text = "categorical, eliminated" if len(steps) > 1 else "categorical"
    else:
        text = "product of chains" if len(chain.variables) > 1 else "categorical chain"
        text += f" over {chain.time.letter}"
        text += ", eliminated" if len(steps) > 1 else ""
    given = [f"{_law(child, terms)} given {in_words(list(child.parents))}" for child in block.children]
    return "; ".join((text, *given))


def _law(child: Children, terms: NetworkTerms) -> str:
    """`Gaussian`, `joint Gaussian`, `Gamma`, …"""
    if child.kind == "conjugate":
        return terms.forms[child.variables[0]].kernel
    return "joint Gaussian" if child.kind == "joint" else "Gaussian"


def _gaussian(one: BlockTerms, derivation: Derivation) -> str:
    symbols = derivation.setting.scope.symbols
    pairs = [monomial for monomial, _ in one.monomials.listed() if len(monomial.atoms) == 2]
    times = [r.index.letter for m in pairs for item in m.atoms for r in item.references if isinstance(r, Shift)]
    if times:
        return f"{'joint ' if len(one.block.variables) > 1 else ''}Gaussian chain over {times[0]}"
    rows = [{item.references[: len(symbols[item.variable].plates)] for item in m.atoms} for m in pairs]
    meets = len(one.block.variables) > 1 or any(len(found) > 1 for found in rows)
    return "joint Gaussian" if meets else "Gaussian"


# ---------------------------------------------------------------- reasons


def why(one: BlockTerms, terms: NetworkTerms, derivation: Derivation, model: Model) -> str:
    """The order of elimination with its sizes, or what is Gaussian or conjugate; then what is given up."""
    return "; ".join([_structure(one, terms, derivation), *_broken(one, terms, derivation, model)])


def _structure(one: BlockTerms, terms: NetworkTerms, derivation: Derivation) -> str:
    block, symbols = one.block, derivation.setting.scope.symbols
    if block.kind == "conjugate":
        given = "" if terms.network.exact else " given the others"
        owner = derivation.joint.auxiliaries.get(block.variables[0])
        what = f"auxiliary of the law of `{owner}`, conjugate" if owner else "conjugate"
        return f"{what}{given}: one law for each {_rows(block.variables[0], derivation)}"
    if block.kind == "gaussian":
        names = listed(block.variables, derivation)
        if "joint" in _gaussian(one, derivation):
            return f"{names} meet in products of two: one law for all rows"
        if "chain" in _gaussian(one, derivation):
            return f"{names} meets itself one step earlier: solved along time"
        return f"a mean and a covariance for each {_rows(block.variables[0], derivation)}"
    if block.variables[0] in derivation.joint.splits:
        size = symbols[block.variables[0]].categories
        owner = split_owner(block.variables[0], derivation)
        return f"the sum in the law of `{owner}` is split among its {_number(size, derivation)} products"
    steps = [step for step in one.elimination.steps if step.children is None]
    (first, *more) = steps
    if not more and first.time is None and not block.children:
        count, rows = _states(first.variables, derivation), _rows(block.variables[0], derivation)
        return f"{listed(block.variables, derivation)} finite: {count} states for each {rows}"
    laws = [
        f"{listed(child.variables, derivation)} {_law(child, terms)} given {listed(child.parents, derivation)}"
        for child in block.children
    ]
    return ", then ".join((*laws, *(_step(step, derivation) for step in steps)))


def _step(step: Step, derivation: Derivation) -> str:
    """`z` given `g` (2 × 2 states)"""
    names = in_words([f"`{name}`" for name in step.variables])
    outer = tuple(name for name, _ in step.neighbours)
    given = f" given {in_words([f'`{name}`' for name in dict.fromkeys(outer)])}" if outer else ""
    along = f" along {step.time.letter}" if step.time is not None else ""
    own = tuple(name for name, _ in step.kept) or step.variables
    return f"{names}{along}{given} ({_states((*outer, *own), derivation)} states)"


def _states(names: tuple[str, ...], derivation: Derivation) -> str:
    symbols = derivation.setting.scope.symbols
    return " × ".join(_number(symbols[name].categories, derivation) for name in names)


def _number(size: str | int | None, derivation: Derivation) -> str:
    numbers = derivation.setting.scope.numbers
    return size_in_words(size, numbers)


def _rows(name: str, derivation: Derivation) -> str:
    letters = [letter for _, letter in derivation.setting.scope.symbols[name].plates]
    return f"row of {', '.join(letters)}" if letters else "run"


def _broken(one: BlockTerms, terms: NetworkTerms, derivation: Derivation, model: Model) -> list[str]:
    """The dependences between this block and later ones, each with the reason why no exact step covers it."""
    found: dict[str, list[str]] = {}
    if one.block.coupled:
        found["at two rows, which are updated in turn"] = [f"{listed(one.block.variables, derivation)} meets itself"]
    for pair in terms.network.broken:
        if not set(pair) & set(one.block.all):
            continue
        found.setdefault(_reason(pair, terms, derivation, model), []).append(f"{listed(pair, derivation)} meet")
    return [f"{in_words(pairs)} {reason}: independent under q" for reason, pairs in found.items()]


def _reason(pair: tuple[str, str], terms: NetworkTerms, derivation: Derivation, model: Model) -> str:
    kinds = {terms.network.block_of(name).kind for name in pair}
    one, other = (derivation.setting.scope.symbols[name].whole for name in pair)
    apart = [frozenset(group) for request in model.factorisations for group in request.groups]
    if one != other and all(any(name in group for group in apart) for name in (one, other)):
        return "and `factorise` separates them"
    if "conjugate" in kinds:
        return "and no kernel has them jointly"
    if kinds == {"gaussian"}:
        return "in products of three"
    if kinds == {"finite"}:
        return "in more joint states than can be summed out"
    return "beyond the rows of one of them"
