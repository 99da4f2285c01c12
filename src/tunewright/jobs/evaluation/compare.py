"""Several runs side by side: what each scored, what tells them apart, which settings differ. Computes nothing anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tunewright.evaluate.page.compare_page import comparison_lines, comparison_page
from tunewright.evaluate.page.compare_runs import Compared, RunComparison, compare_runs
from tunewright.runs.atomic import write_text
from tunewright.runs.folder import RunFolder


def compare_paths(paths: Sequence[Path]) -> RunComparison:
    """Return the comparison of the runs at `paths`; a run that was not evaluated has its short scores only.

    Raises:
        RunMissingError, RunError: if one is no run, or a file of it is damaged.
    """
    runs = [RunFolder.open(path) for path in paths]
    return compare_runs([_plain(run) for run in runs])


def told(found: RunComparison, width: int) -> list[str]:
    """Return the comparison as lines for a terminal of `width` columns, the verdict first."""
    return comparison_lines(found, width)


def write_page(found: RunComparison, path: Path) -> None:
    """Write the comparison as a page.

    Raises:
        StorageError: if it cannot be written.
    """
    write_text(path, comparison_page(found, title="Runs compared"))


def _plain(run: RunFolder) -> Compared:
    return Compared(run.name, run.evaluation(), run.recipe().model_dump(mode="json"), run.state())
