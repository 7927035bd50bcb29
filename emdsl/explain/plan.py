"""The plan: every block in the order in which it is updated, how, and why so.

latents of rows (E-step) → parameters, block by block (M-step)
"""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Sequence
from dataclasses import dataclass, fields
from html import escape
from typing import Literal

from emdsl.derive.derivation import Derivation
from emdsl.derive.m_step import Update
from emdsl.derive.network_terms import BlockTerms, NetworkTerms
from emdsl.explain.network_plan import kernel, names_of, why
from emdsl.explain.symbols import in_prose, in_words, size_in_words
from emdsl.kernels.ascent import TransitionAscent
from emdsl.kernels.positive import ProductAscent
from emdsl.model.statements import Model
from emdsl.structure.locals import LocalBlock

Role = Literal["latent", "parameter"]
Inference = Literal["exact", "coordinate ascent", "mean field", "point"]

INFERENCE: dict[str, Inference] = {"em": "exact", "hard": "point", "vb": "mean field"}
KERNELS = {(True, False): "categorical", (False, True): "Gaussian", (True, True): "categorical and Gaussian"}


@dataclass(frozen=True)
class PlanRow:
    """One block: a latent of the E-step, or parameters of the M-step.

    `exact`: the step finds the very posterior, or the very maximum over its block, that the method asks for.
    `why`: a clause; names of variables stand in backticks.
    """

    block: str
    variables: tuple[str, ...]
    role: Role
    kernel: str
    inference: Inference
    exact: bool
    closed_form: bool
    why: str


@dataclass(frozen=True)
class Plan:
    """All blocks of one model under one method. `joint`: one M-step maximises over all parameters at once."""

    model: str
    method: str
    objective: str
    joint: bool
    rows: tuple[PlanRow, ...]

    @property
    def exact_e_step(self) -> bool:
        return all(row.exact for row in self.rows if row.role == "latent")

    @property
    def ascended(self) -> list[str]:
        """Parameters whose update is no maximum but a step towards it."""
        rows = (row for row in self.rows if row.kernel in STEPPED)
        return [f"`{name}`" for row in rows for name in row.variables]

    @property
    def summary(self) -> tuple[str, ...]:
        """Sentences: what is maximised, whether the E-step is exact, whether the M-step is one joint maximum."""
        latents = [row for row in self.rows if row.role == "latent"]
        if not latents:
            e_step = "no latents: the E-step sums statistics of the data"
        elif self.exact_e_step:
            e_step = "the E-step is exact" + (" given expectations over the parameters" if self.method == "vb" else "")
        else:
            apart = sum(not row.exact for row in latents)
            over = f"{apart} blocks" if apart > 1 else "the rows of one block"
            e_step = f"the E-step is by coordinate ascent over {over}; the objective is a lower bound"
        if self.method == "vb":
            m_step = "each factor of q is updated given the others"
        elif self.joint:
            m_step = "the M-step maximises over all parameters jointly"
        else:
            m_step = "the M-step maximises over each block given the others"
        if self.ascended:
            m_step += f", but takes steps that never fall for {in_words(self.ascended)}"
        return (f"maximises the {self.objective}", e_step, m_step)

    def __str__(self) -> str:
        header = f"{self.model}, method {self.method}"
        lines = [header, "=" * len(header), *(f"{sentence[0].upper()}{sentence[1:]}." for sentence in self.summary)]
        return "\n".join([*lines, "", *_columns([COLUMNS, *(cells(row) for row in self.rows)])]) + "\n"

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{escape(title)}</th>" for title in COLUMNS)
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells(row))}</tr>" for row in self.rows)
        caption = escape(f"{self.model}, method {self.method}: {'; '.join(self.summary)}")
        return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


#: Kernels whose update is one step upwards.
STEPPED = (TransitionAscent().name, ProductAscent().name)
COLUMNS = ("block", "role", "kernel", "inference", "exact", "closed form", "why")


def cells(row: PlanRow) -> tuple[str, ...]:
    """The entries of a row in the order of `COLUMNS`."""
    yes = {True: "yes", False: "no"}
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    values |= {"block": ", ".join(row.variables), "exact": yes[row.exact], "closed form": yes[row.closed_form]}
    return tuple(values[title] for title in COLUMNS)


def _columns(rows: list[tuple[str, ...]]) -> list[str]:
    """Rows with their columns aligned, and a rule below the first one."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    rule = "  ".join("-" * width for width in widths)
    return [lines[0], rule, *lines[1:]]


def plan(derivation: Derivation, model: Model) -> Plan:
    """The plan of a derivation; `model` is the model that it was derived from."""
    rows = [_latent(block, derivation) for block in derivation.blocks]
    rows += [
        _block(block, network, derivation, model) for network in derivation.setting.networks for block in network.blocks
    ]
    rows += [_parameter(update, derivation) for update in derivation.updates]
    joint = all(not later(update, derivation) for update in derivation.updates)
    return Plan(model.name, derivation.method, objective(derivation), joint, tuple(rows))


def objective(derivation: Derivation) -> str:
    """What an iteration maximises, as the emitted module names it; a bound on that where q is factorised."""
    named = str(literal_eval(dict(derivation.module.constants)["OBJECTIVE"]))
    bounded = derivation.method != "vb" and any(not one.network.exact for one in derivation.setting.networks)
    return f"lower bound on the {named}" if bounded else named


# ---------------------------------------------------------------- rows


def _latent(block: LocalBlock, derivation: Derivation) -> PlanRow:
    inference: Inference = INFERENCE[derivation.method]
    kernel = KERNELS[bool(block.discrete), bool(block.gaussian)]
    why = _structure(block, derivation)
    if derivation.method == "hard" and derivation.setting.chooses_states(block.discrete):
        why += ", of which the most probable is taken"
    elif derivation.method == "hard":
        inference = "exact"
    if derivation.method == "vb":
        why += ", given expectations over the parameters"
    why += _given_beside(block.variables, derivation)
    variables = tuple(unknown_name(name) for name in block.variables)
    return PlanRow(" and ".join(variables), variables, "latent", kernel, inference, True, True, why)


def _block(block: BlockTerms, network: NetworkTerms, derivation: Derivation, model: Model) -> PlanRow:
    """One block of a network of latents."""
    exact = network.network.exact
    inference: Inference = INFERENCE[derivation.method]
    if derivation.method == "em" and not exact:
        inference = "coordinate ascent"
    clause = why(block, network, derivation, model)
    if derivation.method == "hard" and block.block.kind == "finite" and not derivation.setting.chooses(block.block):
        inference = "exact" if exact else "coordinate ascent"  # nothing is a latent of the user
    if derivation.setting.chooses(block.block):
        clause += ", of which the most probable are taken"
    if derivation.method == "vb":
        clause += ", given expectations over the parameters"
    clause += _given_beside(block.block.all, derivation)
    variables = names_of(block, derivation)
    return PlanRow(
        " and ".join(variables), variables, "latent", kernel(block, network, derivation), inference, exact, True, clause
    )


def _given_beside(variables: Sequence[str], derivation: Derivation) -> str:
    """What is said of observed variables whose missing entries are inferred."""
    holed = tuple(name for name in variables if name in derivation.setting.holed)
    return f"; of {_listed(holed)} only missing entries are unknown" if holed else ""


def unknown_name(name: str) -> str:
    """The variable of the model that an unknown of rows belongs to: missing entries bear the name of their datum."""
    return name.partition("~")[0]


def _structure(block: LocalBlock, derivation: Derivation) -> str:
    rows = f"each row of {', '.join(block.plates)}" if block.plates else "the one row"
    discrete = " and ".join(f"`{name}`" for name in block.discrete)
    gaussian = " and ".join(in_prose(name) for name in block.gaussian)
    count = " × ".join(states_text(name, derivation) for name in block.discrete)
    if not block.discrete:
        together = "jointly " if len(block.gaussian) > 1 else ""
        return f"{gaussian} {together}Gaussian: a mean and a covariance for {rows}"
    finite = f"{discrete} finite: {count} states for {rows}"
    return f"{finite}; {gaussian} Gaussian given the state" if block.gaussian else finite


def states_text(name: str, derivation: Derivation) -> str:
    """How many states a discrete latent has: `3`, or `K` where only the data tell."""
    scope = derivation.setting.scope
    size = scope.symbols[name].categories
    return size_in_words(size, scope.numbers)


def _parameter(update: Update, derivation: Derivation) -> PlanRow:
    inference: Inference = "mean field" if update.variables[0] in derivation.setting.forms else "point"
    block = " and ".join(update.variables)
    why = reason(update, derivation)
    return PlanRow(
        block, update.variables, "parameter", update.kernel, inference, update.exact, update.closed_form, why
    )


def reason(update: Update, derivation: Derivation) -> str:
    """Why the update may be done so, as a clause: what cancels, or which other parameters it is given."""
    if update.reason:
        return update.reason
    forms = derivation.setting.forms
    integrated = tuple(form.variable for form in forms.values() if form.scale in update.variables)
    if integrated:
        return f"jointly with {_listed(integrated)}, integrated out"
    if update.variables[0] in forms and others(update, derivation):
        return f"given expectations over {_listed(others(update, derivation))}"
    if later(update, derivation):
        return f"given {_listed(later(update, derivation))}: a conditional maximum"
    if earlier(update, derivation):
        return f"given the new {_listed(earlier(update, derivation))}"
    return "no other parameter enters"


def others(update: Update, derivation: Derivation) -> tuple[str, ...]:
    """The other parameters in the terms of an update, in declared order."""
    found = {name for term in update.terms for name in term.variables()} - set(update.variables)
    found -= set() if update.best is None else {*update.best.variables}
    return tuple(name for name in derivation.setting.parameters if name in found)


def later(update: Update, derivation: Derivation) -> tuple[str, ...]:
    """Those of the others that are updated after this block: the block is maximised at their old values."""
    done = earlier(update, derivation)
    return tuple(name for name in others(update, derivation) if name not in done)


def earlier(update: Update, derivation: Derivation) -> tuple[str, ...]:
    """Those of the others that this step has updated already."""
    place = derivation.updates.index(update)
    done = {name for before in derivation.updates[:place] for name in before.variables}
    return tuple(name for name in others(update, derivation) if name in done)


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(f"`{name}`" for name in names)
