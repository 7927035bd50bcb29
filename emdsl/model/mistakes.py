"""Every error of the check stage, constructed here: code, one sentence, what to write instead.

    E01x names   E02x indices   E03x statements   E04x shapes   E05x supports   E06x laws   E07x requests and new laws

The codes are stable; docs/errors.md explains each. This file is a catalogue: one function per mistake, no logic.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

from emdsl.errors import ModelError, Span

Size = str | int | None


def _did_you_mean(name: str | None) -> str | None:
    return f"did you mean `{name}`?" if name else None


def _either(options: Iterable[str]) -> str:
    """`a`, `b` or `c`."""
    quoted = [f"`{option}`" for option in options]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def _and(items: Iterable[str]) -> str:
    return " and ".join(f"`{item}`" for item in items)


# E01x: names


def unknown_name(name: str, close: str | None, span: Span | None) -> ModelError:
    cure = (
        _did_you_mean(close) or f"declare it, for instance `given {name} : real`, or in the header `model Name({name})`"
    )
    return ModelError("E010", f"`{name}` is not declared", cure=cure, span=span)


def unknown_letter(letter: str, close: str | None, span: Span | None) -> ModelError:
    cure = _did_you_mean(close) or f"declare it: `plate {letter} in {letter.upper()}`"
    return ModelError("E010", f"`{letter}` is not the letter of a plate", cure=cure, span=span)


def collision(name: str, first: str, second: str, span: Span | None) -> ModelError:
    return ModelError(
        "E011",
        f"`{name}` is declared as {second}, but it is {first} already",
        cure="rename one of them: letters, sizes, constants, variables and distributions share one name space",
        span=span,
    )


def letter_as_number(letter: str, size: Size, span: Span | None) -> ModelError:
    return ModelError(
        "E012",
        f"`{letter}` is an index, not a number",
        cure=f"give its values as data: `given value[{letter}] : real`, with one number for each of {size}",
        span=span,
    )


def not_a_size(name: str, meaning: str, size: str | None, span: Span | None) -> ModelError:
    cure = f"write the size that it runs over: `{size}`" if size else "name a constant, or a size of a plate"
    return ModelError("E013", f"`{name}` is {meaning}, not a size", cure=cure, span=span)


def computed_dim(span: Span | None) -> ModelError:
    return ModelError(
        "E013", "a size in a type is a name or a number", cure="give the result a name of its own: `real[H]`", span=span
    )


def ragged_dim(name: str, parents: Sequence[str], span: Span | None) -> ModelError:
    return ModelError(
        "E013",
        f"`{name}` is a ragged size, one for each `{', '.join(parents)}`, and cannot be the size of a type",
        cure=f"make it a plate of the variable: `x[{', '.join(parents)}, i]` with `i` over `{name}`",
        span=span,
    )


def ragged_size(name: str, parents: Sequence[str], span: Span | None) -> ModelError:
    return ModelError(
        "E013",
        f"`{name}` is ragged: it has one number for each `{', '.join(parents)}`",
        cure=f"write `{name}[{', '.join(parents)}]`",
        span=span,
    )


def size_two_ways(name: str, first: Sequence[str], second: Sequence[str], span: Span | None) -> ModelError:
    def text(parents: Sequence[str]) -> str:
        return f"`{name}[{', '.join(parents)}]`" if parents else f"`{name}`"

    return ModelError(
        "E013",
        f"the size `{name}` is used as {text(first)} and as {text(second)}",
        cure="use it one way, or name the second size otherwise",
        span=span,
    )


def empty_size(name: str, value: float, span: Span | None) -> ModelError:
    shown = f"`{name}`" if name == f"{value:g}" else f"`{name}` = {value:g}"
    return ModelError("E013", f"{shown} is not a size", cure="a size is a whole number, 1 or more", span=span)


def unknown_distribution(name: str, close: str | None, span: Span | None) -> ModelError:
    cure = _did_you_mean(close) or f"define it: `dist {name}(y : real | …) = log density`"
    return ModelError("E014", f"there is no distribution `{name}`", cure=cure, span=span)


def unknown_function(name: str, close: str | None, span: Span | None) -> ModelError:
    cure = _did_you_mean(close) or "docs/language.md lists the functions; a new density is a `dist`"
    return ModelError("E015", f"there is no function `{name}`", cure=cure, span=span)


def distribution_as_value(name: str, span: Span | None) -> ModelError:
    return ModelError(
        "E016", f"`{name}` is a distribution, not a value", cure=f"draw from it: `latent u ~ {name}(…)`", span=span
    )


def constant_missing(model: str, name: str, span: Span | None) -> ModelError:
    return ModelError(
        "E017", f"the constant `{name}` of {model} has no value", cure=f"bind it: `{model}({name}=…)`", span=span
    )


def unknown_constant(model: str, name: str, options: Collection[str], close: str | None) -> ModelError:
    listed = f"it has {_either(options)}" if options else "it has none"
    return ModelError("E018", f"{model} has no constant or size `{name}`", cure=_did_you_mean(close) or listed)


def constant_not_number(name: str, value: object) -> ModelError:
    return ModelError(
        "E019",
        f"the constant `{name}` is a {type(value).__name__}, not a number",
        cure=f"pass a single number; an array is data: `given {name}[k] : real`",
    )


def ragged_bound(name: str, parents: Sequence[str]) -> ModelError:
    return ModelError(
        "E019",
        f"`{name}` is ragged over `{', '.join(parents)}` and cannot be bound to one number",
        cure="leave it out: the data tell it",
    )


# E02x: indices


def letter_outside(letter: str, owner: str, span: Span | None, instead: str | None = None) -> ModelError:
    cure = _did_you_mean(instead) or f"give `{owner}` the plate `{letter}`, or sum over it: `sum(…, {letter})`"
    return ModelError("E020", f"`{letter}` is not a plate of `{owner}`", cure=cure, span=span)


def letter_at_fixed_slot(letter: str, slot: int, owner: str, span: Span | None) -> ModelError:
    return ModelError(
        "E020", f"in this slot of `{owner}`, `{letter}` is {slot}", cure=f"write {slot} for `{letter}`", span=span
    )


def ragged_without_parent(letter: str, parent: str, size: str, span: Span | None) -> ModelError:
    return ModelError(
        "E030",
        f"`{letter}` runs over `{size}[{parent}]`, so `{parent}` must come before it",
        cure=f"write `[{parent}, {letter}]`",
        span=span,
    )


def ragged_sum(letter: str, parent: str, size: str, span: Span | None) -> ModelError:
    return ModelError(
        "E030",
        f"`{letter}` runs over `{size}[{parent}]`, and `{parent}` has no value here",
        cure=f"sum over `{parent}` as well: `sum(sum(…, {letter}), {parent})`",
        span=span,
    )


def wrong_letter(base: str, dim: Size, letter: str, size: Size, instead: str | None, span: Span | None) -> ModelError:
    cure = _did_you_mean(instead) or f"index this axis of `{base}` by a letter or a discrete variable over {dim}"
    return ModelError("E021", f"`{base}` is indexed by {dim}, but `{letter}` runs over {size}", cure=cure, span=span)


def wrong_range(base: str, dim: Size, index: str, size: Size, span: Span | None) -> ModelError:
    return ModelError(
        "E021",
        f"`{base}` is indexed by {dim}, but `{index}` runs over {size}",
        cure=f"index it by a variable over {dim}, or let this axis of `{base}` have the size {size}",
        span=span,
    )


def too_many_indices(base: str, count: int, shape: str, declared: str | None, span: Span | None) -> ModelError:
    cure = f"it is declared as `{declared}`" if declared else "leave the last index out"
    return ModelError("E022", f"`{base}` has {count} indices here, but it is {shape}", cure=cure, span=span)


def number_indexed(name: str, span: Span | None) -> ModelError:
    return ModelError("E022", f"`{name}` is a single number and has no index", cure=f"write `{name}`", span=span)


def index_not_scalar(index: str, instead: str | None, span: Span | None) -> ModelError:
    return ModelError(
        "E023",
        f"the index `{index}` is an array, not one number",
        cure=_did_you_mean(instead if instead != index else None) or "index it down to one number",
        span=span,
    )


def index_not_discrete(index: str, dim: Size, span: Span | None) -> ModelError:
    of = f" over {dim}" if dim is not None else ""
    return ModelError(
        "E024",
        f"`{index}` is not a discrete variable, so it cannot be an index",
        cure=f"an index is a letter, a number, `t-1` or one discrete variable{of}",
        span=span,
    )


def index_without_range(index: str, dim: Size, span: Span | None) -> ModelError:
    return ModelError(
        "E024",
        f"`{index}` is a count without a largest value, so it cannot be an index",
        cure=f"declare given data as `index[{dim if dim is not None else 'K'}]`, or use a Categorical variable",
        span=span,
    )


def index_number(base: str, number: float, size: int | None, span: Span | None) -> ModelError:
    if size is None:
        message = f"{number:g} is no index of `{base}`"
        return ModelError("E025", message, cure="an index is a whole number from 0", span=span)
    last = "only 0" if size == 1 else f"0 to {size - 1}"
    message = f"{number:g} is out of range: this axis of `{base}` has size {size}"
    return ModelError("E025", message, cure=f"indices start at 0: write {last}", span=span)


def lag_without_order(letter: str, size: Size, span: Span | None) -> ModelError:
    return ModelError(
        "E026",
        f"`{letter}` has no neighbours, since its plate is not ordered",
        cure=f"declare it as `time {letter} in {size}`",
        span=span,
    )


def look_ahead(letter: str, steps: int, span: Span | None) -> ModelError:
    return ModelError(
        "E027",
        f"`{letter}+{steps}` looks ahead in time",
        cure=f"define the later one by the earlier: `{letter}` by `{letter}-{steps}`",
        span=span,
    )


def slot_looks_ahead(base: str, number: int, slot: int, span: Span | None) -> ModelError:
    return ModelError(
        "E027",
        f"`{base}` at {number} is later than the slot {slot} that is defined here",
        cure=f"use `{base}` at {slot} or before",
        span=span,
    )


def start_missing(name: str, letter: str, lag: int, slots: Sequence[str], span: Span | None) -> ModelError:
    return ModelError(
        "E028",
        f"`{name}` looks back to `{letter}-{lag}`, but {_and(slots)} {'is' if len(slots) == 1 else 'are'} not defined",
        cure=f"add {_and(f'{slot} ~ …' for slot in slots)}",
        span=span,
    )


def slot_without_order(name: str, letter: str, slot: str, span: Span | None) -> ModelError:
    return ModelError(
        "E029",
        f"`{name}` is defined at {slot} of the plate `{letter}`, which is not ordered",
        cure=f"write the letter `{letter}`, or declare the plate by `time`",
        span=span,
    )


def slots_differ(name: str, whole: str, span: Span | None) -> ModelError:
    return ModelError(
        "E029",
        f"the definitions of `{name}` have different indices",
        cure=f"define `{whole}`, and numbers in place of ordered letters only",
        span=span,
    )


def only_slots(name: str, whole: str, span: Span | None) -> ModelError:
    return ModelError(
        "E029", f"`{name}` is defined at fixed slots only", cure=f"add the general definition `{whole} ~ …`", span=span
    )


def letter_twice(letter: str, size: str, name: str, span: Span | None) -> ModelError:
    return ModelError(
        "E029",
        f"`{name}` has the plate `{letter}` twice",
        cure=f"declare a second letter over the same size: `plate {letter}2 in {size}`",
        span=span,
    )


# E03x: statements


def law_needed(name: str, role: str, span: Span | None) -> ModelError:
    cure = "write `~` and its distribution; data that are conditioned on are `given`"
    return ModelError("E031", f"the {role} variable `{name}` has no distribution", cure=cure, span=span)


def given_with_law(name: str, span: Span | None) -> ModelError:
    return ModelError(
        "E032",
        f"`{name}` is given, so it has no distribution",
        cure=f"declare it `observed {name} ~ …`, or leave the distribution out",
        span=span,
    )


def type_needed(name: str, role: str, span: Span | None) -> ModelError:
    return ModelError(
        "E033",
        f"`{name}` needs a type",
        cure=f"for instance `{role} {name} : real` or `{role} {name} : real[D]`",
        span=span,
    )


def let_needs_value(name: str, span: Span | None) -> ModelError:
    return ModelError("E034", f"the let `{name}` needs a value", cure=f"write `let {name} = …`", span=span)


def value_not_let(name: str, role: str, span: Span | None) -> ModelError:
    cure = f"declare it `let {name} = …`, or hold a parameter by `fix`"
    return ModelError("E034", f"a {role} variable such as `{name}` has no value of its own", cure=cure, span=span)


def defined_twice(written: str, span: Span | None) -> ModelError:
    return ModelError("E035", f"`{written}` is defined twice", cure="keep one of the definitions", span=span)


def missing_not_observed(name: str, role: str, span: Span | None) -> ModelError:
    return ModelError(
        "E036",
        f"only observed variables can be `missing`, and `{name}` is {role}",
        cure="leave `missing` out; a latent variable may be given in part, NaN where unknown",
        span=span,
    )


def cycle(path: Sequence[str], span: Span | None) -> ModelError:
    shown = ", ".join(f"`{name}` needs `{other}`" for name, other in pairwise(path))
    cure = "a variable may depend only on others that do not depend on it; over time, look back by `t-1`"
    return ModelError("E037", f"the definitions run in a circle: {shown}", cure=cure, span=span)


def unknown_type(kind: str, close: str | None, span: Span | None) -> ModelError:
    cure = _did_you_mean(close) or "types are real, positive, unit, simplex, cov, count and index"
    return ModelError("E038", f"there is no type `{kind}`", cure=cure, span=span)


def type_dims(kind: str, wanted: int | None, found: int, span: Span | None) -> ModelError:
    takes = "at most two sizes" if wanted is None else "one size"
    example = {"simplex": "simplex[K]", "cov": "cov[D]", "index": "index[K]"}.get(kind, f"{kind}[D]")
    return ModelError("E038", f"`{kind}` takes {takes}, not {found}", cure=f"write `{example}`", span=span)


# E04x: shapes


def shapes_differ(operator: str, left: str, right: str, span: Span | None) -> ModelError:
    return ModelError(
        "E040",
        f"`{operator}` works entry by entry, but the left is {left} and the right is {right}",
        cure="`@` is the inner product and the product of matrices",
        span=span,
    )


def inner_product_of_number(span: Span | None) -> ModelError:
    return ModelError(
        "E041", "`@` is a product of vectors and matrices, but one side is a number", cure="write `*`", span=span
    )


def inner_sizes(left: str, right: str, swapped: str | None, span: Span | None) -> ModelError:
    return ModelError(
        "E041",
        f"the inner sizes of `@` differ: the left is {left}, the right is {right}",
        cure=_did_you_mean(swapped) or "the last size on the left must be the first size on the right",
        span=span,
    )


def argument_count(name: str, wanted: int, found: int, span: Span | None) -> ModelError:
    arguments = "1 argument" if wanted == 1 else f"{wanted} arguments"
    return ModelError("E042", f"`{name}` takes {arguments}, not {found}", cure=f"give {arguments}", span=span)


def argument_shape(what: str, wanted: str, found: str, span: Span | None) -> ModelError:
    return ModelError("E042", f"{what} needs {wanted}, but this is {found}", cure=f"give {wanted}", span=span)


def sum_over_what(letter: str, close: str | None, span: Span | None) -> ModelError:
    cure = _did_you_mean(close) or "write `sum(expr, k)` with the letter of a plate, or `sum(v)` for a vector"
    return ModelError("E042", f"`sum` runs over the letter of a plate, and `{letter}` is none", cure=cure, span=span)


def empty_array(span: Span | None) -> ModelError:
    return ModelError("E043", "an array needs an entry", cure="write `[a, b]`", span=span)


def uneven_array(first: str, other: str, span: Span | None) -> ModelError:
    message = f"the entries of an array are alike, but the first is {first} and this is {other}"
    return ModelError("E043", message, cure="make all entries numbers, or vectors of one length", span=span)


def argument_of_law(
    law: str, argument: str, text: str, wanted: str, found: str, stacked: bool, instead: str | None, span: Span | None
) -> ModelError:
    cure = _did_you_mean(instead) or (f"index it: `{text}[…]`" if stacked else f"give {wanted}")
    if not stacked and wanted == "a number":
        cure = f"give a number, such as an entry: `{text}[0]`"
    return ModelError("E044", f"`{argument}` of {law} needs {wanted}, but `{text}` is {found}", cure=cure, span=span)


def sizes_disagree(law: str, argument: str, text: str, size: Size, expected: Size, span: Span | None) -> ModelError:
    return ModelError(
        "E045",
        f"`{argument}` of {law} has size {size} in `{text}`, but {expected} is due",
        cure=f"all sizes of one {law} are the same: use an argument of size {expected}",
        span=span,
    )


def type_not_known(name: str, role: str, plates: Sequence[str], kind: str, span: Span | None) -> ModelError:
    written = f"{name}[{', '.join(plates)}]" if plates else name
    example = f"{kind}[{'D' if kind in ('real', 'cov') else 'K'}]"
    cure = (
        "give its value sizes that have names" if role == "let" else f"say its type: `{role} {written} : {example} …`"
    )
    return ModelError("E046", f"nothing tells the size of `{name}`", cure=cure, span=span)


def law_shape(name: str, written: str, law: str, found: str, declared: bool, span: Span | None) -> ModelError:
    message = f"`{name}` is `{written}`, but {law} draws `{found}`"
    cure = f"declare it `{found}`" if declared else "give all definitions of a variable the same type"
    return ModelError("E047", message, cure=cure, span=span)


def let_type(name: str, written: str, found: str, span: Span | None) -> ModelError:
    cure = "leave the type out: it follows from the value"
    return ModelError("E047", f"`{name}` is declared {written}, but its value is {found}", cure=cure, span=span)


# E05x: supports


def support_mismatch(law: str, argument: str, required: str, text: str, kind: str, span: Span | None) -> ModelError:
    remedy = {
        "positive": f"declare it `positive`, or write `exp({text})`",
        "unit": f"declare it `unit`, or write `logistic({text})`",
        "simplex": f"declare it `simplex[K]`, or write `softmax({text})`",
        "cov": "declare it `cov[D]`",
        "count": "declare it `count`",
    }
    words = {
        "positive": "be positive", "unit": "lie between 0 and 1", "simplex": "sum to 1",
        "cov": "be positive definite", "count": "be a whole number",
    }  # fmt: skip
    return ModelError(
        "E050",
        f"`{argument}` of {law} must {words.get(required, required)}, but `{text}` is {kind}",
        cure=remedy.get(required, f"declare it `{required}`"),
        span=span,
    )


def vector_as_covariance(law: str, argument: str, text: str, span: Span | None) -> ModelError:
    return ModelError(
        "E044",
        f"`{argument}` of {law} needs a matrix, but `{text}` is a vector",
        cure=f"write `diag({text})`",
        span=span,
    )


def number_outside(law: str, argument: str, required: str, found: str, span: Span | None) -> ModelError:
    return ModelError(
        "E051",
        f"`{argument}` of {law} must be {required}, but this is {found}",
        cure=f"give {_given(required)}",
        span=span,
    )


def _given(required: str) -> str:
    return {"positive": "a number above 0", "between 0 and 1": "a number from 0 to 1"}.get(required, required)


def kind_mismatch(
    name: str, written: str, law: str, found: str, kind: str, declared: bool, span: Span | None
) -> ModelError:
    if not declared:
        cure = "give all definitions of a variable the same type"
    elif kind == "real" and written.startswith("positive"):
        cure = f"take a law on positive numbers, such as Gamma, or write `{law}(…) truncated(0, inf)`"
    else:
        cure = f"declare it `{found}`, or take a law on `{written}`"
    return ModelError("E052", f"`{name}` is `{written}`, but {law} draws `{found}`", cure=cure, span=span)


def entries_off_one(law: str, argument: str, text: str, span: Span | None) -> ModelError:
    return ModelError(
        "E053",
        f"the entries of `{text}`, which is `{argument}` of {law}, do not sum to 1 for all values of the parameters",
        cure="write the last entry as 1 minus the others, and see that none is left out",
        span=span,
    )


# E06x: laws


def unknown_argument(law: str, name: str, options: Collection[str], close: str | None, span: Span | None) -> ModelError:
    cure = _did_you_mean(close) or f"it has {', '.join(f'`{option}`' for option in options)}"
    return ModelError("E060", f"{law} has no argument `{name}`", cure=cure, span=span)


def missing_argument(law: str, options: Sequence[str], span: Span | None) -> ModelError:
    return ModelError(
        "E061",
        f"{law} lacks its argument {_either(options)}",
        cure=f"add {_either(f'{option}=…' for option in options)}",
        span=span,
    )


def argument_twice(law: str, name: str, span: Span | None) -> ModelError:
    return ModelError("E062", f"`{name}` of {law} is given twice", cure="give it once", span=span)


def must_be_named(law: str, text: str, options: Sequence[str], positional: int, span: Span | None) -> ModelError:
    if options:
        message = f"{law} does not say what `{text}` measures"
        return ModelError("E063", message, cure=f"name it: {_either(f'{name}={text}' for name in options)}", span=span)
    count = "no argument" if positional == 0 else "one argument" if positional == 1 else f"{positional} arguments"
    return ModelError("E063", f"{law} takes {count} without a name", cure=f"leave `{text}` out", span=span)


def two_spellings(law: str, first: str, second: str, span: Span | None) -> ModelError:
    return ModelError("E064", f"{law} takes `{first}` or `{second}`, not both", cure="keep one of them", span=span)


def limits_on(kind: str, law: str, span: Span | None) -> ModelError:
    return ModelError(
        "E065",
        f"{law} cannot be {kind}: limits belong to a law of one ordered number",
        cure=f"leave `{kind}(…)` out",
        span=span,
    )


def limit_shape(kind: str, text: str, found: str, span: Span | None) -> ModelError:
    return ModelError("E065", f"a limit of `{kind}` is a number, but `{text}` is {found}", cure="index it", span=span)


def limits_crossed(kind: str, low: float, high: float, span: Span | None) -> ModelError:
    return ModelError(
        "E066",
        f"the limits of `{kind}` leave nothing between {low:g} and {high:g}",
        cure="give the lower one first",
        span=span,
    )


def censored_prior(name: str, span: Span | None) -> ModelError:
    return ModelError(
        "E067", f"the prior of `{name}` is censored, which only data can be", cure="write `truncated(…)`", span=span
    )


def law_as_argument(law: str, inner: str, span: Span | None) -> ModelError:
    return ModelError(
        "E069",
        f"{law} needs a value here, not the distribution {inner}",
        cure=f"declare a variable: `latent u ~ {inner}(…)`, and write `u`",
        span=span,
    )


def switch_without_index(span: Span | None) -> ModelError:
    return ModelError("E068", "`switch` needs an index first", cure="write `switch(s, d0, d1)`", span=span)


def switch_branch(name: str | None, span: Span | None) -> ModelError:
    what = f"has no argument `{name}`" if name else "chooses among distributions, not among values"
    return ModelError("E068", f"`switch` {what}", cure="write `switch(s, Normal(…), Normal(…))`", span=span)


def switch_index(text: str, span: Span | None) -> ModelError:
    return ModelError(
        "E068",
        f"`switch` needs a discrete variable first, and `{text}` is none",
        cure="use a Categorical or Bernoulli variable with all its letters, or given `index[…]` data",
        span=span,
    )


def switch_length(text: str, size: Size, laws: int, span: Span | None) -> ModelError:
    count = "1 distribution" if laws == 1 else f"{laws} distributions"
    return ModelError(
        "E068",
        f"`{text}` chooses among {size if size is not None else 2}, but `switch` has {count}",
        cure="give one distribution for each value",
        span=span,
    )


def switch_shapes(first: str, other: str, span: Span | None) -> ModelError:
    message = f"`switch` mixes {first} and {other}, whose values have different shapes"
    return ModelError("E068", message, cure="all its distributions are over the same space", span=span)


def switch_kinds(first: str, other: str, span: Span | None) -> ModelError:
    message = f"`switch` mixes {first} and {other}, of which one is discrete and one is not"
    return ModelError("E068", message, cure="all its distributions are over the same space", span=span)


# E07x: requests and new distributions


def fix_not_parameter(name: str, role: str, span: Span | None) -> ModelError:
    return ModelError("E070", f"`fix` holds parameters, and `{name}` is {role}", cure="name a `param`", span=span)


def fix_outside(name: str, written: str, kind: str, found: str, span: Span | None) -> ModelError:
    takes = {
        "real": "finite numbers",
        "positive": "positive numbers",
        "unit": "numbers from 0 to 1",
        "simplex": "probabilities that sum to 1",
        "cov": "symmetric positive definite matrices",
    }.get(kind, "whole numbers from 0")
    message = f"`{name}` is `{written}`, and cannot be held at {found}"
    return ModelError("E071", message, cure=f"it takes {takes}", span=span)


def fix_index(name: str, index: str, span: Span | None) -> ModelError:
    cure = f"write a number for `{index}`, once for each entry, or leave it out to hold whole rows"
    return ModelError(
        "E072", f"`fix` holds single entries of `{name}`, and `{index}` is no number", cure=cure, span=span
    )


def fix_shape(name: str, wanted: str, found: str, span: Span | None) -> ModelError:
    return ModelError(
        "E072", f"`fix` needs {wanted} for `{name}`, but this is {found}", cure=f"give {wanted}", span=span
    )


def fix_not_constant(name: str, other: str, span: Span | None) -> ModelError:
    return ModelError(
        "E072",
        f"`{name}` is held at a value that depends on `{other}`",
        cure="`fix` takes numbers, constants and sizes; a tie between quantities is a `let`",
        span=span,
    )


def order_not_parameter(name: str, role: str, span: Span | None) -> ModelError:
    return ModelError("E073", f"`order` sorts by a parameter, and `{name}` is {role}", cure="name a `param`", span=span)


def order_not_plate(name: str, letter: str, plates: Sequence[str], span: Span | None) -> ModelError:
    cure = (
        f"write {_either(f'order {name} by {plate}' for plate in plates)}"
        if plates
        else f"give it the plate `{letter}`"
    )
    return ModelError("E073", f"`{name}` does not have the plate `{letter}`", cure=cure, span=span)


def order_twice(letter: str, span: Span | None) -> ModelError:
    return ModelError("E073", f"`{letter}` is ordered twice", cure="keep one `order` for each letter", span=span)


def factorise_role(name: str, role: str, span: Span | None) -> ModelError:
    cure = "name latent variables and parameters only"
    return ModelError("E074", f"`{name}` is {role}, so no factor of q belongs to it", cure=cure, span=span)


def factorise_twice(name: str, span: Span | None) -> ModelError:
    return ModelError("E074", f"`{name}` is in two factors of q", cure="keep it in one", span=span)


def foreign_name(name: str, distribution: str, close: str | None, span: Span | None) -> ModelError:
    cure = _did_you_mean(close) or f"make it an argument: `dist {distribution}(y : real | …, {name} : real)`"
    return ModelError(
        "E075", f"`{name}` is neither an argument of `{distribution}` nor a constant", cure=cure, span=span
    )


def density_not_number(distribution: str, found: str, span: Span | None) -> ModelError:
    return ModelError(
        "E076",
        f"the log density of `{distribution}` is {found}, not one number",
        cure="add its entries up: `sum(…)`",
        span=span,
    )
