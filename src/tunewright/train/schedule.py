"""The learning rate over a run, as a multiple of its peak.

Steps count from 0; with W = ⌈warmup · S⌉ warm-up steps of S in all, and p = (step − W) / (S − W):

    step < W:   (step + 1) / (W + 1)
    constant:   1
    linear:     floor + (1 − floor) · (1 − p)
    cosine:     floor + (1 − floor) · (1 + cos πp) / 2        (Loshchilov & Hutter, arXiv 1608.03983, eq. 5)
"""

from __future__ import annotations

import math

from tunewright.spec.train import ScheduleSpec

_DECAY = {
    "constant": lambda progress: 1.0,
    "linear": lambda progress: 1.0 - progress,
    "cosine": lambda progress: (1.0 + math.cos(math.pi * progress)) / 2.0,
}


def learning_rate_scale(spec: ScheduleSpec, step: int, num_steps: int) -> float:
    """Return the multiple in [0, 1] for `step` in [0, num_steps)."""
    num_warmup = math.ceil(spec.warmup * num_steps)
    if step < num_warmup:
        return (step + 1) / (num_warmup + 1)
    if spec.kind == "constant":
        return 1.0
    progress = (step - num_warmup) / max(1, num_steps - num_warmup)
    return spec.floor + (1.0 - spec.floor) * _DECAY[spec.kind](progress)
