"""Being asked to stop: a signal, or time that is up, becomes a fact that the job reads between two pieces of work.

Ctrl-C comes from the user, who wants the run interrupted; a termination signal comes from a machine that wants its
processor back, and the time budget from the recipe: both pause the run. A second signal means it: it interrupts at
once. Outside the main thread no handler can be installed, and none is.
"""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

from tunewright.errors import Interrupted


class StopRequest:
    """A context in which signals only ask; the clock of the time budget runs from its beginning."""

    def __init__(self) -> None:
        self.pause_reason = ""
        """Why the run should pause; empty if nobody asked, or if the user did."""
        self._is_asked = False
        self._is_over = False
        self._minutes: float | None = None
        self._started = time.monotonic()
        self._former: dict[int, Any] = {}

    def allow(self, minutes: float | None) -> None:
        """Let the job train for so many minutes since the context began; None: for as long as it takes."""
        self._minutes = minutes

    def __call__(self) -> bool:
        """Return whether training should stop: somebody asked, or its time is up."""
        if not self._is_asked and self._minutes is not None and time.monotonic() - self._started > 60 * self._minutes:
            self._is_over = True
            self.pause_reason = f"the {self._minutes:g} minutes of train.stop.max_minutes are over"
        return self._is_asked or self._is_over

    def check(self) -> None:
        """Raise if a signal asked to stop. Time does not: a run that could not finish scoring would never get on.

        Raises:
            Interrupted: between two pieces of work that leave nothing to save.
        """
        if self._is_asked:
            raise Interrupted("stopped as asked")

    def __enter__(self) -> StopRequest:
        self._started = time.monotonic()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._former[number] = signal.signal(number, self._ask)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)
        self._former.clear()

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self._is_asked:
            raise KeyboardInterrupt
        self._is_asked = True
        self.pause_reason = "the process was asked to end (SIGTERM)" if number == signal.SIGTERM else ""
