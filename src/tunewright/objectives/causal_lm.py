"""Cross-entropy of the next token, over supervised tokens only.

    loss = Σ_n w_n · (logsumexp_v z_nv − (1 − ε) z_n,target(n) − ε · mean_v z_nv) / Σ_n w_n

with ε the label smoothing (Szegedy et al., arXiv 1512.00567, §7). The division is the loop's, over the whole
accumulated batch. N supervised tokens, V vocabulary.
"""

from __future__ import annotations

import torch

from tunewright.objectives.objective import Head, LossTerms
from tunewright.spec.objective import CausalLmSpec


class CausalLm:
    """The objective of language modelling and supervised fine-tuning."""

    def __init__(self, spec: CausalLmSpec) -> None:
        self.spec = spec

    def __call__(self, head: Head, target_N: torch.Tensor, weight_N: torch.Tensor) -> LossTerms:
        """Return Σ w · cross-entropy in nats, and Σ w · [the target has the largest logit] as `token_accuracy`."""
        loss_sum, loss_N, is_hit_N = head.cross_entropy(target_N, weight_N, self.spec.label_smoothing)
        return LossTerms(loss_sum, {"token_accuracy": float((is_hit_N * weight_N).sum())}, loss_N)
