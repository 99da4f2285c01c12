"""Chunked losses and gradients are those of explicit logits, and no block of [tokens, vocabulary] is ever made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import Any

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from transformers import CohereConfig, GPT2Config, GraniteConfig, LlamaConfig, PreTrainedModel
from transformers.models.auto import AutoModelForCausalLM

import tunewright.models.head as heads
from tunewright.models.head import HiddenHead, LogitsHead, OutputHead, TokenLosses, output_head

N, D, V = 41, 8, 37
CHANGES: list[dict[str, float]] = [{}, {"factor": 0.5}, {"softcap": 3.0}, {"factor": 2.0, "softcap": 4.0}]
CASES = list(product(CHANGES, (False, True), (False, True), (0.0, 0.1)))


class Case:
    """Hidden states, a head and targets; `learns` says whether the head's weights have gradients."""

    def __init__(self, *, has_bias: bool, learns: bool, dtype: torch.dtype = torch.float32) -> None:
        random = torch.Generator().manual_seed(0)
        self.hidden = torch.randn(N, D, generator=random).to(dtype).requires_grad_()
        self.weight = torch.randn(V, D, generator=random).to(dtype).requires_grad_(learns)
        self.bias = torch.randn(V, generator=random).to(dtype).requires_grad_(learns) if has_bias else None
        self.target = torch.randint(V, (N,), generator=random)
        self.weight_N = torch.rand(N, generator=random) + 0.1

    @property
    def leaves(self) -> list[torch.Tensor]:
        return [x for x in (self.hidden, self.weight, self.bias) if x is not None and x.requires_grad]

    def logits(self, factor: float = 1.0, softcap: float | None = None) -> torch.Tensor:
        z = F.linear(self.hidden, self.weight, self.bias) * factor
        return z if softcap is None else softcap * torch.tanh(z / softcap)

    def head(self, **changes: float) -> HiddenHead:
        return HiddenHead(self.hidden, OutputHead(self.weight, self.bias, **changes))


@contextmanager
def chunks_of(num_tokens: int) -> Iterator[None]:
    """Have chunks of that many tokens, 16 at least."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heads, "CHUNK_BYTES", 4 * V * num_tokens)
        yield


def test_scoring_a_head_that_learns_computes_no_gradient() -> None:
    def operations(case: Case) -> int:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            case.head().cross_entropy(case.target, case.weight_N)
        return counter.get_total_flops()

    assert operations(Case(has_bias=True, learns=True)) == 2 * N * D * V
    assert operations(Case(has_bias=False, learns=False)) == 2 * N * D * V


@pytest.mark.parametrize(("changes", "has_bias", "learns", "smoothing"), CASES)
def test_losses_hits_and_gradients_are_those_of_explicit_logits(
    changes: dict[str, float], has_bias: bool, learns: bool, smoothing: float
) -> None:
    case = Case(has_bias=has_bias, learns=learns)
    logits = case.logits(**changes)
    loss_N = F.cross_entropy(logits, case.target, reduction="none", label_smoothing=smoothing)
    expected = torch.autograd.grad(3 * (loss_N * case.weight_N).sum(), case.leaves)
    for size in (16, 17, N - 1, N, 1000):
        with chunks_of(size):
            found = case.head(**changes).cross_entropy(case.target, case.weight_N, smoothing)
        torch.testing.assert_close(found.loss_N, loss_N.detach(), rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(found.loss_sum, (loss_N * case.weight_N).sum(), rtol=1e-5, atol=1e-5)
        assert torch.equal(found.is_hit_N, logits.argmax(1) == case.target)
        # Three times the loss: what comes from behind is passed on.
        for one, other in zip(torch.autograd.grad(3 * found.loss_sum, case.leaves), expected, strict=True):
            torch.testing.assert_close(one, other, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("changes", CHANGES)
@pytest.mark.parametrize("size", [16, 1000])
def test_mapped_logits_are_the_explicit_ones_with_their_gradient(changes: dict[str, float], size: int) -> None:
    case = Case(has_bias=True, learns=True)
    with chunks_of(size):
        found = case.head(**changes).map_logits(lambda logits, _: logits)
        mapped = case.head(**changes).map_logits(
            lambda logits, place: torch.log_softmax(logits, -1).gather(1, case.target[place, None])[:, 0]
        )
        gradients = torch.autograd.grad((mapped * case.weight_N).sum(), case.leaves)
    torch.testing.assert_close(found, case.logits(**changes), rtol=1e-5, atol=1e-5)
    expected = torch.log_softmax(case.logits(**changes), -1).gather(1, case.target[:, None])[:, 0]
    torch.testing.assert_close(mapped, expected, rtol=1e-5, atol=1e-5)
    for one, other in zip(gradients, torch.autograd.grad((expected * case.weight_N).sum(), case.leaves), strict=True):
        torch.testing.assert_close(one, other, rtol=2e-5, atol=2e-5)


def test_a_mapped_function_never_sees_more_tokens_than_a_chunk() -> None:
    case, seen = Case(has_bias=False, learns=False), []
    with chunks_of(16):
        case.head().map_logits(lambda logits, place: seen.append((len(logits), place)) or logits.sum(1))
    assert [length for length, _ in seen] == [16, 16, 9]
    assert [index for _, place in seen for index in range(N)[place]] == list(range(N))


@pytest.mark.parametrize("learns", [False, True])
def test_no_tensor_of_the_backward_pass_is_as_large_as_the_logits(learns: bool) -> None:
    case, saved = Case(has_bias=False, learns=learns), []
    with chunks_of(16), torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x.numel()) or x, lambda x: x):
        case.head().cross_entropy(case.target, case.weight_N)
    assert saved
    assert max(saved) <= max(N * D, V * D) < N * V


def test_peak_memory_is_that_of_a_chunk_and_not_of_all_logits() -> None:
    """Told by the profiler: the largest single block that is asked for."""
    hidden, weight = torch.randn(2048, 4), torch.randn(256, 4)
    target, weight_N = torch.zeros(2048, dtype=torch.int64), torch.ones(2048)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(heads, "CHUNK_BYTES", 4 * 256 * 64)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
            HiddenHead(hidden, OutputHead(weight)).cross_entropy(target, weight_N, 0.1)
    events = profile.events()
    assert events is not None
    largest = max(event.cpu_memory_usage for event in events)
    assert 4 * 256 * 64 <= largest < 2048 * 256 * 4 / 4


def test_only_the_gradients_that_are_needed_are_made() -> None:
    case = Case(has_bias=True, learns=True)
    frozen = HiddenHead(case.hidden.detach(), OutputHead(case.weight.detach(), case.bias))
    loss = frozen.cross_entropy(case.target, case.weight_N).loss_sum
    assert case.bias is not None
    [found] = torch.autograd.grad(loss, [case.bias])
    own = F.cross_entropy(case.logits(), case.target, reduction="none") * case.weight_N
    torch.testing.assert_close(found, torch.autograd.grad(own.sum(), [case.bias])[0], rtol=2e-5, atol=2e-5)
    nothing = HiddenHead(case.hidden.detach(), OutputHead(case.weight.detach())).cross_entropy(
        case.target, case.weight_N
    )
    assert not nothing.loss_sum.requires_grad


@pytest.mark.parametrize("learns", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_bf16_is_as_near_to_the_truth_as_torch_on_fp32_logits_of_bf16_products(learns: bool, smoothing: float) -> None:
    case = Case(has_bias=False, learns=learns, dtype=torch.bfloat16)
    plain = F.cross_entropy(case.logits().float(), case.target, reduction="none", label_smoothing=smoothing)
    plain_gradients = torch.autograd.grad((plain * case.weight_N).sum(), case.leaves)
    exact = [leaf.detach().double().requires_grad_() for leaf in case.leaves]
    z = exact[0] @ (exact[1] if learns else case.weight.double()).mT
    true_N = F.cross_entropy(z, case.target, reduction="none", label_smoothing=smoothing)
    true_gradients = torch.autograd.grad((true_N * case.weight_N).sum(), exact)
    found = case.head().cross_entropy(case.target, case.weight_N, smoothing)
    gradients = torch.autograd.grad(found.loss_sum, case.leaves)
    pairs = [
        (found.loss_N, plain.detach(), true_N.detach()),
        *zip(gradients, plain_gradients, true_gradients, strict=True),
    ]
    for one, other, truth in pairs:
        # A gradient of bf16 is rounded once at the end, whoever makes it.
        floor = 2**-8 * float(truth.norm())
        assert float((one.double() - truth).norm()) <= 1.5 * max(float((other.double() - truth).norm()), floor)


def test_logits_that_a_model_made_whole_give_the_same() -> None:
    case = Case(has_bias=True, learns=True)
    for smoothing in (0.0, 0.1):
        one = LogitsHead(case.logits()).cross_entropy(case.target, case.weight_N, smoothing)
        other = case.head().cross_entropy(case.target, case.weight_N, smoothing)
        assert torch.equal(one.is_hit_N, other.is_hit_N)
        torch.testing.assert_close(one.loss_N, other.loss_N, rtol=1e-5, atol=1e-5)
        for mine, theirs in zip(_gradients(one, case), _gradients(other, case), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=2e-5, atol=2e-5)
    assert torch.equal(LogitsHead(case.logits()).map_logits(lambda logits, place: logits[place]), case.logits())


def test_extreme_hidden_states_give_numbers() -> None:
    case = Case(has_bias=False, learns=False)
    for size in (1e4, 1e15):
        hidden = (size * case.hidden.detach()).requires_grad_()
        for smoothing in (0.0, 0.1):
            loss = (
                HiddenHead(hidden, OutputHead(case.weight))
                .cross_entropy(case.target, case.weight_N, smoothing)
                .loss_sum
            )
            [gradient] = torch.autograd.grad(loss, [hidden])
            assert torch.isfinite(loss), size
            assert torch.isfinite(gradient).all(), size


# ── which head a model has ───────────────────────────────────────────────────────────────────────────────────────────

_SMALL: dict[str, Any] = {
    "vocab_size": V,
    "hidden_size": D,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}


def made(config: object) -> PreTrainedModel:
    return AutoModelForCausalLM.from_config(config)


def test_changes_of_the_logits_are_read_from_the_configuration() -> None:
    assert _changes(made(LlamaConfig(**_SMALL))) == (1.0, None)
    assert _changes(made(CohereConfig(**_SMALL, logit_scale=0.25))) == (0.25, None)
    assert _changes(made(GraniteConfig(**_SMALL, logits_scaling=8.0))) == (0.125, None)
    assert _changes(made(GPT2Config(vocab_size=V, n_embd=8, n_layer=1, n_head=2, bos_token_id=1))) == (1.0, None)


def test_a_change_that_is_not_known_is_no_plain_head() -> None:
    model = made(LlamaConfig(**_SMALL))
    model.config.lm_head_multiplier = 0.5
    assert output_head(model) is None


def test_a_head_that_is_no_plain_matrix_is_none_of_ours() -> None:
    model = made(LlamaConfig(**_SMALL))
    model.set_output_embeddings(torch.nn.Sequential(torch.nn.Linear(D, V)))
    assert output_head(model) is None


def _changes(model: PreTrainedModel) -> tuple[float, float | None]:
    head = output_head(model)
    assert head is not None
    return head.factor, head.softcap


def _gradients(losses: TokenLosses, case: Case) -> tuple[torch.Tensor, ...]:
    return torch.autograd.grad(losses.loss_sum, case.leaves)
