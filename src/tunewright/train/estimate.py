"""What training holds besides activations, in closed form: weights, masters, gradients, the optimiser's state; files.

Follows `masters`, `optimizer` and `rounding`, from names and shapes alone: a model on the meta device will do.
Deliberately does not know forests, nor a machine.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tunewright.spec.train import OptimizerSpec
from tunewright.train.groups import Role, roles_of
from tunewright.train.masters import PORTION

_LEAST_8BIT = 4096  # below, bitsandbytes keeps moments in fp32
_RANDOM_BYTES = 30_000
"""Random state, loop state, checksums and the headers of a checkpoint's files."""


@dataclass(frozen=True, slots=True)
class HeldBytes:
    """Bytes that live between two steps, and those that come and go.

    Attributes:
        weights: the model in memory. masters: fp32 copies. state: the optimiser's.
        kept_gradients: gradients that stay while activations are at their most.
        live_gradients: those of a backward pass, in the model's precision. gradients: those that a step moves by.
        portion: fp32 stand-ins of stochastic rounding. moved: what learns, as the optimiser moves it.
        num_learning: weights that learn.
    """

    weights: int
    masters: int
    state: int
    kept_gradients: int
    live_gradients: int
    gradients: int
    portion: int
    moved: int
    num_learning: int

    @property
    def checkpoint(self) -> int:
        """Bytes of one checkpoint: what learns as the optimiser moves it, and the optimiser's state."""
        return self.moved + self.state + _RANDOM_BYTES

    def peak(self, activations: int) -> int:
        """Return the most bytes at once when a backward pass holds `activations` at its start."""
        always = self.weights + self.masters + self.state
        # The gradients grow while the activations go.
        backward = self.kept_gradients + max(activations, self.live_gradients + activations // 2)
        return always + max(backward, self.gradients + self.portion)


def held_bytes(
    model: torch.nn.Module,
    spec: OptimizerSpec,
    element_bytes: int,
    *,
    num_micro_batches: int,
    quantised_bytes: float | None = None,
) -> HeldBytes:
    """Return what training `model` holds; a method was applied to it, live or on the meta device.

    Args:
        element_bytes: 2 for bf16, 4 for fp32.
        num_micro_batches: of the largest step.
        quantised_bytes: bytes for each weight of a linear layer but the head, where the base is kept in fewer bits.
    """
    live = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    num_learning = sum(weight.numel() for weight in live.values())
    is_bf16 = element_bytes < 4
    is_stochastic = is_bf16 and spec.rounding == "stochastic"
    has_masters = is_bf16 and not is_stochastic
    is_kept = num_micro_batches > 1 or (has_masters and num_learning <= PORTION)
    sum_bytes = 2 if is_stochastic and num_micro_batches == 1 else 4
    largest = max((weight.numel() for weight in live.values()), default=0)
    return HeldBytes(
        weights=_model_bytes(model, element_bytes, quantised_bytes),
        masters=4 * num_learning if has_masters else 0,
        state=_state_bytes(model, spec, live),
        kept_gradients=sum_bytes * num_learning if is_kept else 0,
        # fp32 gradients are added up where they are.
        live_gradients=0 if is_kept and not is_bf16 else element_bytes * num_learning,
        gradients=sum_bytes * num_learning,
        portion=12 * max(min(PORTION, num_learning), largest) if is_stochastic else 0,
        moved=(4 if has_masters else element_bytes) * num_learning,
        num_learning=num_learning,
    )


def _model_bytes(model: torch.nn.Module, element_bytes: int, quantised_bytes: float | None) -> int:
    total = element_bytes * sum(weight.numel() for weight in model.parameters())
    if quantised_bytes is None:
        return total
    head = _head_of(model)
    quantised = sum(
        module.weight.numel()
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head and not _is_adapter(name)
    )
    return total - round((element_bytes - quantised_bytes) * quantised)


def _state_bytes(model: torch.nn.Module, spec: OptimizerSpec, live: dict[str, torch.nn.Parameter]) -> int:
    if spec.kind == "adamw_8bit":
        # One byte for each of two moments, and an fp32 scale for each block of 256.
        return sum(8 * w.numel() if w.numel() < _LEAST_8BIT else round(2.04 * w.numel()) for w in live.values())
    if spec.kind == "muon":
        roles = roles_of(model, live)
        return sum((4 if roles[name] is Role.HIDDEN else 8) * weight.numel() for name, weight in live.items())
    return 8 * sum(weight.numel() for weight in live.values())


def _head_of(model: torch.nn.Module) -> torch.nn.Module | None:
    getter = getattr(model, "get_output_embeddings", None)
    return getter() if getter is not None else None


def _is_adapter(name: str) -> bool:
    return any(part in name for part in ("lora_", "bottleneck_", "modules_to_save"))
