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
    return _score(model, objective, forests, on_progress, _RowSums(0))


def score_rows(
    model: ForestModel,
    objective: Objective,
    rows: Sequence[EncodedRow],
    max_tokens: int,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[LossScore, np.ndarray]:
    """Return the mean loss over the rows, and each row's own: float64 [rows], nats per supervised token.

    NaN where nothing is taught. Weights of messages count in the mean and not in a row's own: a row that is taught
    little may still be hard.
    """
    sums = _RowSums(len(rows))
    score = _score(model, objective, make_forests(rows, max_tokens, model.choice.layout), on_progress, sums)
    return score, sums.means()


class _RowSums:
    """Sums and counts of losses by row; for no rows it keeps none."""

    def __init__(self, num_rows: int) -> None:
        self.sums, self.counts = np.zeros(num_rows), np.zeros(num_rows)

    def add(self, forest: Forest, loss_N: torch.Tensor | None) -> None:
        if len(self.sums) and loss_N is not None:
            np.add.at(self.sums, forest.target_row, loss_N.double().cpu().numpy())
            np.add.at(self.counts, forest.target_row, 1.0)

    def means(self) -> np.ndarray:
        return np.divide(self.sums, self.counts, out=np.full(len(self.sums), np.nan), where=self.counts > 0)


def _score(
    model: ForestModel,
    objective: Objective,
    forests: Sequence[Forest],
    on_progress: Callable[[int, int], None] | None,
    rows: _RowSums,
) -> LossScore:
    loss_sum, weight_sum, accuracy_sum = 0.0, 0.0, None
    with _scoring(model):
        for terms, tensors in _terms(model, objective, forests, on_progress):
            loss_sum += float(terms.loss_sum)
            weight_sum += tensors.forest.weight_sum
            if "token_accuracy" in terms.sums:
                accuracy_sum = (accuracy_sum or 0.0) + terms.sums["token_accuracy"]
            rows.add(tensors.forest, terms.loss_N)
    # Rows that teach nothing have no mean, and are no reason to end with an exception.
    if not weight_sum:
        return LossScore(float("nan"), None)
    return LossScore(loss_sum / weight_sum, None if accuracy_sum is None else accuracy_sum / weight_sum)


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
