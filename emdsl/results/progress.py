"""A progress bar in the terminal for the fit loop, which itself knows only a callback."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def progress_bar(wanted: bool, n_starts: int, max_iter: int) -> Iterator[Callable[[int, int, float], None] | None]:
    """The callback (start, iteration, objective) that moves the bar, or None."""
    if not wanted:
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[objective]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("", total=max_iter, objective="")

        def report(start: int, iteration: int, objective: float) -> None:
            description = f"start {start + 1} of {n_starts}, iteration {iteration}"
            bar.update(task, completed=iteration, description=description, objective=f"{objective:.6g}")

        yield report
