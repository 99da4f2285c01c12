"""What a run shows while it runs: a live display with the loss curve in a terminal, plain lines in a pipe, JSON lines.

Listeners only: they can neither change nor stop the run, so whatever the screen refuses is swallowed here. The words
are those of `jobs.notebook`. Does not know how a run ends; `verdict` does.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from tunewright.cli.curve import AXIS_WIDTH, VALIDATION, History, draw
from tunewright.cli.screen import clean, make_console
from tunewright.jobs.notebook import Line, Pace, PlainLines, Story, clock
from tunewright.runs.events import Event, Scored, TrainingStarted
from tunewright.runs.metrics import MetricsRow
from tunewright.runs.recorder import Listener, Silent

Manner = Literal["people", "json", "quiet"]
_MOMENT_S = 0.3
_MAX_CURVE_WIDTH, _CURVE_HEIGHT = 100, 9
# Below, the curve would push away the lines that it stands under.
_MIN_SCREEN_HEIGHT = 20
_STYLES = {"plain": "", "rule": "dim", "warning": "yellow"}


def watch(manner: Manner) -> AbstractContextManager[Listener]:
    """Return the context of the listener for `manner` and for where stdout leads."""
    if manner != "people":
        return _always(JsonLines() if manner == "json" else Silent())
    console = make_console()
    return _live(console) if console.is_terminal and not console.is_dumb_terminal else _always(PlainLines(_write))


class JsonLines:
    """A listener that prints every event and every step as one JSON object a line."""

    def on_event(self, event: Event) -> None:
        """Print the event."""
        _write(event.model_dump_json())

    def on_metrics(self, row: MetricsRow) -> None:
        """Print the row, marked as such."""
        print_json({"type": "metrics", **row.model_dump()})

    def on_progress(self, phase: str, done: int, total: int) -> None:
        """Do nothing: a phase is neither event nor number."""


class LiveDisplay:
    """A listener for terminals: lines that stay, and below them what is going on right now."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._story, self._pace, self._history = Story(), Pace(), History()
        self._started = time.monotonic()
        self._phase, self._since, self._done, self._total = "", time.monotonic(), 0, 0
        self._spinner = Spinner("dots")

    def on_event(self, event: Event) -> None:
        """Print the lines of the event above the display."""
        self._pace.on_event(event)
        self._history.on_event(event)
        for line in self._story.tell(event):
            self._console.print(_styled(line))
        if isinstance(event, TrainingStarted | Scored):
            self._phase = ""

    def on_metrics(self, row: MetricsRow) -> None:
        """Move the training bar."""
        self._phase = ""
        self._pace.add(row)
        self._history.add(row)

    def on_progress(self, phase: str, done: int, total: int) -> None:
        """Move the bar of the phase, or begin it."""
        if phase != self._phase:
            self._phase, self._since = phase, time.monotonic()
        self._done, self._total = done, total

    def render(self) -> RenderableType:
        """Return the display as it is now; called by rich's own thread."""
        is_training = 0 < self._pace.step < self._pace.num_steps
        if self._phase:
            is_brief = time.monotonic() - self._since < _MOMENT_S
            row = Text() if is_brief else self._row(self._phase, self._done, self._total)
            # A validation in mid-training leaves the curve where it is: nothing on the screen jumps.
            return Group(row, self._numbers(), self._curve()) if is_training else row
        if self._pace.step >= self._pace.num_steps:
            return Text()
        return Group(self._row("training", self._pace.step, self._pace.num_steps), self._numbers(), self._curve())

    def _numbers(self) -> Text:
        return Text(f"  {self._pace.numbers()}", style="dim", overflow="ellipsis", no_wrap=True)

    def _curve(self) -> Text:
        """Return the loss curve, or nothing where the screen is too small or shows no braille."""
        if self._console.options.ascii_only or self._console.height < _MIN_SCREEN_HEIGHT:
            return Text()
        width = min(self._console.width - 1, _MAX_CURVE_WIDTH)
        lines = draw(self._history.train, self._history.valid, width=width, height=_CURVE_HEIGHT)
        text = Text(no_wrap=True)
        for line in lines:
            text.append(line[:AXIS_WIDTH], "dim").append(line[AXIS_WIDTH:], "dim" if line is lines[-1] else "cyan")
            text.append("\n")
        text.rstrip()
        text.highlight_words([VALIDATION], "bold yellow")
        return text

    def _row(self, name: str, done: int, total: int) -> Table:
        row = Table.grid(padding=(0, 1))
        cells: list[RenderableType] = [self._spinner, Text(name)]
        if total > 1:
            cells += [ProgressBar(total=total, completed=done, width=20), Text(f"{done:,}/{total:,}")]
        timing = clock(time.monotonic() - self._started)
        left = self._pace.seconds_left if name == "training" else None
        cells.append(Text(timing if left is None else f"{timing}, {clock(left)} left", style="dim"))
        row.add_row(*cells)
        return row


def print_json(tree: dict[str, Any]) -> None:
    """Print one JSON object on one line."""
    _write(json.dumps(tree, ensure_ascii=False))


@contextmanager
def _live(console: Console) -> Iterator[Listener]:
    display = LiveDisplay(console)
    live = Live(get_renderable=display.render, console=console, transient=True, refresh_per_second=8)
    with live:
        yield display


@contextmanager
def _always(listener: Listener) -> Iterator[Listener]:
    yield listener


def _styled(line: Line) -> RenderableType:
    style = _STYLES[line.kind]
    if not line.cells:
        return Text(clean(line.text), style=style)
    key, value, rule = line.cells
    row = Table.grid(padding=(0, 1))
    row.add_column(width=9)
    row.add_column(width=20)
    row.add_column(width=8)
    row.add_column()
    row.add_row("chosen", key, value, Text(f"← {clean(rule)}"), style=style)
    return row


def _write(text: str) -> None:
    # The reader of a pipe may leave; the run goes on and says so in its folder.
    try:
        sys.stdout.write(clean(text) + "\n")
        sys.stdout.flush()
    except (OSError, ValueError):
        return
