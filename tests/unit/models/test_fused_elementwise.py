"""Norm, rotation and gated unit are those of the models' own code, and in bf16 no farther from the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import (
    LlamaMLP,
    LlamaRMSNorm,
    LlamaRotaryEmbedding,
    apply_rotary_pos_emb,
)

from tunewright.models.fused.elementwise import by_head, rms_norm, rotate, swiglu

T, HEADS, SIZE, WIDTH = 70, 3, 8, 48
Run = Callable[..., torch.Tensor]


def their_norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    module = LlamaRMSNorm(x.shape[-1], eps=1e-5)
    module.weight = torch.nn.Parameter(weight)
    return torch.func.functional_call(module, {"weight": weight}, (x,))


def true_norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return x / (x.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight


def our_norm(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return rms_norm(x, weight, 1e-5)


def angles(dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
    config = LlamaConfig(hidden_size=HEADS * SIZE, num_attention_heads=HEADS, max_position_embeddings=128)
    return LlamaRotaryEmbedding(config)(torch.zeros(1, dtype=dtype), position_ids=torch.arange(T)[None])


def their_rotation(x_THd: torch.Tensor) -> torch.Tensor:
    cos, sin = angles(x_THd.dtype)
    x = x_THd.transpose(0, 1)[None]
    return apply_rotary_pos_emb(x, x, cos, sin)[0][0]


def true_rotation(x_THd: torch.Tensor) -> torch.Tensor:
    cos, sin = (each[0].double() for each in angles(torch.bfloat16))
    x = x_THd.transpose(0, 1)
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat([-second, first], -1) * sin


def our_rotation(x_THd: torch.Tensor) -> torch.Tensor:
    cos, sin = angles(x_THd.dtype)
    return rotate(x_THd, cos[0], sin[0])


def their_unit(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    activation = LlamaMLP(LlamaConfig(hidden_size=2, intermediate_size=2, num_attention_heads=1)).act_fn
    return activation(gate) * up


def true_unit(gate: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    return gate / (1 + torch.exp(-gate)) * up


OPERATIONS: dict[str, tuple[Run, Run, Run, Sequence[tuple[int, ...]]]] = {
    "norm": (our_norm, their_norm, true_norm, [(T, WIDTH), (WIDTH,)]),
    "norm of heads": (our_norm, their_norm, true_norm, [(T, HEADS, SIZE), (SIZE,)]),
    "rotation": (our_rotation, their_rotation, true_rotation, [(T, HEADS, SIZE)]),
    "gated unit": (swiglu, their_unit, true_unit, [(T, WIDTH), (T, WIDTH)]),
}


def results(run: Run, inputs: Sequence[torch.Tensor], dtype: torch.dtype) -> list[torch.Tensor]:
    leaves = [each.to(dtype).requires_grad_() for each in inputs]
    out = run(*leaves)
    gradient = torch.randn(out.shape, generator=torch.Generator().manual_seed(1)).bfloat16().to(dtype)
    return [out.detach(), *torch.autograd.grad(out, leaves, gradient)]


def inputs_of(name: str) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    return [2 * torch.randn(shape, generator=random).bfloat16().float() for shape in OPERATIONS[name][3]]


@pytest.mark.parametrize("name", OPERATIONS)
def test_in_fp32_it_is_the_models_own_code(name: str) -> None:
    ours, theirs, _, _ = OPERATIONS[name]
    inputs = inputs_of(name)
    for one, other in zip(results(ours, inputs, torch.float32), results(theirs, inputs, torch.float32), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", OPERATIONS)
def test_in_bf16_it_is_no_farther_from_the_truth_than_the_models_own_code(name: str) -> None:
    ours, theirs, true, _ = OPERATIONS[name]
    inputs = inputs_of(name)
    truth = results(true, [each.double() for each in inputs], torch.float64)
    found, other = results(ours, inputs, torch.bfloat16), results(theirs, inputs, torch.bfloat16)
    for mine, yours, exact in zip(found, other, truth, strict=True):
        assert mine.dtype == torch.bfloat16
        assert float((mine.double() - exact).norm()) <= 1.5 * float((yours.double() - exact).norm())


@pytest.mark.parametrize("name", OPERATIONS)
def test_it_leaves_its_inputs_and_the_given_gradient_as_they_were(name: str) -> None:
    inputs = [each.requires_grad_() for each in inputs_of(name)]
    before = [each.detach().clone() for each in inputs]
    out = OPERATIONS[name][0](*inputs)
    gradient = torch.ones_like(out)
    torch.autograd.grad(out, inputs, gradient)
    assert all(torch.equal(one, other) for one, other in zip(inputs, before, strict=True))
    assert bool((gradient == 1).all())


def test_a_frozen_weight_gets_no_gradient_and_the_input_the_same() -> None:
    x, weight = inputs_of("norm")
    x.requires_grad_()
    [frozen] = torch.autograd.grad(our_norm(x, weight).sum(), [x])
    [learning] = torch.autograd.grad(our_norm(x, weight.clone().requires_grad_()).sum(), [x])
    assert torch.equal(frozen, learning)


def test_heads_come_first_and_contiguous() -> None:
    x = torch.arange(24.0).view(4, 3, 2)
    assert torch.equal(by_head(x), x.transpose(0, 1))
    assert by_head(x).is_contiguous()
    cos, sin = torch.ones(4, 2), torch.zeros(4, 2)
    assert torch.equal(rotate(x, cos, sin), by_head(x))
    assert rotate(x, cos, sin).is_contiguous()
