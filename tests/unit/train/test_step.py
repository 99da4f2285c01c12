"""One step is the same however its batch is cut, and is the one that plain transformers would take."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedModel

from tests.unit.train.small_net import PAD, make_net, make_token_rows
from tunewright.data.encode import EncodedRow
from tunewright.data.pack import Batch, collate, plan_steps
from tunewright.errors import TrainingError
from tunewright.objectives.causal_lm import CausalLm
from tunewright.objectives.objective import LossTerms
from tunewright.spec.objective import CausalLmSpec
from tunewright.spec.train import OptimizerSpec
from tunewright.train.masters import MasterWeights
from tunewright.train.optimizer import make_optimizer, set_learning_rate
from tunewright.train.step import Stepper, StepResult

OBJECTIVE = CausalLm(CausalLmSpec())
ROWS = make_token_rows(9, is_weighted=True)


class Keeping(torch.optim.SGD):
    """An optimiser that moves nothing and keeps the gradients that it was given."""

    def step(self, closure: object = None) -> None:  # type: ignore[override]
        self.gradients = [weight.grad.clone() for group in self.param_groups for weight in group["params"]]


def cut(rows: list[EncodedRow], budget: int) -> list[Batch]:
    [step] = plan_steps([row.num_tokens for row in rows], range(len(rows)), len(rows), budget)
    return [collate([rows[index] for index in micro], PAD) for micro in step]


def take_step(batches: list[Batch], dtype: torch.dtype = torch.float32) -> tuple[StepResult, dict[str, torch.Tensor]]:
    net = make_net(dtype=dtype)
    masters = MasterWeights(net)
    optimizer = Keeping(masters.tensors.values(), lr=1.0)
    result = Stepper(net, masters, OBJECTIVE, optimizer, None).step(batches)
    return result, dict(zip(masters.tensors, optimizer.gradients, strict=True))


def reference(rows: list[EncodedRow]) -> tuple[float, dict[str, torch.Tensor]]:
    """Return loss and gradient by transformers' own loss: one row at a time, -100 where nothing is taught.

    Rows must have weights of 0 and 1 only.
    """
    net: PreTrainedModel = make_net()
    num_taught = sum(row.num_supervised for row in rows)
    total = 0.0
    for row in rows:
        ids = torch.from_numpy(row.ids.astype(np.int64))[None]
        labels = torch.where(torch.from_numpy(row.weights)[None] > 0, ids, -100)
        loss = net(input_ids=ids, labels=labels).loss * row.num_supervised / num_taught
        loss.backward()
        total += float(loss.detach())
    return total, {name: weight.grad for name, weight in net.named_parameters() if weight.grad is not None}


def assert_same(actual: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert actual.keys() == expected.keys()
    for name, gradient in actual.items():
        torch.testing.assert_close(gradient, expected[name], rtol=1e-4, atol=1e-6)


WHOLE, WHOLE_GRADIENT = take_step(cut(ROWS, 10_000))


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 140), st.permutations(range(len(ROWS))))
def test_micro_batches_of_any_size_and_order_give_one_gradient(budget: int, order: list[int]) -> None:
    result, gradient = take_step(cut([ROWS[index] for index in order], budget))
    assert_same(gradient, WHOLE_GRADIENT)
    assert math.isclose(result.loss, WHOLE.loss, rel_tol=1e-5)
    assert math.isclose(result.grad_norm, WHOLE.grad_norm, rel_tol=1e-4)
    assert math.isclose(result.scalars["token_accuracy"], WHOLE.scalars["token_accuracy"], rel_tol=1e-5, abs_tol=1e-9)
    assert result.num_tokens == sum(row.num_tokens for row in ROWS)


def test_a_step_equals_transformers_own_loss_row_by_row() -> None:
    rows = make_token_rows(7, seed=1)
    result, gradient = take_step(cut(rows, 40))
    loss, expected = reference(rows)
    assert math.isclose(result.loss, loss, rel_tol=1e-5)
    assert_same(gradient, expected)
    norm = math.sqrt(sum(float(each.square().sum()) for each in expected.values()))
    assert math.isclose(result.grad_norm, norm, rel_tol=1e-4)


def test_a_bf16_model_steps_close_to_its_fp32_twin() -> None:
    result, gradient = take_step(cut(ROWS, 40), torch.bfloat16)
    assert math.isclose(result.loss, WHOLE.loss, rel_tol=0.02)
    assert {each.dtype for each in gradient.values()} == {torch.float32}


def test_the_gradient_is_scaled_down_to_the_limit_and_the_norm_told_is_the_former() -> None:
    net = make_net()
    masters = MasterWeights(net)
    optimizer = Keeping(masters.tensors.values(), lr=1.0)
    result = Stepper(net, masters, OBJECTIVE, optimizer, 0.01).step(cut(ROWS, 40))
    assert math.isclose(result.grad_norm, WHOLE.grad_norm, rel_tol=1e-4)
    norm = math.sqrt(sum(float(each.square().sum()) for each in optimizer.gradients))
    assert math.isclose(norm, 0.01, rel_tol=1e-3)


class Exploding:
    """An objective whose loss or gradient is not a number."""

    def __init__(self, factor: float, *, is_loss_finite: bool = False) -> None:
        self.factor, self.is_loss_finite = factor, is_loss_finite

    def __call__(self, logits_NV: torch.Tensor, target_N: torch.Tensor, weight_N: torch.Tensor) -> LossTerms:
        if self.is_loss_finite:
            # The square root has an infinite slope at 0.
            return LossTerms((logits_NV * 0).sum().sqrt())
        return LossTerms(logits_NV.sum() * self.factor)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("objective", "named"),
    [
        (Exploding(math.nan), "loss became nan"),
        (Exploding(math.inf), "loss became"),
        (Exploding(1.0, is_loss_finite=True), "gradient norm became nan"),
    ],
)
def test_a_diverged_step_leaves_the_weights_as_they_were(objective: Exploding, named: str, dtype: torch.dtype) -> None:
    net = make_net(dtype=dtype)
    masters = MasterWeights(net)
    optimizer = make_optimizer(OptimizerSpec(), masters.tensors.values(), 0.1)
    before = {name: weight.detach().clone() for name, weight in net.named_parameters()}
    with pytest.raises(TrainingError, match=named) as caught:
        Stepper(net, masters, objective, optimizer, 1.0).step(cut(ROWS, 40))
    assert "train.learning_rate" in caught.value.hint
    assert all(torch.equal(weight, before[name]) for name, weight in net.named_parameters())
    assert all(torch.equal(tensor, before[name].float()) for name, tensor in masters.tensors.items())


def test_matrices_decay_and_vectors_do_not() -> None:
    weights = {"matrix": torch.nn.Parameter(torch.ones(2, 2)), "vector": torch.nn.Parameter(torch.ones(2))}
    optimizer = make_optimizer(OptimizerSpec(weight_decay=0.5), weights.values(), 0.1)
    set_learning_rate(optimizer, 0.2)
    for weight in weights.values():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    torch.testing.assert_close(weights["matrix"].detach(), torch.full((2, 2), 0.9))
    assert torch.equal(weights["vector"].detach(), torch.ones(2))


def test_the_optimiser_is_the_published_adamw() -> None:
    spec = OptimizerSpec(beta1=0.8, beta2=0.9, eps=1e-6, weight_decay=0.1)
    weight = torch.nn.Parameter(torch.tensor([[1.0, -2.0]]))
    optimizer = make_optimizer(spec, [weight], 0.01)
    theta, m, v = weight.detach().double().clone(), torch.zeros(1, 2).double(), torch.zeros(1, 2).double()
    for step in range(1, 6):
        gradient = torch.tensor([[0.5 * step, -0.1]])
        weight.grad = gradient.clone()
        optimizer.step()
        m, v = 0.8 * m + 0.2 * gradient, 0.9 * v + 0.1 * gradient**2
        update = (m / (1 - 0.8**step)) / ((v / (1 - 0.9**step)).sqrt() + 1e-6)
        theta = theta - 0.01 * (update + 0.1 * theta)
    torch.testing.assert_close(weight.detach().double(), theta, rtol=1e-5, atol=1e-6)
