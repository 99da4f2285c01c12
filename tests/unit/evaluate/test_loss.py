"""The loss of rows is the mean over their taught tokens, however they are batched."""

from __future__ import annotations

import math

import pytest
import torch

from tests.unit.train.small_net import PAD, make_net, make_token_rows
from tunewright.evaluate.loss import LossScore, plan_batches, score_loss
from tunewright.objectives.causal_lm import CausalLm
from tunewright.objectives.objective import LossTerms
from tunewright.spec.objective import CausalLmSpec

OBJECTIVE = CausalLm(CausalLmSpec())
ROWS = make_token_rows(13, seed=3, is_weighted=True)
MODEL = make_net().eval()


def score_alone() -> LossScore:
    """Return the weighted mean of the rows' own scores, each computed alone and without padding."""
    scores = [score_loss(MODEL, OBJECTIVE, plan_batches([row], PAD, 1)) for row in ROWS]
    weights = [float(row.weights.sum()) for row in ROWS]
    total = sum(weights)
    loss = sum(score.loss * weight for score, weight in zip(scores, weights, strict=True)) / total
    hits = sum((score.token_accuracy or 0) * weight for score, weight in zip(scores, weights, strict=True)) / total
    return LossScore(loss, hits)


@pytest.mark.parametrize("max_tokens", [1, 17, 30, 64, 10_000])
def test_the_loss_is_the_mean_of_the_rows_alone(max_tokens: int) -> None:
    together, alone = score_loss(MODEL, OBJECTIVE, plan_batches(ROWS, PAD, max_tokens)), score_alone()
    assert math.isclose(together.loss, alone.loss, rel_tol=1e-6)
    assert together.token_accuracy is not None
    assert math.isclose(together.token_accuracy, alone.token_accuracy or 0.0, rel_tol=1e-6, abs_tol=1e-9)


@pytest.mark.parametrize("max_tokens", [1, 17, 30, 64, 10_000])
def test_batches_hold_every_row_once_and_keep_to_their_size(max_tokens: int) -> None:
    batches = plan_batches(ROWS, PAD, max_tokens)
    assert sum(len(batch.lengths_B) for batch in batches) == len(ROWS)
    assert sum(batch.num_tokens for batch in batches) == sum(row.num_tokens for row in ROWS)
    assert all(batch.tokens_BT.size <= max_tokens or len(batch.lengths_B) == 1 for batch in batches)


@pytest.mark.parametrize("is_training", [True, False])
def test_scoring_knows_no_dropout_and_leaves_the_mode_and_the_gradients_alone(is_training: bool) -> None:
    model = make_net(dropout=0.5).train(is_training)
    batches = plan_batches(ROWS, PAD, 64)
    first, second = score_loss(model, OBJECTIVE, batches), score_loss(model, OBJECTIVE, batches)
    assert first == second
    assert model.training is is_training
    assert all(weight.grad is None for weight in model.parameters())


def test_progress_counts_the_batches() -> None:
    batches = plan_batches(ROWS, PAD, 30)
    told: list[tuple[int, int]] = []
    score_loss(MODEL, OBJECTIVE, batches, lambda done, total: told.append((done, total)))
    assert told == [(done, len(batches)) for done in range(1, len(batches) + 1)]


def test_an_objective_without_accuracy_has_none() -> None:
    def objective(logits_NV: torch.Tensor, target_N: torch.Tensor, weight_N: torch.Tensor) -> LossTerms:
        return LossTerms(weight_N.sum() * 2)

    score = score_loss(MODEL, objective, plan_batches(ROWS, PAD, 64))
    assert score == LossScore(2.0, None)


def test_a_mode_is_put_back_after_an_interruption() -> None:
    model = make_net().train()

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_loss(model, OBJECTIVE, plan_batches(ROWS, PAD, 64), interrupt)
    assert model.training
