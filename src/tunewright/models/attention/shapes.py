"""From which length on torch's fused kernel beats explicit products on a CPU: a recorded table, not a guess.

It speaks of rows that are alone: causal, without ancestors, soft-capping, window or dropout, heads contiguous;
forward and backward together. Measured by `benchmarks/attention_shapes.py`, recorded in
`benchmarks/results/attention_shapes.json`; a test holds the two together. Deliberately does not attend.
"""

from __future__ import annotations

import torch

FUSED_FROM: dict[tuple[torch.dtype, int], int | None] = {
    (torch.float32, 64): 128,
    (torch.float32, 128): 512,
    (torch.bfloat16, 64): None,
    (torch.bfloat16, 128): 1024,
}
"""By dtype and head size: the length of a row, in tokens, from which the fused kernel is faster; None for never."""


def fused_from(dtype: torch.dtype, head_size: int) -> int | None:
    """Return the length from which a row alone is attended to faster by the fused kernel; None for never.

    A head size that was not measured counts as the nearest one that was; a dtype that was not never prefers it.
    """
    measured = [size for known, size in FUSED_FROM if known == dtype]
    if not measured:
        return None
    return FUSED_FROM[dtype, min(measured, key=lambda size: abs(size - head_size))]
