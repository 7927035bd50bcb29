"""What users hold: a declared model, the same model with its constants bound, and a fit.

read, parse, class Model  ->  model class  --(K=3)-->  Bound  --fit(x=X)-->  Fit
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from typing import TYPE_CHECKING, Any

from emdsl.errors import DataError, ModelError
from emdsl.language.classes import Declaration, ModelType

if TYPE_CHECKING:
    from emdsl.compile import Program
    from emdsl.model.bound import BoundModel
    from emdsl.model.statements import Model as Statements
    from emdsl.results.diagram import Diagram
    from emdsl.results.fit import Fit
    from emdsl.results.source import Source, Variant

METHODS = ("em", "vb", "hard")

#: What a model has once its constants are bound.
BOUND_ONLY = ("constants", "plan", "derivation", "source", "diagram", "fit", "program")


class DeclaredType(ModelType):
    """The class of declared models: calling one binds its constants."""

    def __call__(cls, *values: Any, **constants: Any) -> Bound:
        """The model with its constants bound, and any sizes. Raises ModelError for a mistake in the model."""
        from emdsl.model.check import bind, check

        if values:
            name = next((constant.name for constant in cls.declared().constants), "N")
            cure = f"write `{cls.__name__}({name}={values[0]!r})`"
            raise ModelError("E018", "constants and sizes are bound by name", cure=cure)
        return Bound(bind(check(cls.declared()), **constants))

    def __getattr__(cls, name: str) -> Any:
        if name in BOUND_ONLY and cls.declaration is not None:
            bound = ", ".join(f"{constant.name}=…" for constant in cls.declared().constants)
            raise AttributeError(
                f"the constants of {cls.__name__} are not bound: write `{cls.__name__}({bound}).{name}`"
            )
        raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")

    @property
    def text(cls) -> str:
        """The canonical text."""
        from emdsl.language.printer import to_text

        return to_text(cls.declared())

    def __str__(cls) -> str:
        return cls.text if cls.declaration is not None else super().__str__()


class Model(Declaration, metaclass=DeclaredType):
    """Base class of models written in Python; `Model` subclasses are called to bind their constants."""


def parse(text: str, name: str = "<text>") -> DeclaredType:
    """The model that a text says. Raises ModelError, which points at the line."""
    from emdsl.language.text import parse as parse_text

    if not isinstance(text, str):
        raise DataError(f"a model is a text, not {type(text).__name__}; em.read(path) reads a file")
    return _declared(parse_text(text, name))


def read(path: str | PathLike[str]) -> DeclaredType:
    """The model in a `.em` file. Raises ModelError, which points at the line."""
    from emdsl.language.text import read as read_text

    return _declared(read_text(path))


def load(path: str | PathLike[str]) -> Fit:
    """The fit that `Fit.save` wrote; its model is read from the text in the file and compiled again."""
    from emdsl.results import saving
    from emdsl.results.fit import Fit

    content = saving.read(path)
    bound = parse(content["text"], str(path))(**content["constants"])
    return Fit.from_saved(bound.source_of(content["method"]), content)


def _declared(statements: Statements) -> DeclaredType:
    from emdsl.language.declarations import Body

    declared = DeclaredType(statements.name, (Model,), Body())
    declared.declaration = statements
    return declared


class Bound:
    """A model whose constants are bound: it prints as its canonical text, explains itself, and can be fitted.

    Programs are compiled when first asked for, one for each method; fitting changes nothing else.
    """

    def __init__(self, bound: BoundModel) -> None:
        self.bound_model = bound
        self._programs: dict[Variant, Program] = {}

    @property
    def text(self) -> str:
        """The canonical text."""
        from emdsl.language.printer import to_text

        return to_text(self.bound_model.checked.model)

    @property
    def constants(self) -> Mapping[str, float | int]:
        """The constants and sizes that are bound."""
        return dict(self.bound_model.constants)

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        bound = ", ".join(f"{name}={value}" for name, value in self.bound_model.constants.items())
        return f"<model {self.bound_model.checked.model.name}({bound})>"

    @property
    def plan(self) -> Any:
        """What the compiler decided, as a table: blocks, exact or not, closed form or not, and why."""
        return self.program("em").plan

    @property
    def derivation(self) -> Any:
        """The mathematics, step by step: `.markdown`, `.latex`, and a rich display in notebooks."""
        return self.program("em").derivation

    def source(self, method: str = "em") -> str:
        """The emitted numpy module, as text."""
        return self.program(method).source

    def diagram(self) -> Diagram:
        """The plate diagram: `.mermaid`, `.dot`, `.svg`."""
        from emdsl.results.diagram import Diagram

        return Diagram.of(self.bound_model.checked.model)

    def fit(
        self,
        data: object = None,
        *,
        method: str = "em",
        n_init: int = 10,
        random_state: Any = 0,
        max_iter: int = 1000,
        tol: float = 1e-8,
        weights: Mapping[str, Any] | None = None,
        init: Mapping[str, Any] | None = None,
        accelerate: str | None = None,
        strict: bool = False,
        progress: bool = False,
        **arrays: Any,
    ) -> Fit:
        """The fit to data, given by name: arrays, series, a data frame, or lists of arrays for ragged plates.

        The best of `n_init` starts, or the one run from `init`. Raises DataError for data or arguments that do not fit
        the model, ModelError when `strict` forbids a step, and FitError when every start degenerates.
        """
        from emdsl.data.aligned import aligned
        from emdsl.data.binding import bind_data, merged
        from emdsl.data.far import warn_of_far
        from emdsl.data.options import check_options
        from emdsl.data.sizes import size_names
        from emdsl.data.told import check_told
        from emdsl.data.weights import check_weights
        from emdsl.model.holes import inferred
        from emdsl.results.fit import Fit
        from emdsl.results.progress import progress_bar
        from emdsl.results.starts import split_init
        from emdsl.runtime.diagnostics import resuming
        from emdsl.runtime.loop import run

        if not inferred(self.bound_model):
            self.program(method)  # what is not compiled is told before data are read
        names = [variable.name for variable in self.bound_model.checked.model.variables]
        check_options(arrays, [*names, *size_names(self.bound_model)])
        weights = aligned(self.bound_model, data, arrays, weights)
        bound_data = bind_data(self.bound_model, merged(self.bound_model, data, arrays), weights)
        check_told(self.bound_model, bound_data, (init or {}) if max_iter == 0 else ())
        source = self.source_of(method, bound_data)
        warn_of_far(self.bound_model, self._compiled(source.variant).beside_others, bound_data)
        if strict:
            _refuse_approximations(self._compiled(source.variant))
        check_weights(source.program.module, weights)
        start, latents = split_init(self.bound_model, init or {}, bound_data)
        with progress_bar(progress, 1 if init else n_init, max_iter) as report:
            outcome = run(
                source.program.module, bound_data, n_init=n_init, random_state=random_state, max_iter=max_iter, tol=tol,
                init=start or None, latents=latents, accelerate=accelerate, progress=report,
            )  # fmt: skip
        if method == "hard":  # the objective counts only the chosen states; the likelihood counts all of them
            module = source.other("em").module
            soft = module.e_step(resuming(module, bound_data, outcome.memory), outcome.params)[1]
            outcome = replace(outcome, log_likelihood=float(soft))
        return Fit(source, outcome, bound_data)

    def program(self, method: str) -> Program:
        """The program of a method for any data; see `_general`."""
        _check_method(method)
        return self._compiled(self._general(method))

    def source_of(self, method: str, data: Mapping[str, Any] | None = None) -> Source:
        """What a fit is made with: by the program for the bound data where these are told."""
        from emdsl.data.holes import are_seen
        from emdsl.model.holes import inferred
        from emdsl.results.source import Source, Variant

        _check_method(method)
        if data is None or not inferred(self.bound_model):
            variant = self._general(method)
        else:
            variant = Variant(method, seen=are_seen(self.bound_model, data))
        self._compiled(variant)
        return Source(self.bound_model, self.text, variant, self._compiled)

    def _general(self, method: str) -> Variant:
        """For any data; where missing entries that others read cannot be inferred, for ends of series that are."""
        from emdsl.model.holes import inferred, may_end
        from emdsl.results.source import Variant

        try:
            self._compiled(Variant(method))
        except ModelError:
            found = inferred(self.bound_model)
            if not found or not all(may_end(name, self.bound_model) for name in found):
                raise
            return Variant(method, seen=True)
        return Variant(method)

    def _compiled(self, variant: Variant) -> Program:
        from emdsl.compile import compile_model

        if variant not in self._programs:
            self._programs[variant] = compile_model(variant.of(self.bound_model), variant.method)
        return self._programs[variant]


def _check_method(method: str) -> None:
    from emdsl.data.words import did_you_mean

    if method not in METHODS:
        raise DataError(f"there is no method {method!r}{did_you_mean(str(method), METHODS)}")


def _refuse_approximations(program: Program) -> None:

    for row in program.plan.rows:
        if not (row.exact and row.closed_form):
            what = "exact" if not row.exact else "in closed form"
            raise ModelError(
                "E090",
                f"the update of `{row.block}` is not {what}: {row.why}",
                cure="leave strict=True out to allow it",
            )
