"""Which means attend over a forest: FlexAttention where its compiled kernel runs, explicit products everywhere else.

Products serve every device and every scoring, and leave long rows alone to torch's fused kernel where a recorded table
says that it is faster; FlexAttention has no dropout, and no backward on the CPU. Deliberately
knows nothing of models, nor how either of the two works.

Axes: H query heads, K key heads, T tokens, D head size.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec

import torch

from tunewright.models.attention import flex, products
from tunewright.models.attention.products import Scoring
from tunewright.models.attention.shapes import fused_from
from tunewright.models.forest import ForestTensors

_DTYPES = (torch.bfloat16, torch.float16, torch.float32)
_HEAD_SIZES = range(16, 257)
"""Below, Triton's products refuse; above, torch has no settings that are known to fit a card's shared memory."""


def attend(
    q_HTD: torch.Tensor,
    k_KTD: torch.Tensor,
    v_KTD: torch.Tensor,
    forest: ForestTensors,
    *,
    window: int | None,
    scoring: Scoring,
) -> torch.Tensor:
    """Return the attention's output, [T, H · D], for layers with this sliding window (or None).

    Heads are contiguous; head h of the queries meets head h // (H / K) of the keys.
    """
    if uses_flex(q_HTD.device.type, q_HTD.dtype, q_HTD.shape[-1], scoring) and _has_triton():
        return flex.attend(q_HTD, k_KTD, v_KTD, forest.block_mask(window), scoring)
    is_plain = q_HTD.device.type == "cpu" and scoring.is_plain
    start = fused_from(q_HTD.dtype, q_HTD.shape[-1]) if is_plain else None
    return products.attend(q_HTD, k_KTD, v_KTD, forest.plan(window, q_HTD.dtype, start), scoring)


def uses_flex(device_type: str, dtype: torch.dtype, head_size: int, scoring: Scoring) -> bool:
    """Return whether FlexAttention can do it: on CUDA, without dropout, for sizes that its kernels know."""
    return device_type == "cuda" and dtype in _DTYPES and head_size in _HEAD_SIZES and not scoring.dropout


@cache
def _has_triton() -> bool:
    # torch for Windows comes without it, and an uncompiled FlexAttention makes all [H, T, T] scores.
    return find_spec("triton") is not None
