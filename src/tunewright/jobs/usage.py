"""The usage meter of the device that a job computes on: whose memory is counted, and who tells how busy it is.

Knows torch's accelerators; `runs.usage` knows the process.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from tunewright.runs.usage import UsageMeter


def make_meter(device: str) -> UsageMeter:
    """Return the meter for `device` (`cpu`, `mps`, `cuda`, `cuda:1`)."""
    if device.startswith("cuda"):
        chosen = torch.device(device)
        return UsageMeter(
            device_memory=lambda: torch.cuda.memory_allocated(chosen), device_percent=_cuda_percent(chosen)
        )
    if device == "mps":
        return UsageMeter(device_memory=torch.mps.current_allocated_memory)
    return UsageMeter()


def _cuda_percent(device: torch.device) -> Callable[[], float | None] | None:
    """Return what asks the driver; None where that needs a package (nvidia-ml-py) or a right that is missing."""

    def ask() -> float | None:
        try:
            return float(torch.cuda.utilization(device))
        except Exception:  # noqa: BLE001 - each driver library fails in its own way, and a missing number stops nothing
            return None

    # The first call loads the driver's library; if it tells nothing now, no step need ask again.
    return ask if ask() is not None else None
