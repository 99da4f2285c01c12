"""The loss of rows is the mean over their taught tokens, however they are batched."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.unit.train.small_net import make_net, make_runner, make_token_rows
from tunewright.data.encode import EncodedRow
from tunewright.data.pack import make_forests
from tunewright.evaluate.loss import LossScore, score_loss, score_rows
from tunewright.objectives.causal_lm import CausalLm
from tunewright.objectives.objective import Head, LossTerms
from tunewright.spec.objective import CausalLmSpec

OBJECTIVE = CausalLm(CausalLmSpec())
ROWS = make_token_rows(13, seed=3, is_weighted=True)
MODEL = make_runner(make_net().eval())


def score_alone() -> LossScore:
    """Return the weighted mean of the rows' own scores, each computed alone and without padding."""
    scores = [score_loss(MODEL, OBJECTIVE, make_forests([row], 1)) for row in ROWS]
    weights = [float(row.weights.sum()) for row in ROWS]
    total = sum(weights)
    loss = sum(score.loss * weight for score, weight in zip(scores, weights, strict=True)) / total
    hits = sum((score.token_accuracy or 0) * weight for score, weight in zip(scores, weights, strict=True)) / total
    return LossScore(loss, hits)


@pytest.mark.parametrize("max_tokens", [1, 17, 30, 64, 10_000])
def test_the_loss_is_the_mean_of_the_rows_alone(max_tokens: int) -> None:
    together, alone = score_loss(MODEL, OBJECTIVE, make_forests(ROWS, max_tokens)), score_alone()
    assert math.isclose(together.loss, alone.loss, rel_tol=1e-6)
    assert together.token_accuracy is not None
    assert math.isclose(together.token_accuracy, alone.token_accuracy or 0.0, rel_tol=1e-6, abs_tol=1e-9)


@pytest.mark.parametrize("max_tokens", [1, 17, 30, 64, 10_000])
def test_batches_hold_every_row_once_and_keep_to_their_size(max_tokens: int) -> None:
    batches = make_forests(ROWS, max_tokens)
    rows = [set(batch.target_row.tolist()) for batch in batches]
    assert sorted(row for some in rows for row in some) == list(range(len(ROWS)))
    assert all(batch.num_tokens <= max_tokens or len(some) == 1 for batch, some in zip(batches, rows, strict=True))


@pytest.mark.parametrize("max_tokens", [1, 30, 10_000])
def test_the_losses_of_rows_are_those_of_each_row_alone_whatever_its_weights(max_tokens: int) -> None:
    _, losses = score_rows(MODEL, OBJECTIVE, ROWS, max_tokens)
    flat = [EncodedRow(row.ids, (row.weights > 0).astype(np.float32), row.source) for row in ROWS]
    expected = [score_loss(MODEL, OBJECTIVE, make_forests([row], 1)).loss for row in flat]
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


def test_a_row_that_teaches_nothing_has_no_loss() -> None:
    untaught = EncodedRow(ROWS[0].ids, np.zeros_like(ROWS[0].weights), ROWS[0].source)
    _, losses = score_rows(MODEL, OBJECTIVE, [untaught, ROWS[1]], 64)
    assert np.isnan(losses[0])
    assert np.isfinite(losses[1])


@pytest.mark.parametrize("is_training", [True, False])
def test_scoring_knows_no_dropout_and_leaves_the_mode_and_the_gradients_alone(is_training: bool) -> None:
    model = make_net(dropout=0.5).train(is_training)
    batches = make_forests(ROWS, 64)
    first, second = (score_loss(make_runner(model), OBJECTIVE, batches) for _ in range(2))
    assert first == second
    assert model.training is is_training
    assert all(weight.grad is None for weight in model.parameters())


def test_progress_counts_the_batches() -> None:
    batches = make_forests(ROWS, 30)
    told: list[tuple[int, int]] = []
    score_loss(MODEL, OBJECTIVE, batches, lambda done, total: told.append((done, total)))
    assert told == [(done, len(batches)) for done in range(1, len(batches) + 1)]


def test_an_objective_without_accuracy_has_none() -> None:
    def objective(head: Head, target_N: torch.Tensor, weight_N: torch.Tensor) -> LossTerms:
        return LossTerms(weight_N.sum() * 2)

    score = score_loss(MODEL, objective, make_forests(ROWS, 64))
    assert score == LossScore(2.0, None)


def test_a_mode_is_put_back_after_an_interruption() -> None:
    model = make_net().train()

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_loss(make_runner(model), OBJECTIVE, make_forests(ROWS, 64), interrupt)
    assert model.training
