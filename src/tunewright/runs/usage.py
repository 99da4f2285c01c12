"""What this process uses of its machine: memory and processor now, read once a step without a thread.

Standard library only. What a system does not tell is None, never 0. Accelerators are read by callables that whoever
knows torch hands in. Does not know steps, nor where a reading is written.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

_STATM = "/proc/self/statm"


@dataclass(frozen=True, slots=True)
class Usage:
    """One reading; None where it is not known.

    Attributes:
        memory_bytes: memory of the accelerator that holds tensors, where there is one; else the process's resident set.
        cpu_percent: processor time of this process per wall-clock time since the last reading; 100 is one busy core.
        gpu_percent: share of time in which the accelerator was busy, as its driver counts it.
    """

    memory_bytes: int | None = None
    cpu_percent: float | None = None
    gpu_percent: float | None = None

    def as_metrics(self) -> dict[str, Any]:
        """Return the reading under the names that a row of metrics has for it."""
        return asdict(self)


class UsageMeter:
    """Reads usage; each reading's `cpu_percent` is over the time since the one before, the first since creation."""

    def __init__(
        self,
        *,
        device_memory: Callable[[], int | None] | None = None,
        device_percent: Callable[[], float | None] | None = None,
    ) -> None:
        self._memory = device_memory or resident_bytes
        self._device_percent = device_percent
        self._wall, self._busy = time.perf_counter(), time.process_time()

    def read(self) -> Usage:
        """Return the usage now; takes some microseconds on a CPU."""
        wall, busy = time.perf_counter(), time.process_time()
        spent, worked = wall - self._wall, busy - self._busy
        self._wall, self._busy = wall, busy
        return Usage(
            memory_bytes=self._memory(),
            cpu_percent=100.0 * worked / spent if spent > 0 else None,
            gpu_percent=self._device_percent() if self._device_percent is not None else None,
        )


def resident_bytes() -> int | None:
    """Return the process's resident set; None where the system only tells its peak (macOS) or needs more (Windows)."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        with open(_STATM, "rb", buffering=0) as file:
            pages = int(file.read(128).split()[1])
    except (OSError, ValueError, IndexError):
        # Some containers and emulated kernels have no /proc, or another one.
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
