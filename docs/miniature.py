"""The compiler told small: from a formula to EM for finite mixtures, with the ideas and names of emdsl.

    declare → log joint → collapse → natural parameters, conditionals → kernels → E-step, M-step → fit

What it leaves out: plates other than one for rows and one for states, vectors and matrices, latents other than one
discrete one, priors, missing entries, reference points, code as text, starts. What it keeps is the mechanism. Each part
names the module of emdsl that it is the small version of; read it beside that one.

    python docs/miniature.py          derives and fits a mixture, and prints what it derived
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln

Array = np.ndarray[Any, Any]
Values = Mapping[str, Array]

# ------------------------------------------------------------------ terms (emdsl/algebra/terms.py)
#
# A log density is a sum of terms, a term is a number times a product of atoms, an atom is a statistic of one variable.
# That is all the algebra that EM needs: whatever is linear in a variable's statistics has a conditional in closed form.


@dataclass(frozen=True, order=True)
class Statistic:
    """What is taken of a variable: `power` (x**exponent), `log`, `log1m` (log(1 − x)), `log_factorial`, `hot`."""

    kind: str
    exponent: float = 1.0


LOG, LOG1M, LOG_FACTORIAL, HOT = Statistic("log"), Statistic("log1m"), Statistic("log_factorial"), Statistic("hot")
IDENTITY = Statistic("power")


@dataclass(frozen=True, order=True)
class Atom:
    variable: str
    statistic: Statistic = IDENTITY

    def __str__(self) -> str:
        kind, exponent = self.statistic.kind, self.statistic.exponent
        if kind == "hot":
            return f"[{self.variable} = k]"
        if kind != "power":
            return f"{kind} {self.variable}"
        return self.variable if exponent == 1 else f"{self.variable}^{exponent:g}"


@dataclass(frozen=True)
class Term:
    """`coefficient · Π atoms`."""

    coefficient: float
    atoms: tuple[Atom, ...] = ()

    def __str__(self) -> str:
        return " ".join([f"{self.coefficient:+g}", *map(str, self.atoms)])


@dataclass(frozen=True)
class Polynomial:
    """A sum of terms. Python's operators build one, so a law is written like its formula."""

    terms: tuple[Term, ...]

    def __add__(self, other: Polynomial | float) -> Polynomial:
        return Polynomial(self.terms + polynomial(other).terms)

    def __mul__(self, other: Polynomial | float) -> Polynomial:
        return Polynomial(
            tuple(
                Term(one.coefficient * two.coefficient, product(one.atoms + two.atoms))
                for one in self.terms
                for two in polynomial(other).terms
            )
        )

    def __pow__(self, exponent: float) -> Polynomial:
        if exponent == 2:
            return self * self
        (term,) = self.terms  # (a·b)^p = a^p · b^p; a sum has no such rule, and its ValueError is the refusal
        atoms = tuple(Atom(a.variable, Statistic("power", a.statistic.exponent * exponent)) for a in term.atoms)
        return Polynomial((Term(term.coefficient**exponent, atoms),))

    def __rtruediv__(self, other: float) -> Polynomial:
        return polynomial(other) * self**-1

    def __neg__(self) -> Polynomial:
        return self * -1.0

    def __sub__(self, other: Polynomial | float) -> Polynomial:
        return self + -polynomial(other)

    def __rsub__(self, other: float) -> Polynomial:
        return polynomial(other) - self

    def __truediv__(self, other: Polynomial | float) -> Polynomial:
        return self * polynomial(other) ** -1

    __radd__, __rmul__ = __add__, __mul__


def polynomial(value: Polynomial | float) -> Polynomial:
    return value if isinstance(value, Polynomial) else Polynomial((Term(float(value)),))


def product(atoms: Iterable[Atom]) -> tuple[Atom, ...]:
    """Atoms sorted, powers of one variable merged: x · x = x²."""
    exponents: dict[str, float] = {}
    others = []
    for atom in atoms:
        if atom.statistic.kind == "power":
            exponents[atom.variable] = exponents.get(atom.variable, 0.0) + atom.statistic.exponent
        else:
            others.append(atom)
    powers = [Atom(name, Statistic("power", exponent)) for name, exponent in exponents.items() if exponent]
    return tuple(sorted([*powers, *others]))


def log(value: Polynomial | float) -> Polynomial:
    """The log of a product is a sum of logs, and log(1 − p) a statistic of its own (emdsl/algebra/expand.py)."""
    terms = polynomial(value).terms
    if len(terms) == 1:
        ((coefficient, atoms),) = [(term.coefficient, term.atoms) for term in terms]
        logs = tuple(Term(atom.statistic.exponent, (Atom(atom.variable, LOG),)) for atom in atoms)
        return Polynomial((Term(math.log(coefficient)), *logs)) if coefficient != 1 else Polynomial(logs)
    if len(terms) == 2 and terms[0] == Term(1.0) and terms[1].coefficient == -1 and len(terms[1].atoms) == 1:
        return Polynomial((Term(1.0, (Atom(terms[1].atoms[0].variable, LOG1M),)),))
    raise ValueError("the logarithm of a sum is no polynomial in statistics")


# ------------------------------------------------------------------ families (emdsl/families/)


def normal(x: Polynomial, mean: Polynomial | float, prec: Polynomial | float) -> Polynomial:
    return -0.5 * polynomial(prec) * (x - mean) ** 2 + 0.5 * log(prec) - 0.5 * math.log(2 * math.pi)


def poisson(x: Polynomial, rate: Polynomial) -> Polynomial:
    (term,) = x.terms
    return x * log(rate) - rate - Polynomial((Term(1.0, (Atom(term.atoms[0].variable, LOG_FACTORIAL),)),))


def bernoulli(x: Polynomial, p: Polynomial) -> Polynomial:
    return x * log(p) + (1 - x) * log(1 - p)


# ------------------------------------------------------------------ the model (emdsl/model/)


@dataclass(frozen=True)
class Parameter:
    """`support`: real, positive, unit or simplex. `by_state`: one value for each state, else tied over the states."""

    support: str
    by_state: bool = True


@dataclass(frozen=True)
class Mixture:
    """Rows n; `z[n] ~ Categorical(share)` over `states`; each law is a log density of data, given the row's state."""

    states: int
    parameters: Mapping[str, Parameter]
    laws: tuple[Polynomial, ...]

    @property
    def all_parameters(self) -> dict[str, Parameter]:
        return {"share": Parameter("simplex"), **self.parameters}


def variable(name: str) -> Polynomial:
    """A datum or a parameter, by name: what is no parameter is data."""
    return Polynomial((Term(1.0, (Atom(name),)),))


def log_joint(mixture: Mixture) -> tuple[Term, ...]:
    """log p(x, z) = Σ_n Σ_k [z_n = k] (log share_k + Σ_laws …): indexing by z is multiplication by the one-hot."""
    chosen = Polynomial((Term(1.0, (Atom("z", HOT),)),))
    return (chosen * sum(mixture.laws, log(variable("share")))).terms


# ------------------------------------------------------------------ rows summed out (emdsl/derive/collapse.py)
#
# Each term is [z = k] · (what the data fix) · (what the parameters fix). The middle part is a *feature* T_j(row), and
# its sum under the posterior of z the *sufficient statistic* S_j[k] = Σ_n r_nk T_j(n). Terms with the same feature
# share the statistic. What is left is the expected log joint Q, a polynomial in statistics and parameters.


@dataclass(frozen=True)
class Collapsed:
    """`terms`: Q; the atom of S_j stands first. `features`: the data atoms of each statistic, by its name."""

    terms: tuple[Term, ...]
    features: Mapping[str, tuple[Atom, ...]]


def collapse(terms: Iterable[Term], parameters: Iterable[str]) -> Collapsed:
    known = {"z", *parameters}
    collapsed, features = [], {}
    for term in terms:
        feature = tuple(atom for atom in term.atoms if atom.variable not in known)
        rest = tuple(atom for atom in term.atoms if atom.variable in known and atom.statistic != HOT)
        name = f"S({' '.join(map(str, feature))})" if feature else "N"
        features[name] = feature
        collapsed.append(Term(term.coefficient, (Atom(name), *rest)))
    return Collapsed(normal_form(collapsed), features)


def normal_form(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Like terms added up."""
    coefficients: dict[tuple[Atom, ...], float] = {}
    for term in terms:
        coefficients[term.atoms] = coefficients.get(term.atoms, 0.0) + term.coefficient
    return tuple(Term(coefficient, atoms) for atoms, coefficient in coefficients.items())


def natural_parameter(collapsed: Collapsed, statistic: str) -> Polynomial:
    """∂Q/∂S_j. Q is linear in every statistic, so this is what multiplies it (emdsl/derive/e_step.py)."""
    own = (term for term in collapsed.terms if term.atoms[0].variable == statistic)
    return Polynomial(tuple(Term(term.coefficient, term.atoms[1:]) for term in own))


def conditional(collapsed: Collapsed, name: str) -> dict[Statistic, Polynomial]:
    """The terms of Q that hold the variable, by its statistic: their cofactors (emdsl/derive/conditional.py)."""
    parts: dict[Statistic, Polynomial] = {}
    for term in collapsed.terms:
        for own in (atom for atom in term.atoms if atom.variable == name):
            rest = Term(term.coefficient, tuple(atom for atom in term.atoms if atom != own))
            parts[own.statistic] = parts.get(own.statistic, Polynomial(())) + Polynomial((rest,))
    return parts


# ------------------------------------------------------------------ numbers for terms (emdsl/derive/lower.py, emit/)


def statistic_of(statistic: Statistic, value: Array) -> Array:
    match statistic.kind:
        case "power":
            return np.asarray(value**statistic.exponent)
        case "log":
            return np.asarray(np.log(np.maximum(value, 1e-300)))  # finite at zero, so that 0 · log 0 = 0
        case "log1m":
            return np.asarray(np.log1p(-np.minimum(value, 1 - 1e-16)))
        case "log_factorial":
            return np.asarray(gammaln(value + 1))
    raise ValueError(statistic.kind)


def evaluate(value: Polynomial, values: Values, length: int) -> Array:
    """Σ coefficient · Π atoms, for each of `length` states (or rows)."""
    total = np.zeros(length)
    for term in value.terms:
        total = total + term.coefficient * math.prod(
            (statistic_of(atom.statistic, values[atom.variable]) for atom in term.atoms), start=np.ones(length)
        )
    return total


# ------------------------------------------------------------------ kernels (emdsl/kernels/)
#
# A kernel is picked by support and signature, the set of statistics by which a variable enters its conditional. It
# turns the natural parameters, one array for each statistic, into the mode: that is the M-step.


@dataclass(frozen=True)
class Kernel:
    name: str
    support: str
    matches: Callable[[frozenset[Statistic]], bool]
    mode: Callable[[Mapping[Statistic, Array]], Array]


def gamma_mode(naturals: Mapping[Statistic, Array]) -> Array:
    """a log v + b v^p is greatest where v^p = −a / (p b): p = 1 is a rate, −1 a variance, −2 a standard deviation."""
    (power,) = (statistic.exponent for statistic in naturals if statistic != LOG)
    return (-naturals[LOG] / (power * naturals[Statistic("power", power)])) ** (1 / power)


SQUARE = Statistic("power", 2.0)

KERNELS = (
    Kernel("Dirichlet", "simplex", lambda s: s == {LOG}, lambda eta: eta[LOG] / eta[LOG].sum()),
    Kernel("Beta", "unit", lambda s: s == {LOG, LOG1M}, lambda eta: eta[LOG] / (eta[LOG] + eta[LOG1M])),
    Kernel("Gaussian", "real", lambda s: s == {IDENTITY, SQUARE}, lambda eta: eta[IDENTITY] / (-2 * eta[SQUARE])),
    Kernel("Gamma", "positive", lambda s: LOG in s and [t.kind for t in s - {LOG}] == ["power"], gamma_mode),
)


def match(parameter: Parameter, signature: frozenset[Statistic]) -> Kernel:
    for kernel in KERNELS:
        if kernel.support == parameter.support and kernel.matches(signature):
            return kernel
    raise ValueError(f"no closed-form update for a {parameter.support} parameter with statistics {sorted(signature)}")


# ------------------------------------------------------------------ the algorithm (emdsl/derive/derivation.py)


@dataclass(frozen=True)
class Update:
    """One block of the M-step: the parameter goes to the mode of its conditional."""

    name: str
    parameter: Parameter
    kernel: Kernel
    conditional: Mapping[Statistic, Polynomial]


@dataclass(frozen=True)
class Algorithm:
    """EM for one mixture: what the compiler would write out as a module."""

    mixture: Mixture
    collapsed: Collapsed
    updates: tuple[Update, ...]

    def features(self, data: Values) -> Array:
        """T: (statistic, row)."""
        length = len(next(iter(data.values())))
        rows = [Polynomial((Term(1.0, atoms),)) for atoms in self.collapsed.features.values()]
        return np.array([evaluate(row, data, length) for row in rows])

    def e_step(self, data: Values, params: Values) -> tuple[dict[str, Array], float]:
        """logits (state, row) = natural parameters · features; statistics = responsibilities · featuresᵀ."""
        features, states = self.features(data), self.mixture.states
        names = list(self.collapsed.features)
        naturals = [evaluate(natural_parameter(self.collapsed, name), params, states) for name in names]
        logits = np.stack(naturals, axis=1) @ features
        top = logits.max(axis=0)
        log_partition = top + np.log(np.exp(logits - top).sum(axis=0))
        responsibilities = np.exp(logits - log_partition)
        sums = responsibilities @ features.T
        return {name: sums[:, place] for place, name in enumerate(names)}, float(log_partition.sum())

    def m_step(self, statistics: Values, params: Values) -> dict[str, Array]:
        """Block by block; each sees what the earlier ones became. A tied parameter's natural is a sum over states."""
        values = {**params, **statistics}
        for update in self.updates:
            naturals = {s: evaluate(c, values, self.mixture.states) for s, c in update.conditional.items()}
            if not update.parameter.by_state:
                naturals = {statistic: array.sum() for statistic, array in naturals.items()}
            values[update.name] = update.kernel.mode(naturals)
        return {name: np.asarray(values[name]) for name in self.mixture.all_parameters}

    def fit(self, data: Values, params: Values, max_iter: int, tol: float = 1e-8) -> tuple[Values, list[float]]:
        """Parameters, and the log likelihood after each M-step: it never falls."""
        statistics, before = self.e_step(data, params)
        history: list[float] = []
        for _ in range(max_iter):
            params = self.m_step(statistics, params)
            statistics, log_likelihood = self.e_step(data, params)
            history.append(log_likelihood)
            if tol > 0 and abs(log_likelihood - before) <= tol * (1 + abs(log_likelihood)):
                break
            before = log_likelihood
        return params, history

    def __str__(self) -> str:
        lines = ["expected log joint Q, summed over k:"]
        lines += [f"  {term}" for term in self.collapsed.terms]
        lines.append("E-step, logit of state k:")
        for name, atoms in self.collapsed.features.items():
            natural = " ".join(map(str, natural_parameter(self.collapsed, name).terms))
            lines.append(f"  ({natural}) · {' '.join(map(str, atoms)) or '1'}")
        lines.append("M-step, natural parameters:")
        for update in self.updates:
            parts = [
                f"{Atom(update.name, statistic)}: {' '.join(map(str, cofactor.terms))}"
                for statistic, cofactor in update.conditional.items()
            ]
            lines.append(f"  {update.name} ({update.kernel.name})   " + ";   ".join(parts))
        return "\n".join(lines)


def derive(mixture: Mixture) -> Algorithm:
    """All stages in their order. Locations come before spreads, so that a variance is about the new mean."""
    parameters = mixture.all_parameters
    collapsed = collapse(log_joint(mixture), parameters)
    ordered = sorted(parameters, key=lambda name: parameters[name].support != "real")
    updates = []
    for name in ordered:
        parts = conditional(collapsed, name)
        updates.append(Update(name, parameters[name], match(parameters[name], frozenset(parts)), parts))
    return Algorithm(mixture, collapsed, tuple(updates))


def main() -> None:
    x, mean, var = variable("x"), variable("mean"), variable("var")
    mixture = Mixture(2, {"mean": Parameter("real"), "var": Parameter("positive")}, (normal(x, mean, 1 / var),))
    algorithm = derive(mixture)
    print(algorithm)
    rng = np.random.default_rng(0)
    data = {"x": np.concatenate([rng.normal(0, 1, 200), rng.normal(5, 2, 100)])}
    start = {"share": np.array([0.5, 0.5]), "mean": np.array([-1.0, 6.0]), "var": np.array([1.0, 1.0])}
    params, history = algorithm.fit(data, start, max_iter=500)
    print(f"log likelihood {history[-1]:.6f} after {len(history)} steps")
    for name, value in params.items():
        print(f"{name:6s} {np.array2string(value, precision=4)}")


if __name__ == "__main__":
    main()
