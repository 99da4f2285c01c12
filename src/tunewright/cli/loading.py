"""The seconds in which the heavy libraries load: shown as a phase, quiet, and not to be torn apart by Ctrl-C.

An interrupt inside somebody else's import can be lost (in a finaliser, which may not raise) or abort the process (in
C++), so it waits until they are loaded. Knows no verb.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tunewright.cli.ending import ctrl_c_waits
from tunewright.runs.recorder import Listener


@contextmanager
def loading_libraries(listener: Listener) -> Iterator[None]:
    """Import heavy modules inside; a Ctrl-C meanwhile ends the command as soon as they are there.

    Raises:
        KeyboardInterrupt: at the end, if the user pressed Ctrl-C.
    """
    listener.on_progress("loading libraries", 0, 1)
    with ctrl_c_waits():
        from tunewright.cli.quiet import quieten_libraries

        # Before the job is imported: one library complains at its import.
        quieten_libraries()
        yield
