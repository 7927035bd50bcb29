"""Features of a block of rows, feature-major: (feature, row).

x_d x_e for d ≤ e, each pair once        [y = v], one row for each category
"""

from __future__ import annotations

import numpy as np


def pairs(matrix: np.ndarray) -> np.ndarray:
    """Coefficients of x_d x_e, d ≤ e, in Σ_de matrix_de x_d x_e: (…, d, d) to (…, d(d+1)/2)."""
    rows, columns = np.triu_indices(matrix.shape[-1])
    return np.where(rows == columns, 1.0, 2.0) * (matrix + np.swapaxes(matrix, -1, -2))[..., rows, columns] / 2


def unpairs(sums: np.ndarray, size: int) -> np.ndarray:
    """The symmetric matrix whose upper triangle is given row by row: (…, d(d+1)/2) to (…, d, d)."""
    place = np.empty((size, size), dtype=int)
    rows, columns = np.triu_indices(size)
    place[rows, columns] = place[columns, rows] = np.arange(rows.size)
    return sums[..., place]


def write_nothing(rows: slice, group: int, out: np.ndarray) -> None:
    """The features of rows that have no other one than 1, which `out` holds."""


def write_pairs(values: np.ndarray, out: np.ndarray) -> None:
    """The products x_d x_e, d ≤ e, of (d, plates of the row…) into (d(d+1)/2, row)."""
    values, start = values.reshape(len(values), -1), 0
    for d in range(len(values)):
        stop = start + len(values) - d
        np.multiply(values[d], values[d:], out=out[start:stop])
        start = stop


def write_one_hot(values: np.ndarray, categories: int, out: np.ndarray) -> None:
    """The one-hot of (row, item…) into (item · category, row); NaN is no category."""
    items = np.reshape(values, (len(values), -1)).T[:, None, :]
    target = out.reshape(items.shape[0], categories, -1)
    np.equal(items, np.arange(categories)[:, None], out=target, casting="unsafe")


def row_weights(data: dict[str, np.ndarray], plates: tuple[str, ...], shape: tuple[int, ...]) -> np.ndarray | None:
    """The product of the weights of several plates, with one axis for each; None where there are none."""
    found = [(place, data[f"weights.{plate}"]) for place, plate in enumerate(plates) if f"weights.{plate}" in data]
    if not found:
        return None
    result = np.ones(shape)
    for place, weights in found:
        result *= np.reshape(weights, [-1 if axis == place else 1 for axis in range(len(shape))])
    return result


def standing(
    data: dict[str, np.ndarray], rows: list[tuple[str, np.ndarray]], shape: tuple[int, ...]
) -> np.ndarray | None:
    """How often each of some rows stands there: the product of the weights of (plate, row) that it lies in.

    The rows broadcast to `shape`; None where no plate has weights.
    """
    found = [data[f"weights.{plate}"][at] for plate, at in rows if f"weights.{plate}" in data]
    if not found:
        return None
    result = np.ones(shape)
    for weights in found:
        result *= weights
    return result


def scatter(values: np.ndarray, index: np.ndarray, size: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Sums of (…, entry) over the entries that belong to each of `size` rows: (…, row)."""
    flat = np.broadcast_to(values, (*values.shape[:-1], len(index))).reshape(-1, len(index))
    flat = flat if weights is None else flat * weights
    sums = [np.bincount(index, weights=row, minlength=size) for row in flat]
    return np.reshape(sums, (*values.shape[:-1], size))


def largest(data: dict[str, np.ndarray], size: str, table: str) -> int:
    """A size as it was bound, or as the largest index + 1."""
    return int(data[size]) if size in data else int(np.nanmax(data[table])) + 1


def ragged_weights(data: dict[str, np.ndarray], letter: str, parents: tuple[str, ...]) -> np.ndarray | None:
    """The weights of the rows of a ragged plate, those of the groups that they lie in included; None without any."""
    found = [data[f"weights.{letter}"]] if f"weights.{letter}" in data else []
    found += [data[f"weights.{p}"][data[f"parent.{letter}.{p}"]] for p in parents if f"weights.{p}" in data]
    return np.prod(found, axis=0) if found else None


def copies_of(
    data: dict[str, np.ndarray], variables: list[tuple[list[tuple[str, np.ndarray]], tuple[int, ...]]]
) -> list[tuple[int, np.ndarray]] | None:
    """For each variable in how many plates with weights its rows lie, and how often each stands there: (row,).

    variables: the rows and shapes that `standing` takes; None where no plate has weights. A row that does not stand
    there at all stands there next to never, so that what one copy of it sees is still told.
    """
    if not any(f"weights.{plate}" in data for rows, _ in variables for plate, _ in rows):
        return None
    result = []
    for rows, shape in variables:
        own = [data[f"weights.{plate}"][at] for plate, at in rows if f"weights.{plate}" in data]
        often = np.ones(shape)
        for weights in own:
            often *= np.where(weights > 0, weights, 1e-100)
        result.append((len(own), often.reshape(-1)))
    return result


def check_weights(data: dict[str, np.ndarray], refused: dict[tuple[str, ...], str]) -> None:
    """Raises ValueError for weights on plates of `refused`, each with the reason."""
    for plates, reason in refused.items():
        if all(f"weights.{plate}" in data for plate in plates):
            named = " and ".join(f"`{plate}`" for plate in plates)
            raise ValueError(f"weights on {named} are not compiled: {reason}; repeat the entries instead")
