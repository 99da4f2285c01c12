"""The loss of rows under a model: validation, perplexity, the hardest rows; the numbers that need no generation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from tunewright.data.encode import EncodedRow
from tunewright.data.forest import Forest
from tunewright.data.pack import make_forests
from tunewright.models.forest import ForestTensors
from tunewright.models.forward import ForestModel
from tunewright.objectives.objective import LossTerms, Objective


@dataclass(frozen=True, slots=True)
class LossScore:
    """Weighted means over all supervised tokens of the rows; `loss` in nats per token."""

    loss: float
    token_accuracy: float | None


def score_loss(
    model: ForestModel,
    objective: Objective,
    forests: Sequence[Forest],
    on_progress: Callable[[int, int], None] | None = None,
) -> LossScore:
    """Return the mean loss over the forests, without gradients or dropout; the model's mode is left as it was."""
    loss_sum, weight_sum, accuracy_sum = 0.0, 0.0, None
    with _scoring(model):
        for terms, tensors in _terms(model, objective, forests, on_progress):
            loss_sum += float(terms.loss_sum)
            weight_sum += tensors.forest.weight_sum
            if "token_accuracy" in terms.sums:
                accuracy_sum = (accuracy_sum or 0.0) + terms.sums["token_accuracy"]
    return LossScore(loss_sum / weight_sum, None if accuracy_sum is None else accuracy_sum / weight_sum)


def row_losses(
    model: ForestModel,
    objective: Objective,
    rows: Sequence[EncodedRow],
    max_tokens: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Return each row's mean loss in nats per supervised token, float64 [rows]; NaN where nothing is taught.

    Weights of messages do not count here: a row that is taught little may still be hard.
    """
    sums, counts = np.zeros(len(rows)), np.zeros(len(rows))
    forests = make_forests(rows, max_tokens, model.choice.layout)
    with _scoring(model):
        for terms, tensors in _terms(model, objective, forests, on_progress):
            if terms.loss_N is not None:
                np.add.at(sums, tensors.forest.target_row, terms.loss_N.double().cpu().numpy())
                np.add.at(counts, tensors.forest.target_row, 1.0)
    return np.divide(sums, counts, out=np.full(len(rows), np.nan), where=counts > 0)


def _terms(
    model: ForestModel,
    objective: Objective,
    forests: Sequence[Forest],
    on_progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[LossTerms, ForestTensors]]:
    for done, forest in enumerate(forests, start=1):
        tensors = model.tensors(forest)
        yield objective(model.head(tensors), tensors.target_N, tensors.weight_N), tensors
        if on_progress is not None:
            on_progress(done, len(forests))


@contextmanager
def _scoring(model: ForestModel) -> Iterator[None]:
    was_training = model.model.training
    model.model.eval()
    try:
        with torch.no_grad(), model.active():
            yield
    finally:
        # Progress may interrupt; the model then goes on in the mode that its owner chose.
        model.model.train(was_training)
