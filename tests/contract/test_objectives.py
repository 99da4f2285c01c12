"""Every built-in objective passes the contract, and the loss of language modelling is the textbook's."""

from __future__ import annotations

import math

import torch

from tunewright.models.head import LogitsHead
from tunewright.objectives.causal_lm import CausalLm
from tunewright.objectives.objective import Objective
from tunewright.spec.objective import CausalLmSpec
from tunewright.testing.objective_kit import ObjectiveKit, make_case


class TestCausalLm(ObjectiveKit):
    def make(self) -> Objective:
        return CausalLm(CausalLmSpec())

    def test_the_loss_is_the_weighted_negative_log_likelihood(self) -> None:
        logits_NV, target_N, weight_N = make_case(seed=9)
        terms = self.make()(LogitsHead(logits_NV), target_N, weight_N)
        expected = 0.0
        for logits, target, weight in zip(logits_NV.tolist(), target_N.tolist(), weight_N.tolist(), strict=True):
            expected -= weight * math.log(math.exp(logits[target]) / sum(map(math.exp, logits)))
        assert math.isclose(float(terms.loss_sum), expected, rel_tol=1e-12)

    def test_the_gradient_is_softmax_minus_one_hot(self) -> None:
        logits_NV, target_N, weight_N = make_case(seed=10)
        _, gradient_NV = self._with_gradient(logits_NV, target_N, weight_N)
        one_hot_NV = torch.nn.functional.one_hot(target_N, logits_NV.shape[1])
        expected = weight_N[:, None] * (torch.softmax(logits_NV, dim=1) - one_hot_NV)
        torch.testing.assert_close(gradient_NV, expected, rtol=1e-10, atol=1e-12)

    def test_token_accuracy_sums_the_weights_of_the_tokens_that_were_hit(self) -> None:
        logits_NV = torch.eye(4) * 5
        terms = self.make()(LogitsHead(logits_NV), torch.tensor([0, 1, 0, 3]), torch.tensor([1.0, 0.5, 2.0, 0.25]))
        assert terms.sums == {"token_accuracy": 1.75}
