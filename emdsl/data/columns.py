"""Variables out of the columns of a table: a vector `x` from `x[0], x[1]`, from `x_0, x_1`, or from named columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from emdsl.data.sources import to_array
from emdsl.data.words import did_you_mean
from emdsl.errors import DataError

_NUMBERED = re.compile(r"(.+?)(?:\[(\d+)\]|_(\d+))")


def variables_from_columns(
    table: Mapping[str, Any], vectors: frozenset[str], scalars: frozenset[str], named: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Data by variable: each of `scalars` from its own column, each of `vectors` from numbered or `named` columns.

    Columns that the model does not mention are left out. Raises DataError for a named column that is not there and for
    a gap in the numbers.
    """
    data = {name: table[name] for name in scalars if name in table and name not in named}
    for variable, wanted in named.items():
        for column in wanted:
            if column not in table:
                raise DataError(f"there is no column `{column}` for `{variable}`{did_you_mean(column, table)}")
        arrays = [to_array(column, table[column]) for column in wanted]
        data[variable] = np.stack(arrays, axis=1) if variable in vectors else arrays[0]
    numbered: dict[str, dict[int, str]] = {}
    for column in table:
        match = _NUMBERED.fullmatch(column)
        if match and match[1] in vectors and match[1] not in named:
            numbered.setdefault(match[1], {})[int(match[2] or match[3])] = column
    for variable, found in numbered.items():
        if sorted(found) != list(range(len(found))):
            gap = next(i for i in range(len(found)) if i not in found)
            raise DataError(f"the columns of `{variable}` are numbered from 0, and number {gap} is absent")
        data[variable] = np.stack([to_array(found[i], table[found[i]]) for i in range(len(found))], axis=1)
    return data
