"""The optimiser over the master weights: matrices decay, vectors do not."""

from __future__ import annotations

from collections.abc import Iterable

import torch

from tunewright.spec.train import OptimizerSpec


def make_optimizer(spec: OptimizerSpec, weights: Iterable[torch.Tensor], learning_rate: float) -> torch.optim.Optimizer:
    """Return AdamW (arXiv 1711.05101, algorithm 2) over `weights`; norms and biases (one axis) are never decayed."""
    weights = list(weights)
    groups = [
        {"params": [w for w in weights if w.ndim > 1], "weight_decay": spec.weight_decay},
        {"params": [w for w in weights if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=learning_rate,
        betas=(spec.beta1, spec.beta2),
        eps=spec.eps,
        fused=True,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, learning_rate: float) -> None:
    """Set the rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
