"""Cross-entropy of the next token, over supervised tokens only.

    loss = Σ_n w_n · (logsumexp_v z_nv − z_n,target(n)) / Σ_n w_n

The division is the loop's, over the whole accumulated batch. N supervised tokens, V vocabulary.
"""

from __future__ import annotations

import torch
from torch.nn import functional as F

from tunewright.objectives.objective import LossTerms
from tunewright.spec.objective import CausalLmSpec


class CausalLm:
    """The objective of language modelling and supervised fine-tuning."""

    def __init__(self, spec: CausalLmSpec) -> None:
        self.spec = spec

    def __call__(self, logits_NV: torch.Tensor, target_N: torch.Tensor, weight_N: torch.Tensor) -> LossTerms:
        """Return Σ w · cross-entropy in nats, and Σ w · [the target has the largest logit] as `token_accuracy`."""
        loss_N = F.cross_entropy(logits_NV, target_N, reduction="none")
        hit_N = (logits_NV.argmax(dim=1) == target_N).float()
        return LossTerms((loss_N * weight_N).sum(), {"token_accuracy": float((hit_N * weight_N).sum())})
