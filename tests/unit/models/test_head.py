"""Logits at chosen positions are those of the whole forward, in every architecture, padding or not."""

from __future__ import annotations

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    CohereConfig,
    Gemma2Config,
    GPT2Config,
    GraniteConfig,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
)

from tunewright.models.head import chosen_logits

SIZES = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
CONFIGS: dict[str, PreTrainedConfig] = {
    "llama": LlamaConfig(**SIZES, tie_word_embeddings=False),
    "llama-tied": LlamaConfig(**SIZES, tie_word_embeddings=True),
    "qwen2": Qwen2Config(**SIZES),
    "gpt2": GPT2Config(vocab_size=96, n_positions=64, n_embd=32, n_layer=2, n_head=4, bos_token_id=1, eos_token_id=2),
    "gemma2": Gemma2Config(**SIZES, head_dim=8, sliding_window=4, final_logit_softcapping=2.0),
    "cohere": CohereConfig(**SIZES, logit_scale=0.25),
    "granite": GraniteConfig(**SIZES, logits_scaling=8.0),
}
LENGTHS = (9, 4, 1)


def make_model(name: str, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = AutoModelForCausalLM.from_config(CONFIGS[name])
        for weight in model.parameters():
            if weight.ndim > 1:
                # Large enough that a soft cap bends the logits visibly.
                weight.data.normal_(0.0, 0.3)
    return model.to(dtype).eval()


def make_rows() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(2)
    return [torch.randint(3, 96, (length,), generator=generator) for length in LENGTHS]


@pytest.mark.parametrize("name", CONFIGS)
def test_chosen_logits_are_those_of_each_row_alone(name: str) -> None:
    model, rows = make_model(name), make_rows()
    width = max(LENGTHS)
    tokens_BT = torch.stack([torch.nn.functional.pad(row, (0, width - len(row)), value=0) for row in rows])
    query_N = torch.tensor([0, 3, 8, width, width + 3, 2 * width])
    with torch.no_grad():
        actual_NV = chosen_logits(model, tokens_BT, query_N)
        whole = [model(input_ids=row[None]).logits[0] for row in rows]
    expected_NV = torch.stack([whole[int(q) // width][int(q) % width] for q in query_N])
    assert actual_NV.dtype == torch.float32
    torch.testing.assert_close(actual_NV, expected_NV, rtol=1e-5, atol=1e-5)


def test_the_soft_cap_of_gemma_2_is_in_force() -> None:
    model, [row, *_] = make_model("gemma2"), make_rows()
    with torch.no_grad():
        logits_NV = chosen_logits(model, row[None], torch.arange(len(row)))
    assert 1.5 < float(logits_NV.abs().max()) < 2.0


@pytest.mark.parametrize("name", CONFIGS)
def test_gradients_are_those_of_the_whole_forward(name: str) -> None:
    [row, *_] = make_rows()
    query_N, target_N = torch.arange(len(row) - 1), row[1:]
    gradients = []
    for is_chosen in (True, False):
        model = make_model(name)
        logits = chosen_logits(model, row[None], query_N) if is_chosen else model(input_ids=row[None]).logits[0, :-1]
        torch.nn.functional.cross_entropy(logits, target_N).backward()
        gradients.append({key: p.grad for key, p in model.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for key, gradient in gradients[0].items():
        torch.testing.assert_close(gradient, gradients[1][key], rtol=1e-4, atol=1e-5)


def test_logits_of_a_bf16_model_come_in_fp32() -> None:
    model, [row, *_] = make_model("llama", torch.bfloat16), make_rows()
    assert chosen_logits(model, row[None], torch.tensor([2])).dtype == torch.float32
