"""Being asked to stop: Ctrl-C or a termination signal becomes a flag that the job reads between two pieces of work.

A second Ctrl-C means it: it interrupts at once. Outside the main thread no handler can be installed, and none is.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from tunewright.errors import Interrupted


class StopRequest:
    """A context in which signals only ask; `requested` says whether one did."""

    def __init__(self) -> None:
        self.requested = False
        self._former: dict[int, Any] = {}

    def __call__(self) -> bool:
        """Return whether somebody asked to stop."""
        return self.requested

    def check(self) -> None:
        """Raise if somebody asked to stop.

        Raises:
            Interrupted: between two pieces of work that leave nothing to save.
        """
        if self.requested:
            raise Interrupted("stopped as asked")

    def __enter__(self) -> StopRequest:
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
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
