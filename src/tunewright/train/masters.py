"""fp32 master weights for a model that computes in bf16.

bf16 keeps 8 bits of mantissa: an update below 1/256 of a weight would vanish. The optimiser therefore moves fp32
masters and the model gets rounded copies; gradients of micro-batches are added up in fp32. In an fp32 model the
masters *are* the weights.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch


class MasterWeights:
    """The weights that learn, by parameter name, in fp32."""

    def __init__(self, model: torch.nn.Module) -> None:
        self._live = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.tensors: dict[str, torch.Tensor] = {
            name: p if p.dtype == torch.float32 else p.detach().float().clone() for name, p in self._live.items()
        }

    def collect_gradients(self) -> None:
        """Add the model's gradients to the masters' and clear them; call after every micro-batch."""
        for name, live in self._live.items():
            master = self.tensors[name]
            if live is master or live.grad is None:
                continue
            gradient = live.grad.float()
            master.grad = gradient if master.grad is None else master.grad.add_(gradient)
            live.grad = None

    def clear_gradients(self) -> None:
        """Forget the gradients of the step that was taken."""
        for master in self.tensors.values():
            master.grad = None

    @torch.no_grad()
    def publish(self) -> None:
        """Give the model the rounded copies of the moved masters."""
        for name, live in self._live.items():
            if live is not self.tensors[name]:
                live.copy_(self.tensors[name])

    @torch.no_grad()
    def load(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take `weights`, which must name exactly these weights, and publish them."""
        for name, master in self.tensors.items():
            master.copy_(weights[name])
        self.publish()
