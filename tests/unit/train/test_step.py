"""One step is the same however its batch is cut, and is the one that plain transformers would take."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedModel

from tests.unit.train.small_net import make_net, make_runner, make_token_rows
from tunewright.data.encode import EncodedRow
from tunewright.data.forest import Forest
from tunewright.data.pack import make_forests
from tunewright.data.prefix_tree import useful_tokens
from tunewright.objectives.causal_lm import CausalLm
from tunewright.objectives.objective import Head, LossTerms
from tunewright.spec.objective import CausalLmSpec
from tunewright.spec.train import OptimizerSpec
from tunewright.train.masters import MasterWeights
from tunewright.train.optimizer import make_optimizer
from tunewright.train.step import Stepper, StepResult

OBJECTIVE = CausalLm(CausalLmSpec())
ROWS = make_token_rows(9, is_weighted=True)


class Keeping(torch.optim.SGD):
    """An optimiser that moves nothing and keeps the gradients that it was given."""

    def step(self, closure: object = None) -> None:  # type: ignore[override]
        self.gradients = [weight.grad.clone() for group in self.param_groups for weight in group["params"]]


def cut(rows: list[EncodedRow], budget: int) -> list[Forest]:
    return make_forests(rows, budget)


def take_step(batches: list[Forest], dtype: torch.dtype = torch.float32) -> tuple[StepResult, dict[str, torch.Tensor]]:
    net = make_net(dtype=dtype)
    masters = MasterWeights(net)
    optimizer = Keeping(masters.tensors.values(), lr=1.0)
    result = Stepper(make_runner(net), masters, OBJECTIVE, optimizer, None).step(batches)
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
    assert result.num_tokens == sum(useful_tokens(row) for row in ROWS)


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
    result = Stepper(make_runner(net), masters, OBJECTIVE, optimizer, 0.01).step(cut(ROWS, 40))
    assert math.isclose(result.grad_norm, WHOLE.grad_norm, rel_tol=1e-4)
    norm = math.sqrt(sum(float(each.square().sum()) for each in optimizer.gradients))
    assert math.isclose(norm, 0.01, rel_tol=1e-3)


class Exploding:
    """An objective whose loss or gradient is not a number."""

    def __init__(self, factor: float, *, is_loss_finite: bool = False) -> None:
        self.factor, self.is_loss_finite = factor, is_loss_finite

    def __call__(self, head: Head, target_N: torch.Tensor, weight_N: torch.Tensor) -> LossTerms:
        sums_N = head.map_logits(lambda logits_cV, which: logits_cV.sum(-1))
        if self.is_loss_finite:
            # The square root has an infinite slope at 0.
            return LossTerms((sums_N * 0).sum().sqrt())
        return LossTerms(sums_N.sum() * self.factor)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("objective", "fault"),
    [
        (Exploding(math.nan), "the loss was nan"),
        (Exploding(math.inf), "the loss was"),
        (Exploding(1.0, is_loss_finite=True), "the gradient norm was nan"),
    ],
)
def test_a_diverged_step_moves_nothing_and_says_why(objective: Exploding, fault: str, dtype: torch.dtype) -> None:
    net = make_net(dtype=dtype)
    masters = MasterWeights(net)
    optimizer = make_optimizer(OptimizerSpec(), masters, 0.1)
    before = {name: weight.detach().clone() for name, weight in net.named_parameters()}
    stepper = Stepper(make_runner(net), masters, objective, optimizer, 1.0)
    assert stepper.step(cut(ROWS, 40)).fault.startswith(fault)
    assert not stepper.is_finite(cut(ROWS[:1], 40)[0])
    assert all(torch.equal(weight, before[name]) for name, weight in net.named_parameters())
    assert all(torch.equal(tensor, before[name].float()) for name, tensor in masters.tensors.items())
    assert all(weight.grad is None for weight in (*net.parameters(), *masters.tensors.values()))
    assert not optimizer.state
