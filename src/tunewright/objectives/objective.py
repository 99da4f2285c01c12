"""The objective protocol: an output head and targets in, sums out.

N supervised tokens, V vocabulary, c tokens of a chunk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch


class Head(Protocol):
    """The places that predict, N of them, as an objective sees them: it asks for what it needs of the logits."""

    def cross_entropy(
        self, target_N: torch.Tensor, weight_N: torch.Tensor, smoothing: float = 0.0
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return Σ w · loss with gradient; and, without, each token's loss in nats and whether its logit is largest.

        A share `smoothing` of the target's probability is spread evenly over the vocabulary.
        """
        ...

    def map_logits(self, function: Callable[[torch.Tensor, slice], torch.Tensor]) -> torch.Tensor:
        """Return `function(logits_cV, which of the N)` of all chunks put together; logits are at least fp32."""
        ...


@dataclass(frozen=True, slots=True)
class LossTerms:
    """Sums over the supervised tokens of one micro-batch.

    Attributes:
        loss_sum: scalar with gradient; the loop divides by the weight of the whole accumulated batch, so that
            splitting a batch into micro-batches never changes the result.
        sums: named scalars without gradient, summed with the same weights; the loop divides them likewise.
        loss_N: each token's loss before its weight, without gradient; None where tokens have none of their own.
    """

    loss_sum: torch.Tensor
    sums: dict[str, float] = field(default_factory=dict)
    loss_N: torch.Tensor | None = None


class Objective(Protocol):
    """Obligations: pure (no state, no randomness); linear over tokens.

    `sums` has `token_accuracy` where tokens are predicted.
    """

    def __call__(self, head: Head, target_N: torch.Tensor, weight_N: torch.Tensor) -> LossTerms:
        """Return the weighted sums over the N supervised tokens."""
        ...
