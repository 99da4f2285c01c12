"""The objective protocol: logits and targets in, sums out.

N supervised tokens, V vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch


@dataclass(frozen=True, slots=True)
class LossTerms:
    """Sums over the supervised tokens of one micro-batch.

    Attributes:
        loss_sum: scalar with gradient; the loop divides by the weight of the whole accumulated batch, so that
            splitting a batch into micro-batches never changes the result.
        sums: named scalars without gradient, summed with the same weights; the loop divides them likewise.
    """

    loss_sum: torch.Tensor
    sums: dict[str, float] = field(default_factory=dict)


class Objective(Protocol):
    """Obligations: pure (no state, no randomness); linear over tokens.

    `sums` has `token_accuracy` where tokens are predicted.
    """

    def __call__(self, logits_NV: torch.Tensor, target_N: torch.Tensor, weight_N: torch.Tensor) -> LossTerms:
        """Return the weighted sums over the N supervised tokens; `logits_NV` is fp32."""
        ...
