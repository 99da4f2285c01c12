"""One optimiser step over the micro-batches of one batch of rows.

    gradient = ∇ Σ_micro Σ_n w_n · loss_n / Σ_micro Σ_n w_n

so that how a batch is cut into micro-batches changes memory and never the result (up to rounding). A step whose loss
or gradient is not a number moves nothing; what follows from that is the loop's matter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tunewright.data.forest import Forest
from tunewright.errors import TrainingError
from tunewright.models.forward import ForestModel
from tunewright.models.fused.llama import Keeper
from tunewright.objectives.objective import Objective
from tunewright.train.masters import MasterWeights
from tunewright.train.memory import is_out_of_memory


@dataclass(frozen=True, slots=True)
class StepResult:
    """Weighted means over the batch's supervised tokens; `grad_norm` is the global L2 norm before clipping.

    `num_tokens` counts what was computed: a shared prefix once, and no padding.
    """

    loss: float
    scalars: dict[str, float]
    grad_norm: float
    num_tokens: int

    @property
    def fault(self) -> str:
        """What of the step was not a number, so that the weights were not moved; empty where all was well."""
        values = (("loss", self.loss), ("gradient norm", self.grad_norm))
        return next((f"the {name} was {value}" for name, value in values if not math.isfinite(value)), "")


@dataclass(frozen=True, slots=True)
class Stepper:
    """What one step needs: the model, its masters, the objective and the optimiser."""

    model: ForestModel
    masters: MasterWeights
    objective: Objective
    optimizer: torch.optim.Optimizer
    max_grad_norm: float | None
    keeper: Keeper | None = None

    def step(self, micro_batches: Sequence[Forest]) -> StepResult:
        """Move the weights by one batch, unless loss or gradient is not finite: then nothing moves and `fault` says so.

        Raises:
            RuntimeError: if memory runs out before the weights move; `forget` then makes the step as if never tried.
            TrainingError: if memory runs out while they move, which cannot be undone.
        """
        result = self._measure(micro_batches)
        if not result.fault:
            self._move()
            self.masters.publish()
        self.masters.clear_gradients()
        return result

    def is_finite(self, batch: Forest) -> bool:
        """Return whether loss and gradient of `batch` are numbers; nothing moves."""
        try:
            return not self._measure([batch]).fault
        finally:
            self.masters.clear_gradients()

    def forget(self) -> None:
        """Drop the gradients of a step that broke off."""
        self.model.model.zero_grad(set_to_none=True)
        self.masters.clear_gradients()

    def _measure(self, micro_batches: Sequence[Forest]) -> StepResult:
        total_weight = sum(batch.weight_sum for batch in micro_batches)
        loss, sums = 0.0, dict[str, float]()
        with self.model.active():
            for batch in micro_batches:
                terms = self._backward(batch, total_weight)
                loss += terms[0]
                sums = {name: sums.get(name, 0.0) + value for name, value in terms[1].items()}
        return StepResult(
            loss=loss / total_weight,
            scalars={name: value / total_weight for name, value in sums.items()},
            grad_norm=self.masters.clip_gradients(self.max_grad_norm),
            num_tokens=sum(batch.num_tokens for batch in micro_batches),
        )

    def _move(self) -> None:
        try:
            self.optimizer.step()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            raise TrainingError(
                "memory ran out while the optimiser moved the weights: its state does not fit beside the model",
                hint="train fewer weights (method.kind=lora), or use train.optimizer.kind=adamw_8bit",
            ) from error

    def _backward(self, batch: Forest, total_weight: float) -> tuple[float, dict[str, float]]:
        tensors = self.model.tensors(batch)
        terms = self.objective(self.model.head(tensors, self.keeper), tensors.target_N, tensors.weight_N)
        (terms.loss_sum / total_weight).backward()
        self.masters.collect_gradients()
        return float(terms.loss_sum.detach()), terms.sums
