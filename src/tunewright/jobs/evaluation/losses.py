"""How well a model foretells references, on every split of the data: loss, perplexity, accuracy, and each row's own.

Through the prompt tree, without generation. Does not know which model it is, nor what is made of the numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tunewright.data.encode import EncodedRow
from tunewright.data.prefix import with_prefix
from tunewright.evaluate.columns import Progress, RowKey, row_key, with_losses
from tunewright.evaluate.hardest import sample_token_rows
from tunewright.evaluate.loss import score_rows
from tunewright.infer.hf import HfEngine
from tunewright.jobs.evaluation.stage import Stage
from tunewright.jobs.prepare import Prepared
from tunewright.models.forward import ForestModel
from tunewright.models.layout import choose_layout
from tunewright.models.load import context_tokens
from tunewright.models.soft_prompt import prefix_ids
from tunewright.objectives.objective import Objective
from tunewright.runs.evaluation import Column, SplitLoss
from tunewright.spec.maker import load_maker

MAX_TRAIN_ROWS = 1_000
"""Training rows that are scored at most: a seeded sample."""
_LARGEST_EXPONENT = 700.0  # math.exp overflows above 709; a model that far off is lost either way


def split_loss(
    prepared: Prepared, runner: ForestModel, objective: Objective, rows: Sequence[EncodedRow], tell: Progress
) -> tuple[SplitLoss, dict[RowKey, float]]:
    """Return the loss of `rows` under `runner`, and by `row_key` of each conversation its own, nats per token."""
    budget = prepared.recipe.train.hardware.micro_batch_tokens
    # The base has no virtual tokens, and a soft prompt is read from the live model: one line serves both.
    score, losses = score_rows(runner, objective, with_prefix(rows, prefix_ids(runner.model)), budget, tell)
    perplexity = math.exp(min(score.loss, _LARGEST_EXPONENT))
    split = SplitLoss(loss=score.loss, perplexity=perplexity, token_accuracy=score.token_accuracy, num_rows=len(rows))
    return split, _by_row(rows, losses)


def with_split_losses(stage: Stage, column: Column, model: ForestModel | HfEngine) -> Column:
    """Return the column with its losses on test, validation and (a sample of) training rows."""
    prepared = stage.prepared
    if isinstance(model, HfEngine):
        wanted = prepared.recipe.train.hardware.layout
        model = ForestModel(model.model, choose_layout(model.model, wanted, context_tokens(model.model)))
    objective: Objective = load_maker(prepared.recipe.objective)(prepared.recipe.objective)
    splits = splits_of(prepared, MAX_TRAIN_ROWS)
    losses: dict[str, SplitLoss] = {}
    by_row: dict[RowKey, float] = {}
    for name, rows in splits.items():
        if rows:
            losses[name], found = split_loss(
                prepared, model, objective, rows, stage.told(f"scoring {name} rows: {column.name}")
            )
            by_row = found if name == "test" else by_row
    return with_losses(column, losses, stage.exam.rows, by_row)


def splits_of(prepared: Prepared, max_train_rows: int) -> dict[str, Sequence[EncodedRow]]:
    """Return the token rows of test, validation (unless those are the test rows) and a seeded sample of training."""
    tokens, seed = prepared.tokens, prepared.recipe.data.split_seed
    return {
        "test": tokens.test,
        "validation": () if prepared.sets.test_is_validation else tokens.validation,
        "train": sample_token_rows(tokens.train, max_train_rows, seed),
    }


def _by_row(rows: Sequence[EncodedRow], losses: np.ndarray) -> dict[RowKey, float]:
    """Return the mean loss of each row; where it became several token rows, over the tokens of all.

    A row of which nothing is taught has none; one of which a part is not finite has none either, rather than the mean
    of its easier parts.
    """
    sums: dict[RowKey, float] = {}
    counts: dict[RowKey, int] = {}
    for row, loss in zip(rows, losses.tolist(), strict=True):
        if row.num_supervised:
            key = row_key(row.source)
            sums[key] = sums.get(key, 0.0) + loss * row.num_supervised
            counts[key] = counts.get(key, 0) + row.num_supervised
    return {key: total / counts[key] for key, total in sums.items() if math.isfinite(total)}
