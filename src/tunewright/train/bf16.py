"""Rounding to bf16 so that the mean over many roundings is right, which the nearest neighbour's is not.

Of weights that stand on bf16's grid, as those of every loaded model do, the nearest neighbour drops each movement below
half a spacing: a dead zone around the start. Knows neither masters nor optimisers.
"""

from __future__ import annotations

import torch


def round_to_bf16_(values: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Round `values` (fp32, any shape, in place) to numbers that bf16 holds exactly, at random, unbiased.

    Adds 16 random bits below bf16's last mantissa bit and cuts them off. Values that bf16 holds, zeros and infinities
    stay; beyond the largest bf16 number the upper neighbour is infinity.
    """
    num_words = -(-values.numel() // 4)
    words = torch.empty(num_words, dtype=torch.int64, device=values.device)
    # 64 random bits a draw serve four values: drawing is what takes the time.
    noise = words.random_(-(2**63), None, generator=generator).view(torch.int16)[: values.numel()]
    bits = values.view(torch.int32)
    # The offset turns signed noise into 0 … 65,535, and comes first so that −0.0 does not overflow.
    bits.add_(1 << 15).add_(noise.view(values.shape)).bitwise_and_(-(1 << 16))
    return values
