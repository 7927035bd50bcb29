"""Fits as JSON: the model's canonical text, its constants, and the numbers, written so that they read back exactly.

    {"format": 1, "text": …, "constants": {…}, "method": …, "params": {name: {"shape": […], "values": […]}}, …}

Finite floats are written with the shortest digits that give the same number; inf and nan as strings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from emdsl.errors import DataError

Array = np.ndarray[Any, Any]

FORMAT = 1


def write(path: str | PathLike[str], content: Mapping[str, Any]) -> None:
    """Writes numbers, strings, arrays, and lists and dicts of them. Raises DataError where there is no such folder."""
    if not Path(path).parent.is_dir():
        raise DataError(f"there is no folder `{Path(path).parent}`: create it, or save elsewhere")
    Path(path).write_text(json.dumps({"format": FORMAT} | {k: encode(v) for k, v in content.items()}, indent=1) + "\n")


def read(path: str | PathLike[str]) -> dict[str, Any]:
    """What `write` wrote. Raises DataError for a file that is not a saved fit."""
    try:
        content = json.loads(Path(path).read_text())
    except FileNotFoundError as error:
        raise DataError(f"there is no file `{path}`") from error
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"`{path}` is no saved fit: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise DataError(f"`{path}` is no saved fit of this version of emdsl")
    return {name: decode(value) for name, value in content.items()}


def encode(value: Any) -> Any:
    """A value as JSON knows it."""
    if isinstance(value, np.ndarray):
        return {"shape": list(value.shape), "values": [_number(float(x)) for x in value.ravel()]}
    if isinstance(value, Mapping):
        return {str(name): encode(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [encode(inner) for inner in value]
    if isinstance(value, np.generic):
        value = value.item()
    return _number(value) if isinstance(value, float) else value


def decode(value: Any) -> Any:
    """The inverse of `encode`; lists come back as tuples."""
    if isinstance(value, dict):
        if set(value) == {"shape", "values"}:
            return np.array([float(x) for x in value["values"]]).reshape(value["shape"])
        return {name: decode(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return tuple(decode(inner) for inner in value)
    return float(value) if value in ("nan", "inf", "-inf") else value


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)
