"""The one way by which a job tells what happens: into the run folder first, to whoever listens second.

A listener shows progress (terminal, notebook, test); it can neither change nor stop a run.
"""

from __future__ import annotations

from typing import Protocol

from tunewright.runs.events import Event
from tunewright.runs.folder import RunFolder
from tunewright.runs.metrics import MetricsRow


class Listener(Protocol):
    """Obligations: returns quickly; raises nothing. Called from the job's own thread."""

    def on_event(self, event: Event) -> None:
        """Take an event that is already in `events.jsonl`."""
        ...

    def on_metrics(self, row: MetricsRow) -> None:
        """Take a row that is already in `metrics.jsonl`."""
        ...

    def on_progress(self, phase: str, done: int, total: int) -> None:
        """Take how far a phase that is neither event nor step has come (loading, validating, answering)."""
        ...


class Silent:
    """A listener that listens to nothing."""

    def on_event(self, event: Event) -> None:
        """Do nothing."""

    def on_metrics(self, row: MetricsRow) -> None:
        """Do nothing."""

    def on_progress(self, phase: str, done: int, total: int) -> None:
        """Do nothing."""


class Recorder:
    """Writes events and metrics of `run` and passes them on."""

    def __init__(self, run: RunFolder, listener: Listener) -> None:
        self.run = run
        self.listener = listener

    def event(self, event: Event) -> None:
        """Append an event."""
        self.run.append_event(event)
        self.listener.on_event(event)

    def metrics(self, row: MetricsRow) -> None:
        """Append a row of metrics."""
        self.run.append_metrics(row)
        self.listener.on_metrics(row)

    def progress(self, phase: str, done: int, total: int) -> None:
        """Tell how far a phase has come; nothing is written."""
        self.listener.on_progress(phase, done, total)
