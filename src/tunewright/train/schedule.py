"""The learning rate over a run, as a multiple of its peak.

Steps count from 0. Of S steps in all, W = ⌈warmup · S⌉ are warm-up. The rate falls from step D on: D = S − ⌈decay · S⌉
for wsd, but not before W; D = W for the others. With p = (step − D) / (S − D):

    step < W:       (step + 1) / (W + 1)
    W ≤ step < D:   1
    constant:       1
    linear, wsd:    floor + (1 − floor) · (1 − p)
    cosine:         floor + (1 − floor) · (1 + cos πp) / 2        (Loshchilov & Hutter, arXiv 1608.03983, eq. 5)

so that the floor is reached at step S, which is never taken: every step moves the weights. wsd is "warm-up, stable,
decay" (MiniCPM, arXiv 2404.06395, section 4), whose decay is exponential there; linear is that of Hägele et al.
(arXiv 2405.18392).
"""

from __future__ import annotations

import math

from tunewright.spec.train import ScheduleSpec

_DECAY = {
    "constant": lambda progress: 1.0,
    "linear": lambda progress: 1.0 - progress,
    "wsd": lambda progress: 1.0 - progress,
    "cosine": lambda progress: (1.0 + math.cos(math.pi * progress)) / 2.0,
}


def learning_rate_scale(spec: ScheduleSpec, step: int, num_steps: int) -> float:
    """Return the multiple in (0, 1] for `step` in [0, num_steps)."""
    num_warmup = _num_steps(spec.warmup, num_steps)
    if step < num_warmup:
        return (step + 1) / (num_warmup + 1)
    start = num_warmup if spec.kind != "wsd" else max(num_warmup, num_steps - _num_steps(spec.decay, num_steps))
    if spec.kind == "constant" or step < start:
        return 1.0
    progress = (step - start) / max(1, num_steps - start)
    return spec.floor + (1.0 - spec.floor) * _DECAY[spec.kind](progress)


def _num_steps(share: float, num_steps: int) -> int:
    # 0.07 · 100 is 7.000000000000001, which must not become 8 steps.
    return math.ceil(share * num_steps - 1e-9)
