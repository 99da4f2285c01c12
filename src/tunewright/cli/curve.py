"""The loss curve as text: training as braille dots, validations as rings, two axes; and the history it is drawn of.

A braille character holds 2 × 4 dots, so 60 columns show 120 steps. Pure functions of numbers: knows no terminal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from tunewright.runs.events import Event, Validated
from tunewright.runs.metrics import MetricsRow

Point = tuple[int, float | None]

VALIDATION = "○"
AXIS_WIDTH = 11
"""Columns left of the drawing: a number and the axis."""
_BLANK = 0x2800
# Bit of the dot in row y (from the top) and column x of a braille character (Unicode, Braille Patterns).
_BITS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_MAX_POINTS = 4096
_LABEL = AXIS_WIDTH - 2
_SMALLEST_WIDTH, _SMALLEST_HEIGHT = 24, 3


class History:
    """The losses of this process's steps, thinned evenly when they become many; validations are all kept."""

    def __init__(self) -> None:
        self.train: list[Point] = []
        self.valid: list[Point] = []

    def on_event(self, event: Event) -> None:
        """Take a validation; training that went back forgets what it will do again."""
        if isinstance(event, Validated):
            self.valid = [*_before(self.valid, event.step), (event.step, event.valid_loss)]

    def add(self, row: MetricsRow) -> None:
        """Take a step."""
        if self.train and row.step <= self.train[-1][0]:
            self.train = _before(self.train, row.step)
        self.train.append((row.step, row.train_loss))
        if len(self.train) > _MAX_POINTS:
            # A new list: the screen's own thread may be drawing the old one.
            self.train = self.train[::2]


def draw(train: Sequence[Point], valid: Sequence[Point], *, width: int, height: int) -> list[str]:
    """Return the chart as `height` lines of at most `width` columns, the last one naming the steps.

    Steps that share a column of dots are shown as their mean. Losses that are missing or not finite leave gaps. Without
    two different steps, or in less than 24 × 3 characters, there is nothing to draw and the list is empty.
    """
    known = [(step, loss) for step, loss in (*train, *valid) if loss is not None and math.isfinite(loss)]
    steps = sorted({step for step, _ in known})
    if len(steps) < 2 or width < _SMALLEST_WIDTH or height < _SMALLEST_HEIGHT:
        return []
    low, high = _range([loss for _, loss in known])
    columns, rows = width - AXIS_WIDTH, height - 1
    place = _Place(steps[0], steps[-1], low, high)
    dots = _dots(_heights(train, place, 2 * columns), place, 4 * rows)
    cells = [[chr(_BLANK | dots.get((x, y), 0)) for x in range(columns)] for y in range(rows)]
    for step, loss in valid:
        if loss is not None and math.isfinite(loss):
            cells[place.down(loss, rows)][place.across(step, columns)] = VALIDATION
    labels = {0: _number(high), rows - 1: _number(low)}
    lines = [f"{labels.get(y, ''):>{_LABEL}} {'┤' if y in labels else '│'}{''.join(cells[y])}" for y in range(rows)]
    lines = [line.replace(chr(_BLANK), " ").rstrip() for line in lines]
    first, last = f"step {steps[0]:,}", f"{steps[-1]:,}"
    return [*lines, f"{'':{_LABEL}} └{first}{last:>{max(len(last) + 1, columns - len(first))}}"[:width]]


class _Place:
    """From step and loss to column and row, both counted from 0, rows from the top."""

    def __init__(self, first: int, last: int, low: float, high: float) -> None:
        self.first, self.last, self.low, self.high = first, last, low, high

    def across(self, step: int, columns: int) -> int:
        return min(columns - 1, (step - self.first) * columns // (self.last - self.first + 1))

    def down(self, loss: float, rows: int) -> int:
        # Halves first: the range of the largest floats is not a float.
        share = (self.high / 2 - loss / 2) / (self.high / 2 - self.low / 2)
        return min(rows - 1, max(0, int(share * rows)))


def _heights(points: Sequence[Point], place: _Place, columns: int) -> list[float | None]:
    """Return the loss at each column of dots: the mean of its steps, or what lies on the line between its neighbours.

    No line is drawn across a step whose loss is missing.
    """
    groups: dict[int, list[float]] = {}
    gaps: set[int] = set()
    for step, loss in points:
        x = place.across(step, columns)
        if loss is not None and math.isfinite(loss):
            groups.setdefault(x, []).append(loss)
        else:
            gaps.add(x)
    heights: list[float | None] = [None] * columns
    former: int | None = None
    for x, losses in sorted(groups.items()):
        heights[x] = sum(loss / len(losses) for loss in losses)
        if former is not None and gaps.isdisjoint(range(former + 1, x)):
            _join(heights, former, x)
        former = x
    return heights


def _join(heights: list[float | None], start: int, end: int) -> None:
    first, last = heights[start], heights[end]
    assert first is not None and last is not None, "both ends are known"
    for x in range(start + 1, end):
        share = (x - start) / (end - start)
        heights[x] = first * (1 - share) + last * share


def _dots(heights: Sequence[float | None], place: _Place, rows: int) -> dict[tuple[int, int], int]:
    """Return the bits of each character; neighbouring dots are joined by a vertical stroke, so a spike is a line."""
    cells: dict[tuple[int, int], int] = {}
    former: int | None = None
    for x, loss in enumerate(heights):
        y = None if loss is None else place.down(loss, rows)
        if y is not None:
            start, end = sorted((y, y if former is None else former))
            for each in range(start, end + 1):
                cell = (x // 2, each // 4)
                cells[cell] = cells.get(cell, 0) | _BITS[each % 4][x % 2]
        former = y
    return cells


def _range(losses: Sequence[float]) -> tuple[float, float]:
    low, high = min(losses), max(losses)
    margin = 0.5 * max(1e-6, abs(high) * 1e-6)
    return (low, high) if high - low > 2 * margin else (low - margin, high + margin)


def _number(value: float) -> str:
    text = f"{value:.3f}" if 0.001 <= abs(value) < 10_000 or value == 0 else f"{value:.1e}"
    return text if len(text) <= _LABEL else f"{value:.0e}"


def _before(points: Sequence[Point], step: int) -> list[Point]:
    return [point for point in points if point[0] < step]
