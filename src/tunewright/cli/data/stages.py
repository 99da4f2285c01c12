"""Progress on stderr where that is a terminal: what is being done, and which share of it or how many rows are."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

Item = TypeVar("Item")


@contextmanager
def telling() -> Iterator[Callable[[str, float], None] | None]:
    """Yield what is told a stage and the share 0…1 that is done of it; None where nobody looks."""
    if not sys.stderr.isatty():
        yield None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)

        def tell(stage: str, share: float) -> None:
            progress.update(task, description=stage, completed=share, total=1.0 if share else None)

        yield tell


def watched(items: Iterable[Item], what: str) -> Iterator[Item]:
    """Yield the items; in a terminal, stderr counts them meanwhile."""
    if not sys.stderr.isatty():
        yield from items
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}  {task.completed:,.0f} rows"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        for item in items:
            yield item
            progress.advance(task)
