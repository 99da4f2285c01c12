"""The loss of rows under a model: validation, perplexity, the numbers that need no generation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedModel

from tunewright.data.encode import EncodedRow
from tunewright.data.pack import Batch, collate, plan_steps
from tunewright.models.head import chosen_logits
from tunewright.models.tensors import to_tensors
from tunewright.objectives.objective import Objective


@dataclass(frozen=True, slots=True)
class LossScore:
    """Weighted means over all supervised tokens of the rows; `loss` in nats per token."""

    loss: float
    token_accuracy: float | None


def plan_batches(rows: Sequence[EncodedRow], pad_id: int, max_tokens: int) -> list[Batch]:
    """Return batches of rows of like length, each at most `max_tokens` (padding included) unless one row is longer."""
    lengths = [row.num_tokens for row in rows]
    [step] = plan_steps(lengths, range(len(rows)), len(rows), max_tokens)
    return [collate([rows[index] for index in micro], pad_id) for micro in step]


def score_loss(
    model: PreTrainedModel,
    objective: Objective,
    batches: Sequence[Batch],
    on_progress: Callable[[int, int], None] | None = None,
) -> LossScore:
    """Return the mean loss over the batches, without gradients or dropout; the model's mode is left as it was."""
    was_training = model.training
    model.eval()
    loss_sum, weight_sum, accuracy_sum = 0.0, 0.0, None
    try:
        with torch.no_grad():
            for done, batch in enumerate(batches, start=1):
                tensors = to_tensors(batch, model.device)
                logits_NV = chosen_logits(model, tensors.tokens_BT, tensors.query_N)
                terms = objective(logits_NV, tensors.target_N, tensors.weight_N)
                loss_sum += float(terms.loss_sum)
                weight_sum += batch.weight_sum
                if "token_accuracy" in terms.sums:
                    accuracy_sum = (accuracy_sum or 0.0) + terms.sums["token_accuracy"]
                if on_progress is not None:
                    on_progress(done, len(batches))
    finally:
        # Progress may interrupt; the model then goes on in the mode that its owner chose.
        model.train(was_training)
    return LossScore(loss_sum / weight_sum, None if accuracy_sum is None else accuracy_sum / weight_sum)
