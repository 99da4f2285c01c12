"""One optimiser step over the micro-batches of one batch of rows.

    gradient = ∇ Σ_micro Σ_n w_n · loss_n / Σ_micro Σ_n w_n

so that how a batch is cut into micro-batches changes memory and never the result (up to rounding).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from tunewright.data.pack import Batch
from tunewright.errors import TrainingError
from tunewright.models.head import chosen_logits
from tunewright.models.tensors import to_tensors
from tunewright.objectives.objective import Objective
from tunewright.train.masters import MasterWeights


@dataclass(frozen=True, slots=True)
class StepResult:
    """Weighted means over the batch's supervised tokens; `grad_norm` is the global L2 norm before clipping."""

    loss: float
    scalars: dict[str, float]
    grad_norm: float
    num_tokens: int


@dataclass(frozen=True, slots=True)
class Stepper:
    """What one step needs: the model, its masters, the objective and the optimiser."""

    model: PreTrainedModel
    masters: MasterWeights
    objective: Objective
    optimizer: torch.optim.Optimizer
    max_grad_norm: float | None

    def step(self, micro_batches: Sequence[Batch]) -> StepResult:
        """Move the weights by one batch.

        Raises:
            TrainingError: if the loss or the gradient is not finite; the weights are then unchanged.
        """
        total_weight = sum(batch.weight_sum for batch in micro_batches)
        loss, sums = 0.0, dict[str, float]()
        for batch in micro_batches:
            terms = self._backward(batch, total_weight)
            loss += terms[0]
            sums = {name: sums.get(name, 0.0) + value for name, value in terms[1].items()}
        weights = list(self.masters.tensors.values())
        norm = float(torch.nn.utils.clip_grad_norm_(weights, self.max_grad_norm or float("inf")))
        result = StepResult(
            loss=loss / total_weight,
            scalars={name: value / total_weight for name, value in sums.items()},
            grad_norm=norm,
            num_tokens=sum(batch.num_tokens for batch in micro_batches),
        )
        _check_finite(result)
        self.optimizer.step()
        self.masters.clear_gradients()
        self.masters.publish()
        return result

    def _backward(self, batch: Batch, total_weight: float) -> tuple[float, dict[str, float]]:
        tensors = to_tensors(batch, self.model.device)
        logits_NV = chosen_logits(self.model, tensors.tokens_BT, tensors.query_N)
        terms = self.objective(logits_NV, tensors.target_N, tensors.weight_N)
        (terms.loss_sum / total_weight).backward()
        self.masters.collect_gradients()
        return float(terms.loss_sum.detach()), terms.sums


def _check_finite(result: StepResult) -> None:
    for name, value in (("loss", result.loss), ("gradient norm", result.grad_norm)):
        if not torch.isfinite(torch.tensor(value)):
            raise TrainingError(
                f"the {name} became {value}: the optimisation diverged",
                hint="lower train.learning_rate (a tenth is a good next try); the last checkpoint is kept",
            )
