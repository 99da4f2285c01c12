"""A confusion matrix as a table of cells: which label was expected, which one was given, and how often.

Each cell's colour is its share of the expected label's rows, in one of few steps, and its figure stands in it. Many
labels are cut to those with most rows, which the table says. Does not count anything: the counts are the grader's.
"""

from __future__ import annotations

from dataclasses import dataclass

from tunewright.runs.evaluation import Confusion

MAX_LABELS = 20
_STEPS = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """One count; `step` is its share of the row in tenths (0 only for none)."""

    count: int
    step: int
    is_right: bool


@dataclass(frozen=True, slots=True)
class ConfusionRow:
    """One expected label: its rows, the share that was given this label, and a cell for each given label."""

    label: str
    num_rows: int
    num_right: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class ConfusionTable:
    """The labels shown and their rows; the last cells count given labels that are not shown, then no label at all."""

    labels: tuple[str, ...]
    rows: tuple[ConfusionRow, ...]
    num_labels: int

    @property
    def has_hidden(self) -> bool:
        """Whether there are more labels than are shown."""
        return self.num_labels > len(self.labels)


def confusion_table(confusion: Confusion) -> ConfusionTable:
    """Return the table of the labels with most rows, in their own order, at most twenty."""
    totals = [sum(row) for row in confusion.counts]
    largest = sorted(range(len(totals)), key=lambda n: (-totals[n], n))[:MAX_LABELS]
    shown = sorted(largest)
    hidden = sorted(set(range(len(totals))) - set(shown))
    rows: list[ConfusionRow] = []
    for number in shown:
        counts = confusion.counts[number]
        kept = [counts[other] for other in shown]
        if hidden:
            kept.append(sum(counts[other] for other in hidden))
        kept += counts[len(confusion.labels) :]
        cells = tuple(_cell(count, totals[number], shown[n : n + 1] == [number]) for n, count in enumerate(kept))
        rows.append(ConfusionRow(confusion.labels[number], totals[number], counts[number], cells))
    return ConfusionTable(tuple(confusion.labels[n] for n in shown), tuple(rows), len(confusion.labels))


def _cell(count: int, total: int, is_right: bool) -> Cell:
    step = max(1, round(_STEPS * count / total)) if count and total else 0
    return Cell(count, step, is_right)
