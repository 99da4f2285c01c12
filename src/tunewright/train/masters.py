"""The weights that the optimiser moves, and their gradients, for a model that computes in bf16.

bf16 keeps 8 bits of mantissa: an update below 1/256 of a weight would vanish. Two cures, `train.optimizer.rounding`:

    masters      the optimiser moves fp32 copies; the model gets them rounded     4 bytes a weight more
    stochastic   the model's own weights are moved and rounded at random          none; `rounding` does that

Gradients of several micro-batches are added up in fp32 either way, those of a single one stay as they come. fp32
weights are moved as they are.

Copies may be dithered: each weight has a threshold of its own, always the same, at which it is rounded up rather than
down. A hundred weights that moved by a tenth of bf16's spacing then move ten of the model's, where rounding to the
nearest moves none (0.02 nats after 60 steps at a low rate: docs/training.md). That is for weights that are shipped as
they were scored; those of an adapter are shipped as masters, and whoever loads them rounds to the nearest. Either way
what the model gets is a function of the masters alone. Knows no optimiser. Order is the model's, at every call:
optimiser state loads by index.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import torch

from tunewright.train.bf16 import round_to_bf16_
from tunewright.train.groups import roles_of

# One call for many tensors, as torch.optim itself makes it; torch documents these names but does not export them.
# pyright: reportPrivateImportUsage=false

PORTION = 1 << 24
"""Most weights of which fp32 copies are made at once (64 MiB), but for a single larger tensor: one call for the many
tensors of an adapter, little memory for the large ones of a whole model."""
_DITHER_SEED = 0


class MasterWeights:
    """The weights that learn, by parameter name in the model's order.

    Attributes:
        tensors: what the optimiser moves and a checkpoint holds: fp32, or the model's own in its own precision where
            `rounding` is stochastic.
        roles: what decays, and what Muon may move.

    `dithers`: whether the model's copies of masters are dithered, not rounded to the nearest.
    """

    def __init__(
        self,
        model: torch.nn.Module,
        rounding: Literal["masters", "stochastic"] = "masters",
        *,
        dithers: bool = False,
    ) -> None:
        self._dithers = dithers
        self._live = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.tensors: dict[str, torch.Tensor] = {
            name: p if rounding == "stochastic" or p.dtype == torch.float32 else p.detach().float()
            for name, p in self._live.items()
        }
        self.roles = roles_of(model, self._live)
        self._with_master = {name: p for name, p in self._live.items() if p is not self.tensors[name]}
        self._unmastered = {
            name: p for name, p in self._live.items() if p is self.tensors[name] and p.dtype != torch.float32
        }
        self._devices = {tensor.device for name, tensor in self.tensors.items() if name in self._with_master}
        self._taken: dict[str, torch.Tensor] = {}
        # Fresh memory costs more than the copy into it; a whole model's would stand in the way of its activations.
        self._keeps_buffers = sum(p.numel() for p in self._with_master.values()) <= PORTION
        self._buffers: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def collect_gradients(self) -> None:
        """Take the model's gradients over, added in fp32 to those taken before; call after every micro-batch."""
        for portion in portions(self._with_master, PORTION):
            self._collect_into_masters([name for name in portion if self._live[name].grad is not None])
        for name, live in self._unmastered.items():
            if live.grad is None:
                continue
            former = self._taken.get(name)
            # A first gradient costs nothing: fp32 is only made of it when a second one comes.
            self._taken[name] = live.grad if former is None else former.float().add_(live.grad)
            live.grad = None

    def gradients(self) -> dict[str, torch.Tensor]:
        """Return what was collected, by name; bf16 only where a weight without a master had one micro-batch."""
        found = {name: self._taken.get(name, tensor.grad) for name, tensor in self.tensors.items()}
        return {name: gradient for name, gradient in found.items() if gradient is not None}

    @torch.no_grad()
    def clip_gradients(self, limit: float | None) -> float:
        """Return the global L2 norm, having scaled the gradients by limit / norm if it is larger and finite."""
        gradients = list(self.gradients().values())
        if not gradients:
            return 0.0
        norms = torch._foreach_norm(gradients, 2.0, dtype=torch.float32)
        norm = float(torch.linalg.vector_norm(torch.stack(norms)))
        if limit is not None and limit < norm < float("inf"):
            torch._foreach_mul_(gradients, limit / norm)
        return norm

    def clear_gradients(self) -> None:
        """Forget the gradients of the step that was taken, or not taken."""
        self._taken.clear()
        for tensor in self.tensors.values():
            tensor.grad = None

    @torch.no_grad()
    def publish(self) -> None:
        """Give the model rounded copies of the moved masters."""
        # The same thresholds at every call, on every machine: a resumed run goes on from the very weights that it left.
        thresholds = {device: torch.Generator(device).manual_seed(_DITHER_SEED) for device in self._devices}
        for portion in portions(self._with_master, PORTION):
            lives: list[torch.Tensor] = [self._live[name] for name in portion]
            moved = [self.tensors[name] for name in portion]
            if self._dithers and all(live.dtype == torch.bfloat16 for live in lives):
                moved = [round_to_bf16_(tensor.clone(), thresholds[tensor.device]) for tensor in moved]
            torch._foreach_copy_(lives, moved)

    @torch.no_grad()
    def load(self, weights: Mapping[str, torch.Tensor]) -> None:
        """Take `weights` and publish them.

        Raises:
            ValueError: if they are not exactly these weights by name and shape; nothing has changed then.
        """
        if weights.keys() != self.tensors.keys():
            odd = min(weights.keys() ^ self.tensors.keys())
            where = "the model" if odd in self.tensors else "the file"
            raise ValueError(f"the weights that learn are others: {odd} is in {where} only")
        for name, tensor in self.tensors.items():
            # copy_ would stretch a smaller tensor without a word.
            if weights[name].shape != tensor.shape:
                raise ValueError(f"{name} has shape {list(weights[name].shape)}, expected {list(tensor.shape)}")
        for name, tensor in self.tensors.items():
            tensor.copy_(weights[name])
        self.publish()

    def _collect_into_masters(self, names: list[str]) -> None:
        first = [name for name in names if self.tensors[name].grad is None]
        again = [name for name in names if self.tensors[name].grad is not None]
        if first:
            sums = [self._empty_gradient(name) for name in first]
            torch._foreach_copy_(sums, [_gradient(self._live[name]) for name in first])
            for name, gradient in zip(first, sums, strict=True):
                self.tensors[name].grad = gradient
        if again:
            sums = [_gradient(self.tensors[name]) for name in again]
            torch._foreach_add_(sums, [_gradient(self._live[name]) for name in again])
        for name in names:
            self._live[name].grad = None

    def _empty_gradient(self, name: str) -> torch.Tensor:
        if name in self._buffers:
            return self._buffers[name]
        buffer = torch.empty_like(self.tensors[name])
        if self._keeps_buffers:
            self._buffers[name] = buffer
        return buffer


def portions(weights: Mapping[str, torch.Tensor], limit: int) -> Iterator[list[str]]:
    """Yield the names in order, cut into runs of at most `limit` weights; a larger tensor makes a run of its own."""
    names: list[str] = []
    total = 0
    for name, weight in weights.items():
        if names and total + weight.numel() > limit:
            yield names
            names, total = [], 0
        names.append(name)
        total += weight.numel()
    if names:
        yield names


def _gradient(weight: torch.Tensor) -> torch.Tensor:
    assert weight.grad is not None
    return weight.grad
