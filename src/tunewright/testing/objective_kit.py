"""The contract that every objective on tokens passes: subclass `ObjectiveKit` and say how the objective is made.

Linear over tokens is what lets the loop cut a batch as memory allows; the gradient is held against finite differences
in fp64. Deliberately does not know what a particular objective minimises. N supervised tokens, V vocabulary.
"""

from __future__ import annotations

import math

import torch

from tunewright.models.head import LogitsHead
from tunewright.objectives.objective import LossTerms, Objective

Case = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class ObjectiveKit:
    """Tests of one objective. Subclass it as `Test…` and override `make`."""

    def make(self) -> Objective:
        """Return the objective under test."""
        raise NotImplementedError

    def test_cutting_the_tokens_in_two_changes_no_sum(self) -> None:
        logits_NV, target_N, weight_N = make_case(seed=1)
        whole = self.make()(LogitsHead(logits_NV), target_N, weight_N)
        for cut in range(1, len(target_N)):
            parts = [self.make()(LogitsHead(logits_NV[side]), target_N[side], weight_N[side]) for side in _sides(cut)]
            _assert_same(parts[0].loss_sum + parts[1].loss_sum, whole.loss_sum)
            for name, value in whole.sums.items():
                assert math.isclose(sum(part.sums[name] for part in parts), value, rel_tol=1e-6), name

    def test_a_token_s_weight_multiplies_its_loss_and_its_gradient(self) -> None:
        logits_NV, target_N, weight_N = make_case(seed=2)
        once, gradient_once = self._with_gradient(logits_NV, target_N, weight_N)
        thrice, gradient_thrice = self._with_gradient(logits_NV, target_N, 3 * weight_N)
        _assert_same(thrice.loss_sum, 3 * once.loss_sum)
        _assert_same(gradient_thrice, 3 * gradient_once)
        for name, value in once.sums.items():
            assert math.isclose(thrice.sums[name], 3 * value, rel_tol=1e-6), name

    def test_a_token_of_weight_0_counts_for_nothing(self) -> None:
        logits_NV, target_N, weight_N = make_case(seed=3)
        kept = slice(0, -1)
        without = self.make()(LogitsHead(logits_NV[kept]), target_N[kept], weight_N[kept])
        weight_N[-1] = 0
        terms, gradient_NV = self._with_gradient(logits_NV, target_N, weight_N)
        _assert_same(terms.loss_sum, without.loss_sum)
        assert not gradient_NV[-1].any()

    def test_token_accuracy_is_a_share_of_the_weight(self) -> None:
        for seed in range(5):
            logits_NV, target_N, weight_N = make_case(seed)
            accuracy = self.make()(LogitsHead(logits_NV), target_N, weight_N).sums.get("token_accuracy")
            assert accuracy is None or 0.0 <= accuracy <= float(weight_N.sum()) * (1 + 1e-6)

    def test_the_gradient_is_that_of_finite_differences(self) -> None:
        logits_NV, target_N, weight_N = make_case(seed=4)

        def loss(logits: torch.Tensor) -> torch.Tensor:
            return self.make()(LogitsHead(logits), target_N, weight_N).loss_sum

        assert torch.autograd.gradcheck(loss, (logits_NV.requires_grad_(),), eps=1e-6, atol=1e-8, rtol=1e-5)

    def test_extreme_logits_give_numbers(self) -> None:
        for scale in (1e2, 1e4, 1e30):
            logits_NV, target_N, weight_N = make_case(seed=6)
            logits_NV = torch.sign(logits_NV) * scale
            terms, gradient_NV = self._with_gradient(logits_NV.float(), target_N, weight_N.float())
            assert torch.isfinite(terms.loss_sum), scale
            assert torch.isfinite(gradient_NV).all(), scale
            assert all(math.isfinite(value) for value in terms.sums.values()), scale

    def test_it_is_pure(self) -> None:
        case = make_case(seed=7)
        copies = [tensor.clone() for tensor in case]
        random_state = torch.get_rng_state()
        objective = self.make()
        logits_NV, *rest = case
        first, second = (objective(LogitsHead(logits_NV), *rest) for _ in range(2))
        assert torch.equal(first.loss_sum, second.loss_sum)
        assert first.sums == second.sums
        assert all(torch.equal(tensor, copy) for tensor, copy in zip(case, copies, strict=True))
        assert torch.equal(torch.get_rng_state(), random_state)

    def test_the_loss_is_one_number_with_a_gradient_and_the_scalars_are_plain(self) -> None:
        logits_NV, target_N, weight_N = make_case(seed=8)
        terms, _ = self._with_gradient(logits_NV, target_N, weight_N)
        assert terms.loss_sum.shape == ()
        assert all(type(value) is float for value in terms.sums.values())

    def _with_gradient(
        self, logits_NV: torch.Tensor, target_N: torch.Tensor, weight_N: torch.Tensor
    ) -> tuple[LossTerms, torch.Tensor]:
        logits_NV = logits_NV.detach().clone().requires_grad_()
        terms = self.make()(LogitsHead(logits_NV), target_N, weight_N)
        [gradient_NV] = torch.autograd.grad(terms.loss_sum, logits_NV)
        return terms, gradient_NV


def make_case(seed: int, num_tokens: int = 7, vocabulary: int = 11) -> Case:
    """Return random logits and weights in fp64, and targets; every third target is the likeliest token."""
    generator = torch.Generator().manual_seed(seed)
    logits_NV = 3 * torch.randn(num_tokens, vocabulary, generator=generator, dtype=torch.float64)
    target_N = torch.randint(vocabulary, (num_tokens,), generator=generator)
    target_N[::3] = logits_NV[::3].argmax(dim=1)
    weight_N = 0.1 + torch.rand(num_tokens, generator=generator, dtype=torch.float64)
    return logits_NV, target_N, weight_N


def _sides(cut: int) -> tuple[slice, slice]:
    return slice(None, cut), slice(cut, None)


def _assert_same(actual: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-12, atol=1e-12)
